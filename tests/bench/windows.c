/* windows.c - what it costs to watch a metric, and to remember it.
 *
 *   same       100 automations ask for one window of 1,000 values after each value
 *   different  each asks for a window of another size, from 901 to 1,000
 *   memory     100,000 runs with a window of 10 each: bytes that the process grew by, per run
 *
 * Each of the first two beside the same answers worked out anew from the values, which are all at
 * hand: sums are plain additions there, which would be wrong in the last place and cost less than
 * exact ones. */
#include "tests/tools/tool.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/rules/series.h"

#define WATCHERS 100
#define DEPTH    1000
#define RUNS     100000
#define WINDOW   10

static const char usage[] = "windows same|different|memory AVERAGE|LEAST|DEVIATION\n";

static const struct {
    const char *name;
    enum bf_aggregation aggregation;
} names[] = {{"AVERAGE", BF_AVERAGE}, {"LEAST", BF_LEAST}, {"DEVIATION", BF_DEVIATION}};

static uint64_t seed = 0x9e3779b97f4a7c15;

static double next_value(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) * 0x1p-53;
}

static void fill_windows(struct bf_window windows[WATCHERS], enum bf_aggregation aggregation,
                         bool same)
{
    for (uint32_t i = 0; i < WATCHERS; i++)
        windows[i] = (struct bf_window){(uint8_t)aggregation, DEPTH - (same ? 0 : i), 0};
}

static struct bf_series *full_series(void)
{
    static double values[DEPTH];
    struct bf_series *s = bf_series_new();

    for (size_t i = 0; i < DEPTH; i++)
        values[i] = next_value();
    bf_series_fill(s, values, DEPTH, DEPTH);
    return s;
}

static volatile double sink;

/* CPU time: what else the machine does is not counted. */
static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double kept_us(struct bf_series *s, const struct bf_window *windows, int values)
{
    double begun = now_us();

    for (int v = 0; v < values; v++) {
        bf_series_push(s, next_value());
        for (int i = 0; i < WATCHERS; i++)
            sink = bf_series_window(s, &windows[i]).value;
    }
    return (now_us() - begun) / values;
}

static double worked_out(const double *newest, const struct bf_window *w)
{
    double sum = 0, squares = 0, least = newest[0], n = w->size;

    for (uint32_t i = 0; i < w->size; i++) {
        double value = newest[-(int64_t)i];

        switch (w->aggregation) {
        case BF_DEVIATION:
            squares += value * value;
            /* fall through */
        case BF_AVERAGE:
            sum += value;
            break;
        default:
            least = value < least ? value : least;
        }
    }
    if (w->aggregation == BF_LEAST)
        return least;
    return w->aggregation == BF_AVERAGE ? sum / n : (n * squares - sum * sum) / (n * (n - 1));
}

static double anew_us(const struct bf_window *windows, int n)
{
    double *values = tool_alloc((DEPTH + (size_t)n) * sizeof(*values));
    double begun, spent;

    for (int v = 0; v < DEPTH + n; v++)
        values[v] = next_value();
    begun = now_us();
    for (int v = 0; v < n; v++)
        for (int i = 0; i < WATCHERS; i++)
            sink = worked_out(&values[DEPTH + v], &windows[i]);
    spent = now_us() - begun;
    free(values);
    return spent / n;
}

static void watch(enum bf_aggregation aggregation, bool same)
{
    struct bf_window windows[WATCHERS];
    struct bf_series *s = full_series();
    double kept = 0, anew = 0;

    fill_windows(windows, aggregation, same);
    kept_us(s, windows, DEPTH);         /* they are made */
    for (int round = 0; round < 10; round++) {
        kept += kept_us(s, windows, 500) / 10;
        anew += anew_us(windows, 100) / 10;
    }
    printf("{\"kept_us\":%.2f,\"anew_us\":%.2f,\"ratio\":%.1f,\"bytes\":%zu}\n", kept, anew,
           anew / kept, bf_series_size(s));
    bf_series_free(s);
}

static double resident(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (!f || fscanf(f, "%*d %ld", &pages) != 1)
        tool_die("there is no /proc");
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void remember(enum bf_aggregation aggregation)
{
    struct bf_window w = {.aggregation = (uint8_t)aggregation, .size = WINDOW};
    struct bf_series **runs = tool_alloc(RUNS * sizeof(struct bf_series *));
    double before, grown, told = 0;

    memset(runs, 1, RUNS * sizeof(*runs));      /* it is there before we look */
    before = resident();
    for (int r = 0; r < RUNS; r++) {
        runs[r] = bf_series_new();
        bf_series_fill(runs[r], NULL, 0, WINDOW);
    }
    for (int v = 0; v < 2 * WINDOW; v++)        /* values of all runs come mixed */
        for (int r = 0; r < RUNS; r++) {
            bf_series_push(runs[r], next_value());
            sink = bf_series_window(runs[r], &w).value;
        }
    grown = resident() - before;
    for (int r = 0; r < RUNS; r++) {
        told += (double)bf_series_size(runs[r]);
        bf_series_free(runs[r]);
    }
    free(runs);
    printf("{\"bytes\":%.0f,\"told\":%.0f,\"mb\":%.1f}\n", grown / RUNS, told / RUNS, grown / 1e6);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        tool_die("%s", usage);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(argv[2], names[i].name) != 0)
            continue;
        if (strcmp(argv[1], "memory") == 0)
            remember(names[i].aggregation);
        else
            watch(names[i].aggregation, strcmp(argv[1], "same") == 0);
        return 0;
    }
    tool_die("%s", usage);
}
