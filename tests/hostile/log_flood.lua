-- ends: failed
-- More to say than anybody reads.
return { filter = function()
    while true do belfry.log.info(("\n\27[2J"):rep(10000)) end
end }
