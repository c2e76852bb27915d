/* config - a configuration file: whatever stands in it ends, within its memory, in settings or in words. */
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "core/script/config.h"

static int on_setting(void *arg, const char *name, const char *value, int line,
                      struct bf_error *err)
{
    (void)value;
    (void)err;
    CLAIM(*name && strlen(name) <= 64);
    CLAIM(line >= 0);
    ++*(unsigned *)arg;
    return BF_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("belfry.lua", 0);
    struct bf_error err = {0};
    unsigned n = 0;
    char path[40];

    CLAIM(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    CLAIM(!bf_config_read(path, on_setting, &n, &err) == !err.words[0]);
    close(fd);
    return 0;
}
