/* integration_test.c - POST /api/v1/integrations/{id}/test: send one, and show what came back.
 *
 * It is for an admin of the team, as the payload may carry whatever secret of it is granted here.
 * The request is parked while the test is on its way.  It stands in the log as a test, and nowhere
 * else. */
#include "core/api/api_int.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/rules/trigger.h"

#define DEFAULT_TRIGGER "ADD_ARTIFACT_ALIAS"
#define SCRATCH_MAX     (64 * 1024 * 1024)      /* to parse a recorded event */
#define TEXT_SHOWN_MAX  (6 * 1024 * 1024 + 64)  /* what is sent, were each byte escaped */

static const char *const outcomes[] = {
    [BF_DELIVERED] = "delivered", [BF_RETRY] = "retry",       [BF_REJECTED] = "rejected",
    [BF_UNKNOWN] = "unknown",     [BF_ACCEPTED] = "accepted",
};

struct test {
    struct bf_trial trial;
    struct bf_api *api;
    struct bf_exchange *x;
    struct bf_integration *i;   /* a reference */
};


/* --- what is shown -------------------------------------------------------------------------- */

/* Any bytes, as text. */
static void add_bytes(struct bf_tree *t, const char *name, const char *bytes, size_t len)
{
    struct bf_buf b;

    bf_buf_init(&b, TEXT_SHOWN_MAX);
    bf_buf_addc(&b, '"');
    bf_buf_json_chars(&b, bytes, len);
    bf_buf_addc(&b, '"');
    bf_tree_raw(t, name, b.data, b.len);
    bf_buf_fini(&b);
}

static void add_header(struct bf_tree *array, const char *name, const char *value)
{
    struct bf_tree *t = bf_tree_add_object(array, NULL);

    bf_tree_str(t, "name", name);
    add_bytes(t, "value", value, strlen(value));
}

static void show_request(struct bf_tree *t, const struct bf_shown_request *r)
{
    struct bf_tree *headers, *signatures;

    bf_tree_str(t, "method", r->sent.method);
    add_bytes(t, "url", r->sent.url, strlen(r->sent.url));
    headers = bf_tree_add_array(t, "headers");
    for (const char *const *h = r->headers; h && *h; h += 2)
        add_header(headers, h[0], h[1]);
    add_bytes(t, "payload", r->sent.body, r->sent.body_len);
    signatures = bf_tree_add_array(t, "signatures");
    for (size_t i = 0; i < r->n_signatures; i++) {
        const struct bf_shown_signature *g = &r->signatures[i];
        struct bf_tree *s = bf_tree_add_object(signatures, NULL);

        bf_tree_str(s, "header", g->header);
        bf_tree_str(s, "value", g->value);
        bf_tree_str(s, "format", g->format);
        bf_tree_str(s, "secret", g->key);
        add_bytes(s, "covers", g->covers, g->covers_len);
    }
}

/* Those by which a person finds out what a service wants. */
static bool is_telling(const char *header)
{
    static const char *const names[] = {
        "Content-Type", "Content-Length", "Date", "Server", "Location", "Allow", "Retry-After",
        "WWW-Authenticate", "X-Request-Id", "Request-Id", "X-Slack-Req-Id", "X-GitHub-Request-Id",
        "RateLimit", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
        "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
    };

    for (size_t i = 0; i < BF_COUNT(names); i++)
        if (strcasecmp(names[i], header) == 0)
            return true;
    return false;
}

static void show_response(struct bf_tree *t, const struct bf_fetch_result *r)
{
    struct bf_tree *headers;

    bf_tree_int(t, "status", r->status);
    headers = bf_tree_add_array(t, "headers");
    for (const char *const *h = r->headers; h && *h; h += 2)
        if (is_telling(h[0]))
            add_header(headers, h[0], h[1]);
    add_bytes(t, "body", r->body ? r->body : "", r->body_len);
    bf_tree_bool(t, "body_cut", r->body_cut);
}

static int answer(struct test *s)
{
    const struct bf_trial *t = &s->trial;
    struct bf_tree *root = bf_tree_object();
    int outcome = t->verdict.outcome;

    bf_tree_bool(root, "test", true);
    bf_tree_str(root, "id", t->id);
    bf_tree_str(root, "outcome",
                outcome >= 0 && (size_t)outcome < BF_COUNT(outcomes) ? outcomes[outcome] : NULL);
    bf_tree_str(root, "reason", t->verdict.words ? t->verdict.words : "");
    bf_tree_int(root, "duration_ms", t->answer.duration_ms);
    if (t->was_sent)
        show_request(bf_tree_add_object(root, "request"), &t->request);
    else
        bf_tree_str(root, "request", NULL);
    if (t->answer.status)
        show_response(bf_tree_add_object(root, "response"), &t->answer);
    else
        bf_tree_str(root, "response", NULL);
    return bf_api_answer(s->x, 200, root);
}

/* The test lives in the exchange's arena. */
static void end(struct test *s, int status)
{
    struct bf_exchange *x = s->x;

    bf_trial_end(&s->trial);
    bf_integration_unref(s->i);
    bf_exchange_finish(x, status);
}

static void on_done(struct bf_trial *t)
{
    struct test *s = t->arg;
    int rc = t->rc;

    if (!rc && !bf_arena_ok(t->arena))
        rc = BF_EFULL;
    bf_infof(s->api->log, "test", "integration %s was tested by %s: %s, HTTP %d in %lld ms", s->i->id,
             bf_auth_who(s->x)->user,
             rc ? "it could not be" : outcomes[t->verdict.outcome], t->answer.status,
             (long long)t->answer.duration_ms);
    end(s, rc ? bf_api_invalid(s->x, rc, &t->err) : answer(s));
}


/* --- what is asked ------------------------------------------------------------------------------ */

/* {"text":…} and a payload become {"text":…,"payload":…}. */
static int join(struct test *s, const struct bf_json *options, const struct bf_json *payload)
{
    struct bf_arena *a = bf_exchange_arena(s->x);
    const char *raw = "{}", *body;
    size_t len = 2, body_len;

    if (options)
        raw = bf_json_raw(options, &len);
    if (!payload) {
        s->trial.config = bf_arena_ndup(a, raw, len);
        return 0;
    }
    if (bf_json_get(options, "payload"))
        return bf_exchange_fail(s->x, 400, "invalid", "payload", "there is a payload in config as"
                                " well; give one of the two");
    body = bf_json_raw(payload, &body_len);
    s->trial.config = bf_arena_printf(a, "%.*s%s\"payload\":%.*s}", (int)(len - 1), raw,
                                      bf_json_count(options) ? "," : "", (int)body_len, body);
    return 0;
}

static int no_event(struct bf_exchange *x, const char *id)
{
    return bf_exchange_fail(x, 400, "invalid", "event", "there is no event \"%.40s\"; GET"
                            " /api/v1/events lists those that are recorded", id);
}

/* One that was recorded, and fires what its type does. */
static int read_event(struct test *s, const char *id)
{
    uint16_t hub = bf_bus_hub(s->api->bus);
    struct bf_arena *scratch;
    struct bf_error err;
    const struct bf_trigger *trigger;
    unsigned at = 0;
    int64_t ms;
    uint64_t seq;
    int rc;

    if (!bf_id_parse(id, hub, &ms, &seq))
        return no_event(s->x, id);
    scratch = bf_arena_new(SCRATCH_MAX);
    rc = bf_journal_read(bf_exchange_local(s->x), hub, seq, scratch, &s->trial.event, &err);
    bf_arena_free(scratch);
    if (rc && rc != BF_ENOENT)
        return bf_api_unreadable(s->x);
    if (rc || s->trial.event->received_ms != ms ||
        !bf_api_may_read(s->api, s->x, s->trial.event->entity))
        return no_event(s->x, id);
    trigger = bf_trigger_of_event(s->trial.event->type, &at);
    s->trial.trigger = trigger ? trigger->wire : s->trial.event->type;
    return 0;
}

static int read_event_type(struct test *s, const char *type)
{
    struct bf_error err;

    s->trial.trigger = type;
    if (bf_trigger_by_wire(type) || !bf_trigger_check_type(type, &err))
        return 0;
    return bf_exchange_fail(s->x, 400, "invalid", "event_type", "%s", err.words);
}

static int read_body(struct test *s)
{
    const struct bf_json *payload, *config, *secrets, *event, *type;
    const struct bf_api_member members[] = {{"payload", BF_JSON_NULL, false, &payload},
                                            {"config", BF_JSON_OBJECT, false, &config},
                                            {"secrets", BF_JSON_ARRAY, false, &secrets},
                                            {"event", BF_JSON_STRING, false, &event},
                                            {"event_type", BF_JSON_STRING, false, &type}};
    struct bf_arena *a = bf_exchange_arena(s->x);
    struct bf_error err;
    int status = bf_api_body_members(s->x, members, BF_COUNT(members));

    if (!status && event && type)
        status = bf_exchange_fail(s->x, 400, "invalid", "event_type", "give an event that was"
                                  " recorded, or a type to make one up of, not both");
    if (!status)
        status = join(s, config, payload);
    if (!status && bf_secret_names_read(a, secrets, &s->trial.secrets, &err)) {
        bf_error_within(&err, "secrets");
        status = bf_api_invalid(s->x, BF_ECONFIG, &err);
    }
    if (!status && event)
        status = read_event(s, bf_json_str(a, event));
    if (!status && type)
        status = read_event_type(s, bf_json_str(a, type));
    return status;
}

static int begin(struct test *s)
{
    struct bf_delivery_settings own;
    int rc = bf_standing_read(bf_exchange_local(s->x), s->i->id, &own, NULL);

    if (!rc)
        s->trial.timeout_ms = own.timeout_ms;
    s->trial.integration = s->i->id;
    s->trial.done = on_done;
    s->trial.arg = s;
    bf_exchange_park(s->x);
    rc = bf_plugins_try(s->api->plugins, &s->trial);
    if (rc)
        end(s, bf_api_fail(s->x, rc, NULL));
    return BF_PARKED;
}

static int on_test(struct bf_exchange *x, void *arg)
{
    struct test *s = bf_arena_new_of(bf_exchange_arena(x), struct test);
    int status;

    if (!s)
        return bf_api_fail(x, BF_EFULL, NULL);
    if (!bf_exchange_local(x))
        return bf_api_unreadable(x);
    s->api = arg;
    s->x = x;
    s->trial.trigger = DEFAULT_TRIGGER;
    status = bf_api_integration(arg, x, BF_ADMIN, &s->i);
    if (status)
        return status;
    status = read_body(s);
    if (!status)
        return begin(s);
    bf_trial_end(&s->trial);
    bf_integration_unref(s->i);
    return status;
}

const struct bf_api_route bf_api_integration_test_routes[] = {
    {"POST", "/api/v1/integrations/{id}/test", BF_ADMIN, on_test},
    {NULL, NULL, 0, NULL},
};
