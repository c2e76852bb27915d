/* test.h - a test is a claim and a few checks.
 *
 *   TEST(map_forgets_what_is_removed)
 *   {
 *       ...
 *       CHECK(bf_map_get(m, "a") == NULL);
 *   }
 *
 * Every TEST in a program runs, in the order of the file, each in a process of its own, so that a
 * crash is one failure and not the end.  T=pattern in the environment picks by substring.  The
 * program ends with "N passed, N failed". */
#ifndef BF_TEST_H
#define BF_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct test {
    const char *name;
    void (*fn)(void);
    struct test *next;
};

void test_register(struct test *t);
void test_failed(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void test_skip(const char *why);                /* ends the test; the reason is printed */
const char *test_dir(void);                     /* a fresh directory, removed after the test */

#define TEST(id)                                                                    \
    static void test_##id(void);                                                    \
    __attribute__((constructor)) static void register_##id(void)                    \
    {                                                                               \
        static struct test t = {#id, test_##id, NULL};                              \
        test_register(&t);                                                          \
    }                                                                               \
    static void test_##id(void)

/* A failed check ends its test. */
#define CHECK(cond)                                                                 \
    do {                                                                            \
        if (!(cond))                                                                \
            test_failed(__FILE__, __LINE__, "%s", #cond);                           \
    } while (0)
#define CHECK_INT(got, want)                                                        \
    do {                                                                            \
        long long got_ = (long long)(got), want_ = (long long)(want);               \
        if (got_ != want_)                                                          \
            test_failed(__FILE__, __LINE__, "%s is %lld, not %lld", #got, got_, want_); \
    } while (0)
#define CHECK_STR(got, want)                                                        \
    do {                                                                            \
        const char *got_ = (got), *want_ = (want);                                  \
        if (!got_ || strcmp(got_, want_) != 0)                                      \
            test_failed(__FILE__, __LINE__, "%s is\n  %s\nnot\n  %s", #got,         \
                        got_ ? got_ : "(null)", want_);                             \
    } while (0)
#define CHECK_HAS(text, part)                                                       \
    do {                                                                            \
        const char *text_ = (text), *part_ = (part);                                \
        if (!text_ || !strstr(text_, part_))                                        \
            test_failed(__FILE__, __LINE__, "%s is\n  %s\nwithout\n  %s", #text,    \
                        text_ ? text_ : "(null)", part_);                           \
    } while (0)

#endif
