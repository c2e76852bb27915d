/* plan.h - automations as code: what becomes of each thing that a document describes, or once did.
 *
 * CONCEPT.  A document says what should be; the hub knows what is, and what this manifest applied
 * last (managed.h).  From these three follows what is to be done, thing by thing:
 *
 *   wanted, not there                        made
 *   wanted, the manifest's, as applied       changed, if it is not as wanted
 *   wanted, not the manifest's               the manifest's from now on, if it is as wanted; else a
 *                                            conflict, and left alone: unless it is to be adopted
 *   the manifest's, wanted no more           deleted
 *   the manifest's, but changed by hand      drift, and left alone: unless it is to be overwritten.
 *                                            So it is with what was deleted by hand
 *
 * A thing that belongs to nobody, or to another manifest, is never touched.  A team that was there
 * before is used and not owned, so it is never deleted with the file; adopting it changes that.
 *
 * SAFETY.  Nothing here reads or writes: whoever does has looked all of it up in one snapshot. */
#ifndef BF_PLAN_H
#define BF_PLAN_H

#include "core/delivery/standing.h"
#include "core/plan/managed.h"
#include "core/rules/differ.h"

enum bf_plan_action {
    BF_PLAN_NOTHING,            /* it is as it should be */
    BF_PLAN_CREATE,
    BF_PLAN_CHANGE,
    BF_PLAN_DELETE,
    BF_PLAN_DRIFT,              /* left alone, as are */
    BF_PLAN_CONFLICT,
    BF_PLAN_FORGET              /* it was the manifest's, and is gone; there is nothing to be done */
};

/* What is known of one thing. */
struct bf_plan_facts {
    enum bf_thing_kind kind;
    bool wanted;
    bool there;
    bool owned;                 /* by this manifest; if it is not there, it was */
    bool foreign;               /* another manifest's */
    bool differs;               /* from what is wanted */
    bool drifted;               /* from what was applied */
};

struct bf_plan_options {
    bool adopt;                 /* take over what is not the manifest's */
    bool overwrite;             /* what was changed by hand */
};

/* *owns: it is the manifest's afterwards. */
enum bf_plan_action bf_plan_decide(const struct bf_plan_facts *f, const struct bf_plan_options *o,
                                   bool *owns);


/* --- what things are like ------------------------------------------------------------ */

/* As JSON, to be compared and kept: of a team {"organization"}, of an integration {"sink","config",
 * "secrets","delivery"}, of an automation its spec with the ids of its integrations. */

const char *bf_state_team(struct bf_arena *a, const char *organization);        /* NULL: any */

struct bf_state_integration {
    const char *sink;
    const struct bf_json *config;       /* NULL: {} */
    const char *secrets;                /* names apart by a space */
    const struct bf_delivery_settings *delivery;
};
const char *bf_state_integration(struct bf_arena *a, const struct bf_state_integration *i);

/* Whether two states of a kind differ; those of automations must parse, else they do.  A literal
 * that was sealed, {"set":true}, is the same as one that the other does not mention: no document can.
 * NULL fn is fine. */
bool bf_states_differ(struct bf_arena *a, enum bf_thing_kind kind, const char *before,
                      const char *after, bf_differ_fn *fn, void *arg);

#endif
