/* journal_row.c - rows of the journal, out of the columns that they have. */
#include "core/bus/journal_row.h"

#include "core/base/base.h"

struct bf_row bf_row_of(struct bf_query *q)
{
    struct bf_row row = {
        .seq = (uint64_t)bf_query_col_int(q, 0),
        .received_ms = bf_query_col_int(q, 1),
        .hops = (uint32_t)bf_query_col_int(q, 2),
        .run = (uint64_t)bf_query_col_int(q, 3),
        .body = bf_query_col_text(q, 4),
        .body_len = bf_query_col_len(q, 4),
    };

    row.points = bf_query_col_blob(q, 5, &row.points_len);
    return row;
}

void bf_row_place(struct bf_envelope *e, uint16_t hub, uint64_t seq, int64_t received_ms)
{
    e->seq = seq;
    e->received_ms = received_ms;
    e->is_untimed = e->is_untimed || e->time_ms == 0;
    if (e->is_untimed)
        e->time_ms = received_ms;       /* its place may be another than it had before */
    bf_id_number(e->id, received_ms, hub, seq);
}


/* --- which points are in order, of a text ------------------------------------------------ */

static size_t order_len(size_t n_points) { return 1 + (n_points + 7) / 8; }

static bool is_dropped(const struct bf_row *row)
{
    return row->points && row->points_len == 1 && row->points[0] == BF_ROW_DROPPED;
}

static int read_order(const struct bf_row *row, struct bf_envelope *e)
{
    e->is_dropped = is_dropped(row);
    if (e->is_dropped)
        return BF_OK;
    if (row->points && row->points_len != order_len(e->n_points))
        return BF_EIO;
    for (size_t i = 0; i < e->n_points; i++)
        e->points[i].in_order = !row->points || !(row->points[1 + i / 8] >> i % 8 & 1);
    return BF_OK;
}

void bf_row_print_order(const struct bf_envelope *e, struct bf_buf *out)
{
    size_t n_in_order = 0;

    for (size_t i = 0; i < e->n_points; i++)
        n_in_order += e->points[i].in_order;
    if (n_in_order == e->n_points)
        return;
    bf_buf_addc(out, 0);
    for (size_t i = 0; i < e->n_points; i += 8) {
        unsigned bits = 0;

        for (size_t j = i; j < i + 8 && j < e->n_points; j++)
            bits |= (unsigned)!e->points[j].in_order << (j - i);
        bf_buf_addc(out, (char)bits);
    }
}


/* --- packed ones --------------------------------------------------------------------------- */

static bool is_packed(const struct bf_row *row)
{
    return row->points && row->points_len && row->points[0] == BF_PACKED;
}

/* Both ask for words that may have come up since they were read. */
static int packed_text(const struct bf_row *row, struct bf_word_list *list, struct bf_buf *out)
{
    int rc = BF_EIO;

    for (int anew = 0; rc && anew < 2; anew++) {
        const struct bf_words *words = bf_word_list_get(list, row->run, anew);

        bf_buf_clear(out);
        if (words)
            rc = bf_points_text(row->points, row->points_len, row->received_ms, words, out);
    }
    return rc;
}

static int packed_points(const struct bf_row *row, struct bf_word_list *list, struct bf_arena *a,
                         struct bf_point **out, size_t *n)
{
    int rc = BF_EIO;

    for (int anew = 0; rc && anew < 2; anew++) {
        const struct bf_words *words = bf_word_list_get(list, row->run, anew);

        if (words)
            rc = bf_points_read(a, row->points, row->points_len, words, out, n);
    }
    return rc;
}

static int take_order(const struct bf_row *row, struct bf_word_list *words, struct bf_arena *a,
                      struct bf_envelope *e)
{
    struct bf_point *points;
    size_t n;
    int rc = packed_points(row, words, a, &points, &n);

    if (rc || n != e->n_points)
        return BF_EIO;
    for (size_t i = 0; i < n; i++)
        e->points[i].in_order = points[i].in_order;
    return BF_OK;
}

static int parse_packed(const struct bf_row *row, struct bf_word_list *words,
                        struct bf_arena *scratch, struct bf_envelope **out, struct bf_error *err)
{
    struct bf_buf text;
    int rc;

    bf_buf_init(&text, BF_EVENT_MAX);
    rc = packed_text(row, words, &text);
    if (!rc)
        rc = bf_envelope_parse(scratch, text.data, text.len, BF_FROM_HUB, out, err);
    bf_buf_fini(&text);
    if (rc || (*out)->n_points == 0)
        return rc;
    rc = take_order(row, words, scratch, *out);
    if (rc)
        bf_envelope_unref(*out);
    return rc;
}


/* --- rows ------------------------------------------------------------------------------------ */

static int parse_text(const struct bf_row *row, struct bf_arena *scratch, struct bf_envelope **out,
                      struct bf_error *err)
{
    int rc = bf_envelope_parse(scratch, row->body, row->body_len, BF_FROM_HUB, out, err);

    if (rc)
        return rc;
    rc = read_order(row, *out);
    if (rc)
        bf_envelope_unref(*out);
    return rc;
}

int bf_row_read(const struct bf_row *row, uint16_t hub, struct bf_word_list *words,
                struct bf_arena *scratch, struct bf_envelope **out, struct bf_error *err)
{
    int rc = is_packed(row) ? parse_packed(row, words, scratch, out, err)
                            : parse_text(row, scratch, out, err);

    if (rc == BF_EIO)
        return bf_error_set(err, rc, "event %llu is damaged", (unsigned long long)row->seq);
    if (rc)
        return rc;
    (*out)->hops = row->hops;
    (*out)->run = row->run;
    bf_row_place(*out, hub, row->seq, row->received_ms);
    return BF_OK;
}

void bf_row_points_init(struct bf_row_points *p, struct bf_db *db)
{
    *p = (struct bf_row_points){.words = bf_word_list_new(db),
                                .arena = bf_arena_new(BF_ROW_SCRATCH)};
}

void bf_row_points_fini(struct bf_row_points *p)
{
    bf_envelope_unref(p->event);
    bf_arena_free(p->arena);
    bf_word_list_free(p->words);
}

int bf_row_read_points(const struct bf_row *row, struct bf_row_points *out)
{
    struct bf_point *points;
    int rc;

    bf_arena_reset(out->arena);
    bf_envelope_unref(out->event);
    out->event = NULL;
    if (is_packed(row)) {
        rc = packed_points(row, out->words, out->arena, &points, &out->n);
        out->points = points;
        return rc;
    }
    rc = parse_text(row, out->arena, &out->event, NULL);
    if (rc) {
        out->event = NULL;
        return rc;
    }
    out->points = out->event->points;
    out->n = out->event->n_points;
    return BF_OK;
}
