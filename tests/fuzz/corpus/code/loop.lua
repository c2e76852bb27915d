manifest "acme-vision"
team "acme" { organization = "globex" }
local ops = integration "deployer" { team = "acme", sink = "webhook", url = "https://x.example/", secret = secret "SIGNING" }
automation "accuracy fell" {
    run_metric(project "acme/vision", metric("accuracy"):avg(5):lt(0.85) & run.name:contains("nightly"))
        >> slack("ml-alerts"){ title = "x", text = "y", level = "WARN" },
    description = "d", limits = { cooldown = "10m" }, hooks = { filter = "large.lua" }
}
for _, p in ipairs { "a", "b" } do
  automation("deploy " .. p) { add_artifact_alias(project("acme/" .. p), alias:eq("production") & metadata.size:gt(100) & ~tags:contains"x") >> { ops { payload = { a = 1, b = { "x", null }, c = array {} } }, github.dispatch "gh" { event_type = "x" } } }
end
