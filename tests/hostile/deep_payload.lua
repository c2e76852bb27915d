-- hook: transform
-- ends: failed
-- A payload that is deeper than JSON may be.
return { transform = function(payload)
    local t = payload
    for _ = 1, 100000 do
        t.x = {}
        t = t.x
    end
    return payload
end }
