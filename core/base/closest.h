/* closest.h - what somebody may have meant who wrote a name that there is not. */
#ifndef BF_CLOSEST_H
#define BF_CLOSEST_H

/* The closest of `names` (NULL-terminated) to what was written, if it is close, or begins so; or
 * NULL. */
const char *bf_closest(const char *written, const char *const *names);

#endif
