/* people.h - users and keys made, with the record of it: for REST, and for the command that adds
 * some while no hub runs. */
#ifndef BF_PEOPLE_H
#define BF_PEOPLE_H

#include "core/base/tree.h"
#include "core/bus/bus.h"
#include "core/team/team.h"

/* These go inside apply; the directory is refreshed after the commit by who posted it.  [engine] */

int bf_people_put_user(struct bf_tx *tx, const char *name, struct bf_user_put *put,
                       const char *author, struct bf_error *err);
/* Time and id are filled in.  The user must be there. */
int bf_people_add_key(struct bf_team *t, struct bf_tx *tx, const char *text, struct bf_key *key,
                      const char *author, struct bf_error *err);
/* bf_bus_record() of a tree, which it frees. */
int bf_people_record(struct bf_tx *tx, const char *type, const char *entity, const char *author,
                     struct bf_tree *data, struct bf_error *err);

/* "ingest" of BF_INGEST, by their number; NULL behind the last.  And the bits of names. */
const char *bf_right_name(size_t i);
unsigned bf_right_parse(const char *name);      /* 0 if it is none */
void bf_people_rights(struct bf_tree *t, const char *name, unsigned rights);    /* as an array */

#endif
