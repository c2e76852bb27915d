-- ends: failed
-- One call that wants more than there are addresses.
return { filter = function() return #("x"):rep(math.maxinteger) > 0 end }
