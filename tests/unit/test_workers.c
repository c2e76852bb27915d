/* The pool of threads: jobs that wait for other jobs, and the end. */
#include "core/delivery/workers.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include "core/base/base.h"
#include "tests/test.h"

struct outer {
    struct bf_job job;
    struct bf_job inner;
    struct bf_workers *workers;
    sem_t inner_done;
    atomic_int *n_done;
};

static void inner_main(struct bf_job *j)
{
    sem_post(&bf_container_of(j, struct outer, inner)->inner_done);
}

static void outer_main(struct bf_job *j)
{
    struct outer *o = bf_container_of(j, struct outer, job);

    o->inner.fn = inner_main;
    CHECK_INT(bf_workers_add(o->workers, &o->inner), BF_OK);
    bf_workers_wait_begin(o->workers);
    while (sem_wait(&o->inner_done))
        ;
    bf_workers_wait_end(o->workers);
    atomic_fetch_add(o->n_done, 1);
}

/* Twice as many as there are threads, so that each of these is held by one that waits. */
TEST(jobs_that_wait_for_jobs_leave_room_for_them)
{
    struct bf_workers *w = bf_workers_new(2, 64);
    struct outer all[20] = {0};
    atomic_int n_done;

    atomic_init(&n_done, 0);
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < BF_COUNT(all); i++) {
            all[i] = (struct outer){.job.fn = outer_main, .workers = w, .n_done = &n_done};
            sem_init(&all[i].inner_done, 0, 0);
            CHECK_INT(bf_workers_add(w, &all[i].job), BF_OK);
        }
        while (atomic_load(&n_done) < (int)BF_COUNT(all) * (round + 1))
            usleep(1000);
        for (size_t i = 0; i < BF_COUNT(all); i++)
            sem_destroy(&all[i].inner_done);
    }
    bf_workers_free(w);
}
