/* texts.mjs - random JSON, and random near-JSON, from a seed. */

export function random(seed) {
    return () => {                      /* mulberry32 */
        seed = (seed + 0x6d2b79f5) | 0;
        let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

export class Texts {
    constructor(seed) {
        this.random = random(seed);
    }

    below(n) { return Math.floor(this.random() * n); }
    pick(list) { return list[this.below(list.length)]; }
    some(max, make) { return Array.from({ length: this.below(max + 1) }, make); }

    space() {
        return this.random() < 0.7 ? "" : this.some(3, () => this.pick([" ", "\t", "\n", "\r"])).join("");
    }

    number() {
        return this.pick([
            () => `${this.below(1000)}`,
            () => `-${this.below(10)}`,
            () => `${this.below(1e6)}.${this.below(1e6)}`,
            () => `${this.below(10)}e${this.pick(["", "+", "-"])}${this.below(400)}`,
            () => `${this.below(10)}.0E-0${this.below(10)}`,
            () => this.some(25, () => this.below(10)).join("").replace(/^0+/, "") || "0",
            () => this.pick(["0", "-0", "0.0", "1.0", "9007199254740993", "5e-324", "2.5e-324",
                             "1.7976931348623157e308", "1e309", "0.1", "123456789012345678901234567890",
                             "2.2250738585072011e-308", "1e-400"]),
        ])();
    }

    character() {
        return this.pick([
            () => String.fromCharCode(97 + this.below(26)),
            () => String.fromCharCode(32 + this.below(95)).replace(/["\\]/, "x"),
            () => this.pick(["\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"]),
            () => `\\u${(1 + this.below(0xd7ff)).toString(16).padStart(4, "0")}`,
            () => this.pick(["\\ud83d\\ude00", "\\uD800\\uDC00", "\\udbff\\udfff", "\\uFFFF", "\\u007F"]),
            () => this.pick(["é", "ß", "中", "😀", "\u007f", "\u0080", "\u2028", "\uffff", "\u{10ffff}"]),
        ])();
    }

    string(max = 12) { return `"${this.some(max, () => this.character()).join("")}"`; }

    object(depth) {
        const seen = new Set();
        const members = this.some(5, () => {
            const key = this.pick([() => this.string(6), () => `"k${this.below(5)}"`])();
            const name = JSON.parse(key);
            if (seen.has(name))
                return null;
            seen.add(name);
            return this.space() + key + this.space() + ":" + this.value(depth - 1);
        }).filter((member) => member !== null);
        return `{${members.join(",") || this.space()}}`;
    }

    array(depth) {
        const elements = this.some(5, () => this.value(depth - 1));
        return `[${elements.join(",") || this.space()}]`;
    }

    value(depth) {
        const leaf = () => this.pick([() => this.number(), () => this.string(),
                                      () => this.pick(["true", "false", "null"])])();
        const inner = depth > 0 && this.random() < 0.6
            ? this.pick([() => this.object(depth), () => this.array(depth)])() : leaf();
        return this.space() + inner + this.space();
    }

    /* A document that is right. */
    document() {
        if (this.random() < 0.02) {
            const depth = 1 + this.below(60), open = this.some(depth, () => this.pick(["[", '{"a":']));
            return open.join("") + this.value(2) +
                open.reverse().map((o) => (o === "[" ? "]" : "}")).join("");
        }
        return this.value(6);
    }

    /* Bytes that may be wrong in one of the ways that matter. */
    bytes() {
        let bytes = Buffer.from(this.document());
        const put = (piece) => {
            const at = this.below(bytes.length + 1), cut = this.below(3);
            bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(piece), bytes.subarray(at + cut)]);
        };
        const inString = (piece) => {
            const at = bytes.indexOf(0x22, this.below(bytes.length)) + 1;
            bytes = at > 0
                ? Buffer.concat([bytes.subarray(0, at), Buffer.from(piece), bytes.subarray(at)])
                : Buffer.concat([Buffer.from('"'), Buffer.from(piece), Buffer.from('"')]);
        };
        const wrong = [
            () => {},
            () => {},
            () => { if (bytes.length) bytes[this.below(bytes.length)] = this.below(256); },
            () => { if (bytes.length) bytes[this.below(bytes.length)] ^= 1 << this.below(8); },
            () => { bytes = bytes.subarray(0, this.below(bytes.length + 1)); },
            () => put(this.pick([",", ":", "[", "]", "{", "}", '"', "0", "-", ".", "e", "+", "\\", "/"])),
            () => put(this.pick(["01", "1.", ".5", "+1", "1e", "--1", "0x1", "NaN", "Infinity", "nul",
                                 "True", "undefined", "'a'", "//x", "/**/", "1_0", "\u00a0", "\ufeff"])),
            () => inString(this.pick([[0xff], [0xc0, 0x80], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80],
                                      [0xf4, 0x90, 0x80, 0x80], [0xc3], [0x80], [0xf0, 0x9f, 0x98],
                                      [0xef, 0xbf, 0xbf]])),
            () => inString(this.pick([[0], [9], [10], [0x1f], [0x7f], [0x0d]])),
            () => inString(this.pick(["\\u0000", "\\ud800", "\\udc00", "\\udc00\\ud800", "\\ud800\\u0061",
                                      "\\ud800x", "\\u12", "\\uZZZZ", "\\x41", "\\'", "\\0", "\\U0041",
                                      "\\u+123", "\\u 123", "\\ud83d\\ude00"])),
            () => { bytes = Buffer.concat([bytes, Buffer.from(this.pick([" ", "x", "{}", "\0", "]", "1", "\n"]))]); },
            () => {
                const n = 60 + this.below(10), [open, close] = this.pick([["[", "]"], ['{"a":', "}"]]);
                bytes = Buffer.from(open.repeat(n) + "1" + close.repeat(n));
            },
            () => {
                const key = this.string(3), other = this.pick([key, key.replace(/[a-z]/, (c) =>
                    `\\u00${c.charCodeAt(0).toString(16)}`), this.string(3)]);
                bytes = Buffer.from(`{${key}:${this.value(1)},${other}:${this.value(1)}}`);
            },
        ];
        this.pick(wrong)();
        return bytes;
    }
}
