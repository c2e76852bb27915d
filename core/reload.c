/* reload.c - the configuration file, read again while the hub runs.
 *
 * The whole file is read and checked before anything changes, with the same options the hub was
 * opened with.  A setting that differs is put in force if settings.c calls it live; for the others
 * the log says that they wait for a restart, and they go on being compared with what is in force. */
#include "core/hub_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

#define OPTIONS_MAX (1024 * 1024)

static const struct bf_setting *keep_list(struct bf_arena *a, const struct bf_setting *list)
{
    struct bf_setting *out;
    size_t n = 0;

    if (!list)
        return NULL;
    while (list[n].name)
        n++;
    out = bf_arena_alloc(a, (n + 1) * sizeof(*out));
    for (size_t i = 0; out && i < n; i++)
        out[i] = (struct bf_setting){bf_arena_dup(a, list[i].name), bf_arena_dup(a, list[i].value)};
    return out;
}

void hub_keep_options(struct bf_hub *hub, const struct bf_hub_options *o)
{
    struct bf_hub_options *kept = &hub->options;

    hub->kept = bf_arena_new(OPTIONS_MAX);
    memcpy(kept, o, o->size < sizeof(*kept) ? o->size : sizeof(*kept));
    kept->config_file = o->config_file ? bf_arena_dup(hub->kept, o->config_file) : NULL;
    kept->defaults = keep_list(hub->kept, o->defaults);
    kept->settings = keep_list(hub->kept, o->settings);
}


/* --- what can change ------------------------------------------------------------------------- */

static int apply_allow_addresses(struct bf_hub *hub, const char *value, struct bf_error *err)
{
    return bf_guard_allow(hub->guard, value, err);
}

static int apply_log_level(struct bf_hub *hub, const char *value, struct bf_error *err)
{
    (void)err;
    bf_log_set_level(hub->log, hub_log_level(value));
    return BF_OK;
}

static int apply_retention_days(struct bf_hub *hub, const char *value, struct bf_error *err)
{
    (void)err;
    hub_keep(hub, value, hub->settings.retention_bytes);
    return BF_OK;
}

static int apply_retention_bytes(struct bf_hub *hub, const char *value, struct bf_error *err)
{
    (void)err;
    hub_keep(hub, hub->settings.retention_days, value);
    return BF_OK;
}

static int apply_heartbeat_timeout(struct bf_hub *hub, const char *value, struct bf_error *err)
{
    (void)err;
    hub_listen_for_heartbeats(hub, value);
    return BF_OK;
}

/* A directory is looked at at once, and so are the files of the old one by any reload. */
static int apply_scripts_dir(struct bf_hub *hub, const char *value, struct bf_error *err)
{
    struct bf_settings named = {.data = hub->settings.data, .scripts_dir = (char *)value};
    char *dir = hub_scripts_dir(&named);

    (void)err;
    bf_scripts_look(hub->scripts, dir);
    free(dir);
    return BF_OK;
}

static int apply_on_event(struct bf_hub *hub, const char *value, struct bf_error *err)
{
    int rc = hub_on_event(hub, value, hub->settings.on_event_error, err);

    if (!rc)
        bf_scripts_forget(hub->scripts, NULL);
    return rc;
}

static int apply_on_event_error(struct bf_hub *hub, const char *value, struct bf_error *err)
{
    return hub_on_event(hub, hub->settings.on_event, value, err);
}

/* In this order; what fails takes back what came before it. */
static const struct live {
    const char *name;
    int (*apply)(struct bf_hub *hub, const char *value, struct bf_error *err);
} lives[] = {
    {"allow_addresses", apply_allow_addresses},
    {"scripts_dir", apply_scripts_dir},
    {"on_event", apply_on_event},
    {"on_event_error", apply_on_event_error},
    {"log_level", apply_log_level},
    {"retention_days", apply_retention_days},
    {"retention_bytes", apply_retention_bytes},
    {"heartbeat_timeout", apply_heartbeat_timeout},
};

static size_t index_of(const char *name)
{
    size_t i = 0;

    while (strcmp(bf_setting_name(i), name) != 0)
        i++;
    return i;
}

static bool differs(const struct bf_settings *a, const struct bf_settings *b, size_t i)
{
    const char *x = bf_settings_value(a, i), *y = bf_settings_value(b, i);

    return x && y ? strcmp(x, y) != 0 : x != y;
}

static int apply_one(struct bf_hub *hub, struct bf_settings *next, const struct live *live,
                     struct bf_error *err)
{
    size_t i = index_of(live->name);
    int rc = BF_OK;

    if (!differs(&hub->settings, next, i))
        return BF_OK;
    rc = live->apply(hub, bf_settings_value(next, i), err);
    if (!rc)
        bf_settings_swap(&hub->settings, next, i);
    return rc;
}

static void log_changes(struct bf_hub *hub, const struct bf_settings *was)
{
    for (size_t l = 0; l < BF_COUNT(lives); l++) {
        size_t i = index_of(lives[l].name);
        const char *value = bf_settings_value(&hub->settings, i);

        if (differs(&hub->settings, was, i))
            bf_infof(hub->log, "hub", "%s is \"%s\" from now on", lives[l].name,
                     value ? value : "");
    }
}

/* Afterwards `next` has what was in force. */
static int apply(struct bf_hub *hub, struct bf_settings *next, struct bf_error *err)
{
    struct bf_error ignored;
    size_t l;
    int rc = BF_OK;

    for (l = 0; l < BF_COUNT(lives) && !rc; l++)
        rc = apply_one(hub, next, &lives[l], err);
    if (!rc)
        log_changes(hub, next);
    else
        for (l--; l-- > 0;)
            apply_one(hub, next, &lives[l], &ignored);
    return rc;
}

static void name_the_rest(struct bf_hub *hub, const struct bf_settings *next)
{
    struct bf_setting_info s;

    for (size_t i = 0; bf_setting_describe(i, &s); i++)
        if (!s.live && differs(&hub->settings, next, i))
            bf_warnf(hub->log, "hub", "%s has changed, and needs a restart to be in force", s.name);
}

static void remember(struct bf_hub *hub, const char *words)
{
    pthread_mutex_lock(&hub->lock);
    if (!*words)
        hub->configured_ms = bf_wall_ms(hub->clock);
    snprintf(hub->reload_words, sizeof(hub->reload_words), "%s", words);
    pthread_mutex_unlock(&hub->lock);
}

void hub_reload(struct bf_hub *hub)
{
    struct bf_settings next;
    struct bf_error err;
    int rc;

    hub_say_state(hub, BF_HUB_RELOADING);
    bf_scripts_look(hub->scripts, NULL);        /* they are not settings, and stand for themselves */
    rc = bf_settings_init(&next, &hub->options, &err);
    if (!rc) {
        rc = apply(hub, &next, &err);
        if (!rc)
            name_the_rest(hub, &next);
        bf_settings_fini(&next);
    }
    if (rc)
        bf_errorf(hub->log, "hub", "reload refused, the old settings stay: %s", err.words);
    else
        bf_infof(hub->log, "hub", "settings read again");
    remember(hub, rc ? err.words : "");
    hub_say_state(hub, BF_HUB_RUNNING);
}
