/* inside.c - requests that came by no socket: a plugin asks the hub's own REST for its caller.
 *
 * The way is the exchange's own, from the router on, so whatever REST has for rules holds here:
 * only the connection is a stand-in, and the answer goes to a function.  The alternative, a
 * connection to our own port with a token that says who is behind it, would need a hole in the
 * address guard, and a secret that opens it.
 *
 * A request is put on a loop's inbox, as its handler wants to run on a loop's thread. */
#include "listener_int.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"

struct bf_inside {
    struct bf_errand errand;    /* first */
    struct bf_web_loop *loop;
    struct bf_conn conn;        /* of nobody; for whoever asks where the request is from */
    struct bf_inside_request request;
    void (*done)(void *arg, const struct bf_inside_answer *answer);
    void *arg;
};

static const char *const *answer_headers(struct bf_exchange *x)
{
    const char **out = bf_arena_alloc(x->arena, (2 * x->n_reply_headers + 3) * sizeof(*out));
    size_t n = 0;

    if (!out)
        return NULL;
    if (x->type) {
        out[n++] = "Content-Type";
        out[n++] = x->type;
    }
    for (unsigned i = 0; i < x->n_reply_headers; i++) {
        out[n++] = x->reply_headers[i].name;
        out[n++] = x->reply_headers[i].value;
    }
    return out;
}

void bf_inside_answer(struct bf_exchange *x, int status)
{
    struct bf_inside *n = x->inside;
    struct bf_inside_answer answer;

    if (x->reply_fd >= 0)
        status = bf_exchange_fail(x, 501, "not_supported", NULL,
                                  "files are only sent to the outside");
    answer = (struct bf_inside_answer){.status = status,
                                       .body = x->reply,
                                       .body_len = x->reply_len,
                                       .headers = answer_headers(x)};
    n->done(n->arg, &answer);
    if (x->suspended)
        x->loop->n_parked--;
    bf_exchange_give_back(x);
    free(n);
}

static void set_headers(struct bf_exchange *x, const char *const *headers)
{
    for (; headers && headers[0]; headers += 2)
        bf_exchange_keep_header(x, headers[0], headers[1]);
    x->headers[x->n_headers] = NULL;
}

static void run_ask(struct bf_errand *errand)
{
    struct bf_inside *n = (struct bf_inside *)errand;
    const struct bf_inside_request *r = &n->request;
    struct bf_exchange *x = bf_exchange_begin(n->loop, &n->conn);
    size_t path_len = strcspn(r->url, "?");

    x->inside = n;
    x->data = r->data;
    x->method = bf_arena_dup(x->arena, r->method);
    x->path = bf_arena_ndup(x->arena, r->url, path_len);
    x->query = r->url[path_len] ? bf_arena_dup(x->arena, r->url + path_len + 1) : "";
    set_headers(x, r->headers);
    if (n->loop->phase == BF_STOPPING)
        bf_answer(x, bf_exchange_fail(x, 503, "busy", NULL, "the hub is stopping"));
    else if (strlen(r->url) > BF_URL_MAX)
        bf_answer(x, bf_exchange_fail(x, 414, "url_too_long", NULL, "the URL is over %d bytes",
                                      BF_URL_MAX));
    else
        bf_exchange_run(x, r->body, r->body_len);
}

void bf_listener_ask(struct bf_listener *l, const struct bf_inside_request *request,
                     void (*done)(void *arg, const struct bf_inside_answer *answer), void *arg)
{
    struct bf_inside *n = bf_new(struct bf_inside);

    n->errand.run = run_ask;
    n->loop = &l->loops[atomic_fetch_add(&l->n_asked, 1) % l->n_loops];
    n->conn.loop = n->loop;
    n->conn.fd = -1;
    strcpy(n->conn.peer, "127.0.0.1");
    n->request = *request;
    n->done = done;
    n->arg = arg;
    bf_web_loop_post(n->loop, &n->errand);
}
