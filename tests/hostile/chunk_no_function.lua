-- refused: filter
-- With the function that it is asked for.
return { filtre = function() return true end }
