/* connect.c - `belfry integrations connect SERVICE`: an integration that somebody allows in a browser.
 *
 * Whatever plugin connects accounts of a service answers POST /connect/SERVICE/TEAM with {"url"}, to be
 * opened in a browser, and {"status"}, a path that says what became of it: {"status":"waiting"}, then
 * "connected" or "failed", with a "message" for people.  So a service that is new needs nothing here. */
#include "core/cli/cli.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/clock.h"

#define WAIT_MS  (10 * 60 * 1000)       /* as long as an address is good */
#define PAUSE_MS 1000

static volatile sig_atomic_t stopped;

static void on_stop(void) { stopped = 1; }

/* Of a hub that has no such plugin the path is unknown, not the team. */
static int complain(struct bf_cli *c, int rc, const struct bf_reply_text *reply,
                    const struct bf_error *err)
{
    if (reply->status != 404)
        return bf_cli_complain(c, rc, reply, err);
    bf_cli_fail(c, "the hub has no plugin that connects %s; its operator puts one into plugin_dir, or"
                " adds it to the setting plugins; what is not connected in a browser is made with:"
                " belfry integrations create", bf_cli_operand(c, 0));
    return BF_EXIT_MISSING;
}

static int begin(struct bf_cli *c, struct bf_reply_text *reply)
{
    struct bf_remote_request q = {.size = sizeof(q), .method = "POST"};
    struct bf_body b = {.arena = c->arena};
    struct bf_error err = {0};
    const char *body;
    int rc;

    if (!bf_cli_value(c, "name"))
        return bf_cli_usage(c, "say what the integration is to be called, as in --name ml-alerts");
    rc = bf_cli_body(c, 1, &b);
    if (rc)
        return rc;
    q.path = bf_cli_path(c, c->verb->path, &rc);
    if (rc)
        return rc;
    body = bf_body_print(&b);
    q.body = body;
    q.body_len = strlen(body);
    rc = bf_cli_try(c, &q, reply, &err);
    return rc ? complain(c, rc, reply, &err) : 0;
}

static const char *text_at(struct bf_cli *c, const struct bf_reply_text *reply, const char *member)
{
    return bf_cli_text(c->arena, bf_json_get(reply->json, member));
}

static bool is_waiting(const struct bf_reply_text *reply)
{
    return bf_json_eq(bf_json_get(reply->json, "status"), "waiting");
}

/* Until it is over, the address has gone stale, or somebody has had enough. */
static int await(struct bf_cli *c, const char *path, struct bf_reply_text *out)
{
    int64_t until = bf_mono_ms(bf_clock_system()) + WAIT_MS;
    struct timespec pause = {PAUSE_MS / 1000, 0};
    int rc = bf_cli_get(c, path, out);

    bf_cli_on_stop(on_stop);
    while (!rc && is_waiting(out) && !stopped && bf_mono_ms(bf_clock_system()) < until) {
        nanosleep(&pause, NULL);
        if (!stopped)
            rc = bf_cli_get(c, path, out);
    }
    if (rc || !is_waiting(out))
        return rc;
    return bf_cli_fail(c, stopped ? "stopped; whoever opens the address may finish it all the same"
                                  : "nobody finished it in ten minutes; begin again");
}

/* With --json, standard output is for what comes of it. */
static void say_address(struct bf_cli *c, const struct bf_reply_text *reply, bool waits)
{
    const struct bf_json *warning = bf_json_get(reply->json, "warning");
    FILE *to = bf_cli_flag(c, "json") ? stderr : stdout;

    if (bf_json_is(warning, BF_JSON_STRING))
        fprintf(stderr, "warning: %s\n", bf_cli_text(c->arena, warning));
    fprintf(stderr, "open this address in a browser within ten minutes:\n");
    fprintf(to, "%s\n", text_at(c, reply, "url"));
    fflush(to);
    if (waits && isatty(STDERR_FILENO))
        fprintf(stderr, "waiting until that is done ...\n");
}

int bf_cli_connect_service(struct bf_cli *c)
{
    bool waits = !bf_cli_flag(c, "no-wait"), json = bf_cli_flag(c, "json");
    struct bf_reply_text reply;
    int rc = begin(c, &reply);
    bool good;

    if (rc)
        return rc;
    if (json && !waits)
        return bf_cli_print(c, bf_arena_printf(c->arena, "%s\n", reply.text), reply.len + 1);
    say_address(c, &reply, waits);
    if (!waits)
        return 0;
    rc = await(c, text_at(c, &reply, "status"), &reply);
    if (rc)
        return rc;
    good = bf_json_eq(bf_json_get(reply.json, "status"), "connected");
    if (json)
        rc = bf_cli_print(c, bf_arena_printf(c->arena, "%s\n", reply.text), reply.len + 1);
    else if (good)
        printf("%s\n", text_at(c, &reply, "message"));
    else
        bf_cli_fail(c, "%s", text_at(c, &reply, "message"));
    return rc ? rc : good ? 0 : BF_EXIT_FAILED;
}
