/* warnings.c - `belfry automations check` and `belfry integrations check`: what is wrong, or may
 * become so, with what is saved.
 *
 * To find something is no failure: it was asked for. */
#include "core/cli/cli.h"

static void print_one(struct bf_cli *c, const char *name, const struct bf_json *w)
{
    const char *field = bf_cli_text(c->arena, bf_json_get(w, "field"));
    const char *words = bf_cli_hints(c, bf_cli_text(c->arena, bf_json_get(w, "message")));

    printf("%s%s%s%s%s\n", name, *name ? ": " : "", field, *field ? ": " : "", words);
}

static void print_list(struct bf_cli *c, const char *name, const struct bf_json *list)
{
    for (const struct bf_json *w = bf_json_first(list); w; w = bf_json_next(list, w))
        print_one(c, name, w);
}

struct listing {
    struct bf_cli *c;
    size_t n;
};

static int on_item(void *arg, const struct bf_json *item)
{
    struct listing *l = arg;
    size_t len;
    const char *raw = bf_json_raw(item, &len);

    if (bf_cli_flag(l->c, "json"))
        printf("%s%.*s", l->n ? ",\n" : "", (int)len, raw);
    else
        print_list(l->c, bf_cli_text(l->c->arena, bf_json_get(item, "name")),
                   bf_json_get(item, "warnings"));
    l->n++;
    return 0;
}

static void say_nothing_is_wrong(void)
{
    printf("nothing is wrong, as far as the hub can tell\n");
}

/* Every automation of the team. */
static int check_all(struct bf_cli *c)
{
    struct listing l = {.c = c};
    const char *team;
    int status = bf_cli_team(c, &team);

    if (status)
        return status;
    if (bf_cli_flag(c, "json"))
        printf("{\"items\":[");
    status = bf_cli_pages(c, bf_arena_printf(c->arena, "/api/v1/warnings?team=%s",
                                             bf_cli_escape(c, team)), on_item, &l);
    if (bf_cli_flag(c, "json"))
        printf("],\"next\":null}\n");
    else if (!status && !l.n)
        say_nothing_is_wrong();
    return status;
}

int bf_cli_warnings(struct bf_cli *c)
{
    struct bf_reply_text reply;
    const struct bf_json *items;
    const char *path;
    int status;

    if (!bf_cli_operand(c, 0))
        return check_all(c);
    path = bf_cli_path(c, c->verb->path, &status);
    if (!status)
        status = bf_cli_get(c, path, &reply);
    if (status)
        return status;
    if (bf_cli_flag(c, "json"))
        return bf_cli_print(c, bf_arena_printf(c->arena, "%s\n", reply.text), reply.len + 1);
    items = bf_json_get(reply.json, "items");
    print_list(c, "", items);
    if (!bf_json_first(items))
        say_nothing_is_wrong();
    return 0;
}
