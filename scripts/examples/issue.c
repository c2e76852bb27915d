/* issue - a sink in straight lines: open an issue, or comment on the one that is open already.
 *
 * For GitHub, Gitea and Forgejo, whose APIs are the same here (docs.github.com/rest/issues).  Take it
 * as it is, or as a pattern for services that want several requests, each depending on the answer
 * before it: deliver_blocking() runs on a thread of its own, may wait, and says at the end what came
 * of it.  Asking is repeated after trouble; a comment is not, as it would stand there twice: BF_ONCE.
 *
 *     cc -shared -fPIC $(pkg-config --cflags belfry-plugin) -o issue.so issue.c
 *     install -m 755 issue.so "$(pkg-config --variable=plugin_dir belfry-plugin)"
 *     belfry secrets set ISSUE_TOKEN
 *     belfry integrations create --sink issue --name tracker repo=acme/vision token=ISSUE_TOKEN
 *     belfry automations create --name "a run failed" --project vision --states FAILED \
 *         --integration tracker title='${run_name} failed' text='Run ${run_id} of ${project_name}'
 */
#include <belfry/plugin.h>

#include <string.h>

#define LABEL "belfry"  /* ours carry it, so that not every issue has to be looked at */

struct tracker {
    const char *api_base;
    const char *repo;
    const char *token;
};

static const struct bf_option tracker[] = {
    BF_STRING(struct tracker, api_base, .def = "https://api.github.com",
              .help = "address of the API; Gitea's is https://HOST/api/v1"),
    BF_STRING(struct tracker, repo, .flags = BF_REQUIRED, .help = "owner/name"),
    BF_STRING(struct tracker, token, .flags = BF_REQUIRED | BF_SECRET,
              .help = "may read and write issues"),
    BF_OPTIONS_END
};

struct issue {
    const char *title;
    const char *text;
};

static const struct bf_option issue[] = {
    BF_STRING(struct issue, title, .flags = BF_TEMPLATE, .def = "${automation_name}",
              .help = "of the issue; the open one of this title is commented on"),
    BF_STRING(struct issue, text, .flags = BF_TEMPLATE | BF_REQUIRED, .help = "what to say, Markdown"),
    BF_OPTIONS_END
};

static struct bf_request *ask(const struct tracker *to, const struct bf_delivery *d,
                              const char *method, const char *path)
{
    struct bf_request *req = bf_request_new(d->ctx, d->arena);

    bf_request_to(req, method, bf_printf(d->arena, "%s/repos/%s%s", to->api_base, to->repo, path));
    bf_request_header(req, "Authorization", bf_printf(d->arena, "Bearer %s", to->token));
    bf_request_header(req, "Accept", "application/json");
    return req;
}

/* The number of the open issue with this title among the newest hundred of ours; "" if there is none. */
static const char *find(struct bf_arena *a, const char *issues, const char *title)
{
    struct bf_item it = { .size = sizeof(it) };

    while (bf_each(a, issues, "", &it))
        if (strcmp(bf_get(a, it.value, "/title"), title) == 0)
            return bf_get(a, it.value, "/number");
    return "";
}

static int issue_deliver(void *self, const struct bf_delivery *d)
{
    const struct tracker *to = self;
    const struct issue *say = d->action;
    struct bf_arena *a = d->arena;
    const char *title = bf_quote(a, bf_expand(d, say->title, BF_ESC_NONE));
    const char *text = bf_quote(a, bf_expand(d, say->text, BF_ESC_NONE));
    const struct bf_http_out *out;
    struct bf_request *req;
    const char *number;

    req = ask(to, d, "GET", "/issues?state=open&labels=" LABEL "&per_page=100");
    out = bf_fetch(d->ctx, req);
    if (out->err)
        return bf_retry(d, -1, "%s does not answer", to->api_base);
    if (out->status != 200)
        return bf_default(d, out);
    number = find(a, out->body, bf_get(a, title, ""));

    if (*number) {
        req = ask(to, d, "POST", bf_printf(a, "/issues/%s/comments", number));
        bf_request_body(req, "application/json", "{\"body\":%s}", text);
    } else {
        req = ask(to, d, "POST", "/issues");
        bf_request_body(req, "application/json",
                        "{\"title\":%s,\"body\":%s,\"labels\":[\"" LABEL "\"]}", title, text);
    }
    return bf_default(d, bf_fetch(d->ctx, req));
}

static const struct bf_sink sink = {
    BF_SINK("issue", "Open an issue, or comment on the open one"),
    BF_INTEGRATION(struct tracker, tracker),
    BF_ACTION(struct issue, issue),
    .flags = BF_ONCE,
    .deliver_blocking = issue_deliver,
    .max_parallel = 1,          /* two at once would both find none, and open two */
    .pace = "1/s",
};

BF_PLUGIN(issue, "1.0", BF_SINKS(&sink));
