/* managed.c - the table of what belongs to whom. */
#include "core/plan/managed.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

const char *const bf_managed_schema[] = {
    "CREATE TABLE managed ("
    " manifest TEXT NOT NULL,"
    " kind TEXT NOT NULL,"
    " entity TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " id TEXT NOT NULL,"
    " applied TEXT NOT NULL,"
    " updated BIGINT NOT NULL,"
    " PRIMARY KEY (manifest, kind, entity, name),"
    " UNIQUE (kind, id))",
    NULL};

static enum bf_thing_kind kind_of(const char *name)
{
    enum bf_thing_kind kind = BF_THING_TEAM;

    while (kind < BF_THING_AUTOMATION && strcmp(bf_thing_name(kind), name) != 0)
        kind++;
    return kind;
}

int bf_managed_list(struct bf_db *db, const char *manifest, bf_managed_fn *fn, void *arg)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT kind, entity, name, id, applied FROM managed WHERE manifest = ?"
                        " ORDER BY kind, entity, name");
    int rc;

    bf_query_text(q, 1, manifest);
    while ((rc = bf_query_step(q)) == 1)
        fn(arg, &(struct bf_managed){
                    .manifest = manifest,
                    .kind = kind_of(bf_query_col_text(q, 0)),
                    .entity = bf_query_col_text(q, 1),
                    .name = bf_query_col_text(q, 2),
                    .id = bf_query_col_text(q, 3),
                    .applied = bf_query_col_text(q, 4),
                });
    return rc;
}

int bf_managed_owner(struct bf_db *db, enum bf_thing_kind kind, const char *id,
                     char manifest[BF_MANIFEST_NAME_MAX + 1])
{
    struct bf_query *q = bf_db_query(db, "SELECT manifest FROM managed WHERE kind = ? AND id = ?");
    int rc;

    *manifest = '\0';
    bf_query_text(q, 1, bf_thing_name(kind));
    bf_query_text(q, 2, id);
    rc = bf_query_step(q);
    if (rc == 1)
        snprintf(manifest, BF_MANIFEST_NAME_MAX + 1, "%s", bf_query_col_text(q, 0));
    bf_query_end(q);
    return rc;
}


/* --- writing --------------------------------------------------------------------------------- */

/* Whoever had the thing has it no more. */
static int release(struct bf_db *db, const struct bf_managed *row)
{
    struct bf_query *q = bf_db_query(db, "DELETE FROM managed WHERE kind = ? AND id = ?");

    bf_query_text(q, 1, bf_thing_name(row->kind));
    bf_query_text(q, 2, row->id);
    return bf_query_run(q);
}

static int put(struct bf_db *db, const struct bf_managed *row, int64_t now_ms)
{
    struct bf_query *q = bf_db_query(
        db, "INSERT INTO managed (manifest, kind, entity, name, id, applied, updated)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (manifest, kind, entity, name) DO UPDATE SET id = excluded.id,"
            " applied = excluded.applied, updated = excluded.updated");

    bf_query_text(q, 1, row->manifest);
    bf_query_text(q, 2, bf_thing_name(row->kind));
    bf_query_text(q, 3, row->entity);
    bf_query_text(q, 4, row->name);
    bf_query_text(q, 5, row->id);
    bf_query_text(q, 6, row->applied);
    bf_query_int(q, 7, now_ms);
    return bf_query_run(q);
}

int bf_managed_put(struct bf_db *db, const struct bf_managed *row, int64_t now_ms,
                   struct bf_error *err)
{
    int rc = release(db, row);

    if (!rc)
        rc = put(db, row, now_ms);
    return rc ? bf_error_set(err, rc, "cannot note what belongs to %s: %s", row->manifest,
                             bf_db_words(db)) : BF_OK;
}

int bf_managed_forget(struct bf_db *db, const char *manifest, enum bf_thing_kind kind,
                      const char *entity, const char *name, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, "DELETE FROM managed WHERE manifest = ? AND kind = ?"
                                         " AND entity = ? AND name = ?");
    int rc;

    bf_query_text(q, 1, manifest);
    bf_query_text(q, 2, bf_thing_name(kind));
    bf_query_text(q, 3, entity);
    bf_query_text(q, 4, name);
    rc = bf_query_run(q);
    return rc ? bf_error_set(err, rc, "cannot note what belongs to %s: %s", manifest,
                             bf_db_words(db)) : BF_OK;
}
