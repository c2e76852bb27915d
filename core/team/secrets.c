/* secrets.c - sealed values, each bound to its place.
 *
 * A box opens only under the name it was sealed for ("secret/ENTITY/NAME"), so rows that are
 * swapped or copied are errors, not values.  The plain text exists in bf_team_open_secret()'s
 * answer and nowhere else; it is opened again at each use.  Literals of integrations are entries
 * whose name has a slash, which no user can write. */
#include "core/team/team_int.h"

#include <stdio.h>
#include <string.h>

bool bf_secret_name_ok(const char *name)
{
    size_t n = 0;

    while (bf_is_word(name[n]))
        n++;
    return n > 0 && n <= BF_SECRET_NAME_MAX && name[n] == '\0';
}

static int bad_grant(struct bf_error *err, const char *name)
{
    if (!name)
        return bf_error_set(err, BF_ECONFIG, "must be names of secrets, as [\"NAME\"]");
    return bf_error_set(err, BF_ECONFIG, "\"%.80s\" is no name of a secret: that has 1 to %d"
                        " letters, digits and _", name, BF_SECRET_NAME_MAX);
}

static bool is_among(const char *names, const char *name)
{
    size_t len = strlen(name), n;

    for (const char *at = names; (n = bf_secret_names_next(&at)) > 0; at += n)
        if (n == len && memcmp(at, name, n) == 0)
            return true;
    return false;
}

int bf_secret_names_read(struct bf_arena *a, const struct bf_json *array, const char **names,
                         struct bf_error *err)
{
    *names = "";
    if (!array || bf_json_is(array, BF_JSON_NULL))
        return BF_OK;
    if (!bf_json_is(array, BF_JSON_ARRAY))
        return bad_grant(err, NULL);
    if (bf_json_count(array) > BF_GRANTS_MAX)
        return bf_error_set(err, BF_ECONFIG, "names %zu secrets, at most %d can be granted",
                            bf_json_count(array), BF_GRANTS_MAX);
    for (const struct bf_json *e = bf_json_first(array); e; e = bf_json_next(array, e)) {
        const char *name = bf_json_str(a, e);

        if (!name || !bf_secret_name_ok(name))
            return bad_grant(err, name);
        if (is_among(*names, name))
            return bf_error_set(err, BF_ECONFIG, "names \"%s\" twice", name);
        *names = bf_arena_printf(a, "%s%s%s", *names, **names ? " " : "", name);
    }
    return BF_OK;
}

size_t bf_secret_names_next(const char **at)
{
    *at += strspn(*at, " ");
    return strcspn(*at, " ");
}

bool bf_secret_place(char out[SECRET_PLACE_MAX], const char *entity, const char *name)
{
    int n = snprintf(out, SECRET_PLACE_MAX, "secret/%s/%s", entity, name);

    return n > 0 && n < SECRET_PLACE_MAX;
}

bool bf_team_has_secret(struct bf_team *t, const char *entity, const char *name)
{
    char place[SECRET_PLACE_MAX];
    bool found;

    if (!bf_secret_place(place, entity, name))
        return false;
    pthread_rwlock_rdlock(&t->lock);
    found = bf_map_get(t->dir->secrets, place + SECRET_PLACE_PREFIX) != NULL;
    pthread_rwlock_unlock(&t->lock);
    return found;
}

/* A copy of the box and its key, to be opened without the lock; NULL if there is none.  Of a key
 * that is not there, one that opens nothing. */
static struct secret *copy_box(struct bf_team *t, const char *place, uint8_t key[BF_KEY_LEN])
{
    const struct secret *s;
    struct secret *copy = NULL;

    pthread_rwlock_rdlock(&t->lock);
    s = bf_map_get(t->dir->secrets, place + SECRET_PLACE_PREFIX);
    if (s) {
        memset(key, 0, BF_KEY_LEN);
        bf_keyring_find(&t->keyring, s->generation, key);
        copy = bf_zalloc(sizeof(*s) + s->box_len);
        copy->box_len = s->box_len;
        memcpy(copy->box, s->box, s->box_len);
    }
    pthread_rwlock_unlock(&t->lock);
    return copy;
}

int bf_team_open_secret(struct bf_team *t, const char *entity, const char *name, char **value,
                        size_t *len, struct bf_error *err)
{
    char place[SECRET_PLACE_MAX];
    uint8_t key[BF_KEY_LEN];
    struct secret *s = bf_secret_place(place, entity, name) ? copy_box(t, place, key) : NULL;
    int rc;

    if (!s)
        return bf_error_set(err, BF_ENOENT, "%s has no secret \"%s\"; set it with PUT"
                            " /api/v1/teams/%s/secrets/%s", entity, name, entity, name);
    if (bf_box_open(key, place, s->box, s->box_len, value, len, NULL))
        rc = bf_error_set(err, BF_EIO, "the secret \"%s\" of %s does not open: its row was changed,"
                          " or master.key is another one; set it again", name, entity);
    else
        rc = BF_OK;
    bf_wipe(key, sizeof(key));
    free(s);
    return rc;
}

/* 1: there is such a row; 0: there is none. */
static int row_exists(struct bf_db *db, struct bf_query *q, struct bf_error *err)
{
    int rc = bf_query_step(q);

    bf_query_end(q);
    return rc < 0 ? bf_error_set(err, rc, "cannot read the secrets: %s", bf_db_words(db)) : rc;
}

static int has_entity(struct bf_db *db, const char *entity, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, "SELECT 1 FROM team_entities WHERE name = ?"
                                         " AND deleted IS NULL");

    bf_query_text(q, 1, entity);
    return row_exists(db, q, err);
}

static int has_row(struct bf_db *db, const char *entity, const char *name, struct bf_error *err)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT 1 FROM team_secrets WHERE entity = ? AND name = ?");

    bf_query_text(q, 1, entity);
    bf_query_text(q, 2, name);
    return row_exists(db, q, err);
}

static int write_box(struct bf_db *db, const char *entity, const char *name, const void *box,
                     size_t len, int64_t generation, int64_t now_ms)
{
    struct bf_query *q = bf_db_query(
        db, "INSERT INTO team_secrets (entity, name, box, generation, updated)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (entity, name) DO UPDATE SET"
            " box = excluded.box, generation = excluded.generation,"
            " updated = excluded.updated");

    bf_query_text(q, 1, entity);
    bf_query_text(q, 2, name);
    bf_query_blob(q, 3, box, len);
    bf_query_int(q, 4, generation);
    bf_query_int(q, 5, now_ms);
    return bf_query_run(q);
}

int bf_team_put_secret(struct bf_team *t, struct bf_db *db, const char *entity, const char *name,
                       const char *value, size_t len, int64_t now_ms, bool *made,
                       struct bf_error *err)
{
    char place[SECRET_PLACE_MAX];
    uint8_t key[BF_KEY_LEN], *box;
    int64_t generation;
    int rc;

    if (len > BF_SECRET_MAX)
        return bf_error_field(err, BF_ETOOBIG, "value", "a secret may have %d bytes",
                              BF_SECRET_MAX);
    if (!bf_secret_place(place, entity, name))
        return bf_error_field(err, BF_ECONFIG, "name", "the name is too long");
    rc = has_entity(db, entity, err);
    if (rc == 0)
        return bf_error_set(err, BF_ENOENT, "team \"%s\" does not exist; make it with PUT"
                            " /api/v1/teams/%s", entity, entity);
    if (rc == 1)
        rc = has_row(db, entity, name, err);
    if (rc < 0)
        return rc;
    *made = rc == 0;
    box = bf_zalloc(bf_sealed_len(len));
    bf_keyring_current(t, &generation, key);
    bf_box_seal(key, place, value, len, box);
    bf_wipe(key, sizeof(key));
    rc = write_box(db, entity, name, box, bf_sealed_len(len), generation, now_ms);
    free(box);
    return rc ? bf_error_set(err, rc, "cannot keep the secret \"%s\": %s", name, bf_db_words(db))
              : BF_OK;
}

int bf_team_delete_secret(struct bf_db *db, const char *entity, const char *name,
                          struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, "DELETE FROM team_secrets WHERE entity = ? AND name = ?");
    int rc;

    bf_query_text(q, 1, entity);
    bf_query_text(q, 2, name);
    rc = bf_query_run(q);
    if (rc)
        return bf_error_set(err, rc, "cannot delete the secret \"%s\": %s", name, bf_db_words(db));
    if (bf_db_changes(db) == 0)
        return bf_error_set(err, BF_ENOENT, "%s has no secret \"%s\"", entity, name);
    return BF_OK;
}

int bf_team_list_secrets(struct bf_db *db, const char *entity, const char *after, bf_secret_fn *fn,
                         void *arg)
{
    struct bf_query *q = bf_db_query(db, "SELECT name, updated FROM team_secrets"
                                         " WHERE entity = ? AND name > ? ORDER BY name");
    int rc;

    bf_query_text(q, 1, entity);
    bf_query_text(q, 2, after);
    while ((rc = bf_query_step(q)) == 1) {
        const char *name = bf_query_col_text(q, 0);

        if (!strchr(name, '/') && !fn(arg, name, bf_query_col_int(q, 1)))
            break;
    }
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

int bf_team_find_secret(struct bf_db *db, const char *entity, const char *name, bf_secret_fn *fn,
                        void *arg)
{
    struct bf_query *q = bf_db_query(db, "SELECT name, updated FROM team_secrets"
                                         " WHERE entity = ? AND name = ?");
    int rc;

    bf_query_text(q, 1, entity);
    bf_query_text(q, 2, name);
    rc = bf_query_step(q);
    if (rc == 1 && !strchr(name, '/'))
        fn(arg, bf_query_col_text(q, 0), bf_query_col_int(q, 1));
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}
