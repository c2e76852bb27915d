/* status.c - `belfry status`, and what an integration's receiver answers to a test. */
#include "core/cli/cli.h"

#include <string.h>

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
        bf_cli_show(c, reply.json);
    outcome = bf_json_get(reply.json, "outcome");
    return !outcome || bf_json_eq(outcome, "delivered") ? 0 : BF_EXIT_FAILED;
}
