/* test_box_library.c - what scripts are given: belfry.json, re, hash, time and log, and Lua's own
 * functions where they are not quite that. */
#include "core/script/box.h"
#include "tests/test.h"

#include <stdlib.h>

#include "core/base/base.h"

static const char event_text[] = "{\"type\":\"x.y\",\"entity\":\"acme\",\"data\":{\"a\":[3,1,2],\"o\":{}}}";

static const struct bf_box_event event = {.text = event_text, .len = sizeof(event_text) - 1};
static struct bf_buf out, words;
static char logged[4096];

static void on_log(void *arg, int level, const char *text)
{
    size_t len = strlen(logged);

    (void)arg;
    snprintf(logged + len, sizeof(logged) - len, "%d:%s\n", level, text);
}

/* A filter with this body; what went wrong is in `words`. */
static enum bf_said ask(const char *body)
{
    struct bf_box *b = bf_box_new(NULL, on_log, NULL);
    struct bf_script *s = NULL;
    struct bf_error err;
    char code[4096];
    enum bf_said said;

    bf_buf_fini(&out);
    bf_buf_fini(&words);
    bf_buf_init(&out, 64 * 1024);
    bf_buf_init(&words, 8192);
    snprintf(code, sizeof(code), "return { filter = function(event) %s end }", body);
    if (bf_box_load(b, "hook.lua", code, strlen(code), 0, &s, &err))
        test_failed(__FILE__, __LINE__, "%s\n%s", err.words, body);
    said = bf_box_call(s, BF_HOOK_FILTER, &event, NULL, NULL, 0, &out, &words);
    bf_script_free(s);
    bf_box_free(b);
    return said;
}

static void check_truths(const char *const *truths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char body[2048];

        snprintf(body, sizeof(body), "local json, re, time = belfry.json, belfry.re, belfry.time return %s",
                 truths[i]);
        if (ask(body) != BF_SAID_YES)
            test_failed(__FILE__, __LINE__, "%s: %s", truths[i], bf_buf_text(&words));
    }
}

static void check_errors(const char *const (*rows)[2], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ask(rows[i][0]) != BF_SAID_FAILED)
            test_failed(__FILE__, __LINE__, "no error: %s", rows[i][0]);
        CHECK_HAS(bf_buf_text(&words), rows[i][1]);
    }
}

static const char *const json_truths[] = {
    "json.encode({}) == '{}' and json.encode(json.array {}) == '[]'",
    "json.encode(json.decode('[]')) == '[]' and json.encode(json.decode('{}')) == '{}'",
    "json.encode(json.decode('[[],{},null]')) == '[[],{},null]'",
    "json.encode {b = 1, a = {1, 2, 3}} == '{\"a\":[1,2,3],\"b\":1}'",
    "json.encode(9007199254740993) == '9007199254740993'",
    "json.encode(math.mininteger) == '-9223372036854775808'",
    "json.decode('9223372036854775807') == math.maxinteger",
    "json.decode('9223372036854775808') == 2.0^63",
    "json.encode(0.1) == '0.1' and json.encode(1e300) == '1e+300' and json.encode(0.1 + 0.2) =="
    " '0.30000000000000004'",
    "json.encode(json.null) == 'null' and json.decode('null') == json.null",
    "json.encode('a\"\\u{1}\\u{e9}') == '\"a\\\\\"\\\\u0001\\u{e9}\"'",
    "json.decode('\"\\\\ud83d\\\\ude00\"') == '\\u{1f600}'",
    "select(2, json.decode('{\"a\":1,}')) == 'byte 7: a key in quotes expected'",
    "json.decode('') == nil and json.decode('[1] x') == nil",
    "json.encode(event.data) == '{\"a\":[3,1,2],\"o\":{}}'",
    "json.encode {event.data.o, event.data.a} == '[{},[3,1,2]]'",
    "json.copy(event.data).a[1] == 3 and rawequal(json.copy(5), 5)",
    "(function() local c = json.copy(event) c.data.a[4] = 9 return json.encode(c.data.a) end)() =="
    " '[3,1,2,9]'",
    "json.encode(setmetatable({1}, {__index = {5, 6}})) == '[1]'",
    "#json.encode(string.rep('x', 1000000)) == 1000002",
};

TEST(json_survives_the_way_there_and_back) { check_truths(json_truths, BF_COUNT(json_truths)); }

static const char *const json_errors[][2] = {
    {"belfry.json.encode { blocks = { {}, {}, { text = print_it } } }", "there is no \"print_it\""},
    {"local f = function() end belfry.json.encode { blocks = { {}, {}, { text = f } } }",
     "hook.lua:1: value.blocks[3].text is a function, which JSON has not"},
    {"belfry.json.encode { a = { b = 0/0 } }", "value.a.b is not a number (0/0)"},
    {"belfry.json.encode { math.huge }", "value[1] is infinite"},
    {"belfry.json.encode { a = '\\xff' }", "value.a is no UTF-8"},
    {"belfry.json.encode { ['\\xff'] = 1 }", "is no UTF-8"},
    {"belfry.json.encode { a = 'x\\0y' }", "value.a holds a zero byte"},
    {"belfry.json.encode { [1] = 1, [3] = 3 }", "value[2] is nil, and there are elements behind it"},
    {"belfry.json.encode { 1, a = 2 }", "value has both a name (\"a\") and numbers as keys"},
    {"belfry.json.encode { [true] = 2 }", "value has a boolean as a key"},
    {"belfry.json.encode { [0] = 2 }", "value has a number below 1, or a fraction, as a key"},
    {"belfry.json.encode(nil)", "value is nil; JSON's null is belfry.json.null"},
    {"local t = {} t.t = t belfry.json.encode(t)", "is nested more than 64 deep; does a table hold itself?"},
    {"local t = {} for i = 1, 40 do t = { t, t } end belfry.json.encode(t)", "KiB of JSON"},
    {"belfry.json.encode(belfry.json.array { a = 1 })", "value is marked as an array, and has names"},
    {"belfry.json.array(5)", "argument 1 of array must be a table, not a number"},
    {"belfry.json.decode(5, {}).x = 1", "a value is a number, so it has no members"},
};

TEST(what_json_has_not_is_an_error_that_says_where) { check_errors(json_errors, BF_COUNT(json_errors)); }

static const char *const re_truths[] = {
    "re.test('release-17', '^release-[0-9]+$') == true and re.test('x', 'y') == false",
    "re.match('v1.22', 'v([0-9]+)\\\\.([0-9]+)') == '1'",
    "select(2, re.match('v1.22', 'v([0-9]+)\\\\.([0-9]+)')) == '22'",
    "re.match('say 17 times', '[0-9]+') == '17' and re.match('say', '[0-9]+') == nil",
    "select(2, re.match('a', '(a)(b)?')) == false",
    "re.gsub('a1b22', '[0-9]+', '<%0>') == 'a<1>b<22>'",
    "select(2, re.gsub('a1b22', '[0-9]+', '')) == 2 and re.gsub('aaa', 'a', 'b', 2) == 'bba'",
    "re.gsub('k=v', '(\\\\w)=(\\\\w)', '%2=%1%%') == 'v=k%'",
    "re.gsub('abc', '', '-') == '-a-b-c-' and re.gsub('', '', 'x') == 'x'",
    "re.gsub('\\u{e9}a', '', '-') == '-\\u{e9}-a-'",
    "re.gsub('a b', '\\\\w', { a = 'x' }) == 'x b'",
    "re.gsub('a b', '\\\\w', function(c) return c:upper() end) == 'A B'",
    "re.gsub('a b', '(?i)A', 7) == '7 b'",
    "select('#', re.match(('x'):rep(31), ('(x)'):rep(31))) == 31",
    "re.test(('a'):rep(100000), 'a.{30}') == nil",
    "select(2, re.test(('a'):rep(100000), 'a.{30}')):find('the text has 100000 bytes') == 1",
    "re.gsub('abc', '(.)', function(c) for i = 1, 40 do re.test('x', 'p' .. i) end return c .. c end)"
    " == 'aabbcc'",
};

TEST(patterns_find_match_and_replace) { check_truths(re_truths, BF_COUNT(re_truths)); }

static const char *const re_errors[][2] = {
    {"belfry.re.test('x', '(a+')", "the pattern \"(a+\": this is no pattern: missing )"},
    {"belfry.re.test('x')", "argument 2 of test must be a string, not nothing"},
    {"belfry.re.test(event, 'x')", "argument 1 of test must be a string, not a table"},
    {"belfry.re.gsub('x', 'x', '%2')", "the replacement has %2, and the pattern 0 groups"},
    {"belfry.re.gsub('x', 'x', '%')", "% stands before a digit"},
    {"belfry.re.gsub('x', 'x', function() return {} end)", "a replacement must be a string, not a table"},
    {"belfry.re.test('x', ('(x)'):rep(40))", "more than 32 groups"},
    {"belfry.re.gsub(('a'):rep(20000), 'a[ab]*c|a', 'x')", "it took more than 10 million instructions"},
};

TEST(patterns_that_make_no_sense_are_errors) { check_errors(re_errors, BF_COUNT(re_errors)); }

static const char *const time_truths[] = {
    "time.parse('2026-11-23T12:00:00Z') == 1795435200000",
    "time.parse('yesterday') == nil and select(2, time.parse('yesterday')):find('no time') ~= nil",
    "time.format(1795435200000) == '2026-11-23T12:00:00.000Z'",
    "time.format(1795435200000, 'Europe/Berlin') == '2026-11-23T13:00:00.000+01:00'",
    "time.format(1795435200000, 'America/New_York') == '2026-11-23T07:00:00.000-05:00'",
    "time.format(1795435200000, 'Asia/Kolkata') == '2026-11-23T17:30:00.000+05:30'",
    "time.parse(time.format(1795435200123, 'Asia/Kolkata')) == 1795435200123",
    "(function() local p = time.parts(1795435200000, 'Asia/Tokyo') return p.year == 2026 and p.month == 11"
    " and p.day == 23 and p.hour == 21 and p.min == 0 and p.sec == 0 and p.wday == 1 end)()",
    "time.parts(-1).year == 1969 and time.parts(-1).ms == 999 and time.parts(-1).wday == 3",
    "time.parts(time.parse(event.received), 'UTC').year == 1970",
};

TEST(moments_have_names_in_every_zone) { check_truths(time_truths, BF_COUNT(time_truths)); }

static const char *const time_errors[][2] = {
    {"belfry.time.parts(0, 'Europe/Berln')", "there is no time zone \"Europe/Berln\""},
    {"belfry.time.parts(1e300)", "argument 1 of parts: a moment is in milliseconds"},
    {"belfry.time.format(0/0)", "a moment is in milliseconds"},
    {"belfry.time.now()", "there is no belfry.time.now"},
};

TEST(zones_and_moments_that_there_are_not_are_errors) { check_errors(time_errors, BF_COUNT(time_errors)); }

static const char *const lua_truths[] = {
    "belfry.hash.sha256('abc') == 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'",
    "belfry.hash.hmac_sha256('key', 'The quick brown fox jumps over the lazy dog') =="
    " 'f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8'",
    "tostring({}) == 'table' and tostring(string.rep) == 'function' and tostring(1.5) == '1.5'",
    "string.format('%s %d %5.2f %s', {}, 3, 1.5, json.null) == 'table 3  1.50 null'",
    "string.format('%q %s %%', 'x', setmetatable({}, {__tostring = function() return 'me' end})) =="
    " '\"x\" me %'",
    "select('#', table.unpack({}, 1, 3)) == 3",
    "(function() local t = {3, 1, 2} table.sort(t) return table.concat(t) end)() == '123'",
    "(function() local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return table.concat(t)"
    " end)() == '321'",
    "(function() local t = {} for i = 1, 1000 do t[i] = {k = i % 7, i = i} end"
    " table.sort(t, function(a, b) return a.k < b.k end)"
    " for i = 2, 1000 do if t[i-1].k == t[i].k and t[i-1].i > t[i].i then return false end end"
    " return true end)()",
    "(function() local k = '' for key in pairs {c = 1, a = 2, [2] = 0, [10] = 0, [1.5] = 0, b = 3,"
    " [true] = 1} do k = k .. tostring(key) .. ' ' end return k end)() == '1.5 2 10 a b c true '",
    "(function() local k = '' local t = {a = 1, b = 2, c = 3} for key in pairs(t) do t[key] = nil"
    " k = k .. key end return k end)() == 'abc'",
    "(function() local k = '' for key, v in next, {b = 1, a = 2} do k = k .. key .. v end return k end)()"
    " == 'a2b1'",
    "next({}) == nil and next({5}) == 1",
    "select(2, pcall(error, 'x', 0)) == 'x' and select(2, xpcall(error, function(e) return e .. '!' end,"
    " 'x')) == 'x!'",
    "select('#', xpcall(function(...) return ... end, error, 1, nil, nil)) == 4",
    "(function() local n = 0 for _ in pairs(belfry) do n = n + 1 end return n end)() == 5",
    "pairs({1})({}, math.maxinteger) == nil",
    "getmetatable(belfry) == false and getmetatable(_ENV) == false",
    "string.rep('', 1e15) == '' and ('ab'):rep(2, '-') == 'ab-ab'",
    "utf8.len('\\u{e9}') == 1 and math.max(1, 2) == 2 and math.type(1) == 'integer'",
    "table.concat(table.move({1, 2, 3}, 1, 3, 2), ',') == '1,1,2,3'",
    "type(nil) == 'nil' and type(event) == 'table' and type(event.data.a) == 'table'",
    "tostring(setmetatable({}, {__name = 'secret'})) == 'table'",
};

TEST(what_lua_gives_is_there_and_shows_no_addresses) { check_truths(lua_truths, BF_COUNT(lua_truths)); }

static const char *const lua_errors[][2] = {
    {"return '10' + 1", "hook.lua:1: \"10\" is a string, and nothing can be calculated with it;"
                        " tonumber() makes"},
    {"return event.data.a + 1", "event.data.a is a table, and nothing can be calculated with it"},
    {"return event.data.no > 5", "event.data.no is nil, and cannot be compared with a number"},
    {"return 5 >= event.data.no", "event.data.no is nil, and cannot be compared with a number"},
    {"return event.type < 5", "event.type is a string, and cannot be compared with a number;"
                              " tonumber() makes a number of text"},
    {"return 5 < event.type and true", "event.type is a string, and cannot be compared"},
    {"return event.type .. 5 > 5", "a number and a string cannot be compared"},
    {"return 1 < 2 and event.data.no > 5", "a number and nil cannot be compared"},
    {"return 5 > {}", "a table and a number cannot be compared"},
    {"return 'x' .. event.data.o", "event.data.o is a table, which .. does not join to text"},
    {"return #event.data.n", "event.data.n is nil and has no length"},
    {"return event.data.f()", "event.data.f is nil and cannot be called"},
    {"event.data.a[1] = 5", "hook.lua:1: event.data.a[1] cannot be set: the event is read-only here"},
    {"rawset(event, 'type', 'y')", "event.type cannot be set"},
    {"rawset(_ENV, 'type', 1)", "this table is protected"},
    {"string.rep = nil", "string.rep cannot be set"},
    {"x = 5", "\"x\" would be a global, and there are no new ones: write local x = ..."},
    {"setmetatable({}, {__gc = function() end})", "a metatable here has no __gc"},
    {"setmetatable({}, {__mode = 'k'})", "a metatable here has no __mode"},
    {"setmetatable(string, {})", "the metatable of this table is protected"},
    {"return string.format('%p', {})", "string.format has no %p"},
    {"return string.format('\\0%5p', {})", "string.format has no %p"},
    /* The step of a list believed that it was given one, and took any text for a table. */
    {"return pairs({1})(('A'):rep(64), 0)", "must be a table, not a string"},
    {"return pairs({1})()", "must be a table"},
    {"return pairs({1})(event, 1)", "must be a table"},
    /* pairs() gave the real table behind what is sealed. */
    {"local _, t = pairs(string) t.rep = nil", "string.rep cannot be set"},
    {"local _, t = pairs(belfry.json) t.null = 1", "belfry.json.null cannot be set"},
    {"local _, t = pairs(_ENV) t.x = 1", "\"x\" would be a global"},
    {"return math.random()", "there is no math.random: what a script says must be the same"},
    {"return print('x')", "there is no \"print\" here: belfry.log.info(text)"},
    {"return coroutine.create()", "there is no \"coroutine\" here"},
    {"return ('x'):trim()", "there is no string.trim"},
    {"for k in pairs { [{}] = 1 } do end", "the table has a table as a key"},
    {"table.move({}, 1, 1e15, 2)", "it took more than 10 million instructions"},
    {"table.concat(setmetatable({}, {__index = tostring}), '', 1, 1e15)", "10 million instructions"},
    {"local v = belfry.json.null return v.x", "v is null, so it has no member \"x\""},
    {"error({code = 5})", "hook.lua:1: {\"code\":5}"},
    {"error()", "the error is nil"},
    {"error('mine', 0)", "hook.lua:1: mine"},
    {"error(setmetatable({}, {__tostring = function() return 'me' end}))", "hook.lua:1: me"},
    {"assert(false)", "assertion failed!"},
    {"error(('x'):rep(5000))", "xxx..."},
    {"error('a\\27[31m\\xff')", "a?[31m?"},
};

TEST(errors_say_what_is_wrong_and_what_to_do) { check_errors(lua_errors, BF_COUNT(lua_errors)); }

TEST(a_call_logs_sixteen_lines_at_most)
{
    CHECK_INT(ask("for i = 1, 100 do belfry.log.warn('line ' .. i) end belfry.log.info('x') return true"),
              BF_SAID_YES);
    CHECK_HAS(logged, "1:line 1\n");
    CHECK_HAS(logged, "1:line 16\n");
    CHECK(!strstr(logged, "line 17"));
}
