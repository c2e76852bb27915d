/* text.c - characters: counting, cutting and escaping what people will read.
 *
 * Slack's limits are in characters, and it does not say of what kind.  Counted here is the most
 * that it may mean: UTF-16 units, of which what lies beyond U+FFFF has two, and escapes as they
 * are written. What is told to people ("… (12 more characters)") is what they would have seen.
 *
 * A text is cut between characters, not between a letter and its accents, and before a word
 * rather than in it, unless the word is long.  Within a long one no stand-in of a secret is cut: it
 * is 40 letters and digits.
 *
 * Nothing is looked for further than it can reach, as texts may have a megabyte of & or <. */
#include "plugins/slack/slack.h"

#include <string.h>
#include <strings.h>

#define TAIL_MAX    32          /* characters of "… (1,048,576 more characters)" */
#define WORD_MAX    64          /* bytes of a word that is not cut */
#define CLUSTER_MAX 16          /* characters that are drawn as one */
#define LINK_MAX    3000        /* bytes of a <link>; Slack takes no longer address */
#define STAND_IN    40          /* letters and digits of a secret's stand-in */

#define JOINER 0x200d

/* The character at *p; moves behind it.  What is no UTF-8, as an answer may hold it, is read as
 * U+0000, byte by byte. */
static uint32_t next_char(const char **p)
{
    static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
    const unsigned char *s = (const unsigned char *)*p;
    unsigned n = *s < 0x80 ? 0 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
    uint32_t c = n ? *s & (0x3fu >> n) : *s;

    *p += 1;
    for (unsigned i = 1; i <= n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    if (*s >= 0x80 && (*s < 0xc2 || *s > 0xf4 || c < least[n] || c > 0x10ffff || c >> 11 == 0x1b))
        return 0;
    *p += n;
    return c;
}

static size_t units(uint32_t c) { return c > 0xffff ? 2 : 1; }

size_t slack_length(const char *text)
{
    size_t n = 0;

    while (*text)
        n += units(next_char(&text));
    return n;
}

/* Accents, variants, skin tones: they belong to what stands before them. */
static bool is_mark(uint32_t c)
{
    return (c >= 0x300 && c <= 0x36f) || (c >= 0x20d0 && c <= 0x20f0) ||
           (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0x1f3fb && c <= 0x1f3ff) || c == JOINER;
}

static const char *behind_cluster(const char *p)
{
    uint32_t c = next_char(&p);

    for (int n = 1; *p && n < CLUSTER_MAX; n++) {
        const char *next = p;
        uint32_t follows = next_char(&next);

        if (c != JOINER && !is_mark(follows))
            break;
        c = follows;
        p = next;
    }
    return p;
}

static size_t escape_len(const char *p)
{
    static const char *const escapes[] = { "&amp;", "&lt;", "&gt;" };

    for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++)
        if (strncmp(p, escapes[i], strlen(escapes[i])) == 0)
            return strlen(escapes[i]);
    return 0;
}

/* Of a <link>, on one line; 0 if there is none. */
static size_t link_len(const char *p)
{
    size_t n = 0;

    while (n < LINK_MAX && p[n] && p[n] != '>' && p[n] != '\n')
        n++;
    return p[n] == '>' ? n + 1 : 0;
}

/* Behind what cannot be cut: an escape, a <link>, or a character with its marks. */
static const char *behind_atom(const char *p, bool markup)
{
    size_t len = !markup ? 0 : *p == '<' ? link_len(p) : *p == '&' ? escape_len(p) : 0;

    return len ? p + len : behind_cluster(p);
}

/* What people see of it. */
static size_t count_shown(const char *p, bool markup)
{
    size_t n = 0;

    while (*p) {
        size_t len = markup && *p == '&' ? escape_len(p) : 0;

        if (len)
            p += len;
        else
            next_char(&p);
        n++;
    }
    return n;
}

const char *slack_number(struct bf_arena *a, size_t n)
{
    if (n < 1000)
        return bf_printf(a, "%zu", n);
    return bf_printf(a, "%s,%03zu", slack_number(a, n / 1000), n % 1000);
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A cut within what may be a stand-in goes before it. */
static const char *before_stand_in(const char *text, const char *end)
{
    size_t back = 0, ahead = 0;

    while (back < STAND_IN && back < (size_t)(end - text) && is_alnum(*(end - back - 1)))
        back++;
    while (ahead < STAND_IN && is_alnum(end[ahead]))
        ahead++;
    return ahead && back + ahead >= STAND_IN ? end - back : end;
}

/* Where the longest beginning with at most `room` characters ends. */
static const char *find_end(const char *text, size_t room, bool markup)
{
    const char *end = text, *word = text;

    while (*end) {
        const char *next = behind_atom(end, markup), *p = end;
        size_t n = 0;

        while (p < next)
            n += units(next_char(&p));
        if (n > room)
            break;
        room -= n;
        end = next;
        if (strchr(" \n", end[-1]))
            word = end;
    }
    if (word > text && end - word <= WORD_MAX)
        end = word;
    end = before_stand_in(text, end);
    while (end > text && strchr(" \n", end[-1]))
        end--;
    return end;
}

const char *slack_cut(struct bf_arena *a, const char *text, size_t max, bool markup)
{
    const char *end;

    if (slack_length(text) <= max)
        return text;
    if (max < TAIL_MAX)
        return max ? "…" : "";
    end = find_end(text, max - TAIL_MAX, markup);
    return bf_printf(a, "%.*s… (%s more characters)", (int)(end - text), text,
                     slack_number(a, count_shown(end, markup)));
}


/* --- what may not stand in a message ------------------------------------------------- */

enum { KEEP, DROP, BREAK };

/* Controls do nothing good; embeddings, overrides and isolates would turn around what stands behind
 * a name on its line.  Right-to-left letters need none of them. */
static int kind(uint32_t c)
{
    if (c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029)
        return BREAK;
    if ((c < ' ' && c != '\t') || (c >= 0x7f && c < 0xa0))
        return DROP;
    if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
        return DROP;
    return c == 0x200b || c == 0x2060 || c == 0xfeff ? DROP : KEEP;
}

static const char *clean(struct bf_arena *a, const char *text, bool one_line)
{
    char *out = bf_alloc(a, strlen(text) + 1), *to = out;

    if (!out)
        return "";
    while (*text) {
        const char *from = text;
        uint32_t c;
        int k;

        if (*text > ' ' && *text < 0x7f) {      /* most are, and there may be a megabyte of them */
            *to++ = *text++;
            continue;
        }
        c = next_char(&text);
        k = kind(c);
        if (c == '\r' && *text == '\n')
            continue;
        if (k == BREAK || c == '\t') {
            if (!one_line || (to > out && to[-1] != ' '))
                *to++ = one_line || c == '\t' ? ' ' : '\n';
        } else if (k == KEEP && !(one_line && c == ' ' && (to == out || to[-1] == ' '))) {
            memcpy(to, from, (size_t)(text - from));
            to += text - from;
        }
    }
    while (to > out && strchr(" \n", to[-1]))
        *--to = '\0';
    return out;
}

const char *slack_lines(struct bf_arena *a, const char *text)
{
    return clean(a, text + strspn(text, "\r\n"), false);
}

const char *slack_line(struct bf_arena *a, const char *text) { return clean(a, text, true); }

const char *slack_escape(struct bf_arena *a, const char *text)
{
    size_t n = 0;
    char *out, *to;

    for (const char *p = text; *p; p++)
        n += strchr("&<>", *p) ? strlen("&amp;") : 1;
    out = to = bf_alloc(a, n + 1);
    if (!out)
        return "";
    for (; *text; text++) {
        if (strchr("&<>", *text))
            to = stpcpy(to, *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : "&gt;");
        else
            *to++ = *text;
    }
    return out;
}


/* --- templates --------------------------------------------------------------------- */

static bool is_address(const char *p)
{
    return strncasecmp(p, "https://", 8) == 0 || strncasecmp(p, "http://", 7) == 0 ||
           strncasecmp(p, "mailto:", 7) == 0;
}

/* Where an author wrote <${name}|words>, the value says where it leads, and must be an address:
 * as "!channel" it would be a mention.  Values are escaped already, so every < is the author's,
 * and they are the template's one by one. */
static const char *tame(struct bf_arena *a, const char *tmpl, const char *text)
{
    struct bf_text out = { 0 };

    for (const char *p; (p = strchr(text, '<')) != NULL; text = p + 1) {
        tmpl = tmpl ? strchr(tmpl, '<') : NULL;
        tmpl = tmpl ? tmpl + 1 : NULL;
        bf_append(a, &out, "%.*s%s", (int)(p - text), text,
                  tmpl && (*tmpl != '$' || is_address(p + 1)) ? "<" : "&lt;");
    }
    bf_append(a, &out, "%s", text);
    return out.s;
}

const char *slack_markup(const struct bf_delivery *d, const char *tmpl)
{
    const char *text = bf_expand(d, tmpl, BF_ESC_XML);

    if (strstr(tmpl, "<$"))
        text = tame(d->arena, tmpl, text);
    return slack_lines(d->arena, text);
}

/* What an address cannot hold, as %XX. */
static const char *as_address(struct bf_arena *a, const char *text)
{
    struct bf_text out = { 0 };

    for (size_t n; *text; text += n) {
        for (n = 0; text[n] > ' ' && text[n] < 0x7f && !strchr("\"<>\\^`{|}", text[n]);)
            n++;
        bf_append(a, &out, "%.*s", (int)n, text);
        if (text[n])
            bf_append(a, &out, "%%%02X", (unsigned char)text[n++]);
    }
    return out.s ? out.s : "";
}

const char *slack_address(const struct bf_delivery *d, const char *tmpl)
{
    size_t first = strncmp(tmpl, "${", 2) == 0 ? strcspn(tmpl, "}") : 0;
    const char *begins;

    first += first && tmpl[first];
    begins = bf_expand(d, bf_printf(d->arena, "%.*s", (int)first, tmpl), BF_ESC_NONE);
    return bf_printf(d->arena, "%s%s", as_address(d->arena, begins),
                     bf_expand(d, tmpl + first, BF_ESC_URL));
}
