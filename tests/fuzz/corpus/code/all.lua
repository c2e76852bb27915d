team "acme" { organization = "globex" }
team "beta" {}
local deployer = integration "deployer" { team = "acme", sink = "webhook", url = "https://x.example/", secret = secret "SIGNING", headers = { a = "b", ["x-y"] = "z" } }
automation "accuracy fell" {
    run_metric(project "acme/vision", metric("accuracy"):avg(5):lt(0.85) & (metric("loss"):avg(10,50):increases_by("33.3%") | metric("z"):zscore(30, "runs"):abs():ge(3)) & run.name:contains("nightly") & run.config.lr:gt(0.5))
        >> slack("ml-alerts"){ title = "x", text = "y", level = "WARN" },
    description = "d", limits = { cooldown = "10m" }, hooks = { filter = "large.lua", transform = [[
return {
    transform = function(payload, event) return payload end,
}
]] }
}
automation "x" { add_artifact_alias(registry("acme/models"):collection "xy", alias:one_of("a", "b") & ~(metadata["a b"].c:ge(1) | any { data.items[0]:eq(null), tags:all_of {} })) >> { deployer { payload = { a = 1, b = { "x", null, raw "1e15", 1.5 }, text = "line\nline", long = "this is some rather long text that has no line", more = { 1, 2, 3, { deep = { deep = {} } }, array {} } } }, github.dispatch "gh", to "beta/xx" { secrets = { "T" } } } }
automation "abs" { absence(team "acme", metric "loss", "30m", { per = "scope" }) >> slack "ops", enabled = false }
automation "sch" { schedule(organization "globex", "0 9 * * *", "Europe/Berlin") >> slack "acme/ops" }
automation "st" { run_state(project "acme/vision", "FAILED", "FINISHED", run.state:eq("CRASHED")) >> slack "acme/ops" }
