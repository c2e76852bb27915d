-- ends: failed
-- An error whose words are an error.
return { filter = function()
    error(setmetatable({}, { __tostring = function(e) error(e) end }))
end }
