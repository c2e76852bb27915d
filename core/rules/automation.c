/* automation.c - from the JSON of an automation to what the rules work with.
 *
 * First everything is checked and decoded into scratch memory, then measured and copied into one
 * allocation: the struct, its trigger if that is in no table, its actions, its conditions, what it
 * waits for, its hooks, its filter, its texts, and the JSON it came from, into which the actions'
 * options point.  Only the filter's compiled patterns and a schedule's zone lie elsewhere; they go with the
 * last reference. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/event/envelope.h"
#include "core/rules/automation_int.h"
#include "core/team/team.h"

#define SCRATCH_MAX (64 * 1024 * 1024)  /* the index of BF_SPEC_MAX bytes, and what it holds */

/* ---- reading members ---- */

int bf_draft_members(struct draft *d, const struct bf_json *object, const char *members,
                     struct bf_error *err)
{
    if (!bf_json_is(object, BF_JSON_OBJECT))
        return bf_error_set(err, BF_ECONFIG, "must be an object, not %s",
                            bf_json_type_name(object));
    for (const struct bf_json *k = bf_json_first(object); k; k = bf_json_next(object, k)) {
        const char *key = bf_json_str(d->scratch, k), *at = members;
        size_t len = strlen(key);

        while (at && !(strncmp(at, key, len) == 0 && (at[len] == ',' || !at[len])))
            at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL;
        if (!at)
            return bf_error_field(err, BF_ECONFIG, key, "unknown member \"%.80s\"; known are %s",
                                  key, members);
    }
    return BF_OK;
}

const struct bf_json *bf_draft_member(const struct bf_json *object, const char *name)
{
    const struct bf_json *value = bf_json_get(object, name);

    return bf_json_is(value, BF_JSON_NULL) ? NULL : value;
}

static size_t characters(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

int bf_draft_text(struct draft *d, const struct bf_json *object, const char *name, size_t min,
                  size_t max, const char **out, struct bf_error *err)
{
    const struct bf_json *value = bf_draft_member(object, name);
    const char *text = bf_json_str(d->scratch, value);

    if (!value && min == 0)
        return BF_OK;
    if (!value)
        return bf_error_field(err, BF_ECONFIG, name, "\"%s\" is missing", name);
    if (!text)
        return bf_error_field(err, BF_ECONFIG, name, "must be a string, not %s",
                              bf_json_type_name(value));
    if (characters(text) < min)
        return bf_error_field(err, BF_ECONFIG, name, "is empty");
    if (characters(text) > max)
        return bf_error_field(err, BF_ECONFIG, name,
                              "is %zu characters long, at most %zu are allowed", characters(text),
                              max);
    *out = text;
    return BF_OK;
}

/* The automation's own name: any text on one line, for it stands in logs, lists and messages. */
static int read_title(struct draft *d, struct bf_error *err)
{
    int rc = bf_draft_text(d, d->root, "name", 1, BF_AUTOMATION_NAME_MAX, &d->name, err);

    for (const char *c = rc ? "" : d->name; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return bf_error_field(err, BF_ECONFIG, "name", "holds a control character");
    }
    return rc;
}

/* True or false; *out stays as it is where there is neither. */
static int read_switch(struct draft *d, const char *name, bool *out, struct bf_error *err)
{
    const struct bf_json *value = bf_draft_member(d->root, name);

    if (value && !bf_json_is(value, BF_JSON_TRUE) && !bf_json_is(value, BF_JSON_FALSE))
        return bf_error_field(err, BF_ECONFIG, name, "must be true or false, not %s",
                              bf_json_type_name(value));
    if (value)
        *out = bf_json_is(value, BF_JSON_TRUE);
    return BF_OK;
}

/* The name of an entity, project or collection. */
static int read_name(struct draft *d, const struct bf_json *scope, const char *name, bool needed,
                     const char **out, struct bf_error *err)
{
    const char *problem = NULL;
    int rc = bf_draft_text(d, scope, name, needed, BF_NAME_MAX, out, err);

    if (rc == BF_OK && *out)
        problem = bf_name_problem(*out, strlen(*out));
    return problem ? bf_error_field(err, BF_ECONFIG, name, "%s", problem) : rc;
}

/* Everything in an organization: it stands for its own entity. */
static int read_organization(struct draft *d, const struct bf_json *scope, struct bf_error *err)
{
    const char *name = NULL;
    char own[BF_ENTITY_NAME_MAX + 1];
    int rc = bf_draft_text(d, scope, "organization", 1, BF_NAME_MAX, &name, err);

    if (rc)
        return rc;
    if (bf_draft_member(scope, "entity") || bf_draft_member(scope, "project") ||
        bf_draft_member(scope, "collection"))
        return bf_error_field(err, BF_ECONFIG, "organization", "is everything in it: leave"
                              " \"organization\" out to name an entity, project or collection");
    if (!bf_organization_name_ok(name))
        return bf_error_field(err, BF_ECONFIG, "organization", "is not the name of one");
    bf_organization_entity(own, name);
    d->entity = bf_arena_dup(d->scratch, own);
    return BF_OK;
}

static int read_scope(struct draft *d, const struct bf_json *scope, struct bf_error *err)
{
    int rc = bf_draft_members(d, scope, "organization, entity, project, collection", err);

    if (rc == BF_OK && bf_draft_member(scope, "organization"))
        return read_organization(d, scope, err);
    if (rc == BF_OK)
        rc = read_name(d, scope, "entity", true, &d->entity, err);
    if (rc == BF_OK)
        rc = read_name(d, scope, "project", false, &d->project, err);
    if (rc == BF_OK)
        rc = read_name(d, scope, "collection", false, &d->collection, err);
    if (rc == BF_OK && d->collection && !d->project)
        rc = bf_error_field(err, BF_ECONFIG, "project", "a collection needs its \"project\"");
    return rc;
}

/* A run is in a project and in no collection. */
static int check_scope(struct draft *d, struct bf_error *err)
{
    bool of_run = d->absence.of ? bf_is_of_run(d->absence.of) : bf_trigger_of_run(d->trigger);

    if (!d->collection || !of_run)
        return BF_OK;
    return bf_error_field(err, BF_ECONFIG, "scope.collection", "a run is in no collection, so %s"
                          " would never fire here: leave it out", d->trigger->wire);
}

static int read_limits(struct draft *d, struct bf_error *err)
{
    int rc = bf_limits_parse(d->scratch, bf_draft_member(d->root, "limits"), d->trigger->wire, &d->limits,
                             err);

    if (rc)
        bf_error_within(err, "limits");
    return rc;
}

static int read_hooks(struct draft *d, struct bf_error *err)
{
    int rc = bf_hooks_parse(d->scratch, bf_draft_member(d->root, "hooks"), &d->hooks, err);

    if (rc)
        bf_error_within(err, "hooks");
    return rc;
}

/* ---- actions ---- */

static int read_action(struct draft *d, const struct bf_json *action, struct bf_error *err)
{
    uint32_t i = d->n_actions;
    int rc = bf_draft_members(d, action, "integration, config, secrets", err);

    if (rc == BF_OK)
        rc = bf_draft_text(d, action, "integration", 1, BF_NAME_MAX, &d->actions[i].integration, err);
    if (rc)
        return rc;
    d->actions[i].config = bf_draft_member(action, "config");
    if (d->actions[i].config && !bf_json_is(d->actions[i].config, BF_JSON_OBJECT))
        return bf_error_field(err, BF_ECONFIG, "config", "must be an object, not %s",
                              bf_json_type_name(d->actions[i].config));
    rc = bf_secret_names_read(d->scratch, bf_draft_member(action, "secrets"),
                              &d->actions[i].secrets, err);
    if (rc) {
        bf_error_within(err, "secrets");
        return rc;
    }
    d->n_actions++;
    return BF_OK;
}

static int read_actions(struct draft *d, const struct bf_json *actions, struct bf_error *err)
{
    size_t n = bf_json_count(actions);

    if (!bf_json_is(actions, BF_JSON_ARRAY))
        return bf_error_set(err, BF_ECONFIG, "must be an array of actions, not %s",
                            bf_json_type_name(actions));
    if (n == 0 || n > BF_ACTIONS_MAX)
        return bf_error_set(err, BF_ECONFIG, "there are %zu actions; an automation has 1 to %d", n,
                            BF_ACTIONS_MAX);
    for (const struct bf_json *a = bf_json_first(actions); a; a = bf_json_next(actions, a)) {
        int rc = read_action(d, a, err);

        if (rc) {
            char index[24];

            snprintf(index, sizeof(index), "[%u]", d->n_actions);
            bf_error_within(err, index);
            return rc;
        }
    }
    return BF_OK;
}

/* A member that must be there and is read by a function of its own. */
static int read_part(struct draft *d, const char *name,
                     int (*read)(struct draft *, const struct bf_json *, struct bf_error *),
                     struct bf_error *err)
{
    const struct bf_json *value = bf_draft_member(d->root, name);
    int rc = value ? read(d, value, err)
                   : bf_error_set(err, BF_ECONFIG, "\"%s\" is missing", name);

    if (rc)
        bf_error_within(err, name);
    return rc;
}

static int read_all(struct draft *d, struct bf_error *err)
{
    int rc = bf_draft_members(d, d->root, "name, description, enabled, scope, event, limits, hooks,"
                                       " dry_run, actions", err);

    if (rc == BF_OK)
        rc = read_title(d, err);
    if (rc == BF_OK)
        rc = bf_draft_text(d, d->root, "description", 0, BF_DESCRIPTION_MAX, &d->description, err);
    if (rc == BF_OK)
        rc = read_switch(d, "enabled", &d->enabled, err);
    if (rc == BF_OK)
        rc = read_switch(d, "dry_run", &d->dry_run, err);
    if (rc == BF_OK)
        rc = read_part(d, "scope", read_scope, err);
    if (rc == BF_OK)
        rc = read_part(d, "event", bf_draft_event, err);
    if (rc == BF_OK)
        rc = check_scope(d, err);
    if (rc == BF_OK)
        rc = read_limits(d, err);
    if (rc == BF_OK)
        rc = read_hooks(d, err);
    if (rc == BF_OK)
        rc = read_part(d, "actions", read_actions, err);
    if (rc == BF_OK && !bf_arena_ok(d->scratch))
        rc = bf_error_set(err, BF_ENOMEM, "no memory for an automation");
    return rc;
}

/* ---- one piece of memory ---- */

static size_t text_size(const char *text) { return text ? strlen(text) + 1 : 0; }

static const char *put(char **at, const char *text)
{
    size_t size = text_size(text);
    char *copy = *at;

    if (!text)
        return NULL;
    *at += size;
    return memcpy(copy, text, size);
}

/* What is no text begins where pointers and doubles may. */
static size_t aligned(size_t size) { return (size + 7) & ~(size_t)7; }

static void *put_aligned(char **at, const void *from, size_t size)
{
    void *copy = *at;

    *at += aligned(size);
    return size ? memcpy(copy, from, size) : NULL;
}

static bool is_own(const struct draft *d) { return d->trigger == &d->own; }

static size_t conditions_size(const struct bf_conditions *c)
{
    return aligned(c->n_conditions * sizeof(*c->conditions)) +
           aligned(c->n_nodes * sizeof(*c->nodes));
}

/* What a SCHEDULE or an ABSENCE is about. */
static size_t waits_size(const struct draft *d)
{
    const struct bf_schedule *s = &d->schedule;
    const struct bf_absence *n = &d->absence;

    return (s->cron ? aligned(sizeof(*s)) : 0) + (n->of ? aligned(sizeof(*n)) : 0) +
           text_size(s->cron) + text_size(s->zone_name) + text_size(n->of) + text_size(n->metric);
}

/* The hook itself; its text comes later, as all texts do. */
static size_t hook_size(const struct bf_hook *h) { return h ? aligned(sizeof(*h)) : 0; }

static size_t hook_text_size(const struct bf_hook *h)
{
    return h ? text_size(h->file) + text_size(h->code) : 0;
}

static size_t hooks_size(const struct bf_hooks *h)
{
    return hook_size(h->filter) + hook_size(h->transform) + hook_text_size(h->filter) +
           hook_text_size(h->transform);
}

static size_t total_size(const struct draft *d, const char *owner, size_t spec_len)
{
    size_t size = sizeof(struct bf_automation) + d->n_actions * sizeof(struct bf_action) +
                  conditions_size(&d->conditions) + waits_size(d) + hooks_size(&d->hooks) +
                  aligned(bf_filter_size(d->filter)) +
                  text_size(owner) + text_size(d->name) + text_size(d->description) +
                  text_size(d->entity) + text_size(d->project) + text_size(d->collection) +
                  spec_len + 1;

    if (is_own(d))
        size += sizeof(struct bf_trigger) + text_size(d->own.wire);
    for (uint32_t i = 0; i < d->n_actions; i++)
        size += text_size(d->actions[i].integration) + text_size(d->actions[i].secrets);
    for (uint32_t i = 0; i < d->conditions.n_conditions; i++)
        size += text_size(d->conditions.conditions[i].metric);
    return size;
}

/* The schedule's zone is the automation's from here on. */
static struct bf_schedule *put_schedule(const struct draft *d, char **at)
{
    return d->schedule.cron ? put_aligned(at, &d->schedule, sizeof(d->schedule)) : NULL;
}

static struct bf_absence *put_absence(const struct draft *d, char **at)
{
    return d->absence.of ? put_aligned(at, &d->absence, sizeof(d->absence)) : NULL;
}

static void put_wait_texts(struct bf_schedule *s, struct bf_absence *n, char **at)
{
    if (s) {
        s->cron = put(at, s->cron);
        s->zone_name = put(at, s->zone_name);
    }
    if (n) {
        n->of = put(at, n->of);
        n->metric = put(at, n->metric);
    }
}

static struct bf_hook *put_hook(const struct bf_hook *h, char **at)
{
    return h ? put_aligned(at, h, sizeof(*h)) : NULL;
}

static void put_hook_texts(struct bf_hook *h, char **at)
{
    if (h) {
        h->file = put(at, h->file);
        h->code = put(at, h->code);
    }
}

static struct bf_condition *put_conditions(struct bf_conditions *out, const struct bf_conditions *c,
                                           char **at)
{
    struct bf_condition *conditions =
        put_aligned(at, c->conditions, c->n_conditions * sizeof(*c->conditions));

    *out = *c;
    out->conditions = conditions;
    out->nodes = put_aligned(at, c->nodes, c->n_nodes * sizeof(*c->nodes));
    return conditions;
}

static void put_actions(struct bf_action *out, const struct draft *d, const char *spec,
                        const char *copy, char **at)
{
    for (uint32_t i = 0; i < d->n_actions; i++) {
        const struct bf_json *config = d->actions[i].config;
        const char *raw;

        out[i].integration = put(at, d->actions[i].integration);
        out[i].secrets = put(at, d->actions[i].secrets);
        out[i].config = "{}";
        out[i].config_len = 2;
        if (config) {
            raw = bf_json_raw(config, &out[i].config_len);
            out[i].config = copy + (raw - spec);
        }
    }
}

/* A trigger that is in no table. */
static const struct bf_trigger *put_trigger(struct bf_trigger *own, const struct draft *d,
                                            char **at)
{
    const char *type = put(at, d->own.wire);

    *own = (struct bf_trigger){.wire = type, .event = type, .rendered = type};
    return own;
}

/* The draft's filter and zone have moved into the automation then. */
static struct bf_automation *build(const struct draft *d, const char *owner)
{
    size_t spec_len;
    const char *spec = bf_json_raw(d->root, &spec_len);
    struct bf_automation *a = calloc(1, total_size(d, owner, spec_len));
    struct bf_trigger *own = (struct bf_trigger *)(a + 1);
    struct bf_condition *conditions;
    struct bf_schedule *schedule;
    struct bf_absence *absence;
    struct bf_action *actions;
    struct bf_hook *filter, *transform;
    char *at;

    if (!a)
        return NULL;
    atomic_init(&a->refs, 1);
    a->enabled = d->enabled;
    a->n_actions = d->n_actions;
    a->actions = actions = (struct bf_action *)(own + is_own(d));
    at = (char *)(actions + d->n_actions);
    conditions = put_conditions(&a->conditions, &d->conditions, &at);
    a->schedule = schedule = put_schedule(d, &at);
    a->absence = absence = put_absence(d, &at);
    a->hooks.filter = filter = put_hook(d->hooks.filter, &at);
    a->hooks.transform = transform = put_hook(d->hooks.transform, &at);
    a->filter = put_aligned(&at, d->filter, bf_filter_size(d->filter));
    put_wait_texts(schedule, absence, &at);
    put_hook_texts(filter, &at);
    put_hook_texts(transform, &at);
    for (uint32_t i = 0; i < d->conditions.n_conditions; i++)
        conditions[i].metric = put(&at, conditions[i].metric);
    a->states = d->states;
    a->only_crashed = d->said_crashed && !d->said_failed;
    a->limits = d->limits;
    a->dry_run = d->dry_run;
    a->trigger = is_own(d) ? put_trigger(own, d, &at) : d->trigger;
    a->owner = put(&at, owner);
    a->name = put(&at, d->name);
    a->description = put(&at, d->description);
    a->entity = put(&at, d->entity);
    a->project = put(&at, d->project);
    a->collection = put(&at, d->collection);
    a->spec_len = spec_len;
    a->spec = memcpy(at, spec, spec_len);
    at += spec_len + 1;
    put_actions(actions, d, spec, a->spec, &at);
    return a;
}

static int not_json(struct bf_error *err)
{
    return bf_error_set(err, BF_ECONFIG, "this is not JSON: %s", err ? err->words : "");
}

int bf_automation_parse(const char *spec, size_t len, const char *id, uint64_t revision,
                        const char *owner, struct bf_automation **out, struct bf_error *err)
{
    struct draft d = {.description = "", .enabled = true};
    struct bf_automation *a = NULL;
    int rc;

    if (len > BF_SPEC_MAX)
        return bf_error_set(err, BF_ETOOBIG, "the automation is %zu bytes long, at most %d are "
                                             "allowed",
                            len, BF_SPEC_MAX);
    d.scratch = bf_arena_new(SCRATCH_MAX);
    d.root = bf_json_parse(d.scratch, spec, len, err);
    rc = d.root ? read_all(&d, err) : not_json(err);
    if (rc == BF_OK) {
        a = build(&d, owner ? owner : d.entity);
        if (!a)
            rc = bf_error_set(err, BF_ENOMEM, "no memory for an automation of %zu bytes", len);
    }
    if (rc) {
        bf_filter_release(d.filter);
        bf_schedule_release(&d.schedule);
    }
    bf_arena_free(d.scratch);
    if (rc)
        return rc;
    snprintf(a->id, sizeof(a->id), "%s", id);
    a->revision = revision;
    *out = a;
    return BF_OK;
}

/* The count is the one thing about an automation that changes. */
struct bf_automation *bf_automation_ref(const struct bf_automation *a)
{
    struct bf_automation *mine = (struct bf_automation *)(uintptr_t)a;

    atomic_fetch_add_explicit(&mine->refs, 1, memory_order_relaxed);
    return mine;
}

void bf_automation_unref(const struct bf_automation *a)
{
    struct bf_automation *mine = (struct bf_automation *)(uintptr_t)a;

    if (!mine || atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) != 1)
        return;
    bf_filter_release(mine->filter);
    bf_schedule_release(mine->schedule);
    free(mine);
}

/* ---- whether two mean the same ---- */

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_schedule(const struct bf_schedule *a, const struct bf_schedule *b)
{
    if (!a || !b)
        return a == b;
    return a->minutes == b->minutes && a->hours == b->hours && a->days == b->days &&
           a->months == b->months && a->weekdays == b->weekdays && a->any_day == b->any_day &&
           a->any_weekday == b->any_weekday && same_text(a->zone_name, b->zone_name);
}

static bool same_absence(const struct bf_absence *a, const struct bf_absence *b)
{
    if (!a || !b)
        return a == b;
    return same_text(a->of, b->of) && same_text(a->metric, b->metric) && a->for_ms == b->for_ms &&
           a->per_run == b->per_run;
}

bool bf_automation_same_event(const struct bf_automation *a, const struct bf_automation *b)
{
    return strcmp(a->trigger->wire, b->trigger->wire) == 0 && a->states == b->states &&
           bf_conditions_same(&a->conditions, &b->conditions) &&
           same_schedule(a->schedule, b->schedule) && same_absence(a->absence, b->absence) &&
           bf_filter_same(a->filter, b->filter);
}

bool bf_automation_same_matter(const struct bf_automation *a, const struct bf_automation *b)
{
    return same_text(a->entity, b->entity) && same_text(a->project, b->project) &&
           same_text(a->collection, b->collection) && bf_automation_same_event(a, b) &&
           a->dry_run == b->dry_run && bf_limits_same(&a->limits, &b->limits) &&
           bf_hook_same(a->hooks.filter, b->hooks.filter);
}
