/* resolve.h - the addresses that a name has, found within a time.
 *
 * The system's resolver blocks for as long as its configuration says.  So it works on a thread of
 * its own, which is left behind if it takes too long, and ends by itself. */
#ifndef BF_RESOLVE_H
#define BF_RESOLVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/base/error.h"

#define BF_ADDRESSES_MAX 32     /* that are looked at of one name */

struct bf_addresses {
    size_t n;
    struct sockaddr_storage items[BF_ADDRESSES_MAX];    /* with port 0 */
};

/* BF_ENOENT with the resolver's words, or BF_ETIMEDOUT.  [any that may block] */
int bf_resolve(const char *name, int64_t wait_ms, struct bf_addresses *out, struct bf_error *err);

#endif
