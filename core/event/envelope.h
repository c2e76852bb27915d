/* envelope.h - what an event is: one JSON object, checked once, then never changed.
 *
 * envelope.schema.json beside this file is the envelope, for people and other programs; the table
 * in envelope.c says the same in C, and a test holds the two together.  The sender's bytes are
 * kept and forwarded as they came; what the hub works with is decoded beside them. */
#ifndef BF_ENVELOPE_H
#define BF_ENVELOPE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/base/id.h"
#include "core/base/json.h"

#define BF_EVENT_MAX        (1024 * 1024)       /* bytes of one envelope */
#define BF_BATCH_BYTES_MAX  (10 * 1024 * 1024)  /* of one array or NDJSON text */
#define BF_BATCH_EVENTS_MAX 1000
#define BF_NAME_MAX         256                 /* bytes of a name or key in the envelope */
#define BF_HOPS_MAX         5

/* One value of a metric. */
struct bf_point {
    const char *name;           /* as it was sent: "loss", "system.cpu" */
    double value;               /* may be NaN or infinite: then it enters no window */
    int64_t step;
    uint32_t place;             /* among the metrics as they came, from 0 */
    bool has_step;
    bool in_order;              /* newer than every value of this metric in this run before it; given
                                   by the engine, as `seq` is */
};

/* Immutable once the engine has given it its place.  Strings end with the envelope. */
struct bf_envelope {
    atomic_uint refs;
    uint32_t hops;
    const char *text;           /* the JSON object as it came, NUL-terminated */
    size_t text_len;
    const char *type;
    const char *entity;
    const char *project;        /* from here on NULL where absent */
    const char *collection;
    const char *key;
    const char *source;
    const char *author;
    const char *cause;
    const char *alias;
    const char *tag;
    const char *artifact_type;
    const char *run_id;
    const char *run_name;
    const char *run_state;
    /* Of run.metric events, in the order in which they are taken: those that have a step by their
     * steps, then those without, each as they came. */
    struct bf_point *points;
    size_t n_points;
    int64_t time_ms;            /* the event's own time; `received` if it gave none, 0 until then */
    bool is_untimed;            /* it gave none; known once it has its place */
    /* Given by the engine when it is appended to the journal, 0 and "" before. */
    uint64_t seq;
    bool is_dropped;            /* on_event has dropped it: nothing came of it */
    uint64_t run;               /* number of its run in this hub; 0: it has none, or an unknown one */
    int64_t received_ms;
    char id[BF_ID_LEN + 1];
};

/* Who is asking: types the hub keeps for itself ("belfry.…", "clock.…", "schedule.…") are refused
 * from outside.  The members it assigns ("id", "received") are nobody's to send. */
enum bf_origin { BF_FROM_OUTSIDE, BF_FROM_HUB };

/* One envelope.  `scratch` is only used meanwhile.  BF_ECONFIG or BF_ETOOBIG with the field. */
int bf_envelope_parse(struct bf_arena *scratch, const char *text, size_t len, enum bf_origin origin,
                      struct bf_envelope **out, struct bf_error *err);
struct bf_envelope *bf_envelope_ref(struct bf_envelope *e);
void bf_envelope_unref(struct bf_envelope *e);  /* NULL is fine */

/* What a sender may send: one envelope, an array of them, or one per line (NDJSON).  All or
 * nothing: an error names the event, "[17].type".  *out is an array from `a` of *n references,
 * which are the caller's. */
int bf_envelopes_parse(struct bf_arena *a, const char *text, size_t len,
                       struct bf_envelope ***out, size_t *n, struct bf_error *err);

/* The envelope as REST shows it: the sender's object with "id" and "received" in front, and
 * "dropped":true if on_event has dropped it. */
void bf_envelope_print(const struct bf_envelope *e, struct bf_buf *out);

/* What is wrong with the name of an entity, project or collection, in words that follow the name
 * of the field ("is empty"); NULL if nothing is. */
const char *bf_name_problem(const char *name, size_t len);

/* Whether a type, or the beginning of one, is a sender's own: dotted words, the first of which is
 * none of "artifact", "run", "belfry" and the others whose types have a meaning. */
bool bf_type_is_custom(const char *type);
/* Whether this is how types are written: words of a-z, 0-9 and _ with dots between them, up to 100
 * bytes. */
bool bf_type_ok(const char *type);

/* The text of envelope.schema.json. */
extern const char bf_envelope_schema[];

#endif
