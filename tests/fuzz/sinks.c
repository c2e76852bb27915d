/* sinks - values and templates through the four sinks in the real plugin room.
 *
 * The first byte says how to read the rest.  Below 128 it is a case of values.h: the rest is values,
 * apart by blank lines, for every member of an event, and all of values.h must hold.  Above, the rest
 * is an option of an action, a template that somebody wrote: it is saved or refused, and tried on an
 * event whose values are hostile; what comes of it is JSON within the limits, whosever its links
 * are. */
#include "tests/fuzz/fuzz.h"

#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/values.h"

/* What the rig asks of a test. */
void test_register(struct test *t) { (void)t; }

void test_failed(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    abort();
}

const char *test_dir(void)
{
    static char dir[] = "/tmp/belfry-fuzz-XXXXXX";
    static bool made;

    if (!made && !mkdtemp(dir))
        abort();
    made = true;
    return dir;
}

static struct rig *room(void)
{
    static struct rig r;

    if (!r.plugins)
        values_open(&r);
    return &r;
}

static void add(struct bf_buf *b, const char *before, const char *text, size_t max)
{
    bf_buf_adds(b, before);
    bf_buf_adds(b, "\"");
    if (*text)
        bf_buf_json_chars(b, text, strlen(text) < max ? strlen(text) : max);
    else
        bf_buf_adds(b, "a");
    bf_buf_adds(b, "\"");
}

/* NULL: it is refused at the door, as what is no UTF-8 is. */
static struct bf_envelope *event(struct bf_arena *a, unsigned kind, char *values)
{
    static const char *const types[] = {"artifact.alias.add", "run.alert", "run.state", "run.metric",
                                        "collection.tag.add", "ci.done", "belfry.execution.failed"};
    static const char *const members[] = {
        ",\"author\":", ",\"alias\":", ",\"tag\":", ",\"project\":", ",\"collection\":",
        ",\"artifact\":{\"version\":\"v7\",\"type\":\"model\",\"id\":", ",\"metadata\":{\"k\":",
        "}},\"run\":{\"state\":\"FAILED\",\"id\":", ",\"name\":",
        "},\"metrics\":[{\"value\":1,\"step\":1,\"name\":",
        "}],\"alert\":{\"level\":\"ERROR\",\"title\":", ",\"text\":",
        "},\"data\":{\"config\":{\"lr\":1},\"error\":", ",\"name\":", ",\"x\":"};
    struct bf_envelope *e = NULL;
    struct bf_buf b;
    const char *last = "";

    bf_buf_init(&b, 1024 * 1024);
    bf_buf_printf(&b, "{\"type\":\"%s\",\"entity\":\"acme\"", types[kind % BF_COUNT(types)]);
    for (size_t i = 0; i < BF_COUNT(members); i++) {
        const char *value = fuzz_part(&values);

        last = value ? value : last;
        add(&b, members[i], last, BF_NAME_MAX);
    }
    bf_buf_adds(&b, "}}");
    if (bf_envelope_parse(a, bf_buf_text(&b), b.len, BF_FROM_HUB, &e, NULL))
        e = NULL;
    bf_buf_fini(&b);
    return e;
}

/* A fuzzer sees what bytes are compared with, and so finds out what stands in for a secret; a part of
 * it in a value is not sent.  Nobody else can. */
static bool knows_stand_in(const struct values_try *v)
{
    const char *words = v->attempt.at.verdict.words;

    return words && strncmp(words, "secret_mangled", 14) == 0;
}

static void send_values(struct bf_arena *a, unsigned how, unsigned kind, char *values)
{
    size_t number = how % BF_COUNT(values_cases);
    struct bf_envelope *e = event(a, kind, values);
    struct values_try v;

    if (!e)
        return;
    values_attempt(&v, number, e, kind & 0x80);
    if (rig_prepare(room(), &v.attempt) == BF_STEP_SEND) {
        struct values_look l = values_look(number, a, &v.attempt);

        if (l.fault)
            test_failed(__FILE__, __LINE__, "case %zu: %s: %s", number, l.fault, l.at);
    } else if (!values_is_clear(&v.attempt.at.verdict) && !knows_stand_in(&v)) {
        test_failed(__FILE__, __LINE__, "case %zu is refused: %s", number,
                    v.attempt.at.verdict.words ? v.attempt.at.verdict.words : "");
    }
    rig_attempt_end(room(), &v.attempt);
}


/* --- templates -------------------------------------------------------------------------- */

static const struct {
    const char *integration, *option;
    size_t max;                 /* bytes of what is sent */
    bool json;                  /* the option is JSON, and not a text */
    const char *more;
} options[] = {
    {"B", "payload", BF_RENDERED_MAX, true, ""},
    {"C", "title", 100000, false, ""},
    {"C", "text", 100000, false, ""},
    {"D", "blocks", 200000, true, ""},
    {"E", "title", 26624, false, ""},
    {"E", "text", 26624, false, ""},
    {"E", "payload", 26624, true, ""},
    {"F", "text", 26624, false, ""},
    {"F", "payload", 26624, true, ""},
    {"G", "event_type", 70000, false, ""},
    {"G", "client_payload", 70000, true, ",\"event_type\":\"x\""},
};

static void check(const char *integration, const char *config)
{
    struct bf_integration *i = bf_team_integration(room()->team, integration);
    struct bf_arena *a = bf_arena_new(16 * 1024 * 1024);
    struct bf_warnings warnings = {.arena = a};
    struct bf_action_check c = {.integration = i, .automation = "notify", .automation_id = "a",
                                .event_type = "ADD_ARTIFACT_ALIAS", .config = config, .secrets = "",
                                .warnings = &warnings};
    struct bf_error err = {0};

    CLAIM(i);
    if (bf_plugins_check_action(room()->plugins, &c, &err))
        CLAIM(err.words[0]);
    bf_integration_unref(i);
    bf_arena_free(a);
}

static void send_template(struct bf_arena *a, unsigned how, unsigned kind, const char *tmpl)
{
    size_t n = how % BF_COUNT(options);
    static char hostile[] = "<!here> [x](http://e) \\\" <at>\n\n${alias}]\n\n\xe2\x80\xae\\[x]\n\n..\n\n]()";
    char *values = fuzz_text(hostile, sizeof(hostile) - 1);
    struct bf_envelope *e = event(a, kind, values);
    struct bf_sent sent;
    struct bf_answer said;
    struct bf_error err = {0};
    struct values_try v;
    struct bf_buf b;

    bf_buf_init(&b, 1024 * 1024);
    bf_buf_printf(&b, "{\"%s\":", options[n].option);
    if (options[n].json)
        bf_buf_adds(&b, tmpl);
    else
        bf_buf_json(&b, tmpl);
    bf_buf_printf(&b, "%s}", options[n].more);
    values_attempt(&v, 0, e, kind & 0x80);
    v.integration[25] = *options[n].integration;
    v.attempt.action.config = bf_buf_text(&b);
    v.attempt.action.config_len = b.len;
    check(v.integration, bf_buf_text(&b));
    if (bf_plugins_preview(room()->plugins, v.attempt.at.execution, v.attempt.at.arena, &sent, &said, &err))
        CLAIM(err.words[0]);
    else
        CLAIM(sent.body_len <= options[n].max && bf_json_parse(a, sent.body, sent.body_len, NULL));
    rig_attempt_end(room(), &v.attempt);
    bf_buf_fini(&b);
    free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bf_arena *a;
    char *text;

    if (size < 2)
        return 0;
    a = bf_arena_new(64 * 1024 * 1024);
    text = fuzz_text(data + 2, size - 2);
    if (data[0] < 128)
        send_values(a, data[0], data[1], text);
    else
        send_template(a, data[0], data[1], text);
    free(text);
    bf_arena_free(a);
    return 0;
}
