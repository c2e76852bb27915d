-- ends: failed
-- The handler of an error loops as well.
return { filter = function()
    while true do
        xpcall(error, function() while true do end end)
    end
end }
