-- ends: failed: must be a table
-- What pairs gives for a list is called with a text, which would be read as a table.
return { filter = function()
    local step = pairs({ 1 })
    return step(("A"):rep(64), 0) == nil
end }
