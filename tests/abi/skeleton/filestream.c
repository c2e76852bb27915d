/* filestream - a training client streams its history; new lines are stored and become run.metric.
 *
 * The parsing happens on the route's thread.  The engine then stores the lines and emits their
 * events in one transaction, so a chunk that is sent again, or half of it, adds nothing twice. */
#include <belfry/plugin.h>

#include <stdlib.h>

#define HISTORY "/files/wandb-history.jsonl"

struct line {
    struct line *next;
    int64_t no;
    const char *text;
    const char *metrics;        /* the inside of the event's array; "" without numbers */
};

struct chunk {
    const char *entity;
    const char *project;
    const char *run;
    struct line *lines;
};

/* Numbers as JSON has them, and the others as an envelope wants them: "NaN". */
static const char *number(struct bf_arena *a, const char *text)
{
    bool plain = (*text >= '0' && *text <= '9') || (*text == '-' && text[1] != 'I');

    return plain ? text : bf_quote(a, text);
}

/* {"loss":1,"eval":{"f1":2}} has the metrics loss and eval.f1; media are objects with a _type. */
static void add_metrics(struct bf_arena *a, const char *json, const char *prefix, const char *step,
                        struct bf_text *out)
{
    struct bf_item it = { .size = sizeof(it) };

    while (bf_each(a, json, "", &it)) {
        const char *name = bf_printf(a, "%s%s", prefix, it.key);

        if (it.key[0] == '_')
            continue;
        if (it.type == BF_V_OBJECT && bf_type(a, it.value, "/_type") == BF_V_NONE)
            add_metrics(a, it.value, bf_printf(a, "%s.", name), step, out);
        else if (it.type == BF_V_NUMBER)
            bf_append(a, out, "%s{\"name\":%s%s%s,\"value\":%s}", out->len ? "," : "",
                      bf_quote(a, name), *step ? ",\"step\":" : "", step, number(a, it.value));
    }
}

/* 1 if the line is new or has changed, 0 if it was there, or an error. */
static int store_line(struct bf_ctx *ctx, const struct chunk *c, const struct line *l)
{
    struct bf_stmt *st = bf_sql(ctx,
        "INSERT INTO filestream_line (entity, project, run, no, text) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (entity, project, run, no) DO UPDATE SET text = excluded.text"
        " WHERE text <> excluded.text RETURNING 1");
    int added = 0, rc;

    bf_bind_text(st, 1, c->entity);
    bf_bind_text(st, 2, c->project);
    bf_bind_text(st, 3, c->run);
    bf_bind_int(st, 4, l->no);
    bf_bind_text(st, 5, l->text);
    while ((rc = bf_step(st)) > 0)
        added = 1;
    return rc ? rc : added;
}

static int store_chunk(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                       struct bf_reply *re)
{
    const struct chunk *c = self;

    for (const struct line *l = c->lines; l; l = l->next) {
        struct bf_event ev = { .size = sizeof(ev), .type = "run.metric", .entity = c->entity,
                               .project = c->project };
        int rc = store_line(ctx, c, l);

        if (rc > 0 && *l->metrics) {
            ev.payload = bf_printf(in->arena, "{\"run\":{\"id\":%s},\"metrics\":[%s]}",
                                   bf_quote(in->arena, c->run), l->metrics);
            rc = bf_emit(ctx, &ev);
        }
        if (rc < 0)
            return bf_status(rc);
    }
    bf_reply_body(re, "application/json", "{}");
    return 200;
}

static int on_stream(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                     struct bf_reply *re)
{
    struct bf_arena *a = in->arena;
    struct chunk *c = bf_alloc(a, sizeof(*c));
    struct line **end = c ? &c->lines : NULL;
    struct bf_item it = { .size = sizeof(it) };
    int64_t no = strtoll(bf_get(a, in->body, HISTORY "/offset"), NULL, 10);

    (void)self;
    if (bf_type(a, in->body, "") != BF_V_OBJECT)
        return bf_status(bf_fail(ctx, BF_EINVAL, "the body is not a JSON object"));
    while (c && bf_each(a, in->body, HISTORY "/content", &it)) {
        struct line *l = bf_alloc(a, sizeof(*l));
        struct bf_text metrics = { 0 };

        if (!l)
            return bf_status(bf_fail(ctx, BF_ETOOBIG, "too many lines; send fewer at once"));
        if (bf_type(a, it.value, "") != BF_V_OBJECT)
            return bf_status(bf_fail(ctx, BF_EINVAL, "line %lld is not a JSON object",
                                     (long long)no));
        add_metrics(a, it.value, "", bf_get(a, it.value, "/_step"), &metrics);
        *l = (struct line){ .no = no++, .text = it.value, .metrics = metrics.s ? metrics.s : "" };
        *end = l;
        end = &l->next;
    }
    if (!c)
        return bf_status(BF_ENOMEM);
    c->entity = bf_param(in, "entity");
    c->project = bf_param(in, "project");
    c->run = bf_param(in, "run");
    return bf_continue(re, BF_ON_ENGINE, store_chunk, c);
}

static const struct bf_route routes[] = {
    BF_ROUTE("POST", "/files/{entity}/{project}/{run}/file_stream", on_stream,
             .needs = BF_INGEST, .body_max = 10 << 20),
    BF_ROUTES_END
};

static const struct bf_source filestream = {
    BF_SOURCE("filestream", "Take the history of training runs"),
    .routes = routes,
};

BF_PLUGIN(filestream, "1.0", BF_SOURCES(&filestream),
          BF_SCHEMA("CREATE TABLE filestream_line (entity TEXT NOT NULL, project TEXT NOT NULL,"
                    " run TEXT NOT NULL, no INTEGER NOT NULL, text TEXT NOT NULL,"
                    " PRIMARY KEY (entity, project, run, no))"));
