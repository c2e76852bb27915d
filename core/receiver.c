/* receiver.c - the small server behind `belfry listen` and bf_receiver_open(). */
#include <belfry/belfry.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/crypto.h"
#include "core/base/sign.h"
#include "core/net/listener.h"

#define BODY_MAX (16 * 1024 * 1024)
#define CHECK_MAX (BODY_MAX + 64 * 1024)        /* memory for checking one signature */

struct bf_receiver {
    struct bf_listener *listener;
    bf_receive_fn *fn;
    void *arg;
    _Atomic(const char *) answer;       /* NULL: an answer has no body */
};

static int on_request(struct bf_exchange *x, void *arg)
{
    struct bf_receiver *r = arg;
    const char *answer = atomic_load(&r->answer);
    struct bf_received in = {.size = sizeof(in)};

    in.method = bf_exchange_method(x);
    in.path = bf_exchange_path(x);
    in.headers = bf_exchange_headers(x);
    in.body = bf_exchange_body(x, &in.body_len);
    if (answer)
        bf_exchange_reply(x, "text/plain", answer, strlen(answer));
    return r->fn(r->arg, &in);
}

static int add_routes(struct bf_receiver *r, struct bf_error *err)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    int rc = BF_OK;

    for (size_t i = 0; i < BF_COUNT(methods) && !rc; i++) {
        struct bf_web_route route = {
            .method = methods[i], .path = "/*", .handler = on_request, .arg = r,
            .body_max = BODY_MAX};

        rc = bf_listener_route(r->listener, &route, err);
    }
    return rc;
}

int bf_receiver_open(const char *listen, bf_receive_fn *fn, void *arg, struct bf_receiver **out,
                     struct bf_error *err)
{
    /* One thread, so that fn is called for one request at a time. */
    struct bf_listener_options o = {.listen = listen, .n_threads = 1, .spool_dir = "/tmp",
                                    .max_per_ip = 1024};
    struct bf_receiver *r = bf_new(struct bf_receiver);
    int rc = bf_crypto_init(err);

    r->fn = fn;
    r->arg = arg;
    if (!rc)
        rc = bf_listener_open(&o, &r->listener, err);
    if (!rc)
        rc = add_routes(r, err);
    if (!rc)
        rc = bf_listener_start(r->listener, err);
    if (rc)
        bf_receiver_close(r);
    else
        *out = r;
    return rc;
}

const char *bf_receiver_address(const struct bf_receiver *r)
{
    return bf_listener_address(r->listener);
}

void bf_receiver_answer(struct bf_receiver *r, const char *text)
{
    atomic_store(&r->answer, text);
}

void bf_receiver_close(struct bf_receiver *r)
{
    if (!r)
        return;
    if (r->listener)
        bf_listener_drain(r->listener, 1000);
    bf_listener_close(r->listener);
    free(r);
}

bool bf_signature_ok(const char *signature, const char *secret, const void *body, size_t len)
{
    struct bf_arena *a = bf_arena_new(1024);
    uint8_t mac[32];
    bool ok;

    bf_hmac_sha256_raw(secret, strlen(secret), body, len, mac);
    ok = bf_text_same(bf_base64(a, mac, sizeof(mac)), signature);
    bf_arena_free(a);
    return ok;
}

static const char *header_of(const struct bf_received *r, const char *name)
{
    for (const char *const *h = r->headers; h && h[0]; h += 2)
        if (strcasecmp(h[0], name) == 0)
            return h[1];
    return NULL;
}

/* The formats differ in length and letters, so at most one of them can be right. */
static bool is_right(struct bf_arena *a, const struct bf_received *r, const char *given,
                     const char *secret)
{
    static const int formats[] = {BF_SIGN_BASE64, BF_SIGN_HEX, BF_SIGN_SHA256_HEX};
    bool right = false;

    for (size_t i = 0; i < BF_COUNT(formats); i++)
        right |= bf_text_same(bf_signature(a, formats[i], secret, strlen(secret), r->body,
                                           r->body_len), given);
    return right;
}

int bf_received_signed(const struct bf_received *r, const char *header, const char *secret)
{
    struct bf_stamped s = {header_of(r, "webhook-id"), header_of(r, "webhook-timestamp"),
                           header_of(r, "webhook-signature")};
    const char *given = header_of(r, header ? header : "X-Wandb-Signature");
    struct bf_arena *a;
    bool right;

    if (!given && !header)
        given = header_of(r, "X-Hub-Signature-256");
    if (!given && !s.signatures)
        return BF_SIGNED_NOT;
    if (!secret)
        return BF_SIGNED_UNCHECKED;
    a = bf_arena_new(CHECK_MAX);
    right = given ? is_right(a, r, given, secret)
                  : bf_standard_ok(a, &s, secret, strlen(secret), r->body, r->body_len,
                                   bf_wall_ms(bf_clock_system()));
    bf_arena_free(a);
    return right ? BF_SIGNED_OK : BF_SIGNED_WRONG;
}
