-- per_project.lua - the same automations for each of a team's projects, with what differs in a table.

local projects = {
    vision = { metric = "accuracy", least = 0.85 },
    speech = { metric = "word_accuracy", least = 0.7, quiet = "2h" },
    ranking = { metric = "ndcg", least = 0.4, quiet = "6h" },
}

-- Where it goes is one webhook here; what it says is the same everywhere.
local function tell(why)
    return webhook "ml-alerts" { payload = { project = "${project_name}", run = "${run_name}", why = why } }
end

for name, is in pairs(projects) do
    local here = project("acme/" .. name)

    automation(name .. ": got worse") {
        run_metric(here, metric(is.metric):avg(5):lt(is.least)) >> tell "${metric_filter}: ${metric_values}",
    }
    automation(name .. ": failed") {
        run_state(here, "FAILED") >> tell "${run_status}",
        limits = { cooldown = "10m", over = "digest" },
    }
    if is.quiet then
        automation(name .. ": went quiet") {
            absence(here, "run.heartbeat", is.quiet) >> tell "nothing since ${last_seen}",
        }
    end
end
