/* test_box_order.c - what a script says does not depend on the process that it is asked in.
 *
 * Lua hashes strings with a seed that is another one in each process, so its own `next` goes through a
 * table in another order there.  This program runs itself a few times to see both: that the seed
 * does differ, or the test would prove nothing, and that a box's order does not. */
#include "core/script/box.h"
#include "tests/test.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/base.h"

#define KEYS 200
#define RUNS 4
#define LINE 16384

static const char code[] =
    "return { transform = function(payload, event)\n"
    "  local t, out = {}, {}\n"
    "  for i = 1, 200 do t['key' .. i] = i t[i * 7 % 31] = i t[i / 4] = i end\n"
    "  for k in pairs(t) do out[#out + 1] = tostring(k) end\n"
    "  for k in next, t do out[#out + 1] = tostring(k) end\n"
    "  local rows = {}\n"
    "  for i = 1, 500 do rows[i] = { k = (i * i) % 5, i = i } end\n"
    "  table.sort(rows, function(a, b) return a.k < b.k end)\n"
    "  for i, row in ipairs(rows) do out[#out + 1] = row.i end\n"
    "  out[#out + 1] = tostring(t) .. tostring(pairs) .. string.format('%s', {})\n"
    "  return { text = table.concat(out, ' '), names = t and { z = 1, y = 2, x = 3 } }\n"
    "end }\n";

static void print_order_of_lua(void)
{
    lua_State *L = luaL_newstate();

    lua_newtable(L);
    for (int i = 0; i < KEYS; i++) {
        lua_pushfstring(L, "key%d", i);
        lua_pushboolean(L, 1);
        lua_settable(L, -3);
    }
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        printf("%s ", lua_tostring(L, -2));
        lua_pop(L, 1);
    }
    printf("\n");
    lua_close(L);
}

static void print_order_of_box(void)
{
    static const struct bf_box_event event = {.text = "{}", .len = 2};
    struct bf_box *b = bf_box_new(NULL, NULL, NULL);
    struct bf_script *s;
    struct bf_buf out, words;
    struct bf_error err;

    bf_buf_init(&out, LINE);
    bf_buf_init(&words, LINE);
    if (bf_box_load(b, "order.lua", code, sizeof(code) - 1, 0, &s, &err))
        printf("%s\n", err.words);
    else if (bf_box_call(s, BF_HOOK_TRANSFORM, &event, NULL, "{}", 2, &out, &words) != BF_SAID_CHANGED)
        printf("%s\n", bf_buf_text(&words));
    else
        printf("%s\n", bf_buf_text(&out));
    bf_script_free(s);
    bf_box_free(b);
    bf_buf_fini(&out);
    bf_buf_fini(&words);
}

/* In place of the tests, if the environment says so. */
__attribute__((constructor)) static void be_the_other_process(void)
{
    if (!getenv("BOX_ORDER"))
        return;
    print_order_of_lua();
    print_order_of_box();
    exit(0);
}

TEST(the_order_of_tables_is_the_same_in_every_process)
{
    static char lua[RUNS][LINE], box[RUNS][LINE];
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    bool differs = false;

    CHECK(len > 0);
    path[len] = '\0';
    setenv("BOX_ORDER", "1", 1);
    for (int i = 0; i < RUNS; i++) {
        FILE *f = popen(path, "r");

        CHECK(f && fgets(lua[i], LINE, f) && fgets(box[i], LINE, f));
        CHECK_INT(pclose(f), 0);
        CHECK_HAS(box[i], "key17");
        CHECK_HAS(box[i], "\"names\":{\"x\":3,\"y\":2,\"z\":1}");
        CHECK_STR(box[i], box[0]);
        differs = differs || strcmp(lua[i], lua[0]) != 0;
    }
    CHECK(differs);
}
