/* settings.c - the table of settings, and how it is filled. */
#include "core/settings.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/script/config.h"

#define THREADS_MAX 64

struct setting {
    const char *name;
    size_t at;
    const char *def;
    const char *choices;        /* "a|b", or NULL for anything */
    const char *help;
};

static const struct setting table[] = {
    {"data", offsetof(struct bf_settings, data), "belfry-data", NULL,
     "directory for the database, the master key and spooled uploads; made if it is not there"},
    {"listen", offsetof(struct bf_settings, listen), "127.0.0.1:8320", NULL,
     "address and port to serve on; port 0 takes a free one"},
    {"public_url", offsetof(struct bf_settings, public_url), NULL, NULL,
     "what links, redirects and upload addresses begin with (default: http:// and the address)"},
    {"allow_addresses", offsetof(struct bf_settings, allow_addresses), "", NULL,
     "networks that deliveries may go to besides the public internet, \"127.0.0.0/8 10.1.0.0/16\""},
    {"ca_file", offsetof(struct bf_settings, ca_file), NULL, NULL,
     "PEM file of the certificate authorities to believe, instead of the system's"},
    {"plugins", offsetof(struct bf_settings, plugins), "http webhook", NULL,
     "plugins to load, by name; nothing else is loaded"},
    {"plugin_dir", offsetof(struct bf_settings, plugin_dir), BF_PLUGIN_DIR, NULL,
     "directory that holds NAME.so of each plugin; nobody else may write to it"},
    {"admin_key", offsetof(struct bf_settings, admin_key), NULL, NULL,
     "a key of the first admin, added if it is not there (default: a new hub makes and shows one)"},
    {"log_level", offsetof(struct bf_settings, log_level), "info", "error|warn|info|debug",
     "how much is logged to standard error"},
    {"threads", offsetof(struct bf_settings, threads), "0", NULL,
     "threads that answer requests; 0 means one per core, at most 4"},
};

const char *bf_setting_name(size_t i) { return i < BF_COUNT(table) ? table[i].name : NULL; }

static char **value_of(struct bf_settings *s, const struct setting *t)
{
    return (char **)((char *)s + t->at);
}

static const struct setting *find(const char *name)
{
    for (size_t i = 0; i < BF_COUNT(table); i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t len = strlen(value);

    for (const char *c = choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (strncmp(c, value, len) == 0 && (c[len] == '|' || c[len] == '\0') && len)
            return true;
    return false;
}

static int list_names(struct bf_error *err, const char *name)
{
    struct bf_buf names;
    int rc;

    bf_buf_init(&names, 1024);
    for (size_t i = 0; i < BF_COUNT(table); i++)
        bf_buf_printf(&names, "%s%s", i ? ", " : "", table[i].name);
    rc = bf_error_field(err, BF_ECONFIG, name, "there is no setting \"%s\"; there are: %s", name,
                        bf_buf_text(&names));
    bf_buf_fini(&names);
    return rc;
}

static int set(void *arg, const char *name, const char *value, struct bf_error *err)
{
    const struct setting *t = find(name);
    char **at;

    if (!t)
        return list_names(err, name);
    if (t->choices && !is_choice(t->choices, value))
        return bf_error_field(err, BF_ECONFIG, name, "%s must be one of %s, not \"%s\"", name,
                              t->choices, value);
    at = value_of(arg, t);
    free(*at);
    *at = bf_strdup(value);
    return BF_OK;
}

static int check_threads(struct bf_settings *s, struct bf_error *err)
{
    char *end;
    long n = strtol(s->threads, &end, 10);

    if (end == s->threads || *end || n < 0 || n > THREADS_MAX)
        return bf_error_field(err, BF_ECONFIG, "threads",
                              "threads must be a number from 0 to %d, not \"%s\"", THREADS_MAX,
                              s->threads);
    return BF_OK;
}

/* "https://belfry.example/": no slash at the end, so that paths can be put behind it. */
static int check_public_url(struct bf_settings *s, struct bf_error *err)
{
    char *url = s->public_url;
    size_t len = url ? strlen(url) : 0;

    if (!url)
        return BF_OK;
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return bf_error_field(err, BF_ECONFIG, "public_url",
                              "public_url must begin with http:// or https://, not \"%s\"", url);
    while (len && url[len - 1] == '/')
        url[--len] = '\0';
    return BF_OK;
}

static int set_all(struct bf_settings *s, const struct bf_setting *given, struct bf_error *err)
{
    int rc = BF_OK;

    for (; !rc && given && given->name; given++)
        rc = set(s, given->name, given->value, err);
    return rc;
}

int bf_settings_init(struct bf_settings *s, const struct bf_hub_options *o, struct bf_error *err)
{
    int rc;

    memset(s, 0, sizeof(*s));
    for (size_t i = 0; i < BF_COUNT(table); i++)
        *value_of(s, &table[i]) = bf_strdup(table[i].def);
    rc = set_all(s, o->defaults, err);
    if (!rc && o->config_file)
        rc = bf_config_read(o->config_file, set, s, err);
    if (!rc)
        rc = set_all(s, o->settings, err);
    if (!rc)
        rc = check_threads(s, err);
    if (!rc)
        rc = check_public_url(s, err);
    if (rc)
        bf_settings_fini(s);
    return rc;
}

void bf_settings_fini(struct bf_settings *s)
{
    if (s->admin_key)
        bf_wipe(s->admin_key, strlen(s->admin_key));
    for (size_t i = 0; i < BF_COUNT(table); i++) {
        free(*value_of(s, &table[i]));
        *value_of(s, &table[i]) = NULL;
    }
}

char *bf_help_settings(void)
{
    struct bf_buf b;

    bf_buf_init(&b, 16384);
    for (size_t i = 0; i < BF_COUNT(table); i++) {
        bf_buf_printf(&b, "  %-16s %s\n", table[i].name, table[i].help);
        if (table[i].def && *table[i].def)
            bf_buf_printf(&b, "  %-16s default: %s\n", "", table[i].def);
    }
    return bf_buf_take(&b);
}
