-- ends: failed: memory|CPU time
-- A table that grows.
return { filter = function()
    local t = {}
    while true do t[#t + 1] = {} end
end }
