/* rules.c - the index of automations, and the life of the rules.
 *
 * CONCEPT.  A place is a trigger, a scope and perhaps a literal, written as one text and found by
 * hash.  An automation is filed once per literal of its filter ("alias is one of a, b": two
 * places), or once without.  A project's automation whose filter names its collections is filed
 * under these collections.
 *
 * Automations on metrics are filed under the metrics they name, all under RUN_METRIC whatever their
 * trigger, and once more without: so a run's event learns with a look-up per scope that nobody
 * watches any metric there.
 *
 * OPERATION.  An event asks, for each trigger it may be, at its organization, entity, project and
 * collection, without its literal and with it: eight look-ups per trigger, and one for the
 * organization.  A type that no trigger of W&B's names is a trigger by itself.  What it finds there
 * has only its filter left to pass.  The entries of a place hang together both ways, so taking an
 * automation out does not look at the others that are filed there.  An event of a wait that is over
 * names its automation, and asks nobody else.
 *
 * SAFETY.  One automation stands in each place at most once, and one event asks for only one of
 * the places of an automation: those of two scopes differ, as no entity is placed in itself.  So
 * nothing fires twice. */
#include "core/rules/rules_int.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/rules/timers.h"

#define LITERALS_MAX 8          /* of one filter and field; with more the filter alone decides */
#define KEY_MAX      (BF_NAME_MAX * 5)      /* four names, the trigger's, and what parts them */
#define SCRATCH_MAX  (64 * 1024 * 1024)     /* an event of BF_EVENT_MAX, indexed and decoded */
#define FACTS_MAX    (64 * 1024 * 1024)     /* of one record's firings; further ones go without */
#define WINDOWS_MAX  (160 * 1024 * 1024)    /* bytes of series kept between records */
#define NAMES_MAX    (2 * BF_CONDITIONS_MAX)
#define ON_METRICS   "RUN_METRIC"
#define UNASKED_MAX  8          /* points at which a script was not asked, and then it is not before */

/* Where automations are filed; it goes when the last one does.  Those with a filter hook stand in a
 * list of their own, for they alone are looked at before anything is judged. */
struct bf_index_place {
    struct entry *first[2];     /* without and with */
    uint64_t born;              /* counted up with each that is made */
    uint64_t gathered;          /* the time they were looked at last */
    char key[];
};

/* One automation in one place. */
struct entry {
    const struct bf_automation *automation;
    struct filed *filed;
    struct bf_index_place *place;
    struct entry *next;
    struct entry **back;        /* what points at this entry */
};

/* Everything about one automation. */
struct filed {
    const struct bf_automation *automation;
    unsigned unasked;           /* points since its script was asked last, if it watches metrics */
    size_t n_entries;           /* 0 if no event asks for it: it is disabled, or waits for the clock */
    struct entry entries[];
};

/* ---- places ---- */

/* The text of a place: trigger, entity, project, collection, each with 0x1f behind it, and 0x1e
 * and the literal if there is one.  No name in a scope holds these bytes; a literal may, but is
 * last. */
struct key {
    size_t len;
    char text[KEY_MAX];
};

static void add_bytes(struct key *k, const char *bytes, size_t len)
{
    bf_assert(k->len + len < sizeof(k->text));
    memcpy(k->text + k->len, bytes, len);
    k->len += len;
    k->text[k->len] = '\0';
}

static void add_part(struct key *k, const char *part)
{
    add_bytes(k, part, strlen(part));
    add_bytes(k, "\x1f", 1);
}

static void begin_key(struct key *k, const char *wire, const char *entity)
{
    k->len = 0;
    add_part(k, wire);
    add_part(k, entity);
}

static void add_literal(struct key *k, const char *prefix, const char *literal)
{
    add_bytes(k, "\x1e", 1);
    add_bytes(k, prefix, strlen(prefix));
    add_bytes(k, literal, strlen(literal));
}

static struct bf_index_place *get_place(struct bf_rules *r, const struct key *k)
{
    struct bf_index_place *p = bf_map_get_len(r->places, k->text, k->len);

    if (!p) {
        p = bf_zalloc(sizeof(*p) + k->len + 1);
        memcpy(p->key, k->text, k->len + 1);
        p->born = ++r->born;
        bf_map_set(r->places, p->key, p);
    }
    return p;
}

static bool is_hooked(const struct bf_automation *a) { return a->enabled && a->hooks.filter; }

static void link_entry(struct bf_index_place *p, struct entry *en)
{
    struct entry **first = &p->first[is_hooked(en->automation)];

    en->place = p;
    en->next = *first;
    en->back = first;
    if (en->next)
        en->next->back = &en->next;
    *first = en;
}

static void unlink_entry(struct bf_rules *r, struct entry *en)
{
    *en->back = en->next;
    if (en->next)
        en->next->back = en->back;
    if (!en->place->first[0] && !en->place->first[1]) {
        bf_map_remove(r->places, en->place->key);
        free(en->place);
    }
}

/* ---- filing ---- */

/* A text that events carry; NULL: the place without any. */
struct literal {
    const char *prefix;
    const char *text;
};

/* What an automation's filter says of a field, if it may stand in a key. */
static size_t literals_of(const struct bf_automation *a, const char *field, const char **out)
{
    size_t n = field ? bf_filter_literals(a->filter, field, out, LITERALS_MAX) : 0;

    for (size_t i = 0; i < n; i++) {
        if (strlen(out[i]) > BF_NAME_MAX)
            return 0;
    }
    return n;
}

/* The collections it is for: those of its scope, or of its filter; 0 if it is for any. */
static size_t collections_of(const struct bf_automation *a, const char **out)
{
    size_t n;

    if (!a->project)
        return 0;
    if (a->collection) {
        out[0] = a->collection;
        return 1;
    }
    n = literals_of(a, "collection_name", out);
    for (size_t i = 0; i < n; i++) {
        if (bf_name_problem(out[i], strlen(out[i])))
            return 0;
    }
    return n;
}

/* Whether two ways to write a name in two parts give the same. */
static bool is_same(const struct literal *a, const struct literal *b)
{
    size_t a_len = strlen(a->prefix), b_len = strlen(b->prefix);

    if (a_len < b_len)
        return is_same(b, a);
    return strncmp(a->prefix, b->prefix, b_len) == 0 &&
           strncmp(b->text, a->prefix + b_len, a_len - b_len) == 0 &&
           strcmp(b->text + (a_len - b_len), a->text) == 0;
}

static size_t add_name(struct literal *out, size_t n, struct literal name)
{
    if (strlen(name.prefix) + strlen(name.text) > BF_NAME_MAX)
        return n;               /* no event has such a metric */
    for (size_t i = 1; i < n; i++) {
        if (is_same(&out[i], &name))
            return n;
    }
    out[n] = name;
    return n + 1;
}

/* The metrics it names, each in one place, and the place without. */
static size_t metrics_of(const struct bf_automation *a, struct literal *out)
{
    size_t n = 1;

    out[0] = (struct literal){0};
    for (size_t i = 0; i < a->conditions.n_conditions; i++) {
        const char *metric = a->conditions.conditions[i].metric;

        n = add_name(out, n, (struct literal){"", metric});
        if (strncmp(metric, "system.", 7) != 0)
            n = add_name(out, n, (struct literal){"system.", metric});
    }
    return n;
}

static const char *const state_names[] = {"RUNNING", "FINISHED", "FAILED"};     /* by their bits */

static size_t states_of(const struct bf_automation *a, const char **out)
{
    size_t n = 0;

    for (size_t i = 0; i < BF_COUNT(state_names); i++) {
        if (a->states & 1u << i)
            out[n++] = state_names[i];
    }
    return n;
}

static bool is_state_trigger(const struct bf_trigger *t)
{
    return t->field && strcmp(t->field, "state") == 0;
}

static size_t texts_of(const struct bf_automation *a, struct literal *out)
{
    const char *literals[LITERALS_MAX];
    size_t n = is_state_trigger(a->trigger) ? states_of(a, literals)
                                            : literals_of(a, a->trigger->field, literals);

    for (size_t i = 0; i < n; i++)
        out[i] = (struct literal){"", literals[i]};
    if (n == 0)
        out[n++] = (struct literal){0};
    return n;
}

static const char *wire_of(const struct bf_automation *a)
{
    return bf_is_metric_trigger(a->trigger) ? ON_METRICS : a->trigger->wire;
}

static void make_key(struct key *k, const struct bf_automation *a, const char *collection,
                     const struct literal *literal)
{
    begin_key(k, wire_of(a), a->entity);
    if (a->project)
        add_part(k, a->project);
    if (collection)
        add_part(k, collection);
    if (literal->text)
        add_literal(k, literal->prefix, literal->text);
}

static struct filed *file_enabled(struct bf_rules *r, const struct bf_automation *a)
{
    const char *collections[LITERALS_MAX] = {NULL};
    struct literal literals[NAMES_MAX + 1];
    size_t n_collections = collections_of(a, collections);
    size_t n_literals = bf_is_metric_trigger(a->trigger) ? metrics_of(a, literals)
                                                         : texts_of(a, literals);
    struct filed *f;
    size_t n = 0;

    if (n_collections == 0)
        collections[n_collections++] = NULL;    /* one place without */
    f = bf_zalloc(sizeof(*f) + n_collections * n_literals * sizeof(*f->entries));
    for (size_t i = 0; i < n_collections; i++) {
        for (size_t j = 0; j < n_literals; j++) {
            struct key k;

            make_key(&k, a, collections[i], &literals[j]);
            f->entries[n].automation = a;
            f->entries[n].filed = f;
            link_entry(get_place(r, &k), &f->entries[n++]);
        }
    }
    f->n_entries = n;
    return f;
}

static void forget(struct bf_rules *r, struct filed *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n_entries; i++)
        unlink_entry(r, &f->entries[i]);
    if (is_hooked(f->automation)) {
        r->n_hooked--;
        r->generation++;
    }
    bf_automation_unref(f->automation);
    free(f);
}

struct bf_rules *bf_rules_new(void)
{
    struct bf_rules *r = bf_new(struct bf_rules);

    r->by_id = bf_map_new();
    r->places = bf_map_new();
    r->scratch = bf_arena_new(SCRATCH_MAX);
    r->placed = bf_map_new();
    r->facts = bf_arena_new(FACTS_MAX);
    r->windows = bf_windows_new(WINDOWS_MAX);
    r->timers = bf_timers_new();
    return r;
}

void bf_rules_free(struct bf_rules *r)
{
    const char *id;
    size_t at = 0;
    void *value;

    if (!r)
        return;
    while (bf_map_each(r->by_id, &at, &id, &value))
        forget(r, value);
    bf_timers_free(r->timers);
    for (at = 0; bf_map_each(r->placed, &at, &id, &value);)
        free(value);
    bf_map_free(r->by_id);
    bf_map_free(r->places);
    bf_map_free(r->placed);
    bf_arena_free(r->scratch);
    bf_arena_free(r->facts);
    bf_windows_free(r->windows);
    bf_map_free(r->missed_ids);
    free(r->missed.items);
    free(r->found.items);
    free(r->firings);
    free(r);
}

void bf_rules_put(struct bf_rules *r, const struct bf_automation *a)
{
    bool asked = a->enabled && !bf_is_wait(a->trigger->event);
    struct filed *f = asked ? file_enabled(r, a) : bf_new(struct filed);

    f->automation = bf_automation_ref(a);
    if (is_hooked(a)) {
        r->n_hooked++;
        r->generation++;
    }
    forget(r, bf_map_set(r->by_id, a->id, f));
    bf_timers_put(r->timers, a);
}

void bf_rules_remove(struct bf_rules *r, const char *id)
{
    bf_timers_remove(r->timers, id);
    forget(r, bf_map_remove(r->by_id, id));
}

void bf_rules_bound(struct bf_rules *r, uint64_t effort)
{
    r->max_effort = effort;
    r->effort = 0;
}

void bf_rules_limit_windows(struct bf_rules *r, size_t bytes)
{
    bf_windows_limit(r->windows, bytes);
}

bool bf_rules_gave_up(const struct bf_rules *r) { return r->gave_up; }

size_t bf_rules_count(const struct bf_rules *r) { return bf_map_count(r->by_id); }

void bf_rules_place(struct bf_rules *r, const char *entity, const char *organization)
{
    bool itself = organization && strcmp(entity, organization) == 0;
    const char *was = bf_map_get(r->placed, entity), *is = itself ? NULL : organization;

    if (is && was ? strcmp(is, was) == 0 : is == was)
        return;
    bf_windows_clear(r->windows);       /* others watch its runs from now on */
    r->generation++;
    free(bf_map_set(r->placed, entity, bf_strdup(is)));
}

void bf_rules_remember(struct bf_rules *r, const struct bf_memory *memory) { r->memory = memory; }

void bf_rules_undo(struct bf_rules *r)
{
    bf_windows_undo(r->windows);
    bf_timers_undo(r->timers, false);
}

void bf_rules_undo_part(struct bf_rules *r)
{
    bf_windows_undo(r->windows);
    bf_timers_undo(r->timers, true);
}

void bf_rules_settle(struct bf_rules *r)
{
    bf_windows_settle(r->windows);
    bf_timers_settle(r->timers);
}

/* ---- what waits on the clock ---- */

void bf_rules_begin(struct bf_rules *r, int64_t now_ms)
{
    bf_timers_begin(r->timers, r->memory, now_ms);
}

void bf_rules_saved(struct bf_rules *r, const struct bf_automation *a, int64_t now_ms)
{
    bf_timers_saved(r->timers, a, now_ms);
}

int64_t bf_rules_next(const struct bf_rules *r) { return bf_timers_next(r->timers); }

size_t bf_rules_due(struct bf_rules *r, int64_t now_ms, const struct bf_due **out)
{
    return bf_timers_due(r->timers, now_ms, out);
}

void bf_rules_hold(struct bf_rules *r, const struct bf_due *d) { bf_timers_hold(r->timers, d); }

bool bf_rules_held(struct bf_rules *r, const char *automation, uint64_t run, int64_t now_ms,
                   struct bf_due *out)
{
    return bf_timers_held(r->timers, automation, run, now_ms, out);
}

void bf_rules_let_go(struct bf_rules *r, const char *automation, uint64_t run)
{
    bf_timers_let_go(r->timers, automation, run);
}

void bf_rules_give_up(struct bf_rules *r, const struct bf_due *d)
{
    bf_timers_over(r->timers, d->automation, d->run, d->due_ms);
}

void bf_rules_forget_run(struct bf_rules *r, uint64_t run) { bf_timers_forget_run(r->timers, run); }

uint64_t bf_rules_refused_waits(const struct bf_rules *r) { return bf_timers_refused(r->timers); }

void bf_rules_flush(struct bf_rules *r) { bf_timers_flush(r->timers); }

/* ---- asking ---- */

/* The places of a trigger in the scopes of an event. */
struct asking {
    struct bf_rules *rules;
    const struct bf_envelope *event;
    const char *literal;                /* by which automations are filed besides; or NULL */
    bool only_literal;
    size_t n;
    struct bf_index_place *found[2 * BF_PLACES_MAX];
    struct key key;
};

static void ask_place(struct asking *q)
{
    struct bf_index_place *p = bf_map_get_len(q->rules->places, q->key.text, q->key.len);

    if (p)
        q->found[q->n++] = p;
}

/* The places of one scope; the key is left as it was. */
static void ask_scope(struct asking *q)
{
    size_t len = q->key.len;

    if (!q->only_literal)
        ask_place(q);
    if (!q->literal)
        return;
    add_literal(&q->key, "", q->literal);
    ask_place(q);
    q->key.len = len;
}

/* From the widest scope to the narrowest. */
static void ask_scopes(struct asking *q, const char *wire)
{
    const struct bf_envelope *e = q->event;
    const char *organization = bf_map_get(q->rules->placed, e->entity);

    q->n = 0;
    if (organization) {
        begin_key(&q->key, wire, organization);
        ask_scope(q);
    }
    begin_key(&q->key, wire, e->entity);
    ask_scope(q);
    if (!e->project)
        return;
    add_part(&q->key, e->project);
    ask_scope(q);
    if (!e->collection)
        return;
    add_part(&q->key, e->collection);
    ask_scope(q);
}

/* A crashed run has failed, for whoever waits for that. */
const char *bf_waited_state(const char *state)
{
    return state && strcmp(state, "CRASHED") == 0 ? "FAILED" : state;
}

static const char *literal_of(const struct bf_envelope *e, const char *field)
{
    if (!field)
        return NULL;
    if (strcmp(field, "state") == 0)
        return bf_waited_state(e->run_state);
    return strcmp(field, "alias") == 0 ? e->alias : e->tag;
}

/* `model-registry` is W&B's older one. */
bool bf_is_registry(const char *project)
{
    return project && (strncmp(project, "wandb-registry-", 15) == 0 ||
                       strcmp(project, "model-registry") == 0);
}

bool bf_is_wait(const char *type)
{
    return strcmp(type, "schedule.tick") == 0 || strcmp(type, "clock.advance") == 0;
}

bool bf_is_metric_trigger(const struct bf_trigger *t)
{
    return strcmp(t->event, "run.metric") == 0;
}

/* Those with a filter hook, in a place that was not looked at yet.  Whether conditions on metrics will
 * hold is not known; but they mostly go on as they did. */
static void gather_place(struct bf_judging *j, struct bf_index_place *p)
{
    if (p->gathered == j->rules->gathered)
        return;
    p->gathered = j->rules->gathered;
    for (const struct entry *en = p->first[1]; en; en = en->next) {
        if (en->filed->unasked < UNASKED_MAX)
            bf_gather(j, en->automation);
        else
            j->rules->left_out = true;
    }
}

static void consider_hooked(struct bf_judging *j, const struct entry *en,
                            const struct bf_trigger *trigger)
{
    uint64_t asked = j->rules->asked;

    bf_consider(j, en->automation, trigger);
    if (j->rules->asked != asked)
        en->filed->unasked = 0;
    else if (j->point && en->filed->unasked < UNASKED_MAX)
        en->filed->unasked++;
}

/* `trigger` is NULL where it is each automation's own. */
static void ask_all(struct bf_judging *j, struct bf_index_place *p, const struct bf_trigger *trigger)
{
    if (j->gathers) {
        gather_place(j, p);
        return;
    }
    for (const struct entry *en = p->first[0]; en; en = en->next)
        bf_consider(j, en->automation, trigger ? trigger : en->automation->trigger);
    for (const struct entry *en = p->first[1]; en; en = en->next)
        consider_hooked(j, en, trigger ? trigger : en->automation->trigger);
}

/* `trigger` is NULL where the type itself is one. */
static void ask(struct bf_judging *j, const struct bf_trigger *trigger, const char *wire)
{
    struct asking q;

    q.rules = j->rules;
    q.event = j->event;
    q.literal = trigger ? literal_of(j->event, trigger->field) : NULL;
    q.only_literal = false;
    ask_scopes(&q, wire);
    for (size_t i = 0; i < q.n; i++)
        ask_all(j, q.found[i], trigger);
}

/* The one that the event of a wait names, if that wait is on and over. */
static void ask_waiting(struct bf_judging *j)
{
    const struct bf_json *data = bf_json_get(bf_subject_root(&j->rules->subject), "data");
    const char *id = bf_json_str(j->rules->scratch, bf_json_get(data, "automation"));
    const struct filed *f = id ? bf_map_get(j->rules->by_id, id) : NULL;
    const struct bf_automation *a = f ? f->automation : NULL;
    const char *due;
    int64_t due_ms;

    if (!a || !a->enabled || !bf_trigger_for(a, j->event))
        return;
    due = bf_json_str(j->rules->scratch, bf_json_get(data, a->schedule ? "occurrence" : "due"));
    if (due && bf_time_parse(due, &due_ms) &&
        bf_timers_over(j->rules->timers, a, j->record->run, due_ms))
        bf_consider(j, f->automation, f->automation->trigger);
}

void bf_ask(struct bf_judging *j)
{
    const struct bf_trigger *trigger;
    bool listed = false;
    unsigned at = 0;

    if (j->only) {
        bf_consider(j, j->only, bf_trigger_for(j->only, j->event));
        return;
    }
    if (bf_is_wait(j->event->type)) {
        ask_waiting(j);
        return;
    }
    while ((trigger = bf_trigger_of_event(j->event->type, &at))) {
        listed = true;
        if (!trigger->registry_only || bf_is_registry(j->event->project))
            ask(j, trigger, trigger->wire);
    }
    if (!listed)
        ask(j, NULL, j->event->type);
}

const struct bf_trigger *bf_trigger_for(const struct bf_automation *a, const struct bf_envelope *e)
{
    const struct bf_trigger *trigger;
    bool listed = false;
    unsigned at = 0;

    while ((trigger = bf_trigger_of_event(e->type, &at))) {
        listed = true;
        if (strcmp(trigger->wire, a->trigger->wire) == 0 &&
            (!trigger->registry_only || bf_is_registry(e->project)))
            return trigger;
    }
    return !listed && strcmp(a->trigger->wire, e->type) == 0 ? a->trigger : NULL;
}

bool bf_scope_holds(const struct bf_rules *r, const struct bf_automation *a,
                    const struct bf_envelope *e)
{
    const char *organization = bf_map_get(r->placed, e->entity);

    if (strcmp(a->entity, e->entity) != 0)
        return !a->project && organization && strcmp(a->entity, organization) == 0;
    if (a->project && (!e->project || strcmp(a->project, e->project) != 0))
        return false;
    return !a->collection || (e->collection && strcmp(a->collection, e->collection) == 0);
}

/* ---- metrics ---- */

bool bf_is_watched(struct bf_judging *j)
{
    struct asking q;

    if (j->only)
        return bf_is_metric_trigger(j->only->trigger);
    q.rules = j->rules;
    q.event = j->event;
    q.literal = NULL;
    q.only_literal = false;
    ask_scopes(&q, ON_METRICS);
    return q.n > 0;
}

static bool names(const struct bf_automation *a, const char *metric)
{
    for (size_t i = 0; i < a->conditions.n_conditions; i++) {
        if (bf_condition_names(&a->conditions.conditions[i], metric))
            return true;
    }
    return false;
}

void bf_find_watchers(struct bf_judging *j, const char *metric, struct bf_watchers *out)
{
    struct asking q;

    *out = (struct bf_watchers){.born = UINT64_MAX};
    if (j->only) {
        out->n = names(j->only, metric);
        out->born = bf_watched_since(j->rules, j->only, metric);
        return;
    }
    q.rules = j->rules;
    q.event = j->event;
    q.literal = metric;
    q.only_literal = true;
    ask_scopes(&q, ON_METRICS);
    for (size_t i = 0; i < q.n; i++) {
        out->places[out->n++] = q.found[i];
        out->born = q.found[i]->born < out->born ? q.found[i]->born : out->born;
    }
}

void bf_ask_watchers(struct bf_judging *j, const struct bf_watchers *watchers)
{
    if (j->only) {
        bf_consider(j, j->only, j->only->trigger);
        return;
    }
    for (size_t i = 0; i < watchers->n; i++)
        ask_all(j, watchers->places[i], NULL);
}

uint64_t bf_watched_since(struct bf_rules *r, const struct bf_automation *a, const char *metric)
{
    const struct bf_index_place *p;
    struct key k;

    make_key(&k, a, a->collection, &(struct literal){"", metric});
    p = bf_map_get_len(r->places, k.text, k.len);
    return p ? p->born : UINT64_MAX;
}
