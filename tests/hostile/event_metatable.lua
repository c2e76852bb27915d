-- ends: failed
-- What events are made of is the hub's.
return { filter = function(event)
    local mt = getmetatable(event)
    mt.__index = function() return "forged" end
    return true
end }
