/* slack.h - what the files of this plugin share.
 *
 * Everything made here lives in the arena given, or in that of the delivery. */
#ifndef BF_SLACK_H
#define BF_SLACK_H

#include <belfry/plugin.h>

/* Slack's limits, and what we keep to (slack.c has where they are from).  Characters are counted
 * as in text.c. */
#define SLACK_HEADER_MAX   150
#define SLACK_SECTION_MAX  2900         /* of 3,000 */
#define SLACK_MESSAGE_MAX  12000        /* of about 13,200 that are not documented */
#define SLACK_FALLBACK_MAX 1000         /* of 40,000; nobody reads more in a notification */

struct slack_integration {
    const char *webhook_url;
    const char *token;
    const char *channel;
    const char *workspace;
    const char *api_base;
};

struct slack_action {
    const char *title;
    const char *text;
    const char *level;
    const char *blocks;
};

/* --- text.c: characters --- */

/* Characters as Slack counts them at most: what is beyond U+FFFF counts as two, escapes in full. */
size_t slack_length(const char *text);
/* At most `max` characters; what is missing is counted at the end, "… (1,234 more characters)".  In
 * markup neither an escape nor a <link> is cut in two. */
const char *slack_cut(struct bf_arena *a, const char *text, size_t max, bool markup);
/* Without control characters and those that turn the direction of what follows. */
const char *slack_lines(struct bf_arena *a, const char *text);
/* The same on one line. */
const char *slack_line(struct bf_arena *a, const char *text);
/* & < > as Slack wants them in markup. */
const char *slack_escape(struct bf_arena *a, const char *text);
/* A template as markup: what its author wrote is markup, values are text. */
const char *slack_markup(const struct bf_delivery *d, const char *tmpl);
/* A template as an address: a value that begins it may be a whole one, others are parts. */
const char *slack_address(const struct bf_delivery *d, const char *tmpl);
/* 1234 as "1,234". */
const char *slack_number(struct bf_arena *a, size_t n);

/* --- event.c: what happened, in words --- */

/* One variable, as plain text on one line that is not long. */
const char *slack_value(const struct bf_delivery *d, const char *name);
/* "A run failed". */
const char *slack_event(const struct bf_delivery *d);
/* The name of what it happened to, escaped; "" if nothing in particular. */
const char *slack_subject(const struct bf_delivery *d);
/* The lines below a message, as markup. */
const char *slack_context(const struct bf_delivery *d);
/* The line of those that is true of every firing. */
const char *slack_origin(const struct bf_delivery *d);

/* --- blocks.c: blocks that an automation brings itself --- */

/* What is wrong with them. */
struct slack_problem {
    const char *words;          /* NULL: nothing */
    bool of_value;              /* with this event's values; with others it may be right */
    size_t n_cut;               /* texts that were too long, other than headings */
};

/* With every variable filled in, as JSON; "" with a problem. */
const char *slack_blocks(const struct bf_delivery *d, const char *tmpl, struct slack_problem *p);

/* --- message.c --- */

bool slack_has_blocks(const struct slack_action *say);

/* The members of a message, from "text" on.  NULL with a problem. */
const char *slack_message(const struct bf_delivery *d, struct slack_problem *p);

/* --- answer.c: what Slack says to it --- */

int slack_judge_webhook(const struct bf_delivery *d, const struct bf_http_out *out);
int slack_judge_api(const struct bf_delivery *d, const struct bf_http_out *out);

#endif
