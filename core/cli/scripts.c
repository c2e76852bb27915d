/* scripts.c - hooks in Lua: the text that a hub has of one, whether a file would do, and a hook that
 * was disabled, enabled again. */
#include "core/cli/cli.h"

#include <string.h>

#include "core/base/base.h"

/* The text itself, so that it can be piped into an editor or a file. */
int bf_cli_script_show(struct bf_cli *c)
{
    struct bf_reply_text reply;
    const char *path, *text;
    int status;

    path = bf_cli_path(c, c->verb->path, &status);
    if (!status)
        status = bf_cli_get(c, path, &reply);
    if (status)
        return status;
    if (bf_cli_flag(c, "json"))
        return bf_cli_print(c, bf_arena_printf(c->arena, "%s\n", reply.text), reply.len + 1);
    text = bf_json_str(c->arena, bf_json_get(reply.json, "text"));
    return bf_cli_print(c, text ? text : "", text ? strlen(text) : 0);
}

int bf_cli_script_check(struct bf_cli *c)
{
    char hooks[100];
    struct bf_error err;

    if (bf_script_check(bf_cli_operand(c, 0), hooks, sizeof(hooks), &err))
        return bf_cli_fail(c, "%s", err.words);
    printf("%s has %s\n", bf_cli_operand(c, 0), hooks);
    return 0;
}


/* --- enabling --------------------------------------------------------------------------------------- */

static int enable(struct bf_cli *c, const char *path, const char *said)
{
    struct bf_reply_text reply;
    int status = bf_cli_send(c, "POST", path, NULL, &reply);

    if (status)
        return status;
    if (bf_cli_flag(c, "json"))
        return bf_cli_print(c, bf_arena_printf(c->arena, "%s\n", reply.text), reply.len + 1);
    printf("%s is enabled\n", said);
    return 0;
}

static int enable_hook(struct bf_cli *c, const char *id, const char *hook)
{
    return enable(c, bf_arena_printf(c->arena, "/api/v1/automations/%s/hooks/%s/enable", id,
                                     bf_cli_escape(c, hook)),
                  bf_arena_printf(c->arena, "the %s of %s", hook, bf_cli_operand(c, 0)));
}

/* Those that are disabled. */
static int enable_all(struct bf_cli *c, const char *id)
{
    struct bf_reply_text reply;
    int status = bf_cli_get(c, bf_arena_printf(c->arena, "/api/v1/automations/%s", id), &reply);
    const struct bf_json *disabled = status ? NULL : bf_json_get(reply.json, "hooks_disabled");

    if (!status && bf_json_count(disabled) == 0)
        printf("no hook of %s is disabled\n", bf_cli_operand(c, 0));
    for (const struct bf_json *k = bf_json_first(disabled); k && !status;
         k = bf_json_next(disabled, k))
        status = enable_hook(c, id, bf_json_str(c->arena, k));
    return status;
}

int bf_cli_script_enable(struct bf_cli *c)
{
    const char *named = bf_cli_operand(c, 0), *hook = bf_cli_operand(c, 1), *id;
    int status;

    if (strcmp(named, "on_event") == 0 && !hook)
        return enable(c, "/api/v1/scripts/on_event/enable", "on_event");
    status = bf_cli_resolve(c, "automation", named, &id);
    if (status)
        return status;
    return hook ? enable_hook(c, id, hook) : enable_all(c, id);
}
