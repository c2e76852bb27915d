-- route_by_tag.lua: a tag says where the message goes.
--
-- When to use it: one automation for a project of many people, whose receiver takes the place from
-- the payload, as a chat's webhook or a pager's does: what is tagged `oncall` goes elsewhere than what
-- is tagged `nlp`.
--
--     "hooks": {"transform": {"file": "route_by_tag.lua"}}
--
-- The first row whose tag the run or the artifact has decides, or the tag that the event is about;
-- its members are put into the payload, in place of any of the same names.  Without such a tag it is
-- DEFAULT; nil there leaves the payload as it is.
--
-- To change what stands here, copy the file into the hub's scripts_dir.

local ROUTES = {
    { tag = "oncall", set = { channel = "#oncall", priority = "high" } },
    { tag = "nlp",    set = { channel = "#nlp-training" } },
    { tag = "vision", set = { channel = "#vision-training" } },
}
local DEFAULT = { channel = "#ml-alerts" }

local function add(found, tags)
    for _, tag in ipairs(tags or {}) do
        found[tag] = true
    end
end

local function tags_of(event)
    local found = {}
    add(found, event.run and event.run.tags)
    add(found, event.artifact and event.artifact.tags)
    if event.tag then
        found[event.tag] = true
    end
    return found
end

local function route(event)
    local tags = tags_of(event)
    for _, row in ipairs(ROUTES) do
        if tags[row.tag] then
            return row.set
        end
    end
    return DEFAULT
end

local hook = {}

function hook.transform(payload, event)
    if type(payload) ~= "table" then
        error("the payload must be an object, so that a channel can be put into it", 0)
    end
    for name, value in pairs(route(event) or {}) do
        payload[name] = value
    end
    return payload
end

return hook
