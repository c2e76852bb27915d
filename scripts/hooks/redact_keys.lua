-- redact_keys.lua: passwords, tokens and keys that got into an event do not go further.
--
-- When to use it: runs put their whole environment into `config`, or other programs' webhooks hold
-- more than they should.  There are two places for it:
--
--     on_event = "redact_keys.lua"                                  in the hub's configuration
--     "hooks": {"transform": {"file": "redact_keys.lua"}}           in an automation
--
-- As on_event it masks what is in every event before automations, history and templates see it; the
-- journal still keeps the original beside it, for those who may read events.  With `on_event_error =
-- "drop"` nothing passes that it could not look at.  As transform it masks what one receiver gets, and
-- nothing else.
--
-- Masked are texts of members whose name says so (api_key, apiKey, HF_TOKEN, db.password) and, in
-- any text, what looks like a key by its form.  Names are taken word by word: `tokenizer` and
-- `max_tokens` are left alone, and so are numbers.  This finds what it knows, not everything: it is a
-- net below the wire, no licence to walk on it.
--
-- To change what stands here, copy the file into the hub's scripts_dir.

local MASK = "[redacted]"

-- The last word of a name, or its last two joined by "_".
local NAMES = {
    token = true, password = true, passwd = true, passphrase = true, secret = true,
    credential = true, credentials = true, authorization = true, cookie = true,
    apikey = true, api_key = true, access_key = true, private_key = true, secret_key = true,
    signing_key = true, encryption_key = true, key_id = true,
}

-- One pattern of RE2's for all of them: AWS, GitHub, Slack, Hugging Face, W&B and OpenAI keys of the
-- usual forms, Belfry's own, JSON web tokens, private keys.
local PATTERN = table.concat({
    [[AKIA[0-9A-Z]{16}]],
    [[gh[pousr]_[A-Za-z0-9]{36,}]],
    [[github_pat_[A-Za-z0-9_]{22,}]],
    [[xox[abeoprs]-[A-Za-z0-9-]{10,}]],
    [[hf_[A-Za-z0-9]{30,}]],
    [[local-[0-9a-f]{40}]],
    [[sk-[A-Za-z0-9_-]{20,}]],
    [[bf-[A-Za-z0-9_-]{40,}]],
    [[eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}]],
    [[-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(-----END [A-Z ]*PRIVATE KEY-----)?]],
}, "|")

-- What of an event is looked at: foreign texts, not what the hub itself goes by.
local PARTS = { { "data" }, { "run", "config" }, { "artifact", "metadata" }, { "alert" } }

-- "openaiApiKey" and "OPENAI-API-KEY" end in "key" and in "api_key".
local function is_secret(name)
    local words = {}
    name = name:gsub("(%l)(%u)", "%1_%2"):lower()
    for word in name:gmatch("[%l%d]+") do
        words[#words + 1] = word
    end
    local last = words[#words]
    return last and (NAMES[last] or NAMES[(words[#words - 1] or "") .. "_" .. last]) or false
end

local redact

local function redact_all(values)
    for name, value in pairs(values) do
        local masked = redact(value, type(name) == "string" and is_secret(name))
        if masked ~= value then
            values[name] = masked
        end
    end
    return values
end

-- `secret`: its name says so.
function redact(value, secret)
    if type(value) == "string" then
        if secret and value ~= "" then
            return MASK
        end
        return (belfry.re.gsub(value, PATTERN, MASK))
    end
    if type(value) == "table" then
        return redact_all(value)
    end
    return value
end

local hook = {}

function hook.on_event(event)
    for _, path in ipairs(PARTS) do
        local parent = event
        for i = 1, #path - 1 do
            parent = type(parent) == "table" and parent[path[i]] or nil
        end
        local value = type(parent) == "table" and parent[path[#path]]
        local masked = redact(value)
        if masked ~= value then
            parent[path[#path]] = masked
        end
    end
    return event
end

function hook.transform(payload)
    return redact(payload)
end

return hook
