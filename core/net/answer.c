/* answer.c - what goes back: a status, headers, and bytes or a file.
 *
 * A handler sets the parts in any order, on whatever thread has the exchange; here, on the loop's
 * thread, they become the library's response.  Bytes are not copied again: they are in the arena,
 * which stays until the answer has left.  What HTTP asks of any answer is done here, once: errors
 * have a JSON body, a client that has the entity gets a 304, one that asks for a range gets it. */
#include "listener_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/buf.h"

#define ERROR_BODY_MAX (16 * 1024)
#define LONG_ANSWER    (16 * 1024)      /* from here on it counts against BF_HELD_MAX */

static const char NO_ROOM[] =
    "{\"error\":{\"code\":\"internal\",\"message\":\"the answer is too large\",\"field\":null}}";

static const struct {
    int status;
    const char *code;
} CODES[] = {
    {400, "invalid"},       {401, "unauthenticated"},    {403, "forbidden"},
    {404, "not_found"},     {405, "method_not_allowed"}, {408, "timeout"},
    {409, "conflict"},      {410, "gone"},               {412, "precondition_failed"},
    {413, "too_large"},     {415, "unsupported_type"},   {416, "range_not_satisfiable"},
    {422, "invalid"},       {429, "too_many_requests"},  {500, "internal"},
    {501, "not_supported"}, {502, "bad_gateway"},        {503, "busy"},
    {504, "timeout"},       {507, "no_space"},
};

const char *bf_status_code(int status)
{
    for (size_t i = 0; i < BF_COUNT(CODES); i++)
        if (CODES[i].status == status)
            return CODES[i].code;
    return status >= 500 ? "internal" : "invalid";
}

/* --- set by handlers -------------------------------------------------------------------- */

static void set_body(struct bf_exchange *x, const char *type, const void *data, size_t len)
{
    if (x->reply_fd >= 0)
        close(x->reply_fd);
    x->reply_fd = -1;
    x->type = type ? bf_arena_dup(x->arena, type) : NULL;
    x->reply = data ? data : "";
    x->reply_len = len;
}

void bf_answer_clear(struct bf_exchange *x)
{
    if (x->reply_fd >= 0)
        close(x->reply_fd);
    x->reply_fd = -1;
    x->type = NULL;
    x->reply = NULL;
    x->reply_len = 0;
    x->n_reply_headers = 0;
    x->starved = false;
}

void bf_exchange_reply_header(struct bf_exchange *x, const char *name, const char *value)
{
    struct bf_reply_header *h = &x->reply_headers[x->n_reply_headers];

    if (x->n_reply_headers == BF_REPLY_HEADERS_MAX) {
        bf_warnf(x->loop->listener->options.log, "listener",
                 "%s %s: more than %d headers in an answer, leaving out %s", x->method, x->path,
                 BF_REPLY_HEADERS_MAX, name);
        return;
    }
    h->name = bf_arena_dup(x->arena, name);
    h->value = bf_arena_dup(x->arena, value);
    x->n_reply_headers++;
}

void bf_exchange_reply(struct bf_exchange *x, const char *type, const void *data, size_t len)
{
    if (len >= LONG_ANSWER && !bf_exchange_hold(x, len)) {
        x->starved = true;
        return;
    }
    set_body(x, type, len ? bf_arena_ndup(x->arena, data, len) : NULL, len);
}

void bf_exchange_reply_static(struct bf_exchange *x, const char *type, const void *data,
                              size_t len)
{
    set_body(x, type, data, len);
}

int bf_exchange_reply_file(struct bf_exchange *x, const char *type, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);     /* not to hang on a fifo */
    struct stat st;

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? BF_ENOENT : BF_EIO;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return BF_ENOENT;
    }
    set_body(x, type, NULL, 0);
    x->reply_fd = fd;
    x->file_len = (uint64_t)st.st_size;
    return BF_OK;
}

int bf_exchange_fail(struct bf_exchange *x, int status, const char *code, const char *field,
                     const char *fmt, ...)
{
    struct bf_buf b;
    va_list ap;
    char *words;

    va_start(ap, fmt);
    words = bf_arena_vprintf(x->arena, fmt, ap);
    va_end(ap);
    x->failure = (struct bf_failure){code, field ? bf_arena_dup(x->arena, field) : NULL, words};
    bf_buf_init(&b, ERROR_BODY_MAX);
    bf_buf_adds(&b, "{\"error\":{\"code\":");
    bf_buf_json(&b, code);
    bf_buf_adds(&b, ",\"message\":");
    bf_buf_json(&b, words);
    bf_buf_adds(&b, ",\"field\":");
    bf_buf_json(&b, field);
    bf_buf_adds(&b, "}}");
    if (b.failed)
        bf_exchange_reply_static(x, "application/json", NO_ROOM, sizeof(NO_ROOM) - 1);
    else
        bf_exchange_reply(x, "application/json", b.data, b.len);
    bf_buf_fini(&b);
    return status;
}

const struct bf_failure *bf_exchange_failure(const struct bf_exchange *x) { return &x->failure; }

/* --- what HTTP makes of it ---------------------------------------------------------------- */

static const char *reply_header(const struct bf_exchange *x, const char *name)
{
    for (unsigned i = 0; i < x->n_reply_headers; i++)
        if (strcasecmp(x->reply_headers[i].name, name) == 0)
            return x->reply_headers[i].value;
    return NULL;
}

static const char *opaque(const char *etag) { return strncmp(etag, "W/", 2) == 0 ? etag + 2 : etag; }

/* Does an If-None-Match list name the tag?  Weak and strong are the same here. */
static bool names_tag(const char *list, const char *etag)
{
    size_t len = strlen(opaque(etag));

    if (strcmp(list, "*") == 0)
        return true;
    while (*list) {
        const char *tag;
        size_t tag_len;

        list += strspn(list, " \t,");
        tag = opaque(list);
        tag_len = strcspn(tag, ",");
        list = tag + tag_len;
        while (tag_len > 0 && (tag[tag_len - 1] == ' ' || tag[tag_len - 1] == '\t'))
            tag_len--;
        if (tag_len == len && memcmp(tag, opaque(etag), len) == 0)
            return true;
    }
    return false;
}

static bool client_has_it(const struct bf_exchange *x)
{
    const char *etag = reply_header(x, "ETag");
    const char *list = etag ? bf_exchange_header(x, "If-None-Match") : NULL;

    return list && names_tag(list, etag);
}

/* Digits at *p, past which *p is moved; false if there are none or too many. */
static bool number(const char **p, uint64_t *value)
{
    size_t n = strspn(*p, "0123456789");

    *value = 0;
    if (n == 0 || n > 18)
        return false;
    for (; n > 0; n--)
        *value = *value * 10 + (uint64_t)(*(*p)++ - '0');
    return true;
}

enum range { RANGE_NONE, RANGE_OK, RANGE_OUTSIDE };

/* One range of bytes; several, or what is no range, are passed over as the standard allows. */
static enum range parse_range(const char *p, uint64_t size, uint64_t *from, uint64_t *len)
{
    uint64_t last;

    if (strncasecmp(p, "bytes=", 6) != 0)
        return RANGE_NONE;
    p += 6;
    if (*p == '-') {
        p++;
        if (!number(&p, len) || *p)
            return RANGE_NONE;
        *len = *len < size ? *len : size;
        *from = size - *len;
        return *len > 0 ? RANGE_OK : RANGE_OUTSIDE;
    }
    if (!number(&p, from) || *p++ != '-')
        return RANGE_NONE;
    last = UINT64_MAX;
    if (*p && (!number(&p, &last) || *p || last < *from))
        return RANGE_NONE;
    if (*from >= size)
        return RANGE_OUTSIDE;
    *len = (last < size ? last + 1 : size) - *from;
    return RANGE_OK;
}

static enum range wanted_range(const struct bf_exchange *x, uint64_t size, uint64_t *from,
                               uint64_t *len)
{
    const char *range = bf_exchange_header(x, "Range");
    const char *condition = range ? bf_exchange_header(x, "If-Range") : NULL;
    const char *etag = condition ? reply_header(x, "ETag") : NULL;

    if (!range || strcmp(x->method, "GET") != 0)
        return RANGE_NONE;
    if (condition && (!etag || *etag != '"' || strcmp(condition, etag) != 0))
        return RANGE_NONE;      /* it has parts of something else */
    return parse_range(range, size, from, len);
}

/* The part of the body to send: all, or the range asked for. */
struct part {
    uint64_t from;
    uint64_t len;
};

static int cut_to_range(struct bf_exchange *x, int status, struct part *part)
{
    uint64_t size = part->len;

    switch (wanted_range(x, size, &part->from, &part->len)) {
    case RANGE_OK:
        bf_exchange_reply_header(x, "Content-Range",
                                 bf_arena_printf(x->arena, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
                                                 part->from, part->from + part->len - 1, size));
        return 206;
    case RANGE_OUTSIDE:
        bf_exchange_reply_header(x, "Content-Range",
                                 bf_arena_printf(x->arena, "bytes */%" PRIu64, size));
        status = bf_exchange_fail(x, 416, "range_not_satisfiable", NULL,
                                  "there are only %" PRIu64 " bytes", size);
        part->len = x->reply_len;
        /* fall through */
    case RANGE_NONE:
        part->from = 0;
        break;
    }
    return status;
}

static int repair(struct bf_exchange *x, int status)
{
    if (status < 200 || status > 599) {
        bf_errorf(x->loop->listener->options.log, "listener", "%s %s: a handler gave status %d",
                  x->method, x->path, status);
        status = bf_exchange_fail(x, 500, "internal", NULL, "the handler failed");
    }
    if (!bf_arena_ok(x->arena)) {
        bf_warnf(x->loop->listener->options.log, "listener",
                 "%s %s: the answer does not fit its memory", x->method, x->path);
        status = status < 400 ? 500 : status;
        x->n_reply_headers = 0;
        set_body(x, NULL, NO_ROOM, sizeof(NO_ROOM) - 1);
        x->type = "application/json";
    }
    if (status >= 400 && !x->reply)
        bf_exchange_fail(x, status, bf_status_code(status), NULL, "%s",
                         MHD_get_reason_phrase_for((unsigned)status));
    if ((status == 429 || status == 503) && !reply_header(x, "Retry-After"))
        bf_exchange_reply_header(x, "Retry-After", "1");
    return status;
}

static struct MHD_Response *make_response(struct bf_exchange *x, const struct part *part)
{
    int fd = x->reply_fd;

    if (fd < 0)
        return MHD_create_response_from_buffer((size_t)part->len, (char *)x->reply + part->from,
                                               MHD_RESPMEM_PERSISTENT);
    x->reply_fd = -1;           /* the response closes it */
    return MHD_create_response_from_fd_at_offset64(part->len, fd, part->from);
}

void bf_answer_add_headers(struct bf_exchange *x, struct MHD_Response *response)
{
    if (x->type)
        MHD_add_response_header(response, "Content-Type", x->type);
    for (unsigned i = 0; i < x->n_reply_headers; i++) {
        const struct bf_reply_header *h = &x->reply_headers[i];

        if (MHD_add_response_header(response, h->name, h->value) != MHD_YES)
            bf_warnf(x->loop->listener->options.log, "listener",
                     "%s %s: header %s cannot be sent, leaving it out", x->method, x->path,
                     h->name);
    }
    if (x->loop->phase != BF_SERVING || x->hang_up)
        MHD_add_response_header(response, "Connection", "close");
}

void bf_answer(struct bf_exchange *x, int status)
{
    struct part part = {0};
    struct MHD_Response *response;

    if (x->starved)
        status = bf_exchange_fail(x, 503, "busy", NULL,
                                  "too many answers wait for their readers; ask again");
    status = repair(x, status);
    if (!x->reply)
        x->reply = "";
    if (x->inside) {
        bf_inside_answer(x, status);
        return;
    }
    part.len = x->reply_fd >= 0 ? x->file_len : x->reply_len;
    if (status == 200 && client_has_it(x))
        status = 304;
    else if (status == 200)
        status = cut_to_range(x, status, &part);
    response = make_response(x, &part);
    bf_assert(response != NULL);
    bf_answer_add_headers(x, response);
    bf_router_count(x->loop->listener->router, x->match.route, status);
    bf_exchange_queue(x, status, response);
}
