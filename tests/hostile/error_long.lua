-- ends: failed
-- An error of many megabytes, with line ends and colours.
return { filter = function() error(("\27[31m\n"):rep(1000000)) end }
