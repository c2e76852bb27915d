/* intakes.c - /api/v1/teams/{team}/intakes: where foreign webhooks come in, and what they become.
 *
 * PUT takes a definition (see team/intake.h), and puts all of it in the place of the one before.
 * A secret given as a literal is sealed in the same transaction, and one that is no longer used is
 * gone with it. */
#include "core/api/api_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/crypto.h"

#define SHOWN_MAX (2 * BF_INTAKE_DEFINITION_MAX)

static void show_events(struct bf_tree *t, const struct bf_intake_counts *c)
{
    bf_tree_int(t, "accepted", atomic_load(&c->accepted));
    bf_tree_int(t, "repeated", atomic_load(&c->repeated));
    bf_tree_int(t, "refused", atomic_load(&c->refused));
    bf_show_time(t, "last", atomic_load(&c->last_ms));
}

static struct bf_tree *show(struct bf_api *api, const struct bf_intake *i)
{
    struct bf_tree *t = bf_tree_object();
    struct bf_buf b;

    bf_tree_str(t, "name", i->name);
    bf_tree_str(t, "entity", i->entity);
    bf_buf_init(&b, SHOWN_MAX);
    bf_buf_printf(&b, "%s/api/v1/in/%s", api->public_url, i->name);
    bf_tree_str(t, "url", bf_buf_text(&b));
    bf_tree_bool(t, "enabled", i->enabled);
    bf_buf_clear(&b);
    bf_intake_show(i, &b);
    bf_tree_raw(t, "definition", b.data, b.len);
    bf_buf_fini(&b);
    bf_show_time(t, "created", i->created_ms);
    bf_show_time(t, "updated", i->updated_ms);
    show_events(bf_tree_add_object(t, "events"), i->counts);
    return t;
}

/* A reference to the team's intake of that name, or NULL. */
static struct bf_intake *find(struct bf_api *api, struct bf_exchange *x)
{
    const char *name = bf_exchange_param(x, "name");
    struct bf_intake *i = name ? bf_intakes_get(api->intakes, name) : NULL;

    if (i && strcmp(i->entity, bf_exchange_param(x, "team")) == 0)
        return i;
    bf_intake_unref(i);
    return NULL;
}


/* --- changes --------------------------------------------------------------------- */

struct change {
    struct bf_api_write write;
    const char *name;
    const char *entity;
    const char *author;
    const char *secret;         /* what a literal's entry among the secrets is called ... */
    const char *place;          /* ... and that of the entity, "ENTITY/…" */
    bool had_literal;
    const char *literal;        /* to be sealed; NULL: none */
    const char *definition;
    struct bf_intake *made;     /* of the definition; a reference, for its checks and to be shown */
    bool is_new;
};

/* 0, or a status; *out is in the exchange's arena. */
static int begin(struct bf_api *api, struct bf_exchange *x, struct change **out)
{
    struct bf_arena *a = bf_exchange_arena(x);
    struct change *c = bf_arena_new_of(a, struct change);
    struct bf_intake *before;

    if (!c)
        return bf_api_fail(x, BF_EFULL, NULL);
    c->name = bf_exchange_param(x, "name");
    if (!c->name || !bf_intake_name_ok(c->name))
        return bf_exchange_fail(x, 400, "invalid", "name", "an intake's name has 1 to %d letters,"
                                " digits, -, _ and ., and not only dots", BF_INTAKE_NAME_MAX);
    c->entity = bf_exchange_param(x, "team");
    c->author = bf_auth_who(x)->user;
    c->secret = bf_arena_printf(a, "intake/%s", c->name);
    c->place = bf_arena_printf(a, "%s/%s", c->entity, c->secret);
    before = find(api, x);
    c->had_literal = before && before->sealed;
    bf_intake_unref(before);
    *out = c;
    return 0;
}

/* Who changed what; the definition as it is shown, for a secret is in none of them. */
static int record(struct change *c, struct bf_tx *tx, const char *type, struct bf_error *err)
{
    struct bf_buf b;
    int rc;

    bf_buf_init(&b, SHOWN_MAX);
    bf_buf_adds(&b, "{\"name\":");
    bf_buf_json(&b, c->name);
    if (c->made) {
        bf_buf_adds(&b, ",\"definition\":");
        bf_intake_show(c->made, &b);
    }
    bf_buf_addc(&b, '}');
    rc = bf_bus_record(tx, type, c->entity, c->author, b.data, b.len, err);
    bf_buf_fini(&b);
    return rc;
}

static int drop_literal(struct change *c, struct bf_tx *tx, struct bf_error *err)
{
    int rc = bf_team_delete_secret(tx->db, c->entity, c->secret, err);

    return rc == BF_ENOENT ? BF_OK : rc;
}

static int apply_put(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct change *c = bf_container_of(work, struct change, write.work);
    bool made;
    int rc = bf_team_check_there(tx->db, c->entity, err);

    if (!rc)
        rc = bf_intakes_put(tx->db, c->name, c->entity, c->definition, tx->now_ms, &c->is_new,
                            err);
    if (!rc && c->literal)
        rc = bf_team_put_secret(c->write.api->team, tx->db, c->entity, c->secret, c->literal,
                                strlen(c->literal), tx->now_ms, &made, err);
    else if (!rc && !c->made->sealed && c->had_literal)
        rc = drop_literal(c, tx, err);
    return rc ? rc : record(c, tx, "belfry.intake.saved", err);
}

static void refresh(struct change *c)
{
    struct bf_api *api = c->write.api;
    struct bf_error err;

    if (c->literal || c->had_literal)
        bf_api_refresh(api, "secret", c->place);
    if (bf_intakes_refresh(api->intakes, bf_bus_db(api->bus), c->name, &err))
        bf_errorf(api->log, "api", "intake %s was changed, but that is not in force before a"
                  " restart: %s", c->name, err.words);
}

static int answer_put(struct bf_api_write *w)
{
    struct change *c = bf_container_of(w, struct change, write);
    struct bf_intake *i;
    int status;

    refresh(c);
    i = bf_intakes_get(w->api->intakes, c->name);
    if (!i)
        return bf_api_unreadable(w->x);
    status = bf_api_answer(w->x, c->is_new ? 201 : 200, show(w->api, i));
    bf_intake_unref(i);
    return status;
}

static void release(struct bf_api_write *w)
{
    struct change *c = bf_container_of(w, struct change, write);

    if (c->literal)
        bf_wipe((char *)c->literal, strlen(c->literal));        /* decoded for us alone */
    bf_intake_unref(c->made);
}

static int check_definition(struct bf_api *api, struct bf_exchange *x, struct change *c)
{
    const struct bf_json *body;
    struct bf_intake *before;
    struct bf_error err;
    int rc, status = bf_api_body(x, &body);

    if (status)
        return status;
    before = find(api, x);
    rc = bf_intake_store(bf_exchange_arena(x), c->name, body, before, &c->definition, &c->literal,
                         &err);
    bf_intake_unref(before);
    if (!rc)
        rc = bf_intake_new(c->name, c->entity, c->definition, &c->made, &err);
    if (!rc && c->made->secret && !c->made->sealed &&
        !bf_team_has_secret(api->team, c->entity, c->made->secret))
        rc = bf_error_field(&err, BF_ECONFIG, "check.secret", "no secret \"%s\" in team %s; store"
                            " it with PUT /api/v1/teams/%s/secrets/%s", c->made->secret, c->entity,
                            c->entity, c->made->secret);
    if (!rc && !bf_arena_ok(bf_exchange_arena(x)))
        return bf_api_fail(x, BF_EFULL, NULL);
    return rc ? bf_api_invalid(x, rc, &err) : 0;
}

static int on_put(struct bf_exchange *x, void *arg)
{
    struct change *c;
    int status = begin(arg, x, &c);

    if (status)
        return status;
    status = check_definition(arg, x, c);
    if (status) {
        release(&c->write);
        return status;
    }
    c->write.work.apply = apply_put;
    c->write.answer = answer_put;
    c->write.release = release;
    return bf_api_post(arg, x, &c->write);
}

static int apply_delete(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct change *c = bf_container_of(work, struct change, write.work);
    int rc = bf_intakes_delete(tx->db, c->name, c->entity, err);

    if (!rc && c->had_literal)
        rc = drop_literal(c, tx, err);
    return rc ? rc : record(c, tx, "belfry.intake.deleted", err);
}

static int answer_delete(struct bf_api_write *w)
{
    refresh(bf_container_of(w, struct change, write));
    return 204;
}

static int on_delete(struct bf_exchange *x, void *arg)
{
    struct change *c;
    int status = begin(arg, x, &c);

    if (status)
        return status;
    c->write.work.apply = apply_delete;
    c->write.answer = answer_delete;
    return bf_api_post(arg, x, &c->write);
}


/* --- reading ------------------------------------------------------------------------ */

static int on_get(struct bf_exchange *x, void *arg)
{
    const char *name = bf_exchange_param(x, "name");
    struct bf_intake *i = find(arg, x);
    int status;

    if (!i)
        return bf_api_missing(x, "intake", name ? name : "");
    status = bf_api_answer(x, 200, show(arg, i));
    bf_intake_unref(i);
    return status;
}

static bool on_row(void *arg, const char *name)
{
    struct bf_api_page *p = arg;
    struct bf_intake *i = bf_intakes_get(p->api->intakes, name);
    bool taken;

    if (!i)
        return true;
    taken = bf_api_page_take(p, name);
    if (taken)
        bf_tree_add(p->items, NULL, show(p->api, i));
    bf_intake_unref(i);
    return taken;
}

static int on_list(struct bf_exchange *x, void *arg)
{
    struct bf_api_page page;
    int status = bf_api_page_begin(&page, arg, x);

    if (status)
        return status;
    return bf_api_page_answer(&page, bf_intakes_list(bf_exchange_local(x),
                                                     bf_exchange_param(x, "team"), page.cursor,
                                                     on_row, &page));
}

const struct bf_api_route bf_api_intake_routes[] = {
    {"PUT", "/api/v1/teams/{team}/intakes/{name}", BF_ADMIN, on_put},
    {"GET", "/api/v1/teams/{team}/intakes/{name}", BF_READ, on_get},
    {"DELETE", "/api/v1/teams/{team}/intakes/{name}", BF_ADMIN, on_delete},
    {"GET", "/api/v1/teams/{team}/intakes", BF_READ, on_list},
    {NULL, NULL, 0, NULL},
};
