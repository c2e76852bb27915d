-- ends: failed
-- A width that is a gigabyte.
return { filter = function() return #string.format("%" .. "999999999" .. "d", 1) > 0 end }
