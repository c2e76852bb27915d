-- dedupe_by_value.lua: not when the value is what it was before.
--
-- When to use it: a sender tells of a thing whenever it looks at it, and says in the same event what
-- the value was before.  Only a change is worth an action.
--
--     "hooks": {"filter": {"file": "dedupe_by_value.lua"}}
--
-- A script remembers nothing from one event to the next, or a backtest would not decide as the live
-- hub did.  So this compares what one event holds: pairs of places, the value before and the value
-- now; and of a run's metrics that come with several points, the last two of the metric named below.
-- It says no if all that it finds is unchanged, and yes if it finds nothing to compare.
--
-- What it cannot do, something else does: the same event sent twice is one if it has a `key`; "not
-- again for an hour" is `cooldown` in the automation's limits; "the average is another than before" is
-- the trigger RUN_METRIC_CHANGE.
--
-- To change what stands here, copy the file into the hub's scripts_dir.

local PAIRS = {                 -- { before, now }, as paths into the event
    { "data.previous.status", "data.status" },
    { "data.changes.state.previous", "data.changes.state.current" },
    { "data.old", "data.new" },
}
local METRIC = nil              -- such as "accuracy"; nil: metrics are not looked at

local function at(event, path)
    local value = event
    for name in path:gmatch("[^.]+") do
        if type(value) ~= "table" then
            return nil
        end
        value = value[name]
    end
    return value
end

-- Two values are one if they are written alike: so objects and lists can be compared as well.
local function same(a, b)
    return a == b or belfry.json.encode(a) == belfry.json.encode(b)
end

local function last_two(metrics, name)
    local before, now
    for _, point in ipairs(metrics) do
        if point.name == name then
            before, now = now, point.value
        end
    end
    return before, now
end

local hook = {}

function hook.filter(event)
    local found = false
    local function changed(before, now)
        if before == nil or now == nil then
            return false
        end
        found = true
        return not same(before, now)
    end
    for _, pair in ipairs(PAIRS) do
        if changed(at(event, pair[1]), at(event, pair[2])) then
            return true
        end
    end
    if METRIC and event.metrics and changed(last_two(event.metrics, METRIC)) then
        return true
    end
    return not found
end

return hook
