/* originals.c - rows of journal_originals. */
#include "core/bus/originals.h"

#include <string.h>

#include "core/base/base.h"
#include "core/bus/answers.h"
#include "core/bus/scripts_kept.h"

int bf_original_write(struct bf_tx *tx, uint64_t seq, const struct bf_met *m)
{
    bool is_changed = m->on_event.said == BF_SAID_CHANGED;
    struct bf_query *q;
    int64_t script;
    int rc;

    if (!is_changed && m->on_event.said != BF_SAID_FAILED && !m->is_dropped)
        return BF_OK;
    rc = bf_script_number_of(tx, m->on_event.script, &script);
    if (rc)
        return rc;
    q = bf_db_query(tx->db, "INSERT INTO journal_originals (seq, said, script, words, body)"
                            " VALUES (?, ?, ?, ?, ?)");
    bf_query_int(q, 1, (int64_t)seq);
    bf_query_int(q, 2, m->on_event.said);
    bf_query_int(q, 3, script);
    bf_query_text(q, 4, m->on_event.words);
    if (is_changed)
        bf_query_textn(q, 5, m->came->text, m->came->text_len);
    return bf_query_run(q);
}

static const char *said_of(int64_t said)
{
    return said == BF_SAID_CHANGED ? "changed" : said == BF_SAID_NO ? "dropped" : "failed";
}

static void print(struct bf_query *q, const char *hash, struct bf_buf *out)
{
    bf_buf_adds(out, ",\"on_event\":{\"script\":");
    bf_buf_json(out, *hash ? hash : NULL);
    bf_buf_printf(out, ",\"said\":\"%s\"", said_of(bf_query_col_int(q, 0)));
    if (!bf_query_col_null(q, 2)) {
        bf_buf_adds(out, ",\"words\":");
        bf_buf_json(out, bf_query_col_text(q, 2));
    }
    bf_buf_addc(out, '}');
    if (bf_query_col_null(q, 3))
        return;
    bf_buf_adds(out, ",\"original\":");
    bf_buf_add(out, bf_query_col_text(q, 3), bf_query_col_len(q, 3));
}

int bf_original_print(struct bf_db *db, uint64_t seq, struct bf_buf *out)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT said, script, words, body FROM journal_originals WHERE seq = ?");
    char hash[BF_HASH_LEN + 1] = "";
    int rc;

    bf_query_int(q, 1, (int64_t)seq);
    rc = bf_query_step(q);
    if (rc == 1 && bf_query_col_int(q, 1))
        bf_script_hash(db, bf_query_col_int(q, 1), hash);
    if (rc == 1)
        print(q, hash, out);
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}
