/* code_test.c - `belfry test FILE.lua`: the tests that stand in a file of automations.
 *
 * A test is a list of steps.  What is given is published; what is expected after it is looked for among
 * the executions that it led to.  Where something did not fire, the hub's verdict says why. */
#include "core/cli/lab.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/base.h"
#include "core/base/id.h"

#define WAIT_MS    10000        /* for the courier to have looked at what fired */
#define POLL_MS    10
#define EVENTS_MAX 1000         /* of one group */
#define WHY_MAX    3            /* events of which is told why they did not fire */
#define WORDS_MAX  (256 * 1024)

struct testing {
    struct bf_lab *lab;
    struct bf_cli *c;
    const char *name;
    const char *events[EVENTS_MAX];     /* given since the last expectation */
    size_t n_events;
    bool expected;              /* one came already: the next given begins a new group */
    const struct bf_json **executions;  /* of all of them */
    size_t n_executions;
    bool known;                 /* these were asked for */
    int line;
    struct bf_buf words;        /* why it failed */
};

static const char *text(struct testing *t, const struct bf_json *o, const char *name)
{
    return bf_json_str(t->c->arena, bf_json_get(o, name));
}

static volatile sig_atomic_t stopped;

static void on_stop(void) { stopped = 1; }

/* A line of what is wrong. */
BF_FORMAT(2, 3)
static int failed(struct testing *t, const char *fmt, ...)
{
    va_list ap;

    bf_buf_printf(&t->words, "    %s:%d: ", t->lab->file, t->line);
    va_start(ap, fmt);
    bf_buf_vprintf(&t->words, fmt, ap);
    va_end(ap);
    bf_buf_addc(&t->words, '\n');
    return 1;
}


/* --- what fired --------------------------------------------------------------------------------- */

/* Still to be looked at by the courier; what a limit delays never is. */
static bool is_under_way(const struct bf_json *e)
{
    const struct bf_json *status = bf_json_get(e, "status");

    return (bf_json_eq(status, "pending") && !bf_json_is(bf_json_get(e, "delayed_by"), BF_JSON_STRING)) ||
           bf_json_eq(status, "running");
}

/* The executions of one event, once they are through. */
static int fetch(struct testing *t, const char *event, const struct bf_json **items)
{
    const char *path = bf_arena_printf(t->c->arena, "/api/v1/executions?event=%s&order=oldest&limit=1000",
                                       event);
    const struct timespec some = {0, POLL_MS * 1000000};
    struct bf_reply_text reply;

    for (int waited = 0;; waited += POLL_MS) {
        bool busy = false;
        int rc = bf_cli_get(t->c, path, &reply);

        if (rc)
            return rc;
        *items = bf_json_get(reply.json, "items");
        for (const struct bf_json *e = bf_json_first(*items); e; e = bf_json_next(*items, e))
            busy = busy || is_under_way(e);
        if (!busy || waited >= WAIT_MS || stopped)
            return 0;
        nanosleep(&some, NULL);
    }
}

static int fetch_all(struct testing *t)
{
    for (size_t i = 0; !t->known && i < t->n_events; i++) {
        const struct bf_json *items;
        int rc = fetch(t, t->events[i], &items);

        if (rc)
            return rc;
        t->executions = bf_zrealloc(t->executions, (t->n_executions + bf_json_count(items) + 1) *
                                                       sizeof(*t->executions));
        for (const struct bf_json *e = bf_json_first(items); e; e = bf_json_next(items, e))
            t->executions[t->n_executions++] = e;
    }
    t->known = true;
    return 0;
}

/* A firing: it would have gone out, or will when its limit allows. */
static bool is_fired(const struct bf_json *e)
{
    return bf_json_eq(bf_json_get(e, "reason"), "dry_run") ||
           bf_json_is(bf_json_get(e, "delayed_by"), BF_JSON_STRING);
}

static bool is_of(const struct bf_json *e, const char *automation)
{
    return !automation || bf_json_eq(bf_json_get(e, "automation_name"), automation);
}

static int64_t action_of(const struct bf_json *e)
{
    int64_t n = 0;

    bf_json_int(bf_json_get(e, "action"), &n);
    return n;
}

/* Several actions are one firing. */
static size_t count_firings(struct testing *t, const char *automation)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n_executions; i++)
        n += is_fired(t->executions[i]) && is_of(t->executions[i], automation) &&
             action_of(t->executions[i]) == 0;
    return n;
}

static const struct bf_lab_automation *find_automation(struct testing *t, const char *name)
{
    for (size_t i = 0; i < t->lab->n_automations; i++)
        if (strcmp(t->lab->automations[i].name, name) == 0)
            return &t->lab->automations[i];
    return NULL;
}


/* --- why not ---------------------------------------------------------------------------------------- */

static void put_why(struct testing *t, const char *event, const struct bf_lab_automation *a)
{
    struct bf_reply_text reply;
    const struct bf_json *v;

    if (bf_cli_get(t->c, bf_arena_printf(t->c->arena, "/api/v1/events/%s/verdicts?automation=%s", event,
                                         a->id), &reply))
        return;
    v = bf_json_at(reply.json, "/items/0");
    if (!v)
        bf_buf_adds(&t->words, "        it is not for events like this one\n");
    else
        bf_buf_printf(&t->words, "        %s (%s): %s\n", text(t, v, "decision"),
                      text(t, v, "clause"), text(t, v, "reason"));
}

/* Of the last events: the earlier ones mostly only filled windows.  And what became of a firing that is
 * not counted: its script failed, for instance. */
static void put_whys(struct testing *t, const struct bf_lab_automation *a)
{
    size_t from = t->n_events > WHY_MAX ? t->n_events - WHY_MAX : 0;

    for (size_t i = 0; i < t->n_executions; i++) {
        const struct bf_json *e = t->executions[i];
        const char *reason = text(t, e, "reason");

        if (is_of(e, a->name) && !is_fired(e))
            bf_buf_printf(&t->words, "        an execution is %s%s%s\n", text(t, e, "status"),
                          reason ? ": " : "", reason ? reason : "");
    }
    for (size_t i = from; i < t->n_events; i++)
        put_why(t, t->events[i], a);
}

static void put_fired(struct testing *t)
{
    for (size_t i = 0; i < t->n_executions; i++)
        if (is_fired(t->executions[i]) && action_of(t->executions[i]) == 0)
            bf_buf_printf(&t->words, "        \"%s\" fired\n",
                          text(t, t->executions[i], "automation_name"));
}


/* --- payloads ------------------------------------------------------------------------------------------ */

static const char *raw_of(struct testing *t, const struct bf_json *j)
{
    const char *raw;
    size_t len;

    if (!j)
        return "nothing";
    raw = bf_json_raw(j, &len);
    return bf_arena_ndup(t->c->arena, raw, len);
}

static bool same_scalar(struct testing *t, const struct bf_json *want, const struct bf_json *got)
{
    double x, y;

    if (want->type != got->type)
        return false;
    if (bf_json_is(want, BF_JSON_STRING))
        return strcmp(bf_json_str(t->c->arena, want), bf_json_str(t->c->arena, got)) == 0;
    if (bf_json_is(want, BF_JSON_NUMBER) && bf_json_double(want, &x) && bf_json_double(got, &y))
        return x == y;
    return strcmp(raw_of(t, want), raw_of(t, got)) == 0;
}

/* NULL if it is there; else where it is not: "payload.run.name: …". */
static const char *difference(struct testing *t, const char *where, const struct bf_json *want,
                              const struct bf_json *got, bool exact)
{
    const struct bf_json *g = NULL;
    const char *d = NULL;
    size_t i = 0;

    if (!got || want->type != got->type || want->type < BF_JSON_ARRAY)
        return got && same_scalar(t, want, got)
                   ? NULL : bf_arena_printf(t->c->arena, "%s: expected %s, got %s", where,
                                            raw_of(t, want), raw_of(t, got));
    if (bf_json_is(want, BF_JSON_ARRAY)) {
        if (bf_json_count(want) != bf_json_count(got))
            return bf_arena_printf(t->c->arena, "%s: expected %zu elements, got %zu", where,
                                   bf_json_count(want), bf_json_count(got));
        g = bf_json_first(got);
        for (const struct bf_json *w = bf_json_first(want); w && !d; w = bf_json_next(want, w)) {
            d = difference(t, bf_arena_printf(t->c->arena, "%s[%zu]", where, ++i), w, g, exact);
            g = bf_json_next(got, g);
        }
        return d;
    }
    for (const struct bf_json *k = bf_json_first(want); k && !d; k = bf_json_next(want, k)) {
        const char *name = bf_json_str(t->c->arena, k);

        d = difference(t, bf_arena_printf(t->c->arena, "%s.%s", where, name), k + 1,
                       bf_json_get(got, name), exact);
    }
    for (const struct bf_json *k = bf_json_first(got); exact && k && !d; k = bf_json_next(got, k)) {
        const char *name = bf_json_str(t->c->arena, k);

        if (!bf_json_get(want, name))
            d = bf_arena_printf(t->c->arena, "%s.%s: not expected, got %s", where, name, raw_of(t, k + 1));
    }
    return d;
}

/* What an execution would have sent: JSON, or NULL with the reason in *why. */
static const struct bf_json *payload_of(struct testing *t, const struct bf_json *execution,
                                        const char **why)
{
    struct bf_reply_text reply;
    const struct bf_json *attempt, *json;
    const char *body;
    struct bf_error err;

    *why = "its payload is not known";
    if (bf_json_is(bf_json_get(execution, "delayed_by"), BF_JSON_STRING))
        *why = bf_arena_printf(t->c->arena, "it %s, and is not rendered before", text(t, execution, "reason"));
    if (bf_cli_get(t->c, bf_arena_printf(t->c->arena, "/api/v1/executions/%s", text(t, execution, "id")),
                   &reply))
        return NULL;
    attempt = bf_json_at(reply.json, "/attempt_records/0");
    body = bf_json_str(t->c->arena, bf_json_at(attempt, "/request/payload"));
    if (attempt && !body)
        *why = text(t, attempt, "reason");
    if (!body)
        return NULL;
    json = bf_json_parse(t->c->arena, body, strlen(body), &err);
    *why = json ? NULL : bf_arena_printf(t->c->arena, "what would be sent is no JSON: %.200s", body);
    return json;
}

/* Whether one of the firings sends that; of which action only if it is said. */
static int check_payload(struct testing *t, const char *automation, const char *sink,
                         const struct bf_json *want, bool exact)
{
    const char *first = NULL, *why;

    for (size_t i = 0; i < t->n_executions; i++) {
        const struct bf_json *e = t->executions[i], *got;

        if (!is_fired(e) || !is_of(e, automation) ||
            !bf_lab_is_action(t->lab, automation, action_of(e), sink))
            continue;
        got = payload_of(t, e, &why);
        if (got)
            why = difference(t, "payload", want, got, exact);
        if (!why)
            return 0;
        if (!first)
            first = got ? bf_arena_printf(t->c->arena, "%s\n        it would send %s", why, raw_of(t, got))
                        : why;
    }
    return failed(t, "automation \"%s\": %s", automation,
                  first ? first : "it has no such action");
}


/* --- steps ------------------------------------------------------------------------------------------------ */

static const char *times_of(struct testing *t, size_t n)
{
    return n == 0   ? "has not fired"
           : n == 1 ? "fired once"
                    : bf_arena_printf(t->c->arena, "fired %zu times", n);
}

static int expect(struct testing *t, const struct bf_json *want)
{
    const char *name = text(t, want, "automation"), *sink = text(t, want, "action");
    const struct bf_lab_automation *a = find_automation(t, name);
    const struct bf_json *times = bf_json_get(want, "times");
    const struct bf_json *part = bf_json_get(want, "payload"), *whole = bf_json_get(want, "payload_is");
    int64_t wanted = 1;
    size_t n;
    int rc;

    if (!a)
        return failed(t, "the file has no automation \"%s\"", name);
    rc = fetch_all(t);
    if (rc)
        return rc;
    n = count_firings(t, name);
    bf_json_int(times, &wanted);
    if (times ? n != (size_t)wanted : n == 0) {
        failed(t, "automation \"%s\" %s, expected %s", name, times_of(t, n),
               times ? bf_arena_printf(t->c->arena, "%lld", (long long)wanted) : "that it does");
        put_whys(t, a);
        return 1;
    }
    rc = part ? check_payload(t, name, sink, part, false) : 0;
    return rc || !whole ? rc : check_payload(t, name, sink, whole, true);
}

static int expect_nothing(struct testing *t, const struct bf_json *name)
{
    const char *only = bf_json_str(t->c->arena, name);
    int rc = fetch_all(t);

    if (only && !find_automation(t, only))
        return failed(t, "the file has no automation \"%s\"", only);
    if (rc || count_firings(t, only) == 0)
        return rc;
    failed(t, "nothing was to fire");
    put_fired(t);
    return 1;
}

static int give(struct testing *t, const struct bf_json *event)
{
    struct bf_error err;

    if (t->expected)
        t->n_events = t->n_executions = 0;
    t->expected = t->known = false;
    if (t->n_events == EVENTS_MAX)
        return failed(t, "more than %d events are given", EVENTS_MAX);
    if (bf_lab_publish(t->lab, event, &t->events[t->n_events], &err))
        return failed(t, "given: %s%s%s", err.field, *err.field ? ": " : "", err.words);
    t->n_events++;
    return 0;
}

static int take_step(struct testing *t, const struct bf_json *step)
{
    const struct bf_json *given = bf_json_get(step, "given"), *want = bf_json_get(step, "expect");
    int64_t line = 0;

    bf_json_int(bf_json_get(step, "line"), &line);
    t->line = (int)line;
    if (given)
        return give(t, given);
    t->expected = true;
    return want ? expect(t, want) : expect_nothing(t, bf_json_get(step, "expect_nothing"));
}

/* Each expectation is looked at, so that one run tells of all of them. */
static int run_steps(struct testing *t, const struct bf_json *test)
{
    const struct bf_json *steps = bf_json_get(test, "steps");
    bool asks = false;
    int rc = 0;

    for (const struct bf_json *s = bf_json_first(steps); s; s = bf_json_next(steps, s)) {
        int one = take_step(t, s);

        asks = asks || !bf_json_get(s, "given");
        rc = rc ? rc : one;
        if (one && bf_json_get(s, "given"))
            return rc;
    }
    if (!asks && !rc)
        rc = failed(t, "it expects nothing: say expect { … } or expect_nothing()");
    return rc;
}

static int run_test(struct bf_lab *lab, const struct bf_json *test)
{
    struct testing *t = bf_new(struct testing);
    int64_t line = 0;
    int rc = bf_lab_begin(lab);

    t->lab = lab;
    t->c = lab->c;
    t->name = text(t, test, "name");
    bf_json_int(bf_json_get(test, "line"), &line);
    t->line = (int)line;
    bf_buf_init(&t->words, WORDS_MAX);
    if (!rc)
        rc = run_steps(t, test);
    bf_lab_end(lab);
    if (rc)
        printf("FAILED: %s\n%s", t->name, bf_buf_text(&t->words));
    else
        printf("passed: %s\n", t->name);
    fflush(stdout);
    bf_buf_fini(&t->words);
    free(t->executions);
    free(t);
    return rc;
}


/* --- the verb ----------------------------------------------------------------------------------------------- */

static int run_all(struct bf_lab *lab)
{
    const struct bf_json *tests = bf_json_get(lab->tests, "tests");
    size_t passed = 0, wrong = 0;
    int rc;

    bf_cli_on_stop(on_stop);
    rc = bf_lab_open(lab);
    if (rc)
        return rc;
    for (const struct bf_json *t = bf_json_first(tests); t && !stopped; t = bf_json_next(tests, t)) {
        if (run_test(lab, t))
            wrong++;
        else
            passed++;
    }
    if (stopped)
        return bf_cli_fail(lab->c, "stopped");
    printf("%zu passed, %zu failed\n", passed, wrong);
    return wrong ? BF_EXIT_FAILED : 0;
}

static int test_code(struct bf_cli *c, const struct bf_code *code, const char *file)
{
    struct bf_lab lab = {.c = c, .file = file, .code = code};
    const char *document, *tests;
    size_t len;
    int rc;

    document = bf_code_document(code, &len);
    lab.document = bf_json_parse(c->arena, document, len, NULL);
    tests = bf_code_tests(code, &len);
    lab.tests = bf_json_parse(c->arena, tests, len, NULL);
    if (!lab.document || !lab.tests)
        return bf_cli_fail(c, "there is no memory for what %s describes", file);
    if (!bf_json_count(bf_json_get(lab.tests, "tests")))
        return bf_cli_fail(c, "%s has no tests; they are written test(\"what is claimed\", function() …"
                           " end), see: belfry help code", file);
    rc = run_all(&lab);
    bf_lab_close(&lab);
    return rc;
}

int bf_cli_test_code(struct bf_cli *c)
{
    const char *file = bf_cli_operand(c, 0);
    struct bf_code *code;
    struct bf_error err;
    int rc;

    if (bf_code_read(file, &code, &err))
        return bf_cli_fail(c, "%s", err.words);
    rc = test_code(c, code, file);
    bf_code_free(code);
    return rc;
}
