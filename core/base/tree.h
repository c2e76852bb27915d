/* tree.h - JSON documents that we make ourselves: REST answers, schemas.
 *
 * Built with cJSON, whose numbers are doubles and whose parser is lax; so nothing from outside is
 * parsed by it.  What came from outside goes in with bf_tree_raw(), as the bytes it was.
 *
 * A value that is added belongs to its container.  `name` is the key in an object, or NULL to
 * append to an array.  One thread at a time. */
#ifndef BF_TREE_H
#define BF_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"

struct bf_tree;

struct bf_tree *bf_tree_object(void);
struct bf_tree *bf_tree_array(void);
void bf_tree_free(struct bf_tree *t);           /* a root; NULL is fine */

struct bf_tree *bf_tree_add_object(struct bf_tree *t, const char *name);
struct bf_tree *bf_tree_add_array(struct bf_tree *t, const char *name);
void bf_tree_add(struct bf_tree *t, const char *name, struct bf_tree *value); /* takes value */
void bf_tree_str(struct bf_tree *t, const char *name, const char *text);     /* NULL: null */
void bf_tree_int(struct bf_tree *t, const char *name, int64_t value);        /* within +-2^53 */
void bf_tree_bool(struct bf_tree *t, const char *name, bool value);
void bf_tree_raw(struct bf_tree *t, const char *name, const char *json, size_t len);

void bf_tree_print(const struct bf_tree *t, struct bf_buf *out);             /* on one line */

#endif
