/* status.c - `belfry status`, and what an integration's receiver answers to a test. */
#include "core/cli/cli.h"

#include <string.h>

#include "core/base/base.h"

int bf_cli_status(struct bf_cli *c)
{
    struct bf_reply_text reply;
    int rc = bf_cli_get(c, c->verb->path, &reply);

    if (rc)
        return rc;
    if (bf_cli_flag(c, "json"))
        rc = bf_cli_print(c, bf_arena_printf(c->arena, "%s\n", reply.text), reply.len + 1);
    else
        bf_cli_show(c, reply.json);
    if (!rc && bf_json_is(bf_json_get(reply.json, "ready"), BF_JSON_FALSE))
        rc = BF_EXIT_FAILED;
    return rc;
}


/* --- a test of an integration ------------------------------------------------------------------- */

#define SHOWN_MAX (16 * 1024 * 1024)

/* Each line of the text behind a mark: "> " went out, "< " came back. */
static void put_marked(struct bf_buf *b, const char *mark, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");

        bf_buf_adds(b, mark);
        bf_put_plain(b, text, len);
        bf_buf_addc(b, '\n');
        text += text[len] ? len + 1 : len;
    }
}

static void put_message(struct bf_cli *c, struct bf_buf *b, const char *mark, const char *first,
                        const struct bf_json *message, const char *body)
{
    const struct bf_json *headers = bf_json_get(message, "headers");
    const char *text = bf_json_str(c->arena, bf_json_get(message, body));

    put_marked(b, mark, first);
    for (const struct bf_json *h = bf_json_first(headers); h; h = bf_json_next(headers, h))
        put_marked(b, mark, bf_arena_printf(c->arena, "%s: %s",
                                            bf_cli_text(c->arena, bf_json_get(h, "name")),
                                            bf_cli_text(c->arena, bf_json_get(h, "value"))));
    if (!text || !*text)
        return;
    put_marked(b, mark, "\n");
    put_marked(b, mark, text);
}

static void put_signatures(struct bf_cli *c, struct bf_buf *b, const struct bf_json *list)
{
    for (const struct bf_json *s = bf_json_first(list); s; s = bf_json_next(list, s)) {
        const char *covers = bf_json_str(c->arena, bf_json_get(s, "covers"));

        bf_buf_printf(b, "%s is %s with the secret ", bf_cli_text(c->arena, bf_json_get(s, "header")),
                      bf_cli_text(c->arena, bf_json_get(s, "format")));
        bf_buf_printf(b, "%s, of:\n", bf_cli_text(c->arena, bf_json_get(s, "secret")));
        put_marked(b, "  ", covers ? covers : "");
    }
}

/* "delivered: HTTP 200, after 3 ms"; a test is not sent again, whatever an execution would be. */
static void put_outcome(struct bf_cli *c, struct bf_buf *b, const struct bf_json *test)
{
    const struct bf_json *outcome = bf_json_get(test, "outcome");
    const char *reason = bf_json_str(c->arena, bf_json_get(test, "reason"));

    bf_buf_adds(b, bf_json_eq(outcome, "retry") ? "would be retried" : bf_cli_text(c->arena, outcome));
    if (reason && *reason)
        bf_buf_printf(b, ": %s", reason);
    bf_buf_printf(b, ", after %s ms\n", bf_cli_text(c->arena, bf_json_get(test, "duration_ms")));
}

static int show_exchange(struct bf_cli *c, const struct bf_json *test)
{
    const struct bf_json *request = bf_json_get(test, "request");
    const struct bf_json *response = bf_json_get(test, "response");
    struct bf_buf b;
    int rc;

    bf_buf_init(&b, SHOWN_MAX);
    if (bf_json_is(request, BF_JSON_OBJECT))
        put_message(c, &b, "> ", bf_arena_printf(c->arena, "%s %s",
                                                 bf_cli_text(c->arena, bf_json_get(request, "method")),
                                                 bf_cli_text(c->arena, bf_json_get(request, "url"))),
                    request, "payload");
    if (bf_json_is(response, BF_JSON_OBJECT))
        put_message(c, &b, "< ", bf_cli_text(c->arena, bf_json_get(response, "status")), response,
                    "body");
    put_signatures(c, &b, bf_json_get(request, "signatures"));
    put_outcome(c, &b, test);
    rc = bf_cli_print(c, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
    return rc;
}

/* The receiver's answer is what was asked for, so a bad one is the verb's failure. */
int bf_cli_test(struct bf_cli *c)
{
    struct bf_body b = {.arena = c->arena};
    struct bf_reply_text reply;
    int status;
    const char *path = bf_cli_path(c, c->verb->path, &status);
    const struct bf_json *outcome;

    if (!status)
        status = bf_cli_body(c, 1, &b);
    if (!status)
        status = bf_cli_send(c, "POST", path, bf_body_print(&b), &reply);
    if (status)
        return status;
    if (bf_cli_flag(c, "json"))
        bf_cli_print(c, bf_arena_printf(c->arena, "%s\n", reply.text), reply.len + 1);
    else
        show_exchange(c, reply.json);
    outcome = bf_json_get(reply.json, "outcome");
    return !outcome || bf_json_eq(outcome, "delivered") || bf_json_eq(outcome, "accepted")
               ? 0 : BF_EXIT_FAILED;
}
