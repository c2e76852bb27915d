/* intakes.c - rows of intakes, and the map that requests are looked up in. */
#include "core/team/intakes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/map.h"

static const char *const schema[] = {
    "CREATE TABLE intakes ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " entity TEXT NOT NULL REFERENCES team_entities (name),"
    " definition TEXT NOT NULL,"
    " created BIGINT NOT NULL,"
    " updated BIGINT NOT NULL,"
    " accepted BIGINT NOT NULL DEFAULT 0,"
    " repeated BIGINT NOT NULL DEFAULT 0,"
    " refused BIGINT NOT NULL DEFAULT 0,"
    " last BIGINT NOT NULL DEFAULT 0)",
    "CREATE INDEX intakes_of_entity ON intakes (entity, name)",
    NULL};

#define ROWS                                                                                   \
    "SELECT name, entity, definition, created, updated, accepted, repeated, refused, last"     \
    " FROM intakes"

struct bf_intakes {
    pthread_rwlock_t lock;
    struct bf_map *by_name;     /* struct bf_intake, a reference; under lock */
};

static int intake_from_row(struct bf_query *q, struct bf_intake **out, struct bf_error *err)
{
    struct bf_intake *i;
    int rc = bf_intake_new(bf_query_col_text(q, 0), bf_query_col_text(q, 1),
                           bf_query_col_text(q, 2), &i, err);

    if (rc)
        return rc;
    i->created_ms = bf_query_col_int(q, 3);
    i->updated_ms = bf_query_col_int(q, 4);
    atomic_init(&i->counts->accepted, bf_query_col_int(q, 5));
    atomic_init(&i->counts->repeated, bf_query_col_int(q, 6));
    atomic_init(&i->counts->refused, bf_query_col_int(q, 7));
    atomic_init(&i->counts->last_ms, bf_query_col_int(q, 8));
    *out = i;
    return BF_OK;
}

static int unreadable(struct bf_db *db, int rc, struct bf_error *err)
{
    return bf_error_set(err, rc, "cannot read the intakes: %s", bf_db_words(db));
}

static int load(struct bf_intakes *s, struct bf_db *db, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, ROWS);
    struct bf_error why;
    int rc;

    while ((rc = bf_query_step(q)) == 1) {
        struct bf_intake *i;

        if (intake_from_row(q, &i, &why)) {
            rc = bf_error_set(err, BF_EIO, "the intake \"%s\" in the database cannot be read: %s %s",
                              bf_query_col_text(q, 0), why.field, why.words);
            bf_query_end(q);
            return rc;
        }
        bf_map_set(s->by_name, i->name, i);
    }
    return rc ? unreadable(db, rc, err) : BF_OK;
}

int bf_intakes_open(struct bf_db *db, struct bf_intakes **out, struct bf_error *err)
{
    struct bf_intakes *s = bf_new(struct bf_intakes);
    int rc;

    pthread_rwlock_init(&s->lock, NULL);
    s->by_name = bf_map_new();
    rc = bf_db_migrate(db, "intakes", schema, err);
    if (!rc)
        rc = load(s, db, err);
    if (rc)
        bf_intakes_close(s, NULL);
    else
        *out = s;
    return rc;
}

static int write_counts(struct bf_db *db, const struct bf_intake *i, long long more, int64_t last_ms)
{
    const struct bf_intake_counts *c = i->counts;
    struct bf_query *q = bf_db_query(db, "UPDATE intakes SET accepted = ?, repeated = ?,"
                                         " refused = ?, last = ? WHERE name = ?");

    bf_query_int(q, 1, atomic_load(&c->accepted) + more);
    bf_query_int(q, 2, atomic_load(&c->repeated));
    bf_query_int(q, 3, atomic_load(&c->refused));
    bf_query_int(q, 4, last_ms);
    bf_query_text(q, 5, i->name);
    return bf_query_run(q);
}

/* Nobody is told if it fails: the next start counts on from what was written before. */
static void write_all_counts(struct bf_intakes *s, struct bf_db *db)
{
    const char *name;
    void *value;
    int rc = bf_db_begin(db);

    if (rc)
        return;
    for (size_t at = 0; !rc && bf_map_each(s->by_name, &at, &name, &value);) {
        const struct bf_intake *i = value;

        rc = write_counts(db, i, 0, atomic_load(&i->counts->last_ms));
    }
    if (rc)
        bf_db_rollback(db);
    else
        bf_db_commit(db);
}

void bf_intakes_close(struct bf_intakes *s, struct bf_db *db)
{
    const char *name;
    void *i;

    if (!s)
        return;
    if (db && bf_map_count(s->by_name) > 0)
        write_all_counts(s, db);
    for (size_t at = 0; bf_map_each(s->by_name, &at, &name, &i);)
        bf_intake_unref(i);
    bf_map_free(s->by_name);
    pthread_rwlock_destroy(&s->lock);
    free(s);
}

struct bf_intake *bf_intakes_get(struct bf_intakes *s, const char *name)
{
    struct bf_intake *i;

    pthread_rwlock_rdlock(&s->lock);
    i = bf_map_get(s->by_name, name);
    if (i)
        bf_intake_ref(i);
    pthread_rwlock_unlock(&s->lock);
    return i;
}

/* A changed intake goes on counting where it was; one that was deleted and made anew does not. */
static void inherit_counts(struct bf_intake *fresh, const struct bf_intake *old)
{
    if (fresh->created_ms != old->created_ms)
        return;
    bf_intake_counts_unref(fresh->counts);
    fresh->counts = old->counts;
    atomic_fetch_add_explicit(&fresh->counts->refs, 1, memory_order_relaxed);
}

static void replace(struct bf_intakes *s, const char *name, struct bf_intake *fresh)
{
    struct bf_intake *old;

    pthread_rwlock_wrlock(&s->lock);
    old = bf_map_remove(s->by_name, name);
    if (old && fresh)
        inherit_counts(fresh, old);
    if (fresh)
        bf_map_set(s->by_name, name, fresh);
    pthread_rwlock_unlock(&s->lock);
    bf_intake_unref(old);
}

int bf_intakes_refresh(struct bf_intakes *s, struct bf_db *db, const char *name,
                       struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, ROWS " WHERE name = ?");
    struct bf_intake *fresh = NULL;
    int rc, made = BF_OK;

    bf_query_text(q, 1, name);
    rc = bf_query_step(q);
    if (rc == 1)
        made = intake_from_row(q, &fresh, err);
    bf_query_end(q);
    if (rc < 0)
        return unreadable(db, rc, err);
    if (!made)
        replace(s, name, fresh);
    return made;
}


/* --- changes ---------------------------------------------------------------------- */

static int unwritable(struct bf_db *db, const char *name, int rc, struct bf_error *err)
{
    return bf_error_set(err, rc, "cannot change the intake \"%s\": %s", name, bf_db_words(db));
}

/* 1: it is this entity's.  0: there is none.  BF_EEXIST: it is another's. */
static int find_owner(struct bf_db *db, const char *name, const char *entity)
{
    struct bf_query *q = bf_db_query(db, "SELECT entity FROM intakes WHERE name = ?");
    int rc;

    bf_query_text(q, 1, name);
    rc = bf_query_step(q);
    if (rc == 1 && strcmp(bf_query_col_text(q, 0), entity) != 0)
        rc = BF_EEXIST;
    bf_query_end(q);
    return rc;
}

int bf_intakes_put(struct bf_db *db, const char *name, const char *entity, const char *definition,
                   int64_t now_ms, bool *made, struct bf_error *err)
{
    struct bf_query *q;
    int rc = find_owner(db, name, entity);

    if (rc == BF_EEXIST)
        return bf_error_field(err, rc, "name", "the name \"%s\" is taken: an intake's name is part"
                              " of its address, so it is given once in a hub; choose another",
                              name);
    if (rc < 0)
        return unwritable(db, name, rc, err);
    *made = rc == 0;
    q = bf_db_query(db, "INSERT INTO intakes (name, entity, definition, created, updated)"
                        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
                        " definition = excluded.definition, updated = excluded.updated");
    bf_query_text(q, 1, name);
    bf_query_text(q, 2, entity);
    bf_query_text(q, 3, definition);
    bf_query_int(q, 4, now_ms);
    bf_query_int(q, 5, now_ms);
    rc = bf_query_run(q);
    return rc ? unwritable(db, name, rc, err) : BF_OK;
}

int bf_intakes_delete(struct bf_db *db, const char *name, const char *entity,
                      struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, "DELETE FROM intakes WHERE name = ? AND entity = ?");
    int rc;

    bf_query_text(q, 1, name);
    bf_query_text(q, 2, entity);
    rc = bf_query_run(q);
    if (rc)
        return unwritable(db, name, rc, err);
    if (bf_db_changes(db) == 0)
        return bf_error_set(err, BF_ENOENT, "%s has no intake \"%s\"", entity, name);
    return BF_OK;
}

int bf_intakes_list(struct bf_db *db, const char *entity, const char *after, bf_intake_fn *fn,
                    void *arg)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT name FROM intakes WHERE entity = ? AND name > ? ORDER BY name");
    int rc;

    bf_query_text(q, 1, entity);
    bf_query_text(q, 2, after);
    while ((rc = bf_query_step(q)) == 1)
        if (!fn(arg, bf_query_col_text(q, 0)))
            break;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

int bf_intakes_write_counts(struct bf_db *db, struct bf_intake *i, int64_t now_ms,
                            struct bf_error *err)
{
    int rc;

    if (now_ms - i->counts->written_ms < BF_INTAKE_COUNTS_MS)
        return BF_OK;
    rc = write_counts(db, i, 1, now_ms);        /* this event is counted in a moment */
    if (!rc)
        i->counts->written_ms = now_ms;
    return rc ? unwritable(db, i->name, rc, err) : BF_OK;
}
