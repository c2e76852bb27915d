/* blocks.c - blocks that an automation brings itself: filled in, checked, and cut where they are
 * too long.
 *
 * CONCEPT.  The template is walked as JSON, and each of its strings filled in by itself, for
 * what may stand in it depends on where it is: in markup a value is escaped, in plain text it is
 * not.  What the author wrote around the values is the author's, mentions and links included.
 *
 * Values fill strings and nothing else.  A ${json:...} that holds an object or an array is
 * refused, because whoever sends the event could then add a mention that no escape prevents.  So
 * are values in a block of type "markdown", where Slack makes links of [words](address).
 *
 * What is not a template is not filled in: what a script made comes with its values in place,
 * and would be filled in a second time.  It is known by rendering to itself.
 *
 * OPERATION.  What is wrong with the structure is wrong with every event, and is told when the
 * automation is saved.  Texts that are too long are cut; an address or an id cannot be, and
 * fails the execution with its size.  Types that are not known here are left to Slack, which has
 * new ones now and then. */
#include "plugins/slack/slack.h"

#include <string.h>
#include <strings.h>

#define BLOCKS_MAX 50
#define DEPTH_MAX  16
#define STRING_MAX 3000         /* characters of a value where no text stands; no limit is higher */

struct walk {
    const struct bf_delivery *d;
    struct bf_arena *a;
    struct bf_text out;
    struct slack_problem *problem;
    bool filled;                /* a template; else it is what a script made, or has no variables */
    size_t budget;              /* characters that are left of the message's */
    int depth;
};

/* Where we are: "[2].text", and how long a text may be there. */
struct spot {
    const char *path;
    const char *within;         /* type of the object around it, or "" */
    size_t max;
};

BF_FORMAT(4, 5)
static bool wrong(struct walk *w, bool of_value, const char *path, const char *fmt, ...)
{
    struct bf_arena *a = w->a;
    va_list ap;

    if (w->problem->words)
        return false;
    va_start(ap, fmt);
    w->problem->words = bf_printf(a, "blocks%s %s", path, a->host->print(a, fmt, ap));
    va_end(ap);
    w->problem->of_value = of_value;
    return false;
}

static bool has_variable(const struct walk *w, const char *text)
{
    return w->filled && strchr(text, '$');
}


/* --- strings ------------------------------------------------------------------------- */

/* The whole of a string, which comes with its type. */
static bool is_typed(const char *text)
{
    return strncmp(text, "${json:", 7) == 0 && strcspn(text, "}") == strlen(text) - 1;
}

/* A string as it goes out, with its quotes, or what a ${json:...} is. */
static const char *filled_json(struct walk *w, const struct spot *at, const char *text)
{
    const char *json = bf_quote(w->a, text);
    int type;

    if (!has_variable(w, text))
        return json;
    json = bf_render(w->d, json);
    type = bf_type(w->a, json, "");
    if (type == BF_V_OBJECT || type == BF_V_ARRAY)
        wrong(w, false, at->path, "is %s: a value of an event fills a string, a number or a flag,"
              " but brings no blocks of its own, for it could hold mentions; a transform script may"
              " make them", text);
    return json;
}

/* What people will read, as plain text or markup. */
static const char *filled_text(struct walk *w, const struct spot *at, const char *text, bool markup)
{
    if (has_variable(w, text) && is_typed(text)) {
        text = bf_get(w->a, filled_json(w, at, text), "");
        text = markup ? slack_escape(w->a, text) : text;
    } else if (has_variable(w, text)) {
        text = markup ? slack_markup(w->d, text) : bf_expand(w->d, text, BF_ESC_NONE);
    }
    return slack_lines(w->a, text);
}

/* Cut to what may stand here, and to what the message has left; where that is nothing, not even filled
 * in, as a value may have a megabyte.  Slack refuses an empty text. */
static void put_text(struct walk *w, const struct spot *at, const char *text, bool markup)
{
    const char *full = w->budget ? filled_text(w, at, text, markup) : "", *cut;
    size_t max = at->max < w->budget ? at->max : w->budget, n;

    cut = slack_cut(w->a, full, max, markup);
    w->problem->n_cut += cut != full && at->max > SLACK_HEADER_MAX;
    n = slack_length(cut);
    w->budget -= n < w->budget ? n : w->budget;
    bf_append(w->a, &w->out, "%s", bf_quote(w->a, *cut ? cut : " "));
}

static const struct { const char *name; size_t max; } limits[] = {
    { "url", 3000 },           { "image_url", 3000 }, { "thumbnail_url", 3000 },
    { "video_url", 3000 },     { "title_url", 3000 }, { "block_id", 255 },
    { "action_id", 255 },      { "value", 2000 },
};

static bool is_address(const char *key)
{
    size_t len = strlen(key);

    return len >= 3 && strcmp(key + len - 3, "url") == 0;
}

/* Of what is no text to read.  Of keys that are not known a value has some limit all the same. */
static size_t limit_of(const struct walk *w, const char *key, const char *text)
{
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
        if (strcmp(limits[i].name, key) == 0)
            return limits[i].max;
    return has_variable(w, text) ? STRING_MAX : SIZE_MAX;
}

static void put_string(struct walk *w, const struct spot *at, const char *key, const char *text)
{
    bool address = is_address(key) && has_variable(w, text) && !is_typed(text);
    const char *json = address ? bf_quote(w->a, slack_address(w->d, text)) : filled_json(w, at, text);
    size_t n = slack_length(bf_get(w->a, json, "")), max = limit_of(w, key, text);

    if (n > max)
        wrong(w, has_variable(w, text), at->path, "has %s characters; Slack takes %s",
              slack_number(w->a, n), slack_number(w->a, max));
    bf_append(w->a, &w->out, "%s", json);
}


/* --- objects ------------------------------------------------------------------------- */

static const struct { const char *within, *key; size_t max; } rooms[] = {
    { "header", "text", SLACK_HEADER_MAX }, { "section", "fields", 2000 },
    { "button", "text", 75 },               { "", "placeholder", 150 },
    { "image", "title", 2000 },             { "", "options", 75 },
};

static size_t room_for(const char *within, const char *key, size_t so_far)
{
    for (size_t i = 0; i < sizeof(rooms) / sizeof(*rooms); i++)
        if (strcmp(rooms[i].key, key) == 0 &&
            (!*rooms[i].within || strcmp(rooms[i].within, within) == 0))
            return rooms[i].max;
    return so_far;
}

static bool is(const char *a, const char *b) { return strcmp(a, b) == 0; }

static void put(struct walk *w, const struct spot *at, const char *key, int type,
                const char *value);

/* {"type":"mrkdwn","text":...} and its likes.  Bare addresses and names in it stay what they
 * are, lest a value makes a link; where there is no value, the author may have it otherwise. */
static void put_text_object(struct walk *w, const struct spot *at, const char *json,
                            const char *type)
{
    bool markup = is(type, "mrkdwn");
    const char *text = bf_get(w->a, json, "/text"), *verbatim = bf_get(w->a, json, "/verbatim");
    struct bf_item it = { .size = sizeof(it) };

    if (bf_type(w->a, json, "/text") != BF_V_STRING)
        wrong(w, false, at->path, "has no text that is a string");
    if (markup && *verbatim && !is(verbatim, "true") && has_variable(w, text))
        wrong(w, false, at->path, "has variables, so \"verbatim\" must be true or left out: Slack"
              " would make links and mentions of what their values hold");
    bf_append(w->a, &w->out, "{\"type\":\"%s\",\"text\":", type);
    put_text(w, at, text, markup);
    while (bf_each(w->a, json, "", &it)) {
        if (is(it.key, "type") || is(it.key, "text"))
            continue;
        bf_append(w->a, &w->out, ",%s:", bf_quote(w->a, it.key));
        put(w, at, it.key, (int)it.type, it.value);
    }
    bf_append(w->a, &w->out, "%s}", markup && !*verbatim ? ",\"verbatim\":true" : "");
}

static bool is_text_type(const char *type)
{
    return is(type, "mrkdwn") || is(type, "plain_text") || is(type, "text");
}

static void put_object(struct walk *w, const struct spot *at, const char *json)
{
    const char *type = bf_get(w->a, json, "/type");
    struct bf_item it = { .size = sizeof(it) };
    const char *before = "";

    if (has_variable(w, type))
        wrong(w, false, at->path, "has a variable in its type");
    if (is_text_type(type)) {
        put_text_object(w, at, json, type);
        return;
    }
    bf_append(w->a, &w->out, "{");
    while (bf_each(w->a, json, "", &it)) {
        struct spot in = { bf_printf(w->a, "%s.%s", at->path, it.key), type,
                           room_for(type, it.key, at->max) };

        bf_append(w->a, &w->out, "%s%s:", before, bf_quote(w->a, it.key));
        put(w, &in, it.key, (int)it.type, it.value);
        before = ",";
    }
    bf_append(w->a, &w->out, "}");
}

static void put_array(struct walk *w, const struct spot *at, const char *json)
{
    struct bf_item it = { .size = sizeof(it) };

    bf_append(w->a, &w->out, "[");
    for (size_t n = 0; bf_each(w->a, json, "", &it); n++) {
        struct spot in = { bf_printf(w->a, "%s[%zu]", at->path, n), at->within, at->max };

        bf_append(w->a, &w->out, "%s", n ? "," : "");
        put(w, &in, "", (int)it.type, it.value);
    }
    bf_append(w->a, &w->out, "]");
}

static void put(struct walk *w, const struct spot *at, const char *key, int type,
                const char *value)
{
    if (w->problem->words)
        return;                 /* it is refused, and the rest may be long */
    if (++w->depth > DEPTH_MAX)
        wrong(w, false, at->path, "is nested too deep");
    else if (type == BF_V_OBJECT)
        put_object(w, at, value);
    else if (type == BF_V_ARRAY)
        put_array(w, at, value);
    else if (type == BF_V_STRING && is(key, "alt_text"))
        put_text(w, at, value, false);
    else if (type == BF_V_STRING)
        put_string(w, at, key, value);
    else
        bf_append(w->a, &w->out, "%s", value);
    w->depth--;
}


/* --- what each block must have ----------------------------------------------------------- */

static size_t count(struct bf_arena *a, const char *json, const char *pointer)
{
    struct bf_item it = { .size = sizeof(it) };
    size_t n = 0;

    while (bf_each(a, json, pointer, &it))
        n++;
    return n;
}

/* "text" of a block. */
static bool check_text(struct walk *w, const char *path, const char *json, bool plain)
{
    const char *type = bf_get(w->a, json, "/text/type");
    const char *example = plain ? "{\"type\":\"plain_text\",\"text\":\"...\"}"
                                : "{\"type\":\"mrkdwn\",\"text\":\"...\"}";

    if (is(type, "plain_text") || (!plain && is(type, "mrkdwn")))
        return true;
    return wrong(w, false, path, "needs a text that is %s", example);
}

static bool check_list(struct walk *w, const char *path, const char *json, const char *name,
                       size_t max)
{
    const char *pointer = bf_printf(w->a, "/%s", name);
    size_t n = count(w->a, json, pointer);

    if (bf_type(w->a, json, pointer) != BF_V_ARRAY || n == 0)
        return wrong(w, false, path, "needs an array of %s", name);
    if (n <= max)
        return true;
    return wrong(w, false, path, "has %s %s; Slack takes %zu", slack_number(w->a, n), name, max);
}

static bool check_section(struct walk *w, const char *path, const char *json)
{
    bool text = bf_type(w->a, json, "/text") != BF_V_NONE;
    bool fields = bf_type(w->a, json, "/fields") != BF_V_NONE;

    if (!text && !fields)
        return wrong(w, false, path, "needs a text or fields");
    return (!text || check_text(w, path, json, false)) &&
           (!fields || check_list(w, path, json, "fields", 10));
}

static bool check_image(struct walk *w, const char *path, const char *json)
{
    if (bf_type(w->a, json, "/alt_text") != BF_V_STRING)
        return wrong(w, false, path, "needs an alt_text");
    if (bf_type(w->a, json, "/image_url") == BF_V_NONE &&
        bf_type(w->a, json, "/slack_file") == BF_V_NONE)
        return wrong(w, false, path, "needs an image_url or a slack_file");
    return true;
}

static bool check_markdown(struct walk *w, const char *path, const char *json)
{
    const char *text = bf_get(w->a, json, "/text");

    if (bf_type(w->a, json, "/text") != BF_V_STRING)
        return wrong(w, false, path, "needs a text that is a string");
    if (w->filled && strstr(text, "${"))
        return wrong(w, false, path, "is of type markdown and has variables: their values could"
                     " make links; use a section with text of type mrkdwn");
    return true;
}

static bool check_block(struct walk *w, const char *path, const char *json)
{
    const char *type = bf_get(w->a, json, "/type");

    if (bf_type(w->a, json, "/type") != BF_V_STRING || !*type)
        return wrong(w, false, path, "is no block: a block is an object with a type, such as"
                     " {\"type\":\"divider\"}");
    if (is(type, "section"))
        return check_section(w, path, json);
    if (is(type, "header"))
        return check_text(w, path, json, true);
    if (is(type, "context"))
        return check_list(w, path, json, "elements", 10);
    if (is(type, "actions"))
        return check_list(w, path, json, "elements", 25);
    if (is(type, "rich_text"))
        return check_list(w, path, json, "elements", 1000);
    if (is(type, "image"))
        return check_image(w, path, json);
    return is(type, "markdown") ? check_markdown(w, path, json) : true;
}

static bool check_all(struct walk *w, const char *json)
{
    struct bf_item it = { .size = sizeof(it) };
    size_t n = count(w->a, json, "");

    if (bf_type(w->a, json, "/blocks") == BF_V_ARRAY)
        return wrong(w, false, "", "must be the array itself, without {\"blocks\": ...} around it");
    if (bf_type(w->a, json, "") != BF_V_ARRAY)
        return wrong(w, false, "", "must be an array of blocks");
    if (n == 0 || n > BLOCKS_MAX)
        return wrong(w, false, "", "has %s blocks; a message has 1 to %d", slack_number(w->a, n),
                     BLOCKS_MAX);
    for (size_t i = 0; bf_each(w->a, json, "", &it); i++)
        if (!check_block(w, bf_printf(w->a, "[%zu]", i), it.value))
            return false;
    return true;
}

const char *slack_blocks(const struct bf_delivery *d, const char *tmpl, struct slack_problem *p)
{
    struct walk w = { .d = d, .a = d->arena, .problem = p, .budget = SLACK_MESSAGE_MAX };
    struct spot top = { "", "", SLACK_SECTION_MAX };

    w.filled = strcmp(bf_render(d, tmpl), tmpl) != 0;
    if (check_all(&w, tmpl))
        put_array(&w, &top, tmpl);
    return p->words ? "" : w.out.s;
}
