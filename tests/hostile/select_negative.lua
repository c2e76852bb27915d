-- ends: failed
-- A place that is not there.
return { filter = function() return select(-1 << 40, 1) end }
