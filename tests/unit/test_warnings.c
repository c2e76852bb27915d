/* The list of what is saved although it may not work. */
#include <string.h>

#include "core/base/utf8.h"
#include "core/plugin/plugins.h"
#include "tests/test.h"

TEST(warnings_stand_in_the_order_in_which_they_were_found_each_once)
{
    struct bf_arena *a = bf_arena_new(65536);
    struct bf_warnings w = {.arena = a, .within = "actions[1]"};

    bf_warnings_add(&w, "config.text", "%d bytes", 7);
    bf_warnings_add(&w, "config.text", "%d bytes", 8);
    bf_warnings_add(&w, "config.text", "7 bytes");
    bf_warnings_add(&w, "config", "7 bytes");
    w.within = NULL;
    bf_warnings_add(&w, "event.filter", "slow");
    bf_warnings_add(&w, NULL, "all of it");
    CHECK_INT(w.n, 5);
    CHECK_STR(w.first->field, "actions[1].config.text");
    CHECK_STR(w.first->message, "7 bytes");
    CHECK_STR(w.first->next->message, "8 bytes");
    CHECK_STR(w.first->next->next->field, "actions[1].config");
    CHECK_STR(w.first->next->next->next->field, "event.filter");
    CHECK_STR(w.last->field, "");
    CHECK(!w.last->next);
    bf_arena_free(a);
}

TEST(many_warnings_are_counted_and_a_long_one_is_cut_within_no_character)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    struct bf_warnings w = {.arena = a};
    char text[4096];
    unsigned n = 0;

    for (int i = 0; i < 40; i++)
        bf_warnings_add(&w, "config", "number %d", i);
    for (const struct bf_warning *i = w.first; i; i = i->next)
        n++;
    CHECK_INT(n, BF_WARNINGS_MAX + 1);
    CHECK_STR(w.last->message, "and 24 more");

    w = (struct bf_warnings){.arena = a};
    for (size_t i = 0; i < sizeof(text) - 4; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 4);
    bf_warnings_add(&w, "config", "x%s", text);
    CHECK(strlen(w.first->message) < 620);
    CHECK(bf_utf8_ok(w.first->message, strlen(w.first->message)));
    CHECK_HAS(w.first->message, "\xe2\x82\xac…");
    bf_arena_free(a);
}

TEST(warnings_past_the_end_of_memory_mark_the_arena)
{
    struct bf_arena *a = bf_arena_new(256);
    struct bf_warnings w = {.arena = a};

    for (int i = 0; i < 40; i++)
        bf_warnings_add(&w, "config", "a warning of some length, number %d", i);
    CHECK(!bf_arena_ok(a));
    bf_arena_free(a);
}
