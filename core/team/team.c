/* team.c - the tables, opening and closing, the first admin. */
#include "core/team/team_int.h"

#include <stdio.h>
#include <string.h>

static const char *const schema[] = {
    "CREATE TABLE team_proof (name TEXT NOT NULL PRIMARY KEY, box BLOB NOT NULL)",
    "CREATE TABLE team_entities ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " kind TEXT NOT NULL CHECK (kind IN ('user', 'team', 'organization')),"
    " created BIGINT NOT NULL)",
    "CREATE TABLE team_users ("
    " name TEXT NOT NULL PRIMARY KEY REFERENCES team_entities (name),"
    " admin INTEGER NOT NULL,"
    " created BIGINT NOT NULL)",
    "CREATE TABLE team_members ("
    " entity TEXT NOT NULL REFERENCES team_entities (name),"
    " user_name TEXT NOT NULL REFERENCES team_users (name),"
    " role TEXT NOT NULL CHECK (role IN ('admin', 'member', 'viewer')),"
    " PRIMARY KEY (entity, user_name))",
    "CREATE TABLE team_keys ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " hash TEXT NOT NULL UNIQUE,"
    " user_name TEXT NOT NULL REFERENCES team_users (name),"
    " name TEXT NOT NULL,"
    " rights INTEGER NOT NULL,"
    " created BIGINT NOT NULL,"
    " revoked BIGINT)",
    "CREATE TABLE team_secrets ("
    " entity TEXT NOT NULL REFERENCES team_entities (name),"
    " name TEXT NOT NULL,"
    " box BLOB NOT NULL,"
    " updated BIGINT NOT NULL,"
    " PRIMARY KEY (entity, name))",
    "CREATE TABLE team_integrations ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " entity TEXT NOT NULL REFERENCES team_entities (name),"
    " sink TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " config TEXT NOT NULL,"
    " revision BIGINT NOT NULL UNIQUE,"
    " created BIGINT NOT NULL,"
    " disabled BIGINT,"
    " disabled_reason TEXT,"
    " UNIQUE (entity, name))",
    "CREATE INDEX team_integrations_of_entity ON team_integrations (entity, id)",
    /* Of a team, the organization it is in; of an organization's own entity, that one. */
    "ALTER TABLE team_entities ADD COLUMN organization TEXT",
    "ALTER TABLE team_entities ADD COLUMN deleted BIGINT",
    "CREATE INDEX team_entities_of_organization ON team_entities (organization, name)",
    /* The team whose service account it is; NULL for people. */
    "ALTER TABLE team_users ADD COLUMN service TEXT REFERENCES team_entities (name)",
    "CREATE INDEX team_users_of_service ON team_users (service)",
    "CREATE INDEX team_members_of_user ON team_members (user_name)",
    "ALTER TABLE team_keys ADD COLUMN used BIGINT",
    "CREATE INDEX team_keys_of_user ON team_keys (user_name, id)",
    "ALTER TABLE team_integrations ADD COLUMN secrets TEXT NOT NULL DEFAULT ''",
    /* The keys that seal, each under a master key; see keyring.c. */
    "CREATE TABLE team_keyring ("
    " master TEXT NOT NULL,"
    " purpose TEXT NOT NULL,"
    " generation BIGINT NOT NULL,"
    " box BLOB NOT NULL,"
    " made BIGINT NOT NULL,"
    " PRIMARY KEY (master, purpose, generation))",
    "ALTER TABLE team_secrets ADD COLUMN generation BIGINT NOT NULL DEFAULT 1",
    NULL};


/* --- open and close ------------------------------------------------------------- */

int bf_team_open(struct bf_db *db, const char *data_dir, struct bf_team **out,
                 struct bf_error *err)
{
    struct bf_team *t = bf_new(struct bf_team);
    int rc;

    pthread_rwlock_init(&t->lock, NULL);
    t->clock = bf_clock_system();
    t->guesses = bf_guesses_new();
    t->data_dir = bf_strdup(data_dir);
    t->dir = bf_directory_new();
    rc = bf_db_migrate(db, "team", schema, err);
    if (!rc)
        rc = bf_keyring_open(t, db, err);
    if (!rc)
        rc = bf_organizations_adopt(db, bf_wall_ms(t->clock), err);
    if (!rc)
        rc = bf_directory_load(t->dir, db, NULL, NULL, err);
    if (rc)
        bf_team_close(t);
    else
        *out = t;
    return rc;
}

void bf_team_attend(struct bf_team *t, const struct bf_clock *clock, struct bf_log *log)
{
    t->clock = clock;
    t->log = log;
}

void bf_team_close(struct bf_team *t)
{
    if (!t)
        return;
    bf_directory_free(t->dir);
    bf_guesses_free(t->guesses);
    free(t->data_dir);
    pthread_rwlock_destroy(&t->lock);
    bf_wipe(t, sizeof(*t));
    free(t);
}


/* --- the first admin -------------------------------------------------------------- */

#define ADMIN "admin"

/* The user, wholly an admin, whatever was done to it. */
static int put_admin(struct bf_db *db, int64_t now_ms, struct bf_error *err)
{
    struct bf_user_put put = {.admin = 1, .may_revive = true};

    return bf_team_put_user(db, ADMIN, &put, now_ms, err);
}

static int insert_key(struct bf_team *t, struct bf_db *db, const char *text, int64_t now_ms,
                      struct bf_error *err)
{
    struct bf_key key = {
        .user = ADMIN, .name = "first key", .rights = ALL_RIGHTS, .created_ms = now_ms};
    int rc = bf_team_add_key(t, db, text, &key, err);

    if (rc == BF_EEXIST)
        return bf_error_set(err, rc, "the admin's key was revoked, or is another user's; give"
                            " another one");
    return rc;
}

/* 1: the hub has an admin; 0: it has none. */
static int any_admin(struct bf_db *db, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT 1 FROM team_users u JOIN team_entities e ON e.name = u.name"
            " WHERE u.admin = 1 AND e.deleted IS NULL LIMIT 1");
    int rc = bf_query_step(q);

    bf_query_end(q);
    return rc < 0 ? bf_error_set(err, rc, "cannot read the users: %s", bf_db_words(db)) : rc;
}

static int commit_admin(struct bf_team *t, struct bf_db *db, const char *key, int64_t now_ms,
                        struct bf_error *err)
{
    int rc = bf_db_begin(db);

    if (rc)
        return bf_error_set(err, rc, "cannot make the first admin: %s", bf_db_words(db));
    rc = put_admin(db, now_ms, err);
    if (!rc)
        rc = insert_key(t, db, key, now_ms, err);
    if (rc) {
        bf_db_rollback(db);
        return rc;
    }
    rc = bf_db_commit(db);
    if (rc)
        return bf_error_set(err, rc, "cannot make the first admin: %s", bf_db_words(db));
    return bf_team_refresh(t, db, NULL, NULL, err);
}

static int take_given_key(struct bf_team *t, struct bf_db *db, const char *key, int64_t now_ms,
                          struct bf_error *err)
{
    struct bf_identity who;
    int rc = bf_key_check(key, err);

    if (rc || bf_team_authenticate(t, key, strlen(key), &who))
        return rc;
    return commit_admin(t, db, key, now_ms, err);
}

int bf_team_first_admin(struct bf_team *t, struct bf_db *db, const char *given_key, int64_t now_ms,
                        char made[128], struct bf_error *err)
{
    char key[BF_KEY_TEXT_SIZE];
    int rc = any_admin(db, err);

    made[0] = '\0';
    if (rc < 0)
        return rc;
    if (given_key)
        return take_given_key(t, db, given_key, now_ms, err);
    if (rc == 1)
        return BF_OK;
    bf_key_make(key);
    rc = commit_admin(t, db, key, now_ms, err);
    if (!rc)
        snprintf(made, 128, "%s", key);
    bf_wipe(key, sizeof(key));
    return rc;
}
