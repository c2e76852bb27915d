/* owned.c - what an entity still has, which is in the way of deleting it.
 *
 * Nothing is deleted along with a team: a secret or an automation that went unseen would be missed
 * when it is needed.  So the answer says what there is and where to find it. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/base/buf.h"
#include "core/bus/automation_list.h"
#include "core/team/intakes.h"

#define WORDS_MAX 400

static bool on_automation(void *arg, const struct bf_automation_row *row)
{
    (void)row;
    *(bool *)arg = true;
    return false;
}

static bool on_intake(void *arg, const char *name)
{
    (void)name;
    *(bool *)arg = true;
    return false;
}

static void add(struct bf_buf *b, bool there, const char *what, const char *where,
                const char *entity, const char *rest)
{
    if (there)
        bf_buf_printf(b, "%s%s (%s%s%s)", b->len ? ", " : "", what, where, entity, rest);
}

int bf_api_owns_nothing(struct bf_db *db, const char *entity, struct bf_error *err)
{
    struct bf_automation_query query = {.entity = entity};
    struct bf_owned owned;
    struct bf_buf b;
    bool automations = false, intakes = false;
    int rc = bf_team_owned(db, entity, &owned, err);

    if (!rc && bf_automation_list(db, &query, "", on_automation, &automations))
        rc = bf_error_set(err, BF_EIO, "cannot read the automations: %s", bf_db_words(db));
    if (!rc && bf_intakes_list(db, entity, "", on_intake, &intakes))
        rc = bf_error_set(err, BF_EIO, "cannot read the intakes: %s", bf_db_words(db));
    if (rc)
        return rc;
    bf_buf_init(&b, WORDS_MAX);
    if (owned.teams)
        bf_buf_printf(&b, "teams (GET /api/v1/teams?organization=%.*s)",
                      (int)(strlen(entity) - strlen(BF_ORGANIZATION_SUFFIX)), entity);
    add(&b, automations, "automations", "GET /api/v1/automations?entity=", entity, "");
    add(&b, owned.integrations, "integrations", "GET /api/v1/teams/", entity, "/integrations");
    add(&b, owned.secrets, "secrets", "GET /api/v1/teams/", entity, "/secrets");
    add(&b, intakes, "intakes", "GET /api/v1/teams/", entity, "/intakes");
    add(&b, owned.service_accounts, "service accounts", "GET /api/v1/users?service=", entity, "");
    if (b.len)
        rc = bf_error_set(err, BF_EEXIST, "%s still has %s; delete them first", entity,
                          bf_buf_text(&b));
    bf_buf_fini(&b);
    return rc;
}
