/* warnings.c - what is wrong, or may become so, with what was saved: /api/v1/automations/{id}/warnings,
 * its sister for integrations, and /api/v1/warnings for all automations of a team.
 *
 * Whoever saved it was told what there was to tell then.  Here all of it is checked anew, so it is told
 * what has changed since as well: an integration that was deleted or disabled, a secret that is gone,
 * a script that fails, a host that cannot be resolved any more.  Nothing of it is kept. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/base/base.h"
#include "core/bus/automation_list.h"

#define PAGE_MS 2000            /* after which a page of a list ends */

struct looking {
    struct bf_job job;
    struct bf_api *api;
    struct bf_exchange *x;
    struct bf_api_draft draft;  /* of an automation, */
    struct bf_integration *i;   /* or a reference */
    bool is_admin;              /* of where the integration belongs */
};

void bf_api_show_warnings(struct bf_tree *array, const struct bf_warning *w)
{
    for (; w; w = w->next) {
        struct bf_tree *t = bf_tree_add_object(array, NULL);

        bf_tree_str(t, "field", w->field);
        bf_tree_str(t, "message", w->message);
    }
}

static int answer(struct looking *l, const struct bf_warnings *w)
{
    struct bf_tree *t = bf_tree_object();

    bf_api_show_warnings(bf_tree_add_array(t, "items"), w->first);
    bf_tree_str(t, "next", NULL);
    return bf_api_answer(l->x, 200, t);
}


/* --- what is looked at ------------------------------------------------------------------ */

static int look_at_automation(struct looking *l)
{
    int status = bf_api_look_again(l->api, l->x, &l->draft);

    return status ? status : answer(l, &l->draft.warnings);
}

/* What is saved already has no literals to seal. */
static void on_seal(void *arg, const char *secret_name, const char *value)
{
    (void)arg;
    (void)secret_name;
    (void)value;
}

static int look_at_integration(struct looking *l)
{
    struct bf_integration_draft d = {.entity = l->i->entity, .id = l->i->id, .sink = l->i->sink,
                                     .before = l->i, .secrets = l->i->secrets, .seal = on_seal,
                                     .hides_secrets = !l->is_admin};
    struct bf_error err;
    int rc = bf_plugins_check_integration(l->api->plugins, bf_exchange_arena(l->x), &d, &err);

    if (rc == BF_EFULL || rc == BF_ECANCELED)
        return bf_api_fail(l->x, rc, &err);
    if (rc)
        bf_warnings_add(&d.warnings, err.field, "%s", err.words);
    if (l->i->disabled)
        bf_warnings_add(&d.warnings, "disabled", "nothing is delivered, and executions wait, until it"
                        " is enabled: %s", l->i->disabled_reason);
    return answer(l, &d.warnings);
}

/* [worker] */
static void run(struct bf_job *job)
{
    struct looking *l = bf_container_of(job, struct looking, job);
    struct bf_exchange *x = l->x;
    int status = l->i ? look_at_integration(l) : look_at_automation(l);

    if (status == 200 && !bf_arena_ok(bf_exchange_arena(x)))
        status = bf_api_fail(x, BF_EFULL, NULL);
    bf_integration_unref(l->i);
    bf_api_end_verdicts(l->api);
    bf_exchange_finish(x, status);
}


/* --- asking ------------------------------------------------------------------------------- */

static void drop(struct bf_job *job)
{
    bf_integration_unref(bf_container_of(job, struct looking, job)->i);
}

static struct looking *new_looking(struct bf_api *api, struct bf_exchange *x)
{
    struct looking *l = bf_arena_new_of(bf_exchange_arena(x), struct looking);

    if (l) {
        l->api = api;
        l->x = x;
        l->job.fn = run;
    }
    return l;
}

static int on_automation(struct bf_exchange *x, void *arg)
{
    struct looking *l = new_looking(arg, x);
    struct bf_api_automation now;
    int status = l ? bf_api_automation(arg, x, BF_READ, &now) : bf_api_fail(x, BF_EFULL, NULL);

    if (status)
        return status;
    l->draft.id = now.id;
    l->draft.owner = now.owner;
    l->draft.spec = bf_json_raw(now.spec, &l->draft.len);
    return bf_api_begin_verdicts(arg, x, &l->job, drop);
}

static int on_integration(struct bf_exchange *x, void *arg)
{
    struct looking *l = new_looking(arg, x);
    int status = l ? bf_api_integration(arg, x, BF_READ, &l->i) : bf_api_fail(x, BF_EFULL, NULL);

    if (status)
        return status;
    l->is_admin = bf_team_may(l->api->team, bf_auth_who(x), BF_ADMIN, l->i->entity);
    return bf_api_begin_verdicts(arg, x, &l->job, drop);
}


/* --- all of a team ------------------------------------------------------------------------ */

struct listing {
    struct bf_job job;
    struct bf_api_page page;    /* of what is looked at; its items are what has warnings */
    struct bf_db *db;
    const char *team;
    int64_t until_mono;
    int status;                 /* of what could not be looked at */
};

static void add_item(struct bf_tree *items, const struct bf_automation_row *row,
                     const struct bf_warnings *w)
{
    struct bf_tree *t = bf_tree_add_object(items, NULL);

    bf_tree_str(t, "automation", row->id);
    bf_tree_str(t, "name", row->name);
    bf_api_show_warnings(bf_tree_add_array(t, "warnings"), w->first);
}

static bool on_row(void *arg, const struct bf_automation_row *row)
{
    struct listing *l = arg;
    struct bf_api_page *p = &l->page;
    struct bf_api_draft draft = {.id = row->id, .owner = row->entity, .spec = row->spec,
                                 .len = row->spec_len};

    if (p->taken && bf_mono_ms(p->api->clock) >= l->until_mono) {
        p->more = true;
        return false;
    }
    if (!bf_api_page_take(p, row->id))
        return false;
    l->status = bf_api_look_again(p->api, p->x, &draft);
    if (!l->status && draft.warnings.first)
        add_item(p->items, row, &draft.warnings);
    return !l->status;
}

static int answer_list(struct listing *l)
{
    struct bf_automation_query query = {.entity = l->team};
    struct bf_error err;
    int rc = bf_db_open(l->page.api->db_path, BF_DB_READ, &l->db, &err);

    l->until_mono = bf_mono_ms(l->page.api->clock) + PAGE_MS;
    if (!rc)
        rc = bf_automation_list(l->db, &query, l->page.cursor, on_row, l);
    if (!rc && !l->status && !bf_arena_ok(bf_exchange_arena(l->page.x)))
        l->status = bf_api_fail(l->page.x, BF_EFULL, NULL);
    if (!l->status)
        return bf_api_page_answer(&l->page, rc);
    bf_tree_free(l->page.root);
    return l->status;
}

/* [worker] */
static void run_list(struct bf_job *job)
{
    struct listing *l = bf_container_of(job, struct listing, job);
    struct bf_api *api = l->page.api;
    struct bf_exchange *x = l->page.x;
    int status = answer_list(l);

    bf_db_close(l->db);
    bf_api_end_verdicts(api);
    bf_exchange_finish(x, status);
}

static void drop_list(struct bf_job *job)
{
    bf_tree_free(bf_container_of(job, struct listing, job)->page.root);
}

static int on_list(struct bf_exchange *x, void *arg)
{
    struct listing *l = bf_arena_new_of(bf_exchange_arena(x), struct listing);
    int status = 0;

    if (!l)
        return bf_api_fail(x, BF_EFULL, NULL);
    l->team = bf_exchange_query_param(x, "team");
    if (!l->team)
        status = bf_exchange_fail(x, 400, "invalid", "team", "say of which team: ?team=NAME");
    if (!status)
        status = bf_api_require(arg, x, BF_READ, l->team);
    if (!status)
        status = bf_api_page_begin(&l->page, arg, x);
    l->job.fn = run_list;
    return status ? status : bf_api_begin_verdicts(arg, x, &l->job, drop_list);
}

const struct bf_api_route bf_api_warning_routes[] = {
    {"GET", "/api/v1/warnings", BF_READ, on_list},
    {"GET", "/api/v1/automations/{id}/warnings", BF_READ, on_automation},
    {"GET", "/api/v1/integrations/{id}/warnings", BF_READ, on_integration},
    {NULL, NULL, 0, NULL},
};
