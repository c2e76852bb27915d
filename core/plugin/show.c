/* show.c - executions and automations as REST and notes show them, written once. */
#include "core/plugin/show.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/json.h"

#define SPEC_INDEX_MAX (64 * 1024 * 1024)       /* for parsing an automation of BF_SPEC_MAX */
#define PREVIEW_MAX (16 * 1024 * 1024)  /* for one request that is only looked at */
#define NO_ID "00000000000000000000000000"      /* of an execution that is none */

static bool on_row(void *arg, const struct bf_automation_row *row)
{
    struct bf_shown *s = arg;

    snprintf(s->name, sizeof(s->name), "%s", row->name);
    snprintf(s->project, sizeof(s->project), "%s", row->project ? row->project : "");
    return false;
}

bool bf_shown_read(struct bf_db *db, struct bf_shown *s, const char *automation)
{
    if (strcmp(s->id, automation) == 0)
        return true;
    *s = (struct bf_shown){.id = ""};
    if (bf_automation_find(db, automation, on_row, s) &&
        bf_automation_find_deleted(db, automation, on_row, s))
        return false;
    snprintf(s->id, sizeof(s->id), "%s", automation);
    return true;
}

void bf_show_time(struct bf_tree *t, const char *name, int64_t ms)
{
    char text[32];

    bf_time_print(ms, text);
    bf_tree_str(t, name, ms ? text : NULL);
}

/* What it was, in short, from the execution's own row: the journal may not hold it any more. */
static void show_event(struct bf_tree *t, struct bf_db *db, uint16_t hub,
                       const struct bf_history_row *row)
{
    char id[BF_ID_LEN + 1];

    bf_id_number(id, row->event_ms, hub, row->event);
    bf_tree_str(t, "event", id);
    bf_tree_bool(t, "event_gone", !bf_journal_has(db, row->event));
    bf_tree_str(t, "event_type", row->event_type);
    bf_tree_str(t, "entity", row->entity);
    if (strcmp(row->entity, row->event_entity) != 0)
        bf_tree_str(t, "event_entity", row->event_entity);
    bf_tree_str(t, "project", row->project);
    bf_tree_str(t, "collection", row->collection);
    bf_tree_str(t, "run", row->run);
    bf_tree_str(t, "author", row->author);
}

/* Why it waits, in words; why it does not, or was late, by the limit's name. */
static void show_reason(struct bf_tree *t, const struct bf_history_row *row)
{
    char words[100], due[32];

    if (row->reason)
        bf_tree_str(t, "reason", row->reason);
    else if (row->merged_into) {
        snprintf(words, sizeof(words), row->status == BF_MERGED ? "execution %s will tell of it"
                                                                : "execution %s told of it",
                 row->merged_into);
        bf_tree_str(t, "reason", words);
    } else if (row->status == BF_PENDING && row->delayed_by && !row->attempts) {
        bf_time_print(row->due_ms, due);
        snprintf(words, sizeof(words), "waits for %s until %s", row->delayed_by, due);
        bf_tree_str(t, "reason", words);
    }
    if (row->delayed_by)
        bf_tree_str(t, "delayed_by", row->delayed_by);
}

/* Of a skipped row or a digest: how many firings it tells of, and when the first and the last
 * were. */
static void show_firings(struct bf_tree *t, uint16_t hub, const struct bf_history_row *row)
{
    char id[BF_ID_LEN + 1];

    if (!row->firings)
        return;
    bf_id_number(id, row->last_ms, hub, row->last_event);
    bf_tree_int(t, "count", (int64_t)row->firings);
    bf_show_time(t, "first", row->created_ms);
    bf_show_time(t, "last", row->last_ms);
    bf_tree_str(t, "last_event", id);
    if (row->until_ms)
        bf_show_time(t, "until", row->until_ms);
}

struct bf_tree *bf_show_execution(struct bf_db *db, uint16_t hub, struct bf_shown *s,
                                  const struct bf_history_row *row)
{
    struct bf_tree *t = bf_tree_object();
    char id[BF_ID_LEN + 1];

    if (!row->automation_name)
        bf_shown_read(db, s, row->automation);
    bf_id_number(id, row->created_ms, hub, row->number);
    bf_tree_str(t, "id", id);
    bf_tree_str(t, "automation", row->automation);
    bf_tree_str(t, "automation_name", row->automation_name ? row->automation_name : s->name);
    bf_tree_int(t, "revision", (int64_t)row->revision);
    show_event(t, db, hub, row);
    bf_tree_str(t, "trigger", row->trigger);
    bf_tree_str(t, "integration", row->integration);
    bf_tree_int(t, "action", row->action);
    bf_tree_str(t, "status", bf_status_name(row->status));
    show_reason(t, row);
    show_firings(t, hub, row);
    if (row->facts)
        bf_tree_raw(t, "facts", row->facts, row->facts_len);
    if (row->hooks)
        bf_tree_raw(t, "hooks", row->hooks, strlen(row->hooks));
    if (row->merged_into)
        bf_tree_str(t, "merged_into", row->merged_into);
    if (row->merged)
        bf_tree_int(t, "merged", (int64_t)row->merged);
    if (row->resend_of)
        bf_tree_str(t, "resend_of", row->resend_of);
    if (row->resent_as)
        bf_tree_str(t, "resent_as", row->resent_as);
    bf_tree_int(t, "attempts", row->attempts);
    bf_show_time(t, "created", row->created_ms);
    if (row->status == BF_PENDING)
        bf_show_time(t, "due", row->due_ms);
    if (row->first_attempt_ms)
        bf_show_time(t, "started", row->first_attempt_ms);
    if (row->finished_ms)
        bf_show_time(t, "finished", row->finished_ms);
    if (row->first_attempt_ms && row->finished_ms)
        bf_tree_int(t, "duration_ms", row->finished_ms - row->first_attempt_ms);
    return t;
}

static void print_time(struct bf_buf *b, const char *name, int64_t ms)
{
    char text[32];

    bf_time_print(ms, text);
    bf_buf_printf(b, ",\"%s\":\"%s\"", name, text);
}

/* What an author may leave out is shown all the same. */
static void print_defaults(struct bf_buf *b, const struct bf_automation_row *row)
{
    struct bf_arena *a = bf_arena_new(SPEC_INDEX_MAX);
    const struct bf_json *spec = bf_json_parse(a, row->spec, row->spec_len, NULL);

    if (spec && !bf_json_get(spec, "description"))
        bf_buf_adds(b, ",\"description\":\"\"");
    if (spec && !bf_json_get(spec, "enabled"))
        bf_buf_adds(b, ",\"enabled\":true");
    if (spec && !bf_json_get(spec, "dry_run"))
        bf_buf_adds(b, ",\"dry_run\":false");
    bf_arena_free(a);
}

struct last {
    struct bf_buf *out;
    uint16_t hub;
};

static void on_last(void *arg, const struct bf_history_row *row)
{
    struct last *l = arg;
    char id[BF_ID_LEN + 1];

    bf_id_number(id, row->created_ms, l->hub, row->number);
    bf_buf_printf(l->out, "{\"id\":\"%s\",\"status\":\"%s\"", id, bf_status_name(row->status));
    print_time(l->out, "created", row->created_ms);
    bf_buf_addc(l->out, '}');
}

static void print_last(struct bf_buf *b, struct bf_db *db, uint16_t hub, const char *automation)
{
    struct last l = {.out = b, .hub = hub};

    bf_buf_adds(b, ",\"last_execution\":");
    if (bf_history_last(db, automation, on_last, &l))
        bf_buf_adds(b, "null");
}

void bf_show_automation(struct bf_buf *b, struct bf_db *db, uint16_t hub,
                        const struct bf_automation_row *row)
{
    bf_buf_printf(b, "{\"id\":\"%s\",\"revision\":%llu,", row->id,
                  (unsigned long long)row->revision);
    bf_buf_add(b, row->spec + 1, row->spec_len - 2);
    print_defaults(b, row);
    print_time(b, "created", row->created_ms);
    print_time(b, "updated", row->updated_ms);
    print_last(b, db, hub, row->id);
    bf_buf_addc(b, '}');
}

void bf_show_deleted(struct bf_buf *b, const struct bf_automation_row *row)
{
    bf_buf_printf(b, "{\"id\":\"%s\",\"name\":", row->id);
    bf_buf_json(b, row->name);
    print_time(b, "deleted", row->updated_ms);
    bf_buf_addc(b, '}');
}


/* --- what would be sent ---------------------------------------------------------------------- */

/* An execution that nobody enqueues. */
static struct bf_execution *imagine(struct bf_envelope *e, const struct bf_firing *f,
                                    uint32_t action)
{
    struct bf_execution *x = bf_execution_new();

    x->action = action;
    x->event = bf_envelope_ref(e);
    x->automation = bf_automation_ref(f->automation);
    x->trigger = f->trigger->wire;
    x->run = f->run;
    if (f->facts)
        bf_execution_set_facts(x, f->facts, f->facts_len);
    snprintf(x->id, sizeof(x->id), "%s", NO_ID);
    return x;
}

static void print_request(const struct bf_sent *sent, size_t max, struct bf_buf *out)
{
    size_t len = sent->body_len < max ? sent->body_len : max;

    bf_buf_adds(out, ",\"request\":{\"method\":");
    bf_buf_json(out, sent->method);
    bf_buf_adds(out, ",\"url\":");
    bf_buf_json(out, sent->url);
    bf_buf_adds(out, ",\"payload\":\"");
    bf_buf_json_chars(out, sent->body, len);
    bf_buf_printf(out, "\",\"payload_bytes\":%zu},\"reason\":null", sent->body_len);
}

static void print_transform(const struct bf_answer *said, struct bf_buf *out)
{
    if (said->said == BF_SAID_NOTHING)
        return;
    bf_buf_adds(out, ",\"transform\":");
    bf_transform_print(said, out);
}

void bf_show_previews(struct bf_plugins *p, struct bf_envelope *e, const struct bf_firing *f,
                      size_t max, struct bf_buf *out)
{
    bf_buf_addc(out, '[');
    for (uint32_t i = 0; i < f->automation->n_actions; i++) {
        struct bf_execution *x = imagine(e, f, i);
        struct bf_arena *a = bf_arena_new(PREVIEW_MAX);
        struct bf_error err = {0};
        struct bf_answer said;
        struct bf_sent sent;

        bf_buf_printf(out, "%s{\"action\":%u,\"integration\":", i ? "," : "", (unsigned)i);
        bf_buf_json(out, bf_execution_integration(x));
        if (bf_plugins_preview(p, x, a, &sent, &said, &err) == BF_OK) {
            print_request(&sent, max, out);
        } else {
            bf_buf_adds(out, ",\"request\":null,\"reason\":");
            bf_buf_json(out, err.words);
        }
        print_transform(&said, out);
        bf_buf_addc(out, '}');
        bf_arena_free(a);
        bf_execution_unref(x);
    }
    bf_buf_addc(out, ']');
}
