/* publish.c - a hub's two conversations with the program that embeds it: events in, word of
 * executions out. */
#include "core/hub_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

#define PUBLISH_MAX (64 * 1024 * 1024)  /* memory for parsing one published text */

struct publication {
    struct bf_work work;
    struct bf_arena *arena;     /* holds this and all below */
    struct bf_envelope **events;
    struct bf_receipt *receipts;
    size_t n;
    bf_publish_fn *fn;
    void *arg;
};

static void free_publication(struct publication *p)
{
    for (size_t i = 0; i < p->n; i++)
        bf_envelope_unref(p->events[i]);
    bf_arena_free(p->arena);
}

static int apply_publication(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct publication *p = bf_container_of(w, struct publication, work);
    int rc = BF_OK;

    for (size_t i = 0; i < p->n && !rc; i++)
        rc = bf_bus_emit(tx, p->events[i], &p->receipts[i], err);
    return rc;
}

static void publication_done(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct publication *p = bf_container_of(w, struct publication, work);
    struct bf_published *out = bf_arena_alloc(p->arena, p->n * sizeof(*out));

    (void)err;
    for (size_t i = 0; !rc && i < p->n; i++)
        out[i] = (struct bf_published){p->receipts[i].id, p->receipts[i].duplicate};
    p->fn(p->arg, rc, out, rc ? 0 : p->n);
    free_publication(p);
}

static int check_entities(struct bf_hub *hub, const struct publication *p, struct bf_error *err)
{
    for (size_t i = 0; i < p->n; i++)
        if (!bf_team_exists(hub->team, p->events[i]->entity))
            return bf_error_field(err, BF_ECONFIG, "entity", "there is no team \"%s\"; make it"
                                  " with PUT /api/v1/teams/%s", p->events[i]->entity,
                                  p->events[i]->entity);
    return BF_OK;
}

int bf_hub_publish(struct bf_hub *hub, const char *json, size_t len, bf_publish_fn *fn, void *arg,
                   struct bf_error *err)
{
    struct bf_arena *a = bf_arena_new(PUBLISH_MAX);
    struct publication *p = bf_arena_new_of(a, struct publication);
    int rc;

    *p = (struct publication){.arena = a, .fn = fn, .arg = arg};
    p->work = (struct bf_work){.source = "program", .apply = apply_publication,
                               .done = publication_done};
    p->work.weight = (uint32_t)len;
    rc = bf_envelopes_parse(a, json, len, &p->events, &p->n, err);
    if (!rc)
        rc = check_entities(hub, p, err);
    if (!rc) {
        p->work.may_fail = bf_bus_may_refuse(hub->bus, p->events, p->n);
        p->work.events = p->events;
        p->work.n_events = p->n;
        p->receipts = bf_arena_alloc(a, p->n * sizeof(*p->receipts));
        rc = bf_bus_post(hub->bus, &p->work);
        if (rc)
            bf_error_set(err, rc, rc == BF_EFULL ? "the hub is behind; try again in a moment"
                                                 : "the hub is stopping");
    }
    if (rc)
        free_publication(p);
    return rc;
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
    int rc;
    struct bf_emitted emitted;
};

static void on_published(void *arg, int rc, const struct bf_published *events, size_t n)
{
    struct waiter *w = arg;

    pthread_mutex_lock(&w->lock);
    w->rc = rc;
    if (n) {
        w->emitted.duplicate = events[0].duplicate;
        snprintf(w->emitted.id, sizeof(w->emitted.id), "%s", events[0].id);
    }
    w->is_done = true;
    pthread_cond_signal(&w->done);
    pthread_mutex_unlock(&w->lock);
}

int bf_hub_publish_wait(struct bf_hub *hub, const char *json, size_t len, struct bf_emitted *out,
                        struct bf_error *err)
{
    struct waiter w = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0,
                       {.size = sizeof(w.emitted)}};
    int rc = bf_hub_publish(hub, json, len, on_published, &w, err);

    if (rc)
        return rc;
    pthread_mutex_lock(&w.lock);
    while (!w.is_done)
        pthread_cond_wait(&w.done, &w.lock);
    pthread_mutex_unlock(&w.lock);
    if (w.rc)
        return bf_error_set(err, w.rc, "the store could not take the events; nothing was kept");
    if (out) {
        out->duplicate = w.emitted.duplicate;
        memcpy(out->id, w.emitted.id, sizeof(out->id));
    }
    return BF_OK;
}


/* --- subscribing ------------------------------------------------------------- */

/* The lock is held while they are called: that is what lets bf_hub_unsubscribe() promise that no
 * call comes after it. */
void hub_notify(struct bf_hub *hub, const struct bf_execution *e)
{
    struct bf_execution_note note = {
        .size = sizeof(note),
        .attempts = e->attempts,
        .id = e->id,
        .event = e->event->id,
        .automation = e->automation->id,
        .status = bf_status_name(e->status),
    };

    bf_plugins_changed(hub->plugins, e);
    pthread_mutex_lock(&hub->lock);
    for (struct subscription *s = hub->subscriptions; s; s = s->next)
        s->fn(s->arg, &note);
    pthread_mutex_unlock(&hub->lock);
}

int bf_hub_subscribe(struct bf_hub *hub, bf_execution_fn *fn, void *arg)
{
    struct subscription *s = bf_new(struct subscription);

    pthread_mutex_lock(&hub->lock);
    *s = (struct subscription){hub->subscriptions, ++hub->last_subscription, fn, arg};
    hub->subscriptions = s;
    pthread_mutex_unlock(&hub->lock);
    return s->number;
}

void bf_hub_unsubscribe(struct bf_hub *hub, int subscription)
{
    struct subscription **at, *found = NULL;

    pthread_mutex_lock(&hub->lock);
    for (at = &hub->subscriptions; *at; at = &(*at)->next) {
        if ((*at)->number != subscription)
            continue;
        found = *at;
        *at = found->next;
        break;
    }
    pthread_mutex_unlock(&hub->lock);
    free(found);
}
