/* automations.c - /api/v1/automations, written: what fires on what.
 *
 * Everything that can be wrong is found on a worker, as plugins are asked about their options, and
 * named by its field; the engine then saves the author's bytes, and the rules know the automation
 * before its answer leaves.  Each change is a revision: PUT gives all of it, PATCH the members that
 * are to be others, enable and disable one of them.
 *
 * Who was told a revision may ask that it still be in force, by If-Match or "revision"; 412 if it is
 * not.  A change is made from the revision that was read when it came, whose scope says who may; it
 * is refused with 409 where another came between. */
#include "core/api/api_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"

/* What a client may send back as it got it. */
const char *const bf_api_automation_shown[] = {"id",      "revision",       "created",
                                               "updated", "last_execution", "warnings",
                                               "hooks_disabled", NULL};

struct change {
    struct bf_api_checked checked;
    struct bf_automation_change what;
    const char *name;
    uint64_t base;              /* the revision that it replaces; 0: it makes one */
    bool was_changed;           /* and another has come since */
    int64_t created_ms;
    struct bf_api_draft draft;
    const struct bf_automation *saved;  /* a reference */
    char id[BF_ID_LEN + 1];
    char taken[BF_ID_LEN + 1];  /* who has the name */
};

/* --- the engine's part --------------------------------------------------------------------- */

static bool on_current(void *arg, const struct bf_automation_row *row)
{
    *(uint64_t *)arg = row->revision;
    return false;
}

/* Is the revision that was read still in force? */
static int check_current(struct change *c, struct bf_tx *tx, struct bf_error *err)
{
    uint64_t revision = 0;
    int rc = bf_automation_find(tx->db, c->id, on_current, &revision);

    if (rc == BF_ENOENT)
        return bf_error_set(err, rc, "there is no automation %s (any more)", c->id);
    if (rc)
        return bf_error_set(err, rc, "cannot read the automation: %s", bf_db_words(tx->db));
    c->was_changed = revision != c->base;
    if (c->was_changed)
        return bf_error_set(err, BF_EINVAL, "the automation was changed meanwhile; its revision is"
                            " %llu now: read it, and send the change again",
                            (unsigned long long)revision);
    return BF_OK;
}

static int apply_change(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct change *c = bf_container_of(work, struct change, checked.write.work);
    int rc = c->base ? check_current(c, tx, err)
                     : bf_team_check_there(tx->db, c->what.owner, err);

    c->checked.write.now_ms = tx->now_ms;
    bf_automation_unref(c->saved);      /* of a first time, which was undone */
    c->saved = NULL;
    if (!rc)
        rc = bf_bus_save_automation(tx, &c->what, &c->saved, err);
    if (rc == BF_EEXIST)
        bf_automation_named(tx->db, c->what.owner, c->name, c->taken);
    return rc;
}

static int answer_change(struct bf_api_write *w)
{
    struct change *c = bf_container_of(w, struct change, checked.write);
    struct bf_automation_row row = {
        .id = c->id,
        .revision = c->saved->revision,
        .created_ms = c->base ? c->created_ms : w->now_ms,
        .updated_ms = w->now_ms,
        .spec = c->what.spec,
        .spec_len = c->what.spec_len,
    };

    bf_bus_file_automation(w->api->bus, c->saved);
    return bf_api_automation_answer(w->api, w->x, bf_bus_db(w->api->bus), c->base ? 200 : 201,
                                    &row, c->draft.warnings.first);
}

/* {"error":{…,"id":"…"}}: whoever wants an automation of this name may go on with that one. */
static int refuse_name(struct change *c, const struct bf_error *err)
{
    struct bf_exchange *x = c->checked.write.x;
    struct bf_buf b;

    bf_exchange_reply_header(x, "Location",
                             bf_arena_printf(bf_exchange_arena(x), "/api/v1/automations/%s",
                                             c->taken));
    bf_buf_init(&b, 4096);
    bf_buf_adds(&b, "{\"error\":{\"code\":\"name_taken\",\"message\":");
    bf_buf_json(&b, err->words);
    bf_buf_printf(&b, ",\"field\":\"name\",\"id\":\"%s\"}}", c->taken);
    bf_exchange_reply(x, "application/json", b.data, b.len);
    bf_buf_fini(&b);
    return 409;
}

static int refuse_change(struct bf_api_write *w, int rc, const struct bf_error *err)
{
    struct change *c = bf_container_of(w, struct change, checked.write);

    if (c->was_changed)
        return bf_exchange_fail(w->x, 409, "conflict", NULL, "%s", err->words);
    return rc == BF_EEXIST && *c->taken ? refuse_name(c, err) : bf_api_fail(w->x, rc, err);
}

static void release_change(struct bf_api_write *w)
{
    struct change *c = bf_container_of(w, struct change, checked.write);

    bf_automation_unref(c->saved);
}


/* --- checking it ----------------------------------------------------------------------------- */

static int check(struct bf_api_checked *checked)
{
    struct change *c = bf_container_of(checked, struct change, checked);
    struct bf_automation *a;
    int status = bf_api_check_draft(checked->write.api, checked->write.x, &c->draft, &a);

    if (status)
        return status;
    c->name = bf_arena_dup(bf_exchange_arena(checked->write.x), a->name);
    c->what.owner = bf_arena_dup(bf_exchange_arena(checked->write.x), a->owner);
    c->what.spec = c->draft.spec;
    c->what.spec_len = c->draft.len;
    bf_automation_unref(a);
    return 0;
}

/* The change is complete but for what all of them have. */
static void begin_change(struct bf_exchange *x, struct change *c, const char *verb)
{
    c->what.verb = verb;
    c->what.id = c->id;
    c->what.author = bf_auth_who(x)->user;
    c->draft.id = c->id;
    c->draft.owner = c->what.owner;
    c->draft.spec = c->what.spec;
    c->draft.len = c->what.spec_len;
    c->checked.check = check;
    c->checked.write.work.alters_rules = true;
    c->checked.write.work.weight = (uint32_t)c->what.spec_len;
    c->checked.write.work.apply = apply_change;
    c->checked.write.answer = answer_change;
    c->checked.write.refuse = refuse_change;
    c->checked.write.release = release_change;
}


/* --- making one ------------------------------------------------------------------------------ */

static int on_make(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    struct change *c = bf_arena_new_of(bf_exchange_arena(x), struct change);
    const struct bf_json *body;
    int status;

    if (!c)
        return bf_api_fail(x, BF_EFULL, NULL);
    status = bf_api_body(x, &body);
    if (status)
        return status;
    c->what.spec = bf_json_raw(body, &c->what.spec_len);
    bf_id_random(c->id, bf_wall_ms(api->clock));
    begin_change(x, c, "saved");
    return bf_api_check_and_post(api, x, &c->checked);
}


/* --- changing one ----------------------------------------------------------------------------- */

static int not_in_force(struct bf_exchange *x, const struct bf_api_automation *now)
{
    return bf_exchange_fail(x, 412, "precondition_failed", NULL, "the automation's revision is %llu"
                            " now, not the one that was asked for: read it, and send the change"
                            " again", (unsigned long long)now->revision);
}

/* If-Match: "REVISION", as the ETag of the answer to a GET. */
static int check_header(struct bf_exchange *x, const struct bf_api_automation *now)
{
    const char *given = bf_exchange_header(x, "If-Match");
    char etag[32];

    if (!given || strcmp(given, "*") == 0)
        return 0;
    snprintf(etag, sizeof(etag), "\"%llu\"", (unsigned long long)now->revision);
    return strcmp(given, etag) == 0 ? 0 : not_in_force(x, now);
}

/* "id" and "revision" in the body, where a client sends back what it got. */
static int check_shown(struct bf_exchange *x, const struct bf_api_automation *now,
                       const struct bf_json *body)
{
    const struct bf_json *id = bf_json_get(body, "id"), *revision = bf_json_get(body, "revision");
    int64_t number;

    if (id && !bf_json_eq(id, now->id))
        return bf_exchange_fail(x, 400, "invalid", "id", "is not that of this automation, %s; leave"
                                " it out", now->id);
    if (!revision)
        return 0;
    if (!bf_json_int(revision, &number))
        return bf_exchange_fail(x, 400, "invalid", "revision", "must be the number of the revision"
                                " that is to be replaced");
    return (uint64_t)number == now->revision ? 0 : not_in_force(x, now);
}

/* Of the scope it has now; NULL if that is all of its entity. */
static const char *project_of(struct bf_exchange *x, const struct bf_api_automation *now)
{
    return bf_json_str(bf_exchange_arena(x), bf_json_at(now->spec, "/scope/project"));
}

/* Reads the automation, and the body with the conditions in it and in the headers. */
static int read_change(struct bf_api *api, struct bf_exchange *x, struct bf_api_automation *now,
                       const struct bf_json **body, struct change **out)
{
    struct change *c = bf_arena_new_of(bf_exchange_arena(x), struct change);
    int status = c ? bf_api_automation(api, x, BF_EDIT, now) : bf_api_fail(x, BF_EFULL, NULL);

    if (!status)
        status = bf_api_check_scope(api, x, now->owner, project_of(x, now));
    if (!status && body)
        status = bf_api_body(x, body);
    if (!status && body && !bf_json_is(*body, BF_JSON_OBJECT))
        status = bf_exchange_fail(x, 400, "invalid", NULL, "the body must be a JSON object, not %s",
                                  bf_json_type_name(*body));
    if (!status)
        status = check_header(x, now);
    if (!status && body)
        status = check_shown(x, now, *body);
    if (status)
        return status;
    snprintf(c->id, sizeof(c->id), "%s", now->id);
    c->what.owner = now->owner;
    c->base = now->revision;
    c->created_ms = now->created_ms;
    c->draft.before = bf_json_raw(now->spec, &c->draft.before_len);
    *out = c;
    return 0;
}

static bool is_same(const struct change *c, const struct bf_api_automation *now)
{
    size_t len;
    const char *spec = bf_json_raw(now->spec, &len);

    return len == c->what.spec_len && memcmp(spec, c->what.spec, len) == 0;
}

/* Saves `body` over `base`, or alone.  What is so already needs no revision. */
static int save(struct bf_api *api, struct bf_exchange *x, struct change *c,
                const struct bf_api_automation *now, const struct bf_json *base,
                const struct bf_json *body)
{
    c->what.spec =
        bf_api_merge(bf_exchange_arena(x), base, body, bf_api_automation_shown, &c->what.spec_len);
    if (!c->what.spec)
        return bf_exchange_fail(x, 413, "too_large", NULL, "an automation may have %d bytes",
                                BF_SPEC_MAX);
    if (is_same(c, now))
        return bf_api_automation_show(x, api);
    begin_change(x, c, "saved");
    return bf_api_check_and_post(api, x, &c->checked);
}

static int on_put(struct bf_exchange *x, void *arg)
{
    struct bf_api_automation now;
    const struct bf_json *body;
    struct change *c;
    int status = read_change(arg, x, &now, &body, &c);

    return status ? status : save(arg, x, c, &now, NULL, body);
}

static int on_patch(struct bf_exchange *x, void *arg)
{
    struct bf_api_automation now;
    const struct bf_json *body;
    struct change *c;
    int status = read_change(arg, x, &now, &body, &c);

    return status ? status : save(arg, x, c, &now, now.spec, body);
}

static bool is_enabled(const struct bf_api_automation *a)
{
    return !bf_json_is(bf_json_get(a->spec, "enabled"), BF_JSON_FALSE);
}

/* The spec with another "enabled", as the engine's to save. */
static int begin_switch(struct bf_exchange *x, struct change *c,
                        const struct bf_api_automation *now, const char *body, const char *verb)
{
    struct bf_arena *a = bf_exchange_arena(x);

    c->what.spec = bf_api_merge(a, now->spec, bf_json_parse(a, body, strlen(body), NULL),
                                bf_api_automation_shown, &c->what.spec_len);
    if (!c->what.spec)
        return bf_api_fail(x, BF_EFULL, NULL);
    begin_change(x, c, verb);
    return 0;
}

static int on_enable(struct bf_exchange *x, void *arg)
{
    struct bf_api_automation now;
    struct change *c;
    int status = read_change(arg, x, &now, NULL, &c);

    if (!status && is_enabled(&now))
        return bf_api_automation_show(x, arg);
    if (!status)
        status = begin_switch(x, c, &now, "{\"enabled\":true}", "enabled");
    return status ? status : bf_api_check_and_post(arg, x, &c->checked);
}

/* Unchecked: what it would fire may be gone, and that is no reason to let it fire. */
static int on_disable(struct bf_exchange *x, void *arg)
{
    struct bf_api_automation now;
    struct change *c;
    int status = read_change(arg, x, &now, NULL, &c);

    if (!status && !is_enabled(&now))
        return bf_api_automation_show(x, arg);
    if (!status)
        status = begin_switch(x, c, &now, "{\"enabled\":false}", "disabled");
    return status ? status : bf_api_post(arg, x, &c->checked.write);
}


/* --- deleting one ------------------------------------------------------------------------------ */

static int apply_delete(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct change *c = bf_container_of(work, struct change, checked.write.work);
    int rc = check_current(c, tx, err);

    return rc ? rc : bf_bus_delete_automation(tx, c->id, c->what.author, err);
}

static int answer_delete(struct bf_api_write *w)
{
    struct change *c = bf_container_of(w, struct change, checked.write);

    bf_bus_unfile_automation(w->api->bus, c->id);
    return 204;
}

static int on_delete(struct bf_exchange *x, void *arg)
{
    struct bf_api_automation now;
    struct change *c;
    int status = read_change(arg, x, &now, NULL, &c);

    if (status)
        return status;
    begin_change(x, c, "deleted");
    c->checked.write.work.apply = apply_delete;
    c->checked.write.answer = answer_delete;
    return bf_api_post(arg, x, &c->checked.write);
}

/* The scope of a new one is in its body: see scopes.c. */
const struct bf_api_route bf_api_automation_routes[] = {
    {"POST", "/api/v1/automations", BF_EDIT, on_make},
    {"PUT", "/api/v1/automations/{id}", BF_EDIT, on_put},
    {"PATCH", "/api/v1/automations/{id}", BF_EDIT, on_patch},
    {"DELETE", "/api/v1/automations/{id}", BF_EDIT, on_delete},
    {"POST", "/api/v1/automations/{id}/enable", BF_EDIT, on_enable},
    {"POST", "/api/v1/automations/{id}/disable", BF_EDIT, on_disable},
    {NULL, NULL, 0, NULL},
};
