-- slack.lua - what a team sees in its Slack channel.
--
--     belfry test scripts/examples/slack.lua      tries it, without a hub and without Slack
--     belfry plan scripts/examples/slack.lua      shows what it would change
--
-- SLACK_WEBHOOK is a secret of the team: the address of an incoming webhook, which is good for one
-- channel.  With a bot's token instead, the integration names the channel:
--
--     token = secret "SLACK_TOKEN", channel = "#ml-alerts"
--
-- A text is Slack's markup: *bold*, `code`, <https://...|words>, and <!here> for whoever writes it.
-- What a value holds is text in it, whatever it looks like.

manifest "slack"

team "acme" {}

local alerts = integration "ml-alerts" {
    team = "acme", sink = "slack", webhook_url = secret "SLACK_WEBHOOK",
}

automation "accuracy fell" {
    run_metric(project "acme/vision", metric("accuracy"):avg(5):lt(0.85))
        >> alerts {
            title = "Accuracy of ${run_name} fell",
            text  = "It is *${metric_values}*. <https://wiki.example/accuracy|What to do>",
            level = "WARN",
        },
}

-- A night on which everything fails is one message with the first twenty names, not a hundred.
automation "a run died" {
    run_state(team "acme", "FAILED") >> alerts { title = "${run_name} failed", level = "ERROR" },
    limits = { rate = { count = 3, within = "10m" }, over = "digest" },
}

-- Blocks of one's own, as Slack's Block Kit Builder makes them; text is what notifications say.
automation "promoted" {
    add_artifact_alias(registry "acme/models", alias:eq("production"))
        >> alerts {
            text = "${artifact_collection_name} is in production",
            blocks = {
                { type = "section", text = { type = "mrkdwn",
                    text = "*${artifact_collection_name}* ${artifact_version_string} is in production" },
                  accessory = { type = "button", url = "https://models.example/${artifact_collection_name}",
                                text = { type = "plain_text", text = "Look" } } },
                { type = "context", elements = { { type = "mrkdwn", text = "by ${event_author}" } } },
            },
        },
}

-- The hub's own notices.  One about this very integration cannot come this way: what tells of a
-- broken destination should go by another.
automation "a destination is out of use" {
    event("belfry.integration.disabled", team "acme")
        >> alerts { title = "Nothing is sent to ${data.name} any more", level = "ERROR" },
}

-- What follows is for belfry test alone.

test("who falls is told of, with a name and a number", function()
    for step = 1, 5 do
        given { type = "run.metric", project = "acme/vision", step = step,
                run = { id = "r1", name = "sunny-frog-7" }, metrics = { accuracy = 0.8 } }
    end
    expect { automation = "accuracy fell", times = 1,
             payload = { text = "⚠️ Accuracy of sunny-frog-7 fell: It is *0.8*."
                                .. " <https://wiki.example/accuracy|What to do>" } }
end)

test("a run that fails is told of, and one that ends well is not", function()
    given { type = "run.state", project = "acme/vision", run = { id = "r1", name = "a", state = "FINISHED" } }
    expect_nothing()
    given { type = "run.state", project = "acme/vision", run = { id = "r2", name = "b", state = "FAILED" } }
    expect { automation = "a run died", times = 1, payload = { text = "🚨 b failed" } }
end)
