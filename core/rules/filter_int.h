/* filter_int.h - what the parser of filters and their evaluation share.
 *
 * A filter is one piece of memory: this header, pointers to its patterns, nodes, and texts.  The
 * nodes stand in the order of the text: an operator is followed by what it applies to, and `skip`
 * leads past all of it.  Texts are found by their offset, so nothing in it knows where it lies. */
#ifndef BF_FILTER_INT_H
#define BF_FILTER_INT_H

#include <stdint.h>

#include "core/base/regex.h"
#include "core/rules/filter.h"

enum op {
    AND, OR, NOR, NOT,                          /* of filters */
    EQ, NE, GT, GTE, LT, LTE, CONTAINS,         /* of one operand */
    REGEX, SIZE, EXISTS, ABSENT,
    IN, NIN, ALL,                               /* of those behind it */
    ITEM
};

struct node {
    uint8_t op;
    uint8_t field;
    uint8_t type;               /* of the operand: enum bf_json_type */
    uint32_t skip;              /* nodes of this subtree, itself included */
    uint32_t path;              /* of a field that has one: where the text of it begins */
    uint32_t at;                /* of the operand: its text or number; a pattern's index; a size */
    uint32_t len;               /* of the operand's text */
};

/* A number as it compares, where `at` says. */
struct number {
    double value;
    int64_t whole;
    bool is_whole;
};

struct bf_filter {
    uint32_t size;              /* bytes, all of it included */
    uint32_t n_patterns;
    uint32_t nodes;             /* where they begin ... */
    uint32_t n_nodes;           /* ... and how many there are */
    struct bf_regex *patterns[];
};

static inline const struct node *filter_nodes(const struct bf_filter *f)
{
    return (const struct node *)((const char *)f + f->nodes);
}


/* --- fields.c ---------------------------------------------------------------- */

enum shape { A_TEXT, TEXTS, ANYTHING };

enum field_flag {
    LONG = 1,                   /* its texts may be longer than a name */
    WRAPPED = 2,                /* its members may be {"value":…}, as wandb writes a config */
    UPPER = 4                   /* events hold it in upper case; filters may say it in any */
};

struct field {
    const char *name;
    unsigned kinds;             /* of the events that have it */
    enum shape shape;
    size_t offset;              /* of a text, in the envelope; 0: it is in the JSON */
    const char *object;         /* in the JSON: a member of it ... */
    const char *member;         /* ... and of that one, or NULL */
    const char *path;           /* how the rest of its name is called; NULL: it has none */
    unsigned flags;             /* enum field_flag */
};

extern const struct field bf_fields[];
unsigned bf_field_kinds(const char *event_type);
/* The field that a key of a filter names, among those of these events; *path is the rest of the
 * key, or NULL.  -1 if there is none. */
int bf_field_find(const char *key, unsigned kinds, const char **path);
/* "alias, artifact_type, …" */
void bf_field_names(unsigned kinds, char *out, size_t size);

#endif
