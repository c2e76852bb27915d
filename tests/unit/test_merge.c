/* test_merge.c - over a backlog one message tells of many, and each keeps its row. */
#include "core/outbox/merge.h"
#include "tests/unit/courier_fixture.h"

#include "core/outbox/cut.h"
#include "core/outbox/history.h"

#define MERGES(n) {.quick = true, .max_merged = (n), .max_parallel = 1}

/* A line of n executions, of which none is attempted before go(). */
static void open_line(struct hub *h, int n)
{
    h->info.disabled = true;
    h->step = BF_STEP_SETTLED;
    h->after_ms = -1;
    open_hub(h);
    automate(h);
    emit_many(h, n);
}

static void go(struct hub *h)
{
    h->info.disabled = false;
    bf_courier_touch(h->courier, "I1");
}

static void again_in(struct hub *h, int64_t ms)
{
    h->f.wall_ms += ms;
    bf_courier_touch(h->courier, "I1");
}

static const char *id_of(struct hub *h, uint64_t number, char id[BF_ID_LEN + 1])
{
    char sql[100];

    snprintf(sql, sizeof(sql), "SELECT created FROM executions WHERE number = %d", (int)number);
    bf_id_number(id, ask(h, sql), bf_bus_hub(h->f.bus), number);
    return id;
}

TEST(a_long_line_is_told_of_in_one_message_and_each_keeps_its_row)
{
    struct hub h = {.info = MERGES(50)};

    open_line(&h, 30);
    go(&h);
    eventually(&h, COUNT("status = 2"), 30);
    CHECK_INT(h.n_prepared, 1);
    CHECK_INT(h.n_firings, 30);
    CHECK_INT(h.n_events, 29);
    CHECK_INT(ask(&h, COUNT("merged = 29 AND firings = 30 AND attempts = 1")), 1);
    CHECK_INT(ask(&h, COUNT("merged_into IS NOT NULL AND attempts = 0 AND finished > 0"
                            " AND first_attempt > 0")), 29);
    CHECK_INT(ask(&h, "SELECT count(*) FROM attempts"), 1);
    CHECK_INT(ask(&h, "SELECT count(*) FROM executions m JOIN executions t ON t.merged IS NOT NULL"
                      " WHERE m.merged_into IS NOT NULL AND m.number > t.number"), 29);
    close_hub(&h);
}

TEST(what_templates_say_of_each_is_made_of_the_events_oldest_first)
{
    struct hub h = {.info = MERGES(50)};
    struct bf_delivery_settings s = {.has_merge_over = true, .merge_over = 2};
    char first[BF_ID_LEN + 1], last[BF_ID_LEN + 1];
    struct bf_error err;
    struct bf_db *db;

    open_line(&h, 5);
    CHECK_INT(bf_db_open(h.f.path, BF_DB_WRITE, &db, &err), 0);
    CHECK_INT(bf_delivery_settings_save(db, "I1", &s, &err), 0);
    bf_db_close(db);
    go(&h);
    eventually(&h, COUNT("status = 2"), 5);
    bf_id_number(first, ask(&h, "SELECT received FROM journal WHERE seq = (SELECT min(event) FROM"
                                " executions)"), bf_bus_hub(h.f.bus),
                 (uint64_t)ask(&h, "SELECT min(event) FROM executions"));
    bf_id_number(last, ask(&h, "SELECT received FROM journal WHERE seq = (SELECT max(event) FROM"
                               " executions)"), bf_bus_hub(h.f.bus),
                 (uint64_t)ask(&h, "SELECT max(event) FROM executions"));
    CHECK(h.told[0] == '[' && h.told[strlen(h.told) - 1] == ']');
    CHECK(strstr(h.told, first) && strstr(h.told, last));
    CHECK(strstr(h.told, first) < strstr(h.told, last));
    close_hub(&h);
}

TEST(a_line_that_is_no_longer_than_merge_over_goes_one_by_one)
{
    struct hub h = {.info = MERGES(50)};

    open_line(&h, BF_MERGE_OVER);
    go(&h);
    eventually(&h, COUNT("status = 2 AND attempts = 1"), BF_MERGE_OVER);
    CHECK_INT(h.n_prepared, BF_MERGE_OVER);
    CHECK_INT(ask(&h, "SELECT count(*) FROM execution_merged"), 0);
    close_hub(&h);
}

TEST(a_message_tells_of_no_more_than_its_sink_can)
{
    struct hub h = {.info = MERGES(10)};

    open_line(&h, 35);          /* 10, 10, and of the 15 that are left each goes alone */
    go(&h);
    eventually(&h, COUNT("status = 2"), 35);
    CHECK_INT(h.n_prepared, 17);
    CHECK_INT(ask(&h, COUNT("merged = 9")), 2);
    close_hub(&h);
}

TEST(a_sink_that_tells_of_one_gets_one)
{
    struct hub h = {.info = MERGES(1)};

    open_line(&h, 40);
    go(&h);
    eventually(&h, COUNT("status = 2 AND attempts = 1"), 40);
    CHECK_INT(h.n_prepared, 40);
    close_hub(&h);
}

TEST(an_integration_sets_its_own_merge_over_or_none)
{
    static const struct {
        unsigned merge_over;
        int n, messages;
    } rows[] = {{0, 40, 40}, {3, 4, 1}, {3, 3, 3}, {100, 40, 40}};

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct hub h = {.info = MERGES(50)};
        struct bf_delivery_settings s = {.has_merge_over = true, .merge_over = rows[i].merge_over};
        struct bf_error err;
        struct bf_db *db;

        open_line(&h, rows[i].n);
        CHECK_INT(bf_db_open(h.f.path, BF_DB_WRITE, &db, &err), 0);
        CHECK_INT(bf_delivery_settings_save(db, "I1", &s, &err), 0);
        memset(&s, 0, sizeof(s));
        CHECK_INT(bf_standing_read(db, "I1", &s, NULL), 0);
        CHECK(s.has_merge_over && s.merge_over == rows[i].merge_over);
        bf_db_close(db);
        go(&h);
        eventually(&h, COUNT("status = 2"), rows[i].n);
        CHECK_INT(h.n_prepared, rows[i].messages);
        close_hub(&h);
        unlink(h.f.path);
    }
}

TEST(only_what_says_the_same_joins)
{
    struct hub h = {.info = MERGES(50)};

    open_line(&h, 15);
    CHECK_INT(save(&h.f, "A2", ON_PRODUCTION("other", "I1"), NULL), 0);
    emit_many(&h, 15);          /* of these both fire */
    go(&h);
    eventually(&h, COUNT("status = 2"), 45);
    CHECK_INT(ask(&h, "SELECT count(DISTINCT automation) FROM executions WHERE merged_into IS NOT"
                      " NULL"), 1);
    CHECK_INT(ask(&h, COUNT("merged = 29 AND automation = 'A1'")), 1);  /* and the others are 15 */
    CHECK_INT(h.n_prepared, 16);
    close_hub(&h);
}

TEST(what_was_attempted_stays_alone)
{
    struct hub h = {.info = MERGES(50)};

    open_line(&h, 25);
    change(&h, "UPDATE executions SET attempts = 1 WHERE number IN (3, 4)");
    go(&h);
    eventually(&h, COUNT("status = 2"), 25);
    CHECK_INT(h.n_prepared, 3);
    CHECK_INT(ask(&h, COUNT("merged = 22")), 1);
    close_hub(&h);
}

TEST(a_message_that_fails_tells_of_the_same_again_over_a_restart)
{
    struct hub h = {.info = MERGES(50), .outcome = BF_RETRY};

    open_line(&h, 30);
    go(&h);
    eventually(&h, COUNT("status = 0 AND attempts = 1"), 1);
    CHECK_INT(ask(&h, COUNT("status = 7 AND finished = 0")), 29);
    h.info.disabled = true;
    bf_courier_touch(h.courier, "I1");
    emit_many(&h, 30);          /* while it waits: they are another message */
    go(&h);
    eventually(&h, COUNT("status = 7"), 58);
    close_hub(&h);
    h.outcome = BF_DELIVERED;
    h.n_prepared = 0;
    open_hub(&h);
    again_in(&h, 60000);
    eventually(&h, COUNT("status = 2"), 60);
    CHECK_INT(h.n_prepared, 2);
    CHECK_INT(ask(&h, COUNT("merged = 29")), 2);
    CHECK_INT(ask(&h, COUNT("attempts > 0")), 2);
    close_hub(&h);
}

/* The hub died when the engine had written down who joins, and nothing was sent yet. */
TEST(what_joined_before_a_crash_is_what_is_told_after_it)
{
    struct hub h = {.info = MERGES(50)};
    uint64_t numbers[] = {2, 3, 5};
    struct bf_execution *x = bf_execution_new();
    struct bf_error err;
    struct bf_db *db;
    unsigned n;

    open_line(&h, 30);
    CHECK_INT(bf_db_open(h.f.path, BF_DB_WRITE, &db, &err), 0);
    x->number = 1;
    id_of(&h, 1, x->id);
    CHECK_INT(bf_merge_join(db, x, numbers, 3, &n), 0);
    CHECK_INT(n, 3);
    bf_db_close(db);
    bf_execution_unref(x);
    close_hub(&h);
    h.info.disabled = false;
    open_hub(&h);
    eventually(&h, COUNT("status = 2"), 30);
    CHECK_INT(ask(&h, COUNT("merged = 3")), 1);
    CHECK_INT(ask(&h, COUNT("merged = 25")), 1);
    CHECK_INT(h.n_prepared, 2);
    close_hub(&h);
}

TEST(what_a_message_comes_to_all_come_to)
{
    static const struct {
        int outcome;
        bool once;
        int64_t status;
    } rows[] = {{BF_REJECTED, false, BF_FAILED}, {BF_UNKNOWN, true, BF_UNKNOWN_OUTCOME},
                {BF_ACCEPTED, false, BF_FINISHED}};

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct hub h = {.info = MERGES(50), .outcome = rows[i].outcome};
        char sql[80];

        h.info.once = rows[i].once;
        open_line(&h, 25);
        go(&h);
        snprintf(sql, sizeof(sql), COUNT("status = %d"), (int)rows[i].status);
        eventually(&h, sql, 25);
        CHECK_INT(h.n_prepared, 1);
        close_hub(&h);
        unlink(h.f.path);
    }
}

TEST(those_that_a_dead_hub_was_telling_of_once_are_unknown_with_their_teller)
{
    struct hub h = {.info = MERGES(50)};
    struct bf_bus_hooks none = {0};
    struct bf_error err;
    struct bf_db *db;
    struct bf_bus *bus;

    h.info.once = true;
    h.info.quick = false;
    h.block = true;
    open_line(&h, 25);
    go(&h);
    eventually(&h, COUNT("status = 1 AND merged = 24"), 1);
    CHECK_INT(bf_db_open(h.f.path, BF_DB_WRITE, &db, &err), 0);     /* as after a crash */
    CHECK_INT(bf_bus_open(db, &h.f.clock, NULL, &none, &bus, &err), 0);
    CHECK_INT(ask(&h, COUNT("status = 4 AND reason = 'interrupted' AND finished > 0")), 25);
    CHECK_INT(ask(&h, COUNT("untold IS NOT NULL AND merged = 24")), 1);
    CHECK_INT(ask(&h, COUNT("untold IS NOT NULL")), 1);
    bf_bus_close(bus);
    bf_db_close(db);
    h.block = false;
    close_hub(&h);
}


/* --- whom it concerns ------------------------------------------------------------------ */

struct noted {
    atomic_int n, finished;
};

static void on_noted(void *arg, const struct bf_execution *x)
{
    struct noted *n = arg;

    CHECK_INT(strlen(x->id), BF_ID_LEN);
    CHECK_INT(strlen(x->event->id), BF_ID_LEN);
    CHECK(x->automation != NULL);
    n->n++;
    n->finished += x->status == BF_FINISHED;
}

TEST(who_watches_is_told_of_each)
{
    struct hub h = {.info = MERGES(50)};
    struct noted n = {0};

    open_line(&h, 25);
    bf_courier_on_change(h.courier, on_noted, &n);
    go(&h);
    eventually(&h, COUNT("status = 2"), 25);
    for (int i = 0; i < 400 && n.n < 25; i++)
        usleep(5000);
    CHECK_INT(n.n, 25);
    CHECK_INT(n.finished, 25);
    close_hub(&h);
}


/* --- cancelling ------------------------------------------------------------------------ */

struct cancelling {
    struct bf_cancel k;
    struct bf_execution *execution;
    bool cancelled, under_way;
    atomic_bool is_done;
};

static void cancel_done(struct bf_cancel *k, int rc, const struct bf_error *err)
{
    (void)err;
    CHECK_INT(rc, 0);
    bf_container_of(k, struct cancelling, k)->is_done = true;
}

static bool cancel(struct hub *h, uint64_t number)
{
    struct cancelling c = {.execution = bf_execution_new()};
    struct bf_error err;
    struct bf_db *db;

    CHECK_INT(bf_db_open(h->f.path, BF_DB_READ, &db, &err), 0);
    CHECK_INT(bf_automation_read(db, (uint64_t)ask(h, "SELECT revision FROM automations"),
                                 &c.execution->automation, &err), 0);
    bf_db_close(db);
    c.execution->number = number;
    id_of(h, number, c.execution->id);
    c.k = (struct bf_cancel){.executions = &c.execution, .n = 1, .reason = "by ana",
                             .cancelled = &c.cancelled, .under_way = &c.under_way,
                             .done = cancel_done};
    CHECK_INT(bf_courier_cancel(h->courier, &c.k), 0);
    while (!c.is_done)
        usleep(1000);
    bf_execution_unref(c.execution);
    return c.cancelled;
}

TEST(cancelling_the_teller_lets_the_others_wait_by_themselves)
{
    struct hub h = {.info = MERGES(50), .outcome = BF_RETRY};

    open_line(&h, 30);
    go(&h);
    eventually(&h, COUNT("status = 0 AND attempts = 1"), 1);
    h.info.disabled = true;
    bf_courier_touch(h.courier, "I1");
    CHECK(!cancel(&h, 2));      /* one that is told of is no message by itself */
    CHECK(cancel(&h, 1));
    CHECK_INT(ask(&h, COUNT("status = 0 AND merged_into IS NULL AND attempts = 0")), 29);
    CHECK_INT(ask(&h, COUNT("status = 6 AND merged IS NULL AND firings IS NULL")), 1);
    CHECK_INT(ask(&h, "SELECT count(*) FROM execution_merged"), 0);
    h.outcome = BF_DELIVERED;
    go(&h);
    eventually(&h, COUNT("status = 2"), 29);
    CHECK_INT(h.n_prepared, 2); /* again as one */
    close_hub(&h);
}


/* --- the history ----------------------------------------------------------------------- */

struct listed {
    int n, pending;
    int64_t last;
    char merged_into[BF_ID_LEN + 1];
    uint64_t merged;
};

static void on_row(void *arg, const struct bf_history_row *row)
{
    struct listed *l = arg;

    l->n++;
    l->pending += strcmp(bf_status_name(row->status), "pending") == 0;
    if (row->merged_into)
        snprintf(l->merged_into, sizeof(l->merged_into), "%s", row->merged_into);
    l->merged += row->merged;
}

static struct listed list(struct hub *h, struct bf_history_query q)
{
    struct listed l = {0};
    struct bf_error err;
    struct bf_db *db;
    uint64_t next;

    CHECK_INT(bf_db_open(h->f.path, BF_DB_READ, &db, &err), 0);
    q.row = on_row;
    q.arg = &l;
    q.limit = q.limit ? q.limit : 1000;
    CHECK_INT(bf_history_list(db, &q, &next), 0);
    bf_db_close(db);
    return l;
}

TEST(those_that_are_told_of_are_listed_as_pending_and_by_their_teller)
{
    struct hub h = {.info = MERGES(50), .outcome = BF_RETRY};
    char id[BF_ID_LEN + 1];
    struct listed l;

    open_line(&h, 30);
    go(&h);
    eventually(&h, COUNT("status = 0 AND attempts = 1"), 1);
    id_of(&h, 1, id);
    l = list(&h, (struct bf_history_query){.statuses = BF_STATUS_BIT(BF_PENDING)});
    CHECK_INT(l.n, 30);
    CHECK_INT(l.pending, 30);
    CHECK_INT(l.merged, 29);
    CHECK_STR(l.merged_into, id);
    l = list(&h, (struct bf_history_query){.statuses = BF_STATUS_BIT(BF_PENDING), .integration = "I1",
                                           .oldest_first = true, .limit = 7});
    CHECK_INT(l.n, 7);
    l = list(&h, (struct bf_history_query){.merged_into = id});
    CHECK_INT(l.n, 29);
    l = list(&h, (struct bf_history_query){.merged_into = id, .automation = "A2"});
    CHECK_INT(l.n, 0);
    l = list(&h, (struct bf_history_query){.merged_into = id,
                                           .statuses = BF_STATUS_BIT(BF_FINISHED)});
    CHECK_INT(l.n, 0);
    h.outcome = BF_DELIVERED;
    again_in(&h, 60000);
    eventually(&h, COUNT("status = 2"), 30);
    l = list(&h, (struct bf_history_query){.merged_into = id, .oldest_first = true});
    CHECK_INT(l.n, 29);
    CHECK_INT(l.pending, 0);
    close_hub(&h);
}

static void count_event(void *arg, uint64_t event)
{
    (void)event;
    ++*(int *)arg;
}

TEST(retention_spares_what_is_still_to_be_told_and_its_events)
{
    struct hub h = {.info = MERGES(50), .outcome = BF_RETRY};
    struct bf_events_span span = {.to = 1000, .to_ms = INT64_MAX / 2};
    struct bf_error err;
    struct bf_db *db;
    uint64_t from = 0;
    unsigned n_cut;
    bool more;
    int n = 0;

    open_line(&h, 30);
    go(&h);
    eventually(&h, COUNT("status = 0 AND attempts = 1"), 1);
    CHECK_INT(bf_db_open(h.f.path, BF_DB_WRITE, &db, &err), 0);
    CHECK_INT(bf_outbox_cut(db, INT64_MAX, 100, &from, &n_cut, &more), 0);
    CHECK_INT(n_cut, 0);
    CHECK_INT(bf_outbox_needed(db, &span, count_event, &n), 0);
    CHECK(n >= 30);
    bf_db_close(db);
    close_hub(&h);
}


/* --- once more ------------------------------------------------------------------------- */

struct resending {
    struct posted p;
    struct bf_execution *x;
    bool resent;
};

static int apply_resend(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    struct resending *r = bf_container_of(p, struct resending, p);

    return bf_bus_resend(tx, r->x, BF_STATUS_BIT(BF_FAILED), true, &r->resent, err);
}

/* As the API does it. */
static bool resend(struct hub *h, uint64_t number, uint32_t merged)
{
    struct resending r = {.p.apply = apply_resend, .x = bf_execution_new()};
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_error err;
    struct bf_db *db;
    char sql[100];

    CHECK_INT(bf_db_open(h->f.path, BF_DB_READ, &db, &err), 0);
    CHECK_INT(bf_automation_read(db, (uint64_t)ask(h, "SELECT revision FROM automations"),
                                 &r.x->automation, &err), 0);
    snprintf(sql, sizeof(sql), "SELECT event FROM executions WHERE number = %d", (int)number);
    CHECK_INT(bf_journal_read(db, bf_bus_hub(h->f.bus), (uint64_t)ask(h, sql), a, &r.x->event, &err),
              0);
    bf_arena_free(a);
    bf_db_close(db);
    r.x->number = number;
    r.x->trigger = r.x->automation->trigger->wire;
    r.x->is_digest = merged > 0;
    r.x->n_merged = merged;
    id_of(h, number, r.x->id);
    CHECK_INT(post(&h->f, &r.p), 0);
    bf_execution_unref(r.x);
    return r.resent;
}

TEST(a_message_that_failed_is_sent_again_as_one)
{
    struct hub h = {.info = MERGES(50), .outcome = BF_REJECTED};

    open_line(&h, 30);
    go(&h);
    eventually(&h, COUNT("status = 3"), 30);
    h.outcome = BF_DELIVERED;
    h.n_firings = h.n_events = 0;
    CHECK(resend(&h, 1, 29));
    eventually(&h, COUNT("status = 2 AND resend_of IS NOT NULL"), 1);
    CHECK_INT(h.n_firings, 30);
    CHECK_INT(h.n_events, 29);
    CHECK_INT(ask(&h, COUNT("status = 3 AND resent_as IS NOT NULL")), 30);
    CHECK_INT(ask(&h, COUNT("1")), 31);
    CHECK(!resend(&h, 7, 0));   /* it went along */
    close_hub(&h);
}


/* --- what it costs ----------------------------------------------------------------------- */

static bool plan_has(struct hub *h, const char *explained, const char *part)
{
    struct bf_error err;
    struct bf_db *db;
    bool has = false;

    CHECK_INT(bf_db_open(h->f.path, BF_DB_READ, &db, &err), 0);
    struct bf_query *q = bf_db_query(db, explained);
    while (bf_query_step(q) == 1)
        has |= strstr(bf_query_col_text(q, 3), part) != NULL;
    bf_db_close(db);
    return has;
}

#define LOOK                                                                                 \
    "EXPLAIN QUERY PLAN SELECT number FROM (SELECT number, automation, revision, action, attempts,"  \
    " firings FROM executions WHERE status = 0 AND integration = ?1 AND due <= ?2"               \
    " AND (due, number) > (?3, ?4) ORDER BY due, number LIMIT ?5) AS line WHERE attempts = 0"

TEST(looking_and_settling_go_by_indexes)
{
    struct hub h = {.info = MERGES(50)};

    open_line(&h, 1);
    CHECK(plan_has(&h, LOOK, "executions_pending (integration=? AND due>? AND due<?)"));
    CHECK(!plan_has(&h, LOOK " AND 1", "B-TREE"));      /* nothing is sorted */
    CHECK(plan_has(&h, "EXPLAIN QUERY PLAN UPDATE executions SET status = 2 WHERE merged_into = 'x'"
                       " AND +status = 7", "executions_merged_into"));
    CHECK(plan_has(&h, "EXPLAIN QUERY PLAN SELECT number FROM executions WHERE merged_into = ?3 AND"
                       " number >= ?1 AND number < ?2", "executions_merged_into"));
    close_hub(&h);
}
