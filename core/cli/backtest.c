/* backtest.c - `belfry backtest`: an automation that is in a file or saved, tried on what was recorded.
 *
 * The hub does the work and keeps the result; this asks again and again how far it is.  Whoever
 * stops it means the backtest as well. */
#include "core/cli/cli.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/id.h"

#define TEXT_MAX   (64 * 1024 * 1024)
#define FIRST_MS   50           /* between two questions, growing ... */
#define MOST_MS    1000         /* ... to this */
#define BAR_WIDTH  40
#define LISTED_MAX 20           /* firings that a person is shown */


/* --- which automation ------------------------------------------------------------------------ */

/* A file's text, an id, or the id of a name: as JSON. */
int bf_cli_tried(struct bf_cli *c, const char *named, const char **json)
{
    struct bf_buf b;
    const char *id;
    int rc;

    if (strcmp(named, "-") == 0 || access(named, F_OK) == 0)
        return bf_cli_automation_file(c, named, json);
    rc = bf_cli_connect(c);
    if (!rc)
        rc = bf_cli_resolve(c, "automation", named, &id);
    if (rc)
        return rc;
    bf_buf_init(&b, 4096);
    bf_buf_json(&b, id);
    *json = bf_arena_dup(c->arena, bf_buf_text(&b));
    bf_buf_fini(&b);
    return 0;
}


/* --- waiting --------------------------------------------------------------------------------- */

static volatile sig_atomic_t stopped;

static void on_stop(void) { stopped = 1; }

static int64_t number(const struct bf_json *j, const char *at)
{
    int64_t n = 0;

    bf_json_int(bf_json_at(j, at), &n);
    return n;
}

static void show_progress(const struct bf_json *t)
{
    int64_t done = number(t, "/progress/done"), all = number(t, "/progress/all");

    if (bf_json_eq(bf_json_get(t, "status"), "queued"))
        fprintf(stderr, "\rwaiting for its turn ...");
    else if (all)
        fprintf(stderr, "\r%3d %% of %lld records ...", (int)(100 * done / all), (long long)all);
    fflush(stderr);
}

static bool is_over(const struct bf_json *t)
{
    const struct bf_json *status = bf_json_get(t, "status");

    return bf_json_eq(status, "finished") || bf_json_eq(status, "failed");
}

static void pause_ms(long ms)
{
    struct timespec some = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&some, NULL);
}

/* Asks until it is over, or somebody stops it: then it is ended there as well. */
static int await(struct bf_cli *c, const char *path, struct bf_reply_text *out)
{
    bool shows = isatty(STDERR_FILENO);
    int rc = bf_cli_get(c, path, out);

    bf_cli_on_stop(on_stop);
    for (long ms = FIRST_MS; !rc && !is_over(out->json) && !stopped; ms = ms * 3 / 2) {
        if (shows)
            show_progress(out->json);
        pause_ms(ms < MOST_MS ? ms : MOST_MS);
        if (!stopped)
            rc = bf_cli_get(c, path, out);
    }
    if (shows)
        fprintf(stderr, "\r%-40s\r", "");
    if (!rc && stopped) {
        bf_cli_send(c, "DELETE", path, NULL, out);
        rc = bf_cli_fail(c, "stopped; the backtest is ended");
    }
    return rc;
}


/* --- what came of it ------------------------------------------------------------------------- */

static const char *text_at(struct bf_cli *c, const struct bf_json *j, const char *at)
{
    return bf_cli_text(c->arena, bf_json_at(j, at));
}

static void put_days(struct bf_cli *c, struct bf_buf *b, const struct bf_json *days)
{
    int64_t most = 1;

    for (const struct bf_json *d = bf_json_first(days); d; d = bf_json_next(days, d))
        most = bf_max64(most, number(d, "/fired") + number(d, "/suppressed"));
    if (bf_json_count(days))
        bf_buf_adds(b, "\nby day\n");
    for (const struct bf_json *d = bf_json_first(days); d; d = bf_json_next(days, d)) {
        int64_t fired = number(d, "/fired"), suppressed = number(d, "/suppressed");
        int64_t solid = (fired * BAR_WIDTH + most - 1) / most;
        int64_t hollow = (suppressed * BAR_WIDTH + most - 1) / most;

        bf_buf_printf(b, "  %s  ", text_at(c, d, "/day"));
        for (int64_t i = 0; i < solid; i++)
            bf_buf_addc(b, '#');
        for (int64_t i = 0; i < hollow; i++)
            bf_buf_addc(b, '.');
        bf_buf_printf(b, " %lld", (long long)fired);
        if (suppressed)
            bf_buf_printf(b, " (and %lld suppressed)", (long long)suppressed);
        bf_buf_addc(b, '\n');
    }
}

/* "accuracy 0.65: avg(accuracy) > 0.6", or whatever else was found out. */
static void put_facts(struct bf_cli *c, struct bf_buf *b, const struct bf_json *facts)
{
    const struct bf_json *metric = bf_json_get(facts, "metric");

    if (!bf_json_is(facts, BF_JSON_OBJECT))
        return;
    if (bf_json_is(metric, BF_JSON_STRING))
        bf_buf_printf(b, "  %s %s: %s", bf_cli_text(c->arena, metric),
                      text_at(c, facts, "/values"), text_at(c, facts, "/short"));
    else if (bf_json_get(facts, "to"))
        bf_buf_printf(b, "  %s to %s", text_at(c, facts, "/from"), text_at(c, facts, "/to"));
    else if (bf_json_get(facts, "last"))
        bf_buf_printf(b, "  no %s for %s, the last at %s", text_at(c, facts, "/of"),
                      text_at(c, facts, "/for"), text_at(c, facts, "/last"));
    else if (bf_json_is(bf_json_get(facts, "late"), BF_JSON_TRUE))
        bf_buf_printf(b, "  for %s, late, %s missed", text_at(c, facts, "/occurrence"),
                      text_at(c, facts, "/missed"));
    else if (!bf_json_get(facts, "occurrence"))
        bf_buf_printf(b, "  %s", bf_cli_text(c->arena, facts));
}

static void put_firing(struct bf_cli *c, struct bf_buf *b, const struct bf_json *f)
{
    const struct bf_json *run = bf_json_get(f, "run_name");

    if (!bf_json_is(run, BF_JSON_STRING))
        run = bf_json_get(f, "run");
    bf_buf_printf(b, "  %s  %s  %s", text_at(c, f, "/received"), text_at(c, f, "/event"),
                  text_at(c, f, "/event_type"));
    if (bf_json_is(run, BF_JSON_STRING))
        bf_buf_printf(b, "  run %s", bf_cli_text(c->arena, run));
    put_facts(c, b, bf_json_get(f, "facts"));
    if (!bf_json_eq(bf_json_get(f, "decision"), "fired"))
        bf_buf_printf(b, "  (%s)", text_at(c, f, "/decision"));
    bf_buf_addc(b, '\n');
}

static void put_firings(struct bf_cli *c, struct bf_buf *b, const struct bf_json *firings)
{
    size_t n = 0, all = bf_json_count(firings);

    if (all)
        bf_buf_adds(b, "\nfirings\n");
    for (const struct bf_json *f = bf_json_first(firings); f && n < LISTED_MAX;
         f = bf_json_next(firings, f), n++)
        put_firing(c, b, f);
    if (all > n)
        bf_buf_printf(b, "  ... and %zu more; --json has the first 1,000\n", all - n);
}

static void put_numbers(struct bf_cli *c, struct bf_buf *b, const struct bf_json *t)
{
    const struct bf_json *r = bf_json_get(t, "result");
    const struct bf_json *why = bf_json_get(r, "suppressed");
    static const char *const few[] = {"never have fired", "have fired once",
                                      "have fired twice", "have fired "};

    bf_buf_printf(b, "\"%s\" on %lld records of %s to %s would %s",
                  text_at(c, t, "/name"), (long long)number(r, "/records"), text_at(c, t, "/since"),
                  text_at(c, t, "/until"), few[bf_min64(number(r, "/fired"), 3)]);
    if (number(r, "/fired") > 2)
        bf_buf_printf(b, "%lld times", (long long)number(r, "/fired"));
    if (number(r, "/delayed"))
        bf_buf_printf(b, ", %lld of them delayed", (long long)number(r, "/delayed"));
    bf_buf_addc(b, '\n');
    if (number(r, "/joined"))
        bf_buf_printf(b, "  %lld joined the digest of another\n", (long long)number(r, "/joined"));
    for (const struct bf_json *k = bf_json_first(why); k; k = bf_json_next(why, k))
        bf_buf_printf(b, "  %s suppressed: %s\n", bf_cli_text(c->arena, k + 1),
                      bf_cli_text(c->arena, k));
    if (bf_json_is(bf_json_at(r, "/warm_up/complete"), BF_JSON_FALSE))
        bf_buf_adds(b, "  points from before the range had been cut: the first windows may have"
                       " had fewer values than they had then\n");
}

static int print(struct bf_cli *c, const struct bf_reply_text *reply)
{
    const struct bf_json *t = reply->json, *r = bf_json_get(t, "result");
    struct bf_buf b;
    int rc;

    if (bf_cli_flag(c, "json"))
        return bf_cli_print(c, bf_arena_printf(c->arena, "%s\n", reply->text), reply->len + 1);
    bf_buf_init(&b, TEXT_MAX);
    put_numbers(c, &b, t);
    put_days(c, &b, bf_json_get(r, "days"));
    put_firings(c, &b, bf_json_get(r, "firings"));
    /* Once: the others differ in their values. */
    bf_cli_put_payloads(c, &b, "\nthe first one would send",
                        bf_json_at(r, "/payloads/0/actions"));
    rc = bf_cli_print(c, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
    return rc;
}


/* --- the verb -------------------------------------------------------------------------------- */

static void text_option(struct bf_cli *c, struct bf_body *b, const char *option, const char *member)
{
    if (bf_cli_value(c, option))
        bf_body_str(b, member, bf_cli_value(c, option));
}

static int begin(struct bf_cli *c, const char **path)
{
    struct bf_body b = {.arena = c->arena};
    struct bf_reply_text reply;
    const char *automation;
    int rc = bf_cli_tried(c, bf_cli_operand(c, 0), &automation);

    if (rc)
        return rc;
    bf_body_set(&b, "automation", automation);
    text_option(c, &b, "since", "since");
    text_option(c, &b, "until", "until");
    text_option(c, &b, "time-zone", "time_zone");
    rc = bf_cli_send(c, "POST", c->verb->path, bf_body_print(&b), &reply);
    if (!rc)
        *path = bf_arena_printf(c->arena, "%s/%s", c->verb->path,
                                bf_cli_escape(c, bf_cli_text(c->arena,
                                                             bf_json_get(reply.json, "id"))));
    return rc;
}

int bf_cli_backtest(struct bf_cli *c)
{
    struct bf_reply_text reply;
    const char *path;
    int rc;

    if (!bf_cli_value(c, "since"))
        return bf_cli_usage(c, "say from when on, with --since 7d or a time");
    rc = begin(c, &path);
    if (!rc)
        rc = await(c, path, &reply);
    if (!rc && bf_json_eq(bf_json_get(reply.json, "status"), "failed"))
        rc = bf_cli_fail(c, "the backtest failed: %s",
                         bf_cli_text(c->arena, bf_json_get(reply.json, "error")));
    return rc ? rc : print(c, &reply);
}
