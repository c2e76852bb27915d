/* guesses.c - who tries keys: how many wrong ones came from which address.
 *
 * The table is of one size for ever, so nobody can fill the memory with addresses.  An address has
 * four places it may stand in; if others hold them all, the one with the fewest wrong keys gives
 * way.  The first wrong key begins a span, and what is counted ends with it. */
#include "core/team/team_int.h"

#include <arpa/inet.h>
#include <string.h>

#define SETS 1024
#define WAYS 4

struct slot {
    uint64_t who;               /* a hash with a secret key; 0: free */
    int64_t until_ms;           /* the end of its span */
    unsigned n;
};

struct guesses {
    pthread_mutex_t lock;
    struct slot slots[SETS][WAYS];      /* under lock */
};

struct guesses *bf_guesses_new(void)
{
    struct guesses *g = bf_new(struct guesses);

    pthread_mutex_init(&g->lock, NULL);
    return g;
}

void bf_guesses_free(struct guesses *g)
{
    if (g)
        pthread_mutex_destroy(&g->lock);
    free(g);
}

/* Whoever has one IPv6 address has its whole /64. */
static uint64_t hash_of(const char *peer)
{
    struct in6_addr a6;
    uint64_t hash = inet_pton(AF_INET6, peer, &a6) == 1 ? bf_hash64(a6.s6_addr, 8)
                                                        : bf_hash64(peer, strlen(peer));

    return hash ? hash : 1;
}

/* Its place, or the one it gets.  [lock held] */
static struct slot *find(struct guesses *g, uint64_t who, int64_t now_ms)
{
    struct slot *set = g->slots[who % SETS], *least = &set[0];

    for (size_t i = 0; i < WAYS; i++)
        if (set[i].who == who && now_ms < set[i].until_ms)
            return &set[i];
    for (size_t i = 0; i < WAYS; i++) {
        if (now_ms >= set[i].until_ms)
            set[i].n = 0;
        if (set[i].n < least->n)
            least = &set[i];
    }
    *least = (struct slot){.who = who, .until_ms = now_ms + BF_GUESSES_SPAN_MS};
    return least;
}

int64_t bf_guesses_add(struct guesses *g, const char *peer, int64_t now_ms, bool *first)
{
    uint64_t who = hash_of(peer);
    struct slot *s;
    int64_t wait_ms = 0;

    pthread_mutex_lock(&g->lock);
    s = find(g, who, now_ms);
    *first = s->n == BF_GUESSES_MAX;
    if (s->n >= BF_GUESSES_MAX)
        wait_ms = s->until_ms - now_ms;
    if (s->n <= BF_GUESSES_MAX)
        s->n++;
    pthread_mutex_unlock(&g->lock);
    return wait_ms;
}
