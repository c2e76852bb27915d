/* cron - an expression and a zone: what is refused says why, what is not comes, later and later. */
#include "tests/fuzz/fuzz.h"

#include "core/rules/schedule.h"

#define START 1767225600000LL           /* 2026 */

static void ask(struct bf_schedule *s)
{
    int64_t at = START, last = 0;

    for (int i = 0; i < 20; i++) {
        int64_t next = bf_schedule_next(s, at);

        CLAIM(next > at && next % 1000 == 0);
        at = next;
    }
    CLAIM(bf_schedule_count(s, START, at, 20, &last) == 20 && last == at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *rest = fuzz_text(data, size), *text = rest;
    char *cron = fuzz_part(&rest);
    struct bf_schedule s = {.zone = NULL};
    struct bf_error err = {0};

    if (bf_cron_parse(cron, &s, &err)) {
        CLAIM(err.words[0] && strcmp(err.field, "cron") == 0);
    } else {
        s.zone = bf_tz_new(rest ? rest : "Europe/Berlin");
        if (s.zone)
            ask(&s);
    }
    bf_schedule_release(&s);
    free(text);
    return 0;
}
