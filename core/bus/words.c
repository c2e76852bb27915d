/* words.c - words of runs, out of their rows. */
#include "core/bus/words.h"

#include <stdlib.h>

#include "core/base/base.h"

#define RUNS      256           /* whose words are kept, a power of two */
#define WORDS_MAX (32 * 1024 * 1024)    /* bytes of one run's */

bool bf_word_next(struct bf_bytes *b, struct bf_word *w)
{
    if (b->at == b->end)
        return false;
    w->kind = (enum bf_word_kind)bf_get_byte(b);
    w->name = w->kind == BF_WORD_FORM ? bf_get_number(b) : 0;
    w->text.len = bf_get_number(b);
    w->text.text = bf_get_bytes(b, w->text.len);
    return w->text.text != NULL;
}

void bf_word_put(struct bf_buf *b, const struct bf_word *w)
{
    bf_buf_addc(b, (char)w->kind);
    if (w->kind == BF_WORD_FORM)
        bf_put_number(b, w->name);
    bf_put_number(b, w->text.len);
    bf_buf_add(b, w->text.text, w->text.len);
}

struct run_words {
    uint64_t run;
    struct bf_arena *arena;
    struct bf_slice *names;     /* with a NUL behind them */
    struct bf_form *forms;
    struct bf_slice *frames;
    size_t n_names, n_forms, n_frames;
    struct bf_words words;
};

struct bf_word_list {
    struct bf_db *db;
    struct run_words *runs[RUNS];
};

static bool on_frame(void *arg, uint64_t number, struct bf_slice *out)
{
    const struct run_words *w = arg;

    if (number < w->n_frames)
        *out = w->frames[number];
    return number < w->n_frames;
}

static bool on_form(void *arg, uint64_t number, struct bf_form *out)
{
    const struct run_words *w = arg;

    if (number < w->n_forms)
        *out = w->forms[number];
    return number < w->n_forms;
}

static void clear(struct run_words *w)
{
    free(w->names);
    free(w->forms);
    free(w->frames);
    bf_arena_free(w->arena);
    *w = (struct run_words){.run = 0};
}

/* Room for one more, by powers of two. */
static void *grow(void *items, size_t n, size_t size)
{
    return (n & (n - 1)) == 0 ? bf_zrealloc(items, (n ? 2 * n : 1) * size) : items;
}

static void add(struct run_words *w, const struct bf_word *word)
{
    struct bf_slice text = {bf_arena_ndup(w->arena, word->text.text, word->text.len),
                            word->text.len};

    switch (word->kind) {
    case BF_WORD_NAME:
        w->names = grow(w->names, w->n_names, sizeof(*w->names));
        w->names[w->n_names++] = text;
        break;
    case BF_WORD_FORM:
        w->forms = grow(w->forms, w->n_forms, sizeof(*w->forms));
        w->forms[w->n_forms++] = (struct bf_form){
            text, word->name < w->n_names ? w->names[word->name].text : ""};
        break;
    case BF_WORD_FRAME:
        w->frames = grow(w->frames, w->n_frames, sizeof(*w->frames));
        w->frames[w->n_frames++] = text;
        break;
    }
}

static int read_words(struct bf_db *db, struct run_words *w, uint64_t run)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT words FROM run_words WHERE run = ? ORDER BY first");
    int rc;

    w->run = run;
    w->arena = bf_arena_new(WORDS_MAX);
    w->words = (struct bf_words){on_frame, on_form, w};
    bf_query_int(q, 1, (int64_t)run);
    while ((rc = bf_query_step(q)) == 1) {
        size_t len;
        const void *blob = bf_query_col_blob(q, 0, &len);
        struct bf_bytes b = bf_bytes_of(blob, len);
        struct bf_word word;

        while (bf_word_next(&b, &word))
            add(w, &word);
    }
    return rc ? rc : bf_arena_ok(w->arena) ? BF_OK : BF_ENOMEM;
}

struct bf_word_list *bf_word_list_new(struct bf_db *db)
{
    struct bf_word_list *l = bf_new(struct bf_word_list);

    l->db = db;
    return l;
}

void bf_word_list_free(struct bf_word_list *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < RUNS; i++) {
        if (l->runs[i])
            clear(l->runs[i]);
        free(l->runs[i]);
    }
    free(l);
}

const struct bf_words *bf_word_list_get(struct bf_word_list *l, uint64_t run, bool anew)
{
    struct run_words **slot = &l->runs[run & (RUNS - 1)], *w = *slot;

    if (!w)
        w = *slot = bf_new(struct run_words);
    if (w->run == run && !anew)
        return &w->words;
    clear(w);
    if (read_words(l->db, w, run) == BF_OK)
        return &w->words;
    clear(w);
    return NULL;
}
