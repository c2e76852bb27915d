/* journal_list.c - pages of events and automations.
 *
 * The journal has no index but its own order, which keeps appending cheap.  So a page of one
 * entity's events walks the journal backwards and looks at each row's head, within a budget;
 * bodies are only read where the caller asks for them. */
#include "core/bus/journal_list.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"

#define AUTOMATION                                                                             \
    "SELECT a.id, a.entity, a.name, a.project, a.revision, a.created, a.updated, r.spec"       \
    " FROM automations a JOIN automation_revisions r ON r.revision = a.revision "

int bf_journal_list(struct bf_db *db, const char *entity, uint64_t before, bf_journal_fn *fn,
                    void *arg, uint64_t *next)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT seq, entity FROM journal WHERE seq < ? ORDER BY seq DESC");
    unsigned seen = 0;
    uint64_t last = 0;
    int rc;

    *next = 0;
    bf_query_int(q, 1, before ? (int64_t)before : INT64_MAX);
    while ((rc = bf_query_step(q)) == 1) {
        uint64_t seq = (uint64_t)bf_query_col_int(q, 0);
        bool wanted = !entity || strcmp(bf_query_col_text(q, 1), entity) == 0;

        if (seen++ == BF_JOURNAL_SCAN_MAX || (wanted && !fn(arg, seq))) {
            *next = last;
            break;
        }
        last = seq;
    }
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

static void read_row(struct bf_query *q, struct bf_automation_row *row)
{
    row->id = bf_query_col_text(q, 0);
    row->entity = bf_query_col_text(q, 1);
    row->name = bf_query_col_text(q, 2);
    row->project = bf_query_col_text(q, 3);
    row->revision = (uint64_t)bf_query_col_int(q, 4);
    row->created_ms = bf_query_col_int(q, 5);
    row->updated_ms = bf_query_col_int(q, 6);
    row->spec = bf_query_col_text(q, 7);
    row->spec_len = bf_query_col_len(q, 7);
}

static bool in_project(const struct bf_automation_row *row, const char *project)
{
    return !project || (row->project && strcmp(row->project, project) == 0);
}

static int give(struct bf_query *q, const char *project, bf_automation_fn *fn, void *arg)
{
    struct bf_automation_row row;
    int rc;

    while ((rc = bf_query_step(q)) == 1) {
        read_row(q, &row);
        if (in_project(&row, project) && !fn(arg, &row))
            break;
    }
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
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

static int list_from(struct bf_db *db, const struct place *from, const char *entity,
                     const char *project, bf_automation_fn *fn, void *arg)
{
    struct bf_query *q;

    if (!entity) {
        q = bf_db_query(db, AUTOMATION "WHERE (a.entity, a.name) > (?, ?)"
                                       " ORDER BY a.entity, a.name");
        bf_query_text(q, 1, bf_buf_text(&from->entity));
        bf_query_text(q, 2, bf_buf_text(&from->name));
        return give(q, project, fn, arg);
    }
    q = bf_db_query(db, AUTOMATION "WHERE a.entity = ? AND a.name > ? ORDER BY a.name");
    bf_query_text(q, 1, entity);
    bf_query_text(q, 2, bf_buf_text(&from->name));
    return give(q, project, fn, arg);
}

int bf_automation_list(struct bf_db *db, const char *entity, const char *project,
                       const char *after, bf_automation_fn *fn, void *arg)
{
    struct place from;
    int rc = BF_OK;

    bf_buf_init(&from.entity, 4096);
    bf_buf_init(&from.name, 4096);
    if (*after)
        rc = bf_automation_find(db, after, on_place, &from);
    if (!rc)
        rc = list_from(db, &from, entity, project, fn, arg);
    bf_buf_fini(&from.entity);
    bf_buf_fini(&from.name);
    return rc;
}

int bf_automation_find(struct bf_db *db, const char *id, bf_automation_fn *fn, void *arg)
{
    struct bf_query *q = bf_db_query(db, AUTOMATION "WHERE a.id = ?");
    struct bf_automation_row row;
    int rc;

    bf_query_text(q, 1, id);
    rc = bf_query_step(q);
    if (rc == 1) {
        read_row(q, &row);
        fn(arg, &row);
    }
    bf_query_end(q);
    return rc < 0 ? rc : rc == 1 ? BF_OK : BF_ENOENT;
}
