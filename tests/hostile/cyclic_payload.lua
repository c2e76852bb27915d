-- hook: transform
-- ends: failed
-- A payload that holds itself.
return { transform = function(payload)
    payload.me = payload
    return payload
end }
