/* answer.c - what a room gave or said, as HTTP.
 *
 * A failure of the store or a full queue is the hub's trouble, not the request's: 503 with
 * Retry-After, and the same request may be sent again. */
#include "core/api/api_int.h"

#define ANSWER_MAX (64 * 1024 * 1024)   /* bytes of an answer; a page of rows with their texts */
#define RETRY_AFTER "1"

int bf_api_answer(struct bf_exchange *x, int status, struct bf_tree *tree)
{
    struct bf_buf b;

    bf_buf_init(&b, ANSWER_MAX);
    bf_tree_print(tree, &b);
    bf_tree_free(tree);
    if (b.failed)
        status = bf_exchange_fail(x, 413, "too_large", "limit", "the answer would have more than %d"
                                  " bytes; ask for fewer with ?limit=", ANSWER_MAX);
    else
        bf_exchange_reply(x, "application/json", b.data, b.len);
    bf_buf_fini(&b);
    return status;
}

static int trouble(struct bf_exchange *x, const char *code, const char *words)
{
    bf_exchange_reply_header(x, "Retry-After", RETRY_AFTER);
    return bf_exchange_fail(x, 503, code, NULL, "%s", words);
}

static int fail_as(struct bf_exchange *x, int status, const char *code, const struct bf_error *err)
{
    return bf_exchange_fail(x, status, code, err->field[0] ? err->field : NULL, "%s", err->words);
}

int bf_api_fail(struct bf_exchange *x, int rc, const struct bf_error *err)
{
    switch (rc) {
    case BF_EINVAL:
    case BF_ECONFIG:
        return fail_as(x, 400, "invalid", err);
    case BF_EPERM:
        return fail_as(x, 403, "forbidden", err);
    case BF_ENOENT:
        return fail_as(x, 404, "not_found", err);
    case BF_EEXIST:
        return fail_as(x, 409, "name_taken", err);
    case BF_ETOOBIG:
        return fail_as(x, 413, "too_large", err);
    case BF_EFULL:
        return trouble(x, "busy", "the hub has more to do than it can; try again");
    case BF_ECANCELED:
        return trouble(x, "busy", "the hub is stopping; try again when it is back");
    default:
        return trouble(x, "store_unavailable",
                       "the store does not take changes now, nothing was changed; try again");
    }
}

int bf_api_invalid(struct bf_exchange *x, int rc, const struct bf_error *err)
{
    if (rc == BF_EIO || rc == BF_EFULL || rc == BF_ECANCELED || rc == BF_ENOMEM)
        return bf_api_fail(x, rc, err);
    return fail_as(x, 400, "invalid", err);
}

int bf_api_unreadable(struct bf_exchange *x)
{
    return trouble(x, "store_unavailable", "the store cannot be read now; try again");
}

int bf_api_missing(struct bf_exchange *x, const char *noun, const char *name)
{
    return bf_exchange_fail(x, 404, "not_found", NULL, "there is no %s %s", noun, name);
}
