/* message.c - what a firing looks like in Slack.
 *
 *     ┌ 🚨 Accuracy fell                                a header: plain text, so that nothing in it
 *     │                                                 can be a mention, a link or an emoji's name
 *     ┃ It is 0.65 now, see <https://wiki/run|…>        behind a bar of the level's colour: text
 *     ┃ Event: … · Automation: … · Details              and, small, what happened
 *     ┃ Run: … · Project: … · By: …
 *
 * The bar is an attachment's; blocks of the message itself have none.  The header is one of those
 * because Slack folds what is long in an attachment.  Where a message has blocks its "text" is not
 * shown, but read out and shown in notifications.
 *
 * Several firings become a list of the first twenty, oldest first, and the number of all.  Blocks
 * that an automation brings itself go in place of all this; for several firings only if they tell
 * of them, by ${firing_count} or ${json:firings}. */
#include "plugins/slack/slack.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LISTED_MAX  20          /* firings that a digest lists */
#define LISTED_EACH 10          /* in one section */
#define LISTED_LEN  150         /* characters of a line */

static const struct level {
    const char *name, *emoji, *colour;
} levels[] = {
    { "INFO",  "ℹ️", "#439FE0" },
    { "WARN",  "⚠️", "#DAA038" },
    { "ERROR", "🚨", "#A30200" },
};

static const struct level *level_of(const struct slack_action *say)
{
    for (size_t i = 0; say->level && i < sizeof(levels) / sizeof(*levels); i++)
        if (strcasecmp(levels[i].name, say->level) == 0)
            return &levels[i];
    return &levels[0];
}

/* As plain text on one line; "" if there is none. */
static const char *title_of(const struct bf_delivery *d)
{
    const struct slack_action *say = d->action;

    return say->title ? slack_line(d->arena, bf_expand(d, say->title, BF_ESC_NONE)) : "";
}

/* As markup; "" if there is none. */
static const char *text_of(const struct bf_delivery *d)
{
    const struct slack_action *say = d->action;

    return say->text ? slack_markup(d, say->text) : "";
}


/* --- blocks ------------------------------------------------------------------------- */

static const char *markup(struct bf_arena *a, const char *text)
{
    return bf_printf(a, "{\"type\":\"mrkdwn\",\"text\":%s,\"verbatim\":true}", bf_quote(a, text));
}

static const char *section(struct bf_arena *a, const char *text)
{
    return bf_printf(a, "{\"type\":\"section\",\"text\":%s}", markup(a, text));
}

static const char *context(struct bf_arena *a, const char *text)
{
    return bf_printf(a, "{\"type\":\"context\",\"elements\":[%s]}", markup(a, text));
}

static const char *header(struct bf_arena *a, const char *text)
{
    return bf_printf(a, "{\"type\":\"header\",\"text\":{\"type\":\"plain_text\",\"text\":%s,"
                     "\"emoji\":false}}",
                     bf_quote(a, slack_cut(a, text, SLACK_HEADER_MAX, false)));
}

/* `notice` is markup, for notifications; `body` is blocks. */
static const char *whole(const struct bf_delivery *d, const char *title, const char *notice,
                         const char *body)
{
    struct bf_arena *a = d->arena;

    notice = bf_quote(a, slack_cut(a, notice, SLACK_FALLBACK_MAX, true));
    return bf_printf(a, "\"text\":%s,\"blocks\":[%s],\"attachments\":[{\"color\":\"%s\","
                     "\"fallback\":%s,\"blocks\":[%s]}]",
                     notice, header(a, title), level_of(d->action)->colour, notice, body);
}


/* --- one firing ----------------------------------------------------------------------- */

static const char *one(const struct bf_delivery *d)
{
    struct bf_arena *a = d->arena;
    const char *title = title_of(d), *text = text_of(d), *notice, *body;

    if (!*title)
        title = slack_line(a, d->automation);
    title = bf_printf(a, "%s %s", level_of(d->action)->emoji, title);
    notice = slack_escape(a, title);
    body = context(a, slack_context(d));
    if (*text) {
        notice = bf_printf(a, "%s: %s", notice, text);
        body = bf_printf(a, "%s,%s", section(a, slack_cut(a, text, SLACK_SECTION_MAX, true)), body);
    }
    return whole(d, title, notice, body);
}


/* --- several --------------------------------------------------------------------------- */

static bool has_variables(const char *tmpl) { return tmpl && strstr(tmpl, "${"); }

/* One line for one firing, which must tell it from the others. */
static const char *line_of(const struct bf_delivery *d)
{
    const struct slack_action *say = d->action;
    struct bf_arena *a = d->arena;
    const char *title = slack_escape(a, title_of(d)), *text = slack_line(a, text_of(d));
    const char *what = slack_subject(d);
    bool tells = has_variables(say->title) || has_variables(say->text);

    if (!*title && !*text)
        title = slack_escape(a, slack_event(d));
    if (tells && (*title || *text))
        what = "";
    return bf_printf(a, "• %s", slack_cut(a, bf_printf(a, "%s%s%s%s%s", title,
                                                       *title && *text ? " — " : "", text,
                                                       *what ? ": " : "", what),
                                          LISTED_LEN, true));
}

/* Of all that are told of, those that could not be handed over too. */
static size_t count_firings(const struct bf_delivery *d)
{
    size_t said = strtoul(bf_expand(d, "${firing_count}", BF_ESC_NONE), NULL, 10), n = 1;

    for (const struct bf_delivery *const *m = d->merged; m && *m; m++)
        n++;
    return said > n ? said : n;
}

/* The k-th of them; NULL behind the last that was handed over. */
static const struct bf_delivery *firing(const struct bf_delivery *d, size_t k)
{
    return k == 0 ? d : d->merged ? d->merged[k - 1] : NULL;
}

static const char *several(const struct bf_delivery *d, size_t n_firings)
{
    struct bf_arena *a = d->arena;
    struct bf_text body = { 0 }, lines = { 0 };
    const struct bf_delivery *one;
    const char *title, *rest;
    size_t n = 0;

    while (n < LISTED_MAX && (one = firing(d, n)) != NULL) {
        bf_append(a, &lines, "%s%s", lines.len ? "\n" : "", line_of(one));
        if (++n % LISTED_EACH == 0) {
            bf_append(a, &body, "%s,", section(a, lines.s));
            lines = (struct bf_text){ 0 };
        }
    }
    rest = slack_number(a, n_firings - n);
    if (n_firings > n)
        bf_append(a, &lines, "%sand %s more", lines.len ? "\n" : "", rest);
    if (lines.len)
        bf_append(a, &body, "%s,", section(a, lines.s));
    bf_append(a, &body, "%s", context(a, slack_origin(d)));
    title = bf_printf(a, "%s %s firings of %s", level_of(d->action)->emoji,
                      slack_number(a, n_firings), slack_line(a, d->automation));
    return whole(d, title, slack_escape(a, title), body.s);
}


/* --- either ------------------------------------------------------------------------------ */

static bool tells_of_several(const char *tmpl)
{
    return strstr(tmpl, "firing_count}") || strstr(tmpl, "firings}");
}

/* An automation's own blocks; its title and text are what notifications say. */
static const char *own(const struct bf_delivery *d, struct slack_problem *p)
{
    const struct slack_action *say = d->action;
    struct bf_arena *a = d->arena;
    const char *title = slack_escape(a, title_of(d)), *text = text_of(d);
    const char *blocks = slack_blocks(d, say->blocks, p);

    if (p->words)
        return NULL;
    if (!*title && !*text)
        title = slack_escape(a, slack_line(a, d->automation));
    text = bf_printf(a, "%s%s%s", title, *title && *text ? ": " : "", text);
    return bf_printf(a, "\"text\":%s,\"blocks\":%s",
                     bf_quote(a, slack_cut(a, text, SLACK_FALLBACK_MAX, true)), blocks);
}

bool slack_has_blocks(const struct slack_action *say)
{
    return say->blocks && strcmp(say->blocks, "null") != 0;
}

const char *slack_message(const struct bf_delivery *d, struct slack_problem *p)
{
    const struct slack_action *say = d->action;
    size_t n = d->merged ? count_firings(d) : 1;

    *p = (struct slack_problem){ 0 };
    if (slack_has_blocks(say) && (n == 1 || tells_of_several(say->blocks)))
        return own(d, p);
    return n > 1 ? several(d, n) : one(d);
}
