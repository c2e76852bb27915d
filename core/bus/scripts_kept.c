/* scripts_kept.c - the tables of scripts.  An automation that is NULL is kept as "", for a column of
 * a primary key. */
#include "core/bus/scripts_kept.h"

#include <string.h>

static const char *const schema[] = {
    "CREATE TABLE scripts ("
    " number INTEGER PRIMARY KEY,"
    " hash TEXT NOT NULL UNIQUE,"
    " text TEXT)",
    "CREATE TABLE script_files ("
    " file TEXT NOT NULL PRIMARY KEY,"
    " script INTEGER,"
    " refused TEXT,"
    " words TEXT,"
    " since INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE hooks_disabled ("
    " automation TEXT NOT NULL,"
    " kind INTEGER NOT NULL,"
    " entity TEXT,"
    " file TEXT,"
    " since INTEGER NOT NULL,"
    " words TEXT NOT NULL,"
    " PRIMARY KEY (automation, kind))",
    NULL
};

int bf_scripts_kept_open(struct bf_db *db, struct bf_error *err)
{
    return bf_db_migrate(db, "scripts", schema, err);
}

/* One row, then the statement is over: 1, 0 for none, or an error.  The columns are gone. */
static int end_at_one(struct bf_query *q, int rc)
{
    if (rc == 1)
        bf_query_end(q);
    return rc;
}


/* --- texts ------------------------------------------------------------------------------------- */

static int find_number(struct bf_db *db, const char *hash, int64_t *number, bool *has_text)
{
    struct bf_query *q = bf_db_query(db, "SELECT number, text IS NOT NULL FROM scripts"
                                         " WHERE hash = ?");
    int rc;

    bf_query_text(q, 1, hash);
    rc = bf_query_step(q);
    if (rc == 1) {
        *number = bf_query_col_int(q, 0);
        *has_text = bf_query_col_int(q, 1);
    }
    return end_at_one(q, rc);
}

static int give_number(struct bf_db *db, const char *hash, const char *text, size_t len,
                       int64_t *number)
{
    struct bf_query *q = bf_db_query(db, "INSERT INTO scripts (number, hash, text)"
                                         " SELECT coalesce(max(number), 0) + 1, ?, ? FROM scripts"
                                         " RETURNING number");
    int rc;

    bf_query_text(q, 1, hash);
    bf_query_textn(q, 2, text, len);
    rc = bf_query_step(q);
    if (rc == 1)
        *number = bf_query_col_int(q, 0);
    while (rc == 1)
        rc = bf_query_step(q);
    return rc;
}

static int add_text(struct bf_db *db, int64_t number, const char *text, size_t len)
{
    struct bf_query *q = bf_db_query(db, "UPDATE scripts SET text = ? WHERE number = ?");

    bf_query_textn(q, 1, text, len);
    bf_query_int(q, 2, number);
    return bf_query_run(q);
}

int bf_script_number(struct bf_db *db, const char *hash, const char *text, size_t len,
                     int64_t *number)
{
    bool has_text = false;
    int rc = find_number(db, hash, number, &has_text);

    if (rc == 0)
        return give_number(db, hash, text, len, number);
    if (rc == 1)
        rc = text && !has_text ? add_text(db, *number, text, len) : BF_OK;
    return rc;
}

int bf_script_hash(struct bf_db *db, int64_t number, char hash[BF_HASH_LEN + 1])
{
    struct bf_query *q = bf_db_query(db, "SELECT hash FROM scripts WHERE number = ?");
    int rc;

    bf_query_int(q, 1, number);
    rc = bf_query_step(q);
    if (rc == 1) {
        const char *text = bf_query_col_text(q, 0);
        size_t len = strlen(text) < BF_HASH_LEN ? strlen(text) : BF_HASH_LEN;

        memcpy(hash, text, len);
        hash[len] = '\0';
    }
    rc = end_at_one(q, rc);
    return rc == 1 ? BF_OK : rc ? rc : BF_ENOENT;
}

int bf_script_text(struct bf_db *db, struct bf_arena *a, const char *hash, const char **text,
                   size_t *len)
{
    struct bf_query *q = bf_db_query(db, "SELECT text FROM scripts WHERE hash = ?"
                                         " AND text IS NOT NULL");
    int rc;

    bf_query_text(q, 1, hash);
    rc = bf_query_step(q);
    if (rc == 1) {
        *len = bf_query_col_len(q, 0);
        *text = bf_arena_ndup(a, bf_query_col_text(q, 0), *len);
    }
    rc = end_at_one(q, rc);
    return rc == 1 ? BF_OK : rc ? rc : BF_ENOENT;
}


/* --- files ------------------------------------------------------------------------------------- */

int bf_kept_file_set(struct bf_db *db, const char *file, const char *hash, const char *text,
                     size_t len)
{
    struct bf_query *q;
    int64_t number;
    int rc = bf_script_number(db, hash, text, len, &number);

    if (rc)
        return rc;
    q = bf_db_query(db, "INSERT INTO script_files (file, script) VALUES (?, ?)"
                        " ON CONFLICT (file) DO UPDATE SET script = excluded.script,"
                        " refused = NULL, words = NULL, since = 0");
    bf_query_text(q, 1, file);
    bf_query_int(q, 2, number);
    return bf_query_run(q);
}

int bf_kept_file_refuse(struct bf_db *db, const char *file, const char *hash, const char *words,
                        int64_t now_ms)
{
    struct bf_query *q =
        bf_db_query(db, "INSERT INTO script_files (file, refused, words, since)"
                        " VALUES (?, ?, ?, ?) ON CONFLICT (file) DO UPDATE SET"
                        " refused = excluded.refused, words = excluded.words,"
                        " since = excluded.since");

    bf_query_text(q, 1, file);
    bf_query_text(q, 2, hash);
    bf_query_text(q, 3, words);
    bf_query_int(q, 4, now_ms);
    return bf_query_run(q);
}

int bf_kept_files_each(struct bf_db *db, void (*fn)(void *arg, const struct bf_kept_file *f),
                       void *arg)
{
    struct bf_query *q = bf_db_query(db, "SELECT f.file, s.text, f.refused, f.words, f.since"
                                         " FROM script_files f"
                                         " LEFT JOIN scripts s ON s.number = f.script"
                                         " ORDER BY f.file");
    int rc;

    while ((rc = bf_query_step(q)) == 1) {
        struct bf_kept_file f = {
            .file = bf_query_col_text(q, 0),
            .text = bf_query_col_text(q, 1),
            .len = bf_query_col_len(q, 1),
            .refused = bf_query_col_text(q, 2),
            .words = bf_query_col_text(q, 3),
            .since_ms = bf_query_col_int(q, 4),
        };

        fn(arg, &f);
    }
    return rc;
}


/* --- hooks ------------------------------------------------------------------------------------- */

static const char *name_of(const char *automation) { return automation ? automation : ""; }

int bf_kept_hook_disable(struct bf_db *db, const struct bf_kept_hook *h)
{
    struct bf_query *q =
        bf_db_query(db, "INSERT INTO hooks_disabled (automation, kind, entity, file, since, words)"
                        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (automation, kind) DO UPDATE SET"
                        " entity = excluded.entity, file = excluded.file, since = excluded.since,"
                        " words = excluded.words");

    bf_query_text(q, 1, name_of(h->automation));
    bf_query_int(q, 2, h->kind);
    bf_query_text(q, 3, h->entity);
    bf_query_text(q, 4, h->file);
    bf_query_int(q, 5, h->since_ms);
    bf_query_text(q, 6, h->words);
    return bf_query_run(q);
}

int bf_kept_hook_enable(struct bf_db *db, const char *automation, enum bf_hook_kind kind,
                        bool *was)
{
    struct bf_query *q =
        bf_db_query(db, "DELETE FROM hooks_disabled WHERE automation = ? AND kind = ?");
    int rc;

    bf_query_text(q, 1, name_of(automation));
    bf_query_int(q, 2, kind);
    rc = bf_query_run(q);
    if (!rc && was)
        *was = bf_db_changes(db) > 0;
    return rc;
}

int bf_kept_hooks_forget(struct bf_db *db, const char *automation)
{
    struct bf_query *q = bf_db_query(db, "DELETE FROM hooks_disabled WHERE automation = ?");

    bf_query_text(q, 1, automation);
    return bf_query_run(q);
}

int bf_kept_hooks_each(struct bf_db *db, void (*fn)(void *arg, const struct bf_kept_hook *h),
                       void *arg)
{
    struct bf_query *q = bf_db_query(db, "SELECT automation, kind, entity, file, since, words"
                                         " FROM hooks_disabled ORDER BY automation, kind");
    int rc;

    while ((rc = bf_query_step(q)) == 1) {
        const char *automation = bf_query_col_text(q, 0);
        struct bf_kept_hook h = {
            .automation = *automation ? automation : NULL,
            .kind = (enum bf_hook_kind)bf_query_col_int(q, 1),
            .entity = bf_query_col_text(q, 2),
            .file = bf_query_col_text(q, 3),
            .since_ms = bf_query_col_int(q, 4),
            .words = bf_query_col_text(q, 5),
        };

        fn(arg, &h);
    }
    return rc;
}
