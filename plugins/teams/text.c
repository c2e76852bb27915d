/* text.c - Markdown that no value can write: what a run is called comes out as it is called.
 *
 * Teams reads Markdown in the texts of cards and in facts, with several programs: the desktop's reads
 * CommonMark, those of phones a part of it in which a backslash does not keep [a](b) from being a
 * link.  So a value's characters are escaped with a backslash where they would change how a text
 * looks, and where they would make a link or a mention, a character without a width (U+200B) comes
 * between, which every reader takes for text.  Within a word nothing is escaped that need not be:
 * train_loss stays as it is, for readers that show the backslash.
 *
 * A template is taken apart here, because the hub escapes for HTML and URLs alone: what its author
 * wrote stays, each ${value} goes through.  A bare address in a value stays one; a reader that
 * makes it a link shows where that leads.  Invisible characters that turn the direction of a text
 * around are left out. */
#include "teams.h"

#include <string.h>
#include <strings.h>

#define BREAK     "\xe2\x80\x8b"        /* U+200B */
#define KEEP_MAX  (32 * 1024)           /* bytes of a text: more never fits into a message */
#define READ_MAX  (2 * 1024 * 1024)     /* of values; behind them nothing is counted any more */
#define NOTE_MAX  64                    /* of "… (1,234,567 more characters)" */
#define STAND_IN  40                    /* letters and digits of a secret's stand-in */

struct out {
    struct bf_arena *a;
    struct bf_text text;
    enum teams_how how;
    size_t keep;
    size_t more;                /* characters beyond `keep` */
    size_t more_bytes;
    size_t read;
    char pending[512];          /* on its way to `text` */
    size_t n_pending;
    char last;                  /* the last byte that was put; 0: none */
    bool line_start;            /* nothing stands in this line but marks of lists and quotes */
    bool in_target;             /* behind the ]( of a link that the author began */
};

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_punctuation(char c) { return c > ' ' && c < 0x7f && !is_alnum(c); }

static size_t char_len(const char *p)
{
    unsigned char c = (unsigned char)*p;
    size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4, i = 1;

    while (i < n && ((unsigned char)p[i] & 0xc0) == 0x80)
        i++;
    return i;
}

static void flush(struct out *o)
{
    if (o->n_pending)
        bf_append(o->a, &o->text, "%.*s", (int)o->n_pending, o->pending);
    o->n_pending = 0;
}

/* One character, with what escapes it. */
static void put(struct out *o, const char *bytes, size_t n)
{
    if (o->text.len + o->n_pending + n > o->keep) {
        o->keep = 0;            /* nothing shorter behind it either */
        o->more++;
        o->more_bytes += n;
        return;
    }
    if (o->n_pending + n > sizeof(o->pending))
        flush(o);
    memcpy(o->pending + o->n_pending, bytes, n);
    o->n_pending += n;
    o->last = bytes[n - 1];
}

static void puts_of(struct out *o, const char *text) { put(o, text, strlen(text)); }


/* --- values --------------------------------------------------------------------------- */

/* Marks that turn the direction of a text around, and what is no character at all. */
static bool is_hidden(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    if (u[0] == 0xe2 && u[1] == 0x80)
        return u[2] >= 0xaa && u[2] <= 0xae;    /* U+202A to U+202E */
    if (u[0] == 0xe2 && u[1] == 0x81)
        return u[2] >= 0xa6 && u[2] <= 0xa9;    /* U+2066 to U+2069 */
    return u[0] == 0xef && u[1] == 0xbb && u[2] == 0xbf;
}

/* Bytes of a line end at p; 0: there is none. */
static size_t line_end(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    if (u[0] == '\r' && u[1] == '\n')
        return 2;
    if (u[0] == 0xe2 && u[1] == 0x80 && (u[2] == 0xa8 || u[2] == 0xa9))
        return 3;
    return u[0] == '\n' || u[0] == '\r';
}

static bool is_control(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    return u[0] < ' ' || u[0] == 0x7f || (u[0] == 0xc2 && u[1] >= 0x80 && u[1] <= 0x9f);
}

/* "&lt;", "&#91;": what a reader would take for another character. */
static bool is_entity(const char *p)
{
    size_t n = 1 + (p[1] == '#');

    while (is_alnum(p[n]))
        n++;
    return n > 1 && p[n] == ';';
}

/* What begins a heading, a list, a quote or a rule where a line begins.  Gives its bytes, 0 if there
 * is none. */
static size_t put_mark(struct out *o, const char *p)
{
    size_t n = 0;

    if (strchr("#>=", *p) || (strchr("-+", *p) && !is_alnum(p[1]) && p[1] != '.')) {
        put(o, (const char[]){'\\', *p}, 2);
        return 1;
    }
    while (n < 9 && is_digit(p[n]))
        n++;
    if (n == 0 || (p[n] != '.' && p[n] != ')') || is_alnum(p[n + 1]))
        return 0;
    for (size_t i = 0; i < n; i++)
        put(o, p + i, 1);
    put(o, (const char[]){'\\', p[n]}, 2);
    return n + 1;
}

/* One character of a text that is read as Markdown. */
static void put_escaped(struct out *o, const char *p, char before)
{
    char next = p[1];

    switch (*p) {
    case '*':
    case '`':
    case '[':
        put(o, (const char[]){'\\', *p}, 2);
        return;
    case ']':
        puts_of(o, "\\]" BREAK);
        return;
    case '_':
        puts_of(o, is_alnum(before) && is_alnum(next) ? "_" : "\\_");
        return;
    case '\\':
        puts_of(o, next == '\0' || is_punctuation(next) ? "\\\\" : "\\");
        return;
    case '<':
        puts_of(o, "<" BREAK);
        return;
    case '&':
        puts_of(o, is_entity(p) ? "&" BREAK : "&");
        return;
    case '~':
        puts_of(o, next == '~' || next == '\0' ? "~" BREAK : "~");
        return;
    default:
        put(o, p, char_len(p));
    }
}

/* Line ends become paragraphs, or a space; what indents the next line goes. */
static size_t put_line_end(struct out *o, const char *p)
{
    size_t n = 0, k;

    while ((k = line_end(p + n)) || p[n] == ' ' || p[n] == '\t')
        n += k ? k : 1;
    if (p[n] == '\0' || o->last == '\0')
        return n;
    puts_of(o, o->how == TEAMS_LINE || o->how == TEAMS_PLAIN ? " " : "\n\n");
    o->line_start = o->last == '\n';
    return n;
}

/* A value that follows one of these could go on with what the author began with it. */
static void put_break(struct out *o)
{
    if (o->how != TEAMS_PLAIN && o->last && strchr("]<&~\\", o->last))
        puts_of(o, BREAK);
}

/* Before anything is escaped, as what stands on either side of them is read together afterwards: a
 * backslash that is alone is shown, and one before a bracket escapes it. */
static const char *without_hidden(struct bf_arena *a, const char *value)
{
    char *out, *to;

    for (const char *p = value; !is_hidden(p); p++)
        if (*p == '\0')
            return value;
    out = to = bf_alloc(a, strlen(value) + 1);
    if (!out)
        return "";
    while (*value) {
        size_t n = char_len(value);

        if (!is_hidden(value)) {
            memcpy(to, value, n);
            to += n;
        }
        value += n;
    }
    return out;
}

static void put_value(struct out *o, const char *value)
{
    bool markdown = o->how != TEAMS_PLAIN;
    char before = o->last;

    put_break(o);
    for (const char *p = without_hidden(o->a, value); *p;) {
        size_t n = line_end(p);

        if (n) {
            n = put_line_end(o, p);
        } else if (markdown && o->line_start && (*p == ' ' || *p == '\t')) {
            n = 1;              /* four of them would be code */
        } else if (is_control(p)) {
            n = char_len(p);
            puts_of(o, " ");
        } else if (markdown && o->line_start && (n = put_mark(o, p))) {
            o->line_start = false;
        } else {
            n = char_len(p);
            if (markdown)
                put_escaped(o, p, before);
            else
                put(o, p, n);
            o->line_start = false;
        }
        before = p[n - 1];
        p += n;
    }
}


/* --- addresses ------------------------------------------------------------------------- */

bool teams_is_link(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

/* A value that begins an address may be a whole one; one within it is a part.  Neither can end the
 * address. */
static void put_address(struct out *o, const char *value, bool begins)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *plain = begins && teams_is_link(value) ? "-._~:/?#@!$&+,;=%" : "-._~";

    for (const char *p = value; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if (is_alnum(*p) || strchr(plain, *p))
            put(o, p, 1);
        else
            put(o, (const char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
    }
}


/* --- templates --------------------------------------------------------------------------- */

/* Whether the line behind p, which is at a line end, goes on with a list, or is empty. */
static bool is_apart(const char *p)
{
    p += line_end(p);
    p += strspn(p, " \t");
    return line_end(p) || (*p && strchr("-*+", *p)) || is_digit(*p);
}

static void see(struct out *o, char c)
{
    if (c == '\n')
        o->line_start = true;
    else if (!strchr(" \t>-*+.)", c) && !is_digit(c))
        o->line_start = false;
}

/* What the author wrote. */
static void put_own(struct out *o, const char *text)
{
    for (const char *p = text; *p;) {
        size_t n = char_len(p);

        if (o->last == ']' && *p == '(')
            o->in_target = true;
        else if (*p == ')' || *p == '\n')
            o->in_target = false;
        see(o, *p);
        if (o->how == TEAMS_LINE && line_end(p)) {
            n = line_end(p);
            puts_of(o, " ");
        } else if (o->how == TEAMS_PROSE && line_end(p) && o->last != '\n' && !is_apart(p)) {
            n = line_end(p);
            puts_of(o, "\n\n");
        } else {
            put(o, p, n);
        }
        p += n;
    }
}

/* Behind the next ${name}, which begins at *name; what is before it is the author's.  NULL: there is
 * none.  $${ is a literal ${. */
static const char *next_variable(const char *p, const char **name)
{
    while ((p = strchr(p, '$'))) {
        const char *end = p[1] == '{' ? strchr(p, '}') : NULL;

        *name = p;
        if (end)
            return end + 1;
        p += strncmp(p, "$${", 3) == 0 ? 3 : 1;
    }
    return NULL;
}

static const char *part(const struct bf_delivery *d, const char *from, const char *end)
{
    return bf_printf(d->arena, "%.*s", (int)(end - from), from);
}

/* The author's text as it stands, but for $${ and names of secrets without braces. */
static void put_literal(struct out *o, const struct bf_delivery *d, const char *from,
                        const char *end)
{
    const char *text = part(d, from, end);

    put_own(o, strchr(text, '$') ? bf_expand(d, text, BF_ESC_NONE) : text);
}

static void put_variable(struct out *o, const struct bf_delivery *d, const char *from,
                         const char *end)
{
    const char *value = bf_expand(d, part(d, from, end), BF_ESC_NONE);

    o->read += strlen(value);
    if (o->how == TEAMS_ADDRESS)
        put_address(o, value, o->last == '\0');
    else if (o->in_target && o->how != TEAMS_PLAIN)
        put_address(o, value, o->last == '(');
    else
        put_value(o, value);
}

static struct teams_text expand(const struct bf_delivery *d, const char *tmpl, enum teams_how how,
                                size_t keep, size_t *more_bytes)
{
    struct out o = {.a = d->arena, .how = how, .keep = keep, .line_start = true};
    const char *p = tmpl ? tmpl : "", *name, *end;

    while ((end = next_variable(p, &name)) && o.read < READ_MAX) {
        put_literal(&o, d, p, name);
        put_variable(&o, d, name, end);
        p = end;
    }
    if (!end)
        put_literal(&o, d, p, p + strlen(p));
    flush(&o);
    *more_bytes = o.more_bytes;
    return (struct teams_text){o.text.s ? o.text.s : "", o.more, end != NULL};
}

struct teams_text teams_expand(const struct bf_delivery *d, const char *tmpl, enum teams_how how)
{
    return expand(d, tmpl, how, KEEP_MAX, &(size_t){0});
}

/* More than a message has would fill the memory for nothing: a MiB of < is four of its escapes, in
 * each of a card's texts. */
const char *teams_expand_whole(const struct bf_delivery *d, const char *tmpl, enum teams_how how,
                               size_t *too_long)
{
    struct teams_text text = expand(d, tmpl, how, TEAMS_BODY_MAX, too_long);

    if (*too_long)
        *too_long += strlen(text.s);
    return *too_long ? "" : text.s;
}

const char *teams_escape(struct bf_arena *a, const char *value, enum teams_how how)
{
    struct out o = {.a = a, .how = how, .keep = SIZE_MAX, .line_start = true};

    if (how == TEAMS_ADDRESS)
        put_address(&o, value, true);
    else
        put_value(&o, value);
    flush(&o);
    return o.text.s ? o.text.s : "";
}

const char *teams_without_values(struct bf_arena *a, const char *tmpl)
{
    struct bf_text out = {0};
    const char *p = tmpl, *name, *end;

    while ((end = next_variable(p, &name))) {
        bf_append(a, &out, "%.*s", (int)(name - p), p);
        p = end;
    }
    bf_append(a, &out, "%s", p);
    return out.s;
}


/* --- cutting ------------------------------------------------------------------------------ */

static size_t json_byte(unsigned char c)
{
    if (c == '"' || c == '\\' || c == '\n')
        return 2;
    return c < ' ' ? 6 : 1;
}

size_t teams_json_len(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += json_byte((unsigned char)*s);
    return n;
}

/* A character with what escapes it, in bytes; a cut comes between two of them. */
static size_t unit_len(const char *p)
{
    size_t n = *p == '\\' && is_punctuation(p[1]) ? 2 : char_len(p);

    while (strncmp(p + n, BREAK, strlen(BREAK)) == 0)
        n += strlen(BREAK);
    return n;
}

static size_t count_units(const char *p)
{
    size_t n = 0;

    for (; *p; p += unit_len(p))
        n++;
    return n;
}

/* A cut within what may be a secret's stand-in goes before it. */
static size_t before_stand_in(const char *s, size_t cut)
{
    size_t back = 0, ahead = 0;

    while (back < cut && back < STAND_IN && is_alnum(s[cut - back - 1]))
        back++;
    while (ahead < STAND_IN && is_alnum(s[cut + ahead]))
        ahead++;
    return back + ahead >= STAND_IN && ahead ? cut - back : cut;
}

const char *teams_count(struct bf_arena *a, unsigned long long n)
{
    if (n < 1000)
        return bf_printf(a, "%llu", n);
    return bf_printf(a, "%s,%03llu", teams_count(a, n / 1000), n % 1000);
}

const char *teams_cut(struct bf_arena *a, struct teams_text text, size_t room)
{
    size_t used = 0, cut = 0;

    if (!text.more && !text.and_more && teams_json_len(text.s) <= room)
        return text.s;
    room = room > NOTE_MAX ? room - NOTE_MAX : 0;
    while (text.s[cut]) {
        size_t n = unit_len(text.s + cut);

        for (size_t i = 0; i < n; i++)
            used += json_byte((unsigned char)text.s[cut + i]);
        if (used > room)
            break;
        cut += n;
    }
    cut = before_stand_in(text.s, cut);
    return bf_printf(a, "%.*s… (%s%s more characters)", (int)cut, text.s,
                     text.and_more ? "at least " : "",
                     teams_count(a, text.more + count_units(text.s + cut)));
}

const char *teams_line(const struct bf_delivery *d, const char *tmpl, size_t room)
{
    return teams_cut(d->arena, teams_expand(d, tmpl, TEAMS_LINE), room);
}
