-- code.lua - the words of automations as code, written in the language that they extend.
--
-- Each word makes a value of some kind: a scope, a field, a filter, an event.  Values are opaque and
-- never change; what is inside of them is kept beside them.  What a value may be joined with is
-- decided where that happens, so that a mistake is told with the line it stands in.  A filter, a
-- condition, an event is JSON as soon as it is made, and an automation is checked, as a hub would,
-- when it is declared.
--
-- C gives this chunk a table: fail(words) ends the file with its name and line, line() is where it is
-- now, json(value) writes a Lua value, quote(text) a text, check(what, json) asks the rules, meta(value)
-- is getmetatable() without its politeness.
local host, source = ...
local fail, line, json, quote, meta = host.fail, host.line, host.json, host.quote, host.meta

local words = {}                -- what a file may say
local inside = setmetatable({}, { __mode = "k" })

---- small things ----

-- What a table holds, in an order that is the same in every process: so is what comes of a file.
local function in_order(a, b)
    local x, y = type(a), type(b)
    if x == y then
        return (x == "number" or x == "string") and a < b
    end
    return x < y
end

local function ordered_pairs(t)
    local keys, i = {}, 0
    for key in next, t do
        keys[#keys + 1] = key
    end
    table.sort(keys, in_order)
    return function()
        local key
        repeat
            i = i + 1
            key = keys[i]
        until key == nil or rawget(t, key) ~= nil
        return key, rawget(t, key)
    end
end

-- Letters to change, leave out or add until one is the other.
local function distance(a, b)
    local row = {}
    for j = 0, #b do
        row[j] = j
    end
    for i = 1, #a do
        local corner = row[0]
        row[0] = i
        for j = 1, #b do
            local same = a:byte(i) == b:byte(j) and 0 or 1
            corner, row[j] = row[j], math.min(row[j] + 1, row[j - 1] + 1, corner + same)
        end
    end
    return row[#b]
end

local function near(word, names)
    local least, best = #word < 4 and 1 or 2, nil
    for _, name in ipairs(names) do
        local d = math.abs(#name - #word) <= least and distance(word, name) or least + 1
        if d < least or (d == least and not best) then
            least, best = d, name
        end
    end
    return best
end

---- kinds of values ----

local function kind(name)
    return { __name = name, __metatable = false,
             __newindex = function() fail(name .. " cannot be changed") end }
end

local function make(mt, contents)
    local value = setmetatable({}, mt)
    contents.line = line()
    inside[value] = contents
    return value
end

local function is(value, mt) return type(value) == "table" and meta(value) == mt end

local Scope, Event, Rule = kind "a scope", kind "an event", kind "an event with its actions"
local Field, Filter, Raw = kind "a field", kind "a filter", kind "raw JSON"
local Measure, Score, Condition = kind "a metric", kind "a z-score", kind "a condition on a metric"
local Both = kind "a condition on a metric and a filter"
local Sink, Endpoint, Action = kind "a sink", kind "an integration", kind "an action"
local Secret, Pending, Family = kind "a secret", kind "a name without its { … }", kind "a group of fields"

local function list(names)
    local sorted = {}
    for name in pairs(names) do
        sorted[#sorted + 1] = name
    end
    table.sort(sorted)
    return sorted
end

local function did_you_mean(word, names)
    local closest = type(word) == "string" and near(word, names)
    return closest and ('; did you mean "%s"?'):format(closest) or ""
end

-- How an error names a value.
local function describe(value)
    if type(value) == "string" then
        return #value > 60 and ("the text %s…"):format(quote(value:sub(1, 60)))
            or ("the text %s"):format(quote(value))
    end
    if type(value) == "number" then
        return ("the number %s"):format(value)
    end
    if value == host.null then
        return "null"
    end
    local contents = inside[value]
    if not contents then
        return type(value) == "nil" and "nothing" or type(value) == "boolean" and tostring(value)
            or "a " .. type(value)
    end
    local name = meta(value).__name
    if is(value, Field) or is(value, Family) then
        return ("the field %s"):format(contents.key)
    elseif is(value, Sink) then
        return ("`%s`, which has no value here"):format(contents.name)
    elseif is(value, Endpoint) or is(value, Pending) then
        return ("%s %s"):format(contents.sink or contents.word or "the integration", quote(contents.name))
    end
    return name
end

-- What may have led to a value of the wrong kind.
local function hint(value)
    local contents = inside[value]
    if type(value) == "boolean" then
        return '; Lua makes == < > and `not` true or false: write alias:eq("production"),'
            .. ' metric("loss"):lt(0.5), ~filter'
    elseif value == nil then
        return "; is a name written wrong, or its value never set?"
    elseif is(value, Field) then
        return ('; compare it: %s:eq("…")'):format(contents.key)
    elseif is(value, Measure) then
        return '; compare it: metric("loss"):avg(5):lt(0.5)'
    elseif is(value, Score) then
        return '; compare it: metric("loss"):zscore(30):abs():ge(3)'
    elseif is(value, Pending) then
        return ("; %s %s needs its { … }"):format(contents.word, quote(contents.name))
    elseif is(value, Sink) or is(value, Endpoint) then
        return did_you_mean(contents.name and contents.sink or contents.name, list(words))
    end
    return ""
end

local function wrong(where, wanted, value)
    fail(("%s must be %s, not %s%s"):format(where, wanted, describe(value), hint(value)))
end

local function text_of(where, value)
    if type(value) ~= "string" then
        wrong(where, "a text", value)
    end
    return quote(value)
end

-- An object of JSON from names and texts that are JSON already; what is nil is left out.
local function object(...)
    local members = {}
    for i = 1, select("#", ...), 2 do
        local name, text = select(i, ...)
        if text then
            members[#members + 1] = quote(name) .. ":" .. text
        end
    end
    return "{" .. table.concat(members, ",") .. "}"
end

local function array(texts) return "[" .. table.concat(texts, ",") .. "]" end

-- The members of a table that a file gives by name; anything else is refused.
local function check_members(where, given, known)
    if type(given) ~= "table" or inside[given] then
        wrong(where, "a table { … }", given)
    end
    for name in pairs(given) do
        if type(name) ~= "string" then
            fail(("%s: %s stands there without a name; known are %s"):format(where,
                 describe(given[name]), table.concat(known, ", ")))
        end
        local found = false
        for _, k in ipairs(known) do
            found = found or k == name
        end
        if not found then
            fail(("%s: unknown member %s; known are %s%s"):format(where, quote(name),
                 table.concat(known, ", "), did_you_mean(name, known)))
        end
    end
end

-- Names as one argument each, or all of them in one table.
local function flatten(...)
    local first = ...
    if select("#", ...) == 1 and type(first) == "table" and not inside[first] then
        return first, #first
    end
    return { ... }, select("#", ...)
end

---- scopes ----

local function scope(entity, project, collection)
    return make(Scope, { entity = entity, project = project, collection = collection })
end

local function split(word, path, parts)
    local names, n = {}, 0
    if type(path) ~= "string" then
        wrong(word, 'a text such as "' .. parts .. '"', path)
    end
    for name in (path .. "/"):gmatch("([^/]*)/") do
        n = n + 1
        names[n] = name
        if name == "" then
            fail(('%s %s has an empty name in it; write it like "%s"'):format(word, quote(path), parts))
        end
    end
    local _, wanted = (parts .. "/"):gsub("/", "/")
    if n ~= wanted then
        fail(('%s %s must be written like "%s"'):format(word, quote(path), parts))
    end
    return table.unpack(names)
end

local REGISTRY = "wandb-registry-"

local function registry_of(name)
    return name:sub(1, #REGISTRY) == REGISTRY and name or REGISTRY .. name
end

local within = {}

function within.project(self, name)
    text_of("a project", name)
    return scope(self.entity, name)
end

function within.registry(self, name)
    text_of("a registry", name)
    return scope(self.entity, registry_of(name))
end

function within.collection(self, name)
    text_of("a collection", name)
    return scope(self.entity, self.project, name)
end

function Scope.__index(value, name)
    local self, method = inside[value], within[name]
    local fits = method and self.entity and not self.collection
        and (name == "collection") == (self.project ~= nil)
    if not fits then
        fail(("%s has no %s; there are team:project(…), team:registry(…), project:collection(…)"):format(
             describe(value), name))
    end
    return function(this, ...)
        if this ~= value then
            fail(("write a colon: :%s(…)"):format(name))
        end
        return method(self, ...)
    end
end

function words.organization(name)
    text_of("organization", name)
    return make(Scope, { organization = name })
end

function words.team(name)
    text_of("team", name)
    return make(Scope, { entity = name, team = true })
end

function words.project(path) return scope(split("project", path, "acme/vision")) end

function words.registry(path)
    local entity, name = split("registry", path, "acme/models")
    return scope(entity, registry_of(name))
end

function words.collection(path) return scope(split("collection", path, "acme/vision/resnet")) end

local function scope_json(s)
    return s.organization and object("organization", quote(s.organization))
        or object("entity", quote(s.entity), "project", s.project and quote(s.project),
                  "collection", s.collection and quote(s.collection))
end

---- filters ----

-- The JSON of a filter or condition: one of its own, or an operator over others.
local function node_json(value)
    local node = inside[value]
    if node.json then
        return node.json
    end
    local of = {}
    for i, one in ipairs(node.of) do
        of[i] = node_json(one)
    end
    return object(node.op, node.op == "$not" and of[1] or array(of))
end

local function leaf(key, text) return make(Filter, { json = object(key, text) }) end

local function scalar(where, value)
    if type(value) == "string" or type(value) == "number" or type(value) == "boolean"
        or value == host.null or is(value, Raw) then
        return json(value)
    end
    wrong(where, "a text, a number, true, false or null", value)
end

local function ordered(where, value)
    if type(value) ~= "string" and type(value) ~= "number" and not is(value, Raw) then
        wrong(where, "a text or a number", value)
    end
    return json(value)
end

local function scalars(where, ...)
    local values, n = flatten(...)
    local out = {}
    for i = 1, n do
        out[i] = scalar(where, values[i])
    end
    return array(out)
end

local function comparing(op, read)
    return function(key, where, ...)
        if select("#", ...) ~= 1 and read ~= scalars then
            fail(("%s takes one value, not %d"):format(where, select("#", ...)))
        end
        return leaf(key, op and object(op, read(where, ...)) or read(where, ...))
    end
end

local function existing(answer)
    return function(key, where, ...)
        if select("#", ...) > 0 then
            fail(where .. " takes no value")
        end
        return leaf(key, object("$exists", answer))
    end
end

local compare = {
    eq = comparing(nil, scalar), ne = comparing("$ne", scalar),
    gt = comparing("$gt", ordered), ge = comparing("$gte", ordered),
    lt = comparing("$lt", ordered), le = comparing("$lte", ordered),
    contains = comparing("$contains", text_of), matches = comparing("$regex", text_of),
    one_of = comparing("$in", scalars), none_of = comparing("$nin", scalars),
    all_of = comparing("$all", scalars), size = comparing("$size", scalar),
    exists = existing("true"), absent = existing("false"),
}

local function field(key, path) return make(Field, { key = key, path = path }) end

-- alias:eq("x"), and metadata.size:gt(100), where every name behind a dot may be a member as well: only
-- when it is called, with what stands before it, it is an operator.
function Field.__index(value, name)
    local self = inside[value]
    if self.path then
        if type(name) ~= "string" and math.type(name) ~= "integer" then
            wrong("a member of " .. self.key, "a name or a number", name)
        end
        local member = field(self.key .. "." .. name, true)
        inside[member].parent, inside[member].name = value, name
        return member
    end
    local operator = compare[name]
    if not operator then
        fail(("%s has no %s; operators are %s%s"):format(self.key, tostring(name),
             table.concat(list(compare), ", "), did_you_mean(name, list(compare))))
    end
    return function(this, ...)
        if this ~= value then
            fail(("write a colon: %s:%s(…)"):format(self.key, name))
        end
        return operator(self.key, self.key .. ":" .. name, ...)
    end
end

function Field.__call(value, this, ...)
    local self = inside[value]
    local operator = self.parent and compare[self.name]
    if operator and this == self.parent then
        local key = inside[this].key
        return operator(key, key .. ":" .. self.name, ...)
    elseif operator then
        fail(("write a colon: %s:%s(…)"):format(inside[self.parent].key, self.name))
    end
    fail(("%s is a field, not a function; operators are %s%s"):format(self.key,
         table.concat(list(compare), ", "), did_you_mean(self.name, list(compare))))
end

local function no_order(value, other)
    local one = inside[value] and value or other
    fail(("Lua turns < and > into true or false: write %s:lt(…), :le(…), :gt(…) or :ge(…)"):format(
         inside[one].key or inside[one].name and ("metric(%s)"):format(quote(inside[one].name)) or "…"))
end

for _, mt in ipairs { Field, Measure, Score, Condition, Filter } do
    mt.__lt, mt.__le = no_order, no_order
end

-- The fields that stand for themselves, and those that lead on.
for _, name in ipairs { "alias", "tag", "artifact_type", "artifact_version", "aliases", "tags",
                        "alert_title", "alert_text", "alert_level", "display_name", "run_id",
                        "username", "run_user", "state", "run_tags", "group", "job_type",
                        "collection_name", "project_name", "entity", "author", "source" } do
    words[name] = field(name, false)
end
for _, name in ipairs { "metadata", "config", "data" } do
    words[name] = field(name, true)
end

function words.field(name)
    text_of("field", name)
    return field(name, false)
end

local function family(name, members) return make(Family, { key = name, members = members }) end

function Family.__index(value, name)
    local self = inside[value]
    local member = self.members[name]
    if not member then
        local known = list(self.members)
        fail(("%s has no %s; there are %s%s"):format(self.key, tostring(name),
             table.concat(known, ", "), did_you_mean(name, known)))
    end
    return member
end

words.run = family("run", {
    name = field("display_name"), id = field("run_id"), user = field("run_user"),
    tags = field("run_tags"), state = words.state, group = words.group, job_type = words.job_type,
    config = words.config,
})
words.artifact = family("artifact", {
    type = words.artifact_type, version = words.artifact_version, aliases = words.aliases,
    tags = words.tags, metadata = words.metadata,
})
words.alert = family("alert", {
    title = words.alert_title, text = words.alert_text, level = words.alert_level,
})

---- conditions on metrics ----

local function window(where, value)
    if math.type(value) ~= "integer" or value < 1 then
        wrong(where, "a number of values, 1 or more", value)
    end
    return value
end

local function number(where, value)
    if type(value) ~= "number" or value ~= value or value == math.huge or value == -math.huge then
        wrong(where, "a number", value)
    end
    return json(value)
end

local function condition(form, ...)
    return make(Condition, { json = object(form, object(...)), form = form })
end

local function aggregating(op)
    return function(self, where, current, prior)
        if self.aggregated then
            fail(where .. ": one of :avg(…), :min(…), :max(…), :last() is enough")
        end
        return make(Measure, { name = self.name, op = op, aggregated = true,
                               current = window(where .. "(…)", current),
                               prior = prior ~= nil and window(where .. "(…, …)", prior) or nil })
    end
end

local function threshold(op)
    return function(self, where, value)
        if self.prior then
            fail(where .. ": two windows are for :increases_by(…), :decreases_by(…), :changes_by(…)")
        end
        return condition("threshold_filter", "name", quote(self.name),
                         "agg_op", self.op and quote(self.op) or "null",
                         "window_size", json(self.current or 1), "cmp_op", quote(op),
                         "threshold", number(where, value))
    end
end

-- "25%" is a fraction of what was before; a number is an amount.  Shifting the point as text keeps
-- 0.07 what it is.
local function amount(where, value)
    local digits, exponent = "", ""
    if type(value) == "number" and value > 0 then
        return number(where, value), "ABSOLUTE"
    elseif type(value) == "string" then
        digits, exponent = value:match("^ *([%d.]+)[eE]?([-+]?%d*) *%%$")
    end
    local by = digits and tonumber(("%se%d"):format(digits, (tonumber(exponent) or 0) - 2))
    if not by or by <= 0 or by == math.huge then
        wrong(where, 'a number more than 0, or a text such as "25%"', value)
    end
    return json(by), "RELATIVE"
end

local function moving(direction)
    return function(self, where, value)
        local by, how = amount(where, value)
        return condition("change_filter", "name", quote(self.name),
                         "agg_op", self.op and quote(self.op) or "null",
                         "current_window_size", json(self.current or 1),
                         "prior_window_size", json(self.prior or self.current or 1),
                         "change_type", quote(how), "change_dir", quote(direction),
                         "change_amount", by)
    end
end

local measuring = {
    avg = aggregating("AVERAGE"), min = aggregating("MIN"), max = aggregating("MAX"),
    lt = threshold("$lt"), le = threshold("$lte"), gt = threshold("$gt"), ge = threshold("$gte"),
    eq = threshold("$eq"), ne = threshold("$ne"),
    increases_by = moving("INCREASE"), decreases_by = moving("DECREASE"),
    changes_by = moving("ANY"),
}

function measuring.last(self)
    return make(Measure, { name = self.name, aggregated = true })
end

function measuring.zscore(self, where, n, of)
    if self.aggregated then
        fail(where .. " is over single values: leave out what stands before it")
    end
    if of ~= nil and of ~= "runs" and of ~= "run" then
        wrong(where .. "(…, …)", '"runs" (the last values of earlier runs), or left out', of)
    end
    return make(Score, { name = self.name, window = n == nil and 30 or window(where .. "(…)", n),
                         of = of })
end

-- W&B counts the threshold itself in, whichever is written.
local function scoring(sign)
    return function(self, where, value)
        local number_of = number(where, value)
        if value * sign <= 0 then
            fail(("%s: a z-score is compared with a number %s 0 there; :abs() takes both sides"):format(
                 where, sign > 0 and "above" or "below"))
        end
        if self.absolute and sign < 0 then
            fail(where .. ": the absolute z-score is compared by :ge(…)")
        end
        return condition("zscore_filter", "name", quote(self.name), "window_size", json(self.window),
                         "threshold", sign > 0 and number_of or json(-value),
                         "change_dir", self.absolute and '"ANY"' or sign > 0 and '"INCREASE"'
                             or '"DECREASE"', "baseline", self.of and quote(self.of))
    end
end

local scores = { gt = scoring(1), ge = scoring(1), lt = scoring(-1), le = scoring(-1) }

function scores.abs(self)
    return make(Score, { name = self.name, window = self.window, of = self.of, absolute = true })
end

local function methods(mt, table_of)
    function mt.__index(value, name)
        local self, method = inside[value], table_of[name]
        if not method then
            fail(("%s has no %s; there are %s%s"):format(describe(value), tostring(name),
                 table.concat(list(table_of), ", "), did_you_mean(name, list(table_of))))
        end
        return function(this, ...)
            if this ~= value then
                fail(("write a colon: :%s(…)"):format(name))
            end
            return method(self, ("metric(%s):%s"):format(quote(self.name), name), ...)
        end
    end
end

methods(Measure, measuring)
methods(Score, scores)

function words.metric(name)
    text_of("metric", name)
    return make(Measure, { name = name })
end

---- joining ----

local function parts(value, sign)
    if is(value, Condition) then
        return value
    elseif is(value, Filter) then
        return nil, value
    elseif is(value, Both) then
        return inside[value].condition, inside[value].filter
    end
    wrong("what is joined by " .. sign, "a filter or a condition", value)
end

-- a & b & c is one list of three; what stands in parentheses behind it stays together.
local function joined(op, a, b)
    local first, of = inside[a], { a, b }
    if first.op == op and not first.closed then
        of = table.move(first.of, 1, #first.of, 1, {})
        of[#of + 1] = b
    end
    return make(meta(a), { op = op, of = of })
end

local function band(a, b)
    local c1, f1 = parts(a, "&")
    local c2, f2 = parts(b, "&")
    local c = c1 and c2 and joined("$and", c1, c2) or c1 or c2
    local f = f1 and f2 and joined("$and", f1, f2) or f1 or f2
    return c and f and make(Both, { condition = c, filter = f }) or c or f
end

local function bor(a, b)
    local c1, f1 = parts(a, "|")
    local c2, f2 = parts(b, "|")
    if (c1 and c2 and not f1 and not f2) or (f1 and f2 and not c1 and not c2) then
        return joined("$or", a, b)
    end
    fail("a condition on metrics and a filter on the run are joined by &, never by |; conditions go with"
         .. " conditions, filters with filters")
end

local function bnot(value)
    if is(value, Filter) then
        return make(Filter, { op = "$not", of = { value } })
    end
    fail("a condition on a metric is not turned round by ~: write the opposite comparison")
end

for _, mt in ipairs { Filter, Condition, Both, Field, Measure, Score } do
    mt.__band, mt.__bor = band, bor
    mt.__bnot = function(value)
        parts(value, "~")
        return bnot(value)
    end
end

local function grouping(word, op)
    words[word] = function(...)
        local values, n = flatten(...)
        local of, first = {}, nil
        for i = 1, n do
            local c, f = parts(values[i], word)
            if (c and f) or (first and first ~= meta(values[i])) then
                fail(word .. " { … } takes filters, or conditions, not both")
            end
            first, of[i] = meta(values[i]), values[i]
        end
        if op == "$nor" and first == Condition then
            fail("none { … } takes filters; of a condition write the opposite comparison")
        end
        return make(first or Filter, { op = op, of = of, closed = true })
    end
end

grouping("all", "$and")
grouping("any", "$or")
grouping("none", "$nor")

-- What the language has no word for.
function words.raw(value)
    local text = type(value) == "string" and host.check("json", value) or json(value)
    return make(Raw, { json = text })
end

-- Called where it stands among the values of a table.
function Raw.__json(value) return inside[value].json end

local function filter_json(where, value, ...)
    if select("#", ...) > 0 then
        fail(where .. " takes one filter; join several by & or |")
    end
    if value == nil then
        return nil
    elseif is(value, Filter) then
        return node_json(value)
    elseif is(value, Raw) then
        return inside[value].json
    elseif is(value, Condition) or is(value, Both) then
        fail(where .. ": conditions on metrics belong to run_metric(…)")
    end
    wrong("the filter of " .. where, "a filter", value)
end

---- events ----

local function place(word, value)
    if not is(value, Scope) then
        wrong(word .. ": its first argument", 'a scope such as project "acme/vision"', value)
    end
    return inside[value]
end

local function event(wire, where, filter) return make(Event, { type = wire, scope = where, filter = filter }) end

for _, wire in ipairs { "CREATE_ARTIFACT", "LINK_MODEL", "UNLINK_ARTIFACT", "ADD_ARTIFACT_ALIAS",
                        "ADD_ARTIFACT_TAG", "REMOVE_ARTIFACT_TAG", "ADD_COLLECTION_TAG",
                        "REMOVE_COLLECTION_TAG", "RUN_ALERT" } do
    local word = wire:lower()
    words[word] = function(where, ...)
        return event(wire, place(word, where), filter_json(word, ...))
    end
end

function words.event(name, where, ...)
    text_of("event: its first argument", name)
    return event(name, place("event(" .. quote(name) .. ", …)", where), filter_json("event", ...))
end

local forms = {
    threshold_filter = "RUN_METRIC", change_filter = "RUN_METRIC_CHANGE",
    zscore_filter = "RUN_METRIC_ZSCORE",
}

local function run_metric(word, wire)
    words[word] = function(where, value, ...)
        local at = place(word, where)
        if select("#", ...) > 0 then
            fail(word .. " takes a scope and one condition; join conditions and filters by &")
        end
        if not (is(value, Condition) or is(value, Both)) then
            wrong(word .. ": its second argument", 'a condition such as metric("loss"):gt(1)', value)
        end
        local c, f = parts(value, "&")
        local form = inside[c].form and forms[inside[c].form] or "RUN_METRIC"
        if wire and form ~= wire then
            fail(("%s takes one condition of its own kind; this is for %s"):format(word, form:lower()))
        end
        return event(form, at, object("run_filter", f and node_json(f), "run_metric_filter", node_json(c)))
    end
end

run_metric("run_metric")
run_metric("run_metric_change", "RUN_METRIC_CHANGE")
run_metric("run_metric_zscore", "RUN_METRIC_ZSCORE")

function words.run_state(where, ...)
    local at, states, filter = place("run_state", where), {}, nil
    local given = { ... }
    local n = select("#", ...)
    if type(given[1]) == "table" and not inside[given[1]] then
        given = table.move(given, 2, n, #given[1] + 1, table.move(given[1], 1, #given[1], 1, {}))
        n = #given
    end
    for i = 1, n do
        if type(given[i]) == "string" then
            states[#states + 1] = quote(given[i])
        elseif i == n and #states > 0 then
            filter = filter_json("run_state", given[i])
        else
            wrong("run_state", 'given a scope, states such as "FAILED", and perhaps a filter', given[i])
        end
    end
    if #states == 0 then
        fail('run_state needs the states that it waits for: run_state(project "acme/vision", "FAILED")')
    end
    return event("RUN_STATE", at, object("run_filter", filter,
                                         "run_state_filter", object("states", array(states))))
end

function words.schedule(where, cron, zone, ...)
    local at = place("schedule", where)
    if select("#", ...) > 0 then
        fail("schedule takes a scope, a cron expression and perhaps a time zone")
    end
    return event("SCHEDULE", at, object("cron", text_of("the cron expression", cron),
                                        "time_zone", zone ~= nil and text_of("the time zone", zone)))
end

-- absence(project "acme/vision", metric "loss", "30m", filter, { per = "scope" })
function words.absence(where, of, lasting, ...)
    local at, given, filter, per = place("absence", where), { ... }, nil, nil
    local metric
    if is(of, Measure) and not inside[of].aggregated then
        metric, of = quote(inside[of].name), "run.metric"
    elseif type(of) ~= "string" then
        wrong("absence: what must not stay away", 'metric "loss", or a type such as "run.heartbeat"', of)
    end
    for i = 1, select("#", ...) do
        if type(given[i]) == "table" and not inside[given[i]] then
            check_members("absence", given[i], { "per" })
            per = given[i].per ~= nil and text_of("absence: per", given[i].per)
        elseif filter then
            fail("absence takes one filter; join several by & or |")
        else
            filter = filter_json("absence", given[i])
        end
    end
    local of_run = of == "run" or of:sub(1, 4) == "run."
    return event("ABSENCE", at, object("of", quote(of), "metric", metric,
                                       "for", text_of("absence: how long", lasting), "per", per or nil,
                                       of_run and "run_filter" or "filter", filter))
end

---- actions ----

function words.secret(name)
    text_of("secret", name)
    host.check("secret", name)
    return make(Secret, { name = name })
end

local function secret_name(where, value)
    if is(value, Secret) then
        return quote(inside[value].name)
    end
    return text_of(where, value)
end

local secrets_named = {}

local function secret_names(where, value)
    local out = {}
    if value == nil then
        return nil
    end
    if type(value) ~= "table" or inside[value] then
        wrong(where, 'a list of names such as { "TOKEN" }', value)
    end
    for i, name in ipairs(value) do
        out[i] = secret_name(where, name)
        secrets_named[out[i]] = true
    end
    return array(out)
end

-- Options of a sink: what stands in `config`, or beside the members that are ours.
local function options(where, given, ours)
    local config, n = {}, 0
    for name, value in pairs(given) do
        if type(name) ~= "string" then
            fail(("%s: %s stands there without a name"):format(where, describe(value)))
        elseif not ours[name] then
            config[name], n = value, n + 1
        end
    end
    if given.config ~= nil then
        if type(given.config) ~= "table" or inside[given.config] then
            wrong(where .. ": config", "a table of options", given.config)
        end
        for name, value in pairs(given.config) do
            if config[name] ~= nil then
                fail(("%s: %s is given twice"):format(where, quote(name)))
            end
            config[name], n = value, n + 1
        end
    end
    for name, value in pairs(config) do
        if is(value, Secret) then
            secrets_named[quote(inside[value].name)] = true
            config[name] = inside[value].name
        end
    end
    return n > 0 and json(config, where) or nil
end

local function endpoint(sink, path)
    local team, name = path:match("^([^/]*)/(.*)$")
    return make(Endpoint, { sink = sink, team = team, name = name or path })
end

function Endpoint.__call(value, given, ...)
    local self = inside[value]
    local where = ("%s %s"):format(self.sink or "to", quote(self.name))
    if type(given) ~= "table" or inside[given] or select("#", ...) > 0 then
        wrong("what " .. where .. " is to say", "a table { … }", given)
    end
    return make(Action, { to = self, secrets = secret_names(where .. ": secrets", given.secrets),
                          config = options(where, given, { secrets = true, config = true }) })
end

-- `slack`, or `github.dispatch`: any name that is no word is a sink's.
function Sink.__call(value, path, ...)
    local name = inside[value].name
    if type(path) ~= "string" or select("#", ...) > 0 then
        local meant = did_you_mean(name, list(words))
        fail(("%s is no word of this language%s"):format(quote(name), meant ~= "" and meant
             or "; as a sink it takes the name of an integration: " .. name .. ' "ops" { … }'))
    end
    return endpoint(name, path)
end

function Sink.__index(value, name)
    if type(name) ~= "string" then
        fail(("there is no %s[…]"):format(inside[value].name))
    end
    return make(Sink, { name = inside[value].name .. "." .. name })
end

function words.sink(name)
    text_of("sink", name)
    return make(Sink, { name = name })
end

function words.to(path)
    text_of("to", path)
    return endpoint(nil, path)
end

local function action_of(value)
    if is(value, Action) then
        return value
    elseif is(value, Endpoint) then
        return make(Action, { to = inside[value] })
    end
    wrong("what follows >>", 'an action such as slack "ops" { … }', value)
end

local function shr(left, right)
    local rule = { actions = {} }
    if is(left, Rule) then
        rule.event = inside[left].event
        table.move(inside[left].actions, 1, #inside[left].actions, 1, rule.actions)
    elseif is(left, Event) then
        rule.event = inside[left]
    else
        wrong("what stands before >>", 'an event such as run_state(project "acme/vision", "FAILED")',
              left)
    end
    local values, n = flatten(right)
    if n == 0 then
        fail("there is no action behind >>")
    end
    for i = 1, n do
        rule.actions[#rule.actions + 1] = action_of(values[i])
    end
    return make(Rule, rule)
end

for _, mt in ipairs { Event, Rule, Action, Endpoint, Filter, Condition, Both, Sink, Scope } do
    mt.__shr = shr
end

-- An integration of another team than the scope's is named with it, and so is one that a registry
-- uses, which belongs to its organization.
local function action_json(action, at)
    local self = inside[action]
    local team = self.to.team or (not at.organization and at.entity or nil)
    local near_by = team == at.entity and not (at.project and at.project:sub(1, #REGISTRY) == REGISTRY)
    local name = team and not near_by and team .. "/" .. self.to.name or self.to.name
    local function text(sink)
        return object("integration", quote(name), "sink", sink, "config", self.config,
                      "secrets", self.secrets)
    end
    return text(self.to.sink and quote(self.to.sink)), text(nil)
end

---- declarations ----

local things = { teams = {}, integrations = {}, automations = {}, tests = {} }
local declared, pending, count = {}, {}, 0
local manifest

local function declare(list_of, noun, owner, name, text)
    local key = noun .. "\0" .. owner .. "\0" .. name
    if declared[key] then
        fail(("%s %s was declared in line %d already"):format(noun, quote(name), declared[key]))
    end
    declared[key] = line()
    count = count + 1
    if count > host.things_max then
        fail(("a file describes at most %d teams, integrations and automations"):format(host.things_max))
    end
    list_of[#list_of + 1] = { json = text, line = line() }
end

-- team "acme" { organization = "globex" }
function Scope.__call(value, given)
    local self = inside[value]
    if not self.team then
        fail(('only a team is declared so: team "acme" { … }; %s needs no { … }'):format(describe(value)))
    end
    check_members("team " .. quote(self.entity), given, { "organization" })
    local organization = given.organization ~= nil and text_of("organization", given.organization)
    declare(things.teams, "team", "", self.entity, object("name", quote(self.entity),
                                                          "organization", organization or nil))
    return value
end

-- A word and a name, and then a table: noun "name" { … }, or noun("name", { … }).
local function declaring(word, read)
    words[word] = function(name, body, ...)
        text_of(word, name)
        if select("#", ...) > 0 then
            fail(('%s takes a name and a table: %s "…" { … }'):format(word, word))
        elseif body ~= nil then
            return read(name, body)
        end
        local value = make(Pending, { word = word, name = name, read = read })
        pending[value] = true
        return value
    end
end

function Pending.__call(value, body, ...)
    local self = inside[value]
    if select("#", ...) > 0 then
        fail(('%s %s takes one table { … }'):format(self.word, quote(self.name)))
    end
    pending[value] = nil
    return self.read(self.name, body)
end

local function need_table(word, name, body)
    if type(body) ~= "table" or inside[body] then
        wrong(("%s %s"):format(word, quote(name)), "followed by a table { … }", body)
    end
end

declaring("integration", function(name, body)
    local where = "integration " .. quote(name)
    need_table("integration", name, body)
    local team = body.team
    if is(team, Scope) and inside[team].team then
        team = inside[team].entity
    end
    local team_json = text_of(where .. ": team", team)
    local sink = is(body.sink, Sink) and inside[body.sink].name or body.sink
    local sink_json = text_of(where .. ": sink", sink)
    local ours = { team = true, sink = true, secrets = true, delivery = true, config = true }
    local text = object("team", team_json, "name", quote(name), "sink", sink_json,
                        "config", options(where, body, ours) or "{}",
                        "secrets", secret_names(where .. ": secrets", body.secrets),
                        "delivery", body.delivery ~= nil and json(body.delivery, where .. ": delivery"))
    declare(things.integrations, "integration", team, name, text)
    return make(Endpoint, { sink = sink, team = team, name = name })
end)

local function flag(where, value)
    if value ~= nil and type(value) ~= "boolean" then
        wrong(where, "true or false", value)
    end
    return value ~= nil and tostring(value) or nil
end

-- { filter = "large.lua" } is a file, { filter = [[ return { … } ]] } the script itself.
local function hooks_json(where, hooks)
    if hooks == nil then
        return nil
    end
    check_members(where, hooks, { "filter", "transform" })
    local texts = {}
    for _, name in ipairs { "filter", "transform" } do
        local hook = hooks[name]
        if type(hook) == "function" then
            fail(("%s.%s: a function cannot leave this file; give the script as a text,"
                  .. " [[ return { %s = … } ]], or the name of a file"):format(where, name, name))
        elseif type(hook) == "string" then
            hook = { [hook:find("^[%w_-]+%.lua$") and "file" or "code"] = hook }
        end
        if hook ~= nil then
            check_members(where .. "." .. name, hook, { "file", "code", "on_error" })
            texts[#texts + 1] = name
            texts[#texts + 1] = object("file", hook.file ~= nil and json(hook.file),
                                       "code", hook.code ~= nil and json(hook.code),
                                       "on_error", hook.on_error ~= nil and json(hook.on_error))
        end
    end
    return object(table.unpack(texts))
end

local members = { "description", "enabled", "dry_run", "limits", "hooks" }

local function read_rule(where, body)
    local rule
    for i, value in ipairs(body) do
        local other = body[i + 1]
        if is(value, Action) or is(value, Endpoint) or is(other, Action) or is(other, Endpoint) then
            fail(where .. ": >> is missing between the event and its action")
        elseif is(value, Event) then
            fail(where .. ' has no action: write event >> slack "ops" { … }')
        elseif not is(value, Rule) then
            wrong(where, "given an event >> an action", value)
        elseif i > 1 then
            fail(where .. " has two events; each event is an automation of its own, while several"
                 .. " actions of one are written event >> { a, b }")
        end
        rule = inside[value]
    end
    if not rule then
        fail(where .. ' has no event >> action in it, as in { run_state(project "acme/vision", "FAILED")'
             .. ' >> slack "ops" { … } }')
    end
    return rule
end

declaring("automation", function(name, body)
    local where = "automation " .. quote(name)
    need_table("automation", name, is(body, Rule) and {} or body)
    body = is(body, Rule) and { body } or body
    local rule, named = read_rule(where, body), {}
    for key, value in pairs(body) do
        if math.type(key) ~= "integer" or key < 1 or key > #body then
            named[key] = value
        end
    end
    check_members(where, named, members)
    local at, full, plain = rule.event.scope, {}, {}
    for i, action in ipairs(rule.actions) do
        full[i], plain[i] = action_json(action, at)
    end
    local function text(actions)
        return object("name", quote(name),
                      "description", body.description ~= nil and text_of(where .. ": description",
                                                                         body.description),
                      "enabled", flag(where .. ": enabled", body.enabled),
                      "dry_run", flag(where .. ": dry_run", body.dry_run), "scope", scope_json(at),
                      "event", object("type", quote(rule.event.type), "filter", rule.event.filter),
                      "limits", body.limits ~= nil and json(body.limits, where .. ": limits"),
                      "hooks", hooks_json(where .. ": hooks", body.hooks),
                      "actions", array(actions))
    end
    host.check("automation", text(plain), where)
    declare(things.automations, "automation", at.organization and at.organization .. " " or at.entity,
            name, text(full))
end)

function words.manifest(name)
    text_of("manifest", name)
    if manifest then
        fail("the manifest is named already, in line " .. manifest.line)
    elseif name == "" or #name > 128 then
        fail("the name of a manifest has 1 to 128 bytes")
    end
    manifest = { name = name, line = line() }
end

---- tests ----

local test                      -- the one that is being read

local function within_test(word)
    if not test then
        fail(word .. ' belongs into a test: test("what is claimed", function() … end)')
    end
end

local function step(word, text)
    within_test(word)
    test.steps[#test.steps + 1] = object(word, text, "line", json(line()))
end

function words.test(name, body, ...)
    text_of("test", name)
    if type(body) ~= "function" or select("#", ...) > 0 then
        wrong("test " .. quote(name), "followed by function() … end", body)
    elseif test then
        fail("a test does not stand in another")
    end
    test = { name = name, line = line(), steps = {} }
    body()
    things.tests[#things.tests + 1] = { line = test.line, json = object(
        "name", quote(name), "line", json(test.line), "steps", array(test.steps)) }
    test = nil
end

-- An event as a sender writes it, but shorter: project = "acme/vision", run = "r1", state = "FAILED",
-- metrics = { loss = 0.5 }, step = 3.
local function event_of(given)
    local e = {}
    for name, value in pairs(given) do
        e[name] = value
    end
    local at = e.scope
    e.scope = nil
    if at == nil and type(e.project) == "string" and e.entity == nil then
        at = words.project(e.project)
    elseif is(e.project, Scope) then
        at, e.project = e.project, nil
    end
    if at ~= nil then
        local self = place("given: scope", at)
        e.entity, e.project = self.entity or e.entity, self.project
        e.collection = self.collection or e.collection
    end
    if type(e.run) == "string" then
        e.run = { id = e.run }
    end
    if e.state ~= nil and type(e.run) == "table" and not inside[e.run] then
        local run = { state = e.state }
        for name, value in pairs(e.run) do
            run[name] = value
        end
        e.run, e.state = run, nil
    end
    if type(e.metrics) == "table" and not inside[e.metrics] and #e.metrics == 0 then
        local points = {}
        for name, value in ordered_pairs(e.metrics) do
            points[#points + 1] = { name = name, value = value, step = e.step }
        end
        e.metrics, e.step = points, nil
    end
    return e
end

function words.given(first, ...)
    within_test("given")
    if select("#", ...) > 0 or type(first) ~= "table" or inside[first] then
        wrong("given", "a table { type = …, … }", first)
    end
    local events = #first > 0 and first or { first }
    for _, given in ipairs(events) do
        if type(given) ~= "table" or inside[given] then
            wrong("given", "a table { type = …, … }", given)
        end
        step("given", host.check("event", json(event_of(given), "given"), "given"))
    end
end

function words.expect(given)
    check_members("expect", given, { "automation", "times", "payload", "payload_is", "action" })
    if given.times ~= nil and (math.type(given.times) ~= "integer" or given.times < 0) then
        wrong("expect: times", "a number of firings", given.times)
    end
    step("expect", object("automation", text_of("expect: automation", given.automation),
                          "times", given.times and json(given.times),
                          "action", given.action ~= nil and json(given.action),
                          "payload", given.payload ~= nil and json(given.payload, "payload"),
                          "payload_is", given.payload_is ~= nil and json(given.payload_is, "payload_is")))
end

function words.expect_nothing(name)
    step("expect_nothing", name ~= nil and text_of("expect_nothing", name) or "true")
end

---- the text itself ----

local keywords = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat return"
             .. " then true until while"):gmatch("%a+") do
    keywords[word] = true
end

local operators = {}
for _, names in ipairs { compare, measuring, scores } do
    for name in pairs(names) do
        operators[name] = true
    end
end

-- Calls fn(text, kind, line) for every token: "name", "keyword", "string", "number" or "sign".
local function each_token(text, fn)
    local at, number_of, len = 1, 1, #text
    while at <= len do
        local from, to = text:find("^[ \t\r]+", at)
        if from then
            at = to + 1
        end
        local c = text:sub(at, at)
        local long = text:match("^%-?%-?%[(=*)%[", at)
        local comment = text:find("^%-%-", at)
        local class = "sign"
        to = at
        if c == "" then
            return
        elseif c == "\n" then
            number_of, class = number_of + 1, nil
        elseif long and (comment or c == "[") and (not comment or text:find("^%-%-%[=*%[", at)) then
            local _, stop = text:find("]" .. long .. "]", at, true)
            to, class = stop or len, not comment and "string" or nil
        elseif comment then
            to, class = (text:find("\n", at, true) or len + 1) - 1, nil
        elseif c == '"' or c == "'" then
            class, to = "string", at + 1
            while to <= len and text:sub(to, to) ~= c and text:sub(to, to) ~= "\n" do
                to = to + (text:sub(to, to) == "\\" and 2 or 1)
            end
        elseif c:find("[%a_]") then
            _, to = text:find("^[%w_]+", at)
            class = keywords[text:sub(at, to)] and "keyword" or "name"
        elseif c:find("%d") then
            _, to = text:find("^[%w_.]+", at)
            class = "number"
        end
        if class then
            fn(text:sub(at, to), class, number_of)
        end
        if class ~= "name" and class ~= "keyword" and class ~= "number" and class ~= "sign" then
            local _, ends = text:sub(at, to):gsub("\n", "\n")
            number_of = number_of + (c == "\n" and 0 or ends)
        end
        at = to + 1
    end
end

-- `a and b` of two filters is b, and `a or b` is a: nothing at run time could tell, so the text is
-- asked.  Names that are called but never set are sinks' names.
local function look_at(text)
    local called, levels = {}, {}
    local level = { had_and = false }
    local before, last, chain = "", "", nil
    local was_operator, last_class = false, ""      -- the value before is a filter's

    each_token(text, function(token, class, number_of)
        local calls = class == "string" or token == "("
        if calls and last_class == "name" and chain then
            called[chain] = true
        end
        if (token == "and" or token == "or") and was_operator and not (token == "or" and level.had_and) then
            fail(("`%s` does not join filters, it only picks one of them: write %s (or put what is no"
                  .. " filter into parentheses)"):format(token, token == "and" and "&" or "|"), number_of)
        end
        local operator = last_class == "name" and before == ":" and operators[last] or false
        was_operator = class == "string" and operator
        if token == "(" or token == "{" or token == "[" then
            levels[#levels + 1] = level
            level = { had_and = false, operator = token == "(" and operator }
        elseif token == ")" or token == "}" or token == "]" then
            was_operator = token == ")" and level.operator or false
            level = table.remove(levels) or { had_and = false }
        elseif token == "and" then
            level.had_and = true
        elseif token == "," or token == ";" or token == "=" or token == "return" then
            level.had_and = false
        end
        if class == "name" and last ~= "." and last ~= ":" and last ~= "function" then
            chain = token
        elseif class ~= "name" and token ~= "." then
            chain = nil
        end
        before, last, last_class = last, token, class
    end)
    return called
end

---- what a file finds around it ----

words.null, words.array = host.null, host.array
words.belfry = host.read_only { json = host.read_only { null = host.null, array = host.array } }

local called = look_at(source)
local around = host.around      -- what there is of Lua's own library

-- Of Lua, but not of this.
local absent = {}
for name in ("print require load loadstring loadfile dofile collectgarbage coroutine os io debug package"
             .. " _G _VERSION warn"):gmatch("[%a_]+") do
    absent[name] = true
end

local function known()
    local names = list(words)
    for name in pairs(around) do
        names[#names + 1] = name
    end
    return names
end

for name, library in next, around do
    around[name] = type(library) == "table" and host.read_only(library) or library
end
around.pairs = function(t)
    if type(t) ~= "table" then
        fail("pairs needs a table, not " .. describe(t) .. hint(t))
    end
    return ordered_pairs(t)
end

local env = setmetatable({}, {
    __metatable = false,
    __index = function(_, name)
        local value = words[name]
        if value == nil then
            value = around[name]
        end
        if absent[name] then
            fail(name .. " is not to be had here: a file only describes what there should be")
        elseif value == nil and called[name] then
            return make(Sink, { name = name })
        elseif value == nil then
            fail(("%s is never set%s"):format(tostring(name), did_you_mean(name, known())))
        end
        return value
    end,
    __newindex = function(self, name, value)
        if words[name] ~= nil then
            fail(("%s is a word of this language; choose another name"):format(quote(name)))
        end
        rawset(self, name, value)
    end,
})

local function texts(of)
    local out, lines = {}, {}
    for i, one in ipairs(of) do
        out[i], lines[i] = one.json, one.line
    end
    return array(out), lines
end

local function finish(default)
    for value in pairs(pending) do
        local self = inside[value]
        fail(("%s %s is not declared: its { … } is missing"):format(self.word, quote(self.name)), self.line)
    end
    local teams, team_lines = texts(things.teams)
    local integrations, integration_lines = texts(things.integrations)
    local automations, automation_lines = texts(things.automations)
    local document = object("manifest", quote(manifest and manifest.name or default), "teams", teams,
                            "integrations", integrations, "automations", automations)
    local named = {}
    for name in pairs(secrets_named) do
        named[#named + 1] = name
    end
    table.sort(named)
    return document, object("secrets", array(named), "tests", (texts(things.tests))),
        { teams = team_lines, integrations = integration_lines, automations = automation_lines }
end

return env, finish, words
