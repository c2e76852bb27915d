/* What is found out about an action before it is saved: on an ordinary event, and on the largest. */
#include "tests/unit/plugin_rig.h"

#include "core/rules/trigger.h"

#define LIMIT 20000             /* bytes that this service takes */

struct where {
    const char *url;
    const char *token;
    const char *mode;
};

struct what {
    const char *text;
    const char *note;
    const char *payload;
};

static const struct bf_option where_options[] = {
    BF_STRING(struct where, url, .def = "https://a.example"),
    BF_STRING(struct where, token, .flags = BF_SECRET),
    BF_STRING(struct where, mode, .def = ""),
    BF_OPTIONS_END
};

static const struct bf_option what_options[] = {
    BF_STRING(struct what, text, .flags = BF_TEMPLATE | BF_SHOWN, .def = "${alias}"),
    BF_STRING(struct what, note, .flags = BF_TEMPLATE, .def = ""),
    BF_JSON(struct what, payload, .def = "{}"),
    BF_OPTIONS_END
};

static int n_checked;
static char seen[8][600];       /* what each check() was told of: text, and the event's size */

static int create(struct bf_ctx *ctx, const void *options, void **self)
{
    const struct where *w = options;

    *self = (void *)options;
    if (strcmp(w->mode, "old") == 0)
        bf_warn(ctx, "mode", "this mode is old");
    if (strcmp(w->mode, "looks") == 0)
        bf_warn(ctx, "token", "it is %s", bf_reveal(ctx, bf_scratch(ctx), w->token));
    return 0;
}

static int request(void *self, const struct bf_delivery *d, struct bf_request *req)
{
    const struct where *to = self;
    const struct what *say = d->action;
    const char *text = bf_expand(d, say->text, BF_ESC_NONE);

    if (strncmp(to->mode, "rejects", 7) == 0 && strlen(text) > 200)
        return bf_reject(d, "a text of %zu bytes is not sent", strlen(text));
    if (strcmp(to->mode, "refuses") == 0 && strlen(text) > 200)
        return bf_refuse(d->ctx, "text", "%zu bytes are too many", strlen(text));
    bf_request_to(req, "POST", strcmp(to->mode, "secret") == 0 ? to->token : to->url);
    bf_request_limit(req, 0, LIMIT);
    bf_request_body(req, "application/json", "%s", bf_render(d, say->payload));
    return 0;
}

static int check(void *self, const struct bf_delivery *d)
{
    const struct where *to = self;
    const struct what *say = d->action;
    const char *text = bf_expand(d, say->text, BF_ESC_NONE);

    if (n_checked < 8)
        snprintf(seen[n_checked], sizeof(seen[0]), "%s of %s", text, d->automation);
    n_checked++;
    if (strcmp(text, "no") == 0)
        return bf_refuse(d->ctx, "text", "the service does not take \"no\"");
    if (strcmp(to->mode, "strict") == 0 && strlen(text) > 200)
        return bf_refuse(d->ctx, "text", "the service takes 200 bytes, not %zu", strlen(text));
    if (strcmp(to->mode, "warns") == 0)
        bf_warn(d->ctx, "text", "a text like this is seldom read");
    if (strcmp(to->mode, "warns") == 0 && strlen(text) > 200)
        bf_warn(d->ctx, "text", "%zu bytes will be cut", strlen(text));
    if (strcmp(to->mode, "rejects, and warns") == 0 && strlen(text) > 200)
        bf_warn(d->ctx, "text", "it may become too long to send");
    return 0;
}

static const struct bf_sink sink = {
    BF_SINK("t", "Check"), BF_INTEGRATION(struct where, where_options),
    BF_ACTION(struct what, what_options), .create = create, .request = request, .check = check};
static const struct bf_plugin plugin = {
    .size = sizeof(plugin), .name = "t", .version = "1", BF_SINKS(&sink)};

struct scene {
    struct rig rig;
    struct bf_arena *arena;
    struct bf_integration *to;
    struct bf_warnings warnings;
    struct bf_error err;
    const char *trigger;
    const char *secrets;
    bool is_transformed;
};

static void open_scene(struct scene *s, const char *config)
{
    *s = (struct scene){.arena = bf_arena_new(4 * 1024 * 1024), .trigger = "ADD_ARTIFACT_ALIAS",
                        .secrets = ""};
    rig_open(&s->rig, &plugin);
    rig_secret(&s->rig, "ONE", "value-of-one");
    rig_secret(&s->rig, "TOKEN", "value-of-token");
    rig_integration(&s->rig, "t", config);
    s->to = bf_team_integration(s->rig.team, RIG_INTEGRATION);
}

static int save(struct scene *s, const char *config)
{
    struct bf_action_check c = {.integration = s->to, .automation = "notify", .automation_id = "A1",
                                .event_type = s->trigger, .config = config, .secrets = s->secrets,
                                .is_transformed = s->is_transformed, .warnings = &s->warnings};

    s->warnings = (struct bf_warnings){.arena = s->arena, .within = "actions[0]"};
    s->err = (struct bf_error){0};
    n_checked = 0;
    return bf_plugins_check_action(s->rig.plugins, &c, &s->err);
}

static void close_scene(struct scene *s)
{
    bf_integration_unref(s->to);
    rig_close(&s->rig);
    bf_arena_free(s->arena);
}

static void has_one(const struct scene *s, const char *field, const char *words)
{
    CHECK_INT(s->warnings.n, 1);
    if (!s->warnings.first)
        return;
    CHECK_STR(s->warnings.first->field, field);
    CHECK_HAS(s->warnings.first->message, words);
}

TEST(a_sink_checks_an_ordinary_event_and_the_largest_of_its_kind)
{
    struct scene s;

    open_scene(&s, "{}");
    rig_ok(save(&s, "{}"), &s.err);
    CHECK_INT(n_checked, 2);
    CHECK_STR(seen[0], "production of notify");
    CHECK_INT(strlen(seen[1]), BF_NAME_MAX + strlen(" of notify"));
    CHECK_INT(s.warnings.n, 0);
    rig_ok(save(&s, "{\"text\":\"${automation_name} ${automation_id} ${automation_url}\"}"), &s.err);
    CHECK_STR(seen[0], "notify A1 https://hub.example/automations/A1 of notify");
    close_scene(&s);
}

TEST(what_a_sink_refuses_of_the_ordinary_event_is_refused)
{
    struct scene s;

    open_scene(&s, "{}");
    CHECK_INT(save(&s, "{\"text\":\"no\"}"), BF_ECONFIG);
    CHECK_STR(s.err.field, "config.text");
    CHECK_STR(s.err.words, "the service does not take \"no\"");
    CHECK_INT(n_checked, 1);
    close_scene(&s);
}

TEST(what_a_sink_refuses_of_the_largest_event_alone_is_a_warning)
{
    static const struct {
        const char *mode, *words;
    } rows[] = {
        {"strict", "with long names and texts this fails: the service takes 200 bytes, not 256"},
        {"refuses", "with long names and texts this fails: 256 bytes are too many"},
    };
    char config[64];

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct scene s;

        snprintf(config, sizeof(config), "{\"mode\":\"%s\"}", rows[i].mode);
        open_scene(&s, config);
        rig_ok(save(&s, "{}"), &s.err);
        has_one(&s, "actions[0].config.text", rows[i].words);
        close_scene(&s);
    }
}

TEST(what_would_be_settled_without_sending_is_told)
{
    struct scene s;

    open_scene(&s, "{\"mode\":\"rejects\"}");
    rig_ok(save(&s, "{}"), &s.err);
    has_one(&s, "actions[0].config", "nothing would be sent: a text of 256 bytes is not sent");
    close_scene(&s);
}

TEST(what_a_sink_tells_itself_is_not_told_by_the_hub_as_well)
{
    struct scene s;

    open_scene(&s, "{\"mode\":\"rejects, and warns\"}");
    rig_ok(save(&s, "{}"), &s.err);
    has_one(&s, "actions[0].config.text", "it may become too long to send");
    close_scene(&s);
}

TEST(a_sinks_warnings_are_told_once)
{
    struct scene s;

    open_scene(&s, "{\"mode\":\"warns\"}");
    rig_ok(save(&s, "{}"), &s.err);
    CHECK_INT(s.warnings.n, 2);
    CHECK_STR(s.warnings.first->field, "actions[0].config.text");
    CHECK_STR(s.warnings.first->message, "a text like this is seldom read");
    CHECK_STR(s.warnings.last->message, "256 bytes will be cut");
    close_scene(&s);
}

TEST(a_body_that_may_be_more_than_the_service_takes_is_a_warning_with_both_sizes)
{
    struct scene s;

    open_scene(&s, "{}");
    rig_ok(save(&s, "{\"payload\":{\"a\":\"${artifact_metadata.notes}\"}}"), &s.err);
    CHECK_INT(s.warnings.n, 0);
    rig_ok(save(&s, "{\"payload\":{\"a\":\"${json:data}\"}}"), &s.err);
    has_one(&s, "actions[0].config.payload", "and the service takes 20000; an execution that has more"
            " fails, and says how many");
    rig_ok(save(&s, "{\"payload\":[\"${data.a.b}\",\"${data.a.c}\",\"${data.1.b}\",\"${data.1.d}\","
                    "\"${artifact_metadata.x.y}\",\"${artifact_metadata.x}\"]}"), &s.err);
    has_one(&s, "actions[0].config.payload", "texts of 4 KiB, and metadata and data of 32 KiB");
    close_scene(&s);
}

static const char *long_payload(struct bf_arena *a)
{
    char *text = bf_arena_alloc(a, LIMIT + 1);

    memset(text, 'x', LIMIT);
    return bf_arena_printf(a, "{\"payload\":\"%s\"}", text);
}

TEST(a_body_that_is_always_too_long_is_refused_unless_a_script_makes_another)
{
    struct scene s;

    open_scene(&s, "{}");
    CHECK_INT(save(&s, long_payload(s.arena)), BF_ECONFIG);
    CHECK_STR(s.err.field, "config.payload");
    CHECK_HAS(s.err.words, "the body has 20002 bytes even with short values, and the service takes"
                           " 20000");
    s.is_transformed = true;
    rig_ok(save(&s, long_payload(s.arena)), &s.err);
    CHECK_INT(s.warnings.n, 2);
    CHECK_HAS(s.warnings.first->message, "the body, before its transform, has 20002 bytes even with");
    CHECK_HAS(s.warnings.last->message, "KiB the body, before its transform, has 20002 bytes, and the");
    close_scene(&s);
}

TEST(a_secret_where_people_read_is_a_warning_and_elsewhere_none)
{
    struct scene s;

    open_scene(&s, "{\"token\":\"TOKEN\"}");
    s.secrets = "ONE";
    rig_ok(save(&s, "{\"note\":\"${ONE}\",\"payload\":{\"a\":\"$TOKEN ${ONE}\"}}"), &s.err);
    CHECK_INT(s.warnings.n, 0);
    rig_ok(save(&s, "{\"text\":\"${alias} $ONE ${ONE}\"}"), &s.err);
    has_one(&s, "actions[0].config.text", "${ONE} is a secret, and whoever reads the message will see"
            " it; take it out here");
    close_scene(&s);
}

TEST(a_secret_that_is_gone_is_a_warning_where_it_is_needed)
{
    struct bf_error err = {0};
    struct scene s;

    open_scene(&s, "{\"token\":\"TOKEN\"}");
    bf_integration_unref(s.to);
    rig_ok(bf_db_begin(s.rig.db), &err);
    rig_ok(bf_team_put_integration(s.rig.db, "01OTHER0000000000000000000", "acme", "t", "other",
                                   "{\"token\":\"TOKEN\"}", "ONE", 1, &err), &err);
    rig_ok(bf_db_commit(s.rig.db), &err);
    rig_ok(bf_team_refresh(s.rig.team, s.rig.db, NULL, NULL, &err), &err);
    s.to = bf_team_integration(s.rig.team, "01OTHER0000000000000000000");
    rig_ok(save(&s, "{\"note\":\"${ONE}\"}"), &s.err);
    CHECK_INT(s.warnings.n, 0);
    rig_delete_secret(&s.rig, "ONE");
    rig_ok(save(&s, "{}"), &s.err);
    CHECK_INT(s.warnings.n, 0);
    rig_ok(save(&s, "{\"note\":\"${ONE}\"}"), &s.err);
    has_one(&s, "actions[0].config.note", "there is no secret \"ONE\" in team acme any more, and what"
            " needs it fails; store it with PUT /api/v1/teams/acme/secrets/ONE");
    rig_delete_secret(&s.rig, "TOKEN");
    rig_ok(save(&s, "{}"), &s.err);
    has_one(&s, "actions[0].integration", "its option token is the secret \"TOKEN\"");
    close_scene(&s);
}

TEST(what_create_warns_of_is_told_to_who_saves_the_integration)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    struct bf_integration_draft d = {.entity = "acme", .id = "ID", .sink = "t", .secrets = "",
                                     .config = "{\"mode\":\"old\",\"url\":\"https://192.0.2.1/\"}"};
    struct bf_error err = {0};
    struct rig r;

    rig_open(&r, &plugin);
    CHECK_INT(bf_plugins_check_integration(r.plugins, a, &d, &err), BF_ECONFIG);
    d.config = "{\"mode\":\"old\",\"url\":\"https://1.1.1.1/\"}";
    rig_ok(bf_plugins_check_integration(r.plugins, a, &d, &err), &err);
    CHECK_INT(d.warnings.n, 1);
    CHECK_STR(d.warnings.first->field, "config.mode");
    CHECK_STR(d.warnings.first->message, "this mode is old");
    rig_close(&r);
    bf_arena_free(a);
}

TEST(where_a_stored_secret_leads_is_not_told_to_who_may_not_know)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    struct bf_integration_draft d = {.sink = "t", .entity = "acme", .id = "ID", .secrets = ""};
    struct bf_error err = {0};
    struct scene s;

    open_scene(&s, "{\"token\":\"ONE\",\"mode\":\"secret\"}");
    rig_secret(&s.rig, "ONE", "http://127.0.0.1/x");
    d.before = s.to;
    CHECK_INT(bf_plugins_check_integration(s.rig.plugins, a, &d, &err), BF_ECONFIG);
    CHECK_STR(err.field, "config.token");
    CHECK_HAS(err.words, "127.0.0");
    d.hides_secrets = true;
    rig_ok(bf_plugins_check_integration(s.rig.plugins, a, &d, &err), &err);
    CHECK_INT(d.warnings.n, 0);
    close_scene(&s);
    bf_arena_free(a);
}

static void no_seal(void *arg, const char *name, const char *value)
{
    (void)arg;
    (void)name;
    (void)value;
}

/* It had the value that was saved before, or none. */
TEST(create_sees_the_secret_that_is_given_with_the_options)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    struct bf_integration_draft d = {.entity = "acme", .id = "ID", .sink = "t", .secrets = "",
                                     .config = "{\"mode\":\"looks\",\"url\":\"https://1.1.1.1/\","
                                               "\"token\":\"given just now\"}",
                                     .seal = no_seal};
    struct bf_error err = {0};
    struct rig r;

    rig_open(&r, &plugin);
    rig_secret(&r, "integration/ID/token", "saved before");
    rig_ok(bf_plugins_check_integration(r.plugins, a, &d, &err), &err);
    CHECK_INT(d.warnings.n, 1);
    CHECK_STR(d.warnings.first->field, "config.token");
    CHECK_STR(d.warnings.first->message, "it is given just now");
    rig_close(&r);
    bf_arena_free(a);
}


/* --- the largest events ---------------------------------------------------------------- */

static const char *const triggers[] = {
    "CREATE_ARTIFACT", "LINK_MODEL", "UNLINK_ARTIFACT", "ADD_ARTIFACT_ALIAS", "ADD_ARTIFACT_TAG",
    "REMOVE_ARTIFACT_TAG", "ADD_COLLECTION_TAG", "REMOVE_COLLECTION_TAG", "RUN_METRIC",
    "RUN_METRIC_CHANGE", "RUN_METRIC_ZSCORE", "RUN_STATE", "RUN_ALERT", "SCHEDULE", "ABSENCE",
    "ci.finished", "belfry.execution.failed",
};

TEST(every_kind_of_event_has_a_largest_one)
{
    const struct bf_compiled_set none = {0};

    for (size_t i = 0; i < BF_COUNT(triggers); i++) {
        struct bf_arena *a = bf_arena_new(4 * 1024 * 1024);
        struct bf_envelope *small = NULL, *large = NULL;
        struct bf_error err = {0};
        const char *facts;
        size_t len;

        CHECK(strchr(triggers[i], '.') || bf_trigger_by_wire(triggers[i]));
        rig_ok(bf_sample_event(triggers[i], "acme", &small, &err), &err);
        rig_ok(bf_sample_large_event(triggers[i], "acme", &none, &large, &err), &err);
        CHECK_STR(large->type, small->type);
        CHECK_STR(large->entity, "acme");
        CHECK_INT(strlen(large->project), BF_NAME_MAX);
        CHECK(!small->collection || large->collection);
        CHECK(!small->alias || strlen(large->alias) == BF_NAME_MAX);
        CHECK(!small->tag || strlen(large->tag) == BF_NAME_MAX);
        CHECK(!small->run_name || strlen(large->run_name) == BF_NAME_MAX);
        CHECK(small->n_points <= large->n_points);
        CHECK(large->text_len < BF_EVENT_MAX / 4);
        bf_sample_large_facts(triggers[i], a, &facts, &len);
        CHECK(!facts || bf_json_parse(a, facts, len, &err));
        bf_envelope_unref(small);
        bf_envelope_unref(large);
        bf_arena_free(a);
    }
}

TEST(the_largest_event_has_a_value_for_every_variable_that_an_ordinary_one_has)
{
    const struct bf_compiled_set none = {0};

    for (size_t i = 0; i < BF_COUNT(triggers); i++) {
        struct bf_arena *a = bf_arena_new(4 * 1024 * 1024);
        struct bf_envelope *events[2] = {NULL, NULL};
        char *names = bf_arena_dup(a, bf_var_names()), *rest = names, *name;
        struct bf_vars vars[2];
        const char *facts[2];
        size_t len[2];

        bf_sample_event(triggers[i], "acme", &events[0], NULL);
        bf_sample_large_event(triggers[i], "acme", &none, &events[1], NULL);
        bf_sample_facts(triggers[i], &facts[0], &len[0]);
        bf_sample_large_facts(triggers[i], a, &facts[1], &len[1]);
        for (int k = 0; k < 2; k++)
            vars[k] = (struct bf_vars){
                .arena = a, .event = events[k],
                .root = bf_json_parse(a, events[k]->text, events[k]->text_len, NULL),
                .facts = facts[k] ? bf_json_parse(a, facts[k], len[k], NULL) : NULL};
        while ((name = strtok_r(rest, ", ", &rest))) {
            const char *small = bf_var_text(&vars[0], name), *large = bf_var_text(&vars[1], name);

            if (small && *small && !*large)
                test_failed(__FILE__, __LINE__, "%s: ${%s} is \"%s\", and of the largest nothing",
                            triggers[i], name, small);
        }
        bf_envelope_unref(events[0]);
        bf_envelope_unref(events[1]);
        bf_arena_free(a);
    }
}

TEST(a_thousand_names_in_a_template_make_no_larger_event)
{
    struct bf_buf b;
    struct scene s;

    open_scene(&s, "{}");
    bf_buf_init(&b, 65536);
    bf_buf_adds(&b, "{\"note\":\"${data.more 1}${data.a}${artifact_metadata.more 0}");
    for (int i = 0; i < 1000; i++)
        bf_buf_printf(&b, "${data.a.%d.b.c.d.e.f.g.h}", i);
    for (int i = 0; i < 10; i++)
        bf_buf_adds(&b, "${data.a}${data..x}${data.more 1}");
    bf_buf_adds(&b, "\"}");
    rig_ok(save(&s, bf_buf_text(&b)), &s.err);
    CHECK_INT(n_checked, 2);
    bf_buf_fini(&b);
    close_scene(&s);
}
