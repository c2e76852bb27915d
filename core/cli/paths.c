/* paths.c - where a request goes: teams, queries, pages, and things by the names people gave them. */
#include "core/cli/cli.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/id.h"

#define PAGE      "limit=1000"
#define NAMES_MAX 2000          /* bytes of team names in words */

const char *bf_cli_escape(struct bf_cli *c, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~.";
    struct bf_buf b;
    const char *out;

    bf_buf_init(&b, 3 * strlen(text) + 1);
    for (; *text; text++) {
        if (strchr(plain, *text))
            bf_buf_addc(&b, *text);
        else
            bf_buf_printf(&b, "%%%02X", (unsigned char)*text);
    }
    out = bf_arena_dup(c->arena, bf_buf_text(&b));
    bf_buf_fini(&b);
    return out;
}

static const char *with_query(struct bf_cli *c, const char *path, const char *more)
{
    return bf_arena_printf(c->arena, "%s%s%s", path, strchr(path, '?') ? "&" : "?", more);
}

const char *bf_cli_member(struct bf_cli *c, const struct bf_option_row *row)
{
    char *name;

    if (row->member)
        return row->member;
    name = bf_arena_dup(c->arena, row->name);
    for (char *at = name; *at; at++)
        if (*at == '-')
            *at = '_';
    return name;
}

const char *bf_cli_query(struct bf_cli *c, const char *more)
{
    const char *out = more ? bf_arena_printf(c->arena, "?%s", more) : "";

    for (size_t i = 0; i < c->n_given; i++) {
        const struct bf_given *g = &c->given[i];

        if (g->row && g->row->use == BF_OPT_QUERY)
            out = bf_arena_printf(c->arena, "%s%s%s=%s", out, *out ? "&" : "?",
                                  bf_cli_member(c, g->row),
                                  g->value ? bf_cli_escape(c, g->value) : "true");
    }
    return out;
}


/* --- pages --------------------------------------------------------------------------------- */

/* Until the items end, or fn says so.  *next is the cursor of the page behind. */
static int take_page(struct bf_cli *c, const char *path, const char *cursor, unsigned long *left,
                     bf_item_fn *fn, void *arg, const char **next)
{
    struct bf_reply_text reply;
    const struct bf_json *items;
    int rc;

    if (*left < 1000)
        path = with_query(c, path, bf_arena_printf(c->arena, "limit=%lu", *left));
    else
        path = with_query(c, path, PAGE);
    if (cursor)
        path = with_query(c, path, bf_arena_printf(c->arena, "cursor=%s", bf_cli_escape(c, cursor)));
    rc = bf_cli_get(c, path, &reply);
    if (rc)
        return rc;
    items = bf_json_get(reply.json, "items");
    *next = bf_json_str(c->arena, bf_json_get(reply.json, "next"));
    for (const struct bf_json *i = bf_json_first(items); i && *left && !rc;
         i = bf_json_next(items, i)) {
        rc = fn(arg, i);
        --*left;
    }
    return rc;
}

int bf_cli_limit(struct bf_cli *c, unsigned long *out)
{
    const char *limit = bf_cli_value(c, "limit");
    unsigned long n = limit ? strtoul(limit, NULL, 10) : ULONG_MAX;

    if (!n || (limit && strspn(limit, "0123456789") != strlen(limit)))
        return bf_cli_usage(c, "--limit takes a number from 1 on, not \"%s\"", limit);
    if (out)
        *out = n;
    return 0;
}

int bf_cli_pages(struct bf_cli *c, const char *path, bf_item_fn *fn, void *arg)
{
    const char *cursor = NULL;
    unsigned long left;
    int rc = bf_cli_limit(c, &left);

    do {
        if (!rc)
            rc = take_page(c, path, cursor, &left, fn, arg, &cursor);
    } while (!rc && cursor && left);
    return rc;
}


/* --- teams ----------------------------------------------------------------------------------- */

static const char *team_names(struct bf_cli *c, const struct bf_json *items, size_t *n)
{
    const char *names = "";

    *n = 0;
    for (const struct bf_json *i = bf_json_first(items); i; i = bf_json_next(items, i), ++*n)
        if (strlen(names) < NAMES_MAX)
            names = bf_arena_printf(c->arena, "%s%s%s", names, *names ? ", " : "",
                                    bf_cli_text(c->arena, bf_json_get(i, "name")));
    return names;
}

static bool may_read(const struct bf_json *rights)
{
    for (const struct bf_json *i = bf_json_first(rights); i; i = bf_json_next(rights, i))
        if (bf_json_eq(i, "read"))
            return true;
    return false;
}

/* A key that may only send sees no teams; a service account's has one all the same. */
static int team_unseen(struct bf_cli *c, const char **out)
{
    struct bf_reply_text me;
    const struct bf_json *service;
    int rc = bf_cli_get(c, "/api/v1/me", &me);

    if (rc)
        return rc;
    service = bf_json_get(me.json, "service");
    if (bf_json_is(service, BF_JSON_STRING)) {
        *out = c->team = bf_cli_text(c->arena, service);
        return 0;
    }
    if (may_read(bf_json_at(me.json, "/key/rights")))
        return bf_cli_usage(c, "there is no team yet; make one with: belfry teams create NAME");
    return bf_cli_usage(c, "this key may only send, and cannot see which teams there are; say which"
                        " one, with --team or BELFRY_TEAM");
}

int bf_cli_team(struct bf_cli *c, const char **out)
{
    struct bf_reply_text reply;
    const char *names;
    size_t n;
    int rc = bf_cli_connect(c);

    *out = c->team;
    if (rc || c->team)
        return rc;
    rc = bf_cli_get(c, "/api/v1/teams?limit=50", &reply);
    if (rc)
        return rc;
    names = team_names(c, bf_json_get(reply.json, "items"), &n);
    if (n == 0)
        return team_unseen(c, out);
    if (n > 1)
        return bf_cli_usage(c, "say which team, with --team or BELFRY_TEAM: %s", names);
    *out = c->team = names;
    return 0;
}


/* --- things by name ---------------------------------------------------------------------------- */

static bool is_id(const char *text)
{
    return strlen(text) == BF_ID_LEN &&
           strspn(text, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == BF_ID_LEN;
}

struct search {
    struct bf_cli *c;
    const char *name;
    const char *id;
};

static int on_candidate(void *arg, const struct bf_json *item)
{
    struct search *s = arg;

    if (bf_json_eq(bf_json_get(item, "name"), s->name))
        s->id = bf_json_str(s->c->arena, bf_json_get(item, "id"));
    return 0;
}

int bf_cli_resolve(struct bf_cli *c, const char *noun, const char *named, const char **id)
{
    struct search s = {c, named, NULL};
    const char *team, *path;
    int rc;

    *id = named;
    if (is_id(named))
        return 0;
    rc = bf_cli_team(c, &team);
    if (rc)
        return rc;
    team = bf_cli_escape(c, team);
    if (strcmp(noun, "integration") == 0)
        path = bf_arena_printf(c->arena, "/api/v1/teams/%s/integrations", team);
    else
        path = bf_arena_printf(c->arena, "/api/v1/automations?entity=%s&name=%s", team,
                               bf_cli_escape(c, named));
    rc = bf_cli_pages(&(struct bf_cli){.verb = c->verb, .arena = c->arena, .remote = c->remote,
                                       .url = c->url, .key_from = c->key_from}, path,
                      on_candidate, &s);
    if (rc)
        return rc;
    if (!s.id) {
        bf_cli_fail(c, "%s has no %s \"%s\"; belfry %ss list --team %s lists them", team, noun,
                    named, noun, team);
        return BF_EXIT_MISSING;
    }
    *id = s.id;
    return 0;
}

/* What {word} stands for. */
static int fill(struct bf_cli *c, const char *word, const char **out)
{
    int rc;

    if (strcmp(word, "team") == 0) {
        rc = bf_cli_team(c, out);
    } else if (word[0] >= '1' && word[0] <= '9' && !word[1]) {
        *out = bf_cli_operand(c, (size_t)(word[0] - '1'));
        rc = 0;
    } else {
        rc = bf_cli_resolve(c, word, bf_cli_operand(c, 0), out);
    }
    if (!rc)
        *out = bf_cli_escape(c, *out ? *out : "");
    return rc;
}

const char *bf_cli_path(struct bf_cli *c, const char *path, int *status)
{
    const char *out = "", *open, *value;

    while ((open = strchr(path, '{'))) {
        const char *shut = strchr(open, '}');

        *status = fill(c, bf_arena_ndup(c->arena, open + 1, (size_t)(shut - open - 1)), &value);
        if (*status)
            return NULL;
        out = bf_arena_printf(c->arena, "%s%.*s%s", out, (int)(open - path), path, value);
        path = shut + 1;
    }
    *status = 0;
    return bf_arena_printf(c->arena, "%s%s", out, path);
}
