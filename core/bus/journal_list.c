/* journal_list.c - pages of events.
 *
 * The journal has no index but its own order, which keeps appending cheap.  So a page of one
 * entity's events walks the journal backwards and looks at each row's head, within a budget;
 * bodies are only read where the caller asks for them. */
#include "core/bus/journal_list.h"

#include <string.h>

#include "core/base/base.h"

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
