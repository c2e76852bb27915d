-- ends: failed
-- The same while replacing.
return { filter = function()
    return (("x"):rep(100000):gsub(("x*"):rep(8) .. "y", "")) == ""
end }
