/* openapi.c - /api/v1/openapi.json: the file beside this one, as it stands.
 *
 * It is written by hand, for people; a test holds it against the routes of a running hub, sends
 * every example in it, and compares the answers with what it says of them. */
#include <string.h>

#include "core/api/api_int.h"

extern const char bf_openapi[];

__asm__(".section .rodata\n"
        ".global bf_openapi\n"
        ".hidden bf_openapi\n"
        ".type bf_openapi, @object\n"
        "bf_openapi:\n"
        ".incbin \"core/api/openapi.json\"\n"
        ".byte 0\n"
        ".size bf_openapi, . - bf_openapi\n"
        ".previous\n");

static int on_document(struct bf_exchange *x, void *arg)
{
    (void)arg;
    bf_exchange_reply_static(x, "application/json", bf_openapi, strlen(bf_openapi));
    return 200;
}

const struct bf_api_route bf_api_openapi_routes[] = {
    {"GET", "/api/v1/openapi.json", BF_PUBLIC, on_document},
    {NULL, NULL, 0, NULL},
};
