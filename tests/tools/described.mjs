/* described.mjs - a hub's description of its REST interface, as the tests that go through it use
 * it. */
export const METHODS = ["get", "put", "post", "delete", "patch"];

export class Described {
    constructor(doc) {
        this.doc = doc;
        this.operations = new Map();    /* operationId → {path, method, op} */
        for (const [path, item] of Object.entries(doc.paths))
            for (const method of METHODS)
                if (item[method])
                    this.operations.set(item[method].operationId, {path, method, op: item[method]});
    }

    static async of(url) {
        return new Described(await (await fetch(url + "/api/v1/openapi.json")).json());
    }

    resolve(x) {
        return x?.$ref ? x.$ref.slice(2).split("/").reduce((d, k) => d[k], this.doc) : x;
    }

    /* [name, value] of each example of a media type; one without a name is "". */
    examples(media) {
        const list = Object.entries(media.examples ?? {})
            .map(([n, e]) => [n, this.resolve(e).value]);

        if ("example" in media) list.push(["", media.example]);
        return list;
    }

    /* [name, type, value] of each example request. */
    requests(op) {
        return Object.entries(op.requestBody?.content ?? {})
            .flatMap(([type, m]) => this.examples(m).map(([n, v]) => [n, type, v]));
    }

    parameters(op) {
        return (op.parameters ?? []).map(p => this.resolve(p));
    }
}

export const isJson = type => /[/+]json$/.test(type);
