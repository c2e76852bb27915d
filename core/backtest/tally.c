/* tally.c - what a backtest came to: numbers of everything, a list of the first firings, and what
 * the first of these would send. */
#include "core/backtest/backtest_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/plugin/show.h"

#define REASONS_MAX 16
#define RESULT_MAX  (64 * 1024 * 1024)
#define DAYS_MAX    20000

struct day {
    int64_t number;             /* since 1970, in the zone */
    uint64_t fired;
    uint64_t suppressed;
};

struct reason {
    char name[32];
    uint64_t n;
};

/* A firing whose payloads will be rendered. */
struct kept {
    struct bf_envelope *event;
    const struct bf_trigger *trigger;
    uint64_t run;
    char *facts;
    size_t facts_len;
};

struct bf_tally {
    const struct bf_backtest *backtest;
    int64_t begun_mono;
    int64_t warm_ms;
    bool cold;                  /* some of the points had been cut */
    uint64_t n_records, n_fired, n_delayed, n_joined;
    struct reason reasons[REASONS_MAX];
    size_t n_reasons;
    struct day *days;
    size_t n_days, cap_days;
    struct bf_buf firings;      /* the inside of a JSON array */
    unsigned n_listed;
    struct kept kept[BF_BACKTEST_PAYLOADS];
    size_t n_kept;
};

struct bf_tally *bf_tally_new(const struct bf_backtest *t)
{
    struct bf_tally *y = bf_new(struct bf_tally);

    y->backtest = t;
    y->begun_mono = bf_mono_ms(t->rooms.clock);
    bf_buf_init(&y->firings, BF_BACKTEST_BYTES);
    return y;
}

void bf_tally_free(struct bf_tally *y)
{
    if (!y)
        return;
    for (size_t i = 0; i < y->n_kept; i++) {
        bf_envelope_unref(y->kept[i].event);
        free(y->kept[i].facts);
    }
    bf_buf_fini(&y->firings);
    free(y->days);
    free(y);
}

void bf_tally_record(struct bf_tally *y) { y->n_records++; }

void bf_tally_warm_up(struct bf_tally *y, int64_t from_ms, bool complete)
{
    y->warm_ms = from_ms;
    y->cold = !complete;
}


/* --- counting -------------------------------------------------------------------------------- */

/* Time does not go back, so the day is the last one, or new. */
static struct day *day_of(struct bf_tally *y, int64_t ms)
{
    int64_t wall_s = ms / 1000 + bf_tz_offset(y->backtest->tz, ms / 1000), number = wall_s / 86400;

    if (y->n_days && (y->days[y->n_days - 1].number >= number || y->n_days == DAYS_MAX))
        return &y->days[y->n_days - 1];
    if (y->n_days == y->cap_days) {
        y->cap_days = y->cap_days ? 2 * y->cap_days : 32;
        y->days = bf_zrealloc(y->days, y->cap_days * sizeof(*y->days));
    }
    y->days[y->n_days] = (struct day){.number = number};
    return &y->days[y->n_days++];
}

static void count_reason(struct bf_tally *y, const char *name)
{
    size_t i = 0;

    while (i < y->n_reasons && strcmp(y->reasons[i].name, name) != 0)
        i++;
    if (i == REASONS_MAX)
        return;
    if (i == y->n_reasons)
        snprintf(y->reasons[y->n_reasons++].name, sizeof(y->reasons[i].name), "%s", name);
    y->reasons[i].n++;
}


/* --- listing --------------------------------------------------------------------------------- */

static void add_text(struct bf_buf *b, const char *name, const char *text)
{
    bf_buf_printf(b, ",\"%s\":", name);
    bf_buf_json(b, text);
}

static void add_time(struct bf_buf *b, const char *name, int64_t ms)
{
    char text[32];

    bf_time_print(ms, text);
    add_text(b, name, ms ? text : NULL);
}

/* What the backtest itself made, a tick of a schedule, is no event that could be looked at. */
static void print_firing(struct bf_buf *b, const struct bf_envelope *e, const struct bf_firing *f)
{
    bf_buf_adds(b, "{\"event\":");
    bf_buf_json(b, *e->id ? e->id : NULL);
    add_text(b, "event_type", e->type);
    add_time(b, "received", e->received_ms);
    add_time(b, "due", f->due_ms > e->received_ms ? f->due_ms : 0);
    add_text(b, "decision", f->ruling == BF_JOINS ? "joined" :
                            f->due_ms > e->received_ms ? "delayed" : "fired");
    add_text(b, "entity", e->entity);
    add_text(b, "project", e->project);
    add_text(b, "collection", e->collection);
    add_text(b, "run", e->run_id);
    add_text(b, "run_name", e->run_name);
    bf_buf_adds(b, ",\"facts\":");
    bf_buf_add(b, f->facts ? f->facts : "null", f->facts ? f->facts_len : 4);
    bf_buf_addc(b, '}');
}

static void list(struct bf_tally *y, const struct bf_envelope *e, const struct bf_firing *f)
{
    struct bf_buf one;

    if (y->backtest->counts_only)
        return;
    bf_buf_init(&one, BF_BACKTEST_BYTES);
    print_firing(&one, e, f);
    if (y->n_listed < BF_BACKTEST_FIRINGS && !one.failed &&
        y->firings.len + one.len + 1 < BF_BACKTEST_BYTES) {
        if (y->n_listed++)
            bf_buf_addc(&y->firings, ',');
        bf_buf_add(&y->firings, one.data, one.len);
    }
    bf_buf_fini(&one);
}

static void keep(struct bf_tally *y, struct bf_envelope *e, const struct bf_firing *f)
{
    struct kept *k = &y->kept[y->n_kept];

    if (y->n_kept == BF_BACKTEST_PAYLOADS || f->ruling != BF_FIRES || y->backtest->counts_only)
        return;
    *k = (struct kept){.event = bf_envelope_ref(e), .trigger = f->trigger, .run = f->run};
    if (f->facts) {
        k->facts = bf_zalloc(f->facts_len + 1);
        memcpy(k->facts, f->facts, f->facts_len);
        k->facts_len = f->facts_len;
    }
    y->n_kept++;
}

void bf_tally_firing(struct bf_tally *y, struct bf_envelope *event, const struct bf_firing *f)
{
    struct day *d = day_of(y, event->received_ms);

    if (f->ruling == BF_SUPPRESSED || bf_firing_failed(f)) {     /* nothing of it goes out */
        d->suppressed++;
        count_reason(y, f->ruling == BF_SUPPRESSED ? f->reason : "hook_failed");
        return;
    }
    d->fired += f->ruling == BF_FIRES;
    y->n_fired += f->ruling == BF_FIRES;
    y->n_joined += f->ruling == BF_JOINS;
    y->n_delayed += f->ruling == BF_FIRES && f->due_ms > event->received_ms;
    list(y, event, f);
    keep(y, event, f);
}


/* --- the result ------------------------------------------------------------------------------ */

static void print_numbers(const struct bf_tally *y, struct bf_buf *b)
{
    char text[32];

    bf_time_print(y->warm_ms, text);
    bf_buf_adds(b, "{\"warm_up\":{\"from\":");
    bf_buf_json(b, y->warm_ms ? text : NULL);
    bf_buf_printf(b, ",\"complete\":%s},\"records\":%llu,\"fired\":%llu,\"delayed\":%llu,"
                  "\"joined\":%llu,\"suppressed\":{", y->cold ? "false" : "true",
                  (unsigned long long)y->n_records, (unsigned long long)y->n_fired,
                  (unsigned long long)y->n_delayed, (unsigned long long)y->n_joined);
    for (size_t i = 0; i < y->n_reasons; i++) {
        bf_buf_adds(b, i ? "," : "");
        bf_buf_json(b, y->reasons[i].name);
        bf_buf_printf(b, ":%llu", (unsigned long long)y->reasons[i].n);
    }
    bf_buf_addc(b, '}');
}

static void print_days(const struct bf_tally *y, struct bf_buf *b)
{
    bf_buf_adds(b, ",\"days\":[");
    for (size_t i = 0; i < y->n_days; i++) {
        const struct day *d = &y->days[i];
        struct bf_date date = bf_date_of_days(d->number);

        bf_buf_printf(b, "%s{\"day\":\"%04d-%02d-%02d\",\"fired\":%llu,\"suppressed\":%llu}",
                      i ? "," : "", date.year, date.month, date.day,
                      (unsigned long long)d->fired, (unsigned long long)d->suppressed);
    }
    bf_buf_addc(b, ']');
}

/* By the number of the firing in the list: each has those of its actions. */
static void print_payloads(const struct bf_tally *y, struct bf_buf *b)
{
    const struct bf_backtest *t = y->backtest;

    bf_buf_adds(b, ",\"payloads\":[");
    for (size_t i = 0; i < y->n_kept; i++) {
        const struct kept *k = &y->kept[i];
        struct bf_firing f = {.automation = t->automation, .trigger = k->trigger, .run = k->run,
                              .facts = k->facts, .facts_len = k->facts_len};

        bf_buf_adds(b, i ? ",{\"event\":" : "{\"event\":");
        bf_buf_json(b, *k->event->id ? k->event->id : NULL);
        add_time(b, "received", k->event->received_ms);
        bf_buf_adds(b, ",\"actions\":");
        bf_show_previews(t->rooms.plugins, k->event, &f, BF_BACKTEST_BYTES / BF_BACKTEST_PAYLOADS,
                         b);
        bf_buf_addc(b, '}');
    }
    bf_buf_addc(b, ']');
}

char *bf_tally_result(struct bf_tally *y)
{
    struct bf_buf b;

    bf_buf_init(&b, RESULT_MAX);
    print_numbers(y, &b);
    print_days(y, &b);
    bf_buf_adds(&b, ",\"firings\":[");
    bf_buf_add(&b, bf_buf_text(&y->firings), y->firings.len);
    bf_buf_addc(&b, ']');
    print_payloads(y, &b);
    bf_buf_printf(&b, ",\"duration_ms\":%lld}",
                  (long long)(bf_mono_ms(y->backtest->rooms.clock) - y->begun_mono));
    return bf_buf_take(&b);
}
