-- ends: failed
-- Globals are read-only.
return { filter = function()
    counter = (counter or 0) + 1
    return true
end }
