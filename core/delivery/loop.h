/* loop.h - the courier's thread: posted functions, timers, and all outgoing HTTP.
 *
 * One thread, one bf_client.  Everything [loop] in the plugin ABI runs here. */
#ifndef BF_LOOP_H
#define BF_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/queue.h"
#include "core/net/client.h"

#define BF_LOOP_TRANSFERS_MAX 1024      /* HTTP requests under way; more of them wait */

struct bf_loop;

int bf_loop_new(const struct bf_guard *guard, const char *user_agent, const struct bf_clock *clock,
                struct bf_log *log, struct bf_loop **out, struct bf_error *err);
int bf_loop_start(struct bf_loop *l, struct bf_error *err);
/* Runs what is posted, joins the thread, and ends transfers with BF_ECANCELED. */
void bf_loop_stop(struct bf_loop *l);
/* The same for at most wait_ms: false if something on it did not come back.  Then the loop must not
 * be freed. */
bool bf_loop_stop_within(struct bf_loop *l, int64_t wait_ms);
void bf_loop_free(struct bf_loop *l);

/* Embed; run once on the loop's thread.  BF_ECANCELED once the loop has stopped: fn will not run.
 * [any] */
struct bf_task {
    struct bf_link link;
    void (*fn)(struct bf_task *t);
};
int bf_loop_post(struct bf_loop *l, struct bf_task *t);

/* Called at the end of every turn of the loop, for who collects things.  Before start. */
void bf_loop_on_turn(struct bf_loop *l, void (*fn)(void *arg), void *arg);

/* Embed; fires once.  Setting an armed timer moves it.  [loop] */
struct bf_timer {
    int64_t at_mono_ms;
    uint32_t slot;              /* 0: not armed */
    void (*fn)(struct bf_timer *t);
};
void bf_loop_timer(struct bf_loop *l, struct bf_timer *t, int64_t in_ms);
void bf_loop_timer_cancel(struct bf_loop *l, struct bf_timer *t);

struct bf_client *bf_loop_client(struct bf_loop *l);            /* [loop] */
bool bf_loop_is_current(const struct bf_loop *l);               /* on its thread?  [any] */

#endif
