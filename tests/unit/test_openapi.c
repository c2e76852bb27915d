/* test_openapi.c - the description of the REST interface names every route of a hub, and no other. */
#include "tests/test.h"

#include "core/base/json.h"
#include "core/hub_int.h"

#include <ctype.h>

extern const char bf_openapi[];
extern const struct bf_plugin bf_plugin_v1_http, bf_plugin_v1_webhook;

static const struct bf_plugin *const linked[] = {&bf_plugin_v1_http, &bf_plugin_v1_webhook, NULL};

static void quiet(void *arg, int level, const char *line)
{
    (void)arg;
    (void)level;
    (void)line;
}

static struct bf_hub *open_hub(void)
{
    static char data[200];
    struct bf_setting settings[] = {{"data", data},
                                    {"listen", "127.0.0.1:0"},
                                    {"plugins", "http webhook"},
                                    {NULL, NULL}};
    struct bf_hub_options o = {
        .size = sizeof(o), .settings = settings, .plugins = linked, .log = quiet};
    struct bf_hub *hub = NULL;
    struct bf_error err;

    snprintf(data, sizeof(data), "%s/hub", test_dir());
    if (bf_hub_open(&o, &hub, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
    return hub;
}

static const struct bf_json *described(const struct bf_json *paths, const struct bf_web_route *r)
{
    char method[8] = "";

    for (size_t i = 0; r->method[i] && i < sizeof(method) - 1; i++)
        method[i] = (char)tolower((unsigned char)r->method[i]);
    return bf_json_get(bf_json_get(paths, r->path), method);
}

TEST(every_route_is_described_and_nothing_else)
{
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    struct bf_hub *hub = open_hub();
    const struct bf_web_route *r;
    const struct bf_json *paths;
    struct bf_error err;
    size_t n_routes = 0, n_described = 0;

    paths = bf_json_get(bf_json_parse(a, bf_openapi, strlen(bf_openapi), &err), "paths");
    CHECK(paths);
    for (; (r = bf_listener_routes(hub->listener, n_routes)); n_routes++) {
        if (!described(paths, r))
            test_failed(__FILE__, __LINE__, "%s %s is not described: write it into"
                        " core/api/openapi.json, and its examples into tests/e2e/openapi.walk",
                        r->method, r->path);
    }
    for (const struct bf_json *p = bf_json_first(paths); p; p = bf_json_next(paths, p))
        n_described += bf_json_count(p + 1);
    CHECK_INT(n_described, n_routes);
    bf_hub_close(hub);
    bf_arena_free(a);
}
