/* automations.c - automations as records of the journal.
 *
 * Saving one appends a belfry.automation.put event; the seq of that event is the revision, and the
 * revision's row never changes.  The row in `automations` says which revision is in force.  So
 * whoever replays the journal meets every change at its place between the events. */
#include "core/bus/bus_int.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"

static int append_record(struct bf_tx *tx, const char *id, const char *owner, const char *spec,
                         size_t len, const char *author, struct bf_error *err)
{
    struct bf_buf data;
    int rc;

    bf_buf_init(&data, BF_EVENT_MAX);
    bf_buf_adds(&data, "{\"id\":");
    bf_buf_json(&data, id);
    bf_buf_adds(&data, ",\"automation\":");
    bf_buf_add(&data, spec, len);
    bf_buf_addc(&data, '}');
    if (data.failed)
        rc = bf_error_set(err, BF_ETOOBIG, "an automation may have %d bytes", BF_EVENT_MAX);
    else
        rc = bf_bus_record(tx, "belfry.automation.put", owner, author, data.data, data.len, err);
    bf_buf_fini(&data);
    return rc;
}

static int insert_revision(struct bf_tx *tx, const struct bf_automation *a)
{
    struct bf_query *q =
        bf_db_query(tx->db, "INSERT INTO automation_revisions (revision, automation, entity, spec)"
                            " VALUES (?, ?, ?, ?)");

    bf_query_int(q, 1, (int64_t)a->revision);
    bf_query_text(q, 2, a->id);
    bf_query_text(q, 3, a->owner);
    bf_query_textn(q, 4, a->spec, a->spec_len);
    return bf_query_run(q);
}

static int put_automation(struct bf_tx *tx, const struct bf_automation *a)
{
    struct bf_query *q = bf_db_query(
        tx->db, "INSERT INTO automations (id, entity, name, project, revision, created, updated)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " name = excluded.name, project = excluded.project,"
                " revision = excluded.revision, updated = excluded.updated");

    bf_query_text(q, 1, a->id);
    bf_query_text(q, 2, a->owner);
    bf_query_text(q, 3, a->name);
    bf_query_text(q, 4, a->project);
    bf_query_int(q, 5, (int64_t)a->revision);
    bf_query_int(q, 6, tx->now_ms);
    bf_query_int(q, 7, tx->now_ms);
    return bf_query_run(q);
}

int bf_bus_save_automation(struct bf_tx *tx, const char *id, const char *owner, const char *spec,
                           size_t len, const char *author, const struct bf_automation **out,
                           struct bf_error *err)
{
    struct bf_automation *a;
    int rc = append_record(tx, id, owner, spec, len, author, err);

    if (!rc)
        rc = bf_automation_parse(spec, len, id, tx->bus->last_seq, owner, &a, err);
    if (rc)
        return rc;
    rc = insert_revision(tx, a);
    if (!rc)
        rc = put_automation(tx, a);
    if (rc == BF_EEXIST)
        rc = bf_error_field(err, rc, "name", "%s has an automation named \"%s\" already; choose"
                            " another name, or change that one", owner, a->name);
    else if (rc)
        rc = bf_error_set(err, rc, "cannot save the automation: %s", bf_db_words(tx->db));
    if (rc)
        bf_automation_unref(a);
    else
        *out = a;
    return rc;
}

void bf_bus_file_automation(struct bf_bus *bus, const struct bf_automation *a)
{
    bf_rules_put(bus->rules, a);
    atomic_store(&bus->n_automations, bf_rules_count(bus->rules));
}

/* A revision that was saved was valid then; one that is not any more (an older hub knew something
 * this one does not) is left out with a word, not a reason to stay down. */
static void file_row(struct bf_bus *bus, struct bf_query *q)
{
    struct bf_automation *a;
    struct bf_error err;

    if (bf_automation_parse(bf_query_col_text(q, 3), bf_query_col_len(q, 3),
                            bf_query_col_text(q, 0), (uint64_t)bf_query_col_int(q, 1),
                            bf_query_col_text(q, 2), &a, &err)) {
        bf_errorf(bus->log, "bus", "automation %s is not in force: %s",
                  bf_query_col_text(q, 0), err.words);
        return;
    }
    bf_rules_put(bus->rules, a);
    bf_automation_unref(a);
}

int bf_automations_load(struct bf_bus *bus, struct bf_error *err)
{
    struct bf_query *q =
        bf_db_query(bus->db, "SELECT a.id, a.revision, a.entity, r.spec FROM automations a"
                             " JOIN automation_revisions r ON r.revision = a.revision");
    int rc;

    while ((rc = bf_query_step(q)) == 1)
        file_row(bus, q);
    if (rc)
        return bf_error_set(err, rc, "cannot read the automations: %s", bf_db_words(bus->db));
    atomic_store(&bus->n_automations, bf_rules_count(bus->rules));
    return BF_OK;
}

int bf_automation_read(struct bf_db *db, uint64_t revision, const struct bf_automation **out,
                       struct bf_error *err)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT automation, entity, spec FROM automation_revisions WHERE revision = ?");
    struct bf_automation *a;
    int rc;

    bf_query_int(q, 1, (int64_t)revision);
    rc = bf_query_step(q);
    if (rc < 0)
        return bf_error_set(err, rc, "cannot read the automations: %s", bf_db_words(db));
    if (rc == 0)
        return bf_error_set(err, BF_ENOENT, "there is no automation of revision %llu",
                            (unsigned long long)revision);
    rc = bf_automation_parse(bf_query_col_text(q, 2), bf_query_col_len(q, 2),
                             bf_query_col_text(q, 0), revision, bf_query_col_text(q, 1), &a, err);
    if (!rc)
        *out = a;
    bf_query_end(q);
    return rc;
}
