/* test_embed.c - hubs inside a program that knows nothing but belfry.h. */
#include <belfry/belfry.h>

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/test.h"

extern const struct bf_plugin bf_plugin_v1_http, bf_plugin_v1_webhook;

static const struct bf_plugin *const linked[] = {&bf_plugin_v1_http, &bf_plugin_v1_webhook, NULL};

struct embedded {
    struct bf_hub *hub;
    pthread_t thread;
    int rc;
    char data[160];
    char key[128];
    atomic_int n_finished;
    atomic_int n_pending;
};

static void *run(void *arg)
{
    struct embedded *e = arg;
    struct bf_error err;

    e->rc = bf_hub_run(e->hub, &err);
    return NULL;
}

static void on_execution(void *arg, const struct bf_execution_note *note)
{
    struct embedded *e = arg;

    if (strcmp(note->status, "finished") == 0)
        e->n_finished++;
    if (strcmp(note->status, "pending") == 0)
        e->n_pending++;
}

static void quiet(void *arg, int level, const char *line)
{
    (void)arg;
    (void)level;
    (void)line;
}

static int try_open(struct embedded *e, const char *name, const char *setting, const char *value,
                    struct bf_error *err)
{
    struct bf_setting settings[] = {
        {"data", e->data}, {"listen", "127.0.0.1:0"}, {"allow_addresses", "127.0.0.0/8"},
        {"plugins", "http webhook"}, {setting, value}, {NULL, NULL}};
    struct bf_hub_options o = {
        .size = sizeof(o), .settings = settings, .plugins = linked, .log = quiet};

    snprintf(e->data, sizeof(e->data), "%s/%s", test_dir(), name);
    return bf_hub_open(&o, &e->hub, err);
}

static void open_hub(struct embedded *e, const char *name)
{
    struct bf_error err;

    if (try_open(e, name, NULL, NULL, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
    if (bf_hub_first_key(e->hub))
        snprintf(e->key, sizeof(e->key), "%s", bf_hub_first_key(e->hub));
    bf_hub_subscribe(e->hub, on_execution, e);
    pthread_create(&e->thread, NULL, run, e);
}

static void close_hub(struct embedded *e)
{
    bf_hub_stop(e->hub);
    pthread_join(e->thread, NULL);
    CHECK_INT(e->rc, 0);
    bf_hub_close(e->hub);
}

/* --- a REST call ------------------------------------------------------------- */

static size_t keep(char *data, size_t size, size_t n, void *arg)
{
    char *out = arg;
    size_t len = strlen(out);

    snprintf(out + len, 4096 - len, "%.*s", (int)(size * n), data);
    return size * n;
}

static long rest(struct embedded *e, const char *method, const char *path, const char *body,
                 char answer[4096])
{
    CURL *c = curl_easy_init();
    char url[256], authorization[192];
    struct curl_slist *headers = NULL;
    long status = 0;

    snprintf(url, sizeof(url), "http://%s%s", bf_hub_address(e->hub), path);
    snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s", e->key);
    headers = curl_slist_append(NULL, authorization);
    answer[0] = '\0';
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
    CHECK_INT(curl_easy_perform(c), CURLE_OK);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    return status;
}

static void automate(struct embedded *e, const char *receiver)
{
    char answer[4096], body[1024], *id;

    CHECK_INT(rest(e, "PUT", "/api/v1/teams/acme", "{}", answer), 201);
    snprintf(body, sizeof(body), "{\"sink\":\"webhook\",\"name\":\"r\","
             "\"config\":{\"url\":\"http://%s/\"}}", receiver);
    CHECK_INT(rest(e, "POST", "/api/v1/teams/acme/integrations", body, answer), 201);
    id = strstr(answer, "\"id\":\"") + 6;
    snprintf(body, sizeof(body), "{\"name\":\"n\",\"scope\":{\"entity\":\"acme\","
             "\"project\":\"vision\"},\"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\"},"
             "\"actions\":[{\"integration\":\"%.26s\"}]}", id);
    CHECK_INT(rest(e, "POST", "/api/v1/automations", body, answer), 201);
}

static int on_request(void *arg, const struct bf_received *r)
{
    (void)r;
    (*(atomic_int *)arg)++;
    return 200;
}

static void wait_for(atomic_int *n, int want)
{
    for (int i = 0; i < 1000 && *n < want; i++)
        usleep(5000);
    CHECK_INT(*n, want);
}

#define EVENT                                                                                \
    "{\"type\":\"artifact.alias.add\",\"entity\":\"acme\",\"project\":\"vision\","           \
    "\"collection\":\"resnet\",\"alias\":\"x\"}"

TEST(two_hubs_in_one_process_know_nothing_of_each_other)
{
    struct embedded a = {0}, b = {0};
    struct bf_receiver *receiver;
    struct bf_emitted emitted = {.size = sizeof(emitted)};
    struct bf_error err;
    atomic_int received = 0;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    CHECK_INT(bf_receiver_open("127.0.0.1:0", on_request, &received, &receiver, &err), 0);
    open_hub(&a, "a");
    open_hub(&b, "b");
    CHECK(strcmp(a.key, b.key) != 0);
    CHECK(strcmp(bf_hub_address(a.hub), bf_hub_address(b.hub)) != 0);
    automate(&a, bf_receiver_address(receiver));
    automate(&b, bf_receiver_address(receiver));
    for (int i = 0; i < 10; i++)
        CHECK_INT(bf_hub_publish_wait(a.hub, EVENT, strlen(EVENT), &emitted, &err), 0);
    CHECK_INT(strlen(emitted.id), 26);
    wait_for(&a.n_finished, 10);
    CHECK_INT(a.n_pending, 10);
    CHECK_INT(b.n_finished, 0);
    CHECK_INT(bf_hub_publish_wait(b.hub, EVENT, strlen(EVENT), NULL, &err), 0);
    wait_for(&b.n_finished, 1);
    CHECK_INT(received, 11);
    close_hub(&a);
    CHECK_INT(bf_hub_publish_wait(b.hub, EVENT, strlen(EVENT), NULL, &err), 0);
    wait_for(&b.n_finished, 2);
    close_hub(&b);
    bf_receiver_close(receiver);
}

TEST(a_published_text_is_checked_before_anything_is_kept)
{
    struct embedded e = {0};
    struct bf_error err;
    static const char bad[] = "[{\"type\":\"a.b\",\"entity\":\"acme\"},{\"entity\":\"acme\"}]";
    static const char stranger[] = "{\"type\":\"a.b\",\"entity\":\"nobody\"}";

    curl_global_init(CURL_GLOBAL_DEFAULT);
    open_hub(&e, "a");
    CHECK_INT(bf_hub_publish_wait(e.hub, bad, strlen(bad), NULL, &err), BF_ECONFIG);
    CHECK_STR(err.field, "[1].type");
    CHECK_INT(bf_hub_publish_wait(e.hub, stranger, strlen(stranger), NULL, &err), BF_ECONFIG);
    CHECK_STR(err.field, "entity");
    close_hub(&e);
}

TEST(a_data_directory_has_one_hub)
{
    struct embedded a = {0}, b = {0};
    struct bf_error err;

    open_hub(&a, "same");
    CHECK_INT(try_open(&b, "same", NULL, NULL, &err), BF_EEXIST);
    CHECK_STR(err.field, "data");
    CHECK(b.hub == NULL);
    close_hub(&a);
}

TEST(a_wrong_setting_is_named)
{
    static const char *const rows[][2] = {
        {"lisen", "127.0.0.1:0"}, {"listen", "nowhere"},         {"allow_addresses", "10.0.0.0/33"},
        {"log_level", "loud"},    {"public_url", "ftp://x.y"},   {"admin_key", "short"},
        {"plugins", "nothing"},   {"threads", "-1"},             {"threads", "many"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct embedded e = {0};
        struct bf_error err = {0};
        char name[16];

        snprintf(name, sizeof(name), "d%zu", i);
        CHECK(try_open(&e, name, rows[i][0], rows[i][1], &err) != 0);
        CHECK(e.hub == NULL);
        CHECK_STR(err.field, rows[i][0]);
    }
}

TEST(a_configuration_file_is_lua)
{
    char path[160], data[160];
    struct bf_setting defaults[] = {{"data", data}, {"log_level", "debug"}, {NULL, NULL}};
    struct bf_hub_options o = {
        .size = sizeof(o), .config_file = path, .defaults = defaults, .plugins = linked,
        .log = quiet};
    struct bf_error err;
    struct bf_hub *hub;
    FILE *f;

    snprintf(data, sizeof(data), "%s/data", test_dir());
    snprintf(path, sizeof(path), "%s/belfry.lua", test_dir());
    f = fopen(path, "w");
    fputs("local port = 0\n"
          "listen = \"127.0.0.2:\" .. port\n"
          "plugins = { \"http\", \"webhook\" }\n"
          "log_level = \"warn\"\n", f);
    fclose(f);
    CHECK_INT(bf_hub_open(&o, &hub, &err), 0);
    CHECK_INT(strncmp(bf_hub_address(hub), "127.0.0.2:", 10), 0);
    bf_hub_close(hub);
}

TEST(a_broken_configuration_file_is_refused_with_its_line)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"listen = = 1\n", "belfry.lua:1:"},
        {"\nlisten = os.getenv('HOME')\n", "belfry.lua:2:"},
        {"while true do end\n", "too long"},
        {"x = {}\nfor i = 1, 1e9 do x[i] = ('a'):rep(1000) end", "belfry.lua:2:"},
        {"lisen = \"127.0.0.1:0\"\n", "lisen"},
        {"listen = function() end\n", "listen must be"},
    };
    char path[160];
    struct bf_hub_options o = {.size = sizeof(o), .config_file = path, .log = quiet};

    snprintf(path, sizeof(path), "%s/belfry.lua", test_dir());
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bf_error err = {0};
        struct bf_hub *hub = NULL;
        FILE *f = fopen(path, "w");

        fputs(rows[i].text, f);
        fclose(f);
        CHECK_INT(bf_hub_open(&o, &hub, &err), BF_ECONFIG);
        CHECK_HAS(err.words, rows[i].words);
    }
}
