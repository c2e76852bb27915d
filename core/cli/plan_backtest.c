/* plan_backtest.c - what the automations of a plan would have fired before and after it.
 *
 * The hub judges its recorded events again, a few backtests at a time; the others wait here, so that
 * they take nobody's place in its queue.  A change that leaves alone what decides is judged once. */
#include "core/cli/plan.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/base.h"

#define PATH     "/api/v1/backtests"
#define AT_ONCE  4
#define PAUSE_MS 50

/* One backtest: of a change as it was or as it will be. */
struct judging {
    struct bf_figures *of;
    struct bf_figure *to;
    struct bf_figure *also;     /* it is the same there; or NULL */
    const char *body;
    const char *path;           /* once the hub has it; NULL again when it is over */
};

struct running {
    struct bf_cli *c;
    struct judging *all;
    size_t n, begun, ended;
    const char *since;
};

static volatile sig_atomic_t stopped;

static void on_stop(void) { stopped = 1; }


/* --- what is to be judged -------------------------------------------------------------------- */

static bool is(const struct bf_json *change, const char *name, const char *text)
{
    return bf_json_eq(bf_json_get(change, name), text);
}

static bool is_disabled(const struct bf_json *automation)
{
    return bf_json_is(bf_json_get(automation, "enabled"), BF_JSON_FALSE);
}

/* Members that decide nothing. */
static bool decides(const struct bf_json *member)
{
    static const char *const others[] = {"actions[", "description", "enabled", "name",
                                         "hooks.transform"};

    for (size_t i = 0; i < BF_COUNT(others); i++)
        if (member->len >= strlen(others[i]) &&
            strncmp(member->text, others[i], strlen(others[i])) == 0)
            return false;
    return true;
}

static bool decides_the_same(const struct bf_json *change)
{
    const struct bf_json *differs = bf_json_get(change, "differs");

    for (const struct bf_json *d = bf_json_first(differs); d; d = bf_json_next(differs, d))
        if (decides(bf_json_get(d, "member")))
            return false;
    return true;
}

static void add(struct running *r, struct bf_figures *of, struct bf_figure *to,
                const struct bf_json *automation)
{
    struct bf_body b = {.arena = r->c->arena};
    const char *raw;
    size_t len;

    raw = bf_json_raw(automation, &len);
    bf_body_set(&b, "automation", bf_arena_ndup(r->c->arena, raw, len));
    bf_body_str(&b, "since", r->since);
    bf_body_set(&b, "counts_only", "true");
    r->all[r->n++] = (struct judging){.of = of, .to = to, .body = bf_body_print(&b)};
}

/* As it is: by its id, for the hub knows more of it than its text. */
static void add_change(struct running *r, struct bf_figures *f)
{
    const struct bf_json *before = bf_json_get(f->change, "before");
    const struct bf_json *after = bf_json_get(f->change, "after");
    bool was = bf_json_is(before, BF_JSON_OBJECT), is_there = bf_json_is(after, BF_JSON_OBJECT);

    f->before.disabled = f->before.known = was && is_disabled(before);
    f->after.disabled = f->after.known = is_there && is_disabled(after);
    if (was && !f->before.known)
        add(r, f, &f->before, bf_json_get(f->change, "id"));
    if (!is_there || f->after.known)
        return;
    if (was && !f->before.known && decides_the_same(f->change))
        r->all[r->n - 1].also = &f->after;
    else
        add(r, f, &f->after, after);
}


/* --- running them ---------------------------------------------------------------------------- */

static int try(struct bf_cli *c, const char *method, const char *path, const char *body,
               struct bf_reply_text *reply, struct bf_error *err)
{
    struct bf_remote_request q = {.size = sizeof(q), .method = method, .path = path, .body = body,
                                  .body_len = body ? strlen(body) : 0};

    return bf_cli_try(c, &q, reply, err);
}

/* It ended, well or not. */
static void end_one(struct running *r, struct judging *j, const struct bf_json *t)
{
    const struct bf_json *result = bf_json_get(t, "result"), *why;
    struct bf_figure f = {.known = true};
    int64_t n = 0;

    r->ended++;
    j->path = NULL;
    if (!bf_json_int(bf_json_get(result, "fired"), &n)) {
        j->of->words = bf_cli_text(r->c->arena, bf_json_get(t, "error"));
        return;
    }
    f.fired = n;
    why = bf_json_get(result, "suppressed");
    for (const struct bf_json *k = bf_json_first(why); k; k = bf_json_next(why, k))
        if (bf_json_int(k + 1, &n))
            f.suppressed += n;
    *j->to = f;
    if (j->also)
        *j->also = f;
}

/* False: the hub has too many already. */
static bool begin_one(struct running *r, struct judging *j)
{
    struct bf_reply_text reply;
    struct bf_error err;

    if (try(r->c, "POST", PATH, j->body, &reply, &err) == BF_OK) {
        j->path = bf_arena_printf(r->c->arena, "%s/%s", PATH,
                                  bf_cli_text(r->c->arena, bf_json_get(reply.json, "id")));
        return true;
    }
    if (reply.status == 429 || reply.status == 503)
        return false;
    j->of->words = bf_cli_hints(r->c, bf_arena_dup(r->c->arena, err.words));
    r->ended++;
    return true;
}

/* The result is ours alone: what is read is forgotten there. */
static void ask_one(struct running *r, struct judging *j)
{
    struct bf_reply_text reply, dropped;
    struct bf_error err;
    const struct bf_json *status;
    const char *path = j->path;

    if (try(r->c, "GET", path, NULL, &reply, &err)) {
        j->of->words = bf_arena_dup(r->c->arena, err.words);
        j->path = NULL;
        r->ended++;
        return;
    }
    status = bf_json_get(reply.json, "status");
    if (!bf_json_eq(status, "finished") && !bf_json_eq(status, "failed"))
        return;
    end_one(r, j, reply.json);
    try(r->c, "DELETE", path, NULL, &dropped, &err);
}

static size_t n_under_way(const struct running *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->begun; i++)
        n += r->all[i].path != NULL;
    return n;
}

static void begin_some(struct running *r)
{
    while (r->begun < r->n && n_under_way(r) < AT_ONCE && begin_one(r, &r->all[r->begun]))
        r->begun++;
}

static void ask_all(struct running *r)
{
    for (size_t i = 0; i < r->begun && !stopped; i++)
        if (r->all[i].path)
            ask_one(r, &r->all[i]);
}

static int drop_all(struct running *r)
{
    struct bf_reply_text reply;
    struct bf_error err;

    for (size_t i = 0; i < r->begun; i++)
        if (r->all[i].path)
            try(r->c, "DELETE", r->all[i].path, NULL, &reply, &err);
    return bf_cli_fail(r->c, "stopped; the backtests are ended, and nothing was changed");
}

static int run(struct running *r)
{
    struct timespec some = {0, PAUSE_MS * 1000000L};
    bool shows = isatty(STDERR_FILENO);

    bf_cli_on_stop(on_stop);
    while (r->ended < r->n && !stopped) {
        begin_some(r);
        ask_all(r);
        if (shows)
            fprintf(stderr, "\rbacktests: %zu of %zu ...", r->ended, r->n);
        if (r->ended < r->n && !stopped)
            nanosleep(&some, NULL);
    }
    if (shows)
        fprintf(stderr, "\r%-40s\r", "");
    return stopped ? drop_all(r) : 0;
}

int bf_plan_backtest(struct bf_cli *c, const struct bf_json *changes, const char *since,
                     struct bf_figures **out, size_t *n)
{
    struct running r = {.c = c, .since = since};
    size_t count = bf_json_count(changes);
    struct bf_figures *f = bf_arena_alloc(c->arena, (count + 1) * sizeof(*f));

    r.all = bf_arena_alloc(c->arena, (2 * count + 1) * sizeof(*r.all));
    bf_assert(f && r.all);
    *out = f;
    *n = 0;
    for (const struct bf_json *k = bf_json_first(changes); k; k = bf_json_next(changes, k)) {
        if (!is(k, "kind", "automation"))
            continue;
        f[*n].change = k;
        add_change(&r, &f[(*n)++]);
    }
    return run(&r);
}
