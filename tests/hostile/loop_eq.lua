-- ends: failed
-- A comparison that compares itself.
local mt = {}
mt.__eq = function(a, b) return a == b end
return { filter = function() return setmetatable({}, mt) == setmetatable({}, mt) end }
