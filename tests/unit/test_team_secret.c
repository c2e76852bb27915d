/* Secrets of teams that a plugin is lent in a caller's name: who may have them, where they are good,
 * and that their values stand on the wire and nowhere before. */
#include <strings.h>

#include "core/base/crypto.h"
#include "core/plugin/host.h"
#include "tests/unit/plugin_rig.h"

static int on_start(struct bf_ctx *ctx, void *self)
{
    (void)ctx;
    (void)self;
    return 0;
}

static const struct bf_source source = {BF_SOURCE("app", "Serves callers"), .start = on_start};

static const struct bf_plugin plugin = {
    .size = sizeof(plugin), .name = "app", .version = "1", BF_SOURCES(&source)};

/* A source inside a callback, and who asks it. */
struct work {
    struct rig rig;
    struct bf_instance *instance;
    struct bf_ctx *ctx;
    struct bf_call call;
    struct bf_arena *arena;
    struct bf_error words;
    struct bf_identity admin, viewer;
};

static void change(struct work *w, const char *role)
{
    struct bf_error err = {0};
    char was[BF_ROLE_SIZE];

    rig_ok(bf_db_begin(w->rig.db), &err);
    rig_ok(bf_team_put_member(w->rig.db, "acme", "ben", role, true, was, &err), &err);
    rig_ok(bf_db_commit(w->rig.db), &err);
    rig_ok(bf_team_refresh(w->rig.team, w->rig.db, NULL, NULL, &err), &err);
}

static void identify(struct work *w, const char *user, const char *key, struct bf_identity *out)
{
    struct bf_key k = {.rights = BF_ALL_RIGHTS};
    struct bf_user_put put = {.admin = -1};
    struct bf_error err = {0};

    snprintf(k.user, sizeof(k.user), "%s", user);
    rig_ok(bf_db_begin(w->rig.db), &err);
    rig_ok(bf_team_put_user(w->rig.db, user, &put, 1, &err), &err);
    rig_ok(bf_team_add_key(w->rig.team, w->rig.db, key, &k, &err), &err);
    rig_ok(bf_db_commit(w->rig.db), &err);
    rig_ok(bf_team_refresh(w->rig.team, w->rig.db, NULL, NULL, &err), &err);
    CHECK(bf_team_authenticate(w->rig.team, key, strlen(key), out));
}

static void work_open(struct work *w)
{
    struct bf_error err = {0};

    rig_open(&w->rig, &plugin);
    rig_ok(bf_plugins_make_source(w->rig.plugins, "app", "app", NULL, &err), &err);
    w->instance = w->rig.plugins->sources;
    w->ctx = &w->instance->ctx;
    identify(w, "ben", "key-0123456789012345678901234567890123456789", &w->admin);
    identify(w, "vic", "key-9876543210987654321098765432109876543210", &w->viewer);
    change(w, "admin");
    rig_secret(&w->rig, "CLIENT_ID", "12345.67890");
    rig_secret(&w->rig, "CLIENT_SECRET", "s3cr&t/\"1\"");
    w->arena = bf_arena_new(1 << 20);
    bf_call_enter(&w->call, w->instance, BF_AT_WORKER, w->arena, &w->words);
}

static void work_close(struct work *w)
{
    bf_call_leave(&w->call);
    bf_arena_free(w->arena);
    rig_close(&w->rig);
}

static const char *lend(struct work *w, const char *name)
{
    return bf_team_secret(w->ctx, w->arena, &w->admin.pub, "acme", name);
}

/* What would leave; its texts end with the arena. */
static struct bf_fetch_request seal(struct work *w, struct bf_request *r)
{
    struct bf_fetch_request out = {0};
    struct bf_wipe_list *wipe;
    struct bf_error err = {0};

    rig_ok(bf_outbound_seal((struct bf_outbound *)r, w->arena, true, &out, &wipe, &err), &err);
    return out;
}

static const char *header(const struct bf_fetch_request *r, const char *name)
{
    for (const char *const *h = r->headers; h[0]; h += 2)
        if (strcasecmp(h[0], name) == 0)
            return h[1];
    return "";
}

TEST(a_lent_secret_is_a_stand_in_until_the_bytes_leave)
{
    const char *id, *secret;
    struct bf_fetch_request out;
    struct bf_request *r;
    struct work w;

    work_open(&w);
    id = lend(&w, "CLIENT_ID");
    secret = lend(&w, "CLIENT_SECRET");
    CHECK_INT(strlen(id), BF_STANDIN_LEN);
    CHECK(strcmp(id, secret) != 0);
    r = bf_request_new(w.ctx, w.arena);
    bf_request_to(r, "POST", bf_printf(w.arena, "https://a.example/%s?x=%s", id, secret));
    bf_request_header(r, "X-Id", id);
    bf_request_basic(r, id, secret);
    bf_request_body(r, "application/x-www-form-urlencoded", "id=%s&secret=%s", id, secret);
    out = seal(&w, r);
    CHECK_STR(out.url, "https://a.example/12345.67890?x=s3cr%26t%2F%221%22");
    CHECK_STR(header(&out, "X-Id"), "12345.67890");
    CHECK_STR(out.body, "id=12345.67890&secret=s3cr%26t%2F%221%22");
    CHECK_STR(header(&out, "Authorization"),
              bf_printf(w.arena, "Basic %s", bf_base64(w.arena, "12345.67890:s3cr&t/\"1\"", 22)));
    CHECK_STR(bf_reveal(w.ctx, w.arena, id), "12345.67890");
    work_close(&w);
}

TEST(a_lent_secret_signs_and_checks_signatures)
{
    static const char *const headers[] = {"X-Key", "12345.67890", NULL};
    struct bf_http_in in = {.size = sizeof(in), .headers = headers, .body = ""};
    unsigned char got[32], want[32];
    struct work w;

    work_open(&w);
    in.arena = w.arena;
    CHECK(bf_verify(w.ctx, &in, "X-Key", lend(&w, "CLIENT_ID"), BF_SIGN_PLAIN));
    CHECK(!bf_verify(w.ctx, &in, "X-Key", lend(&w, "CLIENT_SECRET"), BF_SIGN_PLAIN));
    CHECK_INT(bf_hmac_sha256(w.ctx, lend(&w, "CLIENT_ID"), "x", 1, got), 0);
    bf_hmac_sha256_raw("12345.67890", 11, "x", 1, want);
    CHECK(memcmp(got, want, sizeof(got)) == 0);
    work_close(&w);
}

/* The value is the one of the moment when it leaves, as with any stand-in. */
TEST(a_secret_that_is_changed_or_deleted_meanwhile_is_so_on_the_wire)
{
    struct bf_fetch_request out;
    struct bf_wipe_list *wipe;
    struct bf_error err = {0};
    struct bf_request *r;
    struct work w;

    work_open(&w);
    r = bf_request_new(w.ctx, w.arena);
    bf_request_to(r, "POST", "https://a.example/");
    bf_request_body(r, "text/plain", "%s", lend(&w, "CLIENT_SECRET"));
    rig_secret(&w.rig, "CLIENT_SECRET", "another");
    CHECK_STR(seal(&w, r).body, "another");
    rig_delete_secret(&w.rig, "CLIENT_SECRET");
    CHECK_INT(bf_outbound_seal((struct bf_outbound *)r, w.arena, true, &out, &wipe, &err), BF_ENOENT);
    CHECK_HAS(err.words, "CLIENT_SECRET");
    work_close(&w);
}

TEST(it_is_good_in_its_arena_and_as_long_as_that_lasts)
{
    struct bf_arena *other = bf_arena_new(1 << 20);
    const char *secret, *kept;
    struct bf_request *r;
    struct work w;

    work_open(&w);
    bf_arena_set_host(other, &bf_plugin_host);
    secret = lend(&w, "CLIENT_SECRET");
    kept = bf_printf(other, "%s", secret);
    r = bf_request_new(w.ctx, other);
    bf_request_to(r, "POST", "https://a.example/");
    bf_request_body(r, "text/plain", "%s", secret);
    CHECK_STR(seal(&w, r).body, kept);
    CHECK_STR(bf_reveal(w.ctx, other, secret), kept);
    bf_arena_reset(w.arena);
    CHECK_STR(bf_reveal(w.ctx, w.arena, kept), kept);
    bf_arena_free(other);
    work_close(&w);
}

TEST(only_an_admin_of_that_entity_is_lent_any)
{
    struct bf_caller gone = {.size = sizeof(gone), .id = "01GONE00000000000000000000"};
    struct work w;

    work_open(&w);
    CHECK(!bf_team_secret(w.ctx, w.arena, NULL, "acme", "CLIENT_ID"));
    CHECK_INT(w.words.code, BF_EPERM);
    CHECK(!bf_team_secret(w.ctx, w.arena, &gone, "acme", "CLIENT_ID"));
    CHECK(!bf_team_secret(w.ctx, w.arena, &w.viewer.pub, "acme", "CLIENT_ID"));
    CHECK_INT(w.words.code, BF_EPERM);
    CHECK(!bf_team_secret(w.ctx, w.arena, &w.admin.pub, "vic", "CLIENT_ID"));
    CHECK_INT(w.words.code, BF_EPERM);
    CHECK(!bf_team_secret(w.ctx, w.arena, &w.admin.pub, NULL, NULL));
    CHECK(lend(&w, "CLIENT_ID") != NULL);
    change(&w, "member");               /* who was an admin is none any more */
    CHECK(!lend(&w, "CLIENT_ID"));
    CHECK_INT(w.words.code, BF_EPERM);
    CHECK_STR(w.words.words, "only an admin of acme may use its secrets");
    work_close(&w);
}

TEST(what_is_not_there_and_what_has_no_name_is_not_lent)
{
    static const char *const names[] = {"NONE", "", "../CLIENT_ID", "integration/01/token"};
    struct work w;

    work_open(&w);
    rig_secret(&w.rig, "integration/01/token", "a sealed literal");
    for (size_t i = 0; i < BF_COUNT(names); i++) {
        w.words.code = 0;
        CHECK(!lend(&w, names[i]));
        CHECK_INT(w.words.code, BF_ENOENT);
    }
    CHECK(!lend(&w, "NONE"));
    CHECK_STR(w.words.words, "acme has no secret \"NONE\"; set it with PUT"
                             " /api/v1/teams/acme/secrets/NONE");
    work_close(&w);
}

TEST(one_piece_of_work_is_lent_so_many_and_no_more)
{
    const char *first;
    char name[32];
    struct work w;

    work_open(&w);
    first = lend(&w, "CLIENT_ID");
    for (int i = 1; i < BF_LENT_MAX; i++) {
        snprintf(name, sizeof(name), "S%d", i);
        rig_secret(&w.rig, name, "value");
        CHECK(lend(&w, name) != NULL);
    }
    CHECK(!lend(&w, "CLIENT_SECRET"));
    CHECK_INT(w.words.code, BF_EFULL);
    CHECK(lend(&w, "CLIENT_ID") == first);      /* again is not one more */
    work_close(&w);
}

/* What a delivery may use is what its integration was granted. */
TEST(a_delivery_is_lent_none)
{
    struct bf_try attempt = {0};
    struct work w;

    work_open(&w);
    w.call.attempt = &attempt;
    CHECK(!lend(&w, "CLIENT_ID"));
    CHECK_INT(w.words.code, BF_EINVAL);
    w.call.attempt = NULL;
    work_close(&w);
}

TEST(a_hub_that_is_too_old_says_so)
{
    struct bf_host older = bf_plugin_host;
    struct work w;

    work_open(&w);
    older.size = offsetof(struct bf_host, team_secret);
    older.team_secret = NULL;
    w.ctx->host = &older;
    CHECK(!lend(&w, "CLIENT_ID"));
    CHECK_INT(w.words.code, BF_ENOSYS);
    CHECK_HAS(w.words.words, "bf_team_secret");
    w.ctx->host = &bf_plugin_host;
    work_close(&w);
}
