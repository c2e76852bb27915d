/* npm.mjs - load a package by its name out of NODE_PATH, which node asks for require() alone.
 *
 *     import { load } from "../tools/npm.mjs";
 *     const { Webhooks } = await load("@octokit/webhooks");
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

/* The entry that an import gets: a text, or a text behind conditions. */
function entry(exported) {
    if (exported === undefined || typeof exported === "string")
        return exported;
    return entry(exported["."] ?? exported.import ?? exported.node ?? exported.default);
}

export async function load(name) {
    const folder = resolve(process.env.NODE_PATH, name);
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = join(folder, entry(manifest.exports) ?? manifest.main ?? "index.js");

    if (file.endsWith(".json"))
        return JSON.parse(readFileSync(file, "utf8"));
    return import(pathToFileURL(file));
}
