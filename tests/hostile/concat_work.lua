-- ends: failed
-- Each call is allowed, and there are many of them.
return { filter = function()
    local t = {}
    for i = 1, 1000 do t[i] = ("x"):rep(1000) end
    while true do local _ = table.concat(t) end
end }
