/* args.c - what was typed, against the table of verbs.
 *
 * Options may stand anywhere behind the verb, as --name VALUE, --name=VALUE, -n VALUE; '-' and '_'
 * in names are alike, as settings are written with the one in files and the other here.  "--" ends
 * them.  What is not in the table is refused, with the nearest that is. */
#include "core/cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/closest.h"

#define ARENA_MAX  ((size_t)1024 * 1024 * 1024) /* answers, parsed: what one command may hold */
#define NAMES_MAX  160
#define TYPO_MAX   32           /* longer words are not compared */

/* --- saying what is wrong ----------------------------------------------------------- */

static void say(const struct bf_cli *c, const char *fmt, va_list ap)
{
    char words[2048];
    struct bf_buf b;

    vsnprintf(words, sizeof(words), fmt, ap);
    bf_buf_init(&b, 8 * sizeof(words));
    bf_put_plain(&b, words, strlen(words));
    fprintf(stderr, "belfry%s%s: %s", *c->name ? " " : "", c->name, bf_buf_text(&b));
    bf_buf_fini(&b);
}

int bf_cli_usage(const struct bf_cli *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(c, fmt, ap);
    va_end(ap);
    fprintf(stderr, " (see: belfry help%s%s)\n", *c->name ? " " : "", c->name);
    return BF_EXIT_USAGE;
}

int bf_cli_fail(const struct bf_cli *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(c, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return BF_EXIT_FAILED;
}

const char *bf_cli_env(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* What other programs call it. */
static const char *synonym(const char *written)
{
    static const char *const words[][2] = {
        {"add", "create"},    {"new", "create"},   {"make", "create"},     {"rm", "delete"},
        {"remove", "delete"}, {"del", "delete"},   {"ls", "list"},         {"get", "show"},
        {"view", "show"},     {"describe", "show"}, {"put", "set"},        {"run", "serve"},
        {"start", "serve"},   {"server", "serve"}, {"send", "emit"},       {"webhooks", "integrations"},
        {"history", "executions"}, {"orgs", "organizations"}, {"revoke", "delete"},
        {"delete", "revoke"}, {"create", "set"},   {"replay", "resend"},   {"publish", "emit"},
        {"auth", "login"},    {"doctor", "check"}, {"validate", "check"},
    };

    for (size_t i = 0; i < BF_COUNT(words); i++)
        if (strcmp(words[i][0], written) == 0)
            return words[i][1];
    return NULL;
}

static bool is_among(const char *name, const char *const *names)
{
    for (; name && *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

const char *bf_cli_closest(const char *written, const char *const *names)
{
    const char *other = synonym(written);

    return is_among(other, names) ? other : bf_closest(written, names);
}


/* --- options -------------------------------------------------------------------------- */

static bool same_name(const char *name, const char *at, size_t len)
{
    size_t i = 0;

    for (; i < len && name[i]; i++)
        if (name[i] != at[i] && !(strchr("-_", name[i]) && strchr("-_", at[i])))
            return false;
    return i == len && !name[i];
}

static bool find_option(const struct bf_verb *v, const char *at, size_t len, struct bf_given *out)
{
    const struct bf_option_row *row;
    const char *setting;

    for (size_t t = 0; (row = bf_verb_options(v, t)); t++) {
        for (; row->name; row++) {
            if (same_name(row->name, at, len)) {
                *out = (struct bf_given){row->name, NULL, row};
                return true;
            }
        }
    }
    for (size_t i = 0; (v->flags & BF_VERB_SETTINGS) && (setting = bf_setting_name(i)); i++) {
        if (same_name(setting, at, len)) {
            *out = (struct bf_given){setting, NULL, NULL};
            return true;
        }
    }
    return false;
}

static bool find_letter(const struct bf_verb *v, char letter, struct bf_given *out)
{
    const struct bf_option_row *row;

    for (size_t t = 0; (row = bf_verb_options(v, t)); t++)
        for (; row->name; row++)
            if (row->letter == letter) {
                *out = (struct bf_given){row->name, NULL, row};
                return true;
            }
    return false;
}

static int no_option(const struct bf_cli *c, const char *written)
{
    const char *names[NAMES_MAX + 1], *closest;
    const struct bf_option_row *row;
    char plain[TYPO_MAX + 1];
    size_t n = 0;

    for (size_t t = 0; (row = bf_verb_options(c->verb, t)); t++)
        for (; row->name && n < NAMES_MAX; row++)
            names[n++] = row->name;
    for (size_t i = 0; (c->verb->flags & BF_VERB_SETTINGS) && bf_setting_name(i); i++)
        if (n < NAMES_MAX)
            names[n++] = bf_setting_name(i);
    names[n] = NULL;
    snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(written + 1, "="),
             written + 1 + (written[1] == '-'));
    closest = bf_cli_closest(plain, names);
    if (closest)
        return bf_cli_usage(c, "there is no option %s; did you mean --%s?", written, closest);
    return bf_cli_usage(c, "there is no option %s", written);
}

/* args[*i] begins with '-'; *i moves over a value that stands apart. */
static int take_option(struct bf_cli *c, int argc, char **argv, int *i)
{
    const char *at = argv[*i], *value = NULL;
    struct bf_given g;
    size_t len;
    bool found;

    if (at[1] == '-') {
        len = strcspn(at + 2, "=");
        value = at[2 + len] ? at + 3 + len : NULL;
        found = find_option(c->verb, at + 2, len, &g);
    } else {
        value = at[2] ? at + 2 + (at[2] == '=') : NULL;
        found = find_letter(c->verb, at[1], &g);
    }
    if (!found)
        return no_option(c, at);
    if (g.row && !g.row->value && value)
        return bf_cli_usage(c, "--%s takes no value", g.name);
    if (!(g.row && !g.row->value) && !value) {
        if (*i + 1 >= argc)
            return bf_cli_usage(c, "--%s needs a value%s%s", g.name, g.row ? ": " : "",
                                g.row ? g.row->value : "");
        value = argv[++*i];
    }
    if (c->n_given == BF_GIVEN_MAX)
        return bf_cli_usage(c, "more than %d options", BF_GIVEN_MAX);
    g.value = value;
    c->given[c->n_given++] = g;
    return 0;
}

static int take_arguments(struct bf_cli *c, int argc, char **argv)
{
    bool options = true;

    for (int i = 0; i < argc; i++) {
        int rc = 0;

        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (options && argv[i][0] == '-' && argv[i][1])
            rc = take_option(c, argc, argv, &i);
        else if (c->n_operands == BF_OPERANDS_MAX)
            rc = bf_cli_usage(c, "more than %d operands", BF_OPERANDS_MAX);
        else
            c->operands[c->n_operands++] = argv[i];
        if (rc)
            return rc;
    }
    return 0;
}

const char *bf_cli_value(const struct bf_cli *c, const char *option)
{
    for (size_t i = c->n_given; i-- > 0;)
        if (strcmp(c->given[i].name, option) == 0)
            return c->given[i].value;
    return NULL;
}

bool bf_cli_flag(const struct bf_cli *c, const char *option)
{
    for (size_t i = 0; i < c->n_given; i++)
        if (strcmp(c->given[i].name, option) == 0)
            return true;
    return false;
}

const char *bf_cli_operand(const struct bf_cli *c, size_t i)
{
    return i < c->n_operands ? c->operands[i] : NULL;
}


/* --- verbs ------------------------------------------------------------------------------ */

static int no_verb(const struct bf_cli *c, const struct bf_verb *table, const char *written)
{
    const char *names[NAMES_MAX + 1], *closest;
    char known[1024] = "";
    size_t n = 0, len = 0;

    for (; table->name && n < NAMES_MAX; table++) {
        if (table->flags & BF_VERB_HIDDEN)
            continue;
        names[n++] = table->name;
        len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", len ? ", " : "",
                                table->name);
    }
    names[n] = NULL;
    closest = bf_cli_closest(written, names);
    if (closest)
        return bf_cli_usage(c, "there is no verb \"%s\"; did you mean \"%s\"?", written, closest);
    return bf_cli_usage(c, "there is no verb \"%s\"; there are: %s", written, known);
}

static int check_operands(const struct bf_cli *c)
{
    size_t min, max;

    bf_verb_operands(c->verb, &min, &max);
    if (c->n_operands < min)
        return bf_cli_usage(c, "something is missing: belfry %s %s", c->name, c->verb->operands);
    if (c->n_operands > max)
        return bf_cli_usage(c, "\"%s\" is one too many: belfry %s%s%s", c->operands[max], c->name,
                            *c->verb->operands ? " " : "", c->verb->operands);
    return 0;
}

static int run(struct bf_cli *c, const struct bf_verb *noun, int argc, char **argv)
{
    struct bf_buf help;
    int rc = take_arguments(c, argc, argv);

    if (bf_cli_flag(c, "help")) {
        bf_buf_init(&help, 1024 * 1024);
        bf_cli_explain(noun, c->verb, &help);
        rc = bf_cli_print(c, bf_buf_text(&help), help.len);
        bf_buf_fini(&help);
        return rc;
    }
    if (!rc)
        rc = check_operands(c);
    return rc ? rc : c->verb->run(c);
}

/* A noun alone is its list, or its help. */
static int run_noun(struct bf_cli *c, const struct bf_verb *noun, int argc, char **argv)
{
    const char *word = argc && argv[0][0] != '-' ? argv[0] : NULL;
    const struct bf_verb *v = bf_verb_find(noun->verbs, word ? word : "list");

    snprintf(c->name, sizeof(c->name), "%s", noun->name);
    if (!v && word)
        return no_verb(c, noun->verbs, word);
    if (!v)
        v = &noun->verbs[0];
    snprintf(c->name, sizeof(c->name), "%s %s", noun->name, v->name);
    c->verb = v;
    return run(c, noun, word ? argc - 1 : argc, word ? argv + 1 : argv);
}

int bf_cli_main(int argc, char **argv)
{
    struct bf_cli c = {.arena = bf_arena_new(ARENA_MAX)};
    const char *name = argc > 1 ? argv[1] : "help";
    const struct bf_verb *v;
    int rc;

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    v = bf_verb_find(bf_verbs, name);
    argc = argc > 1 ? argc - 2 : 0;
    argv = argv + 2;
    if (!v) {
        rc = no_verb(&c, bf_verbs, name);
    } else if (v->verbs) {
        rc = run_noun(&c, v, argc, argv);
    } else {
        snprintf(c.name, sizeof(c.name), "%s", v->name);
        c.verb = v;
        rc = run(&c, NULL, argc, argv);
    }
    bf_remote_close(c.remote);
    bf_arena_free(c.arena);
    return rc;
}
