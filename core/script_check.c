/* script_check.c - a file of hooks, looked at without a hub: it is loaded in a box of this process. */
#include <belfry/belfry.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/script/box.h"
#include "core/script/scripts.h"

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int read_file(const char *path, struct bf_buf *out, struct bf_error *err)
{
    FILE *f = fopen(path, "re");
    char block[4096];
    size_t n;
    int rc = BF_OK;

    if (!f)
        return bf_error_set(err, BF_ENOENT, "cannot read %s: %s", path, strerror(errno));
    while ((n = fread(block, 1, sizeof(block), f)) > 0)
        bf_buf_add(out, block, n);
    if (ferror(f))
        rc = bf_error_set(err, BF_EIO, "cannot read %s: %s", path, strerror(errno));
    else if (out->failed)
        rc = bf_error_set(err, BF_ETOOBIG, "%s is longer than %d bytes", path, BF_HOOK_CODE_MAX);
    fclose(f);
    return rc;
}

/* "filter and transform" */
static void list_hooks(unsigned has, char *out, size_t len)
{
    int n = 0;

    *out = '\0';
    for (int k = 0; k <= BF_HOOK_ON_EVENT; k++) {
        size_t at = strlen(out);

        if (!(has & (1u << k)))
            continue;
        snprintf(out + at, len - at, "%s%s", n++ ? " and " : "", bf_hook_name((enum bf_hook_kind)k));
    }
}

static int load(const char *path, const struct bf_buf *code, char *hooks, size_t len,
                struct bf_error *err)
{
    static const struct bf_box_limits limits = {BF_BOX_MEMORY, BF_BOX_INSTRUCTIONS};
    struct bf_box *box = bf_box_new(&limits, NULL, NULL);
    struct bf_script *script = NULL;
    int rc = bf_box_load(box, name_of(path), bf_buf_text(code), code->len, 0, &script, err);

    if (!rc && !bf_script_has(script))
        rc = bf_error_set(err, BF_ECONFIG, "%s returns a table without a filter, transform or"
                          " on_event", name_of(path));
    if (!rc)
        list_hooks(bf_script_has(script), hooks, len);
    bf_script_free(script);
    bf_box_free(box);
    return rc;
}

int bf_script_check(const char *path, char *hooks, size_t len, struct bf_error *err)
{
    struct bf_buf code;
    int rc;

    bf_buf_init(&code, BF_HOOK_CODE_MAX);
    rc = read_file(path, &code, err);
    if (!rc && !bf_script_name_ok(name_of(path)))
        rc = bf_error_set(err, BF_ECONFIG, "no hook can name %s: a script's name has letters,"
                          " digits, _ and -, and ends with .lua", name_of(path));
    if (!rc)
        rc = load(path, &code, hooks, len, err);
    bf_buf_fini(&code);
    return rc;
}
