/* test.c - runs the TESTs of a program, each in a child process, and counts.
 *
 * A child that fails a check prints it and exits 1; one that exits 77 was skipped; anything else
 * that is not 0 (a signal, a sanitizer's report) is a failure. */
#include "test.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct test *tests;
static struct test **tests_end = &tests;
static char dir[64];

void test_register(struct test *t)
{
    *tests_end = t;
    tests_end = &t->next;
}

void test_failed(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "%s:%d: ", file, line);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    _exit(1);
}

void test_skip(const char *why)
{
    printf("skip: %s\n", why);
    fflush(stdout);
    _exit(77);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static void remove_dir(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

const char *test_dir(void) { return dir; }

/* 0 passed, 1 failed, 77 skipped. */
static int run(const struct test *t)
{
    int status;
    pid_t pid;

    snprintf(dir, sizeof(dir), "/tmp/belfry-test-XXXXXX");
    if (!mkdtemp(dir)) {
        perror(dir);
        return 1;
    }
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        alarm(120);
        t->fn();
        exit(0);        /* not _exit: leak checkers run at exit */
    }
    waitpid(pid, &status, 0);
    remove_dir(dir);
    if (WIFSIGNALED(status))
        fprintf(stderr, "killed by signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(void)
{
    const char *pattern = getenv("T");
    int passed = 0, failed = 0, skipped = 0;

    for (struct test *t = tests; t; t = t->next) {
        int result;

        if (pattern && *pattern && !strstr(t->name, pattern))
            continue;
        result = run(t);
        if (result == 0) {
            passed++;
        } else if (result == 77) {
            skipped++;
            printf("skipped: %s\n", t->name);
        } else {
            failed++;
            printf("FAILED: %s\n", t->name);
        }
    }
    printf("%d passed, %d failed", passed, failed);
    if (skipped)
        printf(", %d skipped", skipped);
    putchar('\n');
    return failed ? 1 : 0;
}
