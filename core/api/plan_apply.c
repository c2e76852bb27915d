/* plan_apply.c - the engine's part of a plan: all of it in one transaction, or nothing.
 *
 * Teams first, then integrations, then automations, as each may need those before it; deletions in
 * the opposite order.  Each is done as by its own route, and leaves the same record; whatever has
 * moved since the plan was read is found out here, and undoes all of it. */
#include "core/api/plans.h"

#include <string.h>

#include "core/api/people.h"
#include "core/base/base.h"
#include "core/bus/automation_list.h"
#include "core/bus/uses.h"

/* In front of what a room said. */
static int about(const struct bf_planned *t, int rc, struct bf_error *err)
{
    struct bf_error why = *err;

    if (rc == BF_EIO || rc == BF_ENOMEM)
        return rc;
    bf_error_set(err, rc, "%s \"%s\" of %s: %s", bf_thing_name(t->kind), t->name, t->entity,
                 why.words);
    return rc;
}

static int has_moved(struct bf_plan *p, const struct bf_planned *t, struct bf_error *err)
{
    p->moved = true;
    bf_error_set(err, BF_EEXIST, "it was changed meanwhile; make a new plan");
    return about(t, BF_EEXIST, err);
}

static const char *user(const struct bf_plan *p) { return bf_auth_who(p->x)->user; }


/* --- automations ----------------------------------------------------------------------------- */

static bool on_revision(void *arg, const struct bf_automation_row *row)
{
    *(uint64_t *)arg = row->revision;
    return false;
}

/* Is it as it was when the plan was read? */
static int check_automation(struct bf_plan *p, const struct bf_planned *t, struct bf_tx *tx,
                            struct bf_error *err)
{
    uint64_t revision = 0;
    int rc = t->facts.there ? bf_automation_find(tx->db, t->id, on_revision, &revision)
                            : bf_team_check_there(tx->db, t->owner, err);

    if (rc && rc != BF_ENOENT)
        return bf_error_set(err, rc, "cannot read the automations: %s", bf_db_words(tx->db));
    if (rc && !t->facts.there)
        return about(t, rc, err);
    return rc || revision != t->revision ? has_moved(p, t, err) : BF_OK;
}

static int save_automation(struct bf_plan *p, struct bf_planned *t, struct bf_tx *tx,
                           struct bf_error *err)
{
    struct bf_automation_change change = {.verb = "saved", .id = t->id, .owner = t->owner,
                                          .spec = t->spec, .spec_len = t->spec_len,
                                          .author = user(p)};
    int rc = check_automation(p, t, tx, err);

    if (rc)
        return rc;
    rc = bf_bus_save_automation(tx, &change, &t->saved, err);
    p->conflict |= rc == BF_EEXIST;
    return rc ? about(t, rc, err) : BF_OK;
}

static int delete_automation(struct bf_plan *p, struct bf_planned *t, struct bf_tx *tx,
                             struct bf_error *err)
{
    int rc = check_automation(p, t, tx, err);

    return rc ? rc : bf_bus_delete_automation(tx, t->id, user(p), err);
}


/* --- integrations ---------------------------------------------------------------------------- */

static int save_integration(struct bf_plan *p, struct bf_planned *t, struct bf_tx *tx,
                            struct bf_error *err)
{
    int rc = bf_api_integration_save(&t->change, tx, err);

    if (t->change.was_changed)
        return has_moved(p, t, err);
    p->conflict |= rc == BF_EEXIST;
    return rc ? about(t, rc, err) : BF_OK;
}

static bool on_user(void *arg, const char *id, const char *name, const char *entity)
{
    (void)id;
    (void)name;
    (void)entity;
    *(bool *)arg = true;
    return false;
}

/* After this document's own automations have been changed and deleted. */
static int delete_integration(struct bf_plan *p, struct bf_planned *t, struct bf_tx *tx,
                              struct bf_error *err)
{
    struct bf_integration *now = bf_team_integration(p->api->team, t->id);
    bool is_same = now && now->revision == t->revision, used = false;
    int rc;

    bf_integration_unref(now);
    if (!is_same)
        return has_moved(p, t, err);
    rc = bf_uses_list(tx->db, t->id, "", on_user, &used);
    if (rc)
        return bf_error_set(err, rc, "cannot read the automations: %s", bf_db_words(tx->db));
    if (used) {
        p->conflict = true;
        bf_error_set(err, BF_EEXIST, "an automation that is not this document's uses it, so it is not"
                     " deleted; have it use another");
        return about(t, BF_EEXIST, err);
    }
    rc = bf_api_integration_delete(p->api, p->x, tx, t->is, err);
    return rc ? about(t, rc, err) : BF_OK;
}


/* --- teams ----------------------------------------------------------------------------------- */

static int save_team(struct bf_plan *p, struct bf_planned *t, struct bf_tx *tx,
                     struct bf_error *err)
{
    int rc = bf_api_team_put(&t->team, tx, err);

    p->conflict |= rc == BF_EEXIST;
    if (rc)
        return about(t, rc, err);
    return t->team.put.made == t->facts.there ? has_moved(p, t, err) : BF_OK;
}

static int delete_team(struct bf_plan *p, struct bf_planned *t, struct bf_tx *tx,
                       struct bf_error *err)
{
    int rc = bf_api_team_delete(&t->team, tx, err);

    p->conflict |= rc == BF_EEXIST;
    return rc ? about(t, rc, err) : BF_OK;
}


/* --- all of it ------------------------------------------------------------------------------- */

typedef int do_fn(struct bf_plan *p, struct bf_planned *t, struct bf_tx *tx, struct bf_error *err);

static int do_all(struct bf_plan *p, enum bf_thing_kind kind, unsigned actions, do_fn *fn,
                  struct bf_tx *tx, struct bf_error *err)
{
    int rc = BF_OK;

    for (size_t i = 0; !rc && i < p->n; i++)
        if (p->things[i].kind == kind && (actions & 1u << p->things[i].action))
            rc = fn(p, &p->things[i], tx, err);
    return rc;
}

static int note(struct bf_plan *p, struct bf_planned *t, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_managed row = {.manifest = p->document.manifest, .kind = t->kind, .entity = t->entity,
                             .name = t->name, .id = t->id, .applied = t->after};

    return bf_managed_put(tx->db, &row, tx->now_ms, err);
}

static int forget(struct bf_plan *p, struct bf_planned *t, struct bf_tx *tx, struct bf_error *err)
{
    return bf_managed_forget(tx->db, p->document.manifest, t->kind, t->entity, t->name, err);
}

/* What belongs to the manifest from now on.  Of what drifted, what was applied last stays so. */
static int note_all(struct bf_plan *p, struct bf_tx *tx, struct bf_error *err)
{
    int rc = BF_OK;

    for (size_t i = 0; !rc && i < p->n; i++) {
        struct bf_planned *t = &p->things[i];

        if (t->action == BF_PLAN_DELETE || t->action == BF_PLAN_FORGET)
            rc = forget(p, t, tx, err);
        else if (t->owns && t->action != BF_PLAN_DRIFT &&
                 (t->action != BF_PLAN_NOTHING || !t->noted))
            rc = note(p, t, tx, err);
    }
    return rc;
}

static void count(struct bf_plan *p, const char *entity, unsigned n[3])
{
    n[0] = n[1] = n[2] = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct bf_planned *t = &p->things[i];

        if (entity && strcmp(t->entity, entity) != 0)
            continue;
        n[0] += t->action == BF_PLAN_CREATE;
        n[1] += t->action == BF_PLAN_CHANGE;
        n[2] += t->action == BF_PLAN_DELETE;
    }
}

/* One record for each team, of what was done there. */
static int record(struct bf_plan *p, const char *entity, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_tree *t;
    unsigned n[3];

    count(p, entity, n);
    if (n[0] + n[1] + n[2] == 0)
        return BF_OK;
    t = bf_tree_object();
    bf_tree_str(t, "manifest", p->document.manifest);
    bf_tree_int(t, "created", n[0]);
    bf_tree_int(t, "changed", n[1]);
    bf_tree_int(t, "deleted", n[2]);
    return bf_people_record(tx, "belfry.plan.applied", entity, user(p), t, err);
}

static int record_all(struct bf_plan *p, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_map *seen = bf_map_new();
    int rc = BF_OK;

    for (size_t i = 0; !rc && i < p->n; i++)
        if (!bf_map_set(seen, p->things[i].entity, p))
            rc = record(p, p->things[i].entity, tx, err);
    bf_map_free(seen);
    return rc;
}

static void drop_saved(struct bf_plan *p)
{
    for (size_t i = 0; i < p->n; i++) {
        bf_automation_unref(p->things[i].saved);
        p->things[i].saved = NULL;
    }
}

int bf_plan_apply(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    static const struct {
        enum bf_thing_kind kind;
        unsigned actions;
        do_fn *fn;
    } steps[] = {
        {BF_THING_TEAM, 1u << BF_PLAN_CREATE | 1u << BF_PLAN_CHANGE, save_team},
        {BF_THING_INTEGRATION, 1u << BF_PLAN_CREATE | 1u << BF_PLAN_CHANGE, save_integration},
        {BF_THING_AUTOMATION, 1u << BF_PLAN_CREATE | 1u << BF_PLAN_CHANGE, save_automation},
        {BF_THING_AUTOMATION, 1u << BF_PLAN_DELETE, delete_automation},
        {BF_THING_INTEGRATION, 1u << BF_PLAN_DELETE, delete_integration},
        {BF_THING_TEAM, 1u << BF_PLAN_DELETE, delete_team},
    };
    struct bf_plan *p = bf_container_of(work, struct bf_plan, checked.write.work);
    int rc = BF_OK;

    drop_saved(p);
    p->moved = p->conflict = false;
    for (size_t i = 0; !rc && i < BF_COUNT(steps); i++)
        rc = do_all(p, steps[i].kind, steps[i].actions, steps[i].fn, tx, err);
    if (!rc)
        rc = note_all(p, tx, err);
    return rc ? rc : record_all(p, tx, err);
}


/* --- after the commit ------------------------------------------------------------------------ */

static void put_in_force(struct bf_plan *p, struct bf_planned *t)
{
    bool deleted = t->action == BF_PLAN_DELETE;

    if (t->action != BF_PLAN_CREATE && t->action != BF_PLAN_CHANGE && !deleted)
        return;
    if (t->kind == BF_THING_TEAM && deleted)
        bf_api_team_is_deleted(&t->team);
    else if (t->kind == BF_THING_TEAM)
        bf_api_team_is_put(&t->team);
    else if (t->kind == BF_THING_INTEGRATION && deleted)
        bf_api_integration_is_deleted(p->api, p->arena, t->is);
    else if (t->kind == BF_THING_INTEGRATION)
        bf_api_integration_is_saved(&t->change);
    else if (deleted)
        bf_bus_unfile_automation(p->api->bus, t->id);
    else
        bf_bus_file_automation(p->api->bus, t->saved);
}

int bf_plan_applied(struct bf_api_write *w)
{
    struct bf_plan *p = bf_container_of(w, struct bf_plan, checked.write);
    unsigned n[3];

    for (size_t i = 0; i < p->n; i++)
        put_in_force(p, &p->things[i]);
    count(p, NULL, n);
    p->n_made = n[0];
    p->n_changed = n[1];
    p->n_deleted = n[2];
    bf_infof(p->api->log, "api", "%s applied %s: %u made, %u changed, %u deleted", user(p),
             p->document.manifest, n[0], n[1], n[2]);
    return bf_plan_show(p);
}

int bf_plan_refused(struct bf_api_write *w, int rc, const struct bf_error *err)
{
    struct bf_plan *p = bf_container_of(w, struct bf_plan, checked.write);

    if (p->moved || p->conflict)
        return bf_exchange_fail(w->x, 409, "conflict", NULL, "%s; nothing was changed", err->words);
    return bf_api_fail(w->x, rc, err);
}
