/* automation.h - an automation as the rules see it: parsed once per revision, never changed, and
 * all of it one piece of memory, since there may be a hundred thousand of them.
 *
 * The JSON is what REST takes:
 *   {"name","description","enabled","scope":{"entity","project","collection"},
 *    (or "scope":{"organization"}, which is its own entity)
 *    "event":{"type":"ADD_ARTIFACT_ALIAS","filter":{…}},
 *    "limits":{…}, "hooks":{…}, "dry_run":false,
 *    "actions":[{"integration":"ID","config":{…}}, …]}
 * Unknown members are refused by name; an optional one that is null is as good as absent.
 *
 * event.filter depends on the type: for most it is a filter over the event (filter.h); for those of
 * runs it has parts: "run_filter", a filter over the run, and beside it what is waited for:
 *   RUN_METRIC, RUN_METRIC_CHANGE, RUN_METRIC_ZSCORE  "run_metric_filter" (condition.h)
 *   RUN_STATE                                         "run_state_filter":{"states":["FAILED"]}
 * It may stand in a JSON string, and so may its parts, as W&B's client sends them. */
#ifndef BF_AUTOMATION_H
#define BF_AUTOMATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/id.h"
#include "core/base/json.h"
#include "core/rules/condition.h"
#include "core/rules/filter.h"
#include "core/rules/hooks.h"
#include "core/rules/limits.h"
#include "core/rules/schedule.h"
#include "core/rules/trigger.h"

#define BF_AUTOMATION_NAME_MAX 255      /* characters */
#define BF_DESCRIPTION_MAX     10000    /* characters */
#define BF_SPEC_MAX            (1024 * 1024)    /* bytes of the JSON */
#define BF_ACTIONS_MAX         16

/* The states that can be waited for; a run is in others, too.  A crashed run has failed. */
enum bf_run_state { BF_RUN_RUNNING = 1, BF_RUN_FINISHED = 2, BF_RUN_FAILED = 4 };

struct bf_action {
    const char *integration;    /* its id */
    const char *config;         /* JSON object, as the author wrote it */
    size_t config_len;
    const char *secrets;        /* names granted to it, apart by a space; "" if none */
};

struct bf_automation {
    atomic_uint refs;
    bool enabled;
    uint32_t n_actions;
    char id[BF_ID_LEN + 1];
    uint64_t revision;          /* number of the record that made this revision; unique in the hub */
    const char *owner;          /* the entity it belongs to */
    const char *name;
    const char *description;    /* "" if none */
    const char *entity;         /* the scope; project and collection may be NULL */
    const char *project;
    const char *collection;
    const struct bf_trigger *trigger;   /* of the table, or its own */
    const struct bf_filter *filter;     /* of a run's trigger, its run_filter */
    struct bf_conditions conditions;    /* of RUN_METRIC and its sisters */
    unsigned states;            /* of RUN_STATE: bits of enum bf_run_state */
    bool only_crashed;          /* the author wrote CRASHED for it, and not FAILED */
    const struct bf_schedule *schedule; /* of SCHEDULE, else NULL */
    const struct bf_absence *absence;   /* of ABSENCE, else NULL */
    struct bf_limits limits;
    struct bf_hooks hooks;
    bool dry_run;               /* records what it would send, sends nothing */
    uint64_t era;               /* the revision since which its scope, event, limits, filter hook and dry_run
                                   are what they are: what is remembered for it begins anew with each.
                                   0 until the caller sets it */
    const struct bf_action *actions;
    const char *spec;           /* the whole JSON object it was made from */
    size_t spec_len;
};

/* Parse and check all that needs nothing but the text; integrations and their options are the
 * caller's to check.  The id, revision and owner are given by the caller and copied; a NULL owner
 * is the scope's entity. */
int bf_automation_parse(const char *spec, size_t len, const char *id, uint64_t revision,
                        const char *owner, struct bf_automation **out, struct bf_error *err);
struct bf_automation *bf_automation_ref(const struct bf_automation *a);
void bf_automation_unref(const struct bf_automation *a);        /* NULL is fine */

/* Whether scope, event, limits, filter hook and dry_run mean the same, however they are written; then
 * what is remembered for one holds for the other.  Filters are the same if they ask the same in the
 * same order, and scripts if their texts are, or the names of their files: what such a file holds may
 * change without a new revision.  A transform decides nothing. */
bool bf_automation_same_matter(const struct bf_automation *a, const struct bf_automation *b);
/* The same of the event alone: the trigger and all that its filter says. */
bool bf_automation_same_event(const struct bf_automation *a, const struct bf_automation *b);

#endif
