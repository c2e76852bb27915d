/* teams.h - what the files of the Teams sink share.  teams.c has the page about the service. */
#ifndef TEAMS_H
#define TEAMS_H

#include <belfry/plugin.h>

#define TEAMS_BODY_MAX 26624            /* bytes of a request: 26 KiB */
#define TEAMS_CARD_TYPE "application/vnd.microsoft.card.adaptive"
#define TEAMS_SCHEMA    "http://adaptivecards.io/schemas/adaptive-card.json"

/* What answers at a URL. */
enum teams_kind {
    TEAMS_UNKNOWN,
    TEAMS_WORKFLOWS,
    TEAMS_CONNECTOR
};

struct teams_integration {
    const char *url;
    const char *kind;
};

struct teams_action {
    const char *title;
    const char *text;
    const char *level;
    const char *payload;
};

/* Of a URL, by its host. */
enum teams_kind teams_kind_of_url(const char *url);
/* Of an integration, whose URL is a secret. */
enum teams_kind teams_kind_of(const struct teams_integration *to, struct bf_ctx *ctx,
                              struct bf_arena *a);


/* --- text.c: Markdown that no value can write ------------------------------------------- */

/* How the values of a template are put in. */
enum teams_how {
    TEAMS_PLAIN,                /* as they are, but for control characters */
    TEAMS_LINE,                 /* Markdown, on one line */
    TEAMS_BLOCK,                /* Markdown, with paragraphs */
    TEAMS_PROSE,                /* the same, and line ends of the template are paragraphs too */
    TEAMS_ADDRESS               /* a URL */
};

/* What a template became. */
struct teams_text {
    const char *s;
    size_t more;                /* characters that were left out at the end, as nobody keeps so many */
    bool and_more;              /* there are more than `more` */
};

struct teams_text teams_expand(const struct bf_delivery *d, const char *tmpl, enum teams_how how);
/* All of it, or "" if it is longer than any message: then *too_long has its bytes, else 0. */
const char *teams_expand_whole(const struct bf_delivery *d, const char *tmpl, enum teams_how how,
                               size_t *too_long);
/* What its author wrote, and nothing for the values. */
const char *teams_without_values(struct bf_arena *a, const char *tmpl);
/* A value as a template would put it in. */
const char *teams_escape(struct bf_arena *a, const char *value, enum teams_how how);
/* As much as has `room` bytes within a JSON string; what was cut is counted at its end. */
const char *teams_cut(struct bf_arena *a, struct teams_text text, size_t room);
/* A template on one line, cut to that many bytes. */
const char *teams_line(const struct bf_delivery *d, const char *tmpl, size_t room);
/* Bytes within a JSON string. */
size_t teams_json_len(const char *s);
/* 1234 as "1,234". */
const char *teams_count(struct bf_arena *a, unsigned long long n);
bool teams_is_link(const char *url);    /* http or https */


/* --- card.c: the message of title, text and level ---------------------------------------- */

/* The request's body. */
const char *teams_card(const struct bf_delivery *d, enum teams_kind kind);
/* Whether the text is cut however short its values are; then how many characters it has itself. */
size_t teams_card_too_long(const struct bf_delivery *d, enum teams_kind kind);
/* A line for each firing that was merged, and a count of those that do not fit, as Markdown within
 * `room` bytes of a JSON string; with_own: of d itself as well. */
const char *teams_list(const struct bf_delivery *d, bool with_own, size_t room);
/* An Adaptive Card as the message that carries it. */
const char *teams_wrap(struct bf_arena *a, const char *card);


/* --- payload.c, convert.c: a message of one's own ------------------------------------------ */

enum teams_form {
    TEAMS_NO_FORM,
    TEAMS_ADAPTIVE,             /* a card alone */
    TEAMS_MESSAGE,              /* with the attachments around it */
    TEAMS_MESSAGE_CARD
};

enum teams_form teams_form_of(struct bf_arena *a, const char *json);

/* What a payload became. */
struct teams_body {
    const char *json;           /* NULL: it cannot be sent, and `words` say why */
    const char *words;
    size_t len;                 /* bytes; with `and_more`, at least */
    bool and_more;
};

/* `empty`: with every variable empty. */
struct teams_body teams_payload(const struct bf_delivery *d, enum teams_kind kind, bool empty);
/* A MessageCard as an Adaptive Card.  *dropped, if it is not NULL, says what has no counterpart: ""
 * nothing. */
const char *teams_convert(struct bf_arena *a, const char *json, const char **dropped);
/* When an automation is saved. */
int teams_check_payload(const struct bf_delivery *d, enum teams_kind kind);


/* --- judge.c ---------------------------------------------------------------------------- */

int teams_judge(void *self, const struct bf_delivery *d, const struct bf_http_out *out);

#endif
