/* test_digest.c - who joins a digest, and what it then tells of. */
#include "core/outbox/digest.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/outbox/cut.h"

#define SPEC(to)                                                                             \
    "{\"name\":\"n\",\"scope\":{\"entity\":\"acme\"},\"event\":{\"type\":\"ci.done\"},"         \
    "\"actions\":[{\"integration\":\"" to "\",\"config\":{}}]}"
#define A "01ARZ3NDEKTSV4RRFFQ69G5FAV"

struct scene {
    struct bf_db *db;
    struct bf_automation *automation;
    uint64_t seq;
};

static void automate(struct scene *s, const char *spec)
{
    struct bf_error err = {0};

    bf_automation_unref(s->automation);
    if (bf_automation_parse(spec, strlen(spec), A, 7, NULL, &s->automation, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
}

static struct scene open_scene(void)
{
    struct scene s = {0};
    struct bf_error err = {0};
    char path[200];

    snprintf(path, sizeof(path), "%s/test.db", test_dir());
    CHECK_INT(bf_db_open(path, BF_DB_WRITE, &s.db, &err), 0);
    CHECK_INT(bf_db_migrate(s.db, "outbox", bf_outbox_schema, &err), 0);
    automate(&s, SPEC("I"));
    return s;
}

static void close_scene(struct scene *s)
{
    bf_automation_unref(s->automation);
    bf_db_close(s->db);
}

/* Event n has n as its step in facts, and hops 0 to 3. */
static struct bf_execution *firing(struct scene *s, uint64_t number)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_execution *x = bf_execution_new();
    char text[100];

    s->seq++;
    snprintf(text, sizeof(text), "{\"type\":\"ci.done\",\"entity\":\"acme\",\"project\":\"p%d\"}",
             (int)s->seq);
    CHECK_INT(bf_envelope_parse(a, text, strlen(text), BF_FROM_OUTSIDE, &x->event, NULL), 0);
    bf_arena_free(a);
    x->event->seq = s->seq;
    x->event->hops = s->seq == 2 ? 3 : 0;
    snprintf(text, sizeof(text), "{\"step\":%d}", (int)s->seq);
    bf_execution_set_facts(x, text, strlen(text));
    x->number = number;
    x->created_ms = 1000;
    x->due_ms = 60000;
    x->automation = bf_automation_ref(s->automation);
    x->trigger = "ci.done";
    x->is_digest = true;
    return x;
}

static void open_digest(struct scene *s, uint64_t number)
{
    struct bf_execution *x = firing(s, number);

    CHECK_INT(bf_outbox_add(s->db, x), 0);
    bf_execution_unref(x);
}

static bool join(struct scene *s)
{
    struct bf_execution *x = firing(s, 99);
    bool joined = false;

    CHECK_INT(bf_outbox_join(s->db, x, &joined), 0);
    bf_execution_unref(x);
    return joined;
}

static struct bf_digest *read_digest(struct scene *s, uint64_t number, size_t max_later)
{
    struct bf_digest *d = NULL;

    CHECK_INT(bf_digest_read(s->db, number, max_later, &d), 0);
    return d;
}

#define FIRING(p)                                                                            \
    "{\"event_time\":\"1970-01-01T00:00:00.000Z\",\"event_type\":\"ci.done\",\"project_name\":\"" p "\"," \
    "\"step\":" 

static int64_t ask(struct scene *s, const char *sql)
{
    struct bf_query *q = bf_db_query(s->db, sql);
    int64_t value = bf_query_step(q) == 1 ? bf_query_col_int(q, 0) : -1;

    bf_query_end(q);
    return value;
}

TEST(what_joins_is_told_of_in_order)
{
    struct scene s = open_scene();
    struct bf_digest *d;

    open_digest(&s, 1);
    CHECK(join(&s));
    CHECK(join(&s));
    d = read_digest(&s, 1, 10);
    CHECK_INT(d->n_firings, 3);
    CHECK_INT(d->hops, 3);
    CHECK_STR(d->firings, "[" FIRING("p1") "1}," FIRING("p2") "2}," FIRING("p3") "3}]");
    CHECK_INT(d->n_later, 2);
    CHECK_INT(d->later[0].seq, 2);
    CHECK_STR(d->later[0].facts, "{\"step\":2}");
    CHECK_INT(d->later[1].seq, 3);
    bf_digest_free(d);
    d = read_digest(&s, 1, 1);          /* the newest */
    CHECK_INT(d->n_later, 1);
    CHECK_INT(d->later[0].seq, 3);
    CHECK_INT(d->n_firings, 3);
    bf_digest_free(d);
    CHECK_INT(ask(&s, "SELECT firings * 10 + last_event FROM executions"), 33);
    close_scene(&s);
}

TEST(a_digest_that_nobody_joined_tells_of_itself)
{
    struct scene s = open_scene();
    struct bf_digest *d;

    open_digest(&s, 1);
    d = read_digest(&s, 1, 10);
    CHECK_INT(d->n_firings, 1);
    CHECK_INT(d->n_later, 0);
    CHECK_STR(d->firings, "[" FIRING("p1") "1}]");
    bf_digest_free(d);
    close_scene(&s);
}

TEST(none_joins_what_is_closed_cancelled_or_goes_elsewhere)
{
    struct scene s = open_scene();
    struct bf_execution *x;
    bool cancelled;

    CHECK(!join(&s));                   /* there is none */
    open_digest(&s, 1);
    x = firing(&s, 1);
    CHECK_INT(bf_digest_close(s.db, x), 0);
    CHECK(!join(&s));
    open_digest(&s, 2);
    CHECK_INT(bf_digest_close(s.db, x), 0);     /* the first one, late: no harm */
    CHECK(join(&s));
    CHECK_INT(bf_outbox_cancel(s.db, 2, 1, "no", &cancelled), 0);
    CHECK(!join(&s));
    open_digest(&s, 3);
    automate(&s, SPEC("J"));
    CHECK(!join(&s));
    automate(&s, SPEC("I"));
    CHECK(join(&s));
    bf_execution_unref(x);
    close_scene(&s);
}

TEST(beyond_a_thousand_the_newest_are_kept_and_all_are_counted)
{
    struct scene s = open_scene();
    struct bf_digest *d;
    size_t n = 0;

    CHECK_INT(bf_db_begin(s.db), 0);
    open_digest(&s, 1);
    open_digest(&s, 2);                 /* a neighbour, which is not touched */
    for (int i = 0; i < BF_DIGEST_MAX + 500; i++)
        CHECK(join(&s));
    CHECK_INT(bf_db_commit(s.db), 0);
    CHECK_INT(ask(&s, "SELECT count(*) FROM execution_merged"), BF_DIGEST_MAX + 1);
    d = read_digest(&s, 2, 2000);
    CHECK_INT(d->n_firings, BF_DIGEST_MAX + 501);
    CHECK_INT(d->n_later, BF_DIGEST_MAX);
    CHECK_INT(d->later[0].seq, 503);
    CHECK_INT(d->later[BF_DIGEST_MAX - 1].seq, s.seq);
    for (const char *at = d->firings; (at = strstr(at, "event_type")); at++)
        n++;
    CHECK_INT(n, BF_DIGEST_MAX);
    bf_digest_free(d);
    close_scene(&s);
}

TEST(what_firings_say_is_cut_to_the_newest_that_fit)
{
    struct scene s = open_scene();
    struct bf_query *q;
    struct bf_digest *d;

    open_digest(&s, 1);
    for (int i = 0; i < 300; i++)
        CHECK(join(&s));
    q = bf_db_query(s.db, "UPDATE execution_merged SET firing = '\"' || substr(hex(zeroblob(1000)),"
                          " 1, 996) || position || '\"'");
    CHECK_INT(bf_query_run(q), 0);
    d = read_digest(&s, 1, 0);
    CHECK_INT(d->n_firings, 301);
    CHECK(d->firings_len <= BF_DIGEST_BYTES_MAX + 1);
    CHECK(d->firings_len > BF_DIGEST_BYTES_MAX - 1100);
    CHECK(strstr(d->firings, "0300\"]") != NULL);
    bf_digest_free(d);
    close_scene(&s);
}

TEST(a_digest_is_copied_for_a_resend_and_cut_with_its_execution)
{
    struct scene s = open_scene();
    struct bf_digest *d;
    struct bf_execution *x;
    uint64_t from = 0;
    unsigned n;
    bool more;

    open_digest(&s, 1);
    CHECK(join(&s));
    x = firing(&s, 5);
    memcpy(x->resend_of, A, sizeof(x->resend_of));
    CHECK_INT(bf_outbox_add(s.db, x), 0);
    CHECK_INT(bf_digest_copy(s.db, 1, 5), 0);
    bf_execution_unref(x);
    d = read_digest(&s, 5, 10);
    CHECK_INT(d->n_firings, 2);
    CHECK_INT(d->later[0].seq, 2);
    bf_digest_free(d);
    CHECK(join(&s));                    /* the first, still: the copy is on its way at once */
    CHECK_INT(ask(&s, "SELECT firings FROM executions WHERE number = 5"), 2);
    CHECK_INT(ask(&s, "SELECT firings FROM executions WHERE number = 1"), 3);
    CHECK_INT(bf_query_run(bf_db_query(s.db, "UPDATE executions SET status = 2")), 0);
    CHECK_INT(bf_outbox_cut(s.db, 5000, 100, &from, &n, &more), 0);
    CHECK_INT(ask(&s, "SELECT count(*) FROM execution_merged"), 2);
    close_scene(&s);
}

static void add_event(void *arg, uint64_t event) { *(uint64_t *)arg |= UINT64_C(1) << event; }

TEST(retention_is_told_of_the_events_that_a_waiting_digest_needs)
{
    struct scene s = open_scene();
    struct bf_events_span span = {.from = 0, .to = 60, .from_ms = 0, .to_ms = 1};
    uint64_t needed = 0;

    open_digest(&s, 1);
    CHECK(join(&s));
    CHECK(join(&s));
    CHECK_INT(bf_outbox_needed(s.db, &span, add_event, &needed), 0);
    CHECK_INT(needed, 2 | 4 | 8);
    needed = 0;
    CHECK_INT(bf_query_run(bf_db_query(s.db, "UPDATE executions SET status = 2")), 0);
    CHECK_INT(bf_outbox_needed(s.db, &span, add_event, &needed), 0);
    CHECK_INT(needed, 0);
    close_scene(&s);
}
