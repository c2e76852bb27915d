/* members.c - who has which role in which team or organization. */
#include "core/team/team_int.h"

#include <string.h>

bool bf_role_ok(const char *role) { return bf_role_rights(role) != 0; }

static int cannot(struct bf_db *db, const char *entity, int rc, struct bf_error *err)
{
    return bf_error_set(err, rc, "cannot read or change the members of %s: %s", entity,
                        bf_db_words(db));
}

int bf_team_read_role(struct bf_db *db, const char *entity, const char *user,
                      char role[BF_ROLE_SIZE], struct bf_error *err)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT role FROM team_members WHERE entity = ? AND user_name = ?");
    int rc;

    role[0] = '\0';
    bf_query_text(q, 1, entity);
    bf_query_text(q, 2, user);
    rc = bf_query_step(q);
    if (rc == 1)
        bf_copy_text(role, BF_ROLE_SIZE, bf_query_col_text(q, 0));
    bf_query_end(q);
    return rc < 0 ? cannot(db, entity, rc, err) : BF_OK;
}

int bf_member_write(struct bf_db *db, const char *entity, const char *user, const char *role,
                    char was[BF_ROLE_SIZE], struct bf_error *err)
{
    struct bf_query *q;
    int rc = bf_team_read_role(db, entity, user, was, err);

    if (rc)
        return rc;
    q = bf_db_query(db, "INSERT INTO team_members (entity, user_name, role) VALUES (?, ?, ?)"
                        " ON CONFLICT (entity, user_name) DO UPDATE SET role = excluded.role");
    bf_query_text(q, 1, entity);
    bf_query_text(q, 2, user);
    bf_query_text(q, 3, role);
    rc = bf_query_run(q);
    return rc ? cannot(db, entity, rc, err) : BF_OK;
}

/* Whoever leaves a team without an admin must be one who can give it another. */
static int check_last_admin(struct bf_db *db, const char *entity, const char *user,
                            struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, "SELECT 1 FROM team_members WHERE entity = ?"
                                         " AND role = 'admin' AND user_name <> ? LIMIT 1");
    int rc;

    bf_query_text(q, 1, entity);
    bf_query_text(q, 2, user);
    rc = bf_query_step(q);
    bf_query_end(q);
    if (rc < 0)
        return cannot(db, entity, rc, err);
    return rc ? BF_OK
              : bf_error_set(err, BF_EEXIST, "%s is the last admin of %s; make another member its"
                             " admin first, or ask an admin of its organization or of the hub",
                             user, entity);
}

/* The members of a user's own entity, and of a service account's team, are given. */
static int check_free(struct bf_db *db, const char *entity, const struct bf_user *u, bool leaves,
                      struct bf_error *err)
{
    struct entity_row row;
    int rc = bf_entity_read(db, entity, &row, err);

    if (rc < 0)
        return rc;
    if (rc == 0 || row.deleted)
        return bf_error_set(err, BF_ENOENT, "%s does not exist (any more)", entity);
    if (*row.kind == 'u')
        return bf_error_set(err, BF_EINVAL, "%s is a user's own: nobody else can have a role there;"
                            " make a team to share things", entity);
    if (*u->service && strcmp(u->service, entity) != 0)
        return bf_error_set(err, BF_EINVAL, "%s is a service account of another team and works"
                            " there alone; make one for %s", u->name, entity);
    if (*u->service && leaves)
        return bf_error_set(err, BF_EEXIST, "%s is a service account of %s; DELETE /api/v1/users/%s"
                            " ends it", u->name, entity, u->name);
    return BF_OK;
}

int bf_team_put_member(struct bf_db *db, const char *entity, const char *user, const char *role,
                       bool may_orphan, char was[BF_ROLE_SIZE], struct bf_error *err)
{
    struct bf_user u;
    int rc = bf_team_read_user(db, user, &u, err);

    if (!rc)
        rc = check_free(db, entity, &u, false, err);
    if (!rc)
        rc = bf_team_read_role(db, entity, user, was, err);
    if (!rc && !may_orphan && strcmp(was, "admin") == 0 && strcmp(role, "admin") != 0)
        rc = check_last_admin(db, entity, user, err);
    return rc ? rc : bf_member_write(db, entity, user, role, was, err);
}

int bf_team_delete_member(struct bf_db *db, const char *entity, const char *user, bool may_orphan,
                          struct bf_error *err)
{
    char was[BF_ROLE_SIZE];
    struct bf_query *q;
    struct bf_user u;
    int rc = bf_team_read_role(db, entity, user, was, err);

    if (!rc && !*was)
        return bf_error_set(err, BF_ENOENT, "%s is no member of %s", user, entity);
    if (!rc)
        rc = bf_team_read_user(db, user, &u, err);
    if (!rc)
        rc = check_free(db, entity, &u, true, err);
    if (!rc && !may_orphan && strcmp(was, "admin") == 0)
        rc = check_last_admin(db, entity, user, err);
    if (rc)
        return rc;
    q = bf_db_query(db, "DELETE FROM team_members WHERE entity = ? AND user_name = ?");
    bf_query_text(q, 1, entity);
    bf_query_text(q, 2, user);
    rc = bf_query_run(q);
    return rc ? cannot(db, entity, rc, err) : BF_OK;
}

static int give(struct bf_query *q, bf_member_fn *fn, void *arg)
{
    int rc;

    while ((rc = bf_query_step(q)) == 1)
        if (!fn(arg, bf_query_col_text(q, 0), bf_query_col_text(q, 1)))
            break;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

int bf_team_list_members(struct bf_db *db, const char *entity, const char *after,
                         bf_member_fn *fn, void *arg)
{
    struct bf_query *q = bf_db_query(db, "SELECT user_name, role FROM team_members WHERE entity = ?"
                                         " AND user_name > ? ORDER BY user_name");

    bf_query_text(q, 1, entity);
    bf_query_text(q, 2, after);
    return give(q, fn, arg);
}

int bf_team_list_roles(struct bf_db *db, const char *user, bf_member_fn *fn, void *arg)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT entity, role FROM team_members WHERE user_name = ? ORDER BY entity");

    bf_query_text(q, 1, user);
    return give(q, fn, arg);
}
