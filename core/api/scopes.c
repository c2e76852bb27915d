/* scopes.c - how far an automation may reach, and who may have it there.
 *
 * A scope is an entity, and perhaps one of its projects and a collection.  The own entity of an
 * organization, without a project, is everything in the organization.  Registries belong there
 * too, but people think of them as their team's: a team that is named with a registry stands for
 * its organization, and the automation is saved and shown with the entity that was found. */
#include "core/api/api_int.h"

#include <string.h>

/* The spec with another scope.entity; everything else stays byte for byte.  NULL without memory. */
static const char *put_entity(struct bf_arena *a, const char *spec, size_t *len, const char *entity)
{
    const struct bf_json *root = bf_json_parse(a, spec, *len, NULL);
    const struct bf_json *old = bf_json_at(root, "/scope/entity");
    const char *out;
    int before;

    if (!old)
        return NULL;
    before = (int)(old->text - spec);
    out = bf_arena_printf(a, "%.*s%s%.*s", before, spec, entity,
                          (int)(*len - (size_t)before - old->len), old->text + old->len);
    *len = strlen(out);
    return bf_arena_ok(a) ? out : NULL;
}

/* The own entity of the organization that a registry's team is in; false if it is no such scope. */
static bool find_registry(struct bf_api *api, struct bf_exchange *x,
                          const struct bf_api_planned *planned, const struct bf_automation *a,
                          char own[BF_ENTITY_NAME_MAX + 1])
{
    struct bf_entity team;

    if (planned && bf_is_registry(a->project) && planned->team(planned->arg, a->entity, own))
        return true;
    if (!bf_is_registry(a->project) || !bf_team_entity(api->team, a->entity, &team) ||
        strcmp(team.kind, "team") != 0 || !bf_api_may_read(api, x, a->entity))
        return false;
    return bf_team_organization_entity(api->team, a->entity, own);
}

int bf_api_read_automation(struct bf_api *api, struct bf_exchange *x,
                           const struct bf_api_planned *planned, const char *id, const char **spec,
                           size_t *len, struct bf_automation **out)
{
    char own[BF_ENTITY_NAME_MAX + 1];
    struct bf_automation *a;
    struct bf_error err;
    int rc = bf_automation_parse(*spec, *len, id, 0, NULL, &a, &err);

    if (!rc && find_registry(api, x, planned, a, own)) {
        bf_automation_unref(a);
        *spec = put_entity(bf_exchange_arena(x), *spec, len, own);
        if (!*spec)
            return bf_api_fail(x, BF_EFULL, NULL);
        rc = bf_automation_parse(*spec, *len, id, 0, NULL, &a, &err);
    }
    if (rc)
        return bf_api_invalid(x, rc, &err);
    *out = a;
    return 0;
}

static const char *what_it_is_for(const char *entity, const char *project)
{
    if (project)
        return bf_is_registry(project) ? "a registry" : "a project";
    return bf_organization_owns_name(entity) ? "a whole organization" : "a whole team";
}

/* What concerns a whole team, a whole organization or a registry is their admins' business. */
int bf_api_check_scope(struct bf_api *api, struct bf_exchange *x, const char *entity,
                       const char *project)
{
    bool admins = !project || bf_is_registry(project);

    if (!bf_team_exists(api->team, entity) || !bf_api_may_read(api, x, entity))
        return bf_api_no_entity(x, 400,
                                bf_organization_owns_name(entity) ? "scope" : "scope.entity",
                                entity);
    if (bf_team_may(api->team, bf_auth_who(x), admins ? BF_ADMIN : BF_EDIT, entity))
        return 0;
    return bf_exchange_fail(x, 403, "forbidden", "scope", "an automation for %s takes the role %s"
                            " in %s, and a key with the rights of it; ask an admin of it",
                            what_it_is_for(entity, project), admins ? "admin" : "member", entity);
}

bool bf_api_may_use(struct bf_api *api, struct bf_exchange *x, const struct bf_automation *a,
                    const struct bf_integration *to)
{
    return strcmp(to->entity, a->entity) == 0 ||
           bf_team_may(api->team, bf_auth_who(x), BF_EDIT, to->entity);
}
