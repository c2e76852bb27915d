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
/* UTF-8.  Any number of threads may search with one pattern.  [any] */
bool bf_regex_search(const struct bf_regex *r, const char *text, size_t len);
const char *bf_regex_pattern(const struct bf_regex *r);         /* as it was given */
size_t bf_regex_reach(const struct bf_regex *r);        /* bytes of the longest text it looks at */

#ifdef __cplusplus
}
#endif

#endif
