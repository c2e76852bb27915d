/* event.c - what happened, in words: the lines below a message.
 *
 *     Event: A run failed · Automation: watch · Details
 *     Run: sunny-frog-7 · Project: acme/vision · By: ada
 *     Metric: avg(accuracy) > 0.6: 0.65 at step 5
 *
 * Values come from the same ${variables} that templates have.  One that is empty for this event
 * leaves out its part, and a line without parts is no line. */
#include "plugins/slack/slack.h"

#include <string.h>

#define VALUE_MAX   100         /* characters of one value */
#define CONTEXT_MAX 2900        /* of all of them, once they are escaped */
#define ADDRESS_MAX 500         /* bytes of an address that is worth its room */

const char *slack_value(const struct bf_delivery *d, const char *name)
{
    const char *text = bf_expand(d, bf_printf(d->arena, "${%s}", name), BF_ESC_NONE);

    return slack_cut(d->arena, slack_line(d->arena, text), VALUE_MAX, false);
}

/* --- the event ------------------------------------------------------------------- */

static const struct { const char *type, *words; } events[] = {
    { "CREATE_ARTIFACT",       "An artifact version was created" },
    { "LINK_ARTIFACT",         "A version was linked to a collection" },
    { "UNLINK_ARTIFACT",       "A version was unlinked from a collection" },
    { "ADD_ARTIFACT_ALIAS",    "An alias was added to a version" },
    { "ADD_ARTIFACT_TAG",      "A tag was added to a version" },
    { "REMOVE_ARTIFACT_TAG",   "A tag was removed from a version" },
    { "ADD_COLLECTION_TAG",    "A tag was added to a collection" },
    { "REMOVE_COLLECTION_TAG", "A tag was removed from a collection" },
    { "RUN_METRIC",            "A run's metric met a condition" },
    { "RUN_METRIC_CHANGE",     "A run's metric has changed" },
    { "RUN_METRIC_ZSCORE",     "A run's metric is out of the ordinary" },
    { "RUN_STATE",             "A run has changed its state" },
    { "RUN_ALERT",             "A run sent an alert" },
    { "SCHEDULE",              "A schedule came due" },
    { "ABSENCE",               "Something expected did not happen" },
    { "belfry.execution.failed",      "A delivery failed" },
    { "belfry.execution.resent",      "A delivery was sent again" },
    { "belfry.execution.cancelled",   "A delivery was cancelled" },
    { "belfry.integration.disabled",  "An integration was disabled" },
    { "belfry.integration.enabled",   "An integration was enabled" },
    { "belfry.integration.saved",     "An integration was saved" },
    { "belfry.integration.deleted",   "An integration was deleted" },
    { "belfry.automation.disabled",   "An automation was disabled" },
    { "belfry.automation.enabled",    "An automation was enabled" },
    { "belfry.automation.saved",      "An automation was saved" },
    { "belfry.automation.deleted",    "An automation was deleted" },
    { "belfry.hook.disabled",         "A script was taken out of use" },
    { "belfry.hook.enabled",          "A script is in use again" },
    { "belfry.script.saved",          "A script was saved" },
    { "belfry.script.refused",        "A script was refused" },
    { "belfry.secret.saved",          "A secret was saved" },
    { "belfry.secret.rotated",        "A secret was rotated" },
    { "belfry.secret.deleted",        "A secret was deleted" },
    { "belfry.plan.applied",          "A plan was applied" },
};

static const struct { const char *state, *words; } states[] = {
    { "RUNNING",  "A run started" },
    { "FINISHED", "A run finished" },
    { "FAILED",   "A run failed" },
    { "CRASHED",  "A run crashed" },
    { "KILLED",   "A run was killed" },
};

const char *slack_event(const struct bf_delivery *d)
{
    const char *type = slack_value(d, "event_type");
    const char *state = strcmp(type, "RUN_STATE") == 0 ? slack_value(d, "run_status") : "";

    for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
        if (strcmp(states[i].state, state) == 0)
            return states[i].words;
    for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
        if (strcmp(events[i].type, type) == 0)
            return events[i].words;
    return type;                /* a team's own says what it is */
}


/* --- parts and lines ----------------------------------------------------------------- */

struct lines {
    const struct bf_delivery *d;
    struct bf_text text;
    bool begun;                 /* something stands on this line */
};

/* `value` is markup. */
static void add(struct lines *l, const char *label, const char *value)
{
    if (!*value)
        return;
    bf_append(l->d->arena, &l->text, "%s%s%s", l->begun ? " · " : l->text.len ? "\n" : "", label,
              value);
    l->begun = true;
}

static void end_line(struct lines *l) { l->begun = false; }

static const char *escaped(const struct bf_delivery *d, const char *name)
{
    return slack_escape(d->arena, slack_value(d, name));
}

static void add_value(struct lines *l, const char *label, const char *name)
{
    add(l, label, escaped(l->d, name));
}

/* Words that lead to an address of this hub, where there is one. */
static const char *link_to(const struct bf_delivery *d, const char *url, const char *words)
{
    if (!*url || !*words || strlen(url) > ADDRESS_MAX)
        return words;
    return bf_printf(d->arena, "<%s|%s>", slack_escape(d->arena, url), words);
}

static const char *address(const struct bf_delivery *d, const char *name)
{
    return bf_expand(d, bf_printf(d->arena, "${%s}", name), BF_ESC_NONE);
}

static const char *run(const struct bf_delivery *d)
{
    return link_to(d, address(d, "run_url"), escaped(d, "run_name"));
}

static const char *collection(const struct bf_delivery *d)
{
    return escaped(d, "artifact_collection_name");
}

const char *slack_subject(const struct bf_delivery *d)
{
    const char *text = escaped(d, "run_name");

    if (!*text)
        text = escaped(d, "artifact_version_string");
    if (!*text)
        text = collection(d);
    return *text ? text : escaped(d, "data.name");
}


/* --- the lines ----------------------------------------------------------------------- */

static void add_origin(struct lines *l)
{
    const struct bf_delivery *d = l->d;
    const char *name = slack_cut(d->arena, slack_line(d->arena, d->automation), VALUE_MAX, false);

    add(l, "Event: ", slack_escape(d->arena, slack_event(d)));
    add(l, "Automation: ",
        link_to(d, address(d, "automation_url"), slack_escape(d->arena, name)));
    add(l, "", link_to(d, bf_url(d->ctx, d->arena, bf_printf(d->arena, "/executions/%s", d->id)),
                       "Details"));
    end_line(l);
}

/* The hub itself is nobody. */
static void add_author(struct lines *l)
{
    const char *author = escaped(l->d, "event_author");

    add(l, "By: ", strcmp(author, "belfry-system") == 0 ? "" : author);
}

static void add_subject(struct lines *l)
{
    const struct bf_delivery *d = l->d;
    const char *version = escaped(d, "artifact_version_string"), *project = d->event->project;
    const char *team = escaped(d, "entity_name");

    add(l, "Run: ", run(d));
    add(l, "Artifact: ", version);
    if (!*version)
        add(l, "Collection: ", collection(d));
    add_value(l, "Alias: ", "alias");
    add_value(l, "Tag: ", "tag");
    if (project)
        team = bf_printf(d->arena, "%s/%s", team, escaped(d, "project_name"));
    add(l, project ? "Project: " : "Team: ", team);
    add_author(l);
    end_line(l);
}

static void add_metric(struct lines *l)
{
    const struct bf_delivery *d = l->d;
    const char *condition = escaped(d, "metric_filter_short"), *step = escaped(d, "step");

    if (!*condition)
        condition = escaped(d, "metric_name");
    if (*condition)
        add(l, "Metric: ",
            bf_printf(d->arena, "%s: %s%s%s", condition, escaped(d, "metric_values"),
                      *step ? " at step " : "", step));
    end_line(l);
}

static void add_alert(struct lines *l)
{
    add_value(l, "Alert: ", "alert_name");
    add_value(l, "Level: ", "alert_level");
    end_line(l);
}

static void add_clock(struct lines *l)
{
    add_value(l, "Due: ", "occurrence");
    if (strcmp(slack_value(l->d, "late"), "true") == 0)
        add(l, "", "late");
    add_value(l, "Awaited: ", "absent_event");
    add_value(l, "For: ", "absent_for");
    add_value(l, "Last seen: ", "last_seen");
    end_line(l);
}

/* What the hub tells of itself. */
static void add_notice(struct lines *l)
{
    if (strncmp(l->d->event->type, "belfry.", 7) != 0)
        return;
    add_value(l, "Name: ", "data.name");
    add_value(l, "Automation that failed: ", "data.automation");
    add_value(l, "Integration: ", "data.integration.name");
    end_line(l);
    add_value(l, "Reason: ", "data.reason");
    add_value(l, "Error: ", "data.error");
    end_line(l);
}

static const char *finished(struct lines *l)
{
    return slack_cut(l->d->arena, l->text.s ? l->text.s : "", CONTEXT_MAX, true);
}

const char *slack_context(const struct bf_delivery *d)
{
    struct lines l = { .d = d };

    add_origin(&l);
    add_subject(&l);
    add_metric(&l);
    add_alert(&l);
    add_clock(&l);
    add_notice(&l);
    return finished(&l);
}

const char *slack_origin(const struct bf_delivery *d)
{
    struct lines l = { .d = d };

    add_origin(&l);
    return finished(&l);
}
