/* answers.c - rows of journal_answers: for each answer the revision of the automation, the script's
 * number, what it said, and its words. */
#include "core/bus/answers.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/bytes.h"
#include "core/bus/scripts_kept.h"

#define ROW_MAX     (16 * 1024 * 1024)
#define WORDS_MAX   4096                /* of one failure; the rest is for the history of its execution */
#define SCRATCH_MAX (16 * 1024 * 1024)

/* --- numbers of scripts ------------------------------------------------------------------- */

/* Few scripts are asked again and again. */
static struct bf_script_numbered *place_of(struct bf_bus *bus, const char *hash)
{
    return &bus->script_numbers[((unsigned char)hash[0] * 16 + (unsigned char)hash[1]) %
                                BF_SCRIPT_NUMBERS];
}

int bf_script_number_of(struct bf_tx *tx, const char *hash, int64_t *number)
{
    struct bf_script_numbered *known;
    int rc;

    *number = 0;
    if (strlen(hash) != BF_HASH_LEN)
        return BF_OK;
    known = place_of(tx->bus, hash);
    if (known->number && strcmp(known->hash, hash) == 0) {
        *number = known->number;
        return BF_OK;
    }
    rc = bf_script_number(tx->db, hash, NULL, 0, number);
    if (rc)
        return rc;
    memcpy(known->hash, hash, sizeof(known->hash));
    known->number = *number;
    return BF_OK;
}

void bf_script_numbers_undo(struct bf_bus *bus)
{
    for (size_t i = 0; i < BF_SCRIPT_NUMBERS; i++)
        bus->script_numbers[i].number = 0;
}


/* --- writing --------------------------------------------------------------------------------- */

static int print(struct bf_tx *tx, const struct bf_asked *a, struct bf_buf *out)
{
    const char *words = a->answer.words ? a->answer.words : "";
    size_t len = strnlen(words, WORDS_MAX);
    int64_t script;
    int rc = bf_script_number_of(tx, a->answer.script, &script);

    bf_put_number(out, a->automation->revision);
    bf_put_number(out, (uint64_t)script);
    bf_buf_addc(out, (char)a->answer.said);
    bf_put_number(out, len);
    bf_buf_add(out, words, len);
    return rc;
}

int bf_answers_write(struct bf_tx *tx, uint64_t seq, const struct bf_met *m)
{
    struct bf_buf row;
    struct bf_query *q;
    int rc = BF_OK;

    bf_buf_init(&row, ROW_MAX);
    for (size_t i = 0; !rc && i < m->n_filters; i++)
        if (m->filters[i].is_used)
            rc = print(tx, &m->filters[i], &row);
    if (!rc && row.len) {
        q = bf_db_query(tx->db, "INSERT INTO journal_answers (seq, answers) VALUES (?, ?)");
        bf_query_int(q, 1, (int64_t)seq);
        bf_query_blob(q, 2, row.data, row.len);
        rc = row.failed ? BF_ENOMEM : bf_query_run(q);
    }
    bf_buf_fini(&row);
    return rc;
}

static int cut(struct bf_query *q, uint64_t low, uint64_t high)
{
    bf_query_int(q, 1, (int64_t)low);
    bf_query_int(q, 2, (int64_t)high);
    return bf_query_run(q);
}

int bf_answers_cut(struct bf_db *db, uint64_t low, uint64_t high)
{
    int rc = cut(bf_db_query(db, "DELETE FROM journal_answers WHERE seq >= ?1 AND seq < ?2 AND NOT"
                                 " EXISTS (SELECT 1 FROM journal j WHERE j.seq = journal_answers.seq)"),
                 low, high);

    return rc ? rc
              : cut(bf_db_query(db, "DELETE FROM journal_originals WHERE seq >= ?1 AND seq < ?2 AND"
                                    " NOT EXISTS (SELECT 1 FROM journal j WHERE"
                                    " j.seq = journal_originals.seq)"), low, high);
}


/* --- reading ----------------------------------------------------------------------------------- */

struct bf_past_answers {
    struct bf_db *db;
    struct bf_asker asker;
    struct bf_answers answers;
    struct bf_arena *arena;     /* of what was read and asked about the event at hand */
    const struct bf_envelope *event;
    uint64_t seq;               /* 0: it was not recorded */
    const uint8_t *row;         /* NULL: there is none, or it was not read */
    size_t row_len;
    bool was_read;
    int rc;
};

/* One of a row. */
struct stored {
    uint64_t revision;
    int64_t script;
    enum bf_said said;
    const char *words;
    size_t words_len;
};

static bool next(struct bf_bytes *b, struct stored *out)
{
    if (b->at >= b->end)
        return false;
    out->revision = bf_get_number(b);
    out->script = (int64_t)bf_get_number(b);
    out->said = (enum bf_said)bf_get_byte(b);
    out->words_len = bf_get_number(b);
    out->words = bf_get_bytes(b, out->words_len);
    return !b->bad;
}

static void read_row(struct bf_past_answers *p)
{
    struct bf_query *q;
    const void *blob;
    int rc;

    if (p->was_read || !p->seq)
        return;
    p->was_read = true;
    q = bf_db_query(p->db, "SELECT answers FROM journal_answers WHERE seq = ?");
    bf_query_int(q, 1, (int64_t)p->seq);
    rc = bf_query_step(q);
    if (rc == 1) {
        blob = bf_query_col_blob(q, 0, &p->row_len);
        p->row = (const uint8_t *)bf_arena_ndup(p->arena, blob, p->row_len);
    }
    bf_query_end(q);
    if (rc < 0 && !p->rc)
        p->rc = rc;
}

static const char *hash_of(struct bf_past_answers *p, int64_t script)
{
    char *hash = bf_arena_alloc(p->arena, BF_HASH_LEN + 1);

    if (!hash || !script || bf_script_hash(p->db, script, hash))
        return "";
    return hash;
}

/* Whether it is this automation's; or another's who has the same script. */
static bool is_its(struct bf_past_answers *p, const struct stored *s, const struct bf_automation *a,
                   bool itself)
{
    const char *hash = a->hooks.filter ? a->hooks.filter->hash : "";

    if (itself)
        return s->revision == a->revision;
    return s->said != BF_SAID_FAILED && *hash && strcmp(hash_of(p, s->script), hash) == 0;
}

static bool recall(struct bf_past_answers *p, const struct bf_automation *a, bool itself,
                   struct bf_answer *out)
{
    struct bf_bytes b;
    struct stored s;

    read_row(p);
    b = bf_bytes_of(p->row, p->row ? p->row_len : 0);
    while (next(&b, &s)) {
        if (!is_its(p, &s, a, itself))
            continue;
        out->said = s.said;
        out->script = hash_of(p, s.script);
        out->words = s.words_len ? bf_arena_ndup(p->arena, s.words, s.words_len) : NULL;
        return true;
    }
    return false;
}

static void ask_now(struct bf_past_answers *p, const struct bf_automation *a,
                    struct bf_answer *out)
{
    const struct bf_box_event event = {.text = p->event->text,
                                       .len = p->event->text_len,
                                       .id = *p->event->id ? p->event->id : NULL,
                                       .received_ms = p->event->received_ms};
    struct bf_question q = {.kind = BF_HOOK_FILTER,
                            .hook = a->hooks.filter,
                            .automation = a->id,
                            .entity = a->owner};
    struct bf_ask ask = {
        .events = &event, .n_events = 1, .questions = &q, .n = 1, .arena = p->arena};
    int rc = p->asker.ask(p->asker.arg, &ask);

    if (rc && !p->rc)
        p->rc = rc;
    if (!rc)
        *out = q.answer;
}

static void get(void *arg, const struct bf_automation *a, struct bf_answer *out)
{
    struct bf_past_answers *p = arg;

    *out = (struct bf_answer){.said = BF_SAID_NOTHING, .script = ""};
    if (recall(p, a, true, out) || recall(p, a, false, out))
        return;
    if (p->asker.ask && a->hooks.filter)
        ask_now(p, a, out);
}

struct bf_past_answers *bf_past_answers_new(struct bf_db *db, const struct bf_asker *asker)
{
    struct bf_past_answers *p = bf_new(struct bf_past_answers);

    p->db = db;
    if (asker)
        p->asker = *asker;
    p->answers = (struct bf_answers){get, p};
    p->arena = bf_arena_new(SCRATCH_MAX);
    return p;
}

void bf_past_answers_free(struct bf_past_answers *p)
{
    if (!p)
        return;
    bf_arena_free(p->arena);
    free(p);
}

void bf_past_answers_about(struct bf_past_answers *p, const struct bf_envelope *e, uint64_t seq)
{
    if (bf_arena_used(p->arena))
        bf_arena_reset(p->arena);
    p->event = e;
    p->seq = seq;
    p->row = NULL;
    p->row_len = 0;
    p->was_read = false;
}

const struct bf_answers *bf_past_answers_get(struct bf_past_answers *p) { return &p->answers; }
int bf_past_answers_error(const struct bf_past_answers *p) { return p->rc; }
