/* Script processes: whatever a script does, its call is answered, and nobody else's is harmed. */
#include "core/script/pool.h"

#include <errno.h>
#include <sched.h>
#include <sys/wait.h>

#include "tests/unit/pool_rig.h"

/* --- answers ----------------------------------------------------------------------------------- */

TEST(a_filter_is_answered_in_the_order_of_its_calls)
{
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *s = rig_script("even.lua", EVEN);
    struct asked *a = rig_ask(&r, s, 2000);

    for (int i = 0; i < 2000; i++) {
        CHECK_INT(rig_said(a, i), (i + 1) % 2 ? BF_SAID_NO : BF_SAID_YES);
        CHECK_INT(a->calls[i].nth, i);
        CHECK_STR(a->calls[i].call.answer.script, bf_pool_script_hash(s));
    }
    rig_free(a);
    bf_pool_script_unref(s);
    rig_close(&r);
}

TEST(a_transform_gives_another_payload)
{
    static const char code[] = "return { transform = function(p, e) p.b = e.data.n return p end }";
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *s = bf_pool_script_new("t.lua", code, strlen(code),
                                                  1u << BF_HOOK_TRANSFORM);
    struct asked *a = rig_new(&r, 1);
    struct bf_pool_call *c = rig_add(a, s, 1);

    c->kind = BF_HOOK_TRANSFORM;
    c->action = "{\"index\":0}";
    c->payload = "{\"a\":[1,9007199254740993,null]}";
    c->payload_len = strlen(c->payload);
    rig_send(a);
    rig_wait(a);
    CHECK_STR(c->answer.words ? c->answer.words : "", "");
    CHECK_INT(c->answer.said, BF_SAID_CHANGED);
    CHECK_STR(c->text, "{\"a\":[1,9007199254740993,null],\"b\":1}");
    CHECK_INT(c->len, strlen(c->text));
    rig_free(a);
    bf_pool_script_unref(s);
    rig_close(&r);
}

/* What could not be stored or sent is a failure of the script and not of its process. */
TEST(a_payload_that_is_no_json_is_a_failure_in_the_scripts_own_words)
{
    static const char *const values[] = {"\"\\0\"", "\"\\xff\"", "\"\\xed\\xa0\\x80\"", "0/0", "1/0",
                                         "function() end", "(\"x\"):rep(1100000)"};
    struct rig r = rig_of(rig_helper());

    for (size_t i = 0; i < BF_COUNT(values); i++) {
        char code[128];
        struct bf_pool_script *s;
        struct bf_pool_call *c;
        struct asked *a = rig_new(&r, 1);

        snprintf(code, sizeof(code), "return { transform = function(p, e) return { a = %s } end }",
                 values[i]);
        s = bf_pool_script_new("odd.lua", code, strlen(code), 1u << BF_HOOK_TRANSFORM);
        c = rig_add(a, s, 1);
        c->kind = BF_HOOK_TRANSFORM;
        c->payload = "{}";
        c->payload_len = 2;
        rig_send(a);
        rig_wait(a);
        CHECK_INT(c->answer.said, BF_SAID_FAILED);
        CHECK(SANITIZED || !c->killed);         /* 50 ms are little there */
        CHECK(!strstr(c->answer.words, "makes no sense"));
        rig_free(a);
        bf_pool_script_unref(s);
    }
    rig_close(&r);
}

TEST(a_failure_has_the_words_of_its_script)
{
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *s = rig_script("wrong.lua", "return { filter = function(e)\n"
                                          "    error(\"no such luck\")\nend }");
    struct asked *a = rig_ask(&r, s, 2);

    CHECK_INT(rig_said(a, 1), BF_SAID_FAILED);
    CHECK_HAS(a->calls[1].call.answer.words, "wrong.lua:2");
    CHECK_HAS(a->calls[1].call.answer.words, "no such luck");
    CHECK(!a->calls[1].call.killed);
    rig_free(a);
    bf_pool_script_unref(s);
    rig_close(&r);
}

TEST(a_text_that_does_not_compile_fails_when_it_is_loaded)
{
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *good = rig_script("good.lua", EVEN);
    struct bf_pool_script *bad = rig_script("bad.lua", "return {\n    filter = = 1 }");
    struct asked *a = rig_new(&r, 2);

    rig_add(a, good, 0)->only_load = true;
    rig_add(a, bad, 0)->only_load = true;
    for (int i = 0; i < 2; i++)
        a->calls[i].call.apart = true;
    rig_send(a);
    rig_wait(a);
    CHECK_INT(rig_said(a, 0), BF_SAID_YES);
    CHECK_INT(rig_said(a, 1), BF_SAID_FAILED);
    CHECK_HAS(a->calls[1].call.answer.words, "bad.lua:2");
    rig_free(a);
    bf_pool_script_unref(good);
    bf_pool_script_unref(bad);
    rig_close(&r);
}

TEST(calls_about_one_event_carry_it_once_and_large_ones_go_through)
{
    enum { SIZE = 1000000, N = 40 };    /* together they are more than a batch can hold */
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *s = rig_script("even.lua", EVEN);
    char *text = bf_zalloc(SIZE + 64);
    struct asked *a = rig_new(&r, N);
    struct bf_box_event events[2];

    for (int i = 0; i < 2; i++) {
        int len = snprintf(text, 64, "{\"type\":\"t\",\"data\":{\"n\":%d,\"x\":\"", i);

        memset(text + len, 'x', (size_t)(SIZE - len));
        strcpy(text + SIZE, "\"}}");
        events[i] = (struct bf_box_event){.text = bf_strdup(text), .len = SIZE + 3};
    }
    for (int i = 0; i < N; i++)
        rig_add(a, s, 0)->event = &events[i / 2 % 2];
    rig_send(a);
    rig_wait(a);
    for (int i = 0; i < N; i++)
        CHECK_INT(rig_said(a, i), i / 2 % 2 ? BF_SAID_NO : BF_SAID_YES);
    for (int i = 0; i < 2; i++)
        free((char *)events[i].text);
    free(text);
    rig_free(a);
    bf_pool_script_unref(s);
    rig_close(&r);
}

TEST(what_no_batch_can_hold_fails_at_once)
{
    enum { SIZE = 5 << 20 };
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *s = rig_script("even.lua", EVEN);
    struct asked *a = rig_new(&r, 3);
    char *text = bf_zalloc(SIZE + 1);
    struct bf_box_event event = {.text = text, .len = SIZE};

    memset(text, ' ', SIZE);
    rig_add(a, s, 0)->event = &event;
    rig_add(a, s, 0)->event = &event;
    rig_add(a, s, 2);
    a->calls[0].call.apart = true;      /* and the process that was taken for it is not used again */
    rig_send(a);
    rig_wait(a);
    CHECK_INT(rig_said(a, 0), BF_SAID_FAILED);
    CHECK_INT(rig_said(a, 1), BF_SAID_FAILED);
    CHECK_HAS(a->calls[0].call.answer.words, "more than the 4 MiB");
    CHECK_INT(rig_said(a, 2), BF_SAID_YES);
    free(text);
    rig_free(a);
    bf_pool_script_unref(s);
    rig_close(&r);
}

/* What all states may have together is less than these would. */
TEST(more_scripts_than_have_room_are_answered_all_the_same)
{
    enum { SCRIPTS = 60 };
    static const char code[] = "local t = {} for i = 1, 20000 do t[i] = i + %d end "
                               "return { filter = function(e) return t[10] == %d + e.data.n end }";
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *s[SCRIPTS];
    struct asked *a;

    for (int i = 0; i < SCRIPTS; i++) {
        char text[256], name[32];

        snprintf(text, sizeof(text), code, i, i);
        snprintf(name, sizeof(name), "s%d.lua", i);
        s[i] = rig_script(name, text);
    }
    for (int round = 0; round < 40; round++) {
        a = rig_new(&r, SCRIPTS);
        for (int i = 0; i < SCRIPTS; i++)
            rig_add(a, s[i], round % 2 ? 10 : 11);
        rig_send(a);
        rig_wait(a);
        for (int i = 0; i < SCRIPTS; i++)
            CHECK_INT(rig_said(a, i), round % 2 ? BF_SAID_YES : BF_SAID_NO);
        rig_free(a);
    }
    for (int i = 0; i < SCRIPTS; i++)
        bf_pool_script_unref(s[i]);
    rig_close(&r);
}

/* --- what scripts do ------------------------------------------------------------------------------- */

static void says_where(struct rig *r, const char *code, const char *where)
{
    struct bf_pool_script *bad = rig_script("hangs.lua", code);
    struct asked *a = rig_ask(r, bad, 1);

    CHECK_INT(rig_said(a, 0), BF_SAID_FAILED);
    CHECK_HAS(a->calls[0].call.answer.words, where);
    rig_free(a);
    bf_pool_script_unref(bad);
}

TEST(what_is_ended_is_told_by_the_line_at_which_it_was)
{
    struct rig r = rig_of(rig_helper());

    /* Its steps take long: the time is over before there are ten million. */
    says_where(&r, "return { filter = function(e)\n local s = (\"a\"):rep(10000)\n"
               " while true do s:find(\"b\", 1, true) end\nend }", "hangs.lua:3: filter used more than");
    says_where(&r, "return { filter = function(e)\n local s = (\"a\"):rep(40)\n local p = (\"a*\"):rep(12)\n"
               " return s:match(p .. \"b\") ~= nil\nend }", "hangs.lua:4: filter used more than");
    rig_close(&r);
}

TEST(a_call_past_its_budget_costs_its_process_and_nothing_else)
{
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *bad = rig_script("hangs.lua", HANGS);
    struct bf_pool_script *good = rig_script("even.lua", EVEN);
    struct asked *a;
    struct bf_pool_counts n;

    rig_free(rig_ask(&r, good, 1));
    a = rig_ask(&r, bad, 1);
    CHECK_INT(rig_said(a, 0), BF_SAID_FAILED);
    CHECK(a->calls[0].call.killed);
    CHECK_HAS(a->calls[0].call.answer.words, "hangs.lua:1: filter used more than 50 ms of CPU time");
    CHECK_STR(a->calls[0].call.answer.script, bf_pool_script_hash(bad));
    rig_free(a);
    a = rig_ask(&r, good, 2);
    CHECK_INT(rig_said(a, 1), BF_SAID_YES);
    rig_free(a);
    bf_pool_counts(r.pool, &n);
    CHECK_INT(n.calls, 4);
    CHECK_INT(n.killed, 1);
    CHECK_INT(n.failures, 1);
    bf_pool_script_unref(good);
    bf_pool_script_unref(bad);
    rig_close(&r);
}

static bool any_stands_back(void)
{
    pid_t pids[16];
    int n = rig_children(pids, 16, false);

    for (int i = 0; i < n; i++)
        if (sched_getscheduler(pids[i]) == SCHED_IDLE)
            return true;
    return false;
}

/* Eight loops at a small share of the machine still held up every event that passed. */
TEST(who_loops_runs_only_while_nobody_else_wants_to)
{
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *bad = rig_script("hangs.lua", HANGS);
    struct bf_pool_script *good = rig_script("even.lua", EVEN);
    struct asked *a;
    bool seen = false;

    rig_free(rig_ask(&r, good, 100));
    CHECK(!any_stands_back());
    for (int round = 0; round < 2; round++) {           /* then it is known for it */
        a = rig_new(&r, 1);
        rig_add(a, bad, 0);
        rig_send(a);
        for (seen = false; !seen && atomic_load(&a->left) > 0; usleep(1000))
            seen = any_stands_back();
        rig_wait(a);
        CHECK(seen);
        CHECK(a->calls[0].call.killed);
        rig_free(a);
    }
    for (int i = 0; any_stands_back() && i < 1000; i++)
        usleep(1000);
    CHECK(!any_stands_back());          /* none is used again */
    bf_pool_script_unref(good);
    bf_pool_script_unref(bad);
    rig_close(&r);
}

/* All of them have proven quick, so they share a process and a batch; one then hangs, once. */
TEST(of_a_batch_the_culprit_alone_fails)
{
    enum { SCRIPTS = 10, N = 100, CULPRIT = 50 };
    static const char code[] = "local hangs = %s return { filter = function(e) "
                               "if e.data.n == 777 then local s = (\"a\"):rep(40) "
                               "return s:find((\"a*\"):rep(12) .. \"b\") ~= nil end return true end }";
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *s[SCRIPTS];
    struct bf_pool_counts before, after;
    struct asked *a = rig_new(&r, N);
    int64_t begun;

    for (int i = 0; i < SCRIPTS; i++) {
        char text[512], number[16];

        snprintf(number, sizeof(number), "%d", i);
        snprintf(text, sizeof(text), code, number);
        s[i] = rig_script("maybe.lua", text);
        rig_prove(&r, s[i]);
    }
    bf_pool_counts(r.pool, &before);
    for (int i = 0; i < N; i++)
        rig_add(a, s[i % SCRIPTS], i == CULPRIT ? 777 : i);
    begun = bf_mono_ms(bf_clock_system());
    rig_send(a);
    rig_wait(a);
    for (int i = 0; i < N; i++) {
        CHECK_INT(rig_said(a, i), i == CULPRIT ? BF_SAID_FAILED : BF_SAID_YES);
        CHECK_INT(a->calls[i].call.killed, i == CULPRIT);
        CHECK(SANITIZED || a->calls[i].at_ms - begun < 1000);
    }
    bf_pool_counts(r.pool, &after);
    CHECK_INT(after.killed - before.killed, 1);
    rig_free(a);
    for (int i = 0; i < SCRIPTS; i++)
        bf_pool_script_unref(s[i]);
    rig_close(&r);
}

/* There are more of them than processes, and each time one of them is asked its process is lost. */
TEST(twenty_scripts_that_hang_do_not_hold_up_one_that_does_not)
{
    enum { BAD = 20, ROUNDS = 2 };
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *good = rig_script("even.lua", EVEN), *bad[BAD];
    struct asked *hanging = rig_new(&r, BAD * ROUNDS), *a;

    rig_free(rig_ask(&r, good, 1));
    for (int i = 0; i < BAD; i++) {
        char name[32];

        snprintf(name, sizeof(name), "hangs%d.lua", i);
        bad[i] = rig_script(name, HANGS);
        for (int k = 0; k < ROUNDS; k++)
            rig_add(hanging, bad[i], k);
    }
    rig_send(hanging);
    for (int i = 0; i < 5; i++) {
        a = rig_ask(&r, good, 2);
        CHECK_INT(rig_said(a, 1), BF_SAID_YES);
        rig_free(a);
    }
    /* Five times after each other; all the others have 2 s of CPU time to waste. */
    CHECK(atomic_load(&hanging->left) > BAD / 2);
    rig_wait(hanging);
    for (int i = 0; i < BAD * ROUNDS; i++)
        CHECK(hanging->calls[i].call.killed);
    rig_free(hanging);
    for (int i = 0; i < BAD; i++)
        bf_pool_script_unref(bad[i]);
    bf_pool_script_unref(good);
    rig_close(&r);
}

/* With one processor there is one place; beside it a spare. */
TEST(no_more_are_at_work_than_there_are_processors_unless_they_get_none)
{
    enum { BAD = 6, PLACE_MS = 100 };
    cpu_set_t before, one;
    struct bf_pool_counts n;
    struct bf_pool_script *bad[BAD];
    struct asked *a;
    struct rig r;
    int64_t begun;

    CHECK_INT(sched_getaffinity(0, sizeof(before), &before), 0);
    CPU_ZERO(&one);
    for (int i = 0; !CPU_COUNT(&one); i++)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    CHECK_INT(sched_setaffinity(0, sizeof(one), &one), 0);
    r = rig_of(rig_helper());
    CHECK_INT(sched_setaffinity(0, sizeof(before), &before), 0);
    a = rig_new(&r, BAD);
    for (int i = 0; i < BAD; i++) {
        char name[32];

        snprintf(name, sizeof(name), "hangs%d.lua", i);
        bad[i] = rig_script(name, HANGS);
        rig_add(a, bad[i], i);
    }
    begun = bf_mono_ms(bf_clock_system());
    rig_send(a);
    for (int64_t now = begun; now - begun < PLACE_MS; now = bf_mono_ms(bf_clock_system())) {
        bf_pool_counts(r.pool, &n);
        if (bf_mono_ms(bf_clock_system()) - begun < PLACE_MS)
            CHECK(n.processes <= 2);
        usleep(1000);
    }
    rig_wait(a);
    for (int i = 0; i < BAD; i++) {
        CHECK(a->calls[i].call.killed);
        bf_pool_script_unref(bad[i]);
    }
    rig_free(a);
    rig_close(&r);
}

TEST(memory_that_one_script_eats_is_not_another_ones)
{
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *good = rig_script("even.lua", EVEN);
    struct bf_pool_script *eats = rig_script("eats.lua", "local t = {} return { filter = function(e) "
        "for i = 1, 40 do t[#t + 1] = (\"x\"):rep(1 << 20) end return true end }");
    struct asked *a = rig_new(&r, 12);

    for (int i = 0; i < 12; i++)
        rig_add(a, i % 2 ? good : eats, 2);
    rig_send(a);
    rig_wait(a);
    for (int i = 0; i < 12; i++)
        CHECK_INT(rig_said(a, i), i % 2 ? BF_SAID_YES : BF_SAID_FAILED);
    rig_free(a);
    bf_pool_script_unref(good);
    bf_pool_script_unref(eats);
    rig_close(&r);
}

TEST(a_log_of_a_script_is_the_hubs_and_has_a_limit)
{
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *s = rig_script("says.lua", "return { filter = function(e) "
        "belfry.log.info(\"n is \" .. e.data.n) return true end }");

    rig_listen(&r);
    r.pool = bf_pool_new(rig_helper(), bf_clock_system(), r.log);
    rig_free(rig_ask(&r, s, 1));
    bf_pool_stop(r.pool);
    CHECK_HAS(r.line, "script: says.lua: n is 1");
    CHECK_INT(r.lines, 1);
    bf_pool_free(r.pool);
    r.pool = bf_pool_new(rig_helper(), bf_clock_system(), r.log);
    rig_free(rig_ask(&r, s, 500));
    bf_pool_stop(r.pool);
    CHECK(r.lines < 200);
    bf_pool_script_unref(s);
    rig_close(&r);
}

/* No process can read a zone's data once it runs. */
TEST(zones_that_a_script_names_are_known_to_its_process)
{
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *even = rig_script("even.lua", EVEN), *zone;
    struct asked *a;

    rig_prove(&r, even);        /* there are processes without it */
    zone = rig_script("zone.lua", "local here = 'Europe/Berlin' return { filter = function(e) "
        "return belfry.time.parts(1785585600000, here).hour == 14 and "
        "belfry.time.parts(1785585600000, \"UTC\").hour == 12 end }");
    a = rig_ask(&r, zone, 40);
    for (int i = 0; i < 40; i++) {
        CHECK_STR(a->calls[i].call.answer.words ? a->calls[i].call.answer.words : "", "");
        CHECK_INT(rig_said(a, i), BF_SAID_YES);
    }
    rig_free(a);
    a = rig_ask(&r, even, 2);
    CHECK_INT(rig_said(a, 1), BF_SAID_YES);
    rig_free(a);
    bf_pool_script_unref(zone);
    zone = rig_script("none.lua", "return { filter = function(e) "
        "return belfry.time.parts(0, \"Asia/\" .. \"Tokyo\").hour == 9 end }");
    a = rig_ask(&r, zone, 1);
    CHECK_INT(rig_said(a, 0), BF_SAID_FAILED);
    rig_free(a);
    bf_pool_script_unref(zone);
    bf_pool_script_unref(even);
    rig_close(&r);
}

/* --- lanes ------------------------------------------------------------------------------------------ */

TEST(quick_scripts_share_a_process_and_a_slow_one_leaves_it)
{
    static const char slow[] = "return { filter = function(e) if e.data.n < 1000 then return true end "
        "local n = 0 for i = 1, 1000000 do n = n + i % 7 end return n > 0 end }";
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *a = rig_script("even.lua", EVEN), *b = rig_script("slow.lua", slow);
    struct bf_pool_counts before, after;
    struct asked *both;

    rig_prove(&r, a);
    rig_prove(&r, b);
    bf_pool_counts(r.pool, &before);
    both = rig_new(&r, 100);
    for (int i = 0; i < 100; i++)
        rig_add(both, i % 2 ? a : b, 2);
    rig_send(both);
    rig_wait(both);
    bf_pool_counts(r.pool, &after);
    CHECK_INT(after.batches - before.batches, 1);
    CHECK_INT(after.slow, 0);
    rig_free(both);

    for (int i = 0; i < 2; i++) {
        both = rig_new(&r, 2);
        rig_add(both, b, 1000);
        rig_add(both, a, 2);
        bf_pool_counts(r.pool, &before);
        rig_send(both);
        rig_wait(both);
        CHECK_INT(rig_said(both, 0), BF_SAID_YES);
        bf_pool_counts(r.pool, &after);
        CHECK(SANITIZED || after.slow - before.slow == 1);
        CHECK(SANITIZED || after.batches - before.batches == (i ? 2u : 1u));
        rig_free(both);
    }
    bf_pool_script_unref(a);
    bf_pool_script_unref(b);
    rig_close(&r);
}

TEST(what_is_asked_apart_gets_a_new_process)
{
    static const char counts[] = "local n = 0 return { filter = function(e) n = n + 1 return n == 1 end }";
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *s = rig_script("counts.lua", counts);

    for (int i = 0; i < 5; i++) {
        struct asked *a = rig_new(&r, 1);

        rig_add(a, s, 1)->apart = true;
        rig_send(a);
        rig_wait(a);
        CHECK_INT(rig_said(a, 0), BF_SAID_YES);
        rig_free(a);
    }
    bf_pool_script_unref(s);
    rig_close(&r);
}

/* --- processes ---------------------------------------------------------------------------------------- */

static void check_limit(const char *limits, const char *name, const char *value)
{
    const char *line = strstr(limits, name);
    char soft[32] = "", hard[32] = "";

    CHECK(line && sscanf(line + 26, "%31s %31s", soft, hard) == 2);
    CHECK_STR(soft, value);
    CHECK_STR(hard, value);
}

static size_t read_of(pid_t pid, const char *what, char *out, size_t size)
{
    char path[64];
    size_t len;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
    f = fopen(path, "r");
    if (!f)
        return 0;
    len = fread(out, 1, size - 1, f);
    out[len] = '\0';
    fclose(f);
    return len;
}

/* A moment after it was started; the filter of system calls is the last of what it does. */
static bool shuts_itself_in(pid_t pid)
{
    char text[8192];

    for (int i = 0; i < 1000; i++) {
        if (read_of(pid, "status", text, sizeof(text)) && strstr(text, "Seccomp:\t2"))
            return true;
        usleep(10000);
    }
    return false;
}

TEST(a_process_has_one_descriptor_no_environment_and_no_rights)
{
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *s = rig_script("even.lua", EVEN);
    char text[8192], path[64];
    pid_t pids[16];
    int n, fds = 0;
    DIR *d;

    rig_prove(&r, s);
    n = rig_children(pids, 16, true);
    CHECK(n >= 1);
    for (int i = 0; i < n && !SANITIZED; i++) {
        CHECK(shuts_itself_in(pids[i]));        /* the spare may just have been started */
        CHECK(read_of(pids[i], "limits", text, sizeof(text)));
        check_limit(text, "Max open files", "0");
        check_limit(text, "Max processes", "0");
        check_limit(text, "Max core file size", "0");
        check_limit(text, "Max file size", "0");
        check_limit(text, "Max address space", "67108864");
        CHECK(read_of(pids[i], "status", text, sizeof(text)));
        CHECK_HAS(text, "NoNewPrivs:\t1");
        CHECK_HAS(text, "Seccomp:\t2");
        CHECK(getuid() != 0 || strstr(text, "Uid:\t65534\t65534\t65534\t65534"));
        CHECK(getuid() != 0 || strstr(text, "CapEff:\t0000000000000000"));
        snprintf(path, sizeof(path), "/proc/%d/fd", pids[i]);
        d = opendir(path);
        if (!d)
            test_skip("the descriptors of a process that nobody may look into cannot be listed here");
        for (struct dirent *e; (e = readdir(d));)
            fds += e->d_name[0] != '.';
        closedir(d);
        CHECK_INT(fds, i + 1);
        CHECK_INT(read_of(pids[i], "environ", text, sizeof(text)), 0);
    }
    bf_pool_script_unref(s);
    rig_close(&r);
}

static void kill_all(int sig)
{
    pid_t pids[16];
    int n = rig_children(pids, 16, false);

    for (int i = 0; i < n; i++)
        kill(pids[i], sig);
}

/* Calls that take a while, so that what happens to their process happens to one of them. */
#define SLOW "return { filter = function(e) local n = 0 for i = 1, 200000 do n = n + i % 7 end " \
             "return n > 0 end }"

TEST(a_process_that_is_killed_fails_the_call_it_was_at)
{
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *s = rig_script("slow.lua", SLOW);
    struct asked *a;
    int killed = 0;

    rig_free(rig_ask(&r, s, 1));
    for (int round = 0; round < 5; round++) {
        a = rig_new(&r, 30);
        for (int i = 0; i < 30; i++)
            rig_add(a, s, i);
        rig_send(a);
        usleep(20000);
        kill_all(SIGKILL);
        rig_wait(a);
        for (int i = 0; i < 30; i++) {
            const struct bf_pool_call *c = &a->calls[i].call;

            CHECK_INT(c->answer.said, c->killed ? BF_SAID_FAILED : BF_SAID_YES);
            if (c->killed)
                CHECK_HAS(c->answer.words, "its process was ended by signal 9");
            killed += c->killed;
        }
        rig_free(a);
    }
    CHECK(killed >= 1 && killed <= 5);
    bf_pool_script_unref(s);
    rig_close(&r);
}

TEST(processes_that_die_with_nothing_to_do_are_not_missed)
{
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *s = rig_script("even.lua", EVEN);

    for (int round = 0; round < 10; round++) {
        struct asked *a = rig_ask(&r, s, 40);

        for (int i = 0; i < 40; i++)
            CHECK(rig_said(a, i) != BF_SAID_FAILED);
        rig_free(a);
        kill_all(round % 2 ? SIGKILL : SIGTERM);
    }
    bf_pool_script_unref(s);
    rig_close(&r);
}

TEST(a_process_that_is_stopped_is_given_up_after_two_seconds)
{
    enum { N = 50 };
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *s = rig_script("slow.lua", SLOW);
    struct asked *a = rig_new(&r, N);
    int64_t stopped, took = -1;
    int killed = 0;

    for (int i = 0; i < N; i++)
        rig_add(a, s, i);
    rig_send(a);
    while (atomic_load(&a->left) == N)
        usleep(1000);           /* it is at work, then */
    stopped = bf_mono_ms(bf_clock_system());
    kill_all(SIGSTOP);
    rig_wait(a);
    for (int i = 0; i < N; i++) {
        killed += a->calls[i].call.killed;
        if (a->calls[i].call.killed || (!killed && i == N - 1))
            took = a->calls[i].at_ms - stopped;
    }
    CHECK(killed <= 1);
    CHECK(SANITIZED || (took >= 1900 && took < 6000));
    rig_free(a);
    bf_pool_script_unref(s);
    rig_close(&r);
}

TEST(nothing_leaks_over_hundreds_of_processes)
{
    enum { N = SANITIZED ? 50 : 200 };
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *s = rig_script("even.lua", EVEN), *bad = rig_script("hangs.lua", HANGS);
    struct bf_pool_counts n;
    pid_t pids[32];
    int before;

    rig_free(rig_ask(&r, bad, 1));
    before = rig_descriptors();
    for (int i = 0; i < N / 5; i++) {
        struct asked *a = rig_new(&r, 5);

        for (int k = 0; k < 5; k++) {
            rig_add(a, s, 2)->apart = true;
            a->calls[k].call.only_load = k % 2;
        }
        rig_send(a);
        rig_wait(a);
        for (int k = 0; k < 5; k++)
            CHECK_INT(rig_said(a, k), BF_SAID_YES);
        rig_free(a);
        for (int k = 0; k < 4; k++) {   /* those five went together */
            a = rig_new(&r, 1);
            rig_add(a, s, 2)->apart = true;
            rig_send(a);
            rig_wait(a);
            rig_free(a);
        }
        if (i % 20 == 0)
            rig_free(rig_ask(&r, bad, 2));
    }
    usleep(100000);
    CHECK(rig_descriptors() <= before + 2 * BF_SCRIPT_PROCESSES);
    CHECK(rig_children(pids, 32, true) <= BF_SCRIPT_PROCESSES + 2);
    bf_pool_stop(r.pool);
    CHECK_INT(rig_children(pids, 32, true), 0);
    bf_pool_counts(r.pool, &n);
    CHECK(n.started >= N);
    CHECK_INT(n.processes, 0);
    bf_pool_script_unref(s);
    bf_pool_script_unref(bad);
    rig_close(&r);
    CHECK(rig_descriptors() < before);
}

/* --- the pool ----------------------------------------------------------------------------------------- */

TEST(without_a_helper_every_call_says_what_is_missing)
{
    struct rig r = rig_of("/nowhere/belfry-script");
    struct bf_pool_script *s = rig_script("even.lua", EVEN);

    rig_listen(&r);
    r.pool = bf_pool_new("/nowhere/belfry-script", bf_clock_system(), r.log);
    for (int round = 0; round < 3; round++) {
        struct asked *a = rig_ask(&r, s, 10);

        for (int i = 0; i < 10; i++) {
            CHECK_INT(rig_said(a, i), BF_SAID_FAILED);
            CHECK_STR(a->calls[i].call.answer.words,
                      "scripts cannot run: /nowhere/belfry-script: No such file or directory; "
                      "install it there, or say where it is by the setting script_helper");
        }
        rig_free(a);
    }
    bf_pool_stop(r.pool);
    CHECK_INT(r.lines, 1);
    bf_pool_script_unref(s);
    rig_close(&r);
}

TEST(a_helper_that_is_another_program_is_told_from_one)
{
    struct rig r = rig_of("/bin/false");
    struct bf_pool_script *s = rig_script("even.lua", EVEN);
    struct asked *a;

    rig_listen(&r);
    r.pool = bf_pool_new("/bin/false", bf_clock_system(), r.log);
    a = rig_ask(&r, s, 10);
    CHECK_INT(rig_said(a, 0), BF_SAID_FAILED);
    CHECK_HAS(a->calls[9].call.answer.words, "/bin/false ended with exit status 1 before it was ready");
    rig_free(a);
    bf_pool_script_unref(s);
    rig_close(&r);
}

TEST(two_pools_do_not_know_of_each_other)
{
    struct rig a = rig_of(rig_helper()), b = rig_of(rig_helper());
    struct bf_pool_script *bad = rig_script("hangs.lua", HANGS), *good = rig_script("even.lua", EVEN);
    struct asked *hangs = rig_new(&a, 3), *goes;

    for (int i = 0; i < 3; i++)
        rig_add(hangs, bad, i);
    rig_send(hangs);
    goes = rig_ask(&b, good, 100);
    CHECK_INT(rig_said(goes, 99), BF_SAID_YES);
    bf_pool_stop(b.pool);
    rig_wait(hangs);
    CHECK(hangs->calls[2].call.killed);
    rig_free(goes);
    rig_free(hangs);
    bf_pool_script_unref(bad);
    bf_pool_script_unref(good);
    rig_close(&a);
    rig_close(&b);
}

TEST(a_pool_that_stops_answers_everything)
{
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *bad = rig_script("hangs.lua", HANGS), *good = rig_script("even.lua", EVEN);
    struct asked *a, *late;

    rig_prove(&r, good);
    a = rig_new(&r, 200);
    for (int i = 0; i < 200; i++)
        rig_add(a, i % 2 ? good : bad, i);
    rig_send(a);
    usleep(20000);
    bf_pool_stop(r.pool);
    CHECK_INT(atomic_load(&a->left), 0);
    CHECK_INT(rig_said(a, 198), BF_SAID_FAILED);
    CHECK_HAS(a->calls[198].call.answer.words, "the hub is stopping");
    late = rig_new(&r, 0);
    CHECK_INT(bf_pool_post(r.pool, &late->task), BF_ECANCELED);
    rig_free(late);
    rig_free(a);
    bf_pool_script_unref(bad);
    bf_pool_script_unref(good);
    rig_close(&r);
}

TEST(a_pool_that_was_never_asked_has_no_thread_and_no_process)
{
    struct rig r = rig_of(rig_helper());
    pid_t pids[4];

    CHECK_INT(rig_children(pids, 4, true), 0);
    bf_pool_stop(r.pool);
    rig_close(&r);
    bf_pool_free(NULL);
}

static atomic_int ticks;
static void on_tick(void *arg)
{
    (void)arg;
    atomic_fetch_add(&ticks, 1);
}

TEST(what_is_to_happen_every_so_often_does)
{
    struct rig r = rig_of(rig_helper());
    struct bf_pool_script *s = rig_script("even.lua", EVEN);

    bf_pool_every(r.pool, 20, on_tick, NULL);
    usleep(50000);
    CHECK_INT(atomic_load(&ticks), 0);
    rig_free(rig_ask(&r, s, 1));
    usleep(400000);
    CHECK(atomic_load(&ticks) >= 4);
    bf_pool_script_unref(s);
    rig_close(&r);
}
