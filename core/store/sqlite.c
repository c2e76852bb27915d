/* sqlite.c - the only place that knows SQLite.
 *
 * Statements are prepared once per connection and kept in a table keyed by the address of their
 * text.  A statement is reset as soon as it has ended or failed: one that is left in the middle
 * holds a read transaction open, and that keeps the WAL from being checkpointed.
 *
 * SQLite ends a transaction by itself after some errors (disk full, I/O).  Whatever the caller
 * went on to do would then be committed piece by piece, so from that moment until commit or
 * rollback every step is refused, and the commit fails.  Invariant: between bf_db_begin() and the
 * end of the transaction, nothing is written outside of it.
 *
 * Connections are used by one thread at a time, so they are opened without SQLite's mutexes. */
#include "core/store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/base.h"

enum {
    BUSY_MS = 5000,             /* how long to wait for somebody else's lock */
    QUERIES_FIRST = 64          /* size of the statement table; a power of two */
};

struct bf_query {
    struct bf_db *db;
    const char *text;           /* its name: NULL in a free slot */
    sqlite3_stmt *stmt;         /* NULL if it could not be prepared */
    char *prefix;               /* NULL, or what it is held to: see bf_db_restrict() */
    int rc;                     /* of preparing or binding; the step reports it */
};

struct bf_db {
    sqlite3 *sql;
    char *path;
    bool in_transaction;
    int n_marks;                /* savepoints that are open */
    int n_holds;                /* of what is read now */
    struct bf_query **queries;
    size_t n_queries;
    size_t size;                /* of queries: a power of two */
    const char *prefix;         /* what is being compiled may reach no other tables; NULL: all */
    char refused[128];          /* what it wanted to reach */
    bool alters;                /* the statement being compiled writes the schema, */
    bool looks;                 /* reads it, */
    bool selects;               /* reads rows, */
    bool is_alter;              /* is an ALTER TABLE, which reads the schema all over */
    int fail_after;             /* for tests, see bf_db_fail_commits() */
    int fail_count;
    char words[400];
};

static const char write_pragmas[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA foreign_keys = ON;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA secure_delete = ON;"        /* Debian's default: what is deleted is overwritten */
    "PRAGMA cache_size = -8192;"        /* KiB */
    "PRAGMA mmap_size = 0;"             /* a failing disk is an error then, not a SIGBUS */
    "PRAGMA wal_autocheckpoint = 4096;" /* pages: 16 MiB of WAL */
    "PRAGMA journal_size_limit = 67108864;";

static const char read_pragmas[] =
    "PRAGMA query_only = ON;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA cache_size = -1024;"
    "PRAGMA mmap_size = 0;";


/* --- errors -------------------------------------------------------------------- */

static int error_of(int sqlite_rc)
{
    switch (sqlite_rc) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return BF_EEXIST;
    }
    switch (sqlite_rc & 0xff) {
    case SQLITE_OK:
        return BF_OK;
    case SQLITE_NOMEM:
        return BF_ENOMEM;
    case SQLITE_TOOBIG:
        return BF_ETOOBIG;
    case SQLITE_READONLY:
    case SQLITE_AUTH:
    case SQLITE_PERM:
        return BF_EPERM;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return BF_EIO;
    case SQLITE_INTERRUPT:
        return BF_ECANCELED;
    default:
        return BF_EINVAL;       /* wrong SQL, a CHECK or NOT NULL rule, a parameter out of range */
    }
}

static int say(struct bf_db *db, int code, const char *words)
{
    snprintf(db->words, sizeof(db->words), "%s", words);
    return code;
}

/* Keep what SQLite says about its last call. */
static int failed(struct bf_db *db, int sqlite_rc)
{
    if (db->prefix && db->refused[0]) {
        snprintf(db->words, sizeof(db->words), "may not reach \"%s\"; only tables named "
                 "%ssomething", db->refused, db->prefix);
        return BF_EPERM;
    }
    return say(db, error_of(sqlite_rc), sqlite3_errmsg(db->sql));
}

const char *bf_db_words(const struct bf_db *db) { return db->words; }

const char *bf_db_path(const struct bf_db *db) { return db->path; }

/* Opening failed: what it was, and what to do about it. */
static int open_failed(struct bf_db *db, struct bf_error *err)
{
    int rc = sqlite3_extended_errcode(db->sql), system = sqlite3_system_errno(db->sql);

    switch (rc & 0xff) {
    case SQLITE_NOTADB:
        return bf_error_set(err, BF_EIO,
                            "%s is not a database: move it away to start with a new one, or put "
                            "a backup in its place",
                            db->path);
    case SQLITE_CORRUPT:
        return bf_error_set(err, BF_EIO, "%s is damaged (%s): put a backup in its place", db->path,
                            sqlite3_errmsg(db->sql));
    case SQLITE_BUSY:
        return bf_error_set(err, BF_EIO, "%s is locked by another program: stop that first",
                            db->path);
    case SQLITE_CANTOPEN:
        return bf_error_set(err, BF_EIO,
                            "cannot open %s: %s; check that it and its directory exist and may be "
                            "read and written",
                            db->path, system ? strerror(system) : sqlite3_errmsg(db->sql));
    default:
        return bf_error_set(err, error_of(rc), "cannot open %s: %s", db->path,
                            sqlite3_errmsg(db->sql));
    }
}


/* --- restriction ----------------------------------------------------------------- */

static bool is_own(const struct bf_db *db, const char *table)
{
    static const char automatic[] = "sqlite_autoindex_";        /* of a UNIQUE in CREATE TABLE */

    return table && (strncasecmp(table, db->prefix, strlen(db->prefix)) == 0 ||
                     strncmp(table, automatic, sizeof(automatic) - 1) == 0);
}

static int refuse(struct bf_db *db, const char *what)
{
    snprintf(db->refused, sizeof(db->refused), "%s", what ? what : "");
    return SQLITE_DENY;
}

static int only_own(struct bf_db *db, const char *table)
{
    return is_own(db, table) ? SQLITE_OK : refuse(db, table);
}

static bool is_schema(const char *table)
{
    return strcmp(table, "sqlite_master") == 0 || strcmp(table, "sqlite_schema") == 0;
}

/* SQLite itself refuses statements that write the schema's table, so such a write is what a CREATE
 * or DROP comes down to.  It reads there as well then, but not by a SELECT: that would be one of
 * CREATE TABLE AS, and it may come up after what it reads. */
static int on_schema(struct bf_db *db, int action, const char *table, const char *column)
{
    if (action != SQLITE_READ) {
        db->alters = true;
        return SQLITE_OK;
    }
    if (strcmp(column, "ROWID") == 0 && db->alters)
        return SQLITE_OK;
    db->looks = true;
    return db->alters && !db->selects ? SQLITE_OK : refuse(db, table);
}

static int on_table(struct bf_db *db, int action, const char *table, const char *column)
{
    return is_schema(table) ? on_schema(db, action, table, column) : only_own(db, table);
}

/* An index or a trigger, and the table it is on. */
static int on_pair(struct bf_db *db, const char *name, const char *table)
{
    int rc = only_own(db, name);

    return rc == SQLITE_OK ? only_own(db, table) : rc;
}

static int on_function(struct bf_db *db, const char *name)
{
    /* The second is what ALTER TABLE RENAME calls: a table keeps its name. */
    if (strcmp(name, "load_extension") == 0 || strcmp(name, "sqlite_rename_table") == 0)
        return refuse(db, name);
    return SQLITE_OK;
}

/* Whatever SQLite has to say yes to while it compiles a statement.  What is not listed is refused,
 * by its table or by the word it begins with. */
static int authorize(void *arg, int action, const char *a, const char *b, const char *schema,
                     const char *inside)
{
    struct bf_db *db = arg;

    (void)inside;
    if (!db->prefix)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_SELECT:
        db->selects = true;
        return db->looks && !db->is_alter ? refuse(db, "sqlite_master") : SQLITE_OK;
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return on_function(db, b);
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
        return refuse(db, action == SQLITE_ATTACH ? "ATTACH" : "DETACH");
    case SQLITE_PRAGMA:
        return refuse(db, "PRAGMA");
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
        return refuse(db, a);
    case SQLITE_ALTER_TABLE:
        db->is_alter = true;
        return only_own(db, b);
    }
    if (db->is_alter && a && (is_schema(a) || strcmp(a, "sqlite_temp_master") == 0))
        return SQLITE_OK;
    if (schema && strcmp(schema, "main") != 0)
        return refuse(db, schema);
    switch (action) {
    case SQLITE_READ:
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
        return on_table(db, action, a, b ? b : "");
    case SQLITE_CREATE_TABLE:
    case SQLITE_DROP_TABLE:
    case SQLITE_CREATE_VIEW:
    case SQLITE_DROP_VIEW:
    case SQLITE_REINDEX:
        return only_own(db, a);
    case SQLITE_CREATE_INDEX:
    case SQLITE_DROP_INDEX:
    case SQLITE_CREATE_TRIGGER:
    case SQLITE_DROP_TRIGGER:
        return on_pair(db, a, b);
    default:
        return refuse(db, a ? a : "that");
    }
}

static void begin_to_compile(struct bf_db *db)
{
    db->alters = db->looks = db->selects = db->is_alter = false;
    db->refused[0] = '\0';
}

void bf_db_restrict(struct bf_db *db, const char *prefix)
{
    db->prefix = prefix;
    begin_to_compile(db);
}

const char *bf_db_restriction(const struct bf_db *db) { return db->prefix; }


/* --- connections ---------------------------------------------------------------- */

/* SQLite would make the file readable for everybody.  A file that is there is left alone: closing
 * it here would drop the locks of this process's other connections to it. */
static int make_file(const char *path, struct bf_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    else if (errno != EEXIST)
        return bf_error_set(err, BF_EIO,
                            "cannot make %s: %s; check that its directory exists and may be "
                            "written",
                            path, strerror(errno));
    return BF_OK;
}

static void configure(sqlite3 *sql)
{
    sqlite3_extended_result_codes(sql, 1);
    sqlite3_busy_timeout(sql, BUSY_MS);
    sqlite3_db_config(sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(sql, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(sql, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
}

/* Some file systems (shared folders, network) have no shared memory, and SQLite stays, without an
 * error, with a journal that readers would block. */
static int require_wal(struct bf_db *db, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, "PRAGMA journal_mode");
    int rc = BF_OK;

    if (bf_query_step(q) != 1)
        return open_failed(db, err);
    if (strcmp(bf_query_col_text(q, 0), "wal") != 0)
        rc = bf_error_set(err, BF_EIO,
                          "%s: its file system cannot do write-ahead logging: keep the data on a "
                          "local disk",
                          db->path);
    bf_query_end(q);
    return rc;
}

/* The first read of the file is what shows whether it is a database. */
static int open_file(struct bf_db *db, enum bf_db_mode mode, struct bf_error *err)
{
    bool write = mode == BF_DB_WRITE;
    int flags = write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;

    if (sqlite3_open_v2(db->path, &db->sql, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        if (!db->sql)
            return bf_error_set(err, BF_ENOMEM, "cannot open %s: out of memory", db->path);
        return open_failed(db, err);
    }
    configure(db->sql);
    sqlite3_set_authorizer(db->sql, authorize, db);
    if (bf_db_exec(db, write ? write_pragmas : read_pragmas) ||
        bf_db_exec(db, "SELECT 1 FROM sqlite_schema LIMIT 1"))
        return open_failed(db, err);
    return write ? require_wal(db, err) : BF_OK;
}

int bf_db_open(const char *path, enum bf_db_mode mode, struct bf_db **out, struct bf_error *err)
{
    struct bf_db *db;
    int rc;

    if (mode == BF_DB_WRITE) {
        rc = make_file(path, err);
        if (rc)
            return rc;
    }
    db = bf_new(struct bf_db);
    db->path = bf_strdup(path);
    db->size = QUERIES_FIRST;
    db->queries = bf_zalloc(db->size * sizeof(*db->queries));
    rc = open_file(db, mode, err);
    if (rc) {
        bf_db_close(db);
        return rc;
    }
    *out = db;
    return BF_OK;
}

void bf_db_close(struct bf_db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < db->size; i++) {
        if (!db->queries[i])
            continue;
        sqlite3_finalize(db->queries[i]->stmt);
        free(db->queries[i]->prefix);
        free(db->queries[i]);
    }
    sqlite3_close(db->sql);
    free(db->queries);
    free(db->path);
    free(db);
}

int bf_db_exec(struct bf_db *db, const char *sql)
{
    int rc;

    begin_to_compile(db);
    rc = sqlite3_exec(db->sql, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? BF_OK : failed(db, rc);
}


/* --- statements ------------------------------------------------------------------ */

/* Where the statement of this text is, or belongs.  Literals lie close together: multiplying
 * spreads their addresses. */
static struct bf_query **query_slot(const struct bf_db *db, const char *text)
{
    size_t i = (size_t)((uint64_t)(uintptr_t)text * 0x9e3779b97f4a7c15 >> 32) & (db->size - 1);

    while (db->queries[i] && db->queries[i]->text != text)
        i = (i + 1) & (db->size - 1);
    return &db->queries[i];
}

static void grow_queries(struct bf_db *db)
{
    struct bf_query **old = db->queries;
    size_t old_size = db->size;

    db->size *= 2;
    db->queries = bf_zalloc(db->size * sizeof(*db->queries));
    for (size_t i = 0; i < old_size; i++)
        if (old[i])
            *query_slot(db, old[i]->text) = old[i];
    free(old);
}

static struct bf_query *query_of(struct bf_db *db, const char *text)
{
    struct bf_query **slot = query_slot(db, text);

    if (*slot)
        return *slot;
    if (2 * ++db->n_queries > db->size) {
        grow_queries(db);
        slot = query_slot(db, text);
    }
    *slot = bf_new(struct bf_query);
    (*slot)->db = db;
    (*slot)->text = text;
    return *slot;
}

static void prepare(struct bf_query *q, const char *sql)
{
    struct bf_db *db = q->db;
    int rc;

    begin_to_compile(db);
    rc = sqlite3_prepare_v3(db->sql, sql, -1, SQLITE_PREPARE_PERSISTENT, &q->stmt, NULL);
    if (rc != SQLITE_OK)
        q->rc = failed(db, rc);
    else if (!q->stmt)
        q->rc = say(db, BF_EINVAL, "the text holds no statement");
    else if (db->prefix)
        q->prefix = bf_strdup(db->prefix);
}

struct bf_query *bf_db_query(struct bf_db *db, const char *sql)
{
    struct bf_query *q = query_of(db, sql);

    q->rc = BF_OK;
    if (!q->stmt) {
        prepare(q, sql);
        return q;
    }
    /* Other words at an old address would run the old statement: the text was no literal. */
    bf_assert(strcmp(sqlite3_sql(q->stmt), sql) == 0);
    sqlite3_reset(q->stmt);
    sqlite3_clear_bindings(q->stmt);
    return q;
}

static void bound(struct bf_query *q, int sqlite_rc)
{
    if (sqlite_rc != SQLITE_OK && !q->rc)
        q->rc = failed(q->db, sqlite_rc);
}

void bf_query_text(struct bf_query *q, int i, const char *text)
{
    bf_query_textn(q, i, text, text ? strlen(text) : 0);
}

void bf_query_textn(struct bf_query *q, int i, const char *text, size_t len)
{
    if (!q->rc)
        bound(q, sqlite3_bind_text64(q->stmt, i, text, len, SQLITE_STATIC, SQLITE_UTF8));
}

void bf_query_blob(struct bf_query *q, int i, const void *data, size_t len)
{
    if (!q->rc)
        bound(q, sqlite3_bind_blob64(q->stmt, i, data, len, SQLITE_STATIC));
}

void bf_query_int(struct bf_query *q, int i, int64_t value)
{
    if (!q->rc)
        bound(q, sqlite3_bind_int64(q->stmt, i, value));
}

void bf_query_double(struct bf_query *q, int i, double value)
{
    if (!q->rc)
        bound(q, sqlite3_bind_double(q->stmt, i, value));
}

/* Whether SQLite has ended our transaction by itself. */
static bool transaction_lost(const struct bf_db *db)
{
    return db->in_transaction && sqlite3_get_autocommit(db->sql);
}

static int say_lost(struct bf_db *db)
{
    return say(db, BF_EIO, "an earlier error has undone this transaction");
}

/* The schema may have changed since: SQLite then compiles the statement again, which must be held
 * to what it was held to at first. */
static int step(struct bf_query *q)
{
    struct bf_db *db = q->db;
    const char *before = db->prefix;
    int rc;

    bf_db_restrict(db, q->prefix);
    rc = sqlite3_step(q->stmt);
    if (rc == SQLITE_ROW)
        rc = 1;
    else
        rc = rc == SQLITE_DONE ? BF_OK : failed(db, rc);
    bf_db_restrict(db, before);
    return rc;
}

int bf_query_step(struct bf_query *q)
{
    struct bf_db *db = q->db;
    int rc;

    if (q->rc)
        return q->rc;
    if (transaction_lost(db))
        return say_lost(db);
    rc = step(q);
    if (rc == 1)
        return 1;
    sqlite3_reset(q->stmt);
    return rc;
}

int bf_query_run(struct bf_query *q)
{
    int rc = bf_query_step(q);

    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

void bf_query_end(struct bf_query *q) { sqlite3_reset(q->stmt); }

const char *bf_query_col_text(struct bf_query *q, int i)
{
    return (const char *)sqlite3_column_text(q->stmt, i);
}

size_t bf_query_col_len(struct bf_query *q, int i)
{
    return (size_t)sqlite3_column_bytes(q->stmt, i);
}

const void *bf_query_col_blob(struct bf_query *q, int i, size_t *len)
{
    const void *data = sqlite3_column_blob(q->stmt, i);

    *len = (size_t)sqlite3_column_bytes(q->stmt, i);
    return data;
}

int64_t bf_query_col_int(struct bf_query *q, int i) { return sqlite3_column_int64(q->stmt, i); }

double bf_query_col_double(struct bf_query *q, int i) { return sqlite3_column_double(q->stmt, i); }

bool bf_query_col_null(struct bf_query *q, int i)
{
    return sqlite3_column_type(q->stmt, i) == SQLITE_NULL;
}

int64_t bf_db_changes(struct bf_db *db) { return sqlite3_changes64(db->sql); }


/* --- transactions ------------------------------------------------------------------ */

static int run(struct bf_db *db, const char *sql) { return bf_query_run(bf_db_query(db, sql)); }

int bf_db_begin(struct bf_db *db)
{
    int rc;

    bf_assert(!db->in_transaction);
    rc = run(db, "BEGIN IMMEDIATE");
    db->in_transaction = rc == BF_OK;
    return rc;
}

/* Whether a test wants this commit to fail. */
static bool must_fail(struct bf_db *db)
{
    if (db->fail_count == 0)
        return false;
    if (db->fail_after > 0) {
        db->fail_after--;
        return false;
    }
    db->fail_count--;
    return true;
}

int bf_db_commit(struct bf_db *db)
{
    int rc;

    bf_assert(db->in_transaction && db->n_marks == 0);
    if (transaction_lost(db))
        rc = say_lost(db);
    else if (must_fail(db))
        rc = say(db, BF_EIO, "database or disk is full (as a test wants it)");
    else
        rc = run(db, "COMMIT");
    if (rc)
        bf_db_rollback(db);
    db->in_transaction = false;
    return rc;
}

/* Keeps the words of the failure that led here. */
void bf_db_rollback(struct bf_db *db)
{
    bf_assert(db->in_transaction);
    db->in_transaction = false;
    db->n_marks = 0;
    if (!sqlite3_get_autocommit(db->sql))
        sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
}

/* Marks all have one name: SQL's meaning of it is always the innermost. */

int bf_db_mark(struct bf_db *db)
{
    int rc;

    bf_assert(db->in_transaction);
    rc = run(db, "SAVEPOINT mark");
    db->n_marks += rc == BF_OK;
    return rc;
}

int bf_db_keep(struct bf_db *db)
{
    bf_assert(db->n_marks > 0);
    db->n_marks--;
    return run(db, "RELEASE mark");
}

/* Fails only if the transaction is lost, and then the commit will say so. */
void bf_db_undo(struct bf_db *db)
{
    bf_assert(db->n_marks > 0);
    db->n_marks--;
    run(db, "ROLLBACK TO mark");
    run(db, "RELEASE mark");
}

/* In a transaction the file is held as it is. */
int bf_db_hold(struct bf_db *db)
{
    int rc = db->in_transaction || db->n_holds > 0 ? BF_OK : run(db, "BEGIN");

    db->n_holds += rc == BF_OK;
    return rc;
}

void bf_db_release(struct bf_db *db)
{
    bf_assert(db->n_holds > 0);
    if (--db->n_holds == 0 && !db->in_transaction && !sqlite3_get_autocommit(db->sql))
        sqlite3_exec(db->sql, "COMMIT", NULL, NULL, NULL);
}

bool bf_db_truncate_wal(struct bf_db *db)
{
    bool done;

    sqlite3_busy_timeout(db->sql, 0);
    done = sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) ==
           SQLITE_OK;
    sqlite3_busy_timeout(db->sql, BUSY_MS);
    return done;
}

static int pragma(struct bf_db *db, const char *sql, int64_t *value)
{
    struct bf_query *q = bf_db_query(db, sql);
    int rc = bf_query_step(q);

    if (rc < 0)
        return rc;
    *value = bf_query_col_int(q, 0);
    bf_query_end(q);
    return BF_OK;
}

/* There is no auto_vacuum: it would keep a map of all pages up to date with every one that is
 * taken, to give back space that a hub soon needs again.  Free pages are used first. */
int bf_db_size(struct bf_db *db, int64_t *bytes)
{
    int64_t pages, unused, page_size;
    int rc = pragma(db, "PRAGMA page_count", &pages);

    if (!rc)
        rc = pragma(db, "PRAGMA freelist_count", &unused);
    if (!rc)
        rc = pragma(db, "PRAGMA page_size", &page_size);
    if (!rc)
        *bytes = (pages - unused) * page_size;
    return rc;
}

int bf_db_check(struct bf_db *db, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, "PRAGMA integrity_check(1)");
    int rc = bf_query_step(q);

    if (rc < 0)
        return bf_error_set(err, BF_EIO, "%s cannot be checked: %s", db->path, db->words);
    rc = BF_OK;
    if (strcmp(bf_query_col_text(q, 0), "ok") != 0)
        rc = bf_error_set(err, BF_EIO, "%s is damaged: %s; put a backup in its place", db->path,
                          bf_query_col_text(q, 0));
    bf_query_end(q);
    return rc;
}

void bf_db_fail_commits(struct bf_db *db, int after, int count)
{
    db->fail_after = after;
    db->fail_count = count;
}
