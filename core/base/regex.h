/* regex.h - patterns whose search never takes long, whoever wrote the pattern or the text.
 *
 * RE2's syntax; a search, not anchored but by ^ and $; case counts unless the pattern begins with
 * (?i).  Its time grows with the text alone, not with what could be tried and taken back, but the
 * factor grows with the pattern.  So a pattern has a reach: what takes more than about 5 ms is not
 * searched, and a text beyond the reach does not match.  Names (256 bytes) are within the reach of
 * any pattern; one of 8 instructions, such as "timeout$", reaches through 48 KiB. */
#ifndef BF_REGEX_H
#define BF_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "core/base/error.h"

#define BF_REGEX_PATTERN_MAX 1000       /* bytes of a pattern */

struct bf_regex;

/* BF_ECONFIG with what is wrong with the pattern, or BF_ETOOBIG. */
int bf_regex_new(const char *pattern, size_t len, struct bf_regex **out, struct bf_error *err);
void bf_regex_free(struct bf_regex *r);         /* NULL is fine */
/* The same for who wants to know where, and what the groups in it hold; these cost more, so the reach is
 * shorter. */
int bf_regex_new_capturing(const char *pattern, size_t len, struct bf_regex **out,
                           struct bf_error *err);
/* UTF-8.  Any number of threads may search with one pattern.  [any] */
bool bf_regex_search(const struct bf_regex *r, const char *text, size_t len);
/* The first place at or behind `from`: spans[0] is all of it, spans[1] the first group, and so on; n
 * at most.  `text` is NULL for a group that took no part.  Of a capturing one.  [any] */
struct bf_regex_span {
    const char *text;
    size_t len;
};
#define BF_REGEX_GROUPS_MAX 32
bool bf_regex_find(const struct bf_regex *r, const char *text, size_t len, size_t from,
                   struct bf_regex_span *spans, size_t n);
size_t bf_regex_groups(const struct bf_regex *r);
const char *bf_regex_pattern(const struct bf_regex *r);         /* as it was given */
size_t bf_regex_reach(const struct bf_regex *r);        /* bytes of the longest text it looks at */

#ifdef __cplusplus
}
#endif

#endif
