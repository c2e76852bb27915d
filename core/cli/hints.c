/* hints.c - the ways out that a hub names, as verbs.
 *
 * A hub speaks to whoever asks, and says "make it with PUT /api/v1/teams/acme".  To people at the
 * command line that is a riddle; the table of verbs knows that it is "belfry teams create acme". */
#include "core/cli/cli.h"

#include <string.h>

#include "core/base/base.h"

#define WORDS_MAX 65536

/* A request as it stands in words, and what is found for it. */
struct hint {
    const char *method;
    size_t method_len;
    const char *path;
    size_t path_len;            /* without the query */
    const char *team, *operands[4];
    size_t team_len, operand_len[4];
};

static size_t segment_len(const char *at, const char *end)
{
    size_t n = 0;

    while (at + n < end && at[n] != '/')
        n++;
    return n;
}

static void take(struct hint *h, const char *name, const char *text, size_t len)
{
    if (strncmp(name, "team}", 5) == 0) {
        h->team = text;
        h->team_len = len;
    } else {
        size_t i = name[0] >= '1' && name[0] <= '4' ? (size_t)(name[0] - '1') : 0;

        h->operands[i] = text;
        h->operand_len[i] = len;
    }
}

/* Segment by segment; what {…} stands for is taken. */
static bool matches(struct hint *h, const char *pattern)
{
    const char *end = pattern + strcspn(pattern, "?"), *at = h->path, *stop = at + h->path_len;

    h->team = NULL;
    memset(h->operands, 0, sizeof(h->operands));
    while (pattern < end && at < stop) {
        size_t want = segment_len(pattern, end), got = segment_len(at, stop);

        if (pattern[0] == '{')
            take(h, pattern + 1, at, got);
        else if (want != got || strncmp(pattern, at, got) != 0)
            return false;
        pattern += want;
        at += got;
        if (pattern < end && at < stop) {       /* both at a slash */
            pattern++;
            at++;
        }
    }
    return pattern == end && at == stop;
}

static bool is_for(struct hint *h, const struct bf_verb *v)
{
    return v->method && strlen(v->method) == h->method_len &&
           strncmp(v->method, h->method, h->method_len) == 0 && matches(h, v->path);
}

static const struct bf_verb *find(struct hint *h, const struct bf_verb **noun)
{
    for (const struct bf_verb *v = bf_verbs; v->name; v++) {
        *noun = NULL;
        if (is_for(h, v))
            return v;
        *noun = v;
        for (const struct bf_verb *s = v->verbs; s && s->name; s++)
            if (is_for(h, s))
                return s;
    }
    return NULL;
}

static void put_verb(struct hint *h, const struct bf_verb *noun, const struct bf_verb *v,
                     struct bf_buf *b)
{
    bf_buf_printf(b, "belfry %s%s%s", noun ? noun->name : "", noun ? " " : "", v->name);
    for (size_t i = 0; i < BF_COUNT(h->operands) && h->operands[i]; i++)
        bf_buf_printf(b, " %.*s", (int)h->operand_len[i], h->operands[i]);
    if (h->team)
        bf_buf_printf(b, " --team %.*s", (int)h->team_len, h->team);
}

/* "PUT /api/v1/…" at `at`: how long it is, 0 if it is none. */
static size_t read_hint(const char *at, struct hint *h)
{
    static const char *const methods[] = {"GET ", "PUT ", "POST ", "PATCH ", "DELETE "};
    static const char ends[] = " ,;\")\n";
    size_t n = 0, len;

    while (n < BF_COUNT(methods) && strncmp(at, methods[n], strlen(methods[n])) != 0)
        n++;
    if (n == BF_COUNT(methods) || strncmp(at + strlen(methods[n]), "/api/v1/", 8) != 0)
        return 0;
    *h = (struct hint){.method = at, .method_len = strlen(methods[n]) - 1,
                       .path = at + strlen(methods[n])};
    len = strcspn(h->path, ends);
    while (len && h->path[len - 1] == '.')
        len--;
    h->path_len = strcspn(h->path, "?") < len ? strcspn(h->path, "?") : len;
    return h->path + len - at;
}

static void put_query(const struct hint *h, const char *end, struct bf_buf *b)
{
    static const char entity[] = "?entity=";
    const char *query = h->path + h->path_len;

    if (strncmp(query, entity, sizeof(entity) - 1) != 0)
        return;
    query += sizeof(entity) - 1;
    bf_buf_printf(b, " --team %.*s", (int)(end - query), query);
}

const char *bf_cli_hints(struct bf_cli *c, const char *words)
{
    static const char force[] = "?force=true";
    const struct bf_verb *v, *noun;
    struct bf_buf b;
    struct hint h;
    const char *out;

    bf_buf_init(&b, WORDS_MAX);
    while (*words) {
        size_t len = read_hint(words, &h);

        v = len && strncmp(words + len, " {", 2) != 0 ? find(&h, &noun) : NULL;
        if (v) {
            put_verb(&h, noun, v, &b);
            put_query(&h, words + len, &b);
            words += len;
        } else if (strncmp(words, force, sizeof(force) - 1) == 0) {
            bf_buf_adds(&b, "--force");
            words += sizeof(force) - 1;
        } else {
            bf_buf_addc(&b, *words++);
        }
    }
    out = bf_arena_dup(c->arena, bf_buf_text(&b));
    bf_buf_fini(&b);
    return out;
}
