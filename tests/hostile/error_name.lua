-- ends: failed
-- An error that is called what it is not.
return { filter = function()
    error(setmetatable({}, { __name = ("x"):rep(1000000), __tostring = 7 }))
end }
