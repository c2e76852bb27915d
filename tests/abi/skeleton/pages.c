/* pages - a few static files: cached by ETag, cut to the Range asked for, boxed in by a CSP.
 *
 * Small ones are linked in; large ones come from a directory. */
#include <belfry/plugin.h>

#include <string.h>

struct options {
    const char *directory;
};

static const struct bf_option options[] = {
    BF_STRING(struct options, directory, .help = "where the downloads are"),
    BF_OPTIONS_END
};

struct page {
    const char *path;
    const char *type;
    const char *etag;           /* changes with the text, so a client may keep it for ever */
    const char *text;
};

static const struct page pages[] = {
    { "", "text/html; charset=utf-8", "\"index-1\"",
      "<!doctype html><title>Belfry</title><script type=module src=app.js></script>" },
    { "app.js", "text/javascript", "\"app-1\"", "document.body.append('ready');" },
};

static void add_headers(struct bf_reply *re)
{
    bf_reply_header(re, "Content-Security-Policy",
                    "default-src 'none'; script-src 'self'; connect-src 'self'; "
                    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    bf_reply_header(re, "X-Content-Type-Options", "nosniff");
    bf_reply_header(re, "Cache-Control", "no-cache");   /* keep it, but ask with the ETag */
}

static int on_page(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                   struct bf_reply *re)
{
    const char *path = bf_param(in, "*");

    (void)self;
    for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
        const struct page *p = &pages[i];

        if (strcmp(path, p->path) != 0)
            continue;
        add_headers(re);
        bf_reply_header(re, "ETag", p->etag);
        bf_reply_bytes(re, p->type, p->text, strlen(p->text));
        return 200;
    }
    return bf_status(bf_fail(ctx, BF_ENOENT, "no page %s", path));
}

static int on_download(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                       struct bf_reply *re)
{
    const struct options *o = self;
    const char *name = bf_param(in, "*");       /* never has a segment .. */
    int rc;

    if (!o->directory)
        return bf_status(bf_fail(ctx, BF_ENOENT, "no downloads; set directory"));
    add_headers(re);
    bf_reply_header(re, "Content-Disposition", "attachment");
    rc = bf_reply_file(re, "application/octet-stream",
                       bf_printf(in->arena, "%s/%s", o->directory, name));
    return rc ? bf_status(bf_fail(ctx, rc, "no download %s", name)) : 200;
}

static const struct bf_route routes[] = {
    BF_ROUTE("GET", "/pages/*", on_page, .needs = BF_PUBLIC),
    BF_ROUTE("GET", "/downloads/*", on_download),
    BF_ROUTES_END
};

static const struct bf_source source = {
    BF_SOURCE("pages", "Serve static pages and downloads"),
    BF_OPTIONS(struct options, options),
    .routes = routes,
};

BF_PLUGIN(pages, "1.0", BF_SOURCES(&source));
