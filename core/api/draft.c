/* draft.c - an automation as somebody wants it, checked before anything is done with it: before it
 * is saved, tried on an event, or tried on the events of a week.
 *
 * Plugins are asked about their options, so this is for a worker.  What is wrong is named by its
 * field; what is only doubtful becomes a warning.  One that was saved may be looked at again later, as
 * what it needs may have gone since: then all that is wrong is a warning, and nobody's rights are
 * asked. */
#include "core/api/api_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

#define REACH_WARNED 4096       /* bytes; patterns that reach as far are for anything but logs */

struct checking {
    struct bf_api *api;
    struct bf_exchange *x;
    struct bf_api_draft *draft;
    const struct bf_automation *a;
    bool is_saved;              /* what is wrong is a warning */
};

/* What a room found wrong: an answer, or one more warning. */
static int wrong(struct checking *c, int rc, const struct bf_error *err)
{
    if (!c->is_saved || rc == BF_EFULL || rc == BF_ECANCELED)
        return bf_api_invalid(c->x, rc, err);
    bf_warnings_add(&c->draft->warnings, err->field, "%s", err->words);
    return 0;
}

static int check_config(struct checking *c, const struct bf_integration *to,
                        const struct bf_action *action, const char *field)
{
    struct bf_arena *arena = bf_exchange_arena(c->x);
    struct bf_action_check check = {
        .integration = to,
        .automation = c->a->name,
        .automation_id = c->draft->id,
        .event_type = c->a->trigger->wire,
        .config = bf_arena_ndup(arena, action->config, action->config_len),
        .secrets = action->secrets,
        .is_transformed = c->a->hooks.transform != NULL,
        .warnings = &c->draft->warnings,
    };
    struct bf_error err;
    int rc;

    c->draft->warnings.within = field;
    rc = bf_plugins_check_action(c->api->plugins, &check, &err);
    c->draft->warnings.within = NULL;
    if (!rc)
        return bf_arena_ok(arena) ? 0 : bf_api_fail(c->x, BF_EFULL, NULL);
    bf_error_within(&err, field);
    return wrong(c, rc, &err);
}

/* The one that is there, or will be. */
static struct bf_integration *find_integration(struct checking *c, const char *id)
{
    const struct bf_api_planned *planned = c->draft->planned;
    struct bf_integration *i = planned ? planned->integration(planned->arg, id) : NULL;

    return i ? i : bf_team_integration(c->api->team, id);
}

/* Who makes a team is an admin of it. */
static bool is_planned(struct checking *c, const char *entity)
{
    const struct bf_api_planned *planned = c->draft->planned;
    char own[BF_ENTITY_NAME_MAX + 1];

    return planned && planned->team(planned->arg, entity, own);
}

static bool may_use(struct checking *c, const struct bf_automation *before,
                    const struct bf_action *action, const struct bf_integration *to)
{
    return bf_api_may_use(c->api, c->x, c->a, to) || bf_api_keeps_action(before, action) ||
           is_planned(c, to->entity);
}

static int check_action(struct checking *c, const struct bf_automation *before, uint32_t index)
{
    const struct bf_action *action = &c->a->actions[index];
    struct bf_integration *to = find_integration(c, action->integration);
    char field[40];
    int status;

    if (to && may_use(c, before, action, to)) {
        snprintf(field, sizeof(field), "actions[%u]", (unsigned)index);
        status = bf_api_check_grant(c->api, c->x, before, action, to, field);
        if (!status)
            status = check_config(c, to, action, field);
    } else {
        snprintf(field, sizeof(field), "actions[%u].integration", (unsigned)index);
        status = bf_exchange_fail(c->x, 400, "invalid", field, "unknown integration: %s has none"
                                  " with the id \"%s\", nor has another team that you are a member"
                                  " of; GET /api/v1/teams/%s/integrations lists them",
                                  c->a->entity, action->integration, c->a->entity);
    }
    bf_integration_unref(to);
    return status;
}

/* Each action, against what the automation was allowed before. */
static int check_actions(struct checking *c)
{
    struct bf_automation *before = NULL;
    struct bf_error err;
    int status = 0;

    if (c->draft->before)
        bf_automation_parse(c->draft->before, c->draft->before_len, c->draft->id, 0,
                            c->draft->owner, &before, &err);
    for (uint32_t i = 0; !status && i < c->a->n_actions; i++)
        status = check_action(c, before, i);
    bf_automation_unref(before);
    return status;
}

/* An automation and what it has fired stay with the entity that it was made in. */
static int check_owner(struct checking *c)
{
    const char *owner = c->draft->owner;

    if (!owner || strcmp(c->a->entity, owner) == 0)
        return 0;
    return bf_exchange_fail(c->x, 400, "invalid", "scope.entity", "this automation belongs to %s and"
                            " stays there; make another one in %s", owner, c->a->entity);
}

/* Loaded in a process of its own: is it Lua, and has it the function? */
static int check_hook(struct checking *c, const struct bf_hook *hook, enum bf_hook_kind kind)
{
    struct bf_error err;
    char field[40];
    int rc = hook ? bf_scripts_check(c->api->scripts, hook, kind, &err) : BF_OK;

    if (!rc)
        return 0;
    snprintf(field, sizeof(field), "hooks.%s", bf_hook_name(kind));
    bf_error_within(&err, field);
    return wrong(c, rc, &err);
}

static int check_hooks(struct checking *c)
{
    int status = check_hook(c, c->a->hooks.filter, BF_HOOK_FILTER);

    return status ? status : check_hook(c, c->a->hooks.transform, BF_HOOK_TRANSFORM);
}

/* A pattern that would take long on long texts does not look at them. */
static void check_patterns(struct checking *c)
{
    size_t reach = bf_filter_reach(c->a->filter);

    if (reach < REACH_WARNED)
        bf_warnings_add(&c->draft->warnings, "event.filter",
                        "the filter has a pattern that takes long, so texts of more than %zu bytes do"
                        " not match it; a simpler one reaches farther, and $contains has no such"
                        " limit", reach);
}

/* CRASHED is FAILED, as at W&B.  Who leaves FAILED out may not expect that. */
static void check_states(struct checking *c)
{
    if (c->a->only_crashed && !c->a->filter)
        bf_warnings_add(
            &c->draft->warnings, "event.filter.run_state_filter.states", "%s",
            "CRASHED is FAILED here, so this fires on failed runs that have not crashed, too; a"
            " run_filter of {\"state\":\"CRASHED\"} leaves these out");
}

int bf_api_check_draft(struct bf_api *api, struct bf_exchange *x, struct bf_api_draft *draft,
                       struct bf_automation **out)
{
    struct checking c = {.api = api, .x = x, .draft = draft};
    struct bf_automation *a;
    int status = bf_api_read_automation(api, x, draft->planned, draft->id, &draft->spec, &draft->len,
                                        &a);

    if (status)
        return status;
    c.a = a;
    draft->warnings.arena = bf_exchange_arena(x);
    status = check_owner(&c);
    if (!status && !is_planned(&c, a->entity))
        status = bf_api_check_scope(api, x, a->entity, a->project);
    if (!status && !draft->without_actions)
        status = check_actions(&c);
    if (!status)
        status = check_hooks(&c);
    if (!status) {
        check_patterns(&c);
        check_states(&c);
    }
    if (status)
        bf_automation_unref(a);
    else
        *out = a;
    return status;
}


/* --- one that was saved ---------------------------------------------------------------------- */

/* What it is sent to may be another team's, of which the caller is told no more than that it is
 * gone. */
static int look_at_action(struct checking *c, uint32_t index)
{
    const struct bf_action *action = &c->a->actions[index];
    struct bf_integration *to = bf_team_integration(c->api->team, action->integration);
    struct bf_warnings *warnings = &c->draft->warnings;
    char field[40], place[60];
    int status = 0;

    snprintf(field, sizeof(field), "actions[%u]", (unsigned)index);
    snprintf(place, sizeof(place), "%s.integration", field);
    if (!to) {
        bf_warnings_add(warnings, place, "there is no integration %s any more, and what is sent to it"
                        " fails; choose another", action->integration);
    } else if (bf_api_may_read(c->api, c->x, to->entity)) {
        if (to->disabled)
            bf_warnings_add(warnings, place, "integration \"%s\" is disabled, and what is sent to it"
                            " waits until it is enabled: %s", to->name, to->disabled_reason);
        status = check_config(c, to, action, field);
    }
    bf_integration_unref(to);
    return status;
}

static void look_at_hook(struct checking *c, enum bf_hook_kind kind)
{
    const char *words;
    char field[40];
    int64_t since_ms;

    if (!bf_scripts_disabled(c->api->scripts, c->draft->id, kind, bf_exchange_arena(c->x), &since_ms,
                             &words))
        return;
    snprintf(field, sizeof(field), "hooks.%s", bf_hook_name(kind));
    bf_warnings_add(&c->draft->warnings, field, "this script was disabled, and counts as one that"
                    " fails until it is enabled or changed: %s", words);
}

static int look(struct checking *c)
{
    int status = 0;

    for (uint32_t i = 0; !status && i < c->a->n_actions; i++)
        status = look_at_action(c, i);
    if (!status)
        status = check_hooks(c);
    look_at_hook(c, BF_HOOK_FILTER);
    look_at_hook(c, BF_HOOK_TRANSFORM);
    check_patterns(c);
    check_states(c);
    return status;
}

int bf_api_look_again(struct bf_api *api, struct bf_exchange *x, struct bf_api_draft *draft)
{
    struct checking c = {.api = api, .x = x, .draft = draft, .is_saved = true};
    struct bf_automation *a;
    struct bf_error err;
    int status;

    draft->warnings.arena = bf_exchange_arena(x);
    if (bf_automation_parse(draft->spec, draft->len, draft->id, 0, draft->owner, &a, &err))
        return wrong(&c, BF_ECONFIG, &err);
    c.a = a;
    status = look(&c);
    bf_automation_unref(a);
    return status;
}
