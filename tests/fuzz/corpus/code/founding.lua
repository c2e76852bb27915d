automation "accuracy fell" {
    run_metric(project "acme/vision", metric("accuracy"):avg(5):lt(0.85) & run.name:contains("nightly"))
        >> slack("ml-alerts"){ title = "it fell", text = "${metric_values}", level = "WARN" }
}
