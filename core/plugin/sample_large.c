/* sample_large.c - made-up events as large as they come, to find out what a message may grow to.
 *
 * Names have all the bytes that an envelope lets them have.  Texts and JSON of a sender's own are
 * bounded by the whole event alone, which may have a MiB: few come near, so they have sizes here that
 * people do meet, and that plugin.h, the API's description and the warnings tell.  Of metadata and
 * data a template sees what it asks for by name, so the names that stand in an action's templates are
 * what the event has, and the rest is filled up. */
#include <stdio.h>
#include <string.h>

#include "core/plugin/host.h"
#include "core/rules/trigger.h"

#define EVENT_BYTES_MAX (4 * 1024 * 1024)
#define ASKED_MAX       64      /* names that are looked at in one action */
#define DEPTH_MAX       16      /* of a path; what lies deeper is text */

/* In these texts @n is a name, @s a shorter one, @t a text, @m metadata, @d data. */
#define NUMBER "-2.2250738585072014e-308"
#define STEP   "9007199254740991"
#define SENT   ",\"key\":\"@n\",\"source\":\"@n\",\"author\":\"@n\",\"cause\":\"@n\",\"data\":@d"
#define RUN                                                                                        \
    ",\"run\":{\"id\":\"@n\",\"name\":\"@n\",\"user\":\"@n\",\"state\":\"FINISHED\","                \
    "\"tags\":[\"@n\",\"@n\",\"@n\",\"@n\"],\"group\":\"@n\",\"job_type\":\"@n\",\"config\":@c}"
#define VERSION                                                                                    \
    ",\"collection\":\"@n\",\"artifact\":{\"id\":\"@n\",\"version\":\"v2147483647\",\"type\":"       \
    "\"@n\",\"metadata\":@m,\"aliases\":[\"@n\",\"@n\",\"@n\",\"@n\"],\"tags\":[\"@n\",\"@n\"]}"
#define METRICS ",\"metrics\":[{\"name\":\"@n\",\"step\":" STEP ",\"value\":" NUMBER "}]"
#define ALERT   ",\"alert\":{\"title\":\"@n\",\"text\":\"@t\",\"level\":\"ERROR\"}"

/* By how its type begins; the first that fits. */
static const struct {
    const char *type;
    const char *members;
} kinds[] = {
    {"artifact.alias.", SENT VERSION ",\"alias\":\"@n\""},
    {"artifact.tag.", SENT VERSION ",\"tag\":\"@n\""},
    {"artifact.", SENT VERSION},
    {"collection.tag.", SENT VERSION ",\"tag\":\"@n\""},
    {"run.metric", SENT RUN METRICS},
    {"run.alert", SENT RUN ALERT},
    {"run.", SENT RUN},
    {"schedule.", ",\"data\":{\"automation\":\"00000000000000000000000000\",\"occurrence\":"
                  "\"2026-01-01T09:00:00.000Z\",\"late\":true,\"missed\":1000}"},
    {"clock.", RUN ",\"data\":{\"automation\":\"00000000000000000000000000\",\"due\":"
               "\"2026-01-01T09:30:00.000Z\",\"last\":\"2026-01-01T09:00:00.000Z\",\"for\":"
               "\"8784h\",\"of\":\"@s\",\"metric\":\"@n\"}"},
    {"", SENT VERSION RUN METRICS ALERT ",\"alias\":\"@n\",\"tag\":\"@n\""},
};

static const struct {
    const char *trigger;
    const char *facts;
} facts[] = {
    {"RUN_METRIC", "{\"metric\":\"@n\",\"values\":[" NUMBER "],\"step\":" STEP ",\"filter\":\"AVERAGE of"
                   " last 100000 values of @n >= " NUMBER "\",\"short\":\"avg(@n) >= " NUMBER "\","
                   "\"threshold\":" NUMBER ",\"op\":\">=\"}"},
    {"RUN_METRIC_CHANGE", "{\"metric\":\"@n\",\"values\":[" NUMBER "," NUMBER "],\"step\":" STEP
                          ",\"filter\":\"AVERAGE of @n over 100000 values against the 100000 before"
                          " them decreases by at least " NUMBER "\",\"short\":\"AVERAGE(@n) decreases "
                          NUMBER "\",\"threshold\":" NUMBER "}"},
    {"RUN_METRIC_ZSCORE", "{\"metric\":\"@n\",\"values\":[" NUMBER "],\"step\":" STEP ",\"filter\":"
                          "\"z-score of @n over 100000 values at least " NUMBER " in either"
                          " direction\",\"short\":\"abs(zscore('@n')) > " NUMBER "\",\"threshold\":"
                          NUMBER "}"},
    {"RUN_STATE", "{\"from\":\"PREEMPTING\",\"to\":\"FINISHED\"}"},
};


/* --- what is asked for ------------------------------------------------------------------- */

/* A member of metadata or data; with members of its own it is an object. */
struct member {
    struct member *next;
    struct member *inside;
    const char *name;
    size_t len;
};

struct asked {
    struct bf_arena *arena;
    struct member *metadata;
    struct member *data;
    size_t n;
};

static struct member *find_or_add(struct asked *k, struct member **list, const char *name,
                                  size_t len)
{
    for (; *list; list = &(*list)->next)
        if ((*list)->len == len && memcmp((*list)->name, name, len) == 0)
            return *list;
    *list = bf_arena_new_of(k->arena, struct member);
    if (*list)
        **list = (struct member){.name = bf_arena_ndup(k->arena, name, len), .len = len};
    return *list;
}

/* "build.status" is the member of a member. */
static void add_path(struct asked *k, const char *path)
{
    struct member **list = &k->data, *m;

    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        size_t len = strcspn(path, ".");

        m = find_or_add(k, list, path, len);
        if (!m || path[len] == '\0')
            return;
        list = &m->inside;
        path += len + 1;
    }
}

static void on_name(void *arg, const char *name)
{
    static const char metadata[] = "artifact_metadata.", data[] = "data.";
    struct asked *k = arg;

    if (k->n == ASKED_MAX)
        return;
    if (strncmp(name, metadata, sizeof(metadata) - 1) == 0)
        find_or_add(k, &k->metadata, name + sizeof(metadata) - 1, strlen(name) - sizeof(metadata) + 1);
    else if (strncmp(name, data, sizeof(data) - 1) == 0)
        add_path(k, name + sizeof(data) - 1);
    else
        return;
    k->n++;
}

static size_t count_leaves(const struct member *list)
{
    size_t n = 0;

    for (; list; list = list->next)
        n += list->inside ? count_leaves(list->inside) : 1;
    return n;
}


/* --- writing it -------------------------------------------------------------------------- */

static void add_name(struct bf_buf *b, size_t len)
{
    static const char word[] = "a-rather-long-name_";

    for (size_t i = 0; i < len; i++)
        bf_buf_addc(b, word[i % (sizeof(word) - 1)]);
}

/* As people write: some of it grows when it is escaped, for JSON as for Slack. */
static void add_text(struct bf_buf *b, size_t len)
{
    static const char *const sentence[] = {"A ", "text ", "of ", "some ", "length", ", ", "with ",
                                           "\\\"", "words", "\\\"", " & ", "numbers ", "< ", "100",
                                           ", ", "line ", "by ", "line", ".", "\\n"};
    size_t n = 0;

    for (size_t i = 0; n < len; i++) {
        const char *word = sentence[i % BF_COUNT(sentence)];
        size_t size = *word == '\\' ? 1 : strlen(word);

        if (n + size > len)
            word = "x", size = 1;
        bf_buf_adds(b, word);
        n += size;
    }
}

static void add_members(struct bf_buf *b, const struct member *list, size_t text_len)
{
    for (const struct member *m = list; m; m = m->next) {
        bf_buf_adds(b, m == list ? "" : ",");
        bf_buf_json(b, m->name);
        bf_buf_addc(b, ':');
        if (m->inside) {
            bf_buf_addc(b, '{');
            add_members(b, m->inside, text_len);
            bf_buf_addc(b, '}');
        } else {
            bf_buf_addc(b, '"');
            add_text(b, text_len);
            bf_buf_addc(b, '"');
        }
    }
}

static bool has_member(const struct member *list, const char *name)
{
    while (list && strcmp(list->name, name) != 0)
        list = list->next;
    return list != NULL;
}

/* BF_SAMPLE_JSON bytes or so, with these members first. */
static void add_json(struct bf_buf *b, const struct member *list)
{
    size_t n = count_leaves(list), each = n ? BF_SAMPLE_JSON / n : 0, start = b->len;
    char name[24];

    bf_buf_addc(b, '{');
    add_members(b, list, each < BF_SAMPLE_TEXT ? each : BF_SAMPLE_TEXT);
    for (unsigned i = 0; b->len - start + BF_SAMPLE_TEXT < BF_SAMPLE_JSON && !b->failed; i++) {
        snprintf(name, sizeof(name), "more %u", i);
        if (has_member(list, name))
            continue;
        bf_buf_printf(b, "%s\"%s\":\"", b->len - start > 1 ? "," : "", name);
        add_text(b, BF_SAMPLE_TEXT - 64);
        bf_buf_addc(b, '"');
    }
    bf_buf_addc(b, '}');
}

/* The text with what @ stands for. */
static void expand(struct bf_buf *b, const char *text, const struct asked *k)
{
    for (; *text; text++) {
        if (*text != '@') {
            bf_buf_addc(b, *text);
            continue;
        }
        switch (*++text) {
        case 'n':
            add_name(b, BF_NAME_MAX);
            break;
        case 's':
            bf_buf_adds(b, "custom.type.of.some.length");
            break;
        case 't':
            add_text(b, BF_SAMPLE_TEXT);
            break;
        case 'm':
            add_json(b, k->metadata);
            break;
        case 'd':
            add_json(b, k->data);
            break;
        default:
            add_json(b, NULL);
        }
    }
}

static int parse(struct bf_arena *a, const struct bf_buf *b, struct bf_envelope **out,
                 struct bf_error *err)
{
    if (b->failed || !bf_arena_ok(a))
        return bf_error_set(err, BF_ETOOBIG, "the names in the templates are too long");
    return bf_envelope_parse(a, b->data, b->len, BF_FROM_HUB, out, err);
}

int bf_sample_large_event(const char *trigger, const char *entity,
                          const struct bf_compiled_set *set, struct bf_envelope **out,
                          struct bf_error *err)
{
    const struct bf_trigger *t = bf_trigger_by_wire(trigger);
    const char *type = t ? t->event : trigger;
    struct asked k = {.arena = bf_arena_new(EVENT_BYTES_MAX)};
    struct bf_buf b;
    size_t i = 0;
    int rc;

    while (strncmp(type, kinds[i].type, strlen(kinds[i].type)) != 0)
        i++;
    for (size_t n = 0; n < set->n; n++)
        bf_template_each_name(set->items[n].tmpl, on_name, &k);
    bf_buf_init(&b, BF_EVENT_MAX);
    bf_buf_printf(&b, "{\"type\":\"%s\",\"entity\":\"%s\",\"project\":\"", type, entity);
    add_name(&b, BF_NAME_MAX);
    bf_buf_addc(&b, '"');
    expand(&b, kinds[i].members, &k);
    bf_buf_addc(&b, '}');
    rc = parse(k.arena, &b, out, err);
    bf_buf_fini(&b);
    bf_arena_free(k.arena);
    return rc;
}

void bf_sample_large_facts(const char *trigger, struct bf_arena *a, const char **out, size_t *len)
{
    struct bf_buf b;

    *out = NULL;
    *len = 0;
    for (size_t i = 0; trigger && i < BF_COUNT(facts); i++) {
        if (strcmp(facts[i].trigger, trigger) != 0)
            continue;
        bf_buf_init(&b, BF_EVENT_MAX);
        expand(&b, facts[i].facts, NULL);
        *out = bf_arena_dup(a, bf_buf_text(&b));
        *len = b.len;
        bf_buf_fini(&b);
    }
}
