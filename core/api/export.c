/* export.c - GET /api/v1/export: what there is, as a document of automations as code.
 *
 * A plan of it changes nothing.  A literal that was sealed cannot be written down: its option is left
 * out, with a warning, and whoever makes the integration anew elsewhere names a secret there. */
#include "core/api/plans.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/bus/automation_list.h"

#define EXPORT_MAX (64 * 1024 * 1024)
#define MANIFEST   "hub"        /* what the document of all teams is called */

struct exporting {
    struct bf_job job;
    struct bf_api *api;
    struct bf_exchange *x;
    struct bf_arena *arena;
    struct bf_db *db;
    const char *team;           /* or NULL: all that the caller may read */
    const char *entity;         /* at hand */
    struct bf_buf lists[3];     /* teams, integrations, automations */
    struct bf_buf warnings;
    size_t n;
    bool too_many;
};

/* Room for one more thing? */
static bool count(struct exporting *e)
{
    e->too_many |= ++e->n > BF_DOCUMENT_THINGS;
    return !e->too_many;
}

static struct bf_buf *next(struct bf_buf *list)
{
    if (list->len)
        bf_buf_addc(list, ',');
    return list;
}

static void warn(struct exporting *e, enum bf_thing_kind kind, const char *name, const char *member,
                 const char *words)
{
    struct bf_buf *b = next(&e->warnings);

    bf_buf_printf(b, "{\"kind\":\"%s\",\"team\":", bf_thing_name(kind));
    bf_buf_json(b, e->entity);
    bf_buf_adds(b, ",\"name\":");
    bf_buf_json(b, name);
    bf_buf_adds(b, ",\"member\":");
    bf_buf_json(b, member);
    bf_buf_adds(b, ",\"message\":");
    bf_buf_json(b, words);
    bf_buf_addc(b, '}');
}


/* --- integrations ---------------------------------------------------------------------------- */

static void add_options(struct exporting *e, const struct bf_integration *i, struct bf_tree *out)
{
    const struct bf_json *config;
    struct bf_error err;
    const char *raw;
    size_t len;

    if (bf_api_integration_config(e->arena, i->config, &config, &err))
        return;
    for (const struct bf_json *k = bf_json_first(config); k; k = bf_json_next(config, k)) {
        const char *option = bf_json_str(e->arena, k);

        if (bf_json_get(k + 1, "sealed")) {
            warn(e, BF_THING_INTEGRATION, i->name, bf_arena_printf(e->arena, "config.%s", option),
                 "was given as it is and sealed, so it cannot be read back and is left out; keep it"
                 " as a secret and name that here, if this is to be made anew elsewhere");
            continue;
        }
        raw = bf_json_raw(k + 1, &len);
        bf_tree_raw(out, option, raw, len);
    }
}

static void add_delivery(struct exporting *e, const struct bf_integration *i, struct bf_tree *t)
{
    struct bf_delivery_settings s;

    if (bf_standing_read(e->db, i->id, &s, NULL) ||
        (!*s.pace && !s.parallel && !s.timeout_ms && !s.has_merge_over))
        return;
    t = bf_tree_add_object(t, "delivery");
    if (*s.pace)
        bf_tree_str(t, "pace", s.pace);
    if (s.parallel)
        bf_tree_int(t, "parallel", s.parallel);
    if (s.timeout_ms)
        bf_tree_int(t, "timeout_s", s.timeout_ms / 1000);
    if (s.has_merge_over)
        bf_tree_int(t, "merge_over", s.merge_over);
}

static bool on_integration(void *arg, const char *id)
{
    struct exporting *e = arg;
    struct bf_integration *i = bf_team_integration(e->api->team, id);
    struct bf_tree *t, *secrets;
    size_t len;

    if (!i || !count(e)) {
        bf_integration_unref(i);
        return !e->too_many;
    }
    t = bf_tree_object();
    bf_tree_str(t, "team", i->entity);
    bf_tree_str(t, "name", i->name);
    bf_tree_str(t, "sink", i->sink);
    add_options(e, i, bf_tree_add_object(t, "config"));
    if (*i->secrets) {
        secrets = bf_tree_add_array(t, "secrets");
        for (const char *at = i->secrets; (len = bf_secret_names_next(&at)) > 0; at += len)
            bf_tree_str(secrets, NULL, bf_arena_ndup(e->arena, at, len));
    }
    add_delivery(e, i, t);
    bf_tree_print(t, next(&e->lists[BF_THING_INTEGRATION]));
    bf_tree_free(t);
    bf_integration_unref(i);
    return true;
}


/* --- automations ----------------------------------------------------------------------------- */

struct naming {
    struct exporting *e;
    const char *automation;
};

static const char *on_id(void *arg, unsigned action, const char *id, const char *sink)
{
    struct naming *n = arg;
    struct exporting *e = n->e;
    struct bf_integration *i = bf_team_integration(e->api->team, id);
    const char *name = NULL;

    (void)sink;
    if (i && bf_api_may_read(e->api, e->x, i->entity))
        name = bf_api_integration_called(e->arena, e->entity, bf_arena_dup(e->arena, i->entity),
                                         bf_arena_dup(e->arena, i->name));
    else
        warn(e, BF_THING_AUTOMATION, n->automation,
             bf_arena_printf(e->arena, "actions[%u].integration", action),
             i ? "is another team's, which you may not read; this is its id"
               : "does not exist any more; this was its id");
    bf_integration_unref(i);
    return name;
}

static bool on_automation(void *arg, const struct bf_automation_row *row)
{
    struct exporting *e = arg;
    struct naming n = {e, bf_arena_dup(e->arena, row->name)};
    const char *text;
    size_t len;

    if (!count(e))
        return false;
    text = bf_api_rename_integrations(e->arena, bf_arena_ndup(e->arena, row->spec, row->spec_len),
                                      row->spec_len, on_id, &n, &len);
    bf_buf_add(next(&e->lists[BF_THING_AUTOMATION]), text, len);
    return true;
}


/* --- all of it ------------------------------------------------------------------------------- */

static void add_team(struct exporting *e, const struct bf_entity *entity)
{
    struct bf_tree *t = bf_tree_object();

    bf_tree_str(t, "name", entity->name);
    if (strcmp(entity->organization, BF_ORGANIZATION_DEFAULT) != 0)
        bf_tree_str(t, "organization", entity->organization);
    bf_tree_print(t, next(&e->lists[BF_THING_TEAM]));
    bf_tree_free(t);
}

static int add_entity(struct exporting *e, const struct bf_entity *entity)
{
    struct bf_automation_query query = {.entity = entity->name};
    int rc;

    e->entity = query.entity;
    if (*entity->kind == 't' && count(e))
        add_team(e, entity);
    rc = bf_team_list_integrations(e->db, entity->name, "", on_integration, e);
    return rc ? rc : bf_automation_list(e->db, &query, "", on_automation, e);
}

struct entities {
    struct exporting *e;
    int rc;
};

static bool on_entity(void *arg, const struct bf_entity *entity)
{
    struct entities *all = arg;

    if (bf_api_may_read(all->e->api, all->e->x, entity->name))
        all->rc = add_entity(all->e, entity);
    return !all->rc && !all->e->too_many;
}

static int read_all(struct exporting *e)
{
    struct entities all = {e, BF_OK};
    struct bf_entity entity;
    int rc;

    if (e->team)
        return bf_team_entity(e->api->team, e->team, &entity) ? add_entity(e, &entity) : BF_OK;
    rc = bf_team_list_entities(e->db, "", on_entity, &all);
    return rc ? rc : all.rc;
}

static int answer(struct exporting *e)
{
    static const char *const names[] = {"teams", "integrations", "automations"};
    struct bf_buf b;
    int status = 200;

    bf_buf_init(&b, EXPORT_MAX);
    bf_buf_adds(&b, "{\"document\":{\"manifest\":");
    bf_buf_json(&b, e->team ? e->team : MANIFEST);
    for (size_t i = 0; i < BF_COUNT(names); i++) {
        bf_buf_printf(&b, ",\"%s\":[", names[i]);
        bf_buf_add(&b, bf_buf_text(&e->lists[i]), e->lists[i].len);
        bf_buf_addc(&b, ']');
        b.failed |= e->lists[i].failed;
    }
    bf_buf_printf(&b, "},\"warnings\":[%s]}", bf_buf_text(&e->warnings));
    if (b.failed || !bf_arena_ok(e->arena) || e->too_many)
        status = bf_exchange_fail(e->x, 413, "too_large", "team", "there are more than %d things, or"
                                  " more than %d bytes of them; export a team at a time, with"
                                  " ?team=", BF_DOCUMENT_THINGS, EXPORT_MAX);
    else
        bf_exchange_reply(e->x, "application/json", b.data, b.len);
    bf_buf_fini(&b);
    return status;
}

static int export(struct exporting *e)
{
    struct bf_error err;
    int rc = bf_db_open(e->api->db_path, BF_DB_READ, &e->db, &err);

    if (!rc)
        rc = bf_db_hold(e->db);
    if (!rc) {
        rc = read_all(e);
        bf_db_release(e->db);
    }
    return rc ? bf_api_unreadable(e->x) : answer(e);
}

/* [worker] */
static void on_worker(struct bf_job *job)
{
    struct exporting *e = bf_container_of(job, struct exporting, job);
    struct bf_exchange *x = e->x;
    int status;

    e->arena = bf_arena_new(2 * EXPORT_MAX);
    for (size_t i = 0; i < BF_COUNT(e->lists); i++)
        bf_buf_init(&e->lists[i], EXPORT_MAX);
    bf_buf_init(&e->warnings, EXPORT_MAX);
    status = export(e);
    for (size_t i = 0; i < BF_COUNT(e->lists); i++)
        bf_buf_fini(&e->lists[i]);
    bf_buf_fini(&e->warnings);
    bf_db_close(e->db);
    bf_arena_free(e->arena);
    bf_exchange_finish(x, status);      /* `e` is gone with it */
}

static int on_export(struct bf_exchange *x, void *arg)
{
    struct exporting *e = bf_arena_new_of(bf_exchange_arena(x), struct exporting);
    const char *team = bf_exchange_query_param(x, "team");
    int status = team ? bf_api_require(arg, x, BF_READ, team) : 0, rc;

    if (!e)
        return bf_api_fail(x, BF_EFULL, NULL);
    if (status)
        return status;
    e->api = arg;
    e->x = x;
    e->team = team ? bf_arena_dup(bf_exchange_arena(x), team) : NULL;
    e->job.fn = on_worker;
    bf_exchange_park(x);
    rc = bf_plugins_run(e->api->plugins, &e->job);
    if (rc)
        bf_exchange_finish(x, bf_api_fail(x, rc, NULL));
    return BF_PARKED;
}

const struct bf_api_route bf_api_export_routes[] = {
    {"GET", "/api/v1/export", BF_READ, on_export},
    {NULL, NULL, 0, NULL},
};
