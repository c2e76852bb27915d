/* code_words.c - the table of the language's words: help, the manual page and the writer of files read
 * it.  What they do is said in code.lua; a test holds the two together. */
#include <string.h>

#include "core/base/base.h"
#include "core/script/code_int.h"

const struct bf_code_word bf_code_words[] = {
    {NULL, "What there should be", NULL},
    {"manifest", "manifest \"NAME\"",
     "what this file is called; without it, as its own name without .lua is"},
    {"team", "team \"acme\" { organization = \"globex\" }", "a team, in an organization or the default one"},
    {"integration", "integration \"deployer\" { team =, sink =, … }",
     "where actions reach: the options of its sink, and secrets = { \"NAME\" }, delivery = { pace = }"},
    {"secret", "secret \"NAME\"", "a stored secret; a file never holds one itself"},
    {"automation", "automation \"NAME\" { event >> action, … }",
     "an automation; further members are description, enabled, dry_run, limits, hooks"},
    {NULL, "limits = { … }", "per_run, cooldown, rate = { count =, within = }, over, matches ="
                             " { count =, within =, per = }"},
    {NULL, "hooks = { … }", "filter and transform: \"file.lua\", [[a script]], or { file or code =,"
                            " on_error = }"},

    {NULL, "Where", NULL},
    {"organization", "organization \"globex\"", "everything in an organization"},
    {NULL, "team \"acme\"", "everything in a team"},
    {"project", "project \"acme/vision\"", "a project; also team(\"acme\"):project(\"vision\")"},
    {"registry", "registry \"acme/models\"", "a registry; also team(\"acme\"):registry(\"models\")"},
    {"collection", "collection \"acme/vision/resnet\"",
     "one collection; also project(…):collection(\"resnet\") and registry(…):collection(…)"},

    {NULL, "When", NULL},
    {"run_metric", "run_metric(SCOPE, CONDITION & FILTER)", "metrics of a run, and which runs"},
    {"run_metric_change", "run_metric_change(SCOPE, …)", "the same, of :increases_by and its like alone"},
    {"run_metric_zscore", "run_metric_zscore(SCOPE, …)", "the same, of :zscore alone"},
    {"run_state", "run_state(SCOPE, \"FAILED\", …, [FILTER])", "a run is RUNNING, FINISHED or FAILED from"
                                                              " now on"},
    {"run_alert", "run_alert(SCOPE, [FILTER])", "a run raised an alert"},
    {"create_artifact", "create_artifact(SCOPE, [FILTER])", "a new version"},
    {"link_model", "link_model(SCOPE, [FILTER])", "a version is linked to a registry"},
    {"unlink_artifact", "unlink_artifact(SCOPE, [FILTER])", "… and is not any more"},
    {"add_artifact_alias", "add_artifact_alias(SCOPE, [FILTER])", "a version gets an alias"},
    {"add_artifact_tag", "add_artifact_tag(SCOPE, [FILTER])", "a version gets a tag"},
    {"remove_artifact_tag", "remove_artifact_tag(SCOPE, [FILTER])", "… and loses it"},
    {"add_collection_tag", "add_collection_tag(SCOPE, [FILTER])", "a collection gets a tag"},
    {"remove_collection_tag", "remove_collection_tag(SCOPE, [FILTER])", "… and loses it"},
    {"event", "event(\"ci.finished\", SCOPE, [FILTER])", "a type of your own, or the hub's"},
    {"schedule", "schedule(SCOPE, \"0 9 * * mon-fri\", [ZONE])", "a time of the clock there; UTC without a"
                                                                " zone"},
    {"absence", "absence(SCOPE, WHAT, \"30m\", [FILTER], [{ per = }])",
     "silence: of metric \"loss\", or of a type such as \"run.heartbeat\"; per \"run\" or \"scope\""},

    {NULL, "Which metrics", NULL},
    {"metric", "metric \"accuracy\"", "the last value; a system metric may leave \"system.\" out"},
    {NULL, ":avg(N) :min(N) :max(N) :last()", "of the last N values; :avg(N, M) also has the M before these"},
    {NULL, ":lt(X) :le :gt :ge :eq :ne", "compares it: metric(\"loss\"):avg(5):lt(0.1)"},
    {NULL, ":increases_by(\"25%\") :decreases_by :changes_by",
     "against the values before, by a part or a number"},
    {NULL, ":zscore(N, [\"runs\"])", "how far from the N values before, or from the last ones of N runs"},
    {NULL, ":abs():ge(3)", "… on either side; :ge(3) above it, :le(-3) below"},

    {NULL, "Which events", NULL},
    {"alias", "alias, tag", "the one that came with the event"},
    {"tag", NULL, NULL},
    {"artifact", "artifact.type .version .aliases .tags .metadata.KEY", "of the version; each also as"
     " artifact_type, artifact_version, aliases, tags, metadata.KEY"},
    {"artifact_type", NULL, NULL}, {"artifact_version", NULL, NULL}, {"aliases", NULL, NULL},
    {"tags", NULL, NULL}, {"metadata", NULL, NULL},
    {"run", "run.name .id .user .tags .state .group .job_type .config.KEY", "of the run; each also as"
     " display_name, run_id, username, run_tags, state, group, job_type, config.KEY"},
    {"display_name", NULL, NULL}, {"run_id", NULL, NULL}, {"username", NULL, NULL},
    {"run_user", NULL, NULL}, {"run_tags", NULL, NULL}, {"state", NULL, NULL}, {"group", NULL, NULL},
    {"job_type", NULL, NULL}, {"config", NULL, NULL},
    {"alert", "alert.title .text .level", "of an alert; each also as alert_title, …"},
    {"alert_title", NULL, NULL}, {"alert_text", NULL, NULL}, {"alert_level", NULL, NULL},
    {"data", "data.PATH", "anything else that the event carries: data.build.status, data.items[0]"},
    {"collection_name", "collection_name, project_name, entity, author, source", "of any event"},
    {"project_name", NULL, NULL}, {"entity", NULL, NULL}, {"author", NULL, NULL}, {"source", NULL, NULL},
    {"field", "field \"NAME\"", "any other that the hub knows"},
    {NULL, ":eq(X) :ne :lt :le :gt :ge", "compares with a text, a number, true, false, or null"},
    {NULL, ":contains(TEXT) :matches(PATTERN)", "a part of it; a regular expression of RE2's"},
    {NULL, ":one_of(X, …) :none_of :all_of", "with several; all_of: each is there"},
    {NULL, ":size(N) :exists() :absent()", "how many there are; whether it is there"},

    {NULL, "Joining", NULL},
    {NULL, "A & B   A | B   ~A", "and, or, not: of filters, of conditions, and a condition & a filter"},
    {"all", "all { A, B, … }", "the same as words: all of them, ..."},
    {"any", "any { A, B, … }", "... any of them, ..."},
    {"none", "none { A, B, … }", "... none of them"},
    {"raw", "raw { … }, raw \"JSON\"", "JSON as it is, where a filter or a value may stand"},

    {NULL, "What is done", NULL},
    {NULL, "slack \"ops\" { title =, … }", "an integration by its sink and its name (\"team/name\" if another"
                                           " team's), and the options of the action; secrets = { \"NAME\" }"},
    {NULL, "event >> { A, B }", "several actions"},
    {"to", "to \"ops\" { … }", "the same, whatever its sink is"},
    {"sink", "sink \"NAME\"", "a sink whose name is none of Lua's"},

    {NULL, "Values", NULL},
    {"null", "null", "JSON's"},
    {"array", "array { … }", "a list, also when it is empty; {} is an object"},
    {"belfry", "belfry.json.null, .array", "the same, as hooks call them"},

    {NULL, "Tests: belfry test FILE", NULL},
    {"test", "test(\"what is claimed\", function() … end)", "made of:"},
    {"given", "given { type = \"run.metric\", project = \"acme/vision\", … }",
     "an event, or a list of them: run = \"r1\", state =, metrics = { loss = 0.5 }, step ="},
    {"expect", "expect { automation =, times =, payload = { … } }", "what fired since the last one of these"
     " that followed a given: so often (or at all), and sent a payload that holds these members;"
     " payload_is = { … } for all of them, action = \"slack\" for one of several; of an integration that"
     " the file does not describe, the payload is the action's options"},
    {"expect_nothing", "expect_nothing([\"NAME\"])", "nothing has fired, or this one has not"},
    {NULL, NULL, NULL},
};

/* What else Lua knows by name in a file. */
static const char *const lua[] = {
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
    "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
    "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget",
    "rawlen", "rawset", "select", "setmetatable", "tonumber", "tostring", "type", "xpcall", "string",
    "table", "math", "utf8", "print", "require", "load", "loadstring", "loadfile", "dofile",
    "collectgarbage", "coroutine", "os", "io", "debug", "package", "_G", "_VERSION", "_ENV", "warn",
    "self",
};

bool bf_code_is_keyword(const char *name, size_t len)
{
    for (size_t i = 0; strcmp(lua[i], "assert") != 0; i++)
        if (strlen(lua[i]) == len && memcmp(lua[i], name, len) == 0)
            return true;
    return false;
}

bool bf_code_is_taken(const char *name, size_t len)
{
    for (size_t i = 0; i < BF_COUNT(lua); i++)
        if (strlen(lua[i]) == len && memcmp(lua[i], name, len) == 0)
            return true;
    for (const struct bf_code_word *w = bf_code_words; w->name || w->form; w++)
        if (w->name && strlen(w->name) == len && memcmp(w->name, name, len) == 0)
            return true;
    return false;
}

bool bf_code_describe(size_t i, const char **form, const char **help)
{
    for (const struct bf_code_word *w = bf_code_words; w->name || w->form; w++) {
        if (!w->form || i-- > 0)
            continue;
        *form = w->form;
        *help = w->help;
        return true;
    }
    return false;
}
