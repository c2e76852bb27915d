/* host_watch.c - watches: what was committed, told to plugins in order, one note at a time.
 *
 * CONCEPT.  Events and automations are records of the journal, which numbers them.  An execution
 * changes where it stands, so the order of such changes is kept here: a ring in memory, numbered
 * between the journal's records.  A note's seq is
 *
 *     record (36 bits)  life (10 bits)  change since that record (18 bits; 0 is the record itself)
 *
 * so one number says where a watch of any topics goes on.  `life` is drawn when the hub starts: a
 * place among the changes of an earlier life, or behind what the ring holds, is a gap, and is told
 * as one.  Records are read from the journal, so of them nothing is missing over a restart.
 *
 * OPERATION.  After each batch the engine puts its changes into the ring and wakes the loop, which
 * goes through the watches and gives each a few notes, until there is nothing new or its stream is
 * full.  A note is what the store says when it is told; who may not read it (any more) is not.
 *
 * SAFETY.  A change is in the ring only after its batch is committed, and the ring is looked at
 * before the journal: so what has the smaller number is told first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/crypto.h"
#include "core/plugin/host.h"
#include "core/plugin/show.h"

#define RECORD_SHIFT 28
#define LIFE_SHIFT   18
#define LIVES        1024

#define RING_SIZE       32768           /* changes that are remembered; a power of two */
#define NOTES_PER_TURN  64              /* for one watch, before the next one's are */
#define ROWS_PER_TURN   2000            /* of the journal that are looked at for one watch */
#define NOTE_BYTES_MAX  (64u * 1024 * 1024)
#define JSON_BYTES_MAX  (8u * 1024 * 1024)

enum { EVENTS = 1, EXECUTIONS = 2, AUTOMATIONS = 4, RECORDS = EVENTS | AUTOMATIONS };

struct change {
    uint64_t seq;
    uint64_t execution;         /* its number */
};

struct watch {
    struct watch *next;
    struct bf_instance *instance;       /* a source: lives as long as the hub */
    bf_ticket ticket;
    bf_note_fn fn;
    void *arg;
    struct bf_streaming *stream;        /* a reference, or NULL */
    unsigned topics;
    char *entity;               /* NULL: any; as the next two */
    char *project;
    char *as;                   /* id of the caller */
    uint64_t record;            /* told or passed over, up to here  [loop, as the next three] */
    uint64_t change;
    uint64_t seq;               /* of the last note */
    bool gap;                   /* to be told first */
    bool ended;                 /* under the lock */
};

struct bf_watches {
    struct bf_plugins *plugins;
    unsigned life;
    struct bf_task task;
    atomic_bool wanted;         /* somebody has watched executions: changes are kept */
    atomic_size_t n;
    uint64_t *fresh;            /* executions changed in this batch  [engine] */
    size_t n_fresh, room_fresh;
    pthread_mutex_t lock;
    struct watch *all;          /* under lock, from here down */
    bool posted;
    struct change *ring;        /* NULL until it is wanted */
    uint64_t n_changes;         /* put into it, ever */
    uint64_t floor;             /* changes up to here are not in it */
    uint64_t last;              /* seq of the newest; the floor while there is none */
};

static uint64_t seq_of(const struct bf_watches *ws, uint64_t record)
{
    return record << RECORD_SHIFT | (uint64_t)ws->life << LIFE_SHIFT;
}

static void on_loop(struct bf_task *task);

struct bf_watches *bf_watches_new(struct bf_plugins *p)
{
    struct bf_watches *ws = bf_new(struct bf_watches);
    uint16_t random;

    bf_random(&random, sizeof(random));
    ws->plugins = p;
    ws->life = random % LIVES;
    ws->task.fn = on_loop;
    atomic_init(&ws->wanted, false);
    atomic_init(&ws->n, 0);
    pthread_mutex_init(&ws->lock, NULL);
    return ws;
}

static void free_watch(struct watch *w)
{
    if (w->stream)
        bf_streaming_unref(w->stream);
    free(w->entity);
    free(w->project);
    free(w->as);
    free(w);
}

/* Those that have ended.  [loop, or when there is none any more] */
static void sweep(struct bf_watches *ws)
{
    struct watch *gone = NULL;

    pthread_mutex_lock(&ws->lock);
    for (struct watch **at = &ws->all; *at;) {
        struct watch *w = *at;

        if (!w->ended) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        w->next = gone;
        gone = w;
        atomic_fetch_sub(&ws->n, 1);
    }
    pthread_mutex_unlock(&ws->lock);
    while (gone) {
        struct watch *w = gone;

        gone = w->next;
        free_watch(w);
    }
}

void bf_watches_free(struct bf_watches *ws)
{
    for (struct watch *w = ws->all; w; w = w->next)
        w->ended = true;
    sweep(ws);
    pthread_mutex_destroy(&ws->lock);
    free(ws->ring);
    free(ws->fresh);
    free(ws);
}

void bf_watches_wake(struct bf_watches *ws)
{
    pthread_mutex_lock(&ws->lock);
    if (ws->all && !ws->posted)
        ws->posted = bf_loop_post(ws->plugins->rooms.loop, &ws->task) == BF_OK;
    pthread_mutex_unlock(&ws->lock);
}


/* --- from the engine ------------------------------------------------------------------ */

void bf_plugins_changed(struct bf_plugins *p, const struct bf_execution *e)
{
    struct bf_watches *ws = p->watches;

    if (!atomic_load_explicit(&ws->wanted, memory_order_relaxed))
        return;
    if (ws->n_fresh == ws->room_fresh) {
        ws->room_fresh = ws->room_fresh ? 2 * ws->room_fresh : 64;
        ws->fresh = bf_zrealloc(ws->fresh, ws->room_fresh * sizeof(*ws->fresh));
    }
    ws->fresh[ws->n_fresh++] = e->number;
}

static uint64_t last_record(struct bf_db *db)
{
    struct bf_query *q = bf_db_query(db, "SELECT seq FROM journal ORDER BY seq DESC LIMIT 1");
    uint64_t last = bf_query_step(q) == 1 ? (uint64_t)bf_query_col_int(q, 0) : 0;

    bf_query_end(q);
    return last;
}

/* Under the lock. */
static void add_change(struct bf_watches *ws, uint64_t base, uint64_t execution)
{
    struct change *c = &ws->ring[ws->n_changes % RING_SIZE];

    if (ws->n_changes >= RING_SIZE)
        ws->floor = c->seq;
    ws->last = (ws->last > base ? ws->last : base) + 1;
    *c = (struct change){ws->last, execution};
    ws->n_changes++;
}

static void add_changes(struct bf_watches *ws)
{
    uint64_t base = seq_of(ws, last_record(bf_bus_db(ws->plugins->rooms.bus)));

    pthread_mutex_lock(&ws->lock);
    for (size_t i = 0; ws->ring && i < ws->n_fresh; i++)
        add_change(ws, base, ws->fresh[i]);
    pthread_mutex_unlock(&ws->lock);
    ws->n_fresh = 0;
}

void bf_plugins_committed(struct bf_plugins *p)
{
    struct bf_watches *ws = p->watches;

    if (ws->n_fresh)
        add_changes(ws);
    if (atomic_load_explicit(&ws->n, memory_order_relaxed))
        bf_watches_wake(ws);
}


/* --- what is next ------------------------------------------------------------------------ */

/* One note on its way. */
struct telling {
    struct bf_watches *ws;
    struct watch *w;
    struct bf_db *db;
    struct bf_arena *arena;
    struct bf_buf json;
    struct bf_shown shown;
    const char *topic;
    char entity[BF_ENTITY_NAME_MAX + 1];
    bool in_project;
    unsigned rows;              /* of the journal that may still be looked at */
};

/* The oldest change behind the watch's place; false if there is none.  What the ring has dropped
 * becomes a gap. */
static bool next_change(struct bf_watches *ws, struct watch *w, struct change *out)
{
    uint64_t low, high;
    bool found;

    pthread_mutex_lock(&ws->lock);
    if (w->change < ws->floor) {
        w->gap = true;
        w->change = ws->floor;
    }
    low = ws->n_changes > RING_SIZE ? ws->n_changes - RING_SIZE : 0;
    high = ws->n_changes;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (ws->ring[middle % RING_SIZE].seq > w->change)
            high = middle;
        else
            low = middle + 1;
    }
    found = low < ws->n_changes;
    if (found)
        *out = ws->ring[low % RING_SIZE];
    pthread_mutex_unlock(&ws->lock);
    return found;
}

/* The topic of a record; 0 for those that no watch is told of. */
static unsigned topic_of(const char *type)
{
    if (strncmp(type, "belfry.automation.", 18) == 0)
        return AUTOMATIONS;
    return strncmp(type, "belfry.", 7) == 0 ? 0 : EVENTS;
}

/* The next record that the watch wants, by topic and entity, below `before`; 0 if there is none,
 * or not within the budget.  Records it does not want are passed over for good. */
static uint64_t next_record(struct telling *t, uint64_t before, unsigned *topic)
{
    struct watch *w = t->w;
    struct bf_query *q = bf_db_query(t->db, "SELECT seq, entity, type FROM journal WHERE seq > ?"
                                            " ORDER BY seq");
    uint64_t found = 0;

    bf_query_int(q, 1, (int64_t)w->record);
    while (!found && t->rows > 0 && bf_query_step(q) == 1) {
        uint64_t seq = (uint64_t)bf_query_col_int(q, 0);

        if (seq_of(t->ws, seq) >= before)
            break;
        if (seq != w->record + 1) {
            w->gap = true;      /* the journal does not reach back that far */
            w->record = seq - 1;
            break;
        }
        t->rows--;
        w->record = seq;
        *topic = topic_of(bf_query_col_text(q, 2));
        if ((*topic & w->topics) &&
            (!w->entity || strcmp(w->entity, bf_query_col_text(q, 1)) == 0))
            found = seq;
    }
    bf_query_end(q);
    return found;
}


/* --- what it says ------------------------------------------------------------------------- */

static bool same_project(const struct watch *w, const char *project)
{
    return !w->project || (project && strcmp(w->project, project) == 0);
}

static void take_entity(struct telling *t, const char *entity)
{
    snprintf(t->entity, sizeof(t->entity), "%s", entity);
}

static bool on_automation(void *arg, const struct bf_automation_row *row)
{
    struct telling *t = arg;

    t->topic = "automation";
    take_entity(t, row->entity);
    t->in_project = same_project(t->w, row->project);
    bf_show_automation(&t->json, t->db, bf_bus_hub(t->ws->plugins->rooms.bus), row);
    return false;
}

static bool on_deleted(void *arg, const struct bf_automation_row *row)
{
    struct telling *t = arg;

    t->topic = "automation";
    take_entity(t, row->entity);
    t->in_project = same_project(t->w, row->project);
    bf_show_deleted(&t->json, row);
    return false;
}

/* An event as it is; of a record that an automation was changed, the automation as it is now. */
static void read_record(struct telling *t, uint64_t seq, unsigned topic)
{
    struct bf_envelope *e;
    struct bf_error err;
    const char *id;

    if (bf_journal_read(t->db, bf_bus_hub(t->ws->plugins->rooms.bus), seq, t->arena, &e, &err))
        return;
    if (topic == AUTOMATIONS) {
        id = bf_host_get(t->arena, bf_arena_ndup(t->arena, e->text, e->text_len), "/data/id", NULL);
        if (bf_automation_find(t->db, id, on_automation, t) == BF_ENOENT)
            bf_automation_find_deleted(t->db, id, on_deleted, t);
    } else {
        t->topic = "event";
        take_entity(t, e->entity);
        t->in_project = same_project(t->w, e->project);
        bf_envelope_print(e, &t->json);
    }
    bf_envelope_unref(e);
}

static void on_execution(void *arg, const struct bf_history_row *row)
{
    struct telling *t = arg;
    struct bf_tree *tree = bf_show_execution(t->db, bf_bus_hub(t->ws->plugins->rooms.bus),
                                             &t->shown, row);

    t->topic = "execution";
    take_entity(t, row->entity);
    t->in_project = same_project(t->w, t->shown.project);
    bf_tree_print(tree, &t->json);
    bf_tree_free(tree);
}


/* --- telling -------------------------------------------------------------------------------- */

static void tell(struct telling *t, const char *topic, const char *json, size_t len)
{
    struct watch *w = t->w;
    struct bf_note note = {.size = sizeof(note),
                           .seq = w->seq,
                           .json_len = len,
                           .topic = topic,
                           .json = json,
                           .stream = w->stream ? bf_streaming_ticket(w->stream) : 0,
                           .arena = t->arena};
    struct bf_error why;
    struct bf_call c;

    bf_call_enter(&c, w->instance, BF_AT_LOOP, t->arena, &why);
    w->fn(&w->instance->ctx, w->arg, &note);
    bf_call_leave(&c);
}

static void set_ended(struct bf_watches *ws, struct watch *w)
{
    pthread_mutex_lock(&ws->lock);
    w->ended = true;
    pthread_mutex_unlock(&ws->lock);
}

/* The caller behind a watch, with the rights of this moment; without a key any more it ends. */
static bool may_read(struct telling *t)
{
    struct bf_team *team = t->ws->plugins->rooms.team;
    struct watch *w = t->w;
    struct bf_identity who;

    if (!w->as)
        return true;
    if (bf_team_identity(team, w->as, &who))
        return bf_team_may(team, &who, BF_READ, t->entity);
    set_ended(t->ws, w);
    if (w->stream)
        bf_streaming_end(w->instance, bf_streaming_ticket(w->stream));
    return false;
}

static void tell_read(struct telling *t)
{
    const struct watch *w = t->w;

    if (t->topic && t->in_project && (!w->entity || strcmp(w->entity, t->entity) == 0) &&
        !t->json.failed && may_read(t))
        tell(t, t->topic, bf_buf_text(&t->json), t->json.len);
}

static void tell_gap(struct telling *t)
{
    t->w->gap = false;
    tell(t, "gap", "{}", 2);
}

/* One note, or one that need not be told; false if there is nothing. */
static bool tell_next(struct telling *t)
{
    struct watch *w = t->w;
    struct change change = {.seq = UINT64_MAX};
    bool changed = (w->topics & EXECUTIONS) && next_change(t->ws, w, &change);
    unsigned topic;
    uint64_t record = 0;

    bf_arena_reset(t->arena);
    bf_buf_clear(&t->json);
    t->topic = NULL;
    if (!w->gap && (w->topics & RECORDS))
        record = next_record(t, change.seq, &topic);
    if (w->gap) {
        tell_gap(t);
        return true;
    }
    if (record) {
        w->seq = seq_of(t->ws, record);
        read_record(t, record, topic);
    } else if (changed && t->rows > 0) {
        w->seq = w->change = change.seq;
        bf_history_read(t->db, change.execution, on_execution, t);
    } else {
        return t->rows == 0;
    }
    tell_read(t);
    return true;
}

static bool is_over(struct bf_watches *ws, struct watch *w)
{
    bool over;

    pthread_mutex_lock(&ws->lock);
    w->ended = w->ended || (w->stream && bf_streaming_over(w->stream));
    over = w->ended;
    pthread_mutex_unlock(&ws->lock);
    return over;
}

/* True if there may be more right away. */
static bool go_on(struct telling *t)
{
    struct watch *w = t->w;

    t->rows = ROWS_PER_TURN;
    for (unsigned n = 0; n < NOTES_PER_TURN; n++) {
        if (is_over(t->ws, w) || (w->stream && bf_streaming_full(w->stream)))
            return false;
        if (!tell_next(t))
            return false;
        if (t->rows == 0)
            return true;
    }
    return true;
}

static bool tell_all(struct bf_watches *ws, struct bf_db *db)
{
    struct telling t = {.ws = ws, .db = db, .arena = bf_arena_new(NOTE_BYTES_MAX)};
    struct watch *w;
    bool more = false;

    bf_buf_init(&t.json, JSON_BYTES_MAX);
    pthread_mutex_lock(&ws->lock);
    w = ws->all;
    pthread_mutex_unlock(&ws->lock);
    while (w) {
        t.w = w;
        more = go_on(&t) || more;
        pthread_mutex_lock(&ws->lock);
        w = w->next;            /* only the loop takes watches away, and later */
        pthread_mutex_unlock(&ws->lock);
    }
    bf_buf_fini(&t.json);
    bf_arena_free(t.arena);
    return more;
}

static void on_loop(struct bf_task *task)
{
    struct bf_watches *ws = bf_container_of(task, struct bf_watches, task);
    struct bf_reader *r = bf_reader_borrow(ws->plugins);
    bool more = false;

    pthread_mutex_lock(&ws->lock);
    ws->posted = false;
    pthread_mutex_unlock(&ws->lock);
    if (r) {
        more = tell_all(ws, bf_reader_db(r));
        bf_reader_give_back(ws->plugins, r);
    }
    sweep(ws);
    if (more)
        bf_watches_wake(ws);
}


/* --- beginning and ending --------------------------------------------------------------------- */

/* 0 if a word is none. */
static unsigned topics_of(const char *list)
{
    static const struct {
        const char *name;
        unsigned topic;
    } known[] = {{"event", EVENTS}, {"execution", EXECUTIONS}, {"automation", AUTOMATIONS}};
    unsigned topics = 0;

    if (!list || !*list)
        return EVENTS | EXECUTIONS | AUTOMATIONS;
    while (*(list += strspn(list, " "))) {
        size_t len = strcspn(list, " "), i;

        for (i = 0; i < BF_COUNT(known); i++)
            if (strlen(known[i].name) == len && memcmp(list, known[i].name, len) == 0)
                break;
        if (i == BF_COUNT(known))
            return 0;
        topics |= known[i].topic;
        list += len;
    }
    return topics;
}

/* From the first watch of executions on, their changes are kept. */
static void want_changes(struct bf_watches *ws, struct bf_db *db)
{
    uint64_t now;

    if (atomic_exchange(&ws->wanted, true))
        return;
    now = seq_of(ws, last_record(db));
    pthread_mutex_lock(&ws->lock);
    ws->ring = bf_zalloc(RING_SIZE * sizeof(*ws->ring));
    ws->floor = ws->last = now;
    pthread_mutex_unlock(&ws->lock);
}

/* Where the watch begins: now, or behind a note of this life or an earlier one.  What was
 * committed before the last record was read is not new. */
static void set_place(struct bf_watches *ws, struct watch *w, struct bf_db *db, uint64_t after)
{
    uint64_t last_change, now;

    pthread_mutex_lock(&ws->lock);
    last_change = ws->last;
    pthread_mutex_unlock(&ws->lock);
    w->record = last_record(db);
    now = seq_of(ws, w->record);
    if (last_change > now)
        now = last_change;
    w->change = w->seq = now;
    if (after == 0)
        return;
    if (after >> RECORD_SHIFT > w->record) {
        w->gap = true;          /* from before a backup was put back */
        return;
    }
    w->record = after >> RECORD_SHIFT;
    w->seq = after;
    w->change = (after >> LIFE_SHIFT) % LIVES == ws->life ? after : 0;
}

static char *copy(const char *text) { return text && *text ? bf_strdup(text) : NULL; }

static struct watch *new_watch(struct bf_instance *i, const struct bf_watch *what, bf_note_fn fn,
                               void *arg)
{
    struct watch *w = bf_new(struct watch);

    w->instance = i;
    w->ticket = atomic_fetch_add(&i->plugins->tickets, 1) + 1;
    w->fn = fn;
    w->arg = arg;
    w->topics = topics_of(what->topics);
    w->entity = copy(what->entity);
    w->project = copy(what->project);
    w->as = what->as ? bf_strdup(what->as->id ? what->as->id : "") : NULL;
    if (what->stream) {
        w->stream = bf_streaming_find(i, what->stream);
        w->ended = !w->stream;
    }
    return w;
}

bf_ticket bf_host_watch(struct bf_ctx *ctx, const struct bf_watch *what, bf_note_fn fn, void *arg)
{
    struct bf_instance *i = bf_instance_from(ctx);
    struct bf_watches *ws = i->plugins->watches;
    struct bf_reader *r;
    bf_ticket ticket;
    struct watch *w;

    if (!i->source || !topics_of(what->topics)) {
        bf_complain_words(ctx, BF_EINVAL, NULL, i->source ? "there is no such topic; known: event, "
                          "execution, automation" : "watches are for sources");
        return 0;
    }
    r = bf_reader_borrow(i->plugins);
    if (!r) {
        bf_complain_words(ctx, BF_EIO, NULL, "the database cannot be opened");
        return 0;
    }
    w = new_watch(i, what, fn, arg);
    if (w->topics & EXECUTIONS)
        want_changes(ws, bf_reader_db(r));
    set_place(ws, w, bf_reader_db(r), what->after);
    bf_reader_give_back(i->plugins, r);
    ticket = w->ticket;         /* it may be over before this returns */
    pthread_mutex_lock(&ws->lock);
    w->ended = w->ended || atomic_load(&i->stopping);
    w->next = ws->all;
    ws->all = w;
    atomic_fetch_add(&ws->n, 1);
    pthread_mutex_unlock(&ws->lock);
    bf_watches_wake(ws);
    return ticket;
}

int bf_watch_end(struct bf_instance *i, bf_ticket ticket)
{
    struct bf_watches *ws = i->plugins->watches;
    int rc = BF_ENOENT;

    pthread_mutex_lock(&ws->lock);
    for (struct watch *w = ws->all; w; w = w->next) {
        if (w->ticket != ticket || w->instance != i || w->ended)
            continue;
        w->ended = true;
        rc = BF_OK;
    }
    pthread_mutex_unlock(&ws->lock);
    bf_watches_wake(ws);
    return rc;
}

void bf_watches_end(struct bf_instance *i)
{
    struct bf_watches *ws = i->plugins->watches;

    pthread_mutex_lock(&ws->lock);
    for (struct watch *w = ws->all; w; w = w->next)
        w->ended = w->ended || w->instance == i;
    pthread_mutex_unlock(&ws->lock);
    sweep(ws);
}
