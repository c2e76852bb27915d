/* test_rendered.c - what a script is given of an action, and what becomes of what it makes. */
#include <unistd.h>

#include "tests/unit/plugin_rig.h"

struct where {
    const char *url;
};

struct post {
    const char *text;
    const char *payload;
};

struct say {
    const char *text;
    const char *level;
    const char *note;           /* not a template */
    const char *const *tags;
    const char *const *fields;
    const char *blocks;
    int64_t count;
    int64_t wait;
    bool quiet;
};

static const struct bf_option where_options[] = {
    BF_STRING(struct where, url, .def = "https://a.example"),
    BF_OPTIONS_END
};

static const struct bf_option post_options[] = {
    BF_STRING(struct post, text, .flags = BF_TEMPLATE, .def = "${alias}"),
    BF_JSON(struct post, payload, .def = "{\"v\":\"${artifact_version}\"}"),
    BF_OPTIONS_END
};

static const struct bf_option say_options[] = {
    BF_STRING(struct say, text, .flags = BF_TEMPLATE, .def = "${alias} in ${project_name}"),
    BF_STRING(struct say, level, .choices = "INFO|WARN|ERROR", .def = "INFO"),
    BF_STRING(struct say, note),
    BF_LIST(struct say, tags, .flags = BF_TEMPLATE),
    BF_MAP(struct say, fields, .flags = BF_TEMPLATE),
    BF_JSON(struct say, blocks),
    BF_INT(struct say, count, .def = "3"),
    BF_DURATION(struct say, wait, .def = "5s"),
    BF_BOOL(struct say, quiet),
    BF_OPTIONS_END
};

static int request_post(void *self, const struct bf_delivery *d, struct bf_request *req)
{
    const struct where *to = self;
    const struct post *p = d->action;

    bf_request_to(req, "POST", to->url);
    bf_request_header(req, "X-Text", bf_expand(d, p->text, BF_ESC_XML));
    bf_request_body(req, "application/json", "%s", bf_render(d, p->payload));
    return 0;
}

static const char *join(const struct bf_delivery *d, const char *const *texts)
{
    const char *all = "";

    for (; texts && *texts; texts++)
        all = bf_printf(d->arena, "%s[%s]", all, bf_expand(d, *texts, BF_ESC_XML));
    return all;
}

static int request_say(void *self, const struct bf_delivery *d, struct bf_request *req)
{
    const struct where *to = self;
    const struct say *s = d->action;
    const char *text = bf_expand(d, s->text, BF_ESC_XML);

    for (size_t i = 0; d->merged && d->merged[i]; i++)
        text = bf_printf(d->arena, "%s, %s", text, bf_expand(d->merged[i], s->text, BF_ESC_XML));
    bf_request_to(req, "POST", to->url);
    bf_request_body(req, "text/plain", "%s|%s|%s|%s|%s|%s|%lld|%lld|%d", text, s->level,
                    s->note ? s->note : "-", join(d, s->tags), join(d, s->fields),
                    bf_render(d, s->blocks), (long long)s->count, (long long)s->wait, s->quiet);
    return 0;
}

static const struct bf_delivery *left_with_us;

static void deliver(void *self, const struct bf_delivery *d)
{
    (void)self;
    left_with_us = d;
}

static int deliver_blocking(void *self, const struct bf_delivery *d)
{
    const struct say *s = d->action;

    (void)self;
    return bf_accept(d, "%s", bf_expand(d, s->text, BF_ESC_NONE));
}

static const struct bf_sink posts = {
    BF_SINK("t", "Post"), BF_INTEGRATION(struct where, where_options),
    BF_ACTION(struct post, post_options), .request = request_post};
static const struct bf_sink says = {
    BF_SINK("t.says", "Say"), BF_INTEGRATION(struct where, where_options),
    BF_ACTION(struct say, say_options), .request = request_say, .max_merged = 3};
static const struct bf_sink settles = {
    BF_SINK("t.settles", "Settle later"), BF_INTEGRATION(struct where, where_options),
    BF_ACTION(struct say, say_options), .deliver = deliver};
static const struct bf_sink blocks = {
    BF_SINK("t.blocks", "Block"), BF_INTEGRATION(struct where, where_options),
    BF_ACTION(struct say, say_options), .deliver_blocking = deliver_blocking, .flags = BF_ONCE};
static const struct bf_plugin plugin = {
    .size = sizeof(plugin), .name = "t", .version = "1",
    BF_SINKS(&posts, &says, &settles, &blocks)};

/* An attempt whose automation has a transform, and its script. */
struct scene {
    struct rig r;
    struct rig_attempt t;
    struct bf_hook hook;
    const char *made;           /* what the script returns; NULL: it fails, with ... */
    const char *words;
};

static void begin_attempt(struct scene *s, const char *action, const char *secrets)
{
    rig_attempt(&s->t, action);
    s->t.action.secrets = secrets;
    s->hook.file = "s.lua";
    s->t.automation.hooks.transform = &s->hook;
}

static void open_scene(struct scene *s, const char *sink, const char *action, const char *secrets)
{
    rig_open(&s->r, &plugin);
    rig_integration(&s->r, sink, "{}");
    rig_secret(&s->r, "WORD", "swordfish \"9\"");
    begin_attempt(s, action, secrets);
}

static void close_scene(struct scene *s)
{
    rig_attempt_end(&s->r, &s->t);
    rig_close(&s->r);
    unlink(s->r.path);
}

static const struct bf_question *given(struct scene *s)
{
    struct bf_courier_ops ops = bf_plugins_courier_ops(s->r.plugins);

    if (!ops.render(ops.arg, &s->t.at))
        test_failed(__FILE__, __LINE__, "%s", s->t.at.verdict.words);
    return &s->t.at.transform.question;
}

static void answer_with(struct bf_question *q, const char *made, const char *words)
{
    q->answer = (struct bf_answer){made ? BF_SAID_CHANGED : BF_SAID_FAILED, "5c91", words};
    q->text = made;
    q->len = made ? strlen(made) : 0;
}

static char *filled_with(const char *before, size_t n, const char *after)
{
    char *text = bf_zalloc(strlen(before) + n + strlen(after) + 1);

    strcpy(text, before);
    memset(text + strlen(text), 'x', n);
    strcat(text, after);
    return text;
}

/* Render, have it answered, and take the answer. */
static const struct bf_answer *play(struct scene *s, const char *made, const char *words)
{
    struct bf_courier_ops ops = bf_plugins_courier_ops(s->r.plugins);
    struct bf_question *q = &s->t.at.transform.question;

    given(s);
    answer_with(q, made, words);
    ops.accept(ops.arg, &s->t.at);
    return &q->answer;
}

/* And send it. */
static const char *sent(struct scene *s, const char *made)
{
    const struct bf_answer *a = play(s, made, NULL);

    if (a->said == BF_SAID_FAILED)
        test_failed(__FILE__, __LINE__, "%s", a->words);
    if (rig_prepare(&s->r, &s->t) != BF_STEP_SEND)
        test_failed(__FILE__, __LINE__, "%s", s->t.at.verdict.words);
    return s->t.at.out.http.body;
}


/* --- what it is given ------------------------------------------------------------------ */

TEST(a_script_is_given_the_payload_and_the_event)
{
    struct scene s = {0};
    const struct bf_question *q;

    open_scene(&s, "t", "{\"payload\":{\"who\":\"${event_author}\",\"n\":[1, 2.50],\"x\":null}}", "");
    q = given(&s);
    CHECK_STR(q->payload, "{\"who\":\"ana\",\"n\":[1, 2.50],\"x\":null}");
    CHECK_INT(q->payload_len, strlen(q->payload));
    CHECK_STR(q->action, "t");
    CHECK_STR(q->name, "notify");
    CHECK(q->hook == &s.hook);
    CHECK_INT(q->kind, BF_HOOK_TRANSFORM);
    CHECK_STR(s.t.at.transform.event.id, "01EVENT");
    CHECK_HAS(s.t.at.transform.event.text, "\"alias\":\"production\"");
    close_scene(&s);
}

TEST(or_its_options_where_there_is_no_payload_as_far_as_they_are_set)
{
    struct scene s = {0};

    open_scene(&s, "t.says", "{\"tags\":[\"a\",\"${alias}\"],\"fields\":{\"by\":\"${event_author}\"},"
                             "\"blocks\":[{\"t\":\"${alias}\"}]}", "");
    CHECK_STR(given(&s)->payload,
              "{\"text\":\"production in vision\",\"level\":\"INFO\",\"tags\":[\"a\",\"production\"],"
              "\"fields\":{\"by\":\"ana\"},\"blocks\":[{\"t\":\"production\"}],\"count\":3,"
              "\"wait\":5000,\"quiet\":false}");
    close_scene(&s);
}

TEST(of_a_digest_it_is_given_the_newest_event_and_how_many_there_are)
{
    struct scene s = {0};

    open_scene(&s, "t.says", "{\"text\":\"${alias} of ${firing_count}\"}", "");
    rig_digest(&s.t);
    CHECK_HAS(given(&s)->payload, "\"text\":\"later1 of 3\"");
    CHECK_HAS(s.t.at.transform.event.text, "\"alias\":\"later1\"");
    close_scene(&s);
}

TEST(what_cannot_be_rendered_is_asked_of_nobody)
{
    struct bf_courier_ops ops;
    struct scene s = {0};

    open_scene(&s, "t", "{\"payload\":{\"x\":\"${NOPE}\"}}", "");
    ops = bf_plugins_courier_ops(s.r.plugins);
    CHECK(!ops.render(ops.arg, &s.t.at));
    CHECK_INT(s.t.at.verdict.outcome, BF_REJECTED);
    CHECK_HAS(s.t.at.verdict.words, "NOPE");
    close_scene(&s);
}


/* Of an event with a large value, 40 times. */
TEST(options_that_are_more_than_a_script_is_given_are_its_failure)
{
    char *event = filled_with("{\"type\":\"run.alert\",\"entity\":\"acme\",\"project\":\"vision\",\"run\":{\"id\":\"r\"},\"alert\":{\"title\":\"t\","
                              "\"text\":\"", 60000, "\"}}");
    char config[2048] = "{\"tags\":[\"\"";
    struct bf_arena *scratch = bf_arena_new(1 << 20);
    const struct bf_question *q;
    struct bf_error err;
    struct scene s = {0};

    for (int i = 0; i < 40; i++)
        strcat(config, ",\"${message}\"");
    strcat(config, "]}");
    open_scene(&s, "t.says", config, "");
    bf_envelope_unref(s.t.at.execution->event);
    rig_ok(bf_envelope_parse(scratch, event, strlen(event), BF_FROM_OUTSIDE,
                             &s.t.at.execution->event, &err), &err);
    q = given(&s);
    CHECK_INT(q->answer.said, BF_SAID_FAILED);
    CHECK_HAS(q->answer.words, "s.lua: the options have more than 2097152 bytes");
    close_scene(&s);
    bf_arena_free(scratch);
    free(event);
}


/* --- what it makes ----------------------------------------------------------------------- */

TEST(any_json_may_be_a_payload_and_is_sent_byte_for_byte)
{
    static const char *const made[] = {
        "{\"a\":9007199254740993,\"b\":[],\"c\":{},\"d\":null}", "[]", "{}", "null", "true", "-1.50e3",
        "\"one \\\"two\\\"\\nthree\"", "\"${alias} $${alias} $WORD ${NOPE}\"",
        "{\"${alias}\":\"${json:firings}\"}", "[\"\xf0\x9f\xa6\x89\"]",
    };

    struct scene s = {0};

    open_scene(&s, "t", "{}", "");
    for (size_t i = 0; i < BF_COUNT(made); i++) {
        rig_attempt_end(&s.r, &s.t);
        begin_attempt(&s, "{\"payload\":{\"v\":\"${alias}\"}}", "WORD");
        CHECK_STR(sent(&s, made[i]), made[i]);
        CHECK_STR(s.t.at.out.sent.body, made[i]);
        CHECK_STR(rig_header(&s.t, "X-Text"), "production");    /* not the script's: as ever */
    }
    close_scene(&s);
}

TEST(options_are_what_the_script_made_of_them)
{
    struct scene s = {0};

    open_scene(&s, "t.says", "{\"note\":\"n\"}", "");
    CHECK_STR(sent(&s, "{\"text\":\"a \\\"b\\\"\\n${alias}\",\"level\":\"warn\",\"note\":\"${alias}\","
                       "\"tags\":[\"${alias}\",\"\"],\"fields\":{\"k\":\"${NOPE}\"},"
                       "\"blocks\":{\"x\":[\"${alias}\"]},\"count\":9007199254740993,"
                       "\"wait\":\"2m\",\"quiet\":true}"),
              "a \"b\"\n${alias}|WARN|${alias}|[${alias}][]|[k][${NOPE}]|{\"x\":[\"${alias}\"]}|"
              "9007199254740993|120000|1");
    close_scene(&s);
}

/* Nobody knows any more what of it was a value, so all of it is taken for one; but an option that
 * is as it was is the author's again, with what markup it has. */
TEST(what_a_script_made_is_escaped_as_a_value_and_what_it_left_alone_is_not)
{
    struct scene s = {0};

    open_scene(&s, "t.says", "{\"text\":\"<!here> ${alias} & co\",\"tags\":[\"<b>\"]}", "");
    CHECK_HAS(sent(&s, "{\"text\":\"<!here> production & co\",\"tags\":[\"<b>\",\"<i>\"]}"),
              "<!here> production & co|INFO|-|[&lt;b&gt;][&lt;i&gt;]|");
    close_scene(&s);
    open_scene(&s, "t.says", "{\"text\":\"<!here> ${alias} & co\",\"tags\":[\"<b>\"]}", "");
    CHECK_HAS(sent(&s, "{\"tags\":[\"<b>\"],\"text\":\"<!here> production &\"}"),
              "&lt;!here&gt; production &amp;|INFO|-|[<b>]|");
    close_scene(&s);
}

TEST(an_option_that_is_left_out_or_null_is_its_default)
{
    struct scene s = {0};

    open_scene(&s, "t.says", "{\"text\":\"x\",\"level\":\"ERROR\",\"count\":8}", "");
    CHECK_STR(sent(&s, "{\"level\":null}"), "production in vision|INFO|-||||3|5000|0");
    close_scene(&s);
}

TEST(what_the_sink_could_not_work_with_is_the_scripts_failure)
{
    static const struct {
        const char *sink, *made, *words;
    } rows[] = {
        {"t.says", "[1]", "it must be a table of options, not an array"},
        {"t.says", "\"x\"", "it must be a table of options, not a string"},
        {"t.says", "null", "it must be a table of options, not null"},
        {"t.says", "{\"txet\":\"x\"}", "there is no option \"txet\"; the options are text, level"},
        {"t.says", "{\"text\":1}", "text must be a string, not a number"},
        {"t.says", "{\"level\":\"LOUD\"}", "level must be one of INFO|WARN|ERROR"},
        {"t.says", "{\"tags\":\"a\"}", "tags must be an array of strings, not a string"},
        {"t.says", "{\"tags\":[\"a\",{}]}", "tags must be an array of strings, not an object"},
        {"t.says", "{\"fields\":[]}", "fields must be an object of strings, not an array"},
        {"t.says", "{\"count\":1.5}", "count must be a whole number"},
        {"t.says", "{\"wait\":\"soon\"}", "wait must be a duration"},
        {"t.says", "{\"wait\":-1}", "wait must not be negative"},
        {"t.says", "{\"quiet\":\"no\"}", "quiet must be true or false, not a string"},
        {"t", "{\"a\":", "byte"},
        {"t", "{\"a\":1,\"a\":2}", "byte"},
        {"t", "\"\\u0000\"", "byte"},
        {"t", "\"\xff\"", "byte"},
        {"t", "NaN", "byte"},
        {"t", "", "byte"},
    };

    struct scene s = {0};

    open_scene(&s, "t", "{}", "");
    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        const struct bf_answer *a;

        rig_attempt_end(&s.r, &s.t);
        rig_integration(&s.r, rows[i].sink, "{}");
        begin_attempt(&s, "{}", "");
        s.t.automation.revision += i;
        a = play(&s, rows[i].made, NULL);
        CHECK_INT(a->said, BF_SAID_FAILED);
        CHECK_STR(a->script, "5c91");
        CHECK_HAS(a->words, rows[i].words);
        CHECK_HAS(a->words, "s.lua: what it returned is no payload for sink t");
    }
    close_scene(&s);
}

TEST(a_payload_may_be_as_large_as_one_that_is_rendered)
{
    static const struct {
        const char *sink, *before, *after;
        size_t n;
        bool ok;
    } rows[] = {
        {"t", "\"", "\"", BF_RENDERED_MAX - 2, true},
        {"t", "\"", "\"", BF_RENDERED_MAX - 1, false},
        {"t.says", "{\"text\":\"", "\"}", BF_RENDERED_MAX, true},
        {"t.says", "{\"text\":\"", "\"}", BF_RENDERED_MAX + 1, false},
        {"t.says", "{\"tags\":[\"\",\"", "\"]}", BF_RENDERED_MAX + 1, false},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        char *made = filled_with(rows[i].before, rows[i].n, rows[i].after);
        const struct bf_answer *a;
        struct scene s = {0};

        open_scene(&s, rows[i].sink, "{}", "");
        a = play(&s, made, NULL);
        CHECK_INT(a->said, rows[i].ok ? BF_SAID_CHANGED : BF_SAID_FAILED);
        if (!rows[i].ok)
            CHECK_HAS(a->words, "at most 1048576 are allowed");
        close_scene(&s);
        free(made);
    }
}

TEST(more_than_a_script_may_give_is_not_even_looked_at)
{
    char *made = filled_with("[\"", 2 * BF_RENDERED_MAX, "\"]");
    const struct bf_answer *a;
    struct scene s = {0};

    open_scene(&s, "t", "{}", "");
    a = play(&s, made, NULL);
    CHECK_INT(a->said, BF_SAID_FAILED);
    CHECK_HAS(a->words, "bytes of JSON, at most 2097152");
    close_scene(&s);
    free(made);
}

/* Whoever speaks in the name of a script may be anybody. */
TEST(an_answer_that_is_none_is_a_failure)
{
    static const enum bf_said said[] = {BF_SAID_NOTHING, BF_SAID_NO, BF_SAID_CHANGED};

    for (size_t i = 0; i < BF_COUNT(said); i++) {
        struct bf_courier_ops ops;
        struct scene s = {0};

        open_scene(&s, "t", "{}", "");
        ops = bf_plugins_courier_ops(s.r.plugins);
        given(&s);
        s.t.at.transform.question.answer.said = said[i];
        ops.accept(ops.arg, &s.t.at);
        CHECK_INT(s.t.at.transform.question.answer.said, BF_SAID_FAILED);
        close_scene(&s);
    }
}


/* --- secrets ------------------------------------------------------------------------------- */

/* The stand-in in what a script is given: behind "key":" */
static const char *stand_in(struct scene *s)
{
    const char *at = strstr(given(s)->payload, "\"key\":\"");

    CHECK(at != NULL);
    return bf_arena_ndup(s->t.at.arena, at + 7, BF_STANDIN_LEN);
}

TEST(a_script_sees_stand_ins_and_may_move_them)
{
    struct bf_courier_ops ops;
    struct scene s = {0};
    const char *key;

    open_scene(&s, "t", "{\"payload\":{\"key\":\"${WORD}\"}}", "WORD");
    ops = bf_plugins_courier_ops(s.r.plugins);
    key = stand_in(&s);
    CHECK(strstr(key, "swordfish") == NULL && strspn(key, "0123456789abcdefghijklmnopqrstuvwxyz"
                                                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == BF_STANDIN_LEN);
    answer_with(&s.t.at.transform.question,
                bf_arena_printf(s.t.at.arena, "{\"a\":[\"Bearer %s\"],\"%s\":1}", key, key), NULL);
    ops.accept(ops.arg, &s.t.at);
    CHECK_INT(rig_prepare(&s.r, &s.t), BF_STEP_SEND);
    CHECK_STR(s.t.at.out.http.body,
              "{\"a\":[\"Bearer swordfish \\\"9\\\"\"],\"swordfish \\\"9\\\"\":1}");
    CHECK_STR(s.t.at.out.sent.body, "{\"a\":[\"Bearer ${WORD}\"],\"${WORD}\":1}");
    close_scene(&s);
}

TEST(a_stand_in_that_a_script_has_cut_is_not_sent)
{
    struct bf_courier_ops ops;
    struct scene s = {0};

    open_scene(&s, "t", "{\"payload\":{\"key\":\"${WORD}\"}}", "WORD");
    ops = bf_plugins_courier_ops(s.r.plugins);
    answer_with(&s.t.at.transform.question,
                bf_arena_printf(s.t.at.arena, "[\"%.30s\"]", stand_in(&s)), NULL);
    ops.accept(ops.arg, &s.t.at);
    CHECK_INT(rig_prepare(&s.r, &s.t), BF_STEP_SETTLED);
    CHECK_INT(s.t.at.verdict.outcome, BF_REJECTED);
    CHECK_HAS(s.t.at.verdict.words, "secret_mangled");
    close_scene(&s);
}

TEST(words_of_a_script_hold_names_in_place_of_stand_ins)
{
    struct bf_courier_ops ops;
    struct scene s = {0};
    struct bf_arena *a;

    open_scene(&s, "t", "{\"payload\":{\"key\":\"${WORD}\"}}", "WORD");
    ops = bf_plugins_courier_ops(s.r.plugins);
    a = s.t.at.arena;
    answer_with(&s.t.at.transform.question, NULL,
                bf_arena_printf(a, "s.lua:3: bad key %s", stand_in(&s)));
    ops.accept(ops.arg, &s.t.at);
    CHECK_STR(s.t.at.transform.question.answer.words, "s.lua:3: bad key ${WORD}");
    close_scene(&s);
}

TEST(a_refused_option_that_is_a_stand_in_is_told_by_its_name)
{
    struct bf_courier_ops ops;
    struct scene s = {0};

    open_scene(&s, "t.says", "{\"fields\":{\"key\":\"${WORD}\"}}", "WORD");
    ops = bf_plugins_courier_ops(s.r.plugins);
    answer_with(&s.t.at.transform.question,
                bf_arena_printf(s.t.at.arena, "{\"%s\":1}", stand_in(&s)), NULL);
    ops.accept(ops.arg, &s.t.at);
    CHECK_HAS(s.t.at.transform.question.answer.words, "there is no option \"${WORD}\"");
    close_scene(&s);
}


/* --- where it goes ---------------------------------------------------------------------------- */

TEST(a_sink_that_tells_of_several_tells_of_one_thing_that_a_script_made)
{
    struct scene s = {0};

    open_scene(&s, "t.says", "{\"text\":\"${alias} of ${firing_count}\"}", "");
    rig_digest(&s.t);
    CHECK_HAS(sent(&s, "{\"text\":\"all in all\"}"), "all in all|INFO");
    CHECK_STR(rig_header(&s.t, "Belfry-Hops"), "5");
    close_scene(&s);
}

TEST(what_is_sent_although_its_script_failed_is_as_without_one)
{
    static const enum bf_said said[] = {BF_SAID_FAILED, BF_SAID_YES};

    for (size_t i = 0; i < BF_COUNT(said); i++) {
        struct bf_courier_ops ops;
        struct scene s = {0};

        open_scene(&s, "t.says", "{\"text\":\"${alias} of ${firing_count}\"}", "");
        rig_digest(&s.t);
        ops = bf_plugins_courier_ops(s.r.plugins);
        given(&s);
        s.t.at.transform.question.answer = (struct bf_answer){said[i], "5c91", "s.lua: no"};
        ops.accept(ops.arg, &s.t.at);
        CHECK_INT(rig_prepare(&s.r, &s.t), BF_STEP_SEND);
        CHECK_HAS(s.t.at.out.http.body, "production of 3, later0 of 1, later1 of 1|INFO");
        close_scene(&s);
    }
}

TEST(a_sink_with_steps_of_its_own_keeps_what_the_script_made)
{
    const struct say *say;
    struct scene s = {0};

    open_scene(&s, "t.settles", "{\"fields\":{\"key\":\"${WORD}\"},\"level\":\"WARN\"}", "WORD");
    play(&s, "{\"text\":\"<${alias}>\",\"level\":\"WARN\"}", NULL);
    CHECK_INT(rig_prepare(&s.r, &s.t), BF_STEP_LATER);
    rig_attempt_end(&s.r, &s.t);        /* as after the deadline */
    say = left_with_us->action;
    CHECK_STR(bf_expand(left_with_us, say->text, BF_ESC_XML), "&lt;${alias}&gt;");
    CHECK_STR(bf_expand(left_with_us, "${alias}", BF_ESC_NONE), "production");
    CHECK_STR(say->level, "WARN");
    rig_close(&s.r);
    unlink(s.r.path);
}

/* Its request is made in the plugin's own steps, long after the script was asked. */
TEST(a_stand_in_is_the_same_for_a_sink_with_steps_of_its_own)
{
    struct bf_courier_ops ops;
    const struct say *say;
    struct scene s = {0};
    const char *key;

    open_scene(&s, "t.settles", "{\"fields\":{\"key\":\"${WORD}\"}}", "WORD");
    ops = bf_plugins_courier_ops(s.r.plugins);
    key = stand_in(&s);
    answer_with(&s.t.at.transform.question,
                bf_arena_printf(s.t.at.arena, "{\"text\":\"%s\"}", key), NULL);
    ops.accept(ops.arg, &s.t.at);
    CHECK_INT(rig_prepare(&s.r, &s.t), BF_STEP_LATER);
    say = left_with_us->action;
    CHECK_STR(bf_expand(left_with_us, say->text, BF_ESC_NONE), key);
    CHECK_STR(bf_expand(left_with_us, "${WORD}", BF_ESC_NONE), key);
    rig_attempt_end(&s.r, &s.t);
    rig_close(&s.r);
    unlink(s.r.path);
}

TEST(a_blocking_sink_delivers_what_the_script_made)
{
    struct scene s = {0};

    open_scene(&s, "t.blocks", "{}", "");
    play(&s, "{\"text\":\"${alias}\"}", NULL);
    CHECK_INT(rig_prepare(&s.r, &s.t), BF_STEP_SETTLED);
    CHECK_INT(s.t.at.verdict.outcome, BF_ACCEPTED);
    CHECK_STR(s.t.at.verdict.words, "${alias}");
    close_scene(&s);
}

TEST(a_dry_run_shows_what_the_script_made)
{
    static const char *const sinks[] = {"t.blocks", "t.settles"};

    for (size_t i = 0; i < BF_COUNT(sinks); i++) {
        struct scene s = {0};

        left_with_us = NULL;
        open_scene(&s, sinks[i], "{}", "");
        s.t.automation.dry_run = true;
        play(&s, "{\"text\":\"${alias}\",\"tags\":[\"<b>\"]}", NULL);
        CHECK_INT(rig_prepare(&s.r, &s.t), BF_STEP_SETTLED);
        CHECK_INT(s.t.at.verdict.outcome, BF_DRY);
        CHECK_HAS(s.t.at.out.sent.body, "{\"text\":\"${alias}\",\"level\":\"INFO\",\"note\":null,"
                                        "\"tags\":[\"<b>\"],");
        CHECK(!left_with_us);
        close_scene(&s);
    }
}


/* --- only to look at --------------------------------------------------------------------------- */

static int ask_wait(struct bf_scripts *scripts, struct bf_ask *ask)
{
    struct scene *s = (struct scene *)scripts;

    answer_with(&ask->questions[0], s->made, s->words);
    return BF_OK;
}

static int preview(struct scene *s, struct bf_sent *out, struct bf_answer *said,
                   struct bf_error *err)
{
    s->r.plugins->rooms.ask_wait = ask_wait;
    s->r.plugins->rooms.scripts = (struct bf_scripts *)s;
    return bf_plugins_preview(s->r.plugins, s->t.at.execution, s->t.at.arena, out, said, err);
}

TEST(a_preview_shows_what_the_script_made)
{
    struct scene s = {.made = "{\"v\":\"${alias}\"}"};
    struct bf_answer said;
    struct bf_error err = {0};
    struct bf_sent shown;

    open_scene(&s, "t", "{}", "");
    rig_ok(preview(&s, &shown, &said, &err), &err);
    CHECK_STR(shown.body, "{\"v\":\"${alias}\"}");
    CHECK_INT(said.said, BF_SAID_CHANGED);
    CHECK_STR(said.script, "5c91");
    s.t.automation.hooks.transform = NULL;
    rig_ok(preview(&s, &shown, &said, &err), &err);
    CHECK_STR(shown.body, "{\"v\":\"wandb-artifact://_id/YQ==\"}");
    CHECK_INT(said.said, BF_SAID_NOTHING);
    close_scene(&s);
}

TEST(a_preview_says_what_would_become_of_a_failure)
{
    static const enum bf_on_failure choices[] = {BF_FAILURE_FAILS, BF_FAILURE_FIRES,
                                                 BF_FAILURE_SKIPS};

    for (size_t i = 0; i < BF_COUNT(choices); i++) {
        struct scene s = {.words = "s.lua:1: no\n  in transform"};
        struct bf_answer said;
        struct bf_error err = {0};
        struct bf_sent shown = {0};
        int rc;

        s.hook.on_error = choices[i];
        open_scene(&s, "t", "{}", "");
        rc = preview(&s, &shown, &said, &err);
        CHECK_INT(said.said, BF_SAID_FAILED);
        CHECK_STR(said.words, "s.lua:1: no\n  in transform");
        CHECK_INT(rc, choices[i] == BF_FAILURE_FIRES ? BF_OK : BF_EINVAL);
        if (rc)
            CHECK_STR(err.words, "its transform failed: s.lua:1: no");
        else
            CHECK_STR(shown.body, "{\"v\":\"wandb-artifact://_id/YQ==\"}");
        close_scene(&s);
    }
}
