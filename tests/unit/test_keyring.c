/* The keys that seal: made, taken over from older databases, rotated, and cut off at every step. */
#include "tests/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/team/team.h"

#define KEY "bf-0123456789012345678901234567890123456789"
#define NOW 1700000000000
#define N_SECRETS 80            /* more than two slices */

struct fixture {
    struct bf_db *db;
    struct bf_team *team;
    struct bf_error err;
};

static const char *path_of(const char *name)
{
    static char path[200];

    snprintf(path, sizeof(path), "%s/%s", test_dir(), name);
    return path;
}

static void ok(struct fixture *f, int rc)
{
    if (rc)
        test_failed(__FILE__, __LINE__, "%d: %s", rc, f->err.words);
}

static int reopen(struct fixture *f)
{
    bf_team_close(f->team);
    f->team = NULL;
    return bf_team_open(f->db, test_dir(), &f->team, &f->err);
}

static void put_secret(struct fixture *f, const char *name, const char *value)
{
    char id[300];
    bool made;

    ok(f, bf_team_put_secret(f->team, f->db, "ops", name, value, strlen(value), NOW, &made,
                             &f->err));
    snprintf(id, sizeof(id), "ops/%s", name);
    ok(f, bf_team_refresh(f->team, f->db, "secret", id, &f->err));
}

static int open_secret(struct fixture *f, const char *name, char out[100])
{
    char *value;
    size_t len;
    int rc = bf_team_open_secret(f->team, "ops", name, &value, &len, &f->err);

    *out = '\0';
    if (!rc) {
        snprintf(out, 100, "%s", value);
        free(value);
    }
    return rc;
}

static void run_sql(struct fixture *f, const char *sql)
{
    CHECK_INT(bf_query_run(bf_db_query(f->db, sql)), 0);
}

static int64_t count(struct fixture *f, const char *sql)
{
    struct bf_query *q = bf_db_query(f->db, sql);
    int64_t n;

    CHECK_INT(bf_query_step(q), 1);
    n = bf_query_col_int(q, 0);
    bf_query_end(q);
    return n;
}

/* A hub with an admin, a team "ops" and its secrets S0, S1, ... with the values v0, v1, ... */
static struct fixture begin(void)
{
    struct fixture f = {0};
    char made[128], name[16], value[16];
    bool is_made;

    ok(&f, bf_crypto_init(&f.err));
    ok(&f, bf_db_open(path_of("test.db"), BF_DB_WRITE, &f.db, &f.err));
    ok(&f, reopen(&f));
    ok(&f, bf_team_first_admin(f.team, f.db, KEY, NOW, made, &f.err));
    ok(&f, bf_team_put_entity(f.db, "ops", "team", NOW, &is_made, &f.err));
    ok(&f, bf_team_refresh(f.team, f.db, "entity", "ops", &f.err));
    for (int i = 0; i < N_SECRETS; i++) {
        snprintf(name, sizeof(name), "S%d", i);
        snprintf(value, sizeof(value), "v%d", i);
        put_secret(&f, name, value);
    }
    return f;
}

static void end(struct fixture *f)
{
    bf_team_close(f->team);
    bf_db_close(f->db);
}

/* All secrets open, and the key is still one. */
static void check_all(struct fixture *f)
{
    struct bf_identity who;
    char name[16], want[16], got[100];

    CHECK(bf_team_authenticate(f->team, KEY, strlen(KEY), &who));
    for (int i = 0; i < N_SECRETS; i++) {
        snprintf(name, sizeof(name), "S%d", i);
        snprintf(want, sizeof(want), "v%d", i);
        ok(f, open_secret(f, name, got));
        CHECK_STR(got, want);
    }
}

static void read_file(const char *name, void *out, size_t size, size_t *len)
{
    int fd = open(path_of(name), O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, out, size);

    if (fd >= 0)
        close(fd);
    *len = n > 0 ? (size_t)n : 0;
}

static void write_file(const char *name, const void *data, size_t len)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    CHECK_INT(write(fd, data, len), (long long)len);
    close(fd);
}


/* --- a rotation ------------------------------------------------------------------- */

TEST(after_a_rotation_all_opens_and_the_old_master_key_opens_nothing)
{
    struct fixture f = begin();
    uint8_t before[32], after[32];
    size_t len;

    read_file("master.key", before, 32, &len);
    ok(&f, bf_team_rotate(f.team, f.db, NOW, &f.err));
    read_file("master.key", after, 32, &len);
    CHECK_INT(len, 32);
    CHECK(memcmp(before, after, 32) != 0);
    CHECK(access(path_of("master.key.next"), F_OK) != 0);
    check_all(&f);
    ok(&f, reopen(&f));
    check_all(&f);
    CHECK_INT(count(&f, "SELECT COUNT(*) FROM team_keyring"), 2);
    CHECK_INT(count(&f, "SELECT COUNT(*) FROM team_secrets WHERE generation <> 2"), 0);
    write_file("master.key", before, 32);
    CHECK_INT(reopen(&f), BF_ECONFIG);
    CHECK_HAS(f.err.words, "is not the key that this database was made with");
    write_file("master.key", after, 32);
    ok(&f, reopen(&f));
    check_all(&f);
    end(&f);
}

TEST(it_can_be_rotated_again_and_again)
{
    struct fixture f = begin();

    for (int i = 0; i < 20; i++)
        ok(&f, bf_team_rotate(f.team, f.db, NOW, &f.err));
    check_all(&f);
    ok(&f, reopen(&f));
    check_all(&f);
    CHECK_INT(count(&f, "SELECT generation FROM team_keyring WHERE purpose = 'seal'"), 21);
    end(&f);
}

/* Every box of the keyring as it stands in the table. */
static size_t read_boxes(struct fixture *f, uint8_t boxes[4][72])
{
    struct bf_query *q = bf_db_query(f->db, "SELECT box FROM team_keyring");
    size_t n = 0, len;

    while (bf_query_step(q) == 1) {
        memcpy(boxes[n++], bf_query_col_blob(q, 0, &len), 72);
        CHECK_INT(len, 72);
    }
    return n;
}

TEST(what_the_old_master_key_opens_is_not_left_in_the_files)
{
    static char file[4 * 1024 * 1024];
    static const char *const names[] = {"test.db", "test.db-wal"};
    struct fixture f = begin();
    uint8_t boxes[4][72];
    size_t n = read_boxes(&f, boxes), len;

    CHECK_INT(n, 2);
    ok(&f, bf_team_rotate(f.team, f.db, NOW, &f.err));
    for (size_t i = 0; i < BF_COUNT(names); i++) {
        read_file(names[i], file, sizeof(file), &len);
        CHECK(len < sizeof(file));
        for (size_t k = 0; k < n; k++)
            CHECK(!memmem(file, len, boxes[k], 72));
    }
    end(&f);
}

TEST(tokens_from_before_a_rotation_end_with_it_and_new_ones_open)
{
    struct fixture f = begin();
    struct bf_arena *a = bf_arena_new(65536);
    const char *before = bf_team_seal_token(f.team, a, "chat", "state", NOW + 1), *after;

    CHECK_STR(bf_team_unseal_token(f.team, a, "chat", before, NOW), "state");
    ok(&f, bf_team_rotate(f.team, f.db, NOW, &f.err));
    CHECK(!bf_team_unseal_token(f.team, a, "chat", before, NOW));
    after = bf_team_seal_token(f.team, a, "chat", "state", NOW + 1);
    CHECK_STR(bf_team_unseal_token(f.team, a, "chat", after, NOW), "state");
    bf_arena_free(a);
    end(&f);
}


/* --- cut off ------------------------------------------------------------------------ */

static void in_transaction(struct fixture *f, int rc)
{
    ok(f, rc);
    ok(f, bf_db_commit(f->db));
}

/* As the engine goes through it, up to a step: 0 begins it, 8 is all of it. */
static struct bf_rotation *rotate_until(struct fixture *f, int step)
{
    struct bf_rotation *r;
    bool more = true;

    ok(f, bf_rotation_begin(f->team, &r, &f->err));
    if (step >= 1) {
        ok(f, bf_db_begin(f->db));
        in_transaction(f, bf_rotation_wrap(r, f->db, NOW, &f->err));
    }
    if (step >= 2) {
        bf_rotation_wrapped(r);
        put_secret(f, "S7", "v7");      /* under the new key */
    }
    if (step >= 3)
        ok(f, bf_rotation_switch(r, &f->err));
    if (step >= 4) {
        ok(f, bf_db_begin(f->db));
        in_transaction(f, bf_rotation_unwrap(r, f->db, &f->err));
    }
    for (int slice = 0; more && (step >= 6 || slice < step - 4); slice++) {
        ok(f, bf_db_begin(f->db));
        in_transaction(f, bf_rotation_reseal(r, f->db, &more, &f->err));
        ok(f, bf_rotation_resealed(r, f->db, &f->err));
    }
    if (step >= 7) {
        ok(f, bf_db_begin(f->db));
        in_transaction(f, bf_rotation_drop(r, f->db, &f->err));
    }
    if (step >= 8)
        ok(f, bf_rotation_dropped(r, f->db, &f->err));
    return r;
}

/* Nobody gets to clean up: what is in memory is forgotten, and the file of the next key is put back
 * as a crash would leave it. */
TEST(whatever_step_is_the_last_one_everything_opens_afterwards)
{
    for (int step = 0; step <= 8; step++) {
        struct fixture f = begin();
        struct bf_rotation *r = rotate_until(&f, step);
        uint8_t next[32];
        size_t len, n_damaged;

        check_all(&f);
        if (step == 8) {
            CHECK_INT(bf_rotation_count(r, &n_damaged), N_SECRETS - 1);
            CHECK_INT(n_damaged, 0);
        }
        read_file("master.key.next", next, 32, &len);
        bf_rotation_end(r);
        if (len)
            write_file("master.key.next", next, len);
        ok(&f, reopen(&f));
        check_all(&f);
        CHECK(access(path_of("master.key.next"), F_OK) != 0);
        CHECK_INT(count(&f, "SELECT COUNT(DISTINCT master) FROM team_keyring"), 1);
        CHECK_INT(count(&f, "SELECT COUNT(*) FROM team_keyring"), 2);
        ok(&f, bf_team_rotate(f.team, f.db, NOW, &f.err));
        check_all(&f);
        end(&f);
        unlink(path_of("test.db"));
        unlink(path_of("test.db-wal"));
        unlink(path_of("test.db-shm"));
        unlink(path_of("master.key"));
    }
}

TEST(a_failed_commit_of_the_new_keys_leaves_the_old_ones)
{
    struct fixture f = begin();
    uint8_t before[32], after[32];
    size_t len;

    read_file("master.key", before, 32, &len);
    bf_db_fail_commits(f.db, 0, 1);
    CHECK_INT(bf_team_rotate(f.team, f.db, NOW, &f.err), BF_EIO);
    read_file("master.key", after, 32, &len);
    CHECK(memcmp(before, after, 32) == 0);
    CHECK(access(path_of("master.key.next"), F_OK) != 0);
    check_all(&f);
    ok(&f, bf_team_rotate(f.team, f.db, NOW, &f.err));
    check_all(&f);
    end(&f);
}

TEST(one_rotation_at_a_time)
{
    struct fixture f = begin();
    struct bf_rotation *r, *second;

    ok(&f, bf_rotation_begin(f.team, &r, &f.err));
    CHECK_INT(bf_rotation_begin(f.team, &second, &f.err), BF_EEXIST);
    bf_rotation_end(r);
    ok(&f, bf_rotation_begin(f.team, &r, &f.err));
    bf_rotation_end(r);
    check_all(&f);
    end(&f);
}

TEST(a_master_key_that_was_replaced_meanwhile_is_not_rotated)
{
    struct fixture f = begin();
    uint8_t before[32];
    size_t len;

    read_file("master.key", before, 32, &len);
    write_file("master.key", "01234567890123456789012345678901", 32);
    CHECK_INT(bf_team_rotate(f.team, f.db, NOW, &f.err), BF_ECONFIG);
    CHECK_HAS(f.err.words, "is not the key that this database was made with");
    write_file("master.key", before, 32);
    ok(&f, reopen(&f));
    check_all(&f);
    end(&f);
}


/* --- damage ---------------------------------------------------------------------------- */

static void bind_and_run(struct fixture *f, const char *sql, const void *box, size_t len)
{
    struct bf_query *q = bf_db_query(f->db, sql);

    bf_query_blob(q, 1, box, len);
    CHECK_INT(bf_query_run(q), 0);
}

static size_t read_box(struct fixture *f, const char *sql, uint8_t out[200])
{
    struct bf_query *q = bf_db_query(f->db, sql);
    const void *box;
    size_t len;

    CHECK_INT(bf_query_step(q), 1);
    box = bf_query_col_blob(q, 0, &len);
    CHECK(len > 0 && len <= 200);
    memcpy(out, box, len);
    bf_query_end(q);
    return len;
}

TEST(every_byte_of_a_sealed_row_counts)
{
    struct fixture f = begin();
    uint8_t box[200];
    size_t len = read_box(&f, "SELECT box FROM team_secrets WHERE name = 'S1'", box);
    char got[100];

    CHECK_INT(len, bf_sealed_len(2));
    for (size_t i = 0; i <= len; i++) {
        static const char save[] = "UPDATE team_secrets SET box = ? WHERE name = 'S1'";

        if (i < len)
            box[i] ^= 0x40;
        bind_and_run(&f, save, box, i < len ? len : len - 1);   /* at last: one that is cut */
        ok(&f, bf_team_refresh(f.team, f.db, "secret", "ops/S1", &f.err));
        CHECK_INT(open_secret(&f, "S1", got), BF_EIO);
        CHECK_STR(got, "");
        if (i < len)
            box[i] ^= 0x40;
    }
    put_secret(&f, "S1", "v1");
    check_all(&f);
    end(&f);
}

TEST(every_byte_of_the_keyring_counts)
{
    static const char *const purposes[][2] = {
        {"SELECT box FROM team_keyring WHERE purpose = 'seal'",
         "UPDATE team_keyring SET box = ? WHERE purpose = 'seal'"},
        {"SELECT box FROM team_keyring WHERE purpose = 'hash'",
         "UPDATE team_keyring SET box = ? WHERE purpose = 'hash'"},
    };
    struct fixture f = begin();

    for (size_t p = 0; p < BF_COUNT(purposes); p++) {
        uint8_t box[200];
        size_t len = read_box(&f, purposes[p][0], box);

        for (size_t i = 0; i < len; i++) {
            box[i] ^= 1;
            bind_and_run(&f, purposes[p][1], box, len);
            CHECK_INT(reopen(&f), BF_ECONFIG);
            CHECK_HAS(f.err.words, "a key in the database's keyring (keyring/");
            box[i] ^= 1;
        }
        bind_and_run(&f, purposes[p][1], box, len);
    }
    run_sql(&f, "UPDATE team_keyring SET generation = 2 WHERE purpose = 'seal'");
    CHECK_INT(reopen(&f), BF_ECONFIG);
    run_sql(&f, "UPDATE team_keyring SET generation = 1");
    ok(&f, reopen(&f));
    check_all(&f);
    end(&f);
}

TEST(a_secret_that_does_not_open_keeps_its_key_and_holds_up_nothing)
{
    struct fixture f = begin();
    struct bf_rotation *r;
    char got[100];
    size_t n_damaged;

    run_sql(&f, "UPDATE team_secrets SET box = (SELECT box FROM team_secrets WHERE name = 'S4')"
                " WHERE name = 'S3'");
    run_sql(&f, "INSERT INTO team_secrets (entity, name, box, updated)"
                " SELECT 'ops', 'HUGE', zeroblob(70000), 1");
    ok(&f, bf_team_refresh(f.team, f.db, NULL, NULL, &f.err));
    r = rotate_until(&f, 1);
    bf_rotation_end(r);
    ok(&f, reopen(&f));
    ok(&f, bf_team_rotate(f.team, f.db, NOW, &f.err));
    CHECK_INT(open_secret(&f, "S3", got), BF_EIO);
    ok(&f, open_secret(&f, "S4", got));
    CHECK_STR(got, "v4");
    CHECK_INT(count(&f, "SELECT COUNT(*) FROM team_secrets WHERE generation = 1"), 2);
    CHECK_INT(count(&f, "SELECT COUNT(*) FROM team_keyring WHERE generation = 1"
                        " AND purpose = 'seal'"), 1);
    run_sql(&f, "DELETE FROM team_secrets WHERE name = 'HUGE'");
    put_secret(&f, "S3", "v3");
    r = rotate_until(&f, 8);
    CHECK_INT(bf_rotation_count(r, &n_damaged), N_SECRETS - 1);
    CHECK_INT(n_damaged, 0);
    bf_rotation_end(r);
    CHECK_INT(count(&f, "SELECT COUNT(*) FROM team_keyring"), 2);
    check_all(&f);
    end(&f);
}


/* --- databases from before there was a keyring ---------------------------------------------- */

static void derive(const char *purpose, uint8_t out[32])
{
    uint8_t master[32];
    size_t len;

    read_file("master.key", master, 32, &len);
    bf_hash(master, purpose, strlen(purpose), out);
}

/* Puts back what such a hub wrote: a proof, no keyring, and one secret and the key of the admin. */
static void make_old(struct fixture *f)
{
    static const char proof[] = "the master key of this database";
    uint8_t key[32], hash[32], box[200];
    struct bf_arena *a = bf_arena_new(4096);
    struct bf_query *q;

    run_sql(f, "DELETE FROM team_keyring");
    run_sql(f, "DELETE FROM team_secrets WHERE name <> 'S0'");
    derive("belfry secrets", key);
    bf_box_seal(key, "team/proof", proof, strlen(proof), box);
    bind_and_run(f, "INSERT INTO team_proof (name, box) VALUES ('master', ?)", box,
                 bf_sealed_len(strlen(proof)));
    bf_box_seal(key, "secret/ops/S0", "v0", 2, box);
    bind_and_run(f, "UPDATE team_secrets SET box = ?", box, bf_sealed_len(2));
    derive("belfry api keys", key);
    bf_hash(key, KEY, strlen(KEY), hash);
    q = bf_db_query(f->db, "UPDATE team_keys SET hash = ?");
    bf_query_text(q, 1, bf_hex(a, hash, 32));
    CHECK_INT(bf_query_run(q), 0);
    bf_arena_free(a);
}

TEST(a_database_without_a_keyring_is_taken_over)
{
    struct fixture f = begin();
    struct bf_identity who;
    char got[100];

    make_old(&f);
    for (int i = 0; i < 2; i++) {
        ok(&f, reopen(&f));
        ok(&f, open_secret(&f, "S0", got));
        CHECK_STR(got, "v0");
        CHECK(bf_team_authenticate(f.team, KEY, strlen(KEY), &who));
        CHECK_INT(count(&f, "SELECT COUNT(*) FROM team_proof"), 0);
        ok(&f, bf_team_rotate(f.team, f.db, NOW, &f.err));
    }
    end(&f);
}

TEST(a_database_without_a_keyring_is_not_taken_over_with_another_master_key)
{
    struct fixture f = begin();

    make_old(&f);
    write_file("master.key", "01234567890123456789012345678901", 32);
    CHECK_INT(reopen(&f), BF_ECONFIG);
    CHECK_HAS(f.err.words, "is not the key that this database was made with");
    CHECK_INT(count(&f, "SELECT COUNT(*) FROM team_proof"), 1);
    CHECK_INT(unlink(path_of("master.key")), 0);
    CHECK_INT(reopen(&f), BF_ECONFIG);
    CHECK_HAS(f.err.words, "is missing");
    end(&f);
}
