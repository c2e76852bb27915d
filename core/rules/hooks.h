/* hooks.h - the Lua hooks of an automation, as its JSON says them, and what a filter has answered.
 *
 *   "hooks":{"filter":{"code":"return { filter = function(event) … end }","on_error":"skip"},
 *            "transform":{"file":"slack_metric_table.lua"}}
 *
 * Each has either "code" or "file", the name of a file of the scripts' directory, and may say what
 * becomes of a firing when it fails: "fail" (the default), "fire" or "skip".  A script returns a table
 * that has a function of the hook's name; one script may serve both.
 *
 * The evaluator runs no scripts.  Whoever judges has the filters asked before and hands over the
 * answers; a filter is one more clause, behind the automation's own filter and conditions and before
 * its limits.  Of recorded events the answers are those of then. */
#ifndef BF_HOOKS_H
#define BF_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/base/json.h"

#define BF_HOOK_CODE_MAX (64 * 1024)    /* bytes of a script, inline or in a file */
#define BF_HOOK_FILE_MAX 128            /* bytes of a file's name: letters, digits, _ - and ".lua" */
#define BF_HASH_LEN      64             /* of a script: SHA-256 of its text, in hex */

struct bf_automation;

enum bf_hook_kind { BF_HOOK_FILTER, BF_HOOK_TRANSFORM, BF_HOOK_ON_EVENT };
const char *bf_hook_name(enum bf_hook_kind kind);       /* "filter", "transform", "on_event" */

/* What becomes of a firing whose hook fails.  Of on_event it is the event's fate: it passes
 * unchanged (BF_FAILURE_FIRES), or it is dropped (BF_FAILURE_SKIPS). */
enum bf_on_failure { BF_FAILURE_FAILS, BF_FAILURE_FIRES, BF_FAILURE_SKIPS };

struct bf_hook {
    const char *file;           /* NULL: inline */
    const char *code;           /* NULL: in a file */
    size_t code_len;
    char hash[BF_HASH_LEN + 1]; /* of inline code; "" of a file, which may change */
    enum bf_on_failure on_error;
};

struct bf_hooks {
    const struct bf_hook *filter;       /* NULL: there is none */
    const struct bf_hook *transform;
};

/* SHA-256 of a script's text, in hex. */
void bf_hook_hash(const char *code, size_t len, char out[BF_HASH_LEN + 1]);
/* What is wrong with the name of a script's file, for a person; NULL if nothing is. */
const char *bf_hook_file_problem(const char *file);
/* Whether they ask the same script and fail alike, as far as their automation says; NULL is none. */
bool bf_hook_same(const struct bf_hook *a, const struct bf_hook *b);

/* From the member "hooks", whose absence (NULL) is none.  Checked is all that needs no Lua; errors
 * name the field, "filter.on_error".  What *out points to is in the arena, or in the JSON's text. */
int bf_hooks_parse(struct bf_arena *a, const struct bf_json *hooks, struct bf_hooks *out,
                   struct bf_error *err);

enum bf_said {
    BF_SAID_NOTHING,            /* it was not asked, or the answer is not known */
    BF_SAID_YES,
    BF_SAID_NO,                 /* of on_event: drop it */
    BF_SAID_CHANGED,            /* of transform and on_event: there is another text */
    BF_SAID_FAILED
};
const char *bf_said_name(enum bf_said said);    /* "nothing", "yes", "no", "changed", "failed" */

/* What a hook said about an event. */
struct bf_answer {
    enum bf_said said;
    const char *script;         /* hash of what ran; "" if nothing could */
    const char *words;          /* of a failure: for a person, with file, line and traceback; or NULL */
};

/* {"script","said","words"}, as histories and verdicts show it: "script" is null if nothing could run,
 * "said" if that is not known. */
void bf_answer_print(const struct bf_answer *answer, struct bf_buf *out);

/* How the judge gets at answers about the record at hand.  Texts are good until the record is judged.
 * BF_SAID_NOTHING where there is none; then the judge notes that one was missing. */
struct bf_answers {
    void (*get)(void *arg, const struct bf_automation *a, struct bf_answer *out);
    void *arg;
};

#endif
