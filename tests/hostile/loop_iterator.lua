-- ends: failed
-- An iterator that always has one more.
return { filter = function()
    for _ in function() return 1 end do end
    return true
end }
