/* wire.c - the items of batches and of answers, written and read.
 *
 * Readers fill in an item field by field and look once, at the end, whether all of it was there.
 * What comes from a process is checked for sense as well: it may be anything. */
#include "core/script/wire.h"

#include <string.h>

#include <belfry/plugin.h> /* enum bf_level */

enum { CALL_ONLY_LOAD = 1, CALL_ACTION = 2, CALL_PAYLOAD = 4 };
enum { EVENT_ID = 1 };
enum { ANSWER_HEAVY = 1, ANSWER_TEXT = 2, ANSWER_WORDS = 4 };

static void put_text(struct bf_buf *b, const char *text, size_t len)
{
    bf_put_number(b, len);
    bf_buf_add(b, text, len);
    bf_buf_addc(b, '\0');
}

static const char *get_text(struct bf_bytes *in, size_t *len)
{
    uint64_t n = bf_get_number(in);
    const char *text = bf_get_bytes(in, n);

    if (bf_get_byte(in) != '\0')
        in->bad = true;
    *len = in->bad ? 0 : (size_t)n;
    return in->bad ? "" : text;
}

static uint64_t get_at_most(struct bf_bytes *in, uint64_t most)
{
    uint64_t value = bf_get_number(in);

    if (value > most)
        in->bad = true;
    return in->bad ? 0 : value;
}

/* --- to a process -------------------------------------------------------------------------------- */

void bf_wire_put_script(struct bf_buf *b, const struct bf_wire_script *s)
{
    bf_buf_addc(b, BF_WIRE_SCRIPT);
    bf_put_number(b, s->number);
    bf_put_number(b, s->needs);
    put_text(b, s->name, strlen(s->name));
    put_text(b, s->code, s->len);
}

void bf_wire_put_forget(struct bf_buf *b, uint32_t number)
{
    bf_buf_addc(b, BF_WIRE_FORGET);
    bf_put_number(b, number);
}

void bf_wire_put_event(struct bf_buf *b, const struct bf_box_event *e)
{
    bf_buf_addc(b, BF_WIRE_EVENT);
    bf_put_number(b, e->id ? EVENT_ID : 0);
    bf_put_signed(b, e->received_ms);
    put_text(b, e->text, e->len);
    if (e->id)
        put_text(b, e->id, strlen(e->id));
}

void bf_wire_put_call(struct bf_buf *b, const struct bf_wire_call *c)
{
    bf_buf_addc(b, BF_WIRE_CALL);
    bf_put_number(b, (c->only_load ? CALL_ONLY_LOAD : 0) | (c->action ? CALL_ACTION : 0) |
                         (c->payload ? CALL_PAYLOAD : 0));
    bf_put_number(b, c->script);
    bf_put_number(b, c->kind);
    if (c->action)
        put_text(b, c->action, strlen(c->action));
    if (c->payload)
        put_text(b, c->payload, c->payload_len);
}

static void get_script(struct bf_bytes *in, struct bf_wire_script *s)
{
    size_t len;

    s->number = (uint32_t)get_at_most(in, UINT32_MAX);
    s->needs = (uint32_t)get_at_most(in, UINT32_MAX);
    s->name = get_text(in, &len);
    s->code = get_text(in, &s->len);
}

static void get_event(struct bf_bytes *in, struct bf_box_event *e)
{
    uint64_t has = get_at_most(in, EVENT_ID);
    size_t len;

    e->received_ms = bf_get_signed(in);
    e->text = get_text(in, &e->len);
    e->id = has & EVENT_ID ? get_text(in, &len) : NULL;
}

static void get_call(struct bf_bytes *in, struct bf_wire_call *c)
{
    uint64_t has = get_at_most(in, CALL_ONLY_LOAD | CALL_ACTION | CALL_PAYLOAD);
    size_t len;

    c->only_load = has & CALL_ONLY_LOAD;
    c->script = (uint32_t)get_at_most(in, UINT32_MAX);
    c->kind = (enum bf_hook_kind)get_at_most(in, BF_HOOK_ON_EVENT);
    c->action = has & CALL_ACTION ? get_text(in, &len) : NULL;
    c->payload = has & CALL_PAYLOAD ? get_text(in, &c->payload_len) : NULL;
}

static enum bf_wire_kind end_of(const struct bf_bytes *in, struct bf_wire_item *out)
{
    if (in->bad)
        out->kind = BF_WIRE_BAD;
    return out->kind;
}

enum bf_wire_kind bf_wire_get(struct bf_bytes *in, struct bf_wire_item *out)
{
    memset(out, 0, sizeof(*out));
    if (in->at == in->end && !in->bad)
        return out->kind = BF_WIRE_END;
    switch (out->kind = (enum bf_wire_kind)bf_get_byte(in)) {
    case BF_WIRE_SCRIPT:
        get_script(in, &out->script);
        break;
    case BF_WIRE_FORGET:
        out->script.number = (uint32_t)get_at_most(in, UINT32_MAX);
        break;
    case BF_WIRE_EVENT:
        get_event(in, &out->event);
        break;
    case BF_WIRE_CALL:
        get_call(in, &out->call);
        break;
    default:
        in->bad = true;
    }
    return end_of(in, out);
}

/* --- from a process ------------------------------------------------------------------------------ */

void bf_wire_put_answer(struct bf_buf *b, const struct bf_wire_answer *a)
{
    bf_buf_addc(b, BF_WIRE_ANSWER);
    bf_put_number(b, (a->heavy ? ANSWER_HEAVY : 0) | (a->text ? ANSWER_TEXT : 0) |
                         (a->words ? ANSWER_WORDS : 0));
    bf_put_number(b, a->said);
    bf_put_number(b, a->took_us);
    if (a->text)
        put_text(b, a->text, a->len);
    if (a->words)
        put_text(b, a->words, a->words_len);
}

void bf_wire_put_line(struct bf_buf *b, const struct bf_wire_line *l)
{
    bf_buf_addc(b, BF_WIRE_LINE);
    bf_put_number(b, (uint64_t)l->level);
    put_text(b, l->text, l->len);
}

static void get_answer(struct bf_bytes *in, struct bf_wire_answer *a)
{
    uint64_t has = get_at_most(in, ANSWER_HEAVY | ANSWER_TEXT | ANSWER_WORDS);

    a->heavy = has & ANSWER_HEAVY;
    a->said = (enum bf_said)get_at_most(in, BF_SAID_FAILED);
    a->took_us = get_at_most(in, INT64_MAX);
    a->text = has & ANSWER_TEXT ? get_text(in, &a->len) : NULL;
    a->words = has & ANSWER_WORDS ? get_text(in, &a->words_len) : NULL;
    if (a->len > BF_WIRE_TEXT_MAX || a->words_len > BF_WIRE_WORDS_MAX ||
        a->said == BF_SAID_NOTHING || (a->said == BF_SAID_CHANGED) != (a->text != NULL) ||
        (a->said == BF_SAID_FAILED) != (a->words != NULL))
        in->bad = true;
}

static void get_line(struct bf_bytes *in, struct bf_wire_line *l)
{
    l->level = (int)get_at_most(in, BF_LOG_DEBUG);
    l->text = get_text(in, &l->len);
    if (l->len > BF_WIRE_LINE_MAX)
        in->bad = true;
}

enum bf_wire_kind bf_wire_get_answer(struct bf_bytes *in, struct bf_wire_item *out)
{
    memset(out, 0, sizeof(*out));
    if (in->at == in->end && !in->bad)
        return out->kind = BF_WIRE_END;
    switch (out->kind = (enum bf_wire_kind)bf_get_byte(in)) {
    case BF_WIRE_ANSWER:
        get_answer(in, &out->answer);
        break;
    case BF_WIRE_LINE:
        get_line(in, &out->line);
        break;
    default:
        in->bad = true;
    }
    return end_of(in, out);
}
