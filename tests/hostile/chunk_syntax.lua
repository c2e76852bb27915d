-- refused: filter:3: 
-- A mistake, with the line it is in.
return { filter = function() return true }
