-- ends: failed
-- A long text, again and again in C.
return { filter = function()
    local s = ("\u{10FFFF}"):rep(1000000)
    while true do utf8.len(s) end
end }
