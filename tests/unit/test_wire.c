/* The items of batches and answers: what is written is read again, and what makes no sense is not. */
#include "core/script/wire.h"

#include "core/base/base.h"
#include "tests/test.h"

static struct bf_bytes bytes_of(const struct bf_buf *b) { return bf_bytes_of(b->data, b->len); }

TEST(a_batch_is_read_as_it_was_written)
{
    struct bf_wire_item item;
    struct bf_bytes in;
    struct bf_buf b;

    bf_buf_init(&b, BF_WIRE_IN);
    bf_wire_put_forget(&b, 300);
    bf_wire_put_script(&b, &(struct bf_wire_script){.number = 7, .needs = 5, .name = "x.lua",
                                                    .code = "re\0turn", .len = 7});
    bf_wire_put_event(&b, &(struct bf_box_event){.text = "{}", .len = 2, .received_ms = -5});
    bf_wire_put_event(&b, &(struct bf_box_event){.text = "[]", .len = 2, .id = "01J",
                                                 .received_ms = INT64_MAX});
    bf_wire_put_call(&b, &(struct bf_wire_call){.script = 7, .kind = BF_HOOK_TRANSFORM, .action = "{}",
                                                .payload = "", .payload_len = 0});
    bf_wire_put_call(&b, &(struct bf_wire_call){.script = UINT32_MAX, .only_load = true});
    CHECK(!b.failed);
    in = bytes_of(&b);
    CHECK_INT(bf_wire_get(&in, &item), BF_WIRE_FORGET);
    CHECK_INT(item.script.number, 300);
    CHECK_INT(bf_wire_get(&in, &item), BF_WIRE_SCRIPT);
    CHECK_INT(item.script.number, 7);
    CHECK_INT(item.script.needs, 5);
    CHECK_STR(item.script.name, "x.lua");
    CHECK(item.script.len == 7 && memcmp(item.script.code, "re\0turn", 8) == 0);
    CHECK_INT(bf_wire_get(&in, &item), BF_WIRE_EVENT);
    CHECK_INT(item.event.received_ms, -5);
    CHECK(!item.event.id);
    CHECK_INT(bf_wire_get(&in, &item), BF_WIRE_EVENT);
    CHECK_INT(item.event.received_ms, INT64_MAX);
    CHECK_STR(item.event.id, "01J");
    CHECK_STR(item.event.text, "[]");
    CHECK_INT(bf_wire_get(&in, &item), BF_WIRE_CALL);
    CHECK_INT(item.call.kind, BF_HOOK_TRANSFORM);
    CHECK_STR(item.call.action, "{}");
    CHECK_STR(item.call.payload, "");
    CHECK_INT(bf_wire_get(&in, &item), BF_WIRE_CALL);
    CHECK(item.call.only_load && item.call.script == UINT32_MAX && !item.call.payload);
    CHECK_INT(bf_wire_get(&in, &item), BF_WIRE_END);
    bf_buf_fini(&b);
}

/* Of an answer whatever is cut off makes it none; and so does one at the other's place. */
TEST(answers_that_are_cut_or_not_answers_are_refused)
{
    struct bf_wire_item item;
    struct bf_bytes in;
    struct bf_buf b;

    bf_buf_init(&b, BF_WIRE_OUT);
    bf_wire_put_answer(&b, &(struct bf_wire_answer){.said = BF_SAID_FAILED, .heavy = true,
                                                    .took_us = 123456, .words = "no", .words_len = 2});
    in = bytes_of(&b);
    CHECK_INT(bf_wire_get_answer(&in, &item), BF_WIRE_ANSWER);
    CHECK_INT(item.answer.said, BF_SAID_FAILED);
    CHECK_INT(item.answer.took_us, 123456);
    CHECK(item.answer.heavy);
    CHECK_STR(item.answer.words, "no");
    CHECK_INT(bf_wire_get_answer(&in, &item), BF_WIRE_END);
    for (size_t len = 1; len < b.len; len++) {
        in = bf_bytes_of(b.data, len);
        CHECK_INT(bf_wire_get_answer(&in, &item), BF_WIRE_BAD);
        CHECK_INT(bf_wire_get_answer(&in, &item), BF_WIRE_BAD);
    }
    in = bytes_of(&b);
    CHECK_INT(bf_wire_get(&in, &item), BF_WIRE_BAD);
    bf_buf_fini(&b);
}

TEST(answers_out_of_range_are_refused)
{
    static const struct bf_wire_answer wrong[] = {
        {.said = BF_SAID_NOTHING},
        {.said = (enum bf_said)(BF_SAID_FAILED + 1)},
        {.said = BF_SAID_CHANGED},
        {.said = BF_SAID_FAILED},
        {.said = BF_SAID_YES, .text = "{}", .len = 2},
        {.said = BF_SAID_NO, .words = "no", .words_len = 2},
        {.said = BF_SAID_YES, .took_us = UINT64_MAX},
    };
    char *large = bf_zalloc(BF_WIRE_TEXT_MAX + 2);
    struct bf_wire_item item;
    struct bf_bytes in;
    struct bf_buf b;

    bf_buf_init(&b, 2 * BF_WIRE_OUT);
    for (size_t i = 0; i < BF_COUNT(wrong); i++) {
        bf_buf_clear(&b);
        bf_wire_put_answer(&b, &wrong[i]);
        in = bytes_of(&b);
        CHECK_INT(bf_wire_get_answer(&in, &item), BF_WIRE_BAD);
    }
    for (size_t more = 0; more < 2; more++) {
        bf_buf_clear(&b);
        bf_wire_put_answer(&b, &(struct bf_wire_answer){.said = BF_SAID_CHANGED, .text = large,
                                                        .len = BF_WIRE_TEXT_MAX + more});
        in = bytes_of(&b);
        CHECK_INT(bf_wire_get_answer(&in, &item), more ? BF_WIRE_BAD : BF_WIRE_ANSWER);
        bf_buf_clear(&b);
        bf_wire_put_line(&b, &(struct bf_wire_line){.level = 1, .text = large,
                                                    .len = BF_WIRE_LINE_MAX + more});
        in = bytes_of(&b);
        CHECK_INT(bf_wire_get_answer(&in, &item), more ? BF_WIRE_BAD : BF_WIRE_LINE);
    }
    bf_buf_fini(&b);
    free(large);
}
