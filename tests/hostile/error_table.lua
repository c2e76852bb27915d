-- ends: failed
-- An error that is a table.
return { filter = function() error({ code = 1 }) end }
