/* sample.c - made-up events, and what a rule would have measured of them: for trying an action before
 * anything has happened.
 *
 * Each has what its kind has, so that a payload is tried with values where it will have some. */
#include <string.h>

#include "core/plugin/host.h"
#include "core/rules/trigger.h"

#define TRY_BYTES_MAX (1024 * 1024)

#define RUN                                                                                        \
    ",\"run\":{\"id\":\"sample\",\"name\":\"sample-1\",\"user\":\"sample\",\"state\":\"FINISHED\"}"
#define VERSION                                                                                    \
    ",\"collection\":\"sample\",\"author\":\"sample\",\"artifact\":{\"id\":\"c2FtcGxl\","             \
    "\"version\":\"v1\",\"type\":\"model\",\"metadata\":{},\"aliases\":[],\"tags\":[]}"

/* By how its type begins; the first that fits. */
static const struct {
    const char *type;
    const char *members;
} kinds[] = {
    {"artifact.alias.", VERSION ",\"alias\":\"production\""},
    {"artifact.tag.", VERSION ",\"tag\":\"reviewed\""},
    {"collection.tag.", VERSION ",\"tag\":\"reviewed\""},
    {"run.metric", RUN ",\"metrics\":[{\"name\":\"accuracy\",\"step\":5,\"value\":0.75}]"},
    {"run.alert", RUN ",\"alert\":{\"title\":\"sample\",\"text\":\"sample\",\"level\":\"WARN\"}"},
    {"run.", ",\"author\":\"sample\"" RUN},
    {"schedule.", ",\"data\":{\"automation\":\"sample\",\"occurrence\":\"2026-01-01T09:00:00.000Z\","
                  "\"late\":false,\"missed\":0}"},
    {"clock.", RUN ",\"data\":{\"automation\":\"sample\",\"due\":\"2026-01-01T09:30:00.000Z\","
               "\"last\":\"2026-01-01T09:00:00.000Z\",\"for\":\"30m\",\"of\":\"run.metric\"}"},
    {"", VERSION},
};

/* What the worked examples measure. */
static const struct {
    const char *trigger;
    const char *facts;
} facts[] = {
    {"RUN_METRIC", "{\"metric\":\"accuracy\",\"values\":[0.65],\"step\":5,\"filter\":\"AVERAGE of last 5"
                   " values of accuracy > 0.6\",\"short\":\"avg(accuracy) > 0.6\",\"threshold\":0.6,"
                   "\"op\":\">\"}"},
    {"RUN_METRIC_CHANGE", "{\"metric\":\"accuracy\",\"values\":[0.4,0.55],\"step\":5,\"filter\":"
                          "\"AVERAGE of accuracy decreases by at least 25%\",\"short\":"
                          "\"AVERAGE(accuracy) decreases 25.00%\",\"threshold\":0.25}"},
    {"RUN_METRIC_ZSCORE", "{\"metric\":\"accuracy\",\"values\":[4.49],\"step\":5,\"filter\":"
                          "\"z-score of accuracy over 30 values at least 2 in either direction\","
                          "\"short\":\"abs(zscore('accuracy')) > 2.0\",\"threshold\":2}"},
    {"RUN_STATE", "{\"from\":\"RUNNING\",\"to\":\"FINISHED\"}"},
};

int bf_sample_event(const char *trigger, const char *entity, struct bf_envelope **out,
                    struct bf_error *err)
{
    const struct bf_trigger *t = bf_trigger_by_wire(trigger);
    const char *type = t ? t->event : trigger, *text;
    struct bf_arena *a = bf_arena_new(TRY_BYTES_MAX);
    size_t i = 0;
    int rc;

    while (strncmp(type, kinds[i].type, strlen(kinds[i].type)) != 0)
        i++;
    text = bf_arena_printf(a, "{\"type\":\"%s\",\"entity\":\"%s\",\"project\":\"sample\"%s}", type, entity,
                           kinds[i].members);
    rc = bf_envelope_parse(a, text, strlen(text), BF_FROM_HUB, out, err);
    bf_arena_free(a);
    return rc;
}

void bf_sample_facts(const char *trigger, const char **out, size_t *len)
{
    *out = NULL;
    *len = 0;
    for (size_t i = 0; trigger && i < BF_COUNT(facts); i++) {
        if (strcmp(facts[i].trigger, trigger) != 0)
            continue;
        *out = facts[i].facts;
        *len = strlen(*out);
    }
}
