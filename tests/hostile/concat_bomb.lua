-- ends: failed: memory|CPU time
-- A text that doubles.
return { filter = function()
    local s = "x"
    while true do s = s .. s end
end }
