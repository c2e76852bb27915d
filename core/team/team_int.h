/* team_int.h - what the files of this room share: the directory and the keys of the hub. */
#ifndef BF_TEAM_INT_H
#define BF_TEAM_INT_H

#include <pthread.h>
#include <stdio.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/crypto.h"
#include "core/base/map.h"
#include "core/team/team.h"

/* Letters and digits of a BLAKE2b-256 in hex, with the NUL. */
#define KEY_HASH_TEXT 65
#define ALL_RIGHTS BF_ALL_RIGHTS

struct user {
    bool admin;                 /* of the hub */
    unsigned somewhere;         /* rights of its best role */
    struct bf_map *roles;       /* entity -> rights, as a uintptr_t that is never 0 */
    char service[BF_ENTITY_NAME_MAX + 1];       /* the team whose service account it is, or "" */
};

struct key {
    char id[BF_ID_LEN + 1];
    char hash[KEY_HASH_TEXT];
    char user[BF_ENTITY_NAME_MAX + 1];
    unsigned rights;            /* at most these, whatever the user may */
    _Atomic int64_t used_ms;    /* last use; 0 if it was not used since the hub began */
    _Atomic int64_t saved_ms;   /* what of it is on disk */
};

struct secret {
    int64_t generation;         /* of the key it is sealed with */
    size_t box_len;
    uint8_t box[];
};

/* What the tables say, by what it is looked for.  Objects are not changed but replaced, with two
 * exceptions: the time of a key's last use, and roles in an entity that is gone. */
struct directory {
    struct bf_map *entities;    /* name -> struct bf_entity */
    struct bf_map *users;       /* name -> struct user */
    struct bf_map *keys;        /* hash -> struct key; not the revoked ones */
    struct bf_map *keys_by_id;  /* id -> the same */
    struct bf_map *secrets;     /* "ENTITY/NAME" -> struct secret */
    struct bf_map *integrations;        /* id -> struct bf_integration, a reference */
};

/* The data keys that seal.  Changed by the engine alone, under the team's lock. */
#define KEYRING_MAX 8           /* generations that something may still be sealed with */
struct keyring {
    size_t n;
    int64_t current;            /* what new boxes are sealed with */
    struct {
        int64_t generation;
        uint8_t key[BF_KEY_LEN];
    } items[KEYRING_MAX];
};

struct bf_team {
    uint8_t hash_key[BF_KEY_LEN];       /* of API keys; fixed after open */
    bool has_hash_key;
    char *data_dir;             /* fixed */
    const struct bf_clock *clock;
    struct bf_log *log;
    struct guesses *guesses;
    pthread_rwlock_t lock;
    struct directory *dir;      /* under lock, from here down */
    struct keyring keyring;
    bool rotating;
};

/* A letter or digit of ASCII, or _. */
static inline bool bf_is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static inline void bf_copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}

/* guesses.c */
struct guesses *bf_guesses_new(void);
void bf_guesses_free(struct guesses *g);
/* A wrong key came from this address: how long it has to wait, 0 if it may go on.  *first: this is
 * the one that was too many. */
int64_t bf_guesses_add(struct guesses *g, const char *peer, int64_t now_ms, bool *first);

/* directory.c */
struct directory *bf_directory_new(void);
void bf_directory_free(struct directory *d);
/* Read rows into it: all of them, or those that `what` and `id` name. */
int bf_directory_load(struct directory *d, struct bf_db *db, const char *what, const char *id,
                      struct bf_error *err);

/* keys.c */
void bf_key_hash(const struct bf_team *t, const char *key, size_t len, char out[KEY_HASH_TEXT]);
unsigned bf_role_rights(const char *role);      /* 0 if it is none */

/* members.c: without a look at who may. */
int bf_member_write(struct bf_db *db, const char *entity, const char *user, const char *role,
                    char was[BF_ROLE_SIZE], struct bf_error *err);

/* master.c */
/* Read DATA/master.key; without one, make it if `may_make`, else refuse. */
int bf_master_load(const char *data_dir, bool may_make, uint8_t out[BF_KEY_LEN],
                   struct bf_error *err);
/* DATA/master.key.next: written and synced, put into the place of master.key and that synced, or
 * taken away.  Both files are whole at every moment. */
int bf_master_write_next(const char *data_dir, const uint8_t key[BF_KEY_LEN],
                         struct bf_error *err);
int bf_master_take_next(const char *data_dir, struct bf_error *err);
void bf_master_drop_next(const char *data_dir);

/* keyring.c */
#define MASTER_ID_TEXT 33
#define BOX_MORE_MAX   64       /* bytes that a box has more than what is in it, at most */
/* Read the data keys, or make them where there are none yet; ends what a rotation left. */
int bf_keyring_open(struct bf_team *t, struct bf_db *db, struct bf_error *err);
/* The key of a generation; false if there is none.  [engine, or lock held] */
bool bf_keyring_find(const struct keyring *k, int64_t generation, uint8_t out[BF_KEY_LEN]);
void bf_keyring_current(struct bf_team *t, int64_t *generation, uint8_t out[BF_KEY_LEN]);
/* Keys of tokens, that of new ones first; how many. */
size_t bf_keyring_token_keys(struct bf_team *t, uint8_t out[KEYRING_MAX][BF_KEY_LEN]);

/* integrations.c */
struct bf_integration *bf_integration_from_row(struct bf_query *q);
#define INTEGRATION_COLUMNS \
    "id, entity, sink, name, config, revision, created, disabled, secrets, disabled_reason" \
    " FROM team_integrations"

/* entities.c */
void bf_entity_from_row(struct bf_query *q, struct bf_entity *e);
#define ENTITY_COLUMNS "id, name, kind, created, organization FROM team_entities"
struct entity_row {
    char kind[16];              /* "": there is none */
    char organization[BF_ENTITY_NAME_MAX + 1];
    bool deleted;
};
/* 1: there is such a row, perhaps of a deleted one; 0: there is none. */
int bf_entity_read(struct bf_db *db, const char *name, struct entity_row *out,
                   struct bf_error *err);
/* Make it, or bring it back.  BF_EEXIST if it is of another kind, or deleted and is to stay so. */
int bf_entity_put(struct bf_db *db, const char *name, const char *kind, const char *organization,
                  bool may_revive, int64_t now_ms, bool *made, struct bf_error *err);

/* organizations.c */
/* Teams from before there were organizations join the default one. */
int bf_organizations_adopt(struct bf_db *db, int64_t now_ms, struct bf_error *err);

/* secrets.c: what a box is bound to, "secret/ENTITY/NAME"; behind the prefix it is the name in the
 * directory.  False if it does not fit. */
#define SECRET_PLACE_PREFIX 7
#define SECRET_PLACE_MAX (BF_ENTITY_NAME_MAX + BF_SECRET_NAME_MAX + 128)
bool bf_secret_place(char out[SECRET_PLACE_MAX], const char *entity, const char *name);

#endif
