-- ends: failed
-- An event where C wants something else.
return { filter = function(event)
    return string.rep(event, 10) == table.concat(event) and utf8.char(event) and true
end }
