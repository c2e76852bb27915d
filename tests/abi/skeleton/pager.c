/* pager - a sink in straight lines: raise an incident unless one is open, then add a note to it.
 *
 * The service has no way to tell a repeat, so an attempt of which nobody knows how it ended is not
 * made again (BF_ONCE). */
#include <belfry/plugin.h>

#include <string.h>

struct integration {
    const char *service;
    const char *user;
    const char *password;
};

static const struct bf_option integration[] = {
    BF_STRING(struct integration, service, .flags = BF_REQUIRED, .help = "address of the pager"),
    BF_STRING(struct integration, user, .flags = BF_REQUIRED, .help = "account"),
    BF_STRING(struct integration, password, .flags = BF_REQUIRED | BF_SECRET,
              .help = "its password"),
    BF_OPTIONS_END
};

struct action {
    const char *what;
    const char *level;
};

static const struct bf_option action[] = {
    BF_STRING(struct action, what, .flags = BF_TEMPLATE, .def = "${run_name} failed",
              .help = "title of the incident"),
    BF_STRING(struct action, level, .def = "high", .choices = "low|high", .help = "whom to wake"),
    BF_OPTIONS_END
};

static struct bf_request *ask(const struct integration *to, const struct bf_delivery *d,
                              const char *method, const char *path)
{
    struct bf_request *req = bf_request_new(d->ctx, d->arena);

    bf_request_to(req, method, bf_printf(d->arena, "%s%s", to->service, path));
    bf_request_basic(req, to->user, to->password);
    bf_request_limit(req, 5000, 0);
    return req;
}

static int pager_deliver(void *self, const struct bf_delivery *d)
{
    const struct integration *to = self;
    const struct action *a = d->action;
    const char *what = bf_expand(d, a->what, BF_ESC_NONE);
    const struct bf_http_out *out;
    struct bf_request *req;
    const char *id;

    req = ask(to, d, "GET", bf_printf(d->arena, "/incidents?open=1&title=%s",
                                      bf_encode(d->arena, BF_PERCENT, what, strlen(what))));
    out = bf_fetch(d->ctx, req);
    if (out->err)               /* a question may always be asked again */
        return bf_retry(d, -1, "the pager does not answer");
    if (out->status != 200)
        return bf_default(d, out);
    id = bf_get(d->arena, out->body, "/incidents/0/id");

    req = ask(to, d, "POST", *id ? bf_printf(d->arena, "/incidents/%s/notes", id) : "/incidents");
    bf_request_body(req, "application/json", "{\"title\":%s,\"level\":%s}",
                    bf_quote(d->arena, what), bf_quote(d->arena, a->level));
    out = bf_fetch(d->ctx, req);
    if (!out->err && out->status == 202)
        return bf_accept(d, "the pager took it, and does not say whom it reached");
    return bf_default(d, out);
}

static const struct bf_sink pager = {
    BF_SINK("pager", "Wake somebody"),
    BF_INTEGRATION(struct integration, integration),
    BF_ACTION(struct action, action),
    .flags = BF_ONCE,
    .deliver_blocking = pager_deliver,
    .max_parallel = 2,
};

BF_PLUGIN(pager, "1.0", BF_SINKS(&pager));
