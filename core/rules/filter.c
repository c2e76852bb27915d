/* filter.c - parse a filter into a flat tree, and hold it against an event.
 *
 * The tree is an array of nodes in the order of the text: an operator is followed by what it
 * applies to, and `skip` leads past all of it.  Texts stand behind the nodes and are found by
 * offset, so a filter may be copied as it is.
 *
 * All fields are texts.  A field that the event does not have equals nothing, is in no list and
 * compares with nothing; so only $ne, $nin, {"$exists":false} and negations hold for it. */
#include "core/rules/filter.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/event/envelope.h"

/* Room for the index of the largest filter, and for the filter. */
#define SCRATCH_MAX (64 * BF_FILTER_BYTES_MAX)

#define SUPPORTED                                                                                  \
    "$and, $or, $nor, $not, $eq, $ne, $in, $nin, $exists, $contains, $gt, $gte, $lt, $lte"

enum op { AND, OR, NOR, NOT, EQ, NE, IN, NIN, EXISTS, ABSENT, CONTAINS, GT, GTE, LT, LTE, TEXT };

enum field { ALIAS, TAG, ARTIFACT_TYPE, COLLECTION_NAME, PROJECT_NAME, N_FIELDS };

static const char *const field_names[N_FIELDS] = {
    "alias", "tag", "artifact_type", "collection_name", "project_name",
};

struct node {
    uint8_t op;
    uint8_t field;
    uint32_t skip;              /* nodes of this subtree, itself included */
    uint32_t text;              /* of an operand: where in the filter it begins */
};

struct bf_filter {
    uint32_t size;              /* bytes, nodes and texts included */
    uint32_t n;
    struct node nodes[];
};

struct builder {
    struct bf_arena *arena;
    struct node *nodes;
    uint32_t n;
    char *texts;
    uint32_t texts_len;
    unsigned fields;            /* bits of those that the event has */
    const char *event_type;
};

/* ---- parsing ---- */

static int parse_filter(struct builder *b, const struct bf_json *json, unsigned depth,
                        struct bf_error *err);

static uint32_t open_node(struct builder *b, enum op op, unsigned field)
{
    b->nodes[b->n] = (struct node){.op = (uint8_t)op, .field = (uint8_t)field, .skip = 1};
    return b->n++;
}

static void close_node(struct builder *b, uint32_t node) { b->nodes[node].skip = b->n - node; }

static unsigned fields_of(const char *event_type)
{
    unsigned fields = 1u << COLLECTION_NAME | 1u << PROJECT_NAME;

    if (strncmp(event_type, "artifact.", 9) == 0)
        fields |= 1u << ARTIFACT_TYPE;
    if (strcmp(event_type, "artifact.alias.add") == 0 || strcmp(event_type, "artifact.link") == 0)
        fields |= 1u << ALIAS;
    if (strstr(event_type, ".tag."))
        fields |= 1u << TAG;
    return fields;
}

static int must_be(const char *what, const struct bf_json *json, struct bf_error *err)
{
    return bf_error_set(err, BF_ECONFIG, "must be %s, not %s", what, bf_json_type_name(json));
}

static int within(struct builder *b, const struct bf_json *key, int rc, struct bf_error *err)
{
    if (rc)
        bf_error_within(err, bf_json_str(b->arena, key));
    return rc;
}

/* The operand of a comparison, as a node of its own in a list or as part of the operator's. */
static int set_text(struct builder *b, uint32_t node, const struct bf_json *json,
                    struct bf_error *err)
{
    const char *text = bf_json_str(b->arena, json);
    size_t size;

    if (!text)
        return must_be("a string", json, err);
    size = strlen(text) + 1;
    memcpy(b->texts + b->texts_len, text, size);
    b->nodes[node].text = b->texts_len;
    b->texts_len += (uint32_t)size;
    return BF_OK;
}

static int parse_list(struct builder *b, enum op op, unsigned field, const struct bf_json *json,
                      struct bf_error *err)
{
    uint32_t node = open_node(b, op, field);

    if (!bf_json_is(json, BF_JSON_ARRAY))
        return must_be("an array of strings", json, err);
    for (const struct bf_json *one = bf_json_first(json); one; one = bf_json_next(json, one)) {
        int rc = set_text(b, open_node(b, TEXT, field), one, err);

        if (rc)
            return rc;
    }
    close_node(b, node);
    return BF_OK;
}

static int parse_exists(struct builder *b, unsigned field, const struct bf_json *json,
                        struct bf_error *err)
{
    if (!bf_json_is(json, BF_JSON_TRUE) && !bf_json_is(json, BF_JSON_FALSE))
        return must_be("true or false", json, err);
    open_node(b, bf_json_is(json, BF_JSON_TRUE) ? EXISTS : ABSENT, field);
    return BF_OK;
}

static int refuse_operator(const char *name, struct bf_error *err)
{
    if (strcmp(name, "$regex") == 0)
        return bf_error_set(err, BF_ECONFIG, "$regex is not supported yet; supported: " SUPPORTED);
    return bf_error_set(err, BF_ECONFIG, "\"%.80s\" is not an operator; supported: " SUPPORTED,
                        name);
}

static int parse_operators(struct builder *b, unsigned field, const struct bf_json *json,
                           unsigned depth, struct bf_error *err);

static int parse_operator(struct builder *b, unsigned field, const struct bf_json *key,
                          unsigned depth, struct bf_error *err)
{
    static const struct {
        const char *name;
        enum op op;
    } comparisons[] = {
        {"$eq", EQ}, {"$ne", NE},   {"$contains", CONTAINS}, {"$gt", GT}, {"$gte", GTE},
        {"$lt", LT}, {"$lte", LTE},
    };
    const struct bf_json *value = key + 1;

    for (size_t i = 0; i < BF_COUNT(comparisons); i++) {
        if (bf_json_eq(key, comparisons[i].name))
            return set_text(b, open_node(b, comparisons[i].op, field), value, err);
    }
    if (bf_json_eq(key, "$in"))
        return parse_list(b, IN, field, value, err);
    if (bf_json_eq(key, "$nin"))
        return parse_list(b, NIN, field, value, err);
    if (bf_json_eq(key, "$exists"))
        return parse_exists(b, field, value, err);
    if (bf_json_eq(key, "$not")) {
        uint32_t node = open_node(b, NOT, field);
        int rc = bf_json_is(value, BF_JSON_OBJECT)
                     ? parse_operators(b, field, value, depth + 1, err)
                     : must_be("an object of operators", value, err);

        close_node(b, node);
        return rc;
    }
    return refuse_operator(bf_json_str(b->arena, key), err);
}

static int check_depth(unsigned depth, struct bf_error *err)
{
    if (depth <= BF_FILTER_DEPTH_MAX)
        return BF_OK;
    return bf_error_set(err, BF_ECONFIG, "the filter is more than %d levels deep",
                        BF_FILTER_DEPTH_MAX);
}

/* {"$gt":"a","$lt":"b"}: all of them; anything but an object is what the field must equal. */
static int parse_operators(struct builder *b, unsigned field, const struct bf_json *json,
                           unsigned depth, struct bf_error *err)
{
    uint32_t all;
    int rc = check_depth(depth, err);

    if (rc)
        return rc;
    if (!bf_json_is(json, BF_JSON_OBJECT))
        return set_text(b, open_node(b, EQ, field), json, err);
    if (!bf_json_first(json))
        return bf_error_set(err, BF_ECONFIG, "has no operator; supported: " SUPPORTED);
    all = open_node(b, AND, field);
    for (const struct bf_json *k = bf_json_first(json); k; k = bf_json_next(json, k)) {
        rc = within(b, k, parse_operator(b, field, k, depth, err), err);
        if (rc)
            return rc;
    }
    close_node(b, all);
    return BF_OK;
}

static int parse_field(struct builder *b, const struct bf_json *key, unsigned depth,
                       struct bf_error *err)
{
    char list[128];
    size_t at = 0;

    for (unsigned i = 0; i < N_FIELDS; i++) {
        if (!(b->fields & 1u << i))
            continue;
        if (bf_json_eq(key, field_names[i]))
            return parse_operators(b, i, key + 1, depth + 1, err);
        at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", at ? ", " : "",
                               field_names[i]);
    }
    return bf_error_set(err, BF_ECONFIG, "unknown field; those of %s are %s", b->event_type, list);
}

static int parse_filters(struct builder *b, enum op op, const struct bf_json *json, unsigned depth,
                         struct bf_error *err)
{
    uint32_t node = open_node(b, op, 0);
    size_t i = 0;

    if (!bf_json_is(json, BF_JSON_ARRAY))
        return must_be("an array of filters", json, err);
    for (const struct bf_json *one = bf_json_first(json); one; one = bf_json_next(json, one)) {
        int rc = parse_filter(b, one, depth + 1, err);

        if (rc) {
            char index[24];

            snprintf(index, sizeof(index), "[%zu]", i);
            bf_error_within(err, index);
            return rc;
        }
        i++;
    }
    close_node(b, node);
    return BF_OK;
}

static int parse_not(struct builder *b, const struct bf_json *json, unsigned depth,
                     struct bf_error *err)
{
    uint32_t node = open_node(b, NOT, 0);
    int rc = parse_filter(b, json, depth + 1, err);

    close_node(b, node);
    return rc;
}

/* One member of a filter object: a field, or an operator over filters. */
static int parse_member(struct builder *b, const struct bf_json *key, unsigned depth,
                        struct bf_error *err)
{
    /* W&B never sends an empty $or; where a whole filter is one, nothing was asked for. */
    bool nothing = depth == 0 && bf_json_count(key + 1) == 0;

    if (bf_json_eq(key, "$and"))
        return parse_filters(b, AND, key + 1, depth, err);
    if (bf_json_eq(key, "$or"))
        return parse_filters(b, nothing ? AND : OR, key + 1, depth, err);
    if (bf_json_eq(key, "$nor"))
        return parse_filters(b, NOR, key + 1, depth, err);
    if (bf_json_eq(key, "$not"))
        return parse_not(b, key + 1, depth, err);
    if (key->len && key->text[0] == '$')
        return refuse_operator(bf_json_str(b->arena, key), err);
    return parse_field(b, key, depth, err);
}

static int parse_filter(struct builder *b, const struct bf_json *json, unsigned depth,
                        struct bf_error *err)
{
    int rc = check_depth(depth, err);
    uint32_t all;

    if (rc)
        return rc;
    if (!bf_json_is(json, BF_JSON_OBJECT))
        return must_be("an object such as {\"alias\":\"production\"}", json, err);
    all = open_node(b, AND, 0);
    for (const struct bf_json *k = bf_json_first(json); k; k = bf_json_next(json, k)) {
        rc = within(b, k, parse_member(b, k, depth, err), err);
        if (rc)
            return rc;
    }
    close_node(b, all);
    return BF_OK;
}

/* Nodes and texts, one behind the other, in memory of their exact size. */
static const struct bf_filter *pack(struct bf_arena *a, const struct builder *b)
{
    size_t nodes = b->n * sizeof(struct node);
    size_t size = sizeof(struct bf_filter) + nodes + b->texts_len;
    struct bf_filter *f = bf_arena_alloc(a, size);

    if (!f)
        return NULL;
    f->size = (uint32_t)size;
    f->n = b->n;
    memcpy(f->nodes, b->nodes, nodes);
    if (b->texts_len)
        memcpy((char *)f->nodes + nodes, b->texts, b->texts_len);
    for (uint32_t i = 0; i < f->n; i++)
        f->nodes[i].text += (uint32_t)(sizeof(*f) + nodes);
    return f;
}

/* JSON has at least as many values as a filter has nodes, and as many bytes as its texts. */
static int build(struct builder *b, const struct bf_json *json, struct bf_error *err)
{
    size_t len;

    bf_json_raw(json, &len);
    b->nodes = bf_arena_alloc(b->arena, (json->skip + 1) * sizeof(*b->nodes));
    b->texts = bf_arena_alloc(b->arena, len + 1);
    if (!b->nodes || !b->texts)
        return bf_error_set(err, BF_ENOMEM, "no memory for a filter of %zu bytes", len);
    return parse_filter(b, json, 0, err);
}

/* The filter itself, also where it was sent as a string that holds it. */
static const struct bf_json *unwrap(struct bf_arena *scratch, const struct bf_json *json,
                                    struct bf_error *err)
{
    const char *text = bf_json_str(scratch, json);

    if (!text)
        return json;
    json = bf_json_parse(scratch, text, strlen(text), err);
    if (!json)
        bf_error_set(err, BF_ECONFIG, "this is not JSON: %s", err ? err->words : "");
    return json;
}

int bf_filter_parse(struct bf_arena *a, const struct bf_json *json, const char *event_type,
                    const struct bf_filter **out, struct bf_error *err)
{
    struct builder b = {.fields = fields_of(event_type), .event_type = event_type};
    const struct bf_filter *f = NULL;
    size_t len = 0;
    int rc = BF_OK;

    if (json)
        bf_json_raw(json, &len);
    if (len > BF_FILTER_BYTES_MAX)
        return bf_error_set(err, BF_ETOOBIG, "the filter is %zu bytes long, at most %d are allowed",
                            len, BF_FILTER_BYTES_MAX);
    b.arena = bf_arena_new(SCRATCH_MAX);
    if (json) {
        json = unwrap(b.arena, json, err);
        rc = json ? BF_OK : BF_ECONFIG;
    }
    if (json && !bf_json_is(json, BF_JSON_NULL)) {
        rc = build(&b, json, err);
        if (rc == BF_OK) {
            f = pack(a, &b);
            if (!f)
                rc = bf_error_set(err, BF_ENOMEM, "no memory for a filter of %zu bytes", len);
        }
    }
    bf_arena_free(b.arena);
    if (rc == BF_OK)
        *out = f;
    return rc;
}

/* ---- matching ---- */

size_t bf_filter_size(const struct bf_filter *f) { return f ? f->size : 0; }

static const char *text_at(const struct bf_filter *f, const struct node *n)
{
    return (const char *)f + n->text;
}

static const char *value_of(const struct bf_envelope *e, unsigned field)
{
    switch (field) {
    case ALIAS:
        return e->alias;
    case TAG:
        return e->tag;
    case ARTIFACT_TYPE:
        return e->artifact_type;
    case COLLECTION_NAME:
        return e->collection;
    default:
        return e->project;
    }
}

static bool is_listed(const struct bf_filter *f, const struct node *list, const char *value)
{
    for (uint32_t i = 1; value && i < list->skip; i++) {
        if (strcmp(text_at(f, list + i), value) == 0)
            return true;
    }
    return false;
}

static bool compares(const struct bf_filter *f, const struct node *n, const char *value)
{
    int order;

    if (!value)
        return false;
    if (n->op == CONTAINS)
        return strstr(value, text_at(f, n)) != NULL;
    order = strcmp(value, text_at(f, n));
    switch (n->op) {
    case EQ:
        return order == 0;
    case GT:
        return order > 0;
    case GTE:
        return order >= 0;
    case LT:
        return order < 0;
    default:
        return order <= 0;
    }
}

static bool holds(const struct bf_filter *f, const struct node *n, const struct bf_envelope *e);

/* Whether one of the filters under n comes out as `wanted`. */
static bool any_is(const struct bf_filter *f, const struct node *n, const struct bf_envelope *e,
                   bool wanted)
{
    for (const struct node *c = n + 1; c < n + n->skip; c += c->skip) {
        if (holds(f, c, e) == wanted)
            return true;
    }
    return false;
}

static bool holds(const struct bf_filter *f, const struct node *n, const struct bf_envelope *e)
{
    const char *value;

    switch (n->op) {
    case AND:
    case NOT:
        return any_is(f, n, e, false) == (n->op == NOT);
    case OR:
    case NOR:
        return any_is(f, n, e, true) == (n->op == OR);
    }
    value = value_of(e, n->field);
    switch (n->op) {
    case EXISTS:
        return value != NULL;
    case ABSENT:
        return value == NULL;
    case NE:
        return !value || strcmp(value, text_at(f, n)) != 0;
    case IN:
        return is_listed(f, n, value);
    case NIN:
        return !is_listed(f, n, value);
    default:
        return compares(f, n, value);
    }
}

bool bf_filter_match(const struct bf_filter *f, const struct bf_envelope *e)
{
    return !f || holds(f, f->nodes, e);
}

/* ---- literals ---- */

struct literals {
    const struct bf_filter *filter;
    unsigned field;
    const char **out;
    size_t n;
    size_t max;
};

static bool add_literal(struct literals *l, const char *text)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->out[i], text) == 0)
            return true;
    }
    if (l->n == l->max)
        return false;
    l->out[l->n++] = text;
    return true;
}

/* Adds all texts that the field may have where `n` holds; false if that cannot be told, or there
 * are too many.  What was added before a false is taken back by whoever asked. */
static bool collect(struct literals *l, const struct node *n)
{
    size_t before = l->n;

    switch (n->op) {
    case EQ:
        return n->field == l->field && add_literal(l, text_at(l->filter, n));
    case IN:
        for (uint32_t i = 1; n->field == l->field && i < n->skip; i++) {
            if (!add_literal(l, text_at(l->filter, n + i)))
                return false;
        }
        return n->field == l->field;
    case AND:
        for (const struct node *c = n + 1; c < n + n->skip; c += c->skip) {
            if (collect(l, c))
                return true;
            l->n = before;
        }
        return false;
    case OR:
        for (const struct node *c = n + 1; c < n + n->skip; c += c->skip) {
            if (!collect(l, c))
                return false;
        }
        return true;
    default:
        return false;
    }
}

size_t bf_filter_literals(const struct bf_filter *f, const char *field, const char **out,
                          size_t max)
{
    struct literals l = {.filter = f, .out = out, .max = max};

    while (l.field < N_FIELDS && strcmp(field_names[l.field], field) != 0)
        l.field++;
    return f && collect(&l, f->nodes) ? l.n : 0;
}
