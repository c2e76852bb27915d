/* Keys, rights, and headers.  The exchange is a fake of our own: auth.c asks it for little. */
#include "tests/test.h"

#include <stdarg.h>
#include <stdlib.h>

#include "core/base/crypto.h"
#include "core/team/auth.h"

#define KEY "bf-0123456789012345678901234567890123456789"
#define NOW 1700000000000

struct bf_exchange {
    struct bf_arena *arena;
    const char *authorization;
    void *data;
    int status;
    bool authenticated;
    bool full;                  /* the owner has too many connections */
    bool challenged;
    const char *peer;
    char retry_after[20];
    char words[300];
};

const char *bf_exchange_header(const struct bf_exchange *x, const char *name)
{
    CHECK_STR(name, "Authorization");
    return x->authorization;
}

struct bf_arena *bf_exchange_arena(struct bf_exchange *x) { return x->arena; }
void bf_exchange_set_data(struct bf_exchange *x, void *data) { x->data = data; }
void *bf_exchange_data(const struct bf_exchange *x) { return x->data; }
const char *bf_exchange_peer(const struct bf_exchange *x) { return x->peer; }

bool bf_exchange_authenticated(struct bf_exchange *x, const char *owner)
{
    CHECK_INT(strlen(owner), BF_ID_LEN);
    x->authenticated = !x->full;
    return !x->full;
}

void bf_exchange_reply_header(struct bf_exchange *x, const char *name, const char *value)
{
    if (strcmp(name, "Retry-After") == 0)
        snprintf(x->retry_after, sizeof(x->retry_after), "%s", value);
    else
        x->challenged = strcmp(name, "WWW-Authenticate") == 0 && *value;
}

int bf_exchange_fail(struct bf_exchange *x, int status, const char *code, const char *field,
                     const char *fmt, ...)
{
    va_list ap;

    (void)code;
    (void)field;
    va_start(ap, fmt);
    vsnprintf(x->words, sizeof(x->words), fmt, ap);
    va_end(ap);
    x->status = status;
    return status;
}

struct fixture {
    struct bf_db *db;
    struct bf_team *team;
    struct bf_error err;
    struct bf_exchange x;
};

static struct fixture begin(void)
{
    struct fixture f = {0};
    char path[200], key[128];
    bool made;

    snprintf(path, sizeof(path), "%s/test.db", test_dir());
    CHECK_INT(bf_crypto_init(&f.err), 0);
    CHECK_INT(bf_db_open(path, BF_DB_WRITE, &f.db, &f.err), 0);
    CHECK_INT(bf_team_open(f.db, test_dir(), &f.team, &f.err), 0);
    CHECK_INT(bf_team_first_admin(f.team, f.db, KEY, NOW, key, &f.err), 0);
    CHECK_STR(key, "");
    CHECK_INT(bf_team_put_entity(f.db, "ops", "team", NOW, &made, &f.err), 0);
    CHECK_INT(bf_team_put_entity(f.db, "dev", "team", NOW, &made, &f.err), 0);
    CHECK_INT(bf_team_refresh(f.team, f.db, NULL, NULL, &f.err), 0);
    f.x.arena = bf_arena_new(65536);
    return f;
}

static void end(struct fixture *f)
{
    bf_arena_free(f->x.arena);
    bf_team_close(f->team);
    bf_db_close(f->db);
}

static int admit(struct fixture *f, const char *header, unsigned needs, const char *entity)
{
    f->x = (struct bf_exchange){.arena = f->x.arena, .authorization = header, .full = f->x.full,
                                .peer = f->x.peer ? f->x.peer : "192.0.2.1"};
    return bf_auth_admit(f->team, &f->x, needs, entity);
}

/* A user `bob` who is a member of ops and a viewer of dev, with a key of these rights. */
static void add_bob(struct fixture *f, const char *key_sql)
{
    const char *sql[] = {
        "INSERT INTO team_entities (name, id, kind, created) VALUES ('bob', 'B', 'user', 1)",
        "INSERT INTO team_users (name, admin, created) VALUES ('bob', 0, 1)",
        "INSERT INTO team_members (entity, user_name, role) VALUES ('ops', 'bob', 'member')",
        "INSERT INTO team_members (entity, user_name, role) VALUES ('dev', 'bob', 'viewer')",
        key_sql,
    };

    for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]); i++)
        CHECK_INT(bf_query_run(bf_db_query(f->db, sql[i])), 0);
    CHECK_INT(bf_team_refresh(f->team, f->db, NULL, NULL, &f->err), 0);
}

TEST(a_bearer_key_is_recognized)
{
    struct fixture f = begin();

    CHECK_INT(admit(&f, "Bearer " KEY, 0, NULL), 0);
    CHECK_STR(bf_auth_who(&f.x)->user, "admin");
    CHECK_STR(bf_auth_who(&f.x)->pub.user, "admin");
    CHECK_STR(bf_auth_who(&f.x)->pub.id, bf_auth_who(&f.x)->key_id);
    CHECK(bf_auth_who(&f.x)->admin);
    CHECK(f.x.authenticated);
    CHECK_INT(admit(&f, "bearer  " KEY, 0, NULL), 0);
    end(&f);
}

TEST(a_key_as_the_password_of_api_is_recognized_as_the_wandb_client_sends_it)
{
    struct fixture f = begin();
    char header[200];

    snprintf(header, sizeof(header), "Basic %s",
             bf_base64(f.x.arena, "api:" KEY, strlen("api:" KEY)));
    CHECK_INT(admit(&f, header, 0, NULL), 0);
    snprintf(header, sizeof(header), "Basic %s",
             bf_base64(f.x.arena, "xyz:" KEY, strlen("xyz:" KEY)));
    CHECK_INT(admit(&f, header, 0, NULL), 401);
    end(&f);
}

TEST(what_is_no_right_key_gets_401_and_one_answer)
{
    struct fixture f = begin();
    const char *wrong[] = {"Bearer " KEY "x", "Bearer ",  "Bearer", "Basic !!!!", "Basic YXBp",
                           "Digest " KEY,     "Basic ", "",       KEY};
    char words[300] = "";

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK_INT(admit(&f, wrong[i], 0, NULL), 401);
        CHECK(f.x.challenged && !f.x.authenticated && !bf_auth_who(&f.x));
        CHECK(!strstr(f.x.words, "0123456789"));
        if (*words)
            CHECK_STR(f.x.words, words);
        strcpy(words, f.x.words);
    }
    CHECK_INT(admit(&f, NULL, 0, NULL), 401);
    end(&f);
}

TEST(a_public_route_takes_nobody_but_no_wrong_key)
{
    struct fixture f = begin();

    CHECK_INT(admit(&f, NULL, BF_PUBLIC, NULL), 0);
    CHECK(!bf_auth_who(&f.x));
    CHECK_INT(admit(&f, "Bearer " KEY, BF_PUBLIC, NULL), 0);
    CHECK(bf_auth_who(&f.x));
    CHECK_INT(admit(&f, "Bearer nonsense", BF_PUBLIC, NULL), 401);
    end(&f);
}

TEST(a_revoked_key_is_as_unknown_as_any)
{
    struct fixture f = begin();
    struct bf_identity who;
    char words[300];

    CHECK(bf_team_authenticate(f.team, KEY, strlen(KEY), &who));
    CHECK_INT(bf_query_run(bf_db_query(f.db, "UPDATE team_keys SET revoked = 1")), 0);
    CHECK_INT(bf_team_refresh(f.team, f.db, "key", who.key_id, &f.err), 0);
    CHECK_INT(admit(&f, "Bearer " KEY, 0, NULL), 401);
    strcpy(words, f.x.words);
    CHECK_INT(admit(&f, "Bearer unknown", 0, NULL), 401);
    CHECK_STR(f.x.words, words);
    CHECK(!bf_team_may(f.team, &who, BF_READ, "ops"));  /* for who still holds the identity */
    CHECK(!bf_team_identity(f.team, who.key_id, &who));
    end(&f);
}

TEST(a_key_with_too_many_connections_is_told_so)
{
    struct fixture f = begin();

    f.x.full = true;
    CHECK_INT(admit(&f, "Bearer " KEY, 0, NULL), 429);
    CHECK(!bf_auth_who(&f.x));
    f.x.full = false;
    CHECK_INT(admit(&f, "Bearer " KEY, 0, NULL), 0);
    end(&f);
}

static int64_t test_ms = 1000000;

static int64_t on_time(void *arg)
{
    (void)arg;
    return test_ms;
}

static const struct bf_clock test_clock = {on_time, on_time, NULL};

TEST(the_fifty_first_wrong_key_of_an_address_has_to_wait)
{
    struct fixture f = begin();

    bf_team_attend(f.team, &test_clock, NULL);
    f.x.peer = "192.0.2.7";
    for (int i = 0; i < 50; i++, test_ms += 1000)
        CHECK_INT(admit(&f, "Bearer wrong", 0, NULL), 401);
    CHECK_INT(admit(&f, "Bearer wrong", 0, NULL), 429);
    CHECK_STR(f.x.retry_after, "550");
    CHECK_INT(admit(&f, "Basic YXBp", BF_PUBLIC, NULL), 429);
    CHECK_INT(admit(&f, NULL, 0, NULL), 401);           /* no key is not a wrong one */
    CHECK_INT(admit(&f, "Bearer " KEY, 0, NULL), 0);    /* and a right one is right */
    f.x.peer = "192.0.2.8";
    CHECK_INT(admit(&f, "Bearer wrong", 0, NULL), 401);
    f.x.peer = "192.0.2.7";
    test_ms += 550 * 1000 - 1;
    CHECK_INT(admit(&f, "Bearer wrong", 0, NULL), 429);
    CHECK_STR(f.x.retry_after, "1");
    test_ms += 1;
    CHECK_INT(admit(&f, "Bearer wrong", 0, NULL), 401);
    end(&f);
}

TEST(missing_and_right_keys_are_no_guesses)
{
    struct fixture f = begin();

    for (int i = 0; i < 200; i++) {
        CHECK_INT(admit(&f, NULL, 0, NULL), 401);
        CHECK_INT(admit(&f, "Bearer " KEY, 0, NULL), 0);
    }
    CHECK_INT(admit(&f, "Bearer wrong", 0, NULL), 401);
    end(&f);
}

TEST(an_ipv6_network_is_one_guesser)
{
    struct fixture f = begin();
    char peer[40];

    for (int i = 0; i < 50; i++) {
        snprintf(peer, sizeof(peer), "2001:db8:1:2::%x", i + 1);
        f.x.peer = peer;
        CHECK_INT(admit(&f, "Bearer wrong", 0, NULL), 401);
    }
    f.x.peer = "2001:db8:1:2:ffff::1";
    CHECK_INT(admit(&f, "Bearer wrong", 0, NULL), 429);
    f.x.peer = "2001:db8:1:3::1";
    CHECK_INT(admit(&f, "Bearer wrong", 0, NULL), 401);
    end(&f);
}

/* What is counted has a fixed place, so a flood of addresses cannot make it grow; who guesses most
 * keeps that place. */
TEST(many_addresses_do_not_wash_out_the_one_that_guesses)
{
    struct fixture f = begin();
    char peer[40];

    f.x.peer = "192.0.2.7";
    for (int i = 0; i < 50; i++)
        CHECK_INT(admit(&f, "Bearer wrong", 0, NULL), 401);
    f.x.peer = peer;
    for (int i = 0; i < 20000; i++) {
        snprintf(peer, sizeof(peer), "10.%d.%d.1", i / 256, i % 256);
        CHECK_INT(admit(&f, "Bearer wrong", 0, NULL), 401);
        bf_arena_reset(f.x.arena);
    }
    f.x.peer = "192.0.2.7";
    CHECK_INT(admit(&f, "Bearer wrong", 0, NULL), 429);
    end(&f);
}

TEST(the_admin_of_the_hub_may_everything_everywhere)
{
    struct fixture f = begin();

    CHECK_INT(admit(&f, "Bearer " KEY, BF_INGEST | BF_READ | BF_EDIT | BF_ADMIN, "ops"), 0);
    CHECK_INT(admit(&f, "Bearer " KEY, BF_ADMIN, NULL), 0);
    end(&f);
}

/* The hash of a key can only be had from the hub: bob gets the one of the admin's first key. */
TEST(a_member_may_what_the_role_gives_in_each_entity)
{
    struct fixture f = begin();

    add_bob(&f, "UPDATE team_keys SET user_name = 'bob'");
    CHECK_INT(admit(&f, "Bearer " KEY, BF_EDIT | BF_READ | BF_INGEST, "ops"), 0);
    CHECK(!bf_auth_who(&f.x)->admin);
    CHECK_INT(admit(&f, "Bearer " KEY, BF_ADMIN, "ops"), 403);
    CHECK_INT(admit(&f, "Bearer " KEY, BF_READ, "dev"), 0);
    CHECK_INT(admit(&f, "Bearer " KEY, BF_READ | BF_EDIT, "dev"), 403);
    CHECK_INT(admit(&f, "Bearer " KEY, BF_READ, "admin"), 403);
    CHECK_INT(admit(&f, "Bearer " KEY, BF_READ, "nowhere"), 403);
    CHECK_INT(admit(&f, "Bearer " KEY, BF_EDIT, NULL), 0);      /* in some entity */
    CHECK_INT(admit(&f, "Bearer " KEY, BF_ADMIN, NULL), 403);
    end(&f);
}

TEST(a_key_is_never_wider_than_its_own_rights)
{
    struct fixture f = begin();

    add_bob(&f, "UPDATE team_keys SET user_name = 'bob', rights = 1");
    CHECK_INT(admit(&f, "Bearer " KEY, BF_INGEST, "ops"), 0);
    CHECK_INT(admit(&f, "Bearer " KEY, BF_READ, "ops"), 403);
    CHECK_INT(admit(&f, "Bearer " KEY, BF_INGEST, "dev"), 403);
    end(&f);
}

TEST(a_narrow_key_of_the_admin_is_no_admin)
{
    struct fixture f = begin();

    CHECK_INT(bf_query_run(bf_db_query(f.db, "UPDATE team_keys SET rights = 1")), 0);
    CHECK_INT(bf_team_refresh(f.team, f.db, NULL, NULL, &f.err), 0);
    CHECK_INT(admit(&f, "Bearer " KEY, BF_INGEST, "ops"), 0);
    CHECK(!bf_auth_who(&f.x)->admin);
    CHECK_INT(admit(&f, "Bearer " KEY, BF_READ, "ops"), 403);
    end(&f);
}

TEST(the_key_itself_is_not_kept)
{
    struct fixture f = begin();
    struct bf_query *q = bf_db_query(f.db, "SELECT hash FROM team_keys");

    CHECK_INT(bf_query_step(q), 1);
    CHECK_INT(bf_query_col_len(q, 0), 64);
    CHECK(!strstr(bf_query_col_text(q, 0), "01234567890123456789"));
    bf_query_end(q);
    end(&f);
}

/* A hub without users, asked to begin with this key. */
static int first(const char *key, char made[128], struct bf_error *err)
{
    struct bf_db *db;
    struct bf_team *team;
    char path[200];
    int rc;

    snprintf(path, sizeof(path), "%s/test.db", test_dir());
    CHECK_INT(bf_crypto_init(err), 0);
    CHECK_INT(bf_db_open(path, BF_DB_WRITE, &db, err), 0);
    CHECK_INT(bf_team_open(db, test_dir(), &team, err), 0);
    rc = bf_team_first_admin(team, db, key, NOW, made, err);
    bf_team_close(team);
    bf_db_close(db);
    return rc;
}

TEST(a_made_key_is_one_that_the_client_takes_and_is_told_once)
{
    struct bf_error err;
    char made[128], again[128];

    CHECK_INT(first(NULL, made, &err), 0);
    CHECK_INT(strlen(made), 43);
    CHECK(strncmp(made, "bf-", 3) == 0);
    CHECK_INT(first(NULL, again, &err), 0);
    CHECK_STR(again, "");
}

TEST(a_given_key_that_the_client_would_refuse_is_refused_with_words)
{
    static const struct {
        const char *key;
        const char *words;
    } wrong[] = {
        {"", "letters, digits"},
        {"short", "has 5 characters, and"},
        {"bf-012345678901234567890123456789012345678", "has 39 characters behind its first -"},
        {"012345678901234567890123456789012345678", "has 39 characters, and"},
        {"bf-0123456789012345678901234567890123456789 ", "letters, digits"},
        {"bf-0123456789012345678901234567890123456789\n", "letters, digits"},
        {"bf:0123456789012345678901234567890123456789", "letters, digits"},
        {"-0123456789012345678901234567890123456789", "letters, digits"},
        {"bf-", "letters, digits"},
    };
    struct bf_error err;
    char made[128];

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK_INT(first(wrong[i].key, made, &err), BF_ECONFIG);
        CHECK_HAS(err.words, wrong[i].words);
    }
    CHECK_INT(first("wandb_v1-0123456789-01234567890123456789_123456789", made, &err), 0);
}

TEST(a_key_without_a_prefix_is_taken)
{
    struct bf_error err;
    char made[128];

    CHECK_INT(first("0123456789012345678901234567890123456789", made, &err), 0);
}
