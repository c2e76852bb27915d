/* test_lines.c - who waits for whom. */
#include "core/bus/lines.h"

#include <string.h>

#include "core/base/arena.h"
#include "tests/test.h"

struct called {
    char orders[64];            /* whose turn it was, each by the last digit of its number */
};

static void on_turn(void *arg, struct bf_turn *t)
{
    struct called *c = arg;
    size_t n = strlen(c->orders);

    c->orders[n] = (char)('0' + t->order % 10);
    c->orders[n + 1] = '\0';
}

static void join(struct bf_lines *l, struct bf_turn *t, const char *lines)
{
    uint64_t at[16];
    size_t n = strlen(lines);

    for (size_t i = 0; i < n; i++)
        at[i] = (uint64_t)lines[i];
    bf_lines_join(l, t, at, n);
}

static const char *leave(struct bf_lines *l, struct bf_turn *t)
{
    static struct called c;

    c.orders[0] = '\0';
    bf_lines_leave(l, t, on_turn, &c);
    return c.orders;
}

TEST(the_first_of_a_line_does_not_wait_and_the_next_one_does)
{
    struct bf_lines *l = bf_lines_new();
    struct bf_turn a = {.order = 1}, b = {.order = 2}, other = {.order = 3};

    join(l, &a, "x");
    join(l, &b, "x");
    join(l, &other, "y");
    CHECK_INT(a.n_before, 0);
    CHECK_INT(b.n_before, 1);
    CHECK_INT(other.n_before, 0);
    CHECK_STR(leave(l, &a), "2");
    CHECK_STR(leave(l, &b), "");
    CHECK_STR(leave(l, &other), "");
    CHECK_INT(bf_lines_count(l), 0);
    bf_lines_free(l);
}

TEST(who_stands_in_several_lines_waits_for_all)
{
    struct bf_lines *l = bf_lines_new();
    struct bf_turn a = {.order = 1}, b = {.order = 2}, both = {.order = 3}, last = {.order = 4};

    join(l, &a, "x");
    join(l, &b, "y");
    join(l, &both, "xyzx");
    join(l, &last, "z");
    CHECK_INT(both.n_places, 3);
    CHECK_INT(both.n_before, 2);
    CHECK_INT(last.n_before, 1);
    CHECK_STR(leave(l, &b), "");
    CHECK_STR(leave(l, &a), "3");
    CHECK_STR(leave(l, &both), "4");
    leave(l, &last);
    bf_lines_free(l);
}

TEST(who_comes_back_stands_where_he_stood)
{
    struct bf_lines *l = bf_lines_new();
    struct bf_turn a = {.order = 1}, b = {.order = 2}, c = {.order = 3};

    join(l, &a, "x");
    join(l, &c, "x");
    CHECK_STR(leave(l, &a), "3");
    join(l, &b, "x");
    CHECK_INT(b.n_before, 0);
    CHECK_INT(c.n_before, 1);
    join(l, &a, "x");
    CHECK_INT(b.n_before, 1);
    CHECK(bf_lines_held(l, 'x', 2));
    CHECK(!bf_lines_held(l, 'x', 1));
    CHECK(!bf_lines_held(l, 'y', 9));
    CHECK_STR(leave(l, &b), "");                /* from the middle: it is nobody's turn by that */
    CHECK_STR(leave(l, &a), "3");
    leave(l, &c);
    bf_lines_free(l);
}

TEST(many_lines_are_told_apart)
{
    static struct bf_turn first[1000], second[1000];
    struct bf_lines *l = bf_lines_new();

    for (uint64_t i = 0; i < 1000; i++) {
        first[i].order = i;
        second[i].order = 1000 + i;
        bf_lines_join(l, &first[i], &i, 1);
        bf_lines_join(l, &second[i], &i, 1);
    }
    CHECK_INT(bf_lines_count(l), 1000);
    for (uint64_t i = 0; i < 1000; i++) {
        CHECK_INT(second[i].n_before, 1);
        leave(l, &first[i]);
        CHECK_INT(second[i].n_before, 0);
        leave(l, &second[i]);
    }
    CHECK_INT(bf_lines_count(l), 0);
    bf_lines_free(l);
}

/* Whether two events, of acme and of a type, are of one line. */
static bool are_one_line(const char *one, const char *other)
{
    const char *texts[] = {one, other};
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_envelope *e;
    uint64_t lines[2];
    char text[300];

    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof(text), "{\"entity\":\"acme\",%s}", texts[i]);
        CHECK_INT(bf_envelope_parse(a, text, strlen(text), BF_FROM_OUTSIDE, &e, NULL), 0);
        lines[i] = bf_line_of(e);
        bf_envelope_unref(e);
    }
    bf_arena_free(a);
    return lines[0] == lines[1];
}

#define RUN(id)        "\"project\":\"vision\",\"run\":{\"id\":\"" id "\"}"
#define COLLECTION(of) "\"project\":\"vision\",\"collection\":\"" of "\""

TEST(a_line_is_a_run_or_a_collection_or_a_type)
{
    CHECK(are_one_line("\"type\":\"run.heartbeat\"," RUN("r1"), "\"type\":\"run.alert\","
                       "\"alert\":{\"title\":\"t\",\"text\":\"x\"}," RUN("r1")));
    CHECK(!are_one_line("\"type\":\"run.heartbeat\"," RUN("r1"),
                        "\"type\":\"run.heartbeat\"," RUN("r2")));
    CHECK(are_one_line("\"type\":\"ci.a\"," COLLECTION("c1"), "\"type\":\"ci.b\"," COLLECTION("c1")));
    CHECK(!are_one_line("\"type\":\"ci.a\"," COLLECTION("c1"),
                        "\"type\":\"ci.a\"," COLLECTION("c2")));
    CHECK(are_one_line("\"type\":\"ci.a\"," RUN("r1"), "\"type\":\"run.heartbeat\"," RUN("r1")));
    CHECK(!are_one_line("\"type\":\"ci.a\"", "\"type\":\"ci.b\""));
    CHECK(!are_one_line("\"type\":\"ci.a\",\"project\":\"p\"", "\"type\":\"ci.a\""));
}
