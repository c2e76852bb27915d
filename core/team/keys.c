/* keys.c - API keys: hashed, looked up, and what their holders may do.
 *
 * Only keyed hashes are kept, so neither the database nor the memory of the hub holds a key.  The
 * hash is what a key is found by: a guess tells nothing about how near it came, and a revoked key
 * is not in the directory, hence as unknown as any.  A key may be narrower than its user, never
 * wider. */
#include "core/team/team_int.h"

#include <string.h>

#define KEY_MAX 512             /* bytes of a key that are looked at; longer is no key */

static const struct {
    const char *role;
    unsigned rights;
} roles[] = {
    {"admin", BF_INGEST | BF_READ | BF_EDIT | BF_ADMIN},
    {"member", BF_INGEST | BF_READ | BF_EDIT},
    {"viewer", BF_READ},
};

unsigned bf_role_rights(const char *role)
{
    for (size_t i = 0; i < BF_COUNT(roles); i++)
        if (strcmp(roles[i].role, role) == 0)
            return roles[i].rights;
    return 0;
}

void bf_key_hash(const struct bf_team *t, const char *key, size_t len, char out[KEY_HASH_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t hash[32];

    bf_hash(t->hash_key, key, len, hash);
    for (size_t i = 0; i < sizeof(hash); i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[KEY_HASH_TEXT - 1] = '\0';
}

static size_t word_len(const char *text, bool dashes)
{
    size_t n = 0;

    while (bf_is_word(text[n]) || (dashes && text[n] == '-'))
        n++;
    return n;
}

int bf_key_check(const char *key, struct bf_error *err)
{
    size_t prefix = word_len(key, false);
    const char *part = prefix > 0 && key[prefix] == '-' ? key + prefix + 1 : key;
    size_t len = word_len(part, true);

    if (*part == '\0' || part[len] != '\0' || *key == '-')
        return bf_error_set(err, BF_ECONFIG, "the key holds something else than letters, digits, _"
                            " and -; give one like bf- and %d letters and digits",
                            BF_API_KEY_MIN);
    if (len < BF_API_KEY_MIN)
        return bf_error_set(err, BF_ECONFIG, "the key has %zu characters%s, and the wandb"
                            " client takes none below %d; give one like bf- and %d letters and"
                            " digits", len, part == key ? "" : " behind its first -",
                            BF_API_KEY_MIN, BF_API_KEY_MIN);
    if (strlen(key) > KEY_MAX)
        return bf_error_set(err, BF_ECONFIG, "the key is longer than %d characters",
                            KEY_MAX);
    return BF_OK;
}

void bf_key_make(char out[BF_KEY_TEXT_SIZE])
{
    memcpy(out, "bf-", 3);
    bf_random_word(out + 3, BF_API_KEY_MIN);
}


/* --- rows ----------------------------------------------------------------------- */

int bf_team_add_key(struct bf_team *t, struct bf_db *db, const char *text, struct bf_key *key,
                    struct bf_error *err)
{
    struct bf_query *q =
        bf_db_query(db, "INSERT INTO team_keys (id, hash, user_name, name, rights, created)"
                        " VALUES (?, ?, ?, ?, ?, ?)");
    char hash[KEY_HASH_TEXT];
    int rc;

    bf_key_hash(t, text, strlen(text), hash);
    if (!*key->id)
        bf_id_random(key->id, key->created_ms);
    bf_query_text(q, 1, key->id);
    bf_query_text(q, 2, hash);
    bf_query_text(q, 3, key->user);
    bf_query_text(q, 4, key->name);
    bf_query_int(q, 5, key->rights);
    bf_query_int(q, 6, key->created_ms);
    rc = bf_query_run(q);
    if (rc == BF_EEXIST)
        return bf_error_field(err, rc, "key", "there is, or was, such a key already; give another"
                              " one");
    return rc ? bf_error_set(err, rc, "cannot save the key: %s", bf_db_words(db)) : BF_OK;
}

#define KEY_COLUMNS "SELECT id, user_name, name, rights, created, used, revoked FROM team_keys"

static void from_row(struct bf_query *q, struct bf_key *k)
{
    bf_copy_text(k->id, sizeof(k->id), bf_query_col_text(q, 0));
    bf_copy_text(k->user, sizeof(k->user), bf_query_col_text(q, 1));
    bf_copy_text(k->name, sizeof(k->name), bf_query_col_text(q, 2));
    k->rights = (unsigned)bf_query_col_int(q, 3);
    k->created_ms = bf_query_col_int(q, 4);
    k->used_ms = bf_query_col_int(q, 5);
    k->revoked_ms = bf_query_col_int(q, 6);
}

int bf_team_read_key(struct bf_db *db, const char *id, struct bf_key *out, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, KEY_COLUMNS " WHERE id = ?");
    int rc;

    bf_query_text(q, 1, id);
    rc = bf_query_step(q);
    if (rc < 0)
        return bf_error_set(err, rc, "cannot read the keys: %s", bf_db_words(db));
    if (rc == 0)
        return bf_error_set(err, BF_ENOENT, "there is no key %s", id);
    from_row(q, out);
    bf_query_end(q);
    return BF_OK;
}

int bf_team_list_keys(struct bf_db *db, const char *user, const char *after, bf_key_fn *fn,
                      void *arg)
{
    struct bf_query *q = bf_db_query(
        db, user ? KEY_COLUMNS " WHERE revoked IS NULL AND id > ? AND user_name = ? ORDER BY id"
                 : KEY_COLUMNS " WHERE revoked IS NULL AND id > ? ORDER BY id");
    struct bf_key k;
    int rc;

    bf_query_text(q, 1, after);
    if (user)
        bf_query_text(q, 2, user);
    while ((rc = bf_query_step(q)) == 1) {
        from_row(q, &k);
        if (!fn(arg, &k))
            break;
    }
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

int bf_team_revoke_key(struct bf_db *db, const char *id, int64_t now_ms, struct bf_error *err)
{
    struct bf_query *q =
        bf_db_query(db, "UPDATE team_keys SET revoked = ? WHERE id = ? AND revoked IS NULL");
    int rc;

    bf_query_int(q, 1, now_ms);
    bf_query_text(q, 2, id);
    rc = bf_query_run(q);
    if (rc)
        return bf_error_set(err, rc, "cannot revoke the key %s: %s", id, bf_db_words(db));
    if (bf_db_changes(db) == 0)
        return bf_error_set(err, BF_ENOENT, "there is no key %s (any more)", id);
    return BF_OK;
}


/* --- callers ---------------------------------------------------------------------- */

/* False if the key's user is gone.  [lock held] */
static bool identify(const struct directory *d, const struct key *k, struct bf_identity *out)
{
    const struct user *u = k ? bf_map_get(d->users, k->user) : NULL;

    if (!u)
        return false;
    out->admin = u->admin && k->rights == ALL_RIGHTS;
    out->rights = k->rights;
    memcpy(out->key_id, k->id, sizeof(out->key_id));
    memcpy(out->user, k->user, sizeof(out->user));
    out->pub = (struct bf_caller){.size = sizeof(out->pub), .id = out->key_id, .user = out->user};
    return true;
}

/* Once in a second is enough, and spares the threads a fight for the cache line. */
static void note_use(struct key *k, int64_t now_ms)
{
    if (now_ms - atomic_load_explicit(&k->used_ms, memory_order_relaxed) >= 1000)
        atomic_store_explicit(&k->used_ms, now_ms, memory_order_relaxed);
}

bool bf_team_authenticate(struct bf_team *t, const char *key, size_t len, struct bf_identity *out)
{
    char hash[KEY_HASH_TEXT];
    struct key *k;
    bool found;

    if (len == 0 || len > KEY_MAX)
        return false;
    bf_key_hash(t, key, len, hash);
    pthread_rwlock_rdlock(&t->lock);
    k = bf_map_get_len(t->dir->keys, hash, KEY_HASH_TEXT - 1);
    found = identify(t->dir, k, out);
    if (found)
        note_use(k, bf_wall_ms(t->clock));
    pthread_rwlock_unlock(&t->lock);
    return found;
}

int64_t bf_team_guessed(struct bf_team *t, const char *peer)
{
    bool first;
    int64_t wait_ms = bf_guesses_add(t->guesses, peer, bf_mono_ms(t->clock), &first);

    if (first)
        bf_warnf(t->log, "auth", "%d wrong keys came from %s within %d minutes; it is told to wait"
                 " with more of them", BF_GUESSES_MAX, peer, BF_GUESSES_SPAN_MS / 60000);
    return wait_ms;
}

bool bf_team_identity(struct bf_team *t, const char *key_id, struct bf_identity *out)
{
    bool found;

    pthread_rwlock_rdlock(&t->lock);
    found = identify(t->dir, bf_map_get(t->dir->keys_by_id, key_id), out);
    pthread_rwlock_unlock(&t->lock);
    return found;
}


/* --- rights --------------------------------------------------------------------- */

static unsigned role_in(const struct user *u, const char *entity)
{
    return (unsigned)(uintptr_t)bf_map_get(u->roles, entity);
}

static bool is_in_a_team_of(const struct directory *d, const struct user *u,
                            const char *organization)
{
    const char *name;
    void *rights;

    for (size_t at = 0; bf_map_each(u->roles, &at, &name, &rights);) {
        const struct bf_entity *e = bf_map_get(d->entities, name);

        if (e && *e->kind == 't' && strcmp(e->organization, organization) == 0)
            return true;
    }
    return false;
}

/* What an organization adds to a user's own role: its admins are admins of all its teams, and who
 * is in one of its teams may read what is its own. */
static unsigned by_organization(const struct directory *d, const struct user *u,
                                const char *entity)
{
    const struct bf_entity *e = bf_map_get(d->entities, entity);
    char own[BF_ENTITY_NAME_MAX + 1];

    if (!e || !*e->organization)
        return 0;
    if (*e->kind == 'o')
        return is_in_a_team_of(d, u, e->organization) ? BF_READ : 0;
    bf_organization_entity(own, e->organization);
    return role_in(u, own) == ALL_RIGHTS ? ALL_RIGHTS : 0;
}

/* Whether a user has all of `rights` in an entity, or in some entity if that is NULL.
 * [lock held] */
static bool has_rights(const struct directory *d, const struct user *u, unsigned rights,
                       const char *entity)
{
    unsigned has;

    if (u->admin)
        return true;
    has = entity ? role_in(u, entity) : u->somewhere;
    if ((has & rights) == rights)
        return true;
    return entity && ((has | by_organization(d, u, entity)) & rights) == rights;
}

bool bf_team_may(struct bf_team *t, const struct bf_identity *who, unsigned rights,
                 const char *entity)
{
    const struct key *k;
    const struct user *u;
    bool may;

    if (!who)
        return false;
    pthread_rwlock_rdlock(&t->lock);
    k = bf_map_get(t->dir->keys_by_id, who->key_id);
    u = k ? bf_map_get(t->dir->users, k->user) : NULL;
    may = u && (k->rights & rights) == rights && has_rights(t->dir, u, rights, entity);
    pthread_rwlock_unlock(&t->lock);
    return may;
}
