/* cage.h - a process that gives away all it could do harm with. */
#ifndef BF_CAGE_H
#define BF_CAGE_H

#include <stdbool.h>

/* Whatever is open besides what the wire names is closed.  The first act. */
void bf_cage_close_all(void);

/* From here on: no new descriptors, files, sockets, processes or privileges; memory and CPU time are
 * limited; nobody can look in; the process ends with its hub.  False if a part that is needed for
 * that is not to be had. */
bool bf_cage_enter(void);

#endif
