/* people.c - secrets and keys: what must not stand on a command line. */
#include "core/cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/crypto.h"

/* --- secrets ----------------------------------------------------------------------------------- */

static int read_value(struct bf_cli *c, const char **out)
{
    const char *file = bf_cli_value(c, "file");
    char *typed;
    size_t len;
    int rc;

    if (!file) {
        rc = bf_cli_secret(c, bf_arena_printf(c->arena, "value of %s: ", bf_cli_operand(c, 0)),
                           &typed);
        if (rc)
            return rc;
        *out = bf_arena_dup(c->arena, typed);
        bf_wipe(typed, strlen(typed));
        free(typed);
        return 0;
    }
    rc = bf_cli_read(c, file, out, &len);
    if (!rc && strlen(*out) != len)
        return bf_cli_fail(c, "%s holds a NUL byte, which a secret cannot", file);
    if (!rc && len && (*out)[len - 1] == '\n')
        ((char *)*out)[len - 1] = '\0';
    return rc;
}

int bf_cli_secret_set(struct bf_cli *c)
{
    struct bf_body b = {.arena = c->arena};
    struct bf_reply_text reply;
    const char *value = NULL, *path;
    int status;

    path = bf_cli_path(c, c->verb->path, &status);      /* before anybody types for nothing */
    if (!status)
        status = read_value(c, &value);
    if (status)
        return status;
    bf_body_str(&b, "value", value);
    status = bf_cli_send(c, "PUT", path, bf_body_print(&b), &reply);
    if (status)
        return status;
    if (bf_cli_flag(c, "json"))
        return bf_cli_print(c, bf_arena_printf(c->arena, "%s\n", reply.text), reply.len + 1);
    printf("secret %s of %s is %s\n", bf_cli_operand(c, 0), c->team,
           reply.status == 201 ? "kept" : "kept in place of the old one");
    return 0;
}


/* --- users and members --------------------------------------------------------------------------- */

int bf_cli_member_add(struct bf_cli *c)
{
    static const struct bf_option_row role = {"role", .value = "ROLE", .use = BF_OPT_TEXT};

    if (!bf_cli_flag(c, "role"))
        c->given[c->n_given++] = (struct bf_given){"role", "member", &role};
    return bf_cli_change(c);
}

int bf_cli_user_create(struct bf_cli *c)
{
    const char *data = bf_cli_value(c, "data");
    struct bf_error err;

    if (!data)
        return bf_cli_change(c);
    if (bf_cli_flag(c, "service"))
        return bf_cli_usage(c, "--service needs a running hub, which knows the teams");
    if (bf_data_add_user(data, c->operands[0], bf_cli_flag(c, "admin"), &err))
        return bf_cli_fail(c, "%s", err.words);
    printf("user %s is there; a key for them: belfry keys create %s --data %s --given\n",
           c->operands[0], c->operands[0], data);
    return 0;
}


/* --- keys --------------------------------------------------------------------------------------- */

static const char *name_of(const struct bf_cli *c)
{
    return bf_cli_value(c, "name") ? bf_cli_value(c, "name") : "command line";
}

static unsigned right_of(const char *name, size_t len)
{
    static const struct {
        const char *name;
        unsigned right;
    } rights[] = {
        {"ingest", BF_INGEST}, {"read", BF_READ}, {"edit", BF_EDIT}, {"admin", BF_ADMIN}};

    for (size_t i = 0; i < BF_COUNT(rights); i++)
        if (strlen(rights[i].name) == len && strncmp(rights[i].name, name, len) == 0)
            return rights[i].right;
    return 0;
}

static int read_rights(struct bf_cli *c, unsigned *out)
{
    const char *at = bf_cli_value(c, "rights");

    *out = 0;
    while (at && *at) {
        size_t len = strcspn(at, ",");
        unsigned right = right_of(at, len);

        if (!right)
            return bf_cli_usage(c, "there is no right \"%.*s\"; there are ingest, read, edit,"
                                " admin", (int)len, at);
        *out |= right;
        at += len;
        at += strspn(at, ", ");
    }
    return 0;
}

static int add_offline(struct bf_cli *c, const char *data)
{
    struct bf_error err;
    unsigned rights;
    char *key;
    int rc = read_rights(c, &rights);

    if (!rc)
        rc = bf_cli_secret(c, "the key: ", &key);
    if (rc)
        return rc;
    if (bf_data_add_key(data, c->operands[0], name_of(c), rights, key, &err))
        rc = bf_cli_fail(c, "%s", err.words);
    else
        printf("the key is %s's from the next start on\n", c->operands[0]);
    bf_wipe(key, strlen(key));
    free(key);
    return rc;
}

static int read_given(struct bf_cli *c, struct bf_body *b)
{
    char *key;
    int rc;

    if (!bf_cli_flag(c, "given"))
        return 0;
    rc = bf_cli_secret(c, "the key: ", &key);
    if (rc)
        return rc;
    bf_body_str(b, "key", key);
    bf_wipe(key, strlen(key));
    free(key);
    return 0;
}

/* The key alone goes to standard output, so that it can be sent on. */
static int show_key(struct bf_cli *c, const struct bf_reply_text *reply)
{
    const struct bf_json *key = bf_json_get(reply->json, "key");
    bool shown = bf_json_is(key, BF_JSON_STRING);

    if (bf_cli_flag(c, "json"))
        return bf_cli_print(c, bf_arena_printf(c->arena, "%s\n", reply->text), reply->len + 1);
    fprintf(stderr, "key %s of %s%s\n", bf_cli_text(c->arena, bf_json_get(reply->json, "id")),
            bf_cli_operand(c, 0), shown ? ", shown only now:" : " is there");
    if (shown)
        printf("%s\n", bf_cli_text(c->arena, key));
    return 0;
}

int bf_cli_key_create(struct bf_cli *c)
{
    struct bf_body b = {.arena = c->arena};
    struct bf_reply_text reply;
    const char *path;
    int status;

    if (bf_cli_value(c, "data"))
        return add_offline(c, bf_cli_value(c, "data"));
    path = bf_cli_path(c, c->verb->path, &status);
    if (!status)
        status = bf_cli_body(c, 1, &b);
    bf_body_str(&b, "name", name_of(c));
    if (!status)
        status = read_given(c, &b);
    if (!status)
        status = bf_cli_send(c, "POST", path, bf_body_print(&b), &reply);
    return status ? status : show_key(c, &reply);
}


/* --- the master key ------------------------------------------------------------- */

int bf_cli_rotate(struct bf_cli *c)
{
    const char *data = bf_cli_value(c, "data");
    struct bf_error err;

    if (!data)
        return bf_cli_change(c);
    if (bf_data_rotate(data, &err))
        return bf_cli_fail(c, "%s", err.words);
    printf("all secrets are sealed with a new master key: %s/master.key\n", data);
    return 0;
}
