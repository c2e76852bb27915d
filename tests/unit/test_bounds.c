/* What one piece of work may take of the engine, and that refusing it is nobody else's trouble. */
#include <stdlib.h>

#include "tests/unit/bus_fixture.h"

#define MANY_MAX (4 * 1024 * 1024)

/* An event of `n` points of one metric; yours. */
static char *points(const char *run, const char *metric, unsigned n)
{
    struct bf_buf b;

    bf_buf_init(&b, MANY_MAX);
    bf_buf_printf(&b, "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\","
                  "\"run\":{\"id\":\"%s\"},\"metrics\":[", run);
    for (unsigned i = 0; i < n; i++)
        bf_buf_printf(&b, "%s{\"name\":\"%s\",\"value\":%u}", i ? "," : "", metric, i);
    bf_buf_adds(&b, "]}");
    return bf_buf_take(&b);
}

static int apply_text(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    struct bf_envelope **events;
    size_t n;
    int rc = bf_envelopes_parse(a, p->text, strlen(p->text), &events, &n, err);

    CHECK_INT(rc, 0);
    CHECK(bf_bus_may_refuse(p->bus, events, n) == p->work.may_fail);
    for (size_t i = 0; i < n; i++) {
        if (!rc)
            rc = bf_bus_emit(tx, events[i], &p->receipt, err);
        bf_envelope_unref(events[i]);
    }
    bf_arena_free(a);
    return rc;
}

static int send(struct fixture *f, const char *text, bool may_fail, struct bf_error *err)
{
    struct posted p = {.apply = apply_text, .text = text, .work.may_fail = may_fail};
    int rc = post(f, &p);

    *err = p.err;
    return rc;
}

#define ON_LOSS(condition, limits)                                                          \
    "\"scope\":{\"entity\":\"acme\"},\"event\":{\"type\":\"RUN_METRIC\",\"filter\":"            \
    "{\"run_metric_filter\":" condition "}},\"limits\":" limits ","                          \
    "\"actions\":[{\"integration\":\"I1\",\"config\":{}}]}"
#define LOSS "{\"threshold_filter\":{\"name\":\"loss\",\"cmp_op\":\"$lt\",\"threshold\":0}}"
#define FOUR LOSS "," LOSS "," LOSS "," LOSS
#define SIXTEEN "{\"$or\":[" FOUR "," FOUR "," FOUR "," FOUR "]}"

static void save_many(struct fixture *f, unsigned n, const char *rest)
{
    for (unsigned i = 0; i < n; i++) {
        char id[BF_ID_LEN + 1], spec[4000];

        snprintf(id, sizeof(id), "A%u", i);
        snprintf(spec, sizeof(spec), "{\"name\":\"n%u\",%s", i, rest);
        CHECK_INT(save(f, id, spec, NULL), 0);
    }
}

/* An event of a megabyte has forty thousand points; each of them would be judged by each of these,
 * for minutes. */
TEST(many_points_and_many_automations_are_refused_together)
{
    struct fixture f = {.wall_ms = 1764000000000};
    char *much = points("r1", "loss", 5000), *some = points("r1", "loss", 500),
         *other = points("r1", "acc", 5000), *few = points("r1", "loss", 100);
    struct bf_error err;

    fixture_open(&f);
    save_many(&f, 100, ON_LOSS(SIXTEEN, "null"));
    CHECK_INT(send(&f, much, true, &err), BF_ETOOBIG);
    CHECK(strstr(err.words, "too many automations"));
    CHECK(f.healthy);
    CHECK_INT(send(&f, some, true, &err), 0);
    CHECK_INT(send(&f, few, false, &err), 0);
    CHECK_INT(send(&f, other, true, &err), 0);
    fixture_close(&f);
    free(much);
    free(some);
    free(other);
    free(few);
}

TEST(a_thousand_events_at_once_count_together)
{
    struct fixture f = {.wall_ms = 1764000000000};
    struct bf_error err;
    struct bf_buf b;

    fixture_open(&f);
    save_many(&f, 250, ON_LOSS(SIXTEEN, "null"));
    bf_buf_init(&b, MANY_MAX);
    for (int i = 0; i < 1000; i++) {
        char *one = points("r1", "loss", 1);

        bf_buf_printf(&b, "%s%s", i ? "," : "[", one);
        free(one);
    }
    bf_buf_addc(&b, ']');
    CHECK_INT(send(&f, bf_buf_text(&b), true, &err), BF_ETOOBIG);
    CHECK(f.healthy);
    bf_buf_fini(&b);
    fixture_close(&f);
}

/* What was pushed and noted on the way to the refusal has not happened. */
TEST(what_was_too_much_has_left_nothing)
{
    struct fixture f = {.wall_ms = 1764000000000};
    char *much = points("r1", "loss", 20003), *one = points("r1", "loss", 1);
    struct bf_error err;

    fixture_open(&f);
    save_many(&f, 1, ON_LOSS("{\"threshold_filter\":{\"name\":\"loss\",\"agg_op\":\"MAX\","
                             "\"window_size\":3,\"cmp_op\":\"$gte\",\"threshold\":0}}",
                             "{\"per_run\":\"off\"}"));
    CHECK_INT(send(&f, much, true, &err), BF_ETOOBIG);
    CHECK(strstr(err.words, "20000 actions"));
    CHECK_INT(f.n_enqueued, 0);
    CHECK_INT(send(&f, one, false, &err), 0);
    CHECK_INT(send(&f, one, false, &err), 0);
    CHECK_INT(f.n_enqueued, 0);         /* two values of three */
    CHECK_INT(send(&f, one, false, &err), 0);
    CHECK_INT(f.n_enqueued, 1);
    fixture_close(&f);
    free(much);
    free(one);
}
