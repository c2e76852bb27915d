/* memory_keys.h - how what the rules remember is named, and until when it says anything.
 *
 * A key is a letter and its parts, each behind a 0x1f.  Whatever belongs to an automation has its id
 * and era as the first two, so that editing what decides begins anew.  A text that may hold any
 * character comes last.
 *
 *   letter    parts                          value, apart by a space
 *   FIRED     automation, era, run[, state]  until, when it fired
 *   PACE      automation, era                until, last due, GCRA's arrival time in us, due of the digest
 *   MATCHES   automation, era, key           until, times of the matches, oldest first
 *   STATE     run                            what its last run.state said
 *   ALERT     run, title                     until, when it was let through
 *   CAUSE     cause                          until, firings in that hour
 *   ABSENCE   automation, era, run           the timers' own (timers.c)
 *   SCHEDULE  automation, era                the timers' own
 *
 * Times are Unix ms unless said.  `until` is when the value is worth nothing any more. */
#ifndef BF_MEMORY_KEYS_H
#define BF_MEMORY_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "core/event/envelope.h"
#include "core/rules/automation.h"
#include "core/rules/memory.h"

enum bf_memory_letter {
    BF_MEMORY_FIRED = 'f',
    BF_MEMORY_PACE = 'p',
    BF_MEMORY_MATCHES = 'm',
    BF_MEMORY_STATE = 's',
    BF_MEMORY_ALERT = 'a',
    BF_MEMORY_CAUSE = 'c',
    BF_MEMORY_ABSENCE = 'w',
    BF_MEMORY_SCHEDULE = 't'
};

#define BF_MEMORY_NUMBERS_MAX (BF_MATCHES_COUNT_MAX + 1)

struct bf_memory_key {
    size_t len;
    char text[BF_NAME_MAX * 4];     /* an id, two numbers, and at most three names */
};

void bf_memory_key(struct bf_memory_key *k, enum bf_memory_letter letter);
void bf_memory_key_text(struct bf_memory_key *k, const char *part);
void bf_memory_key_number(struct bf_memory_key *k, uint64_t part);
/* Begun with the automation's id and era. */
void bf_memory_key_of(struct bf_memory_key *k, enum bf_memory_letter letter,
                      const struct bf_automation *a);

/* Values that are numbers, apart by a space.  How many there were, at most `max`; 0 if nothing is
 * remembered.  And: from this record on it is these, and what it was stays known. */
size_t bf_memory_read(const struct bf_memory *m, const struct bf_memory_key *k, int64_t *out,
                      size_t max);
void bf_memory_note(const struct bf_memory *m, const struct bf_memory_key *k,
                    const int64_t *numbers, size_t n);
void bf_memory_forget(const struct bf_memory *m, const struct bf_memory_key *k);

/* When a value is worth nothing any more, for whoever clears away; INT64_MAX: that is not a question
 * of time. */
int64_t bf_memory_until(const char *key, size_t key_len, const void *value, size_t len);

#endif
