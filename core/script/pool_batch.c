/* pool_batch.c - what a process is given, what it answers, and when it has had enough.
 *
 * The budget of a call is measured from outside.  Every few milliseconds the process's CPU clock is
 * read together with the number of the call it is at; if that has not moved, all that the clock has
 * advanced is this call's.  So a call is cut off at its budget and at most two looks more, and never
 * before it had all of it.  Time on the wall counts only as far as this thread was awake: a hub that
 * was stopped for a while does not blame scripts for it.
 *
 * Whatever a process leaves on its board is taken for the work of an enemy. */
#include "core/script/pool_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "core/base/base.h"
#include "core/base/json.h"
#include "core/base/utf8.h"

#define UNBEGUN_MAX 3           /* processes in a row that may die before they came to a call */
#define IN_KEPT     BF_POOL_BYTES   /* bytes of a board that stay in memory between batches */

/* --- a batch out --------------------------------------------------------------------------------- */

static void push(uint32_t **list, uint32_t *n, uint32_t *cap, uint32_t value)
{
    if (*n == *cap) {
        *cap = *cap ? 2 * *cap : 16;
        *list = bf_zrealloc(*list, *cap * sizeof(**list));
    }
    (*list)[(*n)++] = value;
}

void bf_seat_begin(struct bf_seat *s)
{
    struct bf_buf *out = &s->pool->out;

    bf_buf_clear(out);
    for (uint32_t i = 0; i < s->n_forget; i++) {
        bf_wire_put_forget(out, s->forget[i]);
        push(&s->unused, &s->n_unused, &s->cap_unused, s->forget[i]);
    }
    s->n_forget = 0;
    s->answered = 0;
    s->taken = 0;
}

static uint32_t next_number(struct bf_seat *s)
{
    if (s->n_unused)
        return s->unused[--s->n_unused];
    if (s->n_scripts == s->cap_scripts) {
        s->cap_scripts = s->cap_scripts ? 2 * s->cap_scripts : 16;
        s->scripts = bf_zrealloc(s->scripts, s->cap_scripts * sizeof(struct bf_pool_script *));
    }
    return ++s->n_scripts;
}

static void put_script(struct bf_seat *s, struct bf_pool_script *script)
{
    uint32_t number = next_number(s);

    s->scripts[number - 1] = bf_pool_script_ref(script);
    script->number[s->at] = number;
    script->held++;
    s->texts += script->len;
    if (s->texts > BF_POOL_TEXTS)
        s->going = true;        /* after this batch */
    bf_wire_put_script(&s->pool->out, &(struct bf_wire_script){
        .number = number, .needs = script->needs, .name = script->name, .code = script->code,
        .len = script->len});
}

static size_t room_for(const struct bf_seat *s, const struct bf_pool_call *c, bool event)
{
    size_t size = BF_WIRE_OVERHEAD + c->payload_len + (c->action ? strlen(c->action) : 0);

    if (event)
        size += BF_WIRE_OVERHEAD + c->event->len + (c->event->id ? strlen(c->event->id) : 0);
    if (!c->script->number[s->at])
        size += BF_WIRE_OVERHEAD + c->script->len + strlen(c->script->name);
    return size;
}

bool bf_seat_put(struct bf_seat *s, const struct bf_pool_call *c, const struct bf_box_event *about)
{
    struct bf_buf *out = &s->pool->out;
    bool event = c->event && c->event != about;

    if (room_for(s, c, event) > BF_WIRE_IN - out->len)
        return false;
    if (!c->script->number[s->at])
        put_script(s, c->script);
    if (event)
        bf_wire_put_event(out, c->event);
    bf_wire_put_call(out, &(struct bf_wire_call){
        .script = c->script->number[s->at], .only_load = c->only_load, .kind = c->kind,
        .action = c->action, .payload = c->payload, .payload_len = c->payload_len});
    return true;
}

static void ring(struct bf_seat *s)
{
    while (send(s->socket, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EINTR)
        ;                       /* whatever else is wrong is about to be seen */
}

void bf_seat_send(struct bf_seat *s)
{
    struct bf_buf *out = &s->pool->out;

    bf_assert(!out->failed && out->len <= BF_WIRE_IN);
    memcpy(s->board->in, out->data, out->len);
    s->board->in_len = (uint32_t)out->len;
    atomic_store_explicit(&s->board->begun, 0, memory_order_relaxed);
    atomic_store_explicit(&s->board->line, 0, memory_order_relaxed);
    atomic_store_explicit(&s->board->out_len, 0, memory_order_release);
    bf_pool_count(&s->pool->tally.batches);
    bf_seat_set_state(s, BF_SEAT_BUSY);
    ring(s);
}

/* --- answers back ---------------------------------------------------------------------------------- */

/* The process is of no use any more.  The call it was at has failed with these words, and what stands
 * behind it is asked again. */
BF_FORMAT(2, 3)
static void lose(struct bf_seat *s, const char *fmt, ...)
{
    struct bf_pool_call *c = bf_calls_take(&s->batch);
    char words[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(words, sizeof(words), fmt, ap);
    va_end(ap);
    bf_pool_count(&s->pool->tally.killed);
    if (c)
        bf_pool_crashed(s, c, "%s", words);
    else
        bf_warnf(s->pool->log, "script", "of a process that had nothing to do: %s", words);
    bf_pool_batch_over(s);
    if (s->pidfd >= 0)
        bf_seat_kill(s);
    else
        bf_seat_empty(s);
}

static const char *activity(const struct bf_pool_call *c)
{
    return c->only_load ? "loading it" : bf_hook_name(c->kind);
}

/* A failure's words in an arena, fit for JSON and for a terminal. */
static const char *clean_words(struct bf_arena *a, const char *words, size_t len)
{
    char *out = bf_arena_alloc(a, len + 1), *to = out;

    if (!out)
        return "its words had no room";
    for (const char *end = words + len; words < end;) {
        size_t n = bf_utf8_len(words, end);

        if (n == 0 || ((unsigned char)*words < ' ' && *words != '\n' && *words != '\t') ||
            *words == 0x7f) {
            *to++ = '?';
            words++;
            continue;
        }
        memcpy(to, words, n);
        to += n;
        words += n;
    }
    return out;
}

static bool is_json(struct bf_pool *p, const char *text, size_t len)
{
    bool ok = bf_json_parse(p->scratch, text, len, NULL) != NULL;

    bf_arena_reset(p->scratch);
    return ok;
}

/* Can a call of this kind be answered so? */
static bool fits(const struct bf_pool_call *c, enum bf_said said)
{
    switch (said) {
    case BF_SAID_FAILED:
    case BF_SAID_YES:           /* of a transform and of on_event: nothing was changed */
        return true;
    case BF_SAID_NO:
        return !c->only_load && c->kind != BF_HOOK_TRANSFORM;
    case BF_SAID_CHANGED:
        return !c->only_load && c->kind != BF_HOOK_FILTER;
    default:
        return false;
    }
}

static bool take_answer(struct bf_seat *s, const struct bf_wire_answer *a)
{
    struct bf_pool_call *c = bf_calls_first(&s->batch);

    if (!c || !fits(c, a->said) || (a->text && !is_json(s->pool, a->text, a->len)))
        return false;
    bf_calls_take(&s->batch);
    s->answered++;
    s->pool->unbegun = 0;
    c->answer.said = a->said;
    c->took_us = (int64_t)a->took_us;
    if (bf_arena_room(c->arena) < a->len + a->words_len + BF_HASH_LEN + 64) {
        bf_pool_landed(s, c, a->heavy);
        return true;            /* says so */
    }
    c->answer.script = bf_arena_ndup(c->arena, c->script->hash, BF_HASH_LEN);
    if (a->words)
        c->answer.words = clean_words(c->arena, a->words, a->words_len);
    if (a->text) {
        c->text = bf_arena_ndup(c->arena, a->text, a->len);
        c->len = a->len;
    }
    bf_pool_landed(s, c, a->heavy);
    return true;
}

BF_FORMAT(3, 4)
static void say(struct bf_log *log, int level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    bf_log_say(log, level, "script", fmt, ap);
    va_end(ap);
}

/* So many a second and script, and how many there were more. */
static void take_line(struct bf_seat *s, const struct bf_wire_line *l)
{
    struct bf_pool_call *c = bf_calls_first(&s->batch);
    struct bf_pool_script *script = c ? c->script : NULL;
    int64_t now = bf_pool_now_ms();

    if (!script)
        return;
    if (now - script->lines_since_ms >= 1000) {
        if (script->lines > BF_POOL_LINES)
            bf_warnf(s->pool->log, "script", "%s: %u lines more were left out", script->name,
                     script->lines - BF_POOL_LINES);
        script->lines_since_ms = now;
        script->lines = 0;
    }
    if (++script->lines > BF_POOL_LINES)
        return;
    say(s->pool->log, l->level, "%s: %.*s", script->name, (int)l->len, l->text);
}

/* Read what is whole in `out`, from a copy; false if it makes no sense. */
static bool harvest(struct bf_seat *s)
{
    uint32_t len = atomic_load_explicit(&s->board->out_len, memory_order_acquire);
    struct bf_buf *copy = &s->pool->out;
    struct bf_wire_item item;
    struct bf_bytes in;

    if (len == s->taken)
        return true;
    if (len < s->taken || len > BF_WIRE_OUT)
        return false;
    bf_buf_clear(copy);
    bf_buf_add(copy, s->board->out + s->taken, len - s->taken);
    s->taken = len;
    in = bf_bytes_of(copy->data, copy->len);
    for (;;) {
        switch (bf_wire_get_answer(&in, &item)) {
        case BF_WIRE_END:
            return true;
        case BF_WIRE_ANSWER:
            if (!take_answer(s, &item.answer))
                return false;
            break;
        case BF_WIRE_LINE:
            take_line(s, &item.line);
            break;
        default:
            return false;
        }
    }
}

static void lose_liar(struct bf_seat *s)
{
    lose(s, "its process answered what makes no sense, and was ended");
}

/* A board stays as large as its largest batch was, unless it is told not to. */
static void give_back(struct bf_seat *s)
{
    if (s->board->in_len > IN_KEPT)
        madvise((char *)s->board + IN_KEPT, BF_WIRE_IN - IN_KEPT, MADV_REMOVE);
}

static void finish_batch(struct bf_seat *s)
{
    if (!harvest(s) || !s->answered) {
        lose_liar(s);
        return;
    }
    give_back(s);
    bf_seat_set_state(s, BF_SEAT_READY);
    bf_pool_batch_over(s);
    if (s->apart || s->going)
        bf_seat_kill(s);
}

void bf_seat_rung(struct bf_seat *s)
{
    char bells[8];
    ssize_t n = recv(s->socket, bells, sizeof(bells), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {               /* it is dead, or pretends to be; then it shall be */
        epoll_ctl(s->pool->epoll, EPOLL_CTL_DEL, s->socket, NULL);
        bf_seat_signal(s);
    } else if (n == 1 && s->state == BF_SEAT_STARTING) {
        s->pool->broken = false;
        s->pool->failed_starts = 0;
        bf_seat_set_state(s, BF_SEAT_READY);
        if (s->going)
            bf_seat_kill(s);
    } else if (n == 1 && s->state == BF_SEAT_BUSY) {
        finish_batch(s);
    } else {
        lose_liar(s);
    }
}

static void describe_end(int status, char *out, size_t size)
{
    if (status == -1)
        snprintf(out, size, "was ended by somebody else");
    else if (WIFSIGNALED(status))
        snprintf(out, size, "was ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == BF_WIRE_EXIT_MEMORY)
        snprintf(out, size, "used up the %d MiB of memory that it may have",
                 BF_SCRIPT_BYTES / (1024 * 1024));
    else
        snprintf(out, size, "ended with exit status %d", WEXITSTATUS(status));
}

static void failed_to_start(struct bf_seat *s, const char *how)
{
    struct bf_pool *p = s->pool;

    if (p->failed_starts++ < UNBEGUN_MAX)
        return;                 /* somebody may have killed it; the next one will tell */
    snprintf(p->words, sizeof(p->words),
             "scripts cannot run: %s %s before it was ready; run it by hand to see why", p->helper, how);
    bf_pool_start_failed(p);
}

/* It was not at any call: whoever is behind that, nobody is blamed, unless it happens again and again. */
static bool is_nobodys_fault(const struct bf_seat *s, uint32_t begun)
{
    return begun <= s->answered && ++s->pool->unbegun <= UNBEGUN_MAX;
}

static void crash(struct bf_seat *s, const char *how)
{
    uint32_t begun = atomic_load_explicit(&s->board->begun, memory_order_acquire);
    const struct bf_pool_call *c;

    if (!harvest(s)) {
        lose_liar(s);
        return;
    }
    c = bf_calls_first(&s->batch);
    if (c && !is_nobodys_fault(s, begun)) {
        lose(s, "its process %s during %s", how, activity(c));
        return;
    }
    bf_pool_batch_over(s);
    bf_seat_empty(s);
}

void bf_seat_ended(struct bf_seat *s)
{
    char how[96];
    int status;

    if (!bf_seat_has_ended(s, &status))
        return;
    describe_end(status, how, sizeof(how));
    close(s->pidfd);
    s->pidfd = -1;
    if (s->state == BF_SEAT_BUSY) {
        crash(s, how);
        return;
    }
    if (s->state == BF_SEAT_STARTING)
        failed_to_start(s, how);
    else
        bf_warnf(s->pool->log, "script", "a process that had nothing to do %s", how);
    bf_seat_empty(s);
}

/* --- its limits ------------------------------------------------------------------------------------ */

static void cut_off(struct bf_seat *s, uint32_t begun, int64_t cpu_us)
{
    const struct bf_pool_call *c = bf_calls_first(&s->batch);

    if (!c || is_nobodys_fault(s, begun)) {
        bf_pool_batch_over(s);
        bf_seat_kill(s);
    } else if (cpu_us >= BF_SCRIPT_BUDGET_MS * (int64_t)1000) {
        lose(s, "%s used more than %d ms of CPU time, and its process was ended; a loop without end "
             "or a string pattern that tries too much does that", activity(c), BF_SCRIPT_BUDGET_MS);
    } else {
        lose(s, "%s gave no answer within %d s, of which it was at work for %d ms, and its process was "
             "ended; it was stopped, or the machine is too busy", activity(c),
             BF_SCRIPT_WALL_MS / 1000, (int)(cpu_us / 1000));
    }
}

static void look_at_start(struct bf_seat *s)
{
    if (s->seen_ms < BF_POOL_START_MS)
        return;
    failed_to_start(s, "took more than 5 s, and was ended,");
    bf_seat_kill(s);
}

/* The clock is read before it is asked where the process is: if that is still the same call, all of
 * the time was its own.  Where it is another, the clock is read once more. */
static void look_at_batch(struct bf_seat *s)
{
    int64_t cpu_us = bf_seat_cpu_us(s);
    uint32_t begun = atomic_load_explicit(&s->board->begun, memory_order_acquire);

    /* Who begins a call has answered those before it: nobody gains time by counting. */
    if (!harvest(s) || begun > s->answered + 1) {
        lose_liar(s);
    } else if (begun + s->answered != s->seen || !s->seen_cpu_us) {
        s->seen = begun + s->answered;
        s->seen_cpu_us = bf_seat_cpu_us(s);
        s->seen_ms = 0;
    } else if (cpu_us - s->seen_cpu_us >= BF_SCRIPT_BUDGET_MS * (int64_t)1000 ||
               s->seen_ms >= BF_SCRIPT_WALL_MS) {
        cut_off(s, begun, cpu_us - s->seen_cpu_us);
    } else if (cpu_us - s->seen_cpu_us >= BF_POOL_BACK_US) {
        bf_seat_stand_back(s);
    }
}

void bf_seat_look(struct bf_seat *s, int64_t now_ms)
{
    s->seen_ms += bf_min64(now_ms - s->looked_ms, 5 * BF_POOL_TICK_MS);
    s->looked_ms = now_ms;
    if (s->state == BF_SEAT_STARTING)
        look_at_start(s);
    else
        look_at_batch(s);
}

void bf_seat_sweep(struct bf_seat *s)
{
    for (uint32_t i = 0; i < s->n_scripts; i++) {
        struct bf_pool_script *script = s->scripts[i];

        if (!script || atomic_load_explicit(&script->refs, memory_order_acquire) != script->held)
            continue;
        s->scripts[i] = NULL;
        s->texts -= script->len;
        script->number[s->at] = 0;
        script->held--;
        bf_pool_script_unref(script);
        push(&s->forget, &s->n_forget, &s->cap_forget, i + 1);
    }
}
