-- acme.lua - what one team may have: a receiver, what is watched, and tests of it.
--
--     belfry test scripts/examples/acme.lua       tries it, without a hub
--     belfry plan scripts/examples/acme.lua       shows what it would change
--
-- SIGNING is a secret of the team; a file only ever names it.

manifest "acme"

team "acme" {}

local deployer = integration "deployer" {
    team = "acme", sink = "webhook", url = "https://deploy.example/hook", secret = secret "SIGNING",
    delivery = { pace = "10/s" },
}

automation "deploy what is promoted" {
    add_artifact_alias(registry "acme/models", alias:eq("production") & artifact.type:eq("model"))
        >> deployer { payload = { model = "${artifact_version_string}", by = "${event_author}" } },
    description = "whoever gives a version this alias means it",
}

automation "accuracy fell" {
    run_metric(project "acme/vision",
               metric("accuracy"):avg(5):lt(0.85) & run.name:contains("nightly"))
        >> deployer { payload = { run = "${run_name}", why = "${metric_filter}: ${metric_values}" } },
}

automation "it diverges" {
    run_metric(project "acme/vision",
               metric("loss"):avg(10, 50):increases_by("25%") | metric("grad_norm"):zscore(30):abs():ge(4))
        >> deployer { payload = { run = "${run_name}", why = "${metric_filter_short}" } },
    limits = { per_run = "6h" },
}

automation "a run died" {
    run_state(team "acme", "FAILED", ~run.tags:contains("try"))
        >> deployer { payload = { run = "${run_name}", state = "${run_status}" } },
    limits = { rate = { count = 5, within = "1h" }, over = "digest" },
}

automation "training has gone quiet" {
    absence(project "acme/vision", metric "loss", "30m")
        >> deployer { payload = { run = "${run_name}", since = "${last_seen}" } },
}

automation "builds fail" {
    event("ci.finished", project "acme/vision", data.build.status:eq("failed"))
        >> deployer { payload = { build = "${json:data.build.number}" } },
    limits = { matches = { count = 3, within = "1h", per = "project" } },
}

automation "every working day" {
    schedule(team "acme", "0 9 * * mon-fri", "Europe/Berlin") >> deployer,
}

-- What follows is for belfry test alone.

local function nightly(name, values)
    for step, value in ipairs(values) do
        given { type = "run.metric", project = "acme/vision", step = step,
                run = { id = name, name = name }, metrics = { accuracy = value } }
    end
end

test("a nightly run that gets worse is told of, once", function()
    nightly("nightly-7", { 0.9, 0.8, 0.8, 0.8, 0.8, 0.7, 0.6 })
    expect { automation = "accuracy fell", times = 1, payload = { run = "nightly-7" } }
end)

test("one that is good, or too short to tell, is not", function()
    nightly("nightly-8", { 0.9, 0.9, 0.9, 0.9, 0.9, 0.9 })
    nightly("nightly-9", { 0.1, 0.1 })
    nightly("sunny-frog-7", { 0.1, 0.1, 0.1, 0.1, 0.1, 0.1 })
    expect_nothing()
end)

test("only models are deployed, and only by that alias", function()
    local function alias_added(name, type)
        given { type = "artifact.alias.add", project = registry "acme/models", collection = "resnet",
                alias = name, author = "ana", artifact = { version = "v7", type = type } }
    end
    alias_added("staging", "model")
    alias_added("production", "dataset")
    expect_nothing()
    alias_added("production", "model")
    expect { automation = "deploy what is promoted", times = 1, payload = { by = "ana" } }
end)

test("the third failed build within an hour is one too many", function()
    local function build(status, number)
        given { type = "ci.finished", project = "acme/vision",
                data = { build = { status = status, number = number } } }
    end
    build("failed", 1)
    build("ok", 2)
    build("failed", 3)
    expect_nothing()
    build("failed", 4)
    expect { automation = "builds fail", times = 1, payload_is = { build = 4 } }
end)
