-- ends: failed
-- Comparisons without a function run in C.
return { filter = function()
    local t = {}
    while true do
        for i = 1, 100000 do t[i] = 100000 - i end
        table.sort(t)
    end
end }
