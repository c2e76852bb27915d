#include "tests/test.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/outbox/blocks.h"
#include "core/outbox/cut.h"
#include "core/outbox/history.h"

struct seen {
    struct bf_db *db;
    uint64_t next;
    size_t n;
    char text[2000];
    const char *hidden;
};

static void run_sql(struct bf_db *db, const char *sql)
{
    struct bf_query *q = bf_db_query(db, sql);

    if (bf_query_run(q))
        test_failed(__FILE__, __LINE__, "%s", bf_db_words(db));
}

/* 12 executions: number n of automation A or B by turns, created at n seconds, of status n % 7. */
static struct seen begin(void)
{
    struct seen s = {0};
    struct bf_error err;
    char path[200];

    snprintf(path, sizeof(path), "%s/test.db", test_dir());
    CHECK_INT(bf_db_open(path, BF_DB_WRITE, &s.db, &err), 0);
    CHECK_INT(bf_db_migrate(s.db, "outbox", bf_outbox_schema, &err), 0);
    run_sql(s.db,
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 12)"
            " INSERT INTO executions (number, entity, event, automation, revision, action,"
            " integration, trigger_name, status, attempts, created, due, first_attempt, finished,"
            " project, collection)"
            " SELECT n, CASE n % 3 WHEN 0 THEN 'dev' ELSE 'ops' END, 100 + n,"
            " CASE n % 2 WHEN 0 THEN 'A' ELSE 'B' END, 7, 0, 'I', 'LINK_MODEL', n % 7, 0,"
            " n * 1000, n * 1000, 0, 0, 'p' || n % 4, 'c' || n % 5 FROM c");
    return s;
}

static void note(void *arg, const struct bf_history_row *row)
{
    struct seen *s = arg;
    size_t len = strlen(s->text);

    s->n++;
    snprintf(s->text + len, sizeof(s->text) - len, "%d ", (int)row->number);
    CHECK_INT(row->event, 100 + row->number);
    CHECK_STR(row->trigger, "LINK_MODEL");
}

static bool is_visible(void *arg, const char *entity)
{
    return strcmp(((struct seen *)arg)->hidden, entity) != 0;
}

static const char *list(struct seen *s, struct bf_history_query q)
{
    q.row = note;
    q.arg = q.visible_arg = s;
    q.limit = q.limit ? q.limit : 100;
    s->text[0] = '\0';
    s->n = 0;
    CHECK_INT(bf_history_list(s->db, &q, &s->next), 0);
    return s->text;
}

TEST(executions_are_listed_newest_first)
{
    struct seen s = begin();

    CHECK_STR(list(&s, (struct bf_history_query){0}), "12 11 10 9 8 7 6 5 4 3 2 1 ");
    CHECK_INT(s.next, 0);
    bf_db_close(s.db);
}

TEST(pages_join_without_a_gap_or_a_repeat)
{
    struct seen s = begin();

    CHECK_STR(list(&s, (struct bf_history_query){.limit = 5}), "12 11 10 9 8 ");
    CHECK_STR(list(&s, (struct bf_history_query){.limit = 5, .after = s.next}),
              "7 6 5 4 3 ");
    CHECK_STR(list(&s, (struct bf_history_query){.limit = 5, .after = s.next}),
              "2 1 ");
    CHECK_INT(s.next, 0);
    bf_db_close(s.db);
}

TEST(a_page_that_ends_with_the_last_match_has_no_next)
{
    struct seen s = begin();

    CHECK_STR(list(&s, (struct bf_history_query){.statuses = BF_STATUS_BIT(BF_FAILED), .limit = 2}), "10 3 ");
    CHECK_INT(s.next, 0);
    CHECK_STR(list(&s, (struct bf_history_query){.automation = "A", .limit = 6}),
              "12 10 8 6 4 2 ");
    CHECK_INT(s.next, 0);
    bf_db_close(s.db);
}

TEST(each_status_is_found_by_its_own_way)
{
    struct seen s = begin();
    const char *expected[] = {"7 ", "8 1 ", "9 2 ", "10 3 ", "11 4 ", "12 5 ", "6 "};

    for (int status = BF_PENDING; status <= BF_CANCELLED; status++)
        CHECK_STR(list(&s, (struct bf_history_query){.statuses = BF_STATUS_BIT(status)}), expected[status]);
    CHECK_STR(list(&s, (struct bf_history_query){.statuses = BF_STATUS_BIT(BF_FAILED), .after = 10}), "3 ");
    CHECK_STR(list(&s, (struct bf_history_query){.statuses = BF_STATUS_BIT(BF_PENDING), .after = 7}), "");
    CHECK_STR(list(&s, (struct bf_history_query){.statuses = BF_STATUS_BIT(BF_RUNNING), .after = 8}), "1 ");
    bf_db_close(s.db);
}

TEST(filters_are_met_together)
{
    struct seen s = begin();

    CHECK_STR(list(&s, (struct bf_history_query){.statuses = BF_STATUS_BIT(BF_FAILED), .automation = "A"}), "10 ");
    CHECK_STR(list(&s, (struct bf_history_query){.since_ms = 10000}), "12 11 10 ");
    s.hidden = "dev";
    CHECK_STR(list(&s, (struct bf_history_query){.since_ms = 8000,
                                                 .visible = is_visible}), "11 10 8 ");
    bf_db_close(s.db);
}

TEST(a_page_looks_at_so_many_rows_and_its_cursor_goes_on)
{
    struct seen s = begin();

    run_sql(s.db,
            "WITH RECURSIVE c(n) AS (SELECT 13 UNION ALL SELECT n + 1 FROM c WHERE n < 30000)"
            " INSERT INTO executions (number, entity, event, automation, revision, action,"
            " integration, trigger_name, status, attempts, created, due, first_attempt, finished)"
            " SELECT n, 'ops', 100 + n, 'A', 7, 0, 'I', 'LINK_MODEL', 2,"
            " 0, n * 1000, n * 1000, 0, 0 FROM c");
    CHECK_STR(list(&s, (struct bf_history_query){.automation = "B"}), "");
    CHECK(s.next < 30000 - BF_HISTORY_SCAN_MAX + 2 && s.next > 30000 - BF_HISTORY_SCAN_MAX - 1024);
    CHECK_STR(list(&s, (struct bf_history_query){.automation = "B", .after = s.next}),
              "11 9 7 5 3 1 ");
    CHECK_INT(s.next, 0);
    /* Where an index leads to them, they are found at once. */
    CHECK_STR(list(&s, (struct bf_history_query){.statuses = BF_STATUS_BIT(BF_FAILED)}), "10 3 ");
    CHECK_STR(list(&s, (struct bf_history_query){.statuses = BF_STATUS_BIT(BF_PENDING)}), "7 ");
    bf_db_close(s.db);
}

/* --- against a plain scan ---------------------------------------------------------- */

#define MANY 3000

static uint32_t chance(uint32_t below)
{
    static uint32_t state = 12345;

    state = state * 1664525 + 1013904223;
    return (state >> 8) % below;
}

/* Many executions, a few of them resent, in blocks that have sieves but for the last. */
static struct seen begin_many(void)
{
    struct seen s = begin();
    unsigned n;

    run_sql(s.db, "DELETE FROM executions");
    run_sql(s.db,
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3000)"
            " INSERT INTO executions (number, entity, event, automation, revision, action,"
            " integration, trigger_name, status, attempts, created, due, first_attempt, finished,"
            " project, collection, resend_of, event_received)"
            " SELECT 100 + n + n / 700 * 1000, 'e' || n * 7 % 3, n / 3,"
            " 'a' || (n * n % 1009) % 40, 7, 0, 'i' || n * 11 % 5, 't' || n % 400 / 399,"
            " CASE WHEN n * 13 % 50 < 7 THEN n * 13 % 50 ELSE 2 END, 0,"
            " n / 3 * 1000, n, 0, 0, 'p' || n / 100 % 7, CASE n % 9 WHEN 0 THEN NULL ELSE"
            " 'c' || n % 9 END, NULL, NULL FROM c");
    run_sql(s.db, "UPDATE executions SET resend_of = 'x', event = 17, event_received = 17000"
                  " WHERE number % 500 = 0");
    CHECK_INT(bf_db_begin(s.db), 0);
    CHECK_INT(bf_blocks_sift(s.db, &bf_execution_blocks, 3, &n), 0);
    CHECK_INT(n, 3);
    CHECK_INT(bf_blocks_sift(s.db, &bf_execution_blocks, 1000, &n), 0);
    CHECK(n > 10);
    CHECK_INT(bf_blocks_sift(s.db, &bf_execution_blocks, 1000, &n), 0);
    CHECK_INT(n, 0);
    CHECK_INT(bf_db_commit(s.db), 0);
    return s;
}

struct found {
    uint64_t numbers[2 * MANY];
    size_t n;
};

static void note_number(void *arg, const struct bf_history_row *row)
{
    struct found *f = arg;

    f->numbers[f->n++] = row->number;
}

/* The same question without any cleverness. */
static void scan(struct bf_db *db, const struct bf_history_query *query, struct found *f)
{
    struct bf_query *q = bf_db_query(
        db, query->oldest_first
                ? "SELECT number FROM executions WHERE ifnull(?1 = automation, 1) AND"
                  " ifnull(?2 = project, 1) AND ifnull(?3 = ifnull(collection, ''), 1) AND"
                  " ifnull(?4 = integration, 1) AND ifnull(?5 = trigger_name, 1) AND"
                  " (?6 = 0 OR 1 << status & ?6) AND (?7 = 0 OR event = ?7) AND created >= ?8"
                  " AND (?9 = 0 OR created < ?9) AND (?10 IS NULL OR entity IN (?10, ?11))"
                  " ORDER BY +number"
                : "SELECT number FROM executions WHERE ifnull(?1 = automation, 1) AND"
                  " ifnull(?2 = project, 1) AND ifnull(?3 = ifnull(collection, ''), 1) AND"
                  " ifnull(?4 = integration, 1) AND ifnull(?5 = trigger_name, 1) AND"
                  " (?6 = 0 OR 1 << status & ?6) AND (?7 = 0 OR event = ?7) AND created >= ?8"
                  " AND (?9 = 0 OR created < ?9) AND (?10 IS NULL OR entity IN (?10, ?11))"
                  " ORDER BY +number DESC");

    bf_query_text(q, 1, query->automation);
    bf_query_text(q, 2, query->project);
    bf_query_text(q, 3, query->collection);
    bf_query_text(q, 4, query->integration);
    bf_query_text(q, 5, query->trigger);
    bf_query_int(q, 6, query->statuses);
    bf_query_int(q, 7, (int64_t)query->event);
    bf_query_int(q, 8, query->since_ms);
    bf_query_int(q, 9, query->until_ms);
    bf_query_text(q, 10, query->n_entities ? query->entities[0] : NULL);
    bf_query_text(q, 11, query->n_entities > 1 ? query->entities[1] : NULL);
    for (f->n = 0; bf_query_step(q) == 1;)
        f->numbers[f->n++] = (uint64_t)bf_query_col_int(q, 0);
}

static const char *one_of(const char *const *names, uint32_t n)
{
    return chance(3) ? NULL : names[chance(n)];
}

static struct bf_history_query draw(void)
{
    static const char *const automations[] = {"a1", "a4", "a17", "a39", "nobody"};
    static const char *const projects[] = {"p0", "p6", "p9"};
    static const char *const collections[] = {"c1", "c8"};
    static const char *const integrations[] = {"i0", "i4"};
    static const char *const triggers[] = {"t0", "t1"};
    static const char *const entities[] = {"e1", "e2", "e0", "none"};
    struct bf_history_query q = {
        .automation = one_of(automations, 5), .project = one_of(projects, 3),
        .collection = one_of(collections, 2), .integration = one_of(integrations, 2),
        .trigger = one_of(triggers, 2), .oldest_first = chance(2), .limit = 1 + chance(40)};

    if (chance(2))
        q.statuses = 1 + chance(127);
    if (chance(6) == 0)
        q.event = chance(2) ? 17 : 1 + chance(900), q.event_ms = (int64_t)q.event * 1000;
    if (chance(3) == 0)
        q.since_ms = 1 + chance(1000000);
    if (chance(3) == 0)
        q.until_ms = 1 + chance(1000000);
    if (chance(3) == 0) {
        q.entities = &entities[chance(3)];
        q.n_entities = 1 + chance(2);
    }
    return q;
}

static void compare(struct bf_db *db, struct bf_history_query q)
{
    struct found want, got = {.n = 0};
    uint64_t next;
    size_t before;

    scan(db, &q, &want);
    q.row = note_number;
    q.arg = &got;
    do {
        before = got.n;
        CHECK_INT(bf_history_list(db, &q, &next), 0);
        CHECK(got.n - before <= q.limit);
        CHECK(!next || got.n - before == q.limit);      /* there are few: no page is short */
        q.after = next;
    } while (next && got.n <= want.n);
    if (got.n != want.n || memcmp(got.numbers, want.numbers, got.n * sizeof(*got.numbers)) != 0)
        test_failed(__FILE__, __LINE__, "%zu found, %zu there: a %s p %s c %s i %s t %s s %x e %d "
                    "order %d", got.n, want.n, q.automation, q.project, q.collection,
                    q.integration, q.trigger, q.statuses, (int)q.event, q.oldest_first);
}

TEST(every_combination_of_filters_finds_what_a_plain_scan_finds)
{
    struct seen s = begin_many();

    for (int i = 0; i < 1500; i++)
        compare(s.db, draw());
    bf_db_close(s.db);
}

/* Sieves may be missing: rows of an older hub, or of the last seconds. */
TEST(without_sieves_it_is_found_as_well)
{
    struct seen s = begin_many();

    run_sql(s.db, "DELETE FROM execution_blocks");
    for (int i = 0; i < 200; i++)
        compare(s.db, draw());
    bf_db_close(s.db);
}

/* --- while it changes --------------------------------------------------------------- */

static void add_some(struct bf_db *db, unsigned n)
{
    uint64_t last = bf_outbox_last(db);

    for (unsigned i = 1; i <= n; i++) {
        struct bf_query *q = bf_db_query(
            db, "INSERT INTO executions (number, entity, event, automation, revision, action,"
                " integration, trigger_name, status, attempts, created, due, first_attempt,"
                " finished, project, collection) VALUES (?1, 'e' || (?1 % 3), ?1 / 3,"
                " 'a' || (?2 % 40), 7, 0, 'i' || (?2 % 5), 't' || (?2 % 2), ?3, 0,"
                " ?1 / 3 * 1000, 0, 0, 0, 'p' || (?2 % 7), 'c' || (?2 % 9))");

        bf_query_int(q, 1, (int64_t)(last + i));
        bf_query_int(q, 2, chance(100000));
        bf_query_int(q, 3, chance(4) ? 2 : chance(7));
        CHECK_INT(bf_query_run(q), 0);
    }
}

static void cut_some(struct bf_db *db, unsigned steps)
{
    int64_t newest_ms = (int64_t)bf_outbox_last(db) / 3 * 1000;
    uint64_t from = 0;
    unsigned n;
    bool more = true;

    for (unsigned i = 0; more && i < steps; i++)
        CHECK_INT(bf_outbox_cut(db, newest_ms - chance(700) * 1000, 64, &from, &n, &more), 0);
    if (chance(2))
        CHECK_INT(bf_outbox_cut_blocks(db), 0);
}

/* Each as the engine would do it: in a transaction, which now and then is none after all. */
static void change(struct bf_db *db)
{
    unsigned n;

    CHECK_INT(bf_db_begin(db), 0);
    switch (chance(4)) {
    case 0:
        add_some(db, chance(300));
        break;
    case 1:
        CHECK_INT(bf_blocks_sift(db, &bf_execution_blocks, chance(8), &n), 0);
        break;
    case 2:
        cut_some(db, chance(40));
        break;
    default:
        run_sql(db, "UPDATE executions SET status = (status * 3 + number) % 7"
                    " WHERE number % 17 = 3 AND status <> 2");
    }
    if (chance(5))
        CHECK_INT(bf_db_commit(db), 0);
    else
        bf_db_rollback(db);
}

TEST(what_is_added_sifted_and_cut_between_questions_hides_nothing)
{
    struct seen s = begin();

    run_sql(s.db, "DELETE FROM executions");
    CHECK_INT(bf_db_begin(s.db), 0);
    add_some(s.db, 1000);
    CHECK_INT(bf_db_commit(s.db), 0);
    for (int round = 0; round < 300; round++) {
        change(s.db);
        if (bf_outbox_last(s.db) > 2 * MANY - 400)
            break;
        for (int i = 0; i < 5; i++)
            compare(s.db, draw());
    }
    bf_db_close(s.db);
}

/* What waits for years stands before millions that were cut. */
TEST(a_gap_that_retention_left_makes_no_page_short)
{
    struct seen s = begin();

    run_sql(s.db, "UPDATE executions SET number = number + 5000000, event = event + 5000000"
                  " WHERE number > 3");
    CHECK_STR(list(&s, (struct bf_history_query){.oldest_first = true, .limit = 5}),
              "1 2 3 5000004 5000005 ");
    CHECK_STR(list(&s, (struct bf_history_query){.oldest_first = true, .automation = "B"}),
              "1 3 5000005 5000007 5000009 5000011 ");
    CHECK_INT(s.next, 0);
    CHECK_STR(list(&s, (struct bf_history_query){.automation = "B"}),
              "5000011 5000009 5000007 5000005 3 1 ");
    CHECK_INT(s.next, 0);
    run_sql(s.db, "DELETE FROM executions WHERE number <= 3");
    CHECK_STR(list(&s, (struct bf_history_query){.automation = "B"}),
              "5000011 5000009 5000007 5000005 ");
    CHECK_INT(s.next, 0);
    bf_db_close(s.db);
}

/* Is called for row 10, when 3 is picked already. */
static bool changes_meanwhile(void *arg, const char *entity)
{
    struct seen *s = arg;

    (void)entity;
    run_sql(s->db, "UPDATE executions SET status = 2 WHERE number = 3");
    return true;
}

TEST(a_page_shows_one_moment)
{
    struct seen s = begin(), reader = s;
    char path[200];
    struct bf_error err;

    snprintf(path, sizeof(path), "%s/test.db", test_dir());
    CHECK_INT(bf_db_open(path, BF_DB_READ, &reader.db, &err), 0);
    CHECK_INT(bf_history_list(reader.db, &(struct bf_history_query){
        .statuses = BF_STATUS_BIT(BF_FAILED), .limit = 10, .row = note, .arg = &reader,
        .visible = changes_meanwhile, .visible_arg = &s}, &reader.next), 0);
    CHECK_STR(reader.text, "10 3 ");
    CHECK_STR(list(&reader, (struct bf_history_query){.statuses = BF_STATUS_BIT(BF_FAILED)}),
              "10 ");
    bf_db_close(reader.db);
    bf_db_close(s.db);
}

TEST(what_is_in_one_block_of_many_is_found_at_once)
{
    struct seen s = begin();
    unsigned n;

    run_sql(s.db,
            "WITH RECURSIVE c(n) AS (SELECT 13 UNION ALL SELECT n + 1 FROM c WHERE n < 60000)"
            " INSERT INTO executions (number, entity, event, automation, revision, action,"
            " integration, trigger_name, status, attempts, created, due, first_attempt, finished)"
            " SELECT n, 'ops', 100 + n, CASE n WHEN 300 THEN 'rare' ELSE 'B' END, 7, 0, 'I',"
            " 'LINK_MODEL', 2, 0, n * 1000, n * 1000, 0, 0 FROM c");
    CHECK_INT(bf_db_begin(s.db), 0);
    CHECK_INT(bf_blocks_sift(s.db, &bf_execution_blocks, 1000, &n), 0);
    CHECK_INT(n, 60000 / BF_BLOCK_ROWS);
    CHECK_INT(bf_db_commit(s.db), 0);
    CHECK_STR(list(&s, (struct bf_history_query){.automation = "rare"}), "300 ");
    CHECK_INT(s.next, 0);
    CHECK_INT(bf_history_last(s.db, "rare", note, &s), 0);
    CHECK_STR(s.text, "300 300 ");
    CHECK_INT(bf_history_last(s.db, "none", note, &s), BF_ENOENT);
    CHECK_INT(bf_history_last(s.db, "B", note, &s), 0);
    CHECK_STR(s.text, "300 300 60000 ");
    bf_db_close(s.db);
}

static void note_attempt(void *arg, const struct bf_attempt_record *r)
{
    struct seen *s = arg;
    size_t len = strlen(s->text);

    snprintf(s->text + len, sizeof(s->text) - len, "%u:%d:%.*s:%s ", (unsigned)r->attempt,
             r->http_status, (int)r->response_len, r->response ? r->response : "",
             r->words ? r->words : "none");
}

TEST(the_attempts_at_an_execution_are_its_own_and_in_order)
{
    struct seen s = begin();
    struct bf_attempt_record r = {.execution = 7, .attempt = 1, .http_status = 503,
                                  .status = BF_PENDING, .words = "busy", .response = "no",
                                  .response_len = 2};

    CHECK_INT(bf_outbox_record(s.db, &r), 0);
    r = (struct bf_attempt_record){.execution = 7, .attempt = 2, .http_status = 200,
                                   .status = BF_FINISHED};
    CHECK_INT(bf_outbox_record(s.db, &r), 0);
    r.execution = 8;
    r.attempt = 1;
    CHECK_INT(bf_outbox_record(s.db, &r), 0);
    CHECK_INT(bf_history_attempts(s.db, 7, note_attempt, &s), 0);
    CHECK_STR(s.text, "1:503:no:busy 2:200::none ");
    bf_db_close(s.db);
}

static void note_transform(void *arg, const struct bf_attempt_record *r)
{
    struct seen *s = arg;
    size_t len = strlen(s->text);

    snprintf(s->text + len, sizeof(s->text) - len, "%s ", r->transform ? r->transform : "none");
}

TEST(what_a_script_said_of_a_payload_stands_with_the_attempt)
{
    static const char *const said[] = {"{\"said\":\"changed\"}", "{\"said\":\"failed\"}", NULL};
    struct seen s = begin();

    for (uint32_t i = 0; i < BF_COUNT(said); i++)
        CHECK_INT(bf_outbox_record(s.db, &(struct bf_attempt_record){.execution = 7,
                                                                     .attempt = i + 1,
                                                                     .status = BF_PENDING,
                                                                     .transform = said[i]}), 0);
    CHECK_INT(bf_history_attempts(s.db, 7, note_transform, &s), 0);
    CHECK_STR(s.text, "{\"said\":\"changed\"} {\"said\":\"failed\"} none ");
    bf_db_close(s.db);
}

/* A digest that a failed script kept back looked like a row that counts what limits suppressed. */
TEST(a_row_with_attempts_counts_nothing_that_was_suppressed)
{
    struct bf_history_row row = {.status = BF_SKIPPED, .firings = 3, .reason = BF_HOOK_FAILED};

    CHECK(bf_history_is_suppressed(&row));
    row.attempts = 1;
    CHECK(!bf_history_is_suppressed(&row));
    row = (struct bf_history_row){.status = BF_FINISHED, .firings = 3};
    CHECK(!bf_history_is_suppressed(&row));
}

static void note_sent(void *arg, const struct bf_attempt_record *r)
{
    struct seen *s = arg;
    size_t len = strlen(s->text);

    snprintf(s->text + len, sizeof(s->text) - len, "%u<%u:%s:%.*s:%zu ", (unsigned)r->attempt,
             (unsigned)r->sent_by, r->sent.url ? r->sent.url : "-",
             (int)bf_min64((int64_t)r->sent.kept_len, 4), r->sent.body ? r->sent.body : "",
             r->sent.body_len);
}

static void record_sent(struct seen *s, uint32_t attempt, const char *url, const char *body,
                        size_t body_len)
{
    struct bf_attempt_record r = {.execution = 7, .attempt = attempt, .status = BF_PENDING};

    if (url)
        r.sent = (struct bf_sent){"POST", url, body, body_len, 0};
    CHECK_INT(bf_outbox_record(s->db, &r), 0);
}

TEST(a_request_is_kept_once_for_the_attempts_that_repeat_it)
{
    struct seen s = begin();

    record_sent(&s, 1, "http://a/", "{}", 2);
    record_sent(&s, 2, "http://a/", "{}", 2);
    record_sent(&s, 3, NULL, NULL, 0);          /* nothing was sent: a secret was gone */
    record_sent(&s, 4, "http://a/", "{}", 2);
    record_sent(&s, 5, "http://b/", "{}", 2);
    record_sent(&s, 6, "http://a/", "{}", 2);
    record_sent(&s, 7, "http://a/", "[]", 2);
    record_sent(&s, 8, "http://a/", "", 0);
    record_sent(&s, 9, "http://a/", "", 0);
    CHECK_INT(bf_history_attempts(s.db, 7, note_sent, &s), 0);
    CHECK_STR(s.text, "1<1:http://a/:{}:2 2<1:-::0 3<0:-::0 4<1:-::0 5<5:http://b/:{}:2 "
                      "6<6:http://a/:{}:2 7<7:http://a/:[]:2 8<8:http://a/::0 9<8:-::0 ");
    bf_db_close(s.db);
}

static void note_kept(void *arg, const struct bf_attempt_record *r)
{
    struct seen *s = arg;

    CHECK_INT(r->sent_by, 1);
    if (r->attempt == 2)
        return;
    s->n = r->sent.kept_len;
    CHECK_INT(r->sent.body_len, BF_SENT_MAX + 100);
}

TEST(a_long_payload_is_kept_cut_between_characters)
{
    struct seen s = begin();
    char *body = bf_zalloc(BF_SENT_MAX + 100);

    memset(body, 'a', BF_SENT_MAX + 100);
    memcpy(body + BF_SENT_MAX - 1, "\xc3\xa4", 2);
    record_sent(&s, 1, "http://a/", body, BF_SENT_MAX + 100);
    record_sent(&s, 2, "http://a/", body, BF_SENT_MAX + 100);
    CHECK_INT(bf_history_attempts(s.db, 7, note_kept, &s), 0);
    CHECK_INT(s.n, BF_SENT_MAX - 1);
    free(body);
    bf_db_close(s.db);
}

TEST(one_execution_is_read_by_its_number)
{
    struct seen s = begin();

    CHECK_INT(bf_history_read(s.db, 5, note, &s), 0);
    CHECK_STR(s.text, "5 ");
    CHECK_INT(bf_history_read(s.db, 13, note, &s), BF_ENOENT);
    CHECK_INT(s.n, 1);
    bf_db_close(s.db);
}
