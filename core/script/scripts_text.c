/* scripts_text.c - scripts in files: found, looked at, read whole.
 *
 * Whoever saves a file may write it in pieces.  So a text counts only if the file was the same before
 * and after it was read, is not empty, and was not touched within the last moments; else it is looked
 * at again later.  (Saved by a rename, which is better, it is never seen half.) */
#include "core/script/scripts_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/base.h"

#define SETTLES_NS 100000000LL  /* how long ago the last write must be */

bool bf_script_name_ok(const char *name)
{
    size_t stem = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

    return stem > 0 && strcmp(name + stem, ".lua") == 0 && strlen(name) <= BF_HOOK_FILE_MAX;
}

void script_text_set(struct script_text *t, const char *text, size_t len)
{
    t->text = bf_zalloc(len + 1);
    memcpy(t->text, text, len);
    t->len = len;
    bf_hook_hash(text, len, t->hash);
}

void script_text_fini(struct script_text *t)
{
    free(t->text);
    *t = (struct script_text){0};
}

bool script_text_changed(const struct seen *a, const struct seen *b)
{
    return a->there != b->there || a->shipped != b->shipped || a->mtime_ns != b->mtime_ns ||
           a->size != b->size || a->inode != b->inode || a->device != b->device;
}

static void fill_seen(struct seen *seen, const struct stat *st, bool shipped)
{
    *seen = (struct seen){
        .there = true,
        .shipped = shipped,
        .mtime_ns = st->st_mtim.tv_sec * 1000000000LL + st->st_mtim.tv_nsec,
        .size = st->st_size,
        .inode = st->st_ino,
        .device = st->st_dev,
    };
}

static bool make_path(char *path, size_t len, const char *dir, const char *name)
{
    return dir && bf_script_name_ok(name) &&
           (size_t)snprintf(path, len, "%s/%s", dir, name) < len;
}

static bool see_in(const char *dir, const char *name, bool shipped, struct seen *out)
{
    char path[4096];
    struct stat st;

    if (!make_path(path, sizeof(path), dir, name) || stat(path, &st))
        return false;
    fill_seen(out, &st, shipped);
    return true;
}

void script_text_see(const char *dir, const char *shipped, const char *name, struct seen *out)
{
    if (!see_in(dir, name, false, out) && !see_in(shipped, name, true, out))
        *out = (struct seen){0};
}

static bool is_settled(const struct seen *seen)
{
    struct timespec now;
    int64_t age;

    clock_gettime(CLOCK_REALTIME, &now);        /* what files are stamped with, about */
    age = now.tv_sec * 1000000000LL + now.tv_nsec - seen->mtime_ns;
    return age < 0 || age > SETTLES_NS;
}

static ssize_t read_all(int fd, char *text, size_t max)
{
    size_t len = 0;
    ssize_t n;

    while (len < max && (n = read(fd, text + len, max - len)) != 0) {
        if (n > 0)
            len += (size_t)n;
        else if (errno != EINTR)
            return -1;
    }
    return (ssize_t)len;
}

static enum script_read read_open(int fd, bool shipped, const char *path, bool in_haste,
                                  struct seen *seen, struct script_text *out,
                                  struct bf_error *err)
{
    static const size_t max = BF_HOOK_CODE_MAX + 1;
    struct seen after = {0};
    enum script_read got = SCRIPT_READ;
    struct stat st;
    ssize_t len;
    char *text;

    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        bf_error_set(err, BF_ECONFIG, "%s is no file", path);
        return SCRIPT_UNREADABLE;
    }
    fill_seen(seen, &st, shipped);
    if (seen->size == 0 || (!in_haste && !is_settled(seen)))
        return SCRIPT_NOT_YET;
    text = bf_zalloc(max);
    len = read_all(fd, text, max);
    if (len >= 0 && fstat(fd, &st) == 0)
        fill_seen(&after, &st, shipped);
    if (len < 0) {
        bf_error_set(err, BF_ECONFIG, "cannot read %s: %s", path, strerror(errno));
        got = SCRIPT_UNREADABLE;
    } else if (len > BF_HOOK_CODE_MAX) {
        bf_error_set(err, BF_ECONFIG, "%s is longer than %d bytes", path, BF_HOOK_CODE_MAX);
        got = SCRIPT_UNREADABLE;
    } else if (script_text_changed(seen, &after) || len != seen->size) {
        got = SCRIPT_NOT_YET;
    } else {
        script_text_set(out, text, (size_t)len);
    }
    free(text);
    return got;
}

/* O_NONBLOCK is for what is no file: nobody may write to a pipe. */
static enum script_read read_in(const char *dir, const char *name, bool shipped, bool in_haste,
                                struct seen *seen, struct script_text *out, struct bf_error *err)
{
    char path[4096];
    enum script_read got;
    int fd;

    if (!make_path(path, sizeof(path), dir, name))
        return SCRIPT_NOT_THERE;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return SCRIPT_NOT_THERE;
    if (fd < 0) {
        bf_error_set(err, BF_ECONFIG, "cannot read %s: %s", path, strerror(errno));
        see_in(dir, name, shipped, seen);
        return SCRIPT_UNREADABLE;
    }
    got = read_open(fd, shipped, path, in_haste, seen, out, err);
    close(fd);
    return got;
}

enum script_read script_text_read(const char *dir, const char *shipped, const char *name,
                                  bool in_haste, struct seen *seen, struct script_text *out,
                                  struct bf_error *err)
{
    enum script_read got;

    *seen = (struct seen){0};
    got = read_in(dir, name, false, in_haste, seen, out, err);
    if (got == SCRIPT_NOT_THERE)
        got = read_in(shipped, name, true, in_haste, seen, out, err);
    return got;
}
