/* rewrite - reads automations, one a line, writes each as code, reads that, and compares.
 *
 * What comes back must mean the same to the rules, and have the same actions, hooks and texts.  Ends
 * with "N passed, N failed", so many automations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rules/automation.h"
#include "core/script/code.h"

#define ID    "01ARZ3NDEKTSV4RRFFQ69G5FAV"
#define LIMIT (256 * 1024 * 1024)

static bool same(struct bf_arena *a, const struct bf_json *x, const struct bf_json *y);

static bool same_members(struct bf_arena *a, const struct bf_json *x, const struct bf_json *y)
{
    for (const struct bf_json *k = bf_json_first(x); k; k = bf_json_next(x, k))
        if (!bf_json_get(y, bf_json_str(a, k)) || !same(a, k + 1, bf_json_get(y, bf_json_str(a, k))))
            return false;
    return bf_json_count(x) == bf_json_count(y);
}

static bool same_elements(struct bf_arena *a, const struct bf_json *x, const struct bf_json *y)
{
    const struct bf_json *f = bf_json_first(y);

    for (const struct bf_json *e = bf_json_first(x); e; e = bf_json_next(x, e)) {
        if (!f || !same(a, e, f))
            return false;
        f = bf_json_next(y, f);
    }
    return !f;
}

/* As values of JSON: members may stand in any order. */
static bool same(struct bf_arena *a, const struct bf_json *x, const struct bf_json *y)
{
    double m, n;

    if (!x || !y)
        return x == y;
    if (x->type != y->type)
        return false;
    switch (x->type) {
    case BF_JSON_OBJECT:
        return same_members(a, x, y);
    case BF_JSON_ARRAY:
        return same_elements(a, x, y);
    case BF_JSON_STRING:
        return strcmp(bf_json_str(a, x), bf_json_str(a, y)) == 0;
    case BF_JSON_NUMBER:
        return (bf_json_double(x, &m) && bf_json_double(y, &n))
                   ? m == n : x->len == y->len && memcmp(x->text, y->text, x->len) == 0;
    default:
        return true;
    }
}

static const struct bf_json *member(const struct bf_json *o, const char *name)
{
    const struct bf_json *value = bf_json_get(o, name);

    return bf_json_is(value, BF_JSON_NULL) ? NULL : value;
}

/* "ops" and "acme/ops" are the same in acme. */
static bool same_integration(const char *x, const char *y, const char *entity)
{
    size_t len = strlen(entity);

    x += strncmp(x, entity, len) == 0 && x[len] == '/' ? len + 1 : 0;
    y += strncmp(y, entity, len) == 0 && y[len] == '/' ? len + 1 : 0;
    return strcmp(x, y) == 0;
}

static bool same_action(struct bf_arena *a, const struct bf_json *x, const struct bf_json *y,
                        const char *entity)
{
    const struct bf_json *one = member(x, "config"), *other = member(y, "config");

    return same_integration(bf_json_str(a, member(x, "integration")),
                            bf_json_str(a, member(y, "integration")), entity) &&
           ((!bf_json_count(one) && !bf_json_count(other)) || same(a, one, other)) &&
           ((!bf_json_count(member(x, "secrets")) && !bf_json_count(member(y, "secrets"))) ||
            same(a, member(x, "secrets"), member(y, "secrets")));
}

static bool same_actions(struct bf_arena *a, const struct bf_json *x, const struct bf_json *y,
                         const char *entity)
{
    const struct bf_json *f = bf_json_first(y);

    for (const struct bf_json *e = bf_json_first(x); e; e = bf_json_next(x, e)) {
        if (!f || !same_action(a, e, f, entity))
            return false;
        f = bf_json_next(y, f);
    }
    return !f;
}

static bool same_automation(struct bf_arena *a, const char *before, const struct bf_json *after,
                            struct bf_error *err)
{
    const struct bf_json *was = bf_json_parse(a, before, strlen(before), err);
    struct bf_automation *x = NULL, *y = NULL;
    size_t len;
    const char *raw = bf_json_raw(after, &len);
    bool is = !bf_automation_parse(before, strlen(before), ID, 1, NULL, &x, err) &&
              !bf_automation_parse(raw, len, ID, 1, NULL, &y, err);

    is = is && bf_automation_same_matter(x, y) && x->enabled == y->enabled &&
         strcmp(x->name, y->name) == 0 && strcmp(x->description, y->description) == 0 &&
         same_actions(a, member(was, "actions"), member(after, "actions"), x->entity) &&
         (same(a, member(was, "hooks"), member(after, "hooks")) ||
          (!bf_json_count(member(was, "hooks")) && !bf_json_count(member(after, "hooks"))));
    bf_automation_unref(x);
    bf_automation_unref(y);
    return is;
}

static bool rewrite(struct bf_arena *a, const char *automation, char **text, struct bf_error *err)
{
    const char *document = bf_arena_printf(a, "{\"manifest\":\"m\",\"automations\":[%s]}", automation);
    struct bf_code *c = NULL;
    size_t len;
    bool is = false;

    *text = bf_code_export(document, strlen(document), err);
    if (*text && !bf_code_read_text("x.lua", *text, strlen(*text), 0, &c, err)) {
        document = bf_code_document(c, &len);
        is = same_automation(a, automation,
                             bf_json_at(bf_json_parse(a, document, len, err), "/automations/0"), err);
    }
    bf_code_free(c);
    return is;
}

int main(void)
{
    struct bf_arena *a = bf_arena_new(LIMIT);
    unsigned long passed = 0, failed = 0, raw = 0;
    char *line = NULL, *text;
    size_t cap = 0;
    ssize_t len;

    while ((len = getline(&line, &cap, stdin)) > 0) {
        struct bf_error err = {0};

        line[len - (line[len - 1] == '\n')] = '\0';
        bf_arena_reset(a);
        if (rewrite(a, line, &text, &err)) {
            passed++;
        } else {
            printf("%s\n%s\n%s\n", line, err.words, text ? text : "");
            failed++;
        }
        raw += text && strstr(text, ", raw {") != NULL;
        free(text);
    }
    free(line);
    bf_arena_free(a);
    if (raw)
        printf("%lu of them only as raw\n", raw);
    printf("%lu passed, %lu failed\n", passed, failed);
    return failed != 0;
}
