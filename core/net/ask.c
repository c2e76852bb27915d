/* ask.c - libcurl's easy handle, set up once and used for request after request. */
#include "core/net/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "core/base/base.h"

#define HEADERS_MAX 16          /* of a request */

struct bf_ask_client {
    CURL *easy;
    char *ca_file;
    char words[CURL_ERROR_SIZE];
};

/* One request under way. */
struct turn {
    struct bf_ask_client *asker;
    const struct bf_ask_request *ask;
    struct bf_ask_answer *out;
    int taken;                  /* what `take` refused with */
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct turn *t = arg;
    long status = 0;

    (void)size;                 /* always 1 */
    curl_easy_getinfo(t->asker->easy, CURLINFO_RESPONSE_CODE, &status);
    if (t->ask->take && status / 100 == 2) {
        t->taken = t->ask->take(t->ask->arg, data, n);
        return t->taken ? 0 : n;
    }
    bf_buf_add(&t->out->body, data, n);
    return t->out->body.failed ? 0 : n;
}

static void copy_value(char *out, size_t size, const char *line, size_t len, const char *name)
{
    size_t skip = strlen(name);

    if (len < skip || strncasecmp(line, name, skip) != 0)
        return;
    while (skip < len && line[skip] == ' ')
        skip++;
    while (len > skip && (line[len - 1] == '\r' || line[len - 1] == '\n'))
        len--;
    snprintf(out, size, "%.*s", (int)(len - skip), line + skip);
}

static size_t on_header(char *line, size_t size, size_t len, void *arg)
{
    struct turn *t = arg;

    (void)size;
    copy_value(t->out->type, sizeof(t->out->type), line, len, "content-type:");
    copy_value(t->out->location, sizeof(t->out->location), line, len, "location:");
    return len;
}

static void set_fixed_options(struct bf_ask_client *a, const char *user_agent)
{
    CURL *e = a->easy;

    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, a->words);
    curl_easy_setopt(e, CURLOPT_USERAGENT, user_agent);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (a->ca_file)
        curl_easy_setopt(e, CURLOPT_CAINFO, a->ca_file);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
}

int bf_ask_client_new(const char *user_agent, const char *ca_file, struct bf_ask_client **out,
                      struct bf_error *err)
{
    struct bf_ask_client *a;

    if (ca_file && access(ca_file, R_OK))
        return bf_error_set(err, BF_ECONFIG, "cannot read the certificates in %s: %s", ca_file,
                            strerror(errno));
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return bf_error_set(err, BF_EIO, "libcurl does not start");
    a = bf_new(struct bf_ask_client);
    a->ca_file = bf_strdup(ca_file);
    a->easy = curl_easy_init();
    bf_assert(a->easy);         /* only without memory */
    set_fixed_options(a, user_agent);
    *out = a;
    return BF_OK;
}

void bf_ask_client_free(struct bf_ask_client *a)
{
    if (!a)
        return;
    curl_easy_cleanup(a->easy);
    free(a->ca_file);
    free(a);
}

/* "belfry.example:8320", for words. */
static void print_host(const char *url, char *out, size_t len)
{
    CURLU *parts = curl_url();
    char *host = NULL, *port = NULL;

    snprintf(out, len, "the address given");
    if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
        snprintf(out, len, "%s:%s", host, port);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
}

static int connect_failed(struct bf_ask_client *a, const char *host, struct bf_error *err)
{
    long os_errno = 0;

    curl_easy_getinfo(a->easy, CURLINFO_OS_ERRNO, &os_errno);
    return bf_error_set(err, os_errno == ECONNREFUSED ? BF_ENOENT : BF_EIO,
                        "cannot connect to %s: %s", host,
                        os_errno ? strerror((int)os_errno) : "no address of it answers");
}

static int failed(struct bf_ask_client *a, const struct turn *t, CURLcode code,
                  struct bf_error *err)
{
    char host[300];

    print_host(t->ask->url, host, sizeof(host));
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return connect_failed(a, host, err);
    case CURLE_COULDNT_RESOLVE_HOST:
        return bf_error_set(err, BF_EIO, "cannot find the address of %s", host);
    case CURLE_OPERATION_TIMEDOUT:
        return bf_error_set(err, BF_ETIMEDOUT, "no complete answer from %s in time", host);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return bf_error_set(err, BF_ECONFIG, "\"%s\" is no http:// or https:// address",
                            t->ask->url);
    case CURLE_PEER_FAILED_VERIFICATION:
        return bf_error_set(err, BF_EIO, "the certificate of %s is not trusted: %s", host,
                            a->words);
    case CURLE_SSL_CACERT_BADFILE:
        return bf_error_set(err, BF_ECONFIG, "the certificates in %s cannot be used: %s",
                            a->ca_file ? a->ca_file : "the system's list", a->words);
    case CURLE_SSL_CONNECT_ERROR:
        return bf_error_set(err, BF_EIO, "no TLS connection to %s: %s", host, a->words);
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return bf_error_set(err, BF_EIO, "%s closed the connection before its answer was complete",
                            host);
    case CURLE_WRITE_ERROR:
        if (t->taken)
            return bf_error_set(err, t->taken, "the answer of %s was not taken", host);
        return bf_error_set(err, BF_ETOOBIG, "the answer of %s is too big", host);
    case CURLE_WEIRD_SERVER_REPLY:
        return bf_error_set(err, BF_EIO, "what %s answers is not HTTP", host);
    default:
        return bf_error_set(err, BF_EIO, "request to %s failed: %s", host,
                            curl_easy_strerror(code));
    }
}

/* An array linked to a list, so that nothing is to be freed. */
static struct curl_slist *link_headers(struct curl_slist lines[HEADERS_MAX],
                                       const char *const *headers)
{
    size_t n = 0;

    for (; headers && headers[n]; n++) {
        bf_assert(n < HEADERS_MAX);
        lines[n] = (struct curl_slist){(char *)headers[n], NULL};
        if (n)
            lines[n - 1].next = &lines[n];
    }
    return n ? lines : NULL;
}

static void set_request(struct turn *t, struct curl_slist *headers)
{
    const struct bf_ask_request *ask = t->ask;
    CURL *e = t->asker->easy;

    curl_easy_setopt(e, CURLOPT_URL, ask->url);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
    if (ask->body) {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, ask->body);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->body_len);
    }
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, ask->method);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)ask->connect_ms);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)(ask->quiet_ms + 999) / 1000);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
}

int bf_ask_client_send(struct bf_ask_client *a, const struct bf_ask_request *ask, size_t keep_max,
                       struct bf_ask_answer *out, struct bf_error *err)
{
    struct turn t = {.asker = a, .ask = ask, .out = out};
    struct curl_slist lines[HEADERS_MAX];
    CURLcode code;
    long status = 0;

    *out = (struct bf_ask_answer){.status = 0};
    bf_buf_init(&out->body, keep_max);
    set_request(&t, link_headers(lines, ask->headers));
    a->words[0] = '\0';
    code = curl_easy_perform(a->easy);
    curl_easy_setopt(a->easy, CURLOPT_HTTPHEADER, NULL);        /* they stood in our frame */
    if (code != CURLE_OK)
        return failed(a, &t, code, err);
    curl_easy_getinfo(a->easy, CURLINFO_RESPONSE_CODE, &status);
    out->status = (int)status;
    return BF_OK;
}
