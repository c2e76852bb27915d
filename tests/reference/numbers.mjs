/* numbers.mjs - doubles as exact fractions, for the reference evaluator.
 *
 * A double is mantissa * 2^exponent, a sum of them a whole number of the smallest unit among them.
 * Nothing is kept between calls: each window is summed from its values, which is slow and leaves
 * nothing to go wrong. */

const view = new DataView(new ArrayBuffer(8));

/* [whole number, exponent of two] */
function exactly(x) {
    view.setFloat64(0, x);
    const bits = view.getBigUint64(0);
    const exponent = Number((bits >> 52n) & 0x7ffn);
    const fraction = bits & 0xfffffffffffffn;
    const mantissa = exponent ? fraction | 0x10000000000000n : fraction;
    return [bits >> 63n ? -mantissa : mantissa, (exponent || 1) - 1075];
}

const bitLength = (n) => n.toString(16).length * 4;     /* or up to three more */

function bitLengthExactly(n) {
    const hex = n.toString(16);
    return hex.length * 4 - Math.clz32(parseInt(hex[0], 16)) + 28;
}

/* The double nearest to n * 2^exponent, or to a bit more than that if `inexact`; the even one of
 * two.  n >= 0, of 65 bits or more unless it is exact. */
function nearest(n, exponent, inexact) {
    if (n === 0n)
        return 0;
    const unit = Math.max(bitLengthExactly(n) + exponent - 53, -1074);
    const drop = unit - exponent;
    if (drop <= 0)
        return Number(n) * 2 ** exponent;       /* both exact */
    const half = 1n << BigInt(drop - 1);
    const rest = n & ((1n << BigInt(drop)) - 1n);
    let kept = n >> BigInt(drop);
    if (rest > half || (rest === half && (inexact || kept & 1n)))
        kept += 1n;
    return Number(kept) * 2 ** unit;
}

function root(n) {
    if (n < 2n)
        return n;
    let x = 1n << BigInt((bitLength(n) >> 1) + 1);
    for (;;) {
        const y = (x + n / x) >> 1n;
        if (y >= x)
            return x;
        x = y;
    }
}

/* The sum and the sum of squares, as whole numbers of 2^exponent and 2^(2 * exponent). */
function sums(values) {
    const parts = values.map(exactly);
    const exponent = Math.min(...parts.map((p) => p[1]));
    let sum = 0n, squares = 0n;

    for (const [m, e] of parts) {
        const whole = m << BigInt(e - exponent);
        sum += whole;
        squares += whole * whole;
    }
    return { sum, squares, exponent };
}

/* The exact sum, rounded once. */
export function sum(values) {
    const s = sums(values);
    return s.sum < 0n ? -nearest(-s.sum, s.exponent, false) : nearest(s.sum, s.exponent, false);
}

export const average = (values) => sum(values) / values.length;

/* The sample deviation (n - 1), rounded once. */
export function deviation(values) {
    const n = BigInt(values.length);
    const { sum, squares, exponent } = sums(values);
    const above = n * squares - sum * sum;
    const below = n * (n - 1n);
    let shift = Math.max(0, 140 + bitLength(below) - bitLength(above));

    shift += shift & 1;
    const fraction = (above << BigInt(shift)) / below;
    const r = root(fraction);
    const inexact = r * r !== fraction || fraction * below !== above << BigInt(shift);
    return nearest(r, exponent - shift / 2, inexact);
}
