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
    if (e->time_ms == 0)
        e->time_ms = received_ms;
    bf_id_number(e->id, received_ms, hub, seq);
}

static size_t order_len(size_t n_points) { return 1 + (n_points + 7) / 8; }

/* Which points are in order is not in their text. */
static int read_order(const struct bf_row *row, struct bf_envelope *e)
{
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
            bits |= !e->points[j].in_order << (j - i);
        bf_buf_addc(out, (char)bits);
    }
}

static int parse(const struct bf_row *row, struct bf_arena *scratch, struct bf_envelope **out,
                 struct bf_error *err)
{
    int rc = bf_envelope_parse(scratch, row->body, row->body_len, BF_FROM_HUB, out, err);

    if (rc)
        return rc;
    rc = read_order(row, *out);
    if (!rc)
        return BF_OK;
    bf_envelope_unref(*out);
    return bf_error_set(err, rc, "event %llu is damaged", (unsigned long long)row->seq);
}

int bf_row_read(const struct bf_row *row, uint16_t hub, struct bf_arena *scratch,
                struct bf_envelope **out, struct bf_error *err)
{
    int rc = parse(row, scratch, out, err);

    if (rc)
        return rc;
    (*out)->hops = row->hops;
    (*out)->run = row->run;
    bf_row_place(*out, hub, row->seq, row->received_ms);
    return BF_OK;
}

void bf_row_points_init(struct bf_row_points *p) { *p = (struct bf_row_points){.n = 0}; }

void bf_row_points_fini(struct bf_row_points *p)
{
    bf_envelope_unref(p->event);
    bf_arena_free(p->arena);
}

int bf_row_read_points(const struct bf_row *row, struct bf_row_points *out)
{
    struct bf_envelope *e;
    struct bf_error err;
    int rc;

    if (!out->arena)
        out->arena = bf_arena_new(BF_ROW_SCRATCH);
    bf_arena_reset(out->arena);
    rc = parse(row, out->arena, &e, &err);
    if (rc)
        return rc;
    bf_envelope_unref(out->event);
    out->event = e;
    out->points = e->points;
    out->n = e->n_points;
    return BF_OK;
}
