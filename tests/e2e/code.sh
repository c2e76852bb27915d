#!/bin/bash
# code.sh - automations as code: their own tests, what is told of mistakes, and what is written of them
# is read as the same.
. "$(dirname "$0")/lib.sh"
cd "$(dirname "$0")/../.." || exit 1
export TMPDIR=$tmp

run_tests() { # FILE
    "$BELFRY" test "$1" >"$tmp/said" 2>&1
    echo "$?" >"$tmp/exit"
}
exit_status() { cat "$tmp/exit"; }

# --- the examples ------------------------------------------------------------------

run_tests scripts/examples/acme.lua
is "the tests of an example pass" "$(tail -n 1 "$tmp/said") $(exit_status)" "4 passed, 0 failed 0"
[ "$(exit_status)" = 0 ] || cat "$tmp/said"
is "each is told of" "$(grep -c '^passed: ' "$tmp/said")" 4
for file in scripts/examples/*.lua; do
    "$BELFRY" test "$file" >"$tmp/said" 2>&1
    case "$(cat "$tmp/said")" in
    *"has no tests"* | *"passed, 0 failed") good ;;
    *) bad "$file is taken" "$(cat "$tmp/said")" ;;
    esac
done
is "nothing is left behind" "$(find "$tmp" -maxdepth 1 -name 'belfry-test-*' | wc -l)" 0

# --- what fails says why -------------------------------------------------------------

cat >"$tmp/fails.lua" <<'LUA'
automation "fell" {
    run_metric(project "acme/vision", metric("accuracy"):avg(2):lt(0.5) & run.name:contains("nightly"))
        >> slack "ops" { title = "${run_name}", level = "WARN" },
}
automation "seen" {
    event("a.b", team "acme", data.n:gt(1)) >> { slack "ops" { n = "${json:data.n}" }, teams "ops" {} },
}
local function point(step, value, name)
    given { type = "run.metric", project = "acme/vision", step = step,
            run = { id = "r1", name = name }, metrics = { accuracy = value } }
end
test("passes", function()
    point(1, 0.1, "nightly")
    expect_nothing()
    point(2, 0.2, "nightly")
    expect { automation = "fell", payload_is = { title = "nightly", level = "WARN" } }
    given { { type = "a.b", entity = "acme", data = { n = 2 } }, { type = "a.b", entity = "acme", data = { n = 3 } } }
    expect { automation = "seen", times = 2, action = "slack", payload = { n = 3 } }
    expect { automation = "seen", payload_is = {}, action = "teams" }
end)
test("a filter", function()
    point(1, 0.1, "sunny")
    point(2, 0.1, "sunny")
    expect { automation = "fell" }
end)
test("a payload", function()
    given { type = "a.b", entity = "acme", data = { n = 2 } }
    expect { automation = "seen", payload = { n = 3 } }
end)
test("too often", function()
    given { type = "a.b", entity = "acme", data = { n = 2 } }
    expect { automation = "seen", times = 2 }
    expect_nothing()
    expect_nothing "fell"
end)
test("no such thing", function()
    given { type = "a.b", entity = "acme" }
    expect_nothing "nobody"
end)
test("nothing is expected", function()
    given { type = "a.b", entity = "acme" }
end)
LUA
run_tests "$tmp/fails.lua"
is "failures are counted" "$(tail -n 1 "$tmp/said") $(exit_status)" "1 passed, 5 failed 1"
said() { has "$1" "$(cat "$tmp/said")" "$2"; }
said "one that passes is told of too" "passed: passes"
said "with file and line" "$tmp/fails.lua:24: automation \"fell\" has not fired, expected that it does"
said "and the verdict" "no (filter): the event does not pass the filter"
said "a payload by its member" "payload.n: expected 3, got 2"
said "and the whole of it" 'it would send {"n":2}'
said "how often" 'automation "seen" fired once, expected 2'
said "what was not to fire" '"seen" fired'
said "a wrong name" 'the file has no automation "nobody"'
said "a test of nothing" "it expects nothing"

# --- what the hub would refuse --------------------------------------------------------

cat >"$tmp/refused.lua" <<'LUA'
local ops = integration "ops" { team = "acme", sink = "webhook", url = "https://x.example/", secrt = "X" }
automation "a" { link_model(team "acme") >> ops }
test("t", function() expect_nothing() end)
LUA
run_tests "$tmp/refused.lua"
said "an option of the sink that is none" "$tmp/refused.lua:1: integration \"ops\": config.secrt"
is "that is no success" "$(exit_status)" 1
sed -i 's/, secrt = "X"//; s/>> ops/>> ops { payload = { a = "${nobody}" } }/' "$tmp/refused.lua"
run_tests "$tmp/refused.lua"
said "a variable that is none" "$tmp/refused.lua:2: automation \"a\": actions[0].config.payload"

echo 'automation "x" { link_model(team "acme") }' >"$tmp/wrong.lua"
run_tests "$tmp/wrong.lua"
said "a mistake in the file" "$tmp/wrong.lua:1: automation \"x\" has no action"
echo 'automation "x" { link_model(team "acme") >> slack "ops" }' >"$tmp/none.lua"
run_tests "$tmp/none.lua"
said "a file without tests says so" "has no tests"
is "and that is no success" "$(exit_status)" 1

# --- scripts ----------------------------------------------------------------------------

cat >"$tmp/hooks.lua" <<'LUA'
automation "large" {
    link_model(project "acme/vision") >> webhook "review" { payload = { model = "${artifact_version_index}" } },
    hooks = { filter = [[
return { filter = function(event) return event.artifact.metadata.size > 100 end }
]], transform = "mine.lua" },
}
local function linked(size)
    given { type = "artifact.link", project = "acme/vision", collection = "llm",
            artifact = { version = "v1", metadata = { size = size } } }
end
test("both are asked", function()
    linked(5)
    expect_nothing()
    linked(500)
    expect { automation = "large", times = 1, payload_is = { model = "1", mine = true } }
end)
test("one that fails is told of", function()
    linked("x")
    expect { automation = "large" }
end)
LUA
echo 'return { transform = function(payload) payload.mine = true; return payload end }' >"$tmp/mine.lua"
run_tests "$tmp/hooks.lua"
is "scripts in the file and beside it are run" "$(head -n 1 "$tmp/said")" "passed: both are asked"
said "of one that fails its words" "event.artifact.metadata.size is a string, and cannot be compared"

# --- the language, told ---------------------------------------------------------------

has "the words of the language are told" "$("$BELFRY" help code)" "add_artifact_alias(SCOPE, [FILTER])"
has "in a manual page as well" "$("$BELFRY" man code)" ".TH BELFRY-CODE 5"

# --- written and read again ------------------------------------------------------

node tests/reference/automations.mjs "${AUTOMATIONS:-600}" "${SEED:-1}" >"$tmp/automations"
rewrite() { "$B"/tests/reference/rewrite <"$tmp/automations"; }
add_up rewrite

finish
