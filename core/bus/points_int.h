/* points_int.h - the bytes of packed events: what packing writes and unpacking reads.
 *
 * Marks stand where something was cut out; bytes below a space are in no JSON but as white space.
 * In a frame the mark of the metrics is followed by what stands between two of them, and an end.
 *
 * A METRIC begins with a byte: two bits for its form, two for its step, three for its value, and one
 * that is set if the point is not in order.  Then what these call for, in that order, and its time if
 * the form has one. */
#ifndef BF_POINTS_INT_H
#define BF_POINTS_INT_H

#include "core/base/bytes.h"
#include "core/bus/points.h"

enum { MARK_KEY = 1, MARK_TIME, MARK_METRICS, MARK_END };       /* of frames */
enum { MARK_STEP = 1, MARK_VALUE, MARK_METRIC_TIME };           /* of forms */

enum { FORM_NEXT, FORM_SAME, FORM_FIRST, FORM_NUMBER };
enum { STEP_SAME, STEP_NEXT, STEP_BY, STEP_TEXT };
enum { FORM_SHIFT = 0, STEP_SHIFT = 2, VALUE_SHIFT = 4, DISORDER = 0x80 };

/* How a number is kept. */
enum {
    VALUE_WHOLE,                /* a signed number */
    VALUE_DECIMAL,              /* digits * 32 + negative * 16 + digits behind the point */
    VALUE_WIDE,                 /* the same in 8 bytes: 57 bits, 6 bits of places, the sign */
    VALUE_POWER,                /* with an exponent, see struct bf_decimal */
    VALUE_FLOAT,                /* digits, and the 4 bytes of a float that has them */
    VALUE_TEXT
};

#define WIDE_DIGITS_MAX (((uint64_t)1 << 57) - 1)
#define POINT_MAX       64      /* bytes of a number that is not kept as text */

/* A number as it was written. */
struct bf_decimal {
    uint64_t digits;
    unsigned behind;            /* of them behind the point */
    unsigned significant;       /* without zeros in front */
    bool negative;
    bool point;
    char e;                     /* 'e', 'E'; 0: it has no exponent */
    char sign;                  /* of the exponent: '+', '-', 0: none */
    unsigned e_digits;
    uint32_t exponent;
};

/* How times are kept: as text, or as a number of units since the event was received, with so many
 * digits behind the second and one of two ways to say UTC. */
enum { TIME_TEXT = 0 };         /* else 1 + 2 * digits / 3 + offset */

size_t bf_print_decimal(const struct bf_decimal *d, char out[POINT_MAX]);
/* A float's double in the shortest form that scripting languages print: plain from 1e-4 to 1e16. */
size_t bf_print_float(float value, unsigned significant, char out[POINT_MAX]);
/* The text of a time of that way; 0 if there is none. */
size_t bf_print_time(unsigned way, int64_t units, char out[POINT_MAX]);
int64_t bf_time_units(unsigned way, int64_t ms);

#endif
