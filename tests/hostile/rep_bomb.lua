-- ends: failed: memory|CPU time
-- One call that wants a gigabyte.
return { filter = function() return #("x"):rep(1 << 30) > 0 end }
