/* sink.c - what the courier asks of a sink.
 *
 * An attempt (struct bf_try) joins what is known of one execution: its instance, its action's
 * options, its event, and what the plugin said of the outcome.  It lives in the attempt's arena;
 * only a sink that settles by itself gets an arena of its own, because its `d` must outlive the
 * deadline.
 *
 * Whatever goes wrong here becomes an outcome with words: what may pass by itself is tried again,
 * what will not is rejected. */
#include <stdio.h>
#include <string.h>

#include "core/outbox/digest.h"
#include "core/plugin/host.h"

#define LATER_BYTES_MAX (64u * 1024 * 1024)
#define PREVIEW_MS   15000

static int outcome_of(int err)
{
    switch (err) {
    case BF_EIO: case BF_ETIMEDOUT: case BF_EFULL: case BF_ENOMEM: case BF_ECANCELED:
        return BF_RETRY;
    default:
        return BF_REJECTED;
    }
}

static enum bf_step settled(struct bf_attempt *at, int outcome, int64_t after_ms,
                            const char *words)
{
    at->verdict = (struct bf_verdict){outcome, after_ms, words};
    return BF_STEP_SETTLED;
}

static enum bf_step failed(struct bf_attempt *at, const struct bf_error *err)
{
    return settled(at, outcome_of(err->code), -1, bf_arena_dup(at->arena, err->words));
}


/* --- the attempt ------------------------------------------------------------------- */

static void describe_event(struct bf_event *ev, const struct bf_envelope *e)
{
    *ev = (struct bf_event){
        .size = sizeof(*ev),
        .hops = e->hops,
        .time_ms = e->time_ms,
        .received_ms = e->received_ms,
        .payload_len = e->text_len,
        .id = e->id,
        .key = e->key,
        .type = e->type,
        .source = e->source,
        .author = e->author,
        .cause = e->cause,
        .entity = e->entity,
        .project = e->project,
        .collection = e->collection,
        .payload = e->text,
    };
}

/* Takes the references to the instance and the action. */
void bf_try_fill(struct bf_try *t, struct bf_instance *i, struct bf_filled *f, struct bf_arena *a,
                 const struct bf_envelope *event, const char *trigger)
{
    t->instance = i;
    t->filled = f;
    t->whole = t;
    describe_event(&t->event, event);
    t->vars = (struct bf_vars){.arena = a,
                               .event = event,
                               .trigger = trigger,
                               .public_url = i->plugins->rooms.public_url};
    t->delivery = (struct bf_delivery){.size = sizeof(t->delivery),
                                       .attempt = 1,
                                       .action = f->options,
                                       .ctx = &i->ctx,
                                       .arena = a,
                                       .event = &t->event};
    t->verdict.after_ms = -1;
    bf_arena_set_host(a, &bf_plugin_host);
}

/* A firing as this attempt tells of it. */
static struct bf_try *tell(struct bf_attempt *at, struct bf_instance *i, struct bf_filled *f,
                           struct bf_arena *a, const struct bf_told *firing)
{
    const struct bf_execution *x = at->execution;
    struct bf_try *t = bf_arena_new_of(a, struct bf_try);

    if (!t)
        return NULL;
    bf_try_fill(t, i, f, a, firing->event, x->automation->trigger->rendered);
    t->facts = firing->facts;
    t->facts_len = firing->facts_len;
    t->vars.automation = x->automation->name;
    t->vars.automation_id = x->automation->id;
    t->vars.execution_id = x->id;
    t->delivery.attempt = at->number;
    t->delivery.ticket = at->ticket;
    t->delivery.deadline_ms = at->deadline_ms;
    t->delivery.id = x->id;
    t->delivery.automation = x->automation->name;
    return t;
}

/* The newest of those that joined, as many as one message can tell of. */
static void merge(struct bf_try *t, struct bf_attempt *at, const struct bf_digest *d)
{
    size_t most = t->instance->sink->max_merged - 1, n = 0;
    size_t first = d->n_later > most ? d->n_later - most : 0;
    struct bf_arena *a = t->delivery.arena;
    const struct bf_delivery **list =
        bf_arena_alloc(a, (d->n_later - first + 1) * sizeof(struct bf_delivery *));

    for (size_t k = first; list && k < d->n_later; k++) {
        struct bf_try *one = NULL;

        if (d->later[k].event)
            one = tell(at, t->instance, t->filled, a, &d->later[k]);
        if (!one)
            continue;
        one->whole = t;
        list[n++] = &one->delivery;
    }
    if (n)
        t->delivery.merged = list;
}

/* With `as_one`, merged firings are told of as by a sink that cannot merge: by the newest. */
static struct bf_try *new_try(struct bf_attempt *at, struct bf_instance *i, struct bf_filled *f,
                              struct bf_arena *a, bool as_one)
{
    const struct bf_execution *x = at->execution;
    const struct bf_digest *d = x->digest;
    struct bf_told own = {.event = x->event, .facts = x->facts, .facts_len = x->facts_len};
    const struct bf_told *newest = d && d->n_later ? &d->later[d->n_later - 1] : &own;
    bool merges = i->sink->max_merged > 1 && !as_one;
    struct bf_try *t = tell(at, i, f, a, merges || !newest->event ? &own : newest);

    if (!t)
        return NULL;
    t->attempt = at;
    if (!d)
        return t;
    t->vars.firing_count = d->n_firings;
    t->vars.firings = d->firings;
    if (d->hops > t->event.hops)
        t->event.hops = d->hops;
    if (merges)
        merge(t, at, d);
    return t;
}

void bf_try_enter(struct bf_try *t, struct bf_call *c, struct bf_error *why)
{
    struct bf_loop *loop = t->instance->plugins->rooms.loop;

    bf_call_enter(c, t->instance, bf_loop_is_current(loop) ? BF_AT_LOOP : BF_AT_WORKER,
                  t->delivery.arena, why);
    c->attempt = t;
}

/* Whether a script has changed what is sent. */
static bool is_transformed(const struct bf_attempt *at)
{
    return at->transform.question.answer.said == BF_SAID_CHANGED;
}

/* What a callback returned, as a verdict.  0 is BF_DELIVERED. */
static void conclude(struct bf_try *t, int rc, const struct bf_error *why)
{
    struct bf_attempt *at = t->attempt;
    struct bf_arena *a = at->arena;

    if (t->error.code) {
        failed(at, &t->error);
    } else if (rc > BF_ACCEPTED) {
        settled(at, BF_REJECTED, -1, bf_arena_printf(a, "sink %s returned %d, which is no outcome",
                                                     t->instance->sink->name, rc));
    } else if (rc < 0) {
        settled(at, outcome_of(rc), -1,
                why->words[0] ? bf_arena_dup(a, why->words)
                              : bf_arena_printf(a, "sink %s failed: %s", t->instance->sink->name,
                                                bf_strerror(rc)));
    } else {
        settled(at, rc, t->verdict.after_ms, t->verdict.words);
    }
}


/* --- templates ----------------------------------------------------------------------- */

/* Another stand-in at every attempt for a secret that a template names. */
static const struct bf_standin *granted(struct bf_try *t, const char *name)
{
    struct bf_namespace names = {t->instance, t->filled};
    const struct bf_standin *from = bf_namespace_secret(&names, name);
    struct bf_standins *mine = &t->whole->standins;

    for (size_t i = 0; from && i < mine->n; i++)
        if (mine->items[i].like == from)
            return &mine->items[i];
    if (!from || mine->n == BF_STANDINS_MAX)
        return NULL;
    if (!mine->items)
        mine->items = bf_arena_alloc(t->delivery.arena, BF_STANDINS_MAX * sizeof(*mine->items));
    if (!mine->items)
        return NULL;
    bf_standin_again(from, &mine->items[mine->n]);
    return &mine->items[mine->n++];
}

static const char *value_of(void *arg, const char *name, bool typed)
{
    struct bf_try *t = arg;
    const struct bf_standin *s;
    const char *value;

    if (!t->vars.root) {
        t->vars.root = bf_json_parse(t->vars.arena, t->event.payload, t->event.payload_len, NULL);
        t->vars.facts = t->facts ? bf_json_parse(t->vars.arena, t->facts, t->facts_len, NULL)
                                 : NULL;
    }
    value = typed ? bf_var_json(&t->vars, name) : bf_var_text(&t->vars, name);
    if (value)
        return value;
    s = granted(t, name);
    if (!s)
        return NULL;
    return typed ? bf_arena_printf(t->delivery.arena, "\"%s\"", s->text) : s->text;
}

static const struct bf_template *compiled(const struct bf_compiled_set *set, const char *text)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->items[i].text == text)
            return set->items[i].tmpl;
    return NULL;
}

/* Options were compiled when they were filled; anything else a plugin makes up is compiled now. */
static const struct bf_template *template_of(struct bf_try *t, const char *text, bool json)
{
    const struct bf_template *known = compiled(&t->filled->compiled, text);
    struct bf_namespace space = {t->instance, t->filled};
    struct bf_template_names names = bf_namespace_names(&space);
    struct bf_error *err = &t->whole->error;
    struct bf_template *made;

    if (!known)
        known = compiled(&t->instance->compiled, text);
    if (known)
        return known;
    if (json ? bf_template_compile_json(t->delivery.arena, text, strlen(text), &names, &made, err)
             : bf_template_compile_text(t->delivery.arena, text, &names, &made, err))
        return NULL;
    return made;
}

static const char *escape_value(struct bf_try *t, const char *what, const char *value,
                                enum bf_template_escape escape)
{
    const char *out = "";
    struct bf_buf b;

    if (escape == BF_TEMPLATE_PLAIN)
        return value;
    bf_buf_init(&b, BF_RENDERED_MAX);
    bf_template_add_value(&b, escape, value);
    if (b.failed)
        bf_error_set(&t->whole->error, BF_ETOOBIG, "%s is, once it is escaped, more than %d bytes long",
                     what, BF_RENDERED_MAX);
    else
        out = bf_arena_ndup(t->delivery.arena, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
    return out;
}

/* The value of a text that is nothing but ${name}, as plugins make them up, without compiling it;
 * NULL if it is something else, or there is no such name. */
static const char *lone_value(struct bf_try *t, const char *text)
{
    size_t len = strncmp(text, "${", 2) == 0 ? strcspn(text, "}") : 0;
    char name[64];

    if (len < 3 || text[len] != '}' || text[len + 1] || len - 2 >= sizeof(name) ||
        memchr(text, ':', len))
        return NULL;
    memcpy(name, text + 2, len - 2);
    name[len - 2] = '\0';
    return value_of(t, name, false);
}

static const char *render(const struct bf_delivery *d, const char *text, bool json,
                          enum bf_template_escape escape)
{
    struct bf_try *t = (struct bf_try *)d;
    const struct bf_template *tmpl;
    const char *out = "", *value;
    struct bf_buf b;

    if (bf_rendered_has(t->whole->rendered, text))      /* a value, and no template */
        return escape_value(t, "what the script made", text, escape);
    value = text && !json ? lone_value(t, text) : NULL;
    if (value)
        return escape_value(t, text, value, escape);
    tmpl = text ? template_of(t, text, json) : NULL;
    if (!tmpl)
        return "";
    bf_buf_init(&b, BF_RENDERED_MAX + 1);
    if (!bf_template_render(tmpl, escape, value_of, t, &b, &t->whole->error))
        out = bf_arena_ndup(d->arena, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
    return out;
}

const char *bf_sink_expand(const struct bf_delivery *d, const char *tmpl, int escape)
{
    static const enum bf_template_escape how[] = {
        [BF_ESC_NONE] = BF_TEMPLATE_PLAIN,
        [BF_ESC_XML] = BF_TEMPLATE_XML,
        [BF_ESC_URL] = BF_TEMPLATE_URL,
    };

    return render(d, tmpl, false,
                  escape >= 0 && escape <= BF_ESC_URL ? how[escape] : BF_TEMPLATE_PLAIN);
}

const char *bf_sink_render(const struct bf_delivery *d, const char *json_tmpl)
{
    return render(d, json_tmpl, true, BF_TEMPLATE_PLAIN);
}


/* --- judging ------------------------------------------------------------------------- */

int bf_sink_verdict(const struct bf_delivery *d, int outcome, int64_t after_ms, const char *fmt,
                    va_list ap)
{
    struct bf_try *t = ((struct bf_try *)d)->whole;

    t->verdict = (struct bf_verdict){outcome, after_ms, bf_arena_vprintf(d->arena, fmt, ap)};
    return outcome;
}

/* A server that failed may have done it before: what must not be repeated is unknown then. */
static int once(const struct bf_try *t, int outcome, int status)
{
    bool is_once = t->instance->sink->flags & BF_ONCE;

    return is_once && outcome == BF_RETRY && status >= 500 ? BF_UNKNOWN : outcome;
}

int bf_sink_default(const struct bf_delivery *d, const struct bf_http_out *out)
{
    struct bf_try *t = ((struct bf_try *)d)->whole;
    struct bf_fetch_result r = {.err = out->err,
                                .sent = out->sent != 0,
                                .status = out->status,
                                .words = out->err ? bf_strerror(out->err) : NULL,
                                .body = out->body,
                                .body_len = out->body_len,
                                .headers = out->headers};
    const char *words = "";

    t->verdict.after_ms = -1;
    t->verdict.outcome = bf_judge_default(&r, bf_wall_ms(t->instance->plugins->rooms.clock),
                                          &t->verdict.after_ms, d->arena, &words);
    t->verdict.outcome = once(t, t->verdict.outcome, out->status);
    t->verdict.words = words;
    return t->verdict.outcome;
}

/* Nobody gets to see a secret that a receiver sent back: not the plugin, not the history, which
 * keeps no headers. */
void bf_try_scrub(struct bf_try *t, struct bf_fetch_result *r, bool headers)
{
    const struct bf_standins *sets[] = {&t->instance->standins, &t->filled->granted};
    struct bf_team *team = t->instance->plugins->rooms.team;

    for (size_t k = 0; k < BF_COUNT(sets); k++)
        if (sets[k]->n && (r->body_len || headers))
            bf_secrets_scrub_answer(team, sets[k], t->delivery.arena, r, headers);
}

static int ask_plugin(struct bf_try *t, const struct bf_fetch_result *r, struct bf_error *why)
{
    struct bf_http_out out = {.size = sizeof(out),
                              .status = r->status,
                              .body_len = r->body_len,
                              .body = r->body ? r->body : "",
                              .headers = r->headers,
                              .arena = t->delivery.arena};
    struct bf_call c;
    int rc;

    bf_try_enter(t, &c, why);
    rc = t->instance->sink->judge(t->instance->self, &t->delivery, &out);
    bf_call_leave(&c);
    return rc;
}

static void judge(void *arg, struct bf_attempt *at, struct bf_fetch_result *result)
{
    struct bf_plugins *p = arg;
    struct bf_try *t = at->data;
    int64_t now_ms = bf_wall_ms(p->rooms.clock);
    struct bf_error why;

    bf_try_scrub(t, result, t->instance->sink->judge && !result->err);
    if (!result->err && t->instance->sink->judge) {
        int rc = ask_plugin(t, result, &why);

        conclude(t, rc, &why);
        if (at->verdict.after_ms < 0)
            at->verdict.after_ms = bf_retry_after_ms(result->headers, now_ms);
        return;
    }
    at->verdict.after_ms = -1;
    at->verdict.outcome = bf_judge_default(result, now_ms, &at->verdict.after_ms, at->arena,
                                           &at->verdict.words);
    at->verdict.outcome = once(t, at->verdict.outcome, result->status);
}


/* --- preparing ----------------------------------------------------------------------- */

/* Few templates come to that, and only with a large event; so its size is what helps. */
static enum bf_step out_of_memory(struct bf_try *t)
{
    bf_error_set(&t->error, BF_ETOOBIG, "what is to be sent takes more memory than an attempt may have,"
                 " of an event of %zu bytes; have the action use less of it", t->vars.event->text_len);
    return settled(t->attempt, BF_REJECTED, -1, t->error.words);
}

enum bf_step bf_try_request(struct bf_try *t)
{
    struct bf_attempt *at = t->attempt;
    struct bf_outbound *r = bf_outbound_new(t->instance, at->arena, t);
    struct bf_error why;
    struct bf_call c;
    int rc;

    bf_try_enter(t, &c, &why);
    rc = r ? t->instance->sink->request(t->instance->self, &t->delivery, bf_outbound_pub(r))
           : BF_ENOMEM;
    bf_call_leave(&c);
    if (!rc && !t->error.code && bf_arena_ok(at->arena)) {
        rc = bf_outbound_seal(r, at->arena, false, &at->out.http, &t->wipe, &t->error);
        if (!rc) {
            bf_outbound_show(r, at->arena, &at->out.sent);
            t->outbound = r;
            return BF_STEP_SEND;
        }
    }
    if (!bf_arena_ok(at->arena))
        return out_of_memory(t);
    conclude(t, rc, &why);
    return BF_STEP_SETTLED;
}

static enum bf_step prepare_blocking(struct bf_try *t)
{
    struct bf_error why;
    struct bf_call c;
    int rc;

    bf_try_enter(t, &c, &why);
    rc = t->instance->sink->deliver_blocking(t->instance->self, &t->delivery);
    bf_call_leave(&c);
    conclude(t, rc, &why);
    return BF_STEP_SETTLED;
}


/* --- sinks that settle by themselves -------------------------------------------------- */

/* `d` and its arena live until the plugin settles, even if the hub has given up before. */
struct bf_later {
    struct bf_later *next;
    struct bf_arena *arena;
    struct bf_execution *execution;
    struct bf_try *attempt;
    uint64_t ticket;
};

static void free_later(struct bf_later *l)
{
    bf_filled_unref(l->attempt->filled);
    bf_instance_unref(l->attempt->instance);
    bf_execution_unref(l->execution);
    bf_arena_free(l->arena);
    free(l);
}

static struct bf_later *take_later(struct bf_plugins *p, uint64_t ticket)
{
    struct bf_later *l = NULL;

    pthread_mutex_lock(&p->lock);
    for (struct bf_later **at = &p->later; *at; at = &(*at)->next) {
        if ((*at)->ticket == ticket) {
            l = *at;
            *at = l->next;
            break;
        }
    }
    pthread_mutex_unlock(&p->lock);
    return l;
}

static struct bf_later *new_later(struct bf_attempt *at, struct bf_instance *i,
                                  struct bf_filled *f)
{
    struct bf_later *l = bf_new(struct bf_later);

    l->arena = bf_arena_new(LATER_BYTES_MAX);
    l->execution = bf_execution_ref(at->execution);
    l->ticket = at->ticket;
    l->attempt = new_try(at, i, f, l->arena, is_transformed(at));
    l->attempt->attempt = NULL;
    return l;
}

/* Takes the references to the instance and the action. */
static enum bf_step prepare_later(struct bf_attempt *at, struct bf_instance *i,
                                  struct bf_filled *f)
{
    struct bf_plugins *p = i->plugins;
    struct bf_later *l = new_later(at, i, f);
    struct bf_error why;
    struct bf_call c;

    if (is_transformed(at) && bf_try_take_over(l->attempt, at->data, &at->transform, &why)) {
        free_later(l);
        return failed(at, &why);
    }
    bf_instance_ref(i);         /* the plugin may settle, and end both, before it returns */
    pthread_mutex_lock(&p->lock);
    l->next = p->later;
    p->later = l;
    pthread_mutex_unlock(&p->lock);
    bf_call_enter(&c, i, BF_AT_LOOP, NULL, &why);
    i->sink->deliver(i->self, &l->attempt->delivery);
    bf_call_leave(&c);
    bf_instance_unref(i);
    return BF_STEP_LATER;
}

int bf_sink_settle(struct bf_ctx *ctx, bf_ticket ticket, int outcome)
{
    struct bf_plugins *p = bf_instance_from(ctx)->plugins;
    struct bf_later *l = take_later(p, ticket);
    const struct bf_try *t;
    int rc;

    if (!l)
        return BF_ENOENT;
    t = l->attempt;
    if (t->error.code)
        rc = bf_courier_settle(p->courier, ticket, outcome_of(t->error.code), -1,
                               t->error.words);
    else if (outcome < 0)
        rc = bf_courier_settle(p->courier, ticket, outcome_of(outcome), -1,
                               bf_strerror(outcome));
    else
        rc = bf_courier_settle(p->courier, ticket, outcome, t->verdict.after_ms,
                               t->verdict.words);
    free_later(l);
    return rc;
}

static struct bf_instance *holder(struct bf_plugins *p)
{
    struct bf_instance *i = NULL;

    pthread_mutex_lock(&p->lock);
    for (struct bf_later *l = p->later; l && !i; l = l->next)
        if (l->attempt->instance->created)
            i = bf_instance_ref(l->attempt->instance);
    pthread_mutex_unlock(&p->lock);
    return i;
}

/* A delivery is the plugin's until it settles; its destroy() is the last moment it can. */
void bf_later_end(struct bf_plugins *p)
{
    struct bf_instance *i;

    while ((i = holder(p))) {
        bf_instance_end(i);
        bf_instance_unref(i);
    }
    while (p->later) {
        struct bf_later *l = p->later;

        p->later = l->next;
        free_later(l);
    }
}


/* --- the courier's table -------------------------------------------------------------- */

static bool is_deleted(struct bf_plugins *p, const char *integration)
{
    struct bf_integration *i = bf_team_integration(p->rooms.team, integration);

    bf_integration_unref(i);
    return !i;
}

static bool destination(void *arg, const char *integration, struct bf_destination_info *out,
                        struct bf_error *err)
{
    struct bf_plugins *p = arg;
    struct bf_instance *i;

    if (bf_instance_of(p, integration, &i, err)) {
        /* Of one that was deleted, what waits is told so at once, and ends. */
        *out = (struct bf_destination_info){.quick = true, .gone = true};
        return is_deleted(p, integration);
    }
    *out = (struct bf_destination_info){
        .quick = i->sink->deliver || (i->sink->request && (i->sink->flags & BF_QUICK)),
        .once = (i->sink->flags & BF_ONCE) != 0,
        .settles = i->sink->deliver != NULL,
        .disabled = i->disabled,
        .max_parallel = i->sink->max_parallel,
        .max_is_fixed = i->sink->max_parallel && !i->sink->request,
        .max_merged = i->sink->max_merged,
        .pace = i->sink->pace,
    };
    bf_instance_unref(i);
    return true;
}

static void forget(void *arg, struct bf_attempt *at)
{
    struct bf_try *t = at->data;

    (void)arg;
    if (!t)
        return;
    bf_wipe_all(t->wipe);
    bf_filled_unref(t->filled);
    bf_instance_unref(t->instance);
    at->data = NULL;
}

/* References to what it goes by: of an attempt that was rendered for a script, the same as then. */
static int find(struct bf_plugins *p, struct bf_attempt *at, struct bf_instance **i,
                struct bf_filled **f, struct bf_error *err)
{
    const struct bf_try *asked = at->data;
    int rc;

    if (asked) {
        *i = bf_instance_ref(asked->instance);
        *f = bf_filled_ref(asked->filled);
        return BF_OK;
    }
    rc = bf_instance_of(p, bf_execution_integration(at->execution), i, err);
    if (!rc) {
        rc = bf_filled_of(*i, at->execution, f, err);
        if (rc)
            bf_instance_unref(*i);
    }
    return rc;
}

/* The attempt in its own arena, in place of the one that was rendered.  Takes the references. */
static struct bf_try *begin(struct bf_attempt *at, struct bf_instance *i, struct bf_filled *f,
                            bool as_one)
{
    struct bf_try *t = new_try(at, i, f, at->arena, as_one);

    forget(NULL, at);
    at->data = t;
    if (t)
        return t;
    bf_filled_unref(f);
    bf_instance_unref(i);
    settled(at, BF_RETRY, -1, "the attempt has used up its memory");
    return NULL;
}

static bool render_for_script(void *arg, struct bf_attempt *at)
{
    struct bf_error err = {0};
    struct bf_instance *i;
    struct bf_filled *f;
    struct bf_try *t;

    if (find(arg, at, &i, &f, &err)) {
        failed(at, &err);
        return false;
    }
    t = begin(at, i, f, true);
    if (t && bf_try_ask(t, at->execution->automation, &at->transform)) {
        failed(at, &t->error);
        return false;
    }
    return t != NULL;
}

static int ask(void *arg, struct bf_ask *ask)
{
    const struct bf_plugins_rooms *rooms = &((struct bf_plugins *)arg)->rooms;

    return rooms->ask ? rooms->ask(rooms->scripts, ask) : BF_ECANCELED;
}

static void accept_answer(void *arg, struct bf_attempt *at)
{
    (void)arg;
    bf_try_accept(at->data, &at->transform);
}

static enum bf_step prepare(void *arg, struct bf_attempt *at)
{
    struct bf_error err = {0};
    struct bf_instance *i;
    struct bf_filled *f;
    struct bf_try *t = at->data;
    bool dry;

    if (find(arg, at, &i, &f, &err))
        return failed(at, &err);
    dry = at->execution->automation->dry_run && !i->sink->request;
    if (i->sink->deliver && !dry)
        return prepare_later(at, i, f);
    if (t && is_transformed(at)) {
        bf_filled_unref(f);
        bf_instance_unref(i);
    } else {
        t = begin(at, i, f, false);
    }
    if (!t)
        return BF_STEP_SETTLED;
    t->delivery.deadline_ms = at->deadline_ms;
    if (dry)
        return bf_try_dry(t);
    return t->instance->sink->request ? bf_try_request(t) : prepare_blocking(t);
}


/* --- only to look at --------------------------------------------------------------------- */

/* Options of an action that may not be saved: they are filled for this once. */
static int fill_once(struct bf_instance *i, const struct bf_action *action, struct bf_arena *a,
                     struct bf_filled **out, struct bf_error *err)
{
    if (!i->sink->request)
        return bf_error_set(err, BF_EINVAL, "sink %s delivers in steps of its own, so there is no"
                            " one request to look at", i->sink->name);
    return bf_filled_new(i, action->config_len ? bf_arena_ndup(a, action->config,
                                                               action->config_len) : NULL,
                         action->secrets, out, err);
}

static int begin_preview(struct bf_plugins *p, struct bf_attempt *at, struct bf_error *err)
{
    const struct bf_execution *x = at->execution;
    struct bf_instance *i;
    struct bf_filled *f;
    int rc = bf_instance_of(p, bf_execution_integration(x), &i, err);

    if (rc)
        return rc;
    rc = fill_once(i, &x->automation->actions[x->action], at->arena, &f, err);
    if (rc) {
        bf_instance_unref(i);
        return rc;
    }
    return begin(at, i, f, x->automation->hooks.transform != NULL)
               ? BF_OK : bf_error_set(err, BF_EFULL, "there is no memory left for it");
}

/* Ask the script and wait for it; what becomes of a failure is as with an attempt. */
static int preview_transform(struct bf_plugins *p, struct bf_attempt *at, struct bf_error *err)
{
    const struct bf_plugins_rooms *rooms = &p->rooms;
    struct bf_question *q = &at->transform.question;
    struct bf_try *t = at->data;
    int rc = bf_try_ask(t, at->execution->automation, &at->transform);

    if (rc)
        return bf_error_set(err, BF_EINVAL, "%s", t->error.words);
    if (q->answer.said == BF_SAID_NOTHING) {
        rc = rooms->ask_wait ? rooms->ask_wait(rooms->scripts, &at->transform.ask) : BF_ECANCELED;
        if (rc)
            return bf_error_set(err, rc, "the transform cannot be asked now: %s", bf_strerror(rc));
    }
    bf_try_accept(t, &at->transform);
    if (q->answer.said == BF_SAID_FAILED && q->hook->on_error != BF_FAILURE_FIRES)
        return bf_error_set(err, BF_EINVAL, "%s", bf_transform_reason(at->arena, &q->answer));
    return BF_OK;
}

int bf_plugins_preview(struct bf_plugins *p, struct bf_execution *x, struct bf_arena *a,
                       struct bf_sent *out, struct bf_answer *said, struct bf_error *err)
{
    struct bf_attempt at = {.execution = x, .arena = a, .number = 1,
                            .deadline_ms = bf_wall_ms(p->rooms.clock) + PREVIEW_MS};
    int rc = begin_preview(p, &at, err);

    *said = (struct bf_answer){.said = BF_SAID_NOTHING};
    if (rc)
        return rc;
    if (x->automation->hooks.transform) {
        rc = preview_transform(p, &at, err);
        *said = at.transform.question.answer;
    }
    if (!rc && bf_try_request(at.data) == BF_STEP_SEND)
        *out = at.out.sent;
    else if (!rc)
        rc = bf_error_set(err, BF_EINVAL, "%s", at.verdict.words ? at.verdict.words : "");
    forget(p, &at);
    return rc;
}


/* --- out of use -------------------------------------------------------------------------- */

struct disabling {
    struct bf_work work;
    struct bf_plugins *plugins;
    bool was_enabled;
    char integration[BF_ID_LEN + 1];
    char cause[BF_NAME_MAX + 1];        /* root of what the last failure came of */
    char reason[320];
};

/* In the journal, so that automations can tell the team.  They cannot go round: an integration is
 * disabled once, until a person enables it. */
static int record_disable(const struct disabling *d, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_integration *i = bf_team_integration(d->plugins->rooms.team, d->integration);
    struct bf_buf b;
    int rc = BF_OK;

    if (!i)
        return BF_OK;
    bf_buf_init(&b, 4096);
    bf_buf_adds(&b, "{\"id\":");
    bf_buf_json(&b, i->id);
    bf_buf_adds(&b, ",\"name\":");
    bf_buf_json(&b, i->name);
    bf_buf_adds(&b, ",\"sink\":");
    bf_buf_json(&b, i->sink);
    bf_buf_adds(&b, ",\"reason\":");
    bf_buf_json(&b, d->reason);
    bf_buf_addc(&b, '}');
    rc = bf_bus_record_caused(tx, d->cause, "belfry.integration.disabled", i->entity, BF_SYSTEM_AUTHOR,
                              b.data, b.len, err);
    bf_buf_fini(&b);
    bf_integration_unref(i);
    return rc;
}

static int apply_disable(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct disabling *d = bf_container_of(w, struct disabling, work);
    int rc = bf_team_disable_integration(tx->db, d->integration, d->reason, tx->now_ms, err);

    d->was_enabled = rc == BF_OK;
    if (rc == BF_EEXIST)
        return BF_OK;           /* somebody else did */
    return rc ? rc : record_disable(d, tx, err);
}

static void disable_done(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct disabling *d = bf_container_of(w, struct disabling, work);
    struct bf_plugins *p = d->plugins;
    struct bf_error why;

    if (!rc)
        rc = bf_team_refresh(p->rooms.team, bf_bus_db(p->rooms.bus), "integration",
                             d->integration, &why);
    else
        why = *err;
    bf_plugins_integration_changed(p, d->integration);
    bf_courier_touch(p->courier, d->integration);
    if (rc)
        bf_warnf(p->rooms.log, "sink", "integration %s could not be disabled: %s", d->integration,
                 why.words);
    else if (d->was_enabled)
        bf_errorf(p->rooms.log, "sink", "integration %s is disabled: %s; POST /api/v1/integrations"
                  "/%s/enable enables it", d->integration, d->reason, d->integration);
    free(d);
}

static void disable(void *arg, const char *integration, const char *reason,
                    const struct bf_execution *last)
{
    struct bf_plugins *p = arg;
    struct disabling *d = bf_new(struct disabling);

    d->work = (struct bf_work){
        .always = true, .may_fail = true, .apply = apply_disable, .done = disable_done};
    d->plugins = p;
    snprintf(d->integration, sizeof(d->integration), "%s", integration);
    snprintf(d->reason, sizeof(d->reason), "%s", reason ? reason : "");
    snprintf(d->cause, sizeof(d->cause), "%s",
             last->event->cause ? last->event->cause : last->event->id);
    if (bf_bus_post(p->rooms.bus, &d->work))
        free(d);        /* the hub is stopping; it will fail again and come back here */
}

struct bf_courier_ops bf_plugins_courier_ops(struct bf_plugins *p)
{
    return (struct bf_courier_ops){.destination = destination,
                                   .render = render_for_script,
                                   .ask = ask,
                                   .accept = accept_answer,
                                   .prepare = prepare,
                                   .judge = judge,
                                   .forget = forget,
                                   .disable = disable,
                                   .arg = p};
}
