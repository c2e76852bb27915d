/* verbs.c - every verb of the command, as data: what parsing, help, completion and man pages are
 * made from.
 *
 * A new verb over REST is a row: generic.c lists, shows and changes by it. */
#include "core/cli/cli.h"

#include <string.h>

#include "core/base/base.h"

const struct bf_option_row bf_options_common[] = {
    {"help", 'h', NULL, "say what this verb does"},
    {NULL},
};

const struct bf_option_row bf_options_remote[] = {
    {"url", 'u', "URL", "the hub's address (BELFRY_URL; default: the login's, or"
                        " http://127.0.0.1:8320)"},
    {"team", 't', "TEAM", "the team meant (BELFRY_TEAM; default: the only one there is)"},
    {"json", 'j', NULL, "print what the hub answers, for scripts"},
    {"ca-file", 0, "FILE", "certificate authorities to believe instead of the system's"
                           " (BELFRY_CA_FILE)"},
    {NULL},
};

const struct bf_option_row bf_options_pages[] = {
    {"limit", 'n', "N", "so many at most (default: 50, with --json all)"},
    {NULL},
};

const struct bf_option_row bf_options_confirm[] = {
    {"yes", 'y', NULL, "do not ask"},
    {NULL},
};

const struct bf_option_row bf_options_offline[] = {
    {"data", 0, "DIR", "work on this data directory while no hub runs in it"},
    {NULL},
};

static const struct bf_option_row none[] = {{NULL}};


/* --- serve and its like ------------------------------------------------------------------------ */

static const struct bf_option_row config_option[] = {
    {"config", 'c', "FILE", "the configuration file (BELFRY_CONFIG)"},
    {NULL},
};

static const struct bf_option_row config_show[] = {
    {"config", 'c', "FILE", "the configuration file (BELFRY_CONFIG)"},
    {"json", 'j', NULL, "print JSON, for scripts"},
    {NULL},
};

static const struct bf_option_row listen_options[] = {
    {"secret", 0, "SECRET", "check signatures with it (better: BELFRY_LISTEN_SECRET)"},
    {"status", 0, "CODE", "answer with this status instead of 200"},
    {"answer", 0, "TEXT", "say this in the answer: ok, as the webhooks of Slack do"},
    {NULL},
};


static const struct bf_option_row man_options[] = {
    {"to", 0, "DIR", "write every page into this directory"},
    {NULL},
};


/* --- events ---------------------------------------------------------------------------------------- */

static const struct bf_option_row emit_options[] = {
    {"type", 0, "TYPE", "artifact.alias.add, run.state, or a type of your own", BF_OPT_TEXT},
    {"entity", 0, "NAME", "the team it happened in (default: --team)", BF_OPT_TEXT},
    {"project", 'p', "NAME", "the project", BF_OPT_TEXT},
    {"collection", 0, "NAME", "the collection", BF_OPT_TEXT},
    {"alias", 0, "ALIAS", "the alias that was added", BF_OPT_TEXT},
    {"tag", 0, "TAG", "the tag that was added or removed", BF_OPT_TEXT},
    {"author", 0, "USER", "whose action caused it", BF_OPT_TEXT},
    {"key", 0, "KEY", "a name of this event: sent again with it, it counts once", BF_OPT_TEXT},
    {"time", 0, "TIME", "when it happened, as 2026-11-23T12:00:00Z (default: now)", BF_OPT_TEXT},
    {"artifact", 0, "JSON", "the artifact, whole; or artifact.version=v7 as an operand",
     BF_OPT_JSON},
    {"run", 0, "ID|JSON", "the run: its id, or all of it; or run.name=… as an operand"},
    {"state", 0, "STATE", "the state that it is in: RUNNING, FINISHED, FAILED, …"},
    {"metric", 'm', "NAME=VALUE", "a value of a metric; may be given more than once"},
    {"step", 0, "N", "the step of these values"},
    {"metrics", 0, "JSON", "[{\"name\":…,\"value\":…,\"step\":…}, …]", BF_OPT_JSON},
    {"data", 'd', "JSON", "anything else", BF_OPT_JSON},
    {NULL},
};

static const struct bf_option_row event_filters[] = {
    {"type", 0, "TYPE", "of this type", BF_OPT_QUERY},
    {"project", 'p', "NAME", "of this project", BF_OPT_QUERY},
    {"collection", 0, "NAME", "of this collection", BF_OPT_QUERY},
    {"run", 0, "ID", "of this run of the --project", BF_OPT_QUERY},
    {"since", 0, "TIME", "a time, or how long ago: 2h, 7d", BF_OPT_QUERY},
    {"until", 0, "TIME", "a time, or how long ago", BF_OPT_QUERY},
    {NULL},
};

static const struct bf_option_row why_options[] = {
    {"all", 0, NULL, "also those that wait for events of another type"},
    {NULL},
};

static const struct bf_column event_columns[] = {
    {"ID", "/id", BF_LOOK_ID},          {"RECEIVED", "/received", BF_LOOK_TIME},
    {"TYPE", "/type", BF_LOOK_TEXT},    {"WHERE", "", BF_LOOK_SCOPE},
    {"WHAT", "", BF_LOOK_EVENT},        {"AUTHOR", "/author", BF_LOOK_TEXT},
    {NULL},
};

static const struct bf_verb event_verbs[] = {
    {"list", "", "the events of a team, newest first", NULL, bf_cli_list, NULL, event_filters,
     BF_VERB_REMOTE | BF_VERB_PAGES, "GET", "/api/v1/events?entity={team?}", .columns = event_columns},
    {"show", "ID", "one event, as the journal holds it", NULL, bf_cli_one, NULL, none,
     BF_VERB_REMOTE, "GET", "/api/v1/events/{1}"},
    {NULL},
};


/* --- automations -------------------------------------------------------------------------------------- */

static const struct bf_option_row automation_filters[] = {
    {"project", 'p', "NAME", "of this project", BF_OPT_QUERY},
    {"collection", 0, "NAME", "of this collection", BF_OPT_QUERY},
    {"on", 0, "TYPE", "that fire on this event", BF_OPT_QUERY, "event_type"},
    {"enabled", 0, "BOOL", "true or false: that are enabled, or are not", BF_OPT_QUERY},
    {NULL},
};

static const struct bf_option_row automation_options[] = {
    {"name", 0, "NAME", "what it is called"},
    {"description", 0, "TEXT", "what it is for"},
    {"on", 0, "TYPE", "what it fires on: ADD_ARTIFACT_ALIAS, LINK_MODEL, …, or a type of yours"},
    {"project", 'p', "NAME", "in this project only (default: the whole team)"},
    {"collection", 0, "NAME", "in this collection only"},
    {"filter", 'f', "JSON", "which of those events: '{\"alias\":\"production\"}'"},
    {"when", 0, "CONDITION", "on metrics of a run: 'avg(accuracy, 5) < 0.85'"},
    {"states", 0, "STATE,…", "on a run that is RUNNING, FINISHED or FAILED from now on"},
    {"cron", 0, "EXPRESSION", "on a schedule: '0 9 * * mon-fri'"},
    {"time-zone", 0, "ZONE", "whose clock --cron goes by: Europe/Berlin (default: UTC)"},
    {"absent", 0, "TIME", "on silence: nothing of --of for 30m, 24h"},
    {"of", 0, "TYPE", "what must not stay away: run.metric, run.heartbeat, or any other type"},
    {"metric", 0, "NAME", "of run.metric, only this one"},
    {"per", 0, "WHAT", "run or scope: each run is waited for, or any event (default: as --of is)"},
    {"run-filter", 0, "JSON", "which runs: '{\"display_name\":{\"$regex\":\"^exp\"}}'"},
    {"limits", 0, "JSON", "how often it may fire: '{\"cooldown\":\"10m\"}', and more above"},
    {"filter-script", 0, "FILE", "Lua that is asked last whether it fires; a name of the hub's, or a path"},
    {"transform-script", 0, "FILE", "Lua that makes another payload of it"},
    {"on-script-error", 0, "WHAT", "when a script fails: fail (default), fire or skip"},
    {"dry-run", 0, NULL, "keep what it would send in the history, and send nothing"},
    {"integration", 'i', "NAME|ID", "what is done: this integration gets the payload"},
    {"payload", 0, "JSON", "what it gets, with ${variables}; or @FILE"},
    {"disabled", 0, NULL, "do not fire before it is enabled"},
    {NULL},
};

static const struct bf_option_row backtest_options[] = {
    {"since", 0, "TIME", "events from then on: a time, or how long ago: 2h, 7d"},
    {"until", 0, "TIME", "up to then (default: now)"},
    {"time-zone", 0, "ZONE", "whose days are counted, as Europe/Berlin (default: UTC)"},
    {NULL},
};

static const struct bf_column automation_columns[] = {
    {"ID", "/id", BF_LOOK_ID},           {"NAME", "/name", BF_LOOK_TEXT},
    {"SCOPE", "/scope", BF_LOOK_SCOPE},  {"ON", "/event/type", BF_LOOK_TEXT},
    {"STATE", "/enabled", BF_LOOK_OFF},  {"UPDATED", "/updated", BF_LOOK_TIME},
    {NULL},
};

static const struct bf_verb automation_verbs[] = {
    {"list", "", "the automations of a team", NULL, bf_cli_list, NULL, automation_filters,
     BF_VERB_REMOTE | BF_VERB_PAGES, "GET", "/api/v1/automations?entity={team?}",
     .columns = automation_columns},
    {"show", "NAME|ID", "one automation, as its author wrote it", NULL, bf_cli_one, NULL, none,
     BF_VERB_REMOTE, "GET", "/api/v1/automations/{automation}"},
    {"create", "[FILE] [KEY=VALUE…]", "make one, from a file or from options",
     "FILE holds the automation as JSON, \"-\" is standard input:\n"
     "\n"
     "    {\"name\": \"bad builds\", \"scope\": {\"entity\": \"acme\", \"project\": \"vision\"},\n"
     "     \"event\": {\"type\": \"ci.finished\", \"filter\": {\"data.build.status\": \"failed\"}},\n"
     "     \"actions\": [{\"integration\": \"deployer\",\n"
     "                  \"config\": {\"payload\": {\"build\": \"${json:data.build.number}\"}}}]}\n"
     "\n"
     "Without a file, options say what it is; KEY=VALUE are further options of the action (KEY:=JSON\n"
     "for what is no text):\n"
     "\n"
     "    belfry automations create --name \"deploy what is promoted\" --project vision \\\n"
     "        --on ADD_ARTIFACT_ALIAS --filter '{\"alias\":\"production\"}' \\\n"
     "        --integration deployer --payload '{\"model\":\"${artifact_version_string}\"}'\n"
     "\n"
     "Runs are watched by --when, --states and --absent; --cron goes by the clock:\n"
     "\n"
     "    belfry automations create --name \"accuracy fell\" --project vision \\\n"
     "        --when 'avg(accuracy, 5) < 0.85' --integration deployer\n"
     "    … --when 'accuracy > 0.95 and loss < 0.1'\n"
     "    … --when 'avg(loss, 10, 50) increases by 25%'    10 values against the 50 before them\n"
     "    … --when 'abs(zscore(grad, 30)) > 3'\n"
     "    … --states FAILED                                a crashed run has failed, too\n"
     "    … --states FAILED --run-filter '{\"state\":\"CRASHED\"}'        those that crashed, no others\n"
     "    … --on RUN_ALERT --filter '{\"alert_level\":\"ERROR\"}'\n"
     "    … --absent 30m --of run.metric --metric loss     for each run\n"
     "    … --absent 26h --of ci.finished                  anywhere in the scope\n"
     "    … --cron '0 9 * * mon-fri' --time-zone Europe/Berlin\n"
     "\n"
     "On metrics and states it fires once per run (and state) in 24 hours, else as often as it matches.\n"
     "--limits changes that:\n"
     "\n"
     "    '{\"per_run\":\"off\"}'                           each time; or \"per_run\":\"1h\"\n"
     "    '{\"cooldown\":\"10m\"}'                          so far apart: what comes sooner waits\n"
     "    '{\"cooldown\":\"10m\",\"over\":\"skip\"}'            … is left out, and counted in the history\n"
     "    '{\"rate\":{\"count\":5,\"within\":\"1h\"},\"over\":\"digest\"}'  … is told of together\n"
     "    '{\"matches\":{\"count\":3,\"within\":\"10m\"}}'      on the third match within 10 minutes, per run\n"
     "                                                or \"per\":\"project\", \"automation\", \"collection\"\n"
     "\n"
     "What a filter cannot say, a script can.  One that is here is sent with the automation; a name that\n"
     "is no file here is one of the hub's directory of scripts:\n"
     "\n"
     "    … --filter-script ./big.lua --on-script-error skip\n"
     "    … --transform-script slack_metric_table.lua\n"
     "\n"
     "where big.lua returns a table with functions named filter and transform, either or both:\n"
     "\n"
     "    return {\n"
     "        filter = function(event) return event.artifact.metadata.size > 100 end,\n"
     "        transform = function(payload, event) payload.size = event.artifact.metadata.size\n"
     "                                             return payload end,\n"
     "    }\n"
     "\n"
     "A script that fails makes the firing a failed one, which the history keeps with the reason; \"fire\"\n"
     "goes on as if it had said yes, or sends the payload as it was, \"skip\" leaves the firing out.\n"
     "\n"
     "A filter compares fields of the event, such as alias, tag, collection_name, author, metadata.KEY\n"
     "or data.PATH, and of a run display_name, username, state, tags, group or config.KEY, with a value\n"
     "or by $eq $ne $gt $gte $lt $lte $in $nin $exists $contains $regex $all $size, and joins such by\n"
     "$and $or $nor $not.  A payload has ${alias}, ${artifact_version_string}, ${event_author},\n"
     "${project_name}, ${data.PATH} and more; ${json:data.PATH} keeps a number a number.\n"
     "${automation_name} and ${automation_id} tell which automation it was.\n"
     "Of a run it has ${run_name} and ${run_status}, of a metric ${metric_name}, ${metric_values} and\n"
     "${metric_filter}, of an alert ${alert_name}, its title, and ${message}, of silence ${last_seen}, of\n"
     "many firings in one delivery ${firing_count} and ${json:firings}.\n"
     "What is unknown is refused with all that there is.\n"
     "\n"
     "Slack and Teams take words.  The hub's own events tell what does not get through:\n"
     "\n"
     "    … --states FAILED --integration ml-alerts title='${run_name} failed' level=ERROR\n"
     "    … --on belfry.execution.failed --integration ml-alerts \\\n"
     "        title='${data.automation} failed' text='${data.integration.name}: ${data.error}'\n"
     "    … --on belfry.integration.disabled --integration ml-alerts \\\n"
     "        title='${data.name} is out of use' text='${data.reason}'\n"
     "\n"
     "belfry help PLUGIN (as in: belfry help webhook) lists the options of its actions.\n",
     bf_cli_automation_create, NULL, automation_options, BF_VERB_REMOTE | BF_VERB_FILE, "POST",
     "/api/v1/automations", "config", "automation {id} \"{name}\" is made"},
    {"update", "NAME|ID FILE", "put another text in its place",
     "FILE holds the whole automation as JSON, as show --json prints it; \"-\" is standard input.\n",
     bf_cli_automation_update, NULL, none, BF_VERB_REMOTE | BF_VERB_FILE, "PUT",
     "/api/v1/automations/{automation}", NULL,
     "automation {id} \"{name}\" is updated"},
    {"edit", "NAME|ID", "change it in your editor",
     "Opens it in $VISUAL, $EDITOR or vi.  What the hub refuses is kept in a file, so that nothing\n"
     "is typed twice.\n",
     bf_cli_automation_edit, NULL, none, BF_VERB_REMOTE, "PUT",
     "/api/v1/automations/{automation}", NULL, "automation {id} \"{name}\" is updated"},
    {"check", "[NAME|ID]", "what is wrong with one or all, or may become so, as things are now",
     "What was told when it was saved, and what has changed since: an integration or a secret that is\n"
     "gone, a script that fails, values that may grow too long for the service.\n",
     bf_cli_warnings, NULL, none, BF_VERB_REMOTE, "GET",
     "/api/v1/automations/{automation}/warnings"},
    {"enable", "NAME|ID", "let it fire", NULL, bf_cli_change, NULL, none, BF_VERB_REMOTE, "POST",
     "/api/v1/automations/{automation}/enable", NULL, "automation \"{1}\" is enabled"},
    {"disable", "NAME|ID", "let it fire no more", NULL, bf_cli_change, NULL, none, BF_VERB_REMOTE,
     "POST", "/api/v1/automations/{automation}/disable", NULL, "automation \"{1}\" is disabled"},
    {"delete", "NAME|ID", "delete it; its history stays", NULL, bf_cli_change, NULL, none,
     BF_VERB_REMOTE | BF_VERB_CONFIRM, "DELETE", "/api/v1/automations/{automation}", NULL,
     "automation \"{1}\" is deleted"},
    {NULL},
};


/* --- integrations ---------------------------------------------------------------------------------------- */

static const struct bf_option_row integration_options[] = {
    {"sink", 0, "KIND", "what it speaks to: webhook, or another plugin's", BF_OPT_TEXT},
    {"name", 0, "NAME", "what it is called", BF_OPT_TEXT},
    {"secrets", 0, "NAME,…", "secrets that its payloads may use as ${NAME}", BF_OPT_LIST},
    {"pace", 0, "RATE", "send no more than this: 10/s, or \"1/s 400/h\"", BF_OPT_SETTING,
     "delivery.pace"},
    {"parallel", 0, "N", "so many deliveries at a time, 1 to 64", BF_OPT_SETTING, "delivery.parallel"},
    {"timeout", 0, "SECONDS", "wait so long for an answer, 1 to 300 (default: 15)", BF_OPT_SETTING,
     "delivery.timeout_s"},
    {"merge-over", 0, "N", "tell of several in one message when more are due, 0 for never (default: 20)",
     BF_OPT_SETTING, "delivery.merge_over"},
    {NULL},
};

static const struct bf_option_row integration_changes[] = {
    {"name", 0, "NAME", "what it is called from now on", BF_OPT_TEXT},
    {"secrets", 0, "NAME,…", "secrets that its payloads may use as ${NAME}", BF_OPT_LIST},
    {"pace", 0, "RATE", "send no more than this: 10/s, or \"1/s 400/h\"; null: as the sink has it",
     BF_OPT_SETTING, "delivery.pace"},
    {"parallel", 0, "N", "so many deliveries at a time, 1 to 64, or null", BF_OPT_SETTING,
     "delivery.parallel"},
    {"timeout", 0, "SECONDS", "wait so long for an answer, 1 to 300, or null", BF_OPT_SETTING,
     "delivery.timeout_s"},
    {"merge-over", 0, "N", "tell of several in one message when more are due, 0 for never, or null",
     BF_OPT_SETTING, "delivery.merge_over"},
    {NULL},
};

static const struct bf_option_row connect_options[] = {
    {"name", 0, "NAME", "what the integration is to be called", BF_OPT_TEXT},
    {"no-wait", 0, NULL, "print the address, and do not wait until somebody has finished there"},
    {NULL},
};

static const struct bf_option_row test_options[] = {
    {"payload", 0, "JSON", "what is sent; or @FILE", BF_OPT_JSON},
    {"event", 0, "ID", "of this recorded event, instead of one that is made up", BF_OPT_TEXT},
    {"event-type", 0, "TYPE", "what to make one up of, as RUN_STATE", BF_OPT_TEXT, "event_type"},
    {"secrets", 0, "NAME,…", "secrets that it may use as ${NAME}", BF_OPT_LIST},
    {NULL},
};

static const struct bf_option_row enable_options[] = {
    {"resend", 0, NULL, "send again what failed since it began failing, or since --since"},
    {"since", 0, "TIME", "send again what failed since then: a time, or how long ago: 2h, 7d"},
    {"status", 's', "STATUS", "of this status: failed (default), unknown; both with a comma between"},
    {NULL},
};

static const struct bf_column integration_columns[] = {
    {"ID", "/id", BF_LOOK_ID},            {"NAME", "/name", BF_LOOK_TEXT},
    {"SINK", "/sink", BF_LOOK_TEXT},      {"TO", "/config", BF_LOOK_TO},
    {"STATE", "/disabled", BF_LOOK_OFF},  {NULL},
};

static const struct bf_option_row integration_delete[] = {
    {"force", 0, NULL, "although automations use it; they and what waits for it will fail",
     BF_OPT_QUERY},
    {NULL},
};

static const struct bf_verb integration_verbs[] = {
    {"list", "", "where a team's automations can reach", NULL, bf_cli_list, NULL, none,
     BF_VERB_REMOTE | BF_VERB_PAGES, "GET", "/api/v1/teams/{team}/integrations",
     .columns = integration_columns},
    {"show", "NAME|ID", "one integration; of secrets the names", NULL, bf_cli_one, NULL, none,
     BF_VERB_REMOTE, "GET", "/api/v1/integrations/{integration}"},
    {"create", "[FILE] [KEY=VALUE…]", "make one, from options or a file",
     "KEY=VALUE are options of the sink, KEY:=JSON those that are no text, KEY=@FILE one that is in a\n"
     "file.  An option that is a secret takes the name of one (see: belfry help secrets set), or the\n"
     "value itself, which the shell's history keeps then:\n"
     "\n"
     "    belfry integrations create --sink webhook --name deployer \\\n"
     "        url=https://deploy.example/hook secret=SIGNING\n"
     "    … --sink slack --name ml-alerts webhook_url=SLACK_WEBHOOK\n"
     "    … --sink slack --name ml-alerts token=SLACK_TOKEN channel=C0123456789\n"
     "    … --sink teams --name ml-team url=TEAMS_FLOW\n"
     "    … --sink github --name ci repo=acme/models token=GITHUB_TOKEN\n"
     "\n"
     "What is no secret can be read by whoever may read the team, so what lets somebody in is not written\n"
     "there; it is kept as a secret, granted, and named:\n"
     "\n"
     "    belfry secrets set DEPLOY_KEY\n"
     "    … --secrets DEPLOY_KEY headers:='{\"X-Api-Key\":\"${DEPLOY_KEY}\"}'\n"
     "\n"
     "Receivers that want a certificate get one; its key is a secret, too:\n"
     "\n"
     "    belfry secrets set TLS_KEY --file client.key\n"
     "    … client_cert=@client.pem client_key=TLS_KEY ca=@their-authority.pem\n"
     "\n"
     "belfry help PLUGIN (as in: belfry help webhook) lists the options of a sink.\n",
     bf_cli_change, NULL, integration_options, BF_VERB_REMOTE | BF_VERB_FILE, "POST",
     "/api/v1/teams/{team}/integrations", "config", "integration {id} \"{name}\" is made"},
    {"update", "NAME|ID [FILE] [KEY=VALUE…]", "change what is named, keep the rest",
     "KEY=VALUE as with create; KEY:=null takes an option away.\n"
     "\n"
     "A webhook's signing key is changed without a gap, if its signature_format is standard-webhooks, by\n"
     "having both keys sign for a while:\n"
     "\n"
     "    echo \"whsec_$(openssl rand -base64 32)\" | belfry secrets set SIGNING_2\n"
     "    belfry integrations update deployer secret=SIGNING_2 previous_secret=SIGNING\n"
     "    … and when every receiver has the new one:\n"
     "    belfry integrations update deployer previous_secret:=null\n"
     "\n"
     "The other formats carry one signature.  There the receiver is told to take both keys before, and\n"
     "then secret is changed.  A certificate and its key are changed together, the new key under a name of\n"
     "its own: client_cert=@new.pem client_key=TLS_KEY_2.\n",
     bf_cli_change, NULL, integration_changes,
     BF_VERB_REMOTE | BF_VERB_FILE, "PATCH", "/api/v1/integrations/{integration}", "config",
     "integration {id} \"{name}\" is updated"},
    {"connect", "SERVICE [KEY=VALUE…]", "make one by saying yes in a browser: connect slack",
     "For Slack, with an app of the team's own:\n"
     "\n"
     "    1. Make one at https://api.slack.com/apps (Create New App, From scratch).  On its page OAuth &\n"
     "       Permissions, add https://HUB/connect/slack-done as a redirect URL, where HUB is as in the\n"
     "       hub's setting public_url, save it, and add the scope incoming-webhook as a bot's.\n"
     "    2. Keep what stands on its page Basic Information, under App Credentials:\n"
     "           belfry secrets set SLACK_CLIENT_ID\n"
     "           belfry secrets set SLACK_CLIENT_SECRET\n"
     "    3. For each channel:\n"
     "           belfry integrations connect slack --name ml-alerts\n"
     "\n"
     "It prints an address.  Whoever opens it within ten minutes chooses a workspace and a channel; the\n"
     "integration is there then, and what it sends to is kept as the secret SLACK_WEBHOOK_ML_ALERTS.\n"
     "Connected again under the same name, it sends to the channel chosen last.\n"
     "\n"
     "Without an app's redirects, an address that was made on its page Incoming Webhooks does as well:\n"
     "belfry help integrations create.\n"
     "\n"
     "KEY=VALUE are for the service: client_id=NAME and client_secret=NAME are names of secrets, should\n"
     "the app's be called otherwise.\n",
     bf_cli_connect_service, NULL, connect_options, BF_VERB_REMOTE, "POST",
     "/connect/{1}/{team}"},
    {"test", "NAME|ID [KEY=VALUE…]", "send it something now, and show what its receiver answers",
     "KEY=VALUE are options of an action (KEY:=JSON those that are no text), as an automation would\n"
     "have them; belfry help PLUGIN lists them:\n"
     "\n"
     "    belfry integrations test deployer --payload '{\"model\":\"${artifact_version_string}\"}'\n"
     "    belfry integrations test ml-alerts title='Is this the right channel?' level=WARN\n"
     "\n"
     "Nothing of it is kept, counted or tried again.\n",
     bf_cli_test, NULL, test_options, BF_VERB_REMOTE, "POST",
     "/api/v1/integrations/{integration}/test", "config"},
    {"check", "NAME|ID", "what is wrong with it, or may become so, as things are now",
     "What was told when it was saved, and what has changed since: a secret that is gone, a host that\n"
     "cannot be resolved.  Nothing is sent; for that there is: belfry integrations test\n",
     bf_cli_warnings, NULL, none, BF_VERB_REMOTE, "GET",
     "/api/v1/integrations/{integration}/warnings"},
    {"enable", "NAME|ID", "deliver to it again, what waits included",
     "What waits goes out by itself.  What had failed, because the receiver said no or nothing for too\n"
     "long, is sent again only if that is asked for, and then once, as new executions that name the first\n"
     "ones:\n"
     "\n"
     "    belfry integrations enable deployer --resend\n",
     bf_cli_enable, NULL, enable_options, BF_VERB_REMOTE, "POST",
     "/api/v1/integrations/{integration}/enable", NULL, "integration \"{1}\" is enabled"},
    {"disable", "NAME|ID", "deliver nothing to it; executions wait", NULL, bf_cli_change, NULL,
     none, BF_VERB_REMOTE, "POST", "/api/v1/integrations/{integration}/disable", NULL,
     "integration \"{1}\" is disabled"},
    {"delete", "NAME|ID", "delete it", NULL, bf_cli_change, NULL, integration_delete,
     BF_VERB_REMOTE | BF_VERB_CONFIRM, "DELETE", "/api/v1/integrations/{integration}", NULL,
     "integration \"{1}\" is deleted"},
    {NULL},
};


/* --- secrets ------------------------------------------------------------------------------------------------- */

static const struct bf_option_row secret_options[] = {
    {"file", 0, "FILE", "the value is all of this file, but a line end behind it"},
    {NULL},
};

static const struct bf_column secret_columns[] = {
    {"NAME", "/name", BF_LOOK_TEXT},
    {"UPDATED", "/updated", BF_LOOK_TIME},
    {NULL},
};

static const struct bf_verb secret_verbs[] = {
    {"list", "", "the names of a team's secrets", NULL, bf_cli_list, NULL, none,
     BF_VERB_REMOTE | BF_VERB_PAGES, "GET", "/api/v1/teams/{team}/secrets",
     .columns = secret_columns},
    {"set", "NAME", "keep a secret under this name",
     "The value is asked for on the terminal, or read from standard input (one line) or a file; never\n"
     "from the command line, which every user of the machine can read.  It can be used from then on,\n"
     "and not read back.\n",
     bf_cli_secret_set, NULL, secret_options, BF_VERB_REMOTE, "PUT",
     "/api/v1/teams/{team}/secrets/{1}"},
    {"delete", "NAME", "forget it", NULL, bf_cli_change, NULL, none,
     BF_VERB_REMOTE | BF_VERB_CONFIRM, "DELETE", "/api/v1/teams/{team}/secrets/{1}", NULL,
     "secret {1} of {team} is deleted"},
    {"rotate", "", "seal all secrets of the hub anew, with a new master key",
     "The hub goes on working.  With --data, this is done in a data directory while no hub runs there.\n"
     "Keep the new DATA/master.key, and the old one for as long as there are backups from before.\n",
     bf_cli_rotate, NULL, none, BF_VERB_REMOTE | BF_VERB_CONFIRM | BF_VERB_OFFLINE, "POST", "/api/v1/master-key/rotate", NULL,
     "all secrets are sealed with a new master key"},
    {NULL},
};


/* --- teams, organisations, users, keys -------------------------------------------------------------------------- */

static const struct bf_option_row team_options[] = {
    {"organization", 0, "NAME", "the organisation it belongs to", BF_OPT_TEXT},
    {NULL},
};

static const struct bf_option_row role_options[] = {
    {"role", 0, "ROLE", "viewer, member or admin (default: member)", BF_OPT_TEXT},
    {NULL},
};

static const struct bf_column team_columns[] = {
    {"NAME", "/name", BF_LOOK_TEXT},
    {"ORGANIZATION", "/organization", BF_LOOK_TEXT},
    {"CREATED", "/created", BF_LOOK_TIME},
    {NULL},
};

static const struct bf_column member_columns[] = {
    {"USER", "/user", BF_LOOK_TEXT},
    {"ROLE", "/role", BF_LOOK_TEXT},
    {NULL},
};

static const struct bf_verb team_verbs[] = {
    {"list", "", "the teams you can see", NULL, bf_cli_list, NULL, none,
     BF_VERB_REMOTE | BF_VERB_PAGES, "GET", "/api/v1/teams", .columns = team_columns},
    {"show", "TEAM", "one team", NULL, bf_cli_one, NULL, none, BF_VERB_REMOTE, "GET",
     "/api/v1/teams/{1}"},
    {"create", "TEAM", "make one", NULL, bf_cli_change, NULL, team_options, BF_VERB_REMOTE, "PUT",
     "/api/v1/teams/{1}", NULL, "team {1} is there"},
    {"members", "TEAM", "who is in it, and as what", NULL, bf_cli_list, NULL, none,
     BF_VERB_REMOTE | BF_VERB_PAGES, "GET", "/api/v1/teams/{1}/members",
     .columns = member_columns},
    {"add", "TEAM USER", "let a user in, or give another role", NULL, bf_cli_member_add, NULL,
     role_options, BF_VERB_REMOTE, "PUT", "/api/v1/teams/{1}/members/{2}", NULL,
     "{2} is in {1}"},
    {"remove", "TEAM USER", "let a user in no more", NULL, bf_cli_change, NULL, none,
     BF_VERB_REMOTE, "DELETE", "/api/v1/teams/{1}/members/{2}", NULL, "{2} is not in {1} any more"},
    {"delete", "TEAM", "delete it", NULL, bf_cli_change, NULL, none,
     BF_VERB_REMOTE | BF_VERB_CONFIRM, "DELETE", "/api/v1/teams/{1}", NULL, "team {1} is deleted"},
    {NULL},
};

static const struct bf_column organization_columns[] = {
    {"NAME", "/name", BF_LOOK_TEXT},
    {"ENTITY", "/entity", BF_LOOK_TEXT},
    {"CREATED", "/created", BF_LOOK_TIME},
    {NULL},
};

static const struct bf_verb organization_verbs[] = {
    {"list", "", "the organisations you can see", NULL, bf_cli_list, NULL, none,
     BF_VERB_REMOTE | BF_VERB_PAGES, "GET", "/api/v1/organizations",
     .columns = organization_columns},
    {"show", "ORG", "one organisation", NULL, bf_cli_one, NULL, none, BF_VERB_REMOTE, "GET",
     "/api/v1/organizations/{1}"},
    {"create", "ORG", "make one", NULL, bf_cli_change, NULL, none, BF_VERB_REMOTE, "PUT",
     "/api/v1/organizations/{1}", NULL, "organization {1} is there"},
    {"members", "ORG", "who is in it, and as what", NULL, bf_cli_list, NULL, none,
     BF_VERB_REMOTE | BF_VERB_PAGES, "GET", "/api/v1/organizations/{1}/members",
     .columns = member_columns},
    {"add", "ORG USER", "let a user in, or give another role", NULL, bf_cli_member_add, NULL,
     role_options, BF_VERB_REMOTE, "PUT", "/api/v1/organizations/{1}/members/{2}", NULL,
     "{2} is in {1}"},
    {"remove", "ORG USER", "let a user in no more", NULL, bf_cli_change, NULL, none,
     BF_VERB_REMOTE, "DELETE", "/api/v1/organizations/{1}/members/{2}", NULL,
     "{2} is not in {1} any more"},
    {"delete", "ORG", "delete it", NULL, bf_cli_change, NULL, none,
     BF_VERB_REMOTE | BF_VERB_CONFIRM, "DELETE", "/api/v1/organizations/{1}", NULL,
     "organization {1} is deleted"},
    {NULL},
};

static const struct bf_option_row user_options[] = {
    {"admin", 0, NULL, "an admin of the whole hub", BF_OPT_TRUE},
    {"service", 0, "TEAM", "a service account of this team: a program, not a person", BF_OPT_TEXT},
    {NULL},
};

static const struct bf_column user_columns[] = {
    {"NAME", "/name", BF_LOOK_TEXT},
    {"ADMIN", "/admin", BF_LOOK_TEXT},
    {"SERVICE", "/service", BF_LOOK_TEXT},
    {"CREATED", "/created", BF_LOOK_TIME},
    {NULL},
};

static const struct bf_verb user_verbs[] = {
    {"list", "", "the users of the hub", NULL, bf_cli_list, NULL, none,
     BF_VERB_REMOTE | BF_VERB_PAGES, "GET", "/api/v1/users", .columns = user_columns},
    {"show", "USER", "one user", NULL, bf_cli_one, NULL, none, BF_VERB_REMOTE, "GET",
     "/api/v1/users/{1}"},
    {"create", "USER", "make one", "A user acts with keys: see belfry help keys create.\n",
     bf_cli_user_create, NULL, user_options, BF_VERB_REMOTE | BF_VERB_OFFLINE, "PUT",
     "/api/v1/users/{1}", NULL, "user {1} is there; a key for them: belfry keys create {1}"},
    {"delete", "USER", "delete a user and their keys", NULL, bf_cli_change, NULL, none,
     BF_VERB_REMOTE | BF_VERB_CONFIRM, "DELETE", "/api/v1/users/{1}", NULL, "user {1} is deleted"},
    {NULL},
};

static const struct bf_option_row key_options[] = {
    {"name", 0, "NAME", "what it is for (default: command line)", BF_OPT_TEXT},
    {"rights", 0, "RIGHT,…", "ingest, read, edit, admin (default: what the user may)",
     BF_OPT_LIST},
    {"given", 0, NULL, "a key that exists already: typed in, or the first line of standard input"},
    {NULL},
};

static const struct bf_option_row key_filters[] = {
    {"user", 0, "USER", "of this user", BF_OPT_QUERY},
    {NULL},
};

static const struct bf_column key_columns[] = {
    {"ID", "/id", BF_LOOK_ID},              {"USER", "/user", BF_LOOK_TEXT},
    {"NAME", "/name", BF_LOOK_TEXT},        {"RIGHTS", "/rights", BF_LOOK_WORDS},
    {"CREATED", "/created", BF_LOOK_TIME},  {"USED", "/last_used", BF_LOOK_TIME},
    {NULL},
};

static const struct bf_verb key_verbs[] = {
    {"list", "", "the keys you may see, without the keys themselves", NULL, bf_cli_list, NULL,
     key_filters, BF_VERB_REMOTE | BF_VERB_PAGES, "GET", "/api/v1/keys", .columns = key_columns},
    {"create", "USER", "make a key for a user, and show it once",
     "A program gives it in BELFRY_API_KEY, or as Authorization: Bearer KEY over HTTP.  What only sends\n"
     "events, like a training job, needs no more than this:\n"
     "\n"
     "    belfry users create trainer --service acme\n"
     "    belfry keys create trainer --rights ingest\n"
     "\n"
     "With --given, a key that was made elsewhere is brought in, so that nothing that uses it has to\n"
     "change.  With --data, this is done in a data directory while no hub runs there.\n",
     bf_cli_key_create, NULL, key_options, BF_VERB_REMOTE | BF_VERB_OFFLINE, "POST", "/api/v1/users/{1}/keys"},
    {"revoke", "ID", "let it open nothing any more, at once", NULL, bf_cli_change, NULL, none,
     BF_VERB_REMOTE | BF_VERB_CONFIRM, "DELETE", "/api/v1/keys/{1}", NULL, "key {1} is revoked"},
    {NULL},
};


/* --- executions --------------------------------------------------------------------------------------------------- */

static const struct bf_option_row execution_filters[] = {
    {"status", 's', "STATUS", "pending, running, finished, failed, unknown, skipped, cancelled",
     BF_OPT_QUERY},
    {"automation", 'a', "NAME|ID", "of this automation"},
    {"integration", 'i', "NAME|ID", "of this integration"},
    {"event", 0, "ID", "that this event caused", BF_OPT_QUERY},
    {"merged-into", 0, "ID", "that this one tells of in its message", BF_OPT_QUERY},
    {"project", 'p', "NAME", "of this project", BF_OPT_QUERY},
    {"collection", 0, "NAME", "of this collection", BF_OPT_QUERY},
    {"since", 0, "TIME", "a time, or how long ago: 2h, 7d", BF_OPT_QUERY},
    {"until", 0, "TIME", "a time, or how long ago", BF_OPT_QUERY},
    {"trigger", 0, "TYPE", "that this event caused: ADD_ARTIFACT_ALIAS, …", BF_OPT_QUERY},
    {NULL},
};

static const struct bf_option_row execution_changes[] = {
    {"dry-run", 0, NULL, "change nothing, only say how many there are", BF_OPT_QUERY},
    {"status", 's', "STATUS", "of this status; several with commas between", BF_OPT_QUERY},
    {"automation", 'a', "NAME|ID", "of this automation"},
    {"integration", 'i', "NAME|ID", "of this integration"},
    {"event", 0, "ID", "that this event caused", BF_OPT_QUERY},
    {"project", 'p', "NAME", "of this project", BF_OPT_QUERY},
    {"since", 0, "TIME", "a time, or how long ago: 2h, 7d", BF_OPT_QUERY},
    {"until", 0, "TIME", "a time, or how long ago", BF_OPT_QUERY},
    {NULL},
};

static const struct bf_option_row execution_again[] = {
    {"again", 0, NULL, "of one by its ID: although it has arrived, or was not to be sent",
     BF_OPT_TRUE},
    {"dry-run", 0, NULL, "change nothing, only say how many there are", BF_OPT_QUERY},
    {"status", 's', "STATUS", "of this status; several with commas between", BF_OPT_QUERY},
    {"automation", 'a', "NAME|ID", "of this automation"},
    {"integration", 'i', "NAME|ID", "of this integration"},
    {"event", 0, "ID", "that this event caused", BF_OPT_QUERY},
    {"project", 'p', "NAME", "of this project", BF_OPT_QUERY},
    {"since", 0, "TIME", "a time, or how long ago: 2h, 7d", BF_OPT_QUERY},
    {"until", 0, "TIME", "a time, or how long ago", BF_OPT_QUERY},
    {NULL},
};

static const struct bf_column execution_columns[] = {
    {"ID", "/id", BF_LOOK_ID},           {"WHEN", "/created", BF_LOOK_TIME},
    {"STATUS", "", BF_LOOK_WHY},         {"AUTOMATION", "/automation_name", BF_LOOK_TEXT},
    {"RUN", "/run", BF_LOOK_TEXT},       {"TRIES", "/attempts", BF_LOOK_TEXT},
    {NULL},
};

static const struct bf_verb execution_verbs[] = {
    {"list", "", "what became of what fired, newest first", NULL, bf_cli_execution, NULL,
     execution_filters, BF_VERB_REMOTE | BF_VERB_PAGES, "GET", "/api/v1/executions",
     .columns = execution_columns},
    {"show", "ID", "one execution, with every attempt and what the receiver said", NULL,
     bf_cli_execution_show, NULL, none, BF_VERB_REMOTE, "GET", "/api/v1/executions/{1}"},
    {"resend", "[ID]", "do it once more; without an ID all that failed and match the options", NULL,
     bf_cli_resend, NULL, execution_again, BF_VERB_REMOTE | BF_VERB_CONFIRM, "POST",
     "/api/v1/executions/{1}/resend", NULL, "execution {1} is sent again, as {id}"},
    {"cancel", "[ID]", "do not try it any more; without an ID all that match the options", NULL,
     bf_cli_cancel, NULL, execution_changes, BF_VERB_REMOTE | BF_VERB_CONFIRM, "POST",
     "/api/v1/executions/{1}/cancel", NULL, "execution {1} is cancelled"},
    {"export", "", "all that match, as lines of JSON", NULL, bf_cli_export, NULL,
     execution_filters, BF_VERB_REMOTE, "GET", "/api/v1/executions/export"},
    {NULL},
};


/* --- intakes ------------------------------------------------------------------------------------------------------- */

static const struct bf_column intake_columns[] = {
    {"NAME", "/name", BF_LOOK_TEXT},
    {"URL", "/url", BF_LOOK_ID},
    {"STATE", "/enabled", BF_LOOK_OFF},
    {"ACCEPTED", "/events/accepted", BF_LOOK_TEXT},
    {"LAST", "/events/last", BF_LOOK_TIME},
    {NULL},
};

static const struct bf_verb intake_verbs[] = {
    {"list", "", "where other programs' webhooks come in", NULL, bf_cli_list, NULL, none,
     BF_VERB_REMOTE | BF_VERB_PAGES, "GET", "/api/v1/teams/{team}/intakes",
     .columns = intake_columns},
    {"show", "NAME", "one intake", NULL, bf_cli_one, NULL, none, BF_VERB_REMOTE, "GET",
     "/api/v1/teams/{team}/intakes/{1}"},
    {"create", "NAME [FILE] [KEY=VALUE…]", "make one, or put another in its place",
     "FILE holds its definition as JSON: which type the events get, what the sender signs with, which\n"
     "header or part of the body tells repeats.  This is GitHub's:\n"
     "\n"
     "    {\"type\": [\"github\", {\"header\": \"X-GitHub-Event\"}, {\"pointer\": \"/action\"}],\n"
     "     \"check\": {\"kind\": \"hmac\", \"header\": \"X-Hub-Signature-256\", \"format\": \"sha256=hex\",\n"
     "               \"secret\": \"GITHUB_WEBHOOK\"},\n"
     "     \"key\": {\"header\": \"X-GitHub-Delivery\"},\n"
     "     \"project\": {\"pointer\": \"/repository/name\"}, \"author\": {\"pointer\": \"/sender/login\"}}\n"
     "\n"
     "The secret is set first: belfry secrets set GITHUB_WEBHOOK.  The other kinds of check are\n"
     "\"bearer\", \"header\" and \"none\".  belfry intakes show NAME tells the URL for the sender.\n",
     bf_cli_change, NULL, none, BF_VERB_REMOTE | BF_VERB_FILE, "PUT",
     "/api/v1/teams/{team}/intakes/{1}", NULL, "intake {1} is there"},
    {"delete", "NAME", "delete it", NULL, bf_cli_change, NULL, none,
     BF_VERB_REMOTE | BF_VERB_CONFIRM, "DELETE", "/api/v1/teams/{team}/intakes/{1}", NULL,
     "intake {1} is deleted"},
    {NULL},
};

static const struct bf_column script_columns[] = {
    {"FILE", "/file", BF_LOOK_TEXT},
    {"STATE", "/state", BF_LOOK_STATUS},
    {"HASH", "/hash", BF_LOOK_ID},
    {"CALLS", "/calls", BF_LOOK_TEXT},
    {"FAILED", "/failures", BF_LOOK_TEXT},
    {"REFUSED", "/refused/error", BF_LOOK_TEXT},
    {NULL},
};

static const struct bf_verb script_verbs[] = {
    {"list", "", "the files that hooks may name, and what became of their last change",
     "STATE is \"good\"; \"refused\": what is in the file now is wrong, and the text before it stays in\n"
     "force; \"gone\": the file is not there, and its last text stays in force; \"broken\": it is\n"
     "wrong, and there was none before; \"missing\": a hook names it, and there is no such file; or\n"
     "\"unused\": no hook has asked it since the hub started.\n",
     bf_cli_list, NULL, none, BF_VERB_REMOTE | BF_VERB_PAGES, "GET", "/api/v1/scripts",
     .columns = script_columns},
    {"show", "NAME|HASH", "the text of a file that is in force, or one that ran", NULL,
     bf_cli_script_show, NULL, none, BF_VERB_REMOTE, "GET", "/api/v1/scripts/{1}"},
    {"enable", "AUTOMATION|on_event [HOOK]", "enable a hook that failed too often",
     "HOOK is filter or transform; without it, all that are disabled are enabled.  on_event is the\n"
     "hub's own hook.\n",
     bf_cli_script_enable, NULL, none, BF_VERB_REMOTE},
    {"check", "FILE", "whether a file of hooks is right, without a hub",
     "It is loaded as a hub would load it; which hooks it has is said, or what is wrong.\n",
     bf_cli_script_check, NULL, none, 0},
    {NULL},
};

static const struct bf_column plugin_columns[] = {
    {"NAME", "/name", BF_LOOK_TEXT},
    {"VERSION", "/version", BF_LOOK_TEXT},
    {NULL},
};


/* --- automations as code ------------------------------------------------------------------------------------------- */

static const struct bf_option_row plan_options[] = {
    {"since", 0, "TIME", "count firings from then on: a time, or how long ago (default: 7d)"},
    {"no-backtest", 0, NULL, "do not count what would have fired"},
    {"adopt", 0, NULL, "take over what has the name of something in the file, and is not the file's"},
    {"overwrite", 0, NULL, "write over what was changed by hand"},
    {NULL},
};

static const struct bf_option_row apply_options[] = {
    {"adopt", 0, NULL, "take over what has the name of something in the file, and is not the file's"},
    {"overwrite", 0, NULL, "write over what was changed by hand"},
    {NULL},
};

static const struct bf_option_row write_options[] = {
    {"output", 'o', "FILE", "write it there instead of printing it; as JSON if it ends in .json"},
    {"all", 0, NULL, "of every team that you can see, though one is the team meant"},
    {NULL},
};


/* --- all of them -------------------------------------------------------------------------------------------------- */

const struct bf_verb bf_verbs[] = {
    {"serve", "", "run a hub",
     "Every setting may stand in the configuration file (Lua: listen = \"0.0.0.0:8320\"), in the\n"
     "environment as BELFRY_<SETTING>, or on the command line as --SETTING; the later wins.\n"
     "What stands on the command line can be seen by every user of the machine: give keys in the\n"
     "environment or the file.\n"
     "\n"
     "SIGHUP reads the configuration file again.  SIGTERM and SIGINT stop: what is in flight is\n"
     "finished, for at most 20 s; a second one ends the program at once.\n",
     bf_cli_serve, NULL, config_option, BF_VERB_SETTINGS},
    {"check", "", "say everything that is wrong with the settings, without starting",
     "Takes the options of serve.  Reads the configuration file, loads the plugins and has them look\n"
     "at their options, loads the script of on_event, and looks at the data directory, without\n"
     "changing anything.  Gives 0 if a hub would start, 1 otherwise.\n",
     bf_cli_check, NULL, config_option, BF_VERB_SETTINGS},
    {"config", "", "show the settings in force, and where each came from",
     "Takes the options of serve.  Secrets are not shown.\n", bf_cli_config, NULL, config_show,
     BF_VERB_SETTINGS},
    {"login", "[URL]", "keep the key for a hub, so that no verb needs to be told",
     "The key is asked for on the terminal, or read from standard input, tried, and kept in\n"
     "~/.config/belfry/login.json, which only you may read.  With --team, that team is the one meant\n"
     "from now on.  A key in the environment, BELFRY_API_KEY, goes before it.\n",
     bf_cli_login, NULL, none, BF_VERB_REMOTE},
    {"logout", "", "forget the key that login kept", NULL, bf_cli_logout, NULL, none},
    {"status", "", "how the hub is: ready, busy, waiting, failing", NULL, bf_cli_status, NULL, none,
     BF_VERB_REMOTE, "GET", "/api/v1/status"},
    {"emit", "[FILE] [KEY=VALUE…]", "send events",
     "FILE holds one event, an array of them, or one a line, as JSON; \"-\" is standard input.  More\n"
     "than 1,000 lines go in several requests.  Without a file, options and KEY=VALUE (KEY:=JSON for\n"
     "what is no text) say what happened:\n"
     "\n"
     "    belfry emit --type artifact.alias.add --project vision --collection resnet \\\n"
     "        --alias production artifact.version=v7 artifact.metadata.accuracy:=0.93\n"
     "\n"
     "A training job tells of its run:\n"
     "\n"
     "    belfry emit --type run.state --project vision --run r1 --state RUNNING run.name=frog-7\n"
     "    belfry emit --type run.metric --project vision --run r1 --step 7 -m loss=0.3 -m acc=0.9\n"
     "    belfry emit --type run.heartbeat --project vision --run r1\n"
     "    belfry emit --type run.alert --project vision --run r1 \\\n"
     "        alert.title=\"loss is NaN\" alert.text=\"since step 7\" alert.level=ERROR\n"
     "    belfry emit --type run.state --project vision --run r1 --state FINISHED\n"
     "\n"
     "Prints the ids.\n",
     bf_cli_emit, NULL, emit_options, BF_VERB_REMOTE | BF_VERB_FILE, "POST", "/api/v1/events"},
    {"events", "", "what happened", .verbs = event_verbs},
    {"automations", "", "what is done when something happens", .verbs = automation_verbs},
    {"executions", "", "what became of it: the history", .verbs = execution_verbs},
    {"why", "EVENT [NAME|ID]", "say what automations made of an event, and why",
     "EVENT is an id, as belfry events list shows it.  Without an automation all of its scope are told\n"
     "of in a line each; with one, the values that were compared, what is missing, or the limit that\n"
     "held it back.  It is found out again from how things were before the event, so it is the same\n"
     "whatever was changed or deleted since.\n",
     bf_cli_why, NULL, why_options, BF_VERB_REMOTE, "GET", "/api/v1/events/{1}/verdicts"},
    {"test", "FILE.lua|FILE|NAME|ID [EVENT]", "try automations without sending anything",
     "FILE.lua is automations as code, of which its own tests are run, in a hub that is made for them and\n"
     "goes again (belfry help code has the words):\n"
     "\n"
     "    test(\"a nightly run that gets worse is told of\", function()\n"
     "        for step, value in ipairs { 0.9, 0.8, 0.7 } do\n"
     "            given { type = \"run.metric\", project = \"acme/vision\", step = step,\n"
     "                    run = { id = \"r1\", name = \"nightly-7\" }, metrics = { accuracy = value } }\n"
     "        end\n"
     "        expect { automation = \"accuracy fell\", times = 1, payload = { title = \"nightly-7\" } }\n"
     "    end)\n"
     "\n"
     "Every test begins with nothing.  expect and expect_nothing look at what was given since those before\n"
     "them.  A secret is stood in for, and so is an integration that the file does not describe, or whose\n"
     "plugin is not here: what it would get are the options of the action.  Hooks in files are looked for\n"
     "beside FILE.lua.  Time does not pass: schedules and absences are for backtest.\n"
     "\n"
     "Else FILE holds one automation as JSON, as for automations create; \"-\" is standard input.  EVENT is\n"
     "the id of one that was recorded, which is judged as it would have been then, or a file with one,\n"
     "which is judged as if it came now.\n",
     bf_cli_test_automation, NULL, none, BF_VERB_REMOTE, "POST", "/api/v1/automations/test"},
    {"backtest", "FILE|NAME|ID", "try an automation on what was recorded, without sending anything",
     "FILE holds the automation as JSON, as for automations create; \"-\" is standard input.\n"
     "\n"
     "    belfry backtest draft.json --since 7d\n"
     "\n"
     "It runs in the hub, after all that the hub has to do; Ctrl-C ends it there as well.\n",
     bf_cli_backtest, NULL, backtest_options, BF_VERB_REMOTE, "POST", "/api/v1/backtests"},
    {"plan", "FILE", "say what a file of automations would change, and what would have fired",
     "FILE describes teams, integrations and automations in Lua, or as a JSON document if its name\n"
     "ends in .json or is \"-\", standard input.  Nothing is changed.\n"
     "\n"
     "What is made is marked +, what is changed ~ with the members that differ, what is deleted -.\n"
     "Beside each automation stands how often it would have fired in the last 7 days, before and\n"
     "after, by judging the recorded events again; Ctrl-C ends that.\n"
     "\n"
     "What a file has applied belongs to it, by the name of its manifest.  What was changed by hand\n"
     "since, and what has the name of something in the file but is not the file's, is told of and left\n"
     "alone; everything else in the same teams is only named.\n"
     "\n"
     "Gives 0 if the hub is as the file says, 6 if there is something to change or was left alone, and\n"
     "another status if something is wrong.\n",
     bf_cli_plan, NULL, plan_options, BF_VERB_REMOTE, "POST", "/api/v1/plans"},
    {"apply", "FILE", "make the hub as a file of automations says",
     "Shows the plan, asks, and does it in one transaction: all of it, or nothing.  What is done is what\n"
     "was shown; if anything has changed in between, nothing is, and a new plan is needed.\n",
     bf_cli_apply, NULL, apply_options, BF_VERB_REMOTE | BF_VERB_CONFIRM, "POST",
     "/api/v1/plans/apply"},
    {"export", "", "write down what there is, as a file that belfry plan finds nothing to change in",
     "Teams, integrations and automations, in Lua, or as a JSON document with --json: of the team meant,\n"
     "or of all that you can see.  Secrets are named.  One that was given as it is, and sealed, cannot be\n"
     "written down: it is left out with a warning, and stays what it is when the file is applied.\n",
     bf_cli_write, NULL, write_options, BF_VERB_REMOTE, "GET", "/api/v1/export"},
    {"integrations", "", "receivers that automations can reach", .verbs = integration_verbs},
    {"secrets", "", "what receivers want to see, sealed", .verbs = secret_verbs},
    {"intakes", "", "other programs' webhooks as events", .verbs = intake_verbs},
    {"scripts", "", "hooks in Lua, and what became of them", .verbs = script_verbs},
    {"teams", "", "teams and who is in them", .verbs = team_verbs},
    {"organizations", "", "organisations and who is in them", .verbs = organization_verbs},
    {"users", "", "people and service accounts", .verbs = user_verbs},
    {"keys", "", "what users and programs show to be let in", .verbs = key_verbs},
    {"plugins", "", "the plugins that the hub has loaded", NULL, bf_cli_list, NULL, none,
     BF_VERB_REMOTE | BF_VERB_PAGES, "GET", "/api/v1/plugins", .columns = plugin_columns},
    {"listen", "[HOST:PORT]", "receive webhooks, print them and check their signatures",
     "Without an address it is 127.0.0.1:8321.\n", bf_cli_listen, NULL, listen_options, 0},
    {"completion", "bash|zsh|fish", "print what makes a shell complete this command",
     "For bash: source <(belfry completion bash)\n", bf_cli_completion, NULL, none, 0},
    {"man", "[VERB]", "print a manual page; \"settings\", \"code\" and \"lua\" have one as well", NULL,
     bf_cli_man, NULL, man_options, BF_VERB_HIDDEN},
    {"help", "[VERB…|PLUGIN|code|lua]", "say more about a verb, a plugin's options, or what files hold",
     NULL, bf_cli_help, NULL, none, 0},
    {"version", "", "print the version", NULL, bf_cli_version, NULL, none, 0},
    {NULL},
};

const struct bf_option_row *bf_verb_options(const struct bf_verb *v, size_t i)
{
    const struct bf_option_row *tables[] = {
        v->options,
        v->flags & BF_VERB_PAGES ? bf_options_pages : NULL,
        v->flags & BF_VERB_CONFIRM ? bf_options_confirm : NULL,
        v->flags & BF_VERB_OFFLINE ? bf_options_offline : NULL,
        v->flags & BF_VERB_REMOTE ? bf_options_remote : NULL,
        bf_options_common,
    };

    for (size_t t = 0; t < BF_COUNT(tables); t++)
        if (tables[t] && i-- == 0)
            return tables[t];
    return NULL;
}

const struct bf_verb *bf_verb_find(const struct bf_verb *table, const char *name)
{
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

void bf_verb_operands(const struct bf_verb *v, size_t *min, size_t *max)
{
    *min = *max = 0;
    for (const char *at = v->operands; *at;) {
        size_t len = strcspn(at, " ");

        ++*max;
        if (at[0] != '[')
            ++*min;
        if (memmem(at, len, "…", strlen("…")) && !memmem(at, len, ",…", strlen(",…")))
            *max = BF_OPERANDS_MAX;
        at += len;
        at += strspn(at, " ");
    }
}
