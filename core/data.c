/* data.c - a data directory: its lock, and what the rules must know of it. */
#include "core/data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/team/team.h"

int bf_data_lock(const char *dir, int *lock_fd, char db_path[BF_DATA_PATH_MAX],
                 struct bf_error *err)
{
    if (mkdir(dir, 0700) && errno != EEXIST)
        return bf_error_field(err, BF_EIO, "data", "cannot make the data directory %s: %s", dir,
                              strerror(errno));
    snprintf(db_path, BF_DATA_PATH_MAX, "%s/lock", dir);
    *lock_fd = open(db_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*lock_fd < 0)
        return bf_error_field(err, BF_EIO, "data", "cannot write to the data directory %s: %s",
                              dir, strerror(errno));
    if (flock(*lock_fd, LOCK_EX | LOCK_NB))
        return bf_error_field(err, BF_EEXIST, "data", "another hub is running in %s; stop it, or"
                              " choose another directory with --data", dir);
    snprintf(db_path, BF_DATA_PATH_MAX, "%s/belfry.db", dir);
    return BF_OK;
}

static bool place_entity(void *arg, const struct bf_entity *e)
{
    char own[BF_ENTITY_NAME_MAX + 1];

    bf_organization_entity(own, e->organization);
    if (*own)
        bf_bus_place(arg, e->name, own);
    return true;
}

int bf_data_place_teams(struct bf_db *db, struct bf_bus *bus, struct bf_error *err)
{
    int rc = bf_team_list_entities(db, "", place_entity, bus);

    return rc ? bf_error_set(err, rc, "cannot read the teams: %s", bf_db_words(db)) : BF_OK;
}
