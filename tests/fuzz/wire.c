/* wire - any bytes, as a script process's answers and as a hub's batch: what is read lies within them,
 * is in range, and is the same again when it is written and read once more. */
#include "tests/fuzz/fuzz.h"

#include "core/script/wire.h"

typedef enum bf_wire_kind get_fn(struct bf_bytes *in, struct bf_wire_item *out);

static void check_text(const char *text, size_t len, const char *data, size_t size)
{
    if (!text)
        return;
    CLAIM(text >= data && len < size && text + len < data + size);
    CLAIM(text[len] == '\0');
}

static bool same_text(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return !a == !b && a_len == b_len && (!a || memcmp(a, b, a_len) == 0);
}

static void check(const struct bf_wire_item *i, const char *data, size_t size)
{
    switch (i->kind) {
    case BF_WIRE_SCRIPT:
        check_text(i->script.code, i->script.len, data, size);
        check_text(i->script.name, strlen(i->script.name), data, size);
        break;
    case BF_WIRE_EVENT:
        check_text(i->event.text, i->event.len, data, size);
        break;
    case BF_WIRE_CALL:
        CLAIM(i->call.kind <= BF_HOOK_ON_EVENT);
        check_text(i->call.payload, i->call.payload_len, data, size);
        break;
    case BF_WIRE_ANSWER:
        CLAIM(i->answer.said > BF_SAID_NOTHING && i->answer.said <= BF_SAID_FAILED);
        CLAIM((i->answer.said == BF_SAID_CHANGED) == (i->answer.text != NULL));
        CLAIM(i->answer.took_us <= INT64_MAX);
        check_text(i->answer.text, i->answer.len, data, size);
        check_text(i->answer.words, i->answer.words_len, data, size);
        break;
    case BF_WIRE_LINE:
        CLAIM(i->line.len <= BF_WIRE_LINE_MAX && i->line.level >= 0);
        check_text(i->line.text, i->line.len, data, size);
        break;
    default:
        break;
    }
}

static void write_item(struct bf_buf *b, const struct bf_wire_item *i)
{
    switch (i->kind) {
    case BF_WIRE_SCRIPT:
        bf_wire_put_script(b, &i->script);
        break;
    case BF_WIRE_FORGET:
        bf_wire_put_forget(b, i->script.number);
        break;
    case BF_WIRE_EVENT:
        bf_wire_put_event(b, &i->event);
        break;
    case BF_WIRE_CALL:
        bf_wire_put_call(b, &i->call);
        break;
    case BF_WIRE_ANSWER:
        bf_wire_put_answer(b, &i->answer);
        break;
    default:
        bf_wire_put_line(b, &i->line);
    }
}

static void check_again(get_fn *get, const struct bf_wire_item *i)
{
    struct bf_wire_item again;
    struct bf_bytes in;
    struct bf_buf b;

    bf_buf_init(&b, 1 << 21);
    write_item(&b, i);
    CLAIM(!b.failed);
    in = bf_bytes_of(b.data, b.len);
    CLAIM(get(&in, &again) == i->kind);
    CLAIM(in.at == in.end);
    if (i->kind == BF_WIRE_ANSWER)
        CLAIM(again.answer.said == i->answer.said && again.answer.heavy == i->answer.heavy &&
              again.answer.took_us == i->answer.took_us &&
              same_text(again.answer.text, again.answer.len, i->answer.text, i->answer.len) &&
              same_text(again.answer.words, again.answer.words_len, i->answer.words,
                        i->answer.words_len));
    if (i->kind == BF_WIRE_CALL)
        CLAIM(again.call.script == i->call.script && again.call.kind == i->call.kind &&
              again.call.only_load == i->call.only_load &&
              same_text(again.call.payload, again.call.payload_len, i->call.payload,
                        i->call.payload_len));
    bf_buf_fini(&b);
}

static void read_all(get_fn *get, const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct bf_bytes in = bf_bytes_of(text, size);
    struct bf_wire_item item;
    const uint8_t *before = in.at;

    while (get(&in, &item) > BF_WIRE_BAD) {
        CLAIM(in.at > before && in.at <= in.end);
        before = in.at;
        check(&item, text, size);
        check_again(get, &item);
    }
    CLAIM(item.kind == BF_WIRE_BAD || in.at == in.end);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_all(bf_wire_get_answer, data, size);
    read_all(bf_wire_get, data, size);
    return 0;
}
