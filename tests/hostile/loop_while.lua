-- ends: failed
-- An endless loop.
return { filter = function() while true do end end }
