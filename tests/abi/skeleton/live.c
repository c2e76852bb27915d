/* live - server-sent events: the executions one caller may read, as they happen.
 *
 * A browser that was cut off sends the id it saw last, and goes on behind it.  While it is slow
 * the hub keeps the watch waiting: nothing piles up here, and nothing is left out. */
#include <belfry/plugin.h>

#include <stdlib.h>
#include <string.h>

struct filter {
    const char *automation;     /* NULL: all */
};

static void on_execution(struct bf_ctx *ctx, void *arg, const struct bf_note *note)
{
    const struct filter *f = arg;
    const char *frame;

    if (f->automation && strcmp(note->topic, "execution") == 0 &&
        strcmp(bf_get(note->arena, note->json, "/automation"), f->automation) != 0)
        return;
    frame = bf_printf(note->arena, "id: %llu\nevent: %s\ndata: %s\n\n",
                      (unsigned long long)note->seq, note->topic, note->json);
    if (bf_write(ctx, note->stream, frame, strlen(frame)))
        bf_end(ctx, note->stream);      /* the browser comes back, and goes on where it was */
}

static int on_live(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                   struct bf_reply *re)
{
    const char *last = bf_header(ctx, in->headers, "Last-Event-ID");
    struct filter *f = bf_alloc(in->arena, sizeof(*f));     /* lives as long as the stream */
    struct bf_watch what = { .size = sizeof(what), .topics = "execution", .as = in->caller };

    (void)self;
    if (!f)
        return bf_status(BF_ENOMEM);
    f->automation = bf_param(in, "automation");
    what.entity = bf_param(in, "entity");
    what.after = last ? strtoull(last, NULL, 10) : 0;
    bf_reply_header(re, "Cache-Control", "no-store");
    what.stream = bf_reply_stream(re, "text/event-stream");
    bf_follow(ctx, &what, on_execution, f);
    return 200;
}

static const struct bf_route routes[] = {
    BF_ROUTE("GET", "/live/{entity}", on_live, .needs = BF_READ),
    BF_ROUTES_END
};

static const struct bf_source live = {
    BF_SOURCE("live", "Show executions as they happen"),
    .routes = routes,
};

BF_PLUGIN(live, "1.0", BF_SOURCES(&live));
