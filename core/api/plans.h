/* plans.h - a plan while it is made, shown and applied: what plans.c, plan_read.c, plan_check.c,
 * plan_show.c and plan_apply.c share.
 *
 * OPERATION.  On a worker: everything that the document or the table of what is managed names is
 * looked up in one snapshot and compared (plan_read.c); what would be made, changed or deleted is
 * checked as the routes of these things check it (plan_check.c).  Then the plan is shown, or posted
 * to the engine, where nothing is done if anything has moved since (plan_apply.c).
 *
 * SAFETY.  A team that the caller may not read is not there, and what belongs to it neither. */
#ifndef BF_PLANS_H
#define BF_PLANS_H

#include "core/api/change.h"
#include "core/base/map.h"
#include "core/plan/plan.h"

struct bf_planned {
    const struct bf_wanted *wanted;     /* NULL: it was the file's, and is not in it any more */
    enum bf_thing_kind kind;
    const char *entity;         /* and name, as the document has them */
    const char *name;
    struct bf_plan_facts facts;
    enum bf_plan_action action;
    bool owns;                  /* it is the manifest's afterwards, ... */
    bool noted;                 /* ... and just so in the table already */
    const char *id;             /* of one that is made: the one it gets */
    const char *called;         /* its name in the hub, where it was renamed; or NULL */
    const char *foreign;        /* the manifest it belongs to, if that is another; or NULL */
    const char *denied;         /* why the caller may not have it so; or NULL */
    const char *in_use;         /* what is in the way of its deletion; or NULL */
    const char *before;         /* states: as it is, or NULL; */
    const char *after;          /* as it is wanted, or NULL; */
    const char *applied;        /* as it was applied last, or NULL */
    uint64_t revision;          /* of what there is */
    const char *owner;          /* of an automation: the entity that has it */
    const char *project;        /* and the project of its scope as it is, or NULL */
    const struct bf_warning *warnings;
    const char *spec;           /* of an automation: what is saved */
    size_t spec_len;
    struct bf_delivery_settings delivery;       /* of an integration, as it is wanted */
    const char *secrets;        /* granted to it, "A B" */
    struct bf_integration *is;  /* a reference, if it is there */
    struct bf_integration *becomes;     /* a reference, if it is made or changed */
    struct bf_api_integration_change change;
    struct bf_api_team_change team;
    const struct bf_automation *saved;  /* a reference, of the engine's work */
};

struct bf_plan {
    struct bf_api_checked checked;
    struct bf_api *api;
    struct bf_exchange *x;
    struct bf_arena *arena;
    struct bf_arena *scratch;           /* of one comparison */
    struct bf_db *db;
    struct bf_document document;
    struct bf_plan_options options;
    const char *expect;         /* of a plan that is applied; else NULL */
    struct bf_planned *things;  /* those wanted, then those that are no more */
    size_t n;
    struct bf_map *rows;        /* "kind/entity/name": struct bf_managed, then those of no wanted thing */
    struct bf_map *by_key;      /* "kind/entity/name": struct bf_planned */
    struct bf_map *by_id;       /* the same by "kind/id" */
    struct bf_map *integrations;        /* "entity/name" to id, of entities that were looked at */
    struct bf_api_planned planned;
    const struct bf_planned *lacking;   /* an integration that was asked for, and is denied */
    bool moved;                 /* while it was applied */
    bool conflict;              /* what is in the way is 409 */
    char hash[2 * 32 + 1];
    unsigned n_made, n_changed, n_deleted;
};

struct bf_planned *bf_plan_thing(const struct bf_plan *p, enum bf_thing_kind kind,
                                 const char *entity, const char *name);
/* An error about one thing: the exchange's answer so far, or `err`, with its place and name in
 * front.  Give the status. */
int bf_plan_refuse(struct bf_plan *p, const struct bf_planned *t, int status);
int bf_plan_invalid(struct bf_plan *p, const struct bf_planned *t, int rc, struct bf_error *err);

/* These give 0, or a status with the error filled in.  [worker] */
int bf_plan_read(struct bf_plan *p);
int bf_plan_check(struct bf_plan *p);
void bf_plan_hash(struct bf_plan *p);
int bf_plan_show(struct bf_plan *p);

/* The engine's part, for struct bf_api_write. */
int bf_plan_apply(struct bf_work *work, struct bf_tx *tx, struct bf_error *err);
int bf_plan_applied(struct bf_api_write *w);
int bf_plan_refused(struct bf_api_write *w, int rc, const struct bf_error *err);


/* --- names of integrations (integration_names.c) -------------------------------------- */

/* What an action's integration is to be called, or NULL to leave it.  `sink` is what its author takes
 * it for, or NULL. */
typedef const char *bf_rename_fn(void *arg, unsigned action, const char *integration,
                                 const char *sink);
/* The spec with each action's "integration" replaced, and its "sink", which only documents have, gone;
 * all else stays as it is written.  What is no array of objects stays, too. */
const char *bf_api_rename_integrations(struct bf_arena *a, const char *spec, size_t len,
                                       bf_rename_fn *fn, void *arg, size_t *out_len);
/* As a document of this entity names an integration: "deployer", "acme/deployer". */
const char *bf_api_integration_called(struct bf_arena *a, const char *entity, const char *owner,
                                      const char *name);

#endif
