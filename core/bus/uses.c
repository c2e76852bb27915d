/* uses.c - the table of uses: a row for each integration of an automation's actions, and one for
 * each secret that an action is granted. */
#include "core/bus/uses.h"

#include "core/team/team.h"

int bf_uses_forget(struct bf_db *db, const char *automation)
{
    struct bf_query *q = bf_db_query(db, "DELETE FROM automation_uses WHERE automation = ?");

    bf_query_text(q, 1, automation);
    return bf_query_run(q);
}

static int add(struct bf_db *db, const char *integration, const char *secret, size_t len,
               const char *automation)
{
    struct bf_query *q =
        bf_db_query(db, "INSERT INTO automation_uses (integration, secret, automation)"
                        " VALUES (?, ?, ?) ON CONFLICT DO NOTHING");

    bf_query_text(q, 1, integration);
    bf_query_textn(q, 2, secret, len);
    bf_query_text(q, 3, automation);
    return bf_query_run(q);
}

static int add_action(struct bf_db *db, const struct bf_action *action, const char *automation)
{
    int rc = add(db, action->integration, "", 0, automation);
    size_t len;

    for (const char *at = action->secrets; !rc && (len = bf_secret_names_next(&at)) > 0; at += len)
        rc = add(db, action->integration, at, len, automation);
    return rc;
}

int bf_uses_save(struct bf_db *db, const struct bf_automation *a)
{
    int rc = bf_uses_forget(db, a->id);

    for (uint32_t i = 0; !rc && i < a->n_actions; i++)
        rc = add_action(db, &a->actions[i], a->id);
    return rc;
}

bool bf_uses_none(struct bf_db *db)
{
    struct bf_query *q = bf_db_query(db, "SELECT 1 FROM automation_uses LIMIT 1");
    bool none = bf_query_step(q) == 0;

    bf_query_end(q);
    return none;
}

int bf_uses_list(struct bf_db *db, const char *integration, const char *secret, bf_uses_fn *fn,
                 void *arg)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT a.id, a.name, a.entity FROM automation_uses u JOIN automations a"
            " ON a.id = u.automation WHERE u.integration = ? AND u.secret = ? ORDER BY a.name");
    int rc;

    bf_query_text(q, 1, integration);
    bf_query_text(q, 2, secret);
    while ((rc = bf_query_step(q)) == 1)
        if (!fn(arg, bf_query_col_text(q, 0), bf_query_col_text(q, 1), bf_query_col_text(q, 2)))
            break;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}
