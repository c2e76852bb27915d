-- ends: failed
-- Through a function of C's at each step.
local function deep(s) return (s:gsub(".", deep)) end
return { filter = function() return deep("x") == "" end }
