-- slack_metric_table.lua: a Slack message with the event's metrics in a table.
--
-- When to use it: a webhook goes to an incoming webhook of Slack, and the numbers should stand below
-- each other, with the run's name above them.
--
--     "hooks": {"transform": {"file": "slack_metric_table.lua"}}
--
-- The action's payload may be {} or have a "text": that is the line above the table, and what a
-- notification shows.  "blocks" is made here, in place of any that there are: a heading, the table,
-- and who, where and when.  Slack refuses a message with more than 50 blocks, or with more than
-- 3,000 characters in one: a long table goes on in the next block, and one that is too long for
-- Slack ends with how many rows are left out.
--
-- To change what stands here, copy the file into the hub's scripts_dir.

local DIGITS     = 5            -- significant digits of a value
local NAME_MAX   = 40           -- characters of a metric's name that are shown
local BLOCKS_MAX = 46           -- of the table; with the others, fewer than Slack's 50
local TEXT_MAX   = 2900         -- bytes of one, so that it has at most 3,000 characters
local HEADER_MAX = 150          -- Slack's

-- Cut between characters, never inside one.
local function cut(text, max)
    if (utf8.len(text) or #text) <= max then
        return text
    end
    return text:sub(1, utf8.offset(text, max) - 1) .. "…"
end

local function escape(text)
    return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

-- Inside ``` a backtick would end the table.
local function cell(text)
    return escape((text:gsub("[`%c]", "'")))
end

local function pad(text, width)
    return text .. (" "):rep(width - (utf8.len(text) or #text))
end

local function number(value)
    if type(value) == "number" then
        return string.format("%." .. DIGITS .. "g", value)
    end
    return tostring(value)      -- "NaN", "Infinity"
end

-- Cells are made safe last, for that makes them longer than they look.
local function rows_of(metrics)
    local rows, width = { { "metric", "step", "value" } }, { 6, 4 }
    for _, point in ipairs(metrics) do
        local step = point.step
        rows[#rows + 1] = { cut(point.name, NAME_MAX), step and tostring(step) or "-",
                            number(point.value) }
    end
    for _, row in ipairs(rows) do
        for i = 1, 2 do
            width[i] = math.max(width[i], utf8.len(row[i]) or #row[i])
        end
    end
    local lines = {}
    for i, row in ipairs(rows) do
        lines[i] = cell(pad(row[1], width[1]) .. "  " .. pad(row[2], width[2]) .. "  " .. row[3])
    end
    return lines
end

local function section(text)
    return { type = "section", text = { type = "mrkdwn", text = text } }
end

local function add_table(blocks, lines)
    local first, size, n = 1, 0, 0
    local function flush(last)
        if last >= first then
            blocks[#blocks + 1] = section("```" .. table.concat(lines, "\n", first, last) .. "```")
            n = n + 1
        end
        first, size = last + 1, 0
    end
    for i, line in ipairs(lines) do
        if size + #line + 1 > TEXT_MAX then
            flush(i - 1)
            if n == BLOCKS_MAX - 1 then
                blocks[#blocks + 1] = section(("_and %d more_"):format(#lines - i + 1))
                return
            end
        end
        size = size + #line + 1
    end
    flush(#lines)
end

local function context(event)
    local parts = {}
    if event.project then
        parts[#parts + 1] = escape(cut(event.entity .. "/" .. event.project, 200))
    end
    if event.author then
        parts[#parts + 1] = escape(cut(event.author, 100))
    end
    parts[#parts + 1] = event.time
    return { type = "context", elements = { { type = "mrkdwn", text = table.concat(parts, " · ") } } }
end

local hook = {}

function hook.transform(payload, event)
    local run = event.run
    local title = run and (run.name or run.id) or event.type
    local blocks = belfry.json.array {
        { type = "header", text = { type = "plain_text", text = cut(title, HEADER_MAX) } },
    }
    if payload.text then
        blocks[#blocks + 1] = section(cut(payload.text, TEXT_MAX // 4))
    else
        payload.text = title
    end
    if event.metrics and #event.metrics > 0 then
        add_table(blocks, rows_of(event.metrics))
    end
    blocks[#blocks + 1] = context(event)
    payload.blocks = blocks
    return payload
end

return hook
