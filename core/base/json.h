/* json.h - reading JSON from outside: a strict gate that leaves an index of the sender's bytes.
 *
 * bf_json_parse() accepts exactly RFC 8259 in UTF-8, and of that only what survives a C string
 * and has one meaning: no U+0000, no lone surrogates, no repeated keys in one object, no nesting
 * beyond 64.  The result is an array of nodes that point into the text; nothing is converted
 * until it is asked for, so what is forwarded is forwarded byte for byte.
 *
 * A node is followed by its children: of an object a string (the key) and the value in turn, of
 * an array the elements.  `skip` is the number of nodes of the whole subtree.  Text and nodes
 * belong to whoever gave the text and the arena.
 *
 * For documents that we make, see tree.h. */
#ifndef BF_JSON_H
#define BF_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/error.h"

#define BF_JSON_DEPTH_MAX 64

enum bf_json_type {
    BF_JSON_NULL,
    BF_JSON_FALSE,
    BF_JSON_TRUE,
    BF_JSON_NUMBER,
    BF_JSON_STRING,
    BF_JSON_ARRAY,
    BF_JSON_OBJECT
};

struct bf_json {
    const char *text;           /* of a string: behind its opening quote */
    uint32_t len;               /* of a string: without its quotes, escapes counted as written */
    uint32_t skip : 28;         /* nodes in this subtree, itself included */
    uint32_t type : 3;          /* enum bf_json_type */
    uint32_t escaped : 1;       /* a string holding a backslash */
};

/* Parse one value, which must be all of the text but for white space.  NULL with `err` naming the
 * byte ("byte 17: ...").  Texts are at most 256 MiB.  [any] */
const struct bf_json *bf_json_parse(struct bf_arena *a, const char *text, size_t len,
                                    struct bf_error *err);

/* The same for one value at the start of the text, as in an array or a stream of them: *used is
 * what was read, without white space behind it. */
const struct bf_json *bf_json_parse_some(struct bf_arena *a, const char *text, size_t len,
                                         size_t *used, struct bf_error *err);

/* The same for what a string holds.  [any] */
const struct bf_json *bf_json_inside(struct bf_arena *a, const struct bf_json *string,
                                     struct bf_error *err);

/* All of these take NULL, as an absent value. */
const struct bf_json *bf_json_get(const struct bf_json *object, const char *key);
const struct bf_json *bf_json_at(const struct bf_json *root, const char *pointer); /* RFC 6901 */
bool bf_json_is(const struct bf_json *j, enum bf_json_type type);
bool bf_json_eq(const struct bf_json *string, const char *text); /* decoded, both ways exact */
const char *bf_json_type_name(const struct bf_json *j);         /* "a string"; "nothing" */

/* The characters of a string, decoded; NULL for anything else. */
const char *bf_json_str(struct bf_arena *a, const struct bf_json *j);
/* False unless j is a number that the type holds exactly (an integer) or nearest (a double). */
bool bf_json_int(const struct bf_json *j, int64_t *out);
bool bf_json_double(const struct bf_json *j, double *out);
/* The text of any value as the sender wrote it, a string with its quotes. */
const char *bf_json_raw(const struct bf_json *j, size_t *len);

/* Decode every string of a tree in place, keys too, for who looks at the same tree many times:
 * afterwards none is `escaped`, text and len are its characters, and bf_json_raw() of a container is
 * still what the sender wrote.  False if the arena, the one that the tree is in, has no room. */
bool bf_json_decode(struct bf_arena *a, const struct bf_json *root);

/* Walk a container: for an object, the keys; the value is `key + 1`.
 *     for (k = bf_json_first(o); k; k = bf_json_next(o, k)) */
const struct bf_json *bf_json_first(const struct bf_json *container);
const struct bf_json *bf_json_next(const struct bf_json *container, const struct bf_json *child);
size_t bf_json_count(const struct bf_json *container);

#endif
