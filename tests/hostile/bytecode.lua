-- refused: text
-- Compiled code is not taken (the test puts the signature in front).
return { filter = function() return true end }
