-- promote.lua - an alias that is put on a model starts a workflow at GitHub, which deploys it.
--
--     belfry test scripts/examples/promote.lua    tries it, without a hub and without GitHub
--
-- The token is a secret of the team, with Contents: write on this one repository.  What it starts is a
-- file there, .github/workflows/deploy.yml on the default branch.  A name that somebody gave a model
-- is in the payload: the workflow takes it from the environment, where it is a value, and not by
-- ${{ … }} in the script, where it would be part of the script.
--
--     name: deploy
--     on:
--       repository_dispatch:
--         types: [deploy-staging, deploy-production]
--     jobs:
--       deploy:
--         runs-on: ubuntu-latest
--         steps:
--           - uses: actions/checkout@v4
--           - run: ./deploy "$MODEL" --to "$STAGE"
--             env:
--               MODEL: ${{ github.event.client_payload.model.version }}
--               STAGE: ${{ github.event.client_payload.stage }}

manifest "promote"

team "acme" {}

local deploy = integration "deploy" {
    team = "acme", sink = "github", repo = "acme-ml/deploy", token = secret "GITHUB_TOKEN",
}

for _, stage in ipairs { "staging", "production" } do
    automation("deploy to " .. stage) {
        add_artifact_alias(registry "acme/models", alias:eq(stage) & artifact.type:eq("model"))
            >> deploy {
                event_type = "deploy-" .. stage,
                client_payload = {
                    stage = stage,
                    by = "${event_author}",
                    model = {       -- GitHub takes ten members; what is in here counts as one
                        name = "${artifact_collection_name}",
                        version = "${artifact_version_string}",
                        accuracy = "${json:artifact_metadata.acc}",
                    },
                },
            },
    }
end

-- What follows is for belfry test alone.

local function alias_added(name, type)
    given { type = "artifact.alias.add", project = registry "acme/models", collection = "resnet",
            alias = name, author = "ana",
            artifact = { version = "v7", type = type, metadata = { acc = 0.93 } } }
end

test("each stage has an event type of its own", function()
    alias_added("production", "model")
    expect {
        automation = "deploy to production", times = 1,
        payload = {
            event_type = "deploy-production",
            client_payload = {
                stage = "production", by = "ana", model = { name = "resnet", accuracy = 0.93 },
            },
        },
    }
    alias_added("staging", "model")
    expect { automation = "deploy to staging", times = 1, payload = { event_type = "deploy-staging" } }
end)

test("another alias starts nothing, and neither does what is no model", function()
    alias_added("best", "model")
    alias_added("production", "dataset")
    expect_nothing()
end)
