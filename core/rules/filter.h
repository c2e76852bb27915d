/* filter.h - the condition of an artifact automation, over the fields of one event.
 *
 * W&B's saved form is {"$or":[{"$and":[ … ]}]}; a bare {"alias":"production"} means $eq.  Parsed
 * once per revision, evaluated without allocation. */
#ifndef BF_FILTER_H
#define BF_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/json.h"

#define BF_FILTER_BYTES_MAX (64 * 1024)
#define BF_FILTER_DEPTH_MAX 16

struct bf_filter;
struct bf_envelope;

/* NULL or {} matches everything, as does JSON null.  The filter may also stand in a JSON string, as
 * W&B's client sends it.  The fields of the trigger's events are known ("artifact.link"); others
 * are refused by name with the known ones.  The result lives in `a`. */
int bf_filter_parse(struct bf_arena *a, const struct bf_json *json, const char *event_type,
                    const struct bf_filter **out, struct bf_error *err);
bool bf_filter_match(const struct bf_filter *f, const struct bf_envelope *e);

/* A filter is one piece of memory that may be copied elsewhere; 0 for NULL. */
size_t bf_filter_size(const struct bf_filter *f);

/* If the filter can match only where `field` ("alias", "tag") is one of a few texts, these: the
 * index uses them.  0 if it is not so simple. */
size_t bf_filter_literals(const struct bf_filter *f, const char *field, const char **out,
                          size_t max);

#endif
