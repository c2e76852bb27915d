/* trigger.c - the table of triggers.
 *
 * A link that makes a new version in a registry is also a creation there, so artifact.link stands
 * in two rows.  UPDATE_ARTIFACT_ALIAS is not here: W&B itself refuses it for new automations. */
#include "core/rules/trigger.h"

#include <stddef.h>
#include <string.h>

#include "core/base/base.h"

#define NAMES                                                                                      \
    "CREATE_ARTIFACT, LINK_MODEL, UNLINK_ARTIFACT, ADD_ARTIFACT_ALIAS, ADD_ARTIFACT_TAG, "         \
    "REMOVE_ARTIFACT_TAG, ADD_COLLECTION_TAG, REMOVE_COLLECTION_TAG"

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

        if (strcmp(t->event, event_type) == 0)
            return t;
    }
    return NULL;
}

const char *bf_trigger_names(void) { return NAMES; }
