/* when.c - a parser by descent: `or` binds least, then `and`, then parentheses and conditions.
 *
 * It only writes down what was said.  Whether a window or a threshold makes sense is the hub's to
 * judge, in its own words. */
#include "core/cli/when.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/base/json.h"

#define DEPTH_MAX 16            /* of parentheses; the hub takes fewer */
#define TEXT_MAX  (64 * 1024)

struct parse {
    struct bf_arena *arena;
    const char *text;
    const char *at;
    unsigned depth;
    unsigned n_conditions;
    const char *wire;           /* of the last condition */
    struct bf_error *err;
    int rc;
};

/* A condition before its comparison is read. */
struct measure {
    const char *name;
    const char *function;       /* "AVERAGE", "MIN", "MAX", or NULL */
    bool zscore;
    bool absolute;
    long window;                /* 0: not given, as below */
    long prior;
};

static const char *none(struct parse *p, const char *wanted)
{
    size_t place = (size_t)(p->at - p->text);

    if (!p->rc)
        p->rc = bf_error_set(p->err, BF_ECONFIG, "%s is expected at %s%.40s%s (character %zu)"
                             "; for example: accuracy < 0.85, or avg(loss, 5) > 1 and lr > 0",
                             wanted, *p->at ? "\"" : "", *p->at ? p->at : "the end",
                             *p->at ? "\"" : "", place + 1);
    return NULL;
}


/* --- words ------------------------------------------------------------------------ */

static void skip_spaces(struct parse *p) { p->at += strspn(p->at, " \t\r\n"); }

/* Letters, if these come next and nothing of a word behind them. */
static bool take_word(struct parse *p, const char *word)
{
    size_t len = strlen(word);

    skip_spaces(p);
    if (strncasecmp(p->at, word, len) != 0 || strcspn(p->at + len, " \t\r\n()<>=!,'\"") != 0)
        return false;
    p->at += len;
    return true;
}

static bool take(struct parse *p, const char *sign)
{
    skip_spaces(p);
    if (strncmp(p->at, sign, strlen(sign)) != 0)
        return false;
    p->at += strlen(sign);
    return true;
}

static void need(struct parse *p, const char *sign, const char *wanted)
{
    if (!p->rc && !take(p, sign))
        none(p, wanted);
}

/* The name of a metric, in quotes or as it is. */
static const char *take_name(struct parse *p)
{
    size_t len;
    char quote;

    skip_spaces(p);
    quote = *p->at == '\'' || *p->at == '"' ? *p->at++ : '\0';
    len = quote ? strcspn(p->at, quote == '"' ? "\"" : "'") : strcspn(p->at, " \t\r\n()<>=!,'\"");
    if (len == 0 || (quote && p->at[len] != quote))
        return none(p, quote ? "a name and its second quote" : "the name of a metric");
    p->at += len + (quote != '\0');
    return bf_arena_ndup(p->arena, p->at - len - (quote != '\0'), len);
}

static long take_count(struct parse *p)
{
    char *end;
    long n;

    skip_spaces(p);
    errno = 0;
    n = strtol(p->at, &end, 10);
    if (end == p->at || errno || n <= 0)
        none(p, "a number of values, 1 or more,");
    p->at = end;
    return n;
}

/* The shortest text that reads back the same. */
static const char *print_number(struct parse *p, double value)
{
    const char *text = "";

    for (int digits = 15; digits <= 17; digits++) {
        text = bf_arena_printf(p->arena, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return text;
}

static double take_number(struct parse *p)
{
    char *end;
    double value;

    skip_spaces(p);
    value = strtod(p->at, &end);
    if (end == p->at || !isfinite(value) || strcspn(end, " \t\r\n()%") != 0)
        none(p, "a number");
    p->at = end;
    return value;
}


/* --- conditions ------------------------------------------------------------------- */

static const char *quote(struct parse *p, const char *name)
{
    struct bf_buf b;
    const char *out;

    bf_buf_init(&b, TEXT_MAX);
    bf_buf_json(&b, name);
    out = bf_arena_dup(p->arena, bf_buf_text(&b));
    bf_buf_fini(&b);
    return out;
}

/* "(", a name, and up to two counts, and ")". */
static void take_arguments(struct parse *p, struct measure *m, bool two)
{
    need(p, "(", "\"(\"");
    m->name = p->rc ? NULL : take_name(p);
    if (!p->rc && take(p, ","))
        m->window = take_count(p);
    if (!p->rc && two && m->window && take(p, ","))
        m->prior = take_count(p);
    need(p, ")", "\")\"");
}

/* A function is only one if a parenthesis follows; else it is a metric of that name. */
static bool take_function(struct parse *p, const char *name)
{
    const char *before = p->at;

    if (take_word(p, name)) {
        skip_spaces(p);
        if (*p->at == '(')
            return true;
    }
    p->at = before;
    return false;
}

static void take_measure(struct parse *p, struct measure *m)
{
    static const struct { const char *word, *function; } functions[] = {
        {"avg", "AVERAGE"}, {"average", "AVERAGE"}, {"mean", "AVERAGE"}, {"min", "MIN"}, {"max", "MAX"},
    };

    if (take_function(p, "abs")) {
        m->absolute = true;
        need(p, "(", "\"(\"");
        if (!p->rc && !take_function(p, "zscore"))
            none(p, "zscore(…)");
        m->zscore = true;
        take_arguments(p, m, false);
        need(p, ")", "\")\"");
        return;
    }
    m->zscore = take_function(p, "zscore");
    if (m->zscore) {
        take_arguments(p, m, false);
        return;
    }
    for (size_t i = 0; i < BF_COUNT(functions); i++) {
        if (take_function(p, functions[i].word)) {
            m->function = functions[i].function;
            take_arguments(p, m, true);
            return;
        }
    }
    m->name = take_name(p);
}

/* The client's name for it, or NULL. */
static const char *take_comparison(struct parse *p)
{
    static const struct { const char *sign, *op; } signs[] = {
        {">=", "$gte"}, {"<=", "$lte"}, {"==", "$eq"}, {"!=", "$ne"},
        {">", "$gt"}, {"<", "$lt"}, {"=", "$eq"},
    };

    for (size_t i = 0; i < BF_COUNT(signs); i++) {
        if (take(p, signs[i].sign))
            return signs[i].op;
    }
    return NULL;
}

static const char *agg_op(struct parse *p, const struct measure *m)
{
    return m->function ? bf_arena_printf(p->arena, "\"%s\"", m->function) : "null";
}

static const char *threshold(struct parse *p, const struct measure *m, const char *op)
{
    double value = take_number(p);

    if (!p->rc && m->prior)
        return none(p, "increases, decreases or changes by, for two windows,");
    p->wire = "RUN_METRIC";
    return p->rc ? NULL : bf_arena_printf(
        p->arena, "{\"threshold_filter\":{\"name\":%s,\"agg_op\":%s,\"window_size\":%ld,"
        "\"cmp_op\":\"%s\",\"threshold\":%s}}", quote(p, m->name), agg_op(p, m),
        m->window ? m->window : m->function ? 5 : 1, op, print_number(p, value));
}

static const char *zscore(struct parse *p, const struct measure *m, const char *op)
{
    bool above = strncmp(op, "$gt", 3) == 0, below = strncmp(op, "$lt", 3) == 0;
    const char *direction = m->absolute ? "ANY" : above ? "INCREASE" : "DECREASE";
    double value = take_number(p);

    if (!p->rc && (!(above || below) || (m->absolute && below)))
        return none(p, "a z-score above a number, or below a negative one,");
    if (!p->rc && (below ? value >= 0 : value <= 0))
        return none(p, below ? "a negative number before here" : "a number above 0 before here");
    p->wire = "RUN_METRIC_ZSCORE";
    return p->rc ? NULL : bf_arena_printf(
        p->arena, "{\"zscore_filter\":{\"name\":%s,\"window_size\":%ld,\"threshold\":%s,"
        "\"change_dir\":\"%s\"}}", quote(p, m->name), m->window ? m->window : 30,
        print_number(p, fabs(value)), direction);
}

static const char *change(struct parse *p, const struct measure *m, const char *direction)
{
    long current = m->window ? m->window : m->function ? 10 : 1;
    long prior = m->prior ? m->prior : m->window ? m->window : m->function ? 50 : 1;
    double value;
    bool percent;

    if (!take_word(p, "by"))
        return none(p, "\"by\"");
    value = take_number(p);
    percent = !p->rc && take(p, "%");
    p->wire = "RUN_METRIC_CHANGE";
    return p->rc ? NULL : bf_arena_printf(
        p->arena, "{\"change_filter\":{\"name\":%s,\"agg_op\":%s,\"current_window_size\":%ld,"
        "\"prior_window_size\":%ld,\"change_type\":\"%s\",\"change_dir\":\"%s\","
        "\"change_amount\":%s}}", quote(p, m->name), agg_op(p, m), current, prior,
        percent ? "RELATIVE" : "ABSOLUTE", direction,
        print_number(p, percent ? value / 100 : value));
}

static const char *take_condition(struct parse *p)
{
    static const struct { const char *word, *direction; } changes[] = {
        {"increases", "INCREASE"}, {"decreases", "DECREASE"}, {"changes", "ANY"},
    };
    struct measure m = {0};
    const char *op;

    take_measure(p, &m);
    if (p->rc)
        return NULL;
    p->n_conditions++;
    op = take_comparison(p);
    if (op)
        return m.zscore ? zscore(p, &m, op) : threshold(p, &m, op);
    for (size_t i = 0; i < BF_COUNT(changes) && !m.zscore; i++) {
        if (take_word(p, changes[i].word))
            return change(p, &m, changes[i].direction);
    }
    return none(p, m.zscore ? "> or < and a number"
                            : "a comparison, or \"increases by\", \"decreases by\", \"changes by\",");
}


/* --- joining ---------------------------------------------------------------------- */

static const char *take_any(struct parse *p);

static const char *take_one(struct parse *p)
{
    const char *inner;

    if (!take(p, "("))
        return take_condition(p);
    if (++p->depth > DEPTH_MAX)
        return none(p, "fewer parentheses around it");
    inner = take_any(p);
    need(p, ")", "\")\"");
    p->depth--;
    return inner;
}

/* One or more of `take_part`, with a word or sign between them. */
static const char *take_joined(struct parse *p, const char *(*take_part)(struct parse *),
                               const char *word, const char *sign, const char *op)
{
    const char *first = take_part(p), *all = first;
    bool many = false;

    while (!p->rc && (take_word(p, word) || take(p, sign))) {
        const char *next = take_part(p);

        if (!p->rc)
            all = bf_arena_printf(p->arena, "%s,%s", all, next);
        many = true;
    }
    if (p->rc || !many)
        return all;
    return bf_arena_printf(p->arena, "{\"%s\":[%s]}", op, all);
}

static const char *take_all(struct parse *p)
{
    return take_joined(p, take_one, "and", "&&", "$and");
}

static const char *take_any(struct parse *p)
{
    return take_joined(p, take_all, "or", "||", "$or");
}

int bf_when_parse(struct bf_arena *a, const char *text, const char **wire, const char **json,
                  struct bf_error *err)
{
    struct parse p = {.arena = a, .text = text, .at = text, .err = err};
    const char *all = take_any(&p);

    skip_spaces(&p);
    if (!p.rc && *p.at)
        none(&p, "\"and\", \"or\" or the end");
    if (p.rc)
        return p.rc;
    *wire = p.n_conditions == 1 ? p.wire : "RUN_METRIC";
    *json = all;
    return BF_OK;
}
