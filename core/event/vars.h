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
#define BF_VAR_FIRINGS (256 * 1024)     /* of ${firings} */

/* METADATA AND DATA.  ${artifact_metadata.KEY} is a top-level member of the artifact's metadata; the
 * key may hold dots.  ${data} is what a sender put there, ${data.PATH} a part of it: a dot goes into
 * a member, or by its number into an element; ${data.alerts.0.labels.severity}.
 *
 * FACTS are what the rules measured when they fired, a JSON object:
 *   of a metric   {"metric","values":[…],"step","filter","short","threshold","op",…}
 *   of a state    {"from","to"}
 *   of absence    {"of","for","last","metric"}
 *   of a schedule {"occurrence","late","missed"}
 * and go before what the event itself says of the same.
 *
 * FIRINGS.  Where one delivery tells of several, ${firing_count} says how many, and ${json:firings}
 * is an array of them, oldest first: of each what a template could ask for, under the same names,
 * without what does not apply.  A delivery of one is told of in the same way. */

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
    const struct bf_json *facts;        /* parsed; NULL: nothing was measured */
    uint32_t firing_count;              /* 0 is as good as 1 */
    const char *firings;                /* the array; NULL: of this one alone */
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
/* The value as JSON, for ${json:name}: what the sender wrote for metadata and data, numbers and
 * flags as such (null if there is nothing), a string else.  NULL if the name is not known. */
const char *bf_var_json(const struct bf_vars *v, const char *name);
/* One element of ${firings}. */
void bf_vars_firing(const struct bf_vars *v, struct bf_buf *out);

#endif
