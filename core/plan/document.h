/* document.h - what a hub should have, as a file of automations says it.
 *
 *   {"manifest":"acme-vision",
 *    "teams":[{"name":"acme","organization":"default"}, …],
 *    "integrations":[{"team":"acme","name":"deployer","sink":"webhook","config":{…},
 *                     "secrets":["NAME"],"delivery":{"pace":"10/s"}}, …],
 *    "automations":[{"name":…,"scope":{…},"event":{…},"actions":[{"integration":"deployer",…}]}, …]}
 *
 * Things are as REST takes them, but known by their names: an action names its integration, which is
 * one of the team in its automation's scope, or "TEAM/NAME".  A secret is named and never held. */
#ifndef BF_DOCUMENT_H
#define BF_DOCUMENT_H

#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/json.h"

#define BF_DOCUMENT_THINGS   10000      /* in one document */
#define BF_MANIFEST_NAME_MAX 128        /* bytes */

/* In the order in which they are made: each may need those before it. */
enum bf_thing_kind { BF_THING_TEAM, BF_THING_INTEGRATION, BF_THING_AUTOMATION };
const char *bf_thing_name(enum bf_thing_kind kind);     /* "team", "integration", "automation" */

/* One that is described.  What is not of its kind is NULL, as is what was left out. */
struct bf_wanted {
    enum bf_thing_kind kind;
    unsigned index;             /* in the list of its kind */
    const char *entity;         /* whose it is; a team's own name */
    const char *name;
    const char *organization;   /* of a team */
    const char *sink;           /* of an integration, as those below */
    const struct bf_json *config;
    const struct bf_json *secrets;
    const struct bf_json *delivery;
    const struct bf_json *spec; /* of an automation */
};

struct bf_document {
    const char *manifest;
    const struct bf_wanted *things;     /* teams, then integrations, then automations */
    size_t n;
};

/* Check all that needs nothing but the text; what an automation says beyond its name and scope is
 * left to who parses it.  Errors name the field: "integrations[3].sink".  All of it lives in `a`,
 * and points into `json`. */
int bf_document_read(struct bf_arena *a, const struct bf_json *json, struct bf_document *out,
                     struct bf_error *err);

/* 1 to 128 letters, digits, - _ and ., with spaces only between them. */
bool bf_manifest_name_ok(const char *name);

#endif
