/* help.c - the table of verbs for people: `belfry help`, --help, `belfry version`. */
#include "core/cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"

#define HELP_MAX (1024 * 1024)
#define INDENT   26             /* where the words behind an option begin */
#define LUA_WIDTH 78

static size_t longest(const struct bf_verb *table)
{
    size_t width = 0;

    for (; table->name; table++)
        if (!(table->flags & BF_VERB_HIDDEN) && strlen(table->name) > width)
            width = strlen(table->name);
    return width;
}

static void put_verbs(const struct bf_verb *table, const char *before, struct bf_buf *b)
{
    int width = (int)longest(table);

    for (; table->name; table++)
        if (!(table->flags & BF_VERB_HIDDEN))
            bf_buf_printf(b, "  belfry %s%-*s  %s\n", before, width, table->name, table->summary);
}

static void put_option(const struct bf_option_row *o, struct bf_buf *b)
{
    size_t from = b->len;

    if (o->letter)
        bf_buf_printf(b, "  -%c, --%s", o->letter, o->name);
    else
        bf_buf_printf(b, "      --%s", o->name);
    if (o->value)
        bf_buf_printf(b, " %s", o->value);
    if (bf_text_width(b->data + from, b->len - from) > INDENT - 2) {
        bf_buf_addc(b, '\n');
        from = b->len;
    }
    for (size_t n = bf_text_width(bf_buf_text(b) + from, b->len - from); n < INDENT; n++)
        bf_buf_addc(b, ' ');
    bf_buf_printf(b, "%s\n", o->help);
}

static void put_options(const struct bf_verb *v, struct bf_buf *b)
{
    const struct bf_option_row *o;

    bf_buf_adds(b, "\nOptions:\n");
    for (size_t t = 0; (o = bf_verb_options(v, t)); t++)
        for (; o->name; o++)
            put_option(o, b);
}

static void put_settings(struct bf_buf *b)
{
    char *settings = bf_help_settings();

    bf_buf_printf(b, "\nSettings, each of which is an option as well:\n%s", settings);
    free(settings);
}

static void put_noun(const struct bf_verb *noun, struct bf_buf *b)
{
    char before[40];

    snprintf(before, sizeof(before), "%s ", noun->name);
    bf_buf_printf(b, "belfry %s: %s\n\n", noun->name, noun->summary);
    put_verbs(noun->verbs, before, b);
    bf_buf_printf(b, "\nbelfry help %s VERB says more.\n", noun->name);
}

void bf_cli_explain(const struct bf_verb *noun, const struct bf_verb *v, struct bf_buf *b)
{
    if (v->verbs) {
        put_noun(v, b);
        return;
    }
    bf_buf_printf(b, "belfry %s%s%s%s%s [OPTION…]\n\n  %s\n", noun ? noun->name : "",
                  noun ? " " : "", v->name, *v->operands ? " " : "", v->operands, v->summary);
    if (v->text)
        bf_buf_printf(b, "\n%s", v->text);
    put_options(v, b);
    if (v->flags & BF_VERB_SETTINGS)
        put_settings(b);
}

#define CODE_INDENT 38
#define CODE_WIDTH  100

/* A form, and behind it what it does, in as many lines as that takes. */
static void put_word(struct bf_buf *b, const char *form, const char *help)
{
    size_t column = bf_text_width(form, strlen(form)) + 2;

    bf_buf_printf(b, "  %s", form);
    if (column > CODE_INDENT - 2) {
        bf_buf_addc(b, '\n');
        column = 0;
    }
    while (*help) {
        size_t len = strcspn(help, " "), width = bf_text_width(help, len);

        if (column < CODE_INDENT || column + 1 + width > CODE_WIDTH) {
            if (column >= CODE_INDENT) {
                bf_buf_addc(b, '\n');
                column = 0;
            }
            bf_buf_printf(b, "%*s", (int)(CODE_INDENT - column), "");
            column = CODE_INDENT;
        } else {
            bf_buf_addc(b, ' ');
            column++;
        }
        bf_buf_add(b, help, len);
        column += width;
        help += len + strspn(help + len, " ");
    }
    bf_buf_addc(b, '\n');
}

static void put_code(struct bf_buf *b)
{
    const char *form, *help;

    bf_buf_adds(b, bf_cli_code_text);
    for (size_t i = 0; bf_code_describe(i, &form, &help); i++) {
        if (help)
            put_word(b, form, help);
        else
            bf_buf_printf(b, "\n%s:\n", form);
    }
}

static void put_all(struct bf_buf *b)
{
    bf_buf_adds(b, "Belfry turns events of machine-learning runs into actions.\n\n");
    put_verbs(bf_verbs, "", b);
    bf_buf_adds(b,
                "\nA first time:\n\n"
                "  belfry serve                    # in a terminal of its own; shows a key\n"
                "  belfry login                    # asks for that key\n"
                "  belfry teams create acme\n"
                "  belfry secrets set SIGNING\n"
                "  belfry integrations create --sink webhook --name deployer url=https://…"
                " secret=SIGNING\n"
                "  belfry help automations create  # has an example\n"
                "\n"
                "belfry help VERB says more, belfry help PLUGIN (as in: belfry help webhook) lists a\n"
                "plugin's options, belfry help code says what a file of automations may hold, and\n"
                "belfry help lua what scripts are given.  Without a login, programs give BELFRY_URL,\n"
                "BELFRY_API_KEY and BELFRY_TEAM in the environment.  Exit statuses: 0 done, 1 failed,\n"
                "2 wrong usage, 3 no hub answers, 4 no key or not allowed, 5 no such thing, 6 plan: there\n"
                "are changes.\n");
}

static char *help_of_plugin(const char *name, struct bf_error *err)
{
    const char *dir = bf_cli_env("BELFRY_PLUGIN_DIR");

    return bf_help_plugin(dir ? dir : bf_cli_plugin_dir(), name, err);
}

static int explain_plugin(struct bf_cli *c, const char *name, struct bf_buf *b)
{
    const char *names[64], *closest;
    struct bf_error err;
    char *text = help_of_plugin(name, &err);
    size_t n = 0;

    if (text) {
        bf_buf_adds(b, text);
        free(text);
        return 0;
    }
    for (const struct bf_verb *v = bf_verbs; v->name && n < BF_COUNT(names) - 1; v++)
        names[n++] = v->name;
    names[n] = NULL;
    closest = bf_cli_closest(name, names);
    if (closest)
        bf_cli_fail(c, "there is no verb \"%s\"; did you mean \"%s\"?", name, closest);
    else
        bf_cli_fail(c, "there is no verb \"%s\", and as a plugin: %s", name, err.words);
    return BF_EXIT_USAGE;
}

/* A verb may have the name of a plugin: belfry help teams is about both. */
static void add_plugin(const char *name, struct bf_buf *b)
{
    struct bf_error err;
    char *text = help_of_plugin(name, &err);

    if (text)
        bf_buf_printf(b, "\n%s", text);
    free(text);
}

/* Words in lines that are not too wide, each behind some blanks. */
static void put_wrapped(const char *words, size_t indent, struct bf_buf *b)
{
    size_t width = 0;

    while (*words) {
        size_t len = strcspn(words, " ");

        if (width && width + 1 + len > LUA_WIDTH) {
            bf_buf_adds(b, "\n");
            width = 0;
        }
        bf_buf_printf(b, "%*s%.*s", width ? 1 : (int)indent, "", (int)len, words);
        width += len + (width ? 1 : indent);
        words += len + (words[len] == ' ');
    }
    bf_buf_addc(b, '\n');
}

static void put_lua(struct bf_buf *b)
{
    struct bf_lua_info f = {.size = sizeof(f)};
    const char *part = "";

    bf_buf_adds(b, bf_lua_introduction());
    for (size_t i = 0; bf_lua_describe(i, &f); i++) {
        if (strcmp(f.part, part) != 0)
            bf_buf_printf(b, "\n%s:\n", f.part);
        part = f.part;
        bf_buf_addc(b, '\n');
        put_wrapped(f.signature, 2, b);
        put_wrapped(f.words, 4, b);
    }
}

static int explain(struct bf_cli *c, struct bf_buf *b)
{
    const struct bf_verb *noun = NULL, *v;

    if (c->n_operands == 0) {
        put_all(b);
        return 0;
    }
    if (strcmp(c->operands[0], "lua") == 0) {
        put_lua(b);
        return 0;
    }
    v = bf_verb_find(bf_verbs, c->operands[0]);
    if (!v && strcmp(c->operands[0], "code") == 0) {
        put_code(b);
        return 0;
    }
    if (!v)
        return explain_plugin(c, c->operands[0], b);
    if (v->verbs && c->n_operands > 1) {
        noun = v;
        v = bf_verb_find(noun->verbs, c->operands[1]);
        if (!v)
            return bf_cli_usage(c, "%s has no verb \"%s\"", noun->name, c->operands[1]);
    }
    bf_cli_explain(noun, v, b);
    if (!noun)
        add_plugin(v->name, b);
    return 0;
}

int bf_cli_help(struct bf_cli *c)
{
    struct bf_buf b;
    int rc;

    bf_buf_init(&b, HELP_MAX);
    rc = explain(c, &b);
    if (!rc)
        rc = bf_cli_print(c, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
    return rc;
}

int bf_cli_version(struct bf_cli *c)
{
    const char *line = bf_arena_printf(c->arena, "belfry %s\n", bf_version());

    return bf_cli_print(c, line, strlen(line));
}
