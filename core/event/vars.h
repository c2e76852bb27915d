/* vars.h - the ${variables} of an event.
 *
 * A variable that does not apply to the event is an empty string; a name that nobody knows is an
 * error, at the time an automation is saved.  The names and values are W&B's, with additions of
 * our own; the table stands in vars.c.  Values made for an event are good as long as the arena. */
#ifndef BF_VARS_H
#define BF_VARS_H

#include <stdbool.h>

#include "core/event/envelope.h"

#define BF_VAR_LARGE (64 * 1024)        /* bytes of a large value, for an estimate of size */

/* METADATA AND DATA.  ${artifact_metadata.KEY} is a top-level member of the artifact's metadata; the
 * key may hold dots.  ${data} is what a sender put there, ${data.PATH} a part of it: a dot goes into
 * a member, or by its number into an element; ${data.alerts.0.labels.severity}. */

/* What is known of a delivery besides its event. */
struct bf_vars {
    struct bf_arena *arena;             /* where values are made */
    const struct bf_envelope *event;
    const struct bf_json *root;         /* bf_json_parse() of event->text */
    const char *trigger;                /* rendered name of what fired, "LINK_ARTIFACT"; NULL for a
                                           custom type, which is its own name */
    const char *automation;             /* its name */
    const char *automation_id;
    const char *execution_id;
    const char *public_url;             /* of this hub, no slash at the end */
};

/* Whether `name` is a variable of some event ("alias", "artifact_metadata.acc"). */
bool bf_var_known(const char *name);
/* How long a value may be, in bytes of its text or of what they are within a JSON string.  What an
 * envelope does not hold to BF_NAME_MAX counts as BF_VAR_LARGE bytes of a sender's JSON. */
size_t bf_var_most(const char *name, bool escaped);
/* "alias, artifact_collection_name, …": for the words of an error. */
const char *bf_var_names(void);
/* The value as text, "" where it does not apply; NULL if the name is not known. */
const char *bf_var_text(const struct bf_vars *v, const char *name);
/* The value as JSON, for ${json:name}: what the sender wrote for metadata and data (null if
 * nothing), a string else.  NULL if the name is not known. */
const char *bf_var_json(const struct bf_vars *v, const char *name);

#endif
