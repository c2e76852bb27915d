-- hook: transform
-- ends: yes
-- A payload is what is in its table; what its metatable has to say is not asked.
return { transform = function()
    return setmetatable({}, {
        __pairs = function() return function() return "x", 1 end end,
        __index = function() while true do end end,
        __len = function() return math.maxinteger end,
    })
end }
