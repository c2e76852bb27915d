/* owners.c - how many connections belong to each owner, whoever that is: keys, to our callers.
 *
 * A connection belongs to whom its last authenticated request came from; a proxy may carry those of
 * many.  The count is under the listener's lock, which a connection takes when its owner changes
 * and when it ends, not at each request. */
#include "listener_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"

#define NAME_SIZE 160

struct bf_owner {
    unsigned n;                 /* under the listener's lock */
    char name[NAME_SIZE];
};

/* [lock held] */
static struct bf_owner *find(struct bf_listener *l, const char *name)
{
    struct bf_owner *o = bf_map_get(l->owners, name);

    if (o)
        return o;
    o = bf_new(struct bf_owner);
    snprintf(o->name, sizeof(o->name), "%s", name);
    bf_map_set(l->owners, o->name, o);
    return o;
}

/* [lock held] */
static void leave(struct bf_listener *l, struct bf_owner *o)
{
    if (o && --o->n == 0)
        free(bf_map_remove(l->owners, o->name));
}

bool bf_conn_own(struct bf_conn *conn, const char *name)
{
    struct bf_listener *l = conn->loop->listener;
    struct bf_owner *o;
    bool room;

    bf_assert(strlen(name) < NAME_SIZE);
    if (conn->owner && strcmp(conn->owner->name, name) == 0)
        return true;
    pthread_mutex_lock(&l->lock);
    o = find(l, name);
    room = o->n < l->options.max_per_owner;
    if (room) {
        o->n++;
        leave(l, conn->owner);
        conn->owner = o;
    }
    pthread_mutex_unlock(&l->lock);
    return room;
}

void bf_conn_disown(struct bf_conn *conn)
{
    struct bf_listener *l = conn->loop->listener;

    if (!conn->owner)
        return;
    pthread_mutex_lock(&l->lock);
    leave(l, conn->owner);
    pthread_mutex_unlock(&l->lock);
    conn->owner = NULL;
}
