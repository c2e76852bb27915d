-- ends: failed
-- The loop is in a replacement that C calls.
return { filter = function()
    string.gsub("aaaa", "a", function() while true do end end)
    return true
end }
