/* intake.c - a definition: read, shown, and applied to requests.
 *
 * A table says what a definition may hold; what is not in it is refused by name.  An intake is one
 * arena.  What a request is made into goes through the same gate as any event, so a value that no
 * event may have is an error here too. */
#include "core/team/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/crypto.h"
#include "core/base/sign.h"
#include "core/base/utf8.h"
#include "core/event/cause.h"
#include "core/team/team_int.h"

#define HEADER_NAME_MAX 100
#define POINTER_MAX     500
#define PARSE_MAX       (64 * 1024 * 1024)      /* memory for one body and the event of it */
#define SEALED_PREFIX   "intake/"

bool bf_intake_name_ok(const char *name)
{
    return strlen(name) <= BF_INTAKE_NAME_MAX && bf_entity_name_ok(name);
}


/* --- values ------------------------------------------------------------------- */

static bool is_header_name(const char *name)
{
    size_t n = 0;

    while (bf_is_word(name[n]) || name[n] == '-')
        n++;
    return n > 0 && n <= HEADER_NAME_MAX && name[n] == '\0';
}

/* RFC 6901: nothing, or parts that begin with a slash, in which ~ is only in ~0 and ~1. */
static bool is_pointer(const char *text)
{
    if (*text != '/' || strlen(text) > POINTER_MAX)
        return false;
    for (; *text; text++)
        if (*text == '~' && text[1] != '0' && text[1] != '1')
            return false;
    return true;
}

/* An object of one member; anything else is none of them. */
static int read_picked(struct bf_arena *a, const struct bf_json *object, struct bf_pick *out,
                       struct bf_error *err)
{
    const struct bf_json *key = bf_json_is(object, BF_JSON_OBJECT) && bf_json_count(object) == 1
                                    ? bf_json_first(object) : NULL;
    const struct bf_json *value = key ? key + 1 : NULL;

    out->what = bf_json_str(a, value);
    if (bf_json_eq(key, "body") && bf_json_is(value, BF_JSON_TRUE)) {
        out->from = BF_PICK_BODY;
        return BF_OK;
    }
    if (bf_json_eq(key, "header") && out->what && is_header_name(out->what)) {
        out->from = BF_PICK_HEADER;
        return BF_OK;
    }
    if (bf_json_eq(key, "pointer") && out->what && is_pointer(out->what)) {
        out->from = BF_PICK_POINTER;
        return BF_OK;
    }
    return bf_error_set(err, BF_ECONFIG, "must be a text, or one of {\"header\":\"X-Name\"},"
                        " {\"pointer\":\"/a/b\"} into the body, and {\"body\":true}");
}

static int read_pick(struct bf_arena *a, const struct bf_json *value, struct bf_pick *out,
                     struct bf_error *err)
{
    if (!bf_json_is(value, BF_JSON_STRING))
        return read_picked(a, value, out, err);
    *out = (struct bf_pick){BF_PICK_TEXT, bf_json_str(a, value)};
    return *out->what ? BF_OK : bf_error_set(err, BF_ECONFIG, "is empty: leave it out instead");
}

static int read_parts(struct bf_arena *a, const struct bf_json *value, struct bf_picks *out,
                      struct bf_error *err)
{
    if (!bf_json_is(value, BF_JSON_ARRAY)) {
        out->n = 1;
        return read_pick(a, value, &out->of[0], err);
    }
    if (bf_json_count(value) < 1 || bf_json_count(value) > BF_INTAKE_PARTS_MAX)
        return bf_error_set(err, BF_ECONFIG, "must have 1 to %d parts", BF_INTAKE_PARTS_MAX);
    for (const struct bf_json *p = bf_json_first(value); p; p = bf_json_next(value, p)) {
        int rc = read_pick(a, p, &out->of[out->n], err);

        if (rc) {
            char index[24];

            snprintf(index, sizeof(index), "[%zu]", out->n);
            bf_error_within(err, index);
            return rc;
        }
        out->n++;
    }
    return BF_OK;
}


/* --- the definition ------------------------------------------------------------- */

typedef int read_fn(struct bf_intake *i, const struct bf_json *value, struct bf_error *err);

struct member {
    const char *name;
    read_fn *read;
};

static int read_members(struct bf_intake *i, const struct member *members,
                        const struct bf_json *object, const char *what, struct bf_error *err)
{
    if (!bf_json_is(object, BF_JSON_OBJECT))
        return bf_error_set(err, BF_ECONFIG, "%s must be an object, not %s", what,
                            bf_json_type_name(object));
    for (const struct bf_json *k = bf_json_first(object); k; k = bf_json_next(object, k)) {
        const struct member *m = members;
        int rc;

        while (m->name && !bf_json_eq(k, m->name))
            m++;
        if (!m->name) {
            char known[200] = "";

            for (m = members; m->name; m++)
                snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
                         m == members ? "" : ", ", m->name);
            return bf_error_field(err, BF_ECONFIG, bf_json_str(i->arena, k),
                                  "unknown member \"%.80s\"; known are %s",
                                  bf_json_str(i->arena, k), known);
        }
        rc = m->read(i, k + 1, err);
        if (rc) {
            bf_error_within(err, m->name);
            return rc;
        }
    }
    return BF_OK;
}

static int read_type(struct bf_intake *i, const struct bf_json *value, struct bf_error *err)
{
    int rc = read_parts(i->arena, value, &i->type, err);

    if (rc)
        return rc;
    for (size_t n = 0; n < i->type.n; n++)
        if (i->type.of[n].from == BF_PICK_TEXT && !bf_type_is_custom(i->type.of[n].what) && n == 0)
            return bf_error_set(err, BF_ECONFIG, "must begin with a word of your own, of a-z, 0-9"
                                " and _, such as \"github\"; the first word cannot be artifact,"
                                " collection, run, belfry, clock or schedule");
    return i->type.of[0].from == BF_PICK_TEXT ? BF_OK :
           bf_error_set(err, BF_ECONFIG, "must begin with a text, such as [\"github\","
                        " {\"header\":\"X-GitHub-Event\"}]");
}

static int read_key(struct bf_intake *i, const struct bf_json *value, struct bf_error *err)
{
    int rc = read_parts(i->arena, value, &i->key, err);

    for (size_t n = 0; n < i->key.n && !rc; n++)
        if (i->key.of[n].from != BF_PICK_TEXT)
            return BF_OK;
    return rc ? rc : bf_error_set(err, BF_ECONFIG, "must pick something from the request: a text"
                                  " alone would make every event a repeat of the first");
}

static int read_name(struct bf_intake *i, const struct bf_json *value, struct bf_pick *out,
                     struct bf_error *err)
{
    int rc = read_pick(i->arena, value, out, err);
    const char *problem = NULL;

    if (!rc && out->from == BF_PICK_TEXT)
        problem = bf_name_problem(out->what, strlen(out->what));
    return problem ? bf_error_set(err, BF_ECONFIG, "%s", problem) : rc;
}

static int read_project(struct bf_intake *i, const struct bf_json *value, struct bf_error *err)
{
    return read_name(i, value, &i->project, err);
}

static int read_collection(struct bf_intake *i, const struct bf_json *value, struct bf_error *err)
{
    return read_name(i, value, &i->collection, err);
}

static int read_author(struct bf_intake *i, const struct bf_json *value, struct bf_error *err)
{
    return read_pick(i->arena, value, &i->author, err);
}

static int read_time(struct bf_intake *i, const struct bf_json *value, struct bf_error *err)
{
    int rc = read_pick(i->arena, value, &i->time, err);

    if (!rc && i->time.from != BF_PICK_POINTER && i->time.from != BF_PICK_HEADER)
        rc = bf_error_set(err, BF_ECONFIG, "must be picked from the request");
    return rc;
}

static int read_enabled(struct bf_intake *i, const struct bf_json *value, struct bf_error *err)
{
    if (!bf_json_is(value, BF_JSON_TRUE) && !bf_json_is(value, BF_JSON_FALSE))
        return bf_error_set(err, BF_ECONFIG, "must be true or false, not %s",
                            bf_json_type_name(value));
    i->enabled = bf_json_is(value, BF_JSON_TRUE);
    return BF_OK;
}

static int read_kind(struct bf_intake *i, const struct bf_json *value, struct bf_error *err)
{
    static const struct { const char *name; enum bf_intake_check check; } kinds[] = {
        {"none", BF_CHECK_NONE}, {"bearer", BF_CHECK_BEARER}, {"header", BF_CHECK_HEADER},
        {"hmac", BF_CHECK_HMAC},
    };

    for (size_t n = 0; n < BF_COUNT(kinds); n++) {
        if (bf_json_eq(value, kinds[n].name)) {
            i->check = kinds[n].check;
            return BF_OK;
        }
    }
    return bf_error_set(err, BF_ECONFIG, "must be \"hmac\", \"bearer\", \"header\" or \"none\"");
}

static int read_header(struct bf_intake *i, const struct bf_json *value, struct bf_error *err)
{
    i->header = bf_json_str(i->arena, value);
    return i->header && is_header_name(i->header) ? BF_OK :
           bf_error_set(err, BF_ECONFIG, "must be the name of a header");
}

/* Kept until all of the check is known: a format may be a kind of its own. */
#define FORMAT_STANDARD (-1)
#define FORMAT_MLFLOW   (-2)
#define FORMAT_UNSET    (-3)

static int read_format(struct bf_intake *i, const struct bf_json *value, struct bf_error *err)
{
    static const struct { const char *name; int format; } formats[] = {
        {"hex", BF_SIGN_HEX}, {"sha256=hex", BF_SIGN_SHA256_HEX}, {"base64", BF_SIGN_BASE64},
        {"standard-webhooks", FORMAT_STANDARD}, {"mlflow", FORMAT_MLFLOW},
    };

    for (size_t n = 0; n < BF_COUNT(formats); n++) {
        if (bf_json_eq(value, formats[n].name)) {
            i->format = formats[n].format;
            return BF_OK;
        }
    }
    return bf_error_set(err, BF_ECONFIG, "must be \"hex\", \"sha256=hex\", \"base64\","
                        " \"standard-webhooks\" or \"mlflow\"");
}

static int read_secret(struct bf_intake *i, const struct bf_json *value, struct bf_error *err)
{
    const char *sealed = bf_json_str(i->arena, bf_json_get(value, "sealed"));

    i->sealed = sealed != NULL;
    i->secret = sealed ? sealed : bf_json_str(i->arena, value);
    return i->secret ? BF_OK : bf_error_set(err, BF_ECONFIG, "must be the name of a secret, or"
                                            " {\"value\":\"...\"} with the secret itself");
}

static int need(bool there, bool wanted, const char *field, const char *kind, struct bf_error *err)
{
    if (there == wanted)
        return BF_OK;
    return bf_error_field(err, BF_ECONFIG, field, wanted ? "a check of this kind (%s) needs \"%s\""
                          : "a check of this kind (%s) has no \"%s\"", kind, field);
}

/* Which of header, format and secret go with which kind. */
static int settle_check(struct bf_intake *i, struct bf_error *err)
{
    static const char *const kinds[] = {"none", "bearer", "header", "hmac"};
    const char *kind = kinds[i->check];
    bool stamped = i->format == FORMAT_STANDARD || i->format == FORMAT_MLFLOW;
    int rc = need(i->format != FORMAT_UNSET, i->check == BF_CHECK_HMAC, "format", kind, err);

    if (!rc)
        rc = need(i->header != NULL, i->check >= BF_CHECK_HEADER && !stamped, "header", kind, err);
    if (!rc)
        rc = need(i->secret != NULL, i->check != BF_CHECK_NONE, "secret", kind, err);
    if (i->format == FORMAT_STANDARD)
        i->check = BF_CHECK_STANDARD;
    else if (i->format == FORMAT_MLFLOW)
        i->check = BF_CHECK_MLFLOW;
    return rc;
}

static int read_check(struct bf_intake *i, const struct bf_json *value, struct bf_error *err)
{
    static const struct member members[] = {
        {"kind", read_kind}, {"header", read_header}, {"format", read_format},
        {"secret", read_secret}, {NULL, NULL},
    };
    int rc;

    i->format = FORMAT_UNSET;
    rc = read_members(i, members, value, "this", err);
    if (!rc && !bf_json_get(value, "kind"))
        rc = bf_error_field(err, BF_ECONFIG, "kind", "say how requests are checked: \"hmac\","
                            " \"bearer\", \"header\", or \"none\" if anybody may send");
    return rc ? rc : settle_check(i, err);
}

static const struct member definition_members[] = {
    {"type", read_type},       {"check", read_check},           {"key", read_key},
    {"project", read_project}, {"collection", read_collection}, {"author", read_author},
    {"time", read_time},       {"enabled", read_enabled},       {NULL, NULL},
};

/* Of a stamped request the id is signed, so it tells a copy whatever else was changed. */
static void default_key(struct bf_intake *i)
{
    if (i->key.n || (i->check != BF_CHECK_STANDARD && i->check != BF_CHECK_MLFLOW))
        return;
    i->key.of[0] = (struct bf_pick){BF_PICK_HEADER, i->check == BF_CHECK_MLFLOW
                                                        ? "X-MLflow-Delivery-Id" : "webhook-id"};
    i->key.n = 1;
}

static int read_definition(struct bf_intake *i, struct bf_error *err)
{
    const struct bf_json *root =
        bf_json_parse(i->arena, i->definition, strlen(i->definition), err);
    int rc;

    if (!root)
        return BF_ECONFIG;
    rc = read_members(i, definition_members, root, "an intake", err);
    if (!rc && i->type.n == 0)
        rc = bf_error_field(err, BF_ECONFIG, "type", "say what type its events have, such as"
                            " \"alertmanager.alert\"");
    if (!rc && !bf_json_get(root, "check"))
        rc = bf_error_field(err, BF_ECONFIG, "check", "say how requests are checked, such as"
                            " {\"kind\":\"bearer\",\"secret\":\"NAME\"}; {\"kind\":\"none\"} if"
                            " anybody may send");
    default_key(i);
    return rc;
}

int bf_intake_new(const char *name, const char *entity, const char *definition,
                  struct bf_intake **out, struct bf_error *err)
{
    struct bf_arena *a = bf_arena_new(32 * BF_INTAKE_DEFINITION_MAX);
    struct bf_intake *i = bf_arena_new_of(a, struct bf_intake);
    struct bf_error unheard;
    int rc;

    if (!err)
        err = &unheard;
    atomic_init(&i->refs, 1);
    i->arena = a;
    i->name = bf_arena_dup(a, name);
    i->entity = bf_arena_dup(a, entity);
    i->definition = bf_arena_dup(a, definition);
    i->enabled = true;
    i->counts = bf_new(struct bf_intake_counts);
    atomic_init(&i->counts->refs, 1);
    rc = read_definition(i, err);
    if (!rc && !bf_arena_ok(a))
        rc = bf_error_set(err, BF_ETOOBIG, "the definition needs too much memory");
    if (rc)
        bf_intake_unref(i);
    else
        *out = i;
    return rc;
}

struct bf_intake *bf_intake_ref(struct bf_intake *i)
{
    atomic_fetch_add_explicit(&i->refs, 1, memory_order_relaxed);
    return i;
}

void bf_intake_unref(struct bf_intake *i)
{
    if (!i || atomic_fetch_sub_explicit(&i->refs, 1, memory_order_acq_rel) != 1)
        return;
    bf_intake_counts_unref(i->counts);
    bf_arena_free(i->arena);
}

void bf_intake_counts_unref(struct bf_intake_counts *c)
{
    if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
        free(c);
}


/* --- saving and showing -------------------------------------------------------- */

/* The object as it is, but for one member: of the definition the check, of the check the secret. */
static void copy_but(struct bf_buf *b, const struct bf_json *object, const char *name,
                     const char *instead)
{
    bf_buf_addc(b, '{');
    for (const struct bf_json *k = bf_json_first(object); k; k = bf_json_next(object, k)) {
        size_t len;
        const char *raw = bf_json_raw(k, &len);

        if (k != bf_json_first(object))
            bf_buf_addc(b, ',');
        bf_buf_add(b, raw, len);
        bf_buf_addc(b, ':');
        raw = bf_json_raw(k + 1, &len);
        if (bf_json_eq(k, name) && instead)
            bf_buf_adds(b, instead);
        else
            bf_buf_add(b, raw, len);
    }
    bf_buf_addc(b, '}');
}

static void copy_with_secret(struct bf_buf *out, const struct bf_json *root, const char *secret)
{
    const struct bf_json *check = bf_json_get(root, "check");
    struct bf_buf b;

    bf_buf_init(&b, BF_INTAKE_DEFINITION_MAX);
    if (bf_json_is(check, BF_JSON_OBJECT))
        copy_but(&b, check, "secret", secret);
    copy_but(out, root, "check", b.len ? b.data : NULL);
    out->failed = out->failed || b.failed;
    bf_buf_fini(&b);
}

void bf_intake_show(const struct bf_intake *i, struct bf_buf *out)
{
    struct bf_arena *a = bf_arena_new(32 * BF_INTAKE_DEFINITION_MAX);
    const struct bf_json *root = bf_json_parse(a, i->definition, strlen(i->definition), NULL);

    copy_with_secret(out, root, i->sealed ? "{\"set\":true}" : NULL);
    bf_arena_free(a);
}

/* What the secret is saved as; NULL with the error. */
static const char *store_secret(struct bf_arena *a, const char *name, const struct bf_json *secret,
                                const struct bf_intake *before, const char **literal,
                                struct bf_error *err)
{
    const char *text = bf_json_str(a, secret), *value = bf_json_str(a, bf_json_get(secret, "value"));
    size_t len;
    const char *raw = bf_json_raw(secret, &len);

    if (text && bf_secret_name_ok(text))
        return bf_arena_ndup(a, raw, len);
    if (bf_json_is(bf_json_get(secret, "set"), BF_JSON_TRUE) && before && before->sealed)
        return bf_arena_printf(a, "{\"sealed\":\"" SEALED_PREFIX "%s\"}", name);
    *literal = text ? text : value;
    if (*literal && **literal && strlen(*literal) <= BF_SECRET_MAX)
        return bf_arena_printf(a, "{\"sealed\":\"" SEALED_PREFIX "%s\"}", name);
    bf_error_field(err, BF_ECONFIG, "check.secret", "must be the name of a secret, or"
                   " {\"value\":\"...\"} with the secret itself");
    return NULL;
}

int bf_intake_store(struct bf_arena *a, const char *name, const struct bf_json *given,
                    const struct bf_intake *before, const char **definition, const char **literal,
                    struct bf_error *err)
{
    const struct bf_json *secret = bf_json_get(bf_json_get(given, "check"), "secret");
    const char *stored = NULL;
    struct bf_buf b;

    *literal = NULL;
    if (!bf_json_is(given, BF_JSON_OBJECT))
        return bf_error_set(err, BF_ECONFIG, "an intake must be an object, not %s",
                            bf_json_type_name(given));
    if (secret) {
        stored = store_secret(a, name, secret, before, literal, err);
        if (!stored)
            return BF_ECONFIG;
    }
    bf_buf_init(&b, BF_INTAKE_DEFINITION_MAX);
    copy_with_secret(&b, given, stored);
    *definition = bf_arena_dup(a, bf_buf_text(&b));
    bf_buf_fini(&b);
    if (b.failed)
        return bf_error_set(err, BF_ETOOBIG, "an intake's definition may have %d bytes",
                            BF_INTAKE_DEFINITION_MAX);
    return BF_OK;
}


/* --- requests: who sends ---------------------------------------------------------- */

static const char *find_header(const char *const *headers, const char *name)
{
    for (; headers && headers[0]; headers += 2)
        if (strcasecmp(headers[0], name) == 0)
            return headers[1];
    return NULL;
}

static bool bearer_ok(const char *given, const char *value)
{
    if (!given || strncasecmp(given, "Bearer ", 7) != 0)
        return false;
    return bf_text_same(given + 7 + strspn(given + 7, " "), value);
}

static bool stamped_ok(const struct bf_intake *i, const struct bf_intake_request *r,
                       const char *value, size_t value_len, int64_t now_ms)
{
    static const char *const names[2][3] = {
        {"webhook-id", "webhook-timestamp", "webhook-signature"},
        {"X-MLflow-Delivery-Id", "X-MLflow-Timestamp", "X-MLflow-Signature"},
    };
    bool mlflow = i->check == BF_CHECK_MLFLOW;
    struct bf_stamped s = {find_header(r->headers, names[mlflow][0]),
                           find_header(r->headers, names[mlflow][1]),
                           find_header(r->headers, names[mlflow][2])};

    if (mlflow)
        return bf_stamped_ok(r->arena, &s, value, value_len, r->body, r->len, now_ms);
    return bf_standard_ok(r->arena, &s, value, value_len, r->body, r->len, now_ms);
}

static bool is_right(const struct bf_intake *i, const struct bf_intake_request *r,
                     const char *value, size_t value_len, int64_t now_ms)
{
    switch (i->check) {
    case BF_CHECK_NONE:
        return true;
    case BF_CHECK_BEARER:
        return bearer_ok(find_header(r->headers, "Authorization"), value);
    case BF_CHECK_HEADER:
        return bf_text_same(find_header(r->headers, i->header), value);
    case BF_CHECK_HMAC:
        return bf_text_same(find_header(r->headers, i->header),
                            bf_signature(r->arena, i->format, value, value_len, r->body, r->len));
    default:
        return stamped_ok(i, r, value, value_len, now_ms);
    }
}

int bf_intake_check(const struct bf_intake *i, const struct bf_intake_request *r,
                    const char *value, size_t value_len, int64_t now_ms)
{
    /* Without a secret nobody can have signed. */
    if (i->check != BF_CHECK_NONE && value_len == 0)
        return BF_EPERM;
    return is_right(i, r, value, value_len, now_ms) && bf_arena_ok(r->arena) ? BF_OK : BF_EPERM;
}


/* --- requests: what they become --------------------------------------------------- */

struct mapping {
    const struct bf_intake *i;
    const struct bf_intake_request *r;
    const struct bf_json *root; /* the body */
    struct bf_buf *out;         /* the envelope as it grows */
    struct bf_error *err;
};

static const char *from_body(const struct mapping *m, const char *pointer)
{
    const struct bf_json *j = bf_json_at(m->root, pointer);
    const char *raw;
    size_t len;

    if (bf_json_is(j, BF_JSON_STRING))
        return bf_json_str(m->r->arena, j);
    if (!bf_json_is(j, BF_JSON_NUMBER) && !bf_json_is(j, BF_JSON_TRUE) &&
        !bf_json_is(j, BF_JSON_FALSE))
        return NULL;
    raw = bf_json_raw(j, &len);
    return bf_arena_ndup(m->r->arena, raw, len);
}

static const char *body_hash(const struct mapping *m)
{
    uint8_t hash[32];

    bf_sha256(m->r->body, m->r->len, hash);
    return bf_arena_printf(m->r->arena, "sha256:%s", bf_hex(m->r->arena, hash, sizeof(hash)));
}

/* NULL where the request has nothing there; the empty text is nothing. */
static const char *pick(const struct mapping *m, const struct bf_pick *p)
{
    const char *text = NULL;

    switch (p->from) {
    case BF_PICK_NOTHING: break;
    case BF_PICK_TEXT: text = p->what; break;
    case BF_PICK_HEADER: text = find_header(m->r->headers, p->what); break;
    case BF_PICK_POINTER: text = from_body(m, p->what); break;
    case BF_PICK_BODY: text = body_hash(m); break;
    }
    return text && *text ? text : NULL;
}

static void add_member(struct mapping *m, const char *name, const char *value)
{
    if (!value)
        return;
    bf_buf_printf(m->out, "%s\"%s\":", m->out->len > 1 ? "," : "", name);
    bf_buf_json(m->out, value);
}

/* A picked part as words of a type: lower case, and "_" for what cannot stand there. */
static void add_words(struct bf_buf *b, const char *text)
{
    bool dot = true;

    for (; *text; text++) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text + 32) : *text;
        bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';

        if (c == '.' && (dot || !text[1]))
            c = '_';
        bf_buf_addc(b, word || c == '.' ? c : '_');
        dot = c == '.';
    }
}

static void add_type(struct mapping *m)
{
    struct bf_buf type;

    bf_buf_init(&type, BF_NAME_MAX);
    for (size_t n = 0; n < m->i->type.n; n++) {
        const char *text = pick(m, &m->i->type.of[n]);

        if (!text)
            continue;
        if (type.len)
            bf_buf_addc(&type, '.');
        add_words(&type, text);
    }
    add_member(m, "type", bf_buf_text(&type));  /* one that is too long the gate refuses */
    bf_buf_fini(&type);
}

static const char *describe(const struct mapping *m, const struct bf_pick *p)
{
    if (p->from == BF_PICK_HEADER)
        return bf_arena_printf(m->r->arena, "no header %s", p->what);
    return bf_arena_printf(m->r->arena, "nothing at %s in its body", p->what);
}

/* One text is the key itself if it is short enough; several, each with its end, are hashed. */
static int add_key(struct mapping *m)
{
    const struct bf_picks *key = &m->i->key;
    struct bf_buf all;
    uint8_t hash[32];
    const char *text = NULL;

    bf_buf_init(&all, 2 * BF_EVENT_MAX);
    for (size_t n = 0; n < key->n; n++) {
        text = pick(m, &key->of[n]);
        if (!text) {
            bf_buf_fini(&all);
            return bf_error_field(m->err, BF_ECONFIG, "key", "the request has %s, which this"
                                  " intake takes the key from", describe(m, &key->of[n]));
        }
        bf_buf_add(&all, text, strlen(text) + 1);
    }
    if (key->n > 1 || all.len > BF_NAME_MAX) {
        bf_sha256(all.data, all.len, hash);
        text = bf_arena_printf(m->r->arena, "sha256:%s", bf_hex(m->r->arena, hash, sizeof(hash)));
    }
    bf_buf_fini(&all);
    add_member(m, "key", text);
    return BF_OK;
}

/* RFC 3339, or seconds or milliseconds since 1970 as many senders count. */
static int add_time(struct mapping *m)
{
    const char *text = pick(m, &m->i->time);
    char made[32], *end;
    long long number;
    int64_t ms;

    if (!text)
        return BF_OK;
    number = strtoll(text, &end, 10);
    if (*end == '\0' && number > 0 && number < 100000000000000)
        ms = number < 100000000000 ? number * 1000 : number;
    else if (!bf_time_parse(text, &ms))
        return bf_error_field(m->err, BF_ECONFIG, "time", "\"%.60s\" is no RFC 3339 time with its"
                              " zone, and no whole number of seconds or milliseconds", text);
    bf_time_print(ms, made);
    add_member(m, "time", made);
    return BF_OK;
}

/* An author is for people to read: a long one is cut, not refused. */
static void add_author(struct mapping *m)
{
    const char *text = pick(m, &m->i->author);

    if (text)
        add_member(m, "author", bf_arena_ndup(m->r->arena, text,
                                              bf_utf8_cut(text, strlen(text), BF_NAME_MAX)));
}

/* How many hubs it has come through; one more than allowed is refused by the gate. */
static void add_hops(struct mapping *m)
{
    const char *header = find_header(m->r->headers, "Belfry-Hops");
    unsigned long hops = header ? strtoul(header, NULL, 10) : 0;

    if (hops)
        bf_buf_printf(m->out, ",\"hops\":%lu", hops > BF_HOPS_MAX ? BF_HOPS_MAX + 1ul : hops);
}

/* What began it, if a hub sent it. */
static void add_cause(struct mapping *m)
{
    add_member(m, "cause", find_header(m->r->headers, BF_CAUSE_HEADER));
}

static int write_event(struct mapping *m)
{
    const char *raw;
    size_t len;
    int rc;

    bf_buf_addc(m->out, '{');
    add_type(m);
    add_member(m, "entity", m->i->entity);
    add_member(m, "project", pick(m, &m->i->project));
    add_member(m, "collection", pick(m, &m->i->collection));
    add_member(m, "source", m->i->name);
    add_author(m);
    add_hops(m);
    add_cause(m);
    rc = add_key(m);
    if (!rc)
        rc = add_time(m);
    raw = bf_json_raw(m->root, &len);
    bf_buf_adds(m->out, ",\"data\":");
    bf_buf_add(m->out, raw, len);
    bf_buf_addc(m->out, '}');
    return rc;
}

static bool headers_are_text(const struct bf_intake_request *r)
{
    for (const char *const *h = r->headers; h && h[0]; h += 2)
        if (!bf_utf8_ok(h[1], strlen(h[1])))
            return false;
    return true;
}

static int make_event(struct mapping *m, struct bf_arena *scratch, struct bf_envelope **out)
{
    int rc;

    m->root = bf_json_parse(scratch, m->r->body, m->r->len, m->err);
    if (!m->root)
        return bf_error_set(m->err, BF_ECONFIG, "the body is not JSON: %s; set the sender to"
                            " application/json", m->err->words);
    if (!headers_are_text(m->r))
        return bf_error_set(m->err, BF_ECONFIG, "a header of the request is not UTF-8");
    rc = write_event(m);
    if (rc)
        return rc;
    if (m->out->failed)
        return bf_error_set(m->err, BF_ETOOBIG, "an event may have %d bytes, and this one would"
                            " have more", BF_EVENT_MAX);
    rc = bf_envelope_parse(scratch, m->out->data, m->out->len, BF_FROM_OUTSIDE, out, m->err);
    /* The text is ours and its values were JSON, so only their depth can be wrong with it. */
    if (rc == BF_ECONFIG && !m->err->field[0])
        return bf_error_set(m->err, rc, "the body is nested too deep: %d levels are allowed",
                            BF_JSON_DEPTH_MAX - 1);
    return rc;
}

int bf_intake_event(const struct bf_intake *i, const struct bf_intake_request *r,
                    struct bf_envelope **out, struct bf_error *err)
{
    struct bf_arena *scratch = bf_arena_new(PARSE_MAX);
    struct bf_error unheard;
    struct bf_buf b;
    struct mapping m = {.i = i, .r = r, .out = &b, .err = err ? err : &unheard};
    int rc;

    bf_buf_init(&b, BF_EVENT_MAX);
    rc = make_event(&m, scratch, out);
    bf_buf_fini(&b);
    bf_arena_free(scratch);
    return rc;
}
