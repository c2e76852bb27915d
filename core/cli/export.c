/* export.c - `belfry export`: what a hub has, as a file of automations.
 *
 * Lua, as somebody might have written it, or the document itself as JSON. */
#include "core/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base.h"

#define TEXT_MAX (256 * 1024 * 1024)

static bool is_json(struct bf_cli *c, const char *file)
{
    size_t len = file ? strlen(file) : 0;

    return bf_cli_flag(c, "json") || (len >= 5 && strcmp(file + len - 5, ".json") == 0);
}

/* What could not be written down. */
static void say_warnings(struct bf_cli *c, const struct bf_json *list)
{
    for (const struct bf_json *w = bf_json_first(list); w; w = bf_json_next(list, w))
        fprintf(stderr, "warning: %s of %s \"%s\" of %s %s\n",
                bf_cli_text(c->arena, bf_json_get(w, "member")),
                bf_cli_text(c->arena, bf_json_get(w, "kind")),
                bf_cli_text(c->arena, bf_json_get(w, "name")),
                bf_cli_text(c->arena, bf_json_get(w, "team")),
                bf_cli_text(c->arena, bf_json_get(w, "message")));
}

/* Beside it first, so that an old one stays whole if something goes wrong. */
static int write_file(struct bf_cli *c, const char *file, const char *text, size_t len)
{
    const char *beside = bf_arena_printf(c->arena, "%s.new", file);
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool ok = fd >= 0;
    ssize_t n;

    for (; ok && len; text += n, len -= (size_t)n) {
        n = write(fd, text, len);
        ok = n > 0;
        n = ok ? n : 0;
    }
    if (fd >= 0 && close(fd))
        ok = false;
    if (ok && rename(beside, file) == 0)
        return 0;
    bf_cli_fail(c, "cannot write %s: %s", file, strerror(errno));
    if (fd >= 0)
        unlink(beside);
    return BF_EXIT_FAILED;
}

static int put(struct bf_cli *c, const char *file, const char *text, size_t len)
{
    if (file && strcmp(file, "-") != 0)
        return write_file(c, file, text, len);
    return bf_cli_print(c, text, len);
}

static int put_json(struct bf_cli *c, const char *file, const struct bf_json *document)
{
    struct bf_buf b;
    int rc;

    bf_buf_init(&b, TEXT_MAX);
    bf_put_json(&b, document, 0);
    bf_buf_addc(&b, '\n');
    rc = put(c, file, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
    return rc;
}

static int put_lua(struct bf_cli *c, const char *file, const struct bf_json *document)
{
    struct bf_error err;
    const char *raw;
    char *text;
    size_t len;
    int rc;

    raw = bf_json_raw(document, &len);
    text = bf_code_export(raw, len, &err);
    if (!text)
        return bf_cli_fail(c, "%s", err.words);
    rc = put(c, file, text, strlen(text));
    free(text);
    return rc;
}

int bf_cli_write(struct bf_cli *c)
{
    const char *file = bf_cli_value(c, "output"), *path = c->verb->path;
    const struct bf_json *document;
    struct bf_reply_text reply;
    int rc = bf_cli_connect(c);

    if (rc)
        return rc;
    if (c->team && !bf_cli_flag(c, "all"))
        path = bf_arena_printf(c->arena, "%s?team=%s", path, bf_cli_escape(c, c->team));
    rc = bf_cli_get(c, path, &reply);
    if (rc)
        return rc;
    document = bf_json_get(reply.json, "document");
    rc = is_json(c, file) ? put_json(c, file, document) : put_lua(c, file, document);
    if (!rc)
        say_warnings(c, bf_json_get(reply.json, "warnings"));
    return rc;
}
