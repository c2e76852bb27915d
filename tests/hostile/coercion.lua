-- ends: failed
-- Text is no number.
return { filter = function() return "10" + 1 == 11 end }
