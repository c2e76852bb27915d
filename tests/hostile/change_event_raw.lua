-- ends: failed
-- And not by the back door.
return { filter = function(event)
    rawset(event, "type", "other")
    return event.type == "other" or error("it is as it was")
end }
