/* tool.c - what the load tools share. */
#include "tests/tools/tool.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BACKLOG 1024

int64_t tool_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * TOOL_SECOND_NS + t.tv_nsec;
}

void tool_die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}

void *tool_alloc(size_t len)
{
    void *p = calloc(1, len);

    if (!p)
        tool_die("out of memory");
    return p;
}

double tool_number(const char *option, const char *text)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end || !(value >= 0))
        tool_die("%s must be a number, not \"%s\"", option, text);
    return value;
}


/* --- histogram ------------------------------------------------------------------- */

/* Below HISTOGRAM_STEPS every value has its own bucket; above, the bits behind the highest one
 * say which of the steps of its power of two it is. */
static size_t bucket_of(uint64_t v)
{
    int high;

    if (v < HISTOGRAM_STEPS)
        return v;
    high = 63 - __builtin_clzll(v);
    return (size_t)(high - 5) * HISTOGRAM_STEPS + (v >> (high - 6)) % HISTOGRAM_STEPS;
}

static uint64_t bucket_begin(size_t i)
{
    size_t power = i / HISTOGRAM_STEPS;

    if (power == 0)
        return i;
    return (uint64_t)(HISTOGRAM_STEPS + i % HISTOGRAM_STEPS) << (power - 1);
}

void histogram_add(struct histogram *h, int64_t ns)
{
    h->count++;
    h->buckets[bucket_of(ns > 0 ? (uint64_t)ns : 0)]++;
}

double histogram_us(const struct histogram *h, double quantile)
{
    uint64_t rank = (uint64_t)(quantile * (double)h->count), seen = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen > rank)
            return (double)bucket_begin(i) / 1e3;
    }
    return 0;
}

void histogram_print(const struct histogram *h, FILE *out)
{
    fprintf(out, "\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f", histogram_us(h, 0.5),
            histogram_us(h, 0.99), histogram_us(h, 0.999));
}


/* --- ids ------------------------------------------------------------------------- */

static uint64_t hash(const char *text, size_t len)
{
    uint64_t h = 0xcbf29ce484222325;

    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)text[i]) * 0x100000001b3;
    h = (h ^ h >> 32) * 0x9e3779b97f4a7c15;
    return h ? h : 1;
}

static uint64_t *id_slot(const struct id_set *s, uint64_t h)
{
    size_t i = (size_t)(h >> 20) & (s->size - 1);

    while (s->slots[i] && s->slots[i] != h)
        i = (i + 1) & (s->size - 1);
    return &s->slots[i];
}

static void id_set_grow(struct id_set *s)
{
    struct id_set old = *s;

    s->size = old.size ? old.size * 2 : 4096;
    s->slots = tool_alloc(s->size * sizeof(*s->slots));
    for (size_t i = 0; i < old.size; i++)
        if (old.slots[i])
            *id_slot(s, old.slots[i]) = old.slots[i];
    free(old.slots);
}

bool id_set_add(struct id_set *s, const char *text, size_t len)
{
    uint64_t h = hash(text, len), *slot;

    if (s->count * 2 >= s->size)
        id_set_grow(s);
    slot = id_slot(s, h);
    if (*slot)
        return false;
    *slot = h;
    s->count++;
    return true;
}

void id_set_free(struct id_set *s)
{
    free(s->slots);
    *s = (struct id_set){0};
}


/* --- addresses ------------------------------------------------------------------- */

struct address tool_address(const char *text, size_t len)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found;
    struct address a = {0};
    char host[256], *colon;

    if (len >= sizeof(host))
        tool_die("%s is no address", text);
    memcpy(host, text, len);
    host[len] = '\0';
    colon = strrchr(host, ':');
    if (!colon)
        tool_die("%s has no port: write HOST:PORT", host);
    *colon = '\0';
    if (*host == '[' && colon > host && colon[-1] == ']') {
        colon[-1] = '\0';
        memmove(host, host + 1, strlen(host));
    }
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        tool_die("cannot resolve %.*s", (int)len, text);
    memcpy(&a.sa, found->ai_addr, found->ai_addrlen);
    a.len = found->ai_addrlen;
    freeaddrinfo(found);
    return a;
}

static int listen_on(const struct address *a, bool share_port)
{
    int on = 1, fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (share_port)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&a->sa, a->len) != 0 || listen(fd, BACKLOG) != 0)
        tool_die("cannot listen: %m");
    return fd;
}

int tool_listen(const char *text, bool share_port)
{
    struct address a = tool_address(text, strlen(text));
    int fd = listen_on(&a, share_port);
    char host[64], port[16];

    a.len = sizeof(a.sa);
    getsockname(fd, (struct sockaddr *)&a.sa, &a.len);
    getnameinfo((struct sockaddr *)&a.sa, a.len, host, sizeof(host), port, sizeof(port),
                NI_NUMERICHOST | NI_NUMERICSERV);
    printf(strchr(host, ':') ? "listening on [%s]:%s\n" : "listening on %s:%s\n", host, port);
    fflush(stdout);
    return fd;
}

int tool_listen_again(int like)
{
    struct address a = {.len = sizeof(a.sa)};

    getsockname(like, (struct sockaddr *)&a.sa, &a.len);
    return listen_on(&a, true);
}
