/* journal.c - every event the hub has acknowledged, in order, as its sender wrote it.
 *
 * A row's `seq` grows without gaps a reader could fall into: one engine numbers them.  The id of
 * an event is made from its received time, the hub's 16 bits and its seq, so it needs no index.
 * The hops are kept beside the sender's text, for a header may have said more of them than that.
 *
 * Keys stand in a table of their own, because they are remembered longer than events are kept. */
#include "core/bus/bus_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/bus/journal_row.h"

const char *const bf_bus_schema[] = {
    "CREATE TABLE hub (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL)",
    "CREATE TABLE journal ("
    " seq INTEGER PRIMARY KEY,"
    " entity TEXT NOT NULL,"
    " type TEXT NOT NULL,"
    " received INTEGER NOT NULL,"
    " hops INTEGER NOT NULL,"
    " body TEXT NOT NULL)",
    "CREATE TABLE event_keys ("
    " entity TEXT NOT NULL,"
    " source TEXT NOT NULL,"
    " event_key TEXT NOT NULL,"
    " seq INTEGER NOT NULL,"
    " received INTEGER NOT NULL,"
    " PRIMARY KEY (entity, source, event_key))",
    "CREATE TABLE automations ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " entity TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " project TEXT,"
    " revision INTEGER NOT NULL,"
    " created INTEGER NOT NULL,"
    " updated INTEGER NOT NULL,"
    " UNIQUE (entity, name))",
    "CREATE TABLE automation_revisions ("
    " revision INTEGER PRIMARY KEY,"
    " automation TEXT NOT NULL,"
    " entity TEXT NOT NULL,"
    " spec TEXT NOT NULL)",
    /* What lists are filtered by, out of the spec. */
    "ALTER TABLE automations ADD COLUMN collection TEXT",
    "ALTER TABLE automations ADD COLUMN event_type TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE automations ADD COLUMN enabled INTEGER NOT NULL DEFAULT 1",
    "CREATE TABLE automations_deleted ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " entity TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " project TEXT,"
    " revision INTEGER NOT NULL,"
    " deleted INTEGER NOT NULL)",
    /* What events are searched by stands before the body, which may be long. */
    "CREATE TABLE journal_wider ("
    " seq INTEGER PRIMARY KEY,"
    " entity TEXT NOT NULL,"
    " type TEXT NOT NULL,"
    " received INTEGER NOT NULL,"
    " hops INTEGER NOT NULL,"
    " project TEXT,"
    " collection TEXT,"
    " body TEXT NOT NULL)",
    "INSERT INTO journal_wider (seq, entity, type, received, hops, body)"
    " SELECT seq, entity, type, received, hops, body FROM journal",
    "DROP TABLE journal",
    "ALTER TABLE journal_wider RENAME TO journal",
    "CREATE TABLE journal_blocks (block INTEGER PRIMARY KEY, sieve BLOB NOT NULL)",
    /* Out of the specs as well: secret "" is any use of the integration. */
    "CREATE TABLE automation_uses ("
    " integration TEXT NOT NULL,"
    " secret TEXT NOT NULL,"
    " automation TEXT NOT NULL,"
    " PRIMARY KEY (integration, secret, automation))",
    "CREATE INDEX automation_uses_by_automation ON automation_uses (automation)",
    /* How things were before a record (as_of.h): the place of a deletion, NULL where an older hub
     * deleted; the revisions of an entity's automations; where a team was before it moved. */
    "ALTER TABLE automations_deleted ADD COLUMN seq INTEGER",
    "CREATE INDEX automation_revisions_by_entity ON automation_revisions"
    " (entity, automation, revision)",
    "CREATE TABLE placements ("
    " entity TEXT NOT NULL,"
    " seq INTEGER NOT NULL,"
    " was TEXT,"
    " PRIMARY KEY (entity, seq))",
    /* Runs, see runs.h.  What a run's events are made of is numbered within it. */
    "CREATE TABLE runs ("
    " number INTEGER PRIMARY KEY,"
    " entity TEXT NOT NULL,"
    " project TEXT NOT NULL,"
    " run TEXT NOT NULL,"
    " state TEXT,"
    " watched INTEGER,"
    " series BLOB,"
    " series_seq INTEGER NOT NULL DEFAULT 0,"
    " UNIQUE (entity, project, run))",
    "CREATE INDEX runs_by_project ON runs (entity, project, number)",
    "CREATE INDEX runs_watched ON runs (watched) WHERE watched IS NOT NULL",
    "CREATE TABLE run_words ("
    " run INTEGER NOT NULL,"
    " first INTEGER NOT NULL,"
    " words BLOB NOT NULL,"
    " PRIMARY KEY (run, first))",
    "ALTER TABLE journal ADD COLUMN run INTEGER",
    "ALTER TABLE journal ADD COLUMN points BLOB",
    "CREATE INDEX journal_by_run ON journal (run) WHERE run IS NOT NULL",
    /* The revision since which what matters to that is the same; 0: an older hub saved it. */
    "ALTER TABLE automation_revisions ADD COLUMN era INTEGER NOT NULL DEFAULT 0",
    /* What the rules remember: a version for each record that changed it, see memory.h. */
    "CREATE TABLE rule_state ("
    " name TEXT NOT NULL,"
    " seq INTEGER NOT NULL,"
    " value BLOB,"
    " PRIMARY KEY (name, seq))",
    /* The last event with values of a run that retention cut; NULL: none was. */
    "ALTER TABLE runs ADD COLUMN cut INTEGER",
    /* What on_event did to an event (originals.h), and what filters said of it (answers.h). */
    "CREATE TABLE journal_originals ("
    " seq INTEGER PRIMARY KEY,"
    " said INTEGER NOT NULL,"
    " script INTEGER NOT NULL,"
    " words TEXT,"
    " body TEXT)",
    "CREATE TABLE journal_answers (seq INTEGER PRIMARY KEY, answers BLOB NOT NULL)",
    NULL};

/* The 16 bits that tell this hub's ids from another's: drawn once, kept for ever. */
static int load_hub_number(struct bf_bus *bus, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(
        bus->db, "INSERT INTO hub (name, value) VALUES ('number', ?) ON CONFLICT DO NOTHING");
    uint16_t fresh;
    int rc;

    bf_random(&fresh, sizeof(fresh));
    bf_query_int(q, 1, fresh);
    rc = bf_query_run(q);
    if (rc)
        return bf_error_set(err, rc, "cannot number the hub: %s", bf_db_words(bus->db));
    q = bf_db_query(bus->db, "SELECT value FROM hub WHERE name = 'number'");
    if (bf_query_step(q) != 1)
        return bf_error_set(err, BF_EIO, "cannot read the hub's number: %s",
                            bf_db_words(bus->db));
    bus->hub = (uint16_t)bf_query_col_int(q, 0);
    bf_query_end(q);
    return BF_OK;
}

int bf_journal_open(struct bf_bus *bus, struct bf_error *err)
{
    struct bf_query *q;
    int rc = load_hub_number(bus, err);

    if (rc)
        return rc;
    q = bf_db_query(bus->db, "SELECT seq, received FROM journal ORDER BY seq DESC LIMIT 1");
    rc = bf_query_step(q);
    if (rc < 0)
        return bf_error_set(err, rc, "cannot read the journal: %s", bf_db_words(bus->db));
    if (rc == 1) {
        bus->last_seq = (uint64_t)bf_query_col_int(q, 0);
        bus->time_ms = bf_query_col_int(q, 1);
    }
    bf_query_end(q);
    bus->last_number = bf_outbox_last(bus->db);
    return BF_OK;
}

static bool find_first(struct bf_tx *tx, const struct bf_envelope *e, struct bf_receipt *out)
{
    struct bf_query *q = bf_db_query(tx->db, "SELECT seq, received FROM event_keys WHERE"
                                             " entity = ? AND source = ? AND event_key = ?");
    bool found;

    bf_query_text(q, 1, e->entity);
    bf_query_text(q, 2, e->source ? e->source : "");
    bf_query_text(q, 3, e->key);
    found = bf_query_step(q) == 1;
    if (found)
        bf_id_number(out->id, bf_query_col_int(q, 1), tx->bus->hub,
                     (uint64_t)bf_query_col_int(q, 0));
    bf_query_end(q);
    return found;
}

bool bf_journal_has_key(struct bf_tx *tx, const struct bf_envelope *e)
{
    struct bf_receipt first;

    return e->key && find_first(tx, e, &first);
}

/* Take the event's key.  1: it is new; 0: *out names the event that had it first. */
static int take_key(struct bf_tx *tx, const struct bf_envelope *e, uint64_t seq,
                    struct bf_receipt *out)
{
    struct bf_query *q =
        bf_db_query(tx->db, "INSERT INTO event_keys (entity, source, event_key, seq, received)"
                            " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
    int rc;

    bf_query_text(q, 1, e->entity);
    bf_query_text(q, 2, e->source ? e->source : "");
    bf_query_text(q, 3, e->key);
    bf_query_int(q, 4, (int64_t)seq);
    bf_query_int(q, 5, tx->now_ms);
    rc = bf_query_run(q);
    if (rc)
        return rc;
    if (bf_db_changes(tx->db) > 0)
        return 1;
    out->duplicate = true;
    find_first(tx, e, out);
    return 0;
}

static int insert(struct bf_tx *tx, const struct bf_envelope *e, uint64_t seq, struct bf_run *run)
{
    struct bf_query *q = bf_db_query(
        tx->db, "INSERT INTO journal (seq, entity, type, received, hops, project, collection,"
                " body, run, points) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    struct bf_buf points;
    bool packed;
    int rc;

    bf_buf_init(&points, BF_EVENT_MAX);
    packed = run && bf_run_pack(tx, run, e, &points);
    if (e->is_dropped)
        bf_buf_addc(&points, BF_ROW_DROPPED);
    else if (!packed)
        bf_row_print_order(e, &points);
    bf_query_int(q, 1, (int64_t)seq);
    bf_query_text(q, 2, e->entity);
    bf_query_text(q, 3, e->type);
    bf_query_int(q, 4, tx->now_ms);
    bf_query_int(q, 5, e->hops);
    bf_query_text(q, 6, e->project);
    bf_query_text(q, 7, e->collection);
    bf_query_textn(q, 8, e->text, packed ? 0 : e->text_len);
    if (e->run)
        bf_query_int(q, 9, (int64_t)e->run);
    if (points.len)
        bf_query_blob(q, 10, points.data, points.len);
    rc = bf_query_run(q);
    bf_buf_fini(&points);
    return rc;
}

int bf_journal_append(struct bf_tx *tx, struct bf_envelope *e, bool is_dropped,
                      struct bf_receipt *out)
{
    uint64_t seq = tx->bus->last_seq + 1;
    struct bf_run *run = NULL;
    int rc = 1;

    *out = (struct bf_receipt){.duplicate = false};
    if (e->key)
        rc = take_key(tx, e, seq, out);
    if (rc != 1)
        return rc;
    e->is_dropped = is_dropped;
    e->run = 0;
    rc = is_dropped ? BF_OK : bf_runs_take(tx, e, seq, &run);
    if (!rc)
        rc = insert(tx, e, seq, run);
    if (rc)
        return rc;
    tx->bus->last_seq = seq;
    bf_row_place(e, tx->bus->hub, seq, tx->now_ms);
    memcpy(out->id, e->id, sizeof(out->id));
    return run ? bf_runs_note(tx, run, e) : BF_OK;
}

static int read_row(struct bf_db *db, uint16_t hub, uint64_t seq, struct bf_arena *scratch,
                    struct bf_envelope **out, struct bf_error *err)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT " BF_ROW_COLUMNS " FROM journal WHERE seq = ?");
    struct bf_word_list *words;
    struct bf_row row;
    int rc;

    bf_query_int(q, 1, (int64_t)seq);
    rc = bf_query_step(q);
    if (rc < 0)
        return bf_error_set(err, rc, "cannot read the journal: %s", bf_db_words(db));
    if (rc == 0)
        return bf_error_set(err, BF_ENOENT, "the journal does not hold event %llu (any more)",
                            (unsigned long long)seq);
    row = bf_row_of(q);
    words = bf_word_list_new(db);
    rc = bf_row_read(&row, hub, words, scratch, out, err);
    bf_word_list_free(words);
    bf_query_end(q);
    return rc;
}

int bf_journal_read(struct bf_db *db, uint16_t hub, uint64_t seq, struct bf_arena *scratch,
                    struct bf_envelope **out, struct bf_error *err)
{
    int rc = bf_db_hold(db);    /* with the words that go with it */

    if (rc)
        return bf_error_set(err, rc, "cannot read the journal: %s", bf_db_words(db));
    rc = read_row(db, hub, seq, scratch, out, err);
    bf_db_release(db);
    return rc;
}
