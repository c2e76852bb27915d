/* guard.h - may a connection be made to this address?
 *
 * The only judge of outgoing addresses.  net/client.c asks it at the moment a socket is made, so
 * names that resolve elsewhere the second time, redirects and odd spellings are all judged by the
 * address that would really be used.  Blocked by default is what the IANA registries call
 * special-purpose; see the table in guard.c.  IPv4 inside IPv6 is judged as IPv4. */
#ifndef BF_GUARD_H
#define BF_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/base/error.h"

struct bf_guard;

/* `allow` is a list of networks, "127.0.0.0/8 10.1.2.3 fd00::/8", apart by spaces or commas; NULL
 * or "" for none.  A network without a length is one address.  BF_ECONFIG names the network that
 * is none. */
int bf_guard_new(const char *allow, struct bf_guard **out, struct bf_error *err);
void bf_guard_free(struct bf_guard *g);
/* Another list in place of the old one; nothing is changed if it is wrong.  What is under way is
 * finished; a connection that is kept is asked about again before it is used.  [any] */
int bf_guard_allow(struct bf_guard *g, const char *allow, struct bf_error *err);
bool bf_guard_was_changed(const struct bf_guard *g);    /* by the above, ever  [any] */

/* Never connect to this address and port, allowed or not: one of our own listeners.  An
 * unspecified address (0.0.0.0, ::) stands for every loopback address and those that the
 * interfaces have at this moment.  Before the first check. */
void bf_guard_own(struct bf_guard *g, const struct sockaddr *addr);

/* BF_OK, or BF_EPERM with words that name the address, the blocked network and the configuration
 * line that would allow it.  [any] */
int bf_guard_check(const struct bf_guard *g, const struct sockaddr *addr, struct bf_error *err);

/* The same for the host of a URL if it is an address literal, in any spelling inet_aton() knows;
 * BF_OK for names, which are judged when connecting.  BF_ECONFIG for what is no http(s) URL, or
 * has no host.  The words never quote the URL, which may hold secrets.  [any] */
int bf_guard_check_url(const struct bf_guard *g, const char *url, struct bf_error *err);

/* The same, and a name is resolved, for wait_ms at most.  BF_EPERM if there is no address among
 * its own that a connection may be made to.  What may go wrong all the same becomes words in
 * `doubt`, which is "" otherwise: it does not resolve (in time), or some of its addresses are
 * forbidden.  Blocks.  [any but a loop] */
int bf_guard_look_up(const struct bf_guard *g, const char *url, int64_t wait_ms, char *doubt,
                     size_t size, struct bf_error *err);

#endif
