/* master.c - the master key's file: 32 random bytes in DATA/master.key, mode 0600, and nowhere else.
 *
 * A key that was lost or half written would make every secret unreadable.  So a new one is written
 * beside its place, synced, and only then linked into it: at each moment there is either no
 * master.key or a whole one, and one that is there is replaced by a whole one or not at all.  A key
 * that other users of the machine could read is refused rather than used. */
#include "core/team/team_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int system_error(struct bf_error *err, const char *what, const char *path)
{
    return bf_error_set(err, BF_EIO, "cannot %s %s: %s", what, path, strerror(errno));
}

static int sync_dir(const char *dir, struct bf_error *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = BF_OK;

    if (fd < 0 || fsync(fd))
        rc = system_error(err, "sync the directory", dir);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int write_whole(const char *path, const uint8_t key[BF_KEY_LEN], struct bf_error *err)
{
    int fd;
    int rc = BF_OK;

    if (unlink(path) && errno != ENOENT)        /* of a start that was interrupted */
        return system_error(err, "remove", path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return system_error(err, "make", path);
    if (write(fd, key, BF_KEY_LEN) != BF_KEY_LEN || fsync(fd))
        rc = system_error(err, "write", path);
    if (close(fd) && !rc)
        rc = system_error(err, "write", path);
    return rc;
}

static int make(const char *dir, const char *path, uint8_t key[BF_KEY_LEN], struct bf_error *err)
{
    char fresh[PATH_MAX + 8];
    int rc;

    snprintf(fresh, sizeof(fresh), "%s.new", path);
    bf_random(key, BF_KEY_LEN);
    rc = write_whole(fresh, key, err);
    if (!rc && link(fresh, path))
        rc = system_error(err, "make", path);
    unlink(fresh);
    return rc ? rc : sync_dir(dir, err);
}

static int check_file(int fd, const char *path, struct bf_error *err)
{
    struct stat st;

    if (fstat(fd, &st))
        return system_error(err, "look at", path);
    if (!S_ISREG(st.st_mode))
        return bf_error_set(err, BF_ECONFIG, "%s is not a file", path);
    if (st.st_mode & 077)
        return bf_error_set(err, BF_ECONFIG, "%s may be read by others (mode %03o); take that away"
                            " with chmod 600 %s", path, (unsigned)(st.st_mode & 0777), path);
    if (st.st_size != BF_KEY_LEN)
        return bf_error_set(err, BF_ECONFIG, "%s has %lld bytes instead of %d, so it is not the"
                            " master key; put the file back from your backup", path,
                            (long long)st.st_size, BF_KEY_LEN);
    return BF_OK;
}

static int read_key(int fd, const char *path, uint8_t key[BF_KEY_LEN], struct bf_error *err)
{
    int rc = check_file(fd, path, err);

    if (!rc && read(fd, key, BF_KEY_LEN) != BF_KEY_LEN)
        rc = system_error(err, "read", path);
    return rc;
}

int bf_master_load(const char *data_dir, bool may_make, uint8_t out[BF_KEY_LEN],
                   struct bf_error *err)
{
    char path[PATH_MAX];
    int fd, rc;

    if (snprintf(path, sizeof(path), "%s/master.key", data_dir) >= (int)sizeof(path))
        return bf_error_set(err, BF_ECONFIG, "the data directory's path is too long");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return system_error(err, "open", path);
    if (fd < 0 && !may_make)
        return bf_error_set(err, BF_ECONFIG, "%s is missing, and the database holds secrets and"
                            " keys that were made with it; put the file back from your backup",
                            path);
    if (fd < 0)
        return make(data_dir, path, out, err);
    rc = read_key(fd, path, out, err);
    close(fd);
    return rc;
}


/* --- the next one ------------------------------------------------------------------ */

static int next_path(const char *data_dir, char out[PATH_MAX], struct bf_error *err)
{
    if (snprintf(out, PATH_MAX, "%s/master.key.next", data_dir) < PATH_MAX)
        return BF_OK;
    return bf_error_set(err, BF_ECONFIG, "the data directory's path is too long");
}

int bf_master_write_next(const char *data_dir, const uint8_t key[BF_KEY_LEN],
                         struct bf_error *err)
{
    char path[PATH_MAX];
    int rc = next_path(data_dir, path, err);

    if (!rc)
        rc = write_whole(path, key, err);
    return rc ? rc : sync_dir(data_dir, err);
}

int bf_master_take_next(const char *data_dir, struct bf_error *err)
{
    char next[PATH_MAX], path[PATH_MAX];
    int rc = next_path(data_dir, next, err);

    if (rc)
        return rc;
    snprintf(path, sizeof(path), "%.*s", (int)(strlen(next) - strlen(".next")), next);
    if (rename(next, path))
        return system_error(err, "replace", path);
    return sync_dir(data_dir, err);
}

void bf_master_drop_next(const char *data_dir)
{
    char path[PATH_MAX];

    if (!next_path(data_dir, path, NULL))
        unlink(path);
}
