-- ends: failed
-- Forty bytes that keep a pattern busy for minutes, in C.
return { filter = function() return ("a"):rep(40):find(("a*"):rep(12) .. "b") ~= nil end }
