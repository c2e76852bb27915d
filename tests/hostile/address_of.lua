-- ends: yes
-- Where things lie in memory is not told.
return { filter = function()
    assert(not tostring({}):find("0x"), "an address")
    assert(not tostring(print or tostring):find("0x"), "an address")
    assert(not pcall(string.format, "%p", {}), "an address")
    assert(not pcall(string.format, "\0%p", {}), "an address")
    return true
end }
