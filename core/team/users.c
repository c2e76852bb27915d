/* users.c - people and service accounts.
 *
 * A person has an entity of the same name and is its admin.  A service account belongs to a team,
 * is a member of that team alone, and has no role in the entity that keeps its name. */
#include "core/team/team_int.h"

#include <string.h>

#define USER_COLUMNS                                                                           \
    "SELECT u.name, u.admin, u.service, e.created FROM team_users u"                           \
    " JOIN team_entities e ON e.name = u.name WHERE e.deleted IS NULL"

static void from_row(struct bf_query *q, struct bf_user *u)
{
    bf_copy_text(u->name, sizeof(u->name), bf_query_col_text(q, 0));
    u->admin = bf_query_col_int(q, 1) != 0;
    bf_copy_text(u->service, sizeof(u->service), bf_query_col_text(q, 2));
    u->created_ms = bf_query_col_int(q, 3);
}

int bf_team_read_user(struct bf_db *db, const char *name, struct bf_user *out,
                      struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, USER_COLUMNS " AND u.name = ?");
    int rc;

    bf_query_text(q, 1, name);
    rc = bf_query_step(q);
    if (rc < 0)
        return bf_error_set(err, rc, "cannot read the users: %s", bf_db_words(db));
    if (rc == 0)
        return bf_error_set(err, BF_ENOENT, "there is no user \"%s\"", name);
    from_row(q, out);
    bf_query_end(q);
    return BF_OK;
}

int bf_team_list_users(struct bf_db *db, const char *after, bf_user_fn *fn, void *arg)
{
    struct bf_query *q = bf_db_query(db, USER_COLUMNS " AND u.name > ? ORDER BY u.name");
    struct bf_user u;
    int rc;

    bf_query_text(q, 1, after);
    while ((rc = bf_query_step(q)) == 1) {
        from_row(q, &u);
        if (!fn(arg, &u))
            break;
    }
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

bool bf_team_user(struct bf_team *t, const char *name, struct bf_user *out)
{
    const struct user *u;

    pthread_rwlock_rdlock(&t->lock);
    u = bf_map_get(t->dir->users, name);
    if (u) {
        bf_copy_text(out->name, sizeof(out->name), name);
        out->admin = u->admin;
        memcpy(out->service, u->service, sizeof(out->service));
        out->rights = u->admin ? ALL_RIGHTS : u->somewhere;
        out->created_ms = 0;
    }
    pthread_rwlock_unlock(&t->lock);
    return u != NULL;
}


/* --- making and changing ------------------------------------------------------------ */

static int cannot(struct bf_db *db, const char *name, int rc, struct bf_error *err)
{
    return bf_error_set(err, rc, "cannot save the user %s: %s", name, bf_db_words(db));
}

/* One that was deleted has its row still. */
static int write_row(struct bf_db *db, const char *name, bool admin, const char *service,
                     int64_t now_ms)
{
    struct bf_query *q = bf_db_query(
        db, "INSERT INTO team_users (name, admin, service, created) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET admin = excluded.admin, service = excluded.service");

    bf_query_text(q, 1, name);
    bf_query_int(q, 2, admin);
    bf_query_text(q, 3, service);
    bf_query_int(q, 4, now_ms);
    return bf_query_run(q);
}

static int check_service(struct bf_db *db, const struct bf_user_put *put, struct bf_error *err)
{
    struct entity_row row;
    int rc;

    if (!put->service)
        return BF_OK;
    if (put->admin > 0)
        return bf_error_field(err, BF_ECONFIG, "admin", "a service account belongs to a team and"
                              " cannot be an admin of the hub");
    rc = bf_entity_read(db, put->service, &row, err);
    if (rc < 0)
        return rc;
    if (*row.kind != 't' || row.deleted)
        return bf_error_field(err, BF_ECONFIG, "service", "there is no team \"%s\"", put->service);
    return BF_OK;
}

static int make(struct bf_db *db, const char *name, struct bf_user_put *put, int64_t now_ms,
                struct bf_error *err)
{
    char was[BF_ROLE_SIZE];
    int rc = check_service(db, put, err);

    if (!rc)
        rc = bf_entity_put(db, name, "user", NULL, put->may_revive, now_ms, &put->made, err);
    if (rc)
        return rc;
    rc = write_row(db, name, put->admin > 0, put->service, now_ms);
    if (rc)
        return cannot(db, name, rc, err);
    return bf_member_write(db, put->service ? put->service : name, name,
                           put->service ? "member" : "admin", was, err);
}

/* Somebody must be able to change the hub. */
static int check_last_admin(struct bf_db *db, const char *name, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT 1 FROM team_users u JOIN team_entities e ON e.name = u.name"
            " WHERE e.deleted IS NULL AND u.admin = 1 AND u.name <> ? LIMIT 1");
    int rc;

    bf_query_text(q, 1, name);
    rc = bf_query_step(q);
    bf_query_end(q);
    if (rc < 0)
        return bf_error_set(err, rc, "cannot read the users: %s", bf_db_words(db));
    if (rc == 0)
        return bf_error_set(err, BF_EEXIST, "%s is the last admin of the hub; make somebody else"
                            " one first: PUT /api/v1/users/NAME {\"admin\":true}", name);
    return BF_OK;
}

static int change(struct bf_db *db, const struct bf_user *now, struct bf_user_put *put,
                  struct bf_error *err)
{
    int rc = BF_OK;

    if (put->service && strcmp(put->service, now->service) != 0)
        return bf_error_field(err, BF_EEXIST, "service", *now->service
                              ? "%s is a service account of another team; it stays there, so make"
                                " one of another name"
                              : "%s is the name of a user already; choose another one", now->name);
    if (put->admin > 0 && *now->service)
        return bf_error_field(err, BF_ECONFIG, "admin", "a service account belongs to a team and"
                              " cannot be an admin of the hub");
    if (put->admin < 0 || (put->admin > 0) == now->admin)
        return BF_OK;
    if (now->admin)
        rc = check_last_admin(db, now->name, err);
    if (rc)
        return rc;
    put->changed = true;
    rc = write_row(db, now->name, put->admin > 0, *now->service ? now->service : NULL, 0);
    return rc ? cannot(db, now->name, rc, err) : BF_OK;
}

int bf_team_put_user(struct bf_db *db, const char *name, struct bf_user_put *put, int64_t now_ms,
                     struct bf_error *err)
{
    struct bf_user now;
    int rc = bf_team_read_user(db, name, &now, err);

    put->made = put->changed = false;
    if (rc == BF_ENOENT)
        return make(db, name, put, now_ms, err);
    return rc ? rc : change(db, &now, put, err);
}


/* --- deleting ------------------------------------------------------------------------- */

static int run_on(struct bf_db *db, const char *sql, const char *name, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, sql);
    int rc;

    bf_query_text(q, 1, name);
    rc = bf_query_run(q);
    return rc ? bf_error_set(err, rc, "cannot delete %s: %s", name, bf_db_words(db)) : BF_OK;
}

static int revoke_all(struct bf_db *db, const char *name, int64_t now_ms, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(
        db, "UPDATE team_keys SET revoked = ? WHERE user_name = ? AND revoked IS NULL");
    int rc;

    bf_query_int(q, 1, now_ms);
    bf_query_text(q, 2, name);
    rc = bf_query_run(q);
    return rc ? bf_error_set(err, rc, "cannot delete %s: %s", name, bf_db_words(db)) : BF_OK;
}

int bf_team_delete_user(struct bf_db *db, const char *name, int64_t now_ms, struct bf_error *err)
{
    struct bf_user now;
    int rc = bf_team_read_user(db, name, &now, err);

    if (!rc && now.admin)
        rc = check_last_admin(db, name, err);
    if (!rc)
        rc = revoke_all(db, name, now_ms, err);
    if (!rc)
        rc = run_on(db, "DELETE FROM team_members WHERE user_name = ?", name, err);
    if (!rc)
        rc = run_on(db, "UPDATE team_users SET admin = 0, service = NULL WHERE name = ?", name,
                    err);
    return rc ? rc : bf_team_delete_entity(db, name, now_ms, err);
}
