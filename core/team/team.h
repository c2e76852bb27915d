/* team.h - who there is and what they own: entities, users, keys, integrations, secrets.
 *
 * CONCEPT.  The tables in the store are the truth; a directory in memory, made from them when the
 * hub opens, is what requests are answered from.  Changes are written by the functions that take a
 * database, on the engine's thread inside its transaction; once that is committed,
 * bf_team_refresh() reads the changed rows again.  So the directory never shows what might still
 * be undone, and a failed commit needs no repair.
 *
 * Secrets and literals are sealed, bound to their row, with keys that the master key opens
 * (DATA/master.key, mode 0600).  API keys are kept as keyed hashes.  Neither can be read back
 * through any API.
 *
 * Functions without a database: [any], behind a lock of their own held for lines. */
#ifndef BF_TEAM_H
#define BF_TEAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/id.h"
#include "core/base/log.h"
#include "core/base/json.h"
#include "core/store/store.h"

#define BF_SECRET_MAX       65536       /* bytes of a secret's value */
#define BF_SECRET_NAME_MAX  128         /* letters, digits, _ */
#define BF_GRANTS_MAX       16          /* secrets granted to one integration, or one action */
#define BF_ENTITY_NAME_MAX  128         /* letters, digits, - _ . */
#define BF_INTEGRATION_NAME_MAX 64
#define BF_API_KEY_MIN      40          /* word characters behind the prefix: the client's rule */

struct bf_team;

/* Makes or updates the tables, reads the master key (making one in an empty data directory) and
 * fills the directory.  db is the write connection, before the engine runs. */
int bf_team_open(struct bf_db *db, const char *data_dir, struct bf_team **out,
                 struct bf_error *err);
void bf_team_close(struct bf_team *t);

/* Who hears of keys being guessed, and the clock that last uses and guesses are timed by; without
 * this nobody and the machine's.  Before requests come. */
void bf_team_attend(struct bf_team *t, const struct bf_clock *clock, struct bf_log *log);

/* If the hub has no admin yet: make `admin` with this key, or with a new one that is put into
 * made[128] ("" otherwise).  A given key that is not there yet is added for `admin` as well, made
 * or made an admin again if need be: whoever can start the hub is not locked out. */
int bf_team_first_admin(struct bf_team *t, struct bf_db *db, const char *given_key, int64_t now_ms,
                        char made[128], struct bf_error *err);


/* --- callers ---------------------------------------------------------------- */

/* Whoever a key belongs to.  `pub` is what plugins see. */
struct bf_identity {
    struct bf_caller pub;
    bool admin;                 /* of the hub: every right in every entity */
    unsigned rights;            /* the key's own: it may no more, wherever */
    char key_id[BF_ID_LEN + 1];
    char user[BF_ENTITY_NAME_MAX + 1];
};

/* The identity behind a key, into *out, which must not move afterwards; false if there is none
 * (unknown and revoked alike, in the same time). */
bool bf_team_authenticate(struct bf_team *t, const char *key, size_t len, struct bf_identity *out);
/* A wrong key came from this address.  0, or for how many milliseconds its wrong keys are not
 * judged any more: after 50 of them within 10 minutes, until 10 minutes after the first. */
int64_t bf_team_guessed(struct bf_team *t, const char *peer);
#define BF_GUESSES_MAX     50
#define BF_GUESSES_SPAN_MS (10 * 60 * 1000)
bool bf_team_identity(struct bf_team *t, const char *key_id, struct bf_identity *out);
/* All of `rights` (enum bf_right bits) in this entity, or in some entity if it is NULL. */
bool bf_team_may(struct bf_team *t, const struct bf_identity *who, unsigned rights,
                 const char *entity);


/* --- users ------------------------------------------------------------------------- */

struct bf_user {
    char name[BF_ENTITY_NAME_MAX + 1];
    bool admin;                 /* of the hub */
    char service[BF_ENTITY_NAME_MAX + 1];       /* the team whose service account it is, or "" */
    unsigned rights;            /* of its best role; from bf_team_user() only */
    int64_t created_ms;         /* from the tables only */
};
bool bf_team_user(struct bf_team *t, const char *name, struct bf_user *out);
int bf_team_read_user(struct bf_db *db, const char *name, struct bf_user *out,
                      struct bf_error *err);    /* BF_ENOENT */
typedef bool bf_user_fn(void *arg, const struct bf_user *user);
int bf_team_list_users(struct bf_db *db, const char *after, bf_user_fn *fn, void *arg);

/* How a user is to be, and what became of it.  A person gets an entity of that name and is its
 * admin; a service account is made a member of its team, which it does not leave. */
struct bf_user_put {
    int admin;                  /* of the hub: 1, 0, or -1 for no for a new one, else as it is */
    const char *service;        /* the team, or NULL: as it is, for a new one a person */
    bool may_revive;            /* a deleted user of this name comes back; else BF_EEXIST */
    bool made;
    bool changed;
};
int bf_team_put_user(struct bf_db *db, const char *name, struct bf_user_put *put, int64_t now_ms,
                     struct bf_error *err);
/* With all keys and roles; what the user's own entity has is the caller's to look after.  BF_EEXIST
 * for the last admin of the hub. */
int bf_team_delete_user(struct bf_db *db, const char *name, int64_t now_ms, struct bf_error *err);


/* --- members ----------------------------------------------------------------------- */

#define BF_ROLE_SIZE 8          /* "viewer", "member", "admin" */

bool bf_role_ok(const char *role);
/* "" if the user has none there. */
int bf_team_read_role(struct bf_db *db, const char *entity, const char *user,
                      char role[BF_ROLE_SIZE], struct bf_error *err);
/* BF_ENOENT: no such user.  BF_EINVAL: not there.  BF_EEXIST: the last admin, unless the caller may
 * leave the entity without one. */
int bf_team_put_member(struct bf_db *db, const char *entity, const char *user, const char *role,
                       bool may_orphan, char was[BF_ROLE_SIZE], struct bf_error *err);
int bf_team_delete_member(struct bf_db *db, const char *entity, const char *user, bool may_orphan,
                          struct bf_error *err);
/* The members of an entity by user behind `after`, and all roles of a user by entity: `name` is the
 * other one. */
typedef bool bf_member_fn(void *arg, const char *name, const char *role);
int bf_team_list_members(struct bf_db *db, const char *entity, const char *after,
                         bf_member_fn *fn, void *arg);
int bf_team_list_roles(struct bf_db *db, const char *user, bf_member_fn *fn, void *arg);


/* --- keys -------------------------------------------------------------------------- */

#define BF_ALL_RIGHTS    (BF_INGEST | BF_READ | BF_EDIT | BF_ADMIN)
#define BF_KEY_NAME_MAX  128    /* bytes */
#define BF_KEY_TEXT_SIZE (BF_API_KEY_MIN + 4)   /* of one that we make, with its NUL */

struct bf_key {
    char id[BF_ID_LEN + 1];
    char user[BF_ENTITY_NAME_MAX + 1];
    char name[BF_KEY_NAME_MAX + 1];
    unsigned rights;            /* at most these, whatever the user may */
    int64_t created_ms;
    int64_t used_ms;            /* as far as it was saved; 0: never */
    int64_t revoked_ms;         /* 0: it is in force */
};
void bf_key_make(char out[BF_KEY_TEXT_SIZE]);
/* Whether the wandb client takes it for a key; words say what one looks like. */
int bf_key_check(const char *key, struct bf_error *err);
/* Fills in the id, unless the key has one, of a transaction that was undone.  BF_EEXIST if there is, or
 * was, the same key, whosever. */
int bf_team_add_key(struct bf_team *t, struct bf_db *db, const char *text, struct bf_key *key,
                    struct bf_error *err);
int bf_team_read_key(struct bf_db *db, const char *id, struct bf_key *out, struct bf_error *err);
int bf_team_revoke_key(struct bf_db *db, const char *id, int64_t now_ms, struct bf_error *err);
/* Those in force, of a user or of all (NULL), by id behind `after`. */
typedef bool bf_key_fn(void *arg, const struct bf_key *key);
int bf_team_list_keys(struct bf_db *db, const char *user, const char *after, bf_key_fn *fn,
                      void *arg);

/* Last uses are kept in memory, and now and then written in one piece. */
struct bf_key_use {
    char id[BF_ID_LEN + 1];
    int64_t used_ms;
};
int64_t bf_team_key_used(struct bf_team *t, const char *id);    /* 0: not since the hub began */
/* Up to n that are not on disk. */
size_t bf_team_unsaved_uses(struct bf_team *t, struct bf_key_use *out, size_t n);
int bf_team_save_uses(struct bf_db *db, const struct bf_key_use *uses, size_t n);
/* After the commit. */
void bf_team_uses_saved(struct bf_team *t, const struct bf_key_use *uses, size_t n);


/* --- entities --------------------------------------------------------------- */

struct bf_entity {
    char id[BF_ID_LEN + 1];
    char name[BF_ENTITY_NAME_MAX + 1];
    char kind[16];              /* "user", "team", "organization" */
    int64_t created_ms;
    char organization[BF_ENTITY_NAME_MAX + 1];  /* of a team; of an organization's own entity */
};
/* Rows of a list in its order; false ends it. */
typedef bool bf_entity_fn(void *arg, const struct bf_entity *entity);

bool bf_team_exists(struct bf_team *t, const char *entity);
bool bf_team_entity(struct bf_team *t, const char *entity, struct bf_entity *out);
/* By name, those behind `after` ("": from the first).  Any connection. */
int bf_team_list_entities(struct bf_db *db, const char *after, bf_entity_fn *fn, void *arg);
bool bf_entity_name_ok(const char *name);
/* BF_EEXIST if the name is an entity of another kind.  A team is one of the default
 * organization. */
int bf_team_put_entity(struct bf_db *db, const char *name, const char *kind, int64_t now_ms,
                       bool *made, struct bf_error *err);

/* How a team is to be, and what became of it. */
struct bf_team_put {
    const char *organization;   /* NULL: the one it is in, or for a new team the default one */
    bool may_revive;            /* a deleted team of this name comes back; else BF_EEXIST */
    bool made;
    bool made_default;          /* the organization, so that the team could join it */
    char was[BF_ENTITY_NAME_MAX + 1];   /* the organization it was in; "" if it was made */
    char is[BF_ENTITY_NAME_MAX + 1];
};
int bf_team_put_team(struct bf_db *db, const char *name, struct bf_team_put *put, int64_t now_ms,
                     struct bf_error *err);


/* Inside apply: BF_ENOENT if the entity has gone since the request was let in.  Whoever gives an
 * entity something asks, or a deleted one would own it. */
int bf_team_check_there(struct bf_db *db, const char *entity, struct bf_error *err);
/* What there is of an entity, in the tables of this room. */
struct bf_owned {
    bool integrations;
    bool secrets;
    bool service_accounts;
    bool teams;                 /* of an organization's own entity: those in it */
};
int bf_team_owned(struct bf_db *db, const char *entity, struct bf_owned *out,
                  struct bf_error *err);
/* With its members; what it owns is the caller's to look after. */
int bf_team_delete_entity(struct bf_db *db, const char *entity, int64_t now_ms,
                          struct bf_error *err);


/* --- organizations -------------------------------------------------------------- */

/* An organization's own entity has its name and this behind it; no team or user has such one. */
#define BF_ORGANIZATION_SUFFIX   "-org"
#define BF_ORGANIZATION_NAME_MAX (BF_ENTITY_NAME_MAX - 4)
#define BF_ORGANIZATION_DEFAULT  "default"      /* of teams made without one */

bool bf_organization_name_ok(const char *name);
bool bf_organization_owns_name(const char *entity);     /* it ends as theirs do */
/* "" if there can be no organization of that name. */
void bf_organization_entity(char out[BF_ENTITY_NAME_MAX + 1], const char *organization);
/* The own entity of the organization that a team (or that entity itself) is in; false and "" for
 * a user's, or if there is no such entity. */
bool bf_team_organization_entity(struct bf_team *t, const char *entity,
                                 char out[BF_ENTITY_NAME_MAX + 1]);
int bf_team_put_organization(struct bf_db *db, const char *name, int64_t now_ms, bool *made,
                             struct bf_error *err);


/* --- secrets ---------------------------------------------------------------- */

bool bf_secret_name_ok(const char *name);
/* A grant, ["NAME", …]: *names gets the names apart by a space, in `a`; "" of NULL or null. */
int bf_secret_names_read(struct bf_arena *a, const struct bf_json *array, const char **names,
                         struct bf_error *err);
/* The next of them: its length, with *at moved to it; 0 behind the last.  Begin with at = names,
 * and go on behind what was given. */
size_t bf_secret_names_next(const char **at);
bool bf_team_has_secret(struct bf_team *t, const char *entity, const char *name);
/* The value, yours to bf_wipe() and free(); BF_ENOENT, or BF_EIO if the box does not open. */
int bf_team_open_secret(struct bf_team *t, const char *entity, const char *name, char **value,
                        size_t *len, struct bf_error *err);
int bf_team_put_secret(struct bf_team *t, struct bf_db *db, const char *entity, const char *name,
                       const char *value, size_t len, int64_t now_ms, bool *made,
                       struct bf_error *err);
int bf_team_delete_secret(struct bf_db *db, const char *entity, const char *name,
                          struct bf_error *err);
/* The names that users gave, behind `after`; false ends the list.  Any connection. */
typedef bool bf_secret_fn(void *arg, const char *name, int64_t updated_ms);
int bf_team_list_secrets(struct bf_db *db, const char *entity, const char *after, bf_secret_fn *fn,
                         void *arg);
/* One of them, to `fn` if it is there. */
int bf_team_find_secret(struct bf_db *db, const char *entity, const char *name, bf_secret_fn *fn,
                        void *arg);


/* --- integrations ------------------------------------------------------------ */

/* Immutable: a change makes a new one.  `config` is the JSON object as saved, where a secret
 * option is the name of a secret, or {"sealed":"…"} naming the row that a literal was sealed into
 * (an entry of the entity's secrets whose name no user can write). */
struct bf_integration {
    atomic_uint refs;
    char id[BF_ID_LEN + 1];
    const char *entity;
    const char *sink;           /* "webhook", "github.dispatch" */
    const char *name;
    const char *config;
    const char *secrets;        /* names granted to it, apart by a space; "" if none */
    const char *disabled_reason;        /* "" unless it is disabled */
    uint64_t revision;          /* grows with every change of any integration */
    int64_t created_ms;
    int64_t disabled_ms;        /* since when; 0 if it is enabled */
    bool disabled;
};

struct bf_integration *bf_team_integration(struct bf_team *t, const char *id); /* NULL, or a ref */
void bf_integration_unref(struct bf_integration *i);
/* BF_EEXIST if the entity has one of that name. */
int bf_team_put_integration(struct bf_db *db, const char *id, const char *entity, const char *sink,
                            const char *name, const char *config, const char *secrets,
                            int64_t now_ms, struct bf_error *err);
/* The same for one that is of this revision still; BF_ENOENT if it is another one, or gone. */
int bf_team_change_integration(struct bf_db *db, const char *id, uint64_t revision,
                               const char *entity, const char *name, const char *config,
                               const char *secrets, struct bf_error *err);
/* With the literals of its options. */
int bf_team_delete_integration(struct bf_db *db, const char *id, const char *entity,
                               struct bf_error *err);
/* BF_EEXIST if it is disabled already, whose reason then stays. */
int bf_team_disable_integration(struct bf_db *db, const char *id, const char *reason,
                                int64_t now_ms, struct bf_error *err);
int bf_team_enable_integration(struct bf_db *db, const char *id, struct bf_error *err);
/* Up to BF_INTEGRATION_NAME_MAX of letters, digits, - and _, with spaces only between them. */
bool bf_integration_name_ok(const char *name);
/* The ids of an entity's integrations, oldest first, behind `after`; false ends the list.  Any
 * connection. */
typedef bool bf_integration_fn(void *arg, const char *id);
int bf_team_list_integrations(struct bf_db *db, const char *entity, const char *after,
                              bf_integration_fn *fn, void *arg);


/* --- the master key ----------------------------------------------------------- */

/* A rotation, step by step, in this order; keyring.c says why nothing is lost whichever of them is
 * the last.  Those that take a database run on the engine: inside a transaction, or where the name
 * is in the past, after its commit.  The others do I/O.  One at a time: BF_EEXIST. */
struct bf_rotation;
int bf_rotation_begin(struct bf_team *t, struct bf_rotation **out, struct bf_error *err);
int bf_rotation_wrap(struct bf_rotation *r, struct bf_db *db, int64_t now_ms,
                     struct bf_error *err);
void bf_rotation_wrapped(struct bf_rotation *r);
int bf_rotation_switch(struct bf_rotation *r, struct bf_error *err);
int bf_rotation_unwrap(struct bf_rotation *r, struct bf_db *db, struct bf_error *err);
/* Again while there is more. */
int bf_rotation_reseal(struct bf_rotation *r, struct bf_db *db, bool *more, struct bf_error *err);
int bf_rotation_resealed(struct bf_rotation *r, struct bf_db *db, struct bf_error *err);
int bf_rotation_drop(struct bf_rotation *r, struct bf_db *db, struct bf_error *err);
int bf_rotation_dropped(struct bf_rotation *r, struct bf_db *db, struct bf_error *err);
/* In the end the database's log is to be cut, as older pages stand in it: bf_db_truncate_wal().
 * How many secrets went over to the new key; *n_damaged did not, as they do not open. */
size_t bf_rotation_count(const struct bf_rotation *r, size_t *n_damaged);
void bf_rotation_end(struct bf_rotation *r);    /* after any step; NULL is fine */

/* All of it at once, where no engine runs. */
int bf_team_rotate(struct bf_team *t, struct bf_db *db, int64_t now_ms, struct bf_error *err);


/* After a commit: read again what `what` names ("entity", "user" with the user's roles, "key",
 * "secret", "integration") by its key; NULL reads all of it.  For a secret, id is "ENTITY/NAME". */
int bf_team_refresh(struct bf_team *t, struct bf_db *db, const char *what, const char *id,
                    struct bf_error *err);

/* Tokens of bf_seal(): sealed, url-safe. */
const char *bf_team_seal_token(struct bf_team *t, struct bf_arena *a, const char *owner,
                               const char *text, int64_t until_ms);
const char *bf_team_unseal_token(struct bf_team *t, struct bf_arena *a, const char *owner,
                                 const char *token, int64_t now_ms);

#endif
