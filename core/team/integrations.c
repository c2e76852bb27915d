/* integrations.c - where deliveries go: a sink with its options, owned by an entity.
 *
 * An object is never changed.  Whoever got one keeps a reference, and sees it as it was then; the
 * revision tells it from its successors. */
#include "core/team/team_int.h"

#include <stdio.h>
#include <string.h>

bool bf_integration_name_ok(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > BF_INTEGRATION_NAME_MAX || name[0] == ' ' || name[len - 1] == ' ')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!bf_is_word(name[i]) && name[i] != '-' && name[i] != ' ')
            return false;
    return true;
}

struct bf_integration *bf_integration_from_row(struct bf_query *q)
{
    struct bf_integration *i = bf_new(struct bf_integration);

    atomic_init(&i->refs, 1);
    bf_copy_text(i->id, sizeof(i->id), bf_query_col_text(q, 0));
    i->entity = bf_strdup(bf_query_col_text(q, 1));
    i->sink = bf_strdup(bf_query_col_text(q, 2));
    i->name = bf_strdup(bf_query_col_text(q, 3));
    i->config = bf_strdup(bf_query_col_text(q, 4));
    i->revision = (uint64_t)bf_query_col_int(q, 5);
    i->created_ms = bf_query_col_int(q, 6);
    i->disabled = !bf_query_col_null(q, 7);
    i->disabled_ms = bf_query_col_int(q, 7);
    i->secrets = bf_strdup(bf_query_col_text(q, 8));
    i->disabled_reason = bf_strdup(bf_query_col_null(q, 9) ? "" : bf_query_col_text(q, 9));
    return i;
}

struct bf_integration *bf_team_integration(struct bf_team *t, const char *id)
{
    struct bf_integration *i;

    pthread_rwlock_rdlock(&t->lock);
    i = bf_map_get(t->dir->integrations, id);
    if (i)
        atomic_fetch_add_explicit(&i->refs, 1, memory_order_relaxed);
    pthread_rwlock_unlock(&t->lock);
    return i;
}

void bf_integration_unref(struct bf_integration *i)
{
    if (!i || atomic_fetch_sub_explicit(&i->refs, 1, memory_order_acq_rel) != 1)
        return;
    free((char *)i->entity);
    free((char *)i->sink);
    free((char *)i->name);
    free((char *)i->config);
    free((char *)i->secrets);
    free((char *)i->disabled_reason);
    free(i);
}

static int cannot_save(struct bf_db *db, int rc, const char *entity, const char *name,
                       struct bf_error *err)
{
    if (rc == BF_EEXIST)
        return bf_error_field(err, rc, "name", "%s has an integration named \"%s\" already; choose"
                              " another name, or change that one", entity, name);
    return bf_error_set(err, rc, "cannot save the integration \"%s\": %s", name, bf_db_words(db));
}

int bf_team_put_integration(struct bf_db *db, const char *id, const char *entity, const char *sink,
                            const char *name, const char *config, const char *secrets,
                            int64_t now_ms, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(
        db, "INSERT INTO team_integrations (id, entity, sink, name, config, secrets, revision,"
            " created) VALUES (?, ?, ?, ?, ?, ?,"
            " (SELECT COALESCE(MAX(revision), 0) + 1 FROM team_integrations), ?)"
            " ON CONFLICT (id) DO UPDATE SET sink = excluded.sink, name = excluded.name,"
            " config = excluded.config, secrets = excluded.secrets,"
            " revision = excluded.revision, disabled = NULL,"
            " disabled_reason = NULL");
    int rc;

    bf_query_text(q, 1, id);
    bf_query_text(q, 2, entity);
    bf_query_text(q, 3, sink);
    bf_query_text(q, 4, name);
    bf_query_text(q, 5, config);
    bf_query_text(q, 6, secrets);
    bf_query_int(q, 7, now_ms);
    rc = bf_query_run(q);
    return rc ? cannot_save(db, rc, entity, name, err) : BF_OK;
}

int bf_team_change_integration(struct bf_db *db, const char *id, uint64_t revision,
                               const char *entity, const char *name, const char *config,
                               const char *secrets, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(
        db, "UPDATE team_integrations SET name = ?, config = ?, secrets = ?, revision ="
            " (SELECT COALESCE(MAX(revision), 0) + 1 FROM team_integrations)"
            " WHERE id = ? AND revision = ?");
    int rc;

    bf_query_text(q, 1, name);
    bf_query_text(q, 2, config);
    bf_query_text(q, 3, secrets);
    bf_query_text(q, 4, id);
    bf_query_int(q, 5, (int64_t)revision);
    rc = bf_query_run(q);
    if (rc)
        return cannot_save(db, rc, entity, name, err);
    if (bf_db_changes(db) == 0)
        return bf_error_set(err, BF_ENOENT, "the integration was changed meanwhile; read it, and"
                            " send the change again");
    return BF_OK;
}

/* '0' comes behind '/'. */
static int delete_literals(struct bf_db *db, const char *id, const char *entity)
{
    struct bf_query *q = bf_db_query(
        db, "DELETE FROM team_secrets WHERE entity = ? AND name > ? AND name < ?");
    char from[BF_ID_LEN + 16], to[BF_ID_LEN + 16];

    snprintf(from, sizeof(from), "integration/%s/", id);
    snprintf(to, sizeof(to), "integration/%s0", id);
    bf_query_text(q, 1, entity);
    bf_query_text(q, 2, from);
    bf_query_text(q, 3, to);
    return bf_query_run(q);
}

int bf_team_delete_integration(struct bf_db *db, const char *id, const char *entity,
                               struct bf_error *err)
{
    int rc = delete_literals(db, id, entity);
    struct bf_query *q;

    if (!rc) {
        q = bf_db_query(db, "DELETE FROM team_integrations WHERE id = ?");
        bf_query_text(q, 1, id);
        rc = bf_query_run(q);
    }
    if (rc)
        return bf_error_set(err, rc, "cannot delete integration %s: %s", id, bf_db_words(db));
    if (bf_db_changes(db) == 0)
        return bf_error_set(err, BF_ENOENT, "there is no integration %s", id);
    return BF_OK;
}

/* `since` 0: it is enabled. */
static int set_disabled(struct bf_db *db, const char *id, int64_t since, const char *reason,
                        struct bf_error *err)
{
    struct bf_query *q = bf_db_query(
        db, "UPDATE team_integrations SET disabled = ?, disabled_reason = ?, revision ="
            " (SELECT COALESCE(MAX(revision), 0) + 1 FROM team_integrations) WHERE id = ?");
    int rc;

    if (since)
        bf_query_int(q, 1, since);      /* else unbound: NULL */
    bf_query_text(q, 2, reason);
    bf_query_text(q, 3, id);
    rc = bf_query_run(q);
    if (rc)
        return bf_error_set(err, rc, "cannot change integration %s: %s", id, bf_db_words(db));
    if (bf_db_changes(db) == 0)
        return bf_error_set(err, BF_ENOENT, "there is no integration %s", id);
    return BF_OK;
}

static bool is_disabled(struct bf_db *db, const char *id)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT 1 FROM team_integrations WHERE id = ? AND disabled IS NOT NULL");
    bool yes;

    bf_query_text(q, 1, id);
    yes = bf_query_step(q) == 1;
    bf_query_end(q);
    return yes;
}

int bf_team_disable_integration(struct bf_db *db, const char *id, const char *reason,
                                int64_t now_ms, struct bf_error *err)
{
    if (is_disabled(db, id))
        return bf_error_set(err, BF_EEXIST, "integration %s is disabled already", id);
    return set_disabled(db, id, now_ms, reason, err);
}

int bf_team_enable_integration(struct bf_db *db, const char *id, struct bf_error *err)
{
    return set_disabled(db, id, 0, NULL, err);
}

int bf_team_list_integrations(struct bf_db *db, const char *entity, const char *after,
                              bf_integration_fn *fn, void *arg)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT id FROM team_integrations WHERE entity = ? AND id > ? ORDER BY id");
    int rc;

    bf_query_text(q, 1, entity);
    bf_query_text(q, 2, after);
    while ((rc = bf_query_step(q)) == 1)
        if (!fn(arg, bf_query_col_text(q, 0)))
            break;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}
