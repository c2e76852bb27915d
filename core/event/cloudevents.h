/* cloudevents.h - CloudEvents 1.0 as envelopes, and envelopes as CloudEvents.
 *
 * IN.  All three modes of the HTTP binding: binary (ce- headers), structured
 * (application/cloudevents+json) and batched (application/cloudevents-batch+json).
 *
 *     id, source       key and source: together they name a CloudEvent, as those two do an event
 *     type             type, in lower case and with _ for what ours cannot hold
 *     time             time
 *     extensions entity, project, collection, author, cause      the members of these names;
 *                      the first three also as parameters of the query, for senders that can only
 *                      be given an address
 *     data             data: JSON byte for byte, text as a string, other bytes in base64
 *     all else         attributes, as it came: specversion, subject, dataschema, datacontenttype,
 *                      other extensions, `type` if ours differs, and data_base64 if data is that
 *
 * A CloudEvent whose dataschema is BF_CLOUDEVENT_SCHEMA carries an envelope as its data, and is
 * that event; id and source are its key and source unless it has its own.
 *
 * OUT.  What came as a CloudEvent goes out as it came, with the scope path as extensions.  Any
 * other event is the data of one, with that dataschema.
 *
 * Errors name the attribute; of a batch "[17].source".  [any] */
#ifndef BF_CLOUDEVENTS_H
#define BF_CLOUDEVENTS_H

#include "core/event/envelope.h"

#define BF_CLOUDEVENT_SCHEMA "urn:belfry:envelope"

enum bf_cloudevents_mode {
    BF_CLOUDEVENTS_NONE, BF_CLOUDEVENTS_BINARY, BF_CLOUDEVENTS_STRUCTURED, BF_CLOUDEVENTS_BATCH
};

struct bf_cloudevents {
    const char *const *headers; /* name, value, ..., NULL */
    const char *body;           /* NUL-terminated */
    size_t len;
    const char *entity;         /* of the query; each may be NULL */
    const char *project;
    const char *collection;
};

/* How a request carries CloudEvents, if it does. */
enum bf_cloudevents_mode bf_cloudevents_mode(const char *const *headers);
/* As bf_envelopes_parse(), but that a batch may be empty. */
int bf_cloudevents_parse(struct bf_arena *a, const struct bf_cloudevents *r,
                         struct bf_envelope ***out, size_t *n, struct bf_error *err);

/* One CloudEvent in JSON.  `hub` is the hub's public URL, the source of its own. */
void bf_cloudevent_print(const struct bf_envelope *e, const char *hub, struct bf_buf *out);

#endif
