/* plan.c - `belfry plan` and `belfry apply`: what a file of automations changes, and to change it.
 *
 * The file is run here; the hub gets what it says, as a document, and answers with the plan.  What is
 * applied is the plan that was shown, by its hash. */
#include "core/cli/plan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base.h"

#define TEXT_MAX   (256 * 1024 * 1024)
#define VALUE_SIZE 120          /* bytes of a value that are shown */
#define NAMED_MAX  10           /* things that are not the file's, by name */
#define SINCE      "7d"

struct planning {
    struct bf_cli *c;
    const char *file;
    struct bf_code *code;       /* NULL: the file is JSON */
    const char *document;
    struct bf_reply_text reply;
    struct bf_figures *figures;
    size_t n_figures;
    const char *since;
    bool colours;
};


/* --- the file -------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static int read_json(struct planning *p)
{
    struct bf_error err;
    size_t len;
    int rc = bf_cli_read(p->c, p->file, &p->document, &len);

    if (rc)
        return rc;
    if (!bf_json_parse(p->c->arena, p->document, len, &err))
        return bf_cli_fail(p->c, "%s is not JSON: %s", bf_cli_file_name(p->file), err.words);
    return 0;
}

static int read_file(struct planning *p)
{
    struct bf_error err;

    p->file = bf_cli_operand(p->c, 0);
    if (strcmp(p->file, "-") == 0 || ends_with(p->file, ".json"))
        return read_json(p);
    if (bf_code_read(p->file, &p->code, &err))
        return bf_cli_fail(p->c, "%s", err.words);
    p->document = bf_code_document(p->code, NULL);
    return 0;
}

/* The line of the file that "automations[3].actions[0]" is about; 0 if it is of none. */
static int line_of(const struct planning *p, const char *field)
{
    static const char *const lists[] = {"teams[", "integrations[", "automations["};

    for (size_t i = 0; p->code && i < BF_COUNT(lists); i++)
        if (strncmp(field, lists[i], strlen(lists[i])) == 0)
            return bf_code_line(p->code, (enum bf_code_noun)i,
                                strtoul(field + strlen(lists[i]), NULL, 10));
    return 0;
}

/* What the hub does not take, with the line that says it. */
static int complain(struct planning *p, int rc, struct bf_error *err)
{
    const char *words = bf_json_str(p->c->arena, bf_json_at(p->reply.json, "/error/message"));
    int line = line_of(p, err->field);

    if (!line || !words)
        return bf_cli_complain(p->c, rc, &p->reply, err);
    bf_cli_fail(p->c, "%s:%d: %s", p->file, line, bf_cli_hints(p->c, words));
    return p->reply.status == 403 ? BF_EXIT_DENIED : BF_EXIT_FAILED;
}

static int ask(struct planning *p, const char *path, const char *expect)
{
    struct bf_body b = {.arena = p->c->arena};
    struct bf_remote_request q = {.size = sizeof(q), .method = "POST", .path = path};
    struct bf_error err = {0};
    int rc = bf_cli_connect(p->c);

    if (rc)
        return rc;
    bf_body_set(&b, "document", p->document);
    if (bf_cli_flag(p->c, "adopt"))
        bf_body_set(&b, "adopt", "true");
    if (bf_cli_flag(p->c, "overwrite"))
        bf_body_set(&b, "overwrite", "true");
    if (expect)
        bf_body_str(&b, "expect", expect);
    q.body = bf_body_print(&b);
    q.body_len = strlen(q.body);
    rc = bf_cli_try(p->c, &q, &p->reply, &err);
    return rc ? complain(p, rc, &err) : 0;
}


/* --- for people ------------------------------------------------------------------------------ */

static const struct bf_json *list(const struct planning *p, const char *name)
{
    return bf_json_get(p->reply.json, name);
}

static const char *text(const struct planning *p, const struct bf_json *t, const char *name)
{
    return bf_cli_text(p->c->arena, bf_json_get(t, name));
}

static bool is(const struct bf_json *t, const char *name, const char *value)
{
    return bf_json_eq(bf_json_get(t, name), value);
}

static long long number(const struct bf_json *t, const char *name)
{
    int64_t n = 0;

    bf_json_int(bf_json_get(t, name), &n);
    return n;
}

static void put_coloured(const struct planning *p, struct bf_buf *b, const char *colour,
                         const char *words)
{
    if (p->colours)
        bf_buf_printf(b, "\x1b[%sm%s\x1b[0m", colour, words);
    else
        bf_buf_adds(b, words);
}

/* automation "accuracy fell" of acme */
static void put_thing(const struct planning *p, struct bf_buf *b, const struct bf_json *t)
{
    if (is(t, "kind", "team"))
        bf_buf_printf(b, "team %s", text(p, t, "name"));
    else
        bf_buf_printf(b, "%s \"%s\" of %s", text(p, t, "kind"), text(p, t, "name"),
                      text(p, t, "team"));
}

static void put_value(struct bf_buf *b, const struct bf_json *value)
{
    const char *raw = "none";
    size_t len = 4;

    if (value && !bf_json_is(value, BF_JSON_NULL))
        raw = bf_json_raw(value, &len);
    bf_put_plain(b, raw, len > VALUE_SIZE ? VALUE_SIZE : len);
    if (len > VALUE_SIZE)
        bf_buf_adds(b, " …");
}

/* `was` and `is` say what the two values are. */
static void put_members(const struct planning *p, struct bf_buf *b, const struct bf_json *t,
                        const char *was, const char *now)
{
    const struct bf_json *differs = bf_json_get(t, "differs");

    for (const struct bf_json *d = bf_json_first(differs); d; d = bf_json_next(differs, d)) {
        bf_buf_printf(b, "    %s: ", text(p, d, "member"));
        put_value(b, bf_json_get(d, "before"));
        bf_buf_printf(b, "%s → ", was);
        put_value(b, bf_json_get(d, "after"));
        bf_buf_printf(b, "%s\n", now);
    }
}

static void put_figure(struct bf_buf *b, const struct bf_figure *f)
{
    if (f->disabled)
        bf_buf_adds(b, "0 (disabled)");
    else
        bf_buf_printf(b, "%lld", f->fired);
    if (f->suppressed)
        bf_buf_printf(b, " (and %lld suppressed)", f->suppressed);
}

static const struct bf_figures *figures_of(const struct planning *p, const struct bf_json *change)
{
    for (size_t i = 0; i < p->n_figures; i++)
        if (p->figures[i].change == change)
            return &p->figures[i];
    return NULL;
}

static void put_figures(const struct planning *p, struct bf_buf *b, const struct bf_json *change)
{
    const struct bf_figures *f = figures_of(p, change);

    if (!f)
        return;
    if (f->words) {
        bf_buf_printf(b, "    no backtest: %s\n", f->words);
        return;
    }
    bf_buf_printf(b, strchr(p->since, '-') ? "    firings since %s: " : "    firings in the last %s: ",
                  p->since);
    if (f->before.known)
        put_figure(b, &f->before);
    if (f->before.known && f->after.known)
        bf_buf_adds(b, " → ");
    if (f->after.known)
        put_figure(b, &f->after);
    else
        bf_buf_adds(b, " → none any more");
    bf_buf_addc(b, '\n');
}

static void put_notes(const struct planning *p, struct bf_buf *b, const struct bf_json *change)
{
    const struct bf_json *warnings = bf_json_get(change, "warnings");

    if (is(change, "reason", "overwrite"))
        bf_buf_adds(b, "    (it was changed by hand, and is written over)\n");
    if (is(change, "reason", "adopt"))
        bf_buf_adds(b, "    (it was not this file's, and is taken over)\n");
    if (bf_json_is(bf_json_get(change, "denied"), BF_JSON_STRING))
        bf_buf_printf(b, "    not allowed: %s\n", text(p, change, "denied"));
    if (bf_json_is(bf_json_get(change, "in_use"), BF_JSON_STRING))
        bf_buf_printf(b, "    cannot be deleted: %s\n", text(p, change, "in_use"));
    for (const struct bf_json *w = bf_json_first(warnings); w; w = bf_json_next(warnings, w))
        bf_buf_printf(b, "    warning: %s: %s\n", text(p, w, "field"), text(p, w, "message"));
}

static void put_changes(const struct planning *p, struct bf_buf *b)
{
    const struct bf_json *changes = list(p, "changes");

    for (const struct bf_json *k = bf_json_first(changes); k; k = bf_json_next(changes, k)) {
        if (is(k, "action", "create"))
            put_coloured(p, b, "32", "+ ");
        else
            put_coloured(p, b, is(k, "action", "delete") ? "31" : "33",
                         is(k, "action", "delete") ? "- " : "~ ");
        put_thing(p, b, k);
        bf_buf_addc(b, '\n');
        put_members(p, b, k, "", "");
        put_figures(p, b, k);
        put_notes(p, b, k);
    }
}

static void put_drift(const struct planning *p, struct bf_buf *b)
{
    const struct bf_json *drift = list(p, "drift");

    if (bf_json_first(drift))
        bf_buf_adds(b, "\nchanged by hand since it was applied, and left alone (--overwrite does not"
                       " leave it):\n");
    for (const struct bf_json *k = bf_json_first(drift); k; k = bf_json_next(drift, k)) {
        bf_buf_adds(b, "  ");
        put_thing(p, b, k);
        if (bf_json_is(bf_json_get(k, "deleted"), BF_JSON_TRUE))
            bf_buf_adds(b, " was deleted");
        else if (bf_json_is(bf_json_get(k, "wanted"), BF_JSON_FALSE))
            bf_buf_adds(b, ", which this file has no more");
        bf_buf_addc(b, '\n');
        put_members(p, b, k, " as applied", " now");
    }
}

static void put_conflicts(const struct planning *p, struct bf_buf *b)
{
    const struct bf_json *conflicts = list(p, "conflicts");

    if (bf_json_first(conflicts))
        bf_buf_adds(b, "\nnot this file's, though it has a thing of that name, and left alone"
                       " (--adopt takes it over):\n");
    for (const struct bf_json *k = bf_json_first(conflicts); k; k = bf_json_next(conflicts, k)) {
        bf_buf_adds(b, "  ");
        put_thing(p, b, k);
        if (bf_json_is(bf_json_get(k, "manifest"), BF_JSON_STRING))
            bf_buf_printf(b, " belongs to %s", text(p, k, "manifest"));
        bf_buf_addc(b, '\n');
        put_members(p, b, k, "", " in this file");
    }
}

static void put_others(const struct planning *p, struct bf_buf *b)
{
    const struct bf_json *others = list(p, "unowned");
    long long n = number(p->reply.json, "unowned_count"), i = 0;

    if (n)
        bf_buf_printf(b, "\n%lld other%s in the same teams, not this file's and left alone:\n", n,
                      n == 1 ? " thing is" : " things are");
    for (const struct bf_json *k = bf_json_first(others); k && i < NAMED_MAX;
         k = bf_json_next(others, k), i++) {
        bf_buf_adds(b, "  ");
        put_thing(p, b, k);
        if (bf_json_is(bf_json_get(k, "manifest"), BF_JSON_STRING))
            bf_buf_printf(b, ", which belongs to %s", text(p, k, "manifest"));
        bf_buf_addc(b, '\n');
    }
    if (n > i)
        bf_buf_printf(b, "  … and %lld more; --json has 1,000\n", n - i);
}

static unsigned count(const struct planning *p, const char *action)
{
    const struct bf_json *changes = list(p, "changes");
    unsigned n = 0;

    for (const struct bf_json *k = bf_json_first(changes); k; k = bf_json_next(changes, k))
        n += is(k, "action", action);
    return n;
}

static void put_summary(const struct planning *p, struct bf_buf *b)
{
    long long unchanged = number(p->reply.json, "unchanged");
    long long adopted = number(p->reply.json, "adopted");

    if (b->len)
        bf_buf_addc(b, '\n');
    if (!bf_json_first(list(p, "changes")))
        bf_buf_printf(b, "%s: no changes, %lld as it should be", text(p, p->reply.json, "manifest"),
                      unchanged);
    else
        bf_buf_printf(b, "%s: %u to make, %u to change, %u to delete, %lld as it should be",
                      text(p, p->reply.json, "manifest"), count(p, "create"), count(p, "change"),
                      count(p, "delete"), unchanged);
    if (adopted)
        bf_buf_printf(b, ", of which %lld become%s this file's", adopted, adopted == 1 ? "s" : "");
    bf_buf_addc(b, '\n');
}

static int print_plan(const struct planning *p)
{
    struct bf_buf b;
    int rc;

    bf_buf_init(&b, TEXT_MAX);
    put_changes(p, &b);
    put_drift(p, &b);
    put_conflicts(p, &b);
    put_others(p, &b);
    put_summary(p, &b);
    rc = bf_cli_print(p->c, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
    return rc;
}


/* --- for scripts ----------------------------------------------------------------------------- */

static void put_json_figure(struct bf_buf *b, const char *name, const struct bf_figure *f)
{
    if (f->known)
        bf_buf_printf(b, ",\"%s\":{\"fired\":%lld,\"suppressed\":%lld}", name, f->fired,
                      f->suppressed);
    else
        bf_buf_printf(b, ",\"%s\":null", name);
}

/* What the hub answered, with "backtests" in front of the brace that ends it. */
static int print_json(const struct planning *p)
{
    struct bf_buf b;
    int rc;

    bf_buf_init(&b, TEXT_MAX);
    bf_buf_add(&b, p->reply.text, p->reply.len);
    b.len--;
    bf_buf_adds(&b, ",\"backtests\":[");
    for (size_t i = 0; i < p->n_figures; i++) {
        const struct bf_figures *f = &p->figures[i];
        const char *raw;
        size_t len;

        bf_buf_adds(&b, i ? ",{\"team\":" : "{\"team\":");
        raw = bf_json_raw(bf_json_get(f->change, "team"), &len);
        bf_buf_add(&b, raw, len);
        bf_buf_adds(&b, ",\"name\":");
        raw = bf_json_raw(bf_json_get(f->change, "name"), &len);
        bf_buf_add(&b, raw, len);
        bf_buf_adds(&b, ",\"since\":");
        bf_buf_json(&b, p->since);
        put_json_figure(&b, "before", &f->before);
        put_json_figure(&b, "after", &f->after);
        bf_buf_adds(&b, ",\"error\":");
        bf_buf_json(&b, f->words);
        bf_buf_addc(&b, '}');
    }
    bf_buf_adds(&b, "]}\n");
    rc = bf_cli_print(p->c, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
    return rc;
}


/* --- the verbs ------------------------------------------------------------------------------- */

/* Whether the hub is as the file says. */
static bool is_so(const struct planning *p)
{
    return !bf_json_first(list(p, "changes")) && !bf_json_first(list(p, "drift")) &&
           !bf_json_first(list(p, "conflicts"));
}

static int plan(struct planning *p)
{
    struct bf_cli *c = p->c;
    int rc = read_file(p);

    if (!rc)
        rc = ask(p, "/api/v1/plans", NULL);
    if (!rc && !bf_cli_flag(c, "no-backtest"))
        rc = bf_plan_backtest(c, list(p, "changes"), p->since, &p->figures, &p->n_figures);
    if (!rc)
        rc = bf_cli_flag(c, "json") ? print_json(p) : print_plan(p);
    return rc || is_so(p) ? rc : BF_EXIT_CHANGES;
}

int bf_cli_plan(struct bf_cli *c)
{
    struct planning p = {.c = c, .colours = bf_cli_colours(stdout)};
    int rc;

    p.since = bf_cli_value(c, "since") ? bf_cli_value(c, "since") : SINCE;
    rc = plan(&p);
    bf_code_free(p.code);
    return rc;
}

static int print_done(const struct planning *p)
{
    if (bf_cli_flag(p->c, "json"))
        return bf_cli_print(p->c, bf_arena_printf(p->c->arena, "%s\n", p->reply.text),
                            p->reply.len + 1);
    printf("%s is applied: %lld made, %lld changed, %lld deleted\n",
           text(p, p->reply.json, "manifest"), number(p->reply.json, "created"),
           number(p->reply.json, "changed"), number(p->reply.json, "deleted"));
    return 0;
}

/* What changes nothing needs no question: it is noted what belongs to the file. */
static int apply(struct planning *p)
{
    struct bf_cli *c = p->c;
    bool quiet = bf_cli_flag(c, "json"), changes;
    int rc = read_file(p);

    if (!rc)
        rc = ask(p, "/api/v1/plans", NULL);
    changes = !rc && bf_json_first(list(p, "changes"));
    if (!rc && !quiet)
        rc = print_plan(p);
    if (!rc && changes)
        rc = bf_cli_confirm(c, "apply it?");
    if (!rc)
        rc = ask(p, "/api/v1/plans/apply", text(p, p->reply.json, "hash"));
    return rc || (!changes && !quiet) ? rc : print_done(p);
}

int bf_cli_apply(struct bf_cli *c)
{
    struct planning p = {.c = c, .colours = bf_cli_colours(stdout)};
    int rc = apply(&p);

    bf_code_free(p.code);
    return rc;
}
