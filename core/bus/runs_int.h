/* runs_int.h - a run in memory: runs.c knows its tables, run_pack.c what its events are made of. */
#ifndef BF_RUNS_INT_H
#define BF_RUNS_INT_H

#include "core/bus/bus_int.h"
#include "core/bus/runs.h"
#include "core/bus/vocabulary.h"
#include "core/bus/words.h"

#define BF_FRAMES_MAX      256          /* of a run; what has others is stored as its text */
#define BF_FRAME_BYTES_MAX (1024 * 1024)        /* of all of them */
#define BF_FORMS_MAX       8192
#define BF_FORM_BYTES_MAX  1024         /* of each */
#define BF_FRAMES_SEEN     4

struct bf_run_series {
    int64_t step;               /* the last one, if it has any */
    uint64_t value_seq;         /* the last event with a finite value in order; 0: none */
    bool has_step;
};

/* A frame in the tables; its text stays there. */
struct bf_run_frame {
    uint64_t hash;
    uint32_t len;
    uint32_t first;             /* of its row of words */
};

enum bf_run_standing { BF_RUN_IS_OTHER, BF_RUN_IS_RUNNING, BF_RUN_IS_CRASHED };

struct bf_run {
    struct bf_run *newer, *older;       /* by their last use */
    char *key;
    uint64_t number;
    uint64_t batch;             /* that touched it last */
    char *state_text;           /* NULL: it has told none */
    enum bf_run_standing state;
    uint32_t n_words;           /* in run_words */
    uint32_t n_names_stored;
    uint32_t n_forms_stored;
    uint32_t n_frames;
    uint32_t frame_bytes;
    uint32_t seen_at;
    unsigned behind;            /* events with points that the row of steps does not know ... */
    uint64_t behind_points;     /* ... and the points in them */
    struct bf_vocabulary names;
    struct bf_vocabulary forms;
    struct bf_run_series *series;       /* of each name */
    uint32_t *form_names;               /* of each form, the number of its metric's name */
    struct bf_run_frame *frames;
    uint64_t seen[BF_FRAMES_SEEN];      /* hashes of frames that came up and are not kept yet */
    size_t bytes;
};

/* The text of a frame that was used not long ago. */
struct bf_frame_text {
    uint64_t run;
    uint32_t number;
    struct bf_slice text;
};
#define BF_FRAME_TEXTS    256           /* a power of two */
#define BF_FRAME_TEXT_MAX 16384         /* longer ones are read again */

struct bf_runs {
    struct bf_map *by_key;
    struct bf_word_pool *pool;
    struct bf_run ends;         /* newer: the newest; older: the oldest */
    uint64_t batch;
    uint64_t last;
    size_t bytes;
    size_t max_bytes;           /* BF_RUNS_BYTES */
    uint32_t *numbers;          /* names of the event at hand: of each metric as it came */
    size_t numbers_cap;
    struct bf_arena *scratch;   /* of the event at hand */
    struct bf_slice new_frame;  /* to be stored with it; NULL: none */
    struct bf_frame_text texts[BF_FRAME_TEXTS];
};

uint32_t bf_run_add_name(struct bf_runs *r, struct bf_run *run, const char *name, size_t len);
/* The words that came up with the event at hand. */
bool bf_run_has_new_words(const struct bf_runs *r, const struct bf_run *run);
int bf_run_store_words(struct bf_tx *tx, struct bf_run *run);
/* A word of the run, out of a row of them. */
void bf_run_add_word(struct bf_runs *r, struct bf_run *run, const struct bf_word *w,
                     uint32_t first);
void bf_run_forget_frames(struct bf_runs *r);

#endif
