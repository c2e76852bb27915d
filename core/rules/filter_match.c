/* filter_match.c - hold a filter against an event.
 *
 * A comparison asks whether the field has a value for which it holds; operators over filters
 * combine the answers.  Nothing is allocated but, once for an event, the index of its JSON. */
#include <string.h>

#include "core/base/base.h"
#include "core/event/envelope.h"
#include "core/rules/filter_int.h"

struct looking {
    const struct bf_filter *filter;
    struct bf_subject *subject;
};

static const char *text_at(const struct looking *l, uint32_t at)
{
    return (const char *)l->filter + at;
}

/* ---- one value ---- */

static bool read_number(const struct bf_json *j, struct number *n)
{
    n->is_whole = bf_json_int(j, &n->whole);
    return bf_json_double(j, &n->value);
}

/* Two whole numbers exactly, for beyond 2^53 different ones have the same double. */
static int compare_numbers(const struct number *a, const struct number *b)
{
    if (a->is_whole && b->is_whole)
        return (a->whole > b->whole) - (a->whole < b->whole);
    return (a->value > b->value) - (a->value < b->value);
}

static int compare_texts(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order ? order : (a_len > b_len) - (a_len < b_len);
}

/* How the value compares with the node's operand; false if they are of different types, or such
 * that one is no more than the other. */
static bool compare(const struct looking *l, const struct node *n, const struct bf_json *value,
                    int *order)
{
    struct number mine, theirs;

    if (value->type != n->type)
        return false;
    *order = 0;
    if (value->type == BF_JSON_STRING) {
        *order = compare_texts(value->text, value->len, text_at(l, n->at), n->len);
    } else if (value->type == BF_JSON_NUMBER) {
        if (!read_number(value, &theirs))
            return false;
        memcpy(&mine, text_at(l, n->at), sizeof(mine));
        *order = compare_numbers(&theirs, &mine);
    }
    return true;
}

static bool compares(const struct looking *l, const struct node *n, const struct bf_json *value)
{
    int order;

    if (!compare(l, n, value, &order))
        return false;
    switch (n->op) {
    case GT:
        return order > 0;
    case GTE:
        return order >= 0;
    case LT:
        return order < 0;
    case LTE:
        return order <= 0;
    default:                    /* EQ, NE, and the values of a list */
        return order == 0;
    }
}

static bool is_listed(const struct looking *l, const struct node *n, const struct bf_json *value)
{
    for (const struct node *item = n + 1; item < n + n->skip; item++) {
        if (compares(l, item, value))
            return true;
    }
    return false;
}

static bool holds_of_one(const struct looking *l, const struct node *n, const struct bf_json *value)
{
    switch (n->op) {
    case IN:
    case NIN:
        return is_listed(l, n, value);
    case CONTAINS:
        return value->type == BF_JSON_STRING &&
               memmem(value->text, value->len, text_at(l, n->at), n->len);
    case REGEX:
        return value->type == BF_JSON_STRING &&
               bf_regex_search(l->filter->patterns[n->at], value->text, value->len);
    default:
        return compares(l, n, value);
    }
}

/* ---- arrays ---- */

static bool has_element(const struct looking *l, const struct node *n, const struct bf_json *array)
{
    for (const struct bf_json *e = bf_json_first(array); e; e = bf_json_next(array, e)) {
        if (holds_of_one(l, n, e))
            return true;
    }
    return false;
}

/* Each of the list's values equals an element, or the one value there is. */
static bool has_all(const struct looking *l, const struct node *n, const struct bf_json *value)
{
    for (const struct node *item = n + 1; item < n + n->skip; item++) {
        if (value->type == BF_JSON_ARRAY ? !has_element(l, item, value)
                                         : !compares(l, item, value))
            return false;
    }
    return n->skip > 1;
}

static bool holds_of(const struct looking *l, const struct node *n, const struct bf_json *value)
{
    switch (n->op) {
    case EXISTS:
    case ABSENT:
        return true;
    case SIZE:
        return value->type == BF_JSON_ARRAY && bf_json_count(value) == n->at;
    case ALL:
        return has_all(l, n, value);
    default:
        return value->type == BF_JSON_ARRAY ? has_element(l, n, value)
                                            : holds_of_one(l, n, value);
    }
}

/* ---- paths ---- */

/* What is left of the path behind this name; NULL if it does not begin with it. */
static const char *behind(const char *path, const char *name, size_t len)
{
    if (strncmp(path, name, len) != 0)
        return NULL;
    path += len;
    if (*path == '\0')
        return path;
    return *path == '.' ? path + 1 : NULL;
}

/* The same for the number of an element. */
static const char *behind_index(const char *path, size_t index)
{
    char digits[24], *at = digits + sizeof(digits);

    do
        *--at = (char)('0' + index % 10);
    while (index /= 10);
    return behind(path, at, (size_t)(digits + sizeof(digits) - at));
}

/* Whether the path leads from here to a value for which the node holds.  A name may hold dots, so
 * each member whose name the path begins with is a way.  It is no deeper than the JSON. */
static bool leads(const struct looking *l, const struct node *n, const struct bf_json *from,
                  const char *path)
{
    size_t index = 0;

    if (*path == '\0')
        return holds_of(l, n, from);
    for (const struct bf_json *c = bf_json_first(from); c; c = bf_json_next(from, c)) {
        bool member = from->type == BF_JSON_OBJECT;
        const char *rest = member ? behind(path, c->text, c->len) : behind_index(path, index++);

        if (rest && leads(l, n, member ? c + 1 : c, rest))
            return true;
        if (!member && c->type == BF_JSON_OBJECT && leads(l, n, c, path))
            return true;
    }
    return false;
}

/* The same where the first step is into a member whose value is in it: {"lr":{"value":0.1}}. */
static bool leads_wrapped(const struct looking *l, const struct node *n, const struct bf_json *from,
                          const char *path)
{
    for (const struct bf_json *c = bf_json_first(from); c; c = bf_json_next(from, c)) {
        const char *rest = behind(path, c->text, c->len);
        const struct bf_json *value = rest ? bf_json_get(c + 1, "value") : NULL;

        if (value && leads(l, n, value, rest))
            return true;
    }
    return false;
}

/* ---- fields ---- */

const struct bf_json *bf_subject_root(struct bf_subject *s)
{
    const struct bf_envelope *e = s->event;

    if (s->root || s->unreadable)
        return s->root;
    if (e->text)
        s->root = bf_json_parse(s->arena, e->text, e->text_len, NULL);
    if (!s->root || !bf_json_decode(s->arena, s->root)) {
        s->root = NULL;
        s->unreadable = true;
    }
    return s->root;
}

static bool field_holds(const struct looking *l, const struct node *n)
{
    const struct field *f = &bf_fields[n->field];
    struct bf_json text = {.type = BF_JSON_STRING, .skip = 1};
    const char *path = n->path ? text_at(l, n->path) : "";
    const struct bf_json *value;

    if (f->offset) {
        text.text = *(const char *const *)((const char *)l->subject->event + f->offset);
        text.len = text.text ? (uint32_t)strlen(text.text) : 0;
        return text.text && holds_of(l, n, &text);
    }
    value = bf_json_get(bf_subject_root(l->subject), f->object);
    if (f->member)
        value = bf_json_get(value, f->member);
    if (value && leads(l, n, value, path))
        return true;
    return value && (f->flags & WRAPPED) && leads_wrapped(l, n, value, path);
}

/* ---- the tree ---- */

static bool holds(const struct looking *l, const struct node *n);

/* Whether one of the filters under n comes out as `wanted`. */
static bool any_is(const struct looking *l, const struct node *n, bool wanted)
{
    for (const struct node *c = n + 1; c < n + n->skip; c += c->skip) {
        if (holds(l, c) == wanted)
            return true;
    }
    return false;
}

static bool holds(const struct looking *l, const struct node *n)
{
    switch (n->op) {
    case AND:
    case NOT:
        return any_is(l, n, false) == (n->op == NOT);
    case OR:
    case NOR:
        return any_is(l, n, true) == (n->op == OR);
    case NE:
    case NIN:
    case ABSENT:
        return !field_holds(l, n);
    default:
        return field_holds(l, n);
    }
}

bool bf_filter_match(const struct bf_filter *f, struct bf_subject *s)
{
    struct looking l = {.filter = f, .subject = s};

    return !f || holds(&l, filter_nodes(f));
}
