/* page.c - lists: {"items":[…],"next":…}, a page at a time.
 *
 * The cursor is the name or id of the last item, so a page neither repeats nor loses rows when
 * others are added or removed meanwhile. */
#include "core/api/api_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000

int bf_api_limit_parse(const char *text, unsigned *limit)
{
    unsigned long n;
    char *end;

    *limit = LIMIT_DEFAULT;
    if (!text)
        return BF_OK;
    if (*text < '0' || *text > '9')
        return BF_ECONFIG;
    n = strtoul(text, &end, 10);
    if (*end != '\0' || n < 1 || n > LIMIT_MAX)
        return BF_ECONFIG;
    *limit = (unsigned)n;
    return BF_OK;
}

int bf_api_page_begin(struct bf_api_page *p, struct bf_api *api, struct bf_exchange *x)
{
    *p = (struct bf_api_page){.api = api, .x = x};
    if (bf_api_limit_parse(bf_exchange_query_param(x, "limit"), &p->limit))
        return bf_exchange_fail(x, 400, "invalid", "limit", "limit must be a number from 1 to %d",
                                LIMIT_MAX);
    if (!bf_exchange_local(x))
        return bf_api_unreadable(x);
    p->cursor = bf_exchange_query_param(x, "cursor");
    if (!p->cursor)
        p->cursor = "";
    p->root = bf_tree_object();
    p->items = bf_tree_add_array(p->root, "items");
    return 0;
}

bool bf_api_page_take(struct bf_api_page *p, const char *cursor)
{
    if (p->taken == p->limit) {
        p->more = true;
        return false;
    }
    snprintf(p->last, sizeof(p->last), "%s", cursor);
    p->taken++;
    return true;
}

static int bad_cursor(struct bf_exchange *x)
{
    return bf_exchange_fail(x, 400, "invalid", "cursor", "the cursor is not one that this list"
                            " gave; begin again without it");
}

int bf_api_page_answer(struct bf_api_page *p, int rc)
{
    if (rc) {
        bf_tree_free(p->root);
        return rc == BF_ENOENT ? bad_cursor(p->x) : bf_api_unreadable(p->x);
    }
    bf_tree_str(p->root, "next", p->more ? p->last : NULL);
    return bf_api_answer(p->x, 200, p->root);
}

int bf_api_page_number(const struct bf_api_page *p, uint64_t *number)
{
    int64_t ms;

    *number = 0;
    if (*p->cursor == '\0' || bf_id_parse(p->cursor, bf_bus_hub(p->api->bus), &ms, number))
        return BF_OK;
    return BF_ENOENT;
}
