/* digest - a message that tells of everything that waited: under load one of fifty lines, not
 * fifty of one.
 *
 * What fits is listed, the rest is counted, so the message stays below the service's limit however
 * long the names are. */
#include <belfry/plugin.h>

#include <string.h>

#define MERGED_MAX 50
#define TEXT_MAX   3000         /* the service cuts longer ones without a word */

struct integration {
    const char *url;
};

static const struct bf_option integration[] = {
    BF_STRING(struct integration, url, .flags = BF_REQUIRED | BF_SECRET, .help = "webhook URL"),
    BF_OPTIONS_END
};

struct action {
    const char *line;
    int64_t lines;
};

static const struct bf_option action[] = {
    BF_STRING(struct action, line, .flags = BF_TEMPLATE | BF_SHOWN,
              .def = "${event_type} in ${project_name}",
              .help = "what to say of each event"),
    BF_INT(struct action, lines, .def = "20", .help = "how many to list before counting"),
    BF_OPTIONS_END
};

struct list {
    struct bf_text text;
    int64_t shown;
    int64_t left_out;
};

static void add_line(struct list *l, const struct bf_delivery *d, const struct bf_delivery *one)
{
    const struct action *say = d->action;
    const char *line = bf_expand(one, say->line, BF_ESC_XML);

    if (l->shown >= say->lines || l->text.len + strlen(line) > TEXT_MAX) {
        l->left_out++;
        return;
    }
    bf_append(d->arena, &l->text, "%s%s", l->shown ? "\n" : "", line);
    l->shown++;
}

static int digest_request(void *self, const struct bf_delivery *d, struct bf_request *req)
{
    const struct integration *to = self;
    struct list l = { { 0 }, 0, 0 };

    add_line(&l, d, d);
    for (size_t i = 0; d->merged && d->merged[i]; i++)
        add_line(&l, d, d->merged[i]);
    if (l.left_out)
        bf_append(d->arena, &l.text, "\nand %lld more", (long long)l.left_out);
    bf_request_to(req, "POST", to->url);
    bf_request_body(req, "application/json", "{\"text\":%s}", bf_quote(d->arena, l.text.s));
    return 0;
}

/* This service answers 200 to everything, and says "ok" when it means it. */
static int digest_judge(void *self, const struct bf_delivery *d, const struct bf_http_out *out)
{
    (void)self;
    if (out->status == 200 && strcmp(out->body, "ok") != 0)
        return bf_reject(d, "the service said %.100s", out->body);
    return bf_default(d, out);
}

static int digest_check(void *self, const struct bf_delivery *d)
{
    const struct action *say = d->action;

    (void)self;
    if (say->lines < 1 || say->lines > MERGED_MAX)
        return bf_refuse(d->ctx, "lines", "from 1 to %d, not %lld", MERGED_MAX,
                         (long long)say->lines);
    if (strlen(bf_expand(d, say->line, BF_ESC_XML)) > TEXT_MAX / 10)
        bf_warn(d->ctx, "line", "such lines are long; a digest will hold few of them");
    return 0;
}

static const struct bf_sink digest = {
    BF_SINK("digest", "Post one message for many events"),
    BF_INTEGRATION(struct integration, integration),
    BF_ACTION(struct action, action),
    .flags = BF_QUICK,
    .check = digest_check,
    .request = digest_request,
    .judge = digest_judge,
    .max_merged = MERGED_MAX,
    .pace = "1/s",
};

BF_PLUGIN(digest, "1.0", BF_SINKS(&digest));
