-- ends: failed
-- An answer that is neither yes nor no.
return { filter = function() return "no" end }
