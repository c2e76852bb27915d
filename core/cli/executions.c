/* executions.c - the history: its filters, what is done once more, what goes elsewhere. */
#include "core/cli/cli.h"

#include <string.h>

#define TEXT_MAX (64 * 1024 * 1024)

/* The filters of options, with names made ids: "?status=failed&automation=…". */
static int filters(struct bf_cli *c, const char **out)
{
    static const char *const nouns[] = {"automation", "integration"};
    const char *query = bf_cli_query(c, NULL), *id;
    int rc = bf_cli_connect(c);

    for (size_t i = 0; i < 2 && !rc; i++) {
        const char *named = bf_cli_value(c, nouns[i]);

        if (!named)
            continue;
        rc = bf_cli_resolve(c, nouns[i], named, &id);
        if (!rc)
            query = bf_arena_printf(c->arena, "%s%s%s=%s", query, *query ? "&" : "?", nouns[i],
                                    bf_cli_escape(c, id));
    }
    if (!rc && c->team)
        query = bf_arena_printf(c->arena, "%s%sentity=%s", query, *query ? "&" : "?",
                                bf_cli_escape(c, c->team));
    *out = query;
    return rc;
}

int bf_cli_execution(struct bf_cli *c)
{
    struct bf_verb with_filters = *c->verb;
    const char *query;
    int rc = filters(c, &query);

    if (rc)
        return rc;
    for (size_t i = 0; i < c->n_given; i++)     /* they are in the path now */
        if (c->given[i].row && c->given[i].row->use == BF_OPT_QUERY)
            c->given[i].row = NULL;
    with_filters.path = bf_arena_printf(c->arena, "/api/v1/executions%s", query);
    c->verb = &with_filters;
    return bf_cli_list(c);
}

/* ---- one ---- */

static const char *text_at(struct bf_cli *c, const struct bf_json *j, const char *at)
{
    return bf_cli_text(c->arena, bf_json_at(j, at));
}

/* What a script said; of a failure all its lines, the trace of its calls too. */
static void put_said(struct bf_cli *c, struct bf_buf *b, const char *hook, const struct bf_json *said)
{
    if (!said)
        return;
    bf_buf_printf(b, "%s script %s: %s\n", hook, text_at(c, said, "/script"),
                  text_at(c, said, "/said"));
    bf_cli_put_lines(c, b, bf_json_get(said, "words"), 2);
}

static void put_scripts(struct bf_cli *c, struct bf_buf *b, const struct bf_json *execution)
{
    const struct bf_json *attempts = bf_json_get(execution, "attempt_records");

    put_said(c, b, "filter", bf_json_at(execution, "/hooks/filter"));
    for (const struct bf_json *a = bf_json_first(attempts); a; a = bf_json_next(attempts, a))
        put_said(c, b, bf_arena_printf(c->arena, "attempt %s: transform",
                                       text_at(c, a, "/attempt")),
                 bf_json_get(a, "transform"));
}

int bf_cli_execution_show(struct bf_cli *c)
{
    struct bf_reply_text reply;
    struct bf_buf b;
    int rc;
    const char *path = bf_cli_path(c, c->verb->path, &rc);

    if (!rc)
        rc = bf_cli_get(c, path, &reply);
    if (rc)
        return rc;
    if (bf_cli_flag(c, "json"))
        return bf_cli_print(c, bf_arena_printf(c->arena, "%s\n", reply.text), reply.len + 1);
    bf_buf_init(&b, TEXT_MAX);
    bf_cli_put_members(c, &b, reply.json, "hooks");
    put_scripts(c, &b, reply.json);
    rc = b.failed ? bf_cli_fail(c, "there is too much to print")
                  : bf_cli_print(c, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
    return rc;
}


/* ---- many ---- */

/* Many at once, request after request: the hub does so many in each and says where to go on. */
static int change_many(struct bf_cli *c, const char *verb, const char *done)
{
    bool dry = bf_cli_flag(c, "dry-run");
    const char *member = dry ? bf_arena_printf(c->arena, "would_%s", verb) : done;
    struct bf_reply_text reply;
    const char *query, *team, *cursor = NULL;
    int64_t sum = 0, n;
    int rc;

    if (bf_cli_flag(c, "again"))
        return bf_cli_usage(c, "--again is for one by its ID, not for many");
    if (c->n_given == 0 || (c->n_given == 1 && bf_cli_flag(c, "yes")))
        return bf_cli_usage(c, "say which: an ID, or options like --automation NAME --since 2h");
    rc = bf_cli_team(c, &team);         /* of one team at a time, lest it be more than was meant */
    if (!rc)
        rc = filters(c, &query);
    if (!rc && !dry)
        rc = bf_cli_confirm(c, bf_arena_printf(c->arena, "%s everything that matches?", verb));
    do {
        const char *path = bf_arena_printf(c->arena, "/api/v1/executions/%s%s%s%s", verb, query,
                                           !cursor ? "" : *query ? "&cursor=" : "?cursor=",
                                           cursor ? cursor : "");
        if (!rc)
            rc = bf_cli_send(c, "POST", path, "{}", &reply);
        if (rc)
            return rc;
        sum += bf_json_int(bf_json_get(reply.json, member), &n) ? n : 0;
        cursor = bf_json_str(c->arena, bf_json_get(reply.json, "next"));
    } while (cursor);
    if (bf_cli_flag(c, "json"))
        printf("{\"%s\":%lld}\n", member, (long long)sum);
    else
        printf("%lld %s%s\n", (long long)sum, dry ? "would be " : "", done);
    return 0;
}

/* One alone is what was asked for: it is not asked again. */
static int change_one(struct bf_cli *c)
{
    struct bf_verb one = *c->verb;

    if (bf_cli_flag(c, "dry-run"))
        return bf_cli_usage(c, "--dry-run is for many, not for one by its ID");
    one.flags &= ~BF_VERB_CONFIRM;
    c->verb = &one;
    return bf_cli_change(c);
}

int bf_cli_resend(struct bf_cli *c)
{
    return bf_cli_operand(c, 0) ? change_one(c) : change_many(c, "resend", "resent");
}

int bf_cli_cancel(struct bf_cli *c)
{
    return bf_cli_operand(c, 0) ? change_one(c) : change_many(c, "cancel", "cancelled");
}

/* ---- with an integration that is enabled ---- */

static void say_resent(int64_t n, int64_t gone, const struct bf_json *resend)
{
    printf("%lld that failed %s sent again\n", (long long)n, n == 1 ? "is" : "are");
    if (gone)
        fprintf(stderr, "warning: of %lld the event is not kept any more\n", (long long)gone);
    if (!n && bf_json_is(bf_json_get(resend, "since"), BF_JSON_NULL))
        fprintf(stderr, "it was not failing; --since says from when failures count\n");
}

/* The hub does so many in a request, and says where to go on. */
int bf_cli_enable(struct bf_cli *c)
{
    bool resend = bf_cli_flag(c, "resend") || bf_cli_value(c, "since") || bf_cli_value(c, "status");
    const char *statuses = bf_cli_value(c, "status"), *since = bf_cli_value(c, "since");
    const char *cursor = NULL, *path;
    const struct bf_json *said;
    struct bf_reply_text reply;
    int64_t sum = 0, gone = 0, n;
    int rc;

    if (!resend)
        return bf_cli_change(c);
    path = bf_cli_path(c, c->verb->path, &rc);
    do {
        struct bf_body b = {.arena = c->arena};

        bf_body_str(&b, "resend", statuses ? statuses : "failed");
        if (since)
            bf_body_str(&b, "since", since);
        if (cursor)
            bf_body_str(&b, "cursor", cursor);
        if (!rc)
            rc = bf_cli_send(c, "POST", path, bf_body_print(&b), &reply);
        if (rc)
            return rc;
        said = bf_json_get(reply.json, "resend");
        sum += bf_json_int(bf_json_get(said, "resent"), &n) ? n : 0;
        gone += bf_json_int(bf_json_get(said, "gone"), &n) ? n : 0;
        since = bf_json_str(c->arena, bf_json_get(said, "since"));
        cursor = bf_json_str(c->arena, bf_json_get(said, "next"));
    } while (cursor);
    if (bf_cli_flag(c, "json"))
        return bf_cli_print(c, bf_arena_printf(c->arena, "%s\n", reply.text), reply.len + 1);
    printf("integration \"%s\" is enabled\n", bf_cli_text(c->arena,
                                                          bf_json_get(reply.json, "name")));
    say_resent(sum, gone, said);
    return 0;
}


/* ---- elsewhere ---- */

static int on_piece(void *arg, const void *data, size_t len)
{
    (void)arg;
    return fwrite(data, 1, len, stdout) == len ? 0 : BF_EIO;
}

int bf_cli_export(struct bf_cli *c)
{
    struct bf_remote_request q = {.size = sizeof(q), .method = "GET", .take = on_piece};
    struct bf_reply_text reply;
    const char *query;
    int rc = filters(c, &query);

    if (rc)
        return rc;
    q.path = bf_arena_printf(c->arena, "%s%s", c->verb->path, query);
    rc = bf_cli_ask(c, &q, &reply);
    if (!rc && fflush(stdout))
        return bf_cli_fail(c, "cannot write the output");
    return rc;
}
