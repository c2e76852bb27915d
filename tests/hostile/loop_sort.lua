-- ends: failed
-- The loop is in a comparison that C calls.
return { filter = function()
    table.sort({ 3, 1, 2 }, function() while true do end end)
    return true
end }
