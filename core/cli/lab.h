/* lab.h - a hub of the command's own, in a temporary directory, that has what a file of automations
 * describes and sends nothing. */
#ifndef BF_LAB_H
#define BF_LAB_H

#include "core/cli/cli.h"

/* An automation of the file, in the hub. */
struct bf_lab_automation {
    const char *name;
    const char *id;
    int line;
};

struct bf_lab {
    struct bf_cli *c;
    const char *file;
    const struct bf_code *code;
    const struct bf_json *document;
    const struct bf_json *tests;        /* of the file, beside the document */
    struct bf_lab_automation *automations;
    size_t n_automations;
    char *dir;                  /* everything is in it */
    struct bf_lab_hub *hub;     /* while one runs */
    struct bf_lab_name *teams, *integrations;
};

/* Make the hub that others are copied from.  0, or an exit status after the words were said. */
int bf_lab_open(struct bf_lab *lab);
/* A fresh copy of it runs; one at a time. */
int bf_lab_begin(struct bf_lab *lab);
void bf_lab_end(struct bf_lab *lab);
void bf_lab_close(struct bf_lab *lab);          /* and its directory goes */

/* Publish an event as a test gives it; *id lives in the arena.  BF_OK, or err. */
int bf_lab_publish(struct bf_lab *lab, const struct bf_json *event, const char **id,
                   struct bf_error *err);

/* Whether the i-th action of an automation is meant by the name of its sink, or of its integration; NULL
 * means any. */
bool bf_lab_is_action(struct bf_lab *lab, const char *automation, int64_t i, const char *named);

#endif
