/* man.c - the table of verbs, and that of settings, as manual pages.
 *
 * `belfry man` prints one; `belfry man --to DIR` writes all of them, for whoever installs. */
#include "core/cli/cli.h"

#include <errno.h>
#include <string.h>

#define PAGE_MAX (1024 * 1024)

/* Text of ours as roff text: no line may begin with a request, and a minus is a minus. */
static void put_text(struct bf_buf *b, const char *text)
{
    bool begin = true;

    for (; *text; text++) {
        if (begin && (*text == '.' || *text == '\'' || strncmp(text, "…", strlen("…")) == 0))
            bf_buf_adds(b, "\\&");
        begin = *text == '\n';
        if (*text == '\\')
            bf_buf_adds(b, "\\e");
        else if (*text == '-')
            bf_buf_adds(b, "\\-");
        else if (strncmp(text, "…", strlen("…")) == 0) {
            bf_buf_adds(b, "...");
            text += strlen("…") - 1;
        } else
            bf_buf_addc(b, *text);
    }
}

/* Paragraphs; lines that are indented are shown as they stand. */
static void put_paragraphs(struct bf_buf *b, const char *text)
{
    bool example = false, first = true;

    while (*text) {
        size_t len = strcspn(text, "\n");
        char line[512];
        bool indented = strncmp(text, "    ", 4) == 0;

        snprintf(line, sizeof(line), "%.*s\n", (int)(len - (indented ? 4 : 0)),
                 text + (indented ? 4 : 0));
        if (indented != example && len) {
            if (example)
                bf_buf_adds(b, ".EE\n.RE\n.PP\n");
            else
                bf_buf_adds(b, ".PP\n.RS 4\n.EX\n");
            example = indented;
        } else if (len == 0 && !example && !first && text[1] && strncmp(text + 1, "    ", 4) != 0) {
            bf_buf_adds(b, ".PP\n");
        }
        if (len)
            put_text(b, line);
        else if (example && text[1] && strncmp(text + 1, "    ", 4) == 0)
            bf_buf_addc(b, '\n');
        first = false;
        text += len + (text[len] == '\n');
    }
    if (example)
        bf_buf_adds(b, ".EE\n.RE\n");
}

static void put_head(struct bf_buf *b, const char *name, const char *section, const char *summary)
{
    char upper[80];
    size_t i;

    for (i = 0; name[i] && i < sizeof(upper) - 1; i++)
        upper[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 32) : name[i];
    upper[i] = '\0';
    bf_buf_printf(b, ".TH %s %s \"%s\" \"belfry %s\" \"Belfry\"\n.SH NAME\n", upper, section,
                  BF_RELEASED, bf_version());
    put_text(b, name);
    bf_buf_adds(b, " \\- ");
    put_text(b, summary);
    bf_buf_addc(b, '\n');
}

static void put_usage(struct bf_buf *b, const char *noun, const struct bf_verb *v)
{
    bf_buf_printf(b, ".B belfry%s%s %s\n", *noun ? " " : "", noun, v->name);
    put_text(b, v->operands);
    bf_buf_adds(b, *v->operands ? " [OPTION...]\n" : "[OPTION...]\n");
}

static void put_option(struct bf_buf *b, const struct bf_option_row *o)
{
    bf_buf_adds(b, ".TP\n.B ");
    if (o->letter)
        bf_buf_printf(b, "\\-%c, ", o->letter);
    bf_buf_adds(b, "\\-\\-");
    put_text(b, o->name);
    if (o->value) {
        bf_buf_addc(b, ' ');
        put_text(b, o->value);
    }
    bf_buf_addc(b, '\n');
    put_text(b, o->help);
    bf_buf_addc(b, '\n');
}

static bool is_shared(const struct bf_option_row *table)
{
    return table == bf_options_remote || table == bf_options_common;
}

static void put_own_options(struct bf_buf *b, const struct bf_verb *v)
{
    const struct bf_option_row *o;

    for (size_t t = 0; (o = bf_verb_options(v, t)); t++)
        for (; !is_shared(o) && o->name; o++)
            put_option(b, o);
}

static void put_shared_options(struct bf_buf *b, const struct bf_verb *v)
{
    const struct bf_option_row *o;

    for (size_t t = 0; (o = bf_verb_options(v, t)); t++)
        if (is_shared(o))
            for (; o->name; o++)
                put_option(b, o);
}

static void put_tail(struct bf_buf *b)
{
    bf_buf_adds(b, ".SH EXIT STATUS\n"
                   "0 done; 1 it failed or was refused; 2 the command line makes no sense;\n"
                   "3 no hub answers; 4 there is no key, or one that may not do it;\n"
                   "5 there is no such thing.\n"
                   ".SH SEE ALSO\n"
                   ".BR belfry (1),\n"
                   ".BR belfry\\-config (5)\n");
}

static void put_noun(struct bf_buf *b, const struct bf_verb *noun)
{
    for (const struct bf_verb *v = noun->verbs; v->name; v++) {
        bf_buf_adds(b, ".SS ");
        put_text(b, v->name);
        bf_buf_addc(b, '\n');
        put_usage(b, noun->name, v);
        bf_buf_adds(b, ".PP\n");
        put_text(b, v->summary);
        bf_buf_adds(b, ".\n");
        if (v->text) {
            bf_buf_adds(b, ".PP\n");
            put_paragraphs(b, v->text);
        }
        put_own_options(b, v);
    }
}

static void put_verb_page(struct bf_buf *b, const struct bf_verb *v)
{
    char name[80];

    snprintf(name, sizeof(name), "belfry-%s", v->name);
    put_head(b, name, "1", v->summary);
    bf_buf_adds(b, ".SH SYNOPSIS\n");
    if (!v->verbs) {
        put_usage(b, "", v);
        bf_buf_adds(b, ".SH DESCRIPTION\n");
        put_text(b, v->summary);
        bf_buf_adds(b, ".\n");
        if (v->text) {
            bf_buf_adds(b, ".PP\n");
            put_paragraphs(b, v->text);
        }
        bf_buf_adds(b, ".SH OPTIONS\n");
        put_own_options(b, v);
        put_shared_options(b, v);
        if (v->flags & BF_VERB_SETTINGS)
            bf_buf_adds(b, ".TP\n.B \\-\\-SETTING VALUE\nEvery setting of\n"
                           ".BR belfry\\-config (5).\n");
    } else {
        bf_buf_printf(b, ".B belfry %s\nVERB [OPTION...]\n.SH VERBS\n", v->name);
        put_noun(b, v);
        bf_buf_adds(b, ".SH OPTIONS OF EVERY VERB\n");
        put_shared_options(b, &v->verbs[0]);
    }
    put_tail(b);
}

static void put_main_page(struct bf_buf *b)
{
    put_head(b, "belfry", "1", "turn events of machine-learning runs into actions");
    bf_buf_adds(b, ".SH SYNOPSIS\n.B belfry\nVERB [OPTION...]\n.SH DESCRIPTION\n"
                   "Belfry watches what happens while a team trains models, and acts on it.\n"
                   "The command runs a hub, and speaks with one.\n.SH VERBS\n");
    for (const struct bf_verb *v = bf_verbs; v->name; v++) {
        if (v->flags & BF_VERB_HIDDEN)
            continue;
        bf_buf_printf(b, ".TP\n.BR belfry\\-%s (1)\n", v->name);
        put_text(b, v->summary);
        bf_buf_addc(b, '\n');
    }
    bf_buf_adds(b, ".SH ENVIRONMENT\n"
                   ".TP\n.B BELFRY_URL\nthe hub's address\n"
                   ".TP\n.B BELFRY_API_KEY\nthe key that is shown to it\n"
                   ".TP\n.B BELFRY_TEAM\nthe team meant, where one is needed\n"
                   ".TP\n.B BELFRY_CA_FILE\ncertificate authorities to believe instead of the"
                   " system's\n"
                   ".TP\n.B BELFRY_<SETTING>\na setting of\n.BR belfry\\-config (5)\n"
                   ".TP\n.B NO_COLOR\nno colours on a terminal\n"
                   ".TP\n.B VISUAL, EDITOR\nwhat automations are edited with\n"
                   ".SH FILES\n"
                   ".TP\n.I ~/.config/belfry/login.json\nwhat\n.BR belfry\\-login (1)\nkept;"
                   " readable by its owner alone\n");
    put_tail(b);
}

static void put_config_page(struct bf_buf *b)
{
    struct bf_setting_info s = {.size = sizeof(s)};

    put_head(b, "belfry-config", "5", "the settings of a hub");
    bf_buf_adds(b, ".SH DESCRIPTION\n"
                   "The configuration file is Lua; every global it sets is a setting: a text, a\n"
                   "number, true or false, or a list of texts.\n.PP\n.RS 4\n.EX\n"
                   "listen = \"0.0.0.0:8320\"\n"
                   "allow_addresses = { \"10.1.0.0/16\", \"127.0.0.0/8\" }\n"
                   ".EE\n.RE\n.PP\n"
                   "A setting may also stand in the environment, as BELFRY_<SETTING>, or on the\n"
                   "command line, as \\-\\-SETTING; the later wins.  SIGHUP reads the file again;\n"
                   "what can change without a restart then does, and the log names the rest.\n"
                   ".SH SETTINGS\n");
    for (size_t i = 0; bf_setting_describe(i, &s); i++) {
        bf_buf_adds(b, ".TP\n.B ");
        put_text(b, s.name);
        bf_buf_addc(b, '\n');
        put_text(b, s.help);
        if (s.choices) {
            bf_buf_adds(b, ": ");
            put_text(b, s.choices);
        }
        if (s.def && *s.def) {
            bf_buf_adds(b, ".\nDefault: ");
            put_text(b, s.def);
        }
        bf_buf_adds(b, s.live ? ".\nChanges by a reload.\n" : ".\n");
    }
    bf_buf_adds(b, ".SH SEE ALSO\n.BR belfry\\-serve (1),\n.BR belfry\\-check (1)\n");
}

/* In a macro's line quotes would join its arguments. */
static void put_form(struct bf_buf *b, const char *form)
{
    for (; *form; form += *form != '\0') {
        size_t len = strcspn(form, "\"");
        char part[200];

        snprintf(part, sizeof(part), "%.*s", (int)len, form);
        put_text(b, part);
        form += len;
        if (!*form)
            return;
        bf_buf_adds(b, "\\(dq");
    }
}

static void put_code_page(struct bf_buf *b)
{
    const char *form, *help;

    put_head(b, "belfry-code", "5", "automations as code");
    bf_buf_adds(b, ".SH DESCRIPTION\n");
    put_paragraphs(b, bf_cli_code_text);
    for (size_t i = 0; bf_code_describe(i, &form, &help); i++) {
        bf_buf_adds(b, help ? ".TP\n.B " : ".SH ");
        put_form(b, form);
        bf_buf_addc(b, '\n');
        if (help) {
            put_text(b, help);
            bf_buf_addc(b, '\n');
        }
    }
    bf_buf_adds(b, ".SH SEE ALSO\n.BR belfry\\-test (1),\n.BR belfry\\-automations (1)\n");
}

static void put_lua_page(struct bf_buf *b)
{
    struct bf_lua_info f = {.size = sizeof(f)};
    const char *part = "";

    put_head(b, "belfry-lua", "5", "what scripts are, and what they are given");
    bf_buf_adds(b, ".SH DESCRIPTION\n");
    put_paragraphs(b, bf_lua_introduction());
    bf_buf_adds(b, ".SH FUNCTIONS\n");
    for (size_t i = 0; bf_lua_describe(i, &f); i++) {
        if (strcmp(f.part, part) != 0) {
            bf_buf_adds(b, ".SS ");
            put_text(b, f.part);
            bf_buf_addc(b, '\n');
        }
        part = f.part;
        bf_buf_adds(b, ".TP\n.B ");
        put_form(b, f.signature);
        bf_buf_addc(b, '\n');
        put_text(b, f.words);
        bf_buf_addc(b, '\n');
    }
    bf_buf_adds(b, ".SH SEE ALSO\n.BR belfry\\-scripts (1),\n.BR belfry\\-automations (1)\n");
}

static int write_page(struct bf_cli *c, const char *dir, const char *name, const struct bf_buf *b)
{
    const char *path = bf_arena_printf(c->arena, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    bool ok = f && fwrite(bf_buf_text(b), 1, b->len, f) == b->len;

    if (f && fclose(f))
        ok = false;
    return ok ? 0 : bf_cli_fail(c, "cannot write %s: %s", path, strerror(errno));
}

static int write_all(struct bf_cli *c, const char *dir)
{
    struct bf_buf b;
    int rc;

    bf_buf_init(&b, PAGE_MAX);
    put_main_page(&b);
    rc = write_page(c, dir, "belfry.1", &b);
    bf_buf_clear(&b);
    put_config_page(&b);
    if (!rc)
        rc = write_page(c, dir, "belfry-config.5", &b);
    bf_buf_clear(&b);
    put_code_page(&b);
    if (!rc)
        rc = write_page(c, dir, "belfry-code.5", &b);
    bf_buf_clear(&b);
    put_lua_page(&b);
    if (!rc)
        rc = write_page(c, dir, "belfry-lua.5", &b);
    for (const struct bf_verb *v = bf_verbs; v->name && !rc; v++) {
        if (v->flags & BF_VERB_HIDDEN)
            continue;
        bf_buf_clear(&b);
        put_verb_page(&b, v);
        rc = write_page(c, dir, bf_arena_printf(c->arena, "belfry-%s.1", v->name), &b);
    }
    bf_buf_fini(&b);
    return rc;
}

int bf_cli_man(struct bf_cli *c)
{
    const char *name = bf_cli_operand(c, 0), *dir = bf_cli_value(c, "to");
    const struct bf_verb *v = name ? bf_verb_find(bf_verbs, name) : NULL;
    struct bf_buf b;
    int rc;

    if (dir)
        return write_all(c, dir);
    if (name && !v && strcmp(name, "settings") != 0 && strcmp(name, "code") != 0 &&
        strcmp(name, "lua") != 0)
        return bf_cli_usage(c, "there is no verb \"%s\"", name);
    bf_buf_init(&b, PAGE_MAX);
    if (v)
        put_verb_page(&b, v);
    else if (name && strcmp(name, "code") == 0)
        put_code_page(&b);
    else if (name && strcmp(name, "lua") == 0)
        put_lua_page(&b);
    else if (name)
        put_config_page(&b);
    else
        put_main_page(&b);
    rc = bf_cli_print(c, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
    return rc;
}
