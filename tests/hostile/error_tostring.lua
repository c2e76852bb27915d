-- ends: failed
-- An error whose words loop.
return { filter = function()
    error(setmetatable({}, { __tostring = function() while true do end end }))
end }
