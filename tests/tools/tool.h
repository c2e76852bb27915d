/* tool.h - what the load tools share: a clock, a histogram, addresses, ids. */
#ifndef BF_TOOL_H
#define BF_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#define TOOL_SECOND_NS 1000000000LL

/* Latencies, 64 steps to a power of two: what is read back is at most 1.6 % too low. */
#define HISTOGRAM_STEPS   64
#define HISTOGRAM_BUCKETS (59 * HISTOGRAM_STEPS)
struct histogram {
    uint64_t count;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};
void histogram_add(struct histogram *h, int64_t ns);
double histogram_us(const struct histogram *h, double quantile);        /* 0 when it is empty */
/* "p50_us":1.0,"p99_us":2.0,"p999_us":3.0 */
void histogram_print(const struct histogram *h, FILE *out);

struct address {
    struct sockaddr_storage sa;
    socklen_t len;
};

/* Distinct texts, by a 64-bit hash of them: good for the millions that a test sees. */
struct id_set {
    uint64_t *slots;            /* 0 is free */
    size_t size;                /* a power of two, or 0 */
    size_t count;
};
bool id_set_add(struct id_set *s, const char *text, size_t len);        /* false: was there */
void id_set_free(struct id_set *s);

int64_t tool_now_ns(void);                      /* CLOCK_MONOTONIC */
_Noreturn void tool_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *tool_alloc(size_t len);                   /* zeroed; dies if there is none */
struct address tool_address(const char *text, size_t len);      /* "127.0.0.1:80", "[::1]:0" */
/* A listening socket; prints "listening on HOST:PORT" with the port that it got. */
int tool_listen(const char *text, bool share_port);
int tool_listen_again(int like);                /* another one on the same port */
double tool_number(const char *option, const char *text);       /* not negative, or dies */

#endif
