/* document.c - a document, read into a list of what is wanted. */
#include "core/plan/document.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/map.h"
#include "core/event/envelope.h"
#include "core/rules/automation.h"
#include "core/team/team.h"

struct reading {
    struct bf_arena *arena;
    struct bf_wanted *things;
    size_t n;
    struct bf_map *names;       /* "team/acme", "automation/acme/its name" to its thing */
    struct bf_error *err;
};

static const char *const kind_names[] = {"team", "integration", "automation"};

const char *bf_thing_name(enum bf_thing_kind kind) { return kind_names[kind]; }

bool bf_manifest_name_ok(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > BF_MANIFEST_NAME_MAX || name[0] == ' ' || name[len - 1] == ' ')
        return false;
    return name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_. ")] ==
           '\0';
}


/* --- members --------------------------------------------------------------------------------- */

static const struct bf_json *member(const struct bf_json *object, const char *name)
{
    const struct bf_json *value = bf_json_get(object, name);

    return bf_json_is(value, BF_JSON_NULL) ? NULL : value;
}

/* `known` is a list for people: "name, organization". */
static int check_members(struct reading *r, const struct bf_json *object, const char *known)
{
    if (!bf_json_is(object, BF_JSON_OBJECT))
        return bf_error_set(r->err, BF_ECONFIG, "must be an object, not %s",
                            bf_json_type_name(object));
    for (const struct bf_json *k = bf_json_first(object); k; k = bf_json_next(object, k)) {
        const char *key = bf_json_str(r->arena, k), *at = known;
        size_t len = strlen(key);

        while (at && !(strncmp(at, key, len) == 0 && (at[len] == ',' || !at[len])))
            at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL;
        if (!at)
            return bf_error_field(r->err, BF_ECONFIG, key, "there is no member \"%.80s\" here;"
                                  " known: %s", key, known);
    }
    return BF_OK;
}

static int read_text(struct reading *r, const struct bf_json *object, const char *name, bool needed,
                     const char **out)
{
    const struct bf_json *value = member(object, name);

    *out = bf_json_str(r->arena, value);
    if (!value && needed)
        return bf_error_field(r->err, BF_ECONFIG, name, "%s is missing", name);
    if (value && !*out)
        return bf_error_field(r->err, BF_ECONFIG, name, "must be a string, not %s",
                              bf_json_type_name(value));
    return BF_OK;
}

static int read_typed(struct reading *r, const struct bf_json *object, const char *name,
                      enum bf_json_type type, const struct bf_json **out)
{
    *out = member(object, name);
    if (!*out || bf_json_is(*out, type))
        return BF_OK;
    return bf_error_field(r->err, BF_ECONFIG, name, "must be %s, not %s",
                          type == BF_JSON_ARRAY ? "an array" : "an object",
                          bf_json_type_name(*out));
}

static int read_team_name(struct reading *r, const struct bf_json *object, const char *name,
                          const char **out)
{
    int rc = read_text(r, object, name, true, out);

    if (rc || bf_entity_name_ok(*out))
        return rc;
    return bf_error_field(r->err, BF_ECONFIG, name, "a team's name has 1 to %d letters, digits, -,"
                          " _ and ., and not only dots", BF_ENTITY_NAME_MAX);
}


/* --- the kinds ------------------------------------------------------------------------------- */

static int read_team(struct reading *r, const struct bf_json *team, struct bf_wanted *w)
{
    int rc = check_members(r, team, "name, organization");

    if (!rc)
        rc = read_team_name(r, team, "name", &w->name);
    if (!rc)
        rc = read_text(r, team, "organization", false, &w->organization);
    w->entity = w->name;
    if (!rc && w->organization && !bf_organization_name_ok(w->organization))
        rc = bf_error_field(r->err, BF_ECONFIG, "organization", "is not the name of one");
    return rc;
}

static int read_integration(struct reading *r, const struct bf_json *i, struct bf_wanted *w)
{
    int rc = check_members(r, i, "team, name, sink, config, secrets, delivery");

    if (!rc)
        rc = read_team_name(r, i, "team", &w->entity);
    if (!rc)
        rc = read_text(r, i, "name", true, &w->name);
    if (!rc && !bf_integration_name_ok(w->name))
        rc = bf_error_field(r->err, BF_ECONFIG, "name", "an integration's name has 1 to %d letters,"
                            " digits, - and _, with spaces only between them",
                            BF_INTEGRATION_NAME_MAX);
    if (!rc)
        rc = read_text(r, i, "sink", true, &w->sink);
    if (!rc)
        rc = read_typed(r, i, "config", BF_JSON_OBJECT, &w->config);
    if (!rc)
        rc = read_typed(r, i, "secrets", BF_JSON_ARRAY, &w->secrets);
    return rc ? rc : read_typed(r, i, "delivery", BF_JSON_OBJECT, &w->delivery);
}

/* An organization stands for its own entity. */
static int read_scope(struct reading *r, const struct bf_json *scope, struct bf_wanted *w)
{
    char own[BF_ENTITY_NAME_MAX + 1];
    const char *organization;
    int rc = scope ? read_text(r, scope, "organization", false, &organization)
                   : bf_error_set(r->err, BF_ECONFIG, "scope is missing: {\"entity\":\"acme\"}, for"
                                  " instance");

    if (!rc && organization) {
        bf_organization_entity(own, organization);
        w->entity = bf_arena_dup(r->arena, own);
        if (!*own)
            rc = bf_error_field(r->err, BF_ECONFIG, "organization", "is not the name of one");
    } else if (!rc) {
        rc = read_text(r, scope, "entity", true, &w->entity);
    }
    if (rc)
        bf_error_within(r->err, "scope");
    return rc;
}

static int read_automation(struct reading *r, const struct bf_json *a, struct bf_wanted *w)
{
    const struct bf_json *scope = NULL;
    int rc = bf_json_is(a, BF_JSON_OBJECT)
                 ? read_text(r, a, "name", true, &w->name)
                 : bf_error_set(r->err, BF_ECONFIG, "must be an object, not %s",
                                bf_json_type_name(a));

    if (!rc)
        rc = read_typed(r, a, "scope", BF_JSON_OBJECT, &scope);
    w->spec = a;
    return rc ? rc : read_scope(r, scope, w);
}


/* --- lists ----------------------------------------------------------------------------------- */

/* Of two with one name nobody could tell which is meant. */
static int note_name(struct reading *r, const struct bf_wanted *w)
{
    const char *key = bf_arena_printf(r->arena, "%s/%s/%s", kind_names[w->kind], w->entity, w->name);
    const struct bf_wanted *first = bf_map_get(r->names, key);

    if (first)
        return bf_error_field(r->err, BF_ECONFIG, "name", "%s%s%s has the name of %ss[%u], \"%s\""
                              " again; give it another one", kind_names[w->kind],
                              w->kind == BF_THING_TEAM ? "" : " of ",
                              w->kind == BF_THING_TEAM ? "" : w->entity, kind_names[w->kind],
                              first->index, w->name);
    bf_map_set(r->names, key, (void *)(uintptr_t)w);
    return BF_OK;
}

static int read_list(struct reading *r, const struct bf_json *list, enum bf_thing_kind kind)
{
    static int (*const read[])(struct reading *, const struct bf_json *, struct bf_wanted *) = {
        read_team, read_integration, read_automation};
    unsigned index = 0;
    char field[32];
    int rc;

    for (const struct bf_json *i = bf_json_first(list); i; i = bf_json_next(list, i), index++) {
        struct bf_wanted *w = &r->things[r->n++];

        *w = (struct bf_wanted){.kind = kind, .index = index};
        rc = read[kind](r, i, w);
        if (!rc)
            rc = note_name(r, w);
        if (rc) {
            snprintf(field, sizeof(field), "%ss[%u]", kind_names[kind], index);
            bf_error_within(r->err, field);
            return rc;
        }
    }
    return BF_OK;
}

static int read_manifest(struct reading *r, const struct bf_json *json, const char **out)
{
    int rc = read_text(r, json, "manifest", true, out);

    if (rc || bf_manifest_name_ok(*out))
        return rc;
    return bf_error_field(r->err, BF_ECONFIG, "manifest", "a manifest's name has 1 to %d letters,"
                          " digits, -, _ and ., with spaces only between them",
                          BF_MANIFEST_NAME_MAX);
}

static int read_things(struct reading *r, const struct bf_json *json, struct bf_document *out)
{
    static const char *const lists[] = {"teams", "integrations", "automations"};
    const struct bf_json *list[3];
    size_t n = 0;
    int rc = check_members(r, json, "manifest, teams, integrations, automations");

    if (!rc)
        rc = read_manifest(r, json, &out->manifest);
    for (size_t i = 0; !rc && i < BF_COUNT(lists); i++) {
        rc = read_typed(r, json, lists[i], BF_JSON_ARRAY, &list[i]);
        n += rc ? 0 : bf_json_count(list[i]);
    }
    if (!rc && n > BF_DOCUMENT_THINGS)
        rc = bf_error_set(r->err, BF_ETOOBIG, "the document describes %zu things, and may %d; make"
                          " several of it", n, BF_DOCUMENT_THINGS);
    if (rc)
        return rc;
    r->things = bf_arena_alloc(r->arena, (n + 1) * sizeof(*r->things));
    if (!r->things)
        return bf_error_set(r->err, BF_ETOOBIG, "the document is too large");
    for (size_t i = 0; !rc && i < BF_COUNT(lists); i++)
        rc = read_list(r, list[i], (enum bf_thing_kind)i);
    return rc;
}

int bf_document_read(struct bf_arena *a, const struct bf_json *json, struct bf_document *out,
                     struct bf_error *err)
{
    struct bf_error ignored;
    struct reading r = {.arena = a, .names = bf_map_new(), .err = err ? err : &ignored};
    int rc = read_things(&r, json, out);

    bf_map_free(r.names);
    out->things = r.things;
    out->n = r.n;
    if (!rc && !bf_arena_ok(a))
        rc = bf_error_set(err, BF_ETOOBIG, "the document is too large");
    return rc;
}
