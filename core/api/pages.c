/* pages.c - where links in messages lead: /automations/{id}, /executions/{id} and /events/{id}.
 *
 * Messages that were sent stay where they are for years, so their links name the thing and not how it
 * is shown.  Without a plugin that has pages they lead on to REST; the route of such a plugin goes
 * before these, be it of the same path or a *.  Whether there is such a thing is not told here, as
 * nobody is asked for a key. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/base/id.h"

static bool is_id(const char *text)
{
    return text && strlen(text) == BF_ID_LEN &&
           strspn(text, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == BF_ID_LEN;
}

/* From where the link is, as a proxy may have put the hub below a path of its own. */
static int lead_on(struct bf_exchange *x, const char *noun)
{
    const char *id = bf_exchange_param(x, "id");

    if (!is_id(id))
        return bf_exchange_fail(x, 404, "not_found", NULL, "there is nothing at this address");
    bf_exchange_reply_header(x, "Location", bf_arena_printf(bf_exchange_arena(x),
                                                            "../api/v1/%s/%s", noun, id));
    bf_exchange_reply(x, "text/plain; charset=utf-8", "", 0);
    return 303;
}

static int on_automation(struct bf_exchange *x, void *arg)
{
    (void)arg;
    return lead_on(x, "automations");
}

static int on_execution(struct bf_exchange *x, void *arg)
{
    (void)arg;
    return lead_on(x, "executions");
}

static int on_event(struct bf_exchange *x, void *arg)
{
    (void)arg;
    return lead_on(x, "events");
}

const struct bf_api_route bf_api_page_routes[] = {
    {"GET", "/automations/{id}", BF_PUBLIC | BF_API_KEYLESS, on_automation, .yields = true},
    {"GET", "/executions/{id}", BF_PUBLIC | BF_API_KEYLESS, on_execution, .yields = true},
    {"GET", "/events/{id}", BF_PUBLIC | BF_API_KEYLESS, on_event, .yields = true},
    {NULL, NULL, 0, NULL},
};
