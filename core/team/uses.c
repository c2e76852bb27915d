/* uses.c - when keys were used last: noted in memory at each request, written by whoever runs the
 * hub, so that a request costs no write. */
#include "core/team/team_int.h"

#include <string.h>

int64_t bf_team_key_used(struct bf_team *t, const char *id)
{
    struct key *k;
    int64_t used_ms = 0;

    pthread_rwlock_rdlock(&t->lock);
    k = bf_map_get(t->dir->keys_by_id, id);
    if (k)
        used_ms = atomic_load(&k->used_ms);
    pthread_rwlock_unlock(&t->lock);
    return used_ms;
}

size_t bf_team_unsaved_uses(struct bf_team *t, struct bf_key_use *out, size_t n)
{
    const char *id;
    void *value;
    size_t found = 0;

    pthread_rwlock_rdlock(&t->lock);
    for (size_t at = 0; found < n && bf_map_each(t->dir->keys_by_id, &at, &id, &value);) {
        struct key *k = value;
        int64_t used_ms = atomic_load(&k->used_ms);

        if (used_ms == atomic_load(&k->saved_ms))
            continue;
        memcpy(out[found].id, k->id, sizeof(k->id));
        out[found++].used_ms = used_ms;
    }
    pthread_rwlock_unlock(&t->lock);
    return found;
}

int bf_team_save_uses(struct bf_db *db, const struct bf_key_use *uses, size_t n)
{
    int rc = BF_OK;

    for (size_t i = 0; i < n && !rc; i++) {
        struct bf_query *q = bf_db_query(db, "UPDATE team_keys SET used = ? WHERE id = ?");

        bf_query_int(q, 1, uses[i].used_ms);
        bf_query_text(q, 2, uses[i].id);
        rc = bf_query_run(q);
    }
    return rc;
}

void bf_team_uses_saved(struct bf_team *t, const struct bf_key_use *uses, size_t n)
{
    pthread_rwlock_rdlock(&t->lock);
    for (size_t i = 0; i < n; i++) {
        struct key *k = bf_map_get(t->dir->keys_by_id, uses[i].id);

        if (k)
            atomic_store(&k->saved_ms, uses[i].used_ms);
    }
    pthread_rwlock_unlock(&t->lock);
}
