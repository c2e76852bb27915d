/* pool_lanes.c - which call goes to which process, and what is made of how it went.
 *
 * A script earns its place in the steady process by BF_POOL_QUICK quick calls in a row, and loses it by
 * one that is slow, by a state that grows too large, or by costing a process.  Nothing here depends on
 * what a process says of itself but this: a script that lied about its time would share the steady
 * process, and lose it at its first call past the budget.
 *
 * While calls of a script are at work, those that come wait; so a script's calls are answered in
 * order wherever they are asked, and a batch makes itself of what has gathered meanwhile. */
#include "core/script/pool_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

#define TOLD_EVERY_MS 60000

/* --- lines of scripts ------------------------------------------------------------------------------ */

static void stand_in_line(struct bf_line *l, struct bf_pool_script *s)
{
    s->next_in_line = NULL;
    s->in_line = true;
    *l->end = s;
    l->end = &s->next_in_line;
}

static struct bf_pool_script *first_in_line(struct bf_line *l)
{
    struct bf_pool_script *s = l->first;

    if (!s)
        return NULL;
    l->first = s->next_in_line;
    if (!l->first)
        l->end = &l->first;
    s->in_line = false;
    return s;
}

/* Those who were passed over, before those who came since. */
static void put_back(struct bf_line *l, struct bf_line *passed)
{
    if (!passed->first)
        return;
    *passed->end = l->first;
    if (!l->first)
        l->end = passed->end;
    l->first = passed->first;
}

/* Where the calls of a script wait that has none at work. */
static void place(struct bf_pool *p, struct bf_pool_script *s)
{
    struct bf_pool_call *c;

    if (s->flying || s->in_line)
        return;
    while (s->quick && (c = bf_calls_first(&s->calls)) && !c->apart)
        bf_calls_add(&p->steady, bf_calls_take(&s->calls));
    if (s->calls.n)
        stand_in_line(s->suspect ? &p->suspects : &p->line, s);
}

/* Its calls wait for a process aside from now on, those in the steady row first. */
static void demote(struct bf_pool *p, struct bf_pool_script *s)
{
    struct bf_calls others, its;
    struct bf_pool_call *c;

    s->streak = 0;
    if (!s->quick)
        return;
    s->quick = false;
    bf_calls_init(&others);
    bf_calls_init(&its);
    while ((c = bf_calls_take(&p->steady)))
        bf_calls_add(c->script == s ? &its : &others, c);
    bf_calls_put_before(&p->steady, &others);
    bf_calls_put_before(&s->calls, &its);
    place(p, s);
}

/* --- zones ----------------------------------------------------------------------------------------- */

static bool has_zone(const struct bf_pool *p, const char *name)
{
    const char *at = bf_buf_text(&p->zones), *end = at + p->zones.len;

    for (; at < end; at += strlen(at) + 1)
        if (strcmp(at, name) == 0)
            return true;
    return false;
}

/* Processes that were started without a zone that a script names make way for others. */
static void learn_zones(struct bf_pool *p, struct bf_pool_script *s)
{
    const char *at = bf_buf_text(&s->zones), *end = at + s->zones.len;
    unsigned before = p->n_zones;

    s->known = true;
    for (; at < end && p->n_zones < BF_POOL_ZONES; at += strlen(at) + 1) {
        if (has_zone(p, at))
            continue;
        bf_buf_add(&p->zones, at, strlen(at) + 1);
        p->n_zones++;
    }
    if (p->n_zones == before)
        return;
    for (unsigned i = 0; i < BF_POOL_SEATS; i++) {
        struct bf_seat *seat = &p->seats[i];

        if (seat->state == BF_SEAT_READY)
            bf_seat_kill(seat);
        else if (seat->state != BF_SEAT_EMPTY)
            seat->going = true;
    }
}

/* --- a call comes ---------------------------------------------------------------------------------- */

void bf_pool_call(struct bf_pool *p, struct bf_pool_call *c)
{
    struct bf_pool_script *s = c->script;

    bf_pool_count(&p->tally.calls);
    p->asked_ms = p->now_ms;
    c->answer = (struct bf_answer){.script = ""};
    c->text = NULL;
    c->len = 0;
    c->killed = false;
    c->took_us = 0;
    if (p->ending) {
        bf_calls_add(&p->refused, c);
        return;
    }
    if (!s->known)
        learn_zones(p, s);
    if (s->quick && !s->calls.n && !c->apart) {
        bf_calls_add(&p->steady, c);
    } else {
        bf_calls_add(&s->calls, c);
        place(p, s);
    }
}

/* --- a call is answered ---------------------------------------------------------------------------- */

static void settle(struct bf_pool *p, struct bf_pool_call *c)
{
    if (c->answer.said == BF_SAID_FAILED)
        bf_pool_count(&p->tally.failures);
    c->done(c);
}

BF_FORMAT(2, 0)
static void set_failed(struct bf_pool_call *c, const char *fmt, va_list ap)
{
    const char *words;

    c->answer.said = BF_SAID_FAILED;
    c->answer.script = bf_arena_ndup(c->arena, c->script->hash, BF_HASH_LEN);
    words = bf_arena_vprintf(c->arena, fmt, ap);
    c->answer.words = words[0] ? words : "it failed, and there is no room for the words";
}

void bf_pool_fail(struct bf_pool *p, struct bf_pool_call *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set_failed(c, fmt, ap);
    va_end(ap);
    settle(p, c);
}

static void no_more_at_work(struct bf_pool *p, struct bf_pool_script *s)
{
    if (--s->flying)
        return;
    if (s->streak >= BF_POOL_QUICK)
        s->quick = true;
    place(p, s);
}

static void learn(struct bf_pool *p, const struct bf_pool_call *c, bool heavy)
{
    struct bf_pool_script *s = c->script;
    unsigned took = (unsigned)bf_min64(bf_max64(c->took_us, 1), BF_SCRIPT_WALL_MS * (int64_t)1000);

    s->suspect = false;
    s->average_us = s->average_us ? (s->average_us * 7 + took) / 8 : took;
    if (took > BF_POOL_QUICK_US)
        s->streak = 0;
    else if (!c->only_load)
        s->streak++;
    if (took > BF_POOL_SLOW_US)
        bf_pool_count(&p->tally.slow);
    if (took > BF_POOL_SLOW_US || heavy || s->average_us > BF_POOL_QUICK_US)
        demote(p, s);
}

void bf_pool_landed(struct bf_seat *s, struct bf_pool_call *c, bool heavy)
{
    learn(s->pool, c, heavy);
    no_more_at_work(s->pool, c->script);
    if (c->answer.script[0])
        settle(s->pool, c);
    else
        bf_pool_fail(s->pool, c, "its answer has no room where it is to be kept");
}

void bf_pool_crashed(struct bf_seat *s, struct bf_pool_call *c, const char *fmt, ...)
{
    struct bf_pool *p = s->pool;
    uint32_t at = atomic_load_explicit(&s->board->line, memory_order_relaxed);
    char words[256], line[16] = "";
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(words, sizeof(words), fmt, ap);
    va_end(ap);
    if (at)
        snprintf(line, sizeof(line), ":%u", at);
    bf_warnf(p->log, "script", "%s%s: %s", c->script->name, line, words);
    c->script->suspect = true;
    demote(p, c->script);
    no_more_at_work(p, c->script);
    c->killed = true;
    bf_pool_fail(p, c, "%s%s: %s", c->script->name, line, words);
}

/* From the back, so that each script's calls keep their order in front of those that came since. */
static void ask_again(struct bf_pool *p, struct bf_calls *rest)
{
    struct bf_calls quick, one;
    struct bf_pool_call *c, *turned = NULL;

    bf_calls_init(&quick);
    while ((c = bf_calls_take(rest))) {
        if (c->script->quick) {
            bf_calls_add(&quick, c);
            no_more_at_work(p, c->script);
            continue;
        }
        c->link.next = turned ? &turned->link : NULL;
        turned = c;
    }
    bf_calls_put_before(&p->steady, &quick);
    while ((c = turned)) {
        turned = c->link.next ? bf_container_of(c->link.next, struct bf_pool_call, link) : NULL;
        bf_calls_init(&one);
        bf_calls_add(&one, c);
        bf_calls_put_before(&c->script->calls, &one);
        no_more_at_work(p, c->script);
    }
}

void bf_pool_batch_over(struct bf_seat *s)
{
    s->suspect = false;
    ask_again(s->pool, &s->batch);
}

/* --- a batch goes ---------------------------------------------------------------------------------- */

static unsigned count(const struct bf_pool *p, enum bf_seat_role role)
{
    unsigned n = 0;

    for (unsigned i = 0; i < BF_POOL_SEATS; i++)
        n += p->seats[i].state != BF_SEAT_EMPTY && p->seats[i].role == role;
    return n;
}

static unsigned count_suspects(const struct bf_pool *p)
{
    unsigned n = 0;

    for (unsigned i = 0; i < BF_POOL_SEATS; i++)
        n += p->seats[i].suspect;
    return n;
}

/* Of the places to work, those that are taken. */
static unsigned count_places(const struct bf_pool *p, bool suspects)
{
    unsigned n = 0;

    for (unsigned i = 0; i < BF_POOL_SEATS; i++) {
        const struct bf_seat *s = &p->seats[i];

        n += s->state == BF_SEAT_BUSY && s->role == BF_SEAT_ASIDE && (s->suspect || !suspects) &&
             p->now_ms - s->since_ms < BF_POOL_PLACE_MS;
    }
    return n;
}

/* Suspects have half of the places, one at the least. */
static bool has_place(const struct bf_pool *p, bool suspect)
{
    return count_places(p, false) < p->places &&
           (!suspect || (count_places(p, true) < (p->places + 1) / 2 &&
                         count_suspects(p) < BF_POOL_SUSPECTS));
}

static struct bf_seat *ready(struct bf_pool *p, enum bf_seat_role role)
{
    for (unsigned i = 0; i < BF_POOL_SEATS; i++)
        if (p->seats[i].state == BF_SEAT_READY && p->seats[i].role == role)
            return &p->seats[i];
    return NULL;
}

static unsigned estimate(const struct bf_pool_script *s)
{
    return s->average_us ? s->average_us : BF_POOL_QUICK_US;
}

/* As many calls from the row as one batch may have.  One that no batch can hold fails. */
static void fill(struct bf_seat *s, struct bf_calls *row)
{
    const struct bf_box_event *about = NULL;
    struct bf_pool *p = s->pool;
    struct bf_pool_call *c;
    unsigned us = 0;

    bf_seat_begin(s);
    while ((c = bf_calls_first(row)) && c->apart == s->apart && s->batch.n < BF_POOL_CALLS) {
        if (s->batch.n && (us + estimate(c->script) > BF_POOL_SLICE_US || p->out.len > BF_POOL_BYTES))
            break;
        if (!bf_seat_put(s, c, about)) {
            if (s->batch.n)
                break;
            bf_pool_fail(p, bf_calls_take(row), "its event and its payload have more than the %d MiB "
                         "that a script can be given", BF_WIRE_IN / (1024 * 1024));
            continue;
        }
        us += estimate(c->script);
        about = c->event;
        c->script->flying++;
        bf_calls_add(&s->batch, bf_calls_take(row));
    }
    if (s->batch.n)
        bf_seat_send(s);
}

static void ask_steady(struct bf_pool *p)
{
    struct bf_seat *s;

    if (!p->steady.n)
        return;
    s = ready(p, BF_SEAT_STEADY);
    if (!s && !count(p, BF_SEAT_STEADY)) {
        s = ready(p, BF_SEAT_SPARE);
        if (s)
            bf_seat_take(s, BF_SEAT_STEADY);
    }
    if (s)
        fill(s, &p->steady);
}

static struct bf_seat *used_one_for(struct bf_pool *p, const struct bf_pool_script *script)
{
    struct bf_seat *any = ready(p, BF_SEAT_ASIDE);

    for (unsigned i = 0; any && i < BF_POOL_SEATS; i++) {
        struct bf_seat *s = &p->seats[i];

        if (s->state == BF_SEAT_READY && s->role == BF_SEAT_ASIDE && script->number[i])
            return s;
    }
    return any;
}

/* A process for the script's next calls, or NULL. */
static struct bf_seat *seat_for(struct bf_pool *p, const struct bf_pool_script *script)
{
    bool apart = bf_calls_first(&script->calls)->apart;
    struct bf_seat *used = used_one_for(p, script), *spare = ready(p, BF_SEAT_SPARE);

    if (!apart && used)
        return used;
    if (!spare)
        return NULL;
    if (count(p, BF_SEAT_ASIDE) >= BF_SCRIPT_PROCESSES) {
        if (!used)
            return NULL;
        bf_seat_kill(used);     /* it has nothing to do, and another is wanted that is new */
    }
    bf_seat_take(spare, BF_SEAT_ASIDE);
    spare->apart = apart;
    return spare;
}

/* Everybody in the line for whom there is a process; how many there are for whom there is none. */
static unsigned ask_line(struct bf_pool *p, struct bf_line *l, bool suspects)
{
    struct bf_line passed = {.end = &passed.first};
    struct bf_pool_script *script;
    unsigned n = 0;

    while ((script = first_in_line(l))) {
        struct bf_seat *s = NULL;

        if (has_place(p, suspects))
            s = seat_for(p, script);
        if (!s) {
            stand_in_line(&passed, script);
            if (++n == BF_POOL_SEATS)
                break;          /* enough to know */
            continue;
        }
        bf_pool_script_ref(script);     /* its last call may be too large, and take it along */
        fill(s, &script->calls);
        s->suspect = suspects && s->state == BF_SEAT_BUSY;
        if (s->suspect)
            bf_seat_stand_back(s);
        if (s->apart && s->state == BF_SEAT_READY)
            bf_seat_kill(s);            /* it was given nothing: that was too large */
        place(p, script);
        bf_pool_script_unref(script);
    }
    put_back(l, &passed);
    return n;
}

/* --- there is none ---------------------------------------------------------------------------------- */

static void fail_row(struct bf_pool *p, struct bf_calls *row, const char *words)
{
    struct bf_calls these;
    struct bf_pool_call *c;

    bf_calls_init(&these);      /* their answers may cause more of them */
    bf_calls_put_before(&these, row);
    while ((c = bf_calls_take(&these)))
        bf_pool_fail(p, c, "%s", words);
}

/* Those who may be waiting for one that is at work stay. */
static void fail_line(struct bf_pool *p, struct bf_line *l, const char *words, bool all)
{
    struct bf_line these = {.end = &these.first}, stay = {.end = &stay.first};
    struct bf_pool_script *s;

    put_back(&these, l);
    l->first = NULL;
    l->end = &l->first;
    while ((s = first_in_line(&these))) {
        if (all || bf_calls_first(&s->calls)->apart)
            fail_row(p, &s->calls, words);
        else
            stand_in_line(&stay, s);
    }
    put_back(l, &stay);
}

static void fail_the_helpless(struct bf_pool *p)
{
    bool all = count(p, BF_SEAT_ASIDE) == 0;

    if (!count(p, BF_SEAT_STEADY))
        fail_row(p, &p->steady, p->words);
    fail_line(p, &p->line, p->words, all);
    fail_line(p, &p->suspects, p->words, all);
}

void bf_pool_fail_all(struct bf_pool *p, const char *words)
{
    while (p->steady.n || p->line.first || p->suspects.first || p->refused.n) {
        fail_row(p, &p->steady, words);
        fail_line(p, &p->line, words, true);
        fail_line(p, &p->suspects, words, true);
        fail_row(p, &p->refused, words);
    }
}

void bf_pool_start_failed(struct bf_pool *p)
{
    int64_t now = bf_mono_ms(p->clock);

    p->broken = true;
    p->broken_ms = bf_pool_now_ms();
    if (p->told && now - p->told_ms < TOLD_EVERY_MS)
        return;
    p->told = true;
    p->told_ms = now;
    bf_errorf(p->log, "script", "%s", p->words);
}

/* So many processes are wanted, beside those there are; one is started in a turn. */
static void start_missing(struct bf_pool *p, unsigned wanted)
{
    int64_t now = bf_pool_now_ms();
    unsigned coming = count(p, BF_SEAT_SPARE);

    p->hungry = false;
    if (coming >= wanted || p->n_dying >= BF_POOL_DYING ||
        (p->broken && now - p->broken_ms < BF_POOL_RETRY_MS))
        return;
    if (!bf_seat_start(p))
        bf_pool_start_failed(p);
    else
        p->hungry = coming + 1 < wanted;
}

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

void bf_pool_dispatch(struct bf_pool *p)
{
    unsigned aside, suspects, places, line, wanted;

    ask_steady(p);
    line = ask_line(p, &p->line, false);
    suspects = ask_line(p, &p->suspects, true);
    aside = BF_SCRIPT_PROCESSES - count(p, BF_SEAT_ASIDE);
    suspects = least(suspects, BF_POOL_SUSPECTS - count_suspects(p));
    places = p->places - least(p->places, count_places(p, false));
    wanted = least(least(line + suspects, aside), places) + (p->steady.n && !count(p, BF_SEAT_STEADY));
    if (p->asked_ms && p->now_ms >= p->warm_ms &&
        (!p->broken || p->now_ms - p->asked_ms < BF_POOL_IDLE_MS))
        wanted++;               /* to be at hand */
    start_missing(p, wanted);
    if (p->broken && !count(p, BF_SEAT_SPARE))
        fail_the_helpless(p);
}
