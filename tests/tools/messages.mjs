/* messages.mjs - what a message says to who reads it in Slack or Teams: its texts, and what in them is
 * more than text.
 *
 * Teams is read twice: as for desktops, by markdown-it, and by a little reader that is as simple as the
 * one on phones, where a backslash does not keep [a](b) from being a link. */
import { load } from "./npm.mjs";

const MarkdownIt = (await load("markdown-it")).default;
const markdown = new MarkdownIt();

export const render = (text) => markdown.render(text);

/* Every object in a JSON value, with the name it stands under. */
export function* objects(value, name = "") {
    if (value === null || typeof value !== "object")
        return;
    if (!Array.isArray(value))
        yield [name, value];
    for (const [k, v] of Object.entries(value))
        yield* objects(v, Array.isArray(value) ? name : k);
}

/* Every text of a message that Teams reads as Markdown. */
export function texts(message) {
    const found = [];

    for (const [name, o] of objects(message)) {
        if (o.type === "TextBlock")
            found.push(o.text);
        if (name === "facts")
            found.push(o.title ?? o.name, o.value);
        if (name === "sections" || o["@type"] === "MessageCard")
            found.push(o.title, o.text, o.activityTitle, o.activitySubtitle, o.activityText);
    }
    return found.filter((x) => x !== undefined);
}

/* What a reader of Teams would make of a text besides text; strong is ours in titles of connectors. */
export function marks(text) {
    const html = markdown.render(text).replace(/<\/?(p|strong)>/g, "");
    const found = html.match(/<[a-z][^>]*>/g) ?? [];

    if (/\[[^\]]*\]\(/.test(text))
        found.push("a link, on a phone");
    if (/<at>/i.test(text))
        found.push("a mention");
    return found;
}

/* What Slack makes of markup besides text: what stands between < and >. */
export function slackMarks(text, verbatim = true) {
    const found = text.match(/<[^<>\n]*>?/g) ?? [];

    return verbatim ? found : [...found, ...(text.match(/@(here|channel|everyone)\b|https?:\/\/\S+/g) ?? [])];
}

/* Every text of a message that Slack reads as markup, each with whether it is taken as it stands. */
export function slackTexts(message) {
    const found = [[message.text ?? "", true]];

    for (const [name, o] of objects(message)) {
        if (o.type === "mrkdwn")
            found.push([o.text, o.verbatim === true]);
        if (name === "attachments")
            found.push([o.fallback ?? "", true], [o.text ?? "", true], [o.pretext ?? "", true]);
    }
    return found;
}
