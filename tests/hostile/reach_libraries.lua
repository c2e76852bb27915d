-- ends: yes
-- Nothing of what reaches the machine is there.
local gone = { "io", "os", "debug", "load", "loadstring", "loadfile", "dofile", "require", "package",
               "coroutine", "collectgarbage" }
return { filter = function()
    for _, name in ipairs(gone) do
        assert(not pcall(function() return assert(_ENV[name]) end), name .. " is there")
    end
    assert(not pcall(function() return assert(string.dump) end), "string.dump is there")
    assert(not pcall(function() return assert(math.random) end), "math.random is there")
    return true
end }
