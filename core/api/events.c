/* events.c - /api/v1/events, as the journal holds them.  Sending them is a source's: the route that
 * takes them belongs to a plugin. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/bus/journal_list.h"
#include "core/bus/originals.h"
#include "core/event/cloudevents.h"
#include "core/event/envelope.h"

#define SCRATCH_MAX    (64 * 1024 * 1024)       /* to parse one envelope again */
#define SHOWN_MAX      (2 * BF_EVENT_MAX + 64 * 1024)   /* what came, what on_event made of it, and what we add */
#define PAGE_BYTES_MAX (1024 * 1024)    /* of events on one page; then it ends early */

/* A reference to the event, or NULL with rc. */
static int read_event(struct bf_api *api, struct bf_db *db, uint64_t seq, struct bf_envelope **out)
{
    struct bf_arena *scratch = bf_arena_new(SCRATCH_MAX);
    struct bf_error err;
    int rc = bf_journal_read(db, bf_bus_hub(api->bus), seq, scratch, out, &err);

    bf_arena_free(scratch);
    return rc;
}

/* With what on_event did, and what had come, in front of the brace that ends it. */
static int answer_event(struct bf_exchange *x, const struct bf_envelope *e)
{
    struct bf_buf b;
    int rc;

    bf_buf_init(&b, SHOWN_MAX);
    bf_envelope_print(e, &b);
    while (b.len && b.data[b.len - 1] != '}')
        b.len--;
    b.len--;
    rc = bf_original_print(bf_exchange_local(x), e->seq, &b);
    bf_buf_addc(&b, '}');
    if (!rc)
        bf_exchange_reply(x, "application/json", b.data, b.len);
    bf_buf_fini(&b);
    return rc ? bf_api_unreadable(x) : 200;
}

/* As one of those that POST takes, for who asks for it. */
static int answer_cloudevent(struct bf_api *api, struct bf_exchange *x, const struct bf_envelope *e)
{
    struct bf_buf b;

    bf_buf_init(&b, SHOWN_MAX);
    bf_cloudevent_print(e, api->public_url, &b);
    bf_exchange_reply(x, "application/cloudevents+json", b.data, b.len);
    bf_buf_fini(&b);
    return 200;
}

static bool wants_cloudevent(struct bf_exchange *x)
{
    const char *accept = bf_exchange_header(x, "Accept");

    return accept && strcasestr(accept, "application/cloudevents+json");
}

int bf_api_event(struct bf_api *api, struct bf_exchange *x, const char *id,
                 struct bf_envelope **out)
{
    struct bf_envelope *e;
    int64_t ms;
    uint64_t seq;
    int rc = BF_ENOENT;

    if (bf_id_parse(id, bf_bus_hub(api->bus), &ms, &seq))
        rc = read_event(api, bf_exchange_local(x), seq, &e);
    if (rc)
        return rc;
    if (e->received_ms == ms && bf_api_may_read(api, x, e->entity)) {
        *out = e;
        return BF_OK;
    }
    bf_envelope_unref(e);
    return BF_ENOENT;
}

static int on_get(struct bf_exchange *x, void *arg)
{
    const char *id = bf_exchange_param(x, "id");
    struct bf_envelope *e;
    int rc, status;

    if (!bf_exchange_local(x))
        return bf_api_unreadable(x);
    rc = bf_api_event(arg, x, id ? id : "", &e);
    if (rc)
        return rc == BF_ENOENT ? bf_api_missing(x, "event", id ? id : "") : bf_api_unreadable(x);
    status = wants_cloudevent(x) ? answer_cloudevent(arg, x, e) : answer_event(x, e);
    bf_envelope_unref(e);
    return status;
}

struct listing {
    struct bf_api_page page;
    size_t bytes;
    int rc;                     /* why reading an event ended the list */
};

static bool on_row(void *arg, uint64_t seq)
{
    struct listing *l = arg;
    struct bf_envelope *e;
    struct bf_buf b;

    if (l->page.taken == l->page.limit || l->bytes >= PAGE_BYTES_MAX)
        return false;
    l->rc = read_event(l->page.api, bf_exchange_local(l->page.x), seq, &e);
    if (l->rc)
        return false;
    bf_buf_init(&b, SHOWN_MAX);
    bf_envelope_print(e, &b);
    bf_tree_raw(l->page.items, NULL, b.data, b.len);
    l->bytes += b.len;
    l->page.taken++;
    bf_buf_fini(&b);
    bf_envelope_unref(e);
    return true;
}

static int answer_list(struct listing *l, struct bf_journal_query *query)
{
    struct bf_api_page *p = &l->page;
    uint64_t next = 0;
    int rc = bf_api_page_number(p, &query->before);

    if (!rc)
        rc = bf_journal_list(bf_exchange_local(p->x), query, on_row, l, &next);
    if (!rc && l->rc)
        rc = BF_EIO;
    if (!rc && next) {
        bf_id_number(p->last, 0, bf_bus_hub(p->api->bus), next);
        p->more = true;
    }
    return bf_api_page_answer(p, rc);
}

static int on_list(struct bf_exchange *x, void *arg)
{
    struct listing l = {.bytes = 0};
    struct bf_journal_query query = {
        .entity = bf_exchange_query_param(x, "entity"),
        .type = bf_exchange_query_param(x, "type"),
        .project = bf_exchange_query_param(x, "project"),
        .collection = bf_exchange_query_param(x, "collection"),
        .run = bf_exchange_query_param(x, "run"),
    };
    int status = bf_api_require_filter(x, query.entity, "entity");

    if (!status && query.entity)
        status = bf_api_require(arg, x, BF_READ, query.entity);
    if (!status && query.run && !(query.entity && query.project))
        status = bf_exchange_fail(x, 400, "invalid", "run", "a run is one of a project: say which"
                                                            " entity and project, too");
    if (!status)
        status = bf_api_times(arg, x, &query.since_ms, &query.until_ms);
    if (!status)
        status = bf_api_page_begin(&l.page, arg, x);
    return status ? status : answer_list(&l, &query);
}

static int on_schema(struct bf_exchange *x, void *arg)
{
    (void)arg;
    bf_exchange_reply_static(x, "application/schema+json", bf_envelope_schema,
                             strlen(bf_envelope_schema));
    return 200;
}

const struct bf_api_route bf_api_event_routes[] = {
    {"GET", "/api/v1/events", BF_READ, on_list},
    {"GET", "/api/v1/events/{id}", BF_READ, on_get},
    {"GET", "/api/v1/schemas/envelope", 0, on_schema},
    {NULL, NULL, 0, NULL},
};
