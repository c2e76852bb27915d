/* in.c - POST /api/v1/in/{name}: a foreign webhook, checked by its intake and made an event.
 *
 * This is core and no source plugin, although plugins may have such routes: an intake is made by a
 * team at run time, names secrets of that team, which a source's options cannot, and its changes
 * are records of the journal, which a plugin must not write.
 *
 * What is asked first is whether the sender is who it should be; before that nothing of the body is
 * looked at, and whoever is refused learns only that.  202 leaves after the commit. */
#include "core/api/api_int.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/base/crypto.h"

#define RECEIPT_MAX 200

/* Within the exchange's arena until the answer has left. */
struct arrival {
    struct bf_api_write write;
    struct bf_intake *intake;           /* a reference */
    struct bf_envelope *event;          /* a reference, NULL until it is made */
    struct bf_receipt receipt;
};

static void release(struct bf_api_write *w)
{
    struct arrival *in = bf_container_of(w, struct arrival, write);

    bf_envelope_unref(in->event);
    bf_intake_unref(in->intake);
}

static struct bf_intake_request request_of(struct bf_exchange *x)
{
    struct bf_intake_request r = {.headers = bf_exchange_headers(x),
                                  .arena = bf_exchange_arena(x)};

    r.body = bf_exchange_body(x, &r.len);
    return r;
}

/* BF_OK, or BF_EPERM. */
static int check_sender(struct bf_api *api, const struct bf_intake *i,
                        const struct bf_intake_request *r)
{
    struct bf_error err;
    char *value = NULL;
    size_t len = 0;
    int rc = BF_OK;

    if (i->secret)
        rc = bf_team_open_secret(api->team, i->entity, i->secret, &value, &len, &err);
    if (rc) {
        bf_warnf(api->log, "intake", "%s: nobody can be let in: %s", i->name, err.words);
        return BF_EPERM;
    }
    rc = bf_intake_check(i, r, value, len, bf_wall_ms(api->clock));
    if (value)
        bf_wipe(value, len);
    free(value);
    return rc;
}

/* One answer for every kind of check and of mistake. */
static int refuse_sender(struct bf_exchange *x)
{
    bf_exchange_reply_header(x, "WWW-Authenticate", "Signature realm=\"belfry\"");
    return bf_exchange_fail(x, 401, "unauthenticated", NULL, "the request does not carry the"
                            " signature or secret that this intake asks for");
}

/* What a sender may be set to by default, and what to set it to. */
static int refuse_form(struct bf_exchange *x)
{
    return bf_exchange_fail(x, 415, "unsupported_media_type", NULL, "the body is a form; set the"
                            " sender to send JSON (in GitHub: content type application/json)");
}

static bool is_form(struct bf_exchange *x)
{
    static const char form[] = "application/x-www-form-urlencoded";
    const char *type = bf_exchange_header(x, "Content-Type");
    size_t len;

    /* curl says form for whatever it is given, so only what looks like one is. */
    return type && strncasecmp(type, form, sizeof(form) - 1) == 0 &&
           strncmp(bf_exchange_body(x, &len), "payload=", 8) == 0;
}

static int apply(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct arrival *in = bf_container_of(work, struct arrival, write.work);
    int rc = bf_bus_emit(tx, in->event, &in->receipt, err);

    in->write.now_ms = tx->now_ms;
    return rc ? rc : bf_intakes_write_counts(tx->db, in->intake, tx->now_ms, err);
}

static int answer(struct bf_api_write *w)
{
    struct arrival *in = bf_container_of(w, struct arrival, write);
    struct bf_intake_counts *c = in->intake->counts;
    struct bf_buf b;

    atomic_fetch_add(&c->accepted, 1);
    if (in->receipt.duplicate)
        atomic_fetch_add(&c->repeated, 1);
    else
        atomic_store(&c->last_ms, w->now_ms);
    bf_buf_init(&b, RECEIPT_MAX);
    bf_buf_printf(&b, "{\"events\":[{\"id\":\"%s\",\"duplicate\":%s}]}", in->receipt.id,
                  in->receipt.duplicate ? "true" : "false");
    bf_exchange_reply(w->x, "application/json", b.data, b.len);
    bf_buf_fini(&b);
    return 202;
}

/* 0, or the status it is refused with. */
static int take(struct bf_api *api, struct bf_exchange *x, struct arrival *in)
{
    struct bf_intake_request r = request_of(x);
    struct bf_error err;
    int rc;

    if (check_sender(api, in->intake, &r))
        return refuse_sender(x);
    if (!bf_exchange_authenticated(x, bf_arena_printf(bf_exchange_arena(x), "in/%s",
                                                      in->intake->name)))
        return bf_exchange_fail(x, 429, "too_many_connections", NULL, "there are too many"
                                " connections into this intake; use fewer");
    if (!in->intake->enabled)
        return bf_exchange_fail(x, 403, "disabled", NULL, "this intake is disabled; its team can"
                                " enable it again");
    if (is_form(x))
        return refuse_form(x);
    rc = bf_intake_event(in->intake, &r, &in->event, &err);
    return rc ? bf_api_fail(x, rc, &err) : 0;
}

static int on_arrival(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    const char *name = bf_exchange_param(x, "name");
    struct arrival *in = bf_arena_new_of(bf_exchange_arena(x), struct arrival);
    int status;

    if (!in)
        return bf_api_fail(x, BF_EFULL, NULL);
    in->intake = name ? bf_intakes_get(api->intakes, name) : NULL;
    if (!in->intake || !bf_team_exists(api->team, in->intake->entity)) {
        bf_intake_unref(in->intake);
        return bf_exchange_fail(x, 404, "not_found", NULL, "there is no intake of that name");
    }
    status = take(api, x, in);
    if (status) {
        atomic_fetch_add(&in->intake->counts->refused, 1);
        release(&in->write);
        return status;
    }
    in->write.work.apply = apply;
    in->write.work.events = &in->event;
    in->write.work.n_events = 1;
    in->write.work.source = "intake";
    in->write.work.weight = (uint32_t)in->event->text_len;
    in->write.answer = answer;
    in->write.release = release;
    return bf_api_post(api, x, &in->write);
}

const struct bf_api_route bf_api_in_routes[] = {
    {"POST", "/api/v1/in/{name}", BF_PUBLIC | BF_API_KEYLESS, on_arrival},
    {NULL, NULL, 0, NULL},
};
