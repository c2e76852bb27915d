/* guard.c - which addresses the hub may connect to.
 *
 * A destination is first made plain: IPv4 that is mapped into IPv6, or compatible with it, becomes
 * that IPv4 address, so that no spelling has rules of its own.  Then, in this order: our own
 * listeners are refused, what the operator allowed passes, what the table lists is refused, and
 * the rest is the public internet.
 *
 * Own listeners come first because an operator who allows 127.0.0.0/8 for a neighbour service
 * does not mean the hub's own API, which trusts local callers more than others.
 *
 * Invariant: after the last bf_guard_own() nothing changes any more but what is allowed, which has a
 * lock. */
#include "core/net/guard.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "core/base/base.h"
#include "core/net/resolve.h"

/* Longest spelling of one allowed network: an IPv6 address with dotted end, and "/128". */
#define NETWORK_TEXT_MAX (INET6_ADDRSTRLEN + 4)
#define ALLOW_SHOWN_MAX  200    /* bytes of the setting that a refusal repeats */

struct address {
    int family;                 /* AF_INET or AF_INET6 */
    unsigned char bytes[16];    /* in network order; 4 of them for AF_INET */
};

struct network {
    struct address base;
    unsigned bits;
};

/* The IANA special-purpose registries, plus multicast, reserved, and the ranges that were taken
 * back (6to4 relays, site-local) but that some routers still know. */
static const struct blocked {
    const char *network;
    const char *name;
} blocked[] = {
    {"0.0.0.0/8", "this network"},                      /* RFC 791 */
    {"10.0.0.0/8", "private"},                          /* RFC 1918 */
    {"100.64.0.0/10", "shared by carriers"},            /* RFC 6598 */
    {"127.0.0.0/8", "loopback"},                        /* RFC 1122 */
    {"169.254.0.0/16", "link-local, cloud metadata"},   /* RFC 3927 */
    {"172.16.0.0/12", "private"},                       /* RFC 1918 */
    {"192.0.0.0/24", "protocol assignments"},           /* RFC 6890 */
    {"192.0.2.0/24", "documentation"},                  /* RFC 5737 */
    {"192.88.99.0/24", "6to4 relays"},                  /* RFC 7526 */
    {"192.168.0.0/16", "private"},                      /* RFC 1918 */
    {"198.18.0.0/15", "benchmarks"},                    /* RFC 2544 */
    {"198.51.100.0/24", "documentation"},               /* RFC 5737 */
    {"203.0.113.0/24", "documentation"},                /* RFC 5737 */
    {"224.0.0.0/4", "multicast"},                       /* RFC 5771 */
    {"240.0.0.0/4", "reserved, broadcast"},             /* RFC 1112, RFC 919 */
    {"::/128", "unspecified"},                          /* RFC 4291 */
    {"::1/128", "loopback"},                            /* RFC 4291 */
    {"64:ff9b::/96", "IPv4 translation"},               /* RFC 6052 */
    {"64:ff9b:1::/48", "IPv4 translation"},             /* RFC 8215 */
    {"100::/64", "discard only"},                       /* RFC 6666 */
    {"2001::/23", "protocol assignments, Teredo"},      /* RFC 2928, RFC 4380 */
    {"2001:db8::/32", "documentation"},                 /* RFC 3849 */
    {"2002::/16", "6to4"},                              /* RFC 3056 */
    {"3fff::/20", "documentation"},                     /* RFC 9637 */
    {"5f00::/16", "segment routing"},                   /* RFC 9602 */
    {"fc00::/7", "private"},                            /* RFC 4193 */
    {"fe80::/10", "link-local"},                        /* RFC 4291 */
    {"fec0::/10", "site-local"},                        /* RFC 3879 */
    {"ff00::/8", "multicast"},                          /* RFC 4291 */
};

struct own {
    struct network network;
    in_port_t port;             /* in network order */
};

/* What the operator allowed. */
struct allowed {
    char *text;                 /* as it was given, for the words of a refusal */
    struct network *networks;
    size_t n;
};

struct bf_guard {
    struct network blocked[BF_COUNT(blocked)];  /* as the table */
    struct own *own;
    size_t n_own;
    pthread_rwlock_t lock;
    struct allowed allowed;     /* under lock */
    atomic_bool was_changed;
};

/* --- addresses and networks --- */

static unsigned address_bits(const struct address *a) { return a->family == AF_INET ? 32 : 128; }

/* ::ffff:a.b.c.d and ::a.b.c.d become a.b.c.d.  :: and ::1 look like the latter and are not. */
static bool holds_ipv4(const struct address *a)
{
    static const unsigned char zeros[15];

    if (a->family != AF_INET6 || memcmp(a->bytes, zeros, 10) != 0)
        return false;
    if (a->bytes[10] == 0xff && a->bytes[11] == 0xff)
        return true;
    return a->bytes[10] == 0 && a->bytes[11] == 0 &&
           (memcmp(a->bytes, zeros, 15) != 0 || a->bytes[15] > 1);
}

static void make_plain(struct address *a)
{
    if (holds_ipv4(a)) {
        a->family = AF_INET;
        memmove(a->bytes, a->bytes + 12, 4);
    }
}

static bool address_parse(const char *text, struct address *out)
{
    memset(out, 0, sizeof(*out));
    out->family = strchr(text, ':') ? AF_INET6 : AF_INET;
    return inet_pton(out->family, text, out->bytes) == 1;
}

/* False for what is neither IPv4 nor IPv6. */
static bool address_of(const struct sockaddr *sa, struct address *out, in_port_t *port)
{
    memset(out, 0, sizeof(*out));
    out->family = sa->sa_family;
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)sa;

        memcpy(out->bytes, &in->sin_addr, 4);
        *port = in->sin_port;
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

        memcpy(out->bytes, &in6->sin6_addr, 16);
        *port = in6->sin6_port;
    } else {
        return false;
    }
    make_plain(out);
    return true;
}

static bool inside(const struct network *n, const struct address *a)
{
    unsigned whole = n->bits / 8, rest = n->bits % 8;

    if (a->family != n->base.family || memcmp(a->bytes, n->base.bytes, whole) != 0)
        return false;
    return rest == 0 || (a->bytes[whole] ^ n->base.bytes[whole]) >> (8 - rest) == 0;
}

static bool has_host_bits(const struct network *n)
{
    for (unsigned bit = n->bits; bit < address_bits(&n->base); bit++)
        if (n->base.bytes[bit / 8] & (0x80 >> bit % 8))
            return true;
    return false;
}

static bool bits_parse(const char *text, unsigned most, unsigned *out)
{
    unsigned bits = 0;

    if (!*text || strlen(text) > 3)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        bits = bits * 10 + (unsigned)(*text - '0');
    }
    *out = bits;
    return bits <= most;
}

static int network_parse(const char *text, struct network *out, struct bf_error *err)
{
    char address[NETWORK_TEXT_MAX + 1];
    char *slash;

    if (strlen(text) > NETWORK_TEXT_MAX)
        return bf_error_set(err, BF_ECONFIG, "\"%.60s\" is no network", text);
    strcpy(address, text);
    slash = strchr(address, '/');
    if (slash)
        *slash = '\0';
    if (!address_parse(address, &out->base))
        return bf_error_set(err, BF_ECONFIG,
                            "\"%s\" is no network; write it like 10.1.0.0/16 or fd00::/8", text);
    out->bits = address_bits(&out->base);
    if (slash && !bits_parse(slash + 1, out->bits, &out->bits))
        return bf_error_set(err, BF_ECONFIG, "the length of \"%s\" is not 0 to %u", text,
                            address_bits(&out->base));
    if (has_host_bits(out))
        return bf_error_set(err, BF_ECONFIG,
                            "\"%s\" names an address inside a network; leave out the length to "
                            "mean the one address, or set the bits behind it to 0 to mean all",
                            text);
    if (holds_ipv4(&out->base) && out->bits >= 96) {
        make_plain(&out->base);
        out->bits -= 96;
    }
    return BF_OK;
}

/* --- making one --- */

static void allowed_free(struct allowed *a)
{
    free(a->text);
    free(a->networks);
}

static int allow_each(struct allowed *a, const char *allow, struct bf_error *err)
{
    static const char apart[] = " ,\t\r\n";
    int rc;

    for (const char *p = allow + strspn(allow, apart); *p; p += strspn(p, apart)) {
        size_t len = strcspn(p, apart);
        char text[NETWORK_TEXT_MAX + 2];        /* one too long stays too long */
        size_t kept = len < sizeof(text) ? len : sizeof(text) - 1;

        memcpy(text, p, kept);
        text[kept] = '\0';
        a->networks = bf_zrealloc(a->networks, (a->n + 1) * sizeof(*a->networks));
        rc = network_parse(text, &a->networks[a->n], err);
        if (rc)
            return rc;
        a->n++;
        p += len;
    }
    return BF_OK;
}

static int allowed_parse(const char *allow, struct allowed *out, struct bf_error *err)
{
    int rc;

    *out = (struct allowed){.n = 0};
    out->text = bf_strdup(!allow ? "" : strlen(allow) > ALLOW_SHOWN_MAX ? "\u2026" : allow);
    rc = allow_each(out, allow ? allow : "", err);
    if (rc)
        allowed_free(out);
    return rc;
}

int bf_guard_allow(struct bf_guard *g, const char *allow, struct bf_error *err)
{
    struct allowed now, before;
    int rc = allowed_parse(allow, &now, err);

    if (rc)
        return rc;
    pthread_rwlock_wrlock(&g->lock);
    before = g->allowed;
    g->allowed = now;
    pthread_rwlock_unlock(&g->lock);
    allowed_free(&before);
    atomic_store(&g->was_changed, true);
    return BF_OK;
}

bool bf_guard_was_changed(const struct bf_guard *g) { return atomic_load(&g->was_changed); }

int bf_guard_new(const char *allow, struct bf_guard **out, struct bf_error *err)
{
    struct bf_guard *g;
    struct allowed allowed;
    int rc = allowed_parse(allow, &allowed, err);

    if (rc)
        return rc;
    g = bf_new(struct bf_guard);
    g->allowed = allowed;
    pthread_rwlock_init(&g->lock, NULL);

    for (size_t i = 0; i < BF_COUNT(blocked); i++) {
        rc = network_parse(blocked[i].network, &g->blocked[i], NULL);
        bf_assert(rc == BF_OK);
    }
    *out = g;
    return BF_OK;
}

void bf_guard_free(struct bf_guard *g)
{
    if (!g)
        return;
    pthread_rwlock_destroy(&g->lock);
    allowed_free(&g->allowed);
    free(g->own);
    free(g);
}

/* --- our own listeners --- */

static void own_add(struct bf_guard *g, const struct address *base, unsigned bits, in_port_t port)
{
    g->own = bf_zrealloc(g->own, (g->n_own + 1) * sizeof(*g->own));
    g->own[g->n_own++] = (struct own){.network = {*base, bits}, .port = port};
}

static bool unspecified(const struct address *a)
{
    static const unsigned char zeros[16];

    return memcmp(a->bytes, zeros, address_bits(a) / 8) == 0;
}

/* Connecting to 0.0.0.0 or :: reaches the loopback address, on Linux. */
static void unspecified_to_loopback(struct address *a)
{
    if (unspecified(a))
        address_parse(a->family == AF_INET ? "127.0.0.1" : "::1", a);
}

/* Both families, as a listener on :: usually takes IPv4 as well.  Without netlink (a sandbox that
 * denies it) only the loopback addresses are known; those of interfaces are then judged by the
 * table alone. */
static void own_every_address(struct bf_guard *g, in_port_t port)
{
    struct ifaddrs *list = NULL;
    struct address a;
    in_port_t ignored;

    address_parse("127.0.0.0", &a);
    own_add(g, &a, 8, port);
    address_parse("::1", &a);
    own_add(g, &a, 128, port);
    if (getifaddrs(&list) != 0)
        return;
    for (struct ifaddrs *i = list; i; i = i->ifa_next)
        if (i->ifa_addr && address_of(i->ifa_addr, &a, &ignored))
            own_add(g, &a, address_bits(&a), port);
    freeifaddrs(list);
}

void bf_guard_own(struct bf_guard *g, const struct sockaddr *addr)
{
    struct address a;
    in_port_t port;

    if (!address_of(addr, &a, &port))
        return;         /* a Unix socket: nothing that HTTP could reach */
    if (unspecified(&a))
        own_every_address(g, port);
    else
        own_add(g, &a, address_bits(&a), port);
}

static bool is_own(const struct bf_guard *g, struct address a, in_port_t port)
{
    unspecified_to_loopback(&a);
    for (size_t i = 0; i < g->n_own; i++)
        if (g->own[i].port == port && inside(&g->own[i].network, &a))
            return true;
    return false;
}

/* --- judging --- */

/* Under lock. */
static bool is_allowed(const struct bf_guard *g, const struct address *a)
{
    for (size_t i = 0; i < g->allowed.n; i++)
        if (inside(&g->allowed.networks[i], a))
            return true;
    return false;
}

static const struct blocked *find_blocked(const struct bf_guard *g, const struct address *a)
{
    for (size_t i = 0; i < BF_COUNT(blocked); i++)
        if (inside(&g->blocked[i], a))
            return &blocked[i];
    return NULL;
}

/* Neither our own nor allowed.  Under lock. */
static int judge_by_table(const struct bf_guard *g, const struct address *a, const char *text,
                          struct bf_error *err)
{
    const struct blocked *why = find_blocked(g, a);
    const char *allow = g->allowed.text;

    if (!why)
        return BF_OK;
    return bf_error_set(err, BF_EPERM,
                        "connection to %s refused: %s (%s) is not allowed; to allow it set "
                        "allow_addresses = \"%s%s%s/%u\" (or a wider network)",
                        text, why->network, why->name, allow, *allow ? " " : "", text,
                        address_bits(a));
}

static int judge(const struct bf_guard *g, const struct address *a, in_port_t port,
                 struct bf_error *err)
{
    pthread_rwlock_t *lock = (pthread_rwlock_t *)&g->lock;
    char text[INET6_ADDRSTRLEN];
    int rc;

    inet_ntop(a->family, a->bytes, text, sizeof(text));
    if (is_own(g, *a, port))
        return bf_error_set(err, BF_EPERM,
                            "connection to %s port %u refused: this hub listens there itself, "
                            "which no setting allows",
                            text, (unsigned)ntohs(port));
    pthread_rwlock_rdlock(lock);
    rc = is_allowed(g, a) ? BF_OK : judge_by_table(g, a, text, err);
    pthread_rwlock_unlock(lock);
    return rc;
}

int bf_guard_check(const struct bf_guard *g, const struct sockaddr *addr, struct bf_error *err)
{
    struct address a;
    in_port_t port;

    if (!address_of(addr, &a, &port))
        return bf_error_set(err, BF_EPERM,
                            "connection refused: address family %d is neither IPv4 nor IPv6",
                            (int)addr->sa_family);
    return judge(g, &a, port, err);
}

/* --- URLs --- */

/* How long a name may take, and where doubts go. */
struct look {
    int64_t wait_ms;
    char *doubt;
    size_t size;
};

/* A host as libcurl gives it, "[fe80::1]" or "127.1" or a name.  False for a name. */
static bool literal_parse(char *host, struct address *out)
{
    size_t len = strlen(host);

    if (host[0] == '[') {
        host[strcspn(host, "]%")] = '\0';
        if (!address_parse(host + 1, out))
            return false;
        make_plain(out);
        return true;
    }
    if (len && host[len - 1] == '.')
        host[len - 1] = '\0';
    memset(out, 0, sizeof(*out));
    out->family = AF_INET;
    return inet_aton(host, (struct in_addr *)out->bytes) != 0;
}

/* The addresses of a name, each judged: one that is fine is enough. */
static int judge_name(const struct bf_guard *g, const char *name, in_port_t port, struct look *look,
                      struct bf_error *err)
{
    struct bf_addresses all = {0};
    struct bf_error why, refused;
    size_t n_refused = 0;
    in_port_t none;

    if (bf_resolve(name, look->wait_ms, &all, &why)) {
        snprintf(look->doubt, look->size, "the host cannot be resolved now (%s); deliveries fail"
                 " until it can", why.words);
        return BF_OK;
    }
    for (size_t i = 0; i < all.n; i++) {
        struct address a;

        if (address_of((struct sockaddr *)&all.items[i], &a, &none) &&
            judge(g, &a, port, &refused))
            n_refused++;
    }
    if (n_refused == all.n)
        return bf_error_set(err, BF_EPERM, "%s", refused.words);
    if (n_refused > 0)
        snprintf(look->doubt, look->size, "%zu of the host's %zu addresses may not be connected to:"
                 " %s", n_refused, all.n, refused.words);
    return BF_OK;
}

static int check_parts(const struct bf_guard *g, CURLU *parts, struct look *look,
                       struct bf_error *err)
{
    char *scheme = NULL, *host = NULL, *port = NULL;
    struct address a;
    int rc = BF_OK;

    if (curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        rc = bf_error_set(err, BF_ECONFIG, "only http:// and https:// URLs can be used");
    else if (curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK || !*host)
        rc = bf_error_set(err, BF_ECONFIG, "the URL names no host");
    else if (curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        rc = bf_error_set(err, BF_ECONFIG, "the URL's port is none");
    else if (literal_parse(host, &a))
        rc = judge(g, &a, htons((in_port_t)strtoul(port, NULL, 10)), err);
    else if (look)
        rc = judge_name(g, host, htons((in_port_t)strtoul(port, NULL, 10)), look, err);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    return rc;
}

static int check_url(const struct bf_guard *g, const char *url, struct look *look,
                     struct bf_error *err)
{
    CURLU *parts = curl_url();
    CURLUcode code;
    int rc;

    if (!parts)
        return bf_error_set(err, BF_ENOMEM, "no memory to read the URL");
    code = curl_url_set(parts, CURLUPART_URL, url, 0);
    if (code == CURLUE_UNSUPPORTED_SCHEME || code == CURLUE_BAD_SCHEME)
        rc = bf_error_set(err, BF_ECONFIG, "only http:// and https:// URLs can be used");
    else if (code != CURLUE_OK)
        rc = bf_error_set(err, BF_ECONFIG, "the URL cannot be read: %s", curl_url_strerror(code));
    else
        rc = check_parts(g, parts, look, err);
    curl_url_cleanup(parts);
    return rc;
}

int bf_guard_check_url(const struct bf_guard *g, const char *url, struct bf_error *err)
{
    return check_url(g, url, NULL, err);
}

int bf_guard_look_up(const struct bf_guard *g, const char *url, int64_t wait_ms, char *doubt,
                     size_t size, struct bf_error *err)
{
    struct look look = {wait_ms, doubt, size};

    *doubt = '\0';
    return check_url(g, url, &look, err);
}
