/* test_box_hostile.c - what people try: each script ends as an error in this process, and the box goes
 * on.  What no budget of the box's can end, such as string patterns, is the script processes' to end. */
#include "core/script/box.h"
#include "tests/test.h"

#include <stdlib.h>

#include "core/base/base.h"

static const char event_text[] = "{\"type\":\"x.y\",\"entity\":\"acme\",\"data\":{\"a\":[1,2,3]}}";
static const struct bf_box_event event = {.text = event_text, .len = sizeof(event_text) - 1};
static struct bf_buf out, words;

#define BUDGET "million instructions"
#define MEMORY "MiB of memory"
#define DEEP   "does a recursion not end?"

/* The body of a filter, and a part of what is said of it. */
static const struct {
    const char *name, *body, *words;
} hostile[] = {
    /* time */
    {"endless loop", "while true do end", BUDGET},
    {"endless repeat", "repeat local x = 1 until false", BUDGET},
    {"goto loop", "::again:: goto again", BUDGET},
    {"numeric loop", "for i = 1, math.huge do end", BUDGET},
    {"pcall loop", "while true do pcall(function() while true do end end) end", BUDGET},
    {"pcall of pcall", "local function f() pcall(f) pcall(f) end while true do f() end", BUDGET},
    {"xpcall with a handler that loops",
     "xpcall(function() while true do end end, function() while true do end end)", BUDGET},
    {"xpcall within the handler",
     "local function h() xpcall(error, h) while true do end end xpcall(error, h)", "recursion|million|nested"},
    {"__close that loops",
     "local c <close> = setmetatable({}, {__close = function() while true do end end}) while true do end",
     BUDGET},
    {"__close that catches",
     "while true do pcall(function() local c <close> = setmetatable({}, {__close = function()"
     " pcall(function() while true do end end) while true do end end}) error('x') end) end", BUDGET},
    {"many __close",
     "local function f(n) local c <close> = setmetatable({}, {__close = function() while true do end end})"
     " if n > 0 then f(n - 1) end while true do end end f(100)", BUDGET},
    {"__index that loops", "return setmetatable({}, {__index = function() while true do end end}).x", BUDGET},
    {"__eq that loops",
     "local m = {__eq = function() while true do end end} return setmetatable({}, m) == setmetatable({}, m)",
     BUDGET},
    {"__lt in sort that loops",
     "local m = {__lt = function() while true do end end} local t = {} for i = 1, 9 do"
     " t[i] = setmetatable({}, m) end table.sort(t)", BUDGET},
    {"comparator that loops", "table.sort({3, 2, 1}, function() while true do end end)", BUDGET},
    {"gsub callback that loops", "('x'):gsub('.', function() while true do end end)", BUDGET},
    {"iterator that never ends", "for _ in function() return 1 end do end", BUDGET},
    {"__pairs that never ends",
     "for _ in pairs(setmetatable({}, {__pairs = function() return function() return 1 end end})) do end",
     BUDGET},
    {"__tostring that loops", "tostring(setmetatable({}, {__tostring = function() while true do end end}))",
     BUDGET},
    {"__concat that loops",
     "return 'x' .. setmetatable({}, {__concat = function() while true do end end})", BUDGET},
    {"__len that lies", "table.insert(setmetatable({}, {__len = function() return 1e15 end}), 1, 'x')", BUDGET},
    {"__len that lies to remove", "table.remove(setmetatable({}, {__len = function() return 1e15 end}), 1)",
     BUDGET},
    {"__len that lies to sort",
     "table.sort(setmetatable({}, {__len = function() return 1e15 end, __index = tostring}))", BUDGET},
    {"__len that lies to unpack",
     "table.unpack(setmetatable({}, {__len = function() return 1e15 end}))", BUDGET},
    {"move of the whole number line", "table.move({}, math.mininteger, -1, 1)", "million|too many|wrap"},
    {"concat of what is not there", "table.concat(setmetatable({}, {__index = tostring}), '', 1, 2^53)", BUDGET},
    {"next in circles", "local t = {} for i = 1, 5000 do t['k' .. i] = i end for k in next, t do end", BUDGET},
    {"gsub that looks far for each match", "belfry.re.gsub(('a'):rep(20000), 'a[ab]*c|a', '')", BUDGET},
    {"a thousand patterns", "for i = 1, 1e6 do belfry.re.test('x', 'x{' .. i % 900 .. '}') end", BUDGET},
    {"hashing for ever", "local s = ('x'):rep(1e6) while true do belfry.hash.sha256(s) end", BUDGET},
    {"encoding for ever", "while true do belfry.json.encode(event) end", BUDGET},
    /* memory */
    {"table without end", "local t = {} for i = 1, 1e9 do t[i] = i end", MEMORY},
    {"tables in tables", "local t = {} while true do t = {t, t} end", MEMORY},
    {"text that doubles", "local s = 'x' while true do s = s .. s end", MEMORY},
    {"rep", "return ('x'):rep(1e9)", "the text would be larger than all the memory"},
    {"rep of rep", "return (('x'):rep(1e6)):rep(1e6)", "the text would be larger than all the memory"},
    {"rep with a separator", "return ('x'):rep(2^60, 'yyyyyyyyyy')", "the text would be larger"},
    {"concat", "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(1e5) end return table.concat(t)", MEMORY},
    {"gsub that grows", "return (('x'):rep(1e5)):gsub('.', ('y'):rep(1e5))", MEMORY},
    {"format that grows", "local s = ('x'):rep(4e6) return string.format('%s%s%s%s', s, s, s, s)", MEMORY},
    {"pack that grows", "return string.pack('!16 s s s s', ('x'):rep(4e6), ('x'):rep(4e6), ('x'):rep(4e6),"
                        " ('x'):rep(4e6))", MEMORY},
    {"re.gsub that grows", "return belfry.re.gsub(('x'):rep(30000), 'x', ('y'):rep(10000))", "memory|million"},
    {"memory errors that are caught", "while true do pcall(string.rep, 'x', 15e6) end", BUDGET},
    {"text that is joined again and again",
     "local s = ('x'):rep(2e6) while true do local t = s .. s end", BUDGET},
    {"varargs", "local function f(...) return f(1, ...) end f()", "memory|too deep|million"},
    {"unpack", "return table.unpack({}, 1, 1e7)", "too many results|million"},
    {"select", "return select('#', ('x'):rep(1e6):byte(1, -1))", "there are too many values at once: string slice too long"},
    {"closures", "local t = {} for i = 1, 1e9 do t[i] = function() return i end end", MEMORY},
    {"an encoding that doubles", "local t = {} for i = 1, 50 do t = {t, t} end belfry.json.encode(t)",
     "KiB of JSON"},
    {"big names", "local t = {} for i = 1, 1e6 do t[('k'):rep(100) .. i] = true end", "memory|million"},
    /* depth */
    {"recursion", "local function f() return 1 + f() end f()", DEEP},
    {"recursion through pcall", "local function f() return pcall(f) end local ok, e = f() error(e)",
     "recursion|too deep|true|overflow|boolean"},
    {"recursion through gsub", "local function f() return (('x'):gsub('.', f)) end f()", DEEP},
    {"recursion through sort", "local function f() table.sort({1, 2}, f) end f()", DEEP},
    {"recursion through tostring",
     "local t = setmetatable({}, {}) getmetatable(t).__tostring = function() return tostring(t) end tostring(t)",
     DEEP},
    {"recursion through format",
     "local t = setmetatable({}, {}) getmetatable(t).__tostring = function() return ('%s'):format(t) end"
     " tostring(t)", DEEP},
    {"recursion through __index", "local t = setmetatable({}, {__index = function(t, k) return t[k] end})"
                                  " return t.x", DEEP},
    {"a long chain of __index",
     "local t = {} for i = 1, 3000 do t = setmetatable({}, {__index = t}) end return t.x", "'__index' chain"},
    {"recursion through __newindex",
     "local t = setmetatable({}, {__newindex = function(t, k, v) t[k] = v end}) t.x = 1", DEEP},
    {"recursion through __concat",
     "local t = setmetatable({}, {}) getmetatable(t).__concat = function(a, b) return a .. b end"
     " return t .. 'x'", DEEP},
    {"recursion through __close",
     "local function f() local c <close> = setmetatable({}, {__close = f}) end f()", DEEP},
    {"recursion through re.gsub", "local function f() return (belfry.re.gsub('x', '.', f)) end f()", DEEP},
    {"a table in itself", "local t = {} t[1] = t belfry.json.encode(t)", "nested more than 64 deep"},
    {"patterns that recurse", "('x'):rep(300000):match(('(.-)'):rep(32) .. ('x?'):rep(300) .. 'y')",
     "pattern too complex|million|boolean|nothing"},
    /* errors */
    {"nil error", "error(nil)", "the error is nil"},
    {"table error", "error({})", "{}"},
    {"function error", "error(function() end)", "function"},
    {"error with a hostile __tostring",
     "error(setmetatable({}, {__tostring = function() while true do end end}))", "cannot be shown"},
    {"error with a __tostring that fails",
     "error(setmetatable({}, {__tostring = function() error('x') end}))", "cannot be shown"},
    {"error with a __tostring that is no string",
     "error(setmetatable({}, {__tostring = function() return {} end}))", "cannot be shown"},
    {"error with a __tostring that is no function", "error(setmetatable({}, {__tostring = 5}))",
     "cannot be shown"},
    {"error with a __name", "error(setmetatable({}, {__name = ('x'):rep(1e6)}))", "{}"},
    {"error of a megabyte", "error(('x'):rep(1e6))", "xxx..."},
    {"error that holds itself", "local t = {} t.t = t error(t)", "cannot be shown"},
    {"error of bytes", "error('\\xff\\xfe\\0\\27[2J')", "??"},
    {"error in a handler", "error(select(2, xpcall(error, function() error('y') end)))", "y"},
    {"error in __close", "local c <close> = setmetatable({}, {__close = function() error('late') end}) error('x')",
     "late"},
    {"a message that looks like ours", "error('hook.lua:99: mine', 0)", "hook.lua:99: mine"},
    /* ways out */
    {"load", "return load('return 1')()", "there is no \"load\""},
    {"loadstring", "return loadstring('return 1')()", "there is no \"loadstring\""},
    {"dofile", "dofile('/etc/passwd')", "there is no \"dofile\""},
    {"require", "require('os')", "there is no \"require\""},
    {"io", "io.open('/etc/passwd')", "there is no \"io\""},
    {"os", "os.execute('id')", "there is no \"os\""},
    {"debug", "debug.getinfo(1)", "there is no \"debug\""},
    {"coroutine", "coroutine.wrap(function() while true do end end)()", "there is no \"coroutine\""},
    {"collectgarbage", "collectgarbage('stop')", "there is no \"collectgarbage\""},
    {"dump", "return string.dump(function() end)", "there is no string.dump"},
    {"dump as a method", "return ('x').dump(function() end)", "there is no string.dump"},
    {"__gc", "setmetatable({}, {__gc = function() while true do end end})", "has no __gc"},
    {"__gc that comes later", "local m = {} local t = setmetatable({}, m) m.__gc = function() end"
                              " setmetatable(t, m)", "has no __gc"},
    {"the metatable of strings", "getmetatable('').__index = nil", "false|boolean"},
    {"the metatable of strings, set", "setmetatable('x', {})", "must be a table"},
    {"the metatable of events", "setmetatable(event, {})", "must be a table, not a table|table"},
    {"the metatable of the environment", "setmetatable(_ENV, {})", "protected"},
    {"_ENV of another function", "local _ENV = {} x = 1 return y.z", "y is nil"},
    {"globals", "rawset(_ENV, 'pairs', nil)", "protected"},
    {"globals by name", "pairs = nil", "\"pairs\" would be a global"},
    {"a library", "string.rep = function() end", "string.rep cannot be set"},
    {"a library, raw", "rawset(string, 'rep', nil)", "protected"},
    {"a library through its functions", "table.insert(string, 'x')", "cannot be set|string has functions"},
    {"ours", "belfry.json.encode = nil", "belfry.json.encode cannot be set"},
    {"null", "belfry.json.null.x = 1", "null"},
    {"random", "return math.random()", "there is no math.random"},
    {"addresses", "return string.format('%p', {})", "no %p"},
    {"text that counts", "return '10' + 1", "nothing can be calculated with it"},
    {"text that counts, negated", "return -'2'", "nothing can be calculated with it"},
    {"text that counts, in bits", "return '3' & 1", "nothing can be calculated with it"},
    {"an event that is changed", "event.type = 'z'", "event.type cannot be set"},
    {"an event that is changed, raw", "rawset(event, 'type', 'z')", "event.type cannot be set"},
    {"an event that is sorted", "table.sort(event.data.a, function(a, b) return a > b end)", "cannot be set"},
    {"weak tables", "setmetatable({}, {__mode = 'k'})", "has no __mode"},
};

static bool says_one_of(const char *text, const char *parts)
{
    char all[200], *save, *part;

    snprintf(all, sizeof(all), "%s", parts);
    for (part = strtok_r(all, "|", &save); part; part = strtok_r(NULL, "|", &save))
        if (strstr(text, part))
            return true;
    return false;
}

static struct bf_script *load(struct bf_box *b, const char *body)
{
    struct bf_script *s = NULL;
    struct bf_error err;
    char code[2048];

    snprintf(code, sizeof(code), "return { filter = function(event) %s end }", body);
    if (bf_box_load(b, "hook.lua", code, strlen(code), 0, &s, &err))
        test_failed(__FILE__, __LINE__, "%s\n%s", err.words, body);
    return s;
}

static enum bf_said call(struct bf_script *s)
{
    bf_buf_clear(&out);
    bf_buf_clear(&words);
    return bf_box_call(s, BF_HOOK_FILTER, &event, NULL, NULL, 0, &out, &words);
}

static bool is_good(struct bf_box *b)
{
    struct bf_script *s = load(b, "return #event.data.a == 3 and ('x'):rep(3) == 'xxx' and #pairs == nil");
    enum bf_said said;

    bf_script_free(s);
    s = load(b, "return #event.data.a == 3 and ('x'):rep(3) == 'xxx' and type(pairs) == 'function'");
    said = call(s);
    bf_script_free(s);
    return said == BF_SAID_YES;
}

TEST(every_hostile_script_ends_as_an_error_and_the_box_goes_on)
{
    /* A tenth of the usual budget: there are a hundred of them, and sanitizers are slow. */
    struct bf_box_limits limits = {BF_BOX_MEMORY, BF_BOX_INSTRUCTIONS / 5};
    struct bf_box *b = bf_box_new(&limits, NULL, NULL);

    bf_buf_init(&out, 64 * 1024);
    bf_buf_init(&words, 8192);
    for (size_t i = 0; i < BF_COUNT(hostile); i++) {
        struct bf_script *s = load(b, hostile[i].body);

        for (int again = 0; again < 2; again++) {
            if (call(s) != BF_SAID_FAILED)
                test_failed(__FILE__, __LINE__, "%s: no error", hostile[i].name);
            if (!says_one_of(bf_buf_text(&words), hostile[i].words))
                test_failed(__FILE__, __LINE__, "%s: %s", hostile[i].name, bf_buf_text(&words));
            CHECK(words.len < 3000 && !strstr(bf_buf_text(&words), "[C]") && !strstr(bf_buf_text(&words), "0x"));
        }
        bf_script_free(s);
        if (!is_good(b))
            test_failed(__FILE__, __LINE__, "behind %s: %s", hostile[i].name, bf_buf_text(&words));
        CHECK(bf_box_used(b) <= BF_BOX_MEMORY);
    }
    bf_box_free(b);
}

/* Texts that are hostile to the compiler. */
static void check_load(struct bf_box *b, const char *name, const char *code, size_t len, const char *parts)
{
    struct bf_script *s = NULL;
    struct bf_error err = {0};

    if (bf_box_load(b, "hook.lua", code, len, 0, &s, &err) == BF_OK)
        test_failed(__FILE__, __LINE__, "%s: no error", name);
    if (!says_one_of(err.words, parts))
        test_failed(__FILE__, __LINE__, "%s: %s", name, err.words);
}

static char *many(const char *begin, const char *part, size_t n, const char *end)
{
    struct bf_buf b;

    bf_buf_init(&b, 1024 * 1024);
    bf_buf_adds(&b, begin);
    for (size_t i = 0; i < n; i++)
        bf_buf_adds(&b, part);
    bf_buf_adds(&b, end);
    return bf_buf_take(&b);
}

TEST(texts_that_are_hostile_to_the_compiler_are_refused)
{
    static const struct {
        const char *name, *begin, *part, *end, *words;
    } rows[] = {
        {"parentheses", "return ", "(", "", "too deep"},
        {"tables", "return ", "{", "", "too deep"},
        {"not", "return ", "not ", "true", "too deep"},
        {"concatenation", "return 'x'", "..'x'", "", "too deep"},
        {"power", "return 2", "^2", "", "too deep"},
        {"functions", "return ", "function() return ", "", "too deep"},
        {"blocks", "", "do ", "", "too deep"},
        {"locals", "", "local x ", "", "too many local variables"},
        {"calls", "return x", "(1)", "", "there is no \"x\""},
        {"arguments", "return type(1", ",1", ")", "registers|table|limit"},
        {"a text without end", "return [[", "]=]", "", "unfinished|near"},
        {"a comment without end", "--[[", "x", "", "unfinished"},
    };
    struct bf_box *b = bf_box_new(NULL, NULL, NULL);

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        char *code = many(rows[i].begin, rows[i].part, 7000, rows[i].end);

        check_load(b, rows[i].name, code, strlen(code), rows[i].words);
        free(code);
    }
    check_load(b, "bytecode", "\x1bLua\x54\0\x19\x93\r\n\x1a\n", 12, "this is no text");
    check_load(b, "bytes", "\xff\xfe\0\0", 4, "unexpected symbol");
    check_load(b, "nothing", "", 0, "returns a table");
    check_load(b, "a zero byte", "return \0 1", 10, "unexpected symbol|near");
    CHECK(is_good(b));
    bf_box_free(b);
}

/* What a script keeps from one call is over in the next one, and no look at freed memory. */
TEST(an_event_that_is_kept_for_later_is_an_error)
{
    struct bf_box *b = bf_box_new(NULL, NULL, NULL);
    struct bf_error err;
    struct bf_script *s;
    const char *code = "local kept return { filter = function(event)\n"
                       "  local old = kept kept = event.data.a\n"
                       "  return old == nil or old[1] == 1 end }";

    bf_buf_init(&out, 1024);
    bf_buf_init(&words, 8192);
    CHECK_INT(bf_box_load(b, "hook.lua", code, strlen(code), 0, &s, &err), BF_OK);
    CHECK_INT(call(s), BF_SAID_YES);
    CHECK_INT(call(s), BF_SAID_FAILED);
    CHECK_HAS(bf_buf_text(&words), "hook.lua:3: this is of an event that is over");
    bf_script_free(s);
    bf_box_free(b);
}

/* A script that lets its memory grow from call to call is stopped, and only this script. */
TEST(what_one_script_keeps_takes_nothing_from_the_box_once_it_is_gone)
{
    struct bf_box *b = bf_box_new(NULL, NULL, NULL);
    struct bf_script *s = load(b, "return true");
    size_t before;

    bf_buf_init(&out, 1024);
    bf_buf_init(&words, 8192);
    call(s);
    bf_script_free(s);
    before = bf_box_used(b);
    for (int i = 0; i < 200; i++) {
        s = load(b, "local t = {} for i = 1, 1000 do t[i] = {} end return true");
        CHECK_INT(call(s), BF_SAID_YES);
        bf_script_free(s);
    }
    CHECK(bf_box_used(b) < before + 1024 * 1024);
    bf_box_free(b);
}
