/* entities.c - teams, users' own entities, organizations' own: names that things belong to.
 *
 * A name is given once.  The row of a deleted entity stays, because the journal and the history
 * know what happened by that name: whoever got it next would inherit them.  Only who may see
 * everything anyway, the hub's admin, can bring a deleted one back. */
#include "core/team/team_int.h"

#include <string.h>

bool bf_entity_name_ok(const char *name)
{
    size_t n = 0;

    while (bf_is_word(name[n]) || name[n] == '-' || name[n] == '.')
        n++;
    /* A name of dots alone would be cut out of a path by clients. */
    return n > 0 && n <= BF_ENTITY_NAME_MAX && name[n] == '\0' && strspn(name, ".") < n;
}

void bf_entity_from_row(struct bf_query *q, struct bf_entity *e)
{
    bf_copy_text(e->id, sizeof(e->id), bf_query_col_text(q, 0));
    bf_copy_text(e->name, sizeof(e->name), bf_query_col_text(q, 1));
    bf_copy_text(e->kind, sizeof(e->kind), bf_query_col_text(q, 2));
    e->created_ms = bf_query_col_int(q, 3);
    bf_copy_text(e->organization, sizeof(e->organization), bf_query_col_text(q, 4));
}

bool bf_team_exists(struct bf_team *t, const char *entity)
{
    bool found;

    pthread_rwlock_rdlock(&t->lock);
    found = bf_map_get(t->dir->entities, entity) != NULL;
    pthread_rwlock_unlock(&t->lock);
    return found;
}

bool bf_team_entity(struct bf_team *t, const char *entity, struct bf_entity *out)
{
    const struct bf_entity *e;

    pthread_rwlock_rdlock(&t->lock);
    e = bf_map_get(t->dir->entities, entity);
    if (e)
        *out = *e;
    pthread_rwlock_unlock(&t->lock);
    return e != NULL;
}

int bf_team_list_entities(struct bf_db *db, const char *after, bf_entity_fn *fn, void *arg)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT " ENTITY_COLUMNS " WHERE deleted IS NULL AND name > ? ORDER BY name");
    struct bf_entity e;
    int rc;

    bf_query_text(q, 1, after);
    while ((rc = bf_query_step(q)) == 1) {
        bf_entity_from_row(q, &e);
        if (!fn(arg, &e))
            break;
    }
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}


/* --- changes -------------------------------------------------------------------- */

static int insert(struct bf_db *db, const char *name, const char *kind, const char *organization,
                  int64_t now_ms)
{
    struct bf_query *q = bf_db_query(db, "INSERT INTO team_entities (id, name, kind, created,"
                                         " organization) VALUES (?, ?, ?, ?, ?)");
    char id[BF_ID_LEN + 1];

    bf_id_random(id, now_ms);
    bf_query_text(q, 1, id);
    bf_query_text(q, 2, name);
    bf_query_text(q, 3, kind);
    bf_query_int(q, 4, now_ms);
    bf_query_text(q, 5, organization);
    return bf_query_run(q);
}

static int bring_back(struct bf_db *db, const char *name)
{
    struct bf_query *q = bf_db_query(db, "UPDATE team_entities SET deleted = NULL WHERE name = ?");

    bf_query_text(q, 1, name);
    return bf_query_run(q);
}

int bf_entity_read(struct bf_db *db, const char *name, struct entity_row *out,
                   struct bf_error *err)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT kind, organization, deleted FROM team_entities WHERE name = ?");
    int rc;

    *out = (struct entity_row){.deleted = false};
    bf_query_text(q, 1, name);
    rc = bf_query_step(q);
    if (rc < 0)
        return bf_error_set(err, rc, "cannot read the teams: %s", bf_db_words(db));
    if (rc == 1) {
        bf_copy_text(out->kind, sizeof(out->kind), bf_query_col_text(q, 0));
        bf_copy_text(out->organization, sizeof(out->organization), bf_query_col_text(q, 1));
        out->deleted = !bf_query_col_null(q, 2);
    }
    bf_query_end(q);
    return rc;
}

int bf_team_check_there(struct bf_db *db, const char *entity, struct bf_error *err)
{
    struct entity_row row;
    int rc = bf_entity_read(db, entity, &row, err);

    if (rc < 0)
        return rc;
    if (rc == 0 || row.deleted)
        return bf_error_set(err, BF_ENOENT, "%s does not exist (any more)", entity);
    return BF_OK;
}

static const char *kind_words(const char *kind)
{
    return *kind == 'o' ? "an organization" : *kind == 'u' ? "a user" : "a team";
}

/* May `name` be an entity of this kind? */
static int check_name(const char *name, const char *kind, const struct entity_row *row,
                      bool may_revive, struct bf_error *err)
{
    if (!bf_entity_name_ok(name))
        return bf_error_field(err, BF_ECONFIG, "name", "a name has 1 to %d letters, digits, -, _"
                              " and ., and not only dots", BF_ENTITY_NAME_MAX);
    if (*row->kind && strcmp(row->kind, kind) != 0)
        return bf_error_field(err, BF_EEXIST, "name", "\"%s\" is the name of %s already; choose"
                              " another one", name, kind_words(row->kind));
    if (row->deleted && !may_revive)
        return bf_error_field(err, BF_EEXIST, "name", "\"%s\" is the name of %s that was deleted,"
                              " and what it did is still on record; choose another name, or have"
                              " an admin of the hub bring it back", name, kind_words(kind));
    if (!*row->kind && *kind != 'o' && bf_organization_owns_name(name))
        return bf_error_field(err, BF_ECONFIG, "name", "names that end in %s are those of"
                              " organizations; choose another one", BF_ORGANIZATION_SUFFIX);
    return BF_OK;
}

int bf_entity_put(struct bf_db *db, const char *name, const char *kind, const char *organization,
                  bool may_revive, int64_t now_ms, bool *made, struct bf_error *err)
{
    struct entity_row row;
    int rc = bf_entity_read(db, name, &row, err);

    if (rc >= 0)
        rc = check_name(name, kind, &row, may_revive, err);
    if (rc)
        return rc;
    *made = !*row.kind || row.deleted;
    if (row.deleted)
        rc = bring_back(db, name);
    else if (*made)
        rc = insert(db, name, kind, organization, now_ms);
    return rc ? bf_error_set(err, rc, "cannot make \"%s\": %s", name, bf_db_words(db)) : BF_OK;
}

int bf_team_delete_entity(struct bf_db *db, const char *name, int64_t now_ms, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, "UPDATE team_entities SET deleted = ? WHERE name = ?");
    int rc;

    bf_query_int(q, 1, now_ms);
    bf_query_text(q, 2, name);
    rc = bf_query_run(q);
    if (!rc) {
        q = bf_db_query(db, "DELETE FROM team_members WHERE entity = ?");
        bf_query_text(q, 1, name);
        rc = bf_query_run(q);
    }
    return rc ? bf_error_set(err, rc, "cannot delete %s: %s", name, bf_db_words(db)) : BF_OK;
}

int bf_team_put_entity(struct bf_db *db, const char *name, const char *kind, int64_t now_ms,
                       bool *made, struct bf_error *err)
{
    struct bf_team_put put = {.may_revive = true};
    int rc;

    if (*kind != 't')
        return bf_entity_put(db, name, kind, NULL, true, now_ms, made, err);
    rc = bf_team_put_team(db, name, &put, now_ms, err);
    *made = put.made;
    return rc;
}
