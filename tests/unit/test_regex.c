/* test_regex.c - what a pattern finds, what is refused, and how long the worst of them take. */
#include "core/base/regex.h"
#include "tests/test.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/base.h"

#define LONG (64 * 1024)

static struct bf_error err;

static struct bf_regex *compile(const char *pattern)
{
    struct bf_regex *r = NULL;

    if (bf_regex_new(pattern, strlen(pattern), &r, &err))
        test_failed(__FILE__, __LINE__, "%s: %s", pattern, err.words);
    return r;
}

static const struct {
    const char *pattern, *text;
    bool found;
} rows[] = {
    {"^europe.*", "europe-west", true},
    {"^europe.*", "in europe", false},
    {"europe", "in europe", true},
    {"Europe", "in europe", false},
    {"(?i)Europe", "in EUROPE", true},
    {"^v[0-9]+$", "v17", true},
    {"^v[0-9]+$", "v17\n", false},
    {"^$", "", true},
    {"", "", true},
    {"a.c", "a\xc3\xa9" "c", true},     /* a character, not a byte */
    {"\\p{Greek}", "\xce\xb1", true},
    {"(a)(b)\\b", "ab", true},
};

TEST(a_pattern_is_searched_for_anywhere_and_case_counts)
{
    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_regex *r = compile(rows[i].pattern);

        if (bf_regex_search(r, rows[i].text, strlen(rows[i].text)) != rows[i].found)
            test_failed(__FILE__, __LINE__, "/%s/ on \"%s\"", rows[i].pattern, rows[i].text);
        bf_regex_free(r);
    }
    bf_regex_free(NULL);
}

static const struct {
    const char *pattern, *words;
} bad[] = {
    {"(a+", "this is no pattern: missing ): (a+"},
    {"a**", "bad repetition operator"},
    {"[b-a]", "invalid character class range: b-a"},
    {"(?=a)", "invalid perl operator: (?="},   /* RE2 has none of these, and so no such cost */
    {"(a)\\1", "invalid escape sequence"},
    {"\\", "trailing \\"},
    {"a{1001}", "invalid repetition size"},
    {"((a{0,30}){0,30}){0,30}", "epe"},         /* invalid, or too much, by RE2's version */
    {"((a{0,10}){0,10}){0,10}", "the pattern repeats too much; at most 1500 steps"},
    {"(\\pL{2,30}){2,30}", "repeats too much"},
};

TEST(what_is_wrong_with_a_pattern_is_said)
{
    for (size_t i = 0; i < BF_COUNT(bad); i++) {
        struct bf_regex *r;
        int rc = bf_regex_new(bad[i].pattern, strlen(bad[i].pattern), &r, &err);

        if (rc != BF_ECONFIG || !strstr(err.words, bad[i].words))
            test_failed(__FILE__, __LINE__, "%s gives %d: %s", bad[i].pattern, rc, err.words);
    }
}

TEST(a_pattern_has_a_thousand_bytes_at_most)
{
    char pattern[BF_REGEX_PATTERN_MAX + 1];
    struct bf_regex *r;

    memset(pattern, 'a', sizeof(pattern));
    CHECK_INT(bf_regex_new(pattern, BF_REGEX_PATTERN_MAX, &r, &err), BF_OK);
    CHECK(bf_regex_reach(r) >= 256);
    bf_regex_free(r);
    CHECK_INT(bf_regex_new(pattern, sizeof(pattern), &r, &err), BF_ETOOBIG);
    CHECK_HAS(err.words, "1001 bytes");
}

TEST(a_text_beyond_the_reach_does_not_match)
{
    struct bf_regex *r = compile("(a|b)*a(a|b){100}$");
    size_t reach = bf_regex_reach(r);
    char *text = malloc(reach + 1);

    CHECK(reach >= 256 && reach < LONG);
    memset(text, 'a', reach + 1);
    CHECK(bf_regex_search(r, text, reach));
    CHECK(!bf_regex_search(r, text, reach + 1));
    free(text);
    bf_regex_free(r);
}

/* --- where it is -------------------------------------------------------------- */

static struct bf_regex *compile_capturing(const char *pattern)
{
    struct bf_regex *r = NULL;

    if (bf_regex_new_capturing(pattern, strlen(pattern), &r, &err))
        test_failed(__FILE__, __LINE__, "%s: %s", pattern, err.words);
    return r;
}

static void check_span(const struct bf_regex_span *s, const char *text)
{
    if (!text) {
        CHECK(s->text == NULL);
        return;
    }
    CHECK(s->text != NULL);
    CHECK_INT(s->len, strlen(text));
    CHECK(memcmp(s->text, text, s->len) == 0);
}

TEST(a_place_and_its_groups_are_found_one_after_the_other)
{
    struct bf_regex *r = compile_capturing("v([0-9]+)(?:\\.([0-9]+))?");
    const char *text = "v1 and v22.3";
    struct bf_regex_span spans[3];

    CHECK_INT(bf_regex_groups(r), 2);
    CHECK(bf_regex_find(r, text, strlen(text), 0, spans, 3));
    check_span(&spans[0], "v1");
    check_span(&spans[1], "1");
    check_span(&spans[2], NULL);
    CHECK(bf_regex_find(r, text, strlen(text), 2, spans, 3));
    check_span(&spans[0], "v22.3");
    check_span(&spans[2], "3");
    CHECK(!bf_regex_find(r, text, strlen(text), 8, spans, 3));
    bf_regex_free(r);
}

/* What stands before the place where a search begins is seen by it: ^ and \\b. */
TEST(a_later_search_does_not_take_its_place_for_the_beginning)
{
    struct bf_regex *r = compile_capturing("^a|\\bb");
    struct bf_regex_span span;

    CHECK(bf_regex_find(r, "aab b", 5, 0, &span, 1));
    CHECK(!bf_regex_find(r, "aab", 3, 1, &span, 1));
    CHECK(bf_regex_find(r, "aab b", 5, 1, &span, 1));
    check_span(&span, "b");
    CHECK_STR(span.text, "b");
    bf_regex_free(r);
}

/* --- time ---------------------------------------------------------------------- */

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Texts that keep a pattern undecided: one letter, two by chance, many by chance, and no ASCII. */
static void fill(char *text, int kind)
{
    unsigned seed = 1;

    for (size_t i = 0; i < LONG; i++) {
        seed = seed * 1103515245 + 12345;
        text[i] = kind == 0   ? 'a'
                  : kind == 1 ? "ab"[seed >> 16 & 1]
                  : kind == 2 ? (char)('a' + (seed >> 16) % 26)
                              : "\xc3\xa9"[i & 1];
    }
}

/* The least of a few: others use the processor as well. */
static double search_ms(const struct bf_regex *r, const char *text, size_t len)
{
    double best = 1e9;

    for (int i = 0; i < 5; i++) {
        double start = now_ms(), took;

        bf_regex_search(r, text, len);
        took = now_ms() - start;
        best = took < best ? took : best;
    }
    return best;
}

static const char *const slow[] = {
    "[a-z]+[bc]", "(a+)+$", "(a+)+b", "((a*)*)*z", "(x+x+)+y", "(a|aa)+$", "(.*)*=.*",
    "(a{0,10}){0,10}z", "[ab]{500}z", "(a|b)*a(a|b){12}z", "(a|b)*a(a|b){100}z",
    "(a|b)*a(a|b){900}z", "a[ab]{20}z", "a.{30}z", "a.{100}z", "[a-z]*a[a-z]{200}b[a-z]{200}z",
    "\\pL+z$", "(\\pL+\\pN*)+z", "(.{0,30}a){2}z", "^(([a-z])+.)+[A-Z]([a-z])+$",
};

TEST(no_pattern_takes_long_on_64_kib)
{
    char *text = malloc(LONG);

    for (size_t i = 0; i < BF_COUNT(slow); i++) {
        struct bf_regex *r = compile(slow[i]);

        for (int kind = 0; kind < 4; kind++) {
            size_t len = LONG < bf_regex_reach(r) ? LONG : bf_regex_reach(r);
            double ms;

            fill(text, kind);
            ms = search_ms(r, text, len);
            /* Sanitizers and a busy machine are slower; what this must catch is seconds. */
            if (ms > 50)
                test_failed(__FILE__, __LINE__, "%s took %.1f ms", slow[i], ms);
        }
        bf_regex_free(r);
    }
    free(text);
}

static const char *const slow_with_groups[] = {
    "([a-z]+)[bc]", "((a+)+)$", "((a|b)*)a((a|b){100})", "([ab]{500})z", "(((a|b)*)(a|b)*)*",
    "(?:(a)|(b)|(c)|(d)|(.))*", "((((((((((.*)*)*)*)*)*)*)*)*)*)",
};

TEST(groups_take_no_longer)
{
    char *text = malloc(LONG);
    struct bf_regex_span spans[BF_REGEX_GROUPS_MAX + 1];

    for (size_t i = 0; i < BF_COUNT(slow_with_groups); i++) {
        struct bf_regex *r = compile_capturing(slow_with_groups[i]);
        size_t len = LONG < bf_regex_reach(r) ? LONG : bf_regex_reach(r);

        for (int kind = 0; kind < 4; kind++) {
            double start, ms;

            fill(text, kind);
            start = now_ms();
            bf_regex_find(r, text, len, 0, spans, bf_regex_groups(r) + 1);
            ms = now_ms() - start;
            if (ms > 50)
                test_failed(__FILE__, __LINE__, "%s took %.1f ms", slow_with_groups[i], ms);
        }
        bf_regex_free(r);
    }
    free(text);
}

/* Twice the text takes about twice as long: what is tried and taken back would double with each
 * letter. */
TEST(time_grows_with_the_text)
{
    static const char *const patterns[] = {"[a-z]+[bc]", "(a+)+$", "(a|aa)+b"};
    char *text = malloc(LONG);

    fill(text, 0);
    for (size_t i = 0; i < BF_COUNT(patterns); i++) {
        struct bf_regex *r = compile(patterns[i]);
        double half = search_ms(r, text, 16384), whole = search_ms(r, text, 32768);

        CHECK(bf_regex_reach(r) >= 32768);
        if (whole > 8 * half + 1)
            test_failed(__FILE__, __LINE__, "%s: %.2f ms, twice the text %.2f ms", patterns[i],
                        half, whole);
        bf_regex_free(r);
    }
    free(text);
}

/* --- threads --------------------------------------------------------------------- */

static void *search_often(void *arg)
{
    long found = 0;

    for (int i = 0; i < 2000; i++)
        found += bf_regex_search(arg, i & 1 ? "release-17" : "release-x", i & 1 ? 10 : 9);
    return (void *)found;
}

TEST(threads_share_a_pattern)
{
    struct bf_regex *r = compile("^release-[0-9]+$");
    pthread_t threads[4];
    void *found;

    for (size_t i = 0; i < BF_COUNT(threads); i++)
        CHECK_INT(pthread_create(&threads[i], NULL, search_often, r), 0);
    for (size_t i = 0; i < BF_COUNT(threads); i++) {
        pthread_join(threads[i], &found);
        CHECK_INT((long)found, 1000);
    }
    bf_regex_free(r);
}
