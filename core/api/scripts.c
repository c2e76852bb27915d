/* scripts.c - /api/v1/scripts: the files that hooks are in, the texts that ran, and hooks that were
 * disabled.
 *
 * Files belong to the hub: everybody who may read something sees which there are, and who may write
 * automations, if only for themselves, reads their texts, for that is how one learns which to use.  A
 * text that ran is asked for by its hash, which an execution shows to those who may read it. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/base/base.h"
#include "core/bus/scripts_kept.h"

/* --- reading ------------------------------------------------------------------------------------- */

static void show_disabled(struct bf_api *api, struct bf_exchange *x, const char *automation,
                          enum bf_hook_kind kind, struct bf_tree *t, const char *name)
{
    const char *words;
    int64_t since_ms;
    struct bf_tree *d;

    if (!bf_scripts_disabled(api->scripts, automation, kind, bf_exchange_arena(x), &since_ms,
                             &words))
        return;
    d = bf_tree_add_object(t, name);
    bf_show_time(d, "since", since_ms);
    bf_tree_str(d, "error", words);
}

/* The hub's own hook; null if it has none. */
static void show_on_event(struct bf_api *api, struct bf_exchange *x, struct bf_tree *t)
{
    char file[BF_HOOK_FILE_MAX + 1];
    struct bf_tree *o;
    bool drops;

    if (!api->on_event(api->configured_arg, file, &drops)) {
        bf_tree_str(t, "on_event", NULL);
        return;
    }
    o = bf_tree_add_object(t, "on_event");
    bf_tree_str(o, "file", file);
    bf_tree_str(o, "on_error", drops ? "drop" : "pass");
    show_disabled(api, x, NULL, BF_HOOK_ON_EVENT, o, "disabled");
}

static int on_list(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    struct bf_tree *t = bf_tree_object();

    bf_scripts_describe(api->scripts, bf_tree_add_array(t, "items"));
    show_on_event(api, x, t);
    bf_tree_str(t, "next", NULL);
    return bf_api_answer(x, 200, t);
}

/* {script} is a file's name, or the hash of any text that ran. */
static int on_get(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    struct bf_arena *a = bf_exchange_arena(x);
    const char *name = bf_exchange_param(x, "script"), *text;
    struct bf_db *db = bf_exchange_local(x);
    bool is_file = name && bf_script_name_ok(name);
    char hash[BF_HASH_LEN + 1];
    struct bf_tree *t;
    size_t len;
    int rc;

    if (is_file)
        rc = bf_scripts_text(api->scripts, name, a, &text, &len);
    else
        rc = db ? bf_script_text(db, a, name ? name : "", &text, &len) : BF_EIO;
    if (rc && rc != BF_ENOENT)
        return bf_api_unreadable(x);
    if (rc)
        return bf_api_missing(x, "script", name ? name : "");
    t = bf_tree_object();
    bf_tree_str(t, "file", is_file ? name : NULL);
    bf_hook_hash(text, len, hash);
    bf_tree_str(t, "hash", hash);
    bf_tree_str(t, "text", text);
    return bf_api_answer(x, 200, t);
}

/* ,"hooks_disabled":{"filter":{"since","error"}} in front of the brace that ends an automation. */
void bf_api_add_disabled_hooks(struct bf_api *api, struct bf_exchange *x, const char *automation,
                               struct bf_buf *b)
{
    struct bf_tree *t = bf_tree_object();
    struct bf_buf shown;

    bf_buf_init(&shown, BF_EVENT_MAX);
    show_disabled(api, x, automation, BF_HOOK_FILTER, t, "filter");
    show_disabled(api, x, automation, BF_HOOK_TRANSFORM, t, "transform");
    bf_tree_print(t, &shown);
    if (shown.len > strlen("{}") && !b->failed) {
        b->len--;
        bf_buf_adds(b, ",\"hooks_disabled\":");
        bf_buf_add(b, shown.data, shown.len);
        bf_buf_addc(b, '}');
    }
    bf_buf_fini(&shown);
    bf_tree_free(t);
}


/* --- enabling ------------------------------------------------------------------------------------- */

struct enabling {
    struct bf_api_write write;
    const char *automation;     /* NULL: on_event */
    const char *entity;
    enum bf_hook_kind kind;
};

static int record(struct enabling *e, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_buf b;
    int rc;

    bf_buf_init(&b, 4096);
    bf_buf_adds(&b, "{\"automation\":");
    bf_buf_json(&b, e->automation);
    bf_buf_printf(&b, ",\"hook\":\"%s\"}", bf_hook_name(e->kind));
    rc = bf_bus_record(tx, "belfry.hook.enabled", e->entity, bf_auth_who(e->write.x)->user, b.data,
                       b.len, err);
    bf_buf_fini(&b);
    return rc;
}

static int apply(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct enabling *e = bf_container_of(w, struct enabling, write.work);
    bool was;
    int rc = bf_kept_hook_enable(tx->db, e->automation, e->kind, &was);

    if (rc)
        return bf_error_set(err, rc, "cannot enable the hook: %s", bf_db_words(tx->db));
    return was ? record(e, tx, err) : BF_OK;
}

static int answer(struct bf_api_write *w)
{
    struct enabling *e = bf_container_of(w, struct enabling, write);
    struct bf_tree *t = bf_tree_object();

    bf_scripts_enable(w->api->scripts, e->automation, e->kind);
    bf_tree_str(t, "automation", e->automation);
    bf_tree_str(t, "hook", bf_hook_name(e->kind));
    bf_tree_bool(t, "enabled", true);
    return bf_api_answer(w->x, 200, t);
}

static int enable(struct bf_api *api, struct bf_exchange *x, const char *automation,
                  const char *entity, enum bf_hook_kind kind)
{
    struct enabling *e = bf_arena_new_of(bf_exchange_arena(x), struct enabling);

    if (!e)
        return bf_api_fail(x, BF_EFULL, NULL);
    e->automation = automation;
    e->entity = entity;
    e->kind = kind;
    e->write.work.apply = apply;
    e->write.answer = answer;
    return bf_api_post(api, x, &e->write);
}

/* The hook that {kind} names, if the automation has it. */
static int find_hook(struct bf_exchange *x, const struct bf_api_automation *a,
                     enum bf_hook_kind *out)
{
    const char *kind = bf_exchange_param(x, "kind");
    const struct bf_json *hooks = bf_json_get(a->spec, "hooks");

    for (int k = BF_HOOK_FILTER; k <= BF_HOOK_TRANSFORM; k++) {
        const char *name = bf_hook_name((enum bf_hook_kind)k);

        if (!kind || strcmp(kind, name) != 0 ||
            !bf_json_is(bf_json_get(hooks, name), BF_JSON_OBJECT))
            continue;
        *out = (enum bf_hook_kind)k;
        return 0;
    }
    return bf_exchange_fail(x, 404, "not_found", NULL, "the automation has no hook \"%s\"",
                            kind ? kind : "");
}

static int on_enable(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    struct bf_api_automation a;
    enum bf_hook_kind kind = BF_HOOK_FILTER;
    int status = bf_api_automation(api, x, BF_EDIT, &a);

    if (!status)
        status = bf_api_check_scope(api, x, a.owner,
                                    bf_json_str(bf_exchange_arena(x),
                                                bf_json_at(a.spec, "/scope/project")));
    if (!status)
        status = find_hook(x, &a, &kind);
    return status ? status : enable(api, x, a.id, a.owner, kind);
}

static int on_enable_on_event(struct bf_exchange *x, void *arg)
{
    char own[BF_ENTITY_NAME_MAX + 1];

    bf_organization_entity(own, BF_ORGANIZATION_DEFAULT);
    return enable(arg, x, NULL, bf_arena_dup(bf_exchange_arena(x), own), BF_HOOK_ON_EVENT);
}

const struct bf_api_route bf_api_script_routes[] = {
    {"GET", "/api/v1/scripts", BF_READ, on_list},
    {"GET", "/api/v1/scripts/{script}", BF_EDIT, on_get},
    {"POST", "/api/v1/scripts/on_event/enable", BF_API_HUB_ADMIN, on_enable_on_event},
    {"POST", "/api/v1/automations/{id}/hooks/{kind}/enable", BF_EDIT, on_enable},
    {NULL, NULL, 0, NULL},
};
