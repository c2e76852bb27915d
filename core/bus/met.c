/* met.c - what is asked about the events of a work, and what becomes of the answers.
 *
 * First on_event is asked, of every event that is not the hub's own; then the filters that what it has
 * left may meet.  So there are two rounds at most, unless hooks change meanwhile. */
#include "core/bus/asking_int.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"

#define SCRATCH_MAX (64 * 1024 * 1024)

/* --- events ---------------------------------------------------------------------------- */

static void let_go_of(struct bf_asked *filters, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bf_automation_unref(filters[i].automation);
}

void bf_met_fini(struct bf_parked *p)
{
    for (struct bf_met *m = p->first; m; m = m->next) {
        let_go_of(m->filters, m->n_filters);
        bf_envelope_unref(m->event);
        bf_envelope_unref(m->came);
    }
    p->first = p->last = NULL;
}

struct bf_met *bf_met_add(struct bf_parked *p, struct bf_envelope *e, bool is_hubs)
{
    struct bf_met *m = bf_arena_new_of(p->arena, struct bf_met);

    if (!m)
        return NULL;
    m->came = bf_envelope_ref(e);
    m->event = bf_envelope_ref(e);
    m->is_hubs = is_hubs;
    *(p->last ? &p->last->next : &p->first) = m;
    p->last = m;
    return m;
}

static bool is_same(const struct bf_envelope *a, const struct bf_envelope *b)
{
    return a == b || (a->text_len == b->text_len && a->hops == b->hops &&
                      memcmp(a->text, b->text, a->text_len) == 0);
}

struct bf_met *bf_met_find(struct bf_parked *p, const struct bf_envelope *e)
{
    struct bf_met *m = p->first;

    while (m && (m->is_used || !is_same(m->came, e)))
        m = m->next;
    return m;
}

/* --- filters --------------------------------------------------------------------------- */

static int by_address(const void *left, const void *right)
{
    const struct bf_asked *a = left, *b = right;

    return a->automation < b->automation ? -1 : a->automation > b->automation;
}

static struct bf_asked *find_filter(const struct bf_met *m, const struct bf_automation *a)
{
    struct bf_asked key = {.automation = a};

    return m->n_filters
               ? bsearch(&key, m->filters, m->n_filters, sizeof(key), by_address) : NULL;
}

/* These are its filters, and perhaps those it had; what was answered stays so. */
static bool set_filters(struct bf_parked *p, struct bf_met *m,
                        const struct bf_automation *const *list, size_t n, bool keep)
{
    size_t room = n + (keep ? m->n_filters : 0), kept = 0;
    struct bf_asked *filters = bf_arena_alloc(p->arena, room * sizeof(*filters));

    if (room && !filters)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct bf_asked *known = find_filter(m, list[i]);

        if (known && keep)
            continue;
        filters[kept].automation = bf_automation_ref(list[i]);
        if (known)
            filters[kept].answer = known->answer;
        kept++;
    }
    for (size_t i = 0; keep && i < m->n_filters; i++)
        filters[kept++] = m->filters[i];
    if (!keep)
        let_go_of(m->filters, m->n_filters);
    if (kept > 1)
        qsort(filters, kept, sizeof(*filters), by_address);
    m->filters = filters;
    m->n_filters = kept;
    return true;
}

/* As the rules are now. */
static void look_for_filters(struct bf_parked *p, struct bf_met *m)
{
    const struct bf_automation *const *list;
    uint64_t generation = bf_asking_generation(p->bus);
    size_t n;

    if (m->generation == generation || m->is_fixed)
        return;
    n = m->is_dropped ? 0 : bf_rules_hooked(p->bus->rules, m->event, &list);
    m->may_miss = !m->is_dropped && bf_rules_left_out(p->bus->rules);
    if (set_filters(p, m, n ? list : NULL, n, false))
        m->generation = generation;
}


void bf_met_fix(struct bf_parked *p, struct bf_met *m, const struct bf_automation *a)
{
    m->is_fixed = set_filters(p, m, &a, 1, false);
}


/* --- questions --------------------------------------------------------------------------- */

static bool asks_on_event(const struct bf_parked *p, const struct bf_met *m)
{
    return p->bus->asking->on_event && !m->is_hubs && m->on_event.said == BF_SAID_NOTHING;
}

static size_t count_on_event(const struct bf_parked *p)
{
    size_t n = 0;

    for (const struct bf_met *m = p->first; m; m = m->next)
        n += asks_on_event(p, m);
    return n;
}

static size_t count_filters(struct bf_parked *p)
{
    size_t n = 0;

    for (struct bf_met *m = p->first; m; m = m->next) {
        look_for_filters(p, m);
        for (size_t i = 0; i < m->n_filters; i++)
            n += m->filters[i].answer.said == BF_SAID_NOTHING;
    }
    return n;
}

static size_t count_events(const struct bf_parked *p)
{
    size_t n = 0;

    for (const struct bf_met *m = p->first; m; m = m->next)
        n++;
    return n;
}

static bool make_room(struct bf_parked *p, size_t n)
{
    struct bf_arena *a = p->arena;

    p->ask = (struct bf_ask){.arena = a};
    p->ask.events = bf_arena_alloc(a, count_events(p) * sizeof(*p->ask.events));
    p->ask.questions = bf_arena_alloc(a, n * sizeof(*p->ask.questions));
    p->to = bf_arena_alloc(a, n * sizeof(struct bf_answer *));
    p->about = bf_arena_alloc(a, n * sizeof(struct bf_met *));
    return bf_arena_ok(a);
}

static void put(struct bf_parked *p, struct bf_met *m, const struct bf_question *q,
                struct bf_answer *to)
{
    p->to[p->ask.n] = to;
    p->about[p->ask.n] = m;
    p->ask.questions[p->ask.n] = *q;
    p->ask.questions[p->ask.n++].event = (uint32_t)p->ask.n_events;
}

static void put_questions(struct bf_parked *p, struct bf_met *m, const struct bf_on_event *on_event)
{
    struct bf_question q = {.kind = BF_HOOK_FILTER};

    if (on_event) {
        q.kind = BF_HOOK_ON_EVENT;
        q.hook = &on_event->hook;
        if (asks_on_event(p, m))
            put(p, m, &q, &m->on_event);
        return;
    }
    for (size_t i = 0; i < m->n_filters; i++) {
        const struct bf_automation *a = m->filters[i].automation;

        q.hook = a->hooks.filter;
        q.automation = a->id;
        q.entity = a->owner;
        if (m->filters[i].answer.said == BF_SAID_NOTHING)
            put(p, m, &q, &m->filters[i].answer);
    }
}

/* Those of events that have questions stand in p->ask.events, once each. */
static void put_all(struct bf_parked *p, const struct bf_on_event *on_event)
{
    struct bf_box_event *events = (struct bf_box_event *)p->ask.events;
    int64_t now_ms = bf_bus_now(p->bus);

    for (struct bf_met *m = p->first; m; m = m->next) {
        size_t before = p->ask.n;

        put_questions(p, m, on_event);
        if (p->ask.n == before)
            continue;
        events[p->ask.n_events++] = (struct bf_box_event){
            .text = m->event->text, .len = m->event->text_len, .received_ms = now_ms};
    }
}

bool bf_met_question(struct bf_parked *p)
{
    size_t n = count_on_event(p);
    struct bf_on_event *on_event = n ? p->bus->asking->on_event : NULL;

    if (n == 0) {
        bf_rules_bound(p->bus->rules, p->first != p->last ? BF_ASKING_MAX : 0);
        n = count_filters(p);
    }
    if (n == 0 || !make_room(p, n))
        return false;
    put_all(p, on_event);
    if (on_event)
        on_event->refs++;
    p->on_event = on_event;
    return true;
}


/* --- answers ------------------------------------------------------------------------------- */

static bool is_same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What on_event may not touch: whose event it is, and by what it is known as a repeat. */
static int check_changed(const struct bf_envelope *came, const struct bf_envelope *e,
                         struct bf_error *err)
{
    const struct {
        const char *name, *was, *is;
    } fixed[] = {{"entity", came->entity, e->entity},
                 {"key", came->key, e->key},
                 {"source", came->source, e->source}};

    for (size_t i = 0; i < BF_COUNT(fixed); i++)
        if (!is_same_text(fixed[i].was, fixed[i].is))
            return bf_error_field(err, BF_ECONFIG, fixed[i].name, "on_event may not change it, from"
                                  " \"%s\" to \"%s\"", fixed[i].was ? fixed[i].was : "",
                                  fixed[i].is ? fixed[i].is : "");
    return BF_OK;
}

/* What it gave must be an event as any sender's. */
static int read_changed(const struct bf_met *m, const struct bf_question *q,
                        struct bf_envelope **out, struct bf_error *err)
{
    struct bf_arena *scratch = bf_arena_new(SCRATCH_MAX);
    int rc = bf_envelope_parse(scratch, q->text, q->len, BF_FROM_OUTSIDE, out, err);

    bf_arena_free(scratch);
    if (rc)
        return rc;
    rc = check_changed(m->came, *out, err);
    if (rc)
        bf_envelope_unref(*out);
    else if ((*out)->hops < m->came->hops)
        (*out)->hops = m->came->hops;   /* a header may have said more */
    return rc;
}

static void fail_on_event(const struct bf_on_event *on_event, struct bf_met *m,
                          struct bf_answer answer)
{
    m->on_event = answer;
    m->is_dropped = on_event->hook.on_error == BF_FAILURE_SKIPS;
}

static void change(struct bf_parked *p, struct bf_met *m, const struct bf_question *q)
{
    struct bf_envelope *changed;
    struct bf_error err = {0};

    if (read_changed(m, q, &changed, &err)) {
        m->on_event.said = BF_SAID_FAILED;
        m->on_event.words = bf_arena_printf(p->arena, "what on_event gave is no event: %s%s%s",
                                            err.field, *err.field ? ": " : "", err.words);
        return;
    }
    bf_envelope_unref(m->event);
    m->event = changed;
}

/* An answer that was not one to this question counts as a failure. */
static bool fits(const struct bf_question *q)
{
    enum bf_said said = q->answer.said;

    if (said == BF_SAID_CHANGED)
        return q->kind == BF_HOOK_ON_EVENT && q->text;
    return said == BF_SAID_YES || said == BF_SAID_NO || said == BF_SAID_FAILED;
}

static void take(struct bf_parked *p, size_t i)
{
    const struct bf_question *q = &p->ask.questions[i];
    struct bf_answer *to = p->to[i];

    *to = q->answer;
    if (!to->script)
        to->script = "";
    if (!fits(q)) {
        to->said = BF_SAID_FAILED;
        to->words = "the script gave no answer";
    } else if (q->answer.said == BF_SAID_CHANGED) {
        change(p, p->about[i], q);
    }
    if (q->kind == BF_HOOK_ON_EVENT && to->said == BF_SAID_FAILED)
        fail_on_event(p->on_event, p->about[i], *to);
    else if (q->kind == BF_HOOK_ON_EVENT)
        p->about[i]->is_dropped = to->said == BF_SAID_NO;
}

void bf_met_answer(struct bf_parked *p)
{
    for (size_t i = 0; i < p->ask.n; i++)
        take(p, i);
}

void bf_met_fail(struct bf_parked *p, const char *words)
{
    for (size_t i = 0; i < p->ask.n; i++)
        p->ask.questions[i].answer =
            (struct bf_answer){.said = BF_SAID_FAILED, .script = "", .words = words};
    bf_met_answer(p);
}


/* --- in the transaction ------------------------------------------------------------------------ */

static const char too_often[] = "it was not asked: what the event says is another thing each time";

/* No answer can be waited for any more. */
static bool is_final(const struct bf_tx *tx)
{
    return !tx->may_miss || !tx->bus->asking->asker.ask ||
           bf_asking_of(tx)->n_tries > BF_ASKING_TRIES;
}

static struct bf_answer no_answer(const struct bf_tx *tx)
{
    return (struct bf_answer){.said = BF_SAID_FAILED, .script = "",
                              .words = tx->bus->asking->asker.ask
                                           ? too_often : "this process runs no scripts"};
}

struct bf_met *bf_asking_meet(struct bf_tx *tx, struct bf_envelope *e)
{
    struct bf_parked *p = bf_asking_of(tx);
    struct bf_met *m = bf_met_find(p, e);

    if (!m)
        m = bf_met_add(p, e, tx->is_hubs);
    if (!m)
        return NULL;
    m->is_used = true;
    if (!asks_on_event(p, m))
        return m;
    if (is_final(tx))
        fail_on_event(tx->bus->asking->on_event, m, no_answer(tx));
    else
        tx->missed = true;
    return m;
}

/* The judge's question about the event at hand. */
static void get(void *arg, const struct bf_automation *a, struct bf_answer *out)
{
    struct bf_tx *tx = arg;
    struct bf_asked *asked = find_filter(tx->met, a);

    *out = (struct bf_answer){.said = BF_SAID_NOTHING};
    if (!asked && is_final(tx) && set_filters(bf_asking_of(tx), tx->met, &a, 1, true))
        asked = find_filter(tx->met, a);
    if (!asked)
        return;
    if (asked->answer.said == BF_SAID_NOTHING && is_final(tx))
        asked->answer = no_answer(tx);
    asked->is_used = asked->answer.said != BF_SAID_NOTHING;
    *out = asked->answer;
}

void bf_asking_answers(struct bf_tx *tx, struct bf_met *m, struct bf_answers *out)
{
    tx->met = m;
    for (size_t i = 0; i < m->n_filters; i++)
        m->filters[i].is_used = false;
    *out = (struct bf_answers){get, tx};
}

/* Of one event that is as many as it has; of several that a sender could send apart it has a limit. */
bool bf_asking_is_too_much(struct bf_tx *tx)
{
    const struct bf_parked *p = bf_asking_of(tx);
    size_t n = 0;

    for (const struct bf_met *m = p->first; m; m = m->next)
        n += m->n_filters;
    return p->first != p->last && n > BF_ASKING_MAX;
}

int bf_asking_note(struct bf_tx *tx, struct bf_met *m, const struct bf_automation *const *missed,
                   size_t n)
{
    struct bf_parked *p = bf_asking_of(tx);

    if (n == 0)
        return BF_OK;
    tx->missed = true;
    if (asks_on_event(p, m))
        return BF_OK;           /* what that leaves of the event is another question */
    if (!set_filters(p, m, missed, n, true))
        return BF_ENOMEM;
    m->generation = bf_asking_generation(tx->bus);
    return bf_asking_is_too_much(tx) ? BF_ETOOBIG : BF_OK;
}

