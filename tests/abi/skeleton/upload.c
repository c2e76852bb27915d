/* upload - gigabytes come by an address that carries its own permission, and are kept as a file.
 *
 * The address is made for whoever may INGEST; the bytes then need no key.  They are refused before
 * they are sent if the address is late, and never pass through memory. */
#include <belfry/plugin.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ADDRESS_MS (60 * 60 * 1000)

static int on_ask(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                  struct bf_reply *re)
{
    struct bf_arena *a = in->arena;
    const char *what = bf_printf(a, "%s/%s", bf_param(in, "entity"), bf_param(in, "*"));
    const char *path = bf_printf(a, "/upload/%s", bf_seal(ctx, a, what, ADDRESS_MS));

    (void)self;
    bf_reply_body(re, "application/json", "{\"url\":%s}", bf_quote(a, bf_url(ctx, a, path)));
    return 200;
}

static int admit_file(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                      struct bf_reply *re)
{
    (void)self;
    (void)re;
    if (bf_unseal(ctx, in->arena, bf_param(in, "token")))
        return 0;
    return bf_status(bf_fail(ctx, BF_EPERM, "this address is late; ask for a new one"));
}

static int keep_file(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                     struct bf_reply *re)
{
    struct bf_arena *a = in->arena;
    const char *what = bf_unseal(ctx, a, bf_param(in, "token"));
    struct bf_event ev = { .size = sizeof(ev), .type = "file.upload" };
    const char *name, *slash;

    (void)self;
    (void)re;
    if (!what || !(slash = strchr(what, '/')))
        return bf_status(bf_fail(ctx, BF_EPERM, "this address is late; ask for a new one"));
    name = bf_encode(a, BF_BASE64URL, what, strlen(what));     /* one flat, harmless name */
    if (rename(in->body_file, bf_printf(a, "%s/%s", bf_dir(ctx), name)))
        return bf_status(bf_fail(ctx, BF_EIO, "cannot keep %s: %s", what, strerror(errno)));
    ev.entity = bf_printf(a, "%.*s", (int)(slash - what), what);
    ev.payload = bf_printf(a, "{\"data\":{\"name\":%s,\"size\":%llu}}", bf_quote(a, slash + 1),
                           (unsigned long long)in->body_len);
    return bf_status(bf_emit(ctx, &ev));
}

static int on_file(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                   struct bf_reply *re)
{
    (void)ctx;
    (void)in;
    return bf_continue(re, BF_ON_WORKER, keep_file, self);      /* file systems may be slow */
}

static const struct bf_route routes[] = {
    BF_ROUTE("POST", "/uploads/{entity}/*", on_ask, .needs = BF_INGEST),
    BF_ROUTE("PUT", "/upload/{token}", on_file, .needs = BF_PUBLIC, .flags = BF_BODY_FILE,
             .body_max = 5ull << 30, .admit = admit_file),
    BF_ROUTES_END
};

static const struct bf_source upload = {
    BF_SOURCE("upload", "Take large files"),
    .routes = routes,
};

BF_PLUGIN(upload, "1.0", BF_SOURCES(&upload));
