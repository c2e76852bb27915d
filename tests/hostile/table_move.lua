-- ends: failed
-- One call of C's that moves more than there is.
return { filter = function()
    table.move({}, 1, 1 << 40, 2, {})
    return true
end }
