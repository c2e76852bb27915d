/* trigger.c - the table of triggers.
 *
 * A link that makes a new version in a registry is also a creation there, so artifact.link stands
 * in two rows.  UPDATE_ARTIFACT_ALIAS is not here: W&B itself refuses it for new automations; nor is
 * WEAVE_METRIC_THRESHOLD, as nothing sends such events. */
#include "core/rules/trigger.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "core/base/base.h"
#include "core/event/envelope.h"

#define NAMES                                                                                      \
    "CREATE_ARTIFACT, LINK_MODEL, UNLINK_ARTIFACT, ADD_ARTIFACT_ALIAS, ADD_ARTIFACT_TAG, "         \
    "REMOVE_ARTIFACT_TAG, ADD_COLLECTION_TAG, REMOVE_COLLECTION_TAG, RUN_METRIC, "                 \
    "RUN_METRIC_CHANGE, RUN_METRIC_ZSCORE, RUN_STATE, RUN_ALERT, SCHEDULE, ABSENCE"

static const struct bf_trigger triggers[] = {
    {"CREATE_ARTIFACT", "artifact.create", "CREATE_ARTIFACT", false, NULL},
    {"CREATE_ARTIFACT", "artifact.link", "CREATE_ARTIFACT", true, NULL},
    {"LINK_MODEL", "artifact.link", "LINK_ARTIFACT", false, "alias"},
    {"UNLINK_ARTIFACT", "artifact.unlink", "UNLINK_ARTIFACT", false, NULL},
    {"ADD_ARTIFACT_ALIAS", "artifact.alias.add", "ADD_ARTIFACT_ALIAS", false, "alias"},
    {"ADD_ARTIFACT_TAG", "artifact.tag.add", "ADD_ARTIFACT_TAG", false, "tag"},
    {"REMOVE_ARTIFACT_TAG", "artifact.tag.remove", "REMOVE_ARTIFACT_TAG", false, "tag"},
    {"ADD_COLLECTION_TAG", "collection.tag.add", "ADD_COLLECTION_TAG", false, "tag"},
    {"REMOVE_COLLECTION_TAG", "collection.tag.remove", "REMOVE_COLLECTION_TAG", false, "tag"},
    {"RUN_METRIC", "run.metric", "RUN_METRIC", false, "metric"},
    {"RUN_METRIC_CHANGE", "run.metric", "RUN_METRIC_CHANGE", false, "metric"},
    {"RUN_METRIC_ZSCORE", "run.metric", "RUN_METRIC_ZSCORE", false, "metric"},
    {"RUN_STATE", "run.state", "RUN_STATE", false, "state"},
    {"RUN_ALERT", "run.alert", "RUN_ALERT", false, NULL},
    {"SCHEDULE", "schedule.tick", "SCHEDULE", false, NULL},
    {"ABSENCE", "clock.advance", "ABSENCE", false, NULL},
};

const struct bf_trigger *bf_trigger_by_wire(const char *wire)
{
    for (size_t i = 0; i < BF_COUNT(triggers); i++) {
        if (strcmp(triggers[i].wire, wire) == 0)
            return &triggers[i];
    }
    return NULL;
}

const struct bf_trigger *bf_trigger_of_event(const char *event_type, unsigned *at)
{
    while (*at < BF_COUNT(triggers)) {
        const struct bf_trigger *t = &triggers[(*at)++];

        if (*t->event == *event_type && strcmp(t->event, event_type) == 0)     /* mostly not */
            return t;
    }
    return NULL;
}

const char *bf_trigger_names(void) { return NAMES; }

bool bf_is_of_run(const char *awaited)
{
    return strncmp(awaited, "run.", 4) == 0 || strcmp(awaited, "run") == 0;
}

bool bf_trigger_of_run(const struct bf_trigger *t) { return strncmp(t->event, "run.", 4) == 0; }

/* Families whose types are W&B's, or the clock's. */
static const char *const families[] = {"artifact.", "collection.", "run.", "schedule.", "clock."};

static int unknown(const char *type, struct bf_error *err)
{
    return bf_error_set(err, BF_ECONFIG, "unknown event type \"%.80s\"; known are " NAMES ", and"
                        " types of your own such as \"ci.finished\"", type);
}

static int in_family(const char *type, const char *family, struct bf_error *err)
{
    unsigned at = 0;
    const struct bf_trigger *t = bf_trigger_of_event(type, &at);

    if (t && t->registry_only)
        t = bf_trigger_of_event(type, &at);
    if (t)
        return bf_error_set(err, BF_ECONFIG, "use %s, which is the trigger for %s", t->wire, type);
    if (strcmp(type, "run.heartbeat") == 0)
        return bf_error_set(err, BF_ECONFIG, "there is no trigger for run.heartbeat; ABSENCE fires"
                                             " when it stays away");
    return bf_error_set(err, BF_ECONFIG, "there is no trigger for %.40s; of \"%s\" there are others"
                        " among " NAMES ", and types of your own such as \"ci.finished\"", type,
                        family);
}

int bf_trigger_check_type(const char *type, struct bf_error *err)
{
    if (strcmp(type, "UPDATE_ARTIFACT_ALIAS") == 0)
        return bf_error_set(err, BF_ECONFIG, "UPDATE_ARTIFACT_ALIAS is no longer available; use "
                                             "ADD_ARTIFACT_ALIAS");
    if (strcmp(type, "WEAVE_METRIC_THRESHOLD") == 0)
        return bf_error_set(err, BF_ECONFIG, "WEAVE_METRIC_THRESHOLD is not available: no source"
                                             " sends metrics of Weave; for those of runs there is"
                                             " RUN_METRIC");
    if (strcmp(type, "RUN_METRIC_THRESHOLD") == 0)
        return bf_error_set(err, BF_ECONFIG, "RUN_METRIC_THRESHOLD is written RUN_METRIC");
    for (size_t i = 0; i < BF_COUNT(triggers); i++) {
        if (strcasecmp(triggers[i].wire, type) == 0)
            return bf_error_set(err, BF_ECONFIG, "\"%s\" is written %s", type, triggers[i].wire);
    }
    for (size_t i = 0; i < BF_COUNT(families); i++) {
        if (strncmp(type, families[i], strlen(families[i])) == 0)
            return in_family(type, families[i], err);
    }
    return bf_type_ok(type) ? BF_OK : unknown(type, err);
}
