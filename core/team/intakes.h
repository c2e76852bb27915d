/* intakes.h - the intakes of all teams: their table, and what the listener asks.
 *
 * As with the directory of teams, the table is the truth and is written on the engine's thread; the
 * map in memory follows after the commit by bf_intakes_refresh().
 *
 * Counts stand in memory.  They are written beside an event that is committed anyway, at most once
 * a minute for an intake, and at the end; so a hub that is killed forgets some counts and no
 * event. */
#ifndef BF_INTAKES_H
#define BF_INTAKES_H

#include "core/team/intake.h"

#define BF_INTAKE_COUNTS_MS 60000

struct bf_intakes;

/* Makes or updates the table; behind bf_team_open(), whose entities its rows refer to. */
int bf_intakes_open(struct bf_db *db, struct bf_intakes **out, struct bf_error *err);
/* What was counted is written, if there is a database.  NULL is fine. */
void bf_intakes_close(struct bf_intakes *s, struct bf_db *db);

/* NULL, or a reference.  [any] */
struct bf_intake *bf_intakes_get(struct bf_intakes *s, const char *name);
/* After a commit: read it again, or forget it.  [engine] */
int bf_intakes_refresh(struct bf_intakes *s, struct bf_db *db, const char *name,
                       struct bf_error *err);

/* BF_EEXIST if another entity has one of that name. */
int bf_intakes_put(struct bf_db *db, const char *name, const char *entity, const char *definition,
                   int64_t now_ms, bool *made, struct bf_error *err);
int bf_intakes_delete(struct bf_db *db, const char *name, const char *entity,
                      struct bf_error *err);
/* The names of an entity's, behind `after`; false ends the list.  Any connection. */
typedef bool bf_intake_fn(void *arg, const char *name);
int bf_intakes_list(struct bf_db *db, const char *entity, const char *after, bf_intake_fn *fn,
                    void *arg);

/* An event of it is being committed: write its counts if it is time to.  [engine] */
int bf_intakes_write_counts(struct bf_db *db, struct bf_intake *i, int64_t now_ms,
                            struct bf_error *err);

#endif
