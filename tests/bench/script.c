/* script.c HELPER - what a call of a filter costs, everything included: from the hub's thread through
 * a script process and back, beside a plain lua_pcall() of the same function over a table that is
 * there already.
 *
 *   batch   1,000 calls at a time, each about an event of its own
 *   shared  the same, ten scripts about each event
 *   start   how long a first call waits: cold (no process), and with one kept warm
 *   hold    how long a call that hangs holds up the 99 behind it in its batch
 *
 * Costs are CPU time of all processes, so what else the machine does is not counted; what is waited
 * for is time on the wall. */
#include "tests/tools/tool.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/script/pool.h"

#define CALLS   1000            /* at a time */
#define BATCHES 200
#define SCRIPTS 10
#define STARTS  21

static const char event_json[] =
    "{\"type\":\"artifact.create\",\"entity\":\"acme\",\"project\":\"vision\",\"collection\":\"resnet50\","
    "\"author\":\"maria\",\"time\":\"2026-11-23T12:00:00.123Z\",\"run\":{\"id\":\"3kq1c9aa\",\"name\":"
    "\"nightly-17\"},\"artifact\":{\"id\":\"QXJ0aWZhY3Q6MTIz\",\"version\":\"v17\",\"type\":\"model\","
    "\"metadata\":{\"size\":102400000,\"format\":\"safetensors\",\"framework\":\"pytorch\",\"layers\":50,"
    "\"metrics\":{\"top1\":0.7613,\"top5\":0.9286},\"classes\":[\"cat\",\"dog\",\"bird\"]},"
    "\"aliases\":[\"latest\",\"v17\"],\"tags\":[\"nightly\",\"candidate\"]},\"data\":{\"commit\":"
    "\"9f3b2c1d0e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b\"}}";

#define FILTER "return { filter = function(event) return event.artifact.metadata.size > %d end }"

struct round {
    struct bf_pool_task task;
    struct bf_pool *pool;
    struct one {
        struct bf_pool_call call;
        struct round *of;
        struct bf_box_event event;
    } calls[CALLS];
    size_t n, left, wrong;
    sem_t done;
};

static void on_done(struct bf_pool_call *c)
{
    struct round *r = bf_container_of(c, struct one, call)->of;

    r->wrong += c->answer.said != BF_SAID_YES;
    if (--r->left == 0)
        sem_post(&r->done);
}

static void on_task(struct bf_pool_task *t)
{
    struct round *r = bf_container_of(t, struct round, task);

    for (size_t i = 0; i < r->n; i++)
        bf_pool_call(r->pool, &r->calls[i].call);
}

static void post(struct round *r, size_t n)
{
    r->n = r->left = n;
    r->task.fn = on_task;
    if (bf_pool_post(r->pool, &r->task))
        tool_die("the pool takes nothing");
    sem_wait(&r->done);
}

/* So many calls; `each` of them in a row are about one event, and of a script each. */
static void ask(struct round *r, struct bf_pool_script **scripts, size_t n, size_t each, bool apart,
                struct bf_arena *arena)
{
    for (size_t i = 0; i < n; i++) {
        struct one *o = &r->calls[i];

        o->of = r;
        o->event = (struct bf_box_event){.text = event_json, .len = sizeof(event_json) - 1,
                                         .id = "01J00000000000000000000000"};
        o->call = (struct bf_pool_call){.script = scripts[i % each], .kind = BF_HOOK_FILTER,
                                        .event = &r->calls[i / each * each].event, .apart = apart,
                                        .arena = arena, .done = on_done};
    }
    post(r, n);
    bf_arena_reset(arena);
    if (r->wrong)
        tool_die("a filter did not say yes");
}

static double of_usage(int who)
{
    struct rusage u;

    getrusage(who, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static double cpu_us(void) { return of_usage(RUSAGE_SELF) + of_usage(RUSAGE_CHILDREN); }

static double wall_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void make_scripts(struct bf_pool_script *scripts[SCRIPTS])
{
    char code[200];

    for (int i = 0; i < SCRIPTS; i++) {
        snprintf(code, sizeof(code), FILTER, 100 + i);
        scripts[i] = bf_pool_script_new("large.lua", code, strlen(code), 1u << BF_HOOK_FILTER);
    }
}

/* The CPU time of a pool's whole life, its processes' starts and all. */
static double run(const char *helper, size_t each, size_t batches, double *wall)
{
    struct bf_pool_script *scripts[SCRIPTS];
    struct bf_arena *arena = bf_arena_new(16 << 20);
    struct round *r = bf_new(struct round);
    double begun = cpu_us(), at;

    r->pool = bf_pool_new(helper, bf_clock_system(), NULL);
    sem_init(&r->done, 0, 0);
    make_scripts(scripts);
    for (int i = 0; i < 5; i++)         /* they prove themselves */
        ask(r, scripts, CALLS, each, false, arena);
    at = wall_us();
    for (size_t i = 0; i < batches; i++)
        ask(r, scripts, CALLS, each, false, arena);
    *wall = wall_us() - at;
    for (int i = 0; i < SCRIPTS; i++)
        bf_pool_script_unref(scripts[i]);
    bf_pool_free(r->pool);
    sem_destroy(&r->done);
    bf_arena_free(arena);
    free(r);
    return cpu_us() - begun;
}

/* What the calls alone cost: of a long life without those of a short one. */
static double piped(const char *helper, size_t each, double *wall)
{
    double none = run(helper, each, 1, wall), all = run(helper, each, 1 + BATCHES, wall);

    *wall /= (1.0 + BATCHES) * CALLS;
    return (all - none) / ((double)BATCHES * CALLS);
}

static double plain(void)
{
    static const char code[] = "local event = {artifact = {metadata = {size = 102400000}}} "
        "return function(event) return event.artifact.metadata.size > 100 end, event";
    lua_State *L = luaL_newstate();
    double begun;

    if (luaL_dostring(L, code) != LUA_OK)
        tool_die("%s", lua_tostring(L, -1));
    begun = cpu_us();
    for (int i = 0; i < BATCHES * CALLS * 10; i++) {
        lua_pushvalue(L, 1);
        lua_pushvalue(L, 2);
        if (lua_pcall(L, 1, 1, 0) != LUA_OK || !lua_toboolean(L, -1))
            tool_die("a plain call failed");
        lua_pop(L, 1);
    }
    begun = cpu_us() - begun;
    lua_close(L);
    return begun / (BATCHES * CALLS * 10.0);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* How long a script's first call takes in a process that is new: there is none yet, or one is warm. */
static double first_call_ms(const char *helper, bool warm)
{
    struct bf_pool_script *scripts[SCRIPTS];
    struct bf_arena *arena = bf_arena_new(1 << 20);
    struct round *r = bf_new(struct round);
    double took[STARTS], at;

    make_scripts(scripts);
    sem_init(&r->done, 0, 0);
    for (int i = 0; i < STARTS; i++) {
        r->pool = bf_pool_new(helper, bf_clock_system(), NULL);
        if (warm) {
            ask(r, scripts, 1, 1, false, arena);
            usleep(50000);
        }
        at = wall_us();
        ask(r, scripts + 1, 1, 1, true, arena);
        took[i] = (wall_us() - at) / 1e3;
        bf_pool_free(r->pool);
    }
    qsort(took, STARTS, sizeof(took[0]), by_size);
    for (int i = 0; i < SCRIPTS; i++)
        bf_pool_script_unref(scripts[i]);
    bf_arena_free(arena);
    free(r);
    return took[STARTS / 2];
}

/* It has proven quick, as have the others, and then a pattern of it does not end. */
static double hold_ms(const char *helper)
{
    static const char code[] = "return { filter = function(event) if event.type == 'hang' then "
        "return ('a'):rep(40):find(('a*'):rep(12) .. 'b') ~= nil end return true end }";
    static const char hang[] = "{\"type\":\"hang\"}";
    struct bf_pool_script *script = bf_pool_script_new("hangs.lua", code, sizeof(code) - 1, 1);
    struct bf_arena *arena = bf_arena_new(1 << 20);
    struct round *r = bf_new(struct round);
    double took[STARTS], at;

    r->pool = bf_pool_new(helper, bf_clock_system(), NULL);
    sem_init(&r->done, 0, 0);
    for (int i = 0; i < STARTS; i++) {
        ask(r, &script, 100, 1, false, arena);
        ask(r, &script, 100, 1, false, arena);
        r->calls[0].event = (struct bf_box_event){.text = hang, .len = sizeof(hang) - 1};
        at = wall_us();
        post(r, 100);
        took[i] = (wall_us() - at) / 1e3;
        if (r->wrong != 1 || !r->calls[0].call.killed)
            tool_die("a call that hangs was not ended");
        r->wrong = 0;
    }
    qsort(took, STARTS, sizeof(took[0]), by_size);
    bf_pool_script_unref(script);
    bf_pool_free(r->pool);
    bf_arena_free(arena);
    free(r);
    return took[STARTS / 2];
}

int main(int argc, char **argv)
{
    double batch, shared, pcall, wall, shared_wall;

    if (argc != 2)
        tool_die("usage: script HELPER");
    batch = piped(argv[1], 1, &wall);
    shared = piped(argv[1], SCRIPTS, &shared_wall);
    pcall = plain();
    printf("{\"batch_us\":%.3f,\"batch_wall_us\":%.3f,\"shared_us\":%.3f,\"shared_wall_us\":%.3f,"
           "\"plain_us\":%.3f,\"ratio\":%.1f,\"cold_ms\":%.2f,\"warm_ms\":%.2f,\"hold_ms\":%.1f}\n", batch, wall, shared,
           shared_wall, pcall, batch / pcall, first_call_ms(argv[1], false),
           first_call_ms(argv[1], true), hold_ms(argv[1]));
    return 0;
}
