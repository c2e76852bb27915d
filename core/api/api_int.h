/* api_int.h - what the handlers share: routes as data, input, pages, writes. */
#ifndef BF_API_INT_H
#define BF_API_INT_H

#include "core/api/api.h"
#include "core/base/json.h"
#include "core/base/tree.h"
#include "core/plugin/show.h"
#include "core/team/auth.h"

/* Of a route's needs, beside enum bf_right and BF_PUBLIC: the admin of the hub. */
#define BF_API_HUB_ADMIN 512u
/* Beside BF_PUBLIC: what Authorization holds is no key of ours, and is not judged as one. */
#define BF_API_KEYLESS 1024u
/* Any right key; what may be done with what the path names, the handler finds out. */
#define BF_API_ANY_KEY   2048u
/* Beside BF_API_HUB_ADMIN: or who shows the setting metrics_token. */
#define BF_API_METRICS   4096u

/* A right in `needs` is needed in the entity that {team} names, or in the own one of {org}, or else
 * in any: then the handler asks again once it knows whose thing it is.  Tables end with a NULL
 * method. */
struct bf_api_route {
    const char *method;
    const char *path;
    unsigned needs;
    bf_handler_fn *handler;     /* its arg is the struct bf_api */
    size_t body_max;            /* 0: the listener's */
    bool yields;                /* to a plugin's route that takes the same request */
};
extern const struct bf_api_route bf_api_organization_routes[];
extern const struct bf_api_route bf_api_team_routes[];
extern const struct bf_api_route bf_api_member_routes[];
extern const struct bf_api_route bf_api_user_routes[];
extern const struct bf_api_route bf_api_key_routes[];
extern const struct bf_api_route bf_api_metrics_routes[];
extern const struct bf_api_route bf_api_secret_routes[];
extern const struct bf_api_route bf_api_integration_routes[];
extern const struct bf_api_route bf_api_integration_read_routes[];
extern const struct bf_api_route bf_api_integration_test_routes[];
extern const struct bf_api_route bf_api_master_key_routes[];
extern const struct bf_api_route bf_api_automation_routes[];
extern const struct bf_api_route bf_api_automation_read_routes[];
extern const struct bf_api_route bf_api_execution_routes[];
extern const struct bf_api_route bf_api_execution_change_routes[];
extern const struct bf_api_route bf_api_event_routes[];
extern const struct bf_api_route bf_api_backtest_routes[];
extern const struct bf_api_route bf_api_verdict_routes[];
extern const struct bf_api_route bf_api_automation_test_routes[];
extern const struct bf_api_route bf_api_status_routes[];
extern const struct bf_api_route bf_api_openapi_routes[];
extern const struct bf_api_route bf_api_intake_routes[];
extern const struct bf_api_route bf_api_in_routes[];
extern const struct bf_api_route bf_api_plan_routes[];
extern const struct bf_api_route bf_api_export_routes[];
extern const struct bf_api_route bf_api_script_routes[];
extern const struct bf_api_route bf_api_warning_routes[];
extern const struct bf_api_route bf_api_page_routes[];

/* 0, or the error filled in and its status: 404 where the caller may not even read, as if there
 * was nothing, else 403. */
int bf_api_require(struct bf_api *api, struct bf_exchange *x, unsigned rights, const char *entity);
/* The answer where an entity is not there for the caller; `field` names it in a body.  Gives the
 * status. */
int bf_api_no_entity(struct bf_exchange *x, int status, const char *field, const char *entity);
/* The entity that the path's {team} or {org} is about; in the exchange's arena. */
const char *bf_api_entity(struct bf_exchange *x);
/* Inside apply: BF_EEXIST, saying what there is, if the entity still owns something.  [engine] */
int bf_api_owns_nothing(struct bf_db *db, const char *entity, struct bf_error *err);
/* Whether the caller knows of the user, and whether it may make, change and delete such one. */
bool bf_api_sees_user(struct bf_api *api, struct bf_exchange *x, const struct bf_user *u);
bool bf_api_manages_user(struct bf_api *api, struct bf_exchange *x, const struct bf_user *u);
/* bf_api_require() without an answer, for BF_READ. */
bool bf_api_may_read(struct bf_api *api, struct bf_exchange *x, const char *entity);
/* For lists over all entities: those are the hub admin's.  Else an entity must be named. */
int bf_api_require_filter(struct bf_exchange *x, const char *filter, const char *name);


/* --- scopes of automations (scopes.c) -------------------------------------------- */

/* What there will be when a draft is saved, though it is not there yet: of a plan. */
struct bf_api_planned {
    /* Whether a team will be made by who asks, who is an admin of it then; and the own entity of the
     * organization that it will be in. */
    bool (*team)(void *arg, const char *team, char own[BF_ENTITY_NAME_MAX + 1]);
    /* A reference to an integration as it will be; NULL if nothing is planned of it. */
    struct bf_integration *(*integration)(void *arg, const char *id);
    void *arg;
};

/* Parse an automation and find its scope: a registry's team becomes its organization's own entity,
 * in *spec too.  0 with a reference, or the error filled in and its status.  `planned` may be NULL. */
int bf_api_read_automation(struct bf_api *api, struct bf_exchange *x,
                           const struct bf_api_planned *planned, const char *id, const char **spec,
                           size_t *len, struct bf_automation **out);
/* 0 if the caller may make and change automations of this scope, or a status. */
int bf_api_check_scope(struct bf_api *api, struct bf_exchange *x, const char *entity,
                       const char *project);
/* Whether its actions may use the integration. */
bool bf_api_may_use(struct bf_api *api, struct bf_exchange *x, const struct bf_automation *a,
                    const struct bf_integration *to);


/* metrics.c */
bool bf_api_shows_metrics_token(const struct bf_api *api, struct bf_exchange *x);


/* --- answers (answer.c) ------------------------------------------------------- */

/* These give the status they answer with, so that failing is one line. */
int bf_api_answer(struct bf_exchange *x, int status, struct bf_tree *tree); /* frees the tree */
int bf_api_fail(struct bf_exchange *x, int rc, const struct bf_error *err); /* what a room said */
/* The same where the request's content was checked: all but the hub's own troubles is 400. */
int bf_api_invalid(struct bf_exchange *x, int rc, const struct bf_error *err);
int bf_api_unreadable(struct bf_exchange *x);   /* the store does not answer */
int bf_api_missing(struct bf_exchange *x, const char *noun, const char *name);
void bf_api_show_warnings(struct bf_tree *array, const struct bf_warning *w);   /* (warnings.c) */


/* --- integrations (integrations_read.c) ----------------------------------------------- */

/* The one that {id} names, a reference, if the caller has `rights` where it belongs.  0, or the
 * error filled in and its status. */
int bf_api_integration(struct bf_api *api, struct bf_exchange *x, unsigned rights,
                       struct bf_integration **out);
/* `db` is a connection of this thread. */
struct bf_tree *bf_api_show_integration(struct bf_api *api, struct bf_exchange *x,
                                        struct bf_db *db, const struct bf_integration *i);
/* How an integration delivers, as its members "delivery" (its own settings) and "state".
 * (delivery.c) */
void bf_api_show_delivery(struct bf_api *api, struct bf_db *db, const char *integration,
                          struct bf_tree *t);
/* Since when nothing but failures came back from it; 0: the last attempt was delivered. */
int64_t bf_api_failing_since(struct bf_api *api, struct bf_db *db, const char *integration);


/* --- input (input.c) ------------------------------------------------------------ */

struct bf_api_member {
    const char *name;
    enum bf_json_type type;     /* BF_JSON_STRING, _ARRAY, _OBJECT, _TRUE for a boolean, or _NULL
                                   for anything */
    bool required;
    const struct bf_json **out; /* NULL where absent */
};

/* Check an object against its members: unknown, missing and wrong ones are refused by name. */
int bf_api_members(const struct bf_json *object, const struct bf_api_member *members, size_t n,
                   struct bf_error *err);
/* The request's body, one JSON value, whatever its Content-Type: curl -d says it is a form, and a
 * page of another site cannot send our Authorization header.  0, or the error filled in and its status. */
int bf_api_body(struct bf_exchange *x, const struct bf_json **out);
/* The same for an object with these members; no body is as good as {}. */
int bf_api_body_members(struct bf_exchange *x, const struct bf_api_member *members, size_t n);

/* (merge.c) `base` with the members of `change` in the place of its own, or behind them; one that
 * is null goes.  `base` may be NULL; of `change` the members that `without` names, up to a NULL,
 * are left out.  NULL if it is too large. */
const char *bf_api_merge(struct bf_arena *a, const struct bf_json *base,
                         const struct bf_json *change, const char *const *without, size_t *len);


/* --- pages (page.c) ---------------------------------------------------------------- */

struct bf_api_page {
    struct bf_api *api;
    struct bf_exchange *x;
    struct bf_tree *root;
    struct bf_tree *items;
    const char *cursor;         /* "" for the first page */
    unsigned limit;
    unsigned taken;
    bool more;
    char last[BF_ENTITY_NAME_MAX + 1];  /* cursor of the last item taken */
};

/* Reads ?limit= and ?cursor=.  0, or the error filled in and its status. */
int bf_api_page_begin(struct bf_api_page *p, struct bf_api *api, struct bf_exchange *x);
/* Room for an item whose cursor this is?  If not, there is a next page. */
bool bf_api_page_take(struct bf_api_page *p, const char *cursor);
/* {"items":[…],"next":…}; rc is what reading the rows gave. */
int bf_api_page_answer(struct bf_api_page *p, int rc);
/* The cursor as an event's or execution's number, 0 for the first page. */
int bf_api_page_number(const struct bf_api_page *p, uint64_t *number);
int bf_api_limit_parse(const char *text, unsigned *limit);      /* NULL: the default */


/* --- automations (automations_read.c) ------------------------------------------------- */

/* One as it is now; the texts are in the exchange's arena. */
struct bf_api_automation {
    const char *id;
    const char *owner;
    const char *name;
    uint64_t revision;
    int64_t created_ms;
    const struct bf_json *spec;
};
/* The one that {id} names, if the caller has `rights` where it belongs.  0, or the error filled in
 * and its status. */
int bf_api_automation(struct bf_api *api, struct bf_exchange *x, unsigned rights,
                      struct bf_api_automation *out);
/* Answer with it, as a handler. */
int bf_api_automation_show(struct bf_exchange *x, void *api);
/* Answer with a row, its revision as ETag; its last execution comes from `db`. */
int bf_api_automation_answer(struct bf_api *api, struct bf_exchange *x, struct bf_db *db,
                             int status, const struct bf_automation_row *row,
                             const struct bf_warning *warnings);


/* --- grants (grants.c) ---------------------------------------------------------------- */

/* Whether the automation had this very action before; `before` may be NULL. */
bool bf_api_keeps_action(const struct bf_automation *before, const struct bf_action *action);
/* May the caller have this action carry the secrets that it names?  `before` is the automation as
 * it was, or NULL: what an admin granted there stays as long as its action does not change.  0, or
 * the error filled in and its status; `field` names the action. */
int bf_api_check_grant(struct bf_api *api, struct bf_exchange *x,
                       const struct bf_automation *before, const struct bf_action *action,
                       const struct bf_integration *to, const char *field);


/* --- events (events.c) ---------------------------------------------------------------- */

/* The one of that id, a reference, as the loop thread's connection reads it; BF_ENOENT if there is
 * none that the caller may read. */
int bf_api_event(struct bf_api *api, struct bf_exchange *x, const char *id,
                 struct bf_envelope **out);
/* Verdicts, tests and looking for what is wrong may take long, so there are few at a time: the job goes
 * to a worker and the exchange is parked, or it is answered, 429 if there are too many now; `drop` then
 * gives up what the job holds.  One that ran ends with bf_api_end_verdicts(). */
int bf_api_begin_verdicts(struct bf_api *api, struct bf_exchange *x, struct bf_job *job,
                          void (*drop)(struct bf_job *job));
void bf_api_end_verdicts(struct bf_api *api);


/* --- hooks (scripts.c) ------------------------------------------------------------------ */

/* Which hooks of an automation are disabled goes in front of the brace that ends its JSON. */
void bf_api_add_disabled_hooks(struct bf_api *api, struct bf_exchange *x, const char *automation,
                               struct bf_buf *b);


/* --- drafts (draft.c) ----------------------------------------------------------------- */

/* An automation as somebody wants it. */
struct bf_api_draft {
    const char *id;
    const char *spec;           /* out: with the scope that was found */
    size_t len;
    const char *owner;          /* of one that is to be changed; NULL: it is a new one */
    const char *before;         /* the spec of that one; NULL: there is none */
    size_t before_len;
    const struct bf_api_planned *planned;       /* or NULL */
    bool without_actions;       /* what they are does not matter: nothing is sent or rendered */
    struct bf_warnings warnings;        /* out: what was found to be doubtful */
};
/* Check all of it: 0 with a reference, or the error filled in and its status.  [worker] */
int bf_api_check_draft(struct bf_api *api, struct bf_exchange *x, struct bf_api_draft *draft,
                       struct bf_automation **out);
/* One that was saved, looked at again: all that is wrong with it by now, as warnings.  0, or the error
 * filled in and its status.  [worker] */
int bf_api_look_again(struct bf_api *api, struct bf_exchange *x, struct bf_api_draft *draft);

/* Members that an automation is shown with and that are the hub's: whoever sends it back may leave
 * them in.  Up to a NULL. */
extern const char *const bf_api_automation_shown[];

/* One that is tried, not saved: a draft, or one that there is (tried.c). */
struct bf_api_tried {
    struct bf_api_draft draft;
    const char *stored;         /* the id of the one that there is; NULL: a draft */
    uint64_t revision;          /* of that one, ... */
    uint64_t era;               /* ... and since which it means the same; 0: nothing is remembered */
    char id[BF_ID_LEN + 1];     /* made up for a draft */
};
/* What a body says; texts are the exchange's.  0, or the error filled in and its status. */
int bf_api_read_tried(struct bf_api *api, struct bf_exchange *x, const struct bf_json *automation,
                      struct bf_api_tried *out);
/* A reference to it, as if it was enabled; who may make it is asked for drafts.  [worker] */
int bf_api_check_tried(struct bf_api *api, struct bf_exchange *x, struct bf_api_tried *tried,
                       struct bf_automation **out);


/* --- filters of the history (history_query.c) ------------------------------------------- */

/* A time, or how long ago; 0 if the text is NULL.  0, or the error filled in and its status. */
int bf_api_time(struct bf_api *api, struct bf_exchange *x, const char *name, const char *text,
                int64_t *ms);
/* "failed,unknown" as BF_STATUS_BIT()s; none if the text is NULL.  As above. */
int bf_api_statuses(struct bf_exchange *x, const char *field, const char *text,
                    unsigned *statuses);
/* Reads ?since= and ?until=: times, or how long ago; 0 where absent.  0, or the error filled in
 * and its status. */
int bf_api_times(struct bf_api *api, struct bf_exchange *x, int64_t *since_ms, int64_t *until_ms);
/* What the query says, of what the caller may read; texts are the exchange's.  Left to fill: row,
 * arg, limit, after.  0, or the error filled in and its status. */
int bf_api_history_query(struct bf_api *api, struct bf_exchange *x, struct bf_history_query *out);


/* One with its attempts, as people see it; the tree is the caller's.  BF_ENOENT.  [any] */
struct bf_api_execution {
    struct bf_tree *tree;
    int64_t created_ms;
    char entity[BF_ENTITY_NAME_MAX + 1];
};
int bf_api_execution(struct bf_api *api, struct bf_db *db, uint64_t number,
                     struct bf_shown *shown, struct bf_api_execution *out);
bf_handler_fn bf_api_export;    /* execution_export.c */


/* --- writes (write.c) --------------------------------------------------------------- */

/* One piece of work for the engine, in the exchange's arena.  Fill work.apply, answer and perhaps
 * release; the exchange stays parked meanwhile. */
struct bf_api_write {
    struct bf_work work;
    struct bf_api *api;
    struct bf_exchange *x;
    int64_t now_ms;             /* of the transaction; apply keeps it here if answer needs it */
    int (*answer)(struct bf_api_write *w);      /* after the commit: gives the status  [engine] */
    /* The same where apply said no; may be NULL, for bf_api_fail(). */
    int (*refuse)(struct bf_api_write *w, int rc, const struct bf_error *err);
    void (*release)(struct bf_api_write *w);    /* at the end, however it ended; may be NULL */
};

/* Gives what the handler returns. */
int bf_api_post(struct bf_api *api, struct bf_exchange *x, struct bf_api_write *w);

/* The same with a check before it that asks plugins, which may block: on a worker, where the
 * exchange is parked already.  A status, or 0 to go on.  The write is released either way. */
struct bf_api_checked {
    struct bf_api_write write;
    struct bf_job job;
    int (*check)(struct bf_api_checked *c);     /* [worker] */
};
int bf_api_check_and_post(struct bf_api *api, struct bf_exchange *x, struct bf_api_checked *c);
/* For refuse: what is in the way (BF_EEXIST) is 409 "conflict". */
int bf_api_conflict(struct bf_api_write *w, int rc, const struct bf_error *err);
/* bf_team_refresh() after a commit; a failure is logged, as the change itself is on disk. */
void bf_api_refresh(struct bf_api *api, const char *what, const char *id);

#endif
