/* api.c - the routes of the API on the listener, and who may call them.
 *
 * Before a body is read, the caller is known and may do what the route's table says.  What belongs
 * to a team one cannot read does not exist for one: 404, with the words that a missing team gets.
 * Only who may read but not do is told 403. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/base/base.h"

static const struct bf_api_route *const tables[] = {
    bf_api_organization_routes, bf_api_team_routes, bf_api_member_routes,
    bf_api_user_routes, bf_api_key_routes, bf_api_secret_routes, bf_api_integration_routes,
    bf_api_integration_read_routes, bf_api_integration_test_routes, bf_api_master_key_routes,
    bf_api_automation_routes, bf_api_automation_read_routes,
    bf_api_execution_routes, bf_api_execution_change_routes,
    bf_api_event_routes,     bf_api_status_routes,
    bf_api_backtest_routes,  bf_api_verdict_routes,
    bf_api_automation_test_routes,
    bf_api_intake_routes,    bf_api_in_routes,
    bf_api_plan_routes,      bf_api_export_routes,
    bf_api_script_routes,    bf_api_warning_routes,
    bf_api_page_routes,
    bf_api_metrics_routes,
    bf_api_openapi_routes,
};

bool bf_api_may_read(struct bf_api *api, struct bf_exchange *x, const char *entity)
{
    return bf_team_may(api->team, bf_auth_who(x), BF_READ, entity);
}

/* Who cannot make it is not told how. */
int bf_api_no_entity(struct bf_exchange *x, int status, const char *field, const char *entity)
{
    const struct bf_identity *who = bf_auth_who(x);
    const char *code = status == 404 ? "not_found" : "invalid";
    const char *noun = "team";
    int len = (int)strlen(entity);

    if (bf_organization_owns_name(entity)) {
        noun = "organization";
        len -= (int)strlen(BF_ORGANIZATION_SUFFIX);
    }
    if (who && who->admin)
        return bf_exchange_fail(x, status, code, field, "%s \"%.*s\" does not exist; make it with"
                                " PUT /api/v1/%ss/%.*s", noun, len, entity, noun, len, entity);
    return bf_exchange_fail(x, status, code, field, "there is no %s \"%.*s\" that this key may"
                            " read; ask an admin of the hub", noun, len, entity);
}

int bf_api_require(struct bf_api *api, struct bf_exchange *x, unsigned rights, const char *entity)
{
    if (entity && (!bf_team_exists(api->team, entity) || !bf_api_may_read(api, x, entity)))
        return bf_api_no_entity(x, 404, NULL, entity);
    if (!bf_team_may(api->team, bf_auth_who(x), rights, entity))
        return bf_exchange_fail(x, 403, "forbidden", NULL, "this key may not do that%s%s; ask an"
                                " admin of the team", entity ? " in " : "", entity ? entity : "");
    return 0;
}

int bf_api_require_filter(struct bf_exchange *x, const char *filter, const char *name)
{
    if (filter || bf_auth_who(x)->admin)
        return 0;
    return bf_exchange_fail(x, 400, "invalid", name, "say which: only an admin of the hub may list"
                            " without ?%s=", name);
}

/* Of a request from inside, whoever asks has found out. */
static int identify(struct bf_api *api, struct bf_exchange *x, unsigned public)
{
    if (!bf_exchange_is_inside(x))
        return bf_auth_admit(api->team, x, public, NULL);
    if (public || bf_auth_who(x))
        return 0;
    return bf_exchange_fail(x, 401, "unauthenticated", NULL, "the caller's key is not valid"
                            " (any more)");
}

/* "" if the path names none that could be. */
const char *bf_api_entity(struct bf_exchange *x)
{
    const char *team = bf_exchange_param(x, "team"), *organization = bf_exchange_param(x, "org");
    char own[BF_ENTITY_NAME_MAX + 1];

    if (!organization)
        return team ? team : "";
    bf_organization_entity(own, organization);
    return bf_arena_dup(bf_exchange_arena(x), own);
}

static int admit(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    const struct bf_web_route *route = bf_exchange_route(x);
    const char *entity = NULL;
    int status;

    if ((route->needs & BF_API_METRICS) && bf_api_shows_metrics_token(api, x))
        return 0;
    status = route->needs & BF_API_KEYLESS ? 0 : identify(api, x, route->needs & BF_PUBLIC);
    if (status || (route->needs & BF_PUBLIC))
        return status;
    if (!bf_exchange_query_ok(x))
        return bf_exchange_fail(x, 400, "invalid", NULL, "the query cannot be decoded: %%XX must be"
                                " UTF-8 without NUL");
    if (route->needs & BF_API_HUB_ADMIN) {
        if (bf_auth_who(x)->admin)
            return 0;
        return bf_exchange_fail(x, 403, "forbidden", NULL, "only an admin of the hub may do that");
    }
    if (route->needs & BF_API_ANY_KEY)
        return 0;
    if (strstr(route->path, "{team}") || strstr(route->path, "{org}")) {
        entity = bf_api_entity(x);
        if (!*entity)
            return bf_api_missing(x, "team", "of that name");
    }
    return bf_api_require(api, x, route->needs, entity);
}

static int register_route(struct bf_api *api, const struct bf_api_route *r, struct bf_error *err)
{
    struct bf_web_route route = {
        .method = r->method,
        .path = r->path,
        .handler = r->handler,
        .admit = admit,
        .arg = api,
        .needs = r->needs,
        .body_max = r->body_max,
        .yields = r->yields,
    };

    return bf_listener_route(api->listener, &route, err);
}

int bf_api_register(struct bf_api *api, struct bf_error *err)
{
    for (size_t i = 0; i < BF_COUNT(tables); i++) {
        for (const struct bf_api_route *r = tables[i]; r->method; r++) {
            int rc = register_route(api, r, err);

            if (rc)
                return rc;
        }
    }
    return BF_OK;
}
