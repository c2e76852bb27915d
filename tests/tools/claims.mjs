/* claims.mjs - what a test in JavaScript claims: counted, and told of where it does not hold.
 *
 *     import { claim, is, has, finish } from "../tools/claims.mjs";
 */
const TOLD_MAX = 30, LINE_MAX = 2000;

let passed = 0, failed = 0;

const shown = (what) => (typeof what === "string" ? what : JSON.stringify(what) ?? "").slice(0, LINE_MAX);

/* `more` are lines for whoever has to find out why. */
export function claim(words, good, ...more) {
    if (good) {
        passed++;
        return true;
    }
    if (++failed <= TOLD_MAX)
        console.log([`FAILED: ${words}`, ...more.map((m) => `    ${shown(m)}`)].join("\n"));
    return false;
}

export const is = (words, got, want) => claim(words, JSON.stringify(got) === JSON.stringify(want),
    `got:  ${shown(got)}`, `want: ${shown(want)}`);

export const has = (words, text, part) => claim(words, String(text).includes(part), text,
    `without: ${part}`);

/* Ends the program with the line that add_up of lib.sh reads. */
export function finish() {
    console.log(`${passed} passed, ${failed} failed`);
    process.exit(failed ? 1 : 0);
}
