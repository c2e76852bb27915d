-- ends: failed
-- An error that is nothing.
return { filter = function() error(nil) end }
