/* poller - asks a service now and then what is new, on a thread of its own.
 *
 * The events of a page and the cursor behind it are one transaction.  So a crash repeats a page or
 * nothing, and the events' keys would drop even that. */
#include <belfry/plugin.h>

#include <string.h>

struct options {
    const char *url;
    const char *token;
    const char *entity;
    int64_t every;
};

static const struct bf_option options[] = {
    BF_STRING(struct options, url, .flags = BF_REQUIRED, .help = "where the feed is"),
    BF_STRING(struct options, token, .flags = BF_SECRET, .help = "bearer token"),
    BF_STRING(struct options, entity, .flags = BF_REQUIRED, .help = "team the events are for"),
    BF_DURATION(struct options, every, .def = "30s", .help = "pause between two questions"),
    BF_OPTIONS_END
};

struct page {
    const struct options *o;
    const char *json;
    const char *next;
};

/* The scratch memory of run() is not used here: this is another thread. */
static int take_page(struct bf_ctx *ctx, void *arg)
{
    const struct page *p = arg;
    struct bf_arena *a = bf_scratch(ctx);
    struct bf_item it = { .size = sizeof(it) };

    while (bf_each(a, p->json, "/items", &it)) {
        struct bf_event ev = { .size = sizeof(ev), .type = "model.registered",
                               .entity = p->o->entity };
        int rc;

        ev.key = bf_get(a, it.value, "/id");
        ev.payload = bf_printf(a, "{\"data\":%s}", it.value);
        rc = it.type == BF_V_OBJECT && *ev.key ? bf_emit(ctx, &ev) : BF_EINVAL;
        if (rc == BF_EINVAL)        /* theirs is broken: go on, or nothing ever would */
            bf_log(ctx, BF_LOG_WARN, "left out an item without id of %s", p->o->url);
        else if (rc)
            return rc;
    }
    return bf_remember(ctx, "cursor", p->next);
}

/* Take what is new.  1 if there may be more at once. */
static int poll_once(struct bf_ctx *ctx, const struct options *o)
{
    struct bf_arena *a = bf_scratch(ctx);
    const char *cursor = bf_recall(ctx, a, "cursor");
    struct bf_request *req = bf_request_new(ctx, a);
    const struct bf_http_out *out;
    struct page p;
    int rc;

    cursor = cursor ? cursor : "";
    bf_request_to(req, "GET", bf_printf(a, "%s?after=%s", o->url,
                                        bf_encode(a, BF_PERCENT, cursor, strlen(cursor))));
    if (o->token)
        bf_request_header(req, "Authorization", bf_printf(a, "Bearer %s", o->token));
    out = bf_fetch(ctx, req);
    if (out->err || out->status != 200)
        return bf_fail(ctx, out->err ? out->err : BF_EIO, "%s: HTTP %d", o->url, out->status);
    p = (struct page){ .o = o, .json = out->body,
                       .next = bf_get(a, out->body, "/next") };
    if (!*p.next || strcmp(p.next, cursor) == 0)
        return 0;
    rc = bf_transact(ctx, take_page, &p);
    return rc ? rc : 1;
}

static int poller_run(struct bf_ctx *ctx, void *self)
{
    const struct options *o = self;

    while (!bf_stopping(ctx)) {
        int rc = poll_once(ctx, o);

        if (rc < 0)
            return rc;              /* the hub calls again, after a growing pause */
        if (rc == 0)
            bf_sleep(ctx, o->every);
    }
    return 0;
}

static const struct bf_source poller = {
    BF_SOURCE("poller", "Ask a feed for new models"),
    BF_OPTIONS(struct options, options),
    .run = poller_run,
};

BF_PLUGIN(poller, "1.0", BF_SOURCES(&poller));
