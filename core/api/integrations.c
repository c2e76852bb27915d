/* integrations.c - integrations of a team, written: a sink with its options.
 *
 * Secret options given as literals are sealed in the same transaction as the integration, so there
 * is never one without the other; those that a change takes away go in that transaction too.  A
 * change is made from what was read, and is refused with 409 where another came between.
 *
 * One that automations use is deleted only by ?force=true.  What waits for it then is due at once,
 * in slices, and ends as failed, with the words that the integration is not there any more; were
 * the hub to end in between, it would do so when it is due. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/api/people.h"
#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/bus/uses.h"

#define REASON_MAX    200       /* bytes of the reason for a disabling */
#define HASTEN_ROWS   256       /* executions made due in one transaction */
#define NAMED_MAX     5         /* automations named where one cannot be deleted */

struct literal {
    struct literal *next;
    const char *name;           /* "integration/ID/OPTION" */
    const char *place;          /* "ENTITY/" and the name */
    char *value;                /* NULL: it is to go */
};

struct change {
    struct bf_api_checked checked;
    struct bf_arena *arena;
    struct bf_integration *before;      /* a reference; NULL: a new one */
    const char *name;
    bool options_given;         /* config or secrets: what is to be checked */
    bool was_changed;           /* by somebody else, meanwhile */
    struct bf_integration_draft draft;
    struct bf_delivery_settings delivery;
    struct literal *literals;
    char id[BF_ID_LEN + 1];
};

static void add_literal(struct change *c, const char *secret_name, const char *value)
{
    struct literal *l = bf_arena_new_of(c->arena, struct literal);

    if (!l)
        return;         /* the arena is marked, and asked before anything is saved */
    l->name = bf_arena_dup(c->arena, secret_name);
    l->place = bf_arena_printf(c->arena, "%s/%s", c->draft.entity, secret_name);
    l->value = value ? bf_arena_dup(c->arena, value) : NULL;
    l->next = c->literals;
    c->literals = l;
}

static void on_seal(void *arg, const char *secret_name, const char *value)
{
    add_literal(arg, secret_name, value);
}

static void release(struct bf_api_write *w)
{
    struct change *c = bf_container_of(w, struct change, checked.write);

    for (struct literal *l = c->literals; l; l = l->next)
        if (l->value)
            bf_wipe(l->value, strlen(l->value));
    bf_integration_unref(c->before);
}


/* --- the engine's part ------------------------------------------------------------------ */

/* The record of a change: what anybody who may read the team can see. */
static int record(struct bf_api *api, struct bf_exchange *x, struct bf_tx *tx, const char *type,
                  const struct bf_integration *i, const char *reason, struct bf_error *err)
{
    struct bf_tree *t = bf_tree_object();
    const char *config;

    bf_tree_str(t, "id", i->id);
    bf_tree_str(t, "name", i->name);
    bf_tree_str(t, "sink", i->sink);
    if (i->config && !bf_plugins_show_config(api->plugins, bf_exchange_arena(x), i, &config))
        bf_tree_raw(t, "config", config, strlen(config));
    if (i->secrets)
        bf_tree_str(t, "secrets", i->secrets);
    if (reason)
        bf_tree_str(t, "reason", reason);
    return bf_people_record(tx, type, i->entity, bf_auth_who(x)->user, t, err);
}

static int save(struct change *c, struct bf_tx *tx, struct bf_error *err)
{
    const struct bf_integration_draft *d = &c->draft;
    int rc;

    if (!c->before) {
        rc = bf_team_check_there(tx->db, d->entity, err);
        return rc ? rc
                  : bf_team_put_integration(tx->db, c->id, d->entity, d->sink, c->name, d->stored,
                                            d->secrets, tx->now_ms, err);
    }
    rc = bf_team_change_integration(tx->db, c->id, c->before->revision, d->entity, c->name,
                                    d->stored, d->secrets, err);
    c->was_changed = rc == BF_ENOENT;
    return rc;
}

static int save_literal(struct change *c, struct bf_tx *tx, const struct literal *l,
                        struct bf_error *err)
{
    bool made;
    int rc;

    if (l->value)
        return bf_team_put_secret(c->checked.write.api->team, tx->db, c->draft.entity, l->name,
                                  l->value, strlen(l->value), tx->now_ms, &made, err);
    rc = bf_team_delete_secret(tx->db, c->draft.entity, l->name, err);
    return rc == BF_ENOENT ? BF_OK : rc;
}

static int apply(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct change *c = bf_container_of(work, struct change, checked.write.work);
    const struct bf_integration_draft *d = &c->draft;
    struct bf_integration now = {.entity = d->entity, .sink = d->sink, .name = c->name,
                                 .config = d->stored, .secrets = d->secrets};
    int rc = save(c, tx, err);

    if (!rc)
        rc = bf_delivery_settings_save(tx->db, c->id, &c->delivery, err);
    for (const struct literal *l = c->literals; l && !rc; l = l->next)
        rc = save_literal(c, tx, l, err);
    memcpy(now.id, c->id, sizeof(now.id));
    return rc ? rc : record(c->checked.write.api, c->checked.write.x, tx,
                            "belfry.integration.put", &now, NULL, err);
}

static void show_warnings(struct bf_tree *array, const struct bf_warning *w)
{
    for (; w; w = w->next) {
        struct bf_tree *t = bf_tree_add_object(array, NULL);

        bf_tree_str(t, "field", w->field);
        bf_tree_str(t, "message", w->message);
    }
}

/* What was saved is in force, and shown. */
static int answer_one(struct bf_api *api, struct bf_exchange *x, int status, const char *id,
                      const struct bf_warning *warnings)
{
    struct bf_integration *i;
    struct bf_tree *t;

    bf_api_refresh(api, "integration", id);
    bf_plugins_integration_changed(api->plugins, id);
    bf_courier_touch(api->courier, id);         /* what waits for it goes out */
    i = bf_team_integration(api->team, id);
    if (!i)
        return bf_api_unreadable(x);
    t = bf_api_show_integration(api, x, bf_bus_db(api->bus), i);
    show_warnings(bf_tree_add_array(t, "warnings"), warnings);
    bf_integration_unref(i);
    return bf_api_answer(x, status, t);
}

static int answer(struct bf_api_write *w)
{
    struct change *c = bf_container_of(w, struct change, checked.write);

    for (struct literal *l = c->literals; l; l = l->next)
        bf_api_refresh(w->api, "secret", l->place);
    return answer_one(w->api, w->x, c->before ? 200 : 201, c->id, c->draft.warnings);
}

static int refuse(struct bf_api_write *w, int rc, const struct bf_error *err)
{
    struct change *c = bf_container_of(w, struct change, checked.write);

    if (c->was_changed)
        return bf_exchange_fail(w->x, 409, "conflict", NULL, "%s", err->words);
    return bf_api_fail(w->x, rc, err);
}


/* --- checking ----------------------------------------------------------------------------- */

/* Options as they are stored. */
static int read_config(struct bf_arena *a, const char *config, const struct bf_json **out,
                       struct bf_error *err)
{
    *out = bf_json_parse(a, bf_arena_dup(a, config), strlen(config), err);
    return *out ? BF_OK : BF_ECONFIG;
}

/* Literals that the change leaves without an option. */
static void drop_literals(struct change *c)
{
    const struct bf_json *before, *now;
    struct bf_error err;

    if (read_config(c->arena, c->before->config, &before, &err) ||
        read_config(c->arena, c->draft.stored, &now, &err))
        return;
    for (const struct bf_json *k = bf_json_first(before); k; k = bf_json_next(before, k)) {
        const char *option = bf_json_str(c->arena, k);
        const char *name = bf_json_str(c->arena, bf_json_get(k + 1, "sealed"));

        if (name && !bf_json_get(bf_json_get(now, option), "sealed"))
            add_literal(c, name, NULL);
    }
}

static int check(struct bf_api_checked *checked)
{
    struct change *c = bf_container_of(checked, struct change, checked);
    struct bf_exchange *x = checked->write.x;
    struct bf_error err;
    int rc = bf_plugins_check_integration(checked->write.api->plugins, c->arena, &c->draft, &err);

    if (rc)
        return bf_api_invalid(x, rc, &err);
    if (c->before)
        drop_literals(c);
    return bf_arena_ok(c->arena) ? 0 : bf_api_fail(x, BF_EFULL, NULL);
}


/* --- reading the body ------------------------------------------------------------------------ */

static int read_name(struct bf_exchange *x, struct change *c, const struct bf_json *name)
{
    if (!name)
        return 0;
    c->name = bf_json_str(c->arena, name);
    if (bf_integration_name_ok(c->name))
        return 0;
    return bf_exchange_fail(x, 400, "invalid", "name", "an integration's name has 1 to %d"
                            " letters, digits, - and _, with spaces only between them",
                            BF_INTEGRATION_NAME_MAX);
}

/* The settings that are given; the others stay as they are. */
static int read_delivery(struct bf_exchange *x, struct change *c, const struct bf_json *delivery)
{
    struct bf_delivery_settings given;
    struct bf_error err;

    if (bf_delivery_settings_parse(c->arena, delivery, &given, &err))
        return bf_api_invalid(x, BF_ECONFIG, &err);
    if (c->before && bf_standing_read(bf_exchange_local(x), c->id, &c->delivery, NULL))
        return bf_api_unreadable(x);
    if (bf_json_get(delivery, "pace"))
        memcpy(c->delivery.pace, given.pace, sizeof(given.pace));
    if (bf_json_get(delivery, "parallel"))
        c->delivery.parallel = given.parallel;
    if (bf_json_get(delivery, "timeout_s"))
        c->delivery.timeout_ms = given.timeout_ms;
    return 0;
}

static int read_options(struct bf_exchange *x, struct change *c, const struct bf_json *options,
                        const struct bf_json *secrets)
{
    struct bf_error err;
    const char *raw;
    size_t len;

    c->options_given = options || secrets;
    if (options) {
        raw = bf_json_raw(options, &len);
        c->draft.config = bf_arena_ndup(c->arena, raw, len);
    }
    if (!secrets && c->before)
        c->draft.secrets = c->before->secrets;
    else if (bf_secret_names_read(c->arena, secrets, &c->draft.secrets, &err)) {
        bf_error_within(&err, "secrets");
        return bf_api_invalid(x, BF_ECONFIG, &err);
    }
    return 0;
}

static int read_body(struct bf_exchange *x, struct change *c)
{
    const struct bf_json *sink, *name, *options, *secrets, *delivery;
    const struct bf_api_member members[] = {{"name", BF_JSON_STRING, !c->before, &name},
                                            {"config", BF_JSON_OBJECT, false, &options},
                                            {"secrets", BF_JSON_ARRAY, false, &secrets},
                                            {"delivery", BF_JSON_OBJECT, false, &delivery},
                                            {"sink", BF_JSON_STRING, true, &sink}};
    int status = bf_api_body_members(x, members, BF_COUNT(members) - (c->before != NULL));

    if (status)
        return status;
    if (!c->before)
        c->draft.sink = bf_json_str(c->arena, sink);
    status = read_name(x, c, name);
    if (!status)
        status = read_delivery(x, c, delivery);
    return status ? status : read_options(x, c, options, secrets);
}

static struct change *new_change(struct bf_exchange *x, struct bf_integration *before)
{
    struct bf_arena *a = bf_exchange_arena(x);
    struct change *c = bf_arena_new_of(a, struct change);

    if (!c)
        return NULL;
    c->arena = a;
    c->before = before;
    c->draft = (struct bf_integration_draft){.id = c->id, .before = before, .seal = on_seal,
                                             .arg = c};
    c->checked.check = check;
    c->checked.write.work.apply = apply;
    c->checked.write.answer = answer;
    c->checked.write.refuse = refuse;
    c->checked.write.release = release;
    return c;
}

static int on_make(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    struct change *c = new_change(x, NULL);
    int status;

    if (!c)
        return bf_api_fail(x, BF_EFULL, NULL);
    bf_id_random(c->id, bf_wall_ms(api->clock));
    c->draft.entity = bf_exchange_param(x, "team");
    status = read_body(x, c);
    return status ? status : bf_api_check_and_post(api, x, &c->checked);
}

/* A change of nothing but the name is not held up by an option that has become wrong. */
static int change(struct bf_api *api, struct bf_exchange *x, struct change *c)
{
    int status;

    memcpy(c->id, c->before->id, sizeof(c->id));
    c->name = c->before->name;
    c->draft.entity = c->before->entity;
    c->draft.sink = c->before->sink;
    c->draft.stored = c->before->config;
    status = read_body(x, c);
    if (!status && c->options_given)
        return bf_api_check_and_post(api, x, &c->checked);
    return status ? status : bf_api_post(api, x, &c->checked.write);
}

static int on_change(struct bf_exchange *x, void *arg)
{
    struct bf_integration *before;
    struct change *c;
    int status;

    if (!bf_exchange_local(x))
        return bf_api_unreadable(x);
    status = bf_api_integration(arg, x, BF_ADMIN, &before);
    if (status)
        return status;
    c = new_change(x, before);
    status = c ? change(arg, x, c) : bf_api_fail(x, BF_EFULL, NULL);
    if (status != BF_PARKED)
        bf_integration_unref(before);
    return status;
}


/* --- enabling and disabling ----------------------------------------------------------------- */

struct switching {
    struct bf_api_write write;
    struct bf_integration *i;   /* a reference */
    const char *reason;         /* NULL: it is enabled */
};

static int apply_switch(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct switching *s = bf_container_of(work, struct switching, write.work);
    struct bf_integration named = {.entity = s->i->entity, .name = s->i->name, .sink = s->i->sink};
    int rc;

    memcpy(named.id, s->i->id, sizeof(named.id));
    if (s->reason) {
        rc = bf_team_disable_integration(tx->db, s->i->id, s->reason, tx->now_ms, err);
        if (rc == BF_EEXIST)
            return BF_OK;       /* it is already, and why stays */
        return rc ? rc : record(s->write.api, s->write.x, tx, "belfry.integration.disable", &named,
                                s->reason, err);
    }
    rc = bf_team_enable_integration(tx->db, s->i->id, err);
    if (!rc)
        rc = bf_standing_reset(tx->db, s->i->id, err);
    if (rc || !s->i->disabled)
        return rc;
    return record(s->write.api, s->write.x, tx, "belfry.integration.enable", &named, NULL, err);
}

static int answer_switch(struct bf_api_write *w)
{
    struct switching *s = bf_container_of(w, struct switching, write);

    return answer_one(w->api, w->x, 200, s->i->id, NULL);
}

static void release_switch(struct bf_api_write *w)
{
    bf_integration_unref(bf_container_of(w, struct switching, write)->i);
}

static int read_reason(struct bf_exchange *x, const char **reason)
{
    const struct bf_json *given;
    const struct bf_api_member members[] = {{"reason", BF_JSON_STRING, false, &given}};
    struct bf_arena *a = bf_exchange_arena(x);
    int status = bf_api_body_members(x, members, BF_COUNT(members));

    if (status)
        return status;
    *reason = given ? bf_json_str(a, given)
                    : bf_arena_printf(a, "disabled by %s", bf_auth_who(x)->user);
    if (**reason && strlen(*reason) <= REASON_MAX)
        return 0;
    return bf_exchange_fail(x, 400, "invalid", "reason", "a reason has 1 to %d bytes", REASON_MAX);
}

static int begin_switch(struct bf_api *api, struct bf_exchange *x, const char *reason)
{
    struct switching *s = bf_arena_new_of(bf_exchange_arena(x), struct switching);
    int status = s ? bf_api_integration(api, x, BF_ADMIN, &s->i) : bf_api_fail(x, BF_EFULL, NULL);

    if (status)
        return status;
    s->reason = reason;
    s->write.work.apply = apply_switch;
    s->write.answer = answer_switch;
    s->write.release = release_switch;
    return bf_api_post(api, x, &s->write);
}

static int on_enable(struct bf_exchange *x, void *arg) { return begin_switch(arg, x, NULL); }

static int on_disable(struct bf_exchange *x, void *arg)
{
    const char *reason;
    int status = read_reason(x, &reason);

    return status ? status : begin_switch(arg, x, reason);
}


/* --- deleting --------------------------------------------------------------------------------- */

struct deleting {
    struct bf_api_write write;
    struct bf_integration *i;   /* a reference */
    bool force;
    bool in_use;                /* so it was not deleted */
    unsigned n_users;
    unsigned n_named;
    struct bf_buf names;        /* of those that the caller may know */
};

static bool on_user(void *arg, const char *id, const char *name, const char *entity)
{
    struct deleting *d = arg;

    (void)id;
    d->n_users++;
    if (d->n_named < NAMED_MAX && bf_api_may_read(d->write.api, d->write.x, entity))
        bf_buf_printf(&d->names, "%s\"%s\"", d->n_named++ ? ", " : "", name);
    return true;
}

static int look_for_users(struct deleting *d, struct bf_tx *tx, struct bf_error *err)
{
    int rc = bf_uses_list(tx->db, d->i->id, "", on_user, d);

    if (rc)
        return bf_error_set(err, rc, "cannot read the automations: %s", bf_db_words(tx->db));
    d->in_use = d->n_users > 0 && !d->force;
    return d->in_use ? bf_error_set(err, BF_EINVAL, "it is in use") : BF_OK;
}

static int apply_delete(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct deleting *d = bf_container_of(work, struct deleting, write.work);
    struct bf_integration named = {.entity = d->i->entity, .name = d->i->name, .sink = d->i->sink};
    int rc = look_for_users(d, tx, err);

    if (!rc)
        rc = bf_team_delete_integration(tx->db, d->i->id, d->i->entity, err);
    if (!rc)
        rc = bf_standing_forget(tx->db, d->i->id, err);
    memcpy(named.id, d->i->id, sizeof(named.id));
    return rc ? rc : record(d->write.api, d->write.x, tx, "belfry.integration.delete", &named,
                            NULL, err);
}

static int refuse_delete(struct bf_api_write *w, int rc, const struct bf_error *err)
{
    struct deleting *d = bf_container_of(w, struct deleting, write);
    unsigned others = d->n_users - d->n_named;

    if (!d->in_use)
        return bf_api_fail(w->x, rc, err);
    return bf_exchange_fail(w->x, 409, "in_use", NULL, "%u automation%s use%s it: %s%s; have them"
                            " use another, or delete with ?force=true, and they and what waits for"
                            " it will fail", d->n_users, d->n_users == 1 ? "" : "s",
                            d->n_users == 1 ? "s" : "", bf_buf_text(&d->names),
                            others ? d->n_named ? " and others" : "of other teams" : "");
}

/* What waits becomes due, a slice at a time, while nobody waits for that. */
struct hastening {
    struct bf_work work;
    struct bf_api *api;
    int64_t n;
    char integration[BF_ID_LEN + 1];
};

static int apply_hasten(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct hastening *h = bf_container_of(work, struct hastening, work);
    int rc = bf_outbox_hasten(tx->db, h->integration, tx->now_ms, HASTEN_ROWS, &h->n);

    return rc ? bf_error_set(err, rc, "%s", bf_db_words(tx->db)) : BF_OK;
}

static void hasten_done(struct bf_work *work, int rc, const struct bf_error *err)
{
    struct hastening *h = bf_container_of(work, struct hastening, work);

    (void)err;
    bf_courier_touch(h->api->courier, h->integration);
    if (rc || h->n < HASTEN_ROWS || bf_bus_post(h->api->bus, &h->work))
        free(h);
}

static void hasten(struct bf_api *api, const char *integration)
{
    struct hastening *h = bf_new(struct hastening);

    h->work = (struct bf_work){
        .may_fail = true, .always = true, .apply = apply_hasten, .done = hasten_done};
    h->api = api;
    memcpy(h->integration, integration, sizeof(h->integration));
    if (bf_bus_post(api->bus, &h->work))
        free(h);
}

static void refresh_literals(struct bf_api *api, struct bf_arena *a, const struct bf_integration *i)
{
    const struct bf_json *config;
    struct bf_error err;

    if (read_config(a, i->config, &config, &err))
        return;
    for (const struct bf_json *k = bf_json_first(config); k; k = bf_json_next(config, k)) {
        const char *name = bf_json_str(a, bf_json_get(k + 1, "sealed"));

        if (name)
            bf_api_refresh(api, "secret", bf_arena_printf(a, "%s/%s", i->entity, name));
    }
}

static int answer_delete(struct bf_api_write *w)
{
    struct deleting *d = bf_container_of(w, struct deleting, write);

    refresh_literals(w->api, bf_exchange_arena(w->x), d->i);
    bf_api_refresh(w->api, "integration", d->i->id);
    bf_plugins_integration_changed(w->api->plugins, d->i->id);
    bf_courier_touch(w->api->courier, d->i->id);
    hasten(w->api, d->i->id);
    return 204;
}

static void release_delete(struct bf_api_write *w)
{
    struct deleting *d = bf_container_of(w, struct deleting, write);

    bf_buf_fini(&d->names);
    bf_integration_unref(d->i);
}

static int read_force(struct bf_exchange *x, bool *force)
{
    const char *given = bf_exchange_query_param(x, "force");

    *force = given && strcmp(given, "true") == 0;
    if (!given || *force || strcmp(given, "false") == 0)
        return 0;
    return bf_exchange_fail(x, 400, "invalid", "force", "force must be true or false");
}

static int on_delete(struct bf_exchange *x, void *arg)
{
    struct deleting *d = bf_arena_new_of(bf_exchange_arena(x), struct deleting);
    int status = d ? read_force(x, &d->force) : bf_api_fail(x, BF_EFULL, NULL);

    if (!status)
        status = bf_api_integration(arg, x, BF_ADMIN, &d->i);
    if (status)
        return status;
    bf_buf_init(&d->names, 4096);
    d->write.work.apply = apply_delete;
    d->write.answer = answer_delete;
    d->write.refuse = refuse_delete;
    d->write.release = release_delete;
    return bf_api_post(arg, x, &d->write);
}

const struct bf_api_route bf_api_integration_routes[] = {
    {"POST", "/api/v1/teams/{team}/integrations", BF_ADMIN, on_make},
    {"PATCH", "/api/v1/integrations/{id}", BF_ADMIN, on_change},
    {"DELETE", "/api/v1/integrations/{id}", BF_ADMIN, on_delete},
    {"POST", "/api/v1/integrations/{id}/enable", BF_ADMIN, on_enable},
    {"POST", "/api/v1/integrations/{id}/disable", BF_ADMIN, on_disable},
    {NULL, NULL, 0, NULL},
};
