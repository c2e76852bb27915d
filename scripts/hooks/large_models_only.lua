-- large_models_only.lua: only artifacts that are large, as their metadata says.
--
-- When to use it: an automation on new artifacts or aliases should act on the models that cost
-- something to move or to serve, and leave the small ones alone.
--
--     "hooks": {"filter": {"file": "large_models_only.lua"}}
--
-- The size is a member of the artifact's metadata that whoever logs the artifact puts there, in
-- bytes: a number, or a number in a string.  An artifact without one is not large; say `true` for
-- UNKNOWN if it should pass.  To change what stands here, copy the file into the hub's scripts_dir.

local MEMBER  = "size"          -- of event.artifact.metadata
local BYTES   = 1024 ^ 3        -- from here on it is large: 1 GiB
local UNKNOWN = false           -- what becomes of an artifact that has no such member

local hook = {}

function hook.filter(event)
    local artifact = event.artifact
    if not artifact then
        error("this hook is for events of artifacts; " .. event.type .. " has none", 0)
    end
    local size = artifact.metadata and artifact.metadata[MEMBER]
    if size == nil or size == belfry.json.null then
        return UNKNOWN
    end
    local bytes = tonumber(size)
    if not bytes then
        error("artifact.metadata." .. MEMBER .. " is no number: " .. tostring(size), 0)
    end
    return bytes >= BYTES
end

return hook
