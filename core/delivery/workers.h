/* workers.h - a few threads for what may block: rendering, blocking sinks, deferred routes. */
#ifndef BF_WORKERS_H
#define BF_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/queue.h"

struct bf_workers;

/* Threads are made when there is work, up to n_max, and go after 30 s without. */
struct bf_workers *bf_workers_new(unsigned n_max, size_t queue_max);
/* Jobs that wait are still run; then the threads are joined.  Later adds: BF_ECANCELED. */
void bf_workers_stop(struct bf_workers *w);
/* The same for at most wait_ms: false if a job did not come back.  Those behind it are not run any
 * more, and the workers must not be freed. */
bool bf_workers_stop_within(struct bf_workers *w, int64_t wait_ms);
void bf_workers_free(struct bf_workers *w);

/* Embed; run once on one of the threads.  BF_EFULL or BF_ECANCELED: it will not be.  [any] */
struct bf_job {
    struct bf_link link;
    void (*fn)(struct bf_job *j);
};
int bf_workers_add(struct bf_workers *w, struct bf_job *j);

#define BF_WORKERS_LENT_MAX 56          /* threads beyond n_max, for jobs that wait for jobs */

/* The job that calls begin waits, until end, for what other jobs do, so one more thread may be at work
 * meanwhile: else as many such jobs as there are threads would wait for ever.  [a thread of the pool] */
void bf_workers_wait_begin(struct bf_workers *w);
void bf_workers_wait_end(struct bf_workers *w);

#endif
