/* test_cause.c - the root of a chain of events, in a header and in an envelope. */
#include "core/event/cause.h"
#include "tests/test.h"

#include <string.h>

#include "core/base/base.h"

#define ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"

static struct bf_envelope *parse(struct bf_arena *a, const char *text)
{
    struct bf_envelope *e = NULL;
    struct bf_error err = {0};

    if (bf_envelope_parse(a, text, strlen(text), BF_FROM_OUTSIDE, &e, &err))
        test_failed(__FILE__, __LINE__, "%s: %s %s", text, err.field, err.words);
    return e;
}

TEST(the_root_is_the_events_cause_or_else_itself)
{
    struct bf_arena *a = bf_arena_new(1 << 20);

    CHECK_STR(bf_cause_root(a, NULL, ID), ID);
    CHECK_STR(bf_cause_root(a, "01CAUSE", ID), "01CAUSE");
    bf_arena_free(a);
}

/* A cause is a sender's text: it used to be able to end the header and begin another. */
TEST(the_root_is_always_a_header_and_stays_the_same_from_hub_to_hub)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    const char *once = bf_cause_root(a, "a\r\nX-Evil: 1 \xc3\xa9%", ID);

    CHECK_STR(once, "a%0D%0AX-Evil:%201%20%C3%A9%");
    CHECK_STR(bf_cause_root(a, once, ID), once);
    bf_arena_free(a);
}

static const struct {
    const char *before, *after;
} rows[] = {
    {"{\"type\":\"x\",\"entity\":\"a\"}", "{\"cause\":\"R1\",\"type\":\"x\",\"entity\":\"a\"}"},
    {"{ \"type\":\"x\",\"entity\":\"a\", \"cause\" : \"other\",\"data\":{ \"n\":9007199254740993 }}",
     "{ \"type\":\"x\",\"entity\":\"a\", \"cause\" : \"R1\",\"data\":{ \"n\":9007199254740993 }}"},
    {"{\"data\":{\"cause\":\"d\"},\"type\":\"x\",\"entity\":\"a\"}",
     "{\"cause\":\"R1\",\"data\":{\"cause\":\"d\"},\"type\":\"x\",\"entity\":\"a\"}"},
};

TEST(a_cause_is_written_into_the_envelope_and_nothing_else_changes)
{
    struct bf_arena *a = bf_arena_new(1 << 20);

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_envelope *e = parse(a, rows[i].before), *out;

        e->hops = 3;
        CHECK_INT(bf_cause_set(a, e, "R1", &out, NULL), 0);
        CHECK_STR(out->text, rows[i].after);
        CHECK_STR(out->cause, "R1");
        CHECK_INT(out->hops, 3);
        bf_envelope_unref(out);
        bf_envelope_unref(e);
    }
    bf_arena_free(a);
}

TEST(an_event_that_has_this_cause_is_left_as_it_is)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_envelope *e = parse(a, "{\"type\":\"x\",\"entity\":\"a\",\"cause\":\"R1\"}"), *out;

    CHECK_INT(bf_cause_set(a, e, "R1", &out, NULL), 0);
    CHECK(out == e);
    bf_envelope_unref(out);
    bf_envelope_unref(e);
    bf_arena_free(a);
}

TEST(what_can_be_no_cause_is_refused)
{
    static char longest[3 * BF_NAME_MAX + 2];
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_envelope *e = parse(a, "{\"type\":\"x\",\"entity\":\"a\"}"), *out = NULL;
    const char *const bad[] = {"", "a b", "a\tb", "\xc3\xa9", longest};
    struct bf_error err;

    memset(longest, 'x', sizeof(longest) - 1);
    for (size_t i = 0; i < BF_COUNT(bad); i++) {
        CHECK_INT(bf_cause_set(a, e, bad[i], &out, &err), BF_ECONFIG);
        CHECK_STR(err.field, "cause");
    }
    longest[3 * BF_NAME_MAX] = '\0';            /* the longest that a hub makes, which is cut */
    CHECK_INT(bf_cause_set(a, e, longest, &out, &err), 0);
    CHECK_INT(strlen(out->cause), BF_NAME_MAX);
    bf_envelope_unref(out);
    bf_envelope_unref(e);
    bf_arena_free(a);
}
