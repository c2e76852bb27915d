-- ends: failed
-- The hub's own patterns do not hang, however often they are asked.
return { filter = function()
    local s = ("a"):rep(10000)
    while true do belfry.re.test(s, "(a+)+$") end
end }
