/* generic.c - what most verbs are: a list, one thing, or a change, as their rows say. */
#include "core/cli/cli.h"

#include <string.h>

#include "core/base/base.h"

/* --- lists ------------------------------------------------------------------------------------ */

struct listing {
    struct bf_cli *c;
    struct bf_table *table;     /* or, for scripts, */
    struct bf_buf json;
    size_t n;
    bool more;                  /* than a person gets to see who did not ask for a number */
};

#define LIST_MAX  ((size_t)1024 * 1024 * 1024)
#define SHOWN_MAX 50
#define ENOUGH    (-1)

static int on_item(void *arg, const struct bf_json *item)
{
    struct listing *l = arg;
    const char *raw;
    size_t len;

    l->more = l->table && l->n == SHOWN_MAX && !bf_cli_value(l->c, "limit");
    if (l->more)
        return ENOUGH;
    l->n++;
    if (l->table) {
        bf_table_row(l->table, item);
        return 0;
    }
    raw = bf_json_raw(item, &len);
    bf_buf_adds(&l->json, l->n > 1 ? ",\n" : "\n");
    bf_buf_add(&l->json, raw, len);
    return 0;
}

static int print_list(struct listing *l)
{
    struct bf_buf out;
    int rc;

    if (!l->table) {
        bf_buf_adds(&l->json, "\n],\"next\":null}\n");
        return bf_cli_print(l->c, bf_buf_text(&l->json), l->json.len);
    }
    if (l->n == 0) {
        fprintf(stderr, "there are none\n");
        return 0;
    }
    bf_buf_init(&out, LIST_MAX);
    bf_table_print(l->table, &out);
    rc = bf_cli_print(l->c, bf_buf_text(&out), out.len);
    bf_buf_fini(&out);
    if (!rc && l->more)
        fprintf(stderr, "and more; --limit N shows so many, --json all\n");
    return rc;
}

/* Whether the key is an admin's of the hub, who may list over all teams. */
static bool is_hub_admin(struct bf_cli *c)
{
    struct bf_remote_request q = {.size = sizeof(q), .method = "GET", .path = "/api/v1/me"};
    struct bf_reply_text me;
    struct bf_error ignored;

    return bf_cli_try(c, &q, &me, &ignored) == BF_OK &&
           bf_json_is(bf_json_get(me.json, "admin"), BF_JSON_TRUE);
}

/* "…?entity={team?}": the team that was named; without one everything for who may see it, and for
 * everybody else the team they have.  A run is one of a team. */
static const char *list_path(struct bf_cli *c, int *status)
{
    const char *optional = strstr(c->verb->path, "?entity={team?}"), *path, *team = NULL;

    if (!optional)
        return bf_cli_path(c, c->verb->path, status);
    path = bf_arena_ndup(c->arena, c->verb->path, (size_t)(optional - c->verb->path));
    *status = bf_cli_connect(c);
    if (!*status && (c->team || bf_cli_value(c, "run") || !is_hub_admin(c)))
        *status = bf_cli_team(c, &team);
    if (*status || !team)
        return path;
    return bf_arena_printf(c->arena, "%s?entity=%s", path, bf_cli_escape(c, team));
}

int bf_cli_list(struct bf_cli *c)
{
    struct listing l = {.c = c};
    int status = bf_cli_limit(c, NULL);
    const char *query = bf_cli_query(c, NULL), *path = NULL;

    if (!status)
        path = list_path(c, &status);
    if (status)
        return status;
    if (*query)
        path = bf_arena_printf(c->arena, "%s%s%s", path, strchr(path, '?') ? "&" : "?", query + 1);
    bf_buf_init(&l.json, LIST_MAX);
    bf_buf_adds(&l.json, "{\"items\":[");
    if (!bf_cli_flag(c, "json"))
        l.table = bf_table_new(c->arena, c->verb->columns);
    status = bf_cli_pages(c, path, on_item, &l);
    if (!status || l.more)
        status = print_list(&l);
    bf_buf_fini(&l.json);
    return status;
}


/* --- one thing --------------------------------------------------------------------------------- */

static int print_reply(struct bf_cli *c, const struct bf_reply_text *reply)
{
    if (bf_cli_flag(c, "json") || !bf_json_is(reply->json, BF_JSON_OBJECT)) {
        int rc = bf_cli_print(c, reply->text, reply->len);

        return rc || !reply->len ? rc : bf_cli_print(c, "\n", 1);
    }
    bf_cli_show(c, reply->json);
    return 0;
}

int bf_cli_one(struct bf_cli *c)
{
    struct bf_reply_text reply;
    int status;
    const char *path = bf_cli_path(c, c->verb->path, &status);

    if (!status)
        status = bf_cli_get(c, path, &reply);
    return status ? status : print_reply(c, &reply);
}


/* --- changes -------------------------------------------------------------------------------------- */

/* Operands beyond those of the path are KEY=VALUE. */
static size_t named_operands(const struct bf_verb *v)
{
    size_t n = 0;

    for (const char *at = v->path; (at = strchr(at, '{')); at++)
        if (at[1] >= '1' && at[1] <= '9')
            n = (size_t)(at[1] - '0') > n ? (size_t)(at[1] - '0') : n;
        else if (strncmp(at, "{team}", 6) != 0 && n == 0)
            n = 1;
    return n;
}

/* A file, or what options and KEY=VALUE make. */
static int make_body(struct bf_cli *c, const char **out)
{
    struct bf_body b = {.arena = c->arena};
    size_t first = named_operands(c->verb), len;
    const char *file = bf_cli_operand(c, first);
    int rc;

    if ((c->verb->flags & BF_VERB_FILE) && file && !strchr(file, '='))
        return bf_cli_read_body(c, file, out, &len);
    rc = bf_cli_body(c, first, &b);
    *out = bf_body_print(&b);
    return rc;
}

/* "team acme is deleted", of "team {1} is deleted". */
static void say_done(struct bf_cli *c, const struct bf_reply_text *reply)
{
    struct bf_buf b;

    bf_buf_init(&b, 65536);
    for (const char *at = c->verb->done; *at; at++) {
        if (at[0] == '{' && at[1] >= '1' && at[1] <= '9' && at[2] == '}') {
            const char *operand = bf_cli_operand(c, (size_t)(at[1] - '1'));

            bf_put_plain(&b, operand ? operand : "", operand ? strlen(operand) : 0);
            at += 2;
        } else if (strncmp(at, "{id}", 4) == 0) {
            bf_buf_adds(&b, bf_cli_text(c->arena, bf_json_get(reply->json, "id")));
            at += 3;
        } else if (strncmp(at, "{name}", 6) == 0) {
            bf_buf_adds(&b, bf_cli_text(c->arena, bf_json_get(reply->json, "name")));
            at += 5;
        } else if (strncmp(at, "{team}", 6) == 0) {
            bf_buf_adds(&b, c->team ? c->team : "");
            at += 5;
        } else {
            bf_buf_addc(&b, *at);
        }
    }
    printf("%s\n", bf_buf_text(&b));
    bf_buf_fini(&b);
}

/* What the hub wants to have said beside its answer. */
static void say_warnings(struct bf_cli *c, const struct bf_reply_text *reply)
{
    const struct bf_json *list = bf_json_get(reply->json, "warnings");
    const struct bf_json *one = bf_json_get(reply->json, "warning");

    if (bf_json_is(one, BF_JSON_STRING))
        fprintf(stderr, "warning: %s\n", bf_cli_text(c->arena, one));
    for (const struct bf_json *w = bf_json_first(list); w; w = bf_json_next(list, w))
        fprintf(stderr, "warning: %s\n",
                bf_cli_text(c->arena, bf_json_is(w, BF_JSON_OBJECT) ? bf_json_get(w, "message") : w));
}

/* Of a secret that is deleted: who will miss it. */
static void say_uses(struct bf_cli *c, const struct bf_reply_text *reply)
{
    const struct bf_json *uses = bf_json_get(reply->json, "used_by");

    for (const struct bf_json *k = bf_json_first(uses); k; k = bf_json_next(uses, k))
        for (const struct bf_json *u = bf_json_first(k + 1); u; u = bf_json_next(k + 1, u)) {
            const char *nouns = bf_cli_text(c->arena, k);

            fprintf(stderr, "warning: %.*s \"%s\" uses it, and fails until it is set again\n",
                    (int)strlen(nouns) - 1, nouns,
                    bf_cli_text(c->arena, bf_json_is(u, BF_JSON_OBJECT) ? bf_json_get(u, "name")
                                                                        : u));
        }
}

int bf_cli_change(struct bf_cli *c)
{
    const struct bf_verb *v = c->verb;
    struct bf_reply_text reply;
    const char *body = NULL, *path;
    int status = 0;

    if (v->flags & BF_VERB_CONFIRM)
        status = bf_cli_confirm(c, bf_arena_printf(c->arena, "%s %s?", c->name,
                                                   bf_cli_operand(c, 0) ? bf_cli_operand(c, 0)
                                                                        : ""));
    if (!status && strcmp(v->method, "DELETE") != 0)
        status = make_body(c, &body);
    if (status)
        return status;
    path = bf_cli_path(c, v->path, &status);
    if (path)
        status = bf_cli_send(c, v->method,
                             bf_arena_printf(c->arena, "%s%s", path, bf_cli_query(c, NULL)), body,
                             &reply);
    if (status)
        return status;
    if (bf_cli_flag(c, "json"))
        return reply.len ? print_reply(c, &reply) : 0;
    say_warnings(c, &reply);
    if (strcmp(v->method, "DELETE") == 0)
        say_uses(c, &reply);
    if (v->done)
        say_done(c, &reply);
    else
        return print_reply(c, &reply);
    return 0;
}
