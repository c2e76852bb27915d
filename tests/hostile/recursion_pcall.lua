-- ends: failed
-- A pcall in a pcall in a pcall.
local function deep() return pcall(deep) end
return { filter = function() while true do deep() end end }
