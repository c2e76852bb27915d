/* test_prom.c - the text format, as its specification shows it. */
#include "core/base/base.h"
#include "core/base/prom.h"
#include "tests/test.h"

TEST(a_metric_is_its_head_and_its_samples)
{
    const char *labels[] = {"method", "post", "code", "200", NULL};
    struct bf_buf b;

    bf_buf_init(&b, 4096);
    bf_prom_head(&b, "http_requests_total", "counter", "The total number of requests.");
    bf_prom_int(&b, "http_requests_total", labels, 1027);
    bf_prom_int(&b, "up", NULL, UINT64_MAX);
    bf_prom_double(&b, "load", NULL, 0.25);
    CHECK_STR(bf_buf_text(&b), "# HELP http_requests_total The total number of requests.\n"
                               "# TYPE http_requests_total counter\n"
                               "http_requests_total{method=\"post\",code=\"200\"} 1027\n"
                               "up 18446744073709551615\n"
                               "load 0.25\n");
    bf_buf_fini(&b);
}

TEST(label_values_are_escaped)
{
    const char *labels[] = {"path", "C:\\DIR \"x\"\nend", NULL};
    struct bf_buf b;

    bf_buf_init(&b, 4096);
    bf_prom_int(&b, "m", labels, 1);
    CHECK_STR(bf_buf_text(&b), "m{path=\"C:\\\\DIR \\\"x\\\"\\nend\"} 1\n");
    bf_buf_fini(&b);
}

TEST(buckets_count_up_and_the_last_holds_all)
{
    static const uint64_t bounds[] = {1000, 5000, 1000000};
    struct bf_histogram h = BF_HISTOGRAM(bounds, 1e-6);
    struct bf_buf b;

    bf_histogram_add(&h, 0);
    bf_histogram_add(&h, 1000);
    bf_histogram_add(&h, 1001);
    bf_histogram_add(&h, 2000000);
    bf_buf_init(&b, 4096);
    bf_prom_histogram(&b, "t_seconds", &h);
    CHECK_STR(bf_buf_text(&b), "t_seconds_bucket{le=\"0.001\"} 2\n"
                               "t_seconds_bucket{le=\"0.005\"} 3\n"
                               "t_seconds_bucket{le=\"1\"} 3\n"
                               "t_seconds_bucket{le=\"+Inf\"} 4\n"
                               "t_seconds_sum 2.002001\n"
                               "t_seconds_count 4\n");
    bf_buf_fini(&b);
}
