/* check.c - an integration as people give it, before it is saved.
 *
 * It is checked by making an instance of it that nobody else sees, and by asking that for a request:
 * what fails here would fail at every delivery.  A plugin sees stand-ins only, and nothing is
 * sent. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/crypto.h"
#include "core/base/sign.h"
#include "core/net/guard.h"
#include "core/net/tls.h"
#include "core/plugin/host.h"
#include "core/rules/trigger.h"

#define SAMPLE_TRIGGER "ADD_ARTIFACT_ALIAS"     /* what an integration is tried with */
#define TRY_MS        15000
#define LOOK_UP_MS    5000      /* for the names in one integration, together */
#define LOOK_UPS_MAX  2         /* workers that wait for names at a time */


/* --- trying ----------------------------------------------------------------------------- */

struct bf_try *bf_check_try(struct bf_arena *a, struct bf_instance *i, struct bf_filled *f,
                            const struct bf_envelope *event, const char *trigger)
{
    struct bf_try *t = bf_arena_new_of(a, struct bf_try);

    bf_assert(t);               /* the first thing in the arena */
    bf_try_fill(t, i, f, a, event, trigger);
    t->vars.automation = "sample";
    t->vars.execution_id = "00000000000000000000000000";
    t->delivery.id = t->vars.execution_id;
    t->delivery.automation = "sample";
    t->delivery.deadline_ms = bf_wall_ms(i->plugins->rooms.clock) + TRY_MS;
    return t;
}

const struct bf_standin *bf_check_leading_standin(const struct bf_try *t, const char *url)
{
    const struct bf_standins *sets[] = {&t->instance->standins, &t->standins};

    for (size_t k = 0; k < BF_COUNT(sets); k++)
        for (size_t i = 0; i < sets[k]->n; i++)
            if (strncmp(url, sets[k]->items[i].text, BF_STANDIN_LEN) == 0)
                return &sets[k]->items[i];
    return NULL;
}

static bool has_standin(const struct bf_try *t, const char *url)
{
    const struct bf_standins *sets[] = {&t->instance->standins, &t->standins};

    for (size_t k = 0; k < BF_COUNT(sets); k++)
        for (size_t i = 0; i < sets[k]->n; i++)
            if (strstr(url, sets[k]->items[i].text))
                return true;
    return false;
}

bool bf_check_web_address(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

const char *bf_check_option_of(const struct bf_option *table, const void *in, const char *url)
{
    for (const struct bf_option *o = table; o && o->name; o++) {
        const char *text = o->type == BF_T_STRING ? *(const char **)bf_option_place(o, in) : NULL;
        const char *mark = text ? strstr(text, "${") : NULL;
        size_t len = mark ? (size_t)(mark - text) : text ? strlen(text) : 0;

        if (len > 0 && strncmp(url, text, len) == 0)
            return o->name;
    }
    return NULL;
}

/* Where a person gave it: "config.url", or "secrets" if it is granted by name. */
static void field_of(const char *option, char out[128])
{
    if (option && *option == '$')
        snprintf(out, 128, "secrets");
    else
        snprintf(out, 128, "config%s%s", option ? "." : "", option ? option : "");
}

int bf_check_refuse_scheme(struct bf_error *err, const char *option)
{
    char field[128];

    field_of(option, field);
    return bf_error_field(err, BF_ECONFIG, field, "%s must begin with http:// or https://",
                          option ? option : "the address");
}


/* --- integrations ---------------------------------------------------------------------- */

struct storing {
    struct bf_plugins *plugins;
    struct bf_arena *arena;
    struct bf_integration_draft *draft;
    const struct bf_json *before;       /* the options saved so far, or NULL */
    const struct bf_given *literals;    /* that are not saved yet */
    int64_t look_until_mono;
    struct bf_error *err;
};

static int refuse(struct storing *s, const struct bf_option *o, const char *fmt, ...)
    BF_FORMAT(3, 4);
static int refuse(struct storing *s, const struct bf_option *o, const char *fmt, ...)
{
    char field[128], words[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(words, sizeof(words), fmt, ap);
    va_end(ap);
    snprintf(field, sizeof(field), "config.%s", o->name);
    return bf_error_field(s->err, BF_ECONFIG, field, "%s", words);
}

/* The host in a URL, and its port if there is one; up to *end. */
static const char *find_host(const char *url, const char **end)
{
    const char *host = strstr(url, "://") + 3;

    *end = host + strcspn(host, "/?#");
    for (const char *p = host; p < *end; p++)
        if (*p == '@')
            host = p + 1;
    return host;
}

/* Variables are left to the moment of a delivery: where a URL can be judged, something plain
 * stands for them.  NULL if they are in the host. */
static const char *without_variables(struct bf_arena *a, const char *url)
{
    const char *end, *host = find_host(url, &end);
    char *copy = bf_arena_dup(a, url), *mark = copy;

    if (memmem(host, (size_t)(end - host), "${", 2))
        return NULL;
    while (copy && (mark = strstr(mark, "${")) != NULL) {
        size_t len = strcspn(mark, "}");

        memset(mark, 'x', len + (mark[len] == '}'));
    }
    return copy;
}

static bool is_granted(const struct storing *s, const char *name, size_t name_len)
{
    size_t len;

    for (const char *at = s->draft->secrets; (len = bf_secret_names_next(&at)) > 0; at += len)
        if (len == name_len && memcmp(at, name, len) == 0)
            return true;
    return false;
}

/* A host that ends with a variable, which is no secret of the team, is any that an event says. */
static void look_at_host(struct storing *s, const char *field, const char *url)
{
    const char *end, *p = find_host(url, &end), *last = NULL;

    while (p < end && *p != ':') {
        size_t len = strncmp(p, "${", 2) == 0 ? strcspn(p, "}") + 1 : 1;

        if (len > 1 || *p != '.')
            last = len > 1 ? p + 2 : NULL;
        p += len;
    }
    if (last && !is_granted(s, last, strcspn(last, "}")))
        bf_warnings_add(&s->draft->warnings, field,
                        "whoever sends an event chooses the host that gets this, and the secrets in"
                        " it; let the host end with a name of your own, as in"
                        " ${alias}.example.com");
}

/* A name that leads nowhere now may lead somewhere later: it is saved, and the caller told. */
static int judge_address(struct storing *s, const char *field, const char *url)
{
    struct bf_plugins *p = s->plugins;
    int64_t left_ms = s->look_until_mono - bf_mono_ms(p->rooms.clock);
    const char *plain = without_variables(s->arena, url);
    char doubt[200];
    struct bf_error why;
    int rc;

    if (!plain) {
        look_at_host(s, field, url);
        return BF_OK;
    }
    if (atomic_fetch_add(&p->n_look_ups, 1) >= LOOK_UPS_MAX)
        left_ms = 0;
    rc = bf_guard_look_up(p->rooms.guard, plain, left_ms, doubt, sizeof(doubt), &why);
    atomic_fetch_sub(&p->n_look_ups, 1);
    if (rc)
        return bf_error_field(s->err, BF_ECONFIG, field, "%s", why.words);
    if (*doubt)
        bf_warnings_add(&s->draft->warnings, field, "%s", doubt);
    return BF_OK;
}

static int check_address(struct storing *s, const struct bf_option *o, const char *value)
{
    char field[128];

    if (!bf_check_web_address(value))
        return BF_OK;
    snprintf(field, sizeof(field), "config.%s", o->name);
    return judge_address(s, field, value);
}

static bool is_variable(const char *text, size_t len)
{
    return len > 3 && strncmp(text, "${", 2) == 0 && memchr(text, '}', len) == text + len - 1;
}

/* Of user:password@ the last part must be a variable: the rest is stored and shown as it is. */
static int check_userinfo(struct storing *s, const struct bf_option *o, const char *url)
{
    const char *info = strstr(url, "://") + 3, *end = info + strcspn(info, "/?#"), *at = end;
    const char *colon;

    while (at > info && at[-1] != '@')
        at--;
    if (at == info)
        return BF_OK;
    at--;
    colon = memchr(info, ':', (size_t)(at - info));
    if (is_variable(colon ? colon + 1 : info, (size_t)(at - (colon ? colon + 1 : info))))
        return BF_OK;
    return refuse(s, o, "a password in a URL would be stored and shown; keep it with PUT "
                  "/api/v1/teams/%s/secrets/PASSWORD, grant it with \"secrets\":[\"PASSWORD\"], "
                  "and write user:${PASSWORD}@ if %s takes ${variables}", s->draft->entity,
                  o->name);
}

static int seal_literal(struct storing *s, const struct bf_option *o, const char *value,
                        struct bf_tree *out)
{
    const char *name = bf_arena_printf(s->arena, "integration/%s/%s", s->draft->id, o->name);
    struct bf_given *g;
    int rc = check_address(s, o, value);

    if (rc)
        return rc;
    if (strlen(value) > BF_SECRET_MAX)
        return refuse(s, o, "%s has more than %d bytes", o->name, BF_SECRET_MAX);
    g = bf_arena_new_of(s->arena, struct bf_given);
    if (!g)
        return refuse(s, o, "the options are too large");
    *g = (struct bf_given){s->literals, o->name, value};
    s->literals = g;
    s->draft->seal(s->draft->arg, name, value);
    bf_tree_str(bf_tree_add_object(out, o->name), "sealed", name);
    return BF_OK;
}

/* {"set":true} is what REST shows of a literal: given back, it leaves the value as it is. */
static int keep_literal(struct storing *s, const struct bf_option *o, struct bf_tree *out)
{
    const char *name = bf_json_str(s->arena, bf_json_get(bf_json_get(s->before, o->name),
                                                         "sealed"));

    if (!name)
        return refuse(s, o, "%s is not set yet; give its value", o->name);
    bf_tree_str(bf_tree_add_object(out, o->name), "sealed", name);
    return BF_OK;
}

static int has_secret(struct bf_plugins *p, const char *entity, const char *name,
                      const char *field, struct bf_error *err)
{
    if (bf_team_has_secret(p->rooms.team, entity, name))
        return BF_OK;
    return bf_error_field(err, BF_ECONFIG, field, "no secret \"%s\" in team %s; store it with PUT "
                          "/api/v1/teams/%s/secrets/%s", name, entity, entity, name);
}

int bf_check_secrets(struct bf_plugins *p, const char *entity, const char *names,
                     struct bf_error *err)
{
    char name[BF_SECRET_NAME_MAX + 1];
    size_t len;
    int rc = BF_OK;

    for (const char *at = names; !rc && (len = bf_secret_names_next(&at)) > 0; at += len) {
        snprintf(name, sizeof(name), "%.*s", (int)len, at);
        rc = has_secret(p, entity, name, "secrets", err);
    }
    return rc;
}

static int store_secret(struct storing *s, const struct bf_option *o, const struct bf_json *value,
                        struct bf_tree *out)
{
    const char *text = bf_json_str(s->arena, value);
    const char *literal = bf_json_str(s->arena, bf_json_get(value, "value"));
    char field[128];

    if (text && bf_secret_name_ok(text)) {
        snprintf(field, sizeof(field), "config.%s", o->name);
        if (has_secret(s->plugins, s->draft->entity, text, field, s->err))
            return BF_ECONFIG;
        bf_tree_str(out, o->name, text);
        return BF_OK;
    }
    if (text || literal)
        return seal_literal(s, o, text ? text : literal, out);
    if (bf_json_is(bf_json_get(value, "set"), BF_JSON_TRUE))
        return keep_literal(s, o, out);
    return refuse(s, o, "%s must be the name of a secret, or {\"value\":\"...\"} with the secret "
                  "itself", o->name);
}

/* How a value is kept that is not to be read by everybody. */
static const char *as_secret(struct storing *s)
{
    return bf_arena_printf(s->arena, "keep it as a secret (PUT /api/v1/teams/%s/secrets/NAME), grant"
                           " that under secrets, and write ${NAME} here", s->draft->entity);
}

/* Of a map, such as headers, what is called like a credential has to be a variable. */
static int check_bare_map(struct storing *s, const struct bf_option *o, const struct bf_json *map)
{
    for (const struct bf_json *k = bf_json_first(map); k; k = bf_json_next(map, k)) {
        const char *name = bf_json_str(s->arena, k), *value = bf_json_str(s->arena, k + 1);
        const char *what = bf_bare_token(value);

        if (what)
            return refuse(s, o, "%s of %s holds %s, which would be stored and shown; %s", name,
                          o->name, what, as_secret(s));
        if (value && *value && bf_bare_name(name) && !strstr(value, "${"))
            return refuse(s, o, "%s of %s is called like something secret, and would be stored and"
                          " shown; %s", name, o->name, as_secret(s));
    }
    return BF_OK;
}

/* A text is somebody's own affair, and told of; but a private key is not. */
static int check_bare_text(struct storing *s, const struct bf_option *o, const char *text)
{
    const char *what = bf_bare_token(text);
    char name[64], field[128];

    if (what && strcmp(what, "a private key") == 0)
        return refuse(s, o, "%s holds a private key, which would be stored and shown; leave it out"
                      " there", o->name);
    if (!what && bf_check_web_address(text) && bf_bare_query(text, name, sizeof(name)))
        what = bf_arena_printf(s->arena, "%s=, which looks like something secret", name);
    snprintf(field, sizeof(field), "config.%s", o->name);
    if (what)
        bf_warnings_add(&s->draft->warnings, field, "%s holds %s; whoever may read the team sees it:"
                        " %s", o->name, what, as_secret(s));
    return BF_OK;
}

static int store_option(struct storing *s, const struct bf_option *o, const struct bf_json *value,
                        struct bf_tree *out)
{
    const char *text = bf_json_str(s->arena, value);
    size_t len;

    if (o->flags & BF_SECRET)
        return store_secret(s, o, value, out);
    if (o->type == BF_T_MAP ? check_bare_map(s, o, value)
                            : text && check_bare_text(s, o, text))
        return BF_ECONFIG;
    if (text && bf_check_web_address(text) &&
        (check_userinfo(s, o, text) || check_address(s, o, text)))
        return BF_ECONFIG;
    text = bf_json_raw(value, &len);
    bf_tree_raw(out, o->name, text, len);
    return BF_OK;
}

static int store_options(struct storing *s, const struct bf_option *table,
                         const struct bf_json *config, const char **stored)
{
    struct bf_tree *out = bf_tree_object();
    struct bf_buf b;
    int rc = BF_OK;

    for (const struct bf_option *o = table; !rc && o && o->name; o++) {
        const struct bf_json *value = bf_json_get(config, o->name);

        if (value && !bf_json_is(value, BF_JSON_NULL))
            rc = store_option(s, o, value, out);
    }
    bf_buf_init(&b, BF_CALL_ARENA_MAX);
    bf_tree_print(out, &b);
    *stored = bf_arena_dup(s->arena, bf_buf_text(&b));
    bf_buf_fini(&b);
    bf_tree_free(out);
    return rc;
}

/* An option that a change leaves out, as REST would give it back. */
static void keep_option(struct bf_tree *out, const struct bf_option *o, const struct bf_json *value)
{
    const char *text;
    size_t len;

    if ((o->flags & BF_SECRET) && bf_json_get(value, "sealed")) {
        bf_tree_bool(bf_tree_add_object(out, o->name), "set", true);
        return;
    }
    text = bf_json_raw(value, &len);
    bf_tree_raw(out, o->name, text, len);
}

/* The options as they will be: those given, and the saved ones that are not among them. */
static int merge(struct storing *s, const struct bf_option *table, const struct bf_json **config,
                 struct bf_error *err)
{
    struct bf_tree *out = bf_tree_object();
    const struct bf_json *given = *config;
    const char *text;
    struct bf_buf b;
    size_t len;

    for (const struct bf_json *k = bf_json_first(given); k; k = bf_json_next(given, k)) {
        text = bf_json_raw(k + 1, &len);
        bf_tree_raw(out, bf_json_str(s->arena, k), text, len);
    }
    for (const struct bf_option *o = table; o && o->name; o++)
        if (bf_json_get(s->before, o->name) && !bf_json_get(given, o->name))
            keep_option(out, o, bf_json_get(s->before, o->name));
    bf_buf_init(&b, BF_CALL_ARENA_MAX);
    bf_tree_print(out, &b);
    text = bf_arena_dup(s->arena, bf_buf_text(&b));
    bf_wipe(b.data, b.len);     /* literals are among them */
    bf_buf_fini(&b);
    bf_tree_free(out);
    return bf_config_parse(s->arena, text, config, err);
}

/* The value that is given with this very request, or NULL. */
static const char *given_value(const struct storing *s, const char *option)
{
    for (const struct bf_given *g = s->literals; g; g = g->next)
        if (strcmp(g->option, option) == 0)
            return g->value;
    return NULL;
}

/* The URL begins with a secret: what that begins with counts, and where it leads. */
static int check_secret_address(struct storing *s, const struct bf_standin *standin)
{
    const char *given = given_value(s, standin->option);
    struct bf_error why;
    char *value, field[128];
    size_t len;
    int rc = BF_OK;

    if (given)
        return bf_check_web_address(given) ? BF_OK : bf_check_refuse_scheme(s->err, standin->option);
    if (s->draft->hides_secrets ||
        bf_standin_open(s->plugins->rooms.team, standin, &value, &len, &why))
        return BF_OK;           /* as every attempt will say */
    field_of(standin->option, field);
    rc = bf_check_web_address(value) ? judge_address(s, field, value)
                               : bf_check_refuse_scheme(s->err, standin->option);
    bf_wipe(value, len);
    free(value);
    return rc;
}

/* A key that Standard Webhooks does not know would sign what no receiver can check. */
static int check_key(struct storing *s, const struct bf_standin *standin)
{
    const char *given = given_value(s, standin->option);
    struct bf_error why;
    char *value = NULL, field[128];
    size_t len = 0;
    bool ok;

    if (!given && bf_standin_open(s->plugins->rooms.team, standin, &value, &len, &why))
        return BF_OK;           /* as every attempt will say */
    ok = bf_standard_key_ok(s->arena, given ? given : value);
    if (value)
        bf_wipe(value, len);
    free(value);
    if (ok)
        return BF_OK;
    field_of(standin->option, field);
    return bf_error_field(s->err, BF_ECONFIG, field,
                          "a key for Standard Webhooks is whsec_ and then base64 of 24 to 64 bytes,"
                          " as \"echo whsec_$(openssl rand -base64 32)\" makes one");
}

static int check_keys(struct storing *s, const struct bf_try *t, const struct bf_outbound *r)
{
    const struct bf_standin *standin;
    const char *key;
    int how, rc = BF_OK;

    for (size_t i = 0; !rc && (key = bf_outbound_key(r, i, &how)); i++) {
        standin = bf_standins_find(&t->instance->standins, key);
        if (standin && how == BF_SIGN_STANDARD)
            rc = check_key(s, standin);
    }
    return rc;
}

static int check_tls(struct storing *s, const struct bf_try *t, const struct bf_outbound *r)
{
    const char *key = bf_outbound_tls(r, BF_TLS_KEY);
    struct bf_tls_look l = {.instance = t->instance, .request = r,
                            .key = key ? bf_standins_find(&t->instance->standins, key) : NULL};
    int rc;

    if (l.key)
        l.given_key = given_value(s, l.key->option);
    rc = bf_check_tls(&l, s->err);
    if (!rc && *l.doubt)
        bf_warnings_add(&s->draft->warnings, l.field, "%s", l.doubt);
    return rc;
}

static int check_request(struct storing *s, struct bf_try *t)
{
    const struct bf_instance *i = t->instance;
    struct bf_outbound *r = bf_outbound_new(t->instance, t->delivery.arena, t);
    const struct bf_standin *standin;
    struct bf_error why;
    struct bf_call c;
    const char *url, *option;
    int rc;

    bf_try_enter(t, &c, &why);
    c.where = BF_AT_WORKER;
    rc = r ? i->sink->request(i->self, &t->delivery, bf_outbound_pub(r)) : BF_ENOMEM;
    bf_call_leave(&c);
    if (rc || t->error.code)
        return BF_OK;           /* nothing would be sent of a made-up event */
    rc = check_keys(s, t, r);
    if (!rc)
        rc = check_tls(s, t, r);
    if (rc)
        return rc;
    url = bf_outbound_url(r);
    standin = bf_check_leading_standin(t, url);
    if (standin)
        return check_secret_address(s, standin);
    if (*url == '\0')
        return BF_OK;
    option = bf_check_option_of(i->sink->integration, i->options, url);
    if (!bf_check_web_address(url))
        return bf_check_refuse_scheme(s->err, option);
    return option || has_standin(t, url) ? BF_OK : judge_address(s, "config", url);
}

/* Where a request of default actions would go; a sink whose actions have no defaults is judged
 * when an automation is saved. */
static int try_request(struct storing *s, struct bf_instance *i)
{
    struct bf_arena *a = bf_arena_new(BF_TRY_BYTES_MAX);
    struct bf_envelope *event = NULL;
    struct bf_filled *f = NULL;
    struct bf_error why;
    int rc = BF_OK;

    if (i->sink->request && !bf_filled_new(i, NULL, "", &f, &why) &&
        !bf_sample_event(SAMPLE_TRIGGER, s->draft->entity, &event, &why))
        rc = check_request(s, bf_check_try(a, i, f, event, SAMPLE_TRIGGER));
    bf_envelope_unref(event);
    bf_filled_unref(f);
    bf_arena_free(a);
    return rc;
}

/* create() has its say as well; it does no I/O. */
static int try_instance(struct storing *s)
{
    const struct bf_integration_draft *d = s->draft;
    struct bf_integration trial = {.entity = d->entity, .sink = d->sink, .name = "check",
                                   .config = d->stored, .secrets = d->secrets};
    struct bf_instance *i;
    int rc = bf_instance_trial(s->plugins, &trial, s->literals, &s->draft->warnings, &i, s->err);

    if (rc)
        return rc;
    rc = try_request(s, i);
    bf_instance_unref(i);
    return rc;
}

int bf_plugins_check_integration(struct bf_plugins *p, struct bf_arena *a,
                                 struct bf_integration_draft *d, struct bf_error *err)
{
    const struct bf_sink *kind = bf_plugins_sink(p, d->sink, NULL);
    struct storing s = {.plugins = p, .arena = a, .draft = d, .err = err,
                        .look_until_mono = bf_mono_ms(p->rooms.clock) + LOOK_UP_MS};
    const struct bf_json *config;
    void *filled;
    int rc;

    d->warnings.arena = a;
    if (!kind)
        return bf_error_field(err, BF_ECONFIG, "sink", "there is no sink \"%.64s\"; this hub has "
                              "%s", d->sink, bf_plugins_sink_names(p, a));
    rc = bf_config_parse(a, d->config, &config, err);
    if (!rc && d->before)
        rc = bf_config_parse(a, bf_arena_dup(a, d->before->config), &s.before, err);
    if (!rc && d->before)
        rc = merge(&s, kind->integration, &config, err);
    filled = bf_arena_alloc(a, kind->integration_size + 1);
    if (!rc && !filled)
        rc = bf_error_set(err, BF_ETOOBIG, "the options are too large");
    if (!rc)
        rc = bf_options_fill(kind->integration, filled, config, a, err);
    if (!rc)
        rc = bf_check_secrets(p, d->entity, d->secrets, err);
    if (!rc)
        rc = store_options(&s, kind->integration, config, &d->stored);
    return rc ? rc : try_instance(&s);
}

int bf_plugins_show_config(struct bf_plugins *p, struct bf_arena *a,
                           const struct bf_integration *integration, const char **json)
{
    struct bf_tree *out = bf_tree_object();
    const struct bf_json *config = NULL;
    struct bf_error err;
    struct bf_buf b;
    int rc = bf_config_parse(a, integration->config, &config, &err);

    (void)p;        /* what is sealed can be told without the plugin, which may be gone */
    for (const struct bf_json *k = bf_json_first(config); k; k = bf_json_next(config, k)) {
        const char *name = bf_json_str(a, k), *text;
        size_t len;

        if (bf_json_get(k + 1, "sealed")) {
            bf_tree_bool(bf_tree_add_object(out, name), "set", true);
            continue;
        }
        text = bf_json_raw(k + 1, &len);
        bf_tree_raw(out, name, text, len);
    }
    bf_buf_init(&b, BF_CALL_ARENA_MAX);
    bf_tree_print(out, &b);
    *json = bf_arena_dup(a, bf_buf_text(&b));
    bf_buf_fini(&b);
    bf_tree_free(out);
    return rc;
}
