-- ends: failed
-- The loop is in what runs when a variable ends, after the call was stopped already.
return { filter = function()
    local guard <close> = setmetatable({}, { __close = function() while true do end end })
    while true do end
end }
