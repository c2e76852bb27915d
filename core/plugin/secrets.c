/* secrets.c - stand-ins: what plugins see of a secret, and how its value gets on the wire.
 *
 * CONCEPT.  A secret option is filled with 40 random letters and digits.  A plugin puts them where
 * the value belongs; only when it has said all it wants to send are values opened, swapped in,
 * escaped for the place, and wiped again once the bytes have left.
 *
 * A request that is served in a caller's name may be lent secrets of a team; their stand-ins hang on
 * the arena of that work, and so are known to its requests and to nothing else.
 *
 * SAFETY.  Every whole stand-in is replaced.  If a part of one is found anywhere else (its
 * beginning, middle or end, letters of either case), the plugin has cut or folded it; the other
 * side would get nonsense, so the attempt fails as secret_mangled and nothing is sent.  What the
 * other side sends back is scrub.c's. */
#include "core/base/crypto.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/plugin/inner.h"

#define PART_LEN 12             /* of a stand-in; chance finds one in 10^18 texts of a megabyte */
#define ESCAPED_MAX 6           /* bytes that one byte of a value becomes at most, as in \u0001 */

static const char hex_digits[] = "0123456789ABCDEF";

void bf_standin_again(const struct bf_standin *like, struct bf_standin *out)
{
    *out = *like;
    out->like = like;
    bf_random_word(out->text, BF_STANDIN_LEN);
}

static int read_secret(const struct bf_option *o, const struct bf_json *value, const char *entity,
                       struct bf_arena *a, struct bf_standin *s, struct bf_error *err)
{
    const char *sealed = bf_json_str(a, bf_json_get(value, "sealed"));
    const char *text = bf_json_str(a, value);

    s->option = o->name;
    s->entity = entity;
    s->sealed = sealed != NULL;
    if (entity)
        s->name = sealed ? sealed : text;
    else
        s->literal = text;
    if (s->name || s->literal)
        return BF_OK;
    return bf_error_field(err, BF_ECONFIG, "config", "%s must be %s, not %s", o->name,
                          entity ? "the name of a secret" : "a string", bf_json_type_name(value));
}

static const struct bf_json *value_of(const struct bf_json *config, const struct bf_option *o)
{
    const struct bf_json *value = bf_json_get(config, o->name);

    return bf_json_is(value, BF_JSON_NULL) ? NULL : value;
}

/* Room for every secret option and every name. */
static int make_room(const struct bf_option *table, const char *granted, struct bf_arena *a,
                     struct bf_standins *out, struct bf_error *err)
{
    size_t n = 0, len;

    for (const struct bf_option *o = table; o && o->name; o++)
        n += (o->flags & BF_SECRET) != 0;
    for (const char *at = granted; (len = bf_secret_names_next(&at)) > 0; at += len)
        n++;
    *out = (struct bf_standins){.items = n ? bf_arena_alloc(a, n * sizeof(*out->items)) : NULL};
    return n && !out->items ? bf_error_set(err, BF_ENOMEM, "too many secrets") : BF_OK;
}

static void fill_option(const struct bf_option *o, void *filled, const struct bf_standin *s)
{
    const char *text = s->text;

    memcpy(bf_option_place(o, filled), &text, sizeof(text));
}

static void add_granted(struct bf_standins *out, struct bf_arena *a, const char *entity,
                        const char *granted)
{
    size_t len;

    for (const char *at = granted; (len = bf_secret_names_next(&at)) > 0; at += len) {
        struct bf_standin *s = &out->items[out->n++];

        *s = (struct bf_standin){.entity = entity, .name = bf_arena_ndup(a, at, len)};
        s->option = bf_arena_printf(a, "${%s}", s->name);
        bf_random_word(s->text, BF_STANDIN_LEN);
    }
}

int bf_standins_make(const struct bf_option *table, const struct bf_json *config,
                     const char *entity, const char *granted, void *filled, struct bf_arena *a,
                     struct bf_standins *out, struct bf_error *err)
{
    int rc = make_room(table, granted, a, out, err);
    size_t n_options;

    for (const struct bf_option *o = table; !rc && o && o->name; o++) {
        const struct bf_json *value = o->flags & BF_SECRET ? value_of(config, o) : NULL;
        struct bf_standin *s = &out->items[out->n];

        if (!value)
            continue;
        rc = read_secret(o, value, entity, a, s, err);
        bf_random_word(s->text, BF_STANDIN_LEN);
        fill_option(o, filled, s);
        out->n += !rc;
    }
    n_options = out->n;
    if (!rc)
        add_granted(out, a, entity, granted);
    for (const struct bf_option *o = table; out->n > n_options && o && o->name; o++)
        if ((o->flags & BF_GRANTED) && !value_of(config, o))
            fill_option(o, filled, &out->items[n_options]);
    return rc;
}

void bf_standins_give(struct bf_standins *s, const struct bf_given *given)
{
    for (; given; given = given->next)
        for (size_t i = 0; i < s->n; i++)
            if (s->items[i].sealed && strcmp(s->items[i].option, given->option) == 0)
                s->items[i].literal = given->value;
}

const struct bf_standin *bf_standins_find(const struct bf_standins *s, const char *text)
{
    for (size_t i = 0; s && text && i < s->n; i++)
        if (strcmp(s->items[i].text, text) == 0)
            return &s->items[i];
    return NULL;
}

/* ${ACCESS_TOKEN} is the option access_token, ${NAME} the secret of that name. */
const struct bf_standin *bf_standins_named(const struct bf_standins *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct bf_standin *it = &s->items[i];

        if (!it->sealed && it->name && strcmp(it->name, name) == 0)
            return it;
        if (strcmp(name, "ACCESS_TOKEN") == 0 && strcmp(it->option, "access_token") == 0)
            return it;
    }
    return NULL;
}

/* --- lent --------------------------------------------------------------------------- */

struct lent {
    struct bf_standins set;
    struct bf_standin items[BF_LENT_MAX];
};

const struct bf_standins *bf_standins_lent(const struct bf_arena *a)
{
    const struct lent *l = bf_arena_data(a);

    return l ? &l->set : NULL;
}

static struct lent *lent_to(struct bf_arena *a)
{
    struct lent *l = bf_arena_data(a);

    if (l)
        return l;
    l = bf_arena_new_of(a, struct lent);
    if (l)
        l->set.items = l->items;
    bf_arena_set_data(a, l);
    return l;
}

int bf_standin_lend(struct bf_arena *a, const char *entity, const char *name,
                    const struct bf_standin **out, struct bf_error *err)
{
    struct lent *l = lent_to(a);
    struct bf_standin *s;

    if (!l)
        return bf_error_set(err, BF_ENOMEM, "the request has used up its memory");
    for (size_t i = 0; i < l->set.n; i++) {
        *out = &l->items[i];
        if (strcmp(l->items[i].entity, entity) == 0 && strcmp(l->items[i].name, name) == 0)
            return BF_OK;
    }
    if (l->set.n == BF_LENT_MAX)
        return bf_error_set(err, BF_EFULL, "one piece of work is lent %d secrets at most",
                            BF_LENT_MAX);
    s = &l->items[l->set.n];
    *s = (struct bf_standin){.entity = bf_arena_dup(a, entity), .name = bf_arena_dup(a, name)};
    s->option = bf_arena_printf(a, "${%s}", s->name);
    bf_random_word(s->text, BF_STANDIN_LEN);
    if (!bf_arena_ok(a))
        return bf_error_set(err, BF_ENOMEM, "the request has used up its memory");
    l->set.n++;
    *out = s;
    return BF_OK;
}

void bf_standins_copy(const struct bf_standins *s, struct bf_arena *a, struct bf_standins *out)
{
    *out = (struct bf_standins){.items = bf_arena_alloc(a, (s->n + 1) * sizeof(*out->items))};
    for (; out->items && out->n < s->n; out->n++) {
        const struct bf_standin *from = &s->items[out->n];
        struct bf_standin *to = &out->items[out->n];

        *to = *from;
        to->option = bf_arena_dup(a, from->option);
        to->entity = bf_arena_dup(a, from->entity);
        to->name = bf_arena_dup(a, from->name);
    }
}


/* --- values -------------------------------------------------------------------------- */

int bf_standin_open(struct bf_team *team, const struct bf_standin *s, char **value, size_t *len,
                    struct bf_error *err)
{
    struct bf_error why;
    int rc;

    if (s->literal) {
        *value = bf_strdup(s->literal);
        *len = strlen(s->literal);
        return BF_OK;
    }
    rc = bf_team_open_secret(team, s->entity, s->name, value, len, &why);
    if (rc == BF_ENOENT && s->sealed)
        return bf_error_set(err, rc, "the value of option %s is gone; save the integration again "
                            "with it", s->option);
    if (rc == BF_ENOENT)
        return bf_error_set(err, rc, "no secret \"%s\" in team %s any more; store it with PUT "
                            "/api/v1/teams/%s/secrets/%s", s->name, s->entity, s->entity, s->name);
    return rc ? bf_error_set(err, rc, "the secret of option %s cannot be opened: %s", s->option,
                             why.words) : BF_OK;
}


/* --- opened values ------------------------------------------------------------------ */

struct bf_opened {
    struct bf_opened *next;
    const struct bf_standin *of;
    char *value;
    size_t len;
};

static int open_once(struct bf_swap *s, const struct bf_standin *of, const struct bf_opened **out,
                     struct bf_error *err)
{
    struct bf_opened *o;
    int rc;

    for (o = s->opened; o; o = o->next) {
        if (o->of == of) {
            *out = o;
            return BF_OK;
        }
    }
    o = bf_new(struct bf_opened);
    o->of = of;
    rc = bf_standin_open(s->team, of, &o->value, &o->len, err);
    if (rc) {
        free(o);
        return rc;
    }
    o->next = s->opened;
    s->opened = o;
    *out = o;
    return BF_OK;
}

void bf_swap_fini(struct bf_swap *s)
{
    while (s->opened) {
        struct bf_opened *o = s->opened;

        s->opened = o->next;
        bf_wipe(o->value, o->len);
        free(o->value);
        free(o);
    }
}

void bf_wipe_all(struct bf_wipe_list *l)
{
    for (; l; l = l->next)
        bf_wipe(l->data, l->len);
}

int bf_swap_value(struct bf_swap *s, const char *text, const char **value, size_t *len,
                  struct bf_error *err)
{
    *value = text;
    *len = strlen(text);
    for (size_t set = 0; set < BF_COUNT(s->sets); set++) {
        const struct bf_standin *of = bf_standins_find(s->sets[set], text);
        const struct bf_opened *o;
        int rc;

        if (!of)
            continue;
        rc = open_once(s, of, &o, err);
        if (rc)
            return rc;
        *value = o->value;
        *len = o->len;
        return BF_OK;
    }
    return BF_OK;
}


/* --- finding ------------------------------------------------------------------------ */

/* A whole stand-in in a text. */
struct place {
    size_t at;
    const struct bf_standin *of;
};

static bool next_place(const struct bf_swap *s, const char *text, size_t len, size_t from,
                       struct place *out)
{
    bool found = false;

    for (size_t set = 0; set < BF_COUNT(s->sets); set++) {
        for (size_t i = 0; s->sets[set] && i < s->sets[set]->n; i++) {
            const struct bf_standin *of = &s->sets[set]->items[i];
            const char *hit = memmem(text + from, len - from, of->text, BF_STANDIN_LEN);

            if (hit && (!found || (size_t)(hit - text) < out->at)) {
                *out = (struct place){(size_t)(hit - text), of};
                found = true;
            }
        }
    }
    return found;
}

static bool has_part(const char *text, size_t len, const char *part)
{
    char lower = part[0], upper = part[0];

    if (part[0] >= 'A') {       /* a letter; digits have one form */
        lower = (char)(part[0] | 0x20);
        upper = (char)(lower - 0x20);
    }
    for (size_t i = 0; i + PART_LEN <= len; i++)
        if ((text[i] == lower || text[i] == upper) && strncasecmp(text + i, part, PART_LEN) == 0)
            return true;
    return false;
}

/* Whether some of a stand-in is in a text that holds no whole one. */
static const struct bf_standin *mangled_in(const struct bf_swap *s, const char *text, size_t len)
{
    static const size_t parts[] = {0, (BF_STANDIN_LEN - PART_LEN) / 2, BF_STANDIN_LEN - PART_LEN};

    for (size_t set = 0; set < BF_COUNT(s->sets); set++) {
        for (size_t i = 0; s->sets[set] && i < s->sets[set]->n; i++) {
            const struct bf_standin *of = &s->sets[set]->items[i];

            for (size_t p = 0; p < BF_COUNT(parts); p++)
                if (has_part(text, len, of->text + parts[p]))
                    return of;
        }
    }
    return NULL;
}

static int check_rest(const struct bf_swap *s, const char *what, const char *text, size_t len,
                      struct bf_error *err)
{
    const struct bf_standin *of = mangled_in(s, text, len);

    if (!of)
        return BF_OK;
    return bf_error_set(err, BF_EINVAL, "secret_mangled: a part of the stand-in for option %s "
                        "stands in the %s; the plugin must put it there whole and unchanged",
                        of->option, what);
}


/* --- showing ------------------------------------------------------------------------ */

const char *bf_standin_name(const struct bf_standin *s)
{
    return s->name && !s->sealed ? s->name : s->option;
}

void bf_swap_show(const struct bf_swap *s, const char **text, size_t *len)
{
    struct place at;
    struct bf_buf b;
    size_t done = 0;

    if (!next_place(s, *text, *len, 0, &at))
        return;
    bf_buf_init(&b, SIZE_MAX);
    do {
        bf_buf_add(&b, *text + done, at.at - done);
        bf_buf_printf(&b, "${%s}", bf_standin_name(at.of));
        done = at.at + BF_STANDIN_LEN;
    } while (next_place(s, *text, *len, done, &at));
    bf_buf_add(&b, *text + done, *len - done);
    *len = b.len;
    *text = bf_arena_ndup(s->arena, bf_buf_text(&b), b.len);
    if (!bf_arena_ok(s->arena))
        *len = 0;
    bf_buf_fini(&b);
}


/* --- escaping ----------------------------------------------------------------------- */

bool bf_url_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_' || c == '~';
}

static void add_percent(struct bf_buf *b, const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value[i];

        if (bf_url_unreserved(c)) {
            bf_buf_addc(b, (char)c);
        } else {
            bf_buf_addc(b, '%');
            bf_buf_addc(b, hex_digits[c >> 4]);
            bf_buf_addc(b, hex_digits[c & 15]);
        }
    }
}

static bool has_control(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)value[i] < 0x20 && value[i] != '\t')
            return true;
    return false;
}

static int add_value(struct bf_buf *b, enum bf_swap_where where, const struct bf_opened *o,
                     bool begins, struct bf_error *err)
{
    const char *what = where == BF_SWAP_HEADER ? "a header" : "a URL";

    if ((where == BF_SWAP_HEADER || (where == BF_SWAP_URL && begins)) &&
        has_control(o->value, o->len))
        return bf_error_set(err, BF_ECONFIG, "the secret of option %s holds a line end or another "
                            "control character, which cannot stand in %s; store it again without",
                            o->of->option, what);
    if (where == BF_SWAP_JSON)
        bf_buf_json_chars(b, o->value, o->len);
    else if (where == BF_SWAP_FORM || (where == BF_SWAP_URL && !begins))
        add_percent(b, o->value, o->len);
    else
        bf_buf_add(b, o->value, o->len);
    return BF_OK;
}

/* Build the text with values in it. */
static int swap_into(struct bf_swap *s, enum bf_swap_where where, const char *what,
                     const char *text, size_t len, struct place at, struct bf_buf *b,
                     struct bf_error *err)
{
    size_t done = 0;
    bool more = true;

    while (more) {
        const struct bf_opened *o;
        int rc = check_rest(s, what, text + done, at.at - done, err);

        if (!rc)
            rc = open_once(s, at.of, &o, err);
        if (rc)
            return rc;
        bf_buf_add(b, text + done, at.at - done);
        rc = add_value(b, where, o, at.at == 0, err);
        if (rc)
            return rc;
        done = at.at + BF_STANDIN_LEN;
        more = next_place(s, text, len, done, &at);
    }
    bf_buf_add(b, text + done, len - done);
    return check_rest(s, what, text + done, len - done, err);
}

/* How long the text can become; opens what is needed for it. */
static int bound(struct bf_swap *s, const char *text, size_t len, struct place at, size_t *out,
                 struct bf_error *err)
{
    bool more = true;

    for (*out = len; more; more = next_place(s, text, len, at.at + BF_STANDIN_LEN, &at)) {
        const struct bf_opened *o;
        int rc = open_once(s, at.of, &o, err);

        if (rc)
            return rc;
        *out += ESCAPED_MAX * o->len;
    }
    return BF_OK;
}

int bf_swap_text(struct bf_swap *s, enum bf_swap_where where, const char *what, const char **text,
                 size_t *len, struct bf_error *err)
{
    struct bf_wipe_list *w;
    struct place at;
    struct bf_buf b;
    size_t room;
    int rc;

    if (!next_place(s, *text, *len, 0, &at))
        return check_rest(s, what, *text, *len, err);
    rc = bound(s, *text, *len, at, &room, err);
    if (rc)
        return rc;
    /* A buf that had to grow would leave copies of values in freed memory; this one has room
     * enough from the start, in the arena. */
    w = bf_arena_new_of(s->arena, struct bf_wipe_list);
    b = (struct bf_buf){.data = bf_arena_alloc(s->arena, room + 1), .cap = room + 1, .max = room};
    if (!w || !b.data)
        return bf_error_set(err, BF_ETOOBIG, "what is to be sent is too large");
    *w = (struct bf_wipe_list){s->wipe, b.data, room};
    s->wipe = w;
    rc = swap_into(s, where, what, *text, *len, at, &b, err);
    *text = b.data;
    *len = b.len;
    return rc;
}
