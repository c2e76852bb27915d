-- ends: failed
-- The same in an iterator.
return { filter = function()
    for _ in ("a"):rep(200):gmatch(("a-"):rep(20) .. "b") do end
    return true
end }
