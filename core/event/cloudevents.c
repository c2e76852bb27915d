/* cloudevents.c - attributes to members, members to attributes.
 *
 * Both forms are read into the same list of attributes, each with its value as JSON; then an
 * envelope is written from the list and goes through the gate that every event goes through.
 *
 * The names of attributes are lower-case letters and digits, so data_base64 among the kept ones is
 * a mark of ours and no extension's. */
#include "core/event/cloudevents.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/crypto.h"
#include "core/base/utf8.h"
#include "core/event/event_int.h"

#define ATTRIBUTES_MAX 64
#define SCRATCH_MAX    (64 * 1024 * 1024)       /* for one event, as in batch.c */

struct attribute {
    const char *name;
    const char *text;           /* decoded; NULL if it is no string */
    const char *json;           /* as it is kept */
    size_t len;
    bool used;                  /* has become a member */
};

struct cloudevent {
    struct bf_arena *arena;
    const struct bf_cloudevents *r;
    struct attribute of[ATTRIBUTES_MAX];
    size_t n;
    const char *data;           /* as JSON; NULL: none */
    size_t data_len;
    bool base64;
    struct bf_error *err;
};


/* --- attributes ---------------------------------------------------------------------- */

static struct attribute *find(struct cloudevent *ce, const char *name)
{
    for (size_t i = 0; i < ce->n; i++)
        if (strcmp(ce->of[i].name, name) == 0)
            return &ce->of[i];
    return NULL;
}

static bool is_attribute_name(const char *name)
{
    size_t n = 0;

    while ((name[n] >= 'a' && name[n] <= 'z') || (name[n] >= '0' && name[n] <= '9'))
        n++;
    return n > 0 && name[n] == '\0';
}

static int add_attribute(struct cloudevent *ce, const char *name, const char *text,
                         const char *json, size_t len)
{
    if (!is_attribute_name(name))
        return bf_error_field(ce->err, BF_ECONFIG, name, "the name of an attribute is of a-z and"
                              " 0-9, and \"%.60s\" is not", name);
    if (find(ce, name))
        return bf_error_field(ce->err, BF_ECONFIG, name, "the attribute stands there twice");
    if (ce->n == ATTRIBUTES_MAX)
        return bf_error_field(ce->err, BF_ECONFIG, name, "more than %d attributes",
                              ATTRIBUTES_MAX);
    ce->of[ce->n++] = (struct attribute){name, text, json, len, false};
    return BF_OK;
}

static int add_text(struct cloudevent *ce, const char *name, const char *text)
{
    struct bf_buf b;
    const char *json;
    size_t len;

    bf_buf_init(&b, BF_EVENT_MAX);
    bf_buf_json(&b, text);
    len = b.len;
    json = bf_arena_ndup(ce->arena, bf_buf_text(&b), len);
    bf_buf_fini(&b);
    return add_attribute(ce, name, text, json, len);
}

static void set_data(struct cloudevent *ce, const char *json, size_t len)
{
    ce->data = json;
    ce->data_len = len;
}

static void set_text_data(struct cloudevent *ce, const char *text, size_t len)
{
    struct bf_buf b;

    bf_buf_init(&b, 6 * (size_t)BF_EVENT_MAX + 2);
    bf_buf_addc(&b, '"');
    bf_buf_json_chars(&b, text, len);
    bf_buf_addc(&b, '"');
    set_data(ce, bf_arena_ndup(ce->arena, bf_buf_text(&b), b.len), b.len);
    bf_buf_fini(&b);
}


/* --- structured ------------------------------------------------------------------------ */

static int read_data_base64(struct cloudevent *ce, const struct bf_json *value)
{
    const char *text = bf_json_str(ce->arena, value);
    const void *bytes;
    size_t len;

    if (!text || !bf_base64_decode(ce->arena, text, &bytes, &len))
        return bf_error_field(ce->err, BF_ECONFIG, "data_base64", "must be a string of base64");
    ce->base64 = true;
    text = bf_json_raw(value, &len);
    set_data(ce, text, len);
    return BF_OK;
}

static int read_member(struct cloudevent *ce, const struct bf_json *key)
{
    const struct bf_json *value = key + 1;
    const char *raw;
    size_t len;

    if (bf_json_is(value, BF_JSON_NULL) && !bf_json_eq(key, "data"))
        return BF_OK;           /* null is as good as absent */
    if (bf_json_eq(key, "data_base64"))
        return read_data_base64(ce, value);
    raw = bf_json_raw(value, &len);
    if (bf_json_eq(key, "data")) {
        set_data(ce, raw, len);
        return BF_OK;
    }
    if (bf_json_is(value, BF_JSON_OBJECT) || bf_json_is(value, BF_JSON_ARRAY))
        return bf_error_field(ce->err, BF_ECONFIG, bf_json_str(ce->arena, key), "an attribute is a"
                              " string, a number or a boolean, not %s", bf_json_type_name(value));
    return add_attribute(ce, bf_json_str(ce->arena, key), bf_json_str(ce->arena, value), raw, len);
}

static int read_structured(struct cloudevent *ce, const struct bf_json *root)
{
    int rc = BF_OK;

    if (!bf_json_is(root, BF_JSON_OBJECT))
        return bf_error_set(ce->err, BF_ECONFIG, "a CloudEvent must be an object, not %s",
                            bf_json_type_name(root));
    if (bf_json_get(root, "data") && bf_json_get(root, "data_base64"))
        return bf_error_field(ce->err, BF_ECONFIG, "data_base64", "a CloudEvent has data or"
                              " data_base64, not both");
    for (const struct bf_json *k = bf_json_first(root); k && !rc; k = bf_json_next(root, k))
        rc = read_member(ce, k);
    return rc;
}


/* --- binary ------------------------------------------------------------------------------- */

static const char *find_header(const char *const *headers, const char *name)
{
    for (; headers && headers[0]; headers += 2)
        if (strcasecmp(headers[0], name) == 0)
            return headers[1];
    return NULL;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* A header's value as the binding writes it: perhaps in quotes, and with %XX for what a header
 * cannot hold.  NULL if that is not UTF-8 without NUL. */
static const char *decode_header(struct bf_arena *a, const char *value)
{
    size_t len = strlen(value), n = 0;
    char *out = bf_arena_alloc(a, len + 1);
    bool quoted = len >= 2 && value[0] == '"' && value[len - 1] == '"';
    const char *at = value + quoted, *end = value + len - quoted;

    if (!out)
        return NULL;
    while (at < end) {
        if (quoted && *at == '\\' && at + 1 < end)
            at++;
        if (*at == '%' && end - at >= 3 && hex_value(at[1]) >= 0 && hex_value(at[2]) >= 0) {
            out[n++] = (char)(hex_value(at[1]) * 16 + hex_value(at[2]));
            at += 3;
        } else {
            out[n++] = *at++;
        }
    }
    return memchr(out, '\0', n) || !bf_utf8_ok(out, n) ? NULL : out;
}

static int read_ce_header(struct cloudevent *ce, const char *name, const char *value)
{
    char *lower = bf_arena_dup(ce->arena, name);

    for (char *c = lower; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    if (strcmp(lower, "datacontenttype") == 0)
        return bf_error_field(ce->err, BF_ECONFIG, lower, "in binary mode this is the header"
                              " Content-Type");
    value = decode_header(ce->arena, value);
    if (!value)
        return bf_error_field(ce->err, BF_ECONFIG, lower, "the header's value does not decode to"
                              " UTF-8");
    return add_text(ce, lower, value);
}

/* "application/json", "text/json", "application/x+json"; and nothing said means JSON. */
static bool is_json_type(const char *type)
{
    size_t len = strcspn(type, "; \t");

    return len == 0 || (len > 5 && (strncasecmp(type + len - 5, "/json", 5) == 0 ||
                                    strncasecmp(type + len - 5, "+json", 5) == 0));
}

static int read_binary_data(struct cloudevent *ce, const char *type)
{
    const struct bf_json *root;

    if (ce->r->len == 0)
        return BF_OK;
    if (is_json_type(type)) {
        root = bf_json_parse(ce->arena, ce->r->body, ce->r->len, ce->err);
        if (!root)
            return bf_error_field(ce->err, BF_ECONFIG, "data", "the body is not JSON, which its"
                                  " Content-Type says: %s", ce->err->words);
        ce->data = bf_json_raw(root, &ce->data_len);
        return BF_OK;
    }
    if (bf_utf8_ok(ce->r->body, ce->r->len) && !memchr(ce->r->body, '\0', ce->r->len)) {
        set_text_data(ce, ce->r->body, ce->r->len);
        return BF_OK;
    }
    ce->base64 = true;
    ce->data = bf_base64(ce->arena, ce->r->body, ce->r->len);
    set_text_data(ce, ce->data, strlen(ce->data));
    return BF_OK;
}

static int read_binary(struct cloudevent *ce)
{
    const char *type = find_header(ce->r->headers, "Content-Type");
    int rc = BF_OK;

    for (const char *const *h = ce->r->headers; h[0] && !rc; h += 2)
        if (strncasecmp(h[0], "ce-", 3) == 0)
            rc = read_ce_header(ce, h[0] + 3, h[1]);
    if (!rc && type) {
        if (!bf_utf8_ok(type, strlen(type)))
            return bf_error_field(ce->err, BF_ECONFIG, "datacontenttype", "the header Content-Type"
                                  " is not UTF-8");
        rc = add_text(ce, "datacontenttype", type);
    }
    return rc ? rc : read_binary_data(ce, type ? type : "");
}


/* --- the envelope of one -------------------------------------------------------------- */

/* Take an attribute as a member; *text is NULL where it is absent. */
static int take(struct cloudevent *ce, const char *name, bool required, const char **text)
{
    struct attribute *at = find(ce, name);

    *text = at ? at->text : NULL;
    if (at)
        at->used = true;
    if (at && !at->text)
        return bf_error_field(ce->err, BF_ECONFIG, name, "must be a string");
    if (required && (!at || !*at->text))
        return bf_error_field(ce->err, BF_ECONFIG, name, "a CloudEvent needs the attribute"
                              " \"%s\"", name);
    return BF_OK;
}

static void add_member(struct bf_buf *b, const char *name, const char *value)
{
    if (!value)
        return;
    bf_buf_printf(b, "%s\"%s\":", b->len > 1 ? "," : "", name);
    bf_buf_json(b, value);
}

/* What our types cannot hold becomes "_". */
static const char *our_type(struct bf_arena *a, const char *type)
{
    char *out = bf_arena_dup(a, type);

    for (char *c = out; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
        else if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9') && *c != '.')
            *c = '_';
        if (*c == '.' && (c == out || c[-1] == '.' || c[1] == '\0'))
            *c = '_';
    }
    return out;
}

static int add_taken(struct cloudevent *ce, struct bf_buf *b, const char *name,
                     const char *otherwise)
{
    const char *text;
    int rc = take(ce, name, false, &text);

    if (!rc)
        add_member(b, name, text ? text : otherwise);
    return rc;
}

static void add_kept(struct cloudevent *ce, struct bf_buf *b)
{
    bf_buf_adds(b, ",\"attributes\":{\"specversion\":\"1.0\"");
    for (size_t i = 0; i < ce->n; i++) {
        if (ce->of[i].used)
            continue;
        bf_buf_printf(b, ",\"%s\":", ce->of[i].name);
        bf_buf_add(b, ce->of[i].json, ce->of[i].len);
    }
    bf_buf_printf(b, "%s}", ce->base64 ? ",\"data_base64\":true" : "");
}

static int write_event(struct cloudevent *ce, struct bf_buf *b)
{
    const char *id, *source, *type, *ours;
    int rc = take(ce, "id", true, &id);

    if (!rc)
        rc = take(ce, "source", true, &source);
    if (!rc)
        rc = take(ce, "type", true, &type);
    if (rc)
        return rc;
    ours = our_type(ce->arena, type);
    find(ce, "type")->used = strcmp(ours, type) == 0;
    bf_buf_addc(b, '{');
    add_member(b, "type", ours);
    rc = add_taken(ce, b, "entity", ce->r->entity);
    if (!rc)
        rc = add_taken(ce, b, "project", ce->r->project);
    if (!rc)
        rc = add_taken(ce, b, "collection", ce->r->collection);
    add_member(b, "key", id);
    add_member(b, "source", source);
    if (!rc)
        rc = add_taken(ce, b, "author", NULL);
    if (!rc)
        rc = add_taken(ce, b, "cause", NULL);
    if (!rc)
        rc = add_taken(ce, b, "time", NULL);
    add_kept(ce, b);
    if (ce->data) {
        bf_buf_adds(b, ",\"data\":");
        bf_buf_add(b, ce->data, ce->data_len);
    }
    bf_buf_addc(b, '}');
    return rc;
}

/* The event that is the data of another's hub's CloudEvent, which names it unless it does so. */
static int write_carried(struct cloudevent *ce, struct bf_buf *b)
{
    const struct bf_json *root =
        ce->data ? bf_json_parse(ce->arena, ce->data, ce->data_len, ce->err) : NULL;
    const char *id, *source;
    int rc;

    if (!bf_json_is(root, BF_JSON_OBJECT) || ce->base64)
        return bf_error_field(ce->err, BF_ECONFIG, "data", "with the dataschema "
                              BF_CLOUDEVENT_SCHEMA " data must be an event's object");
    rc = take(ce, "id", true, &id);
    if (!rc)
        rc = take(ce, "source", true, &source);
    if (!rc)
        rc = take(ce, "type", true, &(const char *){NULL});
    if (rc)
        return rc;
    bf_buf_addc(b, '{');
    if (!bf_json_get(root, "key"))
        add_member(b, "key", id);
    if (!bf_json_get(root, "source"))
        add_member(b, "source", source);
    if (b->len > 1 && bf_json_first(root))
        bf_buf_addc(b, ',');
    bf_buf_add(b, ce->data + 1, ce->data_len - 1);
    return BF_OK;
}

static int check_version(struct cloudevent *ce)
{
    const char *version;
    int rc = take(ce, "specversion", true, &version);

    if (!rc && strcmp(version, "1.0") != 0)
        return bf_error_field(ce->err, BF_ECONFIG, "specversion", "this hub reads CloudEvents 1.0,"
                              " not %.20s", version);
    return rc;
}

/* The gate names our members; its words are of the attributes that they came from. */
static void rename_field(struct bf_error *err)
{
    if (strcmp(err->field, "key") == 0)
        snprintf(err->field, sizeof(err->field), "id");
    else if (strcmp(err->field, "entity") == 0 && strstr(err->words, "needs"))
        bf_error_field(err, err->code, "entity", "say which team the event belongs to: in the"
                       " extension attribute \"entity\", or as ?entity= in the address");
}

static int make(struct cloudevent *ce, struct bf_envelope **out)
{
    const struct attribute *schema = find(ce, "dataschema");
    bool carried = schema && schema->text && strcmp(schema->text, BF_CLOUDEVENT_SCHEMA) == 0;
    struct bf_buf b;
    int rc = check_version(ce);

    bf_buf_init(&b, BF_EVENT_MAX);
    if (!rc)
        rc = carried ? write_carried(ce, &b) : write_event(ce, &b);
    if (!rc && (b.failed || !bf_arena_ok(ce->arena)))
        rc = bf_error_set(ce->err, BF_ETOOBIG, "the event of this CloudEvent would have more than"
                          " %d bytes", BF_EVENT_MAX);
    if (!rc) {
        rc = bf_envelope_parse(ce->arena, b.data, b.len, BF_FROM_OUTSIDE, out, ce->err);
        if (rc && !carried)
            rename_field(ce->err);
    }
    bf_buf_fini(&b);
    return rc;
}

static int make_structured(void *arg, struct bf_arena *scratch, const struct bf_json *root,
                           struct bf_envelope **out, struct bf_error *err)
{
    struct cloudevent ce = {.arena = scratch, .r = arg, .err = err};
    int rc;

    if (!root)
        return bf_error_set(err, BF_ECONFIG, "this is not JSON: %s", err->words);
    rc = read_structured(&ce, root);
    return rc ? rc : make(&ce, out);
}


/* --- requests --------------------------------------------------------------------------- */

static bool is_type(const char *type, const char *wanted)
{
    size_t len = strlen(wanted);

    return strncasecmp(type, wanted, len) == 0 && strchr("; \t", type[len]);
}

enum bf_cloudevents_mode bf_cloudevents_mode(const char *const *headers)
{
    const char *type = find_header(headers, "Content-Type");

    if (type && is_type(type, "application/cloudevents+json"))
        return BF_CLOUDEVENTS_STRUCTURED;
    if (type && is_type(type, "application/cloudevents-batch+json"))
        return BF_CLOUDEVENTS_BATCH;
    return find_header(headers, "ce-specversion") ? BF_CLOUDEVENTS_BINARY : BF_CLOUDEVENTS_NONE;
}

static int make_one(struct bf_arena *scratch, const struct bf_cloudevents *r, bool binary,
                    struct bf_envelope **out, struct bf_error *err)
{
    struct cloudevent ce = {.arena = scratch, .r = r, .err = err};
    int rc;

    if (!binary)
        return make_structured((void *)r, scratch, bf_json_parse(scratch, r->body, r->len, err),
                               out, err);
    rc = read_binary(&ce);
    return rc ? rc : make(&ce, out);
}

static int parse_one(struct bf_arena *a, const struct bf_cloudevents *r, bool binary,
                     struct bf_envelope ***out, size_t *n, struct bf_error *err)
{
    struct bf_arena *scratch = bf_arena_new(SCRATCH_MAX);
    struct bf_envelope **events = bf_arena_alloc(a, sizeof(*events));
    int rc;

    if (!events)
        rc = bf_error_set(err, BF_ENOMEM, "no memory for an event");
    else if (r->len > BF_EVENT_MAX)
        rc = bf_error_set(err, BF_ETOOBIG, "the event is %zu bytes long, at most %d are allowed",
                          r->len, BF_EVENT_MAX);
    else
        rc = make_one(scratch, r, binary, &events[0], err);
    bf_arena_free(scratch);
    if (rc)
        return rc;
    *out = events;
    *n = 1;
    return BF_OK;
}

int bf_cloudevents_parse(struct bf_arena *a, const struct bf_cloudevents *r,
                         struct bf_envelope ***out, size_t *n, struct bf_error *err)
{
    enum bf_cloudevents_mode mode = bf_cloudevents_mode(r->headers);
    struct bf_error unheard;

    if (!err)
        err = &unheard;
    if (mode == BF_CLOUDEVENTS_BATCH)
        return bf_array_parse(a, r->body, r->len, make_structured, (void *)r, out, n, err);
    return parse_one(a, r, mode == BF_CLOUDEVENTS_BINARY, out, n, err);
}


/* --- out -------------------------------------------------------------------------------- */

static void add_raw(struct bf_buf *b, const char *name, const struct bf_json *value)
{
    size_t len;
    const char *raw = bf_json_raw(value, &len);

    if (!value)
        return;
    bf_buf_printf(b, ",\"%s\":", name);
    bf_buf_add(b, raw, len);
}

/* What is written from elsewhere, should a sender of envelopes have put it among the attributes. */
static bool is_written(const struct bf_json *key)
{
    static const char *const names[] = {"specversion", "data_base64", "id", "source", "time", "data",
                                        "entity", "project", "collection", "author", "cause"};

    for (size_t i = 0; i < BF_COUNT(names); i++)
        if (bf_json_eq(key, names[i]))
            return true;
    return false;
}

static void add_scope(struct bf_buf *b, const struct bf_envelope *e)
{
    add_member(b, "entity", e->entity);
    add_member(b, "project", e->project);
    add_member(b, "collection", e->collection);
    add_member(b, "author", e->author);
    add_member(b, "cause", e->cause);
}

static void print_as_it_came(struct bf_buf *b, const struct bf_envelope *e,
                             const struct bf_json *root, const struct bf_json *kept)
{
    bool base64 = bf_json_get(kept, "data_base64") != NULL;

    add_member(b, "id", e->key);
    add_member(b, "source", e->source);
    if (!bf_json_get(kept, "type"))
        add_member(b, "type", e->type);
    add_raw(b, "time", bf_json_get(root, "time"));
    for (const struct bf_json *k = bf_json_first(kept); k; k = bf_json_next(kept, k)) {
        size_t len;
        const char *raw = bf_json_raw(k, &len);

        if (is_written(k))
            continue;
        bf_buf_addc(b, ',');
        bf_buf_add(b, raw, len);
        bf_buf_addc(b, ':');
        raw = bf_json_raw(k + 1, &len);
        bf_buf_add(b, raw, len);
    }
    add_scope(b, e);
    add_raw(b, base64 ? "data_base64" : "data", bf_json_get(root, "data"));
}

static void print_carried(struct bf_buf *b, const struct bf_envelope *e, const char *hub)
{
    char time[32];

    bf_time_print(e->time_ms, time);
    add_member(b, "id", e->id);
    bf_buf_adds(b, ",\"source\":\"");
    bf_buf_json_chars(b, hub, strlen(hub));
    bf_buf_addc(b, '/');
    bf_buf_url_chars(b, e->entity);
    bf_buf_addc(b, '"');
    add_member(b, "type", e->type);
    add_member(b, "time", time);
    add_member(b, "datacontenttype", "application/json");
    add_member(b, "dataschema", BF_CLOUDEVENT_SCHEMA);
    add_scope(b, e);
    bf_buf_adds(b, ",\"data\":");
    bf_buf_add(b, e->text, e->text_len);
}

void bf_cloudevent_print(const struct bf_envelope *e, const char *hub, struct bf_buf *out)
{
    struct bf_arena *a = bf_arena_new(SCRATCH_MAX);
    const struct bf_json *root = bf_json_parse(a, e->text, e->text_len, NULL);
    const struct bf_json *kept = bf_json_get(root, "attributes");

    bf_buf_adds(out, "{\"specversion\":\"1.0\"");
    if (bf_json_eq(bf_json_get(kept, "specversion"), "1.0") && e->key && e->source)
        print_as_it_came(out, e, root, kept);
    else
        print_carried(out, e, hub);
    bf_buf_addc(out, '}');
    bf_arena_free(a);
}
