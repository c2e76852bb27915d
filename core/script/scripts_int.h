/* scripts_int.h - what the half of this room that knows hooks shares among its files.
 *
 * Everything here belongs to the thread [scripts], which alone changes it.  Others look at files and
 * streaks under `lock`, so these are changed under it. */
#ifndef BF_SCRIPTS_INT_H
#define BF_SCRIPTS_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/map.h"
#include "core/base/prom.h"
#include "core/script/pool.h"

#define SCRIPT_SAMPLES      8           /* events that a file's next text is tried on */
#define SCRIPT_SAMPLE_BYTES (128 * 1024)        /* of one, with its payload */
#define SCRIPT_WORDS_MAX    4000        /* bytes of words that are kept */

/* Inline code that is asked now and then, by hook and hash. */
struct inline_script {
    struct bf_pool_script *script;
    int64_t used_mono_ms;
    unsigned asked;             /* calls under way */
};

/* One of the last questions that a file's script has answered. */
struct sample {
    unsigned refs;
    char *automation;           /* whose hook was asked; NULL: on_event */
    enum bf_hook_kind kind;
    struct bf_box_event event;
    char *action;               /* or NULL */
    char *payload;              /* or NULL */
    size_t payload_len;
};

/* How a file was when it was looked at. */
struct seen {
    bool there;
    bool shipped;               /* it is ours: the operator has none of that name */
    int64_t mtime_ns, size;
    uint64_t inode, device;
};

/* A text, yours to free(). */
struct script_text {
    char *text;
    size_t len;
    char hash[BF_HASH_LEN + 1];
};

struct candidate;

struct script_file {
    char name[BF_HOOK_FILE_MAX + 1];
    struct bf_pool_script *script;      /* in force; NULL: none is */
    struct script_text text;            /* its text */
    struct seen seen;
    char refused[BF_HASH_LEN + 1];      /* what is there now, and is not in force; "" */
    char *words;                /* why that is, or why it cannot be read; or NULL */
    int64_t since_ms;
    struct candidate *candidate;        /* being tried; NULL */
    unsigned answered;          /* bits of the hooks it has answered as */
    int64_t used_mono_ms;
    int64_t sampled_mono_ms;
    struct sample *samples[SCRIPT_SAMPLES];
    unsigned next_sample;
    bf_counter calls, failures;
};

/* A hook that has failed, and not answered since. */
struct streak {
    char *automation;           /* NULL: on_event */
    char *entity;
    char *file;
    enum bf_hook_kind kind;
    unsigned failures, kills;
    bool disabled;
    int64_t since_ms;           /* of being disabled */
    char *words;                /* of the last failure */
};

struct bf_scripts {
    struct bf_scripts_options o;        /* owned texts */
    struct bf_pool *pool;
    struct bf_pool_task run;
    struct bf_map *inlines;     /* "0 HASH" to struct inline_script */
    int64_t evicted_mono_ms;
    atomic_bool looks;          /* somebody has said so */
    atomic_size_t waiting;      /* bytes */
    bf_counter swapped, refused;
    pthread_mutex_t lock;
    char *dir;                  /* under lock, from here down */
    struct bf_map *files;       /* name to struct script_file */
    struct bf_map *streaks;     /* "0 ID" to struct streak */
    unsigned n_disabled;
    struct bf_link *first, **last;      /* asks that came */
    bool run_posted;
    bool stopped;
};

/* scripts.c: what on_event gives is an event, or it has failed. */
void script_look_at_event(struct bf_pool_call *c);

/* scripts_text.c: files as they are */

enum script_read {
    SCRIPT_READ,
    SCRIPT_NOT_THERE,
    SCRIPT_NOT_YET,             /* it is empty, or being written */
    SCRIPT_UNREADABLE           /* err says why */
};
/* The file of that name, of the operator's directory or else of ours.  *seen is filled always.
 * `in_haste` where there is nothing to go on with meanwhile: one that was just written counts. */
enum script_read script_text_read(const char *dir, const char *shipped, const char *name,
                                  bool in_haste, struct seen *seen, struct script_text *out,
                                  struct bf_error *err);
/* How it is now, without its text. */
void script_text_see(const char *dir, const char *shipped, const char *name, struct seen *out);
bool script_text_changed(const struct seen *a, const struct seen *b);
void script_text_set(struct script_text *t, const char *text, size_t len);
void script_text_fini(struct script_text *t);

/* scripts_files.c */
struct script_file *script_file_use(struct bf_scripts *s, const char *name);
/* Its next text must answer as well, but for a trial, which nothing depends on. */
void script_file_answered(struct bf_scripts *s, struct script_file *f,
                          const struct bf_pool_call *c, const char *automation, bool trial);
void script_files_forget(struct bf_scripts *s, const char *automation);
char *script_files_dir(struct bf_scripts *s);   /* yours to free()  [any] */
/* Look at all, and try what has changed. */
void script_files_look(struct bf_scripts *s);
/* The text in force under a name, or what would be; BF_ECONFIG with field "file".  [any] */
int script_text_of(struct bf_scripts *s, const char *name, struct script_text *out,
                   struct bf_error *err);
void script_files_free(struct bf_scripts *s);

/* scripts_hooks.c */
struct streak *script_streak(struct bf_scripts *s, const char *automation, enum bf_hook_kind kind);
/* The one that a question is about; NULL too if the hook is in another file by now. */
struct streak *script_streak_of(struct bf_scripts *s, const struct bf_question *q);
/* How a question about a hook ended. */
void script_streak_answered(struct bf_scripts *s, const struct bf_question *q, bool killed);
/* Another text is in force: hooks of that file start anew. */
void script_streaks_of_file(struct bf_scripts *s, const char *file);
void script_streaks_free(struct bf_scripts *s);
void script_tell(struct bf_scripts *s, const struct bf_script_news *news);

#endif
