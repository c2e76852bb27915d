-- ends: failed
-- Tables that are each other's index.
local a, b = {}, {}
setmetatable(a, { __index = b })
setmetatable(b, { __index = a })
return { filter = function() return a.x end }
