/* words.h - what the events of a run are made of, numbered within the run: rows of `run_words`.
 *
 * A blob is a list of words: a letter, then the text behind its length.  Words of a kind are
 * numbered from 0 in the order in which they come up.  They are only ever added. */
#ifndef BF_WORDS_H
#define BF_WORDS_H

#include "core/base/bytes.h"

enum bf_word_kind {
    BF_WORD_NAME = 'n'          /* of a metric */
};

struct bf_word {
    enum bf_word_kind kind;
    const char *text;           /* no NUL behind it */
    size_t len;
};

/* The next one; false at the end, and where the blob is damaged. */
static inline bool bf_word_next(struct bf_bytes *b, struct bf_word *w)
{
    if (b->at == b->end)
        return false;
    w->kind = (enum bf_word_kind)bf_get_byte(b);
    w->len = bf_get_number(b);
    w->text = bf_get_bytes(b, w->len);
    return w->text != NULL;
}

static inline void bf_word_put(struct bf_buf *b, const struct bf_word *w)
{
    bf_buf_addc(b, (char)w->kind);
    bf_put_number(b, w->len);
    bf_buf_add(b, w->text, w->len);
}

#endif
