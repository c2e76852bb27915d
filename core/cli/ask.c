/* ask.c - which hub is asked, with whose key, and what is said when it refuses.
 *
 * Address, key and team come from options, the environment, or the login file that `belfry login`
 * wrote; the first that has one counts.  A key from the file goes to the address that stands beside
 * it and to no other.  Keys are never options: every user of the machine can read those. */
#include "core/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/crypto.h"

#define DEFAULT_URL "http://127.0.0.1:8320"
#define KEY_NAME    "BELFRY_API_KEY"
#define LOGIN_MAX   65536

struct login {
    const char *url;
    const char *key;
    const char *team;
};

const char *bf_cli_login_path(struct bf_cli *c)
{
    const char *config = bf_cli_env("XDG_CONFIG_HOME"), *home = bf_cli_env("HOME");

    if (config)
        return bf_arena_printf(c->arena, "%s/belfry/login.json", config);
    return home ? bf_arena_printf(c->arena, "%s/.config/belfry/login.json", home) : NULL;
}

static const char *member(struct bf_cli *c, const struct bf_json *json, const char *name)
{
    return bf_json_str(c->arena, bf_json_get(json, name));
}

/* No file is an empty one.  One that others may read holds a key that is none any more. */
static int read_login(struct bf_cli *c, struct login *out)
{
    const char *path = bf_cli_login_path(c);
    char text[LOGIN_MAX];
    const struct bf_json *json;
    struct bf_error err;
    struct stat st;
    ssize_t len;
    int fd;

    *out = (struct login){NULL, NULL, NULL};
    fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    if (fstat(fd, &st) || (st.st_mode & 077)) {
        close(fd);
        return bf_cli_fail(c, "%s may be read by others; do: chmod 600 %s, and think of a new key",
                           path, path);
    }
    len = read(fd, text, sizeof(text));
    close(fd);
    json = len > 0 ? bf_json_parse(c->arena, bf_arena_ndup(c->arena, text, (size_t)len),
                                   (size_t)len, &err) : NULL;
    bf_wipe(text, sizeof(text));
    if (!json)
        return bf_cli_fail(c, "%s cannot be read; write it anew with: belfry login", path);
    *out = (struct login){member(c, json, "url"), member(c, json, "key"), member(c, json, "team")};
    return 0;
}

static bool same_url(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);

    while (la && a[la - 1] == '/')
        la--;
    while (lb && b[lb - 1] == '/')
        lb--;
    return la == lb && strncmp(a, b, la) == 0;
}

static const char *first_of(const char *a, const char *b, const char *d)
{
    return a ? a : b ? b : d;
}

static int open_remote(struct bf_cli *c, const char *key)
{
    struct bf_remote_options o = {.size = sizeof(o), .url = c->url, .key = key};
    struct bf_error err;

    o.ca_file = first_of(bf_cli_value(c, "ca-file"), bf_cli_env("BELFRY_CA_FILE"), NULL);
    if (bf_remote_open(&o, &c->remote, &err))
        return bf_cli_usage(c, "%s", err.words);
    return 0;
}

int bf_cli_connect(struct bf_cli *c)
{
    const char *given = first_of(bf_cli_value(c, "url"), bf_cli_env("BELFRY_URL"), NULL);
    const char *key = bf_cli_env(KEY_NAME);
    struct login login;
    int rc;

    if (c->remote)
        return 0;
    rc = read_login(c, &login);
    if (rc)
        return rc;
    c->url = first_of(given, login.url, DEFAULT_URL);
    c->team = first_of(bf_cli_value(c, "team"), bf_cli_env("BELFRY_TEAM"), NULL);
    c->key_from = key ? KEY_NAME : NULL;
    if (login.url && same_url(c->url, login.url)) {
        if (!key && login.key) {
            key = login.key;
            c->key_from = bf_cli_login_path(c);
        }
        c->team = first_of(c->team, login.team, NULL);
    }
    return open_remote(c, key);
}


/* --- questions and answers -------------------------------------------------------------- */

int bf_cli_try(struct bf_cli *c, const struct bf_remote_request *q, struct bf_reply_text *out,
               struct bf_error *err)
{
    struct bf_remote_answer answer = {.size = sizeof(answer)};
    int rc = bf_remote_call(c->remote, q, &answer, err);

    *out = (struct bf_reply_text){.status = answer.status, .len = answer.body_len};
    out->text = bf_arena_ndup(c->arena, answer.body, answer.body_len);
    if (answer.body_len)
        out->json = bf_json_parse(c->arena, out->text, out->len, NULL);
    return rc;
}

static int no_key(struct bf_cli *c)
{
    if (strcmp(c->verb->name, "login") == 0 || (c->key_from && strcmp(c->key_from, KEY_NAME) == 0))
        return bf_cli_fail(c, "the hub at %s does not know the key from %s (any more); an admin makes"
                           " another with: belfry keys create USER", c->url, c->key_from);
    if (c->key_from)
        return bf_cli_fail(c, "the hub at %s does not know the key from %s (any more); get another"
                           " with: belfry login %s", c->url, c->key_from, c->url);
    return bf_cli_fail(c, "the hub at %s wants a key, and there is none; keep one with: belfry login"
                       " %s, or give it in BELFRY_API_KEY", c->url, c->url);
}

/* Did the body come from options, one of which is called so? */
static bool is_option(const struct bf_cli *c, const char *name)
{
    const struct bf_option_row *rows;
    const char *last = c->n_operands ? c->operands[c->n_operands - 1] : "=";

    for (size_t t = 0; strchr(last, '=') && (rows = bf_verb_options(c->verb, t)); t++)
        for (; rows->name; rows++)
            if (strcmp(rows->name, name) == 0)
                return true;
    return false;
}

/* The hub's words may be longer than a struct bf_error. */
int bf_cli_complain(struct bf_cli *c, int rc, const struct bf_reply_text *reply,
                    const struct bf_error *err)
{
    const char *words = bf_json_str(c->arena, bf_json_at(reply->json, "/error/message"));

    words = bf_cli_hints(c, words ? words : err->words);
    if (reply->status == 401) {
        no_key(c);
        return BF_EXIT_DENIED;
    }
    if (reply->status && err->field[0] && !strstr(words, err->field))
        bf_cli_fail(c, "%s: %s", err->field, words);
    else if (reply->status == 400 && err->field[0] && is_option(c, err->field) &&
             strncmp(words, err->field, strlen(err->field)) == 0)
        bf_cli_fail(c, "--%s", words);
    else
        bf_cli_fail(c, "%s", words);
    if (reply->status == 0)
        return rc == BF_ECONFIG ? BF_EXIT_USAGE : BF_EXIT_NO_HUB;
    if (reply->status == 403)
        return BF_EXIT_DENIED;
    return reply->status == 404 ? BF_EXIT_MISSING : BF_EXIT_FAILED;
}

int bf_cli_ask(struct bf_cli *c, const struct bf_remote_request *q, struct bf_reply_text *out)
{
    struct bf_error err = {0};
    int rc = bf_cli_connect(c);

    if (rc)
        return rc;
    rc = bf_cli_try(c, q, out, &err);
    return rc ? bf_cli_complain(c, rc, out, &err) : 0;
}

int bf_cli_send(struct bf_cli *c, const char *method, const char *path, const char *body,
                struct bf_reply_text *out)
{
    struct bf_remote_request q = {.size = sizeof(q), .method = method, .path = path, .body = body,
                                  .body_len = body ? strlen(body) : 0};

    return bf_cli_ask(c, &q, out);
}

int bf_cli_get(struct bf_cli *c, const char *path, struct bf_reply_text *out)
{
    return bf_cli_send(c, "GET", path, NULL, out);
}


/* --- the login file ------------------------------------------------------------------------ */

static int make_directories(struct bf_cli *c, const char *path)
{
    char *part = bf_arena_dup(c->arena, path);

    for (char *at = strchr(part + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(part, 0700) && errno != EEXIST)
            return bf_cli_fail(c, "cannot make %s: %s", part, strerror(errno));
        *at = '/';
    }
    return 0;
}

/* Beside it first, so that an old one stays whole if the disk is full. */
static int write_login(struct bf_cli *c, const char *path, const char *key)
{
    const char *beside = bf_arena_printf(c->arena, "%s.new", path);
    struct bf_body b = {.arena = c->arena};
    const char *text;
    int rc = make_directories(c, path), fd;
    bool ok;

    if (rc)
        return rc;
    bf_body_str(&b, "url", c->url);
    bf_body_str(&b, "key", key);
    if (c->team)
        bf_body_str(&b, "team", c->team);
    text = bf_body_print(&b);
    unlink(beside);
    fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return bf_cli_fail(c, "cannot write %s: %s", beside, strerror(errno));
    ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (close(fd) || !ok || rename(beside, path))
        return bf_cli_fail(c, "cannot write %s: %s", path, strerror(errno));
    return 0;
}

/* Who the key is, as the hub says. */
static int greet(struct bf_cli *c)
{
    struct bf_reply_text me;
    int rc = bf_cli_get(c, "/api/v1/me", &me);

    if (rc)
        return rc;
    printf("%s knows this key: user %s%s\n", c->url,
           bf_cli_text(c->arena, bf_json_get(me.json, "user")),
           bf_json_is(bf_json_get(me.json, "admin"), BF_JSON_TRUE) ? ", an admin of the hub" : "");
    return 0;
}

int bf_cli_login(struct bf_cli *c)
{
    const char *path = bf_cli_login_path(c);
    char *key = NULL;
    int rc;

    if (!path)
        return bf_cli_fail(c, "neither HOME nor XDG_CONFIG_HOME is set: where would the key be kept?");
    c->url = first_of(bf_cli_operand(c, 0), bf_cli_value(c, "url"),
                      first_of(bf_cli_env("BELFRY_URL"), NULL, DEFAULT_URL));
    c->team = bf_cli_value(c, "team");
    rc = bf_cli_secret(c, bf_arena_printf(c->arena, "API key for %s: ", c->url), &key);
    if (rc)
        return rc;
    c->key_from = isatty(STDIN_FILENO) ? "the terminal" : "standard input";
    rc = open_remote(c, key);
    if (!rc)
        rc = greet(c);
    if (!rc)
        rc = write_login(c, path, key);
    bf_wipe(key, strlen(key));
    free(key);
    if (!rc)
        printf("kept in %s\n", path);
    return rc;
}

int bf_cli_logout(struct bf_cli *c)
{
    const char *path = bf_cli_login_path(c);

    if (!path || (unlink(path) && errno == ENOENT)) {
        printf("there is no key to forget\n");
        return 0;
    }
    if (access(path, F_OK) == 0)
        return bf_cli_fail(c, "cannot remove %s: %s", path, strerror(errno));
    printf("forgot %s; the hub still takes the key: belfry keys revoke ends that\n", path);
    return 0;
}
