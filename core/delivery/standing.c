/* standing.c - the table of destinations. */
#include "core/delivery/standing.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

const char *const bf_standing_schema[] = {
    "CREATE TABLE destinations ("
    " integration TEXT PRIMARY KEY,"
    " pace TEXT NOT NULL,"
    " parallel INTEGER NOT NULL,"
    " timeout INTEGER NOT NULL,"
    " failing_since INTEGER NOT NULL,"
    " failures INTEGER NOT NULL,"
    " last_success INTEGER NOT NULL,"
    " last_failure INTEGER NOT NULL,"
    " words TEXT NOT NULL)",
    "ALTER TABLE destinations ADD COLUMN merge_over INTEGER",   /* NULL: the hub's own */
    NULL};

static int read_number(const struct bf_json *value, const char *name, int64_t max, int64_t *out,
                       struct bf_error *err)
{
    char field[40];

    *out = 0;
    if (!value || bf_json_is(value, BF_JSON_NULL))
        return BF_OK;
    if (bf_json_int(value, out) && *out >= 1 && *out <= max)
        return BF_OK;
    snprintf(field, sizeof(field), "delivery.%s", name);
    return bf_error_field(err, BF_ECONFIG, field, "%s must be a whole number from 1 to %lld, or"
                          " null for the sink's own", name, (long long)max);
}

static int read_merge_over(const struct bf_json *value, struct bf_delivery_settings *out,
                           struct bf_error *err)
{
    int64_t n;

    if (!value || bf_json_is(value, BF_JSON_NULL))
        return BF_OK;
    if (!bf_json_int(value, &n) || n < 0 || n > BF_MERGE_OVER_MAX)
        return bf_error_field(err, BF_ECONFIG, "delivery.merge_over", "merge_over must be a whole"
                              " number from 0 (never) to %d, or null for %d", BF_MERGE_OVER_MAX,
                              BF_MERGE_OVER);
    out->has_merge_over = true;
    out->merge_over = (unsigned)n;
    return BF_OK;
}

static int read_pace(struct bf_arena *a, const struct bf_json *value, char out[BF_PACE_TEXT],
                     struct bf_error *err)
{
    const char *text = bf_json_str(a, value);
    struct bf_error why;
    struct bf_pace pace;

    out[0] = '\0';
    if (!value || bf_json_is(value, BF_JSON_NULL))
        return BF_OK;
    if (!text)
        return bf_error_field(err, BF_ECONFIG, "delivery.pace", "pace must be a string, as"
                              " \"10/s 400/h\", not %s", bf_json_type_name(value));
    if (bf_pace_parse(text, &pace, &why))
        return bf_error_field(err, BF_ECONFIG, "delivery.pace", "%s", why.words);
    snprintf(out, BF_PACE_TEXT, "%s", text);
    return BF_OK;
}

int bf_delivery_settings_parse(struct bf_arena *a, const struct bf_json *object,
                               struct bf_delivery_settings *out, struct bf_error *err)
{
    const struct bf_json *k;
    int64_t parallel, timeout_s;
    int rc;

    out->has_merge_over = false;
    out->merge_over = 0;
    for (k = bf_json_first(object); k; k = bf_json_next(object, k))
        if (!bf_json_eq(k, "pace") && !bf_json_eq(k, "parallel") && !bf_json_eq(k, "timeout_s") &&
            !bf_json_eq(k, "merge_over"))
            return bf_error_field(err, BF_ECONFIG, "delivery", "delivery has no member \"%s\";"
                                  " there are: pace, parallel, timeout_s, merge_over",
                                  bf_json_str(a, k));
    rc = read_pace(a, bf_json_get(object, "pace"), out->pace, err);
    if (!rc)
        rc = read_number(bf_json_get(object, "parallel"), "parallel", BF_PARALLEL_MAX, &parallel,
                         err);
    if (!rc)
        rc = read_number(bf_json_get(object, "timeout_s"), "timeout_s", BF_TIMEOUT_S_MAX,
                         &timeout_s, err);
    if (!rc)
        rc = read_merge_over(bf_json_get(object, "merge_over"), out, err);
    if (rc)
        return rc;
    out->parallel = (unsigned)parallel;
    out->timeout_ms = timeout_s * 1000;
    return BF_OK;
}

static int failed(struct bf_db *db, int rc, struct bf_error *err)
{
    return rc ? bf_error_set(err, rc, "cannot save how an integration delivers: %s",
                             bf_db_words(db)) : BF_OK;
}

int bf_delivery_settings_save(struct bf_db *db, const char *integration,
                              const struct bf_delivery_settings *s, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(
        db, "INSERT INTO destinations (integration, pace, parallel, timeout, failing_since,"
            " failures, last_success, last_failure, words, merge_over)"
            " VALUES (?, ?, ?, ?, 0, 0, 0, 0, '', ?)"
            " ON CONFLICT (integration) DO UPDATE SET pace = excluded.pace,"
            " parallel = excluded.parallel, timeout = excluded.timeout,"
            " merge_over = excluded.merge_over");

    bf_query_text(q, 1, integration);
    bf_query_text(q, 2, s->pace);
    bf_query_int(q, 3, s->parallel);
    bf_query_int(q, 4, s->timeout_ms);
    if (s->has_merge_over)
        bf_query_int(q, 5, s->merge_over);
    return failed(db, bf_query_run(q), err);
}

static void read_row(struct bf_query *q, struct bf_delivery_settings *settings,
                     struct bf_standing *standing)
{
    if (settings) {
        snprintf(settings->pace, sizeof(settings->pace), "%s", bf_query_col_text(q, 0));
        settings->parallel = (unsigned)bf_query_col_int(q, 1);
        settings->timeout_ms = bf_query_col_int(q, 2);
        settings->has_merge_over = !bf_query_col_null(q, 8);
        settings->merge_over = (unsigned)bf_query_col_int(q, 8);
    }
    if (standing) {
        standing->failing_since_ms = bf_query_col_int(q, 3);
        standing->failures = (uint32_t)bf_query_col_int(q, 4);
        standing->last_success_ms = bf_query_col_int(q, 5);
        standing->last_failure_ms = bf_query_col_int(q, 6);
        snprintf(standing->words, sizeof(standing->words), "%s", bf_query_col_text(q, 7));
    }
}

int bf_standing_read(struct bf_db *db, const char *integration,
                     struct bf_delivery_settings *settings, struct bf_standing *standing)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT pace, parallel, timeout, failing_since, failures, last_success, last_failure,"
            " words, merge_over FROM destinations WHERE integration = ?");
    int rc;

    if (settings)
        memset(settings, 0, sizeof(*settings));
    if (standing)
        memset(standing, 0, sizeof(*standing));
    bf_query_text(q, 1, integration);
    rc = bf_query_step(q);
    if (rc == 1)
        read_row(q, settings, standing);
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

int bf_standing_save(struct bf_db *db, const char *integration, const struct bf_standing *s)
{
    struct bf_query *q = bf_db_query(
        db, "INSERT INTO destinations (integration, pace, parallel, timeout, failing_since,"
            " failures, last_success, last_failure, words) VALUES (?, '', 0, 0, ?, ?, ?, ?, ?)"
            " ON CONFLICT (integration) DO UPDATE SET failing_since = excluded.failing_since,"
            " failures = excluded.failures, last_success = excluded.last_success,"
            " last_failure = excluded.last_failure, words = excluded.words");

    bf_query_text(q, 1, integration);
    bf_query_int(q, 2, s->failing_since_ms);
    bf_query_int(q, 3, s->failures);
    bf_query_int(q, 4, s->last_success_ms);
    bf_query_int(q, 5, s->last_failure_ms);
    bf_query_text(q, 6, s->words);
    return bf_query_run(q);
}

int bf_standing_reset(struct bf_db *db, const char *integration, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(
        db, "UPDATE destinations SET failing_since = 0, failures = 0 WHERE integration = ?");

    bf_query_text(q, 1, integration);
    return failed(db, bf_query_run(q), err);
}

int bf_standing_forget(struct bf_db *db, const char *integration, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, "DELETE FROM destinations WHERE integration = ?");

    bf_query_text(q, 1, integration);
    return failed(db, bf_query_run(q), err);
}
