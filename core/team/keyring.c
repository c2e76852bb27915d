/* keyring.c - the keys that seal, kept under the master key, and changed without anybody noticing.
 *
 * CONCEPT.  Nothing is sealed with the master key itself but the data keys: one to hash API keys,
 * which stays, as no key could be hashed again without its text; and one to seal secrets and tokens,
 * which has generations.  A data key stands in the table once for each master key that opens it, and
 * a row of team_secrets says by which generation it is sealed.
 *
 * OPERATION.  A rotation makes a new master key and a new generation:
 *
 *   begin   DATA/master.key.next is written and synced
 *   wrap    the data keys are added once more, under the new master key, with the new generation
 *   switch  master.key.next takes the place of master.key
 *   unwrap  what is under the old master key is overwritten
 *   reseal  secrets go over to the new generation, some at a time
 *   drop    generations that nothing is sealed with any more are overwritten
 *
 * SAFETY.  Before the switch the table has the data keys under both master keys, so whichever of the
 * two a crash leaves in the file opens it; both are dropped only when the other is known to be on
 * disk.  What a crash leaves half done is finished when the hub opens next: keys under a master key
 * that is not there are dropped, and secrets go over to the newest generation.
 *
 * The old master.key opens nothing in the new database.  Together with the old database it opens
 * what that held, and no secret that was set since. */
#include "core/team/team_int.h"

#include <string.h>

#define SEAL_PURPOSE "seal"
#define HASH_PURPOSE "hash"
#define PLACE_MAX    64
#define SLICE_ROWS   32         /* sealed anew in one transaction, a few milliseconds */
#define SLICE_BYTES  (256 * 1024)
#define PROOF_PLACE  "team/proof"       /* of databases from before there was a keyring */

static void derive(uint8_t out[BF_KEY_LEN], const uint8_t key[BF_KEY_LEN], const char *purpose)
{
    bf_hash(key, purpose, strlen(purpose), out);
}

/* What a master key is called in the table; says nothing about it. */
static void master_id(const uint8_t master[BF_KEY_LEN], char out[MASTER_ID_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t hash[32];

    derive(hash, master, "belfry master key id");
    for (size_t i = 0; i < MASTER_ID_TEXT / 2; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[MASTER_ID_TEXT - 1] = '\0';
}

static int failed(struct bf_error *err, int rc, struct bf_db *db, const char *what)
{
    return bf_error_set(err, rc, "cannot %s the keyring: %s", what, bf_db_words(db));
}


/* --- in memory ------------------------------------------------------------------- */

bool bf_keyring_find(const struct keyring *k, int64_t generation, uint8_t out[BF_KEY_LEN])
{
    for (size_t i = 0; i < k->n; i++) {
        if (k->items[i].generation == generation) {
            memcpy(out, k->items[i].key, BF_KEY_LEN);
            return true;
        }
    }
    return false;
}

/* The newest is the current one. */
static void keyring_add(struct keyring *k, int64_t generation, const uint8_t key[BF_KEY_LEN])
{
    bf_assert(k->n < KEYRING_MAX);
    k->items[k->n].generation = generation;
    memcpy(k->items[k->n].key, key, BF_KEY_LEN);
    k->n++;
    if (generation > k->current)
        k->current = generation;
}

void bf_keyring_current(struct bf_team *t, int64_t *generation, uint8_t out[BF_KEY_LEN])
{
    pthread_rwlock_rdlock(&t->lock);
    *generation = t->keyring.current;
    bf_assert(bf_keyring_find(&t->keyring, *generation, out));
    pthread_rwlock_unlock(&t->lock);
}

/* Tokens are sealed with a key of their own, so that none is ever taken for a secret. */
size_t bf_keyring_token_keys(struct bf_team *t, uint8_t out[KEYRING_MAX][BF_KEY_LEN])
{
    size_t n = 1;

    pthread_rwlock_rdlock(&t->lock);
    for (size_t i = 0; i < t->keyring.n; i++)
        derive(t->keyring.items[i].generation == t->keyring.current ? out[0] : out[n++],
               t->keyring.items[i].key, "belfry tokens");
    pthread_rwlock_unlock(&t->lock);
    return n;
}


/* --- rows ---------------------------------------------------------------------------- */

static void row_place(char out[PLACE_MAX], const char *purpose, int64_t generation)
{
    snprintf(out, PLACE_MAX, "keyring/%s/%lld", purpose, (long long)generation);
}

static int insert_row(struct bf_db *db, const uint8_t master[BF_KEY_LEN], const char *purpose,
                      int64_t generation, const uint8_t key[BF_KEY_LEN], int64_t now_ms,
                      struct bf_error *err)
{
    struct bf_query *q = bf_db_query(
        db, "INSERT INTO team_keyring (master, purpose, generation, box, made)"
            " VALUES (?, ?, ?, ?, ?)");
    char id[MASTER_ID_TEXT], place[PLACE_MAX];
    uint8_t box[BF_KEY_LEN + BOX_MORE_MAX];
    int rc;

    bf_assert(bf_sealed_len(BF_KEY_LEN) <= sizeof(box));
    master_id(master, id);
    row_place(place, purpose, generation);
    bf_box_seal(master, place, key, BF_KEY_LEN, box);
    bf_query_text(q, 1, id);
    bf_query_text(q, 2, purpose);
    bf_query_int(q, 3, generation);
    bf_query_blob(q, 4, box, bf_sealed_len(BF_KEY_LEN));
    bf_query_int(q, 5, now_ms);
    rc = bf_query_run(q);
    return rc ? failed(err, rc, db, "write") : BF_OK;
}

static int insert_all(struct bf_team *t, struct bf_db *db, const uint8_t master[BF_KEY_LEN],
                      int64_t now_ms, struct bf_error *err)
{
    int rc = insert_row(db, master, HASH_PURPOSE, 1, t->hash_key, now_ms, err);

    for (size_t i = 0; !rc && i < t->keyring.n; i++)
        rc = insert_row(db, master, SEAL_PURPOSE, t->keyring.items[i].generation,
                        t->keyring.items[i].key, now_ms, err);
    return rc;
}

static int take_row(struct bf_team *t, struct bf_query *q, const uint8_t master[BF_KEY_LEN],
                    struct bf_error *err)
{
    const char *purpose = bf_query_col_text(q, 0);
    int64_t generation = bf_query_col_int(q, 1);
    char place[PLACE_MAX], *key;
    size_t len, key_len;
    const void *box = bf_query_col_blob(q, 2, &len);
    bool is_hash = strcmp(purpose, HASH_PURPOSE) == 0;

    row_place(place, purpose, generation);
    if (bf_box_open(master, place, box, len, &key, &key_len, NULL) || key_len != BF_KEY_LEN)
        return bf_error_set(err, BF_ECONFIG, "a key in the database's keyring (%s) does not open:"
                            " its row was changed; put back a backup of the database", place);
    if (is_hash)
        memcpy(t->hash_key, key, BF_KEY_LEN);
    else if (t->keyring.n < KEYRING_MAX)
        keyring_add(&t->keyring, generation, (const uint8_t *)key);
    bf_wipe(key, key_len);
    free(key);
    t->has_hash_key |= is_hash;
    return BF_OK;
}

static int read_rows(struct bf_team *t, struct bf_db *db, const uint8_t master[BF_KEY_LEN],
                     struct bf_error *err)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT purpose, generation, box FROM team_keyring WHERE master = ?"
            " ORDER BY generation DESC");
    char id[MASTER_ID_TEXT];
    int rc;

    master_id(master, id);
    bf_query_text(q, 1, id);
    while ((rc = bf_query_step(q)) == 1) {
        rc = take_row(t, q, master, err);
        if (rc) {
            bf_query_end(q);
            return rc;
        }
    }
    if (rc)
        return failed(err, rc, db, "read");
    if (t->has_hash_key && t->keyring.n)
        return BF_OK;
    return bf_error_set(err, BF_ECONFIG, "%s/master.key is not the key that this database was"
                        " made with; put that file back from your backup", t->data_dir);
}

/* What is under other master keys than this one. */
static int drop_other_masters(struct bf_db *db, const uint8_t master[BF_KEY_LEN], bool *any,
                              struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, "DELETE FROM team_keyring WHERE master <> ?");
    char id[MASTER_ID_TEXT];
    int rc;

    master_id(master, id);
    bf_query_text(q, 1, id);
    rc = bf_query_run(q);
    *any = !rc && bf_db_changes(db) > 0;
    return rc ? failed(err, rc, db, "write") : BF_OK;
}

/* Generations before the current one that nothing is sealed with. */
static int drop_unused(struct bf_db *db, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(
        db, "DELETE FROM team_keyring WHERE purpose = 'seal' AND generation <"
            " (SELECT MAX(generation) FROM team_keyring WHERE purpose = 'seal') AND NOT EXISTS"
            " (SELECT 1 FROM team_secrets s WHERE s.generation = team_keyring.generation)");
    int rc;

    rc = bf_query_run(q);
    return rc ? failed(err, rc, db, "write") : BF_OK;
}


/* In memory, what is not in the table any more. */
static int forget_dropped(struct bf_team *t, struct bf_db *db, struct bf_error *err)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT generation FROM team_keyring WHERE purpose = 'seal'");
    struct keyring kept = {.n = 0};
    uint8_t key[BF_KEY_LEN];
    int rc;

    while ((rc = bf_query_step(q)) == 1)
        if (bf_keyring_find(&t->keyring, bf_query_col_int(q, 0), key))
            keyring_add(&kept, bf_query_col_int(q, 0), key);
    bf_wipe(key, sizeof(key));
    if (rc)
        return failed(err, rc, db, "read");
    pthread_rwlock_wrlock(&t->lock);
    t->keyring = kept;
    pthread_rwlock_unlock(&t->lock);
    bf_wipe(&kept, sizeof(kept));
    return BF_OK;
}


/* --- sealing anew ---------------------------------------------------------------------- */

/* Rows of one slice, and where the next one goes on. */
struct slice {
    struct row *rows;           /* in the arena */
    struct bf_arena *arena;
    size_t n;
    size_t bytes;
    char entity[BF_ENTITY_NAME_MAX + 1];
    char name[SECRET_PLACE_MAX];
};

struct row {
    struct row *next;
    const char *entity;
    const char *name;
    const void *box;            /* NULL: it cannot be opened */
    size_t len;
    int64_t generation;
};

static void keep_row(struct slice *s, struct bf_query *q, struct row ***last)
{
    struct row *r = bf_arena_new_of(s->arena, struct row);
    const void *box = bf_query_col_blob(q, 2, &r->len);

    bf_assert(r);               /* the arena has room for a slice */
    r->entity = bf_arena_dup(s->arena, bf_query_col_text(q, 0));
    r->name = bf_arena_dup(s->arena, bf_query_col_text(q, 1));
    if (r->len <= bf_sealed_len(BF_SECRET_MAX))         /* a longer one was not made by us */
        r->box = memcpy(bf_arena_alloc(s->arena, r->len + 1), box, r->len);
    r->generation = bf_query_col_int(q, 3);
    **last = r;
    *last = &r->next;
    s->n++;
    s->bytes += r->box ? r->len : 0;
    bf_copy_text(s->entity, sizeof(s->entity), r->entity);
    bf_copy_text(s->name, sizeof(s->name), r->name);
}

/* The rows of older generations behind the last slice. */
static int read_slice(struct slice *s, struct bf_db *db, int64_t current, bool *more,
                      struct bf_error *err)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT entity, name, box, generation FROM team_secrets WHERE generation < ? AND"
            " (entity, name) > (?, ?) ORDER BY entity, name");
    struct row **last = &s->rows;
    char entity[sizeof(s->entity)], name[sizeof(s->name)];
    int rc;

    memcpy(entity, s->entity, sizeof(entity));
    memcpy(name, s->name, sizeof(name));
    bf_query_int(q, 1, current);
    bf_query_text(q, 2, entity);
    bf_query_text(q, 3, name);
    s->rows = NULL;
    s->n = s->bytes = 0;
    while (s->n < SLICE_ROWS && s->bytes < SLICE_BYTES && (rc = bf_query_step(q)) == 1)
        keep_row(s, q, &last);
    *more = s->n == SLICE_ROWS || s->bytes >= SLICE_BYTES;
    if (*more)
        bf_query_end(q);
    return !*more && rc < 0 ? failed(err, rc, db, "read what is under") : BF_OK;
}

static int update_row(struct bf_db *db, const struct row *r, const void *box, size_t len,
                      int64_t generation)
{
    struct bf_query *q = bf_db_query(
        db, "UPDATE team_secrets SET box = ?, generation = ? WHERE entity = ? AND name = ?");

    bf_query_blob(q, 1, box, len);
    bf_query_int(q, 2, generation);
    bf_query_text(q, 3, r->entity);
    bf_query_text(q, 4, r->name);
    return bf_query_run(q);
}

/* *damaged: it does not open, so it is left as it is. */
static int reseal_row(struct bf_team *t, struct bf_db *db, const struct row *r, bool *damaged)
{
    char place[SECRET_PLACE_MAX], *value;
    uint8_t key[BF_KEY_LEN], *box;
    size_t len;
    int64_t current;
    int rc;

    *damaged = !r->box || !bf_secret_place(place, r->entity, r->name) ||
               !bf_keyring_find(&t->keyring, r->generation, key) ||
               bf_box_open(key, place, r->box, r->len, &value, &len, NULL);
    bf_wipe(key, sizeof(key));
    if (*damaged)
        return BF_OK;
    bf_keyring_current(t, &current, key);
    box = bf_zalloc(bf_sealed_len(len));
    bf_box_seal(key, place, value, len, box);
    bf_wipe(key, sizeof(key));
    bf_wipe(value, len);
    free(value);
    rc = update_row(db, r, box, bf_sealed_len(len), current);
    free(box);
    return rc;
}

static int reseal_slice(struct bf_team *t, struct bf_db *db, struct slice *s, size_t *n_damaged,
                        struct bf_error *err)
{
    int rc = BF_OK;

    for (const struct row *r = s->rows; r && !rc; r = r->next) {
        bool damaged;

        rc = reseal_row(t, db, r, &damaged);
        *n_damaged += damaged;
    }
    return rc ? failed(err, rc, db, "change what is under") : BF_OK;
}

static struct bf_arena *slice_arena(void)
{
    return bf_arena_new(SLICE_BYTES + bf_sealed_len(BF_SECRET_MAX) +
                        SLICE_ROWS * (sizeof(struct row) + SECRET_PLACE_MAX + 256) + 65536);
}


/* --- opening ------------------------------------------------------------------------------ */

/* The box of the proof that older hubs wrote, the caller's to free; NULL if there is none. */
static int read_proof(struct bf_db *db, uint8_t **box, size_t *len, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, "SELECT box FROM team_proof WHERE name = 'master'");
    int rc = bf_query_step(q);
    const void *found;

    *box = NULL;
    if (rc < 0)
        return failed(err, rc, db, "read");
    if (rc == 1) {
        found = bf_query_col_blob(q, 0, len);
        *box = bf_zalloc(*len + 1);
        memcpy(*box, found, *len);
    }
    bf_query_end(q);
    return BF_OK;
}

static int check_proof(const struct bf_team *t, const uint8_t *box, size_t len,
                       struct bf_error *err)
{
    size_t text_len;
    char *text;

    if (bf_box_open(t->keyring.items[0].key, PROOF_PLACE, box, len, &text, &text_len, NULL))
        return bf_error_set(err, BF_ECONFIG, "%s/master.key is not the key that this database was"
                            " made with; put that file back from your backup", t->data_dir);
    free(text);
    return BF_OK;
}

/* The first data keys.  Older hubs made them from the master key, and so they are made once more
 * where a proof shows that one was here. */
static int make_keys(struct bf_team *t, const uint8_t master[BF_KEY_LEN], const uint8_t *proof,
                     size_t len, struct bf_error *err)
{
    uint8_t key[BF_KEY_LEN];
    int rc = BF_OK;

    if (proof) {
        derive(key, master, "belfry secrets");
        derive(t->hash_key, master, "belfry api keys");
    } else {
        bf_random(key, sizeof(key));
        bf_random(t->hash_key, sizeof(t->hash_key));
    }
    keyring_add(&t->keyring, 1, key);
    bf_wipe(key, sizeof(key));
    if (proof)
        rc = check_proof(t, proof, len, err);
    return rc;
}

static int save_keys(struct bf_team *t, struct bf_db *db, const uint8_t master[BF_KEY_LEN],
                     struct bf_error *err)
{
    int rc = bf_db_begin(db);

    if (rc)
        return failed(err, rc, db, "write");
    rc = insert_all(t, db, master, bf_wall_ms(t->clock), err);
    if (!rc)
        rc = bf_query_run(bf_db_query(db, "DELETE FROM team_proof"));
    if (rc) {
        bf_db_rollback(db);
        return rc;
    }
    rc = bf_db_commit(db);
    return rc ? failed(err, rc, db, "write") : BF_OK;
}

static int make_keyring(struct bf_team *t, struct bf_db *db, struct bf_error *err)
{
    uint8_t master[BF_KEY_LEN], *proof;
    size_t len = 0;
    int rc = read_proof(db, &proof, &len, err);

    if (!rc)
        rc = bf_master_load(t->data_dir, proof == NULL, master, err);
    if (!rc)
        rc = make_keys(t, master, proof, len, err);
    if (!rc)
        rc = save_keys(t, db, master, err);
    bf_wipe(master, sizeof(master));
    free(proof);
    return rc;
}

/* Each slice is a transaction. */
static int finish_resealing(struct bf_team *t, struct bf_db *db, struct bf_error *err)
{
    struct slice s = {.arena = slice_arena()};
    size_t n_damaged = 0;
    bool more = true;
    int rc = BF_OK;

    while (more && !rc) {
        rc = bf_db_begin(db);
        if (rc)
            break;
        bf_arena_reset(s.arena);
        rc = read_slice(&s, db, t->keyring.current, &more, err);
        if (!rc)
            rc = reseal_slice(t, db, &s, &n_damaged, err);
        if (rc)
            bf_db_rollback(db);
        else
            rc = bf_db_commit(db);
    }
    bf_arena_free(s.arena);
    if (rc && !err->words[0])
        failed(err, rc, db, "change what is under");
    return rc;
}

/* What a rotation has left that was cut off. */
static int finish(struct bf_team *t, struct bf_db *db, const uint8_t master[BF_KEY_LEN],
                  struct bf_error *err)
{
    bool any, old = t->keyring.n > 1;
    int rc = drop_other_masters(db, master, &any, err);

    if (!rc && old)
        rc = finish_resealing(t, db, err);
    if (!rc && old)
        rc = drop_unused(db, err);
    if (!rc && old)
        rc = forget_dropped(t, db, err);
    if (!rc && (any || old))
        bf_db_truncate_wal(db);
    bf_master_drop_next(t->data_dir);
    return rc;
}

static int open_keyring(struct bf_team *t, struct bf_db *db, struct bf_error *err)
{
    uint8_t master[BF_KEY_LEN];
    int rc = bf_master_load(t->data_dir, false, master, err);

    if (!rc)
        rc = read_rows(t, db, master, err);
    if (!rc)
        rc = finish(t, db, master, err);
    bf_wipe(master, sizeof(master));
    return rc;
}

int bf_keyring_open(struct bf_team *t, struct bf_db *db, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, "SELECT 1 FROM team_keyring LIMIT 1");
    int rc = bf_query_step(q);

    bf_query_end(q);
    if (rc < 0)
        return failed(err, rc, db, "read");
    return rc ? open_keyring(t, db, err) : make_keyring(t, db, err);
}


/* --- a rotation ---------------------------------------------------------------------------- */

struct bf_rotation {
    struct bf_team *team;
    uint8_t old[BF_KEY_LEN];    /* master keys */
    uint8_t master[BF_KEY_LEN];
    uint8_t key[BF_KEY_LEN];    /* of the new generation */
    int64_t generation;
    struct slice slice;
    size_t n_resealed;
    size_t n_damaged;
    size_t n_damaged_before;    /* the slice that is not committed yet */
};

/* One at a time. */
static bool claim(struct bf_team *t)
{
    bool mine;

    pthread_rwlock_wrlock(&t->lock);
    mine = !t->rotating && t->keyring.n < KEYRING_MAX;
    t->rotating |= mine;
    pthread_rwlock_unlock(&t->lock);
    return mine;
}

int bf_rotation_begin(struct bf_team *t, struct bf_rotation **out, struct bf_error *err)
{
    struct bf_rotation *r;
    int rc;

    if (!claim(t))
        return bf_error_set(err, BF_EEXIST, "the master key is being rotated already; wait until"
                            " that is done");
    r = bf_new(struct bf_rotation);
    r->team = t;
    r->slice.arena = slice_arena();
    r->generation = t->keyring.current + 1;
    bf_random(r->master, sizeof(r->master));
    bf_random(r->key, sizeof(r->key));
    rc = bf_master_load(t->data_dir, false, r->old, err);
    if (!rc)
        rc = bf_master_write_next(t->data_dir, r->master, err);
    if (rc)
        bf_rotation_end(r);
    else
        *out = r;
    return rc;
}

/* The master key in the file might have become another one while the hub was running. */
static int check_old(struct bf_rotation *r, struct bf_db *db, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, "SELECT 1 FROM team_keyring WHERE master = ? LIMIT 1");
    char id[MASTER_ID_TEXT];
    int rc;

    master_id(r->old, id);
    bf_query_text(q, 1, id);
    rc = bf_query_step(q);
    bf_query_end(q);
    if (rc < 0)
        return failed(err, rc, db, "read");
    if (rc == 1)
        return BF_OK;
    return bf_error_set(err, BF_ECONFIG, "%s/master.key is not the key that this database was"
                        " made with; put that file back from your backup", r->team->data_dir);
}

/* The new generation stands under the old master key as well: until the switch, that may be the one
 * that is found in the file, and secrets may be sealed with it already. */
int bf_rotation_wrap(struct bf_rotation *r, struct bf_db *db, int64_t now_ms, struct bf_error *err)
{
    int rc = check_old(r, db, err);

    if (!rc)
        rc = insert_row(db, r->old, SEAL_PURPOSE, r->generation, r->key, now_ms, err);
    if (!rc)
        rc = insert_all(r->team, db, r->master, now_ms, err);
    if (!rc)
        rc = insert_row(db, r->master, SEAL_PURPOSE, r->generation, r->key, now_ms, err);
    return rc;
}

void bf_rotation_wrapped(struct bf_rotation *r)
{
    pthread_rwlock_wrlock(&r->team->lock);
    keyring_add(&r->team->keyring, r->generation, r->key);
    pthread_rwlock_unlock(&r->team->lock);
}

int bf_rotation_switch(struct bf_rotation *r, struct bf_error *err)
{
    return bf_master_take_next(r->team->data_dir, err);
}

int bf_rotation_unwrap(struct bf_rotation *r, struct bf_db *db, struct bf_error *err)
{
    bool any;

    return drop_other_masters(db, r->master, &any, err);
}

int bf_rotation_reseal(struct bf_rotation *r, struct bf_db *db, bool *more, struct bf_error *err)
{
    int rc;

    bf_arena_reset(r->slice.arena);
    r->n_damaged_before = r->n_damaged;
    rc = read_slice(&r->slice, db, r->generation, more, err);
    return rc ? rc : reseal_slice(r->team, db, &r->slice, &r->n_damaged, err);
}

int bf_rotation_resealed(struct bf_rotation *r, struct bf_db *db, struct bf_error *err)
{
    int rc = BF_OK;

    for (const struct row *row = r->slice.rows; row && !rc; row = row->next)
        rc = bf_team_refresh(r->team, db, "secret",
                             bf_arena_printf(r->slice.arena, "%s/%s", row->entity, row->name),
                             err);
    r->n_resealed += r->slice.n - (r->n_damaged - r->n_damaged_before);
    return rc;
}

int bf_rotation_drop(struct bf_rotation *r, struct bf_db *db, struct bf_error *err)
{
    (void)r;
    return drop_unused(db, err);
}

int bf_rotation_dropped(struct bf_rotation *r, struct bf_db *db, struct bf_error *err)
{
    return forget_dropped(r->team, db, err);
}

size_t bf_rotation_count(const struct bf_rotation *r, size_t *n_damaged)
{
    *n_damaged = r->n_damaged;
    return r->n_resealed;
}

void bf_rotation_end(struct bf_rotation *r)
{
    struct bf_team *t;

    if (!r)
        return;
    t = r->team;
    bf_master_drop_next(t->data_dir);
    pthread_rwlock_wrlock(&t->lock);
    t->rotating = false;
    pthread_rwlock_unlock(&t->lock);
    bf_arena_free(r->slice.arena);
    bf_wipe(r, sizeof(*r));
    free(r);
}

static int commit(struct bf_db *db, int rc, struct bf_error *err)
{
    if (rc) {
        bf_db_rollback(db);
        return rc;
    }
    rc = bf_db_commit(db);
    return rc ? failed(err, rc, db, "write") : BF_OK;
}

static int begin(struct bf_db *db, struct bf_error *err)
{
    int rc = bf_db_begin(db);

    return rc ? failed(err, rc, db, "write") : BF_OK;
}

/* Up to the switch; what comes then is what opening does as well. */
static int rotate_alone(struct bf_rotation *r, struct bf_db *db, int64_t now_ms,
                        struct bf_error *err)
{
    int rc = begin(db, err);

    if (!rc)
        rc = commit(db, bf_rotation_wrap(r, db, now_ms, err), err);
    if (rc)
        return rc;
    bf_rotation_wrapped(r);
    rc = bf_rotation_switch(r, err);
    return rc ? rc : finish(r->team, db, r->master, err);
}

int bf_team_rotate(struct bf_team *t, struct bf_db *db, int64_t now_ms, struct bf_error *err)
{
    struct bf_rotation *r;
    int rc = bf_rotation_begin(t, &r, err);

    if (rc)
        return rc;
    rc = rotate_alone(r, db, now_ms, err);
    bf_rotation_end(r);
    return rc ? rc : bf_team_refresh(t, db, NULL, NULL, err);
}
