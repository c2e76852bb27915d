/* The configuration file: an environment that holds nothing, lines, and files that mean harm. */
#include "core/script/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "tests/test.h"

static int on_setting(void *arg, const char *name, const char *value, int line,
                      struct bf_error *err)
{
    (void)err;
    bf_buf_printf(arg, "%s=%s:%d;", name, value ? value : "nothing", line);
    return BF_OK;
}

/* What a file sets, or "!" and what is said of it without its path. */
static void check_bytes(const char *text, size_t len, const char *want)
{
    char path[200];
    struct bf_error err = {0};
    struct bf_buf b;
    FILE *f;

    snprintf(path, sizeof(path), "%s/belfry.lua", test_dir());
    f = fopen(path, "w");
    fwrite(text, 1, len, f);
    fclose(f);
    bf_buf_init(&b, 65536);
    if (bf_config_read(path, on_setting, &b, &err)) {
        const char *words = strstr(err.words, path) == err.words ? err.words + strlen(path) : err.words;

        bf_buf_clear(&b);
        bf_buf_printf(&b, "!%s", words);
    }
    if (*want == '!' && strncmp(bf_buf_text(&b), want, strlen(want)) == 0)
        want = bf_buf_text(&b);
    CHECK_STR(bf_buf_text(&b), want);
    bf_buf_fini(&b);
    unlink(path);
}

static void check(const char *text, const char *want) { check_bytes(text, strlen(text), want); }

TEST(settings_come_with_the_line_that_set_them_last)
{
    check("listen = '127.0.0.1:0'\n", "listen=127.0.0.1:0:1;");
    check("\n\nthreads = 2\nthreads = threads + 1\n", "threads=3:4;");
    check("live = true", "live=true:1;");
    check("allow = { '10.0.0.0/8',\n 'fd00::/8', 7 }", "allow=10.0.0.0/8 fd00::/8 7:2;");
    check("bad = {{}}", "bad=nothing:1;");
    check("bad = function() end", "bad=nothing:1;");
    check("_ENV['a b'] = 1", "?=1:1;");
    check("_ENV[1] = 1", "?=1:1;");
    check("_ENV[''] = 1", "?=1:1;");
    check("_ENV['\\0x'] = 1", "?=1:1;");
    check("listen = 'x' listen = nil", "");
    check("", "");
}

TEST(a_table_with_names_is_a_json_object)
{
    check("sources = { b = { url = 'x\"y', every = 5, on = true }, a = { list = { 1, 'two' } } }",
          "sources={\"a\":{\"list\":[1,\"two\"]},\"b\":{\"every\":5,\"on\":true,\"url\":\"x\\\"y\"}}:1;");
    check("s = { a = {} }", "s={\"a\":[]}:1;");
    check("s = { a = 1, 2 }", "s=nothing:1;");
    check("s = { a = function() end }", "s=nothing:1;");
    check("s = {} s.s = s", "s=nothing:1;");            /* without end */
    check("s = { [0.5] = 1 }", "s=nothing:1;");
}

/* Each of these names would be a global of Lua's. */
TEST(no_global_is_to_be_seen)
{
    static const char *const names[] = {
        "assert", "collectgarbage", "coroutine", "debug", "dofile", "error", "getmetatable", "io",
        "ipairs", "load", "loadfile", "math", "next", "os", "package", "pairs", "pcall", "print",
        "rawequal", "rawget", "rawlen", "rawset", "require", "select", "setmetatable", "string",
        "table", "tonumber", "tostring", "type", "utf8", "warn", "xpcall", "_G", "_VERSION",
        "belfry", "arg",
    };
    char text[100];

    for (size_t i = 0; i < BF_COUNT(names); i++) {
        snprintf(text, sizeof(text), "seen = %s ~= nil", names[i]);
        check(text, "seen=false:1;");
    }
}

TEST(hostile_files_end_with_an_error)
{
    static const struct {
        const char *text, *want;
    } table[] = {
        {"while true do end", "!:1: the file runs too long"},
        {"local function f() return f() end f()", "!:1: the file runs too long"},
        {"local function f() return 1 + f() end f()", "! takes more than 4 MiB of memory"},
        {"local s = 'xxxxxxxxxxxxxxxx' while true do s = s .. s end", "! takes more than 4 MiB of memory"},
        {"local t = {} local i = 1 while true do t[i] = {} i = i + 1 end", "! takes more than 4 MiB of memory"},
        {"local i = 1 while true do _ENV[i] = i i = i + 1 end", "!"},
        {"x = ('x'):rep(1000000000)", "!:1: attempt to index a string value"},
        {"os.exit(1)", "!:1: attempt to index a nil value (global 'os'); there is no library here"},
        {"require 'os'", "!:1: attempt to call a nil value (global 'require')"},
        {"local a <close> = {}", "!:1: variable 'a' got a non-closable value"},
        {"x = = 1", "!:1: unexpected symbol near '='"},
        {"return 1, 2, 3", "! returns something, and settings are set: listen = "},
        {"return { listen = 'x' }", "! returns something"},
        {"x = 1 // 0", "!:1: attempt to divide by zero"},
        {"goto nowhere", "!:1: no visible label 'nowhere' for <goto>"},
    };

    for (size_t i = 0; i < BF_COUNT(table); i++)
        check(table[i].text, table[i].want);
    check_bytes("\x1bLua\x54\x00\x19\x93\r\n\x1a\n", 12, "!");
    check_bytes("x = 1\0y = 2", 11, "!");
}

TEST(nesting_and_size_have_an_end)
{
    char *text = malloc(BF_CONFIG_MAX + 2);

    memset(text, '(', 100000);
    check_bytes(text, 100000, "!");
    memset(text, '{', 100000);
    memcpy(text, "x =", 3);
    check_bytes(text, 100000, "!");
    memset(text, ' ', BF_CONFIG_MAX + 1);
    memcpy(text, "x = 1", 5);
    check_bytes(text, BF_CONFIG_MAX, "x=1:1;");
    check_bytes(text, BF_CONFIG_MAX + 1, "! has more than 1048576 bytes");
    free(text);
}

TEST(what_cannot_be_read_is_said)
{
    struct bf_error err;

    CHECK_INT(bf_config_read("/nowhere/belfry.lua", on_setting, NULL, &err), BF_ECONFIG);
    CHECK_STR(err.words, "cannot read /nowhere/belfry.lua: No such file or directory");
    CHECK_INT(bf_config_read("/dev/zero", on_setting, NULL, &err), BF_ECONFIG);
    CHECK_STR(err.words, "/dev/zero has more than 1048576 bytes");
    CHECK_INT(bf_config_read("/", on_setting, NULL, &err), BF_ECONFIG);
}
