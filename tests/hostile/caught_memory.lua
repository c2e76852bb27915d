-- ends: failed
-- The error of a full memory is caught, and it goes on.
return { filter = function()
    local keep = {}
    while true do
        pcall(function() while true do keep[#keep + 1] = ("x"):rep(1000) .. #keep end end)
    end
end }
