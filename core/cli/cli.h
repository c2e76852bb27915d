/* cli.h - the `belfry` command: its verbs as data, and what they share.
 *
 * verbs.c     the table: nouns, verbs, options; parsing, help, completion and man pages read it
 * args.c      an argument list against that table; help.c, man.c, complete.c the table as text
 * hints.c     the ways out that a hub names, as verbs
 * ask.c       the hub that is asked: address, key and team, and where they come from; errors
 * paths.c     paths of requests: teams, and things that people call by name
 * body.c      bodies of requests from options, KEY=VALUE, files
 * generic.c   list, show, create, change, delete: what most verbs are, driven by their rows
 * plain.c     untrusted text made plain, times, widths; json.c, table.c print with it
 * when.c      conditions on metrics as people write them
 * the rest    one file per noun or verb that is more than its row
 *
 * Verbs use the public header and core/base, like any program that embeds a hub. */
#ifndef BF_CLI_H
#define BF_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <belfry/belfry.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/json.h"

/* Exit statuses. */
#define BF_EXIT_FAILED  1       /* it was refused, or went wrong */
#define BF_EXIT_USAGE   2       /* the command line makes no sense */
#define BF_EXIT_NO_HUB  3       /* no hub answers */
#define BF_EXIT_DENIED  4       /* no key, or one that may not do it */
#define BF_EXIT_MISSING 5       /* there is no such thing */
#define BF_EXIT_CHANGES 6       /* of plan: the hub is not as the file says */

struct bf_cli;


/* --- the table (verbs.c) --------------------------------------------------------- */

enum bf_option_use {
    BF_OPT_OWN,                 /* the verb looks at it */
    BF_OPT_QUERY,               /* goes into the query under its name */
    BF_OPT_TEXT,                /* a member of the body: a string, */
    BF_OPT_TRUE,                /* true, */
    BF_OPT_LIST,                /* a list of strings, apart by commas, */
    BF_OPT_JSON,                /* any JSON, or @FILE with it, */
    BF_OPT_SETTING              /* a whole number, "null" as what takes it away, or else a string */
};

struct bf_option_row {
    const char *name;           /* "ca-file" */
    char letter;                /* or 0 */
    const char *value;          /* what its value is called; NULL: a flag */
    const char *help;
    enum bf_option_use use;
    const char *member;         /* of query or body, if it is not called like the option */
};                              /* tables end with a NULL name */

enum bf_look { BF_LOOK_TEXT, BF_LOOK_ID, BF_LOOK_TIME, BF_LOOK_STATUS, BF_LOOK_SCOPE,
               BF_LOOK_OFF, BF_LOOK_WORDS, BF_LOOK_WHY, BF_LOOK_EVENT, BF_LOOK_TO };

struct bf_column {
    const char *title;
    const char *at;             /* JSON pointer into an item */
    enum bf_look look;
};                              /* tables end with a NULL title */

#define BF_VERB_REMOTE   1u     /* asks a hub: takes --url, --team, --json … */
#define BF_VERB_PAGES    2u     /* a list: takes --limit */
#define BF_VERB_CONFIRM  4u     /* asks before it acts: takes --yes */
#define BF_VERB_SETTINGS 8u     /* every setting of a hub is an option */
#define BF_VERB_OFFLINE  16u    /* takes --data: works on a data directory without a hub */
#define BF_VERB_HIDDEN   32u    /* not in lists of verbs */
#define BF_VERB_FILE     64u    /* its last operand is the file that is the body */

struct bf_verb {
    const char *name;
    const char *operands;       /* "NAME [FILE]", "KEY=VALUE…" */
    const char *summary;        /* one line */
    const char *text;           /* more; NULL if there is none */
    int (*run)(struct bf_cli *c);       /* gives the exit status */
    const struct bf_verb *verbs;        /* of a noun */
    const struct bf_option_row *options;
    unsigned flags;
    /* For generic.c.  In a path {team} is the team, {1} {2} operands, {automation} and
     * {integration} the thing that the first operand names. */
    const char *method;
    const char *path;
    const char *under;          /* KEY=VALUE operands go into this member of the body */
    const char *done;           /* said when it is done, with {1} … */
    const struct bf_column *columns;
};                              /* tables end with a NULL name */

extern const struct bf_verb bf_verbs[];
extern const struct bf_option_row bf_options_common[], bf_options_remote[], bf_options_pages[],
    bf_options_confirm[], bf_options_offline[];
/* The tables of a verb's options, its own first: i from 0, NULL behind the last. */
const struct bf_option_row *bf_verb_options(const struct bf_verb *v, size_t i);
const struct bf_verb *bf_verb_find(const struct bf_verb *table, const char *name);
/* Of "NAME [FILE]": at least 1, at most 2. */
void bf_verb_operands(const struct bf_verb *v, size_t *min, size_t *max);


/* --- one call of the command (args.c) ---------------------------------------------- */

#define BF_GIVEN_MAX    128
#define BF_OPERANDS_MAX 256

struct bf_given {
    const char *name;           /* of the option */
    const char *value;          /* NULL: a flag */
    const struct bf_option_row *row;    /* NULL: a setting */
};

struct bf_cli {
    const struct bf_verb *verb;
    char name[80];              /* "automations create" */
    const char *operands[BF_OPERANDS_MAX];
    size_t n_operands;
    struct bf_given given[BF_GIVEN_MAX];
    size_t n_given;
    struct bf_arena *arena;
    struct bf_remote *remote;   /* from here: ask.c's */
    const char *url;
    const char *team;
    const char *key_from;       /* where the key was found; NULL: there is none */
};

int bf_cli_main(int argc, char **argv);
const char *bf_cli_value(const struct bf_cli *c, const char *option);   /* the last given */
bool bf_cli_flag(const struct bf_cli *c, const char *option);
const char *bf_cli_operand(const struct bf_cli *c, size_t i);           /* NULL: not given */

/* "belfry VERB: words" on standard error; they give BF_EXIT_USAGE and BF_EXIT_FAILED. */
int bf_cli_usage(const struct bf_cli *c, const char *fmt, ...) BF_FORMAT(2, 3);
int bf_cli_fail(const struct bf_cli *c, const char *fmt, ...) BF_FORMAT(2, 3);
/* The closest of `names` (NULL-terminated) to what was written, if it is close; or NULL. */
const char *bf_cli_closest(const char *written, const char *const *names);
const char *bf_cli_env(const char *name);       /* NULL if unset or empty */


/* --- asking a hub (ask.c, paths.c) --------------------------------------------------- */

/* What the last answer was, parsed, in c->arena. */
struct bf_reply_text {
    int status;
    const char *text;
    size_t len;
    const struct bf_json *json; /* NULL: not JSON, or nothing */
};

/* 0, or an exit status after the words were said. */
int bf_cli_connect(struct bf_cli *c);
int bf_cli_ask(struct bf_cli *c, const struct bf_remote_request *q, struct bf_reply_text *out);
int bf_cli_get(struct bf_cli *c, const char *path, struct bf_reply_text *out);
int bf_cli_send(struct bf_cli *c, const char *method, const char *path, const char *body,
                struct bf_reply_text *out);
/* The same without saying an error; what was wrong is in *err. */
int bf_cli_try(struct bf_cli *c, const struct bf_remote_request *q, struct bf_reply_text *out,
               struct bf_error *err);
/* Say why a try failed; gives the exit status. */
int bf_cli_complain(struct bf_cli *c, int rc, const struct bf_reply_text *reply,
                    const struct bf_error *err);
/* The same words, with verbs where they name requests. */
const char *bf_cli_hints(struct bf_cli *c, const char *words);
/* The login file: $XDG_CONFIG_HOME/belfry/login.json. */
const char *bf_cli_login_path(struct bf_cli *c);
int bf_cli_login(struct bf_cli *c);
int bf_cli_logout(struct bf_cli *c);

/* A team: --team, BELFRY_TEAM, the login file, or the only one there is. */
int bf_cli_team(struct bf_cli *c, const char **out);
/* A path with its {…} filled; NULL after the words were said, with *status. */
const char *bf_cli_path(struct bf_cli *c, const char *path, int *status);
/* The id of what `named` names: an id or a name.  `noun` is "automation" or "integration". */
int bf_cli_resolve(struct bf_cli *c, const char *noun, const char *named, const char **id);
const char *bf_cli_escape(struct bf_cli *c, const char *text);  /* for one segment of a path */
/* The query that BF_OPT_QUERY options make, "?a=b&c=d" or "". */
const char *bf_cli_query(struct bf_cli *c, const char *more);
/* What an option is called in a body or query: its row's member, or its name with _ for -. */
const char *bf_cli_member(struct bf_cli *c, const struct bf_option_row *row);
/* Every item of a list, page after page, up to --limit.  fn: 0 to go on, else an exit status. */
typedef int bf_item_fn(void *arg, const struct bf_json *item);
int bf_cli_limit(struct bf_cli *c, unsigned long *out);         /* the number in --limit */
int bf_cli_pages(struct bf_cli *c, const char *path, bf_item_fn *fn, void *arg);


/* --- bodies (body.c) ------------------------------------------------------------------ */

/* A JSON object by paths, "config.url"; members keep their order. */
struct bf_body {
    struct bf_arena *arena;
    struct bf_body_member *first, *last;
};
void bf_body_set(struct bf_body *b, const char *path, const char *json);
void bf_body_str(struct bf_body *b, const char *path, const char *text);
void bf_body_list(struct bf_body *b, const char *path, const char *texts);      /* "a,b" */
const char *bf_body_print(struct bf_body *b);
/* As errors say it: "-" is standard input. */
const char *bf_cli_file_name(const char *file);
/* What BF_OPT_TEXT … options and KEY=VALUE operands (from `first` on) make; 0 or an exit status. */
int bf_cli_body(struct bf_cli *c, size_t first, struct bf_body *b);
/* KEY=TEXT, KEY:=JSON, KEY=@FILE, KEY:=@FILE. */
int bf_cli_assign(struct bf_cli *c, struct bf_body *b, const char *under, const char *text);
/* The whole of a file, "-" for standard input; in c->arena. */
int bf_cli_read(struct bf_cli *c, const char *file, const char **text, size_t *len);
/* The same for what might have been meant as KEY=VALUE. */
int bf_cli_read_body(struct bf_cli *c, const char *file, const char **text, size_t *len);
/* One line that is not shown while typed, or the first line of standard input.  Yours to bf_wipe()
 * and free(). */
int bf_cli_secret(struct bf_cli *c, const char *prompt, char **out);
/* Ask on the terminal; without one, or --yes, see there.  0: yes. */
int bf_cli_confirm(struct bf_cli *c, const char *question);


/* --- printing (plain.c, json.c, table.c) ------------------------------------------------ */

/* Text from outside: what could drive a terminal comes out as \uNNNN, as \xNN if it is no UTF-8. */
void bf_put_plain(struct bf_buf *b, const char *text, size_t len);
size_t bf_text_width(const char *text, size_t len);     /* columns on a terminal */
bool bf_cli_colours(FILE *to);
unsigned bf_cli_width(void);                            /* of the terminal; 0: not one */
/* "3 min ago", "in 2 h" of an RFC 3339 time; the text itself if it is none. */
const char *bf_cli_ago(struct bf_arena *a, const char *time);

/* A value as one line of plain text: strings without quotes. */
const char *bf_cli_text(struct bf_arena *a, const struct bf_json *j);
/* A string's lines, each so far from the edge; nothing for what is none. */
void bf_cli_put_lines(struct bf_cli *c, struct bf_buf *b, const struct bf_json *j, unsigned indent);
/* JSON over several lines, its numbers and strings as they came. */
void bf_put_json(struct bf_buf *b, const struct bf_json *j, unsigned indent);
/* An object for people: a member a line. */
void bf_cli_show(struct bf_cli *c, const struct bf_json *object);
void bf_cli_put_members(struct bf_cli *c, struct bf_buf *b, const struct bf_json *object,
                        const char *without);           /* NULL: with all of them */
/* Print to standard output and finish it; BF_EXIT_FAILED if that fails. */
int bf_cli_print(struct bf_cli *c, const char *text, size_t len);

struct bf_table;
struct bf_table *bf_table_new(struct bf_arena *a, const struct bf_column *columns);
void bf_table_row(struct bf_table *t, const struct bf_json *item);
void bf_table_print(struct bf_table *t, struct bf_buf *out);


/* --- verbs ------------------------------------------------------------------------------ */

/* The rows of the table decide: generic.c. */
int bf_cli_list(struct bf_cli *c);
int bf_cli_one(struct bf_cli *c);
int bf_cli_change(struct bf_cli *c);

int bf_cli_serve(struct bf_cli *c);
int bf_cli_check(struct bf_cli *c);
int bf_cli_config(struct bf_cli *c);
int bf_cli_listen(struct bf_cli *c);
int bf_cli_emit(struct bf_cli *c);
int bf_cli_status(struct bf_cli *c);
int bf_cli_automation_create(struct bf_cli *c);
int bf_cli_automation_update(struct bf_cli *c);
int bf_cli_automation_edit(struct bf_cli *c);
int bf_cli_warnings(struct bf_cli *c);
int bf_cli_why(struct bf_cli *c);
/* What actions would send, under a title; nothing if there are none. */
void bf_cli_put_payloads(struct bf_cli *c, struct bf_buf *b, const char *title,
                         const struct bf_json *actions);
int bf_cli_test_automation(struct bf_cli *c);
int bf_cli_test_code(struct bf_cli *c);
int bf_cli_backtest(struct bf_cli *c);
int bf_cli_plan(struct bf_cli *c);
int bf_cli_apply(struct bf_cli *c);
int bf_cli_write(struct bf_cli *c);
int bf_cli_secret_set(struct bf_cli *c);
int bf_cli_test(struct bf_cli *c);
int bf_cli_connect_service(struct bf_cli *c);
int bf_cli_user_create(struct bf_cli *c);
int bf_cli_member_add(struct bf_cli *c);
int bf_cli_key_create(struct bf_cli *c);
int bf_cli_rotate(struct bf_cli *c);
int bf_cli_resend(struct bf_cli *c);
int bf_cli_cancel(struct bf_cli *c);
int bf_cli_enable(struct bf_cli *c);
int bf_cli_execution(struct bf_cli *c);
int bf_cli_execution_show(struct bf_cli *c);
int bf_cli_export(struct bf_cli *c);
int bf_cli_script_show(struct bf_cli *c);
int bf_cli_script_check(struct bf_cli *c);
int bf_cli_script_enable(struct bf_cli *c);
int bf_cli_help(struct bf_cli *c);
int bf_cli_man(struct bf_cli *c);
int bf_cli_completion(struct bf_cli *c);
int bf_cli_version(struct bf_cli *c);
/* What automations as code are, for people, in front of the words of the language. */
extern const char bf_cli_code_text[];
void bf_cli_explain(const struct bf_verb *noun, const struct bf_verb *v, struct bf_buf *b);

/* An automation in a file, with the names of integrations made ids. */
int bf_cli_automation_file(struct bf_cli *c, const char *file, const char **text);
/* What is to be tried, as JSON: such a file's text, or the id of one that is saved. */
int bf_cli_tried(struct bf_cli *c, const char *named, const char **json);

/* What was built beside this very program, or installed with it: the directory of plugins, that of
 * scripts, and the program that runs these.  NULL if it is not there.  Static. */
const char *bf_cli_plugin_dir(void);
const char *bf_cli_scripts_dir(void);
const char *bf_cli_script_helper(void);

/* Call `fn` on SIGINT and SIGTERM, once: the second ends the program as it would anyone's. */
void bf_cli_on_stop(void (*fn)(void));
void bf_cli_on_hangup(void (*fn)(void));

#endif
