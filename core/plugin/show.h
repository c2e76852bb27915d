/* show.h - executions and automations as people see them: in REST, and in the notes of watches. */
#ifndef BF_SHOW_H
#define BF_SHOW_H

#include "core/base/tree.h"
#include "core/bus/automation_list.h"
#include "core/bus/journal_list.h"
#include "core/outbox/history.h"
#include "core/plugin/plugins.h"

/* The automation last shown: rows of one automation often follow each other.  Begin with all
 * zero. */
struct bf_shown {
    char id[BF_ID_LEN + 1];
    char name[BF_AUTOMATION_NAME_MAX * 4 + 1];
    char project[BF_NAME_MAX + 1];      /* "" if it has none */
};
/* Read the automation into *s unless it is there, even if it was deleted; false if there never was
 * such an automation. */
bool bf_shown_read(struct bf_db *db, struct bf_shown *s, const char *automation);

/* `hub` is bf_bus_hub().  The tree is yours. */
struct bf_tree *bf_show_execution(struct bf_db *db, uint16_t hub, struct bf_shown *s,
                                  const struct bf_history_row *row);
/* The author's object, with our members before and behind its own; from `db` comes its last
 * execution. */
void bf_show_automation(struct bf_buf *b, struct bf_db *db, uint16_t hub,
                        const struct bf_automation_row *row);
/* {"id","name","deleted":"2026-…"} */
void bf_show_deleted(struct bf_buf *b, const struct bf_automation_row *row);
/* [{"action","integration","request":{"method","url","payload"}, or null with a "reason",
 * "transform"}, …]: what an automation's actions would send for an event, were it to fire so, and
 * what its transform said, if it has one.  A payload is shown up to `max` bytes.  Waits for the
 * script.  [worker, threads of backtests] */
void bf_show_previews(struct bf_plugins *p, struct bf_envelope *e, const struct bf_firing *f,
                      size_t max, struct bf_buf *out);
/* "created": "2026-...", or null for 0. */
void bf_show_time(struct bf_tree *t, const char *name, int64_t ms);

#endif
