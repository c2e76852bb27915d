-- ends: failed
-- A name that asks for itself.
local t = setmetatable({}, { __tostring = function(self) return tostring(self) end })
return { filter = function() return tostring(t) == "" end }
