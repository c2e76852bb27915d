/* router_int.h - from method and path to a route, by a tree of path segments. */
#ifndef BF_ROUTER_INT_H
#define BF_ROUTER_INT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/net/listener.h"

#define BF_ROUTE_NAMES_MAX 8    /* {name}s and * of one path */

struct bf_router;

struct bf_match {
    const struct bf_web_route *route;
    unsigned methods;           /* what the path knows, for bf_router_methods() */
    struct {
        const char *at;         /* in the path given, undecoded */
        size_t len;
    } values[BF_ROUTE_NAMES_MAX];
};

struct bf_router *bf_router_new(void);
void bf_router_free(struct bf_router *r);
int bf_router_add(struct bf_router *r, const struct bf_web_route *route, struct bf_error *err);
const struct bf_web_route *bf_router_at(const struct bf_router *r, size_t i);

/* False if there is no route; m->methods is 0 then, unless the path has other methods.
 * [any, once all routes are added] */
bool bf_router_find(const struct bf_router *r, const char *method, const char *path,
                    struct bf_match *m);
/* Count an answer for a route; and what was counted: statuses by i from 0, as "200" or "4xx", NULL
 * behind the last.  A NULL route stands for requests that none took.  [any] */
void bf_router_count(struct bf_router *r, const struct bf_web_route *route, int status);
const char *bf_router_counted(const struct bf_router *r, const struct bf_web_route *route,
                              size_t i, uint64_t *n);
/* "GET, HEAD, POST": for the Allow header. */
const char *bf_router_methods(const struct bf_router *r, unsigned methods, struct bf_arena *a);

/* Which value of a match the route calls `name`; -1 if none. */
int bf_route_name(const struct bf_web_route *route, const char *name);

/* %XX decoded (and + as a space in a query); NULL unless the result is UTF-8 without NUL. */
const char *bf_percent_decode(struct bf_arena *a, const char *text, size_t len, bool query);

#endif
