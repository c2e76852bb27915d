/* entities.c - teams, users' own entities, organizations: names that things belong to. */
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
        db, "SELECT id, name, kind, created FROM team_entities WHERE name > ? ORDER BY name");
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

static int insert(struct bf_db *db, const char *name, const char *kind, int64_t now_ms)
{
    struct bf_query *q = bf_db_query(
        db, "INSERT INTO team_entities (id, name, kind, created) VALUES (?, ?, ?, ?)");
    char id[BF_ID_LEN + 1];

    bf_id_random(id, now_ms);
    bf_query_text(q, 1, id);
    bf_query_text(q, 2, name);
    bf_query_text(q, 3, kind);
    bf_query_int(q, 4, now_ms);
    return bf_query_run(q);
}

/* 1: there is an entity of this name and kind; 0: none of this name. */
static int look(struct bf_db *db, const char *name, const char *kind, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, "SELECT kind FROM team_entities WHERE name = ?");
    const char *is;
    int rc;

    bf_query_text(q, 1, name);
    rc = bf_query_step(q);
    if (rc < 0)
        return bf_error_set(err, rc, "cannot read the teams: %s", bf_db_words(db));
    is = rc ? bf_query_col_text(q, 0) : kind;
    if (strcmp(is, kind) != 0)
        rc = bf_error_field(err, BF_EEXIST, "name", "\"%s\" is the name of %s %s already; choose"
                            " another one", name, *is == 'o' ? "an" : "a", is);
    bf_query_end(q);
    return rc;
}

int bf_team_put_entity(struct bf_db *db, const char *name, const char *kind, int64_t now_ms,
                       bool *made, struct bf_error *err)
{
    int rc;

    if (!bf_entity_name_ok(name))
        return bf_error_field(err, BF_ECONFIG, "name", "a name has 1 to %d letters, digits, -, _"
                              " and ., and not only dots", BF_ENTITY_NAME_MAX);
    rc = look(db, name, kind, err);
    if (rc < 0)
        return rc;
    *made = rc == 0;
    if (*made && (rc = insert(db, name, kind, now_ms)) != 0)
        return bf_error_set(err, rc, "cannot make \"%s\": %s", name, bf_db_words(db));
    return BF_OK;
}
