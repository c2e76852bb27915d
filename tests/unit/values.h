/* values.h - the four sinks in the real plugin room, and what must hold of whatever they would send,
 * whoever named the run.
 *
 * A case is an action of an integration, of which everything but the values is known.  So of each
 * request it can be said which links and mentions are the author's, and that there are no others; that
 * it is JSON within the service's limits; and, where a value is to arrive as it is, that it does.  A
 * request that is not made must say why, with the size that was measured.
 *
 * Used by test_values.c, with values made from a seed, and by the fuzz target "sinks". */
#ifndef VALUES_H
#define VALUES_H

#include <ctype.h>

#include "tests/unit/plugin_rig.h"

extern const struct bf_plugin bf_plugin_v1_webhook, bf_plugin_v1_slack, bf_plugin_v1_teams,
    bf_plugin_v1_github;

enum values_service { TO_WEBHOOK, TO_SLACK, TO_FLOW, TO_CONNECTOR, TO_GITHUB };

static const struct {
    const char *id, *sink, *config;
} values_integrations[] = {
    {"01INTEGRATION000000000000A", "webhook",
     "{\"url\":\"https://hooks.example/in/a-${run_name}/${data.x}/c?a=${alias}&b=1\",\"headers\":"
     "{\"X-Run\":\"${run_name}\",\"X-All\":\"<${data.x}> ${alias}\"}}"},
    {"01INTEGRATION000000000000B", "webhook", "{\"url\":\"https://hooks.example/in\"}"},
    {"01INTEGRATION000000000000H", "webhook",
     "{\"url\":\"https://hooks.example/in\",\"headers\":{\"X\":\"${data.x}\"}}"},
    {"01INTEGRATION000000000000C", "slack", "{\"webhook_url\":\"SLACK\"}"},
    {"01INTEGRATION000000000000D", "slack", "{\"token\":\"BOT\",\"channel\":\"C0123456789\"}"},
    {"01INTEGRATION000000000000E", "teams", "{\"url\":\"FLOW\",\"kind\":\"workflows\"}"},
    {"01INTEGRATION000000000000F", "teams", "{\"url\":\"FLOW\",\"kind\":\"connector\"}"},
    {"01INTEGRATION000000000000G", "github", "{\"repo\":\"acme/models\",\"token\":\"BOT\"}"},
};

#define VALUES_EACH                                                                                \
    "${data.x}|${run_name}|${event_author}|${alias}|${tag}|${artifact_collection_name}|"             \
    "${artifact_version_string}|${artifact_version}|${artifact_metadata.k}|${alert_name}|${message}|" \
    "${run_id}|${run_url}|${metric_name}|${metric_values}|${entity_name}|${project_name}|"            \
    "${event_type}|${data}|${firing_count}|${data.config.lr}"
#define VALUES_LINKS                                                                               \
    "<https://wiki.example/${data.x}|see ${run_name}> <!here> <${data.x}|there> *${alias}*"
#define VALUES_MARKDOWN                                                                            \
    "**${alias}** [log](https://wiki.example/${data.x})\n${data.x}\n- ${run_name}\n${data.x}"
#define VALUES_MESSAGE_CARD                                                                        \
    "{\"@type\":\"MessageCard\",\"@context\":\"x\",\"title\":\"${data.x}\",\"summary\":\"${run_name}\","   \
    "\"text\":\"" VALUES_EACH "\",\"sections\":[{\"activityTitle\":\"${data.x}\",\"text\":\"${message}\","  \
    "\"facts\":[{\"name\":\"${data.x}\",\"value\":\"${run_name}\"}]},{\"markdown\":false,\"text\":"          \
    "\"${data.x}\"}],\"potentialAction\":[{\"@type\":\"OpenUri\",\"name\":\"${data.x}\",\"targets\":"      \
    "[{\"os\":\"default\",\"uri\":\"https://wiki.example/?q=${data.x}\"}]}]}"
#define VALUES_CARD                                                                                \
    "{\"type\":\"AdaptiveCard\",\"version\":\"1.4\",\"body\":[{\"type\":\"TextBlock\",\"text\":"             \
    "\"${data.x}\"},{\"type\":\"TextBlock\",\"text\":\"" VALUES_EACH "\"},{\"type\":\"RichTextBlock\","       \
    "\"inlines\":[{\"type\":\"TextRun\",\"text\":\"${data.x}\"}]},{\"type\":\"FactSet\",\"facts\":[{"          \
    "\"title\":\"${data.x}\",\"value\":\"${json:data.x}\"}]},{\"type\":\"Image\",\"url\":\"${data.x}\","       \
    "\"altText\":\"${data.x}\"}],\"actions\":[{\"type\":\"Action.OpenUrl\",\"title\":\"${run_name}\","       \
    "\"url\":\"https://wiki.example/?q=${data.x}\"},{\"type\":\"Action.OpenUrl\",\"title\":\"a\",\"url\":"     \
    "\"${data.x}\"}]}"
#define VALUES_BLOCKS                                                                              \
    "[{\"type\":\"header\",\"text\":{\"type\":\"plain_text\",\"text\":\"${data.x}\"}},{\"type\":\"section\","  \
    "\"text\":{\"type\":\"mrkdwn\",\"text\":\"" VALUES_EACH "\"},\"accessory\":{\"type\":\"button\",\"text\":" \
    "{\"type\":\"plain_text\",\"text\":\"${run_name}\"},\"url\":\"https://wiki.example/?q=${data.x}\"}},"   \
    "{\"type\":\"section\",\"fields\":[{\"type\":\"mrkdwn\",\"text\":\"" VALUES_LINKS "\"},{\"type\":"        \
    "\"mrkdwn\",\"text\":\"${json:data.x}\"},{\"type\":\"plain_text\",\"text\":\"${json:data.x}\"}]},"       \
    "{\"type\":\"context\",\"elements\":[{\"type\":\"mrkdwn\",\"text\":\"${message} ${data.x}\"},"      \
    "{\"type\":\"image\",\"image_url\":\"https://wiki.example/i.png\",\"alt_text\":\"${data.x}\"}]},"       \
    "{\"type\":\"rich_text\",\"elements\":[{\"type\":\"rich_text_section\",\"elements\":[{\"type\":\"text\"," \
    "\"text\":\"${data.x}\"}]}]}]"

static const struct values_case {
    enum values_service service;
    const char *integration;    /* the last letter of its id */
    const char *config;
    bool only_values;           /* its text, or links, are what the values are: none is the author's */
} values_cases[] = {
    {TO_WEBHOOK, "A", "{\"payload\":{\"x\":\"${data.x}\",\"all\":\"" VALUES_EACH "\"}}", false},
    {TO_WEBHOOK, "B", "{\"payload\":{\"x\":\"${data.x}\",\"all\":\"" VALUES_EACH "\",\"typed\":"
                      "\"${json:data.x}\",\"data\":\"${json:data}\",\"of\":\"${json:firings}\"}}", false},
    {TO_WEBHOOK, "H", "{}", false},
    {TO_SLACK, "C", "{}", true},
    {TO_SLACK, "C", "{\"title\":\"" VALUES_EACH "\",\"text\":\"" VALUES_EACH "\",\"level\":\"error\"}", true},
    {TO_SLACK, "D", "{\"title\":\"${data.x}\",\"text\":\"${data.x}\"}", true},
    {TO_SLACK, "C", "{\"text\":\"" VALUES_LINKS "\"}", false},
    {TO_SLACK, "C", "{\"text\":\"${data.x}\",\"blocks\":" VALUES_BLOCKS "}", false},
    {TO_FLOW, "E", "{}", true},
    {TO_FLOW, "E", "{\"title\":\"" VALUES_EACH "\",\"text\":\"" VALUES_EACH "\",\"level\":\"warn\"}", true},
    {TO_FLOW, "E", "{\"title\":\"${data.x}\",\"text\":\"" VALUES_MARKDOWN "\"}", false},
    {TO_FLOW, "E", "{\"payload\":" VALUES_CARD "}", false},
    {TO_FLOW, "E", "{\"payload\":{\"type\":\"message\",\"attachments\":[{\"contentType\":"
                   "\"application/vnd.microsoft.card.adaptive\",\"content\":" VALUES_CARD "}]}}", false},
    {TO_FLOW, "E", "{\"payload\":" VALUES_MESSAGE_CARD "}", false},
    {TO_CONNECTOR, "F", "{}", true},
    {TO_CONNECTOR, "F", "{\"title\":\"${data.x}\",\"text\":\"" VALUES_MARKDOWN "\"}", false},
    {TO_CONNECTOR, "F", "{\"payload\":" VALUES_MESSAGE_CARD "}", false},
    {TO_GITHUB, "G", "{\"event_type\":\"x-${data.x}\",\"client_payload\":{\"x\":\"${data.x}\"}}", false},
    {TO_GITHUB, "G", "{\"event_type\":\"${alias}\"}", false},
    {TO_GITHUB, "G", "{\"event_type\":\"x\",\"client_payload\":{\"x\":\"${data.x}\",\"all\":\"" VALUES_EACH
                     "\",\"typed\":\"${json:data}\"}}", false},
};


/* --- the room -------------------------------------------------------------------------- */

static inline void values_open(struct rig *r)
{
    static const struct bf_plugin *const plugins[] = {&bf_plugin_v1_slack, &bf_plugin_v1_teams,
                                                      &bf_plugin_v1_github};
    struct bf_error err = {0};

    rig_open(r, &bf_plugin_v1_webhook);
    for (size_t i = 0; i < BF_COUNT(plugins); i++)
        rig_ok(bf_plugins_add(r->plugins, plugins[i], &err), &err);
    rig_secret(r, "SLACK", "https://hooks.slack.com/services/T1/B1/x");
    rig_secret(r, "BOT", "xoxb-1-2-3");
    rig_secret(r, "FLOW", "https://a.powerplatform.com/x?sig=y");
    rig_ok(bf_db_begin(r->db), &err);
    for (size_t i = 0; i < BF_COUNT(values_integrations); i++)
        rig_ok(bf_team_put_integration(r->db, values_integrations[i].id, "acme",
                                       values_integrations[i].sink, values_integrations[i].id,
                                       values_integrations[i].config, "", 1, &err), &err);
    rig_ok(bf_db_commit(r->db), &err);
    rig_ok(bf_team_refresh(r->team, r->db, NULL, NULL, &err), &err);
}

/* Three firings of one event: it, and two that joined. */
static inline void values_merge(struct bf_execution *x)
{
    struct bf_digest *d = bf_zalloc(sizeof(*d) + 2 * sizeof(d->later[0]));

    for (size_t i = 0; i < 2; i++)
        d->later[i].event = bf_envelope_ref(x->event);
    d->n_later = 2;
    d->n_firings = 1234;
    d->firings = bf_strdup("[{},{},{}]");
    x->is_digest = true;
    x->digest = d;
}

/* What the rules would have measured, under the name that the run has. */
static inline void values_measure(struct bf_execution *x)
{
    struct bf_buf b;

    bf_buf_init(&b, 16 * 1024);
    bf_buf_adds(&b, "{\"values\":[0.5],\"step\":1,\"threshold\":1,\"op\":\"<\"");
    for (size_t i = 0; i < 4; i++) {
        bf_buf_printf(&b, ",\"%s\":", (const char *const[]){"metric", "filter", "short", "of"}[i]);
        bf_buf_json(&b, x->event->run_name);
    }
    bf_buf_addc(&b, '}');
    bf_execution_set_facts(x, b.data, b.len);
    bf_buf_fini(&b);
}

/* An attempt at the case for this event.  Its reference is taken. */
struct values_try {
    struct rig_attempt attempt;
    struct bf_trigger own;      /* of a type that is in no table */
    char integration[BF_ID_LEN + 1];
};

static inline void values_attempt(struct values_try *v, size_t number, struct bf_envelope *event,
                                  bool merged)
{
    struct rig_attempt *t = &v->attempt;
    const struct values_case *c = &values_cases[number];
    struct bf_execution *x = bf_execution_new();
    const struct bf_trigger *trigger = bf_trigger_of_event(event->type, &(unsigned){0});

    *v = (struct values_try){.own = {event->type, event->type, NULL, false, NULL}};
    snprintf(v->integration, sizeof(v->integration), "01INTEGRATION000000000000%s", c->integration);
    t->action = (struct bf_action){v->integration, c->config, strlen(c->config), ""};
    atomic_init(&t->automation.refs, 1000);     /* nobody's to free */
    t->automation.name = "notify";
    t->automation.revision = 100 + number;
    t->automation.n_actions = 1;
    t->automation.actions = &t->action;
    t->automation.trigger = trigger ? trigger : &v->own;
    snprintf(t->automation.id, sizeof(t->automation.id), "01AUTOMATION00000000000000");
    snprintf(x->id, sizeof(x->id), "01EXECUTION000000000000000");
    x->automation = &t->automation;
    x->trigger = t->automation.trigger->wire;
    x->event = event;
    if (event->run_name)
        values_measure(x);
    if (merged)
        values_merge(x);
    t->at.execution = x;
    t->at.arena = bf_arena_new(8 * 1024 * 1024);        /* as the courier has it */
    t->at.ticket = 99;
    t->at.number = 1;
}


/* --- what a service takes --------------------------------------------------------------- */

struct values_look {
    const struct values_case *of;
    struct bf_arena *a;
    const struct bf_json *sent;
    const struct bf_json *event;
    size_t n_units;             /* of all texts of Slack's blocks */
    const char *fault;          /* the first; NULL: none */
    const char *at;             /* where it is */
};

static inline void values_wrong(struct values_look *l, const char *fault, const char *at)
{
    if (l->fault)
        return;
    l->fault = fault;
    l->at = at;
}

static inline bool values_begins(const char *text, const char *with)
{
    return strncasecmp(text, with, strlen(with)) == 0;
}

static inline const char *values_str(struct values_look *l, const struct bf_json *o, const char *name)
{
    const char *text = bf_json_str(l->a, bf_json_get(o, name));

    return text ? text : "";
}

static inline bool values_is(const struct bf_json *o, const char *name, const char *text)
{
    return bf_json_eq(bf_json_get(o, name), text);
}

/* As long as the service may count: UTF-16. */
static inline size_t values_units(const char *text)
{
    size_t n = 0;

    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        n += (*p & 0xc0) != 0x80 ? 1 + (*p >= 0xf0) : 0;
    return n;
}

/* People read it: nothing that turns a text around, no controls but line ends. */
static inline void values_visible(struct values_look *l, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if ((*p < ' ' && *p != '\n') || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
            values_wrong(l, "a control character is shown", text);
        if (p[0] == 0xe2 && ((p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) ||
                             (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)))
            values_wrong(l, "a text is turned around", text);
    }
}

/* An address of the author's, or the value that is one where he wrote nothing else. */
static inline void values_address(struct values_look *l, const char *url)
{
    if (!values_begins(url, "https://wiki.example/") && !values_begins(url, "https://hub.example/") &&
        (l->of->only_values || (!values_begins(url, "https://") && !values_begins(url, "http://"))))
        values_wrong(l, "a link leads elsewhere", url);
    for (const char *p = url; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || strchr("\"<>\\^`{|}", *p))
            values_wrong(l, "an address is none", url);
}


/* --- Slack ---------------------------------------------------------------------------- */

/* What stands between < and > is a link or a mention, and there is no other way to one. */
static inline void values_mrkdwn(struct values_look *l, const char *text)
{
    static const char *const own[] = {"https://hub.example/", "https://wiki.example/", "!here>"};
    static const char *const of_value[] = {"http://", "https://", "mailto:"};
    bool good;

    values_visible(l, text);
    for (const char *p = text; (p = strchr(p, '<')); p++) {
        good = false;
        for (size_t i = 0; i < (l->of->only_values ? 1 : 3); i++)
            good = good || values_begins(p + 1, own[i]);
        for (size_t i = 0; i < 3 && !l->of->only_values; i++)
            good = good || values_begins(p + 1, of_value[i]);
        if (!good)
            values_wrong(l, "a value is a link or a mention", p);
    }
}

static inline void values_length(struct values_look *l, const char *text, size_t max)
{
    size_t n = values_units(text);

    if (n == 0 || n > max)
        values_wrong(l, "a text is empty, or longer than Slack takes", text);
    l->n_units += n;
}

/* {"type":"mrkdwn"} and its likes. */
static inline void values_slack_text(struct values_look *l, const struct bf_json *o, size_t max)
{
    const char *text = values_str(l, o, "text");

    values_length(l, text, max);
    values_visible(l, text);
    if (!values_is(o, "type", "mrkdwn"))
        return;
    values_mrkdwn(l, text);
    if (!bf_json_is(bf_json_get(o, "verbatim"), BF_JSON_TRUE))
        values_wrong(l, "Slack makes links of what looks like one", text);
}

static inline size_t values_room(const struct bf_json *block, const char *key)
{
    if (values_is(block, "type", "header"))
        return 150;
    if (values_is(block, "type", "button"))
        return 75;
    return strcmp(key, "fields") == 0 ? 2000 : 3000;
}

static inline void values_slack(struct values_look *l, const struct bf_json *j, size_t max)
{
    bool object = bf_json_is(j, BF_JSON_OBJECT);

    if (values_is(j, "type", "mrkdwn") || values_is(j, "type", "plain_text") ||
        values_is(j, "type", "text")) {
        values_slack_text(l, j, max);
        return;
    }
    for (const struct bf_json *k = bf_json_first(j); k; k = bf_json_next(j, k)) {
        const struct bf_json *value = object ? k + 1 : k;
        const char *key = object ? bf_json_str(l->a, k) : "", *text = bf_json_str(l->a, value);

        if (strcmp(key, "alt_text") == 0)
            values_length(l, text, 2000);
        else if (strcmp(key, "url") == 0)
            values_address(l, text);
        else if (!text)
            values_slack(l, value, object ? values_room(j, key) : max);
    }
}

static inline void values_slack_message(struct values_look *l)
{
    const struct bf_json *blocks = bf_json_get(l->sent, "blocks"), *more, *first;
    const char *text = values_str(l, l->sent, "text");
    size_t n = 0;

    for (const struct bf_json *b = bf_json_first(blocks); b; b = bf_json_next(blocks, b))
        n++;
    if (n == 0 || n > 50)
        values_wrong(l, "the message has no blocks, or too many", "");
    if (values_units(text) == 0 || values_units(text) > 1000)
        values_wrong(l, "there is no notice, or a long one", text);
    values_mrkdwn(l, text);
    values_slack(l, blocks, 3000);
    more = bf_json_get(l->sent, "attachments");
    first = bf_json_first(more);
    if (first) {
        values_mrkdwn(l, values_str(l, first, "fallback"));
        values_slack(l, bf_json_get(first, "blocks"), 3000);
    }
    if (l->n_units > 13200)
        values_wrong(l, "all texts together are too long", "");
}


/* --- Teams ---------------------------------------------------------------------------- */

static inline bool values_is_escaped(const char *text, const char *p)
{
    size_t n = 0;

    while (p - n > text && p[-1 - (ptrdiff_t)n] == '\\')
        n++;
    return n % 2;
}

/* As strict as the simplest reader: [a](b) is a link, escaped or not, and < begins HTML. */
static inline void values_markdown(struct values_look *l, const char *text)
{
    static const char own[] = "[log](https://wiki.example/";

    values_visible(l, text);
    for (const char *p = text; *p; p++) {
        bool is_own = !l->of->only_values && values_begins(p, own);

        if (is_own) {
            p += sizeof(own) - 2;
            if (p[strcspn(p, ") \n<>")] != ')')
                values_wrong(l, "a value ends the author's link", text);
        } else if (*p == '[' && !values_is_escaped(text, p)) {
            values_wrong(l, "a value may begin a link", p);
        } else if (*p == ']' && p[1] == '(') {
            values_wrong(l, "a value is a link", p);
        } else if (*p == '<' && (isalpha((unsigned char)p[1]) || (p[1] && strchr("/!?", p[1])))) {
            values_wrong(l, "a value is a mention, or HTML", p);
        }
    }
}

static inline bool values_in(const char *key, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(*names, key) == 0)
            return true;
    return false;
}

/* `facts`: j is an element of those.  `plain`: it is a section without Markdown. */
static inline void values_teams(struct values_look *l, const struct bf_json *j, bool facts, bool plain)
{
    static const char *const texts[] = {"text", "activityTitle", "activitySubtitle", NULL};
    static const char *const of_fact[] = {"title", "name", "value", NULL};
    static const char *const urls[] = {"url", "uri", NULL};
    bool object = bf_json_is(j, BF_JSON_OBJECT);

    plain = plain || values_is(j, "type", "TextRun") ||
            bf_json_is(bf_json_get(j, "markdown"), BF_JSON_FALSE);
    for (const struct bf_json *k = bf_json_first(j); k; k = bf_json_next(j, k)) {
        const struct bf_json *value = object ? k + 1 : k;
        const char *key = object ? bf_json_str(l->a, k) : "", *text = bf_json_str(l->a, value);

        if (strcmp(key, "entities") == 0)
            values_wrong(l, "there is a mention", key);
        else if (text && values_in(key, urls))
            values_address(l, text);
        else if (text && !plain && (values_in(key, texts) || (facts && values_in(key, of_fact))))
            values_markdown(l, text);
        else if (text && (values_in(key, texts) || values_in(key, of_fact)))
            values_visible(l, text);
        else if (!text)
            values_teams(l, value, object ? strcmp(key, "facts") == 0 : facts, plain);
    }
}

static inline void values_teams_message(struct values_look *l, size_t len)
{
    bool card = values_is(l->sent, "@type", "MessageCard");

    if (len > 26624)
        values_wrong(l, "the message has more than 26 KiB", "");
    if (!values_is(l->sent, "type", "message") && !(card && l->of->service == TO_CONNECTOR))
        values_wrong(l, "it is no message that is shown there", "");
    values_teams(l, l->sent, false, false);
}


/* --- GitHub and webhooks ------------------------------------------------------------------ */

/* data.x arrives as what it is. */
static inline void values_exact(struct values_look *l, const struct bf_json *payload)
{
    const char *want = bf_json_str(l->a, bf_json_at(l->event, "/data/x"));
    const struct bf_json *got = bf_json_get(payload, "x");

    if (got && want && !bf_json_eq(got, want))
        values_wrong(l, "a value does not arrive as it is", want);
}

static inline void values_github(struct values_look *l)
{
    const struct bf_json *payload = bf_json_get(l->sent, "client_payload");
    const char *type = values_str(l, l->sent, "event_type");
    size_t n = 0, len = 0;

    for (const char *p = type; *p; p++)
        n += ((unsigned char)*p & 0xc0) != 0x80;
    if (n == 0 || n > 100)
        values_wrong(l, "event_type is empty, or longer than GitHub takes", type);
    if (!bf_json_is(payload, BF_JSON_OBJECT))
        values_wrong(l, "client_payload is no object", "");
    bf_json_raw(payload, &len);
    if (len > 65535)
        values_wrong(l, "client_payload is longer than GitHub takes", "");
    values_exact(l, payload);
}

static inline size_t values_count(const char *text, char c)
{
    size_t n = 0;

    while ((text = strchr(text, c))) {
        n++;
        text++;
    }
    return n;
}

static inline void values_webhook(struct values_look *l, const struct bf_fetch_request *http)
{
    size_t path = strcspn(http->url, "?");
    bool varies = *l->of->integration == 'A';

    if (!values_begins(http->url, "https://hooks.example/in"))
        values_wrong(l, "it goes elsewhere", http->url);
    for (const char *p = http->url; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("-._~%/:?=&", *p))
            values_wrong(l, "the URL is none", http->url);
    if (varies && (values_count(http->url, '/') != 6 || values_count(http->url, '?') != 1 ||
                   values_count(http->url, '&') != 1))
        values_wrong(l, "a value changes what the URL is made of", http->url);
    for (const char *p = http->url; p < http->url + path; p++)
        if (values_begins(p, "/../") || values_begins(p, "/./"))
            values_wrong(l, "a value leads to another path", http->url);
    for (const char *const *h = http->headers; h && *h; h++)
        for (const unsigned char *p = (const unsigned char *)*h; *p; p++)
            if ((*p < ' ' && *p != '\t') || *p == 0x7f)
                values_wrong(l, "a header holds a control character", *h);
    if (http->body_len > BF_RENDERED_MAX)
        values_wrong(l, "the body has more than a MiB", "");
    values_exact(l, l->sent);
}


/* --- either ------------------------------------------------------------------------------- */

/* What is wrong with what would be sent; nothing if fault is NULL. */
static inline struct values_look values_look(size_t number, struct bf_arena *a,
                                             const struct rig_attempt *t)
{
    const struct bf_fetch_request *http = &t->at.out.http;
    const struct bf_envelope *event = t->at.execution->event;
    struct values_look l = {.of = &values_cases[number], .a = a};

    l.sent = bf_json_parse(a, http->body, http->body_len, NULL);
    l.event = bf_json_parse(a, event->text, event->text_len, NULL);
    if (!l.sent || !l.event)
        values_wrong(&l, "it is no JSON", http->body);
    else if (l.of->service == TO_SLACK)
        values_slack_message(&l);
    else if (l.of->service == TO_GITHUB)
        values_github(&l);
    else if (l.of->service == TO_WEBHOOK)
        values_webhook(&l, http);
    else
        values_teams_message(&l, http->body_len);
    return l;
}

/* Whether a refusal tells what is wrong: a size and the limit, or what is empty or elsewhere. */
static inline bool values_is_clear(const struct bf_verdict *v)
{
    const char *words = v->words ? v->words : "";

    return v->outcome == BF_REJECTED &&
           (strpbrk(words, "0123456789") || strstr(words, "is empty") || strstr(words, "elsewhere"));
}

#endif
