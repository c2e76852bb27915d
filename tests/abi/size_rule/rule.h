/* rule.h - what the plugins for the loader's size rule share: a sink that only posts.
 *
 * THE RULE.  A struct that ends before a field of ours reads as zero there, and so do rows of its
 * tables.  A struct that goes on behind our last field is taken if all of that is zero, and refused
 * by name if not.  Never is a byte behind `size` looked at. */
#ifndef RULE_H
#define RULE_H

#include <belfry/plugin.h>

struct rule_integration {
    const char *url;
    int64_t times;
};

static int rule_request(void *self, const struct bf_delivery *d, struct bf_request *req)
{
    const struct rule_integration *to = (const struct rule_integration *)self;

    (void)d;
    bf_request_to(req, "POST", to->url);
    bf_request_body(req, "application/json", "{\"times\":%lld}", (long long)to->times);
    return 0;
}

#endif
