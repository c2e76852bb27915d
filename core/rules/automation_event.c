/* automation_event.c - what an automation fires on: its trigger, and the event.filter of that.
 *
 * Most triggers have one filter.  Those of runs have parts in the shape that W&B's client gives
 * them, which also puts JSON into strings here and there; those of the clock have parts of our own. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/base.h"
#include "core/event/envelope.h"
#include "core/rules/automation_int.h"

static int read_trigger(struct draft *d, const struct bf_json *event, struct bf_error *err)
{
    const char *wire = NULL;
    int rc = bf_draft_text(d, event, "type", 1, BF_NAME_MAX, &wire, err);

    if (rc)
        return rc;
    d->trigger = bf_trigger_by_wire(wire);
    if (d->trigger)
        return BF_OK;
    rc = bf_trigger_check_type(wire, err);
    if (rc) {
        bf_error_within(err, "type");
        return rc;
    }
    d->own = (struct bf_trigger){.wire = wire, .event = wire, .rendered = wire};
    d->trigger = &d->own;
    return BF_OK;
}

/* ---- what the trigger waits for ---- */

/* A member of event.filter that is a filter itself, of the trigger's event. */
static int read_inner_filter(struct draft *d, const struct bf_json *filter, const char *name,
                             struct bf_error *err)
{
    int rc = bf_filter_parse(d->scratch, bf_draft_member(filter, name), d->trigger->event,
                             &d->filter, err);

    if (rc)
        bf_error_within(err, name);
    return rc;
}

/* W&B's older name of a threshold; its client sends null, or the same once more. */
static int read_legacy_metric(struct draft *d, const struct bf_json *filter, struct bf_error *err)
{
    struct bf_conditions old;
    int rc;

    if (strcmp(d->trigger->wire, "RUN_METRIC") != 0)
        return bf_error_field(err, BF_ECONFIG, "metric_filter", "is a threshold, which belongs to"
                              " RUN_METRIC, not to %s", d->trigger->wire);
    rc = bf_conditions_parse_threshold(d->scratch, bf_draft_member(filter, "metric_filter"), &old, err);
    if (rc) {
        bf_error_within(err, "metric_filter");
        return rc;
    }
    if (bf_draft_member(filter, "run_metric_filter") && !bf_conditions_same(&old, &d->conditions))
        return bf_error_field(err, BF_ECONFIG, "metric_filter", "says something else than"
                              " \"run_metric_filter\": leave it out");
    d->conditions = old;
    return BF_OK;
}

static int read_metric(struct draft *d, const struct bf_json *filter, struct bf_error *err)
{
    const struct bf_json *metric = bf_draft_member(filter, "run_metric_filter");
    int rc = bf_draft_members(d, filter, "run_filter, run_metric_filter, metric_filter", err);

    if (rc == BF_OK && metric) {
        rc = bf_conditions_parse(d->scratch, metric, d->trigger->wire, &d->conditions, err);
        if (rc)
            bf_error_within(err, "run_metric_filter");
    }
    if (rc == BF_OK && bf_draft_member(filter, "metric_filter"))
        rc = read_legacy_metric(d, filter, err);
    if (rc == BF_OK && d->conditions.n_conditions == 0)
        rc = bf_error_field(err, BF_ECONFIG, "run_metric_filter", "is missing: which metric, and"
                                                                  " what of it?");
    return rc ? rc : read_inner_filter(d, filter, "run_filter", err);
}

static int read_state(struct draft *d, const struct bf_json *value, struct bf_error *err)
{
    static const struct {
        const char *name;
        enum bf_run_state state;
    } states[] = {{"RUNNING", BF_RUN_RUNNING}, {"FINISHED", BF_RUN_FINISHED},
                  {"FAILED", BF_RUN_FAILED}, {"CRASHED", BF_RUN_FAILED}};
    const char *name = bf_json_str(d->scratch, value);

    if (!name)
        return bf_error_set(err, BF_ECONFIG, "must be the name of a state, not %s",
                            bf_json_type_name(value));
    for (size_t i = 0; i < BF_COUNT(states); i++) {
        if (strcasecmp(states[i].name, name) == 0) {
            d->states |= states[i].state;
            d->said_failed |= strcmp(states[i].name, "FAILED") == 0;
            d->said_crashed |= strcmp(states[i].name, "CRASHED") == 0;
            return BF_OK;
        }
    }
    if (strcasecmp(name, "KILLED") == 0)
        return bf_error_set(err, BF_ECONFIG, "killed runs never trigger; known are RUNNING,"
                                             " FINISHED, FAILED (and CRASHED, which is FAILED)");
    return bf_error_set(err, BF_ECONFIG, "\"%.40s\" cannot be waited for; known are RUNNING,"
                        " FINISHED, FAILED (and CRASHED, which is FAILED)", name);
}

static int read_states(struct draft *d, const struct bf_json *filter, struct bf_error *err)
{
    const struct bf_json *states = bf_draft_member(filter, "states");
    size_t i = 0;
    int rc = bf_draft_members(d, filter, "states", err);

    if (rc)
        return rc;
    if (!bf_json_is(states, BF_JSON_ARRAY) || !bf_json_first(states))
        return bf_error_field(err, BF_ECONFIG, "states", "must be an array of states, one at least:"
                                                         " RUNNING, FINISHED, FAILED");
    for (const struct bf_json *s = bf_json_first(states); s; s = bf_json_next(states, s), i++) {
        char index[32];

        rc = read_state(d, s, err);
        if (rc) {
            snprintf(index, sizeof(index), "states[%zu]", i);
            bf_error_within(err, index);
            return rc;
        }
    }
    return BF_OK;
}

static int read_run_state(struct draft *d, const struct bf_json *filter, struct bf_error *err)
{
    const struct bf_json *states = bf_draft_member(filter, "run_state_filter");
    int rc = bf_draft_members(d, filter, "run_filter, run_state_filter", err);

    if (rc)
        return rc;
    states = bf_json_is(states, BF_JSON_STRING) ? bf_json_inside(d->scratch, states, err) : states;
    rc = states ? read_states(d, states, err)
         : bf_draft_member(filter, "run_state_filter")
             ? BF_ECONFIG
             : bf_error_set(err, BF_ECONFIG, "is missing: {\"states\":[\"FAILED\"]}, for instance");
    if (rc) {
        bf_error_within(err, "run_state_filter");
        return rc;
    }
    return read_inner_filter(d, filter, "run_filter", err);
}

/* An alert's fields may be asked for at once, or in a run_filter as of the others. */
static int read_run_alert(struct draft *d, const struct bf_json *filter, struct bf_error *err)
{
    int rc;

    if (!bf_json_get(filter, "run_filter"))
        return bf_filter_parse(d->scratch, filter, d->trigger->event, &d->filter, err);
    rc = bf_draft_members(d, filter, "run_filter", err);
    return rc ? rc : read_inner_filter(d, filter, "run_filter", err);
}

static int read_schedule(struct draft *d, const struct bf_json *filter, struct bf_error *err)
{
    return bf_schedule_parse(d->scratch, filter, &d->schedule, err);
}

/* Which of the awaited events count: "run_filter" of those of runs, "filter" of any. */
static int read_awaited(struct draft *d, const struct bf_json *filter, struct bf_error *err)
{
    bool of_run = bf_is_of_run(d->absence.of);
    const char *type = strcmp(d->absence.of, "run") == 0 ? "run.*" : d->absence.of;
    const char *name = bf_draft_member(filter, "run_filter") ? "run_filter" : "filter";
    int rc;

    if (strcmp(name, "run_filter") == 0 && !of_run)
        return bf_error_field(err, BF_ECONFIG, name, "is for events of runs; for %s there is"
                              " \"filter\"", type);
    if (strcmp(name, "run_filter") == 0 && bf_draft_member(filter, "filter"))
        return bf_error_field(err, BF_ECONFIG, "filter", "is the same as \"run_filter\": leave one"
                                                         " of them out");
    rc = bf_filter_parse(d->scratch, bf_draft_member(filter, name), type, &d->filter, err);
    if (rc)
        bf_error_within(err, name);
    return rc;
}

static int read_absence(struct draft *d, const struct bf_json *filter, struct bf_error *err)
{
    int rc = bf_absence_parse(d->scratch, filter, &d->absence, err);

    return rc ? rc : read_awaited(d, filter, err);
}

static int read_plain_filter(struct draft *d, const struct bf_json *filter, struct bf_error *err)
{
    return bf_filter_parse(d->scratch, filter, d->trigger->event, &d->filter, err);
}

static const struct {
    const char *wire;
    bool needed;                /* it says nothing without an event.filter */
    int (*read)(struct draft *, const struct bf_json *, struct bf_error *);
} filter_forms[] = {
    {"RUN_METRIC", true, read_metric},
    {"RUN_METRIC_CHANGE", true, read_metric},
    {"RUN_METRIC_ZSCORE", true, read_metric},
    {"RUN_STATE", true, read_run_state},
    {"RUN_ALERT", false, read_run_alert},
    {"SCHEDULE", true, read_schedule},
    {"ABSENCE", true, read_absence},
};

static int read_event_filter(struct draft *d, const struct bf_json *filter, struct bf_error *err)
{
    size_t i = 0;

    while (i < BF_COUNT(filter_forms) && strcmp(filter_forms[i].wire, d->trigger->wire) != 0)
        i++;
    if (i == BF_COUNT(filter_forms))
        return read_plain_filter(d, filter, err);
    if (filter) {
        filter = bf_filter_unwrap(d->scratch, filter, err);
        if (!filter)
            return BF_ECONFIG;
    }
    if (filter && !bf_json_is(filter, BF_JSON_NULL))
        return filter_forms[i].read(d, filter, err);
    return filter_forms[i].needed
               ? bf_error_set(err, BF_ECONFIG, "is missing: %s needs one", d->trigger->wire)
               : BF_OK;
}

int bf_draft_event(struct draft *d, const struct bf_json *event, struct bf_error *err)
{
    int rc = bf_draft_members(d, event, "type, filter", err);

    if (rc == BF_OK)
        rc = read_trigger(d, event, err);
    if (rc)
        return rc;
    rc = read_event_filter(d, bf_draft_member(event, "filter"), err);
    if (rc)
        bf_error_within(err, "filter");
    return rc;
}
