/* bus_fixture.h - a bus on a fresh database, with a clock the test moves, and posts that wait. */
#ifndef BF_BUS_FIXTURE_H
#define BF_BUS_FIXTURE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/bus/bus.h"
#include "tests/test.h"

struct fixture {
    struct bf_db *db;
    struct bf_bus *bus;
    struct bf_clock clock;
    int64_t (*mono)(void *arg); /* the monotonic clock; NULL: it shows what the other does */
    _Atomic int64_t wall_ms;
    atomic_size_t n_enqueued;
    char path[128];
    char last_execution[BF_ID_LEN + 1];
    bool healthy;
    uint32_t hops;              /* a header said so many */
    const struct bf_asker *asker;       /* NULL: nobody can be asked */
    const struct bf_hook *on_event;
};

static inline int64_t fixture_wall(void *arg) { return ((struct fixture *)arg)->wall_ms; }

static inline void fixture_enqueued(void *arg, struct bf_execution *const *x, size_t n)
{
    struct fixture *f = arg;

    snprintf(f->last_execution, sizeof(f->last_execution), "%s", x[n - 1]->id);
    f->n_enqueued += n;
}

static inline void fixture_health(void *arg, bool ok, const char *words)
{
    (void)words;
    ((struct fixture *)arg)->healthy = ok;
}

static inline void fixture_open(struct fixture *f)
{
    struct bf_bus_hooks hooks = {fixture_enqueued, NULL, fixture_health, f};
    struct bf_error err = {0};

    snprintf(f->path, sizeof(f->path), "%s/belfry.db", test_dir());
    f->clock = (struct bf_clock){fixture_wall, f->mono ? f->mono : fixture_wall, f};
    f->healthy = true;
    CHECK_INT(bf_crypto_init(&err), 0);
    if (bf_db_open(f->path, BF_DB_WRITE, &f->db, &err) ||
        bf_bus_open(f->db, &f->clock, NULL, &hooks, &f->bus, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
    if (f->asker)
        bf_bus_ask_with(f->bus, f->asker);
    if (f->on_event)
        bf_bus_on_event(f->bus, f->on_event);
    if (bf_bus_start(f->bus, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
}

static inline void fixture_close(struct fixture *f)
{
    bf_bus_close(f->bus);
    bf_db_close(f->db);
}

/* --- posts that wait --------------------------------------------------------- */

struct posted {
    struct bf_work work;
    int (*apply)(struct posted *p, struct bf_tx *tx, struct bf_error *err);
    const char *text;
    uint32_t hops;
    struct bf_receipt receipt;
    const struct bf_automation *saved;
    struct bf_bus *bus;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    int rc;
    struct bf_error err;
};

static inline int posted_apply(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct posted *p = bf_container_of(w, struct posted, work);

    return p->apply(p, tx, err);
}

static inline void posted_done(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct posted *p = bf_container_of(w, struct posted, work);

    if (!rc && p->saved)
        bf_bus_file_automation(p->bus, p->saved);
    bf_automation_unref(p->saved);
    pthread_mutex_lock(&p->lock);
    p->rc = rc;
    p->err = *err;
    p->done = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static inline int post(struct fixture *f, struct posted *p)
{
    p->work.apply = posted_apply;
    p->work.done = posted_done;
    p->bus = f->bus;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    CHECK_INT(bf_bus_post(f->bus, &p->work), 0);
    pthread_mutex_lock(&p->lock);
    while (!p->done)
        pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return p->rc;
}

static inline int apply_event(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_envelope *e;
    int rc = bf_envelope_parse(a, p->text, strlen(p->text), BF_FROM_OUTSIDE, &e, err);

    if (!rc) {
        e->hops += p->hops;
        rc = bf_bus_emit(tx, e, &p->receipt, err);
        bf_envelope_unref(e);
    }
    bf_arena_free(a);
    return rc;
}

static inline int emit(struct fixture *f, const char *text, struct bf_receipt *receipt)
{
    struct posted p = {.apply = apply_event, .text = text, .hops = f->hops};
    int rc = post(f, &p);

    if (receipt)
        *receipt = p.receipt;
    return rc;
}

static inline int apply_save(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_automation_change change = {.verb = "saved",
                                          .id = p->receipt.id,
                                          .owner = "acme",
                                          .spec = p->text,
                                          .spec_len = strlen(p->text),
                                          .author = "ana"};

    return bf_bus_save_automation(tx, &change, &p->saved, err);
}

static inline int save(struct fixture *f, const char *id, const char *spec, struct bf_error *err)
{
    struct posted p = {.apply = apply_save, .text = spec};
    int rc;

    snprintf(p.receipt.id, sizeof(p.receipt.id), "%s", id);
    p.work.alters_rules = true;
    p.work.may_fail = true;
    rc = post(f, &p);
    if (err)
        *err = p.err;
    return rc;
}

#define ALIAS_EVENT(alias, rest)                                                             \
    "{\"type\":\"artifact.alias.add\",\"entity\":\"acme\",\"project\":\"vision\","           \
    "\"collection\":\"resnet\",\"alias\":\"" alias "\"" rest "}"
#define ON_PRODUCTION(name, integration)                                                     \
    "{\"name\":\"" name "\",\"scope\":{\"entity\":\"acme\",\"project\":\"vision\"},"         \
    "\"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\",\"filter\":{\"alias\":\"production\"}},"     \
    "\"actions\":[{\"integration\":\"" integration "\",\"config\":{}}]}"

#endif
