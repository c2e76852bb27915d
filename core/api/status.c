/* status.c - how the hub is, and what it has loaded. */
#include "core/api/api_int.h"

/* Touches nothing but this thread: it answers while the store is stuck. */
static int on_health(struct bf_exchange *x, void *arg)
{
    static const char ok[] = "{\"status\":\"ok\"}";

    (void)arg;
    bf_exchange_reply_static(x, "application/json", ok, sizeof(ok) - 1);
    return 200;
}

static int on_ready(struct bf_exchange *x, void *arg)
{
    static const char ready[] = "{\"status\":\"ready\"}";
    struct bf_api *api = arg;
    char words[300] = "";

    if (!api->ready(api->ready_arg, words, sizeof(words))) {
        bf_exchange_reply_header(x, "Retry-After", "1");
        return bf_exchange_fail(x, 503, "not_ready", NULL, "%s", words);
    }
    bf_exchange_reply_static(x, "application/json", ready, sizeof(ready) - 1);
    return 200;
}

static void add_line(void *arg, const char *line) { bf_tree_str(arg, NULL, line); }

static void add_settings(struct bf_api *api, struct bf_tree *t)
{
    char words[1000];
    int64_t ms;

    api->configured(api->configured_arg, &ms, words, sizeof(words));
    bf_show_time(t, "read", ms);
    bf_tree_str(t, "refused", *words ? words : NULL);
}

/* What concerns all teams is the hub admin's to know. */
static void add_inside(struct bf_api *api, struct bf_tree *t)
{
    struct bf_courier_counts c;
    struct bf_tree *deliveries = bf_tree_add_object(t, "deliveries");

    bf_courier_count(api->courier, &c);
    bf_tree_int(deliveries, "under_way", (int64_t)c.in_flight);
    bf_tree_int(deliveries, "in_memory", (int64_t)c.in_memory);
    bf_tree_int(deliveries, "delivered", (int64_t)c.delivered);
    bf_tree_int(deliveries, "failed", (int64_t)c.failed);
    bf_tree_int(t, "automations", (int64_t)bf_bus_automations(api->bus));
    add_settings(api, bf_tree_add_object(t, "settings"));
    bf_log_recent(api->log, add_line, bf_tree_add_array(t, "log"));
}

static int on_status(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    struct bf_tree *t = bf_tree_object();
    char words[300] = "";
    bool ready = api->ready(api->ready_arg, words, sizeof(words));

    bf_tree_str(t, "version", BF_VERSION);
    bf_tree_bool(t, "ready", ready);
    bf_tree_str(t, "reason", ready ? NULL : words);
    bf_tree_str(t, "url", api->public_url);
    bf_show_time(t, "started", api->started_ms);
    bf_tree_int(t, "uptime_s", (bf_wall_ms(api->clock) - api->started_ms) / 1000);
    if (bf_auth_who(x)->admin)
        add_inside(api, t);
    return bf_api_answer(x, 200, t);
}

static int on_plugins(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    struct bf_tree *t = bf_tree_object();

    bf_plugins_describe(api->plugins, bf_tree_add_array(t, "items"));
    bf_tree_str(t, "next", NULL);
    return bf_api_answer(x, 200, t);
}

const struct bf_api_route bf_api_status_routes[] = {
    {"GET", "/healthz", BF_PUBLIC, on_health},
    {"GET", "/readyz", BF_PUBLIC, on_ready},
    {"GET", "/api/v1/status", 0, on_status},
    {"GET", "/api/v1/plugins", 0, on_plugins},
    {NULL, NULL, 0, NULL},
};
