/* scrub.c - secrets taken out of what a receiver sends back, before a plugin or the history sees it.
 *
 * A receiver may send back what it got, in a spelling of its own: as we swapped it in, escaped
 * once more, or taken apart and put together by another encoder.  So a value is not searched for
 * as a text but character by character, each in any spelling.  That finds a little more than was
 * meant, as "a\b" for "ab", which does no harm. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/crypto.h"
#include "core/base/utf8.h"
#include "core/plugin/inner.h"

#define SCRUB_MIN 8             /* shorter values would be found in innocent text */
#define TAIL_MIN 4              /* bytes of a value at the end of a text that was cut there */
#define SPELLED_MAX 16          /* bytes that a character becomes at most, as in \\ud83d\\ude00 */
#define EFFORT_MAX 64           /* comparisons per byte; only who knows a value can need more */
#define PARAMS_MAX 16           /* of a URL that are searched for one by one */
#define SCRATCH_MAX (16u * BF_SECRET_MAX)       /* a value in base64, three times, and its parts */

static const char hex_digits[] = "0123456789ABCDEF";

/* A value in search of itself. */
struct needle {
    const struct bf_standin *of;
    const char *value, *end;
    bool inert;                 /* of characters that nobody escapes: has one spelling */
    bool decode;                /* %41, &amp; and + stand for other characters */
    bool begins[256];           /* what its spellings begin with */
};

struct text {
    const char *data;
    size_t len;
    bool cut;                   /* there was more of it */
};

struct answer {
    struct bf_arena *arena;     /* of new texts */
    struct bf_arena *scratch;   /* of needles; wiped by whoever put them there */
    struct text *texts;
    size_t n;
};

/* What became of one comparison. */
struct match {
    enum { NOT_HERE, HERE, CUT_HERE } how;
    const char *reached;        /* looked at up to here; the end of it if it is HERE */
    const char *next;           /* where to look next if it is NOT_HERE */
};

static int hex_value(char c)
{
    const char *at = c ? strchr(hex_digits, c >= 'a' ? c - 0x20 : c) : NULL;

    return at ? (int)(at - hex_digits) : -1;
}

/* The byte that %XX stands for; -1 if there is no %XX here. */
static int percent_at(const char *p, const char *end)
{
    int high = end - p >= 3 && *p == '%' ? hex_value(p[1]) : -1;
    int low = high >= 0 ? hex_value(p[2]) : -1;

    return low >= 0 ? high << 4 | low : -1;
}

/* The length of a word that the text begins with, in letters of either case; else 0. */
static size_t word_at(const char *p, const char *end, const char *word)
{
    size_t len = strlen(word);

    return (size_t)(end - p) >= len && strncasecmp(p, word, len) == 0 ? len : 0;
}

static size_t entity_at(const char *p, const char *end, char c)
{
    static const struct {
        char c;
        const char *word;
    } entities[] = {
        {'&', "&amp;"},  {'&', "&#38;"}, {'<', "&lt;"},    {'>', "&gt;"},   {'"', "&quot;"},
        {'"', "&#34;"},  {'\'', "&#39;"}, {'\'', "&#039;"}, {'\'', "&#x27;"}, {'\'', "&apos;"},
    };

    for (size_t i = 0; i < BF_COUNT(entities); i++)
        if (entities[i].c == c && word_at(p, end, entities[i].word))
            return strlen(entities[i].word);
    return 0;
}

/* Past backslashes, however they are spelled. */
static size_t skip_backslashes(const struct needle *n, const char **p, const char *end)
{
    for (size_t count = 0;; count++) {
        if (*p < end && **p == '\\')
            *p += 1;
        else if (n->decode && percent_at(*p, end) == '\\')
            *p += 3;
        else
            return count;
    }
}

/* The character of UTF-8 at the front of a value; *used is its length, 0 if it is none. */
static uint32_t code_point(const char *value, const char *end, size_t *used)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c;

    *used = bf_utf8_len(value, end);
    c = (unsigned char)*value & masks[*used];
    for (size_t i = 1; i < *used; i++)
        c = c << 6 | ((unsigned char)value[i] & 0x3f);
    return c;
}

/* Behind a backslash: n, u000a, or both halves of a pair. */
static size_t escape_at(const struct needle *n, const char *p, const char *end, const char *value,
                        size_t *used)
{
    static const char plain[] = "\b\t\n\f\r", letters[] = "btnfr";
    const char *letter = *value ? strchr(plain, *value) : NULL;
    uint32_t c = code_point(value, n->end, used);
    const char *second;
    char word[16];

    if (letter && *p == letters[letter - plain])
        return 1;
    snprintf(word, sizeof(word), "u%04x", c < 0x10000 ? c : 0xd7c0 + (c >> 10));
    if (!*used || !word_at(p, end, word))
        return 0;
    if (c < 0x10000)
        return 5;
    second = p + 5;
    snprintf(word, sizeof(word), "u%04x", 0xdc00 + (c & 0x3ff));
    return skip_backslashes(n, &second, end) && word_at(second, end, word)
               ? (size_t)(second + 5 - p) : 0;
}

/* The length of what spells the first character of a value; 0 if the text goes on otherwise.
 * *used is how many bytes of the value that character has. */
static size_t spelled_at(const struct needle *n, const char *p, const char *end, bool escaped,
                         const char *value, size_t *used)
{
    static const char replacement[] = "\xef\xbf\xbd";   /* U+FFFD, for what is not UTF-8 */
    size_t len = 0;

    *used = 1;
    if (p == end)
        return 0;
    if (n->decode && *p == '%' && percent_at(p, end) == (unsigned char)*value)
        return 3;
    if (n->decode && *p == '&')
        len = entity_at(p, end, *value);
    if (!len && (unsigned char)*value >= 0x80 && !bf_utf8_len(value, n->end))
        len = word_at(p, end, replacement);
    if (len)
        return len;
    if (*p == *value || (n->decode && *p == '+' && *value == ' '))
        return 1;
    return escaped ? escape_at(n, p, end, value, used) : 0;
}

/* Whether the text may have been cut off within the spelling of a character. */
static bool is_torn(const char *p, const char *end, bool escaped)
{
    return p == end || (end - p < SPELLED_MAX && (escaped || memchr("%&\xef", *p, 3)));
}

static struct match compare(const struct needle *n, const char *p, const char *end, bool cut)
{
    struct match m = {.next = p + 1};
    const char *value = n->value;

    while (value < n->end) {
        const char *known = value;
        size_t have = skip_backslashes(n, &p, end), len = 0, used = 0;

        if (known == n->value && have)
            m.next = p;         /* the rest of the run would have the same fate */
        while (value < n->end && *value == '\\')
            value++;
        m.reached = p;
        if (have >= (size_t)(value - known)) {
            if (value == n->end)
                break;
            len = spelled_at(n, p, end, have > 0, value, &used);
        }
        if (!len) {
            if (cut && known - n->value >= TAIL_MIN && is_torn(p, end, have > 0))
                m.how = CUT_HERE;
            return m;
        }
        p += len;
        value += used;
    }
    m.how = HERE;
    m.reached = p;
    return m;
}

/* Where in a text to begin: with what has one spelling, it is where that is, or at most the end of
 * a text that was cut. */
static const char *first_place(const struct needle *n, const struct text *t)
{
    size_t len = (size_t)(n->end - n->value);
    const char *hit;

    if (!n->inert)
        return t->data;
    hit = memmem(t->data, t->len, n->value, len);
    if (hit)
        return hit;
    return t->data + (!t->cut ? t->len : t->len < len ? 0 : t->len - len + 1);
}

/* The text without the value.  `a` past its limit leaves none of it. */
static void scrub_text(const struct needle *n, struct bf_arena *a, struct text *t)
{
    const char *p = first_place(n, t), *done = t->data, *end = done + t->len;
    const char *name = bf_standin_name(n->of);
    size_t effort = EFFORT_MAX * t->len;
    struct bf_buf b;

    bf_buf_init(&b, 2 * t->len + 4096);
    while (p < end) {
        struct match m;
        size_t looked;

        if (!n->begins[(unsigned char)*p]) {
            p++;
            continue;
        }
        m = compare(n, p, end, t->cut);
        looked = (size_t)(m.reached - p);
        effort -= looked < effort ? looked : effort;
        if (m.how == NOT_HERE && effort) {
            p = m.next;
            continue;
        }
        bf_buf_add(&b, done, (size_t)(p - done));
        if (m.how == HERE)
            bf_buf_printf(&b, "${%s}", name);
        p = done = m.how == HERE ? m.reached : end;
    }
    if (done == t->data)
        return;
    bf_buf_add(&b, done, (size_t)(end - done));
    t->data = bf_arena_ndup(a, bf_buf_text(&b), b.len);
    t->len = bf_arena_ok(a) ? b.len : 0;
    bf_buf_fini(&b);
}

static void scrub_texts(struct answer *an, struct needle *n)
{
    size_t len = (size_t)(n->end - n->value);

    n->inert = true;
    for (const char *c = n->value; c < n->end && n->inert; c++)
        n->inert = bf_url_unreserved((unsigned char)*c) && *c != '~';      /* old encoders do */
    memset(n->begins, 0, sizeof(n->begins));
    n->begins[(unsigned char)*n->value] = true;
    n->begins['\\'] = true;
    n->begins['%'] |= n->decode;
    n->begins['&'] |= n->decode;
    n->begins['+'] |= n->decode && *n->value == ' ';
    n->begins[0xef] |= (unsigned char)*n->value >= 0x80;
    for (size_t i = 0; i < an->n; i++)
        if (an->texts[i].cut || an->texts[i].len >= len)
            scrub_text(n, an->arena, &an->texts[i]);
}

static void scrub_value(struct answer *an, const struct bf_standin *of, const char *value,
                        size_t len)
{
    struct needle n = {.of = of, .value = value, .end = value + len, .decode = true};

    if (len < SCRUB_MIN)
        return;
    scrub_texts(an, &n);
    if (!memchr(value, '%', len) && !memchr(value, '&', len))
        return;
    n.decode = false;           /* the "%25" in it may be itself, and no escaped "%" */
    scrub_texts(an, &n);
}

/* False if it is the same in both alphabets. */
static bool make_url_safe(char *base64)
{
    size_t at = strcspn(base64, "+/");
    bool differs = base64[at] != '\0';

    for (; base64[at]; at += strcspn(base64 + at, "+/"))
        base64[at] = base64[at] == '+' ? '-' : '_';
    return differs;
}

/* In base64, alone or within something longer, as the password of a pair: it looks different
 * behind a multiple of three bytes, one more, and two more.  Characters that hold bits of its
 * neighbours as well are left standing. */
static void scrub_base64(struct answer *an, const struct bf_standin *of, const char *value,
                         size_t len)
{
    for (size_t before = 0; before < 3 && len >= SCRUB_MIN; before++) {
        size_t n = before + len, from = (8 * before + 5) / 6;
        char *shifted = bf_arena_alloc(an->scratch, n);
        const char *encoded;

        if (!shifted)
            return;
        memcpy(shifted + before, value, len);
        encoded = bf_base64(an->scratch, shifted, n);
        if (*encoded) {
            scrub_value(an, of, encoded + from, 8 * n / 6 - from);
            if (make_url_safe((char *)encoded))
                scrub_value(an, of, encoded + from, 8 * n / 6 - from);
        }
        bf_wipe(shifted, n);
        bf_wipe((char *)encoded, strlen(encoded));
    }
}

/* In hex, as dumps of bytes have it; with digits of one case or the other. */
static void scrub_hex(struct answer *an, const struct bf_standin *of, const char *value, size_t len)
{
    char *hex = len >= SCRUB_MIN ? bf_arena_alloc(an->scratch, 2 * len) : NULL;

    if (!hex)
        return;
    for (size_t i = 0; i < len; i++) {
        hex[2 * i] = hex_digits[(unsigned char)value[i] >> 4];
        hex[2 * i + 1] = hex_digits[(unsigned char)value[i] & 15];
    }
    scrub_value(an, of, hex, 2 * len);
    for (size_t i = 0; i < 2 * len; i++)
        hex[i] |= 0x20;         /* which the digits 0 to 9 have as well */
    scrub_value(an, of, hex, 2 * len);
    bf_wipe(hex, 2 * len);
}

/* A part of a URL, percent-encoded or not: what is decoded is found in both forms. */
static void scrub_part(struct answer *an, const struct bf_standin *of, const char *part,
                       size_t len)
{
    char *plain = bf_arena_alloc(an->scratch, len + 1);
    size_t n = 0;

    if (!plain)
        return;
    for (size_t i = 0; i < len; i++) {
        int c = percent_at(part + i, part + len);

        plain[n++] = c >= 0 ? (char)c : part[i];
        i += c >= 0 ? 2 : 0;
    }
    scrub_value(an, of, plain, n);
    bf_wipe(plain, n);
}

/* Of a URL, a receiver is told the path and the query without the rest. */
static void scrub_url_parts(struct answer *an, const struct bf_standin *of, const char *url)
{
    const char *p = strstr(url, "://");
    size_t len;

    if (!p)
        return;
    p += 3;
    p += strcspn(p, "/?#");
    len = strcspn(p, "?#");
    scrub_part(an, of, p, len);
    p += len;
    for (int i = 0; i < PARAMS_MAX && (*p == '?' || *p == '&'); i++) {
        len = strcspn(++p, "=&#");
        p += len + (p[len] == '=');
        len = strcspn(p, "&#");
        scrub_part(an, of, p, len);
        p += len;
    }
}

/* Whether anything in the answer is long enough to hold a value. */
static bool has_room(const struct bf_fetch_result *r, bool headers)
{
    bool room = r->body_len >= SCRUB_MIN;

    for (size_t i = 0; headers && r->headers && r->headers[i] && !room; i++)
        room = strlen(r->headers[i]) >= SCRUB_MIN;
    return room;
}

static bool take_texts(struct answer *an, const struct bf_fetch_result *r, bool headers)
{
    size_t n = 0;

    while (headers && r->headers && r->headers[n])
        n++;
    an->texts = bf_arena_alloc(an->arena, (n + 1) * sizeof(*an->texts));
    if (!an->texts)
        return false;
    an->texts[0] = (struct text){r->body, r->body_len, r->body_cut};
    for (size_t i = 0; i < n; i++)
        an->texts[i + 1] = (struct text){r->headers[i], strlen(r->headers[i]), false};
    an->n = n + 1;
    return true;
}

static bool give_texts(const struct answer *an, struct bf_fetch_result *r)
{
    const char **headers = bf_arena_alloc(an->arena, an->n * sizeof(*headers));

    if (!headers)
        return false;
    for (size_t i = 1; i < an->n; i++)
        headers[i - 1] = an->texts[i].data;
    r->body = an->texts[0].data;
    r->body_len = an->texts[0].len;
    if (an->n > 1)
        r->headers = headers;
    return true;
}

void bf_secrets_scrub_answer(struct bf_team *team, const struct bf_standins *s,
                             struct bf_arena *a, struct bf_fetch_result *r, bool headers)
{
    struct answer an = {.arena = a};
    bool done;

    if (!has_room(r, headers))
        return;
    done = take_texts(&an, r, headers);
    an.scratch = bf_arena_new(SCRATCH_MAX);
    for (size_t i = 0; i < s->n && done; i++) {
        char *value;
        size_t len;

        if (bf_standin_open(team, &s->items[i], &value, &len, NULL))
            continue;
        scrub_value(&an, &s->items[i], value, len);
        scrub_base64(&an, &s->items[i], value, len);
        scrub_hex(&an, &s->items[i], value, len);
        scrub_url_parts(&an, &s->items[i], value);
        bf_wipe(value, len);
        free(value);
        bf_arena_reset(an.scratch);
    }
    bf_arena_free(an.scratch);
    if (done && give_texts(&an, r))
        return;
    r->body = "";               /* no memory to look at it, so nobody does */
    r->body_len = 0;
    r->headers = NULL;
}
