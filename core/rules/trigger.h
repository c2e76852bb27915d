/* trigger.h - which event type is which trigger: one table, in trigger.c.
 *
 * The wire name is W&B's enum and the public name of a trigger; ${event_type} renders another one
 * for LINK_MODEL.  Types that are nobody's but a team's own ("ci.finished"), or the hub's own
 * ("belfry.integration.saved"), are triggers by themselves: then all three names are the type, and
 * the struct is the automation's. */
#ifndef BF_TRIGGER_H
#define BF_TRIGGER_H

#include <stdbool.h>

#include "core/base/error.h"

struct bf_trigger {
    const char *wire;           /* "ADD_ARTIFACT_ALIAS" */
    const char *event;          /* type of the event it fires on, "artifact.alias.add" */
    const char *rendered;       /* "LINK_ARTIFACT" for LINK_MODEL */
    bool registry_only;         /* this pair fires only where the project is a registry */
    const char *field;          /* by which the index files: "alias" and "tag" are of the event and
                                   of its filter, "metric" of conditions, "state" of a RUN_STATE's
                                   states; or NULL */
};

/* A trigger may stand in several rows (CREATE_ARTIFACT fires on artifact.create, and on
 * artifact.link into a registry); this gives the first. */
const struct bf_trigger *bf_trigger_by_wire(const char *wire);  /* NULL if there is none */
/* The rows for an event type: call with *at = 0; NULL at the end. */
const struct bf_trigger *bf_trigger_of_event(const char *event_type, unsigned *at);
bool bf_trigger_of_run(const struct bf_trigger *t);     /* it fires on what a run did */
/* Whether what an ABSENCE waits for is a run's: "run.metric", or "run" for any of them. */
bool bf_is_of_run(const char *awaited);
const char *bf_trigger_names(void);     /* "CREATE_ARTIFACT, …": of those in the table */
/* Whether a type may be a trigger by itself; else words that say what to use. */
int bf_trigger_check_type(const char *type, struct bf_error *err);

#endif
