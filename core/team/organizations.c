/* organizations.c - organizations, the teams in them, and what is in the way of deleting either.
 *
 * An organization is known by its own entity, which is named after it: `acme` owns `acme-org`.
 * That name is the organization's alone, as no team or user can be given one that ends so.  Every
 * team is in one organization; a user's own entity is in none. */
#include "core/team/team_int.h"

#include <stdio.h>
#include <string.h>

#define SUFFIX_LEN (sizeof(BF_ORGANIZATION_SUFFIX) - 1)

bool bf_organization_name_ok(const char *name)
{
    return strlen(name) <= BF_ORGANIZATION_NAME_MAX && bf_entity_name_ok(name);
}

void bf_organization_entity(char out[BF_ENTITY_NAME_MAX + 1], const char *organization)
{
    size_t len = strlen(organization);

    out[0] = '\0';
    if (len == 0 || len > BF_ORGANIZATION_NAME_MAX)
        return;
    memcpy(out, organization, len);
    memcpy(out + len, BF_ORGANIZATION_SUFFIX, SUFFIX_LEN + 1);
}

bool bf_organization_owns_name(const char *name)
{
    size_t len = strlen(name);

    return len > SUFFIX_LEN && strcmp(name + len - SUFFIX_LEN, BF_ORGANIZATION_SUFFIX) == 0;
}

bool bf_team_organization_entity(struct bf_team *t, const char *entity,
                                 char out[BF_ENTITY_NAME_MAX + 1])
{
    const struct bf_entity *e;

    out[0] = '\0';
    pthread_rwlock_rdlock(&t->lock);
    e = bf_map_get(t->dir->entities, entity);
    if (e)
        bf_organization_entity(out, e->organization);
    pthread_rwlock_unlock(&t->lock);
    return *out != '\0';
}


/* --- making --------------------------------------------------------------------- */

int bf_team_put_organization(struct bf_db *db, const char *name, int64_t now_ms, bool *made,
                             struct bf_error *err)
{
    char own[BF_ENTITY_NAME_MAX + 1];

    if (!bf_organization_name_ok(name))
        return bf_error_field(err, BF_ECONFIG, "name", "an organization's name has 1 to %d letters,"
                              " digits, -, _ and ., and not only dots", BF_ORGANIZATION_NAME_MAX);
    bf_organization_entity(own, name);
    return bf_entity_put(db, own, "organization", name, true, now_ms, made, err);
}

/* 1: there is such an organization; 0: there is none. */
static int has_organization(struct bf_db *db, const char *name, struct bf_error *err)
{
    char own[BF_ENTITY_NAME_MAX + 1];
    struct entity_row row;
    int rc;

    bf_organization_entity(own, name);
    rc = bf_entity_read(db, own, &row, err);
    return rc == 1 ? *row.kind == 'o' && !row.deleted : rc;
}

/* Where a team is to be: where the caller says, where it is, or in the default organization. */
static int choose_organization(struct bf_db *db, const struct entity_row *row,
                               struct bf_team_put *put, int64_t now_ms, const char **out,
                               struct bf_error *err)
{
    const char *wanted = put->organization;
    int rc;

    *out = wanted ? wanted : *row->organization ? row->organization : BF_ORGANIZATION_DEFAULT;
    rc = has_organization(db, *out, err);
    if (rc)
        return rc < 0 ? rc : BF_OK;
    if (wanted && strcmp(wanted, BF_ORGANIZATION_DEFAULT) != 0)
        return bf_error_field(err, BF_ECONFIG, "organization", "there is no organization \"%s\";"
                              " an admin of the hub makes it with PUT /api/v1/organizations/%s",
                              wanted, wanted);
    *out = BF_ORGANIZATION_DEFAULT;
    return bf_team_put_organization(db, *out, now_ms, &put->made_default, err);
}

static int move_team(struct bf_db *db, const char *name, const char *organization,
                     struct bf_error *err)
{
    struct bf_query *q =
        bf_db_query(db, "UPDATE team_entities SET organization = ? WHERE name = ?");
    int rc;

    bf_query_text(q, 1, organization);
    bf_query_text(q, 2, name);
    rc = bf_query_run(q);
    return rc ? bf_error_set(err, rc, "cannot move %s: %s", name, bf_db_words(db)) : BF_OK;
}

int bf_team_put_team(struct bf_db *db, const char *name, struct bf_team_put *put, int64_t now_ms,
                     struct bf_error *err)
{
    struct entity_row row;
    const char *organization;
    int rc = bf_entity_read(db, name, &row, err);

    put->made_default = false;
    if (rc >= 0)
        rc = choose_organization(db, &row, put, now_ms, &organization, err);
    if (!rc)
        rc = bf_entity_put(db, name, "team", organization, put->may_revive, now_ms, &put->made,
                           err);
    if (rc)
        return rc;
    bf_copy_text(put->was, sizeof(put->was), put->made ? "" : row.organization);
    bf_copy_text(put->is, sizeof(put->is), organization);
    if (strcmp(row.organization, organization) == 0 || !*row.kind)
        return BF_OK;
    return move_team(db, name, organization, err);
}

/* --- what is in the way of deleting ------------------------------------------------ */

static int any(struct bf_db *db, const char *sql, const char *entity, bool *out,
               struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, sql);
    int rc;

    bf_query_text(q, 1, entity);
    rc = bf_query_step(q);
    bf_query_end(q);
    *out = rc == 1;
    return rc < 0 ? bf_error_set(err, rc, "cannot read the teams: %s", bf_db_words(db)) : BF_OK;
}

int bf_team_owned(struct bf_db *db, const char *entity, struct bf_owned *out,
                  struct bf_error *err)
{
    int rc = any(db, "SELECT 1 FROM team_integrations WHERE entity = ? LIMIT 1", entity,
                 &out->integrations, err);

    if (!rc)
        rc = any(db, "SELECT 1 FROM team_secrets WHERE entity = ? AND name NOT LIKE '%/%' LIMIT 1",
                 entity, &out->secrets, err);
    if (!rc)
        rc = any(db, "SELECT 1 FROM team_users WHERE service = ? LIMIT 1", entity,
                 &out->service_accounts, err);
    if (!rc)
        rc = any(db, "SELECT 1 FROM team_entities t JOIN team_entities o"
                     " ON o.organization = t.organization WHERE o.name = ? AND t.kind = 'team'"
                     " AND o.kind = 'organization' AND t.deleted IS NULL LIMIT 1", entity,
                 &out->teams, err);
    return rc;
}


/* --- teams from before ---------------------------------------------------------------- */

/* 1: there are teams that are in no organization; 0: there are none. */
static int any_adrift(struct bf_db *db, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, "SELECT 1 FROM team_entities WHERE organization IS NULL"
                                         " AND kind = 'team' LIMIT 1");
    int rc = bf_query_step(q);

    bf_query_end(q);
    return rc < 0 ? bf_error_set(err, rc, "cannot read the teams: %s", bf_db_words(db)) : rc;
}

static int cannot_adopt(struct bf_db *db, int rc, struct bf_error *err)
{
    return bf_error_set(err, rc, "the teams cannot join an organization: %s", bf_db_words(db));
}

static int adopt_all(struct bf_db *db, int64_t now_ms, struct bf_error *err)
{
    bool made;
    int rc = bf_team_put_organization(db, BF_ORGANIZATION_DEFAULT, now_ms, &made, err);

    if (rc)
        return rc;
    rc = bf_query_run(bf_db_query(db, "UPDATE team_entities SET organization = 'default'"
                                      " WHERE organization IS NULL AND kind = 'team'"));
    return rc ? cannot_adopt(db, rc, err) : BF_OK;
}

int bf_organizations_adopt(struct bf_db *db, int64_t now_ms, struct bf_error *err)
{
    int rc = any_adrift(db, err);

    if (rc != 1)
        return rc;
    rc = bf_db_begin(db);
    if (rc)
        return cannot_adopt(db, rc, err);
    rc = adopt_all(db, now_ms, err);
    if (rc) {
        bf_db_rollback(db);
        return rc;
    }
    rc = bf_db_commit(db);
    return rc ? cannot_adopt(db, rc, err) : BF_OK;
}
