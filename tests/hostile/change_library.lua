-- ends: failed
-- What all scripts share is not to be changed.
return { filter = function()
    string.rep = function() return "mine" end
    return true
end }
