/* filter.h - the condition of an automation, over the fields of one event.
 *
 * W&B's saved form is {"$or":[{"$and":[ … ]}]}; a bare {"alias":"production"} means $eq.  Parsed
 * once per revision, patterns compiled; evaluated without allocation.
 *
 * FIELDS.  Which there are depends on the event: the table stands in fields.c.  A field is a text,
 * or texts (aliases, tags), or whatever JSON its path leads to (metadata.KEY, data.PATH).  A dot in
 * a path goes into a member or, by its number, into an element; where an array is met on the way,
 * any of its elements will do.  Of a run's config as wandb writes it, {"lr":{"value":0.1}}, config.lr
 * is that value as well.  A run's state and the level of an alert may be said in any case.
 *
 * MEANING.  Values compare by their JSON type, and one type never equals another: two numbers as
 * the doubles nearest to them, two whole numbers of 64 bits exactly; two strings byte by byte;
 * true, false and null only equal themselves.  Of an array, one element for which the operator holds
 * is enough; $all asks that each of its values equals one of them, $size how many there are.
 * What the event does not have equals nothing, is in no list and compares with nothing.  $ne, $nin
 * and {"$exists":false} are the opposites of $eq, $in and {"$exists":true}; so these and $not and
 * $nor hold where the event has nothing. */
#ifndef BF_FILTER_H
#define BF_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/json.h"

#define BF_FILTER_BYTES_MAX    (64 * 1024)
#define BF_FILTER_DEPTH_MAX    16
#define BF_FILTER_PATTERNS_MAX 32       /* $regex in one filter */

struct bf_filter;
struct bf_envelope;

/* An event as filters look at it.  Its JSON is parsed when the first of them asks for more than the
 * envelope has beside it, and then once for all of them.  Begin with the event and an arena that
 * may be reset after it. */
struct bf_subject {
    const struct bf_envelope *event;
    struct bf_arena *arena;
    const struct bf_json *root; /* decoded; NULL: not asked for yet */
    bool unreadable;            /* it was, and could not be had: it has none of these fields */
};

/* The event's JSON, parsed and decoded when it is first asked for; NULL if it cannot be had. */
const struct bf_json *bf_subject_root(struct bf_subject *s);

/* What is to be read, where W&B's client sends it in a JSON string, or as {"filter":"…"} as its
 * server shows it; anything else as it is.  NULL with `err` if a string holds no JSON. */
const struct bf_json *bf_filter_unwrap(struct bf_arena *a, const struct bf_json *json,
                                       struct bf_error *err);

/* NULL or {} matches everything, as does JSON null.  The filter may also stand in a JSON string, as
 * W&B's client sends it, or be what W&B's server shows: {"filter":"…"}.  The fields of the events of
 * this type are known ("artifact.link", "ci.finished"); others are refused by name with the known
 * ones.  The result lives in `a`, and holds patterns until bf_filter_release(). */
int bf_filter_parse(struct bf_arena *a, const struct bf_json *json, const char *event_type,
                    const struct bf_filter **out, struct bf_error *err);
bool bf_filter_match(const struct bf_filter *f, struct bf_subject *s);

/* Whether they ask the same, in the same order; how it was written does not count. */
bool bf_filter_same(const struct bf_filter *a, const struct bf_filter *b);

/* A filter is one piece of memory that may be moved elsewhere, to an address for pointers; 0 for
 * NULL. */
size_t bf_filter_size(const struct bf_filter *f);
/* Gives back its patterns; NULL is fine.  Once for a filter, wherever it was moved. */
void bf_filter_release(const struct bf_filter *f);

/* The bytes up to which its patterns look at texts that may be longer than a name: at metadata,
 * config, data and what an alert says.  SIZE_MAX if there are none such. */
size_t bf_filter_reach(const struct bf_filter *f);

/* If the filter can match only where `field` ("alias", "tag") is one of a few texts, these: the
 * index uses them.  0 if it is not so simple. */
size_t bf_filter_literals(const struct bf_filter *f, const char *field, const char **out,
                          size_t max);

#endif
