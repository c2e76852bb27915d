/* directory.c - the directory in memory: read from the tables, replaced by the object.
 *
 * Rows are read without the lock, into a directory of their own; under the write lock only
 * pointers move.  What was replaced is freed after it: nobody keeps a pointer into the directory
 * beyond the read lock, but for integrations, which are counted. */
#include "core/team/team_int.h"

#include <string.h>

#define ENTITIES "SELECT " ENTITY_COLUMNS " WHERE deleted IS NULL"
#define USERS                                                                                  \
    "SELECT u.name, u.admin, u.service FROM team_users u"                                      \
    " JOIN team_entities e ON e.name = u.name WHERE e.deleted IS NULL"
#define MEMBERS  "SELECT user_name, entity, role FROM team_members"
#define KEYS     "SELECT id, hash, user_name, rights FROM team_keys WHERE revoked IS NULL"
#define SECRETS  "SELECT entity, name, box, generation FROM team_secrets"
#define INTEGRATIONS "SELECT " INTEGRATION_COLUMNS

struct directory *bf_directory_new(void)
{
    struct directory *d = bf_new(struct directory);

    d->entities = bf_map_new();
    d->users = bf_map_new();
    d->keys = bf_map_new();
    d->keys_by_id = bf_map_new();
    d->secrets = bf_map_new();
    d->integrations = bf_map_new();
    return d;
}

static void free_user(void *user)
{
    bf_map_free(((struct user *)user)->roles);
    free(user);
}

static void free_integration(void *integration) { bf_integration_unref(integration); }

static void free_map(struct bf_map *m, void (*free_value)(void *value))
{
    const char *key;
    void *value;

    for (size_t at = 0; bf_map_each(m, &at, &key, &value);)
        free_value(value);
    bf_map_free(m);
}

void bf_directory_free(struct directory *d)
{
    if (!d)
        return;
    free_map(d->entities, free);
    free_map(d->users, free_user);
    bf_map_free(d->keys_by_id);         /* the objects are those of `keys` */
    free_map(d->keys, free);
    free_map(d->secrets, free);
    free_map(d->integrations, free_integration);
    free(d);
}


/* --- rows to objects --------------------------------------------------------- */

static void add_entity(struct directory *d, struct bf_query *q)
{
    struct bf_entity *e = bf_new(struct bf_entity);

    bf_entity_from_row(q, e);
    bf_map_set(d->entities, e->name, e);
}

static void add_user(struct directory *d, struct bf_query *q)
{
    struct user *u = bf_new(struct user);

    u->admin = bf_query_col_int(q, 1) != 0;
    bf_copy_text(u->service, sizeof(u->service), bf_query_col_text(q, 2));
    u->roles = bf_map_new();
    bf_map_set(d->users, bf_query_col_text(q, 0), u);
}

static void add_member(struct directory *d, struct bf_query *q)
{
    struct user *u = bf_map_get(d->users, bf_query_col_text(q, 0));
    unsigned rights = bf_role_rights(bf_query_col_text(q, 2));

    if (!u || rights == 0)
        return;
    u->somewhere |= rights;
    bf_map_set(u->roles, bf_query_col_text(q, 1), (void *)(uintptr_t)rights);
}

static void add_key(struct directory *d, struct bf_query *q)
{
    struct key *k = bf_new(struct key);

    bf_copy_text(k->id, sizeof(k->id), bf_query_col_text(q, 0));
    bf_copy_text(k->hash, sizeof(k->hash), bf_query_col_text(q, 1));
    bf_copy_text(k->user, sizeof(k->user), bf_query_col_text(q, 2));
    k->rights = (unsigned)bf_query_col_int(q, 3);
    bf_map_set(d->keys, k->hash, k);
    bf_map_set(d->keys_by_id, k->id, k);
}

static void add_secret(struct directory *d, struct bf_query *q)
{
    char place[SECRET_PLACE_MAX];
    struct secret *s;
    size_t len;
    const void *box = bf_query_col_blob(q, 2, &len);

    if (!bf_secret_place(place, bf_query_col_text(q, 0), bf_query_col_text(q, 1)))
        return;
    s = bf_zalloc(sizeof(*s) + len);
    s->generation = bf_query_col_int(q, 3);
    s->box_len = len;
    memcpy(s->box, box, len);
    bf_map_set(d->secrets, place + SECRET_PLACE_PREFIX, s);
}

static void add_integration(struct directory *d, struct bf_query *q)
{
    struct bf_integration *i = bf_integration_from_row(q);

    bf_map_set(d->integrations, i->id, i);
}


/* --- reading ------------------------------------------------------------------ */

static int add_rows(struct directory *d, struct bf_db *db, struct bf_query *q,
                    void (*add)(struct directory *d, struct bf_query *q), struct bf_error *err)
{
    int rc;

    while ((rc = bf_query_step(q)) == 1)
        add(d, q);
    return rc ? bf_error_set(err, rc, "cannot read the teams: %s", bf_db_words(db)) : BF_OK;
}

static int load_all(struct directory *d, struct bf_db *db, struct bf_error *err)
{
    static const struct {
        const char *sql;
        void (*add)(struct directory *d, struct bf_query *q);
    } tables[] = {
        {ENTITIES, add_entity}, {USERS, add_user},       {MEMBERS, add_member},
        {KEYS, add_key},        {SECRETS, add_secret},   {INTEGRATIONS, add_integration},
    };
    int rc = BF_OK;

    for (size_t i = 0; !rc && i < BF_COUNT(tables); i++)
        rc = add_rows(d, db, bf_db_query(db, tables[i].sql), tables[i].add, err);
    return rc;
}

static int load_secret(struct directory *d, struct bf_db *db, const char *id, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, SECRETS " WHERE entity = ? AND name = ?");
    const char *slash = strchr(id, '/');

    bf_assert(slash);
    bf_query_textn(q, 1, id, (size_t)(slash - id));
    bf_query_text(q, 2, slash + 1);
    return add_rows(d, db, q, add_secret, err);
}

/* With the roles. */
static int load_user(struct directory *d, struct bf_db *db, const char *id, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, USERS " AND u.name = ?");
    int rc;

    bf_query_text(q, 1, id);
    rc = add_rows(d, db, q, add_user, err);
    if (rc)
        return rc;
    q = bf_db_query(db, MEMBERS " WHERE user_name = ?");
    bf_query_text(q, 1, id);
    return add_rows(d, db, q, add_member, err);
}

int bf_directory_load(struct directory *d, struct bf_db *db, const char *what, const char *id,
                      struct bf_error *err)
{
    struct bf_query *q;

    if (!what)
        return load_all(d, db, err);
    if (strcmp(what, "secret") == 0)
        return load_secret(d, db, id, err);
    if (strcmp(what, "user") == 0)
        return load_user(d, db, id, err);
    if (strcmp(what, "entity") == 0) {
        q = bf_db_query(db, ENTITIES " AND name = ?");
        bf_query_text(q, 1, id);
        return add_rows(d, db, q, add_entity, err);
    }
    if (strcmp(what, "key") == 0) {
        q = bf_db_query(db, KEYS " AND id = ?");
        bf_query_text(q, 1, id);
        return add_rows(d, db, q, add_key, err);
    }
    bf_assert(strcmp(what, "integration") == 0);
    q = bf_db_query(db, INTEGRATIONS " WHERE id = ?");
    bf_query_text(q, 1, id);
    return add_rows(d, db, q, add_integration, err);
}


/* --- replacing ---------------------------------------------------------------- */

static void move(struct bf_map *from, struct bf_map *to, const char *key)
{
    void *value = bf_map_remove(from, key);

    if (value)
        bf_map_set(to, key, value);
}

/* What `now` has under a key goes to `old`, and what `fresh` has takes its place, if anything. */
static void replace(struct bf_map *now, struct bf_map *fresh, struct bf_map *old, const char *key)
{
    move(now, old, key);
    move(fresh, now, key);
}

/* A key has two places; its hash never changes. */
static void replace_key(struct directory *now, struct directory *fresh, struct directory *old,
                        const char *id)
{
    const struct key *k = bf_map_get(now->keys_by_id, id);
    char hash[KEY_HASH_TEXT];

    if (!k)
        k = bf_map_get(fresh->keys_by_id, id);
    if (!k)
        return;
    memcpy(hash, k->hash, sizeof(hash));
    replace(now->keys, fresh->keys, old->keys, hash);
    replace(now->keys_by_id, fresh->keys_by_id, old->keys_by_id, id);
}

/* The rights of its best role; each role has all the rights of the lesser ones. */
static void find_somewhere(struct user *u)
{
    const char *entity;
    void *rights;

    u->somewhere = 0;
    for (size_t at = 0; bf_map_each(u->roles, &at, &entity, &rights);)
        u->somewhere |= (unsigned)(uintptr_t)rights;
}

/* Who had a role in an entity that is gone must not have it again when the entity is brought
 * back. */
static void replace_entity(struct directory *now, struct directory *fresh, struct directory *old,
                           const char *name)
{
    const char *user;
    void *value;

    replace(now->entities, fresh->entities, old->entities, name);
    if (bf_map_get(now->entities, name))
        return;
    for (size_t at = 0; bf_map_each(now->users, &at, &user, &value);) {
        struct user *u = value;

        if (bf_map_remove(u->roles, name))
            find_somewhere(u);
    }
}

/* The keys go with their user. */
static void replace_user(struct directory *now, struct directory *fresh, struct directory *old,
                         const char *name)
{
    const char *hash;
    void *value;

    replace(now->users, fresh->users, old->users, name);
    if (bf_map_get(now->users, name))
        return;
    for (size_t at = 0; bf_map_each(now->keys, &at, &hash, &value);) {
        struct key *k = value;

        if (strcmp(k->user, name) != 0)
            continue;
        bf_map_remove(now->keys_by_id, k->id);
        bf_map_remove(now->keys, k->hash);
        bf_map_set(old->keys, k->hash, k);
    }
}

static void replace_one(struct directory *now, struct directory *fresh, struct directory *old,
                        const char *what, const char *id)
{
    if (strcmp(what, "entity") == 0)
        replace_entity(now, fresh, old, id);
    else if (strcmp(what, "user") == 0)
        replace_user(now, fresh, old, id);
    else if (strcmp(what, "key") == 0)
        replace_key(now, fresh, old, id);
    else if (strcmp(what, "secret") == 0)
        replace(now->secrets, fresh->secrets, old->secrets, id);
    else
        replace(now->integrations, fresh->integrations, old->integrations, id);
}

/* Last uses that are not on disk yet. */
static void keep_uses(const struct directory *from, struct directory *to)
{
    const char *id;
    void *value;

    for (size_t at = 0; bf_map_each(from->keys_by_id, &at, &id, &value);) {
        const struct key *was = value;
        struct key *k = bf_map_get(to->keys_by_id, id);

        if (k)
            atomic_store(&k->used_ms, atomic_load(&was->used_ms));
    }
}

int bf_team_refresh(struct bf_team *t, struct bf_db *db, const char *what, const char *id,
                    struct bf_error *err)
{
    struct directory *fresh = bf_directory_new();
    struct directory *old = bf_directory_new();
    int rc = bf_directory_load(fresh, db, what, id, err);

    if (!rc) {
        pthread_rwlock_wrlock(&t->lock);
        if (what) {
            replace_one(t->dir, fresh, old, what, id);
        } else {
            struct directory *all = fresh;

            keep_uses(t->dir, all);
            fresh = t->dir;
            t->dir = all;
        }
        pthread_rwlock_unlock(&t->lock);
    }
    bf_directory_free(old);
    bf_directory_free(fresh);
    return rc;
}
