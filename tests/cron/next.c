/* next.c - when schedules come: a line for each question, to be compared with another program.
 *
 * "next ZONE AFTER COUNT CRON" is answered by so many occurrences in Unix seconds, "until ZONE AFTER
 * UNTIL CRON" by all that are not behind a moment, "offset ZONE AT 0 -" by the zone's offset then;
 * "-" means that there is no such schedule or zone. */
#include "core/rules/schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_LEN 1000

static void print_times(const struct bf_schedule *s, int64_t after, int64_t until, int64_t count)
{
    int64_t at = after * 1000;

    while (count-- > 0 && (at = bf_schedule_next(s, at)) && at / 1000 <= until)
        printf("%" PRId64 " ", at / 1000);
    printf("\n");
}

static void answer(const char *what, const char *zone, int64_t after, int64_t number,
                   const char *cron)
{
    struct bf_schedule s = {.zone = bf_tz_new(zone)};
    struct bf_error err;

    if (s.zone && strcmp(what, "offset") == 0)
        printf("%" PRId64 "\n", bf_tz_offset(s.zone, after));
    else if (!s.zone || bf_cron_parse(cron, &s, &err))
        printf("-\n");
    else if (strcmp(what, "next") == 0)
        print_times(&s, after, INT64_MAX, number);
    else
        print_times(&s, after, number, INT64_MAX);
    bf_schedule_release(&s);
}

int main(void)
{
    char line[LINE_MAX_LEN], what[10], zone[70];
    long long after, number;
    int at;

    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%9s %69s %lld %lld %n", what, zone, &after, &number, &at) < 4)
            return 2;
        answer(what, zone, after, number, line + at);
    }
    return 0;
}
