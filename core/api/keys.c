/* keys.c - /api/v1/users/{user}/keys and /api/v1/keys: made, listed, revoked.
 *
 * A key that we make is shown in the answer that made it and never again.  Users manage their own,
 * admins of a team those of its service accounts, an admin of the hub all.  A key made by a key may
 * not do more than that one, or the narrow key in a training job would be as good as any. */
#include "core/api/api_int.h"

#include <stdio.h>
#include <string.h>

#include "core/api/people.h"
#include "core/base/base.h"
#include "core/base/crypto.h"

/* The time of the last use is that in memory, if it is later. */
static struct bf_tree *show(struct bf_api *api, const struct bf_key *k)
{
    struct bf_tree *t = bf_tree_object();

    bf_tree_str(t, "id", k->id);
    bf_tree_str(t, "user", k->user);
    bf_tree_str(t, "name", k->name);
    bf_people_rights(t, "rights", k->rights);
    bf_show_time(t, "created", k->created_ms);
    bf_show_time(t, "last_used", bf_max64(k->used_ms, bf_team_key_used(api->team, k->id)));
    bf_show_time(t, "revoked", k->revoked_ms);
    return t;
}

static bool is_own(struct bf_exchange *x, const char *user)
{
    return strcmp(bf_auth_who(x)->user, user) == 0;
}

/* Whether the caller may see a user's keys; or, to do something with them. */
static bool may(struct bf_api *api, struct bf_exchange *x, const struct bf_user *u, unsigned rights)
{
    if (is_own(x, u->name))
        return (bf_auth_who(x)->rights & rights) == rights;
    return bf_api_manages_user(api, x, u);
}

/* The path's user: 404 where the caller sees no such user, 403 where it may not. */
static int find_user(struct bf_api *api, struct bf_exchange *x, unsigned rights, struct bf_user *u)
{
    const char *name = bf_exchange_param(x, "user");

    if (!name || !bf_team_user(api->team, name, u) || !bf_api_sees_user(api, x, u))
        return bf_api_missing(x, "user", name ? name : "");
    if (may(api, x, u, rights))
        return 0;
    return bf_exchange_fail(x, 403, "forbidden", NULL, "keys are their user's business, those of a"
                            " service account its team's admins', and this key may not do that");
}


/* --- making one ---------------------------------------------------------------------------- */

struct making {
    struct bf_api_write write;
    struct bf_key key;
    char made[BF_KEY_TEXT_SIZE];
    const char *given;          /* NULL: we make one */
};

static int apply_make(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct making *m = bf_container_of(work, struct making, write.work);

    return bf_people_add_key(m->write.api->team, tx, m->given ? m->given : m->made, &m->key,
                             bf_auth_who(m->write.x)->user, err);
}

static int answer_make(struct bf_api_write *w)
{
    struct making *m = bf_container_of(w, struct making, write);
    struct bf_tree *t;

    bf_api_refresh(w->api, "key", m->key.id);
    t = show(w->api, &m->key);
    if (!m->given)
        bf_tree_str(t, "key", m->made);
    return bf_api_answer(w->x, 201, t);
}

static void wipe(struct bf_api_write *w)
{
    struct making *m = bf_container_of(w, struct making, write);

    bf_wipe(m->made, sizeof(m->made));
    if (m->given)
        bf_wipe((char *)m->given, strlen(m->given));
}

/* One of "rights": not more than its user may anywhere, nor than the key that asks. */
static int add_right(struct bf_exchange *x, const struct bf_user *u, const struct bf_json *value,
                     size_t i, unsigned *rights)
{
    const char *name = bf_json_str(bf_exchange_arena(x), value);
    unsigned right = name ? bf_right_parse(name) : 0;
    char field[32];

    snprintf(field, sizeof(field), "rights[%zu]", i);
    if (!right)
        return bf_exchange_fail(x, 400, "invalid", field, "a right is ingest, read, edit or admin");
    if (!(u->rights & right))
        return bf_exchange_fail(x, 400, "invalid", field, "%s has no role with the right %s, so no"
                                " key of it can have it", u->name, name);
    if (!(bf_auth_who(x)->rights & right))
        return bf_exchange_fail(x, 403, "forbidden", field, "the key that asks has not the right %s"
                                " itself", name);
    *rights |= right;
    return 0;
}

static int read_rights(struct bf_exchange *x, const struct bf_user *u, const struct bf_json *array,
                       unsigned *rights)
{
    size_t i = 0;

    *rights = array ? 0 : u->rights & bf_auth_who(x)->rights;
    for (const struct bf_json *j = bf_json_first(array); j; j = bf_json_next(array, j)) {
        int status = add_right(x, u, j, i++, rights);

        if (status)
            return status;
    }
    if (*rights)
        return 0;
    return bf_exchange_fail(x, 400, "invalid", "rights", "a key needs one right at least: ingest,"
                            " read, edit or admin");
}

static int read_given(struct bf_exchange *x, const struct bf_json *key, struct making *m)
{
    struct bf_error err;

    if (!key)
        return 0;
    if (!bf_auth_who(x)->admin)
        return bf_exchange_fail(x, 403, "forbidden", "key", "only an admin of the hub may bring in"
                                " a key; leave it out to have one made");
    m->given = bf_json_str(bf_exchange_arena(x), key);
    if (bf_key_check(m->given, &err))
        return bf_exchange_fail(x, 400, "invalid", "key", "%s", err.words);
    return 0;
}

static int read_name(struct bf_exchange *x, const struct bf_json *name, struct making *m)
{
    const char *text = bf_json_str(bf_exchange_arena(x), name);

    if (*text == '\0' || strlen(text) > BF_KEY_NAME_MAX)
        return bf_exchange_fail(x, 400, "invalid", "name", "a key's name has 1 to %d bytes; say"
                                " what the key is for", BF_KEY_NAME_MAX);
    snprintf(m->key.name, sizeof(m->key.name), "%s", text);
    return 0;
}

static int read_body(struct bf_exchange *x, const struct bf_user *u, struct making *m)
{
    const struct bf_json *name, *rights, *key;
    const struct bf_api_member members[] = {{"name", BF_JSON_STRING, true, &name},
                                            {"rights", BF_JSON_ARRAY, false, &rights},
                                            {"key", BF_JSON_STRING, false, &key}};
    int status = bf_api_body_members(x, members, BF_COUNT(members));

    if (!status)
        status = read_name(x, name, m);
    if (!status)
        status = read_rights(x, u, rights, &m->key.rights);
    return status ? status : read_given(x, key, m);
}

static int on_make(struct bf_exchange *x, void *arg)
{
    struct making *m = bf_arena_new_of(bf_exchange_arena(x), struct making);
    struct bf_user u;
    int status = m ? find_user(arg, x, BF_EDIT, &u) : bf_api_fail(x, BF_EFULL, NULL);

    if (!status)
        status = read_body(x, &u, m);
    if (status)
        return status;
    snprintf(m->key.user, sizeof(m->key.user), "%s", u.name);
    bf_key_make(m->made);
    m->write.work.apply = apply_make;
    m->write.answer = answer_make;
    m->write.release = wipe;
    return bf_api_post(arg, x, &m->write);
}


/* --- revoking one ---------------------------------------------------------------------------- */

struct revocation {
    struct bf_api_write write;
    struct bf_key key;
};

static int apply_revoke(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct revocation *r = bf_container_of(work, struct revocation, write.work);
    struct bf_tree *t;
    int rc = bf_team_revoke_key(tx->db, r->key.id, tx->now_ms, err);

    if (rc)
        return rc;
    t = bf_tree_object();
    bf_tree_str(t, "id", r->key.id);
    bf_tree_str(t, "user", r->key.user);
    bf_tree_str(t, "name", r->key.name);
    return bf_people_record(tx, "belfry.key.deleted", r->key.user, bf_auth_who(r->write.x)->user, t,
                            err);
}

static int answer_revoke(struct bf_api_write *w)
{
    struct revocation *r = bf_container_of(w, struct revocation, write);

    bf_api_refresh(w->api, "key", r->key.id);
    return 204;
}

/* The path's key, if the caller may have to do with it: nobody else learns that there is one. */
static int find_key(struct bf_api *api, struct bf_exchange *x, unsigned rights, struct bf_key *key)
{
    const char *id = bf_exchange_param(x, "id");
    struct bf_error err;
    struct bf_user u;
    int rc = BF_EIO;

    if (bf_exchange_local(x))
        rc = bf_team_read_key(bf_exchange_local(x), id ? id : "", key, &err);
    if (rc && rc != BF_ENOENT)
        return bf_api_unreadable(x);
    if (rc || !bf_team_user(api->team, key->user, &u) || !may(api, x, &u, BF_READ))
        return bf_api_missing(x, "key", id ? id : "");
    if (may(api, x, &u, rights))
        return 0;
    return bf_exchange_fail(x, 403, "forbidden", NULL, "this key may look at keys, but not revoke"
                            " them");
}

static int on_revoke(struct bf_exchange *x, void *arg)
{
    struct revocation *r = bf_arena_new_of(bf_exchange_arena(x), struct revocation);
    int status = r ? find_key(arg, x, BF_EDIT, &r->key) : bf_api_fail(x, BF_EFULL, NULL);

    if (status)
        return status;
    r->write.work.apply = apply_revoke;
    r->write.answer = answer_revoke;
    return bf_api_post(arg, x, &r->write);
}


/* --- reading ---------------------------------------------------------------------------------- */

static int on_get(struct bf_exchange *x, void *arg)
{
    struct bf_key key;
    int status = find_key(arg, x, BF_READ, &key);

    return status ? status : bf_api_answer(x, 200, show(arg, &key));
}

static bool on_row(void *arg, const struct bf_key *k)
{
    struct bf_api_page *p = arg;

    if (!bf_api_page_take(p, k->id))
        return false;
    bf_tree_add(p->items, NULL, show(p->api, k));
    return true;
}

static int list(struct bf_api *api, struct bf_exchange *x, const char *user)
{
    struct bf_api_page page;
    int status = bf_api_page_begin(&page, api, x);

    if (status)
        return status;
    return bf_api_page_answer(&page, bf_team_list_keys(bf_exchange_local(x), user, page.cursor,
                                                       on_row, &page));
}

static int on_list_of_user(struct bf_exchange *x, void *arg)
{
    struct bf_user u;
    int status = find_user(arg, x, BF_READ, &u);

    return status ? status : list(arg, x, u.name);
}

/* All of them for an admin of the hub, one's own for everybody else. */
static int on_list(struct bf_exchange *x, void *arg)
{
    const struct bf_identity *who = bf_auth_who(x);

    return list(arg, x, who->admin ? NULL : who->user);
}

const struct bf_api_route bf_api_key_routes[] = {
    {"GET", "/api/v1/users/{user}/keys", BF_READ, on_list_of_user},
    {"POST", "/api/v1/users/{user}/keys", BF_EDIT, on_make},
    {"GET", "/api/v1/keys", BF_READ, on_list},
    {"GET", "/api/v1/keys/{id}", BF_READ, on_get},
    {"DELETE", "/api/v1/keys/{id}", BF_EDIT, on_revoke},
    {NULL, NULL, 0, NULL},
};
