-- refused: table
-- A script returns a table.
return 42
