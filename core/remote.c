/* remote.c - asking a hub that runs elsewhere, with its REST interface and in its words.
 *
 * The key travels in a header and is wiped with the handle.  What answers and is no hub (a proxy's
 * login page, another program on the port) is told apart by its content type. */
#include <belfry/belfry.h>

#include <stdio.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/base/crypto.h"
#include "core/base/json.h"
#include "core/net/ask.h"

#define CONNECT_MS  5000
#define QUIET_MS    60000
#define KEEP_MAX    (256 * 1024 * 1024) /* bytes of an answer that is kept whole */
#define ERROR_INDEX (4 * 1024 * 1024)   /* to parse an error answer */

struct bf_remote {
    struct bf_ask_client *asker;
    char *url;                  /* without a slash at the end */
    char *authorization;        /* the whole header line; NULL: no key */
    int64_t quiet_ms;
    struct bf_ask_answer asked;      /* the last answer */
};

static void strip_slashes(char *url)
{
    size_t len = strlen(url);

    while (len && url[len - 1] == '/')
        url[--len] = '\0';
}

static int check_url(const char *url, struct bf_error *err)
{
    if (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0)
        return BF_OK;
    return bf_error_field(err, BF_ECONFIG, "url", "the hub's address begins with http:// or"
                          " https://, as in http://127.0.0.1:8320, not \"%s\"", url);
}

int bf_remote_open(const struct bf_remote_options *o, struct bf_remote **out, struct bf_error *err)
{
    struct bf_remote *r;
    struct bf_ask_client *asker;
    int rc = check_url(o->url, err);

    if (!rc && o->key && strpbrk(o->key, "\r\n"))
        rc = bf_error_field(err, BF_ECONFIG, "key", "the key has more than one line");
    if (!rc)
        rc = bf_ask_client_new("belfry/" BF_VERSION, o->ca_file, &asker, err);
    if (rc)
        return rc;
    r = bf_new(struct bf_remote);
    r->asker = asker;
    r->url = bf_strdup(o->url);
    strip_slashes(r->url);
    r->quiet_ms = o->quiet_ms ? o->quiet_ms : QUIET_MS;
    if (o->key) {
        r->authorization = bf_zalloc(strlen(o->key) + 32);
        sprintf(r->authorization, "Authorization: Bearer %s", o->key);
    }
    *out = r;
    return BF_OK;
}

void bf_remote_close(struct bf_remote *r)
{
    if (!r)
        return;
    bf_ask_client_free(r->asker);
    if (r->authorization)
        bf_wipe(r->authorization, strlen(r->authorization));
    bf_buf_fini(&r->asked.body);
    free(r->authorization);
    free(r->url);
    free(r);
}

static int no_answer(const struct bf_remote *r, int rc, struct bf_error *err)
{
    struct bf_error why = *err;

    if (rc == BF_ENOENT)
        return bf_error_set(err, BF_EIO, "no hub answers at %s; start one with: belfry serve",
                            r->url);
    if (strstr(why.words, "is not trusted"))
        return bf_error_set(err, rc, "%s; name its authority's file with --ca-file or"
                            " BELFRY_CA_FILE", why.words);
    return rc;
}

static int code_of(int status)
{
    switch (status) {
    case 401:
    case 403:
        return BF_EPERM;
    case 404:
        return BF_ENOENT;
    case 409:
        return BF_EEXIST;
    case 413:
        return BF_ETOOBIG;
    case 429:
    case 503:
        return BF_EFULL;
    default:
        return status / 100 == 4 ? BF_EINVAL : BF_EIO;
    }
}

static int no_hub(const struct bf_remote *r, struct bf_error *err)
{
    const struct bf_ask_answer *a = &r->asked;

    if (a->location[0])
        return bf_error_set(err, BF_EIO, "%s sends us on to %s; if the hub is there, give that"
                            " address", r->url, a->location);
    return bf_error_set(err, BF_EIO, "what answers at %s does not speak like a Belfry hub (HTTP %d,"
                        " %s)", r->url, a->status, a->type[0] ? a->type : "no content type");
}

/* {"error":{"message","field"}}, or what else there is. */
static int refused(const struct bf_remote *r, struct bf_error *err)
{
    const struct bf_ask_answer *asked = &r->asked;
    struct bf_arena *a = bf_arena_new(ERROR_INDEX);
    const struct bf_json *body = asked->body.len
        ? bf_json_parse(a, asked->body.data, asked->body.len, NULL) : NULL;
    const char *words = bf_json_str(a, bf_json_at(body, "/error/message"));
    const char *field = bf_json_str(a, bf_json_at(body, "/error/field"));
    int rc = code_of(asked->status);

    if (words)
        rc = bf_error_field(err, rc, field ? field : "", "%s", words);
    else
        rc = no_hub(r, err);
    bf_arena_free(a);
    return rc;
}

/* Whether a good answer is one that a hub gives: JSON, or nothing where there is nothing to say. */
static bool is_hub(const struct bf_remote *r, const struct bf_remote_request *request)
{
    return request->any_type || request->take || r->asked.status == 204 ||
           strstr(r->asked.type, "json");
}

int bf_remote_call(struct bf_remote *r, const struct bf_remote_request *request,
                   struct bf_remote_answer *answer, struct bf_error *err)
{
    const char *headers[8] = {"Expect:"};       /* a question back costs a round trip */
    char type[200];
    struct bf_ask_request ask = {.method = request->method,
                                 .headers = headers,
                                 .connect_ms = CONNECT_MS,
                                 .quiet_ms = r->quiet_ms,
                                 .body = request->body,
                                 .body_len = request->body_len,
                                 .take = request->take,
                                 .arg = request->arg};
    struct bf_buf url;
    size_t n = 1;
    int rc;

    snprintf(type, sizeof(type), "Content-Type: %s",
             request->content_type ? request->content_type : "application/json");
    if (request->body)
        headers[n++] = type;
    if (r->authorization)
        headers[n++] = r->authorization;
    bf_buf_init(&url, 64 * 1024);
    bf_buf_printf(&url, "%s%s", r->url, request->path);
    ask.url = bf_buf_text(&url);
    bf_buf_fini(&r->asked.body);
    rc = bf_ask_client_send(r->asker, &ask, KEEP_MAX, &r->asked, err);
    bf_buf_fini(&url);
    *answer = (struct bf_remote_answer){.size = sizeof(*answer), .status = r->asked.status,
                                        .body = bf_buf_text(&r->asked.body),
                                        .body_len = r->asked.body.len};
    if (rc)
        return no_answer(r, rc, err);
    if (r->asked.status / 100 != 2)
        return refused(r, err);
    return is_hub(r, request) ? BF_OK : no_hub(r, err);
}
