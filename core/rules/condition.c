/* condition.c - conditions on metrics: from the client's JSON to a flat expression.
 *
 * A table for each of the three forms says which members it has and which function reads them.
 * What is read is canonical: a join of one is that one, and where only the last value counts the
 * windows are 1, whatever was sent. */
#include "core/rules/condition.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/base.h"
#include "core/event/envelope.h"

#define NODES_MAX (BF_CONDITIONS_MAX * (BF_CONDITION_DEPTH_MAX + 1))
#define FORMS     "threshold_filter, change_filter, zscore_filter"

/* Defaults of W&B's client. */
#define ZSCORE_WINDOW    30
#define ZSCORE_THRESHOLD 3.0

struct parser {
    struct bf_arena *arena;
    const char *wire;
    unsigned n_conditions;
    unsigned n_nodes;
    struct bf_condition conditions[BF_CONDITIONS_MAX];
    struct bf_condition_node nodes[NODES_MAX];
};

/* One member of a condition: NULL where it is absent or null. */
typedef int read_fn(struct parser *p, struct bf_condition *c, const struct bf_json *value,
                    struct bf_error *err);

struct member {
    const char *name;
    read_fn *read;
};

struct form {
    const char *name;
    enum bf_condition_kind kind;
    const char *wire;
    const struct member *members;
};

/* ---- single values ---- */

struct word {
    const char *text;
    int value;
};

/* One of the words of a list, in any case. */
static int read_word(struct parser *p, const struct bf_json *value, const char *known,
                     const struct word *words, int *out, struct bf_error *err)
{
    const char *text = bf_json_str(p->arena, value);

    if (!value)
        return bf_error_set(err, BF_ECONFIG, "is missing; known are %s", known);
    if (!text)
        return bf_error_set(err, BF_ECONFIG, "must be one of %s, not %s", known,
                            bf_json_type_name(value));
    for (; words->text; words++) {
        if (strcasecmp(words->text, text) == 0) {
            *out = words->value;
            return BF_OK;
        }
    }
    return bf_error_set(err, BF_ECONFIG, "\"%.40s\" is unknown; known are %s", text, known);
}

static int read_number(const struct bf_json *value, double *out, struct bf_error *err)
{
    if (!value)
        return bf_error_set(err, BF_ECONFIG, "is missing");
    if (!bf_json_is(value, BF_JSON_NUMBER))
        return bf_error_set(err, BF_ECONFIG, "must be a number, not %s", bf_json_type_name(value));
    if (!bf_json_double(value, out))
        return bf_error_set(err, BF_ECONFIG, "is a number too large to compare with");
    return BF_OK;
}

static int read_positive(const struct bf_json *value, double *out, struct bf_error *err)
{
    int rc = read_number(value, out, err);

    if (rc == BF_OK && !(*out > 0))
        rc = bf_error_set(err, BF_ECONFIG, "must be more than 0");
    return rc;
}

static int read_window(const struct bf_json *value, uint32_t least, uint32_t *out,
                       struct bf_error *err)
{
    int64_t size;

    if (!value)
        return BF_OK;
    if (!bf_json_is(value, BF_JSON_NUMBER))
        return bf_error_set(err, BF_ECONFIG, "must be a number of values, not %s",
                            bf_json_type_name(value));
    if (!bf_json_int(value, &size) || size < least || size > BF_WINDOW_MAX)
        return bf_error_set(err, BF_ECONFIG, "must be a whole number from %u to %d", least,
                            BF_WINDOW_MAX);
    *out = (uint32_t)size;
    return BF_OK;
}

/* ---- members ---- */

static int read_name(struct parser *p, struct bf_condition *c, const struct bf_json *value,
                     struct bf_error *err)
{
    c->metric = bf_json_str(p->arena, value);
    if (!value)
        return bf_error_set(err, BF_ECONFIG, "is missing: which metric is it about?");
    if (!c->metric)
        return bf_error_set(err, BF_ECONFIG, "must be a string, not %s", bf_json_type_name(value));
    if (!*c->metric)
        return bf_error_set(err, BF_ECONFIG, "is empty");
    if (strlen(c->metric) > BF_NAME_MAX)
        return bf_error_set(err, BF_ECONFIG, "is %zu bytes long, at most %d are allowed",
                            strlen(c->metric), BF_NAME_MAX);
    return BF_OK;
}

static int read_aggregation(struct parser *p, struct bf_condition *c, const struct bf_json *value,
                            struct bf_error *err)
{
    static const struct word words[] = {
        {"AVERAGE", BF_AVERAGE}, {"MIN", BF_LEAST}, {"MAX", BF_GREATEST}, {0}};
    int aggregation = BF_LAST;
    int rc = value ? read_word(p, value, "AVERAGE, MIN and MAX, and null for the last value", words,
                               &aggregation, err)
                   : BF_OK;

    c->aggregation = (uint8_t)aggregation;
    return rc;
}

static int read_comparison(struct parser *p, struct bf_condition *c, const struct bf_json *value,
                           struct bf_error *err)
{
    static const struct word words[] = {
        {"$gt", BF_ABOVE},   {"$gte", BF_AT_LEAST}, {"$lt", BF_BELOW}, {"$lte", BF_AT_MOST},
        {"$eq", BF_EQUAL},   {"$ne", BF_NOT_EQUAL}, {0}};
    int comparison = 0;
    int rc = read_word(p, value, "$gt, $gte, $lt, $lte, $eq and $ne", words, &comparison, err);

    c->comparison = (uint8_t)comparison;
    return rc;
}

static int read_direction(struct parser *p, struct bf_condition *c, const struct bf_json *value,
                          struct bf_error *err)
{
    static const struct word words[] = {
        {"INCREASE", BF_INCREASE}, {"DECREASE", BF_DECREASE}, {"ANY", BF_EITHER}, {0}};
    int direction = BF_EITHER;
    int rc = value || c->kind != BF_ZSCORE
                 ? read_word(p, value, "INCREASE, DECREASE and ANY", words, &direction, err)
                 : BF_OK;

    c->direction = (uint8_t)direction;
    return rc;
}

static int read_change_type(struct parser *p, struct bf_condition *c, const struct bf_json *value,
                            struct bf_error *err)
{
    static const struct word words[] = {{"RELATIVE", 1}, {"ABSOLUTE", 0}, {0}};
    int relative = 0;
    int rc = read_word(p, value, "RELATIVE and ABSOLUTE", words, &relative, err);

    c->relative = relative;
    return rc;
}

static int read_baseline(struct parser *p, struct bf_condition *c, const struct bf_json *value,
                         struct bf_error *err)
{
    static const struct word words[] = {{"RUN", 0}, {"RUNS", 1}, {0}};
    int of_runs = 0;
    int rc = value ? read_word(p, value, "\"run\" (its own values before) and \"runs\" (the last"
                               " values of earlier runs)", words, &of_runs, err)
                   : BF_OK;

    c->of_runs = of_runs;
    if (!rc && of_runs && c->window > BF_BASELINE_RUNS_MAX)
        rc = bf_error_set(err, BF_ECONFIG, "only the %d runs before are looked at, so with \"runs\""
                          " window_size is %d at most", BF_BASELINE_RUNS_MAX, BF_BASELINE_RUNS_MAX);
    return rc;
}

static int read_threshold(struct parser *p, struct bf_condition *c, const struct bf_json *value,
                          struct bf_error *err)
{
    (void)p;
    if (c->kind != BF_ZSCORE)
        return read_number(value, &c->amount, err);
    return value ? read_positive(value, &c->amount, err) : BF_OK;
}

static int read_amount(struct parser *p, struct bf_condition *c, const struct bf_json *value,
                       struct bf_error *err)
{
    (void)p;
    return read_positive(value, &c->amount, err);
}

static int read_size(struct parser *p, struct bf_condition *c, const struct bf_json *value,
                     struct bf_error *err)
{
    (void)p;
    return read_window(value, c->kind == BF_ZSCORE ? 2 : 1, &c->window, err);
}

static int read_prior(struct parser *p, struct bf_condition *c, const struct bf_json *value,
                      struct bf_error *err)
{
    (void)p;
    return read_window(value, 1, &c->prior, err);
}

/* ---- the three forms ---- */

static const struct member threshold_members[] = {
    {"name", read_name},
    {"agg_op", read_aggregation},
    {"window_size", read_size},
    {"cmp_op", read_comparison},
    {"threshold", read_threshold},
    {0},
};

static const struct member change_members[] = {
    {"name", read_name},
    {"agg_op", read_aggregation},
    {"current_window_size", read_size},
    {"prior_window_size", read_prior},
    {"change_type", read_change_type},
    {"change_dir", read_direction},
    {"change_amount", read_amount},
    {0},
};

static const struct member zscore_members[] = {
    {"name", read_name},
    {"window_size", read_size},
    {"threshold", read_threshold},
    {"change_dir", read_direction},
    {"baseline", read_baseline},
    {0},
};

static const struct form forms[] = {
    {"threshold_filter", BF_THRESHOLD, "RUN_METRIC", threshold_members},
    {"change_filter", BF_CHANGE, "RUN_METRIC_CHANGE", change_members},
    {"zscore_filter", BF_ZSCORE, "RUN_METRIC_ZSCORE", zscore_members},
};

static int refuse_member(struct parser *p, const struct member *members, const struct bf_json *key,
                         struct bf_error *err)
{
    const char *name = bf_json_str(p->arena, key);
    char list[200];
    size_t at = 0;

    for (const struct member *m = members; m->name; m++)
        at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", at ? ", " : "", m->name);
    return bf_error_field(err, BF_ECONFIG, name, "unknown member \"%.80s\"; known are %s", name,
                          list);
}

static int check_members(struct parser *p, const struct member *members,
                         const struct bf_json *json, struct bf_error *err)
{
    if (!bf_json_is(json, BF_JSON_OBJECT))
        return bf_error_set(err, BF_ECONFIG, "must be an object, not %s", bf_json_type_name(json));
    for (const struct bf_json *k = bf_json_first(json); k; k = bf_json_next(json, k)) {
        const struct member *m = members;

        while (m->name && !bf_json_eq(k, m->name))
            m++;
        if (!m->name)
            return refuse_member(p, members, k, err);
    }
    return BF_OK;
}

static const struct bf_json *get(const struct bf_json *object, const char *name)
{
    const struct bf_json *value = bf_json_get(object, name);

    return bf_json_is(value, BF_JSON_NULL) ? NULL : value;
}

/* Where only the last value counts, windows are of one; a prior one is as long as the current. */
static void settle(struct bf_condition *c)
{
    if (c->kind != BF_ZSCORE && c->aggregation == BF_LAST)
        c->window = c->prior = 1;
    if (c->kind == BF_CHANGE && c->prior == 0)
        c->prior = c->window;
    if (c->kind != BF_CHANGE)
        c->prior = 0;
}

static int read_condition(struct parser *p, const struct form *form, const struct bf_json *json,
                          struct bf_condition *c, struct bf_error *err)
{
    int rc = check_members(p, form->members, json, err);

    *c = (struct bf_condition){.kind = (uint8_t)form->kind, .window = 1};
    if (form->kind == BF_ZSCORE) {
        c->window = ZSCORE_WINDOW;
        c->amount = ZSCORE_THRESHOLD;
    }
    for (const struct member *m = form->members; rc == BF_OK && m->name; m++) {
        rc = m->read(p, c, get(json, m->name), err);
        if (rc)
            bf_error_within(err, m->name);
    }
    settle(c);
    return rc;
}

/* ---- the expression ---- */

static int read_node(struct parser *p, const struct bf_json *json, unsigned depth,
                     struct bf_error *err);

static int add_condition(struct parser *p, const struct form *form, const struct bf_json *json,
                         struct bf_error *err)
{
    int rc;

    if (p->n_conditions == BF_CONDITIONS_MAX)
        return bf_error_set(err, BF_ECONFIG, "there are more than %d conditions",
                            BF_CONDITIONS_MAX);
    rc = read_condition(p, form, json, &p->conditions[p->n_conditions], err);
    p->nodes[p->n_nodes++] = (struct bf_condition_node){
        .op = BF_CONDITION, .condition = (uint8_t)p->n_conditions++, .skip = 1};
    return rc;
}

/* A join of one is that one: then its own node goes again. */
static void close_join(struct parser *p, unsigned node)
{
    unsigned skip = p->n_nodes - node;

    if (p->nodes[node + 1].skip == skip - 1) {
        memmove(&p->nodes[node], &p->nodes[node + 1], (skip - 1) * sizeof(p->nodes[0]));
        p->n_nodes--;
    } else {
        p->nodes[node].skip = (uint16_t)skip;
    }
}

static int read_join(struct parser *p, enum bf_condition_op op, const struct bf_json *json,
                     unsigned depth, struct bf_error *err)
{
    unsigned node = p->n_nodes, i = 0;

    if (strcmp(p->wire, "RUN_METRIC") != 0)
        return bf_error_set(err, BF_ECONFIG, "conditions are joined in a RUN_METRIC, of whatever"
                                             " form they are");
    if (!bf_json_is(json, BF_JSON_ARRAY) || !bf_json_first(json))
        return bf_error_set(err, BF_ECONFIG, "must be an array of conditions, one at least");
    if (depth == BF_CONDITION_DEPTH_MAX)
        return bf_error_set(err, BF_ECONFIG, "$and and $or are more than %d levels deep",
                            BF_CONDITION_DEPTH_MAX);
    p->nodes[p->n_nodes++] = (struct bf_condition_node){.op = (uint8_t)op};
    for (const struct bf_json *one = bf_json_first(json); one; one = bf_json_next(json, one), i++) {
        int rc = read_node(p, one, depth + 1, err);
        char index[24];

        if (rc) {
            snprintf(index, sizeof(index), "[%u]", i);
            bf_error_within(err, index);
            return rc;
        }
    }
    close_join(p, node);
    return BF_OK;
}

static const struct form *find_form(const struct bf_json *key)
{
    for (size_t i = 0; i < BF_COUNT(forms); i++) {
        if (bf_json_eq(key, forms[i].name))
            return &forms[i];
    }
    return NULL;
}

static int read_member(struct parser *p, const struct bf_json *key, unsigned depth,
                       struct bf_error *err)
{
    const struct form *form = find_form(key);

    if (bf_json_eq(key, "$and"))
        return read_join(p, BF_ALL_OF, key + 1, depth, err);
    if (bf_json_eq(key, "$or"))
        return read_join(p, BF_ANY_OF, key + 1, depth, err);
    if (!form)
        return bf_error_set(err, BF_ECONFIG, "\"%.80s\" is no condition; known are " FORMS ", and"
                                             " $and and $or of them", bf_json_str(p->arena, key));
    if (depth == 0 && strcmp(p->wire, form->wire) != 0)
        return bf_error_set(err, BF_ECONFIG, "belongs to %s, not to %s", form->wire, p->wire);
    return add_condition(p, form, key + 1, err);
}

/* An object whose one member says what it is; those that are null do not count. */
static int read_node(struct parser *p, const struct bf_json *json, unsigned depth,
                     struct bf_error *err)
{
    const struct bf_json *only = NULL;
    int rc;

    if (!bf_json_is(json, BF_JSON_OBJECT))
        return bf_error_set(err, BF_ECONFIG, "must be an object such as {\"threshold_filter\":…},"
                                             " not %s", bf_json_type_name(json));
    for (const struct bf_json *k = bf_json_first(json); k; k = bf_json_next(json, k)) {
        if (bf_json_is(k + 1, BF_JSON_NULL) && find_form(k))
            continue;
        if (only)
            return bf_error_set(err, BF_ECONFIG, "holds several conditions: join them by $and or"
                                                 " $or");
        only = k;
    }
    if (!only)
        return bf_error_set(err, BF_ECONFIG, "holds no condition; known are " FORMS ", and $and"
                                             " and $or of them");
    rc = read_member(p, only, depth, err);
    if (rc)
        bf_error_within(err, bf_json_str(p->arena, only));
    return rc;
}

static const void *keep(struct bf_arena *a, const void *from, size_t size)
{
    void *copy = bf_arena_alloc(a, size);

    return copy ? memcpy(copy, from, size) : NULL;
}

static int finish(struct parser *p, struct bf_conditions *out, struct bf_error *err)
{
    struct bf_conditions c = {.n_conditions = (uint16_t)p->n_conditions,
                              .n_nodes = (uint16_t)p->n_nodes};

    c.conditions = keep(p->arena, p->conditions, p->n_conditions * sizeof(p->conditions[0]));
    c.nodes = keep(p->arena, p->nodes, p->n_nodes * sizeof(p->nodes[0]));
    if (!c.conditions || !c.nodes || !bf_arena_ok(p->arena))
        return bf_error_set(err, BF_ENOMEM, "no memory for conditions");
    *out = c;
    return BF_OK;
}

/* W&B's client writes JSON into a string here and there. */
static int open_text(struct bf_arena *a, const struct bf_json **json, struct bf_error *err)
{
    if (!bf_json_is(*json, BF_JSON_STRING))
        return BF_OK;
    *json = bf_json_inside(a, *json, err);
    return *json ? BF_OK : BF_ECONFIG;
}

int bf_conditions_parse(struct bf_arena *a, const struct bf_json *json, const char *wire,
                        struct bf_conditions *out, struct bf_error *err)
{
    struct parser p = {.arena = a, .wire = wire};
    int rc = open_text(a, &json, err);

    if (rc == BF_OK)
        rc = read_node(&p, json, 0, err);
    return rc ? rc : finish(&p, out, err);
}

int bf_conditions_parse_threshold(struct bf_arena *a, const struct bf_json *json,
                                  struct bf_conditions *out, struct bf_error *err)
{
    struct parser p = {.arena = a, .wire = "RUN_METRIC"};
    int rc = open_text(a, &json, err);

    if (rc == BF_OK)
        rc = add_condition(&p, &forms[BF_THRESHOLD], json, err);
    return rc ? rc : finish(&p, out, err);
}

/* ---- whether two are the same ---- */

static bool same_condition(const struct bf_condition *a, const struct bf_condition *b)
{
    return a->kind == b->kind && a->aggregation == b->aggregation &&
           a->comparison == b->comparison && a->direction == b->direction &&
           a->relative == b->relative && a->of_runs == b->of_runs && a->window == b->window &&
           a->prior == b->prior && a->amount == b->amount && strcmp(a->metric, b->metric) == 0;
}

bool bf_conditions_same(const struct bf_conditions *a, const struct bf_conditions *b)
{
    if (a->n_conditions != b->n_conditions || a->n_nodes != b->n_nodes)
        return false;
    for (unsigned i = 0; i < a->n_conditions; i++) {
        if (!same_condition(&a->conditions[i], &b->conditions[i]))
            return false;
    }
    return a->n_nodes == 0 || memcmp(a->nodes, b->nodes, a->n_nodes * sizeof(a->nodes[0])) == 0;
}
