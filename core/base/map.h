/* map.h - text to pointer, by hash.  Keys are copied; values stay the caller's.  A NULL value is
 * an absent one.  One thread at a time, or many readers. */
#ifndef BF_MAP_H
#define BF_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bf_map;

struct bf_map *bf_map_new(void);
void bf_map_free(struct bf_map *m);
size_t bf_map_count(const struct bf_map *m);
void *bf_map_get(const struct bf_map *m, const char *key);
void *bf_map_get_len(const struct bf_map *m, const char *key, size_t len);
void *bf_map_set(struct bf_map *m, const char *key, void *value); /* gives what was there */
void *bf_map_remove(struct bf_map *m, const char *key);           /* gives what was there */

/* Walk in no order: start with *at = 0; false at the end.  No changes meanwhile, but removing the
 * pair just given. */
bool bf_map_each(const struct bf_map *m, size_t *at, const char **key, void **value);

/* Keyed so that nobody outside can make keys collide. */
uint64_t bf_hash64(const void *data, size_t len);

#endif
