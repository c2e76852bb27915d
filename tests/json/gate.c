/* gate.c - what the JSON gate makes of texts: a line for each, to be compared with another parser.
 *
 * Input: texts, each behind its length in four bytes, the lowest first.  Output: "-" if the gate
 * refuses it, or the value in a form that says every bit: strings as their bytes in hex, numbers as
 * "n" and the bits of the nearest double ("n?" beyond all of them), objects as {"o":[[key, value], ...]}. */
#include "core/base/buf.h"
#include "core/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (16 * 1024 * 1024)

static void print_value(struct bf_arena *a, struct bf_buf *out, const struct bf_json *j);

static void print_string(struct bf_arena *a, struct bf_buf *out, const struct bf_json *j)
{
    const char *text = bf_json_str(a, j);

    bf_buf_addc(out, '"');
    for (; *text; text++)
        bf_buf_printf(out, "%02x", (unsigned char)*text);
    bf_buf_addc(out, '"');
}

static void print_number(struct bf_buf *out, const struct bf_json *j)
{
    double value = 0;
    uint64_t bits;

    if (!bf_json_double(j, &value)) {
        bf_buf_adds(out, "\"n?\"");
        return;
    }
    memcpy(&bits, &value, sizeof(bits));
    bf_buf_printf(out, "\"n%016llx\"", (unsigned long long)bits);
}

static void print_members(struct bf_arena *a, struct bf_buf *out, const struct bf_json *j)
{
    bf_buf_adds(out, "{\"o\":[");
    for (const struct bf_json *k = bf_json_first(j); k; k = bf_json_next(j, k)) {
        bf_buf_adds(out, k == bf_json_first(j) ? "[" : ",[");
        print_string(a, out, k);
        bf_buf_addc(out, ',');
        print_value(a, out, k + 1);
        bf_buf_addc(out, ']');
    }
    bf_buf_adds(out, "]}");
}

static void print_elements(struct bf_arena *a, struct bf_buf *out, const struct bf_json *j)
{
    bf_buf_addc(out, '[');
    for (const struct bf_json *e = bf_json_first(j); e; e = bf_json_next(j, e)) {
        if (e != bf_json_first(j))
            bf_buf_addc(out, ',');
        print_value(a, out, e);
    }
    bf_buf_addc(out, ']');
}

static void print_value(struct bf_arena *a, struct bf_buf *out, const struct bf_json *j)
{
    switch (j->type) {
    case BF_JSON_NULL: bf_buf_adds(out, "null"); break;
    case BF_JSON_FALSE: bf_buf_adds(out, "false"); break;
    case BF_JSON_TRUE: bf_buf_adds(out, "true"); break;
    case BF_JSON_NUMBER: print_number(out, j); break;
    case BF_JSON_STRING: print_string(a, out, j); break;
    case BF_JSON_ARRAY: print_elements(a, out, j); break;
    case BF_JSON_OBJECT: print_members(a, out, j); break;
    }
}

static bool read_text(char **text, size_t *len)
{
    unsigned char head[4];

    if (fread(head, 1, 4, stdin) != 4)
        return false;
    *len = head[0] | head[1] << 8 | head[2] << 16 | (size_t)head[3] << 24;
    if (*len > TEXT_MAX)
        return false;
    /* No byte more than the text, so that a sanitizer sees a parser that reads on. */
    *text = malloc(*len ? *len : 1);
    return *text && fread(*text, 1, *len, stdin) == *len;
}

int main(void)
{
    struct bf_arena *a = bf_arena_new(256 * 1024 * 1024);
    struct bf_buf out;
    char *text;
    size_t len;

    setvbuf(stdout, NULL, _IOLBF, 1 << 16);     /* the other side waits for the last line */
    bf_buf_init(&out, 256 * 1024 * 1024);
    while (read_text(&text, &len)) {
        const struct bf_json *root = bf_json_parse(a, text, len, NULL);

        bf_buf_clear(&out);
        if (root)
            print_value(a, &out, root);
        puts(root ? bf_buf_text(&out) : "-");
        bf_arena_reset(a);
        free(text);
    }
    bf_buf_fini(&out);
    bf_arena_free(a);
    return 0;
}
