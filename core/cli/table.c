/* table.c - items of a list in columns, fitted to the terminal.
 *
 * What does not go to a terminal is not cut.  On one, the widest columns give way first; ids stay
 * whole, as they are what is copied. */
#include "core/cli/cli.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/utf8.h"

#define COLUMNS_MAX 12
#define LEAST       8           /* columns of the terminal that a cell keeps */
#define GAP         2

#define METRICS_SHOWN 3         /* of one event */

struct row {
    struct row *next;
    const char *cells[COLUMNS_MAX];
};

struct bf_table {
    struct bf_arena *arena;
    const struct bf_column *columns;
    size_t n;
    size_t widths[COLUMNS_MAX];
    struct row *first, **end;
};

struct bf_table *bf_table_new(struct bf_arena *a, const struct bf_column *columns)
{
    struct bf_table *t = bf_arena_new_of(a, struct bf_table);

    bf_assert(t);
    t->arena = a;
    t->columns = columns;
    t->end = &t->first;
    for (; columns[t->n].title && t->n < COLUMNS_MAX; t->n++)
        t->widths[t->n] = strlen(columns[t->n].title);
    return t;
}

/* entity/project/collection of a scope, as people say it. */
static const char *scope_text(struct bf_arena *a, const struct bf_json *scope)
{
    static const char *const parts[] = {"entity", "project", "collection"};
    const char *out = "";

    for (size_t i = 0; i < BF_COUNT(parts); i++) {
        const struct bf_json *part = bf_json_get(scope, parts[i]);

        if (bf_json_is(part, BF_JSON_STRING))
            out = bf_arena_printf(a, "%s%s%s", out, *out ? "/" : "", bf_cli_text(a, part));
    }
    return *out ? out : "-";
}

/* A list of words, as an option takes it. */
static const char *words_text(struct bf_arena *a, const struct bf_json *list)
{
    const char *out = "";

    for (const struct bf_json *i = bf_json_first(list); i; i = bf_json_next(list, i))
        out = bf_arena_printf(a, "%s%s%s", out, *out ? "," : "", bf_cli_text(a, i));
    return *out ? out : "-";
}

/* An execution's status, and why it was skipped or waits: "skipped fire_limit_24h ×37, again in
 * 23 h".  Some reasons begin with the status. */
static const char *status_text(struct bf_arena *a, const struct bf_json *execution)
{
    const struct bf_json *reason = bf_json_get(execution, "reason");
    const struct bf_json *until = bf_json_get(execution, "until");
    const char *status = bf_cli_text(a, bf_json_get(execution, "status"));
    const char *out = reason ? bf_cli_text(a, reason) : status;
    const char *left = until ? bf_cli_ago(a, bf_cli_text(a, until)) : "";
    int64_t count;

    if (strncmp(out, status, strlen(status)) != 0)
        out = bf_arena_printf(a, "%s %s", status, out);
    if (bf_json_int(bf_json_get(execution, "count"), &count) && count > 1)
        out = bf_arena_printf(a, "%s ×%lld", out, (long long)count);
    return strncmp(left, "in ", 3) == 0 ? bf_arena_printf(a, "%s, again %s", out, left) : out;
}

static const char *with(struct bf_arena *a, const char *before, const char *word)
{
    return bf_arena_printf(a, "%s%s%s", before, *before ? " " : "", word);
}

static const char *metrics_text(struct bf_arena *a, const char *out, const struct bf_json *metrics)
{
    size_t n = 0, all = bf_json_count(metrics);
    const struct bf_json *step = bf_json_at(metrics, "/0/step");

    if (step)
        out = with(a, out, bf_arena_printf(a, "step %s", bf_cli_text(a, step)));
    for (const struct bf_json *m = bf_json_first(metrics); m && n < METRICS_SHOWN;
         m = bf_json_next(metrics, m), n++)
        out = with(a, out, bf_arena_printf(a, "%s=%s", bf_cli_text(a, bf_json_get(m, "name")),
                                           bf_cli_text(a, bf_json_get(m, "value"))));
    return all > n ? with(a, out, "…") : out;
}

/* What tells an event from others of its type: "sunny-frog-7 step 3 accuracy=0.78". */
static const char *event_text(struct bf_arena *a, const struct bf_json *event)
{
    static const char *const told[] = {"/alert/title", "/alias", "/tag", "/data/name",
                                       "/data/automation/name"};
    const struct bf_json *run = bf_json_get(event, "run");
    const struct bf_json *name = bf_json_get(run, bf_json_get(run, "name") ? "name" : "id");
    const char *out = name ? bf_cli_text(a, name) : "";

    if (bf_json_eq(bf_json_get(event, "type"), "run.state"))
        out = with(a, out, bf_cli_text(a, bf_json_get(run, "state")));
    out = metrics_text(a, out, bf_json_get(event, "metrics"));
    for (size_t i = 0; i < BF_COUNT(told); i++)
        if (bf_json_is(bf_json_at(event, told[i]), BF_JSON_STRING))
            out = with(a, out, bf_cli_text(a, bf_json_at(event, told[i])));
    if (bf_json_is(bf_json_get(event, "dropped"), BF_JSON_TRUE))
        out = with(a, out, "(dropped)");
    return *out ? out : "-";
}

/* Where an integration reaches, as its people call it; an address that is a secret has a name, or
 * cannot be shown. */
static const char *to_text(struct bf_arena *a, const struct bf_json *config)
{
    static const char *const told[] = {"channel", "repo", "url", "webhook_url"};
    bool sealed = false;

    for (size_t i = 0; i < BF_COUNT(told); i++) {
        const struct bf_json *value = bf_json_get(config, told[i]);

        if (bf_json_is(value, BF_JSON_STRING))
            return bf_cli_text(a, value);
        sealed = sealed || bf_json_is(value, BF_JSON_OBJECT);
    }
    return sealed ? "(sealed)" : "-";
}

/* What is worth a word is that it is off, or does not get through. */
static const char *off_text(const struct bf_column *column, const struct bf_json *item,
                            const struct bf_json *value)
{
    bool off_is = strcmp(column->at, "/disabled") == 0;

    if (bf_json_is(value, off_is ? BF_JSON_TRUE : BF_JSON_FALSE))
        return "disabled";
    if (bf_json_is(bf_json_get(item, "dry_run"), BF_JSON_TRUE))
        return "dry run";
    if (bf_json_count(bf_json_get(item, "hooks_disabled")))
        return "hook disabled";
    return bf_json_is(bf_json_at(item, "/state/failing_since"), BF_JSON_STRING) ? "failing" : "on";
}

static const char *cell_text(struct bf_arena *a, const struct bf_column *column,
                             const struct bf_json *item)
{
    const struct bf_json *value = bf_json_at(item, column->at);

    switch (column->look) {
    case BF_LOOK_TIME:
        return bf_cli_ago(a, bf_cli_text(a, value));
    case BF_LOOK_SCOPE:
        return scope_text(a, value);
    case BF_LOOK_OFF:
        return off_text(column, item, value);
    case BF_LOOK_WORDS:
        return words_text(a, value);
    case BF_LOOK_WHY:
        return status_text(a, item);
    case BF_LOOK_EVENT:
        return event_text(a, item);
    case BF_LOOK_TO:
        return to_text(a, value);
    default:
        return bf_cli_text(a, value);
    }
}

void bf_table_row(struct bf_table *t, const struct bf_json *item)
{
    struct row *r = bf_arena_new_of(t->arena, struct row);

    if (!r)
        return;
    for (size_t i = 0; i < t->n; i++) {
        size_t width;

        r->cells[i] = cell_text(t->arena, &t->columns[i], item);
        width = bf_text_width(r->cells[i], strlen(r->cells[i]));
        if (width > t->widths[i])
            t->widths[i] = width;
    }
    *t->end = r;
    t->end = &r->next;
}

/* Take from the widest, column by column, until it fits or nothing may give way. */
static void fit(struct bf_table *t, size_t room)
{
    for (;;) {
        size_t sum = (t->n - 1) * GAP, widest = t->n;

        for (size_t i = 0; i < t->n; i++) {
            sum += t->widths[i];
            if (t->columns[i].look != BF_LOOK_ID && t->widths[i] > LEAST &&
                (widest == t->n || t->widths[i] > t->widths[widest]))
                widest = i;
        }
        if (sum <= room || widest == t->n)
            return;
        t->widths[widest]--;
    }
}

static const char *colour_of(const char *status)
{
    static const char *const words[][2] = {
        {"finished", "32"}, {"on", "32"},       {"ready", "32"},  {"failed", "31"},
        {"error", "31"},    {"unknown", "35"},  {"pending", "33"}, {"running", "33"},
        {"disabled", "33"}, {"dry", "33"},     {"cancelled", "2"}, {"skipped", "2"},
    };
    size_t len = strcspn(status, " ");

    for (size_t i = 0; i < BF_COUNT(words); i++)
        if (strlen(words[i][0]) == len && strncmp(words[i][0], status, len) == 0)
            return words[i][1];
    return NULL;
}

/* As much of the text as the width has room for, "…" where it was cut. */
static size_t put_cut(struct bf_buf *out, const char *text, size_t width)
{
    const char *end = text + strlen(text), *at = text;
    size_t used = 0;

    if (bf_text_width(text, strlen(text)) <= width) {
        bf_buf_adds(out, text);
        return bf_text_width(text, strlen(text));
    }
    while (at < end) {
        size_t n = bf_utf8_len(at, end);
        size_t w = bf_text_width(at, n ? n : 1);

        if (used + w + 1 > width)
            break;
        used += w;
        at += n ? n : 1;
    }
    bf_buf_add(out, text, (size_t)(at - text));
    bf_buf_adds(out, "…");
    return used + 1;
}

static void put_cell(const struct bf_table *t, struct bf_buf *out, size_t i, const char *text,
                     const char *colour)
{
    size_t used;

    if (colour)
        bf_buf_printf(out, "\x1b[%sm", colour);
    used = put_cut(out, text, t->widths[i]);
    if (colour)
        bf_buf_adds(out, "\x1b[0m");
    for (; i + 1 < t->n && used < t->widths[i] + GAP; used++)
        bf_buf_addc(out, ' ');
    if (i + 1 == t->n)
        bf_buf_addc(out, '\n');
}

void bf_table_print(struct bf_table *t, struct bf_buf *out)
{
    bool colours = bf_cli_colours(stdout);
    unsigned room = bf_cli_width();

    if (room)
        fit(t, room);
    for (size_t i = 0; i < t->n; i++)
        put_cell(t, out, i, t->columns[i].title, colours ? "1" : NULL);
    for (const struct row *r = t->first; r; r = r->next)
        for (size_t i = 0; i < t->n; i++) {
            enum bf_look look = t->columns[i].look;
            bool coloured = colours && (look == BF_LOOK_STATUS || look == BF_LOOK_WHY ||
                                         look == BF_LOOK_OFF);

            put_cell(t, out, i, r->cells[i], coloured ? colour_of(r->cells[i]) : NULL);
        }
}
