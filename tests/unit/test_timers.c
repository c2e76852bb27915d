/* test_timers.c - schedules and absences under a clock that the test moves: when waits begin and are
 * over, restarts between the two, jumps of the clock, and transactions that are undone. */
#include "core/rules/timers.h"
#include "tests/test.h"

#include <stdlib.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/rules/memory_keys.h"

#define MINUTE 60000LL
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static struct bf_error err;

/* --- a memory that can be rolled back ----------------------------------------- */

#define VALUES_MAX 3000

struct value {
    char key[120];
    char text[64];
};

static struct store {
    struct value values[VALUES_MAX];
    size_t n;
} now, committed;

static int n_sets;

static struct value *find(const char *key)
{
    for (size_t i = 0; i < now.n; i++) {
        if (strcmp(now.values[i].key, key) == 0)
            return &now.values[i];
    }
    return NULL;
}

static const void *memory_get(void *arg, const char *key, size_t key_len, size_t *len)
{
    const struct value *v = find(key);

    (void)arg;
    CHECK_INT(strlen(key), key_len);
    *len = v ? strlen(v->text) : 0;
    return v ? v->text : NULL;
}

static void memory_set(void *arg, const char *key, size_t key_len, const void *value, size_t len,
                       bool kept)
{
    struct value *v = find(key);

    (void)arg;
    (void)key_len;
    CHECK(!kept);
    n_sets++;
    if (!value) {
        if (v)
            *v = now.values[--now.n];
        return;
    }
    if (!v) {
        CHECK(now.n < VALUES_MAX);
        v = &now.values[now.n++];
    }
    snprintf(v->key, sizeof(v->key), "%s", key);
    snprintf(v->text, sizeof(v->text), "%.*s", (int)len, (const char *)value);
}

static void memory_each(void *arg, const char *prefix, size_t prefix_len,
                        void (*fn)(void *fn_arg, const char *key, size_t key_len, const void *value,
                                   size_t len),
                        void *fn_arg)
{
    (void)arg;
    for (size_t i = 0; i < now.n; i++) {
        if (strncmp(now.values[i].key, prefix, prefix_len) == 0)
            fn(fn_arg, now.values[i].key, strlen(now.values[i].key), now.values[i].text,
               strlen(now.values[i].text));
    }
}

static const struct bf_memory memory = {.get = memory_get, .set = memory_set, .each = memory_each};

static void remember_state(uint64_t run, const char *state)
{
    struct bf_memory_key k;

    bf_memory_key(&k, BF_MEMORY_STATE);
    bf_memory_key_number(&k, run);
    if (state)
        memory_set(NULL, k.text, k.len, state, strlen(state), false);
}

/* --- automations, by hand ---------------------------------------------------- */

struct mine {
    struct bf_automation automation;
    struct bf_schedule schedule;
    struct bf_absence absence;
    const struct bf_filter *filter;
};

static struct bf_arena *arena(void)
{
    static struct bf_arena *a;

    return a = a ? a : bf_arena_new(1 << 22);
}

static struct mine *automation(const char *id, uint64_t era)
{
    static struct mine *all[40];
    static size_t n;
    struct mine *m = bf_new(struct mine);

    CHECK(n < BF_COUNT(all));
    all[n++] = m;
    atomic_init(&m->automation.refs, 1000000);
    snprintf(m->automation.id, sizeof(m->automation.id), "%s", id);
    m->automation.era = era;
    m->automation.enabled = true;
    m->automation.entity = "acme";
    m->automation.project = "vision";
    return m;
}

static struct mine *on_schedule(const char *id, uint64_t era, const char *cron, const char *zone)
{
    struct mine *m = automation(id, era);

    if (bf_cron_parse(cron, &m->schedule, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
    m->schedule.zone = bf_tz_new(zone);
    m->automation.schedule = &m->schedule;
    return m;
}

static struct mine *on_absence(const char *id, uint64_t era, const char *json)
{
    struct mine *m = automation(id, era);
    const struct bf_json *j = bf_json_parse(arena(), json, strlen(json), &err);

    if (bf_absence_parse(arena(), j, &m->absence, &err) ||
        bf_filter_parse(arena(), bf_json_get(j, "run_filter"), "run.metric", &m->filter, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
    m->automation.filter = m->filter;
    m->automation.absence = &m->absence;
    return m;
}

/* --- a hub in small ------------------------------------------------------------ */

static struct hub {
    struct bf_timers *timers;
    int64_t time;
    struct mine *filed[8];
    size_t n_filed;
} hub;

static int64_t at(const char *text)
{
    int64_t ms;

    CHECK(bf_time_parse(text, &ms));
    return ms;
}

static void save(struct mine *m)
{
    bf_timers_saved(hub.timers, &m->automation, hub.time);
    bf_timers_flush(hub.timers);
    committed = now;
    bf_timers_settle(hub.timers);
    bf_timers_put(hub.timers, &m->automation);
    for (size_t i = 0; i < hub.n_filed; i++) {
        if (strcmp(hub.filed[i]->automation.id, m->automation.id) == 0) {
            hub.filed[i] = m;
            return;
        }
    }
    hub.filed[hub.n_filed++] = m;
}

static void start(const char *time)
{
    hub.time = at(time);
    hub.timers = bf_timers_new();
    for (size_t i = 0; i < hub.n_filed; i++)
        bf_timers_put(hub.timers, &hub.filed[i]->automation);
    bf_timers_begin(hub.timers, &memory, hub.time);
}

static void stop(void) { bf_timers_free(hub.timers); }

static void restart(void)
{
    char text[32];

    bf_time_print(hub.time, text);
    stop();
    start(text);
}

static void commit(void)
{
    bf_timers_flush(hub.timers);
    committed = now;
    bf_timers_settle(hub.timers);
}

static void roll_back(void)
{
    now = committed;
    bf_timers_undo(hub.timers, false);
}

/* An event of acme/vision, not committed. */
static void hear(uint64_t run, const char *json)
{
    struct bf_envelope *e;
    struct bf_record record = {.run = run};
    struct bf_subject subject;
    struct bf_arena *scratch = bf_arena_new(1 << 20);
    struct bf_point points[4] = {{0}};

    if (bf_envelope_parse(scratch, json, strlen(json), BF_FROM_HUB, &e, &err))
        test_failed(__FILE__, __LINE__, "%s: %s", json, err.words);
    e->received_ms = hub.time;
    record.event = e;
    if (strstr(json, "\"loss\""))
        points[record.n_points++].name = "loss";
    if (strstr(json, "\"system.cpu\""))
        points[record.n_points++].name = "system.cpu";
    record.points = points;
    subject = (struct bf_subject){.event = e, .arena = scratch};
    bf_timers_see(hub.timers, &record, "acme-corp", &subject);
    bf_envelope_unref(e);
    bf_arena_free(scratch);
}

static void happens(uint64_t run, const char *json)
{
    hear(run, json);
    commit();
}

#define RUN(type, more)                                                                      \
    "{\"type\":\"run." type "\",\"entity\":\"acme\",\"project\":\"vision\","                  \
    "\"run\":{\"id\":\"r\",\"name\":\"frog\"" more "}}"
#define HEARTBEAT RUN("heartbeat", "")
#define STATE(s)  RUN("state", ",\"state\":\"" s "\"")
#define METRIC(name)                                                                         \
    "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\",\"run\":{\"id\":\"r\"},"  \
    "\"metrics\":[{\"name\":\"" name "\",\"value\":1}]}"

/* What is over, each as its id, due time and run; and each is ended by its record. */
static const char *over_at(const char *time)
{
    static char out[8000];
    const struct bf_due *due;
    size_t len = 0, n;
    char text[32];

    hub.time = at(time);
    out[0] = '\0';
    while ((n = bf_timers_due(hub.timers, hub.time, &due))) {
        for (size_t i = 0; i < n && len < sizeof(out) - 100; i++) {
            struct bf_due d = due[i];

            bf_time_print(d.due_ms, text);
            len += (size_t)snprintf(out + len, sizeof(out) - len, "%s%s %.19s", len ? ", " : "",
                                    d.automation->id, text);
            if (d.run)
                len += (size_t)snprintf(out + len, sizeof(out) - len, " run %d", (int)d.run);
            if (d.late)
                len += (size_t)snprintf(out + len, sizeof(out) - len, " late %u", d.missed);
            CHECK(bf_timers_over(hub.timers, d.automation, d.run, d.due_ms));
            CHECK(!bf_timers_over(hub.timers, d.automation, d.run, d.due_ms));
        }
        commit();
    }
    return out;
}

/* --- schedules --------------------------------------------------------------- */

TEST(a_schedule_comes_at_each_occurrence_once)
{
    start("2026-01-05T08:00:00Z");
    save(on_schedule("A", 1, "0 9 * * mon-fri", "UTC"));
    CHECK_INT(bf_timers_next(hub.timers), at("2026-01-05T09:00:00Z"));
    CHECK_STR(over_at("2026-01-05T08:59:59.999Z"), "");
    CHECK_STR(over_at("2026-01-05T09:00:00Z"), "A 2026-01-05T09:00:00");
    CHECK_STR(over_at("2026-01-05T09:00:30Z"), "");
    CHECK_STR(over_at("2026-01-06T09:00:00.500Z"), "A 2026-01-06T09:00:00");
    CHECK_INT(bf_timers_next(hub.timers), at("2026-01-07T09:00:00Z"));
    stop();
}

TEST(missed_occurrences_are_made_up_for_by_one_late_one)
{
    start("2026-01-05T08:00:00Z");
    save(on_schedule("A", 1, "0 * * * *", "UTC"));
    CHECK_STR(over_at("2026-01-05T09:01:00Z"), "A 2026-01-05T09:00:00");
    CHECK_STR(over_at("2026-01-05T10:01:00.001Z"), "A 2026-01-05T10:00:00 late 0");
    CHECK_STR(over_at("2026-01-05T13:00:10Z"), "A 2026-01-05T13:00:00 late 2");
    CHECK_STR(over_at("2026-07-05T13:30:00Z"), "A 2026-07-05T13:00:00 late 999");
    CHECK_STR(over_at("2026-07-05T13:40:00Z"), "");
    stop();
}

TEST(a_restart_neither_repeats_nor_forgets_an_occurrence)
{
    start("2026-01-05T08:00:00Z");
    save(on_schedule("A", 1, "0 9 * * *", "UTC"));
    restart();
    CHECK_STR(over_at("2026-01-05T09:00:00Z"), "A 2026-01-05T09:00:00");
    restart();
    CHECK_STR(over_at("2026-01-05T09:00:01Z"), "");
    /* Down over two of them, and since before the first one it ever had. */
    hub.time = at("2026-01-07T09:30:00Z");
    restart();
    CHECK_STR(over_at("2026-01-07T09:30:00Z"), "A 2026-01-07T09:00:00 late 1");
    hub.time = at("2026-01-07T10:00:00Z");
    save(on_schedule("B", 2, "30 10 * * *", "UTC"));
    hub.time = at("2026-01-07T11:00:00Z");
    restart();
    CHECK_STR(over_at("2026-01-07T11:00:00Z"), "B 2026-01-07T10:30:00 late 0");
    stop();
}

TEST(a_schedule_begins_when_it_is_saved_or_enabled_and_editing_begins_anew)
{
    struct mine *off = on_schedule("A", 1, "0 9 * * *", "UTC");

    off->automation.enabled = false;
    start("2026-01-05T09:30:00Z");
    save(on_schedule("A", 1, "0 9 * * *", "UTC"));
    CHECK_STR(over_at("2026-01-05T12:00:00Z"), "");
    save(off);
    CHECK_STR(over_at("2026-01-06T12:00:00Z"), "");
    save(on_schedule("A", 1, "0 9 * * *", "UTC"));
    restart();
    CHECK_STR(over_at("2026-01-06T13:00:00Z"), "");
    CHECK_STR(over_at("2026-01-07T09:00:00Z"), "A 2026-01-07T09:00:00");
    /* Saved again with the same era, a moment before it is due: it waits on. */
    hub.time = at("2026-01-08T08:59:59Z");
    save(on_schedule("A", 1, "0 9 * * *", "UTC"));
    CHECK_STR(over_at("2026-01-08T09:00:00Z"), "A 2026-01-08T09:00:00");
    save(on_schedule("A", 9, "0 8 * * *", "UTC"));
    CHECK_STR(over_at("2026-01-08T23:00:00Z"), "");
    CHECK_STR(over_at("2026-01-09T08:00:00Z"), "A 2026-01-09T08:00:00");
    bf_timers_remove(hub.timers, "A");
    CHECK_STR(over_at("2026-01-10T08:00:00Z"), "");
    CHECK_INT(bf_timers_next(hub.timers), 0);
    commit();
    CHECK_INT(now.n, 0);
    stop();
}

TEST(both_changes_of_berlin_bring_one_occurrence_each)
{
    start("2026-03-28T12:00:00Z");
    save(on_schedule("A", 1, "30 2 * * *", "Europe/Berlin"));
    CHECK_STR(over_at("2026-03-29T00:59:59Z"), "");
    CHECK_STR(over_at("2026-03-29T01:00:00Z"), "A 2026-03-29T01:00:00");
    CHECK_STR(over_at("2026-03-29T12:00:00Z"), "");
    hub.time = at("2026-10-24T12:00:00Z");
    save(on_schedule("A", 2, "30 2 * * *", "Europe/Berlin"));
    CHECK_STR(over_at("2026-10-25T00:30:00Z"), "A 2026-10-25T00:30:00");
    restart();
    CHECK_STR(over_at("2026-10-25T01:30:00Z"), "");
    CHECK_STR(over_at("2026-10-26T01:30:00Z"), "A 2026-10-26T01:30:00");
    stop();
}

/* --- absences ----------------------------------------------------------------- */

#define HEARTBEAT_30M "{\"of\":\"run.heartbeat\",\"for\":\"30m\"}"

TEST(an_absence_is_begun_by_the_first_event_of_a_run_and_anew_by_each_awaited_one)
{
    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, HEARTBEAT_30M));
    CHECK_STR(over_at("2026-01-05T12:00:00Z"), "");
    happens(1, METRIC("loss"));
    hub.time += 10 * MINUTE;
    happens(1, METRIC("loss"));         /* not awaited */
    CHECK_STR(over_at("2026-01-05T12:29:59.999Z"), "");
    happens(1, HEARTBEAT);
    happens(2, HEARTBEAT);
    CHECK_STR(over_at("2026-01-05T12:40:00Z"), "");
    happens(2, HEARTBEAT);
    CHECK_STR(over_at("2026-01-05T13:00:00Z"), "A 2026-01-05T12:59:59 run 1");
    CHECK_STR(over_at("2026-01-05T13:10:00Z"), "A 2026-01-05T13:10:00 run 2");
    /* It was over: only the awaited event begins it again. */
    happens(1, METRIC("loss"));
    CHECK_STR(over_at("2026-01-05T14:00:00Z"), "");
    happens(1, HEARTBEAT);
    CHECK_STR(over_at("2026-01-05T14:30:00Z"), "A 2026-01-05T14:30:00 run 1");
    stop();
}

TEST(a_run_that_ends_is_not_waited_for_and_one_that_crashed_is)
{
    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, "{\"of\":\"run\",\"for\":\"30m\"}"));
    happens(1, STATE("RUNNING"));
    happens(1, STATE("FINISHED"));
    remember_state(1, "FINISHED");
    happens(1, METRIC("loss"));         /* too late to begin anything */
    CHECK_STR(over_at("2026-01-05T09:00:00Z"), "");
    remember_state(1, "RUNNING");
    happens(1, STATE("RUNNING"));
    CHECK_STR(over_at("2026-01-05T09:10:00Z"), "");
    happens(1, STATE("CRASHED"));       /* which is silence */
    CHECK_STR(over_at("2026-01-05T09:30:00Z"), "A 2026-01-05T09:30:00 run 1");
    happens(2, STATE("CRASHED"));
    CHECK_STR(over_at("2026-01-05T12:00:00Z"), "");
    happens(3, HEARTBEAT);
    happens(3, STATE("KILLED"));
    happens(4, HEARTBEAT);
    happens(4, STATE("FAILED"));
    CHECK_STR(over_at("2026-01-06T12:00:00Z"), "");
    stop();
}

/* The run's end was reported while its team was in another organization: it used to be waited for
 * all the same, and its next life was not, for the old wait was thought to be on. */
TEST(an_end_that_was_not_seen_is_learned_from_the_next_event)
{
    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, "{\"of\":\"run.metric\",\"metric\":\"cpu\",\"for\":\"30m\"}"));
    happens(1, METRIC("cpu"));
    remember_state(1, "FINISHED");
    happens(1, METRIC("loss"));
    CHECK_STR(over_at("2026-01-05T09:00:00Z"), "");
    remember_state(1, "RUNNING");
    happens(1, STATE("RUNNING"));
    CHECK_STR(over_at("2026-01-05T09:30:00Z"), "A 2026-01-05T09:30:00 run 1");
    stop();
}

TEST(an_absence_of_a_metric_goes_by_its_name_alone)
{
    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, "{\"of\":\"run.metric\",\"metric\":\"cpu\",\"for\":\"10m\"}"));
    happens(1, STATE("RUNNING"));
    hub.time += 5 * MINUTE;
    happens(1, METRIC("loss"));
    CHECK_STR(over_at("2026-01-05T08:10:00Z"), "A 2026-01-05T08:10:00 run 1");
    happens(1, METRIC("system.cpu"));
    hub.time += 5 * MINUTE;
    happens(1, METRIC("system.cpu"));
    CHECK_STR(over_at("2026-01-05T08:20:00Z"), "");
    CHECK_STR(over_at("2026-01-05T08:25:00Z"), "A 2026-01-05T08:25:00 run 1");
    stop();
}

TEST(the_filter_says_which_runs_are_waited_for_not_which_events)
{
    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, "{\"of\":\"run\",\"for\":\"30m\",\"run_filter\":{\"run_name\":\"frog\"}}"));
    happens(1, METRIC("loss"));         /* does not tell its name */
    CHECK_INT(bf_timers_next(hub.timers), 0);
    happens(1, HEARTBEAT);
    hub.time += 20 * MINUTE;
    happens(1, METRIC("loss"));
    CHECK_STR(over_at("2026-01-05T08:30:00Z"), "");
    CHECK_STR(over_at("2026-01-05T08:50:00Z"), "A 2026-01-05T08:50:00 run 1");
    stop();
}

TEST(an_absence_of_a_scope_is_begun_by_the_first_awaited_event)
{
    static const char event[] =
        "{\"type\":\"ci.finished\",\"entity\":\"acme\",\"project\":\"vision\"}";
    static const char other[] =
        "{\"type\":\"ci.finished\",\"entity\":\"acme\",\"project\":\"audio\"}";
    struct mine *wide = on_absence("B", 2, "{\"of\":\"ci.finished\",\"for\":\"2h\"}");

    wide->automation.entity = "acme-corp";      /* the organization that acme is in */
    wide->automation.project = NULL;
    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, "{\"of\":\"ci.finished\",\"for\":\"1h\"}"));
    save(wide);
    happens(0, event);
    hub.time += 30 * MINUTE;
    happens(0, other);
    happens(7, HEARTBEAT);
    CHECK_STR(over_at("2026-01-05T09:00:00Z"), "A 2026-01-05T09:00:00");
    CHECK_STR(over_at("2026-01-05T10:00:00Z"), "");
    happens(0, event);
    CHECK_STR(over_at("2026-01-05T12:00:00Z"), "A 2026-01-05T11:00:00, B 2026-01-05T12:00:00");
    stop();
}

TEST(a_type_of_ones_own_is_waited_for_per_run_from_its_first_event_on)
{
    static const char saved[] = "{\"type\":\"checkpoint.saved\",\"entity\":\"acme\","
                                "\"project\":\"vision\",\"run\":{\"id\":\"r\"}}";

    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, "{\"of\":\"checkpoint.saved\",\"for\":\"1h\",\"per\":\"run\"}"));
    happens(1, HEARTBEAT);
    happens(0, saved);
    CHECK_INT(bf_timers_next(hub.timers), 0);
    happens(1, saved);
    happens(2, saved);
    happens(2, STATE("FINISHED"));
    CHECK_STR(over_at("2026-01-05T09:00:00Z"), "A 2026-01-05T09:00:00 run 1");
    stop();
}

TEST(a_restart_between_beginning_and_end_changes_nothing)
{
    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, HEARTBEAT_30M));
    happens(1, HEARTBEAT);
    happens(2, HEARTBEAT);
    happens(3, HEARTBEAT);
    happens(3, STATE("FINISHED"));
    hub.time += 10 * MINUTE;
    restart();
    happens(2, HEARTBEAT);
    restart();
    CHECK_STR(over_at("2026-01-05T08:30:00Z"), "A 2026-01-05T08:30:00 run 1");
    restart();
    CHECK_STR(over_at("2026-01-05T08:35:00Z"), "");
    happens(1, METRIC("loss"));         /* known, and not awaited, after the restart as before */
    hub.time = at("2026-01-05T09:00:00Z");
    restart();
    CHECK_STR(over_at("2026-01-05T09:00:00Z"), "A 2026-01-05T08:40:00 run 2");
    happens(1, HEARTBEAT);
    restart();
    CHECK_STR(over_at("2026-01-05T09:30:00Z"), "A 2026-01-05T09:30:00 run 1");
    stop();
}

/* The hub's time never goes back; while the machine's is behind it goes on more slowly.  A jump
 * forward is over for whoever waited. */
TEST(jumps_of_the_clock_end_each_wait_once)
{
    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, HEARTBEAT_30M));
    save(on_schedule("B", 2, "15 * * * *", "UTC"));
    happens(1, HEARTBEAT);
    CHECK_STR(over_at("2026-01-05T09:00:00Z"),
              "B 2026-01-05T08:15:00 late 0, A 2026-01-05T08:30:00 run 1");
    CHECK_STR(over_at("2026-01-05T08:00:00Z"), "");
    CHECK_STR(over_at("2026-01-05T09:15:00Z"), "B 2026-01-05T09:15:00");
    stop();
}

TEST(disabling_or_editing_ends_the_waits_for_good)
{
    struct mine *off = on_absence("A", 1, HEARTBEAT_30M);

    off->automation.enabled = false;
    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, HEARTBEAT_30M));
    happens(1, HEARTBEAT);
    happens(2, HEARTBEAT);
    save(off);
    hub.time++;
    save(on_absence("A", 1, HEARTBEAT_30M));
    happens(2, HEARTBEAT);
    restart();
    CHECK_STR(over_at("2026-01-05T09:00:00Z"), "A 2026-01-05T08:30:00 run 2");
    happens(2, HEARTBEAT);
    save(on_absence("A", 5, HEARTBEAT_30M));
    CHECK_STR(over_at("2026-01-05T10:00:00Z"), "");
    happens(2, HEARTBEAT);
    save(on_absence("A", 5, HEARTBEAT_30M));    /* another name, say */
    restart();
    CHECK_STR(over_at("2026-01-05T10:30:00Z"), "A 2026-01-05T10:30:00 run 2");
    commit();
    CHECK_INT(now.n, 2);
    stop();
}

/* Many runs are forgotten over several transactions; meanwhile the mark of the enabling tells. */
TEST(what_is_left_behind_is_forgotten_bit_by_bit_and_never_comes_back)
{
    struct mine *off = on_absence("A", 1, HEARTBEAT_30M);

    off->automation.enabled = false;
    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, HEARTBEAT_30M));
    for (uint64_t run = 1; run <= 1200; run++)
        hear(run, HEARTBEAT);
    commit();
    CHECK_INT(now.n, 1201);
    save(off);
    hub.time++;
    save(on_absence("A", 1, HEARTBEAT_30M));
    hear(700, HEARTBEAT);
    commit();
    restart();
    CHECK_STR(over_at("2026-01-05T09:00:00Z"), "A 2026-01-05T08:30:00 run 700");
    for (int i = 0; i < 4; i++)
        commit();
    CHECK_INT(now.n, 2);
    stop();
}

/* Waits of runs that fell silent once stayed for ever, in memory and in the table. */
TEST(a_run_that_is_cut_is_not_waited_for_and_leaves_nothing)
{
    size_t n;

    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, HEARTBEAT_30M));
    save(on_schedule("B", 2, "0 9 * * *", "UTC"));
    happens(1, HEARTBEAT);
    happens(2, HEARTBEAT);
    CHECK_STR(over_at("2026-01-05T08:30:00Z"),
              "A 2026-01-05T08:30:00 run 1, A 2026-01-05T08:30:00 run 2");
    happens(2, HEARTBEAT);
    n = now.n;
    bf_timers_forget_run(hub.timers, 1);
    bf_timers_forget_run(hub.timers, 2);
    roll_back();
    bf_timers_forget_run(hub.timers, 1);
    bf_timers_forget_run(hub.timers, 3);
    commit();
    CHECK_INT(now.n, n - 1);
    restart();
    CHECK_STR(over_at("2026-01-05T09:10:00Z"),
              "A 2026-01-05T09:00:00 run 2, B 2026-01-05T09:00:00 late 0");
    stop();
}

/* Whoever may send events may name runs without end. */
TEST(there_are_no_more_waits_than_the_limit)
{
    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, HEARTBEAT_30M));
    bf_timers_limit(hub.timers, 2);
    for (uint64_t run = 1; run <= 4; run++)
        happens(run, HEARTBEAT);
    CHECK_INT(bf_timers_refused(hub.timers), 2);
    happens(1, STATE("FINISHED"));
    happens(5, HEARTBEAT);
    CHECK_INT(bf_timers_refused(hub.timers), 2);
    CHECK_STR(over_at("2026-01-05T08:30:00Z"),
              "A 2026-01-05T08:30:00 run 2, A 2026-01-05T08:30:00 run 5");
    stop();
}

/* --- transactions -------------------------------------------------------------- */

TEST(what_is_undone_is_as_it_was_before)
{
    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, HEARTBEAT_30M));
    save(on_schedule("B", 2, "0 9 * * *", "UTC"));
    happens(1, HEARTBEAT);
    hub.time += 10 * MINUTE;
    hear(1, HEARTBEAT);
    hear(2, HEARTBEAT);
    hear(1, STATE("FINISHED"));
    roll_back();
    CHECK_STR(over_at("2026-01-05T08:29:00Z"), "");
    hub.time = at("2026-01-05T08:30:00Z");
    CHECK(bf_timers_over(hub.timers, &hub.filed[0]->automation, 1, hub.time));
    roll_back();
    CHECK_STR(over_at("2026-01-05T08:40:00Z"), "A 2026-01-05T08:30:00 run 1");
    CHECK(bf_timers_over(hub.timers, &hub.filed[1]->automation, 0, at("2026-01-05T09:00:00Z")));
    roll_back();
    CHECK_STR(over_at("2026-01-05T09:00:00Z"), "B 2026-01-05T09:00:00");
    stop();
}

TEST(a_part_that_is_undone_takes_nothing_with_it_of_what_came_before)
{
    struct store mark;

    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, HEARTBEAT_30M));
    hear(1, HEARTBEAT);
    bf_timers_flush(hub.timers);
    mark = now;
    hear(1, STATE("FINISHED"));
    hear(2, HEARTBEAT);
    now = mark;
    bf_timers_undo(hub.timers, true);
    hear(3, HEARTBEAT);
    hear(3, STATE("FINISHED"));
    hear(3, HEARTBEAT);
    bf_timers_flush(hub.timers);
    hear(1, STATE("FINISHED"));
    hear(1, HEARTBEAT);
    now = committed;
    bf_timers_undo(hub.timers, false);
    CHECK_INT(bf_timers_next(hub.timers), 0);
    hear(1, HEARTBEAT);
    hear(3, HEARTBEAT);
    commit();
    restart();
    CHECK_STR(over_at("2026-01-05T08:30:00Z"),
              "A 2026-01-05T08:30:00 run 1, A 2026-01-05T08:30:00 run 3");
    stop();
}

TEST(a_wait_is_written_once_per_transaction_however_often_it_is_begun)
{
    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, HEARTBEAT_30M));
    n_sets = 0;
    for (int i = 0; i < 100; i++) {
        hub.time++;
        hear(1, HEARTBEAT);
        hear(2, HEARTBEAT);
    }
    CHECK_INT(n_sets, 0);
    commit();
    CHECK_INT(n_sets, 2);
    commit();
    CHECK_INT(n_sets, 2);
    stop();
}

TEST(a_record_ends_the_wait_that_it_is_about_and_no_other)
{
    struct mine *other = on_absence("Z", 9, HEARTBEAT_30M);

    start("2026-01-05T08:00:00Z");
    save(on_absence("A", 1, HEARTBEAT_30M));
    happens(1, HEARTBEAT);
    hub.time += 30 * MINUTE;
    CHECK(!bf_timers_over(hub.timers, &hub.filed[0]->automation, 1, hub.time - 1));
    CHECK(!bf_timers_over(hub.timers, &hub.filed[0]->automation, 1, hub.time + 1));
    CHECK(!bf_timers_over(hub.timers, &hub.filed[0]->automation, 2, hub.time));
    CHECK(!bf_timers_over(hub.timers, &other->automation, 1, hub.time));
    CHECK(bf_timers_over(hub.timers, &hub.filed[0]->automation, 1, hub.time));
    stop();
}

/* --- many ------------------------------------------------------------------------ */

/* Against a plain list of what each run waits for. */
TEST(many_waits_are_over_in_order_each_once)
{
    static int64_t due[500];
    struct bf_timers *t;
    struct mine *m = on_absence("A", 1, "{\"of\":\"run\",\"for\":\"1h\"}");
    uint64_t seed = 4711, expected = 0, got = 0;
    const struct bf_due *d;
    size_t n;

    hub.time = DAY;
    t = hub.timers = bf_timers_new();
    bf_timers_put(t, &m->automation);
    bf_timers_begin(t, NULL, hub.time);
    for (int step = 0; step < 20000; step++) {
        uint64_t run;
        int64_t last = 0;

        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        run = (seed >> 33) % 499 + 1;
        hub.time += (int64_t)((seed >> 20) % 30000);
        while ((n = bf_timers_due(t, hub.time, &d))) {
            for (size_t i = 0; i < n; i++) {
                CHECK(d[i].due_ms >= last);
                last = d[i].due_ms;
                CHECK_INT(due[d[i].run], d[i].due_ms);
                due[d[i].run] = 0;
                CHECK(bf_timers_over(t, d[i].automation, d[i].run, d[i].due_ms));
                got++;
            }
        }
        for (int i = 1; i < 500; i++)
            CHECK(!due[i] || due[i] > hub.time);
        if (seed >> 60 == 0) {
            hear(run, STATE("FINISHED"));
            due[run] = 0;
        } else {
            hear(run, HEARTBEAT);
            due[run] = hub.time + HOUR;
        }
    }
    for (int i = 1; i < 500; i++)
        expected += due[i] != 0;
    for (hub.time += HOUR; (n = bf_timers_due(t, hub.time, &d)); got += n, expected -= n) {
        for (size_t i = 0; i < n; i++)
            CHECK(bf_timers_over(t, d[i].automation, d[i].run, d[i].due_ms));
    }
    CHECK_INT(expected, 0);
    CHECK(got > 1000);
    stop();
}

/* --- records --------------------------------------------------------------------- */

TEST(a_record_says_what_was_waited_for)
{
    struct mine *s = on_schedule("A", 1, "0 9 * * *", "UTC");
    struct mine *a = on_absence("B", 1, "{\"of\":\"run.metric\",\"metric\":\"lo\\\"ss\",\"for\":\"90s\"}");
    struct bf_due_run run = {"team", "audio", "{\"id\":\"r1\"}", 11};
    struct bf_due tick = {.automation = &s->automation, .due_ms = at("2026-01-05T09:00:00Z"),
                          .late = true, .missed = 3};
    struct bf_due advance = {.automation = &a->automation, .due_ms = at("2026-01-05T09:01:30Z"),
                             .last_ms = at("2026-01-05T09:00:00Z"), .run = 1};
    struct bf_arena *scratch = bf_arena_new(1 << 20);
    struct bf_envelope *e;
    struct bf_buf b;

    bf_buf_init(&b, 4000);
    bf_due_print(&tick, NULL, &b);
    CHECK_STR(bf_buf_text(&b),
              "{\"type\":\"schedule.tick\",\"time\":\"2026-01-05T09:00:00.000Z\","
              "\"author\":\"belfry-system\",\"entity\":\"acme\",\"project\":\"vision\","
              "\"data\":{\"automation\":\"A\",\"occurrence\":\"2026-01-05T09:00:00.000Z\","
              "\"late\":true,\"missed\":3}}");
    CHECK_INT(bf_envelope_parse(scratch, b.data, b.len, BF_FROM_HUB, &e, &err), 0);
    bf_envelope_unref(e);
    bf_buf_clear(&b);
    bf_due_print(&advance, &run, &b);
    CHECK_STR(bf_buf_text(&b),
              "{\"type\":\"clock.advance\",\"time\":\"2026-01-05T09:01:30.000Z\","
              "\"author\":\"belfry-system\",\"entity\":\"team\",\"project\":\"audio\","
              "\"run\":{\"id\":\"r1\"},\"data\":{\"automation\":\"B\","
              "\"due\":\"2026-01-05T09:01:30.000Z\",\"last\":\"2026-01-05T09:00:00.000Z\","
              "\"for\":\"90s\",\"of\":\"run.metric\",\"metric\":\"lo\\\"ss\"}}");
    CHECK_INT(bf_envelope_parse(scratch, b.data, b.len, BF_FROM_HUB, &e, &err), 0);
    bf_envelope_unref(e);
    bf_buf_fini(&b);
    bf_arena_free(scratch);
}
