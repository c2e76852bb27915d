/* data.h - what whoever opens a data directory does: a hub, or a command while there is none. */
#ifndef BF_DATA_H
#define BF_DATA_H

#include "core/bus/bus.h"
#include "core/store/store.h"

#define BF_DATA_PATH_MAX 4096

/* Make the directory if it is not there, and hold it until *lock_fd is closed: two programs would
 * number their records alike.  BF_EEXIST if another one does.  db_path gets the database's path. */
int bf_data_lock(const char *dir, int *lock_fd, char db_path[BF_DATA_PATH_MAX],
                 struct bf_error *err);
/* Tell the rules where each team is.  Before the engine runs. */
int bf_data_place_teams(struct bf_db *db, struct bf_bus *bus, struct bf_error *err);

#endif
