/* http - take events by POST: one envelope as JSON, an array of them, or one per line; or
 * CloudEvents, in any of the forms that HTTP has for them.
 *
 * The hub checks them and says which is wrong; what is answered 202 is on disk. */
#include <belfry/plugin.h>

#define BATCH_MAX (10u << 20)   /* bytes; the hub limits an event's size and their number as well */

static int on_events(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                     struct bf_reply *re)
{
    int rc = bf_emit_request(ctx, in);

    (void)self;
    if (rc)
        return bf_status(rc);
    bf_reply_receipt(re);
    return 202;
}

static const struct bf_route routes[] = {
    BF_ROUTE("POST", "/api/v1/events", on_events, .needs = BF_INGEST, .body_max = BATCH_MAX),
    BF_ROUTES_END
};

static const struct bf_source http = {
    BF_SOURCE("http", "Take events by POST /api/v1/events"),
    .routes = routes,
};

BF_PLUGIN(http, "1.0", BF_SOURCES(&http));
