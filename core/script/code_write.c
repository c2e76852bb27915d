/* code_write.c - a document as a file that says the same.
 *
 * What has a word is written with it; JSON that the language has no word for is written as raw.  Things
 * stand in the order of the document, members in the order they had.
 *
 * Filters and conditions are read into one small tree, in which a join of one is that one, and printed
 * from there: with & | ~ where these, read again, build the same tree, else with all, any, none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/event/envelope.h"
#include "core/rules/condition.h"
#include "core/rules/filter.h"
#include "core/script/code_int.h"
#include "core/script/code_text.h"

#define SCRATCH_MAX (256 * 1024 * 1024)
#define EXPRESSION_MAX BF_CODE_MAX

struct writer {
    struct bf_arena *arena;
    struct bf_buf *out;
    const struct bf_json *integrations;
    struct bf_error *err;
};

static const struct bf_json *get(const struct bf_json *object, const char *name)
{
    const struct bf_json *value = bf_json_get(object, name);

    return bf_json_is(value, BF_JSON_NULL) ? NULL : value;
}

static const char *text_of(struct writer *w, const struct bf_json *object, const char *name)
{
    return bf_json_str(w->arena, get(object, name));
}

/* What is made in a buf of its own, as a text of the arena's. */
static const char *keep(struct writer *w, struct bf_buf *b)
{
    const char *text = b->failed ? NULL : bf_arena_ndup(w->arena, bf_buf_text(b), b->len);

    bf_buf_fini(b);
    return text;
}

static int broken(struct writer *w, const char *what, const char *why)
{
    return bf_error_set(w->err, BF_ECONFIG, "%s: %s", what, why);
}


/* --- filters and conditions as a tree ------------------------------------------------------------- */

enum op { LEAF, ALL_OF, ANY_OF, NONE_OF, NOT };

struct tree {
    enum op op;
    const char *text;           /* of a leaf */
    struct tree *first, *last, *next;
    unsigned n;
};

static struct tree *new_tree(struct writer *w, enum op op, const char *text)
{
    struct tree *t = bf_arena_new_of(w->arena, struct tree);

    if (t) {
        t->op = op;
        t->text = text;
    }
    return t;
}

static void add(struct tree *t, struct tree *child)
{
    if (!t || !child)
        return;                 /* the arena is marked, and asked at the end */
    if (t->last)
        t->last->next = child;
    else
        t->first = child;
    t->last = child;
    t->n++;
}

/* A join of one is that one. */
static struct tree *bare(struct tree *t)
{
    struct tree *only = t && t->n == 1 && (t->op == ALL_OF || t->op == ANY_OF) ? t->first : NULL;

    if (only)
        only->next = NULL;
    return only ? only : t;
}

/* Fields that have a nicer word than their own; a dot ends those whose path goes on. */
static const struct {
    const char *key;
    const char *word;
} nicer[] = {
    {"display_name", "run.name"},      {"run_id", "run.id"},           {"run_user", "run.user"},
    {"run_tags", "run.tags"},          {"state", "run.state"},         {"group", "run.group"},
    {"job_type", "run.job_type"},      {"artifact_type", "artifact.type"},
    {"artifact_version", "artifact.version"},                          {"alert_title", "alert.title"},
    {"alert_text", "alert.text"},      {"alert_level", "alert.level"}, {"config.", "run.config"},
    {"metadata.", "metadata"},         {"data.", "data"},
};

static const char *const plain[] = {"alias", "tag", "aliases", "tags", "username", "collection_name",
                                    "project_name", "entity", "author", "source"};

/* .name, [0] and ["any text"] */
static void put_path(struct bf_buf *b, const char *path)
{
    for (;;) {
        size_t len = strcspn(path, ".");
        bool digits = len > 0 && len < 10 && strspn(path, "0123456789") >= len;

        if (bf_lua_name_ok(path, len)) {
            bf_buf_addc(b, '.');
            bf_buf_add(b, path, len);
        } else if (digits && (*path != '0' || len == 1)) {
            bf_buf_printf(b, "[%.*s]", (int)len, path);
        } else {
            bf_buf_addc(b, '[');
            bf_lua_put_text(b, path, len);
            bf_buf_addc(b, ']');
        }
        if (!path[len])
            return;
        path += len + 1;
    }
}

static void put_field(struct bf_buf *b, const char *key)
{
    for (size_t i = 0; i < BF_COUNT(nicer); i++) {
        size_t len = strlen(nicer[i].key);
        bool path = nicer[i].key[len - 1] == '.';

        if (path ? strncmp(key, nicer[i].key, len) != 0 || !key[len] : strcmp(key, nicer[i].key) != 0)
            continue;
        bf_buf_adds(b, nicer[i].word);
        if (path)
            put_path(b, key + len);
        return;
    }
    for (size_t i = 0; i < BF_COUNT(plain); i++) {
        if (strcmp(plain[i], key) == 0) {
            bf_buf_adds(b, key);
            return;
        }
    }
    bf_buf_adds(b, "field(");
    bf_lua_put_text(b, key, strlen(key));
    bf_buf_addc(b, ')');
}

static const struct {
    const char *op, *word;
    bool list;
} operators[] = {
    {"$eq", "eq", false},          {"$ne", "ne", false},         {"$gt", "gt", false},
    {"$gte", "ge", false},         {"$lt", "lt", false},         {"$lte", "le", false},
    {"$contains", "contains", false}, {"$regex", "matches", false}, {"$size", "size", false},
    {"$in", "one_of", true},       {"$nin", "none_of", true},    {"$all", "all_of", true},
};

/* ("a", "b"), and { } of none */
static void put_list(struct writer *w, struct bf_buf *b, const struct bf_json *list)
{
    const char *between = "(";

    if (bf_json_count(list) == 0)
        bf_buf_adds(b, " {}");
    for (const struct bf_json *j = bf_json_first(list); j; j = bf_json_next(list, j)) {
        bf_buf_adds(b, between);
        bf_lua_put_value(w->arena, b, j, 0, 0);
        between = ", ";
    }
    if (bf_json_count(list))
        bf_buf_addc(b, ')');
}

/* KEY:word(VALUE); NULL if there is no such operator. */
static struct tree *leaf(struct writer *w, const char *key, const char *op, const struct bf_json *value)
{
    struct bf_buf b;
    size_t i = 0;

    bf_buf_init(&b, EXPRESSION_MAX);
    put_field(&b, key);
    bf_buf_addc(&b, ':');
    while (i < BF_COUNT(operators) && strcmp(operators[i].op, op) != 0)
        i++;
    if (strcmp(op, "$exists") == 0 && bf_json_is(value, BF_JSON_TRUE)) {
        bf_buf_adds(&b, "exists()");
    } else if (strcmp(op, "$exists") == 0 && bf_json_is(value, BF_JSON_FALSE)) {
        bf_buf_adds(&b, "absent()");
    } else if (i < BF_COUNT(operators) && !bf_json_is(value, BF_JSON_OBJECT) &&
               operators[i].list == bf_json_is(value, BF_JSON_ARRAY)) {
        bf_buf_adds(&b, operators[i].word);
        if (operators[i].list) {
            put_list(w, &b, value);
        } else {
            bf_buf_addc(&b, '(');
            bf_lua_put_value(w->arena, &b, value, 0, 0);
            bf_buf_addc(&b, ')');
        }
    } else {
        bf_buf_fini(&b);
        return NULL;
    }
    return new_tree(w, LEAF, keep(w, &b));
}

static struct tree *operators_of(struct writer *w, const char *key, const struct bf_json *value)
{
    struct tree *all;

    if (!bf_json_is(value, BF_JSON_OBJECT))
        return leaf(w, key, "$eq", value);
    all = new_tree(w, ALL_OF, NULL);
    for (const struct bf_json *k = bf_json_first(value); k; k = bf_json_next(value, k)) {
        struct tree *one, *not = NULL;

        if (bf_json_eq(k, "$not")) {
            one = operators_of(w, key, k + 1);
            not = one ? new_tree(w, NOT, NULL) : NULL;
            add(not, one);
            one = not;
        } else {
            one = leaf(w, key, bf_json_str(w->arena, k), k + 1);
        }
        if (!one)
            return NULL;
        add(all, one);
    }
    return bf_json_first(value) ? bare(all) : NULL;
}

static struct tree *filter_of(struct writer *w, const struct bf_json *filter, unsigned depth);

static struct tree *filters_of(struct writer *w, enum op op, const struct bf_json *list, unsigned depth)
{
    struct tree *t = new_tree(w, op, NULL);

    if (!bf_json_is(list, BF_JSON_ARRAY))
        return NULL;
    for (const struct bf_json *j = bf_json_first(list); j; j = bf_json_next(list, j)) {
        struct tree *one = filter_of(w, j, depth + 1);

        if (!one)
            return NULL;
        add(t, one);
    }
    return bare(t);
}

static struct tree *member_of(struct writer *w, const struct bf_json *key, unsigned depth)
{
    const struct bf_json *value = key + 1;
    const char *name = bf_json_str(w->arena, key);
    struct tree *t, *child;

    if (strcmp(name, "$and") == 0)
        return filters_of(w, ALL_OF, value, depth);
    if (strcmp(name, "$or") == 0)       /* a whole filter that is an empty one asks nothing */
        return filters_of(w, depth == 0 && bf_json_count(value) == 0 ? ALL_OF : ANY_OF, value, depth);
    if (strcmp(name, "$nor") == 0)
        return filters_of(w, NONE_OF, value, depth);
    if (strcmp(name, "$not") != 0)
        return *name == '$' ? NULL : operators_of(w, name, value);
    child = filter_of(w, value, depth + 1);
    t = child ? new_tree(w, NOT, NULL) : NULL;
    add(t, child);
    return t;
}

/* NULL: the language has no words for it. */
static struct tree *filter_of(struct writer *w, const struct bf_json *filter, unsigned depth)
{
    struct tree *all = new_tree(w, ALL_OF, NULL);

    if (!bf_json_is(filter, BF_JSON_OBJECT) || depth > BF_JSON_DEPTH_MAX)
        return NULL;
    for (const struct bf_json *k = bf_json_first(filter); k; k = bf_json_next(filter, k)) {
        struct tree *one = member_of(w, k, depth);

        if (!one)
            return NULL;
        add(all, one);
    }
    return bare(all);
}

/* "25%" of 0.25: as few digits as give exactly that number again, when their point is moved. */
static void put_percent(struct bf_buf *b, double value)
{
    char digits[40], moved[48];

    for (int n = 1; n <= 17; n++) {
        snprintf(digits, sizeof(digits), "%.*g", n, value * 100);
        snprintf(moved, sizeof(moved), "%se-2", digits);
        if (!strchr(digits, 'e') && strtod(moved, NULL) == value) {
            bf_buf_printf(b, "\"%s%%\"", digits);
            return;
        }
    }
    for (int n = 1; n <= 17; n++) {
        char *e;

        snprintf(digits, sizeof(digits), "%.*e", n - 1, value);
        if (n < 17 && strtod(digits, NULL) != value)
            continue;
        e = strchr(digits, 'e');
        bf_buf_printf(b, "\"%.*se%d%%\"", (int)(e - digits), digits, atoi(e + 1) + 2);
        return;
    }
}

static void put_condition(struct bf_buf *b, const struct bf_condition *c)
{
    static const char *const windows[] = {
        [BF_LAST] = NULL, [BF_AVERAGE] = "avg", [BF_LEAST] = "min", [BF_GREATEST] = "max"};
    static const char *const comparisons[] = {
        [BF_ABOVE] = "gt", [BF_AT_LEAST] = "ge", [BF_BELOW] = "lt", [BF_AT_MOST] = "le",
        [BF_EQUAL] = "eq", [BF_NOT_EQUAL] = "ne"};
    static const char *const ways[] = {
        [BF_INCREASE] = "increases_by", [BF_DECREASE] = "decreases_by", [BF_EITHER] = "changes_by"};
    const char *window = c->kind == BF_ZSCORE ? NULL : windows[c->aggregation];

    bf_buf_adds(b, "metric(");
    bf_lua_put_text(b, c->metric, strlen(c->metric));
    bf_buf_addc(b, ')');
    if (window && c->kind == BF_CHANGE && c->prior != c->window)
        bf_buf_printf(b, ":%s(%u, %u)", window, c->window, c->prior);
    else if (window)
        bf_buf_printf(b, ":%s(%u)", window, c->window);
    if (c->kind == BF_ZSCORE) {
        bf_buf_printf(b, ":zscore(%u%s)%s:%s(%s", c->window, c->of_runs ? ", \"runs\"" : "",
                      c->direction == BF_EITHER ? ":abs()" : "",
                      c->direction == BF_DECREASE ? "le" : "ge",
                      c->direction == BF_DECREASE ? "-" : "");
    } else {
        bf_buf_printf(b, ":%s(", c->kind == BF_CHANGE ? ways[c->direction]
                                                      : comparisons[c->comparison]);
    }
    if (c->kind == BF_CHANGE && c->relative)
        put_percent(b, c->amount);
    else
        bf_buf_addd(b, c->amount);
    bf_buf_addc(b, ')');
}

static struct tree *condition_of(struct writer *w, const struct bf_conditions *c, unsigned *at)
{
    const struct bf_condition_node *node = &c->nodes[*at];
    unsigned end = *at + node->skip;
    struct bf_buf b;
    struct tree *t;

    ++*at;
    if (node->op == BF_CONDITION) {
        bf_buf_init(&b, EXPRESSION_MAX);
        put_condition(&b, &c->conditions[node->condition]);
        return new_tree(w, LEAF, keep(w, &b));
    }
    t = new_tree(w, node->op == BF_ALL_OF ? ALL_OF : ANY_OF, NULL);
    while (*at < end)
        add(t, condition_of(w, c, at));
    return t;
}


/* --- a tree as an expression -------------------------------------------------------------------------- */

static const char *const groups[] = {[ALL_OF] = "all", [ANY_OF] = "any", [NONE_OF] = "none"};
static const char *const signs[] = {[ALL_OF] = " & ", [ANY_OF] = " | "};

/* Whether a & b & c, read again, is this very list: what stands first must not be such a list too. */
static bool has_signs(const struct tree *t)
{
    return (t->op == ALL_OF || t->op == ANY_OF) && t->n > 1 && t->first->op != t->op;
}

static void put_tree(struct bf_buf *b, const struct tree *t, enum op around);

static void put_group(struct bf_buf *b, const struct tree *t)
{
    bf_buf_printf(b, "%s {", groups[t->op]);
    for (const struct tree *c = t->first; c; c = c->next) {
        bf_buf_adds(b, c == t->first ? " " : ", ");
        put_tree(b, c, LEAF);
    }
    bf_buf_adds(b, t->n ? " }" : "}");
}

/* & binds more than |, and ~ more than both; within one of its own kind a list keeps its parentheses. */
static void put_tree(struct bf_buf *b, const struct tree *t, enum op around)
{
    bool parentheses = has_signs(t) && around != LEAF && !(around == ANY_OF && t->op == ALL_OF);

    if (t->op == LEAF) {
        bf_buf_adds(b, t->text ? t->text : "");
    } else if (t->op == NOT) {
        bf_buf_addc(b, '~');
        put_tree(b, t->first, NOT);
    } else if (!has_signs(t)) {
        put_group(b, t);
    } else {
        bf_buf_adds(b, parentheses ? "(" : "");
        for (const struct tree *c = t->first; c; c = c->next) {
            bf_buf_adds(b, c == t->first ? "" : signs[t->op]);
            put_tree(b, c, t->op);
        }
        bf_buf_adds(b, parentheses ? ")" : "");
    }
}

/* The parts of what is joined by & at the top, each for a line of its own. */
struct parts {
    const char *text[64];
    size_t n;
    size_t width;               /* on one line */
};

static void add_part(struct writer *w, struct parts *p, const struct tree *t, enum op around)
{
    struct bf_buf b;

    if (p->n == BF_COUNT(p->text))
        return;
    bf_buf_init(&b, EXPRESSION_MAX);
    put_tree(&b, t, around);
    p->text[p->n] = keep(w, &b);
    p->width += p->text[p->n] ? strlen(p->text[p->n]) + 3 : 0;
    p->n++;
}

static bool asks_nothing(const struct tree *t) { return t && t->op == ALL_OF && t->n == 0; }

/* A condition and a filter (either may be NULL), as what is joined by &. */
static void part(struct writer *w, struct parts *p, const struct tree *condition,
                 const struct tree *filter)
{
    const struct tree *both[] = {condition, filter};
    bool two = condition && filter && !asks_nothing(filter);

    for (size_t i = 0; i < BF_COUNT(both); i++) {
        const struct tree *t = both[i];

        if (!t || (i == 1 && asks_nothing(t)))
            continue;
        if (t->op != ALL_OF || !has_signs(t) || t->n > BF_COUNT(p->text) / 2) {
            add_part(w, p, t, two ? ALL_OF : LEAF);
            continue;
        }
        for (const struct tree *c = t->first; c; c = c->next)
            add_part(w, p, c, ALL_OF);
    }
}

static void put_parts(struct writer *w, const struct parts *p, const char *between)
{
    for (size_t i = 0; i < p->n; i++)
        bf_buf_printf(w->out, "%s%s", i ? between : "", p->text[i] ? p->text[i] : "");
}


/* --- events --------------------------------------------------------------------------------------------- */

#define REGISTRY "wandb-registry-"

/* team "acme", project "acme/vision", registry("acme/models"):collection "llm"; names hold no "/". */
static const char *scope_text(struct writer *w, const struct bf_json *scope)
{
    const char *organization = text_of(w, scope, "organization"), *entity = text_of(w, scope, "entity");
    const char *project = text_of(w, scope, "project"), *collection = text_of(w, scope, "collection");
    const char *rest = project && strncmp(project, REGISTRY, strlen(REGISTRY)) == 0
                           ? project + strlen(REGISTRY) : NULL;
    bool registry = rest && *rest && strncmp(rest, REGISTRY, strlen(REGISTRY)) != 0;
    struct bf_buf b;

    if (!organization && !entity)
        return NULL;
    bf_buf_init(&b, EXPRESSION_MAX);
    bf_buf_adds(&b, organization ? "organization "
                    : !project   ? "team "
                    : registry   ? collection ? "registry(" : "registry "
                    : collection ? "collection " : "project ");
    if (organization || !project)
        bf_lua_put_text(&b, organization ? organization : entity, SIZE_MAX);
    else
        bf_lua_put_text(&b, bf_arena_printf(w->arena, "%s/%s%s%s", entity, registry ? rest : project,
                                            collection && !registry ? "/" : "",
                                            collection && !registry ? collection : ""), SIZE_MAX);
    if (collection && registry) {
        bf_buf_adds(&b, "):collection ");
        bf_lua_put_text(&b, collection, SIZE_MAX);
    }
    return keep(w, &b);
}

/* Arguments in front of a filter: "run_state(project \"acme/vision\", \"FAILED\"". */
struct call {
    struct writer *w;
    struct bf_buf head;
    struct parts parts;
    const char *tail;           /* behind the filter, or NULL */
};

static void put_argument(struct call *c, const char *text)
{
    bf_buf_adds(&c->head, ", ");
    bf_lua_put_text(&c->head, text, SIZE_MAX);
}

/* A filter that may stand in a text; false if there is no way to say it. */
static bool put_filter(struct call *c, const struct bf_json *filter, const struct tree *condition)
{
    struct bf_error err;
    struct tree *t = NULL;

    if (filter) {
        filter = bf_filter_unwrap(c->w->arena, filter, &err);
        t = bf_json_is(filter, BF_JSON_NULL) ? NULL : filter_of(c->w, filter, 0);
        if (!t && !bf_json_is(filter, BF_JSON_NULL))
            return false;
    }
    part(c->w, &c->parts, condition, t);
    return true;
}

/* Of an object, no more than these members. */
static bool only_has(const struct bf_json *object, const char *const *names)
{
    for (const struct bf_json *k = bf_json_first(object); k; k = bf_json_next(object, k)) {
        size_t i = 0;

        while (names[i] && !bf_json_eq(k, names[i]))
            i++;
        if (!names[i])
            return false;
    }
    return bf_json_is(object, BF_JSON_OBJECT);
}

static bool write_metric(struct call *c, const char *wire, const struct bf_json *filter)
{
    static const char *const known[] = {"run_filter", "run_metric_filter", "metric_filter", NULL};
    static const char *const kinds[] = {
        [BF_THRESHOLD] = "RUN_METRIC", [BF_CHANGE] = "RUN_METRIC_CHANGE",
        [BF_ZSCORE] = "RUN_METRIC_ZSCORE"};
    const struct bf_json *metric = get(filter, "run_metric_filter");
    struct bf_conditions conditions = {.n_nodes = 0};
    struct bf_error err;
    unsigned at = 0;
    int rc = metric ? bf_conditions_parse(c->w->arena, metric, wire, &conditions, &err)
                    : bf_conditions_parse_threshold(c->w->arena, get(filter, "metric_filter"),
                                                    &conditions, &err);

    /* One alone says by its kind which trigger it is. */
    if (rc || !only_has(filter, known) ||
        strcmp(conditions.n_nodes == 1 ? kinds[conditions.conditions[0].kind] : "RUN_METRIC", wire) != 0)
        return false;
    return put_filter(c, get(filter, "run_filter"), condition_of(c->w, &conditions, &at));
}

static bool write_state(struct call *c, const char *wire, const struct bf_json *filter)
{
    static const char *const known[] = {"run_filter", "run_state_filter", NULL};
    static const char *const inner[] = {"states", NULL};
    const struct bf_json *states = get(filter, "run_state_filter");
    struct bf_error err;

    (void)wire;
    if (bf_json_is(states, BF_JSON_STRING))
        states = bf_json_inside(c->w->arena, states, &err);
    if (!only_has(filter, known) || !only_has(states, inner) || !bf_json_count(get(states, "states")))
        return false;
    states = get(states, "states");
    for (const struct bf_json *s = bf_json_first(states); s; s = bf_json_next(states, s)) {
        const char *name = bf_json_str(c->w->arena, s);

        if (!name)
            return false;
        put_argument(c, name);
    }
    return put_filter(c, get(filter, "run_filter"), NULL);
}

static bool write_alert(struct call *c, const char *wire, const struct bf_json *filter)
{
    static const char *const known[] = {"run_filter", NULL};

    (void)wire;
    if (!bf_json_get(filter, "run_filter"))
        return put_filter(c, filter, NULL);
    return only_has(filter, known) && put_filter(c, get(filter, "run_filter"), NULL);
}

static bool write_schedule(struct call *c, const char *wire, const struct bf_json *filter)
{
    static const char *const known[] = {"cron", "time_zone", NULL};
    const char *cron = text_of(c->w, filter, "cron"), *zone = text_of(c->w, filter, "time_zone");

    (void)wire;
    if (!only_has(filter, known) || !cron || (get(filter, "time_zone") && !zone))
        return false;
    put_argument(c, cron);
    if (zone)
        put_argument(c, zone);
    return true;
}

static bool write_absence(struct call *c, const char *wire, const struct bf_json *filter)
{
    static const char *const known[] = {"of", "metric", "for", "per", "run_filter", "filter", NULL};
    const char *of = text_of(c->w, filter, "of"), *metric = text_of(c->w, filter, "metric");
    const char *lasting = text_of(c->w, filter, "for"), *per = text_of(c->w, filter, "per");
    const struct bf_json *inner = get(filter, "run_filter") ? get(filter, "run_filter")
                                                            : get(filter, "filter");

    (void)wire;
    if (!only_has(filter, known) || !of || !lasting || (metric && strcmp(of, "run.metric") != 0) ||
        (get(filter, "run_filter") && get(filter, "filter")))
        return false;
    if (metric) {
        bf_buf_adds(&c->head, ", metric ");
        bf_lua_put_text(&c->head, metric, SIZE_MAX);
    } else {
        put_argument(c, of);
    }
    put_argument(c, lasting);
    if (per)
        c->tail = bf_arena_printf(c->w->arena, "{ per = \"%s\" }", per);
    return (!per || strcmp(per, "run") == 0 || strcmp(per, "scope") == 0) && put_filter(c, inner, NULL);
}

static bool write_plain(struct call *c, const char *wire, const struct bf_json *filter)
{
    (void)wire;
    return put_filter(c, filter, NULL);
}

static const struct {
    const char *wire;
    const char *word;
    bool (*write)(struct call *c, const char *wire, const struct bf_json *filter);
} events[] = {
    {"RUN_METRIC", "run_metric", write_metric},
    {"RUN_METRIC_CHANGE", "run_metric_change", write_metric},
    {"RUN_METRIC_ZSCORE", "run_metric_zscore", write_metric},
    {"RUN_STATE", "run_state", write_state},
    {"RUN_ALERT", "run_alert", write_alert},
    {"SCHEDULE", "schedule", write_schedule},
    {"ABSENCE", "absence", write_absence},
    {"CREATE_ARTIFACT", "create_artifact", write_plain},
    {"LINK_MODEL", "link_model", write_plain},
    {"UNLINK_ARTIFACT", "unlink_artifact", write_plain},
    {"ADD_ARTIFACT_ALIAS", "add_artifact_alias", write_plain},
    {"ADD_ARTIFACT_TAG", "add_artifact_tag", write_plain},
    {"REMOVE_ARTIFACT_TAG", "remove_artifact_tag", write_plain},
    {"ADD_COLLECTION_TAG", "add_collection_tag", write_plain},
    {"REMOVE_COLLECTION_TAG", "remove_collection_tag", write_plain},
};

#define WIDTH 100

/* head, parts and tail on one line, or on several. */
static void put_call(struct call *c)
{
    struct bf_buf *out = c->w->out;
    size_t indent = strcspn(bf_buf_text(&c->head), "(") + 5;
    bool breaks = 4 + c->head.len + c->parts.width > WIDTH;

    bf_buf_adds(out, bf_buf_text(&c->head));
    if (c->parts.n) {
        if (breaks)
            bf_buf_printf(out, ",\n%*s", (int)indent, "");
        else
            bf_buf_adds(out, ", ");
        put_parts(c->w, &c->parts, c->parts.width + indent > WIDTH
                                       ? bf_arena_printf(c->w->arena, "\n%*s& ", (int)indent + 4, "")
                                       : " & ");
    }
    if (c->tail)
        bf_buf_printf(out, ", %s", c->tail);
    bf_buf_addc(out, ')');
}

/* event("TYPE", SCOPE, raw { … }) says whatever there is. */
static void put_raw_event(struct writer *w, const char *type, const char *scope,
                          const struct bf_json *filter)
{
    bf_buf_adds(w->out, "event(");
    bf_lua_put_text(w->out, type, SIZE_MAX);
    bf_buf_printf(w->out, ", %s", scope);
    if (filter) {
        bf_buf_adds(w->out, ", raw ");
        bf_lua_put_raw(w->arena, w->out, filter, 4);
    }
    bf_buf_addc(w->out, ')');
}

static bool try_event(struct call *c, const char *type, const char *scope, const struct bf_json *filter)
{
    struct bf_error err;
    size_t i = 0;

    while (i < BF_COUNT(events) && strcmp(events[i].wire, type) != 0)
        i++;
    if (i == BF_COUNT(events)) {
        bf_buf_adds(&c->head, "event(");
        bf_lua_put_text(&c->head, type, SIZE_MAX);
        bf_buf_printf(&c->head, ", %s", scope);
        return write_plain(c, type, filter);
    }
    bf_buf_printf(&c->head, "%s(%s", events[i].word, scope);
    if (filter && events[i].write != write_plain)
        filter = bf_filter_unwrap(c->w->arena, filter, &err);
    return events[i].write(c, type, filter);
}

static int write_event(struct writer *w, const struct bf_json *automation, const char *what)
{
    const struct bf_json *event = get(automation, "event"), *filter = get(event, "filter");
    const char *type = text_of(w, event, "type"), *scope = scope_text(w, get(automation, "scope"));
    struct call c = {.w = w};

    if (!type || !scope)
        return broken(w, what, type ? "it has no scope" : "it has no event");
    bf_buf_init(&c.head, EXPRESSION_MAX);
    if (try_event(&c, type, scope, filter) && !c.head.failed)
        put_call(&c);
    else
        put_raw_event(w, type, scope, filter);
    bf_buf_fini(&c.head);
    return BF_OK;
}


/* --- actions and the rest of an automation ----------------------------------------------------------------- */

static bool is_one_of(const struct bf_json *key, const char *const *names)
{
    for (size_t i = 0; names[i]; i++)
        if (bf_json_eq(key, names[i]))
            return true;
    return false;
}

/* Options, beside each other, or in `config` if one of them is called like a member of ours. */
static void add_options(struct writer *w, struct bf_lua_table *t, const struct bf_json *config,
                        const char *const *ours)
{
    bool clash = false;

    for (const struct bf_json *k = bf_json_first(config); k; k = bf_json_next(config, k))
        clash = clash || is_one_of(k, ours);
    if (clash) {
        bf_lua_table_json(t, "config", config);
        return;
    }
    for (const struct bf_json *k = bf_json_first(config); k; k = bf_json_next(config, k))
        bf_lua_table_json(t, bf_json_str(w->arena, k), k + 1);
}

/* The sink that an integration of the document has; NULL if it is not there. */
static const char *sink_of(struct writer *w, const char *team, const char *name)
{
    const struct bf_json *all = w->integrations;

    for (const struct bf_json *i = bf_json_first(all); i; i = bf_json_next(all, i)) {
        const char *its = text_of(w, i, "team"), *called = text_of(w, i, "name");

        if (its && called && strcmp(its, team) == 0 && strcmp(called, name) == 0)
            return text_of(w, i, "sink");
    }
    return NULL;
}

/* slack, github.dispatch, or sink "and so on" */
static void put_sink(struct writer *w, const char *sink)
{
    size_t first = strcspn(sink, ".");
    bool ok = bf_lua_name_ok(sink, first) && !bf_code_is_taken(sink, first);

    for (const char *at = sink + first; ok && *at; at += 1 + strcspn(at + 1, "."))
        ok = bf_lua_name_ok(at + 1, strcspn(at + 1, "."));
    if (ok) {
        bf_buf_adds(w->out, sink);
        return;
    }
    bf_buf_adds(w->out, "sink ");
    bf_lua_put_text(w->out, sink, SIZE_MAX);
}

static int write_action(struct writer *w, const struct bf_json *action, const char *entity,
                        unsigned indent, const char *what)
{
    static const char *const ours[] = {"secrets", "config", NULL};
    const char *to = text_of(w, action, "integration"), *sink = text_of(w, action, "sink");
    const char *slash = to ? strchr(to, '/') : NULL;
    struct bf_lua_table t;

    if (!to)
        return broken(w, what, "an action has no integration");
    if (!sink)
        sink = slash ? sink_of(w, bf_arena_ndup(w->arena, to, (size_t)(slash - to)), slash + 1)
                     : sink_of(w, entity, to);
    if (slash && strncmp(to, entity, (size_t)(slash - to)) == 0 && !entity[slash - to])
        to = slash + 1;
    if (sink)
        put_sink(w, sink);
    else
        bf_buf_adds(w->out, "to");
    bf_buf_addc(w->out, ' ');
    bf_lua_put_text(w->out, to, SIZE_MAX);
    bf_lua_table_init(&t, w->arena);
    add_options(w, &t, get(action, "config"), ours);
    if (bf_json_count(get(action, "secrets")))
        bf_lua_table_json(&t, "secrets", get(action, "secrets"));
    if (t.n)
        bf_buf_addc(w->out, ' ');
    if (t.n)
        bf_lua_table_put(&t, w->out, indent);
    return BF_OK;
}

static int write_actions(struct writer *w, const struct bf_json *automation, const char *what)
{
    const struct bf_json *actions = get(automation, "actions");
    const char *entity = text_of(w, get(automation, "scope"), "entity");
    bool many = bf_json_count(actions) > 1;
    int rc = BF_OK;

    if (!bf_json_is(actions, BF_JSON_ARRAY) || !bf_json_count(actions))
        return broken(w, what, "it has no action");
    bf_buf_adds(w->out, many ? "\n        >> {\n" : "\n        >> ");
    for (const struct bf_json *a = bf_json_first(actions); a && !rc; a = bf_json_next(actions, a)) {
        bf_buf_adds(w->out, many ? "            " : "");
        rc = write_action(w, a, entity ? entity : "", many ? 12 : 8, what);
        bf_buf_adds(w->out, many ? ",\n" : "");
    }
    bf_buf_adds(w->out, many ? "        },\n" : ",\n");
    return rc;
}

/* "file.lua" or [[a script]] alone, where nothing else is said. */
static const struct bf_json *short_hook(const struct bf_json *hook)
{
    const struct bf_json *code = get(hook, "code"), *file = get(hook, "file");
    bool is_file = code && code->len > 4 && !code->escaped &&
                   strncmp(code->text + code->len - 4, ".lua", 4) == 0;

    if (get(hook, "on_error") || (code && file) || is_file)
        return NULL;
    return code ? code : file;
}

static void add_hooks(struct writer *w, struct bf_lua_table *t, const struct bf_json *hooks)
{
    struct bf_lua_table *inner = bf_arena_new_of(w->arena, struct bf_lua_table);

    if (!inner || !bf_json_count(hooks))
        return;
    bf_lua_table_init(inner, w->arena);
    for (const struct bf_json *k = bf_json_first(hooks); k; k = bf_json_next(hooks, k)) {
        const struct bf_json *hook = k + 1, *alone = short_hook(hook);

        if (!bf_json_is(hook, BF_JSON_NULL))
            bf_lua_table_json(inner, bf_json_str(w->arena, k), alone ? alone : hook);
    }
    bf_lua_table_table(t, "hooks", inner);
}

static int write_automation(struct writer *w, const struct bf_json *automation)
{
    const char *name = text_of(w, automation, "name");
    const char *what = bf_arena_printf(w->arena, "automation \"%s\"", name ? name : "");
    struct bf_lua_table rest;
    int rc;

    if (!name)
        return broken(w, "an automation", "it has no name");
    bf_buf_adds(w->out, "\nautomation ");
    bf_lua_put_text(w->out, name, SIZE_MAX);
    bf_buf_adds(w->out, " {\n    ");
    rc = write_event(w, automation, what);
    if (!rc)
        rc = write_actions(w, automation, what);
    bf_lua_table_init(&rest, w->arena);
    if (text_of(w, automation, "description") && *text_of(w, automation, "description"))
        bf_lua_table_json(&rest, "description", get(automation, "description"));
    if (bf_json_is(get(automation, "enabled"), BF_JSON_FALSE))
        bf_lua_table_json(&rest, "enabled", get(automation, "enabled"));
    if (bf_json_is(get(automation, "dry_run"), BF_JSON_TRUE))
        bf_lua_table_json(&rest, "dry_run", get(automation, "dry_run"));
    if (bf_json_count(get(automation, "limits")))
        bf_lua_table_json(&rest, "limits", get(automation, "limits"));
    add_hooks(w, &rest, get(automation, "hooks"));
    bf_lua_table_put_members(&rest, w->out, 4);
    bf_buf_adds(w->out, "}\n");
    return rc;
}


/* --- teams and integrations ---------------------------------------------------------------------------------- */

static int write_team(struct writer *w, const struct bf_json *team)
{
    const char *name = text_of(w, team, "name"), *organization = text_of(w, team, "organization");

    if (!name)
        return broken(w, "a team", "it has no name");
    bf_buf_adds(w->out, "team ");
    bf_lua_put_text(w->out, name, SIZE_MAX);
    if (organization) {
        bf_buf_adds(w->out, " { organization = ");
        bf_lua_put_text(w->out, organization, SIZE_MAX);
    }
    bf_buf_adds(w->out, organization ? " }\n" : " {}\n");
    return BF_OK;
}

static int write_integration(struct writer *w, const struct bf_json *integration)
{
    static const char *const ours[] = {"team", "sink", "secrets", "delivery", "config", NULL};
    const char *name = text_of(w, integration, "name");
    struct bf_lua_table t;

    if (!name || !text_of(w, integration, "team") || !text_of(w, integration, "sink"))
        return broken(w, "an integration", "it needs a name, a team and a sink");
    bf_lua_table_init(&t, w->arena);
    bf_lua_table_json(&t, "team", get(integration, "team"));
    bf_lua_table_json(&t, "sink", get(integration, "sink"));
    add_options(w, &t, get(integration, "config"), ours);
    if (bf_json_count(get(integration, "secrets")))
        bf_lua_table_json(&t, "secrets", get(integration, "secrets"));
    if (bf_json_count(get(integration, "delivery")))
        bf_lua_table_json(&t, "delivery", get(integration, "delivery"));
    bf_buf_adds(w->out, "\nintegration ");
    bf_lua_put_text(w->out, name, SIZE_MAX);
    bf_buf_adds(w->out, " {\n");
    bf_lua_table_put_members(&t, w->out, 4);
    bf_buf_adds(w->out, "}\n");
    return BF_OK;
}

static int write_each(struct writer *w, const struct bf_json *list,
                      int (*write)(struct writer *, const struct bf_json *))
{
    int rc = BF_OK;

    for (const struct bf_json *one = bf_json_first(list); one && !rc; one = bf_json_next(list, one))
        rc = write(w, one);
    return rc;
}

static int write_document(struct writer *w, const struct bf_json *document)
{
    const char *manifest = text_of(w, document, "manifest");
    int rc;

    if (!manifest)
        return broken(w, "the document", "it has no \"manifest\"");
    w->integrations = get(document, "integrations");
    bf_buf_adds(w->out, "manifest ");
    bf_lua_put_text(w->out, manifest, SIZE_MAX);
    bf_buf_adds(w->out, bf_json_count(get(document, "teams")) ? "\n\n" : "\n");
    rc = write_each(w, get(document, "teams"), write_team);
    if (!rc)
        rc = write_each(w, w->integrations, write_integration);
    if (!rc)
        rc = write_each(w, get(document, "automations"), write_automation);
    return rc;
}

int bf_code_write(const struct bf_json *document, struct bf_buf *out, struct bf_error *err)
{
    struct writer w = {.arena = bf_arena_new(SCRATCH_MAX), .out = out, .err = err};
    int rc = write_document(&w, document);

    if (!rc && (!bf_arena_ok(w.arena) || out->failed))
        rc = bf_error_set(err, BF_ETOOBIG, "the document is too large to be written as code");
    bf_arena_free(w.arena);
    return rc;
}

char *bf_code_export(const char *document, size_t len, struct bf_error *err)
{
    struct bf_arena *a = bf_arena_new(SCRATCH_MAX);
    const struct bf_json *root = bf_json_parse(a, document, len, err);
    struct bf_buf out;
    char *text = NULL;

    bf_buf_init(&out, 4 * BF_CODE_MAX);
    if (root && !bf_code_write(root, &out, err))
        text = bf_buf_take(&out);
    bf_buf_fini(&out);
    bf_arena_free(a);
    return text;
}
