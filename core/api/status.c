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
    {"GET", "/api/v1/plugins", 0, on_plugins},
    {NULL, NULL, 0, NULL},
};
