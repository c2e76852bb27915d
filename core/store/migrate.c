/* migrate.c - bring a file's tables up to date.
 *
 * The table belfry_migrations remembers, for each owner (core, or a plugin), the number of every
 * statement that was run, counted from 1.  All that are missing run in one transaction with their
 * rows, so a file is never between two versions. */
#include "core/store/store_int.h"

static const char table[] = "CREATE TABLE IF NOT EXISTS belfry_migrations ("
                            " owner TEXT NOT NULL,"
                            " number INTEGER NOT NULL,"
                            " PRIMARY KEY (owner, number))";

static int last_number(struct bf_db *db, const char *owner, int64_t *number)
{
    struct bf_query *q = bf_db_query(db, "SELECT coalesce(max(number), 0) FROM belfry_migrations"
                                         " WHERE owner = ?");
    int rc;

    bf_query_text(q, 1, owner);
    rc = bf_query_step(q);
    if (rc < 0)
        return rc;
    *number = bf_query_col_int(q, 0);
    bf_query_end(q);
    return BF_OK;
}

static int record(struct bf_db *db, const char *owner, int64_t number)
{
    struct bf_query *q = bf_db_query(db, "INSERT INTO belfry_migrations (owner, number)"
                                         " VALUES (?, ?)");

    bf_query_text(q, 1, owner);
    bf_query_int(q, 2, number);
    return bf_query_run(q);
}

static int cannot(struct bf_db *db, const char *owner, int code, struct bf_error *err)
{
    return bf_error_set(err, code, "%s: the tables of %s cannot be brought up to date: %s",
                        bf_db_path(db), owner, bf_db_words(db));
}

/* The statements are held to what the connection was restricted to; ours beside them are not. */
static int run_restricted(struct bf_db *db, const char *prefix, const char *sql)
{
    int rc;

    bf_db_restrict(db, prefix);
    rc = bf_db_exec(db, sql);
    bf_db_restrict(db, NULL);
    return rc;
}

/* Inside the transaction. */
static int run_missing(struct bf_db *db, const char *owner, const char *prefix,
                       const char *const *statements, struct bf_error *err)
{
    int64_t done, known = 0;
    int rc = bf_db_exec(db, table);

    while (statements[known])
        known++;
    if (!rc)
        rc = last_number(db, owner, &done);
    if (rc)
        return cannot(db, owner, rc, err);
    if (done > known)
        return bf_error_set(err, BF_ECONFIG,
                            "%s was written by a newer program: its tables of %s are at version "
                            "%lld, and this program knows %lld; run the newer program, or put a "
                            "backup from before in its place",
                            bf_db_path(db), owner, (long long)done, (long long)known);
    for (int64_t i = done; i < known; i++) {
        rc = run_restricted(db, prefix, statements[i]);
        if (!rc)
            rc = record(db, owner, i + 1);
        if (rc)
            return bf_error_set(err, rc, "%s: step %lld of the tables of %s failed: %s",
                                bf_db_path(db), (long long)i + 1, owner, bf_db_words(db));
    }
    return BF_OK;
}

static int migrate(struct bf_db *db, const char *owner, const char *prefix,
                   const char *const *statements, struct bf_error *err)
{
    int rc = bf_db_begin(db);

    if (rc)
        return cannot(db, owner, rc, err);
    rc = run_missing(db, owner, prefix, statements, err);
    if (rc) {
        bf_db_rollback(db);
        return rc;
    }
    rc = bf_db_commit(db);
    return rc ? cannot(db, owner, rc, err) : BF_OK;
}

int bf_db_migrate(struct bf_db *db, const char *owner, const char *const *statements,
                  struct bf_error *err)
{
    const char *prefix = bf_db_restriction(db);
    int rc;

    bf_db_restrict(db, NULL);
    rc = migrate(db, owner, prefix, statements, err);
    bf_db_restrict(db, prefix);
    return rc;
}
