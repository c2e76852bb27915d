local f = all { alias:eq "a" & tags:size(2), any { raw [[{"alias":"x"}]], none {} } }
automation("x", add_artifact_alias(collection "a/b/c", f | ~alias:matches "^v") >> to "x" { config = { secrets = { raw "1e400" } } })
test("x", function()
    given { { type = "a.b", entity = "a", data = { 1, null, array {} } }, { type = "run.state", project = "a/b", run = "r", state = "FAILED" } }
    expect { automation = "x", times = 0, payload_is = array {} }
    expect_nothing "x"
end)
