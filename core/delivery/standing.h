/* standing.h - what is on disk about a destination: the settings of its own, and how it has stood.
 *
 * One row per integration that has either.  Settings are an admin's; the standing is the courier's:
 * since when nothing but failures came back, which must outlive a restart, for after long enough
 * the integration is disabled.
 *
 * Writing: the engine, inside its transaction.  Reading: any connection. */
#ifndef BF_STANDING_H
#define BF_STANDING_H

#include "core/base/json.h"
#include "core/delivery/pace.h"
#include "core/outbox/merge.h"
#include "core/store/store.h"

#define BF_PARALLEL_MAX  64             /* attempts under way to one destination */
#define BF_TIMEOUT_S_MAX 300

/* Zero where the sink's or the hub's own value holds. */
struct bf_delivery_settings {
    unsigned parallel;
    int64_t timeout_ms;
    char pace[BF_PACE_TEXT];
    bool has_merge_over;        /* else it is BF_MERGE_OVER */
    unsigned merge_over;        /* 0: what waits is never merged */
};

struct bf_standing {
    int64_t failing_since_ms;   /* nothing was delivered since then; 0: the last attempt was */
    uint32_t failures;          /* attempts since then */
    int64_t last_success_ms;    /* 0: none known; on disk it may be a minute behind */
    int64_t last_failure_ms;
    char words[200];            /* of the last failure */
};

extern const char *const bf_standing_schema[];  /* for bf_db_migrate() */

/* {"pace":"10/s","parallel":4,"timeout_s":15,"merge_over":20}, each may be absent or null.  Errors
 * name the field "delivery.pace". */
int bf_delivery_settings_parse(struct bf_arena *a, const struct bf_json *object,
                               struct bf_delivery_settings *out, struct bf_error *err);
int bf_delivery_settings_save(struct bf_db *db, const char *integration,
                              const struct bf_delivery_settings *s, struct bf_error *err);

/* Both parts, zero where there is no row.  `settings` or `standing` may be NULL. */
int bf_standing_read(struct bf_db *db, const char *integration,
                     struct bf_delivery_settings *settings, struct bf_standing *standing);
int bf_standing_save(struct bf_db *db, const char *integration, const struct bf_standing *s);
/* It was enabled again: its failures begin anew. */
int bf_standing_reset(struct bf_db *db, const char *integration, struct bf_error *err);
/* The integration is gone. */
int bf_standing_forget(struct bf_db *db, const char *integration, struct bf_error *err);

#endif
