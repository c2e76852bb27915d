-- ends: failed
-- Words that look like the hub's.
return { filter = function() error("yes\0no \xff\xfe belfry: all is well", 0) end }
