/* json.c - a strict validator that leaves an index.
 *
 * One recursive pass, at most BF_JSON_DEPTH_MAX deep, looks at each byte once and pushes a node
 * per value and key.  Nodes collect in a vector that starts on the stack, large enough for nearly
 * every event, and are copied to the arena at the end, exactly as many as there are.  A node is
 * 16 bytes and the shortest value two bytes of text ("1,"), so an index is at most 8 times its
 * text, and while it grows at most 3 times that; the room of the arena bounds both.
 *
 * Invariant: what a node points to has been checked, so the accessors trust it: escapes are whole,
 * surrogates are paired, numbers are well-formed.
 *
 * Repeated keys: while an object is read every key sets one of 64 bits.  Only if a bit was set
 * already, or a key has escapes, are the keys compared: pairwise if few, by a keyed hash if many,
 * so that nobody can make it quadratic. */
#include "core/base/json.h"

#include <endian.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/map.h" /* bf_hash64 */
#include "core/base/utf8.h"

enum {
    NODES_ON_STACK = 256,
    KEYS_PAIRWISE = 16,
    KEY_SHOWN_MAX = 60          /* bytes of a repeated key in an error's words */
};

#define TEXT_MAX ((size_t)256 * 1024 * 1024)

struct parser {
    const char *start;
    const char *p;
    const char *end;
    struct bf_json *nodes;
    size_t n;
    size_t cap;
    size_t n_max;               /* what the arena has room for */
    bool on_heap;
    int code;                   /* of the fault, and where and what it is */
    const char *fault_at;
    const char *fault;
    const struct bf_json *repeated;     /* the key there twice; into nodes */
};

static bool parse_value(struct parser *ps, int depth);

static bool fault(struct parser *ps, const char *at, const char *words)
{
    ps->code = BF_EINVAL;
    ps->fault_at = at;
    ps->fault = words;
    return false;
}

static bool no_room(struct parser *ps)
{
    fault(ps, ps->p, "more values than fit into the memory for one document");
    ps->code = BF_ETOOBIG;
    return false;
}

static bool grow(struct parser *ps)
{
    size_t cap = ps->cap * 2;
    struct bf_json *nodes = NULL;

    if (cap > ps->n_max)
        cap = ps->n_max;
    if (cap > ps->n)
        nodes = realloc(ps->on_heap ? ps->nodes : NULL, cap * sizeof(*nodes));
    if (!nodes)
        return no_room(ps);
    if (!ps->on_heap)
        memcpy(nodes, ps->nodes, ps->n * sizeof(*nodes));
    ps->nodes = nodes;
    ps->cap = cap;
    ps->on_heap = true;
    return true;
}

static bool push(struct parser *ps, enum bf_json_type type, const char *text, size_t len,
                 bool escaped)
{
    if (ps->n == ps->cap && !grow(ps))
        return false;
    ps->nodes[ps->n++] = (struct bf_json){
        .text = text, .len = (uint32_t)len, .skip = 1, .type = type, .escaped = escaped};
    return true;
}

static void skip_space(struct parser *ps)
{
    while (ps->p < ps->end && (*ps->p == ' ' || *ps->p == '\n' || *ps->p == '\r' || *ps->p == '\t'))
        ps->p++;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }


/* --- strings --------------------------------------------------------------- */

/* Four hexadecimal digits, or -1. */
static int hex4(const char *p, const char *end)
{
    int value = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i];

        if (c >= '0' && c <= '9')
            value = value * 16 + c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            value = value * 16 + (c | 0x20) - 'a' + 10;
        else
            return -1;
    }
    return value;
}

/* At the backslash of \uXXXX. */
static bool check_unicode(struct parser *ps)
{
    int high = hex4(ps->p + 2, ps->end), low;

    if (high < 0)
        return fault(ps, ps->p, "\\u without four hexadecimal digits");
    if (high == 0)
        return fault(ps, ps->p, "U+0000 in a string");
    if (high < 0xd800 || high > 0xdfff) {
        ps->p += 6;
        return true;
    }
    low = ps->end - ps->p >= 12 && ps->p[6] == '\\' && ps->p[7] == 'u' ? hex4(ps->p + 8, ps->end)
                                                                       : -1;
    if (high > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return fault(ps, ps->p, "a lone surrogate in a string");
    ps->p += 12;
    return true;
}

static bool check_escape(struct parser *ps)
{
    char c = ps->end - ps->p > 1 ? ps->p[1] : '\0';

    if (c == 'u')
        return check_unicode(ps);
    if (!c || !strchr("\"\\/bfnrt", c))
        return fault(ps, ps->p, "an unknown escape in a string");
    ps->p += 2;
    return true;
}

/* Past the bytes that need no look: ASCII but for control characters, quotes and backslashes;
 * eight at a time.  Subtracting marks the top bit of each byte that was too small; a borrow can
 * mark only bytes behind a rightly marked one, and the first is the one we take. */
static const char *skip_plain(const char *p, const char *end)
{
    const uint64_t each = 0x0101010101010101;

    while (end - p >= 8) {
        uint64_t word, quote, slash, odd;

        memcpy(&word, p, sizeof(word));
        word = le64toh(word);
        quote = word ^ each * '"';
        slash = word ^ each * '\\';
        odd = (word - each * 0x20) | (quote - each) | (slash - each) | word;
        odd &= each * 0x80;
        if (odd)
            return p + __builtin_ctzll(odd) / 8;
        p += 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
           *p != '\\')
        p++;
    return p;
}

/* At the opening quote. */
static bool parse_string(struct parser *ps)
{
    const char *start = ++ps->p;
    bool escaped = false;

    for (;;) {
        ps->p = skip_plain(ps->p, ps->end);
        if (ps->p == ps->end)
            return fault(ps, ps->p, "the end of the text within a string");
        if (*ps->p == '"') {
            ps->p++;
            return push(ps, BF_JSON_STRING, start, (size_t)(ps->p - 1 - start), escaped);
        }
        if (*ps->p == '\\') {
            escaped = true;
            if (!check_escape(ps))
                return false;
        } else if (*ps->p == '\0') {
            return fault(ps, ps->p, "U+0000 in a string");
        } else if ((unsigned char)*ps->p < 0x20) {
            return fault(ps, ps->p, "a control character in a string; write it as an escape");
        } else {
            size_t n = bf_utf8_len(ps->p, ps->end);

            if (n == 0)
                return fault(ps, ps->p, "a byte that is not UTF-8");
            ps->p += n;
        }
    }
}

static size_t put_utf8(unsigned c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* The next byte, or escape, of a checked string, decoded; *p moves past it. */
static size_t decode_next(const char **p, const char *end, char out[4])
{
    const char *at = *p;
    unsigned c;

    if (*at != '\\') {
        out[0] = *at;
        *p = at + 1;
        return 1;
    }
    *p = at + 2;
    switch (at[1]) {
    case 'b': out[0] = '\b'; return 1;
    case 'f': out[0] = '\f'; return 1;
    case 'n': out[0] = '\n'; return 1;
    case 'r': out[0] = '\r'; return 1;
    case 't': out[0] = '\t'; return 1;
    case 'u': break;
    default: out[0] = at[1]; return 1;
    }
    c = (unsigned)hex4(at + 2, end);
    *p = at + 6;
    if (c >= 0xd800 && c <= 0xdbff) {
        c = 0x10000 + ((c & 0x3ff) << 10) + ((unsigned)hex4(at + 8, end) & 0x3ff);
        *p = at + 12;
    }
    return put_utf8(c, out);
}

/* Decoded, a string is never longer than it was. */
static size_t decode(const struct bf_json *s, char *out)
{
    const char *p = s->text, *end = p + s->len;
    size_t len = 0;
    char bytes[4];

    while (p < end) {
        size_t n = decode_next(&p, end, bytes);

        memcpy(out + len, bytes, n);
        len += n;
    }
    return len;
}


/* --- repeated keys --------------------------------------------------------- */

/* A key as it means, not as it is written. */
struct key {
    const char *text;
    size_t len;
    const struct bf_json *node;
};

/* One of 64 bits that depends on a key, cheaply. */
static uint64_t key_bit(const struct bf_json *key)
{
    const unsigned char *text = (const unsigned char *)key->text;
    unsigned mix = key->len;

    if (key->len)
        mix += text[0] * 7u + text[key->len / 2] * 13u + text[key->len - 1] * 31u;
    return (uint64_t)1 << (mix & 63);
}

static bool same_key(const struct key *a, const struct key *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static const struct bf_json *repeated_of_few(const struct key *keys, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (same_key(&keys[i], &keys[j]))
                return keys[i].node;
    return NULL;
}

/* By open addressing, in an empty table of `size`, a power of two, at least twice n. */
static const struct bf_json *repeated_of_many(const struct key *keys, size_t n,
                                              const struct key **slots, size_t size)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = bf_hash64(keys[i].text, keys[i].len) & (size - 1);

        while (slots[at] && !same_key(slots[at], &keys[i]))
            at = (at + 1) & (size - 1);
        if (slots[at])
            return keys[i].node;
        slots[at] = &keys[i];
    }
    return NULL;
}

/* The keys of an object, those with escapes decoded into `room`. */
static void list_keys(const struct bf_json *object, struct key *keys, char *room)
{
    for (const struct bf_json *k = bf_json_first(object); k; k = bf_json_next(object, k)) {
        *keys = (struct key){.text = k->text, .len = k->len, .node = k};
        if (k->escaped) {
            keys->text = room;
            keys->len = decode(k, room);
            room += keys->len;
        }
        keys++;
    }
}

static size_t escaped_len(const struct bf_json *object)
{
    size_t len = 0;

    for (const struct bf_json *k = bf_json_first(object); k; k = bf_json_next(object, k))
        len += k->escaped ? k->len : 0;
    return len;
}

static bool many_keys_differ(struct parser *ps, const struct bf_json *object, size_t n, char *room)
{
    struct key *keys = calloc(n, sizeof(*keys));
    const struct key **slots;
    size_t size = 1;

    while (size < 2 * n)
        size *= 2;
    slots = calloc(size, sizeof(*slots));
    if (keys && slots) {
        list_keys(object, keys, room);
        ps->repeated = repeated_of_many(keys, n, slots, size);
    } else {
        no_room(ps);
    }
    free(slots);
    free(keys);
    return !ps->repeated && !ps->fault;
}

static bool few_keys_differ(struct parser *ps, const struct bf_json *object, size_t n, char *room)
{
    struct key keys[KEYS_PAIRWISE];

    list_keys(object, keys, room);
    ps->repeated = repeated_of_few(keys, n);
    return !ps->repeated;
}

static bool keys_differ(struct parser *ps, const struct bf_json *object, size_t n)
{
    size_t len = escaped_len(object);
    char *room = len ? malloc(len) : NULL;
    bool differ;

    if (len && !room)
        return no_room(ps);
    differ = n > KEYS_PAIRWISE ? many_keys_differ(ps, object, n, room)
                               : few_keys_differ(ps, object, n, room);
    free(room);
    if (ps->repeated)
        return fault(ps, ps->repeated->text - 1, "a repeated key");
    return differ;
}


/* --- values ---------------------------------------------------------------- */

/* What json.dumps() of Python makes of them. */
static bool is_not_finite(const struct parser *ps)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};

    for (size_t i = 0; i < BF_COUNT(words); i++) {
        size_t len = strlen(words[i]);

        if ((size_t)(ps->end - ps->p) >= len && memcmp(ps->p, words[i], len) == 0)
            return true;
    }
    return false;
}

static bool parse_literal(struct parser *ps, enum bf_json_type type, const char *word, size_t len)
{
    const char *start = ps->p;

    if ((size_t)(ps->end - start) < len || memcmp(start, word, len) != 0)
        return fault(ps, start, "a value expected");
    ps->p += len;
    return push(ps, type, start, len, false);
}

/* One or more digits. */
static bool skip_digits(struct parser *ps)
{
    const char *start = ps->p;

    while (ps->p < ps->end && is_digit(*ps->p))
        ps->p++;
    return ps->p > start || fault(ps, ps->p, "a digit expected");
}

static bool parse_number(struct parser *ps)
{
    const char *start = ps->p, *digits;

    if (*ps->p == '-')
        ps->p++;
    digits = ps->p;
    if (!skip_digits(ps))
        return false;
    if (*digits == '0' && ps->p - digits > 1)
        return fault(ps, digits, "a number with a leading zero");
    if (ps->p < ps->end && *ps->p == '.') {
        ps->p++;
        if (!skip_digits(ps))
            return false;
    }
    if (ps->p < ps->end && (*ps->p == 'e' || *ps->p == 'E')) {
        ps->p++;
        if (ps->p < ps->end && (*ps->p == '+' || *ps->p == '-'))
            ps->p++;
        if (!skip_digits(ps))
            return false;
    }
    return push(ps, BF_JSON_NUMBER, start, (size_t)(ps->p - start), false);
}

/* The container is complete: its node, still without an end, gets one. */
static void close_container(struct parser *ps, size_t index)
{
    struct bf_json *node = &ps->nodes[index];

    ps->p++;
    node->len = (uint32_t)(ps->p - node->text);
    node->skip = (uint32_t)(ps->n - index) & 0xfffffff;
}

/* Past white space; whether `c` is there. */
static bool at_char(struct parser *ps, char c)
{
    skip_space(ps);
    return ps->p < ps->end && *ps->p == c;
}

static bool parse_array(struct parser *ps, int depth)
{
    size_t index = ps->n;

    if (!push(ps, BF_JSON_ARRAY, ps->p++, 0, false))
        return false;
    if (!at_char(ps, ']')) {
        for (;;) {
            if (!parse_value(ps, depth))
                return false;
            if (!at_char(ps, ','))
                break;
            ps->p++;
        }
        if (!at_char(ps, ']'))
            return fault(ps, ps->p, "',' or ']' expected");
    }
    close_container(ps, index);
    return true;
}

/* A key, its colon and its value. */
static bool parse_member(struct parser *ps, int depth, uint64_t *seen, bool *suspect)
{
    const struct bf_json *key;
    uint64_t bit;

    if (!at_char(ps, '"'))
        return fault(ps, ps->p, "a key in quotes expected");
    if (!parse_string(ps))
        return false;
    key = &ps->nodes[ps->n - 1];
    bit = key_bit(key);
    *suspect = *suspect || (*seen & bit) || key->escaped;
    *seen |= bit;
    if (!at_char(ps, ':'))
        return fault(ps, ps->p, "':' expected");
    ps->p++;
    return parse_value(ps, depth);
}

static bool parse_object(struct parser *ps, int depth)
{
    size_t index = ps->n, n_keys = 0;
    uint64_t seen = 0;
    bool suspect = false;

    if (!push(ps, BF_JSON_OBJECT, ps->p++, 0, false))
        return false;
    if (!at_char(ps, '}')) {
        for (;;) {
            if (!parse_member(ps, depth, &seen, &suspect))
                return false;
            n_keys++;
            if (!at_char(ps, ','))
                break;
            ps->p++;
        }
        if (!at_char(ps, '}'))
            return fault(ps, ps->p, "',' or '}' expected");
    }
    close_container(ps, index);
    return !suspect || keys_differ(ps, &ps->nodes[index], n_keys);
}

/* `depth` is how many containers are around it. */
static bool parse_value(struct parser *ps, int depth)
{
    skip_space(ps);
    if (ps->p == ps->end)
        return fault(ps, ps->p, "the end of the text where a value is expected");
    switch (*ps->p) {
    case '"':
        return parse_string(ps);
    case '{':
    case '[':
        if (depth == BF_JSON_DEPTH_MAX)
            return fault(ps, ps->p, "objects and arrays nested more than 64 deep");
        return *ps->p == '{' ? parse_object(ps, depth + 1) : parse_array(ps, depth + 1);
    case 't':
        return parse_literal(ps, BF_JSON_TRUE, "true", 4);
    case 'f':
        return parse_literal(ps, BF_JSON_FALSE, "false", 5);
    case 'n':
        return parse_literal(ps, BF_JSON_NULL, "null", 4);
    default:
        if (is_digit(*ps->p))
            return parse_number(ps);
        if (is_not_finite(ps))
            return fault(ps, ps->p, "NaN and Infinity are no JSON; a metric may have them in quotes");
        if (*ps->p == '-')
            return parse_number(ps);
        return fault(ps, ps->p, "a value expected");
    }
}

static bool parse_text(struct parser *ps, bool whole)
{
    if (ps->end - ps->p >= 3 && memcmp(ps->p, "\xef\xbb\xbf", 3) == 0)
        return fault(ps, ps->p, "a byte order mark; send UTF-8 without one");
    if (!parse_value(ps, 0))
        return false;
    if (!whole)
        return true;
    skip_space(ps);
    return ps->p == ps->end || fault(ps, ps->p, "the end expected after the value");
}

static void say_fault(const struct parser *ps, struct bf_error *err)
{
    long long at = ps->fault_at - ps->start;
    const struct bf_json *key = ps->repeated;
    int shown;

    if (!key) {
        bf_error_set(err, ps->code, "byte %lld: %s", at, ps->fault);
        return;
    }
    shown = (int)bf_utf8_cut(key->text, key->len, KEY_SHOWN_MAX);
    bf_error_set(err, ps->code, "byte %lld: the key \"%.*s\" is repeated", at, shown, key->text);
}

static const struct bf_json *parse(struct bf_arena *a, const char *text, size_t len, bool whole,
                                   size_t *used, struct bf_error *err)
{
    struct bf_json on_stack[NODES_ON_STACK], *nodes = NULL;
    struct parser ps = {.start = text, .p = text, .end = text + len, .nodes = on_stack,
                        .cap = NODES_ON_STACK, .n_max = bf_arena_room(a) / sizeof(*nodes)};

    if (len > TEXT_MAX) {
        bf_error_set(err, BF_ETOOBIG, "the text is larger than 256 MiB");
        return NULL;
    }
    if (parse_text(&ps, whole)) {
        nodes = bf_arena_alloc(a, ps.n * sizeof(*nodes));
        if (nodes)
            memcpy(nodes, ps.nodes, ps.n * sizeof(*nodes));
        else
            bf_error_set(err, BF_ETOOBIG, "the memory for this work is used up");
        *used = (size_t)(ps.p - text);
    } else {
        say_fault(&ps, err);
    }
    if (ps.on_heap)
        free(ps.nodes);
    return nodes;
}

const struct bf_json *bf_json_parse(struct bf_arena *a, const char *text, size_t len,
                                    struct bf_error *err)
{
    size_t used;

    return parse(a, text, len, true, &used, err);
}

const struct bf_json *bf_json_parse_some(struct bf_arena *a, const char *text, size_t len,
                                         size_t *used, struct bf_error *err)
{
    return parse(a, text, len, false, used, err);
}


/* --- reading ---------------------------------------------------------------- */

/* Whether the string, decoded, is this text; of a pointer's token, with ~1 and ~0 decoded too. */
static bool decoded_is(const struct bf_json *s, const char *text, size_t len, bool token)
{
    const char *p = s->text, *end = p + s->len, *text_end = text + len;
    char bytes[4];

    while (p < end) {
        size_t n = decode_next(&p, end, bytes);

        for (size_t i = 0; i < n; i++) {
            char c;

            if (text == text_end)
                return false;
            c = *text++;
            if (token && c == '~') {
                if (text == text_end || (*text != '0' && *text != '1'))
                    return false;
                c = *text++ == '0' ? '~' : '/';
            }
            if (c != bytes[i])
                return false;
        }
    }
    return text == text_end;
}

static bool string_is(const struct bf_json *s, const char *text, size_t len)
{
    if (s->escaped)
        return decoded_is(s, text, len, false);
    return s->len == len && memcmp(s->text, text, len) == 0;
}

const struct bf_json *bf_json_get(const struct bf_json *object, const char *key)
{
    size_t len = strlen(key);

    if (!bf_json_is(object, BF_JSON_OBJECT))
        return NULL;
    for (const struct bf_json *k = bf_json_first(object); k; k = bf_json_next(object, k))
        if (string_is(k, key, len))
            return k + 1;
    return NULL;
}

static const struct bf_json *token_member(const struct bf_json *object, const char *token,
                                          size_t len)
{
    for (const struct bf_json *k = bf_json_first(object); k; k = bf_json_next(object, k))
        if (decoded_is(k, token, len, true))
            return k + 1;
    return NULL;
}

/* "0" or digits without a leading zero; nothing else names an element. */
static const struct bf_json *token_element(const struct bf_json *array, const char *token,
                                           size_t len)
{
    const struct bf_json *element;
    size_t index = 0;

    if (len == 0 || len > 9 || (token[0] == '0' && len > 1))
        return NULL;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(token[i]))
            return NULL;
        index = index * 10 + (size_t)(token[i] - '0');
    }
    element = bf_json_first(array);
    while (element && index-- > 0)
        element = bf_json_next(array, element);
    return element;
}

const struct bf_json *bf_json_at(const struct bf_json *root, const char *pointer)
{
    const struct bf_json *j = root;

    while (j && *pointer) {
        size_t len;

        if (*pointer++ != '/')
            return NULL;
        len = strcspn(pointer, "/");
        if (j->type == BF_JSON_OBJECT)
            j = token_member(j, pointer, len);
        else if (j->type == BF_JSON_ARRAY)
            j = token_element(j, pointer, len);
        else
            j = NULL;
        pointer += len;
    }
    return j;
}

bool bf_json_is(const struct bf_json *j, enum bf_json_type type)
{
    return j && j->type == (unsigned)type;
}

bool bf_json_eq(const struct bf_json *string, const char *text)
{
    return bf_json_is(string, BF_JSON_STRING) && string_is(string, text, strlen(text));
}

const char *bf_json_type_name(const struct bf_json *j)
{
    if (!j)
        return "nothing";
    switch ((enum bf_json_type)j->type) {
    case BF_JSON_NULL:
        return "null";
    case BF_JSON_FALSE:
    case BF_JSON_TRUE:
        return "a boolean";
    case BF_JSON_NUMBER:
        return "a number";
    case BF_JSON_STRING:
        return "a string";
    case BF_JSON_ARRAY:
        return "an array";
    case BF_JSON_OBJECT:
        return "an object";
    }
    return "nothing";
}

const char *bf_json_str(struct bf_arena *a, const struct bf_json *j)
{
    char *text;

    if (!bf_json_is(j, BF_JSON_STRING))
        return NULL;
    text = bf_arena_ndup(a, j->text, j->len);
    if (j->escaped && *text)
        text[decode(j, text)] = '\0';
    return text;
}

bool bf_json_decode(struct bf_arena *a, const struct bf_json *root)
{
    struct bf_json *nodes = (struct bf_json *)(uintptr_t)root;  /* made in `a`, by the parser */

    for (uint32_t i = 0; i < root->skip; i++) {
        const char *text;

        if (!nodes[i].escaped)
            continue;
        text = bf_json_str(a, &nodes[i]);
        nodes[i].len = (uint32_t)strlen(text);
        nodes[i].text = text;
        nodes[i].escaped = 0;
    }
    return bf_arena_ok(a);
}

const struct bf_json *bf_json_inside(struct bf_arena *a, const struct bf_json *string,
                                     struct bf_error *err)
{
    const char *text = bf_json_str(a, string);
    const struct bf_json *json = text ? bf_json_parse(a, text, strlen(text), err) : NULL;

    if (!text)
        bf_error_set(err, BF_ECONFIG, "must be a string that holds JSON, not %s",
                     bf_json_type_name(string));
    else if (!json)
        bf_error_set(err, BF_ECONFIG, "this is not JSON: %s", err ? err->words : "");
    return json;
}

bool bf_json_int(const struct bf_json *j, int64_t *out)
{
    const char *p, *end;
    int64_t value = 0;          /* grows downwards, where there is one more */
    bool negative;

    if (!bf_json_is(j, BF_JSON_NUMBER))
        return false;
    p = j->text;
    end = p + j->len;
    negative = *p == '-';
    for (p += negative; p < end; p++)
        if (!is_digit(*p) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, *p - '0', &value))
            return false;
    if (!negative && value == INT64_MIN)
        return false;
    *out = negative ? value : -value;
    return true;
}

/* Most numbers are short: with at most 2^53 as digits and a power of ten that a double holds
 * exactly, one multiplication or division rounds once, so it gives the nearest double. */
static bool short_double(const struct bf_json *j, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *p = j->text, *end = p + j->len;
    uint64_t digits = 0;
    size_t behind_point = 0;
    bool negative = *p == '-', point = false;

    if (FLT_EVAL_METHOD != 0 || j->len > 19)
        return false;
    for (p += negative; p < end; p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        if (!is_digit(*p))
            return false;
        digits = digits * 10 + (uint64_t)(*p - '0');
        behind_point += point;
    }
    if (digits > (uint64_t)1 << 53)
        return false;
    *out = (double)digits / powers[behind_point];
    *out = negative ? -*out : *out;
    return true;
}

bool bf_json_double(const struct bf_json *j, double *out)
{
    char on_stack[128], *text = on_stack;
    locale_t c;
    double value;

    if (!bf_json_is(j, BF_JSON_NUMBER))
        return false;
    if (short_double(j, out))
        return true;
    if (j->len >= sizeof(on_stack))
        text = malloc(j->len + 1);
    c = text ? newlocale(LC_ALL_MASK, "C", NULL) : NULL; /* in glibc a constant, not an allocation */
    if (!c) {
        if (text != on_stack)
            free(text);
        return false;
    }
    memcpy(text, j->text, j->len);
    text[j->len] = '\0';
    value = strtod_l(text, NULL, c);
    freelocale(c);
    if (text != on_stack)
        free(text);
    if (isinf(value))
        return false;
    *out = value;
    return true;
}

const char *bf_json_raw(const struct bf_json *j, size_t *len)
{
    bool quoted = bf_json_is(j, BF_JSON_STRING);

    *len = j ? j->len + 2 * quoted : 0;
    return j ? j->text - quoted : NULL;
}

static bool is_container(const struct bf_json *j)
{
    return bf_json_is(j, BF_JSON_OBJECT) || bf_json_is(j, BF_JSON_ARRAY);
}

const struct bf_json *bf_json_first(const struct bf_json *container)
{
    return is_container(container) && container->skip > 1 ? container + 1 : NULL;
}

const struct bf_json *bf_json_next(const struct bf_json *container, const struct bf_json *child)
{
    const struct bf_json *value = child + (container->type == BF_JSON_OBJECT);
    const struct bf_json *next = value + value->skip;

    return next < container + container->skip ? next : NULL;
}

size_t bf_json_count(const struct bf_json *container)
{
    size_t n = 0;

    for (const struct bf_json *k = bf_json_first(container); k; k = bf_json_next(container, k))
        n++;
    return n;
}
