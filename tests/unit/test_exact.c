#include "tests/test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "core/base/base.h"
#include "core/base/exact.h"

#define SUBNORMAL 0x1p-1074

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

#define CHECK_DOUBLE(got, want)                                                     \
    do {                                                                            \
        double got_ = (got), want_ = (want);                                        \
        if (bits_of(got_) != bits_of(want_))                                        \
            test_failed(__FILE__, __LINE__, "%s is %a, not %a", #got, got_, want_); \
    } while (0)

/* --- an oracle ----------------------------------------------------------------------------------
 *
 * Numbers as school knows them: one place per bit, from 2^UNIT up, in which anything may stand
 * until the carries are resolved.  Nothing is clever, and it shares no line with what is tested. */
#define UNIT   (-2200)
#define PLACES 4500

struct paper {
    int64_t place[PLACES];
};

static struct paper *blank(void) { return bf_new(struct paper); }

/* The bits of |value| from the lowest that is set, which is 2^first; gives how many. */
static int written(double value, int *first, int bit[53])
{
    int64_t m;
    int exponent, n = 0;

    *first = 0;
    if (value == 0)
        return 0;
    m = (int64_t)ldexp(frexp(fabs(value), &exponent), 53);
    for (*first = exponent - 53; m % 2 == 0; m /= 2)
        ++*first;
    for (; m; m /= 2)
        bit[n++] = (int)(m % 2);
    return n;
}

static void write_product(struct paper *p, double a, double b, int64_t times)
{
    int bit_a[53], bit_b[53], first_a, first_b;
    int n_a = written(a, &first_a, bit_a), n_b = written(b, &first_b, bit_b);

    if ((a < 0) != (b < 0))
        times = -times;
    for (int i = 0; i < n_a; i++)
        for (int j = 0; bit_a[i] && j < n_b; j++)
            if (bit_b[j])
                p->place[first_a + i + first_b + j - UNIT] += times;
}

static void write_value(struct paper *p, double value, int64_t times)
{
    write_product(p, value, 1, times);
}

/* Leaves 0 or 1 in each place; gives what is carried out of the last. */
static int64_t carry_up(struct paper *p)
{
    int64_t carry = 0;

    for (int i = 0; i < PLACES; i++) {
        int64_t at = p->place[i] + carry;

        p->place[i] = at & 1;
        carry = (at - p->place[i]) / 2;
    }
    return carry;
}

/* Leaves 0 or 1 in each place, of |p|; gives its sign. */
static int resolve(struct paper *p)
{
    struct paper *turned = blank();
    int sign = 1;

    for (int i = 0; i < PLACES; i++)
        turned->place[i] = -p->place[i];
    if (carry_up(p) < 0) {
        *p = *turned;
        carry_up(p);
        sign = -1;
    }
    free(turned);
    for (int i = 0; i < PLACES; i++)
        if (p->place[i])
            return sign;
    return 0;
}

static double read_rounded(const struct paper *sum)
{
    struct paper *p = blank();
    int sign, lead = PLACES - 1, last;
    double value = 0;
    bool half, below = false;

    *p = *sum;
    sign = resolve(p);
    while (lead >= 0 && !p->place[lead])
        lead--;
    last = lead - 52 > -1074 - UNIT ? lead - 52 : -1074 - UNIT;
    for (int i = lead; i >= last; i--)
        value = 2 * value + (double)p->place[i];
    half = sign && p->place[last - 1];
    for (int i = 0; i < last - 1; i++)
        below |= p->place[i] != 0;
    if (half && (below || p->place[last]))
        value++;
    free(p);
    value = ldexp(value, last + UNIT);
    return sign < 0 ? -value : value;
}

/* out += a * b * times, of resolved ones whose units are 2^unit; the product's is 2^(2 * unit). */
static void multiply(struct paper *out, const struct paper *a, const struct paper *b, int64_t times)
{
    static int at[PLACES];
    int n = 0;

    for (int j = 0; j < PLACES; j++)
        if (b->place[j])
            at[n++] = j;
    for (int i = 0; i < PLACES; i++)
        for (int j = 0; a->place[i] && j < n; j++)
            out->place[i + at[j]] += times;
}

/* a - b, as -1, 0 or 1. */
static int compare(const struct paper *a, const struct paper *b)
{
    struct paper *p = blank();
    int sign;

    for (int i = 0; i < PLACES; i++)
        p->place[i] = a->place[i] - b->place[i];
    sign = resolve(p);
    free(p);
    return sign;
}

/* In halves of the smallest double, sums and midpoints between doubles are whole. */
#define HALVES (-1075)

/* The midpoint between a value, not less than 0, and the next double above it. */
static void write_midpoint(struct paper *p, double value)
{
    int bit[53], first, exponent, last;
    int n = written(value, &first, bit);

    for (int i = 0; i < n; i++)
        p->place[first + i - HALVES] += bit[i];
    frexp(value, &exponent);
    last = value != 0 && exponent - 53 > -1074 ? exponent - 53 : -1074;
    p->place[last - 1 - HALVES]++;
}

/* Where the deviation of the values is from the midpoint above a double: -1 below it, 0 on it, 1
 * above.  That is how n * squares - sum^2 compares with midpoint^2 * n * (n - 1). */
static int deviation_against(double value, const double *values, size_t n)
{
    struct paper *sum = blank(), *spread = blank(), *midpoint = blank(), *squared = blank();
    int sign;

    for (size_t i = 0; i < n; i++) {
        int bit[53], first, len = written(values[i], &first, bit);

        for (int k = 0; k < len; k++)
            sum->place[first + k - HALVES] += values[i] < 0 ? -bit[k] : bit[k];
        for (int k = 0; k < len; k++)
            for (int l = 0; l < len; l++)
                spread->place[2 * first + k + l - 2 * HALVES] += bit[k] * bit[l] * (int64_t)n;
    }
    resolve(sum);
    multiply(spread, sum, sum, -1);
    write_midpoint(midpoint, value);
    multiply(squared, midpoint, midpoint, (int64_t)(n * (n - 1)));
    sign = compare(spread, squared);
    free(sum);
    free(spread);
    free(midpoint);
    free(squared);
    return sign;
}

/* By what "nearest" means: the deviation is between the midpoints around it, and may be on one only
 * if its last bit is 0. */
static void check_nearest(double sd, const double *values, size_t n)
{
    int even = !(bits_of(sd) & 1);

    CHECK(isfinite(sd) && !signbit(sd));
    CHECK(deviation_against(sd, values, n) < even);
    if (sd > 0)
        CHECK(deviation_against(nextafter(sd, 0), values, n) > -even);
}

/* --- values ----------------------------------------------------------------------------------- */

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t dice(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1d >> 1;
}

/* Of every size, with the ends of the range and plain numbers more often than chance has them. */
static double any_value(void)
{
    static const double ends[] = {0.0, -0.0, SUBNORMAL, -SUBNORMAL, DBL_MIN, DBL_MAX, -DBL_MAX,
                                  DBL_MIN - SUBNORMAL, 1.0, -1.0, 0.1, 1e308, -1e308, 0x1p-1022};
    uint64_t bits = dice() << 1 ^ dice();
    double value;

    switch (dice() % 4) {
    case 0:
        return ends[dice() % BF_COUNT(ends)];
    case 1:
        return (double)(dice() % 2001) / 1000 - 1;
    default:
        memcpy(&value, &bits, sizeof(value));
        return isfinite(value) ? value : 1.5;
    }
}

/* --- claims ----------------------------------------------------------------------------------- */

static double sum_of(const double *values, size_t n)
{
    struct bf_exact x;
    double sum;

    bf_exact_init(&x);
    for (size_t i = 0; i < n; i++)
        bf_exact_add(&x, values[i]);
    sum = bf_exact_round(&x);
    bf_exact_fini(&x);
    return sum;
}

static double squares_of(const double *values, size_t n)
{
    struct bf_exact x;
    double sum;

    bf_exact_init(&x);
    for (size_t i = 0; i < n; i++)
        bf_exact_add_square(&x, values[i]);
    sum = bf_exact_round(&x);
    bf_exact_fini(&x);
    return sum;
}

static double deviation_of(const double *values, size_t n)
{
    struct bf_exact sum, squares;
    double deviation;

    bf_exact_init(&sum);
    bf_exact_init(&squares);
    for (size_t i = 0; i < n; i++) {
        bf_exact_add(&sum, values[i]);
        bf_exact_add_square(&squares, values[i]);
    }
    deviation = bf_exact_deviation(&sum, &squares, n);
    bf_exact_fini(&sum);
    bf_exact_fini(&squares);
    return deviation;
}

/* Plain addition gives 3.0000000000000004 in another order, and a mean above 0.6. */
TEST(the_first_worked_example_is_not_above_its_threshold)
{
    static const double values[] = {.50, .55, .60, .65, .70}, turned[] = {.70, .65, .60, .55, .50};

    CHECK_DOUBLE(sum_of(values, 5), 3.0);
    CHECK_DOUBLE(sum_of(turned, 5), 3.0);
    CHECK_DOUBLE(sum_of(values, 5) / 5, 0.6);
}

TEST(a_sum_of_nothing_is_zero_and_never_negative)
{
    static const double zeros[] = {-0.0, -0.0}, opposite[] = {-1.5, 1.5};

    CHECK_DOUBLE(sum_of(NULL, 0), 0.0);
    CHECK_DOUBLE(sum_of(zeros, 2), 0.0);
    CHECK_DOUBLE(sum_of(opposite, 2), 0.0);
    CHECK_DOUBLE(deviation_of(zeros, 2), 0.0);
}

TEST(what_cancels_leaves_what_was_small)
{
    static const double ones[] = {1e308, 1.0, -1e308, SUBNORMAL, -1.0};
    static const double grown[] = {DBL_MAX, DBL_MAX, DBL_MAX, -DBL_MAX, -DBL_MAX, 3.0};

    CHECK_DOUBLE(sum_of(ones, 3), 1.0);
    CHECK_DOUBLE(sum_of(ones, 5), SUBNORMAL);
    CHECK_DOUBLE(sum_of(grown, 6), DBL_MAX);
    CHECK_DOUBLE(sum_of(grown, 3), INFINITY);
}

struct vector {
    double values[8];
    size_t n;
    double sum, squares, deviation;
};

/* Made by Python 3.11, with fractions.Fraction for the sums, math.isqrt of the variance's numerator
 * times 2^4400 over its denominator for the root, one more bit for what that leaves, and a rounding
 * of the resulting fraction to the nearest double, ties to even, written for the purpose. */
static const struct vector vectors[] = {
    {{0x1p-1, 0x1.199999999999ap-1, 0x1.3333333333333p-1, 0x1.4cccccccccccdp-1,
      0x1.6666666666666p-1}, 5,
     0x1.8p+1, 0x1.d333333333333p+0, 0x1.43d136248490ep-4},
    {{0x1.199999999999ap-1, 0x1.3333333333333p-1, 0x1.4cccccccccccdp-1, 0x1.6666666666666p-1,
      0x1.8p-1}, 5,
     0x1.ap+1, 0x1.119999999999ap+1, 0x1.43d136248490ep-4},
    {{0x1.999999999999ap-4, 0x1.999999999999ap-4, 0x1.999999999999ap-4, 0x1.999999999999ap-4,
      0x1.999999999999ap-4, 0x1.999999999999ap-4, 0x1.999999999999ap-4, 0x1.999999999999ap-4}, 8,
     0x1.999999999999ap-1, 0x1.47ae147ae147cp-4, 0.0},
    {{0x1.999999999999ap-4, 0x1.999999999999ap-3, 0x1.3333333333333p-2}, 3,
     0x1.3333333333333p-1, 0x1.1eb851eb851ebp-3, 0x1.9999999999999p-4},
    {{0x1.1c37937e08p+53, 0x1p+0, -0x1.1c37937e08p+53}, 3,
     0x1p+0, 0x1.3b8b5b5056e17p+107, 0x1.1c37937e08p+53},
    {{0x1.1ccf385ebc8ap+1023, -0x1.1ccf385ebc8ap+1023, 0x0.730d67819e8d2p-1022}, 3,
     0x0.730d67819e8d2p-1022, INFINITY, 0x1.1ccf385ebc8ap+1023},
    {{0x1.fffffffffffffp+1023, -0x1.fffffffffffffp+1023, 0x0.0000000000001p-1022}, 3,
     0x0.0000000000001p-1022, INFINITY, 0x1.fffffffffffffp+1023},
    {{0x0.0000000000001p-1022, 0x0.0000000000001p-1022}, 2,
     0x0.0000000000002p-1022, 0.0, 0.0},
    {{0x0.0000000000001p-1022, 0.0}, 2,
     0x0.0000000000001p-1022, 0.0, 0x0.0000000000001p-1022},
    {{0x0.0000000000001p-1022, 0x0.0000000000002p-1022, 0x0.0000000000003p-1022,
      0x0.0000000000004p-1022}, 4,
     0x0.000000000000ap-1022, 0.0, 0x0.0000000000001p-1022},
    {{0x1p-1022, 0x0.fffffffffffffp-1022, 0x1.0000000000001p-1022}, 3,
     0x1.8p-1021, 0.0, 0x0.0000000000001p-1022},
    {{0x1.fffffffffffffp+1022, 0x1.fffffffffffffp+1021}, 2,
     0x1.7ffffffffffffp+1023, INFINITY, 0x1.6a09e667f3bccp+1021},
    {{0x1.fffffffffffffp+1022, -0x1.fffffffffffffp+1022}, 2,
     0.0, INFINITY, 0x1.6a09e667f3bccp+1023},
    {{0x1.4e718d7d7625ap+664, 0x1.4e718d7d7625ap+664, 0x1.87e92154ef7acp-665}, 3,
     0x1.4e718d7d7625ap+665, INFINITY, 0x1.822ea25a6e61dp+663},
    {{0x1.67e9c127b6e74p-532, 0x1.67e9c127b6e74p-531, 0x1.0def50ddc92d7p-530}, 3,
     0x1.0def50ddc92d7p-529, 0x0.0000000006ebp-1022, 0x1.67e9c127b6e74p-532},
    {{0x1.3529ba7d19eafp-565, -0x1.3529ba7d19eafp-565, 0x1.cfbe97bba6e07p-564}, 3,
     0x1.cfbe97bba6e07p-564, 0.0, 0x1.3529ba7d19eafp-564},
    {{0x1.59843e8c86a09p-538, 0.0}, 2,
     0x1.59843e8c86a09p-538, 0.0, 0x1.e8a25d1206ae8p-539},
    {{0x1.7dddf6b095ff1p+511, 0x1.1e667904707f5p+512}, 2,
     0x1.dd55745cbb7eep+512, INFINITY, 0x1.0e0551a9edea2p+510},
    {{0x1.c6bf526340004p+49, 0x1.c6bf52634000cp+49, 0x1.c6bf52634p+49}, 3,
     0x1.550f7dca70004p+51, 0x1.2eec2eb3869b6p+101, 0x1.870be4c1c28b2p-1},
    {{0x1.ccccccccccccdp-1, 0x1.ccccccccccccdp-1, 0x1.ccccccccccccdp-1, 0x1.ccccccccccccdp-1,
      0x1.ccccccccccccdp-1, 0x1.e666666666666p-1}, 6,
     0x1.5cccccccccccdp+2, 0x1.3cf5c28f5c28fp+2, 0x1.4e6fdf33cf02ap-6},
    {{0x1.921fb54442d18p+1, 0x1.5bf0a8b145769p+1, 0x1.6a09e667f3bcdp+0}, 3,
     0x1.d18aa894c1134p+2, 0x1.3423793145a5ap+4, 0x1.ccf8c80284324p-1},
    {{0x1p+0, 0x1p+1, 0x1.8p+1, 0x1p+2, 0x1.4p+2, 0x1.8p+2, 0x1.cp+2, 0x1p+3}, 8,
     0x1.2p+5, 0x1.98p+7, 0x1.3988e1409212ep+1},
    {{-0.0, 0.0, -0.0}, 3,
     0.0, 0.0, 0.0},
    {{-0x1p+0, -0x1p+1, -0x1p+2, -0x1p+3}, 4,
     -0x1.ep+3, 0x1.54p+6, 0x1.8c3fc3b38832ep+1},
    {{0x1.0000000000001p+0, 0x1p+0, 0x1.fffffffffffffp-1}, 3,
     0x1.8p+1, 0x1.8000000000001p+1, 0x1.870be4c1c28b2p-53},
    {{0x1.7e43c8800759cp+996, 0x1.56e1fc2f8f359p-997, 0x1.7e43c8800759cp+996,
      0x1.56e1fc2f8f359p-997}, 4,
     0x1.7e43c8800759cp+997, INFINITY, 0x1.b966be8dc6acbp+995},
    {{0x1.0000000000001p+53, 0x1p+0, -0x1p+53}, 3,
     0x1.8p+1, 0x1.0000000000001p+107, 0x1p+53},
    {{0x1p-1022, 0x0.8p-1022, 0x0.0000000000001p-1022}, 3,
     0x1.8000000000001p-1022, 0.0, 0x0.8p-1022},
    {{0x1p+53, 0x1p+0}, 2,
     0x1p+53, 0x1p+106, 0x1.6a09e667f3bccp+52},
    {{0x1.fffffffffffffp+1023, 0x1.fffffffffffffp+1023, -0x1.fffffffffffffp+1023,
      -0x1.fffffffffffffp+1023, 0x1p+0}, 5,
     0x1p+0, INFINITY, 0x1.fffffffffffffp+1023},
    {{-0x1.8p+1, 0x1.15f771d96e5acp-2, 0x1.23c0bdf43efb2p+318, 0x0.137cc2e376cbdp-1022, -0.0,
      -0x1.72672c868d5ccp-2, 0x1.7a41b730bed9cp+664}, 7,
     0x1.7a41b730bed9cp+664, INFINITY, 0x1.1def689798247p+663},
    {{0x1.00c3dae89c5bcp-2, 0.0, 0x1p+0}, 3,
     0x1.4030f6ba2716fp+0, 0x1.101884ba87247p+0, 0x1.0a645f44f0a51p-1},
    {{0x1.af46767a9b05cp-690, -0x1.0788c17b81efcp-1, -0x1.aa3d0e67a305p-1, 0x1.0ec6cda448d3p-1,
      -0x1.f21bd3d62ebb4p-2, -0x1.4p+2, -0x1.106ce1920898ep-1, 0x1.158af92ed2607p-50}, 8,
     -0x1.b58f39b77f82fp+2, 0x1.ac1e5472d94dcp+4, 0x1.ba8088e5bddeep+0},
    {{0x1.28ab8b9e1fcc4p-2, -0x1.73d7bf2711724p-1}, 2,
     -0x1.bf03f2b003184p-2, 0x1.390729a91ed36p-1, 0x1.6fd23de4eb6b5p-1},
    {{0x1.c5356672880e4p-2, -0x1.feba2ec246343p-456, 0x1.54cade37694cep-1, -0x1.81f1d4246fd78p-3,
      -0x1.6ebf51efc20c9p-246, 0x1.1e7c97ca4949p-1, -0x0.0000000000001p-1022}, 7,
     0x1.7ab2da18ed539p+0, 0x1.f99c9a83d3c4ap-1, 0x1.576fc95be4df5p-2},
    {{-0x1.d2ec50d44edc5p-944, -0x1.4f89e300f1576p-1}, 2,
     -0x1.4f89e300f1576p-1, 0x1.b7ca2a6137efbp-2, 0x1.da85f4d672329p-2},
    {{-0x1.050241d6597e2p+140, -0x1.d777f00830f1bp+246, 0.0}, 3,
     -0x1.d777f00830f1bp+246, 0x1.b22546b796632p+493, 0x1.1033d5030e561p+246},
    {{0x1.87d21f3d96801p+850, 0x0.57c68aa3b00d8p-1022, 0x1.56b8e42a0227cp-2,
      -0x1.6ecec9c559a9p-4, -0x1.b524abb68ce8ep-1, 0x1.11d2417e00e58p+340,
      -0x1.a80510059b6cap-1}, 7,
     0x1.87d21f3d96801p+850, INFINITY, 0x1.28304d1569bd6p+849},
    {{0x1.89fd6a9e493fp-842, 0x1.a102d31c43b4p-124, 0x0.50a054e1f0046p-1022,
      0x1.b3c1ef55523cap-1, 0x1.7ee54e570d89ap-470, 0x1.3d6bbdff83c26p-507, -0.0}, 7,
     0x1.b3c1ef55523cap-1, 0x1.72de532359f04p-1, 0x1.4966d932b3578p-2},
    {{-0x1.0a70e3e6b72bp-1, 0x1.9c46d18e2cd36p+211, -0x1.c38e023a46d38p-3, -0x1.ab45854696f08p-1,
      0x0.0000000000001p-1022}, 5,
     0x1.9c46d18e2cd36p+211, 0x1.4bfa030c72c93p+423, 0x1.70c05de340ad3p+210},
    {{0x1.28ccb4fb0b0fcp+636, -0x1.902151851c006p+651, 0x1.f51c434ffa723p+469}, 3,
     -0x1.901effebb20a5p+651, INFINITY, 0x1.ce09258e1ac14p+650},
    {{0x1.696284b9bfc88p-2, -0x1.ca4ac8f02e3p-2, -0x1.86fc45f8c57c6p-59, -0x1.1c1eb6559ddbbp+943,
      -0x1.8d5547667ae45p+247, 0x1.3e0d66f047f3p-3}, 6,
     -0x1.1c1eb6559ddbbp+943, INFINITY, 0x1.cff749a844b91p+941},
    {{-0x1.e76130290d45dp-201, -0x1.e681111eabda4p+707, -0x1.9a6f59f5adf1p+888}, 3,
     -0x1.9a6f59f5adf1p+888, INFINITY, 0x1.d9edf22f63d41p+887},
    {{0x1.114092dd05a7ap+114, 0x1.6248457bb232ep-1, 0x1.ed1a3dfe057ccp-1, 0x1.ff687f34fbd08p-2},
      4,
     0x1.114092dd05a7ap+114, 0x1.23aac98528d33p+228, 0x1.114092dd05a7ap+113},
    {{-0x1.b8a9eb047d84dp-609, 0x1.63de762e0b0fcp-1, 0x1.4fc28715a4a55p-819,
      -0x1.c3ec623401fa4p+535, 0x1.8p+1, -0x1.f70f3fff1109p-2}, 6,
     -0x1.c3ec623401fa4p+535, INFINITY, 0x1.70fe6f8700e1ap+534},
    {{0x1.9ef9975794271p-648, 0x0.389b37249cbbp-1022, -0x1.3222e55a812cep-1,
      -0x1.1ccf385ebc8ap+1023, 0x1.f9783e1ad216p-3, 0x1.e90f988badep-1, 0x1.aa1c15e0b1ef7p-941,
      0x1.3f0017a1ec89fp-42}, 8,
     -0x1.1ccf385ebc8ap+1023, INFINITY, 0x1.92c80954c51f5p+1021},
};

TEST(sums_and_deviations_are_those_of_fractions)
{
    for (size_t i = 0; i < BF_COUNT(vectors); i++) {
        const struct vector *v = &vectors[i];

        CHECK_DOUBLE(sum_of(v->values, v->n), v->sum);
        CHECK_DOUBLE(squares_of(v->values, v->n), v->squares);
        CHECK_DOUBLE(deviation_of(v->values, v->n), v->deviation);
    }
}

/* Every half, and every half and a little, between a few doubles of all sizes. */
TEST(ties_go_to_the_even_double_and_nothing_else_does)
{
    static const double starts[] = {1.0, 0x1.fffffffffffffp+0, 0x1p+970, 0x1.8p-1000, 0x1p-1000,
                                    0x1.0000000000001p+52};

    for (size_t i = 0; i < BF_COUNT(starts); i++) {
        double at = starts[i], next = nextafter(at, INFINITY), half = (next - at) / 2;
        double even = bits_of(at) & 1 ? next : at;
        const double tie[] = {at, half}, above[] = {at, half, SUBNORMAL};
        const double below[] = {at, half, -SUBNORMAL}, negative[] = {-at, -half};

        CHECK_DOUBLE(sum_of(tie, 2), even);
        CHECK_DOUBLE(sum_of(above, 3), next);
        CHECK_DOUBLE(sum_of(below, 3), at);
        CHECK_DOUBLE(sum_of(negative, 2), -even);
    }
}

TEST(past_the_largest_double_is_infinite_from_half_a_place_on)
{
    const double tie[] = {DBL_MAX, 0x1p+970}, below[] = {DBL_MAX, 0x1p+970, -SUBNORMAL};
    const double negative[] = {-DBL_MAX, -DBL_MAX};

    CHECK_DOUBLE(sum_of(tie, 2), INFINITY);
    CHECK_DOUBLE(sum_of(below, 3), DBL_MAX);
    CHECK_DOUBLE(sum_of(negative, 2), -INFINITY);
}

TEST(deviations_reach_from_the_smallest_to_the_largest_double)
{
    static const double small[] = {0.0, SUBNORMAL}, three[] = {0.0, 3 * SUBNORMAL};
    static const double large[] = {DBL_MAX, -DBL_MAX, DBL_MAX, -DBL_MAX};
    static const double beyond[] = {DBL_MAX, -DBL_MAX};
    static const double one[] = {1e308, 1e308, 1e308}, next[] = {1e15, 1e15 + 0.125, 1e15 + 0.25};

    CHECK_DOUBLE(deviation_of(small, 2), SUBNORMAL);    /* 0.71 of it */
    CHECK_DOUBLE(deviation_of(three, 2), 2 * SUBNORMAL);
    CHECK_DOUBLE(deviation_of(large, 2), INFINITY);     /* sqrt(2) of it */
    CHECK_DOUBLE(deviation_of(large, 4), INFINITY);
    CHECK_DOUBLE(deviation_of(beyond, 2), INFINITY);
    CHECK_DOUBLE(deviation_of(one, 3), 0.0);
    CHECK_DOUBLE(deviation_of(next, 3), 0.125);
}

TEST(deviations_are_nearest_to_the_root)
{
    for (int i = 0; i < 400; i++) {
        double values[6], scale = ldexp(1, (int)(dice() % 2000) - 1070), sd;
        size_t n = 2 + dice() % 5;

        for (size_t k = 0; k < n; k++)
            values[k] = i % 2 ? any_value() / 4 : (double)(dice() % 1000) / 1000 * scale;
        sd = deviation_of(values, n);
        if (isfinite(sd))
            check_nearest(sd, values, n);
    }
}

/* Of 0 and 2k or 0, 0 and k * sqrt(3): roots that come out, and those that lie on a midpoint. */
TEST(roots_that_come_out_are_exact_and_ties_are_even)
{
    static const double whole[] = {-3.0, 0.0, 3.0}, odd[] = {-5.0 * SUBNORMAL, 0.0, 5 * SUBNORMAL};
    static const double tie[] = {0.0, 0.0, 0.0, 3 * SUBNORMAL};     /* 1.5 of it */
    static const double tie_down[] = {0.0, 0.0, 0.0, 5 * SUBNORMAL};    /* 2.5 */
    static const double tie_zero[] = {0.0, 0.0, 0.0, SUBNORMAL};        /* 0.5 */

    CHECK_DOUBLE(deviation_of(whole, 3), 3.0);
    CHECK_DOUBLE(deviation_of(odd, 3), 5 * SUBNORMAL);
    CHECK_DOUBLE(deviation_of(tie, 4), 2 * SUBNORMAL);
    CHECK_DOUBLE(deviation_of(tie_down, 4), 2 * SUBNORMAL);
    CHECK_DOUBLE(deviation_of(tie_zero, 4), 0.0);
}

/* The deviation of -x, 0, 2x, 2x is 1.5 x, for these x halfway between two doubles; whatever is put
 * in the place of 0 moves it a little up or down, and be it by 2^-1100 of itself. */
TEST(a_root_next_to_a_tie_is_no_tie)
{
    double values[] = {-(0x1p52 + 3), 0.0, 2 * (0x1p52 + 3), 2 * (0x1p52 + 3)};
    double others[] = {-(0x1p52 + 1), 0.0, 2 * (0x1p52 + 1), 2 * (0x1p52 + 1)};

    CHECK_DOUBLE(deviation_of(values, 4), 0x1.8p52 + 4);
    CHECK_DOUBLE(deviation_of(others, 4), 0x1.8p52 + 2);
    for (int exponent = -1; exponent >= -1074; exponent--) {
        values[1] = -ldexp(1, exponent);
        others[1] = ldexp(1, exponent);
        CHECK_DOUBLE(deviation_of(values, 4), 0x1.8p52 + 5);
        CHECK_DOUBLE(deviation_of(others, 4), 0x1.8p52 + 1);
    }
}

/* Of 4x, -4x, x, -x, x, -x and 59 zeros it is 3/4 x, a tie as well.  A t in place of a zero adds
 * t^2 / 65 to its square, which no division brings to an end; t and -t add t^2 / 32, which ends. */
TEST(a_root_next_to_a_tie_is_none_whatever_the_division_leaves)
{
    double x = 0x1p52 + 3, values[65] = {4 * x, -4 * x, x, -x, x, -x};

    CHECK_DOUBLE(deviation_of(values, 65), (0x1.8p52 + 4) / 2);
    for (int exponent = -1; exponent >= -1074; exponent--) {
        values[6] = ldexp(1, exponent);
        values[7] = 0;
        CHECK_DOUBLE(deviation_of(values, 65), (0x1.8p52 + 5) / 2);
        values[7] = -values[6];
        CHECK_DOUBLE(deviation_of(values, 65), (0x1.8p52 + 5) / 2);
    }
}

/* Of x and 2^30 - 1 zeros it is x / 2^15: here a tie that needs all of its 51 bits, though the
 * quotient loses 60 to the divisor. */
TEST(as_many_values_as_there_may_be_do_not_blur_a_tie)
{
    struct bf_exact sum, squares;
    double x = (0x1p50 + 3) * 0x1p14 * SUBNORMAL;

    bf_exact_init(&sum);
    bf_exact_init(&squares);
    bf_exact_add(&sum, x);
    bf_exact_add_square(&squares, x);
    CHECK_DOUBLE(bf_exact_deviation(&sum, &squares, 1 << 30), (0x1p49 + 2) * SUBNORMAL);
    bf_exact_fini(&sum);
    bf_exact_fini(&squares);
}

/* 100,000 steps of values that come and go in no order; all along it is what paper says, and what a
 * new one has of those that are left. */
TEST(values_come_and_go_in_any_order_and_leave_no_trace)
{
    static double held[300];
    struct paper *sum = blank(), *squares = blank();
    struct bf_exact x, xx;
    size_t n = 0;

    bf_exact_init(&x);
    bf_exact_init(&xx);
    for (int step = 0; step < 100000; step++) {
        bool add = n == 0 || (n < BF_COUNT(held) && dice() % (step % 5000 < 2500 ? 3 : 5) < 2);
        size_t which = n ? dice() % n : 0;
        double value = add ? any_value() : held[which];

        if (add) {
            held[n++] = value;
            bf_exact_add(&x, value);
            bf_exact_add_square(&xx, value);
        } else {
            held[which] = held[--n];
            bf_exact_sub(&x, value);
            bf_exact_sub_square(&xx, value);
        }
        write_value(sum, value, add ? 1 : -1);
        write_product(squares, value, value, add ? 1 : -1);
        if (step % 20 == 0) {
            CHECK_DOUBLE(bf_exact_round(&x), read_rounded(sum));
            CHECK_DOUBLE(bf_exact_round(&xx), read_rounded(squares));
        }
        if (step % 50 == 0) {
            CHECK_DOUBLE(bf_exact_round(&x), sum_of(held, n));
            CHECK_DOUBLE(bf_exact_round(&xx), squares_of(held, n));
            if (n >= 2)
                CHECK_DOUBLE(bf_exact_deviation(&x, &xx, n), deviation_of(held, n));
        }
    }
    while (n--) {
        bf_exact_sub(&x, held[n]);
        bf_exact_sub_square(&xx, held[n]);
    }
    CHECK_INT(x.n, 0);
    CHECK_INT(xx.n, 0);
    bf_exact_fini(&x);
    bf_exact_fini(&xx);
    free(sum);
    free(squares);
}

/* A hundred thousand of them, which is as many as a window has. */
TEST(values_of_like_size_need_no_memory_of_their_own)
{
    struct bf_exact x, xx;

    bf_exact_init(&x);
    bf_exact_init(&xx);
    for (int i = 0; i < 100000; i++) {
        bf_exact_add(&x, 0.5 + (double)(dice() % 1000000) / 1e6);
        bf_exact_add_square(&xx, 0.5 + (double)(dice() % 1000000) / 1e6);
    }
    CHECK_INT(bf_exact_outside(&x), 0);
    CHECK(bf_exact_outside(&xx) <= 5 * sizeof(uint64_t));
    bf_exact_add(&x, DBL_MAX);
    bf_exact_add(&x, SUBNORMAL);
    CHECK(bf_exact_outside(&x) <= 34 * sizeof(uint64_t));
    bf_exact_fini(&x);
    bf_exact_fini(&xx);
}
