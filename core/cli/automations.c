/* automations.c - making automations from options, and changing them in an editor. */
#include "core/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/cli/when.h"

#define TEXT_MAX (16 * 1024 * 1024)

static int say(struct bf_cli *c, const char *what, const struct bf_reply_text *reply)
{
    const struct bf_json *w = bf_json_get(reply->json, "warnings");

    if (bf_cli_flag(c, "json"))
        return bf_cli_print(c, bf_arena_printf(c->arena, "%s\n", reply->text), reply->len + 1);
    for (const struct bf_json *i = bf_json_first(w); i; i = bf_json_next(w, i))
        fprintf(stderr, "warning: %s: %s\n", bf_cli_text(c->arena, bf_json_get(i, "field")),
                bf_cli_text(c->arena, bf_json_get(i, "message")));
    printf("automation %s \"%s\" is %s\n", bf_cli_text(c->arena, bf_json_get(reply->json, "id")),
           bf_cli_text(c->arena, bf_json_get(reply->json, "name")), what);
    return 0;
}


/* --- from options -------------------------------------------------------------------------------- */

static int json_option(struct bf_cli *c, struct bf_body *b, const char *option, const char *path)
{
    const char *value = bf_cli_value(c, option);

    return value ? bf_cli_assign(c, b, NULL, bf_arena_printf(c->arena, "%s:=%s", path, value)) : 0;
}

static void text_option(struct bf_cli *c, struct bf_body *b, const char *option, const char *path)
{
    if (bf_cli_value(c, option))
        bf_body_str(b, path, bf_cli_value(c, option));
}

static int add_action(struct bf_cli *c, struct bf_body *b)
{
    struct bf_body action = {.arena = c->arena};
    const char *id;
    int rc = bf_cli_resolve(c, "integration", bf_cli_value(c, "integration"), &id);

    if (rc)
        return rc;
    bf_body_str(&action, "integration", id);
    rc = json_option(c, &action, "payload", "config.payload");
    for (size_t i = 0; i < c->n_operands && !rc; i++)
        rc = bf_cli_assign(c, &action, "config", c->operands[i]);
    bf_body_set(b, "actions", bf_arena_printf(c->arena, "[%s]", bf_body_print(&action)));
    return rc;
}

/* What each of these options leads to, if --on does not say it. */
static const struct {
    const char *option, *on;
} implied[] = {
    {"when", NULL}, {"states", "RUN_STATE"}, {"cron", "SCHEDULE"}, {"absent", "ABSENCE"},
};

/* Who gives neither the option for it nor a filter is told of the option, rather than of JSON. */
static int check_on(struct bf_cli *c, const char *on)
{
    static const char *const by[][2] = {
        {"RUN_METRIC", "when 'avg(accuracy, 5) < 0.85'"},
        {"RUN_METRIC_CHANGE", "when 'loss increases by 25%'"},
        {"RUN_METRIC_ZSCORE", "when 'abs(zscore(loss, 30)) > 3'"},
        {"RUN_STATE", "states FAILED"},
        {"SCHEDULE", "cron '0 9 * * mon-fri'"},
        {"ABSENCE", "absent 30m --of run.metric"},
    };

    for (size_t i = 0; i < BF_COUNT(by); i++)
        if (strcmp(on, by[i][0]) == 0 && !bf_cli_value(c, "filter"))
            return bf_cli_usage(c, "what %s waits for is said by an option: --%s", on, by[i][1]);
    return 0;
}

/* The options that say what it fires on, where that is more than a type and a filter. */
static int add_trigger(struct bf_cli *c, struct bf_body *b)
{
    const char *on = NULL, *by = NULL, *when = NULL;
    struct bf_error err;
    int rc = 0;

    for (size_t i = 0; i < BF_COUNT(implied); i++) {
        if (!bf_cli_value(c, implied[i].option))
            continue;
        if (by)
            return bf_cli_usage(c, "--%s and --%s are two automations", by, implied[i].option);
        by = implied[i].option;
        on = implied[i].on;
    }
    if (bf_cli_value(c, "when") &&
        bf_when_parse(c->arena, bf_cli_value(c, "when"), &on, &when, &err))
        return bf_cli_usage(c, "--when: %s", err.words);
    if (bf_cli_value(c, "on"))
        on = bf_cli_value(c, "on");
    if (!on)
        return bf_cli_usage(c, "--on says what it fires on; or --when, --states, --cron, --absent do");
    rc = by ? 0 : check_on(c, on);
    if (rc)
        return rc;
    if (strcmp(on, "ABSENCE") == 0 && by && !bf_cli_value(c, "of"))
        return bf_cli_usage(c, "--of says what must not stay away, as in --of run.heartbeat");
    bf_body_str(b, "event.type", on);
    if (when)
        bf_body_set(b, "event.filter.run_metric_filter", when);
    if (bf_cli_value(c, "states"))
        bf_body_list(b, "event.filter.run_state_filter.states", bf_cli_value(c, "states"));
    text_option(c, b, "cron", "event.filter.cron");
    text_option(c, b, "time-zone", "event.filter.time_zone");
    text_option(c, b, "absent", "event.filter.for");
    text_option(c, b, "of", "event.filter.of");
    text_option(c, b, "metric", "event.filter.metric");
    text_option(c, b, "per", "event.filter.per");
    rc = json_option(c, b, "run-filter", "event.filter.run_filter");
    if (!rc && by && bf_cli_value(c, "filter"))
        return bf_cli_usage(c, "--%s makes the filter; which runs count is said by --run-filter", by);
    return rc ? rc : json_option(c, b, "filter", "event.filter");
}

/* The hub knows what is sent to it as "filter" or "transform" alone; here it still has its own name. */
static int check_script(struct bf_cli *c, const char *path)
{
    size_t len = strlen(path);
    struct bf_error err;
    char hooks[100];

    if (len < 4 || strcmp(path + len - 4, ".lua") != 0 ||
        !bf_script_check(path, hooks, sizeof(hooks), &err))
        return 0;
    return bf_cli_fail(c, "%s", err.words);
}

/* A file that is here is sent as it is now; any other name is of one that the hub has. */
static int add_script(struct bf_cli *c, struct bf_body *b, const char *option, const char *hook)
{
    const char *named = bf_cli_value(c, option), *code, *fate = bf_cli_value(c, "on-script-error");
    size_t len;

    if (!named)
        return 0;
    if (fate)
        bf_body_str(b, bf_arena_printf(c->arena, "hooks.%s.on_error", hook), fate);
    if (strcmp(named, "-") != 0 && !strchr(named, '/') && access(named, F_OK)) {
        bf_body_str(b, bf_arena_printf(c->arena, "hooks.%s.file", hook), named);
        return 0;
    }
    if (bf_cli_read(c, named, &code, &len))
        return BF_EXIT_FAILED;
    if (strlen(code) != len)
        return bf_cli_fail(c, "%s is no text: it holds a NUL byte", bf_cli_file_name(named));
    if (check_script(c, named))
        return BF_EXIT_FAILED;
    bf_body_str(b, bf_arena_printf(c->arena, "hooks.%s.code", hook), code);
    return 0;
}

static int add_scripts(struct bf_cli *c, struct bf_body *b)
{
    int rc;

    if (bf_cli_value(c, "on-script-error") && !bf_cli_value(c, "filter-script") &&
        !bf_cli_value(c, "transform-script"))
        return bf_cli_usage(c, "--on-script-error says what follows when a script fails, and there is"
                            " none: --filter-script and --transform-script name them");
    rc = add_script(c, b, "filter-script", "filter");
    return rc ? rc : add_script(c, b, "transform-script", "transform");
}

static int build(struct bf_cli *c, const char **out)
{
    static const char *const wanted[] = {"name", "integration"};
    struct bf_body b = {.arena = c->arena};
    const char *team;
    int rc;

    for (size_t i = 0; i < BF_COUNT(wanted); i++)
        if (!bf_cli_value(c, wanted[i]))
            return bf_cli_usage(c, "a file, or at least --name, --on and --integration are needed;"
                                " --%s is missing", wanted[i]);
    rc = bf_cli_team(c, &team);
    if (rc)
        return rc;
    text_option(c, &b, "name", "name");
    text_option(c, &b, "description", "description");
    if (bf_cli_flag(c, "disabled"))
        bf_body_set(&b, "enabled", "false");
    bf_body_str(&b, "scope.entity", team);
    text_option(c, &b, "project", "scope.project");
    text_option(c, &b, "collection", "scope.collection");
    rc = add_trigger(c, &b);
    if (!rc)
        rc = json_option(c, &b, "limits", "limits");
    if (!rc)
        rc = add_scripts(c, &b);
    if (bf_cli_flag(c, "dry-run"))
        bf_body_set(&b, "dry_run", "true");
    if (!rc)
        rc = add_action(c, &b);
    *out = bf_body_print(&b);
    return rc;
}


/* --- from a file ------------------------------------------------------------------------------------- */

/* The hub wants ids.  In a file an action may name its integration, as --integration does, so that
 * the same file is good for another hub.  JSON that is no automation is left to the hub to refuse. */
static int name_to_id(struct bf_cli *c, const char *file, const char **text)
{
    struct bf_error err;
    const struct bf_json *root = bf_json_parse(c->arena, *text, strlen(*text), &err);
    const struct bf_json *actions = bf_json_get(root, "actions");
    const char *entity = bf_json_str(c->arena, bf_json_at(root, "/scope/entity"));
    const char *from = *text, *out = "", *id;
    int rc = bf_cli_connect(c);

    if (!rc && !root)
        return bf_cli_fail(c, "%s is not JSON: %s", bf_cli_file_name(file), err.words);
    if (entity)
        c->team = entity;
    for (const struct bf_json *a = bf_json_first(actions); a && !rc; a = bf_json_next(actions, a)) {
        const struct bf_json *named = bf_json_get(a, "integration");
        const char *raw;
        size_t len;

        if (!bf_json_is(named, BF_JSON_STRING))
            continue;
        raw = bf_json_raw(named, &len);
        rc = bf_cli_resolve(c, "integration", bf_json_str(c->arena, named), &id);
        if (!rc)
            out = bf_arena_printf(c->arena, "%s%.*s\"%s\"", out, (int)(raw - from), from, id);
        from = raw + len;
    }
    *text = bf_arena_printf(c->arena, "%s%s", out, from);
    return rc;
}

int bf_cli_automation_file(struct bf_cli *c, const char *file, const char **text)
{
    size_t len;
    int rc = bf_cli_read_body(c, file, text, &len);

    return rc ? rc : name_to_id(c, file, text);
}

/* What the hub adds by itself.  "revision" stays: with it, a change that somebody else made while
 * the editor was open is not overwritten. */
static bool is_the_hubs(const struct bf_json *key)
{
    static const char *const names[] = {"id", "created", "updated", "last_execution"};

    for (size_t i = 0; i < BF_COUNT(names); i++)
        if (bf_json_eq(key, names[i]))
            return true;
    return false;
}

static void print_editable(const struct bf_json *automation, bool revision, struct bf_buf *b)
{
    const char *between = "{\n  ";

    for (const struct bf_json *k = bf_json_first(automation); k; k = bf_json_next(automation, k)) {
        if (is_the_hubs(k) || (!revision && bf_json_eq(k, "revision")))
            continue;
        bf_buf_adds(b, between);
        bf_put_json(b, k, 2);
        bf_buf_adds(b, ": ");
        bf_put_json(b, k + 1, 2);
        between = ",\n  ";
    }
    bf_buf_adds(b, "\n}\n");
}

/* What show printed may be made anew, under another name or elsewhere. */
static const char *without_the_hubs(struct bf_cli *c, const char *text)
{
    const struct bf_json *root = bf_json_parse(c->arena, text, strlen(text), NULL);
    struct bf_buf b;

    if (!bf_json_get(root, "id"))
        return text;
    bf_buf_init(&b, TEXT_MAX);
    print_editable(root, false, &b);
    text = bf_arena_dup(c->arena, bf_buf_text(&b));
    bf_buf_fini(&b);
    return text;
}

int bf_cli_automation_create(struct bf_cli *c)
{
    const char *file = bf_cli_operand(c, 0), *text;
    struct bf_reply_text reply;
    int rc;

    if (file && !strchr(file, '='))
        rc = bf_cli_automation_file(c, file, &text);
    else
        rc = build(c, &text);
    if (!rc)
        text = without_the_hubs(c, text);
    if (!rc)
        rc = bf_cli_send(c, "POST", c->verb->path, text, &reply);
    return rc ? rc : say(c, "made", &reply);
}

int bf_cli_automation_update(struct bf_cli *c)
{
    const char *file = bf_cli_operand(c, 1), *path, *text;
    struct bf_reply_text reply;
    int rc;

    if (!file)
        return bf_cli_usage(c, "say which FILE holds the automation; \"-\" is standard input");
    path = bf_cli_path(c, c->verb->path, &rc);
    if (!rc)
        rc = bf_cli_automation_file(c, file, &text);
    if (!rc)
        rc = bf_cli_send(c, "PUT", path, text, &reply);
    return rc ? rc : say(c, "updated", &reply);
}


/* --- in an editor ------------------------------------------------------------------------------------ */

static int write_file(struct bf_cli *c, char *path, const char *text, size_t len)
{
    int fd = mkostemps(path, strlen(".json"), O_CLOEXEC);       /* mode 0600 */
    bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len;

    if (fd >= 0)
        close(fd);
    return ok ? 0 : bf_cli_fail(c, "cannot write %s: %s", path, strerror(errno));
}

/* By the shell, as people keep options in $EDITOR: "code --wait". */
static int run_editor(struct bf_cli *c, const char *path)
{
    const char *editor = bf_cli_env("VISUAL") ? bf_cli_env("VISUAL") : bf_cli_env("EDITOR");
    pid_t child = fork();
    int status = -1;

    if (!editor)
        editor = "vi";
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", bf_arena_printf(c->arena, "%s \"$1\"", editor), "sh", path,
              (char *)NULL);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return bf_cli_fail(c, "the editor (%s) failed; nothing was changed", editor);
}

static int edit(struct bf_cli *c, const char *path, const struct bf_reply_text *old, char *file)
{
    struct bf_reply_text reply;
    struct bf_buf before;
    const char *after;
    size_t len = 0;
    int rc;

    bf_buf_init(&before, TEXT_MAX);
    print_editable(old->json, true, &before);
    rc = write_file(c, file, bf_buf_text(&before), before.len);
    if (!rc)
        rc = run_editor(c, file);
    if (!rc)
        rc = bf_cli_read(c, file, &after, &len);
    if (!rc && len == before.len && memcmp(after, before.data, len) == 0) {
        printf("nothing was changed\n");
        unlink(file);
    } else if (!rc) {
        rc = name_to_id(c, file, &after);
        if (!rc)
            rc = bf_cli_send(c, "PUT", path, after, &reply);
        if (rc)
            fprintf(stderr, "what you wrote is in %s; once mended: belfry automations update %s"
                            " %s\n", file, bf_cli_operand(c, 0), file);
        else
            unlink(file);
        if (!rc)
            rc = say(c, "updated", &reply);
    }
    bf_buf_fini(&before);
    return rc;
}

int bf_cli_automation_edit(struct bf_cli *c)
{
    const char *tmp = bf_cli_env("TMPDIR");
    char *file = bf_arena_printf(c->arena, "%s/belfry-XXXXXX.json", tmp ? tmp : "/tmp");
    struct bf_reply_text old;
    int status;
    const char *path = bf_cli_path(c, c->verb->path, &status);

    if (!status)
        status = bf_cli_get(c, path, &old);
    return status ? status : edit(c, path, &old, file);
}
