/* test_guard.c - every edge of every blocked range, every spelling, and who wins over whom. */
#include "tests/test.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "core/net/guard.h"

static struct bf_guard *guard(const char *allow)
{
    struct bf_guard *g = NULL;
    struct bf_error err = {0};

    if (bf_guard_new(allow, &g, &err))
        test_failed(__FILE__, __LINE__, "bf_guard_new(%s): %s", allow, err.words);
    return g;
}

static struct sockaddr_storage address(const char *text, unsigned port)
{
    struct sockaddr_storage ss = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&ss;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;

    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
    } else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
    } else {
        test_failed(__FILE__, __LINE__, "%s is no address", text);
    }
    return ss;
}

static int check(const struct bf_guard *g, const char *text, unsigned port, struct bf_error *err)
{
    struct sockaddr_storage ss = address(text, port);

    return bf_guard_check(g, (struct sockaddr *)&ss, err);
}

static void own(struct bf_guard *g, const char *text, unsigned port)
{
    struct sockaddr_storage ss = address(text, port);

    bf_guard_own(g, (struct sockaddr *)&ss);
}

TEST(every_blocked_range_begins_and_ends_where_the_registry_says)
{
    /* NULL where another blocked range is adjacent. */
    static const struct {
        const char *before, *first, *last, *after;
    } ranges[] = {
        {NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0"},
        {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
        {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
        {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
        {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
        {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
        {"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
        {"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
        {"192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"},
        {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
        {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
        {"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
        {"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
        {"223.255.255.255", "224.0.0.0", "239.255.255.255", NULL},
        {NULL, "240.0.0.0", "255.255.255.255", NULL},
        {NULL, "::", "::1", NULL},
        {"64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", "64:ff9b::", "64:ff9b::ffff:ffff",
         "64:ff9b::1:0:0"},
        {"64:ff9b:0:ffff:ffff:ffff:ffff:ffff", "64:ff9b:1::",
         "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "64:ff9b:2::"},
        {"ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "100::", "100::ffff:ffff:ffff:ffff",
         "100:0:0:1::"},
        {"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::",
         "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"},
        {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::",
         "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"},
        {"2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::",
         "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"},
        {"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::",
         "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"},
        {"5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f00::",
         "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f01::"},
        {"fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fc00::",
         "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::"},
        {"fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::",
         "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
        {NULL, "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
        {NULL, "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
    };
    struct bf_guard *g = guard(NULL);

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        const char *texts[] = {ranges[i].before, ranges[i].first, ranges[i].last, ranges[i].after};
        const int wants[] = {BF_OK, BF_EPERM, BF_EPERM, BF_OK};

        for (int j = 0; j < 4; j++)
            if (texts[j] && check(g, texts[j], 80, NULL) != wants[j])
                test_failed(__FILE__, __LINE__, "%s should %sbe allowed", texts[j],
                            wants[j] ? "not " : "");
    }
    bf_guard_free(g);
}

TEST(ipv4_in_ipv6_is_judged_as_ipv4)
{
    struct bf_guard *g = guard("10.1.0.0/16, ::ffff:10.2.0.0/112");

    CHECK_INT(check(g, "::ffff:127.0.0.1", 80, NULL), BF_EPERM);
    CHECK_INT(check(g, "::127.0.0.1", 80, NULL), BF_EPERM);
    CHECK_INT(check(g, "::ffff:169.254.169.254", 80, NULL), BF_EPERM);
    CHECK_INT(check(g, "::ffff:8.8.8.8", 80, NULL), BF_OK);
    CHECK_INT(check(g, "::8.8.8.8", 80, NULL), BF_OK);
    CHECK_INT(check(g, "::ffff:10.1.2.3", 80, NULL), BF_OK);
    CHECK_INT(check(g, "10.2.2.3", 80, NULL), BF_OK);
    CHECK_INT(check(g, "10.3.2.3", 80, NULL), BF_EPERM);
    bf_guard_free(g);
}

TEST(allowed_networks_pass_and_no_more_than_they)
{
    struct bf_guard *g = guard(" 10.1.2.3,fd00::/8  127.0.0.0/8\n192.168.4.0/22");

    CHECK_INT(check(g, "10.1.2.3", 80, NULL), BF_OK);
    CHECK_INT(check(g, "10.1.2.2", 80, NULL), BF_EPERM);
    CHECK_INT(check(g, "10.1.2.4", 80, NULL), BF_EPERM);
    CHECK_INT(check(g, "fd12::1", 80, NULL), BF_OK);
    CHECK_INT(check(g, "fc12::1", 80, NULL), BF_EPERM);
    CHECK_INT(check(g, "127.9.9.9", 80, NULL), BF_OK);
    CHECK_INT(check(g, "192.168.3.255", 80, NULL), BF_EPERM);
    CHECK_INT(check(g, "192.168.4.0", 80, NULL), BF_OK);
    CHECK_INT(check(g, "192.168.7.255", 80, NULL), BF_OK);
    CHECK_INT(check(g, "192.168.8.0", 80, NULL), BF_EPERM);
    bf_guard_free(g);
}

TEST(allowing_everything_takes_both_families)
{
    struct bf_guard *g = guard("0.0.0.0/0");

    CHECK_INT(check(g, "169.254.169.254", 80, NULL), BF_OK);
    CHECK_INT(check(g, "fe80::1", 80, NULL), BF_EPERM);
    bf_guard_free(g);
    g = guard("::/0");
    CHECK_INT(check(g, "fe80::1", 80, NULL), BF_OK);
    CHECK_INT(check(g, "::ffff:127.0.0.1", 80, NULL), BF_EPERM);
    bf_guard_free(g);
}

TEST(what_is_no_network_is_refused_by_name)
{
    static const char *const bad[] = {
        "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "10.0.0.0/-1", "10.0.0/8", "fd00::/129",
        "localhost", "10.1.2.3/8", "fd00::1/8", "1.2.3.4.5", "/8", "10.0.0.0/0008", "::/08888",
        "fe80::1%eth0", "10.0.0.0;10.0.0.1",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bf_guard *g = NULL;
        struct bf_error err = {0};
        char list[200], shown[41];

        snprintf(list, sizeof(list), "127.0.0.1 %s", bad[i]);
        snprintf(shown, sizeof(shown), "%s", bad[i]);
        if (bf_guard_new(list, &g, &err) != BF_ECONFIG)
            test_failed(__FILE__, __LINE__, "%s was taken", bad[i]);
        CHECK(g == NULL);
        CHECK_HAS(err.words, shown);
    }
}

TEST(refusal_names_the_line_that_would_allow_it)
{
    struct bf_guard *g = guard(NULL);
    struct bf_error err = {0};

    CHECK_INT(check(g, "10.1.2.3", 443, &err), BF_EPERM);
    CHECK_STR(err.words, "connection to 10.1.2.3 refused: 10.0.0.0/8 (private) is not allowed; to "
                         "allow it set allow_addresses = \"10.1.2.3/32\" (or a wider network)");
    CHECK_INT(check(g, "fe80::1", 443, &err), BF_EPERM);
    CHECK_HAS(err.words, "fe80::/10 (link-local)");
    CHECK_HAS(err.words, "allow_addresses = \"fe80::1/128\"");
    CHECK_INT(check(g, "::ffff:169.254.169.254", 80, &err), BF_EPERM);
    CHECK_HAS(err.words, "allow_addresses = \"169.254.169.254/32\"");
    bf_guard_free(g);
}

TEST(own_listener_is_refused_even_in_an_allowed_network)
{
    struct bf_guard *g = guard("127.0.0.0/8 0.0.0.0 ::1 ::");
    struct bf_error err = {0};

    own(g, "127.0.0.1", 8320);
    CHECK_INT(check(g, "127.0.0.1", 8320, &err), BF_EPERM);
    CHECK_HAS(err.words, "listens there itself");
    CHECK_INT(check(g, "::ffff:127.0.0.1", 8320, NULL), BF_EPERM);
    CHECK_INT(check(g, "0.0.0.0", 8320, NULL), BF_EPERM);
    CHECK_INT(check(g, "127.0.0.1", 8321, NULL), BF_OK);
    CHECK_INT(check(g, "0.0.0.0", 8321, NULL), BF_OK);
    CHECK_INT(check(g, "127.0.0.2", 8320, NULL), BF_OK);
    own(g, "::1", 9000);
    CHECK_INT(check(g, "::1", 9000, NULL), BF_EPERM);
    CHECK_INT(check(g, "::", 9000, NULL), BF_EPERM);
    CHECK_INT(check(g, "127.0.0.1", 9000, NULL), BF_OK);
    bf_guard_free(g);
}

static void check_interfaces(const struct bf_guard *g, unsigned port)
{
    struct ifaddrs *list = NULL;
    int seen = 0;

    CHECK_INT(getifaddrs(&list), 0);
    for (struct ifaddrs *i = list; i; i = i->ifa_next) {
        struct sockaddr_storage ss = {0};

        if (!i->ifa_addr ||
            (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
            continue;
        if (i->ifa_addr->sa_family == AF_INET) {
            memcpy(&ss, i->ifa_addr, sizeof(struct sockaddr_in));
            ((struct sockaddr_in *)&ss)->sin_port = htons((uint16_t)port);
        } else {
            memcpy(&ss, i->ifa_addr, sizeof(struct sockaddr_in6));
            ((struct sockaddr_in6 *)&ss)->sin6_port = htons((uint16_t)port);
        }
        CHECK_INT(bf_guard_check(g, (struct sockaddr *)&ss, NULL), BF_EPERM);
        seen++;
    }
    freeifaddrs(list);
    CHECK(seen > 0);
}

TEST(own_listener_on_every_address_covers_loopback_and_interfaces)
{
    static const char *const any[] = {"0.0.0.0", "::"};

    for (int i = 0; i < 2; i++) {
        struct bf_guard *g = guard("0.0.0.0/0 ::/0");

        own(g, any[i], 8320);
        CHECK_INT(check(g, "127.0.0.1", 8320, NULL), BF_EPERM);
        CHECK_INT(check(g, "127.200.0.1", 8320, NULL), BF_EPERM);
        CHECK_INT(check(g, "::1", 8320, NULL), BF_EPERM);
        CHECK_INT(check(g, "0.0.0.0", 8320, NULL), BF_EPERM);
        CHECK_INT(check(g, "::", 8320, NULL), BF_EPERM);
        CHECK_INT(check(g, "127.0.0.1", 8321, NULL), BF_OK);
        CHECK_INT(check(g, "8.8.8.8", 8320, NULL), BF_OK);
        check_interfaces(g, 8320);
        bf_guard_free(g);
    }
}

TEST(other_address_families_are_refused)
{
    struct bf_guard *g = guard("0.0.0.0/0 ::/0");
    struct sockaddr_storage ss = {.ss_family = AF_UNIX};

    CHECK_INT(bf_guard_check(g, (struct sockaddr *)&ss, NULL), BF_EPERM);
    bf_guard_free(g);
}

TEST(literal_addresses_in_urls_are_judged_in_every_spelling)
{
    static const char *const loopback[] = {
        "http://127.0.0.1/", "http://127.0.0.1:8080/x?y", "http://2130706433/",
        "http://0x7f000001/", "http://0x7F.0.0.1/", "http://0177.0.0.1/", "http://017700000001/",
        "http://127.1/", "http://127.0.1/", "http://127.0.0.1./", "http://0x7f.1/",
        "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "https://user:pass@127.0.0.1/",
        "http://hooks.example@127.0.0.1/", "http://0/", "http://0.0.0.0/", "http://[::]/",
        "http://127.0.0.1#@hooks.example/", "HTTP://127.0.0.1/", "http://%31%32%37.0.0.1/",
        "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://2852039166/",
    };
    struct bf_guard *g = guard(NULL);

    for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++)
        if (bf_guard_check_url(g, loopback[i], NULL) != BF_EPERM)
            test_failed(__FILE__, __LINE__, "%s was let through", loopback[i]);
    bf_guard_free(g);
}

TEST(names_and_public_addresses_in_urls_pass)
{
    static const char *const fine[] = {
        "http://hooks.example/", "https://hooks.example:8443/a/b?c=d", "http://8.8.8.8/",
        "http://[2606:4700::1111]/", "http://localhost/", "http://127.0.0.1.nip.example/",
        "http://hooks.example/?u=http://127.0.0.1/", "http://127.0.0.1@hooks.example/",
    };
    struct bf_guard *g = guard(NULL);

    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
        if (bf_guard_check_url(g, fine[i], NULL) != BF_OK)
            test_failed(__FILE__, __LINE__, "%s was refused", fine[i]);
    bf_guard_free(g);
}

TEST(a_url_without_http_or_a_host_is_refused)
{
    static const char *const bad[] = {
        "", "hooks.example", "/path", "ftp://hooks.example/", "file:///etc/passwd",
        "gopher://hooks.example/", "http://", "http://hooks.example:99999/",
        "http://hooks.example:http/", "http://hooks example/", "javascript:alert(1)",
        "http://hooks.example/\r\nX: y", "http://[::1", "mailto:a@b.example", "http://:80/",
    };
    struct bf_guard *g = guard("0.0.0.0/0 ::/0");

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (bf_guard_check_url(g, bad[i], NULL) != BF_ECONFIG)
            test_failed(__FILE__, __LINE__, "%s was taken", bad[i]);
    bf_guard_free(g);
}

TEST(words_about_a_url_do_not_quote_it)
{
    struct bf_guard *g = guard(NULL);
    struct bf_error err = {0};

    CHECK_INT(bf_guard_check_url(g, "ftp://hooks.example/s3cret", &err), BF_ECONFIG);
    CHECK(!strstr(err.words, "s3cret"));
    CHECK_INT(bf_guard_check_url(g, "http://u:s3cret@10.0.0.1/s3cret?k=s3cret", &err), BF_EPERM);
    CHECK(!strstr(err.words, "s3cret"));
    CHECK_INT(bf_guard_check_url(g, "http://u:s3cret@hooks.example:x/s3cret", &err), BF_ECONFIG);
    CHECK(!strstr(err.words, "s3cret"));
    bf_guard_free(g);
}

TEST(the_port_of_a_url_is_seen_by_the_rule_about_own_listeners)
{
    struct bf_guard *g = guard("127.0.0.0/8");

    own(g, "127.0.0.1", 443);
    CHECK_INT(bf_guard_check_url(g, "https://127.1/", NULL), BF_EPERM);
    CHECK_INT(bf_guard_check_url(g, "http://127.1/", NULL), BF_OK);
    CHECK_INT(bf_guard_check_url(g, "http://127.1:443/", NULL), BF_EPERM);
    bf_guard_free(g);
}


/* --- looking up ------------------------------------------------------------------- */

TEST(a_refusal_repeats_what_is_allowed_already)
{
    struct bf_guard *g = guard("192.168.7.0/24, fd00::/8");
    struct bf_error err = {0};

    CHECK_INT(bf_guard_check_url(g, "http://10.1.2.3/", &err), BF_EPERM);
    CHECK_HAS(err.words, "allow_addresses = \"192.168.7.0/24, fd00::/8 10.1.2.3/32\"");
    bf_guard_free(g);
}

TEST(a_name_of_forbidden_addresses_alone_is_refused_when_it_is_looked_up)
{
    struct bf_guard *g = guard(NULL);
    struct bf_error err = {0};
    char doubt[200];

    CHECK_INT(bf_guard_look_up(g, "http://localhost/", 5000, doubt, sizeof(doubt), &err), BF_EPERM);
    CHECK_HAS(err.words, "loopback");
    CHECK_INT(bf_guard_look_up(g, "http://127.0.0.1/", 5000, doubt, sizeof(doubt), &err), BF_EPERM);
    bf_guard_free(g);
}

TEST(a_name_with_an_address_that_is_allowed_passes)
{
    struct bf_guard *g = guard("127.0.0.0/8");  /* localhost may be ::1 as well */
    struct bf_error err = {0};
    char doubt[200];

    CHECK_INT(bf_guard_look_up(g, "http://localhost/", 5000, doubt, sizeof(doubt), &err), BF_OK);
    if (*doubt)
        CHECK_HAS(doubt, "may not be connected to: connection to ::1 refused");
    bf_guard_free(g);
}

TEST(a_name_that_does_not_resolve_is_doubted_and_not_quoted)
{
    struct bf_guard *g = guard(NULL);
    struct bf_error err = {0};
    char doubt[200];

    CHECK_INT(bf_guard_look_up(g, "http://s3cret.invalid/", 5000, doubt, sizeof(doubt), &err),
              BF_OK);
    CHECK_HAS(doubt, "the host cannot be resolved now (");
    CHECK(!strstr(doubt, "s3cret"));
    CHECK_INT(bf_guard_look_up(g, "http://localhost/", 0, doubt, sizeof(doubt), &err), BF_OK);
    CHECK_HAS(doubt, "no time to ask");
    bf_guard_free(g);
}

TEST(another_list_of_allowed_networks_takes_the_place_of_the_old_one)
{
    struct bf_guard *g = guard("127.0.0.0/8");
    struct bf_error err;

    CHECK_INT(bf_guard_allow(g, "10.0.0.0/8", &err), 0);
    CHECK_INT(check(g, "127.0.0.1", 80, &err), BF_EPERM);
    CHECK_HAS(err.words, "allow_addresses = \"10.0.0.0/8 127.0.0.1/32\"");
    CHECK_INT(check(g, "10.1.2.3", 80, &err), 0);
    CHECK_INT(bf_guard_allow(g, "10.0.0.0/8 nowhere", &err), BF_ECONFIG);
    CHECK_INT(check(g, "10.1.2.3", 80, &err), 0);
    CHECK_INT(bf_guard_allow(g, NULL, &err), 0);
    CHECK_INT(check(g, "10.1.2.3", 80, &err), BF_EPERM);
    bf_guard_free(g);
}
