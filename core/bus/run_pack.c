/* run_pack.c - packing the events of a run, and the words that takes.
 *
 * A frame becomes a word when it comes up for the second time, for many never do: so an event that is
 * one of its kind costs no more than its text. */
#include "core/bus/runs_int.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/map.h"

/* --- frames ------------------------------------------------------------------------------ */

static uint32_t find_frame(const struct bf_run *run, uint64_t hash, size_t len)
{
    uint32_t i = 0;

    while (i < run->n_frames && (run->frames[i].hash != hash || run->frames[i].len != len))
        i++;
    return i < run->n_frames ? i : BF_NO_WORD;
}

static void add_frame(struct bf_run *run, uint64_t hash, size_t len, uint32_t first)
{
    uint32_t n = run->n_frames;

    if ((n & (n - 1)) == 0)
        run->frames = bf_zrealloc(run->frames, (n ? 2 * n : 1) * sizeof(*run->frames));
    run->frames[n] = (struct bf_run_frame){hash, (uint32_t)len, first};
    run->n_frames++;
    run->frame_bytes += (uint32_t)len;
}

static bool was_seen(struct bf_run *run, uint64_t hash)
{
    for (size_t i = 0; i < BF_FRAMES_SEEN; i++)
        if (run->seen[i] == hash)
            return true;
    run->seen[run->seen_at++ % BF_FRAMES_SEEN] = hash;
    return false;
}

static bool has_room(const struct bf_run *run, size_t len)
{
    return run->n_frames < BF_FRAMES_MAX && run->frame_bytes + len <= BF_FRAME_BYTES_MAX;
}

/* Keeps it for the next time, if it is not too long. */
static struct bf_slice keep_text(struct bf_frame_text *t, uint64_t run, uint32_t number,
                                 struct bf_slice text)
{
    char *copy;

    if (text.len > BF_FRAME_TEXT_MAX)
        return text;
    copy = bf_zalloc(text.len + 1);
    memcpy(copy, text.text, text.len);
    free((char *)t->text.text);
    *t = (struct bf_frame_text){run, number, {copy, text.len}};
    return t->text;
}

void bf_run_forget_frames(struct bf_runs *r)
{
    for (size_t i = 0; i < BF_FRAME_TEXTS; i++) {
        free((char *)r->texts[i].text.text);
        r->texts[i] = (struct bf_frame_text){.run = 0};
    }
}

static bool read_frame(struct bf_tx *tx, const struct bf_run *run, uint32_t number,
                       struct bf_slice *out)
{
    struct bf_query *q =
        bf_db_query(tx->db, "SELECT words FROM run_words WHERE run = ? AND first = ?");
    struct bf_bytes b = {0};
    struct bf_word w;
    bool found = false;

    bf_query_int(q, 1, (int64_t)run->number);
    bf_query_int(q, 2, run->frames[number].first);
    if (bf_query_step(q) == 1) {
        size_t len;
        const void *blob = bf_query_col_blob(q, 0, &len);

        b = bf_bytes_of(blob, len);
    }
    while (!found && bf_word_next(&b, &w))
        found = w.kind == BF_WORD_FRAME;
    if (found)
        *out = (struct bf_slice){
            bf_arena_ndup(tx->bus->runs->scratch, w.text.text, w.text.len), w.text.len};
    bf_query_end(q);
    return found && bf_arena_ok(tx->bus->runs->scratch);
}

/* The text that the tables have, or are about to have. */
static bool frame_text(struct bf_tx *tx, const struct bf_run *run, uint32_t number,
                       struct bf_slice *out)
{
    struct bf_runs *r = tx->bus->runs;
    struct bf_frame_text *t =
        &r->texts[(run->number * 31 + number) & (BF_FRAME_TEXTS - 1)];

    *out = t->text;
    if (t->run == run->number && t->number == number)
        return true;
    if (r->new_frame.text && number == run->n_frames - 1)
        *out = r->new_frame;
    else if (!read_frame(tx, run, number, out))
        return false;
    *out = keep_text(t, run->number, number, *out);
    return true;
}

/* The number of the event's frame, which may be a new one; BF_NO_WORD if it has none yet. */
static uint32_t take_frame(struct bf_runs *r, struct bf_run *run, struct bf_slice frame)
{
    uint64_t hash = bf_hash64(frame.text, frame.len);
    uint32_t number = find_frame(run, hash, frame.len);

    if (number != BF_NO_WORD || !was_seen(run, hash) || !has_room(run, frame.len))
        return number;
    add_frame(run, hash, frame.len, run->n_words);
    r->new_frame = frame;
    return run->n_frames - 1;
}


/* --- forms --------------------------------------------------------------------------------- */

static uint32_t add_form(struct bf_runs *r, struct bf_run *run, struct bf_slice text,
                         uint32_t name)
{
    uint32_t n = run->forms.n;

    if ((n & (n - 1)) == 0)
        run->form_names = bf_zrealloc(run->form_names, (n ? 2 * n : 1) * sizeof(uint32_t));
    run->form_names[n] = name;
    return bf_vocabulary_add(&run->forms, r->pool, text.text, text.len);
}

static bool take_forms(struct bf_runs *r, struct bf_run *run, struct bf_cut *cut)
{
    uint32_t form = BF_NO_WORD;

    for (size_t i = 0; i < cut->n_metrics; i++) {
        struct bf_slice text = cut->forms[i];

        if (text.len > BF_FORM_BYTES_MAX)
            return false;       /* a metric may have any number of spaces in it */
        form = bf_vocabulary_find(&run->forms, text.text, text.len, form + 1);
        if (form == BF_NO_WORD && run->forms.n < BF_FORMS_MAX && r->numbers[i] != BF_NO_WORD)
            form = add_form(r, run, text, r->numbers[i]);
        if (form == BF_NO_WORD)
            return false;
        cut->metrics[i].form = form;
    }
    return true;
}


/* --- packing --------------------------------------------------------------------------------- */

/* What unpacking asks for. */
struct lookup {
    struct bf_tx *tx;
    const struct bf_run *run;
};

static bool on_frame(void *arg, uint64_t number, struct bf_slice *out)
{
    struct lookup *l = arg;

    return number < l->run->n_frames && frame_text(l->tx, l->run, (uint32_t)number, out);
}

static bool on_form(void *arg, uint64_t number, struct bf_form *out)
{
    const struct bf_run *run = ((struct lookup *)arg)->run;

    if (number >= run->forms.n || run->form_names[number] >= run->names.n)
        return false;
    out->text = (struct bf_slice){run->forms.texts[number]->text, run->forms.texts[number]->len};
    out->name = run->names.texts[run->form_names[number]]->text;
    return true;
}

static bool comes_back(struct bf_tx *tx, const struct bf_run *run, const struct bf_envelope *e,
                       const struct bf_buf *packed)
{
    struct bf_words words = {on_frame, on_form, &(struct lookup){tx, run}};
    struct bf_buf text;
    bool same;

    bf_buf_init(&text, e->text_len);
    same = bf_points_text(packed->data, packed->len, tx->now_ms, &words, &text) == BF_OK &&
           text.len == e->text_len && memcmp(text.data, e->text, text.len) == 0;
    bf_buf_fini(&text);
    return same;
}

bool bf_run_pack(struct bf_tx *tx, struct bf_run *run, const struct bf_envelope *e,
                 struct bf_buf *out)
{
    struct bf_runs *r = tx->bus->runs;
    struct bf_cut cut;
    uint32_t frame;

    r->new_frame = (struct bf_slice){NULL, 0};
    bf_arena_reset(r->scratch);
    if (!bf_points_cut(r->scratch, e, &cut))
        return false;
    frame = take_frame(r, run, cut.frame);
    if (frame == BF_NO_WORD || !take_forms(r, run, &cut))
        return false;
    for (size_t i = 0; i < e->n_points; i++)
        cut.metrics[e->points[i].place].in_order = e->points[i].in_order;
    bf_points_pack(&cut, frame, tx->now_ms, out);
    if (!out->failed && out->len < e->text_len && comes_back(tx, run, e, out))
        return true;
    bf_buf_clear(out);
    return false;
}


/* --- words ------------------------------------------------------------------------------------- */

bool bf_run_has_new_words(const struct bf_runs *r, const struct bf_run *run)
{
    return run->n_names_stored < run->names.n || run->n_forms_stored < run->forms.n ||
           r->new_frame.text;
}

/* Names before the forms that speak of them. */
static void print_words(const struct bf_runs *r, struct bf_run *run, struct bf_buf *out)
{
    for (; run->n_names_stored < run->names.n; run->n_names_stored++, run->n_words++) {
        const struct bf_pooled *t = run->names.texts[run->n_names_stored];

        bf_word_put(out, &(struct bf_word){BF_WORD_NAME, {t->text, t->len}, 0});
    }
    for (; run->n_forms_stored < run->forms.n; run->n_forms_stored++, run->n_words++) {
        const struct bf_pooled *t = run->forms.texts[run->n_forms_stored];

        bf_word_put(out, &(struct bf_word){BF_WORD_FORM, {t->text, t->len},
                                           run->form_names[run->n_forms_stored]});
    }
    if (r->new_frame.text) {
        bf_word_put(out, &(struct bf_word){BF_WORD_FRAME, r->new_frame, 0});
        run->n_words++;
    }
}

int bf_run_store_words(struct bf_tx *tx, struct bf_run *run)
{
    struct bf_query *q =
        bf_db_query(tx->db, "INSERT INTO run_words (run, first, words) VALUES (?, ?, ?)");
    struct bf_buf words;
    int rc;

    bf_query_int(q, 1, (int64_t)run->number);
    bf_query_int(q, 2, run->n_words);
    bf_buf_init(&words, 4 * BF_EVENT_MAX);
    print_words(tx->bus->runs, run, &words);
    bf_query_blob(q, 3, words.data, words.len);
    rc = words.failed ? BF_ETOOBIG : bf_query_run(q);
    bf_buf_fini(&words);
    tx->bus->runs->new_frame.text = NULL;
    return rc;
}

void bf_run_add_word(struct bf_runs *r, struct bf_run *run, const struct bf_word *w,
                     uint32_t first)
{
    switch (w->kind) {
    case BF_WORD_NAME:
        bf_run_add_name(r, run, w->text.text, w->text.len);
        break;
    case BF_WORD_FORM:
        add_form(r, run, w->text, (uint32_t)(w->name < run->names.n ? w->name : 0));
        break;
    case BF_WORD_FRAME:
        add_frame(run, bf_hash64(w->text.text, w->text.len), w->text.len, first);
        break;
    }
    run->n_words++;
}
