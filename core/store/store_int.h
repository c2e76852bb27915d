/* store_int.h - what the files of store/ share. */
#ifndef BF_STORE_INT_H
#define BF_STORE_INT_H

#include "core/store/store.h"

const char *bf_db_path(const struct bf_db *db);

const char *bf_db_restriction(const struct bf_db *db);

/* Run one or more statements that are not worth keeping prepared; 0 or an error, as a step. */
int bf_db_exec(struct bf_db *db, const char *sql);

#endif
