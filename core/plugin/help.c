/* help.c - what the option tables say, for people and for programs: `belfry help NAME`, JSON
 * Schema (2020-12) for REST and for the console's forms. */
#include <stdio.h>
#include <string.h>

#include "core/plugin/inner.h"

#define HELP_COLUMN 24
#define HELP_WIDTH  100

/* A default is text; in a schema it stands with its own type. */
static void schema_default(struct bf_tree *t, const struct bf_option *o)
{
    if (!o->def || o->type == BF_T_LIST || o->type == BF_T_MAP)
        return;
    if (o->type == BF_T_STRING || o->type == BF_T_DURATION)
        bf_tree_str(t, "default", o->def);
    else
        bf_tree_raw(t, "default", o->def, strlen(o->def));
}

static void schema_choices(struct bf_tree *t, const char *choices)
{
    struct bf_tree *list = bf_tree_add_array(t, "enum");
    char word[128];

    for (const char *at = choices; *at;) {
        size_t n = strcspn(at, "|");

        snprintf(word, sizeof(word), "%.*s", (int)n, at);
        bf_tree_str(list, NULL, word);
        at += n + (at[n] == '|');
    }
}

/* A secret is the name of a stored one, or a literal to be sealed, which reads back as
 * {"set":true}. */
static void schema_secret(struct bf_tree *t)
{
    static const char forms[] =
        "[{\"type\":\"string\"},"
        "{\"type\":\"object\",\"properties\":{\"value\":{\"type\":\"string\"},"
        "\"set\":{\"const\":true}},\"additionalProperties\":false}]";

    bf_tree_raw(t, "anyOf", forms, sizeof(forms) - 1);
    bf_tree_bool(t, "writeOnly", true);
}

static void schema_type(struct bf_tree *t, const struct bf_option *o)
{
    static const char strings[] = "{\"type\":\"string\"}";

    switch (o->type) {
    case BF_T_STRING:
        bf_tree_str(t, "type", "string");
        break;
    case BF_T_INT:
        bf_tree_str(t, "type", "integer");
        break;
    case BF_T_BOOL:
        bf_tree_str(t, "type", "boolean");
        break;
    case BF_T_DURATION:
        bf_tree_raw(t, "type", "[\"string\",\"integer\"]", 20);
        bf_tree_str(t, "pattern", "^[0-9]+(ms|s|m|h|d)$");
        break;
    case BF_T_LIST:
        bf_tree_str(t, "type", "array");
        if (o->choices)
            schema_choices(bf_tree_add_object(t, "items"), o->choices);
        else
            bf_tree_raw(t, "items", strings, sizeof(strings) - 1);
        break;
    case BF_T_MAP:
        bf_tree_str(t, "type", "object");
        bf_tree_raw(t, "additionalProperties", strings, sizeof(strings) - 1);
        break;
    default:
        break;      /* any JSON */
    }
}

static void schema_of(struct bf_tree *t, const struct bf_option *o)
{
    if (o->help)
        bf_tree_str(t, "description", o->help);
    if (o->flags & BF_SECRET) {
        schema_secret(t);
        return;
    }
    schema_type(t, o);
    if (o->choices && o->type == BF_T_STRING)
        schema_choices(t, o->choices);
    if ((o->flags & BF_TEMPLATE) || o->type == BF_T_JSON)
        bf_tree_bool(t, "x-template", true);
    if (o->flags & BF_SHOWN)
        bf_tree_bool(t, "x-shown", true);
    schema_default(t, o);
}

void bf_options_schema(const struct bf_option *table, struct bf_tree *out)
{
    struct bf_tree *properties, *required = NULL;

    bf_tree_str(out, "$schema", "https://json-schema.org/draft/2020-12/schema");
    bf_tree_str(out, "type", "object");
    properties = bf_tree_add_object(out, "properties");
    for (const struct bf_option *o = table; o && o->name; o++) {
        schema_of(bf_tree_add_object(properties, o->name), o);
        if (!(o->flags & BF_REQUIRED))
            continue;
        if (!required)
            required = bf_tree_add_array(out, "required");
        bf_tree_str(required, NULL, o->name);
    }
    bf_tree_bool(out, "additionalProperties", false);
}

static void describe_sink(struct bf_tree *kinds, const struct bf_sink *s)
{
    struct bf_tree *k = bf_tree_add_object(kinds, NULL), *schema;

    bf_tree_str(k, "kind", s->name);
    bf_tree_str(k, "type", "sink");
    bf_tree_str(k, "summary", s->summary ? s->summary : "");
    schema = bf_tree_add_object(k, "schema");
    bf_options_schema(s->integration, bf_tree_add_object(schema, "integration"));
    bf_options_schema(s->action, bf_tree_add_object(schema, "action"));
}

static void describe_source(struct bf_tree *kinds, const struct bf_source *s)
{
    struct bf_tree *k = bf_tree_add_object(kinds, NULL);

    bf_tree_str(k, "kind", s->name);
    bf_tree_str(k, "type", "source");
    bf_tree_str(k, "summary", s->summary ? s->summary : "");
    bf_options_schema(s->options, bf_tree_add_object(bf_tree_add_object(k, "schema"), "options"));
}

void bf_plugins_describe(struct bf_plugins *p, struct bf_tree *array)
{
    for (size_t i = 0; i < p->n_loaded; i++) {
        const struct bf_plugin *plugin = &p->loaded[i]->plugin;
        struct bf_tree *t = bf_tree_add_object(array, NULL), *kinds;

        bf_tree_str(t, "name", plugin->name);
        bf_tree_str(t, "version", plugin->version);
        kinds = bf_tree_add_array(t, "kinds");
        for (size_t k = 0; plugin->sinks[k]; k++)
            describe_sink(kinds, plugin->sinks[k]);
        for (size_t k = 0; plugin->sources[k]; k++)
            describe_source(kinds, plugin->sources[k]);
    }
}


/* --- belfry help NAME --------------------------------------------------------------- */

static const char *type_words(const struct bf_option *o)
{
    switch (o->type) {
    case BF_T_STRING: return o->flags & BF_SECRET ? "secret" : "text";
    case BF_T_INT: return "number";
    case BF_T_BOOL: return "true or false";
    case BF_T_DURATION: return "duration";
    case BF_T_LIST: return "list";
    case BF_T_MAP: return "map";
    default: return "JSON";
    }
}

static size_t characters(const char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

/* Words behind the column where they begin, in as many lines as that takes. */
static void put_words(struct bf_buf *out, const char *words)
{
    size_t column = HELP_COLUMN;

    while (*words) {
        size_t len = strcspn(words, " "), width = characters(words, len);

        if (column > HELP_COLUMN && column + 1 + width > HELP_WIDTH) {
            bf_buf_printf(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            bf_buf_addc(out, ' ');
            column++;
        }
        bf_buf_add(out, words, len);
        column += width;
        words += len + strspn(words + len, " ");
    }
}

static void help_option(struct bf_buf *out, const struct bf_option *o)
{
    bf_buf_printf(out, "    %-*s ", HELP_COLUMN - 5, o->name);
    put_words(out, o->help ? o->help : "");
    bf_buf_printf(out, "\n%*s(%s", HELP_COLUMN, "", type_words(o));
    if (o->flags & BF_REQUIRED)
        bf_buf_adds(out, ", required");
    if ((o->flags & BF_TEMPLATE) || o->type == BF_T_JSON)
        bf_buf_adds(out, ", may hold ${variables}");
    if (o->flags & BF_SHOWN)
        bf_buf_adds(out, ", people read it");
    if (o->flags & BF_GRANTED)
        bf_buf_adds(out, ", left out: the first granted secret");
    if (o->choices)
        bf_buf_printf(out, ", one of %s", o->choices);
    if (o->def)
        bf_buf_printf(out, ", default %s", *o->def ? o->def : "empty");
    bf_buf_adds(out, ")\n");
}

static void help_table(struct bf_buf *out, const char *title, const struct bf_option *table)
{
    bf_buf_printf(out, "\n  %s\n", title);
    if (!table || !table->name)
        bf_buf_adds(out, "    none\n");
    for (const struct bf_option *o = table; o && o->name; o++)
        help_option(out, o);
}

void bf_plugin_help(const struct bf_plugin *plugin, struct bf_buf *out)
{
    bf_buf_printf(out, "plugin %s %s\n", plugin->name, plugin->version);
    for (size_t i = 0; plugin->sinks[i]; i++) {
        const struct bf_sink *s = plugin->sinks[i];

        bf_buf_printf(out, "\nsink %s - %s\n", s->name, s->summary ? s->summary : "");
        help_table(out, "options of an integration (where, and with what key)", s->integration);
        help_table(out, "options of an action (what to say)", s->action);
    }
    for (size_t i = 0; plugin->sources[i]; i++) {
        const struct bf_source *s = plugin->sources[i];

        bf_buf_printf(out, "\nsource %s - %s\n", s->name, s->summary ? s->summary : "");
        if (s->options && s->options->name)
            bf_buf_printf(out, "\n  in the configuration file:\n"
                          "    sources = { NAME = { source = \"%s\", OPTION = VALUE } }\n", s->name);
        help_table(out, "options", s->options);
        if (s->routes && s->routes->method)
            bf_buf_adds(out, "\n  routes\n");
        for (const struct bf_route *r = s->routes; r && r->method; r++)
            bf_buf_printf(out, "    %-6s %s\n", r->method, r->path);
    }
}
