/* ask.h - one HTTP request at a time, waiting for its answer: for programs that talk to a hub.
 *
 * Not the hub's own way out, which is client.h: there is no address guard here, since whoever runs
 * such a program may connect anywhere.  Everything else is as strict: https is verified, redirects
 * are answers, the environment's proxies are ignored.  One thread at a time. */
#ifndef BF_ASK_H
#define BF_ASK_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/error.h"

struct bf_ask_client;

/* ca_file NULL: the system's authorities.  The connection is kept between requests. */
int bf_ask_client_new(const char *user_agent, const char *ca_file, struct bf_ask_client **out,
                      struct bf_error *err);
void bf_ask_client_free(struct bf_ask_client *a);    /* NULL is fine */

struct bf_ask_request {
    const char *method;
    const char *url;
    const char *const *headers; /* "Name: value", ..., NULL */
    const void *body;           /* NULL: none */
    size_t body_len;
    int64_t connect_ms;
    int64_t quiet_ms;           /* gives up when nothing has come for so long */
    /* Pieces of a 2xx body as they come, which are then not kept; a negative return ends the
     * request with that error.  May be NULL. */
    int (*take)(void *arg, const void *data, size_t len);
    void *arg;
};

struct bf_ask_answer {
    int status;                 /* 0: there was no answer */
    struct bf_buf body;         /* what was kept; bf_buf_fini() it */
    char type[80];              /* Content-Type; "" if none */
    char location[400];         /* of a redirect; "" if none */
};

/* BF_OK once there is a complete answer, whatever its status.  Else BF_EIO, BF_ETIMEDOUT, or
 * BF_ECONFIG (the URL, the ca_file); BF_ENOENT if nobody listens there.  The words name host and
 * port. */
int bf_ask_client_send(struct bf_ask_client *a, const struct bf_ask_request *ask, size_t keep_max,
                       struct bf_ask_answer *out, struct bf_error *err);

#endif
