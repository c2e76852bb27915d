-- ends: yes
-- Not by the back door either: what a script changes, the next one must not see.
return { filter = function()
    pcall(rawset, string, "format", nil)
    pcall(rawset, belfry, "json", nil)
    pcall(rawset, _ENV, "tostring", nil)
    return true
end }
