/* pool_rig.h - a pool with real script processes, and calls that a test waits for. */
#ifndef BF_POOL_RIG_H
#define BF_POOL_RIG_H

#include <dirent.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/script/pool.h"
#include "tests/test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define HANGS "return { filter = function(e) local s = (\"a\"):rep(40) " \
              "return s:find((\"a*\"):rep(12) .. \"b\") ~= nil end }"
#define EVEN  "return { filter = function(e) return e.data.n % 2 == 0 end }"

struct rig {
    struct bf_pool *pool;
    struct bf_log *log;
    struct bf_arena *arena;     /* of all answers  [scripts] */
    int lines;
    char line[1024];            /* the last one logged */
};

/* Calls that are asked together. */
struct asked {
    struct bf_pool_task task;
    struct rig *rig;
    int n, given;
    atomic_int left;
    sem_t done;
    struct one {
        struct asked *of;
        struct bf_pool_call call;
        struct bf_box_event event;
        char text[64];
        int64_t at_ms;          /* when it was answered */
        int nth;                /* as which it was answered */
    } calls[];
};

static inline void rig_on_log(void *arg, int level, const char *line)
{
    struct rig *r = arg;

    (void)level;
    r->lines++;
    snprintf(r->line, sizeof(r->line), "%s", line);
}

/* Beside tests/unit is what was built with it. */
static inline const char *rig_helper(void)
{
    static char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 64);

    CHECK(len > 0);
    path[len] = '\0';
    for (int i = 0; i < 3; i++)
        *strrchr(path, '/') = '\0';
    return strcat(path, "/belfry-script");
}

static inline struct rig rig_of(const char *helper)
{
    struct rig r = {.arena = bf_arena_new(256 << 20)};

    r.log = bf_log_new(BF_LOG_INFO, NULL, NULL);
    r.pool = bf_pool_new(helper, bf_clock_system(), r.log);
    return r;
}

/* One whose lines are kept, and not shown. */
static inline void rig_listen(struct rig *r)
{
    bf_pool_free(r->pool);
    bf_log_free(r->log);
    r->log = bf_log_new(BF_LOG_INFO, rig_on_log, r);
}

static inline void rig_close(struct rig *r)
{
    bf_pool_free(r->pool);
    bf_log_free(r->log);
    bf_arena_free(r->arena);
}

static inline void rig_on_done(struct bf_pool_call *c)
{
    struct one *o = bf_container_of(c, struct one, call);
    struct asked *a = o->of;

    o->at_ms = bf_mono_ms(bf_clock_system());
    o->nth = a->n - atomic_fetch_sub(&a->left, 1);
    if (o->nth == a->n - 1)
        sem_post(&a->done);
}

static inline struct asked *rig_new(struct rig *r, int n)
{
    struct asked *a = bf_zalloc(sizeof(*a) + (size_t)n * sizeof(a->calls[0]));

    a->rig = r;
    a->n = n;
    atomic_init(&a->left, n);
    sem_init(&a->done, 0, 0);
    return a;
}

/* The next one: about {"type":"t","data":{"n":N}}. */
static inline struct bf_pool_call *rig_add(struct asked *a, struct bf_pool_script *s, int number)
{
    struct one *o = &a->calls[a->given++];

    CHECK(a->given <= a->n);
    o->of = a;
    o->event.len = (size_t)snprintf(o->text, sizeof(o->text), "{\"type\":\"t\",\"data\":{\"n\":%d}}",
                                    number);
    o->event.text = o->text;
    o->call = (struct bf_pool_call){.script = s, .kind = BF_HOOK_FILTER, .event = &o->event,
                                    .arena = a->rig->arena, .done = rig_on_done};
    return &o->call;
}

static inline void rig_on_task(struct bf_pool_task *t)
{
    struct asked *a = bf_container_of(t, struct asked, task);
    int n = a->n;

    for (int i = 0; i < n; i++)
        bf_pool_call(a->rig->pool, &a->calls[i].call);
}

static inline void rig_send(struct asked *a)
{
    CHECK_INT(a->given, a->n);
    a->task.fn = rig_on_task;
    CHECK_INT(bf_pool_post(a->rig->pool, &a->task), BF_OK);
}

static inline void rig_wait(struct asked *a) { CHECK(bf_sem_wait_within(&a->done, 60000)); }

static inline void rig_free(struct asked *a)
{
    sem_destroy(&a->done);
    free(a);
}

static inline struct bf_pool_script *rig_script(const char *name, const char *code)
{
    return bf_pool_script_new(name, code, strlen(code), 1u << BF_HOOK_FILTER);
}

/* So many calls of one script, about 1, 2, 3, ..., answered. */
static inline struct asked *rig_ask(struct rig *r, struct bf_pool_script *s, int n)
{
    struct asked *a = rig_new(r, n);

    for (int i = 0; i < n; i++)
        rig_add(a, s, i + 1);
    rig_send(a);
    rig_wait(a);
    return a;
}

static inline enum bf_said rig_said(const struct asked *a, int i)
{
    return a->calls[i].call.answer.said;
}

/* Calls that prove its quickness. */
static inline void rig_prove(struct rig *r, struct bf_pool_script *s)
{
    for (int i = 0; i < 3; i++)
        rig_free(rig_ask(r, s, 32));
}

/* Our children, whatever state they are in; zombies too. */
static inline int rig_children(pid_t *pids, int max, bool zombies)
{
    DIR *d = opendir("/proc");
    struct dirent *e;
    int n = 0;

    CHECK(d);
    while ((e = readdir(d))) {
        char path[300], text[512], state;
        int pid, parent;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
        if (e->d_name[0] < '0' || e->d_name[0] > '9' || !(f = fopen(path, "r")))
            continue;
        if (fgets(text, sizeof(text), f) && sscanf(text, "%d", &pid) == 1 && strrchr(text, ')') &&
            sscanf(strrchr(text, ')') + 1, " %c %d", &state, &parent) == 2 && parent == getpid() &&
            (zombies || state != 'Z') && n < max)
            pids[n++] = pid;
        fclose(f);
    }
    closedir(d);
    return n;
}

static inline int rig_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    CHECK(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

#endif
