/* auth.h - who is asking?  The one place where a request's key becomes an identity.
 *
 * `Authorization: Bearer KEY`, or Basic with the user name "api" and the key as password, as the
 * wandb client sends it. */
#ifndef BF_AUTH_H
#define BF_AUTH_H

#include "core/net/listener.h"
#include "core/team/team.h"

/* For a route's admit.  `needs` is enum bf_right bits, in `entity` or in any entity if that is
 * NULL; 0 lets every caller in; BF_PUBLIC everybody (a key that is there must still be right).
 * Gives 0, with the identity (or NULL) as the exchange's data; or 401, 403 or 429, the error filled
 * in.  A 401 is the same for an unknown key and a revoked one.  [listener]
 *
 * From an address with too many wrong keys the next ones get 429 and how long to wait.  A right key
 * is taken all the same: behind one address there may be a whole site, which one job with an old
 * key must not shut out, and a key is too long to be guessed at any pace.  What the limit saves is
 * the noise, and it says in the log where that comes from. */
int bf_auth_admit(struct bf_team *t, struct bf_exchange *x, unsigned needs, const char *entity);

/* What bf_auth_admit() found; NULL for nobody.  Lives as long as the exchange. */
const struct bf_identity *bf_auth_who(const struct bf_exchange *x);

#endif
