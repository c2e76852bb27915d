-- ends: failed: memory|CPU time
-- Each replacement is longer than what it replaces.
return { filter = function()
    local s = "x"
    while true do s = s:gsub("x", "xxxxxxxxxx") end
end }
