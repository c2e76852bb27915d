/* automation_list.c - pages of automations, in the order of the index of names.
 *
 * What a list is filtered by stands in columns beside the name, so a page of ten thousand
 * automations is found without reading their JSON; that is fetched for the rows that are shown. */
#include "core/bus/automation_list.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"

#define COLUMNS                                                                                    \
    "SELECT id, entity, name, project, collection, event_type, enabled, revision, created,"        \
    " updated FROM automations "

static void read_row(struct bf_query *q, struct bf_automation_row *row)
{
    *row = (struct bf_automation_row){
        .id = bf_query_col_text(q, 0),
        .entity = bf_query_col_text(q, 1),
        .name = bf_query_col_text(q, 2),
        .project = bf_query_col_text(q, 3),
        .collection = bf_query_col_text(q, 4),
        .event_type = bf_query_col_text(q, 5),
        .enabled = bf_query_col_int(q, 6) != 0,
        .revision = (uint64_t)bf_query_col_int(q, 7),
        .created_ms = bf_query_col_int(q, 8),
        .updated_ms = bf_query_col_int(q, 9),
    };
}

static bool is(const char *wanted, const char *text)
{
    return !wanted || (text && strcmp(wanted, text) == 0);
}

static bool wanted(const struct bf_automation_query *query, const struct bf_automation_row *row)
{
    return is(query->project, row->project) && is(query->collection, row->collection) &&
           is(query->event_type, row->event_type) &&
           (!query->enabled || *query->enabled == row->enabled) &&
           (!query->name || strcasestr(row->name, query->name));
}

/* Hands a row on with its JSON: 1, 0 if that was the last one wanted, or an error. */
static int give(struct bf_db *db, struct bf_automation_row *row, bf_automation_fn *fn, void *arg)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT spec FROM automation_revisions WHERE revision = ?");
    int rc;

    bf_query_int(q, 1, (int64_t)row->revision);
    rc = bf_query_step(q);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return BF_EIO;
    row->spec = bf_query_col_text(q, 0);
    row->spec_len = bf_query_col_len(q, 0);
    rc = fn(arg, row);
    bf_query_end(q);
    return rc;
}

/* Where a page begins: behind this entity and name. */
struct place {
    struct bf_buf entity;
    struct bf_buf name;
};

static bool on_place(void *arg, const struct bf_automation_row *row)
{
    struct place *p = arg;

    bf_buf_adds(&p->entity, row->entity);
    bf_buf_adds(&p->name, row->name);
    return false;
}

/* The one that ended a page may have been deleted since. */
static int find_place(struct bf_db *db, const char *id, struct place *out)
{
    int rc = bf_automation_find(db, id, on_place, out);

    return rc == BF_ENOENT ? bf_automation_find_deleted(db, id, on_place, out) : rc;
}

static struct bf_query *walk(struct bf_db *db, const struct place *from, const char *entity)
{
    struct bf_query *q;

    if (entity) {
        q = bf_db_query(db, COLUMNS "WHERE entity = ? AND name > ? ORDER BY name");
        bf_query_text(q, 1, entity);
    } else {
        q = bf_db_query(db, COLUMNS "WHERE (entity, name) > (?, ?) ORDER BY entity, name");
        bf_query_text(q, 1, bf_buf_text(&from->entity));
    }
    bf_query_text(q, 2, bf_buf_text(&from->name));
    return q;
}

int bf_automation_list(struct bf_db *db, const struct bf_automation_query *query,
                       const char *after, bf_automation_fn *fn, void *arg)
{
    struct bf_automation_row row;
    struct bf_query *q = NULL;
    struct place from;
    int rc = BF_OK;

    bf_buf_init(&from.entity, 4096);
    bf_buf_init(&from.name, 4096);
    if (*after)
        rc = find_place(db, after, &from);
    if (!rc)
        q = walk(db, &from, query->entity);
    while (q && (rc = bf_query_step(q)) == 1) {
        read_row(q, &row);
        if (wanted(query, &row) && (rc = give(db, &row, fn, arg)) != 1)
            break;
    }
    if (q)
        bf_query_end(q);
    bf_buf_fini(&from.entity);
    bf_buf_fini(&from.name);
    return rc < 0 ? rc : BF_OK;
}

int bf_automation_find(struct bf_db *db, const char *id, bf_automation_fn *fn, void *arg)
{
    struct bf_query *q = bf_db_query(db, COLUMNS "WHERE id = ?");
    struct bf_automation_row row;
    int rc;

    bf_query_text(q, 1, id);
    rc = bf_query_step(q);
    if (rc <= 0)
        return rc < 0 ? rc : BF_ENOENT;
    read_row(q, &row);
    rc = give(db, &row, fn, arg);
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

int bf_automation_find_deleted(struct bf_db *db, const char *id, bf_automation_fn *fn, void *arg)
{
    struct bf_query *q = bf_db_query(db, "SELECT id, entity, name, project, revision, deleted"
                                         " FROM automations_deleted WHERE id = ?");
    int rc;

    bf_query_text(q, 1, id);
    rc = bf_query_step(q);
    if (rc == 1)
        fn(arg, &(struct bf_automation_row){
                    .id = bf_query_col_text(q, 0),
                    .entity = bf_query_col_text(q, 1),
                    .name = bf_query_col_text(q, 2),
                    .project = bf_query_col_text(q, 3),
                    .revision = (uint64_t)bf_query_col_int(q, 4),
                    .updated_ms = bf_query_col_int(q, 5),
                });
    bf_query_end(q);
    return rc < 0 ? rc : rc == 1 ? BF_OK : BF_ENOENT;
}

bool bf_automation_named(struct bf_db *db, const char *entity, const char *name,
                         char id[BF_ID_LEN + 1])
{
    struct bf_query *q =
        bf_db_query(db, "SELECT id FROM automations WHERE entity = ? AND name = ?");
    bool found;

    bf_query_text(q, 1, entity);
    bf_query_text(q, 2, name);
    found = bf_query_step(q) == 1;
    if (found)
        memcpy(id, bf_query_col_text(q, 0), BF_ID_LEN + 1);
    bf_query_end(q);
    return found;
}
