/* check.c - `belfry check` and `belfry config`: a hub's settings, looked at without a hub. */
#include "core/cli/settings.h"

#include <string.h>

#include "core/base/base.h"

static void on_problem(void *arg, const struct bf_error *problem)
{
    bf_cli_fail(arg, "%s", problem->words);
}

int bf_cli_check(struct bf_cli *c)
{
    struct bf_cli_settings s;
    int n;

    bf_cli_settings(c, &s);
    n = bf_cli_misspelt(c) + bf_hub_check(&s.options, on_problem, c);
    if (n == 0) {
        printf("all is well: a hub would start with these settings\n");
        return 0;
    }
    fprintf(stderr, "%d problem%s\n", n, n == 1 ? "" : "s");
    return BF_EXIT_FAILED;
}


/* --- the settings in force ------------------------------------------------------------------------- */

struct showing {
    struct bf_cli *c;
    const struct bf_cli_settings *s;
    struct bf_body json;
};

static bool is_secret(const char *name)
{
    struct bf_setting_info info;

    for (size_t i = 0; bf_setting_describe(i, &info); i++)
        if (strcmp(info.name, name) == 0)
            return info.secret;
    return false;
}

/* The last one that names it counts: the command line stands behind the environment. */
static const char *origin(const struct showing *s, const char *name, enum bf_setting_from from)
{
    size_t last = 0;

    if (from == BF_FROM_FILE)
        return s->s->config;
    if (from == BF_FROM_DEFAULT)
        return "default";
    for (size_t i = 0; i < s->s->n; i++)
        if (strcmp(s->s->items[i].name, name) == 0)
            last = i;
    return last < s->s->n_environment ? "environment" : "command line";
}

static void on_setting(void *arg, const char *name, const char *value, enum bf_setting_from from)
{
    struct showing *s = arg;
    struct bf_arena *a = s->c->arena;
    struct bf_body item = {.arena = a};

    bf_body_str(&item, "name", name);
    if (!value)
        bf_body_set(&item, "value", "null");
    else
        bf_body_str(&item, "value", is_secret(name) ? "(set, not shown)" : value);
    bf_body_str(&item, "from", origin(s, name, from));
    bf_body_set(&s->json, bf_arena_dup(a, name), bf_body_print(&item));
}

static int print_table(struct showing *s, const struct bf_json *all)
{
    static const struct bf_column columns[] = {
        {"SETTING", "/name", BF_LOOK_ID}, {"VALUE", "/value", BF_LOOK_TEXT},
        {"FROM", "/from", BF_LOOK_ID}, {NULL, NULL, BF_LOOK_TEXT},
    };
    struct bf_table *t = bf_table_new(s->c->arena, columns);
    struct bf_buf b;
    int rc;

    for (const struct bf_json *k = bf_json_first(all); k; k = bf_json_next(all, k))
        bf_table_row(t, k + 1);
    bf_buf_init(&b, 1024 * 1024);
    bf_table_print(t, &b);
    rc = bf_cli_print(s->c, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
    return rc;
}

int bf_cli_config(struct bf_cli *c)
{
    struct bf_cli_settings settings;
    struct showing s = {.c = c, .s = &settings, .json = {.arena = c->arena}};
    struct bf_error err;
    const char *text;

    bf_cli_settings(c, &settings);
    if (bf_cli_misspelt(c))
        return BF_EXIT_FAILED;
    if (bf_settings_each(&settings.options, on_setting, &s, &err))
        return bf_cli_fail(c, "%s", err.words);
    text = bf_body_print(&s.json);
    if (bf_cli_flag(c, "json"))
        return bf_cli_print(c, bf_arena_printf(c->arena, "%s\n", text), strlen(text) + 1);
    return print_table(&s, bf_json_parse(c->arena, text, strlen(text), NULL));
}
