-- ends: failed
-- The same, with the error caught that would not come anyway.
return { filter = function()
    while true do pcall(string.find, ("a"):rep(60), ("a*"):rep(30) .. "b") end
end }
