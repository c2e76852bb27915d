/* automations.mjs COUNT SEED - so many made-up automations, one a line: their events as history.mjs makes
 * them, their actions, hooks and words of any kind. */
import { Chance, History } from "./history.mjs";

const [count, seed] = process.argv.slice(2).map(Number);
const history = new History(0, seed ?? 1), c = new Chance((seed ?? 1) + 1);
const owners = ["acme", "beta", "gamma", "lab-org"];
const texts = ["", "x", "${run_name}", "it's \"so\"", "back\\slash", "a\nb", "tab\there", "Ζoë 🐸", "\u202e",
               "]]", "line\n".repeat(30), "]==]\n".repeat(20), "\r\n".repeat(40), "\u0001\u007f\u0085",
               "-- no comment", "[[", "x".repeat(120), "1", "null", "a.lua", "\n\n" + "y".repeat(70)];
const names = ["a", "end", "payload", "secrets", "config", "a b", "", "1", "x-y", "é", "and", "_", "nil"];
const numbers = ["0", "-1", "0.1", "1e3", "1E-7", "1.0", "-0", "-0.0", "9007199254740993", "0.10",
                 "-9223372036854775808", "9223372036854775808", "1e400", "123456789.123456789",
                 "1e15", "1e16", "5e-324", "0.30000000000000004", "12345678901234567890.5", "100e-2"];

/* JSON as text: numbers are to stay as they are written. */
function value(depth) {
    const kind = c.unit();
    if (kind < .25)
        return c.one(numbers);
    if (kind < .6 || depth === 0)
        return JSON.stringify(c.one(texts));
    if (kind < .7)
        return c.one(["null", "true", "false", "[]", "{}"]);
    if (kind < .85)
        return `[${Array.from({ length: c.below(5) }, () => value(depth - 1))}]`;
    return object(depth - 1);
}

function object(depth) {
    const some = c.some(names, .25);
    return `{${some.map((name) => `${JSON.stringify(name)}:${value(depth)}`)}}`;
}

function action() {
    const members = [`"integration":${JSON.stringify(c.one(["ops", "ml alerts", "acme/ops", "x_1"]))}`];
    if (c.is(.8))
        members.push(`"config":${object(4)}`);
    if (c.is(.3))
        members.push(`"secrets":${c.one(["[]", "null", '["TOKEN"]', '["A","B"]'])}`);
    return `{${members}}`;
}

function hook(name) {
    const hook = c.is(.5) ? { file: c.one(["a.lua", "large_models.lua"]) }
        : { code: c.one(["return {}", "-- a\nreturn {\n    filter = function() end,\n}\n".repeat(3), "x.lua"]) };
    return { [name]: { ...hook, ...(c.is(.3) && { on_error: c.one(["fail", "fire", "skip"]) }) } };
}

let text = "";
for (let i = 0; i < count; i++) {
    const { actions, ...spec } = history.automation(`A${i}`, owners[i % owners.length]);
    const hooks = { ...(c.is(.2) && hook("filter")), ...(c.is(.2) && hook("transform")) };

    Object.assign(spec, c.is(.4) && { description: c.one(texts) }, c.is(.3) && { enabled: c.is(.5) },
                  Object.keys(hooks).length && { hooks });
    if (c.is(.2))
        spec.name = c.one(["it's \"so\"", "Ζoë 🐸", "back\\slash", "\u202e"]) + i;
    text += `${JSON.stringify(spec).slice(0, -1)},"actions":[${
        Array.from({ length: c.small(4) }, action)}]}\n`;
}
process.stdout.write(text);
