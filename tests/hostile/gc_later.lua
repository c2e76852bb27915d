-- ends: yes
-- A finalizer that is put there afterwards is none.
return { filter = function()
    local mt = {}
    setmetatable({}, mt)
    mt.__gc = function() while true do end end
    for _ = 1, 1000 do local _ = {} end
    return true
end }
