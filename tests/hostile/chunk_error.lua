-- refused: nobody
-- The chunk itself fails.
error("nobody is at home")
