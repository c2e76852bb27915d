#include "tests/test.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
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
            " integration, trigger_name, status, attempts, created, due, first_attempt, finished)"
            " SELECT n, CASE n % 3 WHEN 0 THEN 'dev' ELSE 'ops' END, 100 + n,"
            " CASE n % 2 WHEN 0 THEN 'A' ELSE 'B' END, 7, 0, 'I', 'LINK_MODEL', n % 7, 0,"
            " n * 1000, n * 1000, 0, 0 FROM c");
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
    q.arg = s;
    q.limit = q.limit ? q.limit : 100;
    s->text[0] = '\0';
    s->n = 0;
    CHECK_INT(bf_history_list(s->db, &q, &s->next), 0);
    return s->text;
}

TEST(executions_are_listed_newest_first)
{
    struct seen s = begin();

    CHECK_STR(list(&s, (struct bf_history_query){.status = -1}), "12 11 10 9 8 7 6 5 4 3 2 1 ");
    CHECK_INT(s.next, 0);
    bf_db_close(s.db);
}

TEST(pages_join_without_a_gap_or_a_repeat)
{
    struct seen s = begin();

    CHECK_STR(list(&s, (struct bf_history_query){.status = -1, .limit = 5}), "12 11 10 9 8 ");
    CHECK_STR(list(&s, (struct bf_history_query){.status = -1, .limit = 5, .before = s.next}),
              "7 6 5 4 3 ");
    CHECK_STR(list(&s, (struct bf_history_query){.status = -1, .limit = 5, .before = s.next}),
              "2 1 ");
    CHECK_INT(s.next, 0);
    bf_db_close(s.db);
}

TEST(a_page_that_ends_with_the_last_match_has_no_next)
{
    struct seen s = begin();

    CHECK_STR(list(&s, (struct bf_history_query){.status = BF_FAILED, .limit = 2}), "10 3 ");
    CHECK_INT(s.next, 0);
    CHECK_STR(list(&s, (struct bf_history_query){.status = -1, .automation = "A", .limit = 6}),
              "12 10 8 6 4 2 ");
    CHECK_INT(s.next, 0);
    bf_db_close(s.db);
}

TEST(each_status_is_found_by_its_own_way)
{
    struct seen s = begin();
    const char *expected[] = {"7 ", "8 1 ", "9 2 ", "10 3 ", "11 4 ", "12 5 ", "6 "};

    for (int status = BF_PENDING; status <= BF_CANCELLED; status++)
        CHECK_STR(list(&s, (struct bf_history_query){.status = status}), expected[status]);
    CHECK_STR(list(&s, (struct bf_history_query){.status = BF_FAILED, .before = 10}), "3 ");
    CHECK_STR(list(&s, (struct bf_history_query){.status = BF_PENDING, .before = 7}), "");
    CHECK_STR(list(&s, (struct bf_history_query){.status = BF_RUNNING, .before = 8}), "1 ");
    bf_db_close(s.db);
}

TEST(filters_are_met_together)
{
    struct seen s = begin();

    CHECK_STR(list(&s, (struct bf_history_query){.status = BF_FAILED, .automation = "A"}), "10 ");
    CHECK_STR(list(&s, (struct bf_history_query){.status = -1, .since_ms = 10000}), "12 11 10 ");
    s.hidden = "dev";
    CHECK_STR(list(&s, (struct bf_history_query){.status = -1, .since_ms = 8000,
                                                 .visible = is_visible}), "11 10 8 ");
    bf_db_close(s.db);
}

TEST(a_page_looks_at_so_many_rows_and_its_cursor_goes_on)
{
    struct seen s = begin();

    run_sql(s.db,
            "WITH RECURSIVE c(n) AS (SELECT 13 UNION ALL SELECT n + 1 FROM c WHERE n < 30000)"
            " INSERT INTO executions SELECT n, 'ops', 100 + n, 'A', 7, 0, 'I', 'LINK_MODEL', 2,"
            " 0, n * 1000, n * 1000, 0, 0 FROM c");
    CHECK_STR(list(&s, (struct bf_history_query){.status = BF_FAILED, .automation = "A"}), "");
    CHECK_INT(s.next, 30000 - BF_HISTORY_SCAN_MAX + 1);
    CHECK_STR(list(&s, (struct bf_history_query){.status = BF_FAILED, .automation = "A",
                                                 .before = s.next}), "10 ");
    CHECK_INT(s.next, 0);
    /* Where an index leads to them, they are found at once. */
    CHECK_STR(list(&s, (struct bf_history_query){.status = BF_FAILED}), "10 3 ");
    CHECK_STR(list(&s, (struct bf_history_query){.status = BF_PENDING}), "7 ");
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
