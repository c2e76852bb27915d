/* change.h - changes of teams and integrations, as their own routes make them, and plans several at
 * once: checked first, then done on the engine inside a transaction, and put in force after it.
 *
 * Whatever apply calls may be called again from the start, as if it had not been called before. */
#ifndef BF_API_CHANGE_H
#define BF_API_CHANGE_H

#include "core/api/api_int.h"

/* --- teams (teams.c) ------------------------------------------------------------------ */

struct bf_api_team_change {
    struct bf_api *api;
    struct bf_exchange *x;
    const char *name;
    struct bf_team_put put;     /* to be made or moved; `organization` and `may_revive` are given */
};
/* BF_EPERM if the caller may not.  [any; as far as the directory knows] */
int bf_api_team_may_put(const struct bf_api_team_change *c, struct bf_error *err);
int bf_api_team_may_delete(const struct bf_api_team_change *c, struct bf_error *err);
/* With its record; asks whether the caller may.  BF_EEXIST from delete if the team still owns
 * something.  [engine, inside apply] */
int bf_api_team_put(struct bf_api_team_change *c, struct bf_tx *tx, struct bf_error *err);
int bf_api_team_delete(struct bf_api_team_change *c, struct bf_tx *tx, struct bf_error *err);
/* [engine, after the commit] */
void bf_api_team_is_put(const struct bf_api_team_change *c);
void bf_api_team_is_deleted(const struct bf_api_team_change *c);


/* --- integrations (integration_change.c) ------------------------------------------------ */

struct bf_api_literal;

/* One that is made (before is NULL) or changed.  What the caller gives: api, x, arena, id, name,
 * draft.entity, .sink, .config, .secrets, and all of delivery. */
struct bf_api_integration_change {
    struct bf_api *api;
    struct bf_exchange *x;
    struct bf_arena *arena;
    struct bf_integration *before;      /* a reference */
    const char *name;
    bool was_changed;           /* out: by somebody else, meanwhile */
    struct bf_integration_draft draft;
    struct bf_delivery_settings delivery;
    struct bf_api_literal *literals;    /* that are sealed with it, or go with it */
    char id[BF_ID_LEN + 1];
};
/* Takes the reference; then the rest is to be filled in.  Needs an end. */
void bf_api_integration_begin(struct bf_api_integration_change *c, struct bf_api *api,
                              struct bf_exchange *x, struct bf_arena *a,
                              struct bf_integration *before);
void bf_api_integration_end(struct bf_api_integration_change *c);       /* twice is fine */
/* Its options, by its plugin.  [worker] */
int bf_api_integration_check(struct bf_api_integration_change *c, struct bf_error *err);
/* The option of a literal that is sealed by it; NULL: there is none. */
const char *bf_api_integration_seals(const struct bf_api_integration_change *c);
/* BF_ENOENT with was_changed if it is not as it was any more.  [engine, inside apply] */
int bf_api_integration_save(struct bf_api_integration_change *c, struct bf_tx *tx,
                            struct bf_error *err);
/* [engine, after the commit] */
void bf_api_integration_is_saved(const struct bf_api_integration_change *c);

/* Whoever uses it is the caller's to look for.  [engine, inside apply] */
int bf_api_integration_delete(struct bf_api *api, struct bf_exchange *x, struct bf_tx *tx,
                              const struct bf_integration *i, struct bf_error *err);
/* What waits for it is due now.  [engine, after the commit] */
void bf_api_integration_is_deleted(struct bf_api *api, struct bf_arena *a,
                                   const struct bf_integration *i);
/* The record of a change of one: "belfry.integration.saved"; `reason` may be NULL. */
int bf_api_integration_record(struct bf_api *api, struct bf_exchange *x, struct bf_tx *tx,
                              const char *type, const struct bf_integration *i,
                              const char *reason, struct bf_error *err);


/* --- sending again, as a part of another write (execution_changes.c) ------------------------ */

struct bf_api_resend_asked {
    const char *integration;
    const char *statuses;       /* "failed", "failed,unknown" */
    const char *since;          /* what ended then or later; NULL: since it began failing */
    const char *cursor;         /* of an answer before; or NULL */
};
struct bf_api_resend;
/* What failed and is kept, was not sent again yet, and may be by the caller; so many of them as one
 * request may.  0, or the error filled in and its status.  It is in the exchange's arena, and needs
 * an end. */
int bf_api_resend_find(struct bf_api *api, struct bf_exchange *x,
                       const struct bf_api_resend_asked *asked, struct bf_api_resend **out);
/* From here on NULL is fine, where it says nothing else. */
size_t bf_api_resend_weight(const struct bf_api_resend *r);     /* for the work that applies it */
int bf_api_resend_apply(struct bf_api_resend *r, struct bf_tx *tx, struct bf_error *err);
/* "resent", "gone", "next" and "since"; not NULL. */
void bf_api_resend_show(const struct bf_api_resend *r, struct bf_tree *t);
void bf_api_resend_end(struct bf_api_resend *r);

/* Options as they are stored.  `config` is copied. */
int bf_api_integration_config(struct bf_arena *a, const char *config, const struct bf_json **out,
                              struct bf_error *err);

#endif
