/* The queue between threads: order, limits, waking and closing. */
#include "core/base/queue.h"

#include <pthread.h>
#include <unistd.h>

#include <belfry/plugin.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "tests/test.h"

struct item {
    int producer;
    int number;
    struct bf_link link;
};

static struct item *item_of(struct bf_link *link) { return bf_container_of(link, struct item, link); }

TEST(items_come_out_all_at_once_in_order)
{
    struct bf_queue *q = bf_queue_new(10);
    struct item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    struct bf_link *list;

    for (int round = 0; round < 2; round++) {
        CHECK(!bf_queue_pop_all(q, 0));
        for (int i = 0; i < 3; i++)
            CHECK_INT(bf_queue_push(q, &items[i].link), BF_OK);
        CHECK_INT(bf_queue_len(q), 3);
        list = bf_queue_pop_all(q, -1);
        for (int i = 0; i < 3; i++, list = list->next)
            CHECK_INT(item_of(list)->number, i);
        CHECK(!list);
        CHECK_INT(bf_queue_len(q), 0);
    }
    bf_queue_free(q);
    bf_queue_free(NULL);
}

TEST(a_full_queue_refuses_but_for_what_must_go_in)
{
    struct bf_queue *q = bf_queue_new(1);
    struct bf_link a, b;

    CHECK_INT(bf_queue_push(q, &a), BF_OK);
    CHECK_INT(bf_queue_push(q, &b), BF_EFULL);
    CHECK_INT(bf_queue_push_always(q, &b), BF_OK);
    CHECK_INT(bf_queue_len(q), 2);
    CHECK(bf_queue_pop_all(q, 0) == &a);
    CHECK(a.next == &b);
    CHECK_INT(bf_queue_push(q, &a), BF_OK);
    bf_queue_pop_all(q, 0);
    bf_queue_free(q);
}

TEST(a_closed_queue_refuses_but_gives_what_it_holds)
{
    struct bf_queue *q = bf_queue_new(5);
    struct bf_link a, b;

    bf_queue_push(q, &a);
    bf_queue_close(q);
    CHECK_INT(bf_queue_push(q, &b), BF_ECANCELED);
    CHECK_INT(bf_queue_push_always(q, &b), BF_ECANCELED);
    CHECK(bf_queue_pop_all(q, -1) == &a);
    CHECK(!bf_queue_pop_all(q, -1));
    bf_queue_free(q);
}

TEST(a_wait_for_nothing_ends_in_time)
{
    struct bf_queue *q = bf_queue_new(5);
    int64_t before = bf_mono_ms(bf_clock_system()), took;

    CHECK(!bf_queue_pop_all(q, 50));
    took = bf_mono_ms(bf_clock_system()) - before;
    CHECK(took >= 49 && took < 5000);
    bf_queue_free(q);
}

static void *close_soon(void *arg)
{
    usleep(30000);
    bf_queue_close(arg);
    return NULL;
}

TEST(closing_wakes_the_consumer)
{
    struct bf_queue *q = bf_queue_new(5);
    pthread_t thread;

    pthread_create(&thread, NULL, close_soon, q);
    CHECK(!bf_queue_pop_all(q, -1));
    pthread_join(thread, NULL);
    bf_queue_free(q);
}

enum { PRODUCERS = 4, EACH = 20000 };

struct producer {
    struct bf_queue *q;
    int number;
};

static void *produce(void *arg)
{
    const struct producer *p = arg;

    for (int i = 0; i < EACH; i++) {
        struct item *item = bf_new(struct item);

        item->producer = p->number;
        item->number = i;
        while (bf_queue_push(p->q, &item->link) == BF_EFULL)
            usleep(100);
    }
    return NULL;
}

/* Waits without end, so a wake-up that is lost hangs the test. */
TEST(nothing_is_lost_or_reordered_between_threads)
{
    struct bf_queue *q = bf_queue_new(100);
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    int next[PRODUCERS] = {0};

    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){q, i};
        pthread_create(&threads[i], NULL, produce, &producers[i]);
    }
    for (int left = PRODUCERS * EACH; left > 0;) {
        struct bf_link *list = bf_queue_pop_all(q, -1);

        while (list) {
            struct item *item = item_of(list);

            list = list->next;
            CHECK_INT(item->number, next[item->producer]++);
            free(item);
            left--;
        }
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(bf_queue_len(q), 0);
    bf_queue_free(q);
}
