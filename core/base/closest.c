/* closest.c - a name that is one slip away, or two. */
#include "core/base/closest.h"

#include <stddef.h>
#include <string.h>

#define TYPO_MAX 40             /* bytes of what is compared */

/* Letters to add, drop, change or swap, to make one of the other. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[3][TYPO_MAX + 1];
    size_t la = strlen(a), lb = strlen(b);

    if (la > TYPO_MAX || lb > TYPO_MAX)
        return TYPO_MAX;
    for (size_t j = 0; j <= lb; j++)
        row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= la; i++) {
        unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *older = row[(i + 1) % 3];

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned best = before[j - 1] + (a[i - 1] != b[j - 1]);

            best = best < before[j] + 1 ? best : before[j] + 1;
            best = best < now[j - 1] + 1 ? best : now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                older[j - 2] + 1 < best)
                best = older[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[la % 3][lb];
}

const char *bf_closest(const char *written, const char *const *names)
{
    unsigned least = strlen(written) < 4 ? 1 : 2;
    const char *best = NULL;

    for (size_t i = 0; names[i]; i++) {
        unsigned d = distance(written, names[i]);

        if (d > least || (d == least && best))
            continue;
        least = d;
        best = names[i];
    }
    for (size_t i = 0; !best && strlen(written) > 1 && names[i]; i++)   /* its beginning */
        if (strncmp(written, names[i], strlen(written)) == 0)
            best = names[i];
    return best;
}
