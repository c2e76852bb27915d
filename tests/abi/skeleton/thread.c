/* thread - a sink in two steps: find the thread of a topic, or begin it, then post into it.
 *
 * Both are asynchronous: no thread of the hub waits.  What the second step needs is kept in the
 * delivery's arena, which lives until bf_settle(). */
#include <belfry/plugin.h>

struct integration {
    const char *service;
    const char *token;
};

static const struct bf_option integration[] = {
    BF_STRING(struct integration, service, .flags = BF_REQUIRED, .help = "address of the forum"),
    BF_STRING(struct integration, token, .flags = BF_REQUIRED | BF_SECRET, .help = "API token"),
    BF_OPTIONS_END
};

struct action {
    const char *topic;
    const char *text;
};

static const struct bf_option action[] = {
    BF_STRING(struct action, topic, .flags = BF_TEMPLATE, .def = "${project_name}",
              .help = "one thread for each"),
    BF_STRING(struct action, text, .flags = BF_REQUIRED | BF_TEMPLATE, .help = "what to post"),
    BF_OPTIONS_END
};

struct job {
    const struct integration *to;
    const struct bf_delivery *d;
};

static struct bf_request *post_to(const struct job *j, const char *path)
{
    struct bf_arena *a = j->d->arena;
    struct bf_request *req = bf_request_new(j->d->ctx, a);

    bf_request_to(req, "POST", bf_printf(a, "%s%s", j->to->service, path));
    bf_request_header(req, "Authorization", bf_printf(a, "Bearer %s", j->to->token));
    bf_request_header(req, "Idempotency-Key", j->d->id);
    return req;
}

static void on_posted(struct bf_ctx *ctx, void *arg, const struct bf_http_out *out)
{
    const struct job *j = arg;

    bf_settle(ctx, j->d->ticket, bf_default(j->d, out));
}

static void on_thread(struct bf_ctx *ctx, void *arg, const struct bf_http_out *out)
{
    struct job *j = arg;
    const struct bf_delivery *d = j->d;
    const struct action *say = d->action;
    const char *id = bf_get(d->arena, out->body, "/thread/id");
    struct bf_request *req;
    int outcome = bf_default(d, out);

    if (outcome == BF_UNKNOWN)      /* a thread without a post does no harm */
        outcome = bf_retry(d, -1, "no answer about the thread");
    if (outcome == BF_DELIVERED && !*id)
        outcome = bf_reject(d, "the service gave no thread");
    if (outcome != BF_DELIVERED) {
        bf_settle(ctx, d->ticket, outcome);
        return;
    }
    req = post_to(j, bf_printf(d->arena, "/threads/%s/posts", id));
    bf_request_body(req, "application/json", "{\"text\":%s}",
                    bf_quote(d->arena, bf_expand(d, say->text, BF_ESC_NONE)));
    bf_http_send(ctx, req, on_posted, j);
}

static void thread_deliver(void *self, const struct bf_delivery *d)
{
    const struct action *say = d->action;
    struct job *j = bf_alloc(d->arena, sizeof(*j));
    struct bf_request *req;

    if (!j) {
        bf_settle(d->ctx, d->ticket, bf_retry(d, -1, "no memory"));
        return;
    }
    *j = (struct job){ .to = self, .d = d };
    req = post_to(j, "/threads");
    bf_request_body(req, "application/json", "{\"topic\":%s}",
                    bf_quote(d->arena, bf_expand(d, say->topic, BF_ESC_NONE)));
    bf_http_send(d->ctx, req, on_thread, j);
}

static const struct bf_sink thread = {
    BF_SINK("thread", "Post into a thread of a forum"),
    BF_INTEGRATION(struct integration, integration),
    BF_ACTION(struct action, action),
    .deliver = thread_deliver,
};

BF_PLUGIN(thread, "1.0", BF_SINKS(&thread));
