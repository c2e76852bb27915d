/* tried.c - "automation" in a body that tries one: a draft, which is checked as it is before it is
 * saved, or the id of one that there is, as it is now.
 *
 * Whether it is enabled does not count: it is tried because one wants to know whether to. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/base/base.h"

static int no_automation(struct bf_exchange *x, const char *id)
{
    return bf_exchange_fail(x, 400, "invalid", "automation", "there is no automation \"%.40s\"; GET"
                            " /api/v1/automations lists them", id);
}

struct finding {
    struct bf_api *api;
    struct bf_exchange *x;
    struct bf_api_tried *out;
};

static bool on_stored(void *arg, const struct bf_automation_row *row)
{
    struct finding *f = arg;
    struct bf_arena *a = bf_exchange_arena(f->x);

    if (!bf_api_may_read(f->api, f->x, row->entity))
        return false;
    f->out->stored = bf_arena_dup(a, row->id);
    f->out->revision = row->revision;
    f->out->draft.id = f->out->stored;
    f->out->draft.owner = bf_arena_dup(a, row->entity);
    f->out->draft.spec = bf_arena_ndup(a, row->spec, row->spec_len);
    f->out->draft.len = row->spec_len;
    return false;
}

/* What is remembered for it stands under its era. */
static int read_era(struct bf_exchange *x, struct bf_api_tried *t)
{
    const struct bf_automation *a;
    struct bf_error err;
    int rc = bf_automation_read(bf_exchange_local(x), t->revision, &a, &err);

    if (rc)
        return rc == BF_EIO ? bf_api_unreadable(x) : bf_api_invalid(x, rc, &err);
    t->era = a->era;
    bf_automation_unref(a);
    return 0;
}

static int read_stored(struct bf_api *api, struct bf_exchange *x, const char *id,
                       struct bf_api_tried *out)
{
    struct finding f = {api, x, out};
    struct bf_db *db = bf_exchange_local(x);
    int rc = db ? bf_automation_find(db, id, on_stored, &f) : BF_EIO;

    if (rc && rc != BF_ENOENT)
        return bf_api_unreadable(x);
    return out->stored ? read_era(x, out) : no_automation(x, id);
}

int bf_api_read_tried(struct bf_api *api, struct bf_exchange *x, const struct bf_json *automation,
                      struct bf_api_tried *out)
{
    *out = (struct bf_api_tried){.stored = NULL};
    if (bf_json_is(automation, BF_JSON_STRING))
        return read_stored(api, x, bf_json_str(bf_exchange_arena(x), automation), out);
    if (!bf_json_is(automation, BF_JSON_OBJECT))
        return bf_exchange_fail(x, 400, "invalid", "automation", "automation must be an object, or"
                                " the id of one that is saved, not %s",
                                bf_json_type_name(automation));
    bf_id_random(out->id, bf_wall_ms(api->clock));
    out->draft.id = out->id;
    out->draft.spec = bf_api_merge(bf_exchange_arena(x), NULL, automation, bf_api_automation_shown,
                                   &out->draft.len);
    if (!out->draft.spec)
        return bf_exchange_fail(x, 413, "too_large", "automation", "an automation may have %d bytes",
                                BF_SPEC_MAX);
    return 0;
}

/* What was saved was checked then. */
static int parse_stored(struct bf_exchange *x, const struct bf_api_tried *t,
                        struct bf_automation **out)
{
    struct bf_error err;
    int rc = bf_automation_parse(t->draft.spec, t->draft.len, t->stored, t->revision,
                                 t->draft.owner, out, &err);

    return rc ? bf_api_invalid(x, rc, &err) : 0;
}

int bf_api_check_tried(struct bf_api *api, struct bf_exchange *x, struct bf_api_tried *tried,
                       struct bf_automation **out)
{
    int status = tried->stored ? parse_stored(x, tried, out)
                               : bf_api_check_draft(api, x, &tried->draft, out);

    if (status)
        return status;
    (*out)->enabled = true;
    (*out)->era = tried->era;
    return 0;
}
