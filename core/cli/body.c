/* body.c - bodies of requests, from options, KEY=VALUE operands, files and the terminal. */
#include "core/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/crypto.h"

#define FILE_MAX   (256 * 1024 * 1024)
#define SECRET_MAX 65536
#define BODY_MAX   (64 * 1024 * 1024)

struct bf_body_member {
    struct bf_body_member *next;
    const char *path;
    const char *json;
};

void bf_body_set(struct bf_body *b, const char *path, const char *json)
{
    struct bf_body_member *m = bf_arena_new_of(b->arena, struct bf_body_member);

    bf_assert(m);
    m->path = path;
    m->json = json;
    *(b->last ? &b->last->next : &b->first) = m;
    b->last = m;
}

static const char *quote(struct bf_arena *a, const char *text)
{
    struct bf_buf b;
    const char *out;

    bf_buf_init(&b, BODY_MAX);
    bf_buf_json(&b, text);
    out = bf_arena_dup(a, bf_buf_text(&b));
    bf_buf_fini(&b);
    return out;
}

void bf_body_str(struct bf_body *b, const char *path, const char *text)
{
    bf_body_set(b, path, quote(b->arena, text));
}

static bool is_inside(const char *path, const char *prefix, size_t len)
{
    return strncmp(path, prefix, len) == 0;
}

/* Whether an earlier member began the same part: then it was printed there. */
static bool is_printed(const struct bf_body *b, const struct bf_body_member *m, size_t len)
{
    for (const struct bf_body_member *e = b->first; e != m; e = e->next)
        if (is_inside(e->path, m->path, len) && (e->path[len] == '.' || e->path[len] == '\0'))
            return true;
    return false;
}

/* The object of all members whose path begins with the prefix; of two with one path the last
 * counts. */
static void print_object(struct bf_body *b, const char *prefix, size_t len, struct bf_buf *out)
{
    bool any = false;

    bf_buf_addc(out, '{');
    for (const struct bf_body_member *m = b->first; m; m = m->next) {
        size_t part;
        const char *json = m->json;

        if (!is_inside(m->path, prefix, len))
            continue;
        part = len + strcspn(m->path + len, ".");
        if (is_printed(b, m, part))
            continue;
        if (any)
            bf_buf_addc(out, ',');
        any = true;
        bf_buf_json(out, bf_arena_ndup(b->arena, m->path + len, part - len));
        bf_buf_addc(out, ':');
        for (const struct bf_body_member *l = m->next; l; l = l->next)
            if (strcmp(l->path, m->path) == 0)
                json = l->json;
        if (m->path[part] == '.')
            print_object(b, m->path, part + 1, out);
        else
            bf_buf_adds(out, json);
    }
    bf_buf_addc(out, '}');
}

const char *bf_body_print(struct bf_body *b)
{
    struct bf_buf out;
    const char *text;

    bf_buf_init(&out, BODY_MAX);
    print_object(b, "", 0, &out);
    text = bf_arena_dup(b->arena, bf_buf_text(&out));
    bf_buf_fini(&out);
    return text;
}


/* --- from the command line ------------------------------------------------------------------ */

const char *bf_cli_file_name(const char *file)
{
    return strcmp(file, "-") == 0 ? "standard input" : file;
}

int bf_cli_read(struct bf_cli *c, const char *file, const char **text, size_t *len)
{
    bool standard = strcmp(file, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    char piece[65536];
    struct bf_buf b;
    ssize_t n;

    if (fd < 0)
        return bf_cli_fail(c, "cannot read %s: %s", file, strerror(errno));
    bf_buf_init(&b, FILE_MAX);
    while ((n = read(fd, piece, sizeof(piece))) > 0)
        bf_buf_add(&b, piece, (size_t)n);
    if (!standard)
        close(fd);
    *len = b.len;
    *text = bf_arena_ndup(c->arena, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
    if (n < 0)
        return bf_cli_fail(c, "cannot read %s: %s", file, strerror(errno));
    if (!bf_arena_ok(c->arena) || b.failed)
        return bf_cli_fail(c, "%s has more than %d MiB", file, FILE_MAX >> 20);
    return 0;
}

int bf_cli_read_body(struct bf_cli *c, const char *file, const char **text, size_t *len)
{
    if (strcmp(file, "-") != 0 && !strpbrk(file, "/.") && access(file, F_OK))
        return bf_cli_usage(c, "\"%s\" is neither a file nor KEY=VALUE", file);
    return bf_cli_read(c, file, text, len);
}

static int check_json(struct bf_cli *c, const char *what, const char *text)
{
    struct bf_error err;

    if (bf_json_parse(c->arena, text, strlen(text), &err))
        return 0;
    return bf_cli_usage(c, "%s is not JSON: %s; a text needs quotes of its own: '\"text\"'", what,
                        err.words);
}

static int read_if_file(struct bf_cli *c, const char **value)
{
    size_t len;

    if ((*value)[0] != '@')
        return 0;
    return bf_cli_read(c, *value + 1, value, &len);
}

/* KEY='{…}' is a text that only looks like what its author means. */
static void tell_of_text(struct bf_cli *c, const char *key, size_t len, const char *value)
{
    if ((*value == '{' || *value == '[') && bf_json_parse(c->arena, value, strlen(value), NULL))
        fprintf(stderr, "warning: %.*s is sent as a text; as JSON it would be written %.*s:=…\n",
                (int)len, key, (int)len, key);
}

int bf_cli_assign(struct bf_cli *c, struct bf_body *b, const char *under, const char *text)
{
    const char *equals = strchr(text, '='), *value, *path;
    size_t len = equals ? (size_t)(equals - text) : 0;
    bool json;
    int rc;

    if (!len || (len == 1 && text[0] == ':'))
        return bf_cli_usage(c, "\"%s\" is not of the form KEY=VALUE", text);
    json = text[len - 1] == ':';
    path = bf_arena_printf(c->arena, "%s%s%.*s", under ? under : "", under ? "." : "",
                           (int)(len - json), text);
    value = equals + 1;
    rc = read_if_file(c, &value);
    if (!rc && json)
        rc = check_json(c, path, value);
    if (rc)
        return rc;
    if (json) {
        bf_body_set(b, path, value);
    } else {
        tell_of_text(c, text, len, value);
        bf_body_str(b, path, value);
    }
    return 0;
}

void bf_body_list(struct bf_body *b, const char *path, const char *value)
{
    const char *out = "[";

    while (*value) {
        size_t len = strcspn(value, ",");

        out = bf_arena_printf(b->arena, "%s%s%s", out, out[1] ? "," : "",
                              quote(b->arena, bf_arena_ndup(b->arena, value, len)));
        value += len;
        value += strspn(value, ", ");
    }
    bf_body_set(b, path, bf_arena_printf(b->arena, "%s]", out));
}

static void add_setting(struct bf_body *b, const char *path, const char *value)
{
    size_t digits = strspn(value, "0123456789");

    if (strcmp(value, "null") == 0 || (digits && digits < 16 && !value[digits]))
        bf_body_set(b, path, value);
    else
        bf_body_str(b, path, value);
}

static int add_option(struct bf_cli *c, struct bf_body *b, const struct bf_given *g)
{
    const char *value = g->value;
    int rc;

    switch (g->row->use) {
    case BF_OPT_TEXT:
        bf_body_str(b, bf_cli_member(c, g->row), value);
        return 0;
    case BF_OPT_TRUE:
        bf_body_set(b, bf_cli_member(c, g->row), "true");
        return 0;
    case BF_OPT_LIST:
        bf_body_list(b, bf_cli_member(c, g->row), value);
        return 0;
    case BF_OPT_SETTING:
        add_setting(b, bf_cli_member(c, g->row), value);
        return 0;
    case BF_OPT_JSON:
        rc = read_if_file(c, &value);
        if (!rc)
            rc = check_json(c, bf_arena_printf(c->arena, "--%s", g->name), value);
        if (!rc)
            bf_body_set(b, bf_cli_member(c, g->row), value);
        return rc;
    default:
        return 0;
    }
}

int bf_cli_body(struct bf_cli *c, size_t first, struct bf_body *b)
{
    int rc = 0;

    b->arena = c->arena;
    for (size_t i = 0; i < c->n_given && !rc; i++)
        if (c->given[i].row)
            rc = add_option(c, b, &c->given[i]);
    for (size_t i = first; i < c->n_operands && !rc; i++)
        rc = bf_cli_assign(c, b, c->verb->under, c->operands[i]);
    return rc;
}


/* --- from the terminal ------------------------------------------------------------------------- */

/* Echo off while it is typed; a signal meanwhile leaves the terminal as it was. */
static bool read_line(FILE *from, char *line, size_t size, bool hidden)
{
    struct termios before, quiet;
    sigset_t ints, old;
    bool ok, changed = hidden && tcgetattr(fileno(from), &before) == 0;

    sigemptyset(&ints);
    sigaddset(&ints, SIGINT);
    sigaddset(&ints, SIGTERM);
    sigaddset(&ints, SIGTSTP);
    if (changed) {
        sigprocmask(SIG_BLOCK, &ints, &old);
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
        tcsetattr(fileno(from), TCSAFLUSH, &quiet);
    }
    ok = fgets(line, (int)size, from) != NULL;
    if (changed) {
        tcsetattr(fileno(from), TCSAFLUSH, &before);
        fputc('\n', stderr);
        sigprocmask(SIG_SETMASK, &old, NULL);
        if (ok && memchr(line, '\003', strlen(line)))   /* Ctrl-C, which we had to read */
            raise(SIGINT);
    }
    return ok;
}

int bf_cli_secret(struct bf_cli *c, const char *prompt, char **out)
{
    char *line = bf_zalloc(SECRET_MAX + 3);
    bool terminal = isatty(STDIN_FILENO);
    int rc = 0;

    if (terminal)
        fprintf(stderr, "%s", prompt);
    if (!read_line(stdin, line, SECRET_MAX + 3, terminal))
        line[0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    if (!*line)
        rc = bf_cli_fail(c, "nothing was given; type it, or send it to standard input");
    else if (strlen(line) > SECRET_MAX)
        rc = bf_cli_fail(c, "it is longer than %d bytes", SECRET_MAX);
    if (rc) {
        bf_wipe(line, SECRET_MAX + 3);
        free(line);
        return rc;
    }
    *out = line;
    return 0;
}

int bf_cli_confirm(struct bf_cli *c, const char *question)
{
    char line[32];

    if (bf_cli_flag(c, "yes"))
        return 0;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return bf_cli_usage(c, "it must be confirmed; without a terminal, by --yes");
    fprintf(stderr, "%s [y/N] ", question);
    if (fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y'))
        return 0;
    fprintf(stderr, "nothing was changed\n");
    return BF_EXIT_FAILED;
}
