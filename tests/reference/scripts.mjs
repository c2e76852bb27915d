/* scripts.mjs - what a filter hook of a made-up history says of an event.
 *
 * No Lua runs here: what is compared is what the evaluators make of an answer.  So an answer is
 * worked out of the script's text and what an event says of itself, by this and by drive.c alike. */

const bytes = (text) => Buffer.from(text ?? "").reduce((sum, byte) => sum + byte, 0);

/* "yes" mostly, "no", or "failed". */
export function say(code, event) {
    const { type, entity, project, collection, author, run, metrics } = event;
    const sum = [code, type, entity, project, collection, author, run?.id]
        .reduce((n, text) => n + bytes(text), 7 * (metrics?.length ?? 0)) % 10;

    return sum < 6 ? "yes" : sum < 8 ? "no" : "failed";
}
