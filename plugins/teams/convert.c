/* convert.c - a MessageCard as an Adaptive Card, because flows show no other.
 *
 * What W&B's documentation sends to Teams, and most of what was written for connectors, is a title,
 * texts, facts and buttons that open a page: all of that has its counterpart.  A colour becomes the
 * nearest of the five styles that containers have.  Buttons that send something back have none, as a
 * webhook has nobody to answer them; they are named when the automation is saved.
 *
 * Both forms read Markdown in the same places, so texts are taken over as they are; <br>, which
 * connectors read as a line end, becomes one. */
#include "teams.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ACTIONS_MAX 6                   /* that Teams shows of a card */

struct converting {
    struct bf_arena *a;
    const char *json;                   /* of the card, or of a section */
    bool plain;                         /* a section without Markdown */
    struct bf_text dropped;
};

static const char *get(const struct converting *c, const char *pointer)
{
    return bf_get(c->a, c->json, pointer);
}

static void drop(struct converting *c, const char *what)
{
    if (!c->dropped.s || !strstr(c->dropped.s, what))
        bf_append(c->a, &c->dropped, "%s%s", c->dropped.len ? ", " : "", what);
}

static void add(struct converting *c, struct bf_text *list, const char *element)
{
    if (*element)
        bf_append(c->a, list, "%s%s", list->len ? "," : "", element);
}

static const char *text_of(const struct bf_text *list) { return list->s ? list->s : ""; }


/* --- texts --------------------------------------------------------------------------------- */

static size_t break_len(const char *p)
{
    static const char *const forms[] = {"<br>", "<br/>", "<br />"};

    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
        if (strncasecmp(p, forms[i], strlen(forms[i])) == 0)
            return strlen(forms[i]);
    return 0;
}

static const char *without_breaks(struct bf_arena *a, const char *text)
{
    struct bf_text out = {0};
    const char *from = text;

    if (!strcasestr(text, "<br"))
        return text;
    for (const char *p = text; *p;) {
        size_t n = break_len(p);

        if (n)
            bf_append(a, &out, "%.*s\n\n", (int)(p - from), from);
        p += n ? n : 1;
        from = n ? p : from;
    }
    bf_append(a, &out, "%s", from);
    return out.s;
}

/* "" if there is no text. */
static const char *block(const struct converting *c, const char *text, const char *more)
{
    if (!*text)
        return "";
    text = c->plain ? teams_escape(c->a, text, TEAMS_BLOCK) : without_breaks(c->a, text);
    return bf_printf(c->a, "{\"type\":\"TextBlock\",\"text\":%s,\"wrap\":true%s}",
                     bf_quote(c->a, text), more);
}

#define LARGE  ",\"size\":\"Large\",\"weight\":\"Bolder\""
#define BOLD   ",\"weight\":\"Bolder\""
#define SUBTLE ",\"isSubtle\":true,\"spacing\":\"None\""


/* --- colours ------------------------------------------------------------------------------- */

static int hue(int r, int g, int b, int spread)
{
    int h;

    if (r >= g && r >= b)
        h = 60 * (g - b) / spread;
    else if (g >= b)
        h = 120 + 60 * (b - r) / spread;
    else
        h = 240 + 60 * (r - g) / spread;
    return (h + 360) % 360;
}

static int most(int a, int b) { return a > b ? a : b; }

/* The style of a container that comes nearest to "#A30200". */
static const char *style_of(const char *color)
{
    char *end;
    long rgb;
    int r, g, b, spread, h;

    color += *color == '#';
    rgb = strtol(color, &end, 16);
    if (*end || end - color != 6)
        return "emphasis";
    r = (int)(rgb >> 16 & 255);
    g = (int)(rgb >> 8 & 255);
    b = (int)(rgb & 255);
    spread = most(r, most(g, b)) + most(-r, most(-g, -b));
    if (spread < 40)
        return "emphasis";              /* a grey */
    h = hue(r, g, b, spread);
    if (h < 20 || h >= 330)
        return "attention";
    return h < 70 ? "warning" : h < 170 ? "good" : "accent";
}


/* --- parts of a section ---------------------------------------------------------------------- */

static const char *image(const struct converting *c, const char *url, const char *more)
{
    if (!teams_is_link(url) && strncmp(url, "data:image/", 11) != 0)
        return "";
    return bf_printf(c->a, "{\"type\":\"Image\",\"url\":%s%s}", bf_quote(c->a, url), more);
}

/* A picture with a title, a line and a text beside it; without a picture these alone. */
static const char *activity(struct converting *c)
{
    const char *picture = image(c, get(c, "/activityImage"), ",\"size\":\"Small\"");
    struct bf_text texts = {0};

    add(c, &texts, block(c, get(c, "/activityTitle"), BOLD));
    add(c, &texts, block(c, get(c, "/activitySubtitle"), SUBTLE));
    add(c, &texts, block(c, get(c, "/activityText"), ""));
    if (!*picture)
        return text_of(&texts);
    return bf_printf(c->a, "{\"type\":\"ColumnSet\",\"columns\":[{\"type\":\"Column\",\"width\":"
                     "\"auto\",\"items\":[%s]},{\"type\":\"Column\",\"width\":\"stretch\",\"items\":"
                     "[%s]}]}", picture, text_of(&texts));
}

static const char *facts(struct converting *c)
{
    struct bf_item it = {.size = sizeof(it)};
    struct bf_text list = {0};

    while (bf_each(c->a, c->json, "/facts", &it)) {
        const char *name = bf_get(c->a, it.value, "/name"), *value = bf_get(c->a, it.value, "/value");

        if (!*name && !*value)
            continue;
        if (c->plain) {
            name = teams_escape(c->a, name, TEAMS_LINE);
            value = teams_escape(c->a, value, TEAMS_LINE);
        }
        add(c, &list, bf_printf(c->a, "{\"title\":%s,\"value\":%s}", bf_quote(c->a, name),
                                bf_quote(c->a, value)));
    }
    return list.len ? bf_printf(c->a, "{\"type\":\"FactSet\",\"facts\":[%s]}", list.s) : "";
}

static const char *images(struct converting *c)
{
    struct bf_item it = {.size = sizeof(it)};
    struct bf_text list = {0};

    while (bf_each(c->a, c->json, "/images", &it)) {
        const char *title = bf_get(c->a, it.value, "/title");

        add(c, &list, image(c, bf_get(c->a, it.value, "/image"),
                            *title ? bf_printf(c->a, ",\"altText\":%s", bf_quote(c->a, title)) : ""));
    }
    return list.len ? bf_printf(c->a, "{\"type\":\"ImageSet\",\"imageSize\":\"Medium\",\"images\":"
                                "[%s]}", list.s) : "";
}


/* --- actions ------------------------------------------------------------------------------- */

/* Of the targets, one for each system, the one for all. */
static const char *target_of(const struct converting *c, const char *action)
{
    struct bf_item it = {.size = sizeof(it)};
    const char *url = bf_get(c->a, action, "/target/0");        /* of a ViewAction, which is older */

    while (bf_each(c->a, action, "/targets", &it)) {
        const char *uri = bf_get(c->a, it.value, "/uri");

        if (!*url || strcmp(bf_get(c->a, it.value, "/os"), "default") == 0)
            url = uri;
    }
    return url;
}

static const char *button(struct converting *c, const char *action)
{
    const char *type = bf_get(c->a, action, "/@type"), *name = bf_get(c->a, action, "/name");
    const char *url = target_of(c, action);

    if (strcmp(type, "OpenUri") != 0 && strcmp(type, "ViewAction") != 0) {
        drop(c, bf_printf(c->a, "the %.40s \"%.80s\"", *type ? type : "action", name));
        return "";
    }
    if (!teams_is_link(url))
        return "";
    return bf_printf(c->a, "{\"type\":\"Action.OpenUrl\",\"title\":%s,\"url\":%s}",
                     bf_quote(c->a, *name ? name : "Open"), bf_quote(c->a, url));
}

static const char *buttons(struct converting *c)
{
    struct bf_item it = {.size = sizeof(it)};
    struct bf_text list = {0};
    int n = 0;

    while (bf_each(c->a, c->json, "/potentialAction", &it)) {
        const char *made = button(c, it.value);

        n += *made != '\0';
        if (n <= ACTIONS_MAX)
            add(c, &list, made);
        else
            drop(c, "buttons beyond the sixth");
    }
    return text_of(&list);
}


/* --- the card ---------------------------------------------------------------------------------- */

/* Everything that a section, or the card itself, shows below its title. */
static void add_content(struct converting *c, struct bf_text *list)
{
    add(c, list, activity(c));
    add(c, list, image(c, get(c, "/heroImage/image"), ""));
    add(c, list, block(c, get(c, "/text"), ""));
    add(c, list, facts(c));
    add(c, list, images(c));
}

static const char *section(struct converting *c, bool first)
{
    const char *made;
    struct bf_text items = {0};

    c->plain = strcmp(get(c, "/markdown"), "false") == 0;
    add(c, &items, block(c, get(c, "/title"), BOLD));
    add_content(c, &items);
    made = buttons(c);
    if (*made)
        add(c, &items, bf_printf(c->a, "{\"type\":\"ActionSet\",\"actions\":[%s]}", made));
    c->plain = false;
    if (!items.len)
        return "";
    return bf_printf(c->a, "{\"type\":\"Container\"%s,\"items\":[%s]}",
                     first ? "" : ",\"separator\":true", items.s);
}

/* In the colour of the card; without a title, a coloured line stands for it. */
static const char *header(struct converting *c)
{
    const char *color = get(c, "/themeColor"), *title = block(c, get(c, "/title"), LARGE);

    if (!*title && *color)
        title = block(c, get(c, "/summary"), BOLD);
    if (!*title)
        return "";
    return bf_printf(c->a, "{\"type\":\"Container\",\"style\":\"%s\",\"bleed\":true,\"items\":[%s]}",
                     *color ? style_of(color) : "emphasis", title);
}

static void add_sections(struct converting *c, struct bf_text *body)
{
    struct bf_item it = {.size = sizeof(it)};
    const char *card = c->json;

    while (bf_each(c->a, card, "/sections", &it)) {
        c->json = it.value;
        add(c, body, section(c, body->len == 0));
    }
    c->json = card;
}

const char *teams_convert(struct bf_arena *a, const char *json, const char **dropped)
{
    struct converting c = {.a = a, .json = json};
    struct bf_text body = {0};
    const char *made;

    add(&c, &body, header(&c));
    add_content(&c, &body);
    add_sections(&c, &body);
    if (!body.len)
        add(&c, &body, block(&c, get(&c, "/summary"), ""));
    made = buttons(&c);
    if (dropped)
        *dropped = text_of(&c.dropped);
    return bf_printf(a, "{\"$schema\":\"" TEAMS_SCHEMA "\",\"type\":\"AdaptiveCard\",\"version\":"
                     "\"1.4\",\"msteams\":{\"width\":\"Full\"},\"body\":[%s],\"actions\":[%s]}",
                     text_of(&body), made);
}
