-- ends: failed: 16000 deep
-- Recursion that needs the stack.
local function deep(n) return 1 + deep(n + 1) end
return { filter = function() return deep(1) > 0 end }
