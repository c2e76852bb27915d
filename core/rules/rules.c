/* rules.c - the index of automations.
 *
 * CONCEPT.  A place is a trigger, a scope and perhaps a literal, written as one text and found by
 * hash.  An automation is filed once per literal of its filter ("alias is one of a, b": two
 * places), or once without.  A project's automation whose filter names its collections is filed
 * under these collections.
 *
 * OPERATION.  An event asks, for each trigger it may be, at its organization, entity, project and
 * collection, without its literal and with it: eight look-ups per trigger, and one for the
 * organization.  A type that no trigger of W&B's names is a trigger by itself.  What it finds there has only its filter left to pass.  The places of a list hang
 * together both ways, so taking an automation out does not look at the others that are filed there.
 *
 * SAFETY.  One automation stands in each place at most once, and one event asks for only one of
 * the places of an automation: those of two scopes differ, as no entity is placed in itself.  So
 * nothing fires twice. */
#include "core/rules/rules.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/map.h"

#define LITERALS_MAX 8          /* of one filter and field; with more the filter alone decides */
#define KEY_MAX      (BF_NAME_MAX * 5)      /* four names, the trigger's, and what parts them */
#define SCRATCH_MAX  (64 * 1024 * 1024)     /* an event of BF_EVENT_MAX, indexed and decoded */

/* Where automations are filed; it goes when the last one does. */
struct place {
    struct entry *first;
    char key[];
};

/* One automation in one place. */
struct entry {
    const struct bf_automation *automation;
    struct place *place;
    struct entry *next;
    struct entry **back;        /* what points at this entry */
};

/* Everything about one automation. */
struct filed {
    const struct bf_automation *automation;
    size_t n_entries;           /* 0 if it is disabled */
    struct entry entries[];
};

struct bf_rules {
    struct bf_map *by_id;       /* struct filed */
    struct bf_map *places;      /* struct place */
    struct bf_map *placed;      /* entity -> own entity of its organization, a text */
    struct bf_arena *scratch;   /* for the JSON of the event at hand */
    struct bf_subject subject;  /* that event */
    struct bf_firing *firings;  /* of the last event */
    size_t n_firings;
    size_t cap_firings;
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

static void add_literal(struct key *k, const char *literal)
{
    add_bytes(k, "\x1e", 1);
    add_bytes(k, literal, strlen(literal));
}

static struct place *get_place(struct bf_rules *r, const struct key *k)
{
    struct place *p = bf_map_get_len(r->places, k->text, k->len);

    if (!p) {
        p = bf_zalloc(sizeof(*p) + k->len + 1);
        memcpy(p->key, k->text, k->len + 1);
        bf_map_set(r->places, p->key, p);
    }
    return p;
}

static void link_entry(struct place *p, struct entry *en)
{
    en->place = p;
    en->next = p->first;
    en->back = &p->first;
    if (en->next)
        en->next->back = &en->next;
    p->first = en;
}

static void unlink_entry(struct bf_rules *r, struct entry *en)
{
    *en->back = en->next;
    if (en->next)
        en->next->back = en->back;
    if (!en->place->first) {
        bf_map_remove(r->places, en->place->key);
        free(en->place);
    }
}

/* ---- filing ---- */

/* What a metric or a state is filed under is not said by the filter. */
static bool is_measured(const struct bf_trigger *t) { return t->field && bf_trigger_of_run(t); }

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

static void make_key(struct key *k, const struct bf_automation *a, const char *collection,
                     const char *literal)
{
    begin_key(k, a->trigger->wire, a->entity);
    if (a->project)
        add_part(k, a->project);
    if (collection)
        add_part(k, collection);
    if (literal)
        add_literal(k, literal);
}

static struct filed *file_enabled(struct bf_rules *r, const struct bf_automation *a)
{
    const char *collections[LITERALS_MAX] = {NULL}, *literals[LITERALS_MAX] = {NULL};
    size_t n_collections = collections_of(a, collections);
    size_t n_literals = is_measured(a->trigger) ? 0 : literals_of(a, a->trigger->field, literals);
    struct filed *f;
    size_t n = 0;

    if (n_collections == 0)
        collections[n_collections++] = NULL;    /* one place without */
    if (n_literals == 0)
        literals[n_literals++] = NULL;
    f = bf_zalloc(sizeof(*f) + n_collections * n_literals * sizeof(*f->entries));
    for (size_t i = 0; i < n_collections; i++) {
        for (size_t j = 0; j < n_literals; j++) {
            struct key k;

            make_key(&k, a, collections[i], literals[j]);
            f->entries[n].automation = a;
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
    for (at = 0; bf_map_each(r->placed, &at, &id, &value);)
        free(value);
    bf_map_free(r->by_id);
    bf_map_free(r->places);
    bf_map_free(r->placed);
    bf_arena_free(r->scratch);
    free(r->firings);
    free(r);
}

void bf_rules_put(struct bf_rules *r, const struct bf_automation *a)
{
    struct filed *f = a->enabled ? file_enabled(r, a) : bf_new(struct filed);

    f->automation = bf_automation_ref(a);
    forget(r, bf_map_set(r->by_id, a->id, f));
}

void bf_rules_remove(struct bf_rules *r, const char *id) { forget(r, bf_map_remove(r->by_id, id)); }

size_t bf_rules_count(const struct bf_rules *r) { return bf_map_count(r->by_id); }

void bf_rules_place(struct bf_rules *r, const char *entity, const char *organization)
{
    bool itself = organization && strcmp(entity, organization) == 0;

    free(bf_map_set(r->placed, entity, itself ? NULL : bf_strdup(organization)));
}

/* ---- firing ---- */

static void add_firing(struct bf_rules *r, const struct bf_automation *a,
                       const struct bf_trigger *trigger)
{
    if (r->n_firings == r->cap_firings) {
        r->cap_firings = r->cap_firings ? 2 * r->cap_firings : 16;
        r->firings = bf_zrealloc(r->firings, r->cap_firings * sizeof(*r->firings));
    }
    r->firings[r->n_firings++] = (struct bf_firing){.automation = a, .trigger = trigger};
}

/* One event and one of the triggers it may be. */
struct asking {
    struct bf_rules *rules;
    const struct bf_trigger *trigger;   /* NULL: the type itself is one, each automation's own */
    const char *literal;                /* by which automations are filed besides; or NULL */
    struct key key;
};

static void ask_place(struct asking *q)
{
    const struct place *p = bf_map_get_len(q->rules->places, q->key.text, q->key.len);

    for (const struct entry *en = p ? p->first : NULL; en; en = en->next) {
        const struct bf_automation *a = en->automation;

        if (!is_measured(a->trigger) && bf_filter_match(a->filter, &q->rules->subject))
            add_firing(q->rules, a, q->trigger ? q->trigger : a->trigger);
    }
}

/* The places of one scope; the key is left as it was. */
static void ask_scope(struct asking *q)
{
    size_t len = q->key.len;

    ask_place(q);
    if (!q->literal)
        return;
    add_literal(&q->key, q->literal);
    ask_place(q);
    q->key.len = len;
}

/* From the widest scope to the narrowest. */
static void ask_scopes(struct asking *q, const char *wire, const char *organization)
{
    const struct bf_envelope *e = q->rules->subject.event;

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

static const char *literal_of(const struct bf_envelope *e, const char *field)
{
    if (field && strcmp(field, "alias") == 0)
        return e->alias;
    return field && strcmp(field, "tag") == 0 ? e->tag : NULL;
}

/* `model-registry` is W&B's older one. */
bool bf_is_registry(const char *project)
{
    return project && (strncmp(project, "wandb-registry-", 15) == 0 ||
                       strcmp(project, "model-registry") == 0);
}

static int by_id(const void *left, const void *right)
{
    const struct bf_firing *a = left, *b = right;

    return strcmp(a->automation->id, b->automation->id);
}

/* `trigger` is NULL where the type itself is one. */
static void ask(struct bf_rules *r, const struct bf_trigger *trigger, const char *wire,
                const char *organization)
{
    struct asking q;

    q.rules = r;
    q.trigger = trigger;
    q.literal = trigger ? literal_of(r->subject.event, trigger->field) : NULL;
    ask_scopes(&q, wire, organization);
}

static void ask_all(struct bf_rules *r, const struct bf_envelope *e)
{
    const char *organization = bf_map_get(r->placed, e->entity);
    const struct bf_trigger *trigger;
    bool listed = false;
    unsigned at = 0;

    while ((trigger = bf_trigger_of_event(e->type, &at))) {
        listed = true;
        if (!trigger->registry_only || bf_is_registry(e->project))
            ask(r, trigger, trigger->wire, organization);
    }
    if (!listed)
        ask(r, NULL, e->type, organization);
}

size_t bf_rules_judge(struct bf_rules *r, const struct bf_record *record,
                      const struct bf_firing **out)
{
    const struct bf_envelope *e = record->event;

    r->n_firings = 0;
    r->subject = (struct bf_subject){.event = e, .arena = r->scratch};
    ask_all(r, e);
    if (r->subject.root || r->subject.unreadable)
        bf_arena_reset(r->scratch);
    if (r->n_firings > 1)
        qsort(r->firings, r->n_firings, sizeof(*r->firings), by_id);
    *out = r->firings;
    return r->n_firings;
}
