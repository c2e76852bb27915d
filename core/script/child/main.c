/* main.c - belfry-script: a script process.  Started by a hub, for its scripts; see wire.h.
 *
 * It keeps the text of every script it was given and a state for as many as its memory allows: before
 * a call there is always room for one state at its limit, and those that were not used for the
 * longest time go first.  A state that has grown large goes at once.  So what one script has eaten is
 * never another's failure.
 *
 * It trusts its hub and nothing that a script does.  Whatever it cannot go on from ends it: the hub
 * sees that, and which call it was at. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/base/tz.h"
#include "core/base/utf8.h"
#include "core/script/child/cage.h"
#include "core/script/wire.h"

#define STATES_MAX (32 * 1024 * 1024)   /* bytes of all states, of which one call may need half */
#define HEAVY      (8 * 1024 * 1024)    /* bytes of a state that is not kept */
#define ANSWER_MAX (BF_WIRE_TEXT_MAX + 64 * 1024)       /* that an answer and its lines may need */
#define LOAD_US    5000                 /* a load that takes longer counts as the call's time */
#define CLOCK_US   1000                 /* and about calls that take longer the CPU clock is asked */

struct held {
    char *name;
    char *code;
    size_t len;
    unsigned needs;
    struct bf_box *box;         /* NULL: it has no state */
    struct bf_script *script;
    size_t used;                /* bytes of the state */
    uint64_t turn;              /* when it was last asked */
};

struct process {
    struct bf_board *board;
    struct held *held;          /* by number - 1 */
    size_t n;
    size_t used;                /* bytes of all states */
    uint64_t turn;
    uint32_t out_len;
    struct bf_box_event event;  /* the batch's latest */
    bool about;                 /* there is one */
    uint32_t begun;
    int64_t now_us, cpu_us;     /* when they were last read */
    struct bf_buf text, words, item;
};

static int64_t read_us(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return ts.tv_sec * (int64_t)1000000 + ts.tv_nsec / 1000;
}

/* --- states ------------------------------------------------------------------------------------------ */

static void drop_state(struct process *p, struct held *h)
{
    bf_script_free(h->script);
    bf_box_free(h->box);
    h->script = NULL;
    h->box = NULL;
    p->used -= h->used;
    h->used = 0;
}

static struct held *least_recent(struct process *p, const struct held *but)
{
    struct held *least = NULL;

    for (size_t i = 0; i < p->n; i++) {
        struct held *h = &p->held[i];

        if (h != but && h->box && (!least || h->turn < least->turn))
            least = h;
    }
    return least;
}

static void make_room(struct process *p, const struct held *h)
{
    struct held *other;

    while (p->used - h->used + BF_BOX_MEMORY > STATES_MAX && (other = least_recent(p, h)))
        drop_state(p, other);
}

static void put_out(struct process *p)
{
    bf_assert(!p->item.failed && p->out_len + p->item.len <= BF_WIRE_OUT);
    memcpy(p->board->out + p->out_len, p->item.data, p->item.len);
    p->out_len += (uint32_t)p->item.len;
    atomic_store_explicit(&p->board->out_len, p->out_len, memory_order_release);
    bf_buf_clear(&p->item);
}

static void on_log(void *arg, int level, const char *text)
{
    bf_wire_put_line(&((struct process *)arg)->item, &(struct bf_wire_line){
        .level = level, .text = text, .len = bf_utf8_cut(text, strlen(text), BF_WIRE_LINE_MAX)});
    put_out(arg);
}

static bool load(struct process *p, struct held *h)
{
    static const struct bf_box_limits limits = {BF_BOX_MEMORY, BF_BOX_INSTRUCTIONS};
    struct bf_error err = {0};
    bool ok;

    h->box = bf_box_new(&limits, on_log, p);
    if (h->box)
        bf_box_watch(h->box, &p->board->line);
    ok = h->box && bf_box_load(h->box, h->name, h->code, h->len, h->needs, &h->script, &err) == 0;
    if (!ok)
        bf_buf_adds(&p->words, err.words[0] ? err.words : "there is no memory for it");
    return ok;
}

/* --- a call ------------------------------------------------------------------------------------------- */

static void check_text(struct process *p, enum bf_said *said)
{
    if (*said != BF_SAID_CHANGED || !p->text.failed)
        return;
    *said = BF_SAID_FAILED;
    bf_buf_printf(&p->words, "it gave more than the %d KiB that may come back",
                  BF_WIRE_TEXT_MAX / 1024);
}

/* The time of a call begins behind its load, unless that took long. */
static void start_anew(struct process *p)
{
    int64_t now = read_us(CLOCK_MONOTONIC);

    if (now - p->now_us <= LOAD_US)
        p->now_us = now;
}

static enum bf_said ask(struct process *p, struct held *h, const struct bf_wire_call *c)
{
    enum bf_said said;

    if (!h->box) {
        if (!load(p, h))
            return BF_SAID_FAILED;
        start_anew(p);
    }
    if (c->only_load)
        return BF_SAID_YES;
    said = bf_box_call(h->script, c->kind, p->about ? &p->event : NULL, c->action, c->payload,
                       c->payload_len, &p->text, &p->words);
    check_text(p, &said);
    return said;
}

/* Of CPU time, if it is worth asking for that: a busy machine makes nobody slow. */
static uint64_t took_us(struct process *p)
{
    int64_t now = read_us(CLOCK_MONOTONIC), took = now - p->now_us, cpu;

    p->now_us = now;
    if (took > CLOCK_US) {
        cpu = read_us(CLOCK_PROCESS_CPUTIME_ID);
        took = bf_min64(took, cpu - p->cpu_us);
        p->cpu_us = cpu;
    }
    return (uint64_t)bf_max64(took, 0);
}

static void answer(struct process *p, enum bf_said said, bool heavy)
{
    struct bf_wire_answer a = {.said = said, .heavy = heavy, .took_us = took_us(p)};

    if (said == BF_SAID_CHANGED) {
        a.text = bf_buf_text(&p->text);
        a.len = p->text.len;
    }
    if (said == BF_SAID_FAILED) {
        a.words = p->words.len ? p->words.data : "it failed";
        a.words_len = bf_utf8_cut(a.words, strlen(a.words), BF_WIRE_WORDS_MAX);
    }
    bf_wire_put_answer(&p->item, &a);
    put_out(p);
}

static void serve(struct process *p, const struct bf_wire_call *c)
{
    struct held *h = &p->held[c->script - 1];
    enum bf_said said;
    bool heavy;

    bf_assert(c->script > 0 && c->script <= p->n && h->code);
    atomic_store_explicit(&p->board->line, 0, memory_order_relaxed);
    atomic_store_explicit(&p->board->begun, ++p->begun, memory_order_release);
    h->turn = ++p->turn;
    make_room(p, h);
    bf_buf_clear(&p->text);
    bf_buf_clear(&p->words);
    said = ask(p, h, c);
    p->used -= h->used;
    h->used = h->box ? bf_box_used(h->box) : 0;
    p->used += h->used;
    heavy = h->used > HEAVY;
    answer(p, said, heavy);
    if (heavy || !h->script)
        drop_state(p, h);
}

/* --- a batch ------------------------------------------------------------------------------------------ */

static void forget(struct process *p, uint32_t number)
{
    struct held *h = &p->held[number - 1];

    bf_assert(number > 0 && number <= p->n);
    drop_state(p, h);
    free(h->name);
    free(h->code);
    *h = (struct held){0};
}

static void keep(struct process *p, const struct bf_wire_script *s)
{
    struct held *h;

    if (s->number > p->n) {
        p->held = bf_zrealloc(p->held, s->number * sizeof(*p->held));
        memset(p->held + p->n, 0, (s->number - p->n) * sizeof(*p->held));
        p->n = s->number;
    }
    h = &p->held[s->number - 1];
    h->name = bf_strdup(s->name);
    h->code = bf_zalloc(s->len + 1);
    memcpy(h->code, s->code, s->len);
    h->len = s->len;
    h->needs = s->needs;
}

/* Once there is no room for one more answer the calls that are left are passed over; what is to be
 * kept or forgotten is not. */
static void serve_batch(struct process *p)
{
    struct bf_bytes in = bf_bytes_of(p->board->in, p->board->in_len);
    struct bf_wire_item item;

    p->out_len = p->begun = 0;
    p->about = false;
    p->now_us = read_us(CLOCK_MONOTONIC);
    p->cpu_us = read_us(CLOCK_PROCESS_CPUTIME_ID);
    while (bf_wire_get(&in, &item) != BF_WIRE_END) {
        bf_assert(item.kind != BF_WIRE_BAD);
        if (item.kind == BF_WIRE_SCRIPT) {
            keep(p, &item.script);
        } else if (item.kind == BF_WIRE_FORGET) {
            forget(p, item.script.number);
        } else if (item.kind == BF_WIRE_EVENT) {
            p->event = item.event;
            p->about = true;
        } else if (BF_WIRE_OUT - p->out_len >= ANSWER_MAX) {
            serve(p, &item.call);
        }
    }
}

/* --- the process -------------------------------------------------------------------------------------- */

static bool ring(void) { return send(BF_WIRE_SOCKET, "", 1, MSG_NOSIGNAL) == 1; }

static bool wait_for_bell(void)
{
    char bell;

    return recv(BF_WIRE_SOCKET, &bell, 1, 0) == 1;
}

static struct bf_board *map_board(void)
{
    void *at;

    if (fcntl(BF_WIRE_BOARD, F_GET_SEALS) < 0) {
        fprintf(stderr, "belfry-script runs the scripts of a Belfry hub, which starts it by itself\n");
        exit(BF_WIRE_EXIT_USAGE);
    }
    at = mmap(NULL, sizeof(struct bf_board), PROT_READ | PROT_WRITE, MAP_SHARED, BF_WIRE_BOARD, 0);
    if (at == MAP_FAILED)
        exit(BF_WIRE_EXIT_SETUP);
    close(BF_WIRE_BOARD);
    if (((struct bf_board *)at)->version != BF_WIRE_VERSION)
        exit(BF_WIRE_EXIT_VERSION);
    return at;
}

/* While files can still be read: whoever asks for one of these later is given the same one. */
static void load_zones(const struct bf_board *board)
{
    const char *end = board->in + board->in_len;

    for (const char *name = board->in; name < end; name += strlen(name) + 1)
        bf_tz_new(name);
}

/* What a first call would have to wait for: libraries are bound, their memory is touched. */
static void warm_up(struct process *p)
{
    static char name[] = "warm", code[] = "return { filter = function(event) return event.type == \"\" end }";
    static const char type[] = "{\"type\":\"\"}";
    struct held h = {.name = name, .code = code, .len = sizeof(code) - 1, .needs = 1};
    struct bf_wire_call c = {.kind = BF_HOOK_FILTER};

    p->event = (struct bf_box_event){.text = type, .len = sizeof(type) - 1};
    p->about = true;
    ask(p, &h, &c);
    drop_state(p, &h);
}

_Noreturn static void on_oom(size_t len)
{
    (void)len;
    _exit(BF_WIRE_EXIT_MEMORY);
}

int main(void)
{
    static struct process p;

    p.board = map_board();
    bf_cage_close_all();
    bf_on_oom(on_oom);
    bf_buf_init(&p.text, BF_WIRE_TEXT_MAX);
    bf_buf_init(&p.words, 2 * BF_WIRE_WORDS_MAX);
    bf_buf_init(&p.item, ANSWER_MAX);
    if (bf_crypto_init(NULL) != 0)
        return BF_WIRE_EXIT_SETUP;
    load_zones(p.board);
    warm_up(&p);
    if (!bf_cage_enter())
        return BF_WIRE_EXIT_SETUP;
    while (ring() && wait_for_bell())
        serve_batch(&p);
    _exit(0);
}
