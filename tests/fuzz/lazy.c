/* lazy - JSON that is read where it is touched, beside the same read all at once; and that what is
 * written back means the same, untouched or touched everywhere. */
#include "tests/fuzz/fuzz.h"

#include "core/base/json.h"
#include "core/script/box.h"

#define MAX (4 * 1024 * 1024)

/* event.data is the text, and event.text the same as a string. */
static const char code[] =
    "local function same(lazy, plain)\n"
    "  if type(lazy) ~= type(plain) then return false end\n"
    "  if type(lazy) ~= 'table' then return lazy == plain or lazy ~= lazy end\n"
    "  local n = 0\n"
    "  for k, v in pairs(lazy) do\n"
    "    n = n + 1\n"
    "    if not same(v, plain[k]) or lazy[k] ~= v then return false end\n"
    "  end\n"
    "  for k in pairs(plain) do n = n - 1 if lazy[k] == nil then return false end end\n"
    "  return n == 0 and #lazy == #plain and type(lazy['']) == type(plain['']) and lazy[0] == nil\n"
    "end\n"
    "local function touch(v)\n"
    "  for k, e in pairs(v) do\n"
    "    if type(e) == 'table' then touch(e) elseif type(e) ~= 'number' then v[k] = e end\n"
    "  end\n"
    "end\n"
    "return {\n"
    "  filter = function(event) return same(event.data, (belfry.json.decode(event.text))) end,\n"
    "  transform = function(payload) if type(payload) == 'table' then touch(payload) end return payload end\n"
    "}\n";

static bool same(struct bf_arena *a, const struct bf_json *x, const struct bf_json *y)
{
    const struct bf_json *i, *j;
    size_t x_len, y_len;
    const char *x_text = bf_json_raw(x, &x_len), *y_text = bf_json_raw(y, &y_len);

    if (x->type != y->type || bf_json_count(x) != bf_json_count(y))
        return false;
    if (x->type == BF_JSON_STRING)
        return bf_json_eq(x, bf_json_str(a, y));
    if (x->type != BF_JSON_OBJECT && x->type != BF_JSON_ARRAY)
        return x_len == y_len && memcmp(x_text, y_text, x_len) == 0;
    for (i = bf_json_first(x), j = bf_json_first(y); i; i = bf_json_next(x, i), j = bf_json_next(y, j)) {
        bool is_key = x->type == BF_JSON_OBJECT;

        if (!same(a, i, j) || (is_key && !same(a, i + 1, j + 1)))
            return false;
    }
    return true;
}

static void check(struct bf_arena *a, const struct bf_json *root, const char *text, size_t len)
{
    struct bf_box_limits limits = {256 * 1024 * 1024, 1000000000};
    struct bf_box *b = bf_box_new(&limits, NULL, NULL);
    struct bf_buf event, out, words;
    struct bf_box_event e = {0};
    struct bf_script *s;
    struct bf_error err;
    enum bf_said said;

    bf_buf_init(&event, MAX);
    bf_buf_init(&out, MAX);
    bf_buf_init(&words, MAX);
    bf_buf_adds(&event, "{\"data\":");
    bf_buf_add(&event, text, len);
    bf_buf_adds(&event, ",\"text\":\"");
    bf_buf_json_chars(&event, text, len);
    bf_buf_adds(&event, "\"}");
    e.text = event.data;
    e.len = event.len;
    CLAIM(bf_box_load(b, "fuzz.lua", code, sizeof(code) - 1, 3, &s, &err) == BF_OK);
    said = bf_box_call(s, BF_HOOK_FILTER, &e, NULL, NULL, 0, &out, &words);
    if (said != BF_SAID_YES)
        fprintf(stderr, "%d %s\n", said, bf_buf_text(&words));
    CLAIM(said == BF_SAID_YES);
    said = bf_box_call(s, BF_HOOK_TRANSFORM, &e, NULL, text, len, &out, &words);
    CLAIM(said == BF_SAID_YES || said == BF_SAID_CHANGED || strstr(bf_buf_text(&words), "is infinite"));
    if (said == BF_SAID_CHANGED) {
        const struct bf_json *after = bf_json_parse(a, out.data, out.len, &err);

        CLAIM(after && (same(a, root, after) || root->type == BF_JSON_NUMBER));
    }
    bf_script_free(s);
    bf_box_free(b);
    bf_buf_fini(&event);
    bf_buf_fini(&out);
    bf_buf_fini(&words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    char *text = fuzz_text(data, size);
    const struct bf_json *root = bf_json_parse(a, text, size, NULL);
    struct bf_error err;

    /* Within an event it is one level deeper. */
    if (root && size < 64 * 1024) {
        char *deeper = malloc(size + 3);

        if (!deeper)
            abort();
        deeper[0] = '[';
        memcpy(deeper + 1, text, size);
        deeper[size + 1] = ']';
        if (bf_json_parse(a, deeper, size + 2, &err))
            check(a, root, text, size);
        free(deeper);
    }
    free(text);
    bf_arena_free(a);
    return 0;
}
