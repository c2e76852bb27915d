/* test_keys.c - keys as rows: added, listed, revoked; and when they were used last. */
#include "tests/test.h"

#include <stdlib.h>

#include "core/base/crypto.h"
#include "core/team/team.h"

#define KEY "bf-0123456789012345678901234567890123456789"
#define NOW 1700000000000

struct fixture {
    struct bf_db *db;
    struct bf_team *team;
    struct bf_error err;
};

static int64_t test_ms = NOW;

static int64_t on_time(void *arg)
{
    (void)arg;
    return test_ms;
}

static const struct bf_clock test_clock = {on_time, on_time, NULL};

static struct fixture begin(void)
{
    struct fixture f = {0};
    char path[200], made[128];

    snprintf(path, sizeof(path), "%s/test.db", test_dir());
    CHECK_INT(bf_crypto_init(&f.err), 0);
    CHECK_INT(bf_db_open(path, BF_DB_WRITE, &f.db, &f.err), 0);
    if (bf_team_open(f.db, test_dir(), &f.team, &f.err) ||
        bf_team_first_admin(f.team, f.db, KEY, NOW, made, &f.err))
        test_failed(__FILE__, __LINE__, "%s", f.err.words);
    bf_team_attend(f.team, &test_clock, NULL);
    return f;
}

static void end(struct fixture *f)
{
    bf_team_close(f->team);
    bf_db_close(f->db);
}

static int add(struct fixture *f, const char *text, struct bf_key *key)
{
    *key = (struct bf_key){.user = "admin", .name = "k", .rights = BF_READ, .created_ms = NOW};
    return bf_team_add_key(f->team, f->db, text, key, &f->err);
}

TEST(made_keys_are_such_as_the_client_takes_and_differ)
{
    char one[BF_KEY_TEXT_SIZE], two[BF_KEY_TEXT_SIZE];
    struct bf_error err;

    CHECK_INT(bf_crypto_init(&err), 0);
    bf_key_make(one);
    bf_key_make(two);
    CHECK_INT(bf_key_check(one, &err), 0);
    CHECK(strcmp(one, two) != 0);
}

TEST(a_key_is_taken_once_even_after_it_was_revoked)
{
    struct fixture f = begin();
    char text[BF_KEY_TEXT_SIZE];
    struct bf_key key, again;

    bf_key_make(text);
    CHECK_INT(add(&f, text, &key), 0);
    CHECK_INT(add(&f, text, &again), BF_EEXIST);
    CHECK_INT(bf_team_revoke_key(f.db, key.id, NOW + 5, &f.err), 0);
    CHECK_INT(bf_team_revoke_key(f.db, key.id, NOW + 6, &f.err), BF_ENOENT);
    CHECK_INT(add(&f, text, &again), BF_EEXIST);
    CHECK_STR(f.err.field, "key");
    CHECK_INT(bf_team_read_key(f.db, key.id, &again, &f.err), 0);
    CHECK_INT(again.revoked_ms, NOW + 5);
    CHECK_INT(again.rights, BF_READ);
    end(&f);
}

static bool on_key(void *arg, const struct bf_key *key)
{
    CHECK_INT(key->revoked_ms, 0);
    strcat(arg, key->name);
    strcat(arg, " ");
    return true;
}

TEST(lists_hold_what_is_in_force)
{
    struct fixture f = begin();
    char text[BF_KEY_TEXT_SIZE], seen[100] = "";
    struct bf_key one, two;

    bf_key_make(text);
    CHECK_INT(add(&f, text, &one), 0);
    bf_key_make(text);
    CHECK_INT(add(&f, text, &two), 0);
    CHECK_INT(bf_team_revoke_key(f.db, one.id, NOW, &f.err), 0);
    CHECK_INT(bf_team_list_keys(f.db, "admin", "", on_key, seen), 0);
    CHECK_STR(seen, strcmp(seen, "k first key ") == 0 ? "k first key " : "first key k ");
    *seen = '\0';
    CHECK_INT(bf_team_list_keys(f.db, "nobody", "", on_key, seen), 0);
    CHECK_STR(seen, "");
    CHECK_INT(bf_team_list_keys(f.db, NULL, "", on_key, seen), 0);
    CHECK_HAS(seen, "first key");
    end(&f);
}

TEST(a_use_is_noted_at_once_and_written_when_it_is_asked_for)
{
    struct fixture f = begin();
    struct bf_key_use uses[4];
    struct bf_identity who;
    struct bf_key key;

    CHECK_INT(bf_team_unsaved_uses(f.team, uses, 4), 0);
    test_ms = NOW + 5000;
    CHECK(bf_team_authenticate(f.team, KEY, strlen(KEY), &who));
    CHECK_INT(bf_team_key_used(f.team, who.key_id), NOW + 5000);
    CHECK_INT(bf_team_unsaved_uses(f.team, uses, 4), 1);
    CHECK_INT(bf_team_unsaved_uses(f.team, uses, 0), 0);
    CHECK_INT(bf_team_save_uses(f.db, uses, 1), 0);
    CHECK_INT(bf_team_unsaved_uses(f.team, uses, 4), 1);        /* until it is committed */
    bf_team_uses_saved(f.team, uses, 1);
    CHECK_INT(bf_team_unsaved_uses(f.team, uses, 4), 0);
    CHECK_INT(bf_team_read_key(f.db, who.key_id, &key, &f.err), 0);
    CHECK_INT(key.used_ms, NOW + 5000);
    test_ms += 60000;
    CHECK(bf_team_authenticate(f.team, KEY, strlen(KEY), &who));
    CHECK_INT(bf_team_unsaved_uses(f.team, uses, 4), 1);
    CHECK_INT(uses[0].used_ms, NOW + 65000);
    end(&f);
}

TEST(uses_outlive_a_refresh_of_everything)
{
    struct fixture f = begin();
    struct bf_key_use uses[4];
    struct bf_identity who;

    CHECK(bf_team_authenticate(f.team, KEY, strlen(KEY), &who));
    CHECK_INT(bf_team_refresh(f.team, f.db, NULL, NULL, &f.err), 0);
    CHECK_INT(bf_team_unsaved_uses(f.team, uses, 4), 1);
    CHECK(!bf_team_authenticate(f.team, "wrong", 5, &who));     /* is no use of any */
    CHECK_INT(bf_team_unsaved_uses(f.team, uses, 4), 1);
    end(&f);
}

/* With ten thousand users a change still costs what one user costs: reading everything again takes
 * tens of milliseconds, during which the engine would do nothing else. */
TEST(one_change_among_ten_thousand_users_is_cheap)
{
    enum { USERS = 10000, CHANGES = 200 };
    struct fixture f = begin();
    struct bf_user_put how = {.admin = -1};
    char name[20], was[BF_ROLE_SIZE];
    int64_t all, began;
    bool made;

    CHECK_INT(bf_db_begin(f.db), 0);
    CHECK_INT(bf_team_put_entity(f.db, "ops", "team", NOW, &made, &f.err), 0);
    for (int i = 0; i < USERS; i++) {
        snprintf(name, sizeof(name), "user%d", i);
        CHECK_INT(bf_team_put_user(f.db, name, &how, NOW, &f.err), 0);
        CHECK_INT(bf_team_put_member(f.db, "ops", name, "member", true, was, &f.err), 0);
    }
    CHECK_INT(bf_db_commit(f.db), 0);
    began = bf_mono_ms(bf_clock_system());
    CHECK_INT(bf_team_refresh(f.team, f.db, NULL, NULL, &f.err), 0);
    all = bf_mono_ms(bf_clock_system()) - began;
    began = bf_mono_ms(bf_clock_system());
    for (int i = 0; i < CHANGES; i++)
        CHECK_INT(bf_team_refresh(f.team, f.db, "user", name, &f.err), 0);
    /* Alone each takes a fraction of a thousandth of it; the slack is for a busy machine. */
    CHECK((bf_mono_ms(bf_clock_system()) - began) < (all + 5) * CHANGES / 10);
    end(&f);
}
