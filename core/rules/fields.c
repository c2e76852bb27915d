/* fields.c - the table of the fields that a filter may ask for.
 *
 * A row says which events have the field and where it is.  A custom event may carry whatever an
 * envelope holds, so it has all of them; where the same word means one thing of an artifact and
 * another of a run, a custom event's is the artifact's, and a run's has a word of its own besides:
 * run_tags, run_user. */
#include "core/rules/filter_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/event/envelope.h"

/* The kinds of events, as bits. */
enum {
    OF_ARTIFACT = 1,            /* they are about a version */
    OF_ALIAS = 2,               /* an alias comes with it */
    OF_TAG = 4,
    OF_COLLECTION = 8,
    OF_RUN = 16,
    OF_ALERT = 32,              /* a run's */
    OF_CUSTOM = 64,
    OF_ALL = 127
};

#define ARTIFACT (OF_ARTIFACT | OF_CUSTOM)
#define NOT_RUN  (OF_ARTIFACT | OF_COLLECTION | OF_CUSTOM)
#define RUN      (OF_RUN | OF_CUSTOM)
#define ALERT    (OF_ALERT | OF_CUSTOM)
#define PLACE(m) offsetof(struct bf_envelope, m)

const struct field bf_fields[] = {
    {"alias", OF_ALIAS | OF_CUSTOM, A_TEXT, PLACE(alias), NULL, NULL, NULL, 0},
    {"tag", OF_TAG | OF_CUSTOM, A_TEXT, PLACE(tag), NULL, NULL, NULL, 0},
    {"artifact_type", ARTIFACT, A_TEXT, PLACE(artifact_type), NULL, NULL, NULL, 0},
    {"artifact_version", ARTIFACT, A_TEXT, 0, "artifact", "version", NULL, 0},
    {"aliases", ARTIFACT, TEXTS, 0, "artifact", "aliases", NULL, 0},
    {"tags", ARTIFACT, TEXTS, 0, "artifact", "tags", NULL, 0},
    {"metadata", ARTIFACT, ANYTHING, 0, "artifact", "metadata", "KEY", LONG},
    {"alert_title", ALERT, A_TEXT, 0, "alert", "title", NULL, 0},
    {"alert_text", ALERT, A_TEXT, 0, "alert", "text", NULL, LONG},
    {"alert_level", ALERT, A_TEXT, 0, "alert", "level", NULL, UPPER},
    {"display_name", RUN, A_TEXT, PLACE(run_name), NULL, NULL, NULL, 0},
    {"run_id", RUN, A_TEXT, PLACE(run_id), NULL, NULL, NULL, 0},
    {"username", OF_RUN, A_TEXT, 0, "run", "user", NULL, 0},
    {"run_user", OF_CUSTOM, A_TEXT, 0, "run", "user", NULL, 0},
    {"state", RUN, A_TEXT, 0, "run", "state", NULL, UPPER},
    {"tags", OF_RUN, TEXTS, 0, "run", "tags", NULL, 0},
    {"run_tags", OF_CUSTOM, TEXTS, 0, "run", "tags", NULL, 0},
    {"group", RUN, A_TEXT, 0, "run", "group", NULL, 0},
    {"job_type", RUN, A_TEXT, 0, "run", "job_type", NULL, 0},
    {"config", RUN, ANYTHING, 0, "run", "config", "KEY", LONG | WRAPPED},
    {"collection_name", NOT_RUN, A_TEXT, PLACE(collection), NULL, NULL, NULL, 0},
    {"project_name", OF_ALL, A_TEXT, PLACE(project), NULL, NULL, NULL, 0},
    {"entity", OF_ALL, A_TEXT, PLACE(entity), NULL, NULL, NULL, 0},
    {"author", OF_ALL, A_TEXT, PLACE(author), NULL, NULL, NULL, 0},
    {"source", OF_ALL, A_TEXT, PLACE(source), NULL, NULL, NULL, 0},
    {"data", OF_ALL, ANYTHING, 0, "data", NULL, "PATH", LONG},
};

/* Other words for the same, as clients of W&B know them. */
static const struct {
    const char *name;
    unsigned kinds;             /* of the events where they mean that */
    const char *field;
} synonyms[] = {
    {"user", NOT_RUN, "author"},
    {"username", NOT_RUN, "author"},
    {"user", OF_RUN, "username"},
    {"run_user", OF_RUN, "username"},
    {"run_tags", OF_RUN, "tags"},
    {"run_name", RUN, "display_name"},
    {"name", OF_RUN, "display_name"},
    {"entity_name", OF_ALL, "entity"},
};

unsigned bf_field_kinds(const char *event_type)
{
    unsigned kinds = 0;

    if (strncmp(event_type, "artifact.", 9) == 0)
        kinds |= OF_ARTIFACT;
    if (strncmp(event_type, "collection.", 11) == 0)
        kinds |= OF_COLLECTION;
    if (strncmp(event_type, "run.", 4) == 0)
        kinds |= OF_RUN;
    if (kinds == 0)
        return OF_CUSTOM;
    if (strcmp(event_type, "artifact.alias.add") == 0 || strcmp(event_type, "artifact.link") == 0)
        kinds |= OF_ALIAS;
    if (strstr(event_type, ".tag."))
        kinds |= OF_TAG;
    if (strcmp(event_type, "run.alert") == 0)
        kinds |= OF_ALERT;
    return kinds;
}

/* Whether `key` is the field's name, with a path behind it if it has one; *path is that. */
static bool is_named(const struct field *f, const char *key, const char **path)
{
    size_t len = strlen(f->name);

    if (strncmp(key, f->name, len) != 0)
        return false;
    *path = f->path ? key + len + 1 : NULL;
    return f->path ? key[len] == '.' && key[len + 1] : key[len] == '\0';
}

int bf_field_find(const char *key, unsigned kinds, const char **path)
{
    for (size_t i = 0; i < BF_COUNT(synonyms); i++) {
        if ((synonyms[i].kinds & kinds) && strcmp(synonyms[i].name, key) == 0) {
            key = synonyms[i].field;
            break;
        }
    }
    for (size_t i = 0; i < BF_COUNT(bf_fields); i++) {
        if ((bf_fields[i].kinds & kinds) && is_named(&bf_fields[i], key, path))
            return (int)i;
    }
    return -1;
}

void bf_field_names(unsigned kinds, char *out, size_t size)
{
    size_t at = 0;

    for (size_t i = 0; i < BF_COUNT(bf_fields) && at < size; i++) {
        const struct field *f = &bf_fields[i];

        if (f->kinds & kinds)
            at += (size_t)snprintf(out + at, size - at, "%s%s%s%s", at ? ", " : "", f->name,
                                   f->path ? "." : "", f->path ? f->path : "");
    }
}
