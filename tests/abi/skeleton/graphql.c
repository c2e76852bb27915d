/* graphql - a client's mutation makes an automation: asked of the hub's own REST as that client.
 *
 * Whatever rules REST has about automations hold here without being written twice; only the words
 * differ.  The call waits, so it is made on a worker. */
#include <belfry/plugin.h>

#include <string.h>

/* A member of `input` if it is there: absent and null differ from "". */
static void copy_member(struct bf_arena *a, struct bf_text *out, const char *name,
                        const char *body, const char *pointer)
{
    int type = bf_type(a, body, pointer);
    const char *value = bf_get(a, body, pointer);

    if (type == BF_V_NONE)
        return;
    bf_append(a, out, ",%s:%s", bf_quote(a, name),
              type == BF_V_STRING ? bf_quote(a, value) : value);
}

static int graphql_error(struct bf_reply *re, struct bf_arena *a, int status, const char *message)
{
    bf_reply_body(re, "application/json", "{\"errors\":[{\"message\":%s}]}", bf_quote(a, message));
    return status;
}

/* The client has the filter as JSON in a string. */
static const char *event_from(struct bf_arena *a, const char *body)
{
    const char *type = bf_get(a, body, "/variables/input/triggeringEventType");
    const char *filter = bf_get(a, body, "/variables/input/eventFilter");

    if (bf_type(a, filter, "") != BF_V_OBJECT)
        filter = "{}";
    return bf_printf(a, "{\"type\":%s,\"filter\":%s}", bf_quote(a, type), filter);
}

static const char *automation_from(struct bf_arena *a, const char *body)
{
    const char *action = bf_get(a, body, "/variables/input/triggeredActionConfig");
    struct bf_text json = { 0 };

    bf_append(a, &json, "\"event\":%s,\"actions\":[%s]", event_from(a, body), action);
    copy_member(a, &json, "name", body, "/variables/input/name");
    copy_member(a, &json, "description", body, "/variables/input/description");
    copy_member(a, &json, "enabled", body, "/variables/input/enabled");
    copy_member(a, &json, "scope", body, "/variables/input/scope");
    return bf_printf(a, "{%s}", json.s);
}

static int create_automation(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                             struct bf_reply *re)
{
    struct bf_arena *a = in->arena;
    struct bf_request *req = bf_request_new(ctx, a);
    const struct bf_http_out *out;

    (void)self;
    bf_request_as(req, in->caller);
    bf_request_to(req, "POST", "/api/v1/automations");
    bf_request_body(req, "application/json", "%s", automation_from(a, in->body));
    out = bf_fetch(ctx, req);
    if (out->err)
        return graphql_error(re, a, bf_status(out->err), "the hub is busy");
    if (out->status >= 300)         /* 409 must stay 409: the client looks at it */
        return graphql_error(re, a, out->status, bf_get(a, out->body, "/error/message"));
    bf_reply_body(re, "application/json",
                  "{\"data\":{\"result\":{\"trigger\":{\"__typename\":\"Trigger\",\"id\":%s,"
                  "\"name\":%s}}}}",
                  bf_quote(a, bf_get(a, out->body, "/id")),
                  bf_quote(a, bf_get(a, out->body, "/name")));
    return 200;
}

static int on_graphql(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                      struct bf_reply *re)
{
    struct bf_arena *a = in->arena;
    const char *operation = bf_get(a, in->body, "/operationName");

    (void)ctx;
    if (strcmp(operation, "CreateAutomation") == 0)
        return bf_continue(re, BF_ON_WORKER, create_automation, self);
    if (strcmp(operation, "Viewer") == 0) {
        bf_reply_body(re, "application/json", "{\"data\":{\"viewer\":{\"username\":%s}}}",
                      bf_quote(a, in->caller->user));
        return 200;
    }
    return graphql_error(re, a, 400, bf_printf(a, "unknown operation '%s'", operation));
}

static const struct bf_route routes[] = {
    BF_ROUTE("POST", "/graphql", on_graphql),       /* every caller; REST decides what he may */
    BF_ROUTES_END
};

static const struct bf_source graphql = {
    BF_SOURCE("graphql", "Answer a client's GraphQL"),
    .routes = routes,
};

BF_PLUGIN(graphql, "1.0", BF_SOURCES(&graphql));
