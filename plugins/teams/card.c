/* card.c - the message of an action's title, text and level: what happened, in the order in which
 * people look, and a way back to the hub.
 *
 * A flow gets an Adaptive Card, a connector a MessageCard; both are made of the same parts.  All of
 * them are held to a size before the text is, so what is left of the limit is the text's, and a text
 * that does not fit says how much of it is missing.  Where several firings were merged, the text is a
 * list of them. */
#include "teams.h"

#include <string.h>

#define FLOW_ROOM      26000            /* bytes of a message of ours, below the limit for secrets that
                                           are longer than their stand-ins */
#define CONNECTOR_ROOM 20000            /* connectors were seen to refuse from 21,000 on */
#define TITLE_ROOM 600
#define FACT_ROOM  600
#define LINE_ROOM  300

struct level {
    const char *name;
    const char *mark;
    const char *style;                  /* of a container */
    const char *color;                  /* of a MessageCard */
};

static const struct level levels[] = {
    {"INFO", "ℹ️", "accent", "439FE0"},
    {"WARN", "⚠️", "warning", "DAA038"},
    {"ERROR", "🚨", "attention", "A30200"},
};

/* What the rules call events, as people do. */
static const struct {
    const char *type, *words;
} events[] = {
    {"CREATE_ARTIFACT", "new version"},
    {"LINK_ARTIFACT", "version linked"},
    {"UNLINK_ARTIFACT", "version unlinked"},
    {"ADD_ARTIFACT_ALIAS", "alias ${alias} added"},
    {"ADD_ARTIFACT_TAG", "tag ${tag} added"},
    {"REMOVE_ARTIFACT_TAG", "tag ${tag} removed"},
    {"ADD_COLLECTION_TAG", "tag ${tag} added to the collection"},
    {"REMOVE_COLLECTION_TAG", "tag ${tag} removed from the collection"},
    {"RUN_METRIC", "metric of a run"},
    {"RUN_METRIC_CHANGE", "metric of a run has changed"},
    {"RUN_METRIC_ZSCORE", "metric of a run is unusual"},
    {"RUN_STATE", "run is ${run_status}"},
    {"RUN_ALERT", "alert of a run"},
    {"SCHEDULE", "schedule"},
    {"ABSENCE", "${absent_event} stayed away for ${absent_for}"},
};

struct card {
    const struct bf_delivery *d;
    struct bf_arena *a;
    const struct level *level;
    const char *title;
    const char *facts;                  /* the elements of an array */
    const char *links;                  /* the same */
};

static bool has(const struct bf_delivery *d, const char *variable)
{
    return *bf_expand(d, variable, BF_ESC_NONE) != '\0';
}

static const struct level *level_of(const char *name)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
        if (strcmp(levels[i].name, name) == 0)
            return &levels[i];
    return &levels[0];
}

static bool is_notice(const char *type) { return strncmp(type, "belfry.", 7) == 0; }

/* "integration disabled" of "belfry.integration.disabled". */
static const char *notice_words(struct bf_arena *a, const char *type)
{
    const char *noun = type + strlen("belfry."), *verb = strchr(noun, '.');

    return verb ? bf_printf(a, "%.*s %s", (int)(verb - noun), noun, verb + 1) : noun;
}

static const char *event_words(const struct bf_delivery *d)
{
    const char *type = bf_expand(d, "${event_type}", BF_ESC_NONE);

    if (is_notice(type))
        return notice_words(d->arena, type);
    for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
        if (strcmp(events[i].type, type) == 0)
            return events[i].words;
    return "${event_type}";
}

/* The version, or the collection, or the run; NULL: it is about none of them. */
static const char *subject(const struct bf_delivery *d)
{
    static const char *const variables[] = {
        "${artifact_version_string}", "${artifact_collection_name}", "${run_name}",
    };

    for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
        if (has(d, variables[i]))
            return variables[i];
    return NULL;
}

static const char *measured(const struct bf_delivery *d)
{
    if (has(d, "${metric_filter_short}"))
        return "${metric_filter_short}: ${metric_values}";
    return has(d, "${metric_name}") ? "${metric_name} = ${metric_values}" : NULL;
}


/* --- parts -------------------------------------------------------------------------------- */

struct facts {
    const struct bf_delivery *d;
    const char *name;                   /* what a fact's name is called: "title", or "name" */
    struct bf_text list;
};

static void add_fact(struct facts *f, const char *name, const char *tmpl)
{
    const char *value = tmpl ? teams_line(f->d, tmpl, FACT_ROOM) : "";

    if (*value)
        bf_append(f->d->arena, &f->list, "%s{\"%s\":\"%s\",\"value\":%s}", f->list.len ? "," : "",
                  f->name, name, bf_quote(f->d->arena, value));
}

/* What the hub tells of itself: what it is about, and why. */
static void add_notice(struct facts *f)
{
    if (!is_notice(bf_expand(f->d, "${event_type}", BF_ESC_NONE)))
        return;
    add_fact(f, "Name", "${data.name}");
    add_fact(f, "Automation that failed", "${data.automation}");
    add_fact(f, "Integration", "${data.integration.name}");
    add_fact(f, "Reason", "${data.reason}");
    add_fact(f, "Error", "${data.error}");
}

/* The hub itself is nobody. */
static bool has_author(const struct bf_delivery *d)
{
    return strcmp(bf_expand(d, "${event_author}", BF_ESC_NONE), "belfry-system") != 0;
}

static const char *facts_of(const struct bf_delivery *d, enum teams_kind kind)
{
    struct facts f = {.d = d, .name = kind == TEAMS_CONNECTOR ? "name" : "title"};
    bool about_version = has(d, "${artifact_version_string}");

    add_fact(&f, "Event", event_words(d));
    add_fact(&f, "Automation", "${automation_name}");
    add_fact(&f, has(d, "${project_name}") ? "Project" : "Team",
             has(d, "${project_name}") ? "${entity_name}/${project_name}" : "${entity_name}");
    add_fact(&f, "Run", has(d, "${run_status}") ? "${run_name} (${run_status})" : "${run_name}");
    add_fact(&f, about_version ? "Version" : "Collection",
             about_version ? "${artifact_version_string}" : "${artifact_collection_name}");
    add_fact(&f, "Metric", measured(d));
    add_notice(&f);
    add_fact(&f, "By", has_author(d) ? "${event_author}" : NULL);
    return f.list.s ? f.list.s : "";
}

static void add_link(const struct card *c, enum teams_kind kind, struct bf_text *list,
                     const char *title, const char *url)
{
    const char *between = list->len ? "," : "";

    if (!teams_is_link(url))
        return;
    if (kind == TEAMS_CONNECTOR)
        bf_append(c->a, list, "%s{\"@type\":\"OpenUri\",\"name\":\"%s\",\"targets\":"
                  "[{\"os\":\"default\",\"uri\":%s}]}", between, title, bf_quote(c->a, url));
    else
        bf_append(c->a, list, "%s{\"type\":\"Action.OpenUrl\",\"title\":\"%s\",\"url\":%s}", between,
                  title, bf_quote(c->a, url));
}

static const char *links_of(const struct card *c, enum teams_kind kind)
{
    struct bf_text list = {0};

    add_link(c, kind, &list, "Open in Belfry",
             bf_url(c->d->ctx, c->a, bf_printf(c->a, "/executions/%s", c->d->id)));
    add_link(c, kind, &list, "Automation", bf_expand(c->d, "${automation_url}", BF_ESC_NONE));
    return list.s ? list.s : "";
}

/* An alert of a run brings its own title, and text. */
static const char *title_of(const struct bf_delivery *d)
{
    const struct teams_action *say = d->action;
    const char *title = teams_line(d, say->title, TITLE_ROOM);

    if (!*title)
        title = teams_line(d, "${alert_name}", TITLE_ROOM);
    return *title ? title : teams_line(d, "${automation_name}", TITLE_ROOM);
}

static struct teams_text text_of(const struct bf_delivery *d)
{
    const struct teams_action *say = d->action;
    struct teams_text text = teams_expand(d, say->text, TEAMS_PROSE);

    return *text.s || text.more ? text : teams_expand(d, "${message}", TEAMS_PROSE);
}


/* --- several firings ------------------------------------------------------------------------ */

/* "2026-11-26 08:01:02 · alias production added · acme/vision/resnet:v7" */
static const char *line_of(const struct bf_delivery *d)
{
    const struct teams_action *say = d->action;
    const char *when = bf_expand(d, "${event_time}", BF_ESC_NONE), *what, *about = subject(d);
    const char *of_metric = measured(d);

    what = say->text && *say->text && !say->payload ? teams_line(d, say->text, LINE_ROOM) : "";
    if (!*what)
        what = teams_line(d, of_metric ? of_metric : event_words(d), LINE_ROOM);
    return bf_printf(d->arena, "- %.10s %.8s%s%s · %s\n", when, strlen(when) > 11 ? when + 11 : "",
                     about ? " · " : "", about ? teams_line(d, about, LINE_ROOM) : "", what);
}

static unsigned long long firings(const struct bf_delivery *d)
{
    unsigned long long n = 1, listed = 0;

    for (const char *p = bf_expand(d, "${firing_count}", BF_ESC_NONE); *p >= '0' && *p <= '9'; p++)
        listed = 10 * listed + (unsigned long long)(*p - '0');
    while (d->merged && d->merged[n - 1])
        n++;
    return listed > n ? listed : n;
}

const char *teams_list(const struct bf_delivery *d, bool with_own, size_t room)
{
    unsigned long long total = firings(d) - !with_own, n = 0;
    struct bf_text list = {0};
    size_t used = 80;                   /* the count at the end */

    for (size_t i = with_own ? 0 : 1; i == 0 || (d->merged && d->merged[i - 1]); i++) {
        const char *line = line_of(i ? d->merged[i - 1] : d);

        used += teams_json_len(line);
        if (used > room)
            break;
        bf_append(d->arena, &list, "%s", line);
        n++;
    }
    if (total > n)
        bf_append(d->arena, &list, "\n… and %s more", teams_count(d->arena, total - n));
    return list.s ? list.s : "";
}


/* --- the two forms ---------------------------------------------------------------------------- */

const char *teams_wrap(struct bf_arena *a, const char *card)
{
    return bf_printf(a, "{\"type\":\"message\",\"attachments\":[{\"contentType\":\"" TEAMS_CARD_TYPE
                     "\",\"contentUrl\":null,\"content\":%s}]}", card);
}

static const char *adaptive(const struct card *c, const char *text)
{
    const char *block = *text ? bf_printf(c->a, ",{\"type\":\"TextBlock\",\"text\":%s,\"wrap\":true}",
                                          bf_quote(c->a, text)) : "";

    return teams_wrap(c->a, bf_printf(c->a,
        "{\"$schema\":\"" TEAMS_SCHEMA "\",\"type\":\"AdaptiveCard\",\"version\":\"1.4\","
        "\"msteams\":{\"width\":\"Full\"},\"body\":[{\"type\":\"Container\",\"style\":\"%s\","
        "\"bleed\":true,\"items\":[{\"type\":\"TextBlock\",\"text\":%s,\"size\":\"Medium\","
        "\"weight\":\"Bolder\",\"wrap\":true}]}%s,{\"type\":\"FactSet\",\"facts\":[%s]}],"
        "\"actions\":[%s]}", c->level->style,
        bf_quote(c->a, bf_printf(c->a, "%s %s", c->level->mark, c->title)), block, c->facts,
        c->links));
}

static const char *message_card(const struct card *c, const char *text)
{
    const char *summary = bf_printf(c->a, "%s: %s", c->level->name, c->d->automation);
    const char *member = *text ? bf_printf(c->a, "\"text\":%s,", bf_quote(c->a, text)) : "";

    return bf_printf(c->a,
        "{\"@type\":\"MessageCard\",\"@context\":\"http://schema.org/extensions\","
        "\"themeColor\":\"%s\",\"summary\":%s,\"sections\":[{\"activityTitle\":%s,%s"
        "\"facts\":[%s],\"markdown\":true}],\"potentialAction\":[%s]}", c->level->color,
        bf_quote(c->a, summary),
        bf_quote(c->a, bf_printf(c->a, "%s **%s**", c->level->mark, c->title)), member, c->facts,
        c->links);
}

static const char *print(const struct card *c, enum teams_kind kind, const char *text)
{
    return kind == TEAMS_CONNECTOR ? message_card(c, text) : adaptive(c, text);
}

/* What the text may have, once all else is there. */
static size_t room_of(const struct card *c, enum teams_kind kind)
{
    size_t most = kind == TEAMS_CONNECTOR ? CONNECTOR_ROOM : FLOW_ROOM;
    size_t used = strlen(print(c, kind, "-"));

    return used < most ? most - used : 0;
}

static struct card begin(const struct bf_delivery *d, enum teams_kind kind)
{
    const struct teams_action *say = d->action;
    struct card c = {.d = d, .a = d->arena, .level = level_of(say->level)};

    c.title = title_of(d);
    c.facts = facts_of(d, kind);
    c.links = links_of(&c, kind);
    return c;
}

static const char *digest(const struct card *c, size_t room)
{
    const char *head = bf_printf(c->a, "**%s firings**\n\n", teams_count(c->a, firings(c->d)));
    size_t used = teams_json_len(head);

    return bf_printf(c->a, "%s%s", head, teams_list(c->d, true, room > used ? room - used : 0));
}

const char *teams_card(const struct bf_delivery *d, enum teams_kind kind)
{
    struct card c = begin(d, kind);
    size_t room = room_of(&c, kind);

    return print(&c, kind, firings(d) > 1 ? digest(&c, room) : teams_cut(c.a, text_of(d), room));
}

size_t teams_card_too_long(const struct bf_delivery *d, enum teams_kind kind)
{
    const struct teams_action *say = d->action;
    struct card c = begin(d, kind);
    size_t own = 0;

    for (const char *p = say->text ? say->text : ""; *p; p++)
        own += ((unsigned char)*p & 0xc0) != 0x80;
    return own > room_of(&c, kind) ? own : 0;
}
