/* emit.c - `belfry emit`: events from a file, standard input, or options.
 *
 * The hub takes at most 1,000 events in one request, all or nothing.  Lines beyond that are sent in
 * several, so what was printed before an error is kept by the hub, and the rest is not. */
#include "core/cli/cli.h"

#include <string.h>

#define LINES_MAX 1000
#define PIECE_MAX ((size_t)8 * 1024 * 1024)

static int print_ids(struct bf_cli *c, const struct bf_reply_text *reply)
{
    const struct bf_json *events = bf_json_get(reply->json, "events");

    if (bf_cli_flag(c, "json")) {
        int rc = bf_cli_print(c, reply->text, reply->len);

        return rc ? rc : bf_cli_print(c, "\n", 1);
    }
    for (const struct bf_json *e = bf_json_first(events); e; e = bf_json_next(events, e))
        printf("%s%s\n", bf_cli_text(c->arena, bf_json_get(e, "id")),
               bf_json_is(bf_json_get(e, "duplicate"), BF_JSON_TRUE) ? " was there already" : "");
    return 0;
}

static int send_text(struct bf_cli *c, const char *text, size_t len)
{
    struct bf_remote_request q = {.size = sizeof(q), .method = "POST", .path = "/api/v1/events",
                                  .body = text, .body_len = len};
    struct bf_reply_text reply;
    int rc = bf_cli_ask(c, &q, &reply);

    return rc ? rc : print_ids(c, &reply);
}

/* As many lines as one request takes. */
static size_t measure(const char *text, size_t len, size_t *lines)
{
    size_t used = 0;

    for (*lines = 0; used < len && *lines < LINES_MAX; ++*lines) {
        const char *end = memchr(text + used, '\n', len - used);
        size_t line = end ? (size_t)(end - (text + used)) + 1 : len - used;

        if (*lines && used + line > PIECE_MAX)
            break;
        used += line;
    }
    return used;
}

/* One value over several lines is one event or an array; else every line is one. */
static bool is_lines(struct bf_cli *c, const char *text, size_t len)
{
    struct bf_arena *a = bf_arena_new((size_t)512 * 1024 * 1024);
    bool one = bf_json_parse(a, text, len, NULL) != NULL;

    (void)c;
    bf_arena_free(a);
    return !one;
}

static int send_file(struct bf_cli *c, const char *file)
{
    const char *text;
    size_t len, lines, before = 0;
    int rc = bf_cli_read_body(c, file, &text, &len);

    if (!rc && !is_lines(c, text, len))
        return send_text(c, text, len);
    while (!rc && len) {
        size_t piece = measure(text, len, &lines);

        rc = send_text(c, text, piece);
        if (rc && before)
            fprintf(stderr, "the first %zu lines were taken; of the others none\n", before);
        text += piece;
        len -= piece;
        before += lines;
    }
    return rc;
}

static bool is_number(struct bf_cli *c, const char *text)
{
    return bf_json_is(bf_json_parse(c->arena, text, strlen(text), NULL), BF_JSON_NUMBER);
}

static const char *step(struct bf_cli *c)
{
    const char *given = bf_cli_value(c, "step");

    return given ? bf_arena_printf(c->arena, ",\"step\":%s", given) : "";
}

/* VALUE as it is where it is a number of JSON, else as a string: "NaN". */
static int add_metric(struct bf_cli *c, const char *text, const char **list)
{
    const char *equals = strrchr(text, '=');
    struct bf_buf b;

    if (!equals || equals == text || !equals[1])
        return bf_cli_usage(c, "--metric \"%s\" is not of the form NAME=VALUE", text);
    bf_buf_init(&b, PIECE_MAX);
    bf_buf_adds(&b, *list);
    bf_buf_adds(&b, **list ? ",{\"name\":" : "{\"name\":");
    bf_buf_json(&b, bf_arena_ndup(c->arena, text, (size_t)(equals - text)));
    bf_buf_adds(&b, ",\"value\":");
    if (is_number(c, equals + 1))
        bf_buf_adds(&b, equals + 1);
    else
        bf_buf_json(&b, equals + 1);
    bf_buf_adds(&b, step(c));
    bf_buf_addc(&b, '}');
    *list = bf_arena_dup(c->arena, bf_buf_text(&b));
    bf_buf_fini(&b);
    return 0;
}

/* --run, --state, --metric and --step. */
static int add_run(struct bf_cli *c, struct bf_body *b)
{
    const char *run = bf_cli_value(c, "run"), *list = "";
    int rc = 0;

    if (bf_cli_value(c, "step") && !is_number(c, bf_cli_value(c, "step")))
        return bf_cli_usage(c, "--step takes a number, not \"%s\"", bf_cli_value(c, "step"));
    for (size_t i = 0; i < c->n_given && !rc; i++) {
        if (strcmp(c->given[i].name, "metric") == 0)
            rc = add_metric(c, c->given[i].value, &list);
    }
    if (rc)
        return rc;
    if (*list)
        bf_body_set(b, "metrics", bf_arena_printf(c->arena, "[%s]", list));
    else if (bf_cli_value(c, "step"))
        return bf_cli_usage(c, "--step is the step of a --metric");
    if (run && (run[0] == '{' || run[0] == '@'))
        rc = bf_cli_assign(c, b, NULL, bf_arena_printf(c->arena, "run:=%s", run));
    else if (run)
        bf_body_str(b, "run.id", run);
    if (!rc && bf_cli_value(c, "state"))
        bf_body_str(b, "run.state", bf_cli_value(c, "state"));
    return rc;
}

int bf_cli_emit(struct bf_cli *c)
{
    struct bf_body b = {.arena = c->arena};
    const char *file = bf_cli_operand(c, 0), *team, *text;
    int rc;

    if (file && !strchr(file, '=')) {
        if (c->n_operands > 1)
            return bf_cli_usage(c, "either a file or KEY=VALUE, not both");
        return send_file(c, file);
    }
    rc = bf_cli_body(c, 0, &b);
    if (!rc)
        rc = add_run(c, &b);
    if (!rc && !bf_cli_value(c, "type") && !b.first)
        return bf_cli_usage(c, "say what happened: a file, \"-\", or options like --type run.state");
    if (!rc && !bf_cli_value(c, "entity")) {
        rc = bf_cli_team(c, &team);
        if (!rc)
            bf_body_str(&b, "entity", team);
    }
    if (rc)
        return rc;
    text = bf_body_print(&b);
    return send_text(c, text, strlen(text));
}
