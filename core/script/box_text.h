/* box_text.h - where the strings and containers of a JSON text end, without reading it twice.
 *
 * As far as somebody asks, from front to back, the text is gone through 64 bytes at a time; for each
 * such block there is a bit for every quote that begins or ends a string, and one for every bracket that
 * is outside of strings.  After that, the end of a string or of a container is a matter of counting bits.
 *
 * The text was checked by whoever took it in.  If it is no JSON after all, ends are wrong, but never
 * beyond its end. */
#ifndef BF_BOX_TEXT_H
#define BF_BOX_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"

struct bf_box_block;

struct bf_box_text {
    const char *text;
    uint32_t len;
    bool escapes;               /* there is a backslash in what was gone through */
    bool in_string;             /* at the end of that */
    bool behind_slash;          /* likewise */
    uint32_t n;                 /* blocks that were gone through */
    struct bf_box_block *blocks;
};

/* Borrows the text.  NULL if the arena has no room, which takes a quarter of the text. */
struct bf_box_text *bf_box_text_new(struct bf_arena *a, const char *text, size_t len);
/* From the offset of an opening quote, or bracket, to the one behind the closing one. */
uint32_t bf_box_text_string_end(struct bf_box_text *t, uint32_t at);
uint32_t bf_box_text_container_end(struct bf_box_text *t, uint32_t at);
/* How many containers are within each other in a part of the text. */
unsigned bf_box_text_depth(struct bf_box_text *t, uint32_t from, uint32_t to);

#endif
