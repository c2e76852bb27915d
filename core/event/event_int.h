/* event_int.h - what the files of event/ share. */
#ifndef BF_EVENT_INT_H
#define BF_EVENT_INT_H

#include "core/event/envelope.h"

/* An envelope from what bf_json_parse() gave: the sender's bytes are copied out of it, or NULL is
 * turned into an error of ours.  `err` is not NULL here. */
int bf_envelope_make(struct bf_arena *scratch, const struct bf_json *root, enum bf_origin origin,
                     struct bf_envelope **out, struct bf_error *err);

/* An event from an element of an array; `root` is NULL, with the words in `err`, if that is no
 * JSON. */
typedef int bf_make_fn(void *arg, struct bf_arena *scratch, const struct bf_json *root,
                       struct bf_envelope **out, struct bf_error *err);
/* An array of what `make` takes, empty ones too; else as bf_envelopes_parse(). */
int bf_array_parse(struct bf_arena *a, const char *text, size_t len, bf_make_fn *make, void *arg,
                   struct bf_envelope ***out, size_t *n, struct bf_error *err);

/* Text as one segment of a URL: all but letters, digits and -._~ as %XX. */
void bf_buf_url_chars(struct bf_buf *b, const char *text);

#endif
