-- ends: failed
-- A filter only looks.
return { filter = function(event)
    event.type = "other"
    return true
end }
