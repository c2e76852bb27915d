/* integrations.c - integrations of a team, written: a sink with its options.
 *
 * A change is made from what was read, and is refused with 409 where another came between; what it
 * does stands in integration_change.c.
 *
 * One that automations use is deleted only by ?force=true.  What waits for it then is due at once,
 * in slices, and ends as failed, with the words that the integration is not there any more; were
 * the hub to end in between, it would do so when it is due. */
#include "core/api/change.h"

#include <string.h>

#include "core/base/base.h"
#include "core/bus/uses.h"

#define REASON_MAX    200       /* bytes of the reason for a disabling */
#define NAMED_MAX     5         /* automations named where one cannot be deleted */

struct change {
    struct bf_api_checked checked;
    struct bf_api_integration_change what;
    bool options_given;         /* config or secrets: what is to be checked */
};

static void release(struct bf_api_write *w)
{
    bf_api_integration_end(&bf_container_of(w, struct change, checked.write)->what);
}


/* --- the engine's part ------------------------------------------------------------------ */

static int apply(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct change *c = bf_container_of(work, struct change, checked.write.work);

    return bf_api_integration_save(&c->what, tx, err);
}

/* What was saved, and is in force. */
static int answer_one(struct bf_api *api, struct bf_exchange *x, int status, const char *id,
                      const struct bf_warning *warnings, const struct bf_api_resend *resend)
{
    struct bf_integration *i = bf_team_integration(api->team, id);
    struct bf_tree *t;

    if (!i)
        return bf_api_unreadable(x);
    t = bf_api_show_integration(api, x, bf_bus_db(api->bus), i);
    bf_api_show_warnings(bf_tree_add_array(t, "warnings"), warnings);
    if (resend)
        bf_api_resend_show(resend, bf_tree_add_object(t, "resend"));
    bf_integration_unref(i);
    return bf_api_answer(x, status, t);
}

static int answer(struct bf_api_write *w)
{
    struct bf_api_integration_change *c = &bf_container_of(w, struct change, checked.write)->what;

    bf_api_integration_is_saved(c);
    return answer_one(w->api, w->x, c->before ? 200 : 201, c->id, c->draft.warnings.first, NULL);
}

static int refuse(struct bf_api_write *w, int rc, const struct bf_error *err)
{
    struct change *c = bf_container_of(w, struct change, checked.write);

    if (c->what.was_changed)
        return bf_exchange_fail(w->x, 409, "conflict", NULL, "%s", err->words);
    return bf_api_fail(w->x, rc, err);
}


/* --- checking ----------------------------------------------------------------------------- */

static int check(struct bf_api_checked *checked)
{
    struct change *c = bf_container_of(checked, struct change, checked);
    struct bf_error err;
    int rc = bf_api_integration_check(&c->what, &err);

    return rc ? bf_api_invalid(checked->write.x, rc, &err) : 0;
}


/* --- reading the body ------------------------------------------------------------------------ */

static int read_name(struct bf_exchange *x, struct bf_api_integration_change *c,
                     const struct bf_json *name)
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
static int read_delivery(struct bf_exchange *x, struct bf_api_integration_change *c,
                         const struct bf_json *delivery)
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
    if (bf_json_get(delivery, "merge_over")) {
        c->delivery.has_merge_over = given.has_merge_over;
        c->delivery.merge_over = given.merge_over;
    }
    return 0;
}

static int read_options(struct bf_exchange *x, struct bf_api_integration_change *c,
                        const struct bf_json *options, const struct bf_json *secrets)
{
    struct bf_error err;
    const char *raw;
    size_t len;

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

static int read_body(struct bf_exchange *x, struct change *change)
{
    struct bf_api_integration_change *c = &change->what;
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
    change->options_given = options || secrets;
    return status ? status : read_options(x, c, options, secrets);
}

static struct change *new_change(struct bf_api *api, struct bf_exchange *x,
                                 struct bf_integration *before)
{
    struct bf_arena *a = bf_exchange_arena(x);
    struct change *c = bf_arena_new_of(a, struct change);

    if (!c)
        return NULL;
    bf_api_integration_begin(&c->what, api, x, a, before);
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
    struct change *c = new_change(api, x, NULL);
    int status;

    if (!c)
        return bf_api_fail(x, BF_EFULL, NULL);
    bf_id_random(c->what.id, bf_wall_ms(api->clock));
    c->what.draft.entity = bf_exchange_param(x, "team");
    status = read_body(x, c);
    return status ? status : bf_api_check_and_post(api, x, &c->checked);
}

/* A change of nothing but the name is not held up by an option that has become wrong. */
static int change(struct bf_api *api, struct bf_exchange *x, struct change *c)
{
    struct bf_api_integration_change *what = &c->what;
    int status;

    memcpy(what->id, what->before->id, sizeof(what->id));
    what->name = what->before->name;
    what->draft.entity = what->before->entity;
    what->draft.sink = what->before->sink;
    what->draft.stored = what->before->config;
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
    c = new_change(arg, x, before);
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
    struct bf_api_resend *resend;       /* then: what is sent again, or NULL */
};

static int apply_enable(struct switching *s, struct bf_tx *tx, const struct bf_integration *named,
                        struct bf_error *err)
{
    int rc = bf_team_enable_integration(tx->db, s->i->id, err);

    if (!rc)
        rc = bf_standing_reset(tx->db, s->i->id, err);
    if (!rc && s->i->disabled)
        rc = bf_api_integration_record(s->write.api, s->write.x, tx, "belfry.integration.enabled",
                                       named, NULL, err);
    return rc ? rc : bf_api_resend_apply(s->resend, tx, err);
}

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
        return rc ? rc
                  : bf_api_integration_record(s->write.api, s->write.x, tx,
                                              "belfry.integration.disabled", &named, s->reason, err);
    }
    return apply_enable(s, tx, &named, err);
}

static int answer_switch(struct bf_api_write *w)
{
    struct switching *s = bf_container_of(w, struct switching, write);

    bf_api_refresh(w->api, "integration", s->i->id);
    bf_plugins_integration_changed(w->api->plugins, s->i->id);
    bf_courier_touch(w->api->courier, s->i->id);        /* what waits for it goes out */
    return answer_one(w->api, w->x, 200, s->i->id, NULL, s->resend);
}

static void release_switch(struct bf_api_write *w)
{
    struct switching *s = bf_container_of(w, struct switching, write);

    bf_api_resend_end(s->resend);
    bf_integration_unref(s->i);
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

/* What is to be sent again when it is enabled: {"resend":"failed","since":"2h","cursor":…}. */
static int read_resend(struct bf_exchange *x, struct bf_api_resend_asked *asked)
{
    const struct bf_json *statuses, *since, *cursor;
    const struct bf_api_member members[] = {{"resend", BF_JSON_STRING, false, &statuses},
                                            {"since", BF_JSON_STRING, false, &since},
                                            {"cursor", BF_JSON_STRING, false, &cursor}};
    struct bf_arena *a = bf_exchange_arena(x);
    int status = bf_api_body_members(x, members, BF_COUNT(members));

    if (status)
        return status;
    *asked = (struct bf_api_resend_asked){.statuses = bf_json_str(a, statuses),
                                          .since = bf_json_str(a, since),
                                          .cursor = bf_json_str(a, cursor)};
    if (asked->statuses || (!since && !cursor))
        return 0;
    return bf_exchange_fail(x, 400, "invalid", "resend", "since and cursor are of what is sent"
                            " again; say what: \"resend\":\"failed\"");
}

static int begin_switch(struct bf_api *api, struct bf_exchange *x, const char *reason,
                        struct bf_api_resend_asked *asked)
{
    struct switching *s = bf_arena_new_of(bf_exchange_arena(x), struct switching);
    int status = s ? bf_api_integration(api, x, BF_ADMIN, &s->i) : bf_api_fail(x, BF_EFULL, NULL);

    if (status)
        return status;
    if (asked && asked->statuses) {
        asked->integration = s->i->id;
        status = bf_exchange_local(x) ? bf_api_resend_find(api, x, asked, &s->resend)
                                      : bf_api_unreadable(x);
    }
    if (status) {
        bf_integration_unref(s->i);
        return status;
    }
    s->reason = reason;
    s->write.work.apply = apply_switch;
    s->write.work.weight = (uint32_t)bf_api_resend_weight(s->resend);
    s->write.answer = answer_switch;
    s->write.release = release_switch;
    return bf_api_post(api, x, &s->write);
}

static int on_enable(struct bf_exchange *x, void *arg)
{
    struct bf_api_resend_asked asked;
    int status = read_resend(x, &asked);

    return status ? status : begin_switch(arg, x, NULL, &asked);
}

static int on_disable(struct bf_exchange *x, void *arg)
{
    const char *reason;
    int status = read_reason(x, &reason);

    return status ? status : begin_switch(arg, x, reason, NULL);
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
    int rc;

    d->n_users = d->n_named = 0;
    bf_buf_clear(&d->names);
    rc = bf_uses_list(tx->db, d->i->id, "", on_user, d);
    if (rc)
        return bf_error_set(err, rc, "cannot read the automations: %s", bf_db_words(tx->db));
    d->in_use = d->n_users > 0 && !d->force;
    return d->in_use ? bf_error_set(err, BF_EINVAL, "it is in use") : BF_OK;
}

static int apply_delete(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct deleting *d = bf_container_of(work, struct deleting, write.work);
    int rc;

    d->n_users = d->n_named = 0;
    bf_buf_clear(&d->names);
    rc = look_for_users(d, tx, err);
    return rc ? rc : bf_api_integration_delete(d->write.api, d->write.x, tx, d->i, err);
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

static int answer_delete(struct bf_api_write *w)
{
    struct deleting *d = bf_container_of(w, struct deleting, write);

    bf_api_integration_is_deleted(w->api, bf_exchange_arena(w->x), d->i);
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
