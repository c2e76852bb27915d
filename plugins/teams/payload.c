/* payload.c - a message of one's own: an Adaptive Card, a message with cards attached, or a MessageCard.
 *
 * bf_render() would fill in the variables so that the text stays JSON; that it stays the card that its
 * author wrote takes more.  So the template is walked through, and each string filled in as its place
 * demands: Markdown where Teams reads Markdown, an address where one stands, and otherwise the plain
 * value.  A button or an image whose address comes out as none is left out, as Teams refuses the
 * whole card for it, and a flow tells nobody.
 *
 * What a script has made is no template, and is left as it is. */
#include "teams.h"

#include <string.h>

#define TYPED "\"${json:"
#define LIST_FRAME 160                  /* bytes around a list of merged firings */

/* Where a string stands. */
struct place {
    const char *key;                    /* of its object, as written, in quotes */
    size_t key_len;
    const char *type;                   /* the "type" beside it, as written; or NULL */
    bool in_facts;
    bool plain;                         /* in a section of a MessageCard that has no Markdown */
};

struct walk {
    const struct bf_delivery *d;
    struct bf_arena *a;
    struct bf_text out;
    bool empty;                         /* put in no values */
    bool foreign;                       /* this is no template, but a sender's own JSON */
    size_t left_out;                    /* bytes of values that are longer than any message */
};


/* --- JSON as text ------------------------------------------------------------------------- */

static const char *skip_space(const char *p) { return p + strspn(p, " \t\r\n"); }

static const char *string_end(const char *p)
{
    for (p++; *p && *p != '"'; p++)
        if (*p == '\\' && p[1])
            p++;
    return *p ? p + 1 : p;
}

/* Behind the value at p; the text is known to be JSON. */
static const char *value_end(const char *p)
{
    size_t depth = 0;

    if (*p != '"' && *p != '{' && *p != '[')
        return p + strcspn(p, ",]} \t\r\n");
    do {
        if (*p == '"') {
            p = string_end(p);
            continue;
        }
        depth += *p == '{' || *p == '[';
        depth -= *p == '}' || *p == ']';
        p++;
    } while (depth && *p);
    return p;
}

struct child {
    const char *key;                    /* in quotes; NULL in an array */
    size_t key_len;
    const char *value;
    const char *end;
};

/* The next child behind p, which is behind the opening bracket or another child. */
static bool next_child(const char *p, bool object, struct child *c)
{
    p = skip_space(p);
    p = skip_space(*p == ',' ? p + 1 : p);
    if (*p == '}' || *p == ']' || *p == '\0')
        return false;
    c->key = object ? p : NULL;
    if (object) {
        const char *end = string_end(p);

        c->key_len = (size_t)(end - p);
        p = skip_space(skip_space(end) + 1);
    }
    c->value = p;
    c->end = value_end(p);
    return true;
}

static bool is_key(const struct child *c, const char *name)
{
    return c->key && c->key_len == strlen(name) + 2 && strncmp(c->key + 1, name, strlen(name)) == 0;
}

/* The value of a member; NULL: there is none. */
static const char *member(const char *object, const char *name)
{
    struct child c;

    if (!object || *object != '{')
        return NULL;
    for (const char *p = object + 1; next_child(p, true, &c); p = c.end)
        if (is_key(&c, name))
            return c.value;
    return NULL;
}

static bool is_text(const char *value, const char *text)
{
    size_t len = strlen(text);

    return value && *value == '"' && strncmp(value + 1, text, len) == 0 && value[len + 1] == '"';
}

static const char *copy(struct bf_arena *a, const char *from, const char *end)
{
    return bf_printf(a, "%.*s", (int)(end - from), from);
}


/* --- strings -------------------------------------------------------------------------------- */

static bool has_key(const struct place *at, const char *const *names)
{
    for (; *names; names++)
        if (at->key_len == strlen(*names) + 2 &&
            strncmp(at->key + 1, *names, at->key_len - 2) == 0)
            return true;
    return false;
}

static enum teams_how how_of(const struct place *at)
{
    static const char *const addresses[] = {"url", "uri", "iconUrl", "image", "activityImage",
                                            "backgroundImage", "poster", "target", NULL};
    static const char *const lines[] = {"title", "activityTitle", "activitySubtitle", NULL};
    static const char *const blocks[] = {"text", "activityText", NULL};
    static const char *const of_fact[] = {"title", "name", "value", NULL};

    if (!at->key)
        return TEAMS_PLAIN;
    if (has_key(at, addresses))
        return TEAMS_ADDRESS;
    if (at->plain || is_text(at->type, "TextRun") || is_text(at->type, "mention"))
        return TEAMS_PLAIN;
    if (has_key(at, blocks))
        return TEAMS_BLOCK;
    /* An element with a type has its Markdown in its text alone; what has none is of a MessageCard. */
    return (at->in_facts && has_key(at, of_fact)) || (!at->type && has_key(at, lines))
               ? TEAMS_LINE : TEAMS_PLAIN;
}

static void put_string(struct walk *w, const char *text)
{
    size_t len = strlen(text);

    if (len > TEAMS_BODY_MAX) {
        w->left_out += len;
        text = "";
    }
    bf_append(w->a, &w->out, "%s", bf_quote(w->a, text));
}

static const char *walk_value(struct walk *w, const char *p, const struct place *at);

/* "${json:data.build}" is what the sender wrote there: its texts are values like any. */
static void put_typed(struct walk *w, const char *raw, const struct place *at)
{
    const char *json = w->empty ? "null" : bf_render(w->d, raw);

    if (strlen(json) > TEAMS_BODY_MAX) {
        w->left_out += strlen(json);
        json = "null";
    }
    w->foreign = true;
    walk_value(w, skip_space(*json ? json : "null"), at);
    w->foreign = false;
}

static bool is_typed(const char *raw)
{
    const char *close = strchr(raw, '}');

    return strncmp(raw, TYPED, strlen(TYPED)) == 0 && close && strcmp(close, "}\"") == 0;
}

static const char *walk_string(struct walk *w, const char *p, const struct place *at)
{
    const char *end = string_end(p), *raw = copy(w->a, p, end), *text;
    enum teams_how how = how_of(at);
    size_t too_long = 0;

    if (!w->foreign && is_typed(raw)) {
        put_typed(w, raw, at);
        return end;
    }
    if (w->foreign ? how == TEAMS_PLAIN : !strchr(raw, '$')) {
        bf_append(w->a, &w->out, "%s", raw);
        return end;
    }
    text = bf_get(w->a, raw, "");
    if (w->foreign)
        put_string(w, teams_escape(w->a, text, how));
    else
        put_string(w, w->empty ? teams_without_values(w->a, text)
                               : teams_expand_whole(w->d, text, how, &too_long));
    w->left_out += too_long;
    return end;
}


/* --- the walk ------------------------------------------------------------------------------- */

static const char *walk_object(struct walk *w, const char *p, const struct place *at)
{
    const char *markdown = member(p, "markdown"), *end = value_end(p);
    struct place inside = {.type = member(p, "type"), .in_facts = at->in_facts,
                           .plain = at->plain || (markdown && strncmp(markdown, "false", 5) == 0)};
    struct child c;
    bool first = true;

    bf_append(w->a, &w->out, "{");
    for (p++; next_child(p, true, &c); p = c.end) {
        inside.key = c.key;
        inside.key_len = c.key_len;
        bf_append(w->a, &w->out, "%s%.*s:", first ? "" : ",", (int)c.key_len, c.key);
        walk_value(w, c.value, &inside);
        first = false;
    }
    bf_append(w->a, &w->out, "}");
    return end;
}

/* A button or an image whose address is a variable that has none now. */
static bool leads_nowhere(struct walk *w, const char *element)
{
    const char *type = member(element, "type"), *url = member(element, "url");
    size_t too_long;

    if (w->empty || !url || *url != '"')
        return false;
    if (!is_text(type, "Action.OpenUrl") && !is_text(type, "Image"))
        return false;
    url = bf_get(w->a, copy(w->a, url, string_end(url)), "");
    if (w->foreign)
        return !teams_is_link(url);
    return strchr(url, '$') &&
           !teams_is_link(teams_expand_whole(w->d, url, TEAMS_ADDRESS, &too_long)) && !too_long;
}

static const char *walk_array(struct walk *w, const char *p, const struct place *at)
{
    static const char *const facts[] = {"facts", NULL};
    struct place inside = *at;
    const char *end = value_end(p);
    bool first = true;
    struct child c;

    inside.in_facts = at->key && has_key(at, facts);
    bf_append(w->a, &w->out, "[");
    for (p++; next_child(p, false, &c); p = c.end) {
        if (leads_nowhere(w, c.value))
            continue;
        bf_append(w->a, &w->out, "%s", first ? "" : ",");
        walk_value(w, c.value, &inside);
        first = false;
    }
    bf_append(w->a, &w->out, "]");
    return end;
}

static const char *walk_value(struct walk *w, const char *p, const struct place *at)
{
    const char *end;

    switch (*p) {
    case '{':
        return walk_object(w, p, at);
    case '[':
        return walk_array(w, p, at);
    case '"':
        return walk_string(w, p, at);
    default:
        end = value_end(p);
        bf_append(w->a, &w->out, "%.*s", (int)(end - p), p);
        return end;
    }
}


/* --- the message ----------------------------------------------------------------------------- */

enum teams_form teams_form_of(struct bf_arena *a, const char *json)
{
    const char *type = bf_get(a, json, "/type"), *old = bf_get(a, json, "/@type");

    if (strcmp(type, "AdaptiveCard") == 0)
        return TEAMS_ADAPTIVE;
    if (strcmp(type, "message") == 0)
        return TEAMS_MESSAGE;
    if (strcmp(old, "MessageCard") == 0)
        return TEAMS_MESSAGE_CARD;
    /* Connectors take {"text":"…"} as well. */
    if (!*type && !*old && (bf_type(a, json, "/text") == BF_V_STRING ||
                            bf_type(a, json, "/sections") == BF_V_ARRAY))
        return TEAMS_MESSAGE_CARD;
    return TEAMS_NO_FORM;
}

/* The object with one more element in an array of its own. */
static const char *extend(struct bf_arena *a, const char *object, const char *array,
                          const char *element)
{
    const char *list = member(object, array), *end;
    struct child c;

    if (!list || *list != '[')
        return bf_printf(a, "{\"%s\":[%s],%s", array, element, skip_space(object) + 1);
    end = value_end(list) - 1;
    return bf_printf(a, "%.*s%s%s%s", (int)(end - object), object,
                     next_child(list + 1, false, &c) ? "," : "", element, end);
}

/* A message's first card, within it; NULL: it has none. */
static const char *first_card(const char *message)
{
    const char *list = member(message, "attachments"), *card;
    struct child c;

    if (!list || *list != '[' || !next_child(list + 1, false, &c))
        return NULL;
    card = member(c.value, "content");
    return card && *card == '{' ? card : NULL;
}

static const char *add_block(struct bf_arena *a, const char *card, const char *text)
{
    return extend(a, card, "body", bf_printf(a, "{\"type\":\"TextBlock\",\"separator\":true,"
                                             "\"wrap\":true,\"text\":%s}", bf_quote(a, text)));
}

/* The firings that were merged have to be told of, unless the payload does that itself. */
static const char *add_merged(const struct bf_delivery *d, enum teams_form form, const char *json)
{
    const struct teams_action *say = d->action;
    size_t used = strlen(json) + LIST_FRAME + sizeof(TEAMS_CARD_TYPE) + 100;
    struct bf_arena *a = d->arena;
    const char *text, *card;

    if (!d->merged || strstr(say->payload, "firing_count}") || strstr(say->payload, "firings}"))
        return json;
    text = teams_list(d, false, used < TEAMS_BODY_MAX ? TEAMS_BODY_MAX - used : 0);
    text = bf_printf(a, "**Since then:**\n\n%s", text);
    if (form == TEAMS_ADAPTIVE)
        return add_block(a, json, text);
    if (form == TEAMS_MESSAGE_CARD)
        return extend(a, json, "sections", bf_printf(a, "{\"text\":%s}", bf_quote(a, text)));
    card = first_card(json);
    return card ? bf_printf(a, "%.*s%s%s", (int)(card - json), json,
                            add_block(a, copy(a, card, value_end(card)), text), value_end(card))
                : json;
}

static const char *as_message(struct bf_arena *a, enum teams_form form, enum teams_kind kind,
                              const char *json)
{
    if (form == TEAMS_MESSAGE_CARD && kind != TEAMS_CONNECTOR)
        return teams_wrap(a, teams_convert(a, json, NULL));
    return form == TEAMS_ADAPTIVE ? teams_wrap(a, json) : json;
}

struct teams_body teams_payload(const struct bf_delivery *d, enum teams_kind kind, bool empty)
{
    const struct teams_action *say = d->action;
    struct walk w = {.d = d, .a = d->arena, .empty = empty};
    const char *json = skip_space(say->payload);
    struct teams_body body = {0};
    struct place root = {0};
    enum teams_form form;

    if (empty || strcmp(bf_render(d, say->payload), say->payload) != 0) {
        walk_value(&w, json, &root);
        json = w.out.s;
    }
    form = teams_form_of(d->arena, json);
    if (form == TEAMS_NO_FORM) {
        body.words = "the payload is none that Teams shows: it needs \"type\":\"AdaptiveCard\", or"
                     " \"type\":\"message\" with cards attached, or \"@type\":\"MessageCard\"";
        return body;
    }
    json = strlen(json) > 4 * TEAMS_BODY_MAX || w.left_out ? json : add_merged(d, form, json);
    body.json = strlen(json) > 4 * TEAMS_BODY_MAX ? json : as_message(d->arena, form, kind, json);
    body.len = strlen(body.json) + w.left_out;
    body.and_more = w.left_out > 0;
    return body;
}


/* --- when it is saved -------------------------------------------------------------------------- */

static int check_card(const struct bf_delivery *d, const char *card)
{
    const char *version = bf_get(d->arena, card, "/version");

    if (!*version)
        return bf_refuse(d->ctx, "payload", "an Adaptive Card needs a version, as \"version\":"
                         "\"1.4\"; Teams shows those up to 1.5");
    if (strncmp(version, "1.", 2) != 0 || strlen(version) != 3 || version[2] > '5')
        bf_warn(d->ctx, "payload", "the card has version %.16s, and Teams shows those up to 1.5",
                version);
    return 0;
}

static int check_message(const struct bf_delivery *d, const char *message)
{
    struct bf_item it = {.size = sizeof(it)};
    int rc = 0, n = 0;

    while (!rc && bf_each(d->arena, message, "/attachments", &it)) {
        const char *card = bf_get(d->arena, it.value, "/content");

        n++;
        if (strcmp(bf_get(d->arena, it.value, "/contentType"), TEAMS_CARD_TYPE) == 0)
            rc = check_card(d, card);
    }
    if (n == 0)
        return bf_refuse(d->ctx, "payload", "a message needs its cards in \"attachments\": a list of"
                         " {\"contentType\":\"" TEAMS_CARD_TYPE "\",\"content\":CARD}");
    return rc;
}

static int check_message_card(const struct bf_delivery *d, enum teams_kind kind, const char *json)
{
    const char *dropped = "", *card;

    if (kind == TEAMS_CONNECTOR) {
        if (*bf_get(d->arena, json, "/summary") || *bf_get(d->arena, json, "/text"))
            return 0;
        return bf_refuse(d->ctx, "payload", "a connector refuses a MessageCard without \"summary\" or"
                         " \"text\"");
    }
    card = teams_convert(d->arena, json, &dropped);
    if (bf_type(d->arena, card, "/body/0") == BF_V_NONE)
        return bf_refuse(d->ctx, "payload", "the MessageCard has nothing to show: no title, text or"
                         " sections");
    if (*dropped)
        bf_warn(d->ctx, "payload", "flows show Adaptive Cards, to which a MessageCard is converted; it"
                " loses: %s", dropped);
    return 0;
}

static void warn_of_parts(const struct bf_delivery *d, const char *payload)
{
    static const char *const dead[] = {"Action.Submit", "Action.Execute", "Input.Text", "Input.Date",
                                       "Input.Time", "Input.Number", "Input.Toggle",
                                       "Input.ChoiceSet"};

    for (size_t i = 0; i < sizeof(dead) / sizeof(*dead); i++)
        if (strstr(payload, bf_printf(d->arena, "\"%s\"", dead[i])))
            bf_warn(d->ctx, "payload", "%s does nothing in a card that a webhook has posted", dead[i]);
    if (strstr(payload, TYPED "data") || strstr(payload, TYPED "artifact_metadata"))
        bf_warn(d->ctx, "payload", "whoever sends an event writes what ${json:…} puts into the card:"
                " buttons and images too, if it is an object");
}

static int check_form(const struct bf_delivery *d, enum teams_kind kind, const char *payload)
{
    switch (teams_form_of(d->arena, payload)) {
    case TEAMS_ADAPTIVE:
        return check_card(d, payload);
    case TEAMS_MESSAGE:
        return check_message(d, payload);
    case TEAMS_MESSAGE_CARD:
        return check_message_card(d, kind, payload);
    default:
        return bf_refuse(d->ctx, "payload", "%s", teams_payload(d, kind, true).words);
    }
}

int teams_check_payload(const struct bf_delivery *d, enum teams_kind kind)
{
    const struct teams_action *say = d->action;
    struct teams_body alone, full;
    int rc = check_form(d, kind, say->payload);

    if (rc)
        return rc;
    alone = teams_payload(d, kind, true);
    if (alone.len > TEAMS_BODY_MAX)
        return bf_refuse(d->ctx, "payload", "the message has %s bytes with every variable empty, and"
                         " Teams takes %s; shorten it", teams_count(d->arena, alone.len),
                         teams_count(d->arena, TEAMS_BODY_MAX));
    warn_of_parts(d, say->payload);
    full = teams_payload(d, kind, false);
    if (full.len > TEAMS_BODY_MAX)
        bf_warn(d->ctx, "payload", "with long values the message may have more than the %s bytes that"
                " Teams takes: then the execution fails, and says how many",
                teams_count(d->arena, TEAMS_BODY_MAX));
    return 0;
}
