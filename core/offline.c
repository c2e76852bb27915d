/* offline.c - changes to a data directory while no hub runs in it.
 *
 * The rooms that a change needs are opened as a hub opens them, the lock included, and the change
 * is a piece of work for the engine like any other: so it is journaled, and what fires on it goes
 * out when a hub runs again. */
#include <belfry/belfry.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/api/people.h"
#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/data.h"

#define FIRST_ADMIN "admin"     /* whose journal has what concerns the hub */

struct change {
    struct bf_work work;
    const char *user;
    struct bf_user_put put;
    struct bf_key key;
    const char *text;           /* of the key; NULL: the change is the user */
    bool rotates;               /* or it is the master key, and this its record */
    struct bf_team *team;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_over;               /* under lock, from here down */
    int rc;
    struct bf_error err;
};

static int apply_change(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct change *c = bf_container_of(work, struct change, work);

    if (c->rotates)
        return bf_bus_record(tx, "belfry.master_key.rotated", FIRST_ADMIN, NULL, "{}", 2, err);
    if (c->text)
        return bf_people_add_key(c->team, tx, c->text, &c->key, NULL, err);
    return bf_people_put_user(tx, c->user, &c->put, NULL, err);
}

static void on_done(struct bf_work *work, int rc, const struct bf_error *err)
{
    struct change *c = bf_container_of(work, struct change, work);

    pthread_mutex_lock(&c->lock);
    c->is_over = true;
    c->rc = rc;
    if (rc)
        c->err = *err;
    pthread_cond_signal(&c->ended);
    pthread_mutex_unlock(&c->lock);
}

static int wait_for(struct change *c, struct bf_error *err)
{
    pthread_mutex_lock(&c->lock);
    while (!c->is_over)
        pthread_cond_wait(&c->ended, &c->lock);
    pthread_mutex_unlock(&c->lock);
    return c->rc ? bf_error_field(err, c->rc, c->err.field, "%s", c->err.words) : BF_OK;
}

static int post(struct bf_bus *bus, struct change *c, struct bf_error *err)
{
    int rc = bf_bus_start(bus, err);

    if (rc)
        return rc;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->ended, NULL);
    c->work = (struct bf_work){.may_fail = true, .apply = apply_change, .done = on_done};
    rc = bf_bus_post(bus, &c->work);
    rc = rc ? bf_error_set(err, rc, "the engine takes no work: %s", bf_strerror(rc))
            : wait_for(c, err);
    pthread_cond_destroy(&c->ended);
    pthread_mutex_destroy(&c->lock);
    return rc;
}

static int with_bus(struct bf_db *db, struct change *c, struct bf_error *err)
{
    struct bf_bus_hooks hooks = {0};
    struct bf_bus *bus;
    int rc = bf_bus_open(db, bf_clock_system(), NULL, &hooks, &bus, err);

    if (rc)
        return rc;
    rc = bf_data_place_teams(db, bus, err);
    if (!rc)
        rc = post(bus, c, err);
    bf_bus_close(bus);
    return rc;
}

static int with_database(const char *dir, const char *path, struct change *c,
                         struct bf_error *err)
{
    struct bf_db *db;
    int rc = bf_db_open(path, BF_DB_WRITE, &db, err);

    if (rc)
        return rc;
    rc = bf_team_open(db, dir, &c->team, err);
    if (!rc) {
        if (c->rotates)
            rc = bf_team_rotate(c->team, db, bf_wall_ms(bf_clock_system()), err);
        if (!rc)
            rc = with_bus(db, c, err);
        bf_team_close(c->team);
    }
    bf_db_close(db);
    return rc;
}

static int run(const char *dir, struct change *c, struct bf_error *err)
{
    char path[BF_DATA_PATH_MAX];
    int lock_fd = -1;
    int rc = bf_crypto_init(err);

    if (!rc)
        rc = bf_data_lock(dir, &lock_fd, path, err);
    if (!rc)
        rc = with_database(dir, path, c, err);
    if (lock_fd >= 0)
        close(lock_fd);
    return rc;
}

int bf_data_add_user(const char *data_dir, const char *user, bool admin, struct bf_error *err)
{
    struct change c = {.user = user};

    c.put = (struct bf_user_put){.admin = admin ? 1 : -1, .may_revive = true};
    return run(data_dir, &c, err);
}

int bf_data_add_key(const char *data_dir, const char *user, const char *name, unsigned rights,
                    const char *key, struct bf_error *err)
{
    struct change c = {.user = user, .text = key};
    int rc = bf_key_check(key, err);

    if (rc)
        return rc;
    if (strlen(name) == 0 || strlen(name) > BF_KEY_NAME_MAX || strlen(user) > BF_ENTITY_NAME_MAX)
        return bf_error_field(err, BF_ECONFIG, "name", "a key's name has 1 to %d bytes",
                              BF_KEY_NAME_MAX);
    if (rights & ~BF_ALL_RIGHTS)
        return bf_error_field(err, BF_ECONFIG, "rights", "the rights are BF_INGEST, BF_READ,"
                              " BF_EDIT and BF_ADMIN");
    c.key.rights = rights ? rights : BF_ALL_RIGHTS;
    snprintf(c.key.user, sizeof(c.key.user), "%s", user);
    snprintf(c.key.name, sizeof(c.key.name), "%s", name);
    return run(data_dir, &c, err);
}

int bf_data_rotate(const char *data_dir, struct bf_error *err)
{
    struct change c = {.rotates = true};
    char path[BF_DATA_PATH_MAX];

    snprintf(path, sizeof(path), "%s/belfry.db", data_dir);
    if (access(path, F_OK) != 0)
        return bf_error_field(err, BF_ENOENT, "data", "there is no hub's data in %s", data_dir);
    return run(data_dir, &c, err);
}
