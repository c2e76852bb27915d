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

/* An execution's status, and why it was skipped or waits: "skipped fire_limit_24h ×37 until …" */
static const char *status_text(struct bf_arena *a, const struct bf_json *execution)
{
    const struct bf_json *reason = bf_json_get(execution, "reason");
    const struct bf_json *until = bf_json_get(execution, "until");
    const char *out = bf_cli_text(a, bf_json_get(execution, "status"));
    int64_t count;

    if (reason)
        out = bf_arena_printf(a, "%s %s", out, bf_cli_text(a, reason));
    if (bf_json_int(bf_json_get(execution, "count"), &count))
        out = bf_arena_printf(a, "%s ×%lld", out, (long long)count);
    return until ? bf_arena_printf(a, "%s until %s", out, bf_cli_text(a, until)) : out;
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
    case BF_LOOK_OFF:           /* what is worth a word is that it is off, or does not get through */
        if (bf_json_is(value, strcmp(column->at, "/disabled") == 0 ? BF_JSON_TRUE : BF_JSON_FALSE))
            return "disabled";
        return bf_json_is(bf_json_at(item, "/state/failing_since"), BF_JSON_STRING) ? "failing"
                                                                                    : "on";
    case BF_LOOK_WORDS:
        return words_text(a, value);
    case BF_LOOK_WHY:
        return status_text(a, item);
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
        {"disabled", "33"}, {"cancelled", "2"}, {"skipped", "2"},
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
