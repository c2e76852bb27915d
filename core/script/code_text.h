/* code_text.h - writing Lua: texts, values, tables over one line or several. */
#ifndef BF_CODE_TEXT_H
#define BF_CODE_TEXT_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/json.h"

bool bf_lua_name_ok(const char *name, size_t len);      /* may stand without quotes */

/* A text in quotes, or, if it has lines, in long brackets; len SIZE_MAX: up to its end. */
void bf_lua_put_text(struct bf_buf *b, const char *text, size_t len);

/* JSON as what the language reads as that JSON.  Tables that would go beyond the line, `column` being
 * where they begin, have a member on each, indented by four more than `indent`. */
void bf_lua_put_value(struct bf_arena *a, struct bf_buf *b, const struct bf_json *value, unsigned indent,
                      size_t column);
/* The same behind the word raw, which takes a table or JSON in a text. */
void bf_lua_put_raw(struct bf_arena *a, struct bf_buf *b, const struct bf_json *value, unsigned indent);

/* Members that are collected before they are written. */
struct bf_lua_member {
    struct bf_lua_member *next;
    const char *name;
    const struct bf_json *json; /* or ... */
    const struct bf_lua_table *table;
};
struct bf_lua_table {
    struct bf_arena *arena;
    struct bf_lua_member *first, *last;
    size_t n;
};
void bf_lua_table_init(struct bf_lua_table *t, struct bf_arena *a);
void bf_lua_table_json(struct bf_lua_table *t, const char *name, const struct bf_json *json);
void bf_lua_table_table(struct bf_lua_table *t, const char *name, const struct bf_lua_table *table);
void bf_lua_table_put(const struct bf_lua_table *t, struct bf_buf *b, unsigned indent);
/* Without braces, each on its line. */
void bf_lua_table_put_members(const struct bf_lua_table *t, struct bf_buf *b, unsigned indent);

#endif
