/* fields.c - the table of the fields that a filter may ask for.
 *
 * A row says which events have the field and where it is.  A custom event may carry whatever an
 * envelope holds, so it has all of them. */
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
    OF_CUSTOM = 16,
    OF_ALL = 31
};

#define ARTIFACT (OF_ARTIFACT | OF_CUSTOM)
#define PLACE(m) offsetof(struct bf_envelope, m)

const struct field bf_fields[] = {
    {"alias", OF_ALIAS | OF_CUSTOM, A_TEXT, PLACE(alias), NULL, NULL, NULL},
    {"tag", OF_TAG | OF_CUSTOM, A_TEXT, PLACE(tag), NULL, NULL, NULL},
    {"artifact_type", ARTIFACT, A_TEXT, PLACE(artifact_type), NULL, NULL, NULL},
    {"artifact_version", ARTIFACT, A_TEXT, 0, "artifact", "version", NULL},
    {"aliases", ARTIFACT, TEXTS, 0, "artifact", "aliases", NULL},
    {"tags", ARTIFACT, TEXTS, 0, "artifact", "tags", NULL},
    {"metadata", ARTIFACT, ANYTHING, 0, "artifact", "metadata", "KEY"},
    {"collection_name", OF_ALL, A_TEXT, PLACE(collection), NULL, NULL, NULL},
    {"project_name", OF_ALL, A_TEXT, PLACE(project), NULL, NULL, NULL},
    {"entity", OF_ALL, A_TEXT, PLACE(entity), NULL, NULL, NULL},
    {"author", OF_ALL, A_TEXT, PLACE(author), NULL, NULL, NULL},
    {"source", OF_ALL, A_TEXT, PLACE(source), NULL, NULL, NULL},
    {"data", OF_ALL, ANYTHING, 0, "data", NULL, "PATH"},
};

/* Other words for the same, as clients of W&B know them. */
static const struct {
    const char *name, *field;
} synonyms[] = {
    {"user", "author"},
    {"username", "author"},
    {"entity_name", "entity"},
};

unsigned bf_field_kinds(const char *event_type)
{
    unsigned kinds = 0;

    if (strncmp(event_type, "artifact.", 9) == 0)
        kinds |= OF_ARTIFACT;
    if (strncmp(event_type, "collection.", 11) == 0)
        kinds |= OF_COLLECTION;
    if (kinds == 0)
        return OF_CUSTOM;
    if (strcmp(event_type, "artifact.alias.add") == 0 || strcmp(event_type, "artifact.link") == 0)
        kinds |= OF_ALIAS;
    if (strstr(event_type, ".tag."))
        kinds |= OF_TAG;
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
        if (strcmp(synonyms[i].name, key) == 0)
            key = synonyms[i].field;
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
