-- ends: failed
-- A finalizer that loops: finalizers run with hooks off.
return { filter = function()
    setmetatable({}, { __gc = function() while true do end end })
    for _ = 1, 100000 do local _ = {} end
    return true
end }
