/* delivery.c - how an integration delivers: the settings of its own, and how it is doing.
 *
 * What the courier has in memory is newest; of an integration that it has not met since the start,
 * the store knows how it stood. */
#include "core/api/api_int.h"

#include "core/base/base.h"

#define WAITING_MAX 10000       /* waiting executions that are counted for an answer */

static void str_or_null(struct bf_tree *t, const char *name, const char *text)
{
    bf_tree_str(t, name, *text ? text : NULL);
}

static void int_or_null(struct bf_tree *t, const char *name, int64_t value)
{
    if (value)
        bf_tree_int(t, name, value);
    else
        bf_tree_str(t, name, NULL);
}

static void show_settings(const struct bf_delivery_settings *s, struct bf_tree *t)
{
    str_or_null(t, "pace", s->pace);
    int_or_null(t, "parallel", s->parallel);
    int_or_null(t, "timeout_s", s->timeout_ms / 1000);
    if (s->has_merge_over)
        bf_tree_int(t, "merge_over", s->merge_over);
    else
        bf_tree_str(t, "merge_over", NULL);
}

static void show_standing(const struct bf_standing *s, struct bf_tree *t)
{
    bf_tree_int(t, "failures", s->failures);
    bf_show_time(t, "failing_since", s->failing_since_ms);
    bf_show_time(t, "last_success", s->last_success_ms);
    bf_show_time(t, "last_failure", s->last_failure_ms);
    str_or_null(t, "last_error", s->words);
}

void bf_api_show_delivery(struct bf_api *api, struct bf_db *db, const char *integration,
                          struct bf_tree *t)
{
    struct bf_courier_state state = {.parallel = 0};
    struct bf_delivery_settings own;
    struct bf_standing stored;
    unsigned waiting = 0;
    bool met = bf_courier_state(api->courier, integration, &state);

    bf_standing_read(db, integration, &own, &stored);
    bf_outbox_count(db, integration, WAITING_MAX, &waiting);
    show_settings(&own, bf_tree_add_object(t, "delivery"));
    t = bf_tree_add_object(t, "state");
    bf_tree_int(t, "waiting", waiting);         /* those under way among them */
    bf_tree_int(t, "in_flight", state.in_flight);
    str_or_null(t, "pace", state.pace);
    int_or_null(t, "parallel", state.parallel);
    bf_show_time(t, "resting_until", state.resting_until_ms);
    bf_show_time(t, "paced_until", state.paced_until_ms);
    show_standing(met ? &state.standing : &stored, t);
}

int64_t bf_api_failing_since(struct bf_api *api, struct bf_db *db, const char *integration)
{
    struct bf_courier_state state;
    struct bf_standing stored = {.failures = 0};

    if (bf_courier_state(api->courier, integration, &state))
        return state.standing.failing_since_ms;
    bf_standing_read(db, integration, NULL, &stored);
    return stored.failing_since_ms;
}
