/* id.h - sortable ids: 26 characters of Crockford's base 32, as a ULID has.
 *
 * The first 48 bits are milliseconds.  For things that are numbered (events, executions) the
 * other 80 are 16 bits naming the hub and the 64-bit number, so that an id leads to its row
 * without an index of its own; for the rest they are random. */
#ifndef BF_ID_H
#define BF_ID_H

#include <stdbool.h>
#include <stdint.h>

#define BF_ID_LEN 26

void bf_id_number(char out[BF_ID_LEN + 1], int64_t ms, uint16_t hub, uint64_t number);
void bf_id_random(char out[BF_ID_LEN + 1], int64_t ms);
/* The number in an id; false if the text is no id of a numbered thing of this hub. */
bool bf_id_parse(const char *text, uint16_t hub, int64_t *ms, uint64_t *number);

#endif
