/* automations.c - automations as records of the journal.
 *
 * Saving one appends a belfry.automation.saved event (or .enabled, .disabled); the seq of that event
 * is the revision, and the revision's row never changes.  The row in `automations` says which
 * revision is in force.  Deleting one appends belfry.automation.deleted, takes that row away and leaves its
 * name in `automations_deleted`, for the history; its revisions stay, for what they have fired is
 * still delivered.  So whoever replays the journal meets every change at its place between the
 * events. */
#include "core/bus/asking.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/bus/automation_list.h"
#include "core/bus/scripts_kept.h"
#include "core/bus/uses.h"

#define RECORD_TYPE "belfry.automation."

static int append_record(struct bf_tx *tx, const struct bf_automation_change *c,
                         struct bf_error *err)
{
    char type[40];
    struct bf_buf data;
    int rc;

    snprintf(type, sizeof(type), RECORD_TYPE "%s", c->verb);
    bf_buf_init(&data, BF_EVENT_MAX);
    bf_buf_adds(&data, "{\"id\":");
    bf_buf_json(&data, c->id);
    bf_buf_adds(&data, ",\"automation\":");
    bf_buf_add(&data, c->spec, c->spec_len);
    bf_buf_addc(&data, '}');
    if (data.failed)
        rc = bf_error_set(err, BF_ETOOBIG, "an automation may have %d bytes", BF_EVENT_MAX);
    else
        rc = bf_bus_record(tx, type, c->owner, c->author, data.data, data.len, err);
    bf_buf_fini(&data);
    return rc;
}

static int insert_revision(struct bf_tx *tx, const struct bf_automation *a)
{
    struct bf_query *q =
        bf_db_query(tx->db, "INSERT INTO automation_revisions (revision, automation, entity, spec,"
                            " era) VALUES (?, ?, ?, ?, ?)");

    bf_query_int(q, 1, (int64_t)a->revision);
    bf_query_text(q, 2, a->id);
    bf_query_text(q, 3, a->owner);
    bf_query_textn(q, 4, a->spec, a->spec_len);
    bf_query_int(q, 5, (int64_t)a->era);
    return bf_query_run(q);
}

uint64_t bf_automation_era(uint64_t revision, int64_t era)
{
    return era ? (uint64_t)era : revision;
}

/* What is remembered for the automation goes on if the revision in force means the same, or begins
 * anew.  That one may be unreadable to this hub: then it is not the same. */
static int find_era(struct bf_db *db, struct bf_automation *a)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT r.revision, r.entity, r.spec, r.era FROM automations a"
                        " JOIN automation_revisions r ON r.revision = a.revision WHERE a.id = ?");
    struct bf_automation *before;
    int rc;

    a->era = a->revision;
    bf_query_text(q, 1, a->id);
    rc = bf_query_step(q);
    if (rc == 1 && !bf_automation_parse(bf_query_col_text(q, 2), bf_query_col_len(q, 2), a->id,
                                        (uint64_t)bf_query_col_int(q, 0), bf_query_col_text(q, 1),
                                        &before, NULL)) {
        if (bf_automation_same_matter(before, a))
            a->era = bf_automation_era(before->revision, bf_query_col_int(q, 3));
        bf_automation_unref(before);
    }
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

static int put_automation(struct bf_db *db, const struct bf_automation *a, int64_t now_ms)
{
    struct bf_query *q = bf_db_query(
        db, "INSERT INTO automations (id, entity, name, project, collection, event_type, enabled,"
            " revision, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET name = excluded.name, project = excluded.project,"
            " collection = excluded.collection, event_type = excluded.event_type,"
            " enabled = excluded.enabled, revision = excluded.revision,"
            " updated = excluded.updated");

    bf_query_text(q, 1, a->id);
    bf_query_text(q, 2, a->owner);
    bf_query_text(q, 3, a->name);
    bf_query_text(q, 4, a->project);
    bf_query_text(q, 5, a->collection);
    bf_query_text(q, 6, a->trigger->wire);
    bf_query_int(q, 7, a->enabled);
    bf_query_int(q, 8, (int64_t)a->revision);
    bf_query_int(q, 9, now_ms);
    bf_query_int(q, 10, now_ms);
    return bf_query_run(q);
}

/* Inline code has a number from here on, and its text is kept beside it: whoever sees in the history
 * what ran can read it, whatever the automation has become. */
static int keep_code(struct bf_db *db, const struct bf_hook *h)
{
    int64_t unused;

    return h && h->code ? bf_script_number(db, h->hash, h->code, h->code_len, &unused) : BF_OK;
}

int bf_bus_save_automation(struct bf_tx *tx, const struct bf_automation_change *change,
                           const struct bf_automation **out, struct bf_error *err)
{
    struct bf_automation *a;
    int rc = append_record(tx, change, err);

    if (!rc)
        rc = bf_automation_parse(change->spec, change->spec_len, change->id, tx->bus->last_seq,
                                 change->owner, &a, err);
    if (rc)
        return rc;
    rc = find_era(tx->db, a);
    if (!rc)
        rc = insert_revision(tx, a);
    if (!rc)
        rc = put_automation(tx->db, a, tx->now_ms);
    if (!rc)
        rc = bf_uses_save(tx->db, a);
    if (!rc)
        rc = bf_kept_hooks_forget(tx->db, a->id);
    if (!rc)
        rc = keep_code(tx->db, a->hooks.filter);
    if (!rc)
        rc = keep_code(tx->db, a->hooks.transform);
    if (!rc)
        bf_rules_saved(tx->bus->rules, a, tx->now_ms);
    if (rc == BF_EEXIST)
        rc = bf_error_field(err, rc, "name", "%s has an automation named \"%s\" already; choose"
                            " another name, or change that one", change->owner, a->name);
    else if (rc)
        rc = bf_error_set(err, rc, "cannot save the automation: %s", bf_db_words(tx->db));
    if (rc)
        bf_automation_unref(a);
    else
        *out = a;
    return rc;
}

struct deletion {
    struct bf_tx *tx;
    const char *author;
    struct bf_error *err;
    int rc;
};

static int move_to_deleted(struct bf_tx *tx, const struct bf_automation_row *row)
{
    struct bf_query *q =
        bf_db_query(tx->db, "INSERT INTO automations_deleted (id, entity, name, project, revision,"
                            " deleted, seq) VALUES (?, ?, ?, ?, ?, ?, ?)");

    bf_query_text(q, 1, row->id);
    bf_query_text(q, 2, row->entity);
    bf_query_text(q, 3, row->name);
    bf_query_text(q, 4, row->project);
    bf_query_int(q, 5, (int64_t)row->revision);
    bf_query_int(q, 6, tx->now_ms);
    bf_query_int(q, 7, (int64_t)tx->bus->last_seq);     /* its record */
    return bf_query_run(q);
}

static bool on_deletion(void *arg, const struct bf_automation_row *row)
{
    struct deletion *d = arg;
    struct bf_buf data;

    bf_buf_init(&data, BF_EVENT_MAX);
    bf_buf_adds(&data, "{\"id\":");
    bf_buf_json(&data, row->id);
    bf_buf_adds(&data, ",\"name\":");
    bf_buf_json(&data, row->name);
    bf_buf_addc(&data, '}');
    d->rc = bf_bus_record(d->tx, RECORD_TYPE "deleted", row->entity, d->author, data.data, data.len,
                          d->err);
    bf_buf_fini(&data);
    if (!d->rc && (d->rc = move_to_deleted(d->tx, row)))
        bf_error_set(d->err, d->rc, "cannot delete the automation: %s", bf_db_words(d->tx->db));
    return false;
}

int bf_bus_delete_automation(struct bf_tx *tx, const char *id, const char *author,
                             struct bf_error *err)
{
    struct deletion d = {.tx = tx, .author = author, .err = err};
    int rc = bf_automation_find(tx->db, id, on_deletion, &d);
    struct bf_query *q;

    if (rc == BF_ENOENT)
        return bf_error_set(err, rc, "there is no automation %s", id);
    if (!rc && d.rc)
        return d.rc;
    if (!rc) {
        q = bf_db_query(tx->db, "DELETE FROM automations WHERE id = ?");
        bf_query_text(q, 1, id);
        rc = bf_query_run(q);
    }
    if (!rc)
        rc = bf_uses_forget(tx->db, id);
    if (!rc)
        rc = bf_kept_hooks_forget(tx->db, id);
    return rc ? bf_error_set(err, rc, "cannot delete the automation: %s", bf_db_words(tx->db)) : rc;
}

void bf_bus_file_automation(struct bf_bus *bus, const struct bf_automation *a)
{
    bf_rules_put(bus->rules, a);
    bf_asking_forget(bus, a->id);
    bf_asking_use(bus, a->hooks.filter);
    bf_asking_use(bus, a->hooks.transform);
    atomic_store(&bus->n_automations, bf_rules_count(bus->rules));
}

void bf_bus_unfile_automation(struct bf_bus *bus, const char *id)
{
    bf_rules_remove(bus->rules, id);
    bf_asking_forget(bus, id);
    atomic_store(&bus->n_automations, bf_rules_count(bus->rules));
}

/* What lists are filtered by, of automations that an older hub saved without it. */
static int fill_columns(struct bf_bus *bus, const struct bf_automation *a)
{
    struct bf_query *q = bf_db_query(
        bus->db, "UPDATE automations SET collection = ?, event_type = ?, enabled = ? WHERE id = ?");

    bf_query_text(q, 1, a->collection);
    bf_query_text(q, 2, a->trigger->wire);
    bf_query_int(q, 3, a->enabled);
    bf_query_text(q, 4, a->id);
    return bf_query_run(q);
}

/* A revision that was saved was valid then; one that is not any more (an older hub knew something
 * this one does not) is left out with a word, not a reason to stay down. */
static int file_row(struct bf_bus *bus, struct bf_query *q, bool uses)
{
    struct bf_automation *a;
    struct bf_error err;
    int rc = BF_OK;

    if (bf_automation_parse(bf_query_col_text(q, 3), bf_query_col_len(q, 3),
                            bf_query_col_text(q, 0), (uint64_t)bf_query_col_int(q, 1),
                            bf_query_col_text(q, 2), &a, &err)) {
        bf_errorf(bus->log, "bus", "automation %s is not in force: %s",
                  bf_query_col_text(q, 0), err.words);
        return BF_OK;
    }
    a->era = bf_automation_era(a->revision, bf_query_col_int(q, 5));
    if (*bf_query_col_text(q, 4) == '\0')
        rc = fill_columns(bus, a);
    if (!rc && uses)
        rc = bf_uses_save(bus->db, a);
    bf_rules_put(bus->rules, a);
    bf_automation_unref(a);
    return rc;
}

static int file_all(struct bf_bus *bus)
{
    struct bf_query *q =
        bf_db_query(bus->db, "SELECT a.id, a.revision, a.entity, r.spec, a.event_type, r.era"
                             " FROM automations a JOIN automation_revisions r"
                             " ON r.revision = a.revision");
    bool uses = bf_uses_none(bus->db);
    int rc;

    while ((rc = bf_query_step(q)) == 1 && !(rc = file_row(bus, q, uses)))
        continue;
    bf_query_end(q);
    return rc;
}

int bf_automations_load(struct bf_bus *bus, struct bf_error *err)
{
    int rc = bf_db_begin(bus->db);

    if (!rc)
        rc = file_all(bus);
    if (!rc)
        rc = bf_db_commit(bus->db);
    else
        bf_db_rollback(bus->db);
    if (rc)
        return bf_error_set(err, rc, "cannot read the automations: %s", bf_db_words(bus->db));
    atomic_store(&bus->n_automations, bf_rules_count(bus->rules));
    return BF_OK;
}

int bf_automation_read(struct bf_db *db, uint64_t revision, const struct bf_automation **out,
                       struct bf_error *err)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT automation, entity, spec, era FROM automation_revisions WHERE revision = ?");
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
    if (!rc) {
        a->era = bf_automation_era(revision, bf_query_col_int(q, 3));
        *out = a;
    }
    bf_query_end(q);
    return rc;
}
