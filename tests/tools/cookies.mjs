/* cookies.mjs - what an answer sets, for a Node whose fetch() does not take it apart.
 *
 *     for (const { name, value, attributes } of cookiesOf(answer.headers)) ...
 */
export function cookiesOf(headers) {
    const lines = (headers.get("set-cookie") ?? "").split(/, (?=[^;, ]+=)/).filter(Boolean);

    return lines.map((line) => {
        const [pair, ...attributes] = line.split("; ");
        const at = pair.indexOf("=");

        return { name: pair.slice(0, at), value: pair.slice(at + 1), attributes: attributes.join("; ") };
    });
}
