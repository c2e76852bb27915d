/* Which script a hook is, when it is disabled, and how a file's next text takes its place.  The
 * processes are made up (fake_pool.h). */
#include "core/script/scripts.h"

#include <fcntl.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/fake_pool.h"
#include "tests/test.h"

struct rig {
    struct bf_scripts *s;
    struct bf_arena *arena;
    char dir[200];
    char shipped[200];
    pthread_mutex_t lock;
    char news[4000];            /* under lock */
};

static void on_news(void *arg, const struct bf_script_news *n)
{
    static const char *const names[] = {"swapped", "refused", "disabled", "enabled"};
    struct rig *r = arg;
    size_t len;

    pthread_mutex_lock(&r->lock);
    len = strlen(r->news);
    snprintf(r->news + len, sizeof(r->news) - len, "%s %s %s%s; ", names[n->what],
             n->file ? n->file : "-", n->automation ? n->automation : "-", n->was ? " again" : "");
    pthread_mutex_unlock(&r->lock);
}

static void open_rig(struct rig *r)
{
    struct bf_error err;

    memset(r, 0, sizeof(*r));
    CHECK_INT(bf_crypto_init(&err), 0);
    snprintf(r->dir, sizeof(r->dir), "%s/mine", test_dir());
    snprintf(r->shipped, sizeof(r->shipped), "%s/shipped", test_dir());
    mkdir(r->dir, 0700);
    mkdir(r->shipped, 0700);
    pthread_mutex_init(&r->lock, NULL);
    r->arena = bf_arena_new(1024 * 1024);
    r->s = bf_scripts_new(&(struct bf_scripts_options){.helper = "none",
                                                       .dir = r->dir,
                                                       .shipped = r->shipped,
                                                       .clock = bf_clock_system(),
                                                       .news = on_news,
                                                       .arg = r});
}

static void close_rig(struct rig *r)
{
    bf_scripts_stop(r->s);
    bf_scripts_free(r->s);
    bf_arena_free(r->arena);
}

/* Written whole, and long ago, as of an editor that was done before we looked. */
static void put_file(const char *dir, const char *name, const char *text)
{
    static int age = 100000;
    struct timespec times[2];
    char path[300];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= age--;
    times[1] = times[0];
    utimensat(AT_FDCWD, path, times, 0);
}

struct waited {
    struct bf_ask ask;
    sem_t ended;
};

static void on_done(struct bf_ask *ask) { sem_post(&bf_container_of(ask, struct waited, ask)->ended); }

static struct bf_answer ask_event(struct rig *r, const struct bf_hook *hook, const char *automation,
                                  const char *event, bool trial)
{
    struct bf_box_event e = {.text = event, .len = strlen(event), .id = "EV1"};
    struct bf_question q = {.hook = hook, .automation = automation, .name = "my rule",
                            .entity = "acme"};
    struct waited w = {.ask = {.events = &e, .n_events = 1, .questions = &q, .n = 1,
                               .arena = r->arena, .trial = trial, .done = on_done}};

    sem_init(&w.ended, 0, 0);
    CHECK_INT(bf_scripts_ask(r->s, &w.ask), 0);
    sem_wait(&w.ended);
    return q.answer;
}

static struct bf_answer ask(struct rig *r, const struct bf_hook *hook, const char *automation)
{
    return ask_event(r, hook, automation, "{}", false);
}

static struct bf_hook code(const char *text)
{
    struct bf_hook h = {.code = text, .code_len = strlen(text)};

    snprintf(h.hash, sizeof(h.hash), "%064x", (unsigned)strlen(text) * 31 + (unsigned)text[0]);
    return h;
}

/* What was posted before is done when this returns. */
static void settle(struct rig *r)
{
    struct bf_hook yes = code("filter");

    ask_event(r, &yes, "nobody", "{}", true);
    ask_event(r, &yes, "nobody", "{}", true);
}

static void look(struct rig *r)
{
    bf_scripts_look(r->s, NULL);
    settle(r);
}

static const char *news(struct rig *r)
{
    static char out[4000];

    settle(r);
    pthread_mutex_lock(&r->lock);
    snprintf(out, sizeof(out), "%s", r->news);
    *r->news = '\0';
    pthread_mutex_unlock(&r->lock);
    return out;
}

static const char *state(struct rig *r)
{
    struct bf_tree *t = bf_tree_array();
    struct bf_buf b;
    const char *text;

    bf_buf_init(&b, 65536);
    bf_scripts_describe(r->s, t);
    bf_tree_print(t, &b);
    text = bf_arena_dup(r->arena, bf_buf_text(&b));
    bf_buf_fini(&b);
    bf_tree_free(t);
    return text;
}


/* --- answers ----------------------------------------------------------------------------------------- */

TEST(inline_code_answers)
{
    struct bf_hook yes = code("filter"), no = code("filter NO");
    struct rig r;

    open_rig(&r);
    CHECK_INT(ask(&r, &yes, "A1").said, BF_SAID_YES);
    CHECK_INT(ask(&r, &no, "A1").said, BF_SAID_NO);
    CHECK_INT(strlen(ask(&r, &no, "A1").script), BF_HASH_LEN);
    close_rig(&r);
}

TEST(a_failure_of_inline_code_names_its_automation)
{
    struct bf_hook bad = code("filter FAIL");
    struct rig r;

    open_rig(&r);
    CHECK_STR(ask(&r, &bad, "A1").words,
              "automation \"my rule\", filter:8: event.data.message is nil");
    close_rig(&r);
}

TEST(one_ask_may_have_many_questions_and_a_payload)
{
    struct bf_hook yes = code("filter"), change = code("transform");
    struct bf_box_event e = {.text = "{}", .len = 2};
    struct bf_question q[] = {
        {.hook = &yes, .automation = "A1"},
        {.hook = &change, .kind = BF_HOOK_TRANSFORM, .automation = "A1", .payload = "1",
         .payload_len = 1},
        {.hook = &yes, .automation = "A2"},
    };
    struct bf_ask a = {.events = &e, .n_events = 1, .questions = q, .n = 3};
    struct rig r;

    open_rig(&r);
    a.arena = r.arena;
    CHECK_INT(bf_scripts_ask_wait(r.s, &a), 0);
    CHECK_INT(q[0].answer.said, BF_SAID_YES);
    CHECK_INT(q[1].answer.said, BF_SAID_CHANGED);
    CHECK_STR(q[1].text, "[1]");
    CHECK_INT(q[2].answer.said, BF_SAID_YES);
    close_rig(&r);
}

TEST(too_much_that_waits_is_refused_but_never_the_only_one)
{
    struct bf_box_event e = {.text = "{}", .len = BF_SCRIPT_WAITING_MAX + 1};
    struct bf_hook yes = code("filter");
    struct bf_question q = {.hook = &yes, .automation = "A1"};
    struct bf_ask a = {.events = &e, .n_events = 1, .questions = &q, .n = 1};
    struct rig r;

    open_rig(&r);
    a.arena = r.arena;
    CHECK_INT(bf_scripts_ask_wait(r.s, &a), 0);
    CHECK_INT(bf_scripts_ask_wait(r.s, &a), 0);
    close_rig(&r);
}

TEST(after_the_stop_nothing_is_asked)
{
    struct bf_hook yes = code("filter");
    struct bf_question q = {.hook = &yes, .automation = "A1"};
    struct bf_box_event e = {.text = "{}", .len = 2};
    struct bf_ask a = {.events = &e, .n_events = 1, .questions = &q, .n = 1};
    struct bf_error err;
    struct rig r;

    open_rig(&r);
    a.arena = r.arena;
    bf_scripts_stop(r.s);
    CHECK_INT(bf_scripts_ask_wait(r.s, &a), BF_ECANCELED);
    CHECK_INT(bf_scripts_check(r.s, &yes, BF_HOOK_FILTER, &err), BF_ECANCELED);
    close_rig(&r);
}


/* --- failing in a row ------------------------------------------------------------------------------------ */

TEST(a_hook_that_fails_too_often_in_a_row_is_disabled)
{
    struct bf_hook bad = code("filter FAIL"), good = code("filter");
    int64_t since;
    const char *words;
    struct rig r;

    open_rig(&r);
    for (int i = 0; i < BF_SCRIPT_FAILURES - 1; i++)
        ask(&r, &bad, "A1");
    CHECK_INT(ask(&r, &good, "A1").said, BF_SAID_YES);          /* which ends the streak */
    for (int i = 0; i < BF_SCRIPT_FAILURES - 1; i++)
        ask(&r, &bad, "A1");
    CHECK_STR(news(&r), "");
    CHECK(!bf_scripts_disabled(r.s, "A1", BF_HOOK_FILTER, r.arena, &since, &words));
    CHECK_HAS(ask(&r, &bad, "A1").words, "filter:8");
    CHECK_STR(news(&r), "disabled - A1; ");
    CHECK_HAS(ask(&r, &good, "A1").words, "the hook is disabled since");
    CHECK_STR(ask(&r, &good, "A1").script, "");
    CHECK(bf_scripts_disabled(r.s, "A1", BF_HOOK_FILTER, r.arena, &since, &words));
    CHECK_HAS(words, "event.data.message is nil");
    CHECK_INT(ask(&r, &good, "A2").said, BF_SAID_YES);          /* another's hook */
    close_rig(&r);
}

TEST(a_hook_that_costs_processes_is_disabled_sooner)
{
    struct bf_hook bad = code("filter KILL");
    struct rig r;

    open_rig(&r);
    for (int i = 0; i < BF_SCRIPT_KILLS; i++)
        CHECK_HAS(ask(&r, &bad, "A1").words, "50 ms");
    CHECK_STR(news(&r), "disabled - A1; ");
    close_rig(&r);
}

TEST(trials_disable_nothing_and_ask_what_is_disabled)
{
    struct bf_hook bad = code("filter FAIL"), good = code("filter");
    struct rig r;

    open_rig(&r);
    for (int i = 0; i < 2 * BF_SCRIPT_FAILURES; i++)
        ask_event(&r, &bad, "A1", "{}", true);
    CHECK_STR(news(&r), "");
    for (int i = 0; i < BF_SCRIPT_FAILURES; i++)
        ask(&r, &bad, "A1");
    CHECK_INT(ask_event(&r, &good, "A1", "{}", true).said, BF_SAID_YES);
    CHECK_INT(ask(&r, &good, "A1").said, BF_SAID_FAILED);
    close_rig(&r);
}

TEST(who_could_not_be_asked_has_not_failed)
{
    struct bf_hook absent = code("filter ABSENT");
    struct rig r;

    open_rig(&r);
    for (int i = 0; i < 2 * BF_SCRIPT_FAILURES; i++)
        CHECK_INT(ask(&r, &absent, "A1").said, BF_SAID_FAILED);
    CHECK_STR(news(&r), "");
    close_rig(&r);
}

TEST(saving_an_automation_enables_its_hooks_and_somebody_may)
{
    struct bf_hook bad = code("filter KILL"), good = code("filter");
    struct rig r;

    open_rig(&r);
    for (int i = 0; i < BF_SCRIPT_KILLS; i++)
        ask(&r, &bad, "A1");
    bf_scripts_forget(r.s, "A1");
    CHECK_INT(ask(&r, &good, "A1").said, BF_SAID_YES);
    CHECK_STR(news(&r), "disabled - A1; enabled - A1; ");
    for (int i = 0; i < BF_SCRIPT_KILLS; i++)
        ask(&r, &bad, "A1");
    bf_scripts_enable(r.s, "A1", BF_HOOK_TRANSFORM);
    CHECK_INT(ask(&r, &good, "A1").said, BF_SAID_FAILED);
    bf_scripts_enable(r.s, "A1", BF_HOOK_FILTER);
    CHECK_INT(ask(&r, &good, "A1").said, BF_SAID_YES);
    CHECK_STR(news(&r), "disabled - A1; ");     /* who enabled it has told */
    close_rig(&r);
}


/* --- files ------------------------------------------------------------------------------------------------- */

static const struct bf_hook file = {.file = "a.lua"};

TEST(a_file_is_the_operators_or_else_ours)
{
    struct bf_hook ours = {.file = "ours.lua"};
    struct rig r;

    open_rig(&r);
    put_file(r.shipped, "ours.lua", "filter NO");
    put_file(r.shipped, "a.lua", "filter NO");
    put_file(r.dir, "a.lua", "filter");
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_YES);
    CHECK_INT(ask(&r, &ours, "A1").said, BF_SAID_NO);
    CHECK_HAS(state(&r), "{\"file\":\"a.lua\",\"state\":\"good\"");
    CHECK_HAS(state(&r), "{\"file\":\"ours.lua\",\"state\":\"good\"");
    CHECK_STR(news(&r), "swapped a.lua -; swapped ours.lua -; ");
    close_rig(&r);
}

TEST(a_file_that_is_not_there_is_found_once_it_is)
{
    struct rig r;

    open_rig(&r);
    CHECK_HAS(ask(&r, &file, "A1").words, "there is no a.lua in ");
    CHECK_HAS(state(&r), "\"state\":\"missing\"");
    put_file(r.dir, "a.lua", "filter");
    look(&r);
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_YES);
    close_rig(&r);
}

TEST(names_that_leave_the_directory_are_no_files)
{
    static const char *const names[] = {"../mine/a.lua", "a.lua/", ".lua", "a", "a.LUA", "/etc/a.lua",
                                        "a b.lua", ""};
    struct rig r;

    open_rig(&r);
    put_file(r.dir, "a.lua", "filter");
    for (size_t i = 0; i < BF_COUNT(names); i++) {
        struct bf_hook h = {.file = names[i]};
        struct bf_error err;

        CHECK_INT(bf_scripts_check(r.s, &h, BF_HOOK_FILTER, &err), BF_ECONFIG);
        CHECK_INT(ask(&r, &h, "A1").said, BF_SAID_FAILED);
    }
    close_rig(&r);
}

TEST(a_changed_file_is_swapped)
{
    struct rig r;

    open_rig(&r);
    put_file(r.dir, "a.lua", "filter");
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_YES);
    put_file(r.dir, "a.lua", "filter NO");
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_YES);          /* nobody has looked */
    look(&r);
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_NO);
    CHECK_STR(news(&r), "swapped a.lua -; swapped a.lua - again; ");
    look(&r);
    CHECK_STR(news(&r), "");
    close_rig(&r);
}

TEST(a_broken_file_is_refused_once_and_the_old_one_stays)
{
    int apart;
    struct rig r;

    open_rig(&r);
    put_file(r.dir, "a.lua", "filter");
    ask(&r, &file, "A1");
    put_file(r.dir, "a.lua", "filter BROKEN");
    look(&r);
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_YES);
    CHECK_STR(news(&r), "swapped a.lua -; refused a.lua - again; ");
    CHECK_HAS(state(&r), "\"state\":\"refused\"");
    CHECK_HAS(state(&r), "a.lua:1: unexpected symbol");
    apart = fake_apart;
    put_file(r.dir, "a.lua", "filter BROKEN");          /* touched: the text is the same */
    look(&r);
    CHECK_INT(fake_apart, apart);
    CHECK_STR(news(&r), "");
    put_file(r.dir, "a.lua", "filter");                 /* the old one is back */
    look(&r);
    CHECK_HAS(state(&r), "\"state\":\"good\"");
    CHECK_HAS(state(&r), "\"refused\":null");
    CHECK_INT(fake_apart, apart);
    close_rig(&r);
}

TEST(a_file_whose_first_text_is_broken_says_so_and_recovers)
{
    struct rig r;

    open_rig(&r);
    put_file(r.dir, "a.lua", "filter BROKEN");
    CHECK_HAS(ask(&r, &file, "A1").words, "unexpected symbol");
    settle(&r);
    CHECK_HAS(ask(&r, &file, "A1").words, "unexpected symbol");
    CHECK_HAS(state(&r), "\"state\":\"broken\"");
    CHECK_STR(news(&r), "refused a.lua -; ");
    put_file(r.dir, "a.lua", "filter");
    look(&r);
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_YES);
    CHECK_STR(news(&r), "swapped a.lua -; ");
    close_rig(&r);
}

TEST(a_candidate_must_answer_what_the_old_one_answered)
{
    struct rig r;

    open_rig(&r);
    put_file(r.dir, "a.lua", "filter");
    ask_event(&r, &file, "A1", "{\"a\":1}", false);
    ask_event(&r, &file, "A1", "{\"mean\":1}", false);
    put_file(r.dir, "a.lua", "filter NO MEAN");
    look(&r);
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_YES);
    CHECK_HAS(state(&r), "tried on EV1, which the one before it answered: a.lua:8:");
    put_file(r.dir, "a.lua", "filter KILL");            /* and may not cost a process */
    look(&r);
    CHECK_HAS(state(&r), "50 ms");
    put_file(r.dir, "a.lua", "transform");              /* nor lack what is asked for */
    look(&r);
    CHECK_HAS(state(&r), "no such function");
    put_file(r.dir, "a.lua", "filter NO");
    look(&r);
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_NO);
    close_rig(&r);
}

TEST(a_candidate_may_fail_where_the_old_one_did)
{
    struct rig r;

    open_rig(&r);
    put_file(r.dir, "a.lua", "filter MEAN");
    ask_event(&r, &file, "A1", "{\"mean\":1}", false);
    put_file(r.dir, "a.lua", "filter NO MEAN");
    look(&r);
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_NO);
    close_rig(&r);
}

TEST(a_file_need_not_serve_an_automation_that_has_changed)
{
    struct rig r;

    open_rig(&r);
    put_file(r.dir, "a.lua", "filter");
    ask(&r, &file, "A1");
    bf_scripts_forget(r.s, "A1");
    put_file(r.dir, "a.lua", "transform");
    look(&r);
    CHECK_HAS(state(&r), "\"state\":\"good\"");
    close_rig(&r);
}

TEST(a_file_that_vanishes_leaves_its_text_in_force)
{
    char path[300];
    struct rig r;

    open_rig(&r);
    put_file(r.dir, "a.lua", "filter");
    ask(&r, &file, "A1");
    snprintf(path, sizeof(path), "%s/a.lua", r.dir);
    unlink(path);
    look(&r);
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_YES);
    CHECK_HAS(state(&r), "\"state\":\"gone\"");
    put_file(r.shipped, "a.lua", "filter NO");          /* ours comes forward */
    look(&r);
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_NO);
    close_rig(&r);
}

TEST(a_file_that_is_being_written_waits)
{
    char path[300];
    FILE *f;
    struct rig r;

    open_rig(&r);
    put_file(r.dir, "a.lua", "filter");
    ask(&r, &file, "A1");
    put_file(r.dir, "a.lua", "");                       /* cut, and not yet written */
    look(&r);
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_YES);
    snprintf(path, sizeof(path), "%s/a.lua", r.dir);
    f = fopen(path, "w");
    fputs("filter BRO", f);                             /* half, a moment ago */
    fflush(f);
    look(&r);
    fclose(f);
    put_file(r.dir, "a.lua", "filter NO");
    look(&r);
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_NO);
    CHECK_STR(news(&r), "swapped a.lua -; swapped a.lua - again; ");
    close_rig(&r);
}

TEST(a_file_that_is_too_long_or_none_is_told_of)
{
    char *text = bf_zalloc(BF_HOOK_CODE_MAX + 2), path[300];
    struct rig r;

    open_rig(&r);
    memset(text, ' ', BF_HOOK_CODE_MAX + 1);
    put_file(r.dir, "a.lua", text);
    CHECK_HAS(ask(&r, &file, "A1").words, "longer than 65536 bytes");
    text[BF_HOOK_CODE_MAX] = '\0';
    memcpy(text, "filter", 6);
    put_file(r.dir, "a.lua", text);
    look(&r);
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_YES);
    snprintf(path, sizeof(path), "%s/a.lua", r.dir);
    unlink(path);
    mkfifo(path, 0600);
    look(&r);
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_YES);
    CHECK_HAS(state(&r), "is no file");
    free(text);
    close_rig(&r);
}

TEST(a_swap_enables_the_hooks_of_that_file)
{
    struct bf_hook bad = code("filter KILL");
    struct rig r;

    open_rig(&r);
    put_file(r.dir, "a.lua", "filter KILL");
    for (int i = 0; i < BF_SCRIPT_KILLS; i++) {
        ask(&r, &file, "A1");
        ask(&r, &bad, "A2");
    }
    CHECK_STR(news(&r), "swapped a.lua -; disabled a.lua A1; disabled - A2; ");
    put_file(r.dir, "a.lua", "filter");
    look(&r);
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_YES);
    CHECK_INT(ask(&r, &bad, "A2").said, BF_SAID_FAILED);
    CHECK_STR(news(&r), "swapped a.lua - again; enabled a.lua A1; ");
    close_rig(&r);
}

TEST(a_hook_in_another_file_begins_anew)
{
    struct bf_hook other = {.file = "b.lua"};
    struct rig r;

    open_rig(&r);
    put_file(r.dir, "a.lua", "filter KILL");
    put_file(r.dir, "b.lua", "filter");
    for (int i = 0; i < BF_SCRIPT_KILLS; i++)
        ask(&r, &file, NULL);
    CHECK_HAS(ask(&r, &file, NULL).words, "disabled");
    CHECK_INT(ask(&r, &other, NULL).said, BF_SAID_YES);
    CHECK_STR(news(&r), "swapped a.lua -; disabled a.lua -; enabled a.lua -; swapped b.lua -; ");
    close_rig(&r);
}

TEST(a_trial_asks_nothing_of_later_texts)
{
    struct rig r;

    open_rig(&r);
    put_file(r.dir, "a.lua", "filter");
    ask_event(&r, &file, "A1", "{}", true);
    put_file(r.dir, "a.lua", "transform");
    look(&r);
    CHECK_HAS(state(&r), "\"state\":\"good\"");
    close_rig(&r);
}

TEST(what_was_asked_as_on_event_is_forgotten_with_it)
{
    struct rig r;

    open_rig(&r);
    put_file(r.dir, "a.lua", "filter");
    ask(&r, &file, NULL);
    bf_scripts_forget(r.s, NULL);
    put_file(r.dir, "a.lua", "transform");
    look(&r);
    CHECK_HAS(state(&r), "\"state\":\"good\"");
    close_rig(&r);
}

TEST(another_directory_is_looked_at_at_once)
{
    struct rig r;

    open_rig(&r);
    put_file(r.dir, "a.lua", "filter");
    put_file(r.shipped, "a.lua", "filter NO");
    ask(&r, &file, "A1");
    bf_scripts_look(r.s, r.shipped);
    settle(&r);
    CHECK_INT(ask(&r, &file, "A1").said, BF_SAID_NO);
    close_rig(&r);
}


/* --- checks, and a restart ------------------------------------------------------------------------------------ */

TEST(a_hook_is_checked_before_it_is_saved)
{
    struct bf_hook good = code("filter"), broken = code("filter BROKEN"), lacks = code("transform"),
                   none = {.file = "none.lua"};
    struct bf_error err;
    struct rig r;

    open_rig(&r);
    put_file(r.dir, "a.lua", "transform");
    CHECK_INT(bf_scripts_check(r.s, &good, BF_HOOK_FILTER, &err), 0);
    CHECK_INT(bf_scripts_check(r.s, &broken, BF_HOOK_FILTER, &err), BF_ECONFIG);
    CHECK_STR(err.field, "code");
    CHECK_STR(err.words, "filter:1: unexpected symbol");
    CHECK_INT(bf_scripts_check(r.s, &lacks, BF_HOOK_FILTER, &err), BF_ECONFIG);
    CHECK_INT(bf_scripts_check(r.s, &file, BF_HOOK_TRANSFORM, &err), 0);
    CHECK_INT(bf_scripts_check(r.s, &file, BF_HOOK_FILTER, &err), BF_ECONFIG);
    CHECK_STR(err.field, "file");
    CHECK_INT(bf_scripts_check(r.s, &none, BF_HOOK_FILTER, &err), BF_ECONFIG);
    CHECK_HAS(err.words, "there is no none.lua in ");
    close_rig(&r);
}

TEST(a_restart_changes_nothing)
{
    struct bf_hook other = {.file = "b.lua"};
    char refused[BF_HASH_LEN + 1];
    struct bf_hook good = code("filter");
    struct rig r;

    open_rig(&r);
    put_file(r.dir, "a.lua", "filter BROKEN");
    ask(&r, &file, "A1");
    settle(&r);
    snprintf(refused, sizeof(refused), "%s", ask(&r, &file, "A1").script);
    close_rig(&r);

    open_rig(&r);
    put_file(r.dir, "a.lua", "filter BROKEN");
    put_file(r.dir, "b.lua", "filter");
    bf_scripts_restore_file(r.s, &(struct bf_script_kept_file){.file = "a.lua",
                                                               .text = "filter NO",
                                                               .len = 9,
                                                               .refused = refused,
                                                               .words = "a.lua:1: no"});
    bf_scripts_restore_file(r.s, &(struct bf_script_kept_file){.file = "b.lua",
                                                               .text = "filter NO",
                                                               .len = 9});
    bf_scripts_restore_hook(r.s, &(struct bf_script_kept_hook){.automation = "A1",
                                                               .kind = BF_HOOK_FILTER,
                                                               .words = "it was bad"});
    CHECK_HAS(ask(&r, &good, "A1").words, "it was bad");
    CHECK_INT(ask(&r, &file, "A2").said, BF_SAID_NO);           /* the last good text */
    settle(&r);
    CHECK_HAS(state(&r), "a.lua:1: no");
    CHECK_STR(news(&r), "");                                    /* and it is not tried again */
    ask(&r, &other, "A2");
    settle(&r);
    CHECK_INT(ask(&r, &other, "A2").said, BF_SAID_YES);         /* what has changed meanwhile is */
    CHECK_STR(news(&r), "swapped b.lua - again; ");
    close_rig(&r);
}

TEST(files_that_nobody_uses_are_shown)
{
    const char *text;
    size_t len;
    struct rig r;

    open_rig(&r);
    put_file(r.shipped, "ours.lua", "filter NO");
    put_file(r.dir, "readme.txt", "no script");
    CHECK_HAS(state(&r), "[{\"file\":\"ours.lua\",\"state\":\"unused\",\"hash\":\"");
    CHECK_HAS(state(&r), "\"shipped\":true");
    CHECK(!strstr(state(&r), "readme"));
    CHECK_INT(bf_scripts_text(r.s, "ours.lua", r.arena, &text, &len), 0);
    CHECK_STR(text, "filter NO");
    CHECK_INT(bf_scripts_text(r.s, "none.lua", r.arena, &text, &len), BF_ENOENT);
    close_rig(&r);
}
