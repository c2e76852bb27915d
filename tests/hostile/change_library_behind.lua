-- ends: yes
-- What pairs goes through is not the library behind what is seen.
return { filter = function()
    for _, library in ipairs({ string, table, math, utf8, belfry, belfry.json, _ENV }) do
        local _, behind = pairs(library)
        assert(not pcall(function() behind.mine = 1 end), "it was changed")
        assert(not pcall(rawset, behind, "mine", 1), "it was changed")
    end
    return true
end }
