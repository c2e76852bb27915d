/* scripts_kept.h - what the database keeps of scripts: each text that ever ran, the one in force
 * under each file's name, what was refused since, and the hooks that are disabled.
 *
 * The texts are for reading an answer again after years: an answer is stored with its script's
 * number.  The rest is for a restart, which changes nothing of it: a file that is broken goes on with
 * its last good text.
 *
 * What writes is for the engine, inside apply; what reads takes any connection. */
#ifndef BF_SCRIPTS_KEPT_H
#define BF_SCRIPTS_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/rules/hooks.h"
#include "core/store/store.h"

int bf_scripts_kept_open(struct bf_db *db, struct bf_error *err);       /* makes the tables */

/* The number of a script, given to it now if it has none.  `text` NULL: it is not at hand; who has
 * it may add it later.  [engine] */
int bf_script_number(struct bf_db *db, const char *hash, const char *text, size_t len,
                     int64_t *number);
/* And back; BF_ENOENT.  [any] */
int bf_script_hash(struct bf_db *db, int64_t number, char hash[BF_HASH_LEN + 1]);
/* Its text, in the arena.  BF_ENOENT also where the text is not there.  [any] */
int bf_script_text(struct bf_db *db, struct bf_arena *a, const char *hash, const char **text,
                   size_t *len);

/* A text is in force under a file's name: what was refused before is forgotten.  [engine] */
int bf_kept_file_set(struct bf_db *db, const char *file, const char *hash, const char *text,
                     size_t len);
int bf_kept_file_refuse(struct bf_db *db, const char *file, const char *hash, const char *words,
                        int64_t now_ms);

/* A hook of an automation, or on_event (automation NULL), is disabled.  [engine] */
struct bf_kept_hook {
    const char *automation;
    const char *entity;         /* or NULL */
    const char *file;           /* or NULL */
    enum bf_hook_kind kind;
    int64_t since_ms;
    const char *words;
};
int bf_kept_hook_disable(struct bf_db *db, const struct bf_kept_hook *h);
/* It is not any more; *was (may be NULL) tells whether it was. */
int bf_kept_hook_enable(struct bf_db *db, const char *automation, enum bf_hook_kind kind,
                        bool *was);
int bf_kept_hooks_forget(struct bf_db *db, const char *automation);     /* all that it has */

/* At the start.  Texts live for the call. */
struct bf_kept_file {
    const char *file;
    const char *text;           /* NULL: none was in force */
    size_t len;
    const char *refused;        /* a hash, or NULL */
    const char *words;
    int64_t since_ms;
};
int bf_kept_files_each(struct bf_db *db, void (*fn)(void *arg, const struct bf_kept_file *f),
                       void *arg);
int bf_kept_hooks_each(struct bf_db *db, void (*fn)(void *arg, const struct bf_kept_hook *h),
                       void *arg);

#endif
