/* record.c - events of the hub's own, written into the journal among the others.
 *
 * They tell whoever reads or replays the journal who changed what, at its place between the events
 * that were judged before and after it. */
#include "core/bus/bus_int.h"

#include "core/base/base.h"
#include "core/base/buf.h"

static void add_member(struct bf_buf *b, const char *name, const char *value)
{
    if (!value)
        return;
    bf_buf_printf(b, ",\"%s\":", name);
    bf_buf_json(b, value);
}

static void write_note(struct bf_buf *b, const struct bf_bus_note *n)
{
    bf_buf_adds(b, "{\"type\":");
    bf_buf_json(b, n->type);
    add_member(b, "entity", n->entity);
    add_member(b, "project", n->project);
    add_member(b, "author", n->author);
    add_member(b, "cause", n->cause);
    if (n->hops)
        bf_buf_printf(b, ",\"hops\":%u", (unsigned)n->hops);
    bf_buf_adds(b, ",\"data\":");
    bf_buf_add(b, n->data, n->len);
    bf_buf_addc(b, '}');
}

int bf_bus_emit_text(struct bf_tx *tx, struct bf_arena *scratch, const struct bf_buf *text,
                     struct bf_error *err)
{
    struct bf_envelope *e = NULL;
    struct bf_receipt receipt;
    int rc;

    if (text->failed)
        return bf_error_set(err, BF_ETOOBIG, "a record of the hub's may have %d bytes",
                            BF_EVENT_MAX);
    rc = bf_envelope_parse(scratch, text->data, text->len, BF_FROM_HUB, &e, err);
    if (!rc) {
        bool was = tx->is_hubs;

        tx->is_hubs = true;
        rc = bf_bus_emit(tx, e, &receipt, err);
        tx->is_hubs = was;
    }
    bf_envelope_unref(e);
    return rc;
}

int bf_bus_note(struct bf_tx *tx, struct bf_arena *scratch, const struct bf_bus_note *n,
                struct bf_error *err)
{
    struct bf_buf b;
    int rc;

    bf_buf_init(&b, BF_EVENT_MAX);
    write_note(&b, n);
    rc = bf_bus_emit_text(tx, scratch, &b, err);
    bf_buf_fini(&b);
    return rc;
}

int bf_bus_record_caused(struct bf_tx *tx, const char *cause, const char *type, const char *entity,
                         const char *author, const char *data, size_t len, struct bf_error *err)
{
    const struct bf_bus_note n = {.type = type, .entity = entity, .author = author, .cause = cause,
                                  .data = data, .len = len};

    return bf_bus_note(tx, tx->bus->scratch, &n, err);
}

int bf_bus_record(struct bf_tx *tx, const char *type, const char *entity, const char *author,
                  const char *data, size_t len, struct bf_error *err)
{
    return bf_bus_record_caused(tx, NULL, type, entity, author, data, len, err);
}
