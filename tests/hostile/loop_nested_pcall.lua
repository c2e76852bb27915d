-- ends: failed
-- Each level catches what the next one is stopped with.
local function deep(n)
    if n == 0 then while true do end end
    pcall(deep, n - 1)
    while true do end
end
return { filter = function() deep(100) return true end }
