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

/* In this order: what can fail comes first, so that a failure leaves everything as it was. */
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

static const struct live {
    const char *name;
    int (*apply)(struct bf_hub *hub, const char *value, struct bf_error *err);
} lives[] = {
    {"allow_addresses", apply_allow_addresses},
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

static int apply(struct bf_hub *hub, struct bf_settings *next, struct bf_error *err)
{
    int rc = BF_OK;

    for (size_t l = 0; l < BF_COUNT(lives) && !rc; l++) {
        size_t i = index_of(lives[l].name);

        if (!differs(&hub->settings, next, i))
            continue;
        rc = lives[l].apply(hub, bf_settings_value(next, i), err);
        if (rc)
            break;
        bf_infof(hub->log, "hub", "%s is \"%s\" from now on", lives[l].name,
                 bf_settings_value(next, i));
        bf_settings_swap(&hub->settings, next, i);
    }
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
