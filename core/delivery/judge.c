/* judge.c - what an answer means, when the sink does not know better, and how long to wait.
 *
 * Aligned with the Standard Webhooks specification: 2xx is delivered; a few statuses and whatever
 * went wrong before anything was sent are worth another try; sent without an answer is unknown;
 * all else is a no.  A redirect is a no: following it would send the payload somewhere nobody
 * approved. */
#include "core/delivery/courier.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/base.h"

#define RETRY_AFTER_MAX_MS (24 * 3600 * 1000LL)

static const int64_t pauses_ms[] = {
    5 * 1000LL,        30 * 1000LL,       5 * 60 * 1000LL,    30 * 60 * 1000LL,
    2 * 3600 * 1000LL, 5 * 3600 * 1000LL, 10 * 3600 * 1000LL, /* and so on */
};

int64_t bf_retry_pause_ms(uint32_t attempts)
{
    uint32_t i = attempts ? attempts - 1 : 0;

    return pauses_ms[i < BF_COUNT(pauses_ms) ? i : BF_COUNT(pauses_ms) - 1];
}

static const char *header(const char *const *headers, const char *name)
{
    for (; headers && headers[0]; headers += 2)
        if (strcasecmp(headers[0], name) == 0)
            return headers[1];
    return NULL;
}

int64_t bf_retry_after_ms(const char *const *headers, int64_t now_ms)
{
    const char *text = header(headers, "Retry-After");
    int64_t at;
    char *end;
    long long s;

    if (!text)
        return -1;
    if (bf_http_date_parse(text, &at))
        return bf_min64(bf_max64(at - now_ms, 0), RETRY_AFTER_MAX_MS);
    s = strtoll(text, &end, 10);
    if (end == text || *end || s < 0)
        return -1;
    return s > RETRY_AFTER_MAX_MS / 1000 ? RETRY_AFTER_MAX_MS : s * 1000;
}

static bool is_worth_retrying(int status)
{
    switch (status) {
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return true;
    default:
        return false;
    }
}

/* nginx ends the handshake well, and says in a page that it did not like the certificate.  As where a
 * server says so in TLS, that may pass: somebody renews it. */
static const char *certificate_refused(const struct bf_fetch_result *r)
{
    if (r->status != 400 || !r->body)
        return NULL;
    if (memmem(r->body, r->body_len, "No required SSL certificate was sent", 36))
        return "HTTP 400: the server asks for a client certificate, and got none";
    if (memmem(r->body, r->body_len, "The SSL certificate error", 25))
        return "HTTP 400: the server does not take the client certificate; it may have expired, or be"
               " of an authority that is not known there";
    return NULL;
}

/* Whether the same request could be sent another time; a forbidden address, or a URL that is none,
 * stays one. */
static bool may_pass(int err)
{
    return err != BF_EPERM && err != BF_ECONFIG && err != BF_EINVAL && err != BF_ETOOBIG;
}

int bf_judge_default(const struct bf_fetch_result *r, int64_t now_ms, int64_t *retry_after_ms,
                     struct bf_arena *a, const char **words)
{
    *retry_after_ms = -1;
    if (r->err && !r->status) {
        *words = bf_arena_dup(a, r->words);
        return r->sent ? BF_UNKNOWN : may_pass(r->err) ? BF_RETRY : BF_REJECTED;
    }
    /* With a status, an answer that was too long to read is one: its head told what we ask. */
    *words = r->status == 200 ? "HTTP 200" : bf_arena_printf(a, "HTTP %d", r->status);
    if (r->status >= 200 && r->status < 300)
        return BF_DELIVERED;
    if (r->status >= 300 && r->status < 400) {
        *words = bf_arena_printf(a, "HTTP %d: redirects are not followed", r->status);
        return BF_REJECTED;
    }
    if (certificate_refused(r)) {
        *words = certificate_refused(r);
        return BF_RETRY;
    }
    if (!is_worth_retrying(r->status))
        return BF_REJECTED;
    *retry_after_ms = bf_retry_after_ms(r->headers, now_ms);
    return BF_RETRY;
}
