/* router.c - the table of routes, as a tree of path segments.
 *
 * A node knows the words that may follow it, at most one node for any {name}, and the routes
 * that end here or take the rest with a *.  Names differ between routes that share a node, so a
 * route keeps its own and a match keeps the values by position.  A look-up costs one hash per
 * segment, however many routes there are; it goes back only where a word and a {name} lead on
 * from the same node.  A route that yields is noted where it is met, and taken once no other was
 * found.  The tree does not change once requests are answered. */
#include "router_int.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/map.h"
#include "core/base/prom.h"
#include "core/base/utf8.h"

#define METHODS_MAX 16          /* different methods in one table */

/* Statuses that are counted each, and then the classes for the rest. */
static const struct {
    int status;
    const char *name;
} counted[] = {
    {200, "200"}, {201, "201"}, {202, "202"}, {204, "204"}, {304, "304"}, {400, "400"},
    {401, "401"}, {403, "403"}, {404, "404"}, {409, "409"}, {413, "413"}, {429, "429"},
    {503, "503"}, {2, "2xx"},   {3, "3xx"},   {4, "4xx"},   {5, "5xx"},
};

struct entry {
    struct bf_web_route route;  /* first, so that a bf_web_route of ours leads back to it */
    unsigned method;            /* its bit */
    unsigned n_names;
    char *names[BF_ROUTE_NAMES_MAX];
    struct entry *next;         /* at the same node */
    bf_counter answers[BF_COUNT(counted)];
};

struct node {
    struct bf_map *words;       /* of struct node */
    struct node *named;
    struct entry *here;
    struct entry *rest;
};

struct bf_router {
    struct node root;
    char *methods[METHODS_MAX]; /* bit i is methods[i] */
    struct entry **all;
    size_t n_all;
    bf_counter unrouted[BF_COUNT(counted)];
};

struct bf_router *bf_router_new(void)
{
    struct bf_router *r = bf_new(struct bf_router);

    /* HEAD is always known, as GET stands for it. */
    r->methods[0] = bf_strdup("GET");
    r->methods[1] = bf_strdup("HEAD");
    return r;
}

static void node_fini(struct node *n)
{
    const char *key;
    void *child;
    size_t at = 0;

    while (n->words && bf_map_each(n->words, &at, &key, &child)) {
        node_fini(child);
        free(child);
    }
    bf_map_free(n->words);
    if (n->named)
        node_fini(n->named);
    free(n->named);
}

static void entry_free(struct entry *e)
{
    for (unsigned i = 0; i < e->n_names; i++)
        free(e->names[i]);
    free((char *)e->route.method);
    free((char *)e->route.path);
    free(e);
}

void bf_router_free(struct bf_router *r)
{
    if (!r)
        return;
    node_fini(&r->root);
    for (size_t i = 0; i < r->n_all; i++)
        entry_free(r->all[i]);
    free(r->all);
    for (size_t i = 0; i < METHODS_MAX; i++)
        free(r->methods[i]);
    free(r);
}

/* 0 if unknown. */
static unsigned method_bit(const struct bf_router *r, const char *method)
{
    for (unsigned i = 0; i < METHODS_MAX && r->methods[i]; i++)
        if (strcmp(r->methods[i], method) == 0)
            return 1u << i;
    return 0;
}

static unsigned method_add(struct bf_router *r, const char *method)
{
    unsigned bit = method_bit(r, method);

    for (unsigned i = 0; !bit && i < METHODS_MAX; i++) {
        if (!r->methods[i]) {
            r->methods[i] = bf_strdup(method);
            bit = 1u << i;
        }
    }
    return bit;
}

/* The node behind `n` for a segment of a pattern, made if need be; the name is noted in e.  NULL
 * if the segment is wrong. */
static struct node *node_step(struct node *n, struct entry *e, const char *segment, size_t len)
{
    char *text = strndup(segment, len);
    struct node *next = NULL;

    if (len > 2 && text[0] == '{' && text[len - 1] == '}') {
        if (e->n_names < BF_ROUTE_NAMES_MAX) {
            e->names[e->n_names++] = strndup(text + 1, len - 2);
            if (!n->named)
                n->named = bf_new(struct node);
            next = n->named;
        }
    } else if (!strpbrk(text, "{}*")) {
        if (!n->words)
            n->words = bf_map_new();
        next = bf_map_get(n->words, text);
        if (!next) {
            next = bf_new(struct node);
            bf_map_set(n->words, text, next);
        }
    }
    free(text);
    return next;
}

/* The list that e belongs to; NULL if its path is no pattern. */
static struct entry **place(struct bf_router *r, struct entry *e)
{
    struct node *n = &r->root;
    const char *p = e->route.path;

    if (*p != '/')
        return NULL;
    while (*p) {
        const char *segment = ++p;

        p += strcspn(p, "/");
        if (strcmp(segment, "*") == 0) {
            if (e->n_names == BF_ROUTE_NAMES_MAX)
                return NULL;
            e->names[e->n_names++] = bf_strdup("*");
            return &n->rest;
        }
        n = node_step(n, e, segment, (size_t)(p - segment));
        if (!n)
            return NULL;
    }
    return &n->here;
}

int bf_router_add(struct bf_router *r, const struct bf_web_route *route, struct bf_error *err)
{
    struct entry *e = bf_new(struct entry);
    struct entry **list;
    int rc;

    e->route = *route;
    e->route.method = bf_strdup(route->method);
    e->route.path = bf_strdup(route->path);
    e->method = method_add(r, route->method);
    list = place(r, e);
    if (!e->method) {
        rc = bf_error_set(err, BF_EFULL, "route %s %s: more than %d different methods",
                          route->method, route->path, METHODS_MAX);
        goto fail;
    }
    if (!list) {
        rc = bf_error_set(err, BF_ECONFIG,
                          "route %s %s: a path starts with / and is made of words, at most %d "
                          "{name}s, and perhaps a last *",
                          route->method, route->path, BF_ROUTE_NAMES_MAX);
        goto fail;
    }
    for (const struct entry *other = *list; other; other = other->next) {
        if (other->method == e->method && other->route.yields == route->yields) {
            rc = bf_error_set(err, BF_EEXIST,
                              "routes %s %s and %s %s match the same requests; change one",
                              route->method, other->route.path, route->method, route->path);
            goto fail;
        }
    }
    e->next = *list;
    *list = e;
    r->all = bf_zrealloc(r->all, (r->n_all + 1) * sizeof(struct entry *));
    r->all[r->n_all++] = e;
    return BF_OK;

fail:
    entry_free(e);
    return rc;
}

const struct bf_web_route *bf_router_at(const struct bf_router *r, size_t i)
{
    return i < r->n_all ? &r->all[i]->route : NULL;
}

struct search {
    unsigned exact;             /* the method's bit; 0 if no route has it */
    unsigned instead;           /* GET's, for HEAD */
    struct bf_match *m;
    struct bf_match yielding;   /* the first that would take it if no other does */
};

static const struct entry *entry_with(const struct entry *list, unsigned method, bool yields)
{
    for (; list; list = list->next)
        if ((list->method & method) && list->route.yields == yields)
            return list;
    return NULL;
}

static const struct entry *entry_for(const struct entry *list, const struct search *s, bool yields)
{
    const struct entry *e = entry_with(list, s->exact, yields);

    return e ? e : entry_with(list, s->instead, yields);
}

/* Does a node's list have the method?  If not, note which ones it has. */
static bool take(const struct entry *list, struct search *s)
{
    const struct entry *e = entry_for(list, s, false);

    if (e) {
        s->m->route = &e->route;
        return true;
    }
    e = entry_for(list, s, true);
    if (e && !s->yielding.route) {
        s->yielding = *s->m;
        s->yielding.route = &e->route;
    }
    for (; list; list = list->next)
        s->m->methods |= list->method;
    return false;
}

/* `p` is behind the slash that ends what led to n; NULL at the path's end. */
static bool search(const struct node *n, const char *p, unsigned n_values, struct search *s)
{
    const struct node *word;
    const char *next;
    size_t len;

    if (!p)
        return take(n->here, s);
    len = strcspn(p, "/");
    next = p[len] ? p + len + 1 : NULL;
    word = n->words ? bf_map_get_len(n->words, p, len) : NULL;
    if (word && search(word, next, n_values, s))
        return true;
    if (n->named && len > 0) {
        s->m->values[n_values].at = p;
        s->m->values[n_values].len = len;
        if (search(n->named, next, n_values + 1, s))
            return true;
    }
    if (!n->rest)
        return false;
    s->m->values[n_values].at = p;
    s->m->values[n_values].len = strlen(p);
    return take(n->rest, s);
}

/* The length of a dot at p, plain or encoded. */
static size_t dot_len(const char *p)
{
    return *p == '.' ? 1 : strncasecmp(p, "%2e", 3) == 0 ? 3 : 0;
}

static size_t slash_len(const char *p)
{
    return *p == '/' ? 1 : strncasecmp(p, "%2f", 3) == 0 ? 3 : 0;
}

/* A segment "." or "..", in whatever spelling, is somebody's attempt to climb. */
static bool climbs(const char *path)
{
    for (const char *p = path; *p; p++) {
        size_t slash = slash_len(p);
        size_t first = slash ? dot_len(p + slash) : 0;
        const char *end;

        if (!first)
            continue;
        end = p + slash + first;
        end += dot_len(end);
        if (*end == '\0' || slash_len(end))
            return true;
    }
    return false;
}

bool bf_router_find(const struct bf_router *r, const char *method, const char *path,
                    struct bf_match *m)
{
    struct search s = {.exact = method_bit(r, method), .m = m};

    memset(m, 0, sizeof(*m));
    if (strcmp(method, "HEAD") == 0)
        s.instead = method_bit(r, "GET");
    if (path[0] != '/' || climbs(path))
        return false;
    if (search(&r->root, path + 1, 0, &s))
        return true;
    if (s.yielding.route)
        *m = s.yielding;
    return s.yielding.route != NULL;
}

const char *bf_router_methods(const struct bf_router *r, unsigned methods, struct bf_arena *a)
{
    const char *text = "";

    if (methods & method_bit(r, "GET"))
        methods |= method_bit(r, "HEAD");
    for (unsigned i = 0; i < METHODS_MAX; i++)
        if (methods & (1u << i))
            text = bf_arena_printf(a, "%s%s%s", text, *text ? ", " : "", r->methods[i]);
    return text;
}

int bf_route_name(const struct bf_web_route *route, const char *name)
{
    const struct entry *e = (const struct entry *)route;

    for (unsigned i = 0; i < e->n_names; i++)
        if (strcmp(e->names[i], name) == 0)
            return (int)i;
    return -1;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char *bf_percent_decode(struct bf_arena *a, const char *text, size_t len, bool query)
{
    char *out = bf_arena_alloc(a, len + 1);
    size_t n = 0;

    if (!out)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '%') {
            int high = len - i > 2 ? hex_digit(text[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text[i + 2]) : -1;

            if (low < 0)
                return NULL;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && query) {
            c = ' ';
        }
        if (c == '\0')
            return NULL;
        out[n++] = c;
    }
    return bf_utf8_ok(out, n) ? out : NULL;
}


/* --- counting ---------------------------------------------------------------- */

static bf_counter *answers_of(struct bf_router *r, const struct bf_web_route *route)
{
    return route ? ((struct entry *)route)->answers : r->unrouted;
}

static bool counts_as(size_t i, int status)
{
    return counted[i].status == status || counted[i].status == status / 100;
}

void bf_router_count(struct bf_router *r, const struct bf_web_route *route, int status)
{
    size_t i = 0;

    while (i < BF_COUNT(counted) && !counts_as(i, status))
        i++;
    if (i < BF_COUNT(counted))
        bf_count(&answers_of(r, route)[i], 1);
}

const char *bf_router_counted(const struct bf_router *r, const struct bf_web_route *route,
                              size_t i, uint64_t *n)
{
    if (i >= BF_COUNT(counted))
        return NULL;
    *n = bf_counted(&answers_of((struct bf_router *)r, route)[i]);
    return counted[i].name;
}
