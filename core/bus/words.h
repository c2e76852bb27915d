/* words.h - what the events of a run are made of, numbered within the run: rows of `run_words`.
 *
 * A blob is a list of words: a letter, and the text behind its length; of a form, the number of its
 * metric's name before that.  Words of a kind are numbered from 0 in the order in which they come
 * up.  They are only ever added, and go with the run. */
#ifndef BF_WORDS_H
#define BF_WORDS_H

#include "core/base/bytes.h"
#include "core/bus/points.h"
#include "core/store/store.h"

enum bf_word_kind {
    BF_WORD_NAME = 'n',         /* of a metric */
    BF_WORD_FORM = 'm',         /* see points.h */
    BF_WORD_FRAME = 'f'
};

struct bf_word {
    enum bf_word_kind kind;
    struct bf_slice text;       /* no NUL behind it */
    uint64_t name;
};

/* The next one; false at the end, and where the blob is damaged. */
bool bf_word_next(struct bf_bytes *b, struct bf_word *w);
void bf_word_put(struct bf_buf *b, const struct bf_word *w);

/* The words of the runs whose events are read, as the tables have them.  For one connection. */
struct bf_word_list;
struct bf_word_list *bf_word_list_new(struct bf_db *db);
void bf_word_list_free(struct bf_word_list *l); /* NULL is fine */
/* Those of a run, good until the next call; read `anew` if they may have grown since.  NULL if they
 * cannot be read. */
const struct bf_words *bf_word_list_get(struct bf_word_list *l, uint64_t run, bool anew);

#endif
