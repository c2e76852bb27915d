/* complete.c - the table of verbs as a completion script for bash, zsh or fish.
 *
 * The scripts are whole: completing starts no process of ours.  For bash and zsh the same function
 * looks at the words before the cursor; they differ in what those are called, and in how an answer
 * is given, which stands before and behind it. */
#include "core/cli/cli.h"

#include <string.h>

#define SCRIPT_MAX (1024 * 1024)

static void put_names(const struct bf_verb *table, struct bf_buf *b)
{
    for (const char *apart = ""; table->name; table++) {
        if (table->flags & BF_VERB_HIDDEN)
            continue;
        bf_buf_printf(b, "%s%s", apart, table->name);
        apart = " ";
    }
}

static void put_setting_options(struct bf_buf *b)
{
    const char *name;

    for (size_t i = 0; (name = bf_setting_name(i)); i++) {
        bf_buf_adds(b, " --");
        for (; *name; name++)
            bf_buf_addc(b, *name == '_' ? '-' : *name);
    }
}

static void put_options(const struct bf_verb *v, struct bf_buf *b)
{
    const struct bf_option_row *o;
    const char *apart = "";

    for (size_t t = 0; (o = bf_verb_options(v, t)); t++)
        for (; o->name; o++) {
            bf_buf_printf(b, "%s--%s", apart, o->name);
            apart = " ";
        }
    if (v->flags & BF_VERB_SETTINGS)
        put_setting_options(b);
}

/* "a|b" of operands that are words to choose from. */
static void put_choices(const struct bf_verb *v, struct bf_buf *b)
{
    if (strchr(v->operands, '|') && v->operands[0] >= 'a')
        for (const char *at = v->operands; *at; at++)
            bf_buf_addc(b, *at == '|' ? ' ' : *at);
    else if (strcmp(v->name, "help") == 0)
        put_names(bf_verbs, b);
}

static void put_case(const char *noun, const struct bf_verb *v, struct bf_buf *b)
{
    bf_buf_printf(b, "    '%s%s%s')\n        options='", noun, *noun ? " " : "", v->name);
    put_options(v, b);
    bf_buf_adds(b, "'\n        choices='");
    put_choices(v, b);
    bf_buf_adds(b, "'\n        ;;\n");
}

static const char bash_head[] =
    "# bash completion for belfry; made by: belfry completion bash\n"
    "_belfry_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n"
    "_belfry_files() { mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); }\n"
    "_belfry() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} at=$COMP_CWORD\n"
    "    local verb=${COMP_WORDS[1]-} second=${COMP_WORDS[2]-}\n";
static const char bash_tail[] =
    "complete -o filenames -F _belfry belfry\n";

static const char zsh_head[] =
    "#compdef belfry\n"
    "# zsh completion for belfry; made by: belfry completion zsh\n"
    "_belfry_words() { compadd -- ${=1}; }\n"
    "_belfry_files() { _files; }\n"
    "_belfry() {\n"
    "    local cur=${words[CURRENT]} prev=${words[CURRENT-1]} at=$((CURRENT - 1))\n"
    "    local verb=${words[2]} second=${words[3]}\n";
static const char zsh_tail[] =
    "if [ \"$funcstack[1]\" = _belfry ]; then _belfry \"$@\"; else compdef _belfry belfry; fi\n";

static void put_nouns(struct bf_buf *b)
{
    bf_buf_adds(b, "    case $verb in\n");
    for (const struct bf_verb *v = bf_verbs; v->name; v++) {
        if (!v->verbs)
            continue;
        bf_buf_printf(b, "    %s)\n        choices='", v->name);
        put_names(v->verbs, b);
        bf_buf_adds(b, "'\n        verb=\"$verb $second\"\n        ;;\n");
    }
    bf_buf_adds(b, "    esac\n");
}

static void put_verbs(struct bf_buf *b)
{
    bf_buf_adds(b, "    case $verb in\n");
    for (const struct bf_verb *v = bf_verbs; v->name; v++) {
        if (v->flags & BF_VERB_HIDDEN)
            continue;
        if (!v->verbs)
            put_case("", v, b);
        for (const struct bf_verb *s = v->verbs; s && s->name; s++)
            put_case(v->name, s, b);
    }
    bf_buf_adds(b, "    esac\n");
}

static void put_function(struct bf_buf *b, const char *head, const char *tail)
{
    bf_buf_adds(b, head);
    bf_buf_adds(b, "    local options='' choices=''\n"
                   "    if [ \"$at\" -eq 1 ]; then\n"
                   "        _belfry_words '");
    put_names(bf_verbs, b);
    bf_buf_adds(b, "'\n"
                   "        return\n"
                   "    fi\n");
    put_nouns(b);
    bf_buf_adds(b, "    if [ \"$at\" -eq 2 ] && [ -n \"$choices\" ]; then\n"
                   "        _belfry_words \"$choices\"\n"
                   "        return\n"
                   "    fi\n"
                   "    choices=''\n");
    put_verbs(b);
    bf_buf_adds(b, "    case $prev in\n"
                   "    --file | --config | --ca-file | --data | -c | --filter-script |"
                   " --transform-script)\n"
                   "        _belfry_files\n"
                   "        return\n"
                   "        ;;\n"
                   "    esac\n"
                   "    case $cur in\n"
                   "    -*) _belfry_words \"$options\" ;;\n"
                   "    *) if [ -n \"$choices\" ]; then _belfry_words \"$choices\";"
                   " else _belfry_files; fi ;;\n"
                   "    esac\n"
                   "}\n");
    bf_buf_adds(b, tail);
}

/* In single quotes of fish. */
static void put_quoted(struct bf_buf *b, const char *text)
{
    bf_buf_addc(b, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            bf_buf_addc(b, '\\');
        bf_buf_addc(b, *text);
    }
    bf_buf_addc(b, '\'');
}

static void put_fish_options(const struct bf_verb *v, const char *when, struct bf_buf *b)
{
    const struct bf_option_row *o;

    for (size_t t = 0; (o = bf_verb_options(v, t)); t++)
        for (; o->name; o++) {
            bf_buf_printf(b, "complete -c belfry -n '%s' -l %s%s", when, o->name,
                          o->value ? " -r" : "");
            if (o->letter)
                bf_buf_printf(b, " -s %c", o->letter);
            bf_buf_adds(b, " -d ");
            put_quoted(b, o->help);
            bf_buf_addc(b, '\n');
        }
}

static void put_fish(struct bf_buf *b)
{
    char when[160];

    bf_buf_adds(b, "# fish completion for belfry; made by: belfry completion fish\n");
    for (const struct bf_verb *v = bf_verbs; v->name; v++) {
        if (v->flags & BF_VERB_HIDDEN)
            continue;
        bf_buf_printf(b, "complete -c belfry -f -n __fish_use_subcommand -a %s -d ", v->name);
        put_quoted(b, v->summary);
        bf_buf_addc(b, '\n');
        snprintf(when, sizeof(when), "__fish_seen_subcommand_from %s", v->name);
        if (!v->verbs)
            put_fish_options(v, when, b);
        for (const struct bf_verb *s = v->verbs; s && s->name; s++) {
            bf_buf_printf(b, "complete -c belfry -f -n '__fish_seen_subcommand_from %s; and not"
                             " __fish_seen_subcommand_from ", v->name);
            put_names(v->verbs, b);
            bf_buf_printf(b, "' -a %s -d ", s->name);
            put_quoted(b, s->summary);
            bf_buf_addc(b, '\n');
            snprintf(when, sizeof(when), "__fish_seen_subcommand_from %s; and"
                     " __fish_seen_subcommand_from %s", v->name, s->name);
            put_fish_options(s, when, b);
        }
    }
}

int bf_cli_completion(struct bf_cli *c)
{
    const char *shell = c->operands[0];
    struct bf_buf b;
    int rc = 0;

    bf_buf_init(&b, SCRIPT_MAX);
    if (strcmp(shell, "bash") == 0)
        put_function(&b, bash_head, bash_tail);
    else if (strcmp(shell, "zsh") == 0)
        put_function(&b, zsh_head, zsh_tail);
    else if (strcmp(shell, "fish") == 0)
        put_fish(&b);
    else
        rc = bf_cli_usage(c, "completion is there for bash, zsh and fish, not \"%s\"", shell);
    if (!rc)
        rc = bf_cli_print(c, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
    return rc;
}
