/* people.c - changes of users and keys with their records, and rights by name. */
#include "core/api/people.h"

#include <string.h>

#include "core/base/base.h"

static const char *const rights_names[] = {"ingest", "read", "edit", "admin"};
static const unsigned rights_bits[] = {BF_INGEST, BF_READ, BF_EDIT, BF_ADMIN};

const char *bf_right_name(size_t i)
{
    return i < BF_COUNT(rights_names) ? rights_names[i] : NULL;
}

unsigned bf_right_parse(const char *name)
{
    for (size_t i = 0; i < BF_COUNT(rights_names); i++)
        if (strcmp(rights_names[i], name) == 0)
            return rights_bits[i];
    return 0;
}

void bf_people_rights(struct bf_tree *t, const char *name, unsigned rights)
{
    struct bf_tree *array = bf_tree_add_array(t, name);

    for (size_t i = 0; i < BF_COUNT(rights_names); i++)
        if (rights & rights_bits[i])
            bf_tree_str(array, NULL, rights_names[i]);
}

int bf_people_record(struct bf_tx *tx, const char *type, const char *entity, const char *author,
                     struct bf_tree *data, struct bf_error *err)
{
    struct bf_buf b;
    int rc;

    bf_buf_init(&b, BF_EVENT_MAX);
    bf_tree_print(data, &b);
    bf_tree_free(data);
    rc = bf_bus_record(tx, type, entity, author, b.data, b.len, err);
    bf_buf_fini(&b);
    return rc;
}

static int record_user(struct bf_tx *tx, const char *name, const struct bf_user_put *put,
                       const char *author, struct bf_error *err)
{
    struct bf_tree *t = bf_tree_object();

    bf_tree_str(t, "user", name);
    bf_tree_bool(t, "admin", put->admin > 0);
    bf_tree_str(t, "service", put->service);
    return bf_people_record(tx, "belfry.user.saved", name, author, t, err);
}

int bf_people_put_user(struct bf_tx *tx, const char *name, struct bf_user_put *put,
                       const char *author, struct bf_error *err)
{
    int rc = bf_team_put_user(tx->db, name, put, tx->now_ms, err);

    if (!rc && (put->made || put->changed))
        rc = record_user(tx, name, put, author, err);
    return rc;
}

static int record_key(struct bf_tx *tx, const struct bf_key *key, const char *author,
                      struct bf_error *err)
{
    struct bf_tree *t = bf_tree_object();

    bf_tree_str(t, "id", key->id);
    bf_tree_str(t, "user", key->user);
    bf_tree_str(t, "name", key->name);
    bf_people_rights(t, "rights", key->rights);
    return bf_people_record(tx, "belfry.key.saved", key->user, author, t, err);
}

int bf_people_add_key(struct bf_team *t, struct bf_tx *tx, const char *text, struct bf_key *key,
                      const char *author, struct bf_error *err)
{
    struct bf_user user;
    int rc = bf_team_read_user(tx->db, key->user, &user, err);

    key->created_ms = tx->now_ms;
    if (!rc)
        rc = bf_team_add_key(t, tx->db, text, key, err);
    return rc ? rc : record_key(tx, key, author, err);
}
