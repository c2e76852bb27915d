/* test_courier_slots.c - destinations that answer late, or never, and what they leave to others. */
#include "tests/unit/courier_fixture.h"

#define ACTIONS 16              /* of an automation, at most */

static void add_some(struct hub *h, int first, int n)
{
    struct bf_buf spec;
    char id[16];

    bf_buf_init(&spec, 1 << 16);
    snprintf(id, sizeof(id), "A%d", first);
    bf_buf_printf(&spec, "{\"name\":\"%s\",\"scope\":{\"entity\":\"acme\",\"project\":\"vision\"},"
                  "\"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\",\"filter\":{\"alias\":"
                  "\"production\"}},\"actions\":[", id);
    for (int i = first; i < n && i < first + ACTIONS; i++)
        bf_buf_printf(&spec, "%s{\"integration\":\"D%d\",\"config\":{}}", i > first ? "," : "", i);
    bf_buf_printf(&spec, "]}");
    CHECK_INT(save(&h->f, id, bf_buf_text(&spec), NULL), 0);
    bf_buf_fini(&spec);
}

/* Every event goes to so many destinations, D0 and on. */
static void add_destinations(struct hub *h, int n)
{
    for (int i = 0; i < n; i += ACTIONS)
        add_some(h, i, n);
}

static struct bf_courier_counts counts_of(struct hub *h)
{
    struct bf_courier_counts counts;

    bf_courier_count(h->courier, &counts);
    return counts;
}

/* Wait until so many are under way, of which so many are long ones, for at most 10 s. */
static void check_slots(struct hub *h, unsigned in_flight, unsigned in_long)
{
    struct bf_courier_counts c = counts_of(h);

    for (int i = 0; i < 2000 && (c.in_flight != in_flight || c.in_long != in_long); i++) {
        usleep(5000);
        c = counts_of(h);
    }
    CHECK_INT(c.in_flight, in_flight);
    CHECK_INT(c.in_long, in_long);
}

/* Wait until so many destinations have had so many attempts each, for at most 10 s. */
static void wait_for(struct hub *h, int attempts, int n)
{
    int met = 0;

    for (int k = 0; k < 2000 && met < n; k++) {
        usleep(k ? 5000 : 0);
        met = 0;
        for (size_t i = 0; i < BF_COUNT(h->met); i++)
            met += h->met[i] >= attempts;
    }
    if (met < n)
        test_failed(__FILE__, __LINE__, "%d destinations have had %d attempts, not %d", met, attempts, n);
}

/* Once so many have begun, those end that have not, later than a quick one would. */
static void settle_all(struct hub *h, int *from, int n)
{
    int to;

    for (int k = 0; k < 2000 && h->n_prepared < n; k++)
        usleep(5000);
    usleep(1100 * 1000);
    for (to = h->n_prepared; *from < to; ++*from)
        CHECK_INT(bf_courier_settle(h->courier, h->tickets[*from], BF_DELIVERED, -1, "late"), 0);
}

#define LATE {.info = {.quick = true, .settles = true}, .step = BF_STEP_LATER, .after_ms = -1, \
              .in_haste = true}

/* A hundred that had always answered used to keep all slots once they did not: it was only those
 * that had not that were held short. */
TEST(destinations_that_become_slow_leave_quick_slots_to_one_that_is_well)
{
    struct hub h = LATE;

    h.step = BF_STEP_SETTLED;
    h.healthy = "WELL";
    open_hub(&h);
    add_destinations(&h, 100);
    CHECK_INT(save(&h.f, "W", ON_PRODUCTION("well", "WELL"), NULL), 0);
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 2"), 101);
    h.step = BF_STEP_LATER;
    emit_many(&h, 10);
    eventually(&h, COUNT("integration = 'WELL' AND status = 2"), 11);
    emit_many(&h, 10);          /* now they are known to be slow */
    eventually(&h, COUNT("integration = 'WELL' AND status = 2"), 21);
    CHECK(counts_of(&h).in_flight > 256);
    close_hub(&h);
}

TEST(an_attempt_that_takes_long_gives_its_quick_slot_back)
{
    struct hub h = LATE;

    h.step = BF_STEP_SETTLED;
    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 2"), 1);
    h.step = BF_STEP_LATER;
    emit_many(&h, 1);
    check_slots(&h, 1, 0);
    check_slots(&h, 1, 1);
    emit_many(&h, 1);           /* and the next ones have none from the beginning */
    check_slots(&h, 2, 2);
    close_hub(&h);
}

TEST(one_that_has_not_answered_and_takes_long_gets_no_second_slot)
{
    struct hub h = LATE;

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    check_slots(&h, 1, 1);
    emit_many(&h, 5);
    usleep(50000);
    check_slots(&h, 1, 1);
    close_hub(&h);
}

TEST(a_destination_that_answers_soon_is_slow_no_more)
{
    struct hub h = LATE;

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    check_slots(&h, 1, 1);
    usleep(1000 * 1000);
    CHECK_INT(bf_courier_settle(h.courier, h.last_ticket, BF_DELIVERED, -1, "late"), 0);
    eventually(&h, COUNT("status = 2"), 1);
    emit_many(&h, 1);
    check_slots(&h, 1, 1);      /* it is slow */
    CHECK_INT(bf_courier_settle(h.courier, h.last_ticket, BF_DELIVERED, -1, "soon"), 0);
    eventually(&h, COUNT("status = 2"), 2);
    h.f.wall_ms++;
    emit_many(&h, 1);
    check_slots(&h, 1, 0);
    close_hub(&h);
}

/* One alone may have as many under way as its sink allows, however late it answers. */
TEST(a_slow_destination_alone_is_not_held_short)
{
    struct hub h = LATE;

    h.step = BF_STEP_SETTLED;
    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 2"), 1);
    h.step = BF_STEP_LATER;
    emit_many(&h, 100);
    check_slots(&h, 64, 64);
    close_hub(&h);
}

/* 300 that never answer, with eight executions each: there are slots for a quarter of that.  Every
 * one of them gets some, and what is left is not used up. */
TEST(every_slow_destination_gets_a_slot_before_some_have_many)
{
    struct hub h = LATE;

    open_hub(&h);
    add_destinations(&h, 300);
    emit_many(&h, 8);
    wait_for(&h, 1, 300);
    for (int i = 0; i < 300; i++)
        CHECK(h.met[i] <= 4);
    CHECK(counts_of(&h).in_flight <= 256 + 768);
    CHECK(counts_of(&h).in_long < 768);
    close_hub(&h);
}

/* More than there are slots.  What has ended stands behind those that are in line: it used to go
 * first, as long as it had more to begin. */
TEST(slow_destinations_take_turns)
{
    struct hub h = LATE;
    int begun;

    open_hub(&h);
    add_destinations(&h, 1200);
    emit_many(&h, 3);
    begun = 0;
    settle_all(&h, &begun, 768 + 192);  /* the others are in line, and go next */
    wait_for(&h, 1, 1200);
    wait_for(&h, 2, 500);               /* for these there are slots besides */
    settle_all(&h, &begun, 1200 + 500);
    wait_for(&h, 2, 960);               /* whose first attempts are over for longest */
    close_hub(&h);
}
