/* The SQL door: what is committed is there, what failed is not, and files are checked. */
#include "core/store/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base.h"
#include "tests/test.h"

static const char *const tables[] = {
    "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT UNIQUE, data BLOB, size REAL)",
    "CREATE TABLE part (thing INTEGER NOT NULL REFERENCES thing (id))",
    NULL,
};

static const char *path(void)
{
    static _Thread_local char text[100];

    snprintf(text, sizeof(text), "%s/hub.db", test_dir());
    return text;
}

static struct bf_db *open_db(enum bf_db_mode mode)
{
    struct bf_error err;
    struct bf_db *db;

    if (bf_db_open(path(), mode, &db, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
    return db;
}

static struct bf_db *start(void)
{
    struct bf_db *db = open_db(BF_DB_WRITE);
    struct bf_error err;

    if (bf_db_migrate(db, "test", tables, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
    return db;
}

static int add(struct bf_db *db, const char *name)
{
    struct bf_query *q = bf_db_query(db, "INSERT INTO thing (name) VALUES (?)");

    bf_query_text(q, 1, name);
    return bf_query_run(q);
}

static int64_t count(struct bf_db *db)
{
    struct bf_query *q = bf_db_query(db, "SELECT count(*) FROM thing");
    int64_t n;

    CHECK_INT(bf_query_step(q), 1);
    n = bf_query_col_int(q, 0);
    CHECK_INT(bf_query_step(q), 0);
    return n;
}

TEST(values_come_back_as_they_were_bound)
{
    struct bf_db *db = start();
    struct bf_query *q = bf_db_query(db, "INSERT INTO thing VALUES (?, ?, ?, ?)");
    const void *data;
    size_t len;

    bf_query_int(q, 1, INT64_MIN);
    bf_query_textn(q, 2, "caf\xc3\xa9 and more", 5);
    bf_query_blob(q, 3, "a\0b", 3);
    bf_query_double(q, 4, 0.1);
    CHECK_INT(bf_query_run(q), 0);
    CHECK_INT(bf_db_changes(db), 1);
    q = bf_db_query(db, "INSERT INTO thing VALUES (?, ?, ?, ?)");
    bf_query_int(q, 1, 1);
    bf_query_text(q, 2, NULL);
    bf_query_blob(q, 3, "", 0);
    CHECK_INT(bf_query_run(q), 0);

    q = bf_db_query(db, "SELECT id, name, data, size FROM thing ORDER BY id");
    CHECK_INT(bf_query_step(q), 1);
    CHECK(bf_query_col_int(q, 0) == INT64_MIN);
    CHECK_STR(bf_query_col_text(q, 1), "caf\xc3\xa9");
    CHECK_INT(bf_query_col_len(q, 1), 5);
    data = bf_query_col_blob(q, 2, &len);
    CHECK(len == 3 && memcmp(data, "a\0b", 3) == 0);
    CHECK(bf_query_col_double(q, 3) == 0.1);
    CHECK_INT(bf_query_step(q), 1);
    CHECK(bf_query_col_null(q, 1));
    CHECK(!bf_query_col_text(q, 1));
    CHECK(!bf_query_col_null(q, 2));
    bf_query_col_blob(q, 2, &len);
    CHECK_INT(len, 0);
    CHECK(bf_query_col_null(q, 3));         /* not what the statement was given before */
    CHECK_INT(bf_query_step(q), 0);
    bf_db_close(db);
    bf_db_close(NULL);
}

TEST(a_commit_keeps_and_a_rollback_forgets)
{
    struct bf_db *db = start();

    CHECK_INT(bf_db_begin(db), 0);
    CHECK_INT(add(db, "a"), 0);
    CHECK_INT(bf_db_commit(db), 0);
    CHECK_INT(bf_db_begin(db), 0);
    CHECK_INT(add(db, "b"), 0);
    CHECK_INT(count(db), 2);
    bf_db_rollback(db);
    CHECK_INT(count(db), 1);
    bf_db_close(db);
    db = start();
    CHECK_INT(count(db), 1);
    bf_db_close(db);
}

TEST(marks_nest_and_are_undone_alone)
{
    struct bf_db *db = start();

    CHECK_INT(bf_db_begin(db), 0);
    add(db, "a");
    CHECK_INT(bf_db_mark(db), 0);
    add(db, "b");
    CHECK_INT(bf_db_mark(db), 0);
    add(db, "c");
    CHECK_INT(bf_db_mark(db), 0);
    add(db, "d");
    CHECK_INT(bf_db_keep(db), 0);
    bf_db_undo(db);                     /* c, and d with it */
    CHECK_INT(count(db), 2);
    add(db, "e");
    CHECK_INT(bf_db_keep(db), 0);
    CHECK_INT(bf_db_mark(db), 0);
    add(db, "f");
    bf_db_undo(db);
    CHECK_INT(bf_db_commit(db), 0);
    CHECK_INT(count(db), 3);            /* a, b, e */
    bf_db_close(db);
}

TEST(a_rule_of_the_table_says_no_without_ending_the_transaction)
{
    struct bf_db *db = start();
    struct bf_query *q;

    CHECK_INT(bf_db_begin(db), 0);
    CHECK_INT(add(db, "a"), 0);
    CHECK_INT(add(db, "a"), BF_EEXIST);
    CHECK_HAS(bf_db_words(db), "thing.name");
    q = bf_db_query(db, "INSERT INTO thing (id) VALUES (1)");
    CHECK_INT(bf_query_run(q), BF_EEXIST);
    q = bf_db_query(db, "INSERT INTO part VALUES (NULL)");
    CHECK_INT(bf_query_run(q), BF_EINVAL);
    CHECK_INT(add(db, "b"), 0);
    CHECK_INT(bf_db_commit(db), 0);
    CHECK_INT(count(db), 2);
    q = bf_db_query(db, "INSERT INTO part VALUES (99)");
    CHECK_INT(bf_query_run(q), BF_EINVAL);      /* foreign keys are on */
    bf_db_close(db);
}

TEST(a_mistake_in_a_statement_comes_out_of_its_step)
{
    struct bf_db *db = start();
    struct bf_query *q = bf_db_query(db, "SELECT id FROM nowhere");

    bf_query_text(q, 1, "x");
    CHECK_INT(bf_query_step(q), BF_EINVAL);
    CHECK_HAS(bf_db_words(db), "nowhere");
    bf_query_end(q);
    q = bf_db_query(db, "SELECT ?");
    bf_query_int(q, 2, 1);
    CHECK_INT(bf_query_step(q), BF_EINVAL);
    q = bf_db_query(db, "SELECT id FROM thing WHERE name = \"a\"");
    CHECK_INT(bf_query_step(q), BF_EINVAL);     /* double quotes are names, never text */
    bf_db_close(db);
}

TEST(a_failed_commit_leaves_nothing_and_the_next_one_works)
{
    struct bf_db *db = start();

    bf_db_fail_commits(db, 1, 2);
    for (int i = 0; i < 5; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        bool fails = i == 1 || i == 2;

        CHECK_INT(bf_db_begin(db), 0);
        CHECK_INT(add(db, name), 0);
        CHECK_INT(bf_db_commit(db), fails ? BF_EIO : 0);
        if (fails)
            CHECK_HAS(bf_db_words(db), "full");
    }
    CHECK_INT(count(db), 3);
    bf_db_close(db);
}

/* SQLite ends a transaction by itself when the disk is full.  What follows used to be committed
 * alone, statement by statement. */
TEST(after_a_full_disk_nothing_of_the_transaction_gets_in)
{
    struct bf_db *db = start();
    struct bf_query *q;
    int rc = 0;

    q = bf_db_query(db, "PRAGMA max_page_count = 20");
    CHECK_INT(bf_query_run(q), 0);
    CHECK_INT(bf_db_begin(db), 0);
    CHECK_INT(add(db, "first"), 0);
    for (int i = 0; i < 1000 && !rc; i++)
        rc = bf_query_run(bf_db_query(db, "INSERT INTO thing (data) VALUES (zeroblob(4000))"));
    CHECK_INT(rc, BF_EIO);
    CHECK_INT(add(db, "after"), BF_EIO);
    CHECK_INT(bf_db_mark(db), BF_EIO);
    CHECK_INT(bf_db_commit(db), BF_EIO);
    CHECK_INT(count(db), 0);
    CHECK_INT(bf_db_begin(db), 0);
    CHECK_INT(add(db, "later"), 0);
    CHECK_INT(bf_db_commit(db), 0);
    CHECK_INT(count(db), 1);
    bf_db_close(db);
}

TEST(a_reader_sees_what_is_committed_and_cannot_write)
{
    struct bf_db *db = start(), *reader = open_db(BF_DB_READ);

    CHECK_INT(count(reader), 0);
    CHECK_INT(bf_db_begin(db), 0);
    add(db, "a");
    CHECK_INT(count(reader), 0);
    CHECK_INT(bf_db_commit(db), 0);
    CHECK_INT(count(reader), 1);
    CHECK_INT(add(reader, "b"), BF_EPERM);
    bf_db_close(reader);
    bf_db_close(db);
}

TEST(a_reader_opens_a_file_nobody_writes)
{
    struct bf_db *db = start();

    add(db, "a");
    bf_db_close(db);
    db = open_db(BF_DB_READ);
    CHECK_INT(count(db), 1);
    bf_db_close(db);
}

/* A read transaction left open by a reader's statement would keep the log growing for ever. */
TEST(readers_do_not_keep_the_log_from_being_checkpointed)
{
    struct bf_db *db = start(), *reader = open_db(BF_DB_READ);
    struct bf_query *q;

    for (int i = 0; i < 50; i++) {
        char name[20];

        snprintf(name, sizeof(name), "%d", i);
        add(db, name);
        count(reader);
        CHECK_INT(bf_query_run(bf_db_query(reader, "SELECT id FROM thing")), 0);
    }
    q = bf_db_query(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    CHECK_INT(bf_query_step(q), 1);
    CHECK_INT(bf_query_col_int(q, 0), 0);       /* not busy */
    CHECK_INT(bf_query_col_int(q, 1), 0);       /* pages left in the log */
    bf_query_end(q);
    bf_db_close(reader);
    bf_db_close(db);
}

TEST(the_file_is_its_owners_alone)
{
    struct bf_db *db = start();
    struct stat st;

    CHECK_INT(stat(path(), &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    bf_db_close(db);
}

TEST(more_statements_than_the_table_first_holds_are_kept_apart)
{
    enum { N = 300 };
    struct bf_db *db = start();
    static char texts[N][32];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            struct bf_query *q;

            snprintf(texts[i], sizeof(texts[i]), "SELECT %d", i);
            q = bf_db_query(db, texts[i]);
            CHECK_INT(bf_query_step(q), 1);
            CHECK_INT(bf_query_col_int(q, 0), i);
            bf_query_end(q);
        }
    }
    bf_db_close(db);
}

/* --- migrations --- */

TEST(migrations_run_once_each_and_per_owner)
{
    static const char *const more[] = {
        tables[0] /* as before */, tables[1],
        "INSERT INTO thing (name) VALUES ('by a migration'); UPDATE thing SET size = 1", NULL,
    };
    static const char *const other[] = {"CREATE TABLE other (x INTEGER)", NULL};
    struct bf_db *db = start();
    struct bf_error err;

    for (int i = 0; i < 3; i++) {
        CHECK_INT(bf_db_migrate(db, "test", more, &err), 0);
        CHECK_INT(bf_db_migrate(db, "other", other, &err), 0);
        CHECK_INT(count(db), 1);
    }
    bf_db_close(db);
}

TEST(a_migration_that_fails_leaves_the_file_as_it_was)
{
    static const char *const wrong[] = {
        "CREATE TABLE one (x INTEGER)", "CREATE TABLE two (syntax error here, (", NULL,
    };
    static const char *const right[] = {
        "CREATE TABLE one (x INTEGER)", "CREATE TABLE two (x INTEGER)", NULL,
    };
    struct bf_db *db = start();
    struct bf_error err;

    CHECK_INT(bf_db_migrate(db, "o", wrong, &err), BF_EINVAL);
    CHECK_HAS(err.words, "step 2 of the tables of o failed");
    CHECK_INT(bf_db_migrate(db, "o", right, &err), 0);
    bf_db_close(db);
}

TEST(a_file_written_by_a_newer_program_is_refused)
{
    static const char *const fewer[] = {"CREATE TABLE thing (id INTEGER)", NULL};
    struct bf_db *db = start();
    struct bf_error err;

    CHECK_INT(bf_db_migrate(db, "test", fewer, &err), BF_ECONFIG);
    CHECK_HAS(err.words, "hub.db was written by a newer program");
    CHECK_HAS(err.words, "at version 2, and this program knows 1");
    CHECK_INT(bf_db_migrate(db, "test", tables, &err), 0);
    bf_db_close(db);
}

/* --- files --- */

static void write_file(long at, const char *text, size_t len)
{
    FILE *f = fopen(path(), at ? "r+" : "w");

    fseek(f, at, SEEK_SET);
    fwrite(text, 1, len, f);
    fclose(f);
}

TEST(a_file_that_is_no_database_is_named_and_kept)
{
    struct bf_db *db;
    struct bf_error err;
    struct stat st;
    char junk[5000];

    memset(junk, 'x', sizeof(junk));
    write_file(0, junk, sizeof(junk));
    for (int mode = BF_DB_WRITE; mode <= BF_DB_READ; mode++) {
        CHECK_INT(bf_db_open(path(), (enum bf_db_mode)mode, &db, &err), BF_EIO);
        CHECK_HAS(err.words, path());
        CHECK_HAS(err.words, "is not a database: move it away");
    }
    stat(path(), &st);
    CHECK_INT(st.st_size, sizeof(junk));
}

TEST(a_missing_place_is_named_with_its_cause)
{
    struct bf_db *db;
    struct bf_error err;

    CHECK_INT(bf_db_open("/nonexistent/hub.db", BF_DB_WRITE, &db, &err), BF_EIO);
    CHECK_HAS(err.words, "/nonexistent/hub.db: No such file or directory");
    CHECK_INT(bf_db_open(path(), BF_DB_READ, &db, &err), BF_EIO);
    CHECK_HAS(err.words, path());
    CHECK(access(path(), F_OK) != 0);
}

TEST(the_check_finds_a_damaged_page)
{
    struct bf_db *db = start();
    struct bf_error err;
    char junk[4096];

    for (int i = 0; i < 200; i++)
        CHECK_INT(bf_query_run(bf_db_query(db, "INSERT INTO thing (data) VALUES (zeroblob(300))")),
                  0);
    CHECK_INT(bf_db_check(db, &err), BF_OK);
    bf_db_close(db);
    memset(junk, 0xa5, sizeof(junk));
    write_file(8L * 4096, junk, sizeof(junk));
    db = open_db(BF_DB_READ);
    CHECK_INT(bf_db_check(db, &err), BF_EIO);
    CHECK_HAS(err.words, path());
    bf_db_close(db);
}

/* --- threads --- */

static void *read_much(void *arg)
{
    struct bf_db *reader = open_db(BF_DB_READ);
    int64_t last = 0;

    (void)arg;
    for (int i = 0; i < 300; i++) {
        int64_t n = count(reader);

        CHECK(n >= last);
        CHECK_INT(n % 2, 0);            /* never half a transaction */
        last = n;
    }
    bf_db_close(reader);
    return NULL;
}

TEST(readers_work_beside_the_writer)
{
    struct bf_db *db = start();
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, read_much, NULL);
    for (int i = 0; i < 100; i++) {
        CHECK_INT(bf_db_begin(db), 0);
        CHECK_INT(add(db, NULL), 0);
        CHECK_INT(add(db, NULL), 0);
        CHECK_INT(bf_db_commit(db), 0);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(count(db), 200);
    bf_db_close(db);
}


/* --- restriction --------------------------------------------------------------- */

static const char *const plugin_tables[] = {
    "CREATE TABLE p_line (id INTEGER PRIMARY KEY, name TEXT UNIQUE, more TEXT)",
    "CREATE INDEX p_line_more ON p_line (more)",
    "CREATE VIEW p_all AS SELECT name FROM p_line",
    "CREATE VIEW p_outside AS SELECT name FROM thing",
    "CREATE TRIGGER p_leak AFTER UPDATE ON p_line BEGIN INSERT INTO thing (name) VALUES ('x');"
    " END",
    "ALTER TABLE p_line ADD COLUMN later INTEGER NOT NULL DEFAULT 0",
    "CREATE TABLE p_copy AS SELECT * FROM p_line",
    "CREATE INDEX p_copy_name ON p_copy (name)",
    "CREATE VIEW p_gone AS SELECT name FROM p_copy",
    "CREATE TRIGGER p_gone_too AFTER INSERT ON p_copy BEGIN DELETE FROM p_copy; END",
    "DROP TRIGGER p_gone_too",
    "DROP VIEW p_gone",
    "DROP INDEX p_copy_name",
    "DROP TABLE p_copy",
    NULL,
};

static struct bf_db *start_restricted(void)
{
    struct bf_db *db = start();
    struct bf_error err = {0};

    bf_db_restrict(db, "p_");
    if (bf_db_migrate(db, "plugin/p", plugin_tables, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
    return db;
}

TEST(a_restricted_statement_works_on_its_own_tables)
{
    static const char *const good[] = {
        "INSERT INTO p_line (name) VALUES ('a'), ('b') ON CONFLICT (name) DO NOTHING",
        "SELECT count(*) FROM p_line",
        "SELECT name FROM p_all WHERE name IN (SELECT name FROM p_line)",
        "WITH recursive n (i) AS (SELECT 1 UNION SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n",
        "SELECT upper(name) FROM (SELECT name FROM P_LINE) ORDER BY 1",
        "DELETE FROM p_line WHERE name = 'a' RETURNING 1",
    };
    struct bf_db *db = start_restricted();

    for (size_t i = 0; i < BF_COUNT(good); i++) {
        struct bf_query *q = bf_db_query(db, good[i]);

        if (bf_query_step(q) < 0)
            test_failed(__FILE__, __LINE__, "%s: %s", good[i], bf_db_words(db));
        bf_query_end(q);
    }
    bf_db_close(db);
}

TEST(a_restricted_statement_reaches_nothing_else_and_the_words_name_it)
{
    static const struct {
        const char *sql, *named;
    } rows[] = {
        {"SELECT name FROM thing", "\"thing\""},
        {"SELECT count(*) FROM thing", "\"thing\""},
        {"SELECT p_line.name FROM p_line, thing", "\"thing\""},
        {"SELECT (SELECT max(name) FROM thing) FROM p_line", "\"thing\""},
        {"INSERT INTO thing (name) VALUES ('x')", "\"thing\""},
        {"INSERT INTO p_line (name) SELECT name FROM thing", "\"thing\""},
        {"UPDATE thing SET name = 'x'", "\"thing\""},
        {"DELETE FROM thing", "\"thing\""},
        {"SELECT name FROM p_outside", "\"thing\""},
        {"UPDATE p_line SET name = 'y'", "\"thing\""},
        {"DROP TABLE thing", "\"thing\""},
        {"ALTER TABLE thing ADD COLUMN x", "\"thing\""},
        {"ALTER TABLE p_line RENAME TO q_line", "rename"},
        {"CREATE TABLE other (a)", "\"other\""},
        {"CREATE INDEX p_on_thing ON thing (name)", "\"thing\""},
        {"CREATE TRIGGER p_t AFTER INSERT ON thing BEGIN DELETE FROM p_line; END", "\"thing\""},
        {"CREATE TEMP TABLE p_temp (a)", "temp"},
        {"CREATE VIRTUAL TABLE p_v USING fts5(a)", "p_v"},
        {"CREATE TABLE p_stolen AS SELECT * FROM sqlite_master", "\"sqlite_master\""},
        {"SELECT sql FROM sqlite_master", "\"sqlite_master\""},
        {"SELECT count(*) FROM sqlite_schema", "\"sqlite_schema\""},
        {"SELECT name FROM main.thing", "\"thing\""},
        {"SELECT * FROM pragma_table_info('thing')", "pragma_table_info"},
        {"ATTACH ':memory:' AS o", "\"ATTACH\""},
        {"PRAGMA query_only = OFF", "\"PRAGMA\""},
        {"BEGIN", "\"BEGIN\""},
        {"SAVEPOINT s", "BEGIN"},
        {"VACUUM", "ATTACH"},
    };
    struct bf_db *db = start_restricted();

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        int rc = bf_query_step(bf_db_query(db, rows[i].sql));

        if (rc != BF_EPERM || !strstr(bf_db_words(db), rows[i].named))
            test_failed(__FILE__, __LINE__, "%s: %d: %s", rows[i].sql, rc, bf_db_words(db));
    }
    bf_db_restrict(db, NULL);
    CHECK_INT(add(db, "one"), 0);
    CHECK_INT(count(db), 1);
    bf_db_close(db);
}

TEST(a_statement_stays_restricted_when_the_schema_changes_under_it)
{
    static const char sql[] = "SELECT name FROM p_all";
    static const char *const swapped[] = {
        "DROP VIEW p_all", "CREATE VIEW p_all AS SELECT name FROM thing", NULL};
    struct bf_db *db = start_restricted();
    struct bf_error err;

    CHECK_INT(bf_query_step(bf_db_query(db, sql)), 0);
    bf_db_restrict(db, NULL);
    CHECK_INT(bf_db_migrate(db, "swap", swapped, &err), 0);
    CHECK_INT(bf_query_step(bf_db_query(db, sql)), BF_EPERM);
    CHECK_HAS(bf_db_words(db), "thing");
    bf_db_close(db);
}

TEST(a_migration_beyond_its_prefix_leaves_nothing)
{
    static const char *const bad[] = {"CREATE TABLE p_x (a)", "DROP TABLE part", NULL};
    struct bf_db *db = start();
    struct bf_error err = {0};

    bf_db_restrict(db, "p_");
    CHECK_INT(bf_db_migrate(db, "plugin/p", bad, &err), BF_EPERM);
    CHECK_HAS(err.words, "\"part\"");
    bf_db_restrict(db, NULL);
    CHECK_INT(bf_query_step(bf_db_query(db, "SELECT * FROM part")), 0);
    CHECK_INT(bf_query_step(bf_db_query(db, "SELECT * FROM p_x")), BF_EINVAL);
    bf_db_close(db);
}
