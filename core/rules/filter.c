/* filter.c - parse a filter into a flat tree, its patterns compiled.
 *
 * First nodes and texts are collected in scratch memory that is large enough for any filter of
 * this length, then packed into one piece of its exact size. */
#include "core/rules/filter_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

/* Room for the index of the largest filter, and for the filter. */
#define SCRATCH_MAX (128 * BF_FILTER_BYTES_MAX)
#define WRAPS_MAX   4           /* strings and {"filter":…} around the filter itself */

#define SUPPORTED                                                                                  \
    "$and, $or, $nor, $not, $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $regex, "          \
    "$contains, $all, $size"

struct builder {
    struct bf_arena *arena;
    struct node *nodes;
    uint32_t n;
    char *texts;
    uint32_t texts_len;
    struct bf_regex *patterns[BF_FILTER_PATTERNS_MAX];
    uint32_t n_patterns;
    unsigned kinds;             /* of the events that it is for */
    const char *event_type;
};

/* A field as the operators behind it need it. */
struct subject {
    uint8_t field;
    uint32_t path;
    unsigned depth;
};

/* ---- building ---- */

static uint32_t open_node(struct builder *b, enum op op, const struct subject *of)
{
    b->nodes[b->n] = (struct node){.op = (uint8_t)op,
                                   .skip = 1,
                                   .field = of ? of->field : 0,
                                   .path = of ? of->path : 0};
    return b->n++;
}

static void close_node(struct builder *b, uint32_t node) { b->nodes[node].skip = b->n - node; }

/* Bytes of the filter, from its texts' beginning until it is packed.  0 is nowhere. */
static uint32_t put(struct builder *b, const void *bytes, size_t len)
{
    uint32_t at = b->texts_len;

    memcpy(b->texts + at, bytes, len);
    b->texts_len += (uint32_t)len;
    return at;
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

static int within_index(size_t i, int rc, struct bf_error *err)
{
    char index[24];

    if (!rc)
        return rc;
    snprintf(index, sizeof(index), "[%zu]", i);
    bf_error_within(err, index);
    return rc;
}

/* ---- operands ---- */

/* W&B's client says "finished" of a run where its wire says "FINISHED". */
static void upper(char *text)
{
    for (; *text; text++) {
        if (*text >= 'a' && *text <= 'z')
            *text = (char)(*text - 'a' + 'A');
    }
}

static int set_text(struct builder *b, uint32_t node, const struct bf_json *json,
                    struct bf_error *err)
{
    const char *text = bf_json_str(b->arena, json);

    if (!text)
        return must_be("a string", json, err);
    b->nodes[node].type = BF_JSON_STRING;
    b->nodes[node].len = (uint32_t)strlen(text);
    b->nodes[node].at = put(b, text, strlen(text) + 1);
    if (bf_fields[b->nodes[node].field].flags & UPPER)
        upper(b->texts + b->nodes[node].at);
    return BF_OK;
}

static int set_number(struct builder *b, uint32_t node, const struct bf_json *json,
                      struct bf_error *err)
{
    struct number n;

    memset(&n, 0, sizeof(n));
    n.is_whole = bf_json_int(json, &n.whole);
    if (!bf_json_double(json, &n.value))
        return bf_error_set(err, BF_ECONFIG, "is a number too large to compare with");
    b->nodes[node].type = BF_JSON_NUMBER;
    b->nodes[node].at = put(b, &n, sizeof(n));
    return BF_OK;
}

/* What a value is compared with.  A field of texts never equals anything else. */
static int set_operand(struct builder *b, uint32_t node, const struct bf_json *json,
                       struct bf_error *err)
{
    bool texts = bf_fields[b->nodes[node].field].shape != ANYTHING;

    if (texts || bf_json_is(json, BF_JSON_STRING))
        return set_text(b, node, json, err);
    if (bf_json_is(json, BF_JSON_NUMBER))
        return set_number(b, node, json, err);
    if (bf_json_is(json, BF_JSON_ARRAY) || bf_json_is(json, BF_JSON_OBJECT))
        return bf_error_set(err, BF_ECONFIG, "must be a string, a number, true, false or null, not "
                                             "%s; for arrays there are $in, $all and $size",
                            bf_json_type_name(json));
    b->nodes[node].type = (uint8_t)json->type;
    return BF_OK;
}

static int parse_list(struct builder *b, enum op op, const struct subject *of,
                      const struct bf_json *json, struct bf_error *err)
{
    uint32_t node = open_node(b, op, of);
    size_t i = 0;

    if (!bf_json_is(json, BF_JSON_ARRAY))
        return must_be("an array of values", json, err);
    for (const struct bf_json *one = bf_json_first(json); one; one = bf_json_next(json, one)) {
        int rc = set_operand(b, open_node(b, ITEM, of), one, err);

        if (rc)
            return within_index(i, rc, err);
        i++;
    }
    close_node(b, node);
    return BF_OK;
}

static int parse_exists(struct builder *b, const struct subject *of, const struct bf_json *json,
                        struct bf_error *err)
{
    if (!bf_json_is(json, BF_JSON_TRUE) && !bf_json_is(json, BF_JSON_FALSE))
        return must_be("true or false", json, err);
    open_node(b, bf_json_is(json, BF_JSON_TRUE) ? EXISTS : ABSENT, of);
    return BF_OK;
}

static int parse_size(struct builder *b, const struct subject *of, const struct bf_json *json,
                      struct bf_error *err)
{
    int64_t size;

    if (!bf_json_int(json, &size) || size < 0 || size > UINT32_MAX)
        return must_be("a whole number from 0", json, err);
    b->nodes[open_node(b, SIZE, of)].at = (uint32_t)size;
    return BF_OK;
}

static int parse_regex(struct builder *b, const struct subject *of, const struct bf_json *json,
                       struct bf_error *err)
{
    const char *pattern = bf_json_str(b->arena, json);
    int rc;

    if (!pattern)
        return must_be("a string", json, err);
    if (b->n_patterns == BF_FILTER_PATTERNS_MAX)
        return bf_error_set(err, BF_ECONFIG, "there are more than %d patterns in the filter",
                            BF_FILTER_PATTERNS_MAX);
    rc = bf_regex_new(pattern, strlen(pattern), &b->patterns[b->n_patterns], err);
    if (rc)
        return rc == BF_ETOOBIG ? BF_ECONFIG : rc;
    b->nodes[open_node(b, REGEX, of)].at = b->n_patterns++;
    return BF_OK;
}

/* $gt and its like need an order, which true, false and null have none of. */
static int parse_order(struct builder *b, enum op op, const struct subject *of,
                       const struct bf_json *json, struct bf_error *err)
{
    uint32_t node = open_node(b, op, of);

    if (!bf_json_is(json, BF_JSON_NUMBER) && !bf_json_is(json, BF_JSON_STRING))
        return must_be("a string or a number", json, err);
    return set_operand(b, node, json, err);
}

/* ---- operators ---- */

static int refuse_operator(const char *name, struct bf_error *err)
{
    if (strcmp(name, "$options") == 0)
        return bf_error_set(err, BF_ECONFIG, "options of a $regex stand in the pattern: (?i) at its"
                                             " beginning ignores case");
    return bf_error_set(err, BF_ECONFIG, "\"%.80s\" is not an operator; supported: " SUPPORTED,
                        name);
}

static int parse_operators(struct builder *b, struct subject of, const struct bf_json *json,
                           struct bf_error *err);

static int parse_not_field(struct builder *b, const struct subject *of, const struct bf_json *json,
                           struct bf_error *err)
{
    uint32_t node = open_node(b, NOT, of);
    int rc = bf_json_is(json, BF_JSON_OBJECT) ? parse_operators(b, *of, json, err)
                                              : must_be("an object of operators", json, err);

    close_node(b, node);
    return rc;
}

static const struct {
    const char *name;
    enum op op;
} operators[] = {
    {"$eq", EQ}, {"$ne", NE}, {"$gt", GT}, {"$gte", GTE}, {"$lt", LT}, {"$lte", LTE},
    {"$contains", CONTAINS}, {"$regex", REGEX}, {"$size", SIZE}, {"$exists", EXISTS}, {"$in", IN},
    {"$nin", NIN}, {"$all", ALL}, {"$not", NOT},
};

static int parse_operator(struct builder *b, const struct subject *of, const struct bf_json *key,
                          struct bf_error *err)
{
    bool single = bf_fields[of->field].shape == A_TEXT;
    const struct bf_json *value = key + 1;
    size_t i = 0;

    while (i < BF_COUNT(operators) && !bf_json_eq(key, operators[i].name))
        i++;
    if (i == BF_COUNT(operators))
        return refuse_operator(bf_json_str(b->arena, key), err);
    switch (operators[i].op) {
    case EQ:
    case NE:
        return set_operand(b, open_node(b, operators[i].op, of), value, err);
    case CONTAINS:
        return set_text(b, open_node(b, CONTAINS, of), value, err);
    case REGEX:
        return parse_regex(b, of, value, err);
    case EXISTS:
        return parse_exists(b, of, value, err);
    case NOT:
        return parse_not_field(b, of, value, err);
    case IN:
    case NIN:
        return parse_list(b, operators[i].op, of, value, err);
    case ALL:
    case SIZE:
        if (single)
            return bf_error_set(err, BF_ECONFIG, "is for arrays; %s is a text",
                                bf_fields[of->field].name);
        return operators[i].op == ALL ? parse_list(b, ALL, of, value, err)
                                      : parse_size(b, of, value, err);
    default:
        return parse_order(b, operators[i].op, of, value, err);
    }
}

static int check_depth(unsigned depth, struct bf_error *err)
{
    if (depth <= BF_FILTER_DEPTH_MAX)
        return BF_OK;
    return bf_error_set(err, BF_ECONFIG, "the filter is more than %d levels deep",
                        BF_FILTER_DEPTH_MAX);
}

/* {"$gt":"a","$lt":"b"}: all of them; anything but an object is what the field must equal. */
static int parse_operators(struct builder *b, struct subject of, const struct bf_json *json,
                           struct bf_error *err)
{
    uint32_t all;
    int rc = check_depth(++of.depth, err);

    if (rc)
        return rc;
    if (!bf_json_is(json, BF_JSON_OBJECT))
        return set_operand(b, open_node(b, EQ, &of), json, err);
    if (!bf_json_first(json))
        return bf_error_set(err, BF_ECONFIG, "has no operator; supported: " SUPPORTED);
    all = open_node(b, AND, &of);
    for (const struct bf_json *k = bf_json_first(json); k; k = bf_json_next(json, k)) {
        rc = within(b, k, parse_operator(b, &of, k, err), err);
        if (rc)
            return rc;
    }
    close_node(b, all);
    return BF_OK;
}

/* ---- filters ---- */

static int parse_filter(struct builder *b, const struct bf_json *json, unsigned depth,
                        struct bf_error *err);

static int parse_field(struct builder *b, const struct bf_json *key, unsigned depth,
                       struct bf_error *err)
{
    const char *path, *name = bf_json_str(b->arena, key);
    struct subject of = {.depth = depth};
    int field = bf_field_find(name, b->kinds, &path);
    char list[400];

    if (field < 0) {
        bf_field_names(b->kinds, list, sizeof(list));
        return bf_error_set(err, BF_ECONFIG, "unknown field; those of %s are %s", b->event_type,
                            list);
    }
    of.field = (uint8_t)field;
    if (path)
        of.path = put(b, path, strlen(path) + 1);
    return parse_operators(b, of, key + 1, err);
}

static int parse_filters(struct builder *b, enum op op, const struct bf_json *json, unsigned depth,
                         struct bf_error *err)
{
    uint32_t node = open_node(b, op, NULL);
    size_t i = 0;

    if (!bf_json_is(json, BF_JSON_ARRAY))
        return must_be("an array of filters", json, err);
    for (const struct bf_json *one = bf_json_first(json); one; one = bf_json_next(json, one)) {
        int rc = parse_filter(b, one, depth + 1, err);

        if (rc)
            return within_index(i, rc, err);
        i++;
    }
    close_node(b, node);
    return BF_OK;
}

static int parse_not(struct builder *b, const struct bf_json *json, unsigned depth,
                     struct bf_error *err)
{
    uint32_t node = open_node(b, NOT, NULL);
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
    all = open_node(b, AND, NULL);
    for (const struct bf_json *k = bf_json_first(json); k; k = bf_json_next(json, k)) {
        rc = within(b, k, parse_member(b, k, depth, err), err);
        if (rc)
            return rc;
    }
    close_node(b, all);
    return BF_OK;
}

/* ---- one piece of memory ---- */

/* The patterns are the filter's from here on. */
static const struct bf_filter *pack(struct bf_arena *a, struct builder *b)
{
    size_t head = sizeof(struct bf_filter) + b->n_patterns * sizeof(b->patterns[0]);
    size_t nodes = b->n * sizeof(struct node);
    struct bf_filter *f = bf_arena_alloc(a, head + nodes + b->texts_len);
    struct node *node;

    if (!f)
        return NULL;
    f->size = (uint32_t)(head + nodes + b->texts_len);
    f->n_patterns = b->n_patterns;
    f->nodes = (uint32_t)head;
    f->n_nodes = b->n;
    memcpy(f->patterns, b->patterns, b->n_patterns * sizeof(b->patterns[0]));
    node = memcpy((char *)f + head, b->nodes, nodes);
    memcpy((char *)f + head + nodes, b->texts, b->texts_len);
    for (uint32_t i = 0; i < b->n; i++) {
        if (node[i].op != REGEX && node[i].op != SIZE && node[i].at)
            node[i].at += (uint32_t)(head + nodes);
        if (node[i].path)
            node[i].path += (uint32_t)(head + nodes);
    }
    b->n_patterns = 0;
    return f;
}

/* JSON has at least as many values as a filter has nodes, and at least as many bytes as its texts
 * and paths, but for its numbers.  Texts begin behind a byte that is nobody's. */
static int build(struct builder *b, const struct bf_json *json, struct bf_error *err)
{
    size_t len;

    bf_json_raw(json, &len);
    b->nodes = bf_arena_alloc(b->arena, (json->skip + 1) * sizeof(*b->nodes));
    b->texts = bf_arena_alloc(b->arena, 2 * len + json->skip * sizeof(struct number) + 1);
    b->texts_len = 1;
    if (!b->nodes || !b->texts)
        return bf_error_set(err, BF_ENOMEM, "no memory for a filter of %zu bytes", len);
    return parse_filter(b, json, 0, err);
}

const struct bf_json *bf_filter_unwrap(struct bf_arena *a, const struct bf_json *json,
                                       struct bf_error *err)
{
    for (int i = 0; json && i < WRAPS_MAX; i++) {
        const struct bf_json *inner = bf_json_get(json, "filter");

        if (bf_json_is(json, BF_JSON_STRING))
            json = bf_json_inside(a, json, err);
        else if (inner && bf_json_count(json) == 1)
            json = inner;
    }
    return json;
}

int bf_filter_parse(struct bf_arena *a, const struct bf_json *json, const char *event_type,
                    const struct bf_filter **out, struct bf_error *err)
{
    struct builder b = {.kinds = bf_field_kinds(event_type), .event_type = event_type};
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
        json = bf_filter_unwrap(b.arena, json, err);
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
    while (b.n_patterns)
        bf_regex_free(b.patterns[--b.n_patterns]);
    bf_arena_free(b.arena);
    if (rc == BF_OK)
        *out = f;
    return rc;
}

size_t bf_filter_size(const struct bf_filter *f) { return f ? f->size : 0; }

void bf_filter_release(const struct bf_filter *f)
{
    for (uint32_t i = 0; f && i < f->n_patterns; i++)
        bf_regex_free(f->patterns[i]);
}

size_t bf_filter_reach(const struct bf_filter *f)
{
    size_t least = SIZE_MAX;

    for (uint32_t i = 0; f && i < f->n_nodes; i++) {
        const struct node *n = filter_nodes(f) + i;
        size_t reach = n->op == REGEX ? bf_regex_reach(f->patterns[n->at]) : SIZE_MAX;

        if ((bf_fields[n->field].flags & LONG) && reach < least)
            least = reach;
    }
    return least;
}

/* ---- whether two ask the same ---- */

/* AND or OR of one filter is that filter. */
static const struct node *bare(const struct node *n)
{
    while ((n->op == AND || n->op == OR) && n->skip > 1 && n[1].skip == n->skip - 1)
        n++;
    return n;
}

static const char *text_of(const struct bf_filter *f, uint32_t at) { return (const char *)f + at; }

static bool same_path(const struct bf_filter *f, const struct node *a, const struct bf_filter *g,
                      const struct node *b)
{
    if (!a->path || !b->path)
        return a->path == b->path;
    return strcmp(text_of(f, a->path), text_of(g, b->path)) == 0;
}

static bool same_operand(const struct bf_filter *f, const struct node *a, const struct bf_filter *g,
                         const struct node *b)
{
    struct number m, n;

    if (a->op == REGEX)
        return strcmp(bf_regex_pattern(f->patterns[a->at]), bf_regex_pattern(g->patterns[b->at])) ==
               0;
    if (a->op == SIZE || !a->at || !b->at)
        return a->at == b->at;
    if (a->type == BF_JSON_STRING)
        return strcmp(text_of(f, a->at), text_of(g, b->at)) == 0;
    memcpy(&m, text_of(f, a->at), sizeof(m));
    memcpy(&n, text_of(g, b->at), sizeof(n));
    return m.is_whole == n.is_whole && m.value == n.value && (!m.is_whole || m.whole == n.whole);
}

static bool same_question(const struct bf_filter *f, const struct node *a,
                          const struct bf_filter *g, const struct node *b)
{
    return a->field == b->field && a->type == b->type && same_path(f, a, g, b) &&
           same_operand(f, a, g, b);
}

static bool same_node(const struct bf_filter *f, const struct node *a, const struct bf_filter *g,
                      const struct node *b)
{
    const struct node *a_end, *b_end;

    a = bare(a);
    b = bare(b);
    if (a->op != b->op || (a->op > NOT && !same_question(f, a, g, b)))
        return false;
    a_end = a + a->skip;
    b_end = b + b->skip;
    for (a++, b++; a < a_end && b < b_end; a += a->skip, b += b->skip) {
        if (!same_node(f, a, g, b))
            return false;
    }
    return a == a_end && b == b_end;
}

/* None is one that asks nothing. */
static bool asks_nothing(const struct bf_filter *f)
{
    const struct node *n = f ? bare(filter_nodes(f)) : NULL;

    return !n || (n->op == AND && n->skip == 1);
}

bool bf_filter_same(const struct bf_filter *a, const struct bf_filter *b)
{
    if (asks_nothing(a) || asks_nothing(b))
        return asks_nothing(a) && asks_nothing(b);
    return same_node(a, filter_nodes(a), b, filter_nodes(b));
}

/* ---- literals ---- */

struct literals {
    const struct bf_filter *filter;
    const char *field;
    const char **out;
    size_t n;
    size_t max;
};

static bool add_literal(struct literals *l, const struct node *n)
{
    const char *text = (const char *)l->filter + n->at;

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
    bool mine = strcmp(bf_fields[n->field].name, l->field) == 0;
    size_t before = l->n;

    switch (n->op) {
    case EQ:
        return mine && add_literal(l, n);
    case IN:
        for (uint32_t i = 1; mine && i < n->skip; i++) {
            if (!add_literal(l, n + i))
                return false;
        }
        return mine;
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
    struct literals l = {.filter = f, .field = field, .out = out, .max = max};

    return f && collect(&l, filter_nodes(f)) ? l.n : 0;
}
