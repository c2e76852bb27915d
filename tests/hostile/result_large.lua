-- hook: transform
-- ends: failed
-- A payload that is larger than any that may be sent.
return { transform = function(payload)
    payload.big = ("x"):rep(8 << 20)
    return payload
end }
