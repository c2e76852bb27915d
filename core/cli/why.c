/* why.c - `belfry why` and `belfry test`: what automations made of an event, for people.
 *
 * Many are told of in a line each, those that fired first; those that wait for events of another
 * kind are only counted.  One is told of in full: the reason, and the numbers behind it. */
#include "core/cli/cli.h"

#include <string.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/id.h"

#define TEXT_MAX (64 * 1024 * 1024)

static const char *text_at(struct bf_cli *c, const struct bf_json *j, const char *at)
{
    return bf_cli_text(c->arena, bf_json_at(j, at));
}

static bool is(const struct bf_json *j, const char *member, const char *text)
{
    return bf_json_eq(bf_json_get(j, member), text);
}

static int print(struct bf_cli *c, struct bf_buf *b)
{
    int rc = b->failed ? bf_cli_fail(c, "there is too much to print")
                       : bf_cli_print(c, bf_buf_text(b), b->len);

    bf_buf_fini(b);
    return rc;
}


/* --- one, in full ---------------------------------------------------------------------------- */

/* What is said of a condition in a line of its own already, or in words above. */
static bool is_told(const struct bf_json *key)
{
    static const char *const names[] = {"metric", "condition", "result", "missing", "reason"};

    for (size_t i = 0; i < BF_COUNT(names); i++)
        if (bf_json_eq(key, names[i]))
            return true;
    return false;
}

static void put_condition(struct bf_cli *c, struct bf_buf *b, const struct bf_json *condition)
{
    const struct bf_json *result = bf_json_get(condition, "result");

    bf_buf_printf(b, "  %s: %s", text_at(c, condition, "/condition"),
                  bf_json_is(result, BF_JSON_NULL) ? "not known yet" : bf_cli_text(c->arena, result));
    if (bf_json_get(condition, "missing"))
        bf_buf_printf(b, ", %s missing", text_at(c, condition, "/missing"));
    if (bf_json_get(condition, "reason"))
        bf_buf_printf(b, ", %s", text_at(c, condition, "/reason"));
    bf_buf_addc(b, '\n');
    for (const struct bf_json *k = bf_json_first(condition); k; k = bf_json_next(condition, k))
        if (!is_told(k))
            bf_buf_printf(b, "    %s: %s\n", bf_cli_text(c->arena, k),
                          bf_cli_text(c->arena, k + 1));
}

static void put_list(struct bf_cli *c, struct bf_buf *b, const char *title,
                     const struct bf_json *list)
{
    if (!bf_json_count(list))
        return;
    bf_buf_printf(b, "%s\n", title);
    for (const struct bf_json *i = bf_json_first(list); i; i = bf_json_next(list, i))
        bf_buf_printf(b, "  %s\n", bf_cli_text(c->arena, i));
}

void bf_cli_put_payloads(struct bf_cli *c, struct bf_buf *b, const char *title,
                         const struct bf_json *actions)
{
    if (bf_json_count(actions))
        bf_buf_printf(b, "%s\n", title);
    for (const struct bf_json *a = bf_json_first(actions); a; a = bf_json_next(actions, a)) {
        const struct bf_json *r = bf_json_get(a, "request");

        if (bf_json_is(r, BF_JSON_OBJECT))
            bf_buf_printf(b, "  %s %s\n    %s\n", text_at(c, r, "/method"), text_at(c, r, "/url"),
                          text_at(c, r, "/payload"));
        else
            bf_buf_printf(b, "  nothing: %s\n", text_at(c, a, "/reason"));
    }
}

/* What its script said; of a failure all lines of it. */
static void put_hook(struct bf_cli *c, struct bf_buf *b, const struct bf_json *hook)
{
    if (!hook)
        return;
    bf_buf_printf(b, "script %s said: %s\n", text_at(c, hook, "/script"), text_at(c, hook, "/said"));
    bf_cli_put_lines(c, b, bf_json_get(hook, "words"), 2);
}

static void put_verdict(struct bf_cli *c, struct bf_buf *b, const struct bf_json *v)
{
    const struct bf_json *conditions = bf_json_get(v, "conditions");
    const struct bf_json *limit = bf_json_get(v, "limit");

    bf_buf_printf(b, "%s: %s\n", text_at(c, v, "/name"), text_at(c, v, "/decision"));
    bf_buf_printf(b, "%s: %s\n", text_at(c, v, "/clause"), text_at(c, v, "/reason"));
    if (bf_json_is(bf_json_get(v, "dry_run"), BF_JSON_TRUE))
        bf_buf_adds(b, "it is a dry run: what it would send is recorded, and not sent\n");
    if (bf_json_count(conditions))
        bf_buf_adds(b, "conditions\n");
    for (const struct bf_json *i = bf_json_first(conditions); i; i = bf_json_next(conditions, i))
        put_condition(c, b, i);
    put_hook(c, b, bf_json_get(v, "hook"));
    if (bf_json_get(limit, "until"))
        bf_buf_printf(b, "limit %s until %s\n", text_at(c, limit, "/name"),
                      text_at(c, limit, "/until"));
    put_list(c, b, "points", bf_json_get(v, "points"));
    put_list(c, b, "executions", bf_json_get(v, "executions"));
    bf_cli_put_payloads(c, b, "it would send", bf_json_get(v, "payloads"));
}


/* --- many, in a line each -------------------------------------------------------------------- */

static const char *const order[] = {"fired",      "failed",  "delayed",      "joined",
                                    "suppressed", "unknown", "not recorded", "dropped", "no"};

struct listing {
    struct bf_cli *c;
    const char *name;           /* only that one; or NULL */
    const struct bf_json *named;
    const struct bf_json **items;
    size_t n, cap;
    struct bf_buf json;
};

static int on_verdict(void *arg, const struct bf_json *item)
{
    struct listing *l = arg;
    const char *raw;
    size_t len;

    if (l->name && is(item, "name", l->name))
        l->named = item;
    if (l->n == l->cap) {
        const struct bf_json **more;

        l->cap = l->cap ? 2 * l->cap : 64;
        more = bf_arena_alloc(l->c->arena, l->cap * sizeof(*more));
        if (!more)
            return bf_cli_fail(l->c, "there are too many of them");
        if (l->n)
            memcpy(more, l->items, l->n * sizeof(*more));
        l->items = more;
    }
    l->items[l->n++] = item;
    raw = bf_json_raw(item, &len);
    bf_buf_adds(&l->json, l->n > 1 ? "," : "");
    bf_buf_add(&l->json, raw, len);
    return 0;
}

static size_t widest(struct listing *l)
{
    size_t width = 0;

    for (size_t i = 0; i < l->n; i++) {
        const char *name = text_at(l->c, l->items[i], "/name");
        size_t w = bf_text_width(name, strlen(name));

        width = w > width ? w : width;
    }
    return width;
}

static void put_line(struct listing *l, struct bf_buf *b, const struct bf_json *v, size_t width)
{
    const char *name = text_at(l->c, v, "/name");

    bf_buf_adds(b, name);
    for (size_t w = bf_text_width(name, strlen(name)); w < width; w++)
        bf_buf_addc(b, ' ');
    bf_buf_printf(b, "  %-12s  %s: %s\n", text_at(l->c, v, "/decision"),
                  text_at(l->c, v, "/clause"), text_at(l->c, v, "/reason"));
}

static int print_many(struct listing *l)
{
    bool all = bf_cli_flag(l->c, "all");
    size_t width = widest(l), other = 0;
    struct bf_buf b;

    bf_buf_init(&b, TEXT_MAX);
    for (size_t k = 0; k < BF_COUNT(order); k++)
        for (size_t i = 0; i < l->n; i++) {
            bool hidden = !all && is(l->items[i], "clause", "trigger");

            if (is(l->items[i], "decision", order[k]) && !hidden)
                put_line(l, &b, l->items[i], width);
            other += hidden && k == 0;
        }
    if (other)
        bf_buf_printf(&b, "%zu %s for events of another type; --all shows %s\n", other,
                      other == 1 ? "waits" : "wait", other == 1 ? "it" : "them");
    if (!l->n)
        bf_buf_adds(&b, "no automation had this event in its scope\n");
    return print(l->c, &b);
}


/* --- on_event ---------------------------------------------------------------------------------- */

/* It comes before all automations, and so does what is said of it: that it failed, or that it dropped
 * the event, of which there is nothing more to say. */
static int print_on_event(struct bf_cli *c, const char *id, bool *dropped)
{
    struct bf_reply_text reply;
    const struct bf_json *words;
    struct bf_buf b;
    int rc = bf_cli_get(c, bf_arena_printf(c->arena, "/api/v1/events/%s", id), &reply);

    if (rc)
        return rc;
    *dropped = bf_json_is(bf_json_get(reply.json, "dropped"), BF_JSON_TRUE);
    words = bf_json_at(reply.json, "/on_event/words");
    bf_buf_init(&b, TEXT_MAX);
    if (bf_json_eq(bf_json_at(reply.json, "/on_event/said"), "failed"))
        bf_buf_printf(&b, "on_event failed, and the event %s\n",
                      *dropped ? "was dropped" : "went on as it had come");
    else if (*dropped)
        bf_buf_adds(&b, "on_event dropped the event before any automation saw it\n");
    bf_cli_put_lines(c, &b, words, 2);
    return print(c, &b);
}


/* --- the verbs ------------------------------------------------------------------------------- */

static bool is_id(const char *text)
{
    return strlen(text) == BF_ID_LEN &&
           strspn(text, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == BF_ID_LEN;
}

static int print_one(struct bf_cli *c, const struct bf_json *v)
{
    struct bf_buf b;
    const char *raw;
    size_t len;

    bf_buf_init(&b, TEXT_MAX);
    if (bf_cli_flag(c, "json")) {
        raw = bf_json_raw(v, &len);
        bf_buf_add(&b, raw, len);
        bf_buf_addc(&b, '\n');
    } else {
        put_verdict(c, &b, v);
    }
    return print(c, &b);
}

static int why_one(struct bf_cli *c, const char *path, const char *id)
{
    struct bf_reply_text reply;
    int rc = bf_cli_get(c, bf_arena_printf(c->arena, "%s?automation=%s", path,
                                           bf_cli_escape(c, id)), &reply);

    return rc ? rc : print_one(c, bf_json_at(reply.json, "/items/0"));
}

/* What it was called then goes before what is called so now. */
static int why_named(struct listing *l, const char *path)
{
    const char *id;
    int rc;

    if (l->named)
        return print_one(l->c, l->named);
    rc = bf_cli_resolve(l->c, "automation", l->name, &id);
    return rc ? rc : why_one(l->c, path, id);
}

int bf_cli_why(struct bf_cli *c)
{
    struct listing l = {.c = c, .name = bf_cli_operand(c, 1)};
    const char *id = bf_cli_escape(c, bf_cli_operand(c, 0));
    const char *path = bf_arena_printf(c->arena, "/api/v1/events/%s/verdicts", id);
    bool dropped = false;
    int rc = bf_cli_connect(c);

    if (rc)
        return rc;
    if (l.name && is_id(l.name))
        return why_one(c, path, l.name);
    bf_buf_init(&l.json, TEXT_MAX);
    rc = bf_cli_pages(c, path, on_verdict, &l);
    if (!rc && l.name)
        rc = why_named(&l, path);
    else if (!rc && bf_cli_flag(c, "json"))
        printf("{\"items\":[%s]}\n", bf_buf_text(&l.json));
    else if (!rc)
        rc = print_on_event(c, id, &dropped);
    if (!rc && !l.name && !bf_cli_flag(c, "json") && (!dropped || bf_cli_flag(c, "all")))
        rc = print_many(&l);
    bf_buf_fini(&l.json);
    return rc;
}

/* A file, "-", or the id of one that was recorded. */
static int read_event(struct bf_cli *c, const char *named, const char **json)
{
    struct bf_error err;
    size_t len;

    if (!is_id(named)) {
        int rc = bf_cli_read(c, named, json, &len);

        if (!rc && !bf_json_parse(c->arena, *json, len, &err))
            rc = bf_cli_fail(c, "%s is not JSON: %s", bf_cli_file_name(named), err.words);
        return rc;
    }
    *json = bf_arena_printf(c->arena, "\"%s\"", named);
    return 0;
}

static bool is_code(const char *name)
{
    size_t len = strlen(name);

    return len > 4 && strcmp(name + len - 4, ".lua") == 0;
}

int bf_cli_test_automation(struct bf_cli *c)
{
    struct bf_body b = {.arena = c->arena};
    const char *automation, *event;
    struct bf_reply_text reply;
    int rc;

    if (c->n_operands == 1 && is_code(bf_cli_operand(c, 0)))
        return bf_cli_test_code(c);
    if (c->n_operands == 1)
        return bf_cli_usage(c, "say on which EVENT it is to be tried; a FILE.lua is tested by its own"
                            " tests");
    rc = bf_cli_tried(c, bf_cli_operand(c, 0), &automation);
    if (!rc)
        rc = read_event(c, bf_cli_operand(c, 1), &event);
    if (rc)
        return rc;
    bf_body_set(&b, "automation", automation);
    bf_body_set(&b, "event", event);
    rc = bf_cli_send(c, "POST", c->verb->path, bf_body_print(&b), &reply);
    return rc ? rc : print_one(c, reply.json);
}
