/* check_tls.c - a client certificate, its key and the authorities of an integration, before they are
 * saved: tried on nobody, and its dates read.
 *
 * A key is opened for it, and wiped again.  Which option a text came from is told by the text, as the
 * plugin hands on what it was given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/crypto.h"
#include "core/net/tls.h"
#include "core/plugin/host.h"

#define SOON_MS (14 * 24 * 3600 * 1000LL)

/* "client_cert", or what the part is called where no option holds that text. */
static const char *option_of(const struct bf_tls_look *l, int part)
{
    static const char *const names[] = {"certificate", "key", "ca"};
    const char *text = bf_outbound_tls(l->request, part);
    const void *in = l->instance->options;

    if (part == BF_TLS_KEY && l->key)
        return l->key->option;
    for (const struct bf_option *o = l->instance->sink->integration; o && o->name; o++) {
        const char *value = o->type == BF_T_STRING ? *(const char **)bf_option_place(o, in) : NULL;

        if (value && text && strcmp(value, text) == 0)
            return o->name;
    }
    return names[part];
}

static int look_at_dates(struct bf_tls_look *l, const char *cert, struct bf_error *err)
{
    const char *option = option_of(l, BF_TLS_CERT);
    int64_t now_ms = bf_wall_ms(l->instance->plugins->rooms.clock), from_ms, until_ms;
    char day[32];

    if (!cert || !bf_tls_validity(cert, &from_ms, &until_ms))
        return BF_OK;
    snprintf(l->field, sizeof(l->field), "config.%s", option);
    bf_time_print(until_ms, day);
    if (until_ms <= now_ms)
        return bf_error_field(err, BF_ECONFIG, l->field, "%s has expired, at %s", option, day);
    if (from_ms > now_ms)
        snprintf(l->doubt, sizeof(l->doubt), "%s is not valid yet", option);
    else if (until_ms - now_ms < SOON_MS)
        snprintf(l->doubt, sizeof(l->doubt), "%s expires at %s", option, day);
    return BF_OK;
}

static int try_it(const struct bf_tls_look *l, const char *key, struct bf_error *err)
{
    const char *pem[BF_TLS_PARTS] = {bf_outbound_tls(l->request, BF_TLS_CERT), key,
                                     bf_outbound_tls(l->request, BF_TLS_CA)};
    enum bf_tls_part part;
    char field[128];
    struct bf_error why;
    int rc = bf_tls_check(pem, &part, &why);

    if (!rc)
        return BF_OK;
    snprintf(field, sizeof(field), "config.%s", option_of(l, part));
    return bf_error_field(err, rc, field, "%s %s", option_of(l, part), why.words);
}

int bf_check_tls(struct bf_tls_look *l, struct bf_error *err)
{
    const char *cert = bf_outbound_tls(l->request, BF_TLS_CERT);
    const char *key = l->given_key ? l->given_key : bf_outbound_tls(l->request, BF_TLS_KEY);
    char *opened = NULL;
    size_t len = 0;
    struct bf_error why;
    int rc;

    l->doubt[0] = '\0';
    if (!cert && !key && !bf_outbound_tls(l->request, BF_TLS_CA))
        return BF_OK;
    if (l->key && !l->given_key) {
        if (bf_standin_open(l->instance->plugins->rooms.team, l->key, &opened, &len, &why))
            return BF_OK;
        key = opened;
    }
    rc = try_it(l, key, err);
    if (opened)
        bf_wipe(opened, len);
    free(opened);
    return rc ? rc : look_at_dates(l, cert, err);
}
