/* grants.c - who may let an action carry secrets.
 *
 * What an integration is granted, every action that uses it may carry.  An action can be granted
 * more by name; whoever writes its payload then sends those secrets to where it goes, so that is for
 * an admin of the entity that owns them.  A member may change the rest of an automation, and keeps
 * what an admin has granted in the actions that stay as they are. */
#include "core/api/api_int.h"

#include <stdio.h>
#include <string.h>

static bool is_same(const struct bf_action *a, const struct bf_action *b)
{
    return strcmp(a->integration, b->integration) == 0 && strcmp(a->secrets, b->secrets) == 0 &&
           a->config_len == b->config_len && memcmp(a->config, b->config, a->config_len) == 0;
}

bool bf_api_keeps_action(const struct bf_automation *before, const struct bf_action *action)
{
    for (uint32_t i = 0; before && i < before->n_actions; i++)
        if (is_same(&before->actions[i], action))
            return true;
    return false;
}

int bf_api_check_grant(struct bf_api *api, struct bf_exchange *x,
                       const struct bf_automation *before, const struct bf_action *action,
                       const struct bf_integration *to, const char *field)
{
    char where[80];

    if (!*action->secrets || bf_api_keeps_action(before, action) ||
        bf_team_may(api->team, bf_auth_who(x), BF_ADMIN, to->entity))
        return 0;
    snprintf(where, sizeof(where), "%s.secrets", field);
    return bf_exchange_fail(x, 403, "forbidden", where, "only an admin of %s may grant its secrets;"
                            " use what the integration is granted, or ask an admin", to->entity);
}
