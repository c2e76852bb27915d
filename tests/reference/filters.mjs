/* filters.mjs - an automation's filter, held against an event, for the reference evaluator. */

/* What clients send: the filter itself, a JSON text of it, or {"filter": either}. */
export function unwrap(filter) {
    for (let i = 0; i < 4; i++) {
        if (typeof filter === "string")
            filter = JSON.parse(filter);
        else if (filter && typeof filter === "object" && Object.keys(filter).length === 1 &&
                 "filter" in filter)
            filter = filter.filter;
    }
    return filter ?? null;
}

/* Every value a path leads to; of arrays on the way, any element. */
function* follow(value, path) {
    if (value === undefined)
        return;
    if (path.length === 0) {
        yield value;
    } else if (Array.isArray(value)) {
        if (/^\d+$/.test(path[0]))
            yield* follow(value[path[0]], path.slice(1));
        for (const element of value)
            if (element && typeof element === "object" && !Array.isArray(element))
                yield* follow(element, path);
    } else if (value && typeof value === "object" && Object.hasOwn(value, path[0])) {
        yield* follow(value[path[0]], path.slice(1));
    }
}

const of_run = {
    display_name: (e) => e.run?.name, name: (e) => e.run?.name, run_name: (e) => e.run?.name,
    run_id: (e) => e.run?.id, username: (e) => e.run?.user, user: (e) => e.run?.user,
    state: (e) => e.run?.state, tags: (e) => e.run?.tags, group: (e) => e.run?.group,
    job_type: (e) => e.run?.job_type, alert_title: (e) => e.alert?.title,
    alert_text: (e) => e.alert?.text, alert_level: (e) => e.alert?.level,
};
const of_artifact = {
    alias: (e) => e.alias, tag: (e) => e.tag, artifact_type: (e) => e.artifact?.type,
    artifact_version: (e) => e.artifact?.version, aliases: (e) => e.artifact?.aliases,
    tags: (e) => e.artifact?.tags, user: (e) => e.author, username: (e) => e.author,
};
const of_all = {
    collection_name: (e) => e.collection, project_name: (e) => e.project,
    entity: (e) => e.entity, author: (e) => e.author, source: (e) => e.source,
};

function values(event, field) {
    const isRun = event.type.startsWith("run.") || event.type === "clock.advance";
    const own = (isRun ? of_run : of_artifact)[field] ?? of_all[field];

    if (own)
        return [...follow(own(event), [])];
    const [root, ...path] = field.split(".");
    if (root === "config") {
        const found = [...follow(event.run?.config, path)];
        return found.some((v) => v === null || typeof v !== "object" || Array.isArray(v)) ||
            found.length === 0 ? found : [...follow(event.run?.config, [...path, "value"])];
    }
    if (root === "metadata")
        return [...follow(event.artifact?.metadata, path)];
    return root === "data" ? [...follow(event.data, path)] : [];
}

const kind = (v) => (v === null ? "null" : typeof v);
const compare = (a, b) => (kind(a) !== kind(b) || kind(a) === "object" ? NaN
    : typeof a === "string" ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : a - b);

const operators = {
    $eq: (v, want) => compare(v, want) === 0,
    $gt: (v, want) => compare(v, want) > 0,
    $gte: (v, want) => compare(v, want) >= 0,
    $lt: (v, want) => compare(v, want) < 0,
    $lte: (v, want) => compare(v, want) <= 0,
    $in: (v, want) => want.some((w) => compare(v, w) === 0),
    $regex: (v, want) => typeof v === "string" && new RegExp(want, "u").test(v),
    $contains: (v, want) => typeof v === "string" && v.includes(want),
};
const opposites = { $ne: "$eq", $nin: "$in" };

function holds(found, operator, want) {
    if (operator === "$exists")
        return (found.length > 0) === want;
    if (operator === "$not")
        return !Object.entries(want).every(([op, w]) => holds(found, op, w));
    if (opposites[operator])
        return !holds(found, opposites[operator], want);
    if (!operators[operator])
        throw new Error(`the reference does not know ${operator}`);
    return found.some((v) => (Array.isArray(v) ? v : [v]).some((x) => operators[operator](x, want)));
}

export function matches(filter, event) {
    return filter === null || Object.entries(filter).every(([key, value]) => {
        if (key === "$and")
            return value.every((f) => matches(f, event));
        if (key === "$or")
            return value.some((f) => matches(f, event));
        if (key === "$nor")
            return !value.some((f) => matches(f, event));
        if (key === "$not")
            return !matches(value, event);
        const isOperators = value && typeof value === "object" && !Array.isArray(value);
        return Object.entries(isOperators ? value : { $eq: value })
            .every(([op, want]) => holds(values(event, key), op, want));
    });
}
