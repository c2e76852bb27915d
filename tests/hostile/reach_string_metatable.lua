-- ends: yes
-- What all strings share is not to be had.
return { filter = function()
    assert(type(getmetatable("")) ~= "table", "the strings' metatable is there")
    assert(not pcall(setmetatable, "", {}))
    return true
end }
