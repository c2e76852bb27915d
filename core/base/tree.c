/* tree.c - the only place that knows cJSON.  A struct bf_tree is a cJSON item by another name.
 *
 * What cJSON would get wrong goes in as text that we made: whole numbers beyond an int, which it
 * rounds to 15 digits, and strings that are not UTF-8, which it would pass on. */
#include "core/base/tree.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/utf8.h"

#define EXACT_MAX ((int64_t)1 << 53)    /* readers take numbers as doubles */

static cJSON *item(const struct bf_tree *t) { return (cJSON *)t; }

/* cJSON gives NULL for lack of memory alone; sizes here are ours, so that is the end. */
static void *must(void *p)
{
    if (!p)
        bf_out_of_memory(sizeof(cJSON));
    return p;
}

static struct bf_tree *add(struct bf_tree *t, const char *name, cJSON *value)
{
    must(value);
    if (cJSON_IsObject(item(t))) {
        bf_assert(name);
        must(cJSON_AddItemToObject(item(t), name, value) ? value : NULL);
    } else {
        bf_assert(!name && cJSON_IsArray(item(t)));
        cJSON_AddItemToArray(item(t), value);
    }
    return (struct bf_tree *)value;
}

/* A value that prints as these bytes. */
static cJSON *raw(const char *json, size_t len)
{
    cJSON *made = must(cJSON_CreateNull());

    made->valuestring = must(cJSON_malloc(len + 1));
    made->type = cJSON_Raw;
    memcpy(made->valuestring, json, len);
    made->valuestring[len] = '\0';
    return made;
}

struct bf_tree *bf_tree_object(void) { return must(cJSON_CreateObject()); }

struct bf_tree *bf_tree_array(void) { return must(cJSON_CreateArray()); }

void bf_tree_free(struct bf_tree *t) { cJSON_Delete(item(t)); }

struct bf_tree *bf_tree_add_object(struct bf_tree *t, const char *name)
{
    return add(t, name, cJSON_CreateObject());
}

struct bf_tree *bf_tree_add_array(struct bf_tree *t, const char *name)
{
    return add(t, name, cJSON_CreateArray());
}

void bf_tree_add(struct bf_tree *t, const char *name, struct bf_tree *value)
{
    add(t, name, item(value));
}

void bf_tree_str(struct bf_tree *t, const char *name, const char *text)
{
    struct bf_buf quoted;

    if (!text) {
        add(t, name, cJSON_CreateNull());
    } else if (bf_utf8_ok(text, strlen(text))) {
        add(t, name, cJSON_CreateString(text));
    } else {
        bf_buf_init(&quoted, SIZE_MAX / 2);
        bf_buf_json(&quoted, text);
        must(quoted.failed ? NULL : quoted.data);
        add(t, name, raw(quoted.data, quoted.len));
        bf_buf_fini(&quoted);
    }
}

void bf_tree_int(struct bf_tree *t, const char *name, int64_t value)
{
    struct bf_buf digits;

    bf_assert(value >= -EXACT_MAX && value <= EXACT_MAX);
    if (value > INT_MIN && value < INT_MAX) {
        add(t, name, cJSON_CreateNumber((double)value));
        return;
    }
    bf_buf_init(&digits, 32);
    bf_buf_addi(&digits, value);
    must(digits.data);
    add(t, name, raw(digits.data, digits.len));
    bf_buf_fini(&digits);
}

void bf_tree_bool(struct bf_tree *t, const char *name, bool value)
{
    add(t, name, cJSON_CreateBool(value));
}

void bf_tree_raw(struct bf_tree *t, const char *name, const char *json, size_t len)
{
    add(t, name, raw(json, len));
}

void bf_tree_print(const struct bf_tree *t, struct bf_buf *out)
{
    char *text = must(cJSON_PrintUnformatted(item(t)));

    bf_buf_adds(out, text);
    cJSON_free(text);
}
