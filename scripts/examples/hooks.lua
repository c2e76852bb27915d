-- hooks.lua - scripts in the file that uses them: what a filter's operators cannot say, and a payload
-- that has to be computed.

local large = [[
local hook = {}

function hook.filter(event)
    local files = event.artifact.metadata.files
    local bytes = 0
    for _, file in ipairs(files or {}) do
        bytes = bytes + file.bytes
    end
    return bytes > 100 * 1024 * 1024
end

return hook
]]

automation "large models are looked at before they are deployed" {
    link_model(registry "acme/models", artifact.type:eq("model"))
        >> webhook "review" { payload = { model = "${artifact_version_string}" } },
    hooks = { filter = { code = large, on_error = "fire" } },
}

test("a model is as large as all of its files", function()
    local function linked(...)
        local files = {}
        for i, mib in ipairs { ... } do
            files[i] = { bytes = mib * 1024 * 1024 }
        end
        given { type = "artifact.link", project = registry "acme/models", collection = "llm",
                artifact = { version = "v7", type = "model", metadata = { files = files } } }
    end
    linked(60, 40)
    expect_nothing()
    linked(60, 41)
    expect { automation = "large models are looked at before they are deployed", times = 1 }
end)

test("one of which nothing can be told is looked at", function()
    given { type = "artifact.link", project = registry "acme/models", collection = "llm",
            artifact = { version = "v7", type = "model", metadata = { files = { "a", "b" } } } }
    expect { automation = "large models are looked at before they are deployed", times = 1 }
end)
