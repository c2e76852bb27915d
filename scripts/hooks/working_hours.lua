-- working_hours.lua: only what happens while somebody is at work.
--
-- When to use it: a message that can wait should not wake anybody.  (What must be told, but later,
-- is not for this hook: a filter drops.  A digest in the automation's limits tells of it together.)
--
--     "hooks": {"filter": {"file": "working_hours.lua"}}
--
-- What counts is event.time, the event's own, in the time zone below, daylight saving included; so
-- an event that comes late is judged by when it happened, and a backtest by the hours of then.  To
-- change what stands here, copy the file into the hub's scripts_dir; two teams in two zones take
-- two copies of different names.

local ZONE  = "Europe/Berlin"
local DAYS  = { true, true, true, true, true, false, false }    -- Monday to Sunday
local FROM  = "09:00"           -- the first minute
local UNTIL = "18:00"           -- the first minute that is not any more
local HOLIDAYS = {              -- days of rest, as "2026-12-25"; every year: "12-25"
    ["12-25"] = true,
    ["12-26"] = true,
    ["01-01"] = true,
}

local function minutes(text)
    local hour, minute = text:match("^(%d%d):(%d%d)$")
    return tonumber(hour) * 60 + tonumber(minute)
end

local first, last = minutes(FROM), minutes(UNTIL)
local hook = {}

function hook.filter(event)
    local now = belfry.time.parts(belfry.time.parse(event.time), ZONE)
    local date = string.format("%04d-%02d-%02d", now.year, now.month, now.day)
    local minute = now.hour * 60 + now.min
    if not DAYS[now.wday] or HOLIDAYS[date] or HOLIDAYS[date:sub(6)] then
        return false
    end
    return minute >= first and minute < last
end

return hook
