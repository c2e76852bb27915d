/* box.c - what a call of a filter costs: in a box, about an event as it comes, and as a plain lua_pcall()
 * of the same function over a table that is there already. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/base.h"
#include "core/base/json.h"
#include "core/script/box.h"
#include "tests/tools/tool.h"

#define CALLS 200000

static const char metric[] =
    "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\",\"key\":\"run-4711-step-1200\","
    "\"time\":\"2026-11-23T12:00:00.123Z\",\"run\":{\"id\":\"3kq1c9aa\",\"name\":\"nightly-resnet50-17\","
    "\"state\":\"RUNNING\",\"user\":\"maria\",\"group\":\"sweep-4\",\"job_type\":\"train\","
    "\"tags\":[\"nightly\",\"resnet\",\"gpu-a100\"],\"config\":{\"lr\":0.0003,\"batch_size\":256,"
    "\"optimizer\":\"adamw\",\"epochs\":90,\"dataset\":\"imagenet-1k\",\"augment\":true,\"seed\":42}},"
    "\"metrics\":[{\"name\":\"loss\",\"step\":1200,\"value\":0.3412},{\"name\":\"accuracy\",\"step\":1200,"
    "\"value\":0.8731},{\"name\":\"lr\",\"step\":1200,\"value\":0.00029},{\"name\":\"system.gpu.0.memory\","
    "\"step\":1200,\"value\":71.25}]}";

static const char artifact[] =
    "{\"type\":\"artifact.create\",\"entity\":\"acme\",\"project\":\"vision\",\"collection\":\"resnet50\","
    "\"author\":\"maria\",\"time\":\"2026-11-23T12:00:00.123Z\",\"run\":{\"id\":\"3kq1c9aa\",\"name\":"
    "\"nightly-resnet50-17\"},\"artifact\":{\"id\":\"QXJ0aWZhY3Q6MTIzNDU2\",\"version\":\"v17\",\"type\":"
    "\"model\",\"metadata\":{\"size\":102400000,\"format\":\"safetensors\",\"framework\":\"pytorch\","
    "\"layers\":50,\"parameters\":25557032,\"quantized\":false,\"metrics\":{\"top1\":0.7613,\"top5\":0.9286},"
    "\"classes\":[\"cat\",\"dog\",\"bird\",\"fish\",\"horse\",\"cow\"]},\"aliases\":[\"latest\",\"v17\"],"
    "\"tags\":[\"nightly\",\"candidate\"]},\"data\":{\"pipeline\":\"https://ci.example/acme/vision/builds/"
    "88213\",\"commit\":\"9f3b2c1d0e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b\",\"note\":\"retrained on the new labels,"
    " see the report\"}}";

static const char *const filters[][3] = {
    {"run.metric, 2 fields", metric,
     "return { filter = function(event) return event.run.state == 'RUNNING' and event.project == 'vision'"
     " end }"},
    {"run.metric, 3 fields", metric,
     "return { filter = function(event) return event.run.name:find('nightly', 1, true) ~= nil and"
     " event.metrics[2].value < 0.9 and event.run.config.epochs == 90 end }"},
    {"artifact, 1 field", artifact,
     "return { filter = function(event) return event.artifact.metadata.size > 100 end }"},
    {"artifact, 3 fields", artifact,
     "return { filter = function(event) return event.artifact.metadata.size > 100 and event.artifact.type =="
     " 'model' and event.data.note ~= '' end }"},
};

/* Of this thread: others use the processor as well. */
static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * TOOL_SECOND_NS + t.tv_nsec;
}

static double per_call(int64_t begun) { return (double)(now_ns() - begun) / CALLS; }

static double in_box(const char *text, const char *code)
{
    struct bf_box *b = bf_box_new(NULL, NULL, NULL);
    struct bf_box_event event = {.text = text, .len = strlen(text), .id = "01JDX2V0000000000000000000",
                                 .received_ms = 1795435200123};
    struct bf_buf out, words;
    struct bf_script *s;
    struct bf_error err;
    int64_t begun;
    double ns;

    bf_buf_init(&out, 65536);
    bf_buf_init(&words, 65536);
    if (bf_box_load(b, "bench.lua", code, strlen(code), 1, &s, &err))
        tool_die("%s", err.words);
    begun = now_ns();
    for (int i = 0; i < CALLS; i++)
        if (bf_box_call(s, BF_HOOK_FILTER, &event, NULL, NULL, 0, &out, &words) != BF_SAID_YES)
            tool_die("it said no: %s", bf_buf_text(&words));
    ns = per_call(begun);
    bf_script_free(s);
    bf_box_free(b);
    bf_buf_fini(&out);
    bf_buf_fini(&words);
    return ns;
}

static void push(lua_State *L, struct bf_arena *a, const struct bf_json *j)
{
    bool is_array = j->type == BF_JSON_ARRAY;
    lua_Integer i = 0;
    double number;

    if (bf_json_double(j, &number)) {
        lua_pushnumber(L, number);
    } else if (j->type == BF_JSON_STRING) {
        lua_pushstring(L, bf_json_str(a, j));
    } else if (j->type == BF_JSON_TRUE || j->type == BF_JSON_FALSE) {
        lua_pushboolean(L, j->type == BF_JSON_TRUE);
    } else {
        lua_newtable(L);
        for (const struct bf_json *k = bf_json_first(j); k; k = bf_json_next(j, k)) {
            if (is_array)
                lua_pushinteger(L, ++i);
            else
                lua_pushstring(L, bf_json_str(a, k));
            push(L, a, is_array ? k : k + 1);
            lua_settable(L, -3);
        }
    }
}

static void push_event(lua_State *L, const char *text)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    struct bf_error err;
    const struct bf_json *j = bf_json_parse(a, text, strlen(text), &err);

    if (!j)
        tool_die("%s", err.words);
    push(L, a, j);
    bf_arena_free(a);
}

static double plain(const char *text, const char *code)
{
    lua_State *L = luaL_newstate();
    int64_t begun;
    double ns;

    luaL_openlibs(L);
    if (luaL_dostring(L, code))
        tool_die("%s", lua_tostring(L, -1));
    lua_getfield(L, -1, "filter");
    push_event(L, text);
    begun = now_ns();
    for (int i = 0; i < CALLS; i++) {
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        if (lua_pcall(L, 1, 1, 0) || !lua_toboolean(L, -1))
            tool_die("it said no: %s", lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    ns = per_call(begun);
    lua_close(L);
    return ns;
}

int main(void)
{
    for (size_t i = 0; i < BF_COUNT(filters); i++) {
        double box = in_box(filters[i][1], filters[i][2]), bare = plain(filters[i][1], filters[i][2]);

        printf("%-22s %4zu bytes   box %5.0f ns   plain lua_pcall %5.0f ns\n", filters[i][0],
               strlen(filters[i][1]), box, bare);
    }
    return 0;
}
