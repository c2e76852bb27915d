/* execution_changes.c - sending again, and cancelling: one execution, or all that filters find.
 *
 * History does not change: what is sent again is a new execution that names the first one, with an
 * id of its own for the receiver to tell repeats by.  It says what the first would have said: its
 * event, and the revision of the automation that fired; but it goes where the integration points
 * to now.
 *
 * A request does at most CHANGES_MAX, and says where to go on (`next`, as a list does): so it
 * holds the engine up no longer than a batch of events does.  The cursor also says when the first
 * request came, and what is newer is not looked at: else what was sent again and failed again would
 * be found by the next one, without an end.
 *
 * What failed of an integration is also sent again as a part of its being enabled, in the same
 * transaction. */
#include "core/api/change.h"

#include <string.h>

#include "core/base/base.h"

#define CHANGES_MAX     1000
#define EVENT_BYTES_MAX (8 * 1024 * 1024)       /* of their events, in memory meanwhile */
#define MERGED_BYTES    1024                    /* that one counts which goes along with another */
#define PAGES_MAX       4                       /* looked through for them */
#define SCRATCH_MAX     (64 * 1024 * 1024)      /* to parse one event */

#define MISSED                                                                                 \
    (BF_STATUS_BIT(BF_FAILED) | BF_STATUS_BIT(BF_UNKNOWN_OUTCOME) | BF_STATUS_BIT(BF_CANCELLED))
#define OVER (MISSED | BF_STATUS_BIT(BF_FINISHED) | BF_STATUS_BIT(BF_SKIPPED))

/* Which execution an item is before it becomes another one. */
struct first {
    uint64_t number;
    int64_t created_ms;
};

/* What is to be changed; in the exchange's arena. */
struct change {
    struct bf_api_write write;  /* of sending again */
    struct bf_cancel cancel;    /* of the other */
    struct bf_api *api;
    struct bf_exchange *x;
    struct bf_db *db;
    bool cancels;
    bool many;
    unsigned statuses;          /* that allow it */
    int64_t asked_ms;           /* only what was there then */
    int64_t ended_ms;           /* and ended then or later */
    const char *filters;        /* what found them, for the record */
    struct bf_execution **items;        /* references */
    struct first *firsts;
    size_t n;
    size_t most;
    size_t n_gone;              /* whose event or revision is not there any more */
    size_t n_done;
    size_t bytes;
    uint64_t last;              /* number of the last one that was looked at */
    const struct bf_automation *revision;       /* the last one's, a reference */
    int rc;                     /* the store's trouble */
    int status;                 /* of a single one: what is wrong with it */
    bool found;
};

static struct change *new_change(struct bf_api *api, struct bf_exchange *x, bool cancels,
                                 size_t most)
{
    struct bf_arena *a = bf_exchange_arena(x);
    struct change *c = bf_arena_new_of(a, struct change);

    if (!c)
        return NULL;
    c->api = api;
    c->x = x;
    c->db = bf_exchange_local(x);
    c->cancels = cancels;
    c->many = most > 1;
    c->most = most;
    c->filters = bf_exchange_query(x);
    c->items = bf_arena_alloc(a, most * sizeof(*c->items));
    c->firsts = bf_arena_alloc(a, most * sizeof(*c->firsts));
    c->cancel.cancelled = bf_arena_alloc(a, most * sizeof(bool));
    c->cancel.under_way = bf_arena_alloc(a, most * sizeof(bool));
    return bf_arena_ok(a) ? c : NULL;
}

static void let_go(struct change *c)
{
    for (size_t i = 0; i < c->n; i++)
        bf_execution_unref(c->items[i]);
    bf_automation_unref(c->revision);
    c->n = 0;
    c->revision = NULL;
}

static void release(struct bf_api_write *w) { let_go(bf_container_of(w, struct change, write)); }


/* --- reading what is to be changed -------------------------------------------------- */

static int read_revision(struct change *c, uint64_t revision)
{
    const struct bf_automation *a;
    struct bf_error err;
    int rc;

    if (c->revision && c->revision->revision == revision)
        return BF_OK;
    rc = bf_automation_read(c->db, revision, &a, &err);
    if (rc)
        return rc;
    bf_automation_unref(c->revision);
    c->revision = a;
    return BF_OK;
}

static int read_event(struct change *c, uint64_t seq, struct bf_envelope **out)
{
    struct bf_arena *scratch = bf_arena_new(SCRATCH_MAX);
    struct bf_error err;
    int rc = bf_journal_read(c->db, bf_bus_hub(c->api->bus), seq, scratch, out, &err);

    bf_arena_free(scratch);
    return rc;
}

static int load(struct change *c, const struct bf_history_row *row)
{
    const struct bf_trigger *trigger = bf_trigger_by_wire(row->trigger);
    struct bf_execution *x;
    struct bf_envelope *event;
    int rc = read_revision(c, row->revision);

    if (!rc && row->action >= c->revision->n_actions)
        rc = BF_ENOENT;
    if (!rc)
        rc = read_event(c, bf_history_is_suppressed(row) ? row->last_event : row->event, &event);
    if (rc)
        return rc;
    x = bf_execution_new();
    x->number = row->number;
    x->action = row->action;
    x->attempts = row->attempts;
    x->status = row->status;
    x->created_ms = row->created_ms;
    x->due_ms = row->due_ms;
    x->first_attempt_ms = row->first_attempt_ms;
    x->event = event;
    x->automation = bf_automation_ref(c->revision);
    x->trigger = trigger ? trigger->wire : c->revision->trigger->wire;
    x->run = row->run_number;
    x->is_digest = row->firings && !bf_history_is_suppressed(row);
    x->n_merged = (uint32_t)row->merged;
    bf_execution_set_facts(x, row->facts, row->facts_len);
    bf_execution_set_hooks(x, row->hooks);
    bf_id_number(x->id, row->created_ms, bf_bus_hub(c->api->bus), row->number);
    c->firsts[c->n] = (struct first){row->number, row->created_ms};
    c->items[c->n++] = x;
    c->bytes += event->text_len + row->merged * MERGED_BYTES;
    return BF_OK;
}

/* Only the store's own trouble ends it; what is gone or damaged is told of. */
static void take(struct change *c, const struct bf_history_row *row)
{
    int rc = load(c, row);

    if (rc == BF_EIO || rc == BF_ENOMEM)
        c->rc = rc;
    else if (rc)
        c->n_gone++;
}


/* --- in the transaction --------------------------------------------------------------- */

static bool is_done(const struct change *c, size_t i)
{
    return c->cancels ? c->cancel.cancelled[i] : c->items[i]->resend_of[0] != '\0';
}

static const char *owner_of(const struct change *c, size_t i)
{
    return c->items[i]->automation->owner;
}

static void write_record(const struct change *c, size_t first, size_t last, size_t n,
                         struct bf_buf *b)
{
    bf_buf_printf(b, "{\"executions\":%zu,\"first\":\"%s\",\"last\":\"%s\"", n,
                  c->cancels ? c->items[first]->id : c->items[first]->resend_of,
                  c->cancels ? c->items[last]->id : c->items[last]->resend_of);
    if (c->many) {
        bf_buf_adds(b, ",\"filters\":");
        bf_buf_json(b, c->filters);
    }
    bf_buf_addc(b, '}');
}

/* One record for each entity that the changes are in: of `first` and those behind it. */
static int record(struct change *c, struct bf_tx *tx, size_t first, struct bf_error *err)
{
    size_t n = 0, last = first;
    struct bf_buf b;
    int rc;

    for (size_t i = 0; i < first; i++)
        if (is_done(c, i) && strcmp(owner_of(c, i), owner_of(c, first)) == 0)
            return BF_OK;       /* it was the first of its entity */
    for (size_t i = first; i < c->n; i++) {
        if (is_done(c, i) && strcmp(owner_of(c, i), owner_of(c, first)) == 0) {
            n++;
            last = i;
        }
    }
    bf_buf_init(&b, BF_EVENT_MAX);
    write_record(c, first, last, n, &b);
    rc = bf_bus_record(tx, c->cancels ? "belfry.execution.cancelled" : "belfry.execution.resent",
                       owner_of(c, first), bf_auth_who(c->x)->user, b.data, b.len, err);
    bf_buf_fini(&b);
    return rc;
}

static int record_all(struct change *c, struct bf_tx *tx, struct bf_error *err)
{
    int rc = BF_OK;

    for (size_t i = 0; !rc && i < c->n; i++)
        if (is_done(c, i))
            rc = record(c, tx, i, err);
    return rc;
}

/* As it was read, though it may have been made another one already, which was undone. */
static void begin_again(struct change *c, size_t i)
{
    struct bf_execution *x = c->items[i];

    x->number = c->firsts[i].number;
    x->resend_of[0] = '\0';
    bf_id_number(x->id, c->firsts[i].created_ms, bf_bus_hub(c->api->bus), x->number);
}

static int resend_all(struct change *c, struct bf_tx *tx, struct bf_error *err)
{
    c->n_done = 0;
    for (size_t i = 0; i < c->n; i++) {
        bool resent;
        int rc;

        begin_again(c, i);
        rc = bf_bus_resend(tx, c->items[i], c->statuses, c->many, &resent, err);
        if (rc)
            return rc;
        if (!resent)
            c->items[i]->resend_of[0] = '\0';
        c->n_done += resent;
    }
    return record_all(c, tx, err);
}

static int apply_resend(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    return resend_all(bf_container_of(work, struct change, write.work), tx, err);
}

static int apply_cancel(struct bf_cancel *k, struct bf_tx *tx, struct bf_error *err)
{
    struct change *c = bf_container_of(k, struct change, cancel);

    c->n_done = k->n_cancelled;
    return record_all(c, tx, err);
}


/* --- answers ----------------------------------------------------------------------------- */

static void on_shown(void *arg, const struct bf_history_row *row)
{
    struct change *c = arg;
    struct bf_shown shown = {.id = ""};

    c->status = bf_api_answer(c->x, c->cancels ? 200 : 201,
                              bf_show_execution(bf_bus_db(c->api->bus), bf_bus_hub(c->api->bus),
                                                &shown, row));
}

/* The execution as it is now.  [engine] */
static int answer_one(struct change *c)
{
    c->status = 0;
    if (bf_history_read(bf_bus_db(c->api->bus), c->items[0]->number, on_shown, c) || !c->status)
        return bf_api_unreadable(c->x);
    return c->status;
}

static int not_any_more(struct change *c)
{
    return bf_exchange_fail(c->x, 409, "conflict", NULL, "its status has changed meanwhile; look"
                            " again");
}

static void show_many(const struct change *c, const char *done, struct bf_tree *t)
{
    char cursor[BF_ID_LEN + 1];

    bf_tree_int(t, done, (int64_t)c->n_done);
    if (c->cancels)
        bf_tree_int(t, "under_way", (int64_t)c->cancel.n_under_way);
    bf_tree_int(t, "gone", (int64_t)c->n_gone);
    bf_id_number(cursor, c->asked_ms, bf_bus_hub(c->api->bus), c->last);
    bf_tree_str(t, "next", c->last ? cursor : NULL);
}

static int answer_many(struct change *c, const char *done)
{
    struct bf_tree *t = bf_tree_object();

    show_many(c, done, t);
    return bf_api_answer(c->x, 200, t);
}

static int answer_resend(struct bf_api_write *w)
{
    struct change *c = bf_container_of(w, struct change, write);

    if (c->many)
        return answer_many(c, "resent");
    return c->n_done ? answer_one(c) : not_any_more(c);
}

static void cancel_done(struct bf_cancel *k, int rc, const struct bf_error *err)
{
    struct change *c = bf_container_of(k, struct change, cancel);
    struct bf_exchange *x = c->x;
    int status;

    if (rc)
        status = bf_api_fail(x, rc, err);
    else if (c->many)
        status = answer_many(c, "cancelled");
    else if (k->n_under_way)
        status = bf_exchange_fail(x, 409, "under_way", NULL, "an attempt at it is under way and"
                                  " goes on; cancel it when that has ended, if it then still waits");
    else
        status = c->n_done ? answer_one(c) : not_any_more(c);
    let_go(c);
    bf_exchange_finish(x, status);
}

static int begin(struct change *c)
{
    struct bf_exchange *x = c->x;

    if (!c->cancels) {
        c->write.work.apply = apply_resend;
        c->write.work.weight = (uint32_t)c->bytes;
        c->write.answer = answer_resend;
        c->write.release = release;
        return bf_api_post(c->api, x, &c->write);
    }
    c->cancel.executions = c->items;
    c->cancel.n = c->n;
    c->cancel.reason = bf_arena_printf(bf_exchange_arena(x), "cancelled by %s",
                                       bf_auth_who(x)->user);
    c->cancel.apply = apply_cancel;
    c->cancel.done = cancel_done;
    bf_exchange_park(x);
    if (bf_courier_cancel(c->api->courier, &c->cancel))
        cancel_done(&c->cancel, BF_ECANCELED, NULL);
    return BF_PARKED;
}


/* --- one ----------------------------------------------------------------------------------- */

static int wrong_status(struct change *c, const struct bf_history_row *row)
{
    const char *status = bf_status_name(row->status);

    if (row->status == BF_MERGED && c->cancels)
        return bf_exchange_fail(c->x, 409, "merged", NULL, "execution %s tells of it; cancel that, and"
                                " this one waits by itself again", row->merged_into);
    if (c->cancels)
        return bf_exchange_fail(c->x, 409, "conflict", NULL, "it is %s; only what is pending can be"
                                " cancelled", status);
    if (row->status == BF_PENDING || row->status == BF_RUNNING || row->status == BF_MERGED)
        return bf_exchange_fail(c->x, 409, "conflict", NULL, "it is still %s, and is tried again by"
                                " itself", status);
    return bf_exchange_fail(c->x, 409, "conflict", "again", "it is %s; to send it all the same, say"
                            " {\"again\": true} (--again)", status);
}

static bool has_integration(const struct change *c, const char *id)
{
    struct bf_integration *to = bf_team_integration(c->api->team, id);

    bf_integration_unref(to);
    return to != NULL;
}

/* 0, or what speaks against it. */
static int check_one(struct change *c, const struct bf_history_row *row)
{
    int status = bf_api_require(c->api, c->x, BF_EDIT, row->entity);

    if (!status && !(c->statuses & BF_STATUS_BIT(row->status)))
        status = wrong_status(c, row);
    if (status || c->cancels)
        return status;
    if (!has_integration(c, row->integration))
        status = bf_exchange_fail(c->x, 409, "gone", "integration", "its integration %s was"
                                  " deleted: there is nowhere to send it", row->integration);
    return status;
}

static void on_one(void *arg, const struct bf_history_row *row)
{
    struct change *c = arg;
    char id[BF_ID_LEN + 1];

    bf_id_number(id, row->created_ms, bf_bus_hub(c->api->bus), row->number);
    c->found = strcmp(id, bf_exchange_param(c->x, "id")) == 0 &&
               bf_api_may_read(c->api, c->x, row->entity);
    if (!c->found)
        return;
    c->status = check_one(c, row);
    if (c->status)
        return;
    take(c, row);
    if (c->n_gone)
        c->status = bf_exchange_fail(c->x, 409, "gone", "event", "its event, or the revision of the"
                                     " automation that fired, is not kept any more");
}

static int change_one(struct bf_api *api, struct bf_exchange *x, bool cancels, unsigned statuses)
{
    struct change *c = new_change(api, x, cancels, 1);
    const char *id = bf_exchange_param(x, "id");
    uint64_t number;
    int64_t ms;
    int rc = BF_ENOENT, status;

    if (!c)
        return bf_api_fail(x, BF_EFULL, NULL);
    c->statuses = statuses;
    if (!c->db)
        return bf_api_unreadable(x);
    if (id && bf_id_parse(id, bf_bus_hub(api->bus), &ms, &number))
        rc = bf_history_read(c->db, number, on_one, c);
    if (!rc && c->found && !c->status && !c->rc)
        return begin(c);
    if ((rc && rc != BF_ENOENT) || c->rc)
        status = bf_api_unreadable(x);
    else
        status = c->found ? c->status : bf_api_missing(x, "execution", id ? id : "");
    let_go(c);
    return status;
}

static int on_resend(struct bf_exchange *x, void *arg)
{
    const struct bf_json *again;
    const struct bf_api_member members[] = {{"again", BF_JSON_TRUE, false, &again}};
    int status = bf_api_body_members(x, members, BF_COUNT(members));

    if (status)
        return status;
    return change_one(arg, x, false, bf_json_is(again, BF_JSON_TRUE) ? OVER : MISSED);
}

static int on_cancel(struct bf_exchange *x, void *arg)
{
    int status = bf_api_body_members(x, NULL, 0);

    return status ? status : change_one(arg, x, true, BF_STATUS_BIT(BF_PENDING));
}


/* --- many ---------------------------------------------------------------------------------- */

static void on_row(void *arg, const struct bf_history_row *row)
{
    struct change *c = arg;

    if (c->rc || c->bytes >= EVENT_BYTES_MAX)
        return;
    c->last = row->number;
    if (row->finished_ms < c->ended_ms ||
        !bf_team_may(c->api->team, bf_auth_who(c->x), BF_EDIT, row->entity))
        return;
    if (c->cancels || has_integration(c, row->integration))
        take(c, row);
    else
        c->n_gone++;
}

/* Looks through some pages until there are enough; `last` is where to go on, 0 at the end. */
static int find(struct change *c, struct bf_history_query *query)
{
    uint64_t next;
    int rc = BF_OK;

    for (int page = 0; page < PAGES_MAX; page++) {
        query->limit = (unsigned)(c->most - c->n);
        rc = bf_history_list(c->db, query, &next);
        if (rc || c->rc)
            return rc ? rc : c->rc;
        if (c->bytes >= EVENT_BYTES_MAX)
            return BF_OK;       /* `last` is the last one taken */
        c->last = query->after = next;
        if (!next || c->n == c->most)
            return BF_OK;
    }
    return BF_OK;
}

static int read_flag(struct bf_exchange *x, const char *name, bool *flag)
{
    const char *text = bf_exchange_query_param(x, name);

    *flag = text && strcmp(text, "true") == 0;
    if (!text || *flag || strcmp(text, "false") == 0)
        return 0;
    return bf_exchange_fail(x, 400, "invalid", name, "%s must be true or false", name);
}

/* Where to go on, and up to what was there when it was begun. */
static int read_cursor(struct bf_api *api, struct bf_exchange *x, const char *cursor,
                       struct bf_history_query *q, int64_t *asked_ms)
{
    *asked_ms = 0;
    if (!cursor || bf_id_parse(cursor, bf_bus_hub(api->bus), asked_ms, &q->after)) {
        if (!*asked_ms)
            *asked_ms = bf_bus_now(api->bus) + 1;
        q->until_ms = q->until_ms ? bf_min64(q->until_ms, *asked_ms) : *asked_ms;
        return 0;
    }
    return bf_exchange_fail(x, 400, "invalid", "cursor", "the cursor is not one that an answer gave"
                            " as next; begin again without it");
}

static int wrong_statuses(struct bf_exchange *x, const char *field, bool cancels)
{
    return bf_exchange_fail(x, 400, "invalid", field, cancels
                            ? "only what is pending can be cancelled"
                            : "only what failed, is unknown or was cancelled can be sent again"
                              " like this");
}

static int check_statuses(struct bf_exchange *x, struct bf_history_query *q, bool cancels)
{
    unsigned may = cancels ? BF_STATUS_BIT(BF_PENDING) : MISSED;

    if (!q->statuses)
        q->statuses = may & ~BF_STATUS_BIT(BF_CANCELLED);
    return q->statuses & ~may ? wrong_statuses(x, "status", cancels) : 0;
}

/* Who may change, and what: 0, or an error. */
static int read_request(struct bf_api *api, struct bf_exchange *x, bool cancels,
                        struct bf_history_query *q, int64_t *asked_ms, bool *dry_run)
{
    int status = bf_api_body_members(x, NULL, 0);

    if (!status)
        status = bf_api_require_filter(x, bf_exchange_query_param(x, "entity"), "entity");
    if (!status)
        status = bf_api_history_query(api, x, q);
    if (!status && q->n_entities)
        status = bf_api_require(api, x, BF_EDIT, q->entities[0]);
    if (!status)
        status = check_statuses(x, q, cancels);
    if (!status)
        status = read_flag(x, "dry_run", dry_run);
    if (!status)
        status = read_cursor(api, x, bf_exchange_query_param(x, "cursor"), q, asked_ms);
    q->oldest_first = true;     /* they arrive in the order in which they were meant to */
    q->not_resent = !cancels;
    return status;
}

static int change_many(struct bf_api *api, struct bf_exchange *x, bool cancels)
{
    struct bf_history_query query;
    struct change *c;
    int64_t asked_ms;
    bool dry_run;
    int status = read_request(api, x, cancels, &query, &asked_ms, &dry_run);

    if (status)
        return status;
    c = new_change(api, x, cancels, CHANGES_MAX);
    if (!c)
        return bf_api_fail(x, BF_EFULL, NULL);
    c->statuses = query.statuses;
    c->asked_ms = asked_ms;
    query.row = on_row;
    query.arg = c;
    if (!c->db || find(c, &query)) {
        let_go(c);
        return bf_api_unreadable(x);
    }
    if (!dry_run && c->n)
        return begin(c);
    c->n_done = c->n;
    status = answer_many(c, dry_run ? (cancels ? "would_cancel" : "would_resend")
                                    : (cancels ? "cancelled" : "resent"));
    let_go(c);
    return status;
}

static int on_resend_many(struct bf_exchange *x, void *arg) { return change_many(arg, x, false); }
static int on_cancel_many(struct bf_exchange *x, void *arg) { return change_many(arg, x, true); }


/* --- with an integration that is enabled ----------------------------------------------------- */

/* When an execution ended is counted from the start of its last attempt, without what that waited
 * for a connection; so the first one to fail has ended a little before its failure was seen. */
#define SEEN_LATE_MS (60 * 1000)

struct bf_api_resend {
    struct change change;       /* with ended_ms 0 it was not failing, and there is nothing */
};

/* What of an integration's executions is meant; the statuses are checked. */
static int read_resend(struct bf_api *api, struct bf_exchange *x,
                       const struct bf_api_resend_asked *asked, struct bf_history_query *q,
                       struct change *c)
{
    int status = bf_api_statuses(x, "resend", asked->statuses, &q->statuses);

    if (!status && q->statuses & ~MISSED)
        status = wrong_statuses(x, "resend", false);
    if (!status)
        status = bf_api_time(api, x, "since", asked->since, &c->ended_ms);
    if (!status)
        status = read_cursor(api, x, asked->cursor, q, &c->asked_ms);
    if (!status && !asked->since) {
        c->ended_ms = bf_api_failing_since(api, bf_exchange_local(x), asked->integration);
        c->ended_ms = bf_max64(c->ended_ms - SEEN_LATE_MS, 0);
    }
    c->statuses = q->statuses;
    return status;
}

int bf_api_resend_find(struct bf_api *api, struct bf_exchange *x,
                       const struct bf_api_resend_asked *asked, struct bf_api_resend **out)
{
    struct bf_history_query q = {.integration = asked->integration, .oldest_first = true,
                                 .not_resent = true, .row = on_row};
    struct change *c = new_change(api, x, false, CHANGES_MAX);
    int status = c ? read_resend(api, x, asked, &q, c) : bf_api_fail(x, BF_EFULL, NULL);

    if (status)
        return status;
    q.arg = c;
    c->filters = bf_arena_printf(bf_exchange_arena(x), "integration=%s&status=%s",
                                 asked->integration, asked->statuses);
    if (c->ended_ms && find(c, &q)) {
        let_go(c);
        return bf_api_unreadable(x);
    }
    *out = bf_container_of(c, struct bf_api_resend, change);
    return 0;
}

size_t bf_api_resend_weight(const struct bf_api_resend *r) { return r ? r->change.bytes : 0; }

int bf_api_resend_apply(struct bf_api_resend *r, struct bf_tx *tx, struct bf_error *err)
{
    return r ? resend_all(&r->change, tx, err) : BF_OK;
}

void bf_api_resend_show(const struct bf_api_resend *r, struct bf_tree *t)
{
    show_many(&r->change, "resent", t);
    bf_show_time(t, "since", r->change.ended_ms);
}

void bf_api_resend_end(struct bf_api_resend *r)
{
    if (r)
        let_go(&r->change);
}

const struct bf_api_route bf_api_execution_change_routes[] = {
    {"POST", "/api/v1/executions/resend", BF_EDIT, on_resend_many},
    {"POST", "/api/v1/executions/cancel", BF_EDIT, on_cancel_many},
    {"POST", "/api/v1/executions/{id}/resend", BF_EDIT, on_resend},
    {"POST", "/api/v1/executions/{id}/cancel", BF_EDIT, on_cancel},
    {NULL, NULL, 0, NULL},
};
