/* as_of.c - automations and teams as they were before a record. */
#include "core/bus/as_of.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/bus/bus_int.h"

#define AT_ONCE 256             /* automations looked up between two looks at the callback */

/* --- one revision ---------------------------------------------------------------------------- */

/* Hands a revision on: 1, 0 if that was the last one wanted, or an error. */
static int give(struct bf_db *db, uint64_t revision, enum bf_presence presence,
                bf_automation_then_fn *fn, void *arg)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT automation, entity, spec, era FROM automation_revisions WHERE revision = ?");
    struct bf_automation_then then = {.revision = revision, .presence = presence};
    struct bf_automation *a = NULL;
    struct bf_error err = {0};
    int rc;

    bf_query_int(q, 1, (int64_t)revision);
    rc = bf_query_step(q);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return BF_EIO;
    then.id = bf_query_col_text(q, 0);
    then.entity = bf_query_col_text(q, 1);
    if (bf_automation_parse(bf_query_col_text(q, 2), bf_query_col_len(q, 2), then.id, revision,
                            then.entity, &a, &err))
        a = NULL;
    else
        a->era = bf_automation_era(revision, bf_query_col_int(q, 3));
    then.automation = a;
    then.words = err.words;
    rc = fn(arg, &then);
    bf_automation_unref(a);
    bf_query_end(q);
    return rc;
}


/* --- many ------------------------------------------------------------------------------------ */

struct found {
    uint64_t revisions[AT_ONCE];
    size_t n;
    char last[BF_ID_LEN + 1];
};

/* The seq of a deletion is not known where an older hub deleted; then the time decides. */
static int find_some(struct bf_db *db, const struct bf_place_in_time *at, const char *owner,
                     const char *other, struct found *f)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT r.automation, max(r.revision) FROM automation_revisions r"
            " WHERE r.entity IN (?1, ?2) AND r.automation > ?3 AND r.revision < ?4"
            " AND NOT EXISTS (SELECT 1 FROM automations_deleted d WHERE d.id = r.automation"
            " AND (d.seq < ?4 OR (d.seq IS NULL AND d.deleted < ?5)))"
            " GROUP BY r.automation ORDER BY r.automation LIMIT ?6");
    int rc;

    bf_query_text(q, 1, owner);
    bf_query_text(q, 2, other ? other : owner);
    bf_query_text(q, 3, f->last);
    bf_query_int(q, 4, (int64_t)at->seq);
    bf_query_int(q, 5, at->received_ms);
    bf_query_int(q, 6, AT_ONCE);
    for (f->n = 0; (rc = bf_query_step(q)) == 1;) {
        snprintf(f->last, sizeof(f->last), "%s", bf_query_col_text(q, 0));
        f->revisions[f->n++] = (uint64_t)bf_query_col_int(q, 1);
    }
    return rc;
}

int bf_automations_as_of(struct bf_db *db, const struct bf_place_in_time *at, const char *owner,
                         const char *other, const char *after, bf_automation_then_fn *fn,
                         void *arg)
{
    struct found f;
    int rc, go_on = 1;

    snprintf(f.last, sizeof(f.last), "%s", after);
    do {
        rc = find_some(db, at, owner, other, &f);
        for (size_t i = 0; !rc && go_on == 1 && i < f.n; i++)
            go_on = give(db, f.revisions[i], BF_THERE, fn, arg);
    } while (!rc && go_on == 1 && f.n == AT_ONCE);
    return rc ? rc : go_on < 0 ? go_on : BF_OK;
}


/* --- one ------------------------------------------------------------------------------------- */

static int last_before(struct bf_db *db, const char *id, uint64_t seq, uint64_t *revision)
{
    struct bf_query *q = bf_db_query(db, "SELECT max(r.revision) FROM automation_revisions r"
                                         " WHERE r.automation = ? AND r.revision < ?");
    int rc;

    bf_query_text(q, 1, id);
    bf_query_int(q, 2, (int64_t)seq);
    rc = bf_query_step(q);
    *revision = rc == 1 ? (uint64_t)bf_query_col_int(q, 0) : 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

static int first(struct bf_db *db, const char *id, uint64_t *revision)
{
    struct bf_query *q = bf_db_query(db, "SELECT min(r.revision) FROM automation_revisions r"
                                         " WHERE r.automation = ?");
    int rc;

    bf_query_text(q, 1, id);
    rc = bf_query_step(q);
    *revision = rc == 1 ? (uint64_t)bf_query_col_int(q, 0) : 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

static int was_deleted(struct bf_db *db, const char *id, const struct bf_place_in_time *at,
                       bool *deleted)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT 1 FROM automations_deleted WHERE id = ?1"
            " AND (seq < ?2 OR (seq IS NULL AND deleted < ?3))");
    int rc;

    bf_query_text(q, 1, id);
    bf_query_int(q, 2, (int64_t)at->seq);
    bf_query_int(q, 3, at->received_ms);
    rc = bf_query_step(q);
    *deleted = rc == 1;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

int bf_automation_as_of(struct bf_db *db, const struct bf_place_in_time *at, const char *id,
                        bf_automation_then_fn *fn, void *arg)
{
    enum bf_presence presence = BF_THERE;
    uint64_t revision;
    bool deleted;
    int rc = was_deleted(db, id, at, &deleted);

    if (!rc)
        rc = last_before(db, id, at->seq, &revision);
    if (!rc && !revision) {
        presence = BF_NOT_YET;
        rc = first(db, id, &revision);
    }
    if (rc)
        return rc;
    if (!revision)
        return BF_ENOENT;
    rc = give(db, revision, deleted ? BF_NO_MORE : presence, fn, arg);
    return rc < 0 ? rc : BF_OK;
}


/* --- teams ----------------------------------------------------------------------------------- */

int bf_bus_moved(struct bf_tx *tx, const char *entity, const char *was, struct bf_error *err)
{
    struct bf_query *q =
        bf_db_query(tx->db, "INSERT INTO placements (entity, seq, was) VALUES (?, ?, ?)");
    int rc;

    bf_query_text(q, 1, entity);
    bf_query_int(q, 2, (int64_t)tx->bus->last_seq);
    bf_query_text(q, 3, was);
    rc = bf_query_run(q);
    return rc ? bf_error_set(err, rc, "cannot note where %s was: %s", entity, bf_db_words(tx->db))
              : BF_OK;
}

/* Who moved later says where it was. */
int bf_placement_as_of(struct bf_db *db, uint64_t seq, const char *entity, const char *now,
                       struct bf_buf *out)
{
    struct bf_query *q = bf_db_query(db, "SELECT was FROM placements WHERE entity = ? AND seq >= ?"
                                         " ORDER BY seq LIMIT 1");
    int rc;

    bf_query_text(q, 1, entity);
    bf_query_int(q, 2, (int64_t)seq);
    rc = bf_query_step(q);
    if (rc == 1)
        now = bf_query_col_text(q, 0);
    bf_buf_adds(out, now ? now : "");
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

int bf_moves_from(struct bf_db *db, uint64_t seq, bf_move_fn *fn, void *arg)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT entity, seq FROM placements WHERE seq >= ? ORDER BY seq");
    int rc;

    bf_query_int(q, 1, (int64_t)seq);
    while ((rc = bf_query_step(q)) == 1)
        if (!fn(arg, bf_query_col_text(q, 0), (uint64_t)bf_query_col_int(q, 1)))
            break;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}
