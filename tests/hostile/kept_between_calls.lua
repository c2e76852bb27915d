-- ends: failed
-- What a script keeps from call to call is its own memory, too.
local keep = {}
return { filter = function()
    for _ = 1, 20 do keep[#keep + 1] = ("x"):rep(1000000) .. #keep end
    return true
end }
