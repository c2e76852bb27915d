-- ends: failed
-- A quick function of C's, for ever.
return { filter = function()
    local s = ("x"):rep(1000000)
    while true do belfry.hash.sha256(s) end
end }
