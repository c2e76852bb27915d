/* fake_text.h - the parts of the fake host that know no hub: arenas, JSON, encodings, templates. */
#ifndef BF_FAKE_TEXT_H
#define BF_FAKE_TEXT_H

#include <belfry/plugin.h>

struct fake_hub;

struct fake_arena {
    struct bf_arena pub;
    struct fake_hub *hub;
    struct chunk *chunks;
    size_t used;
    bool full;                  /* something was asked for past the limit */
    struct fake_arena *next;
};

void fake_arena_free(struct fake_arena *a);
void *fake_alloc(struct bf_arena *a, size_t len);
const char *fake_dup(struct bf_arena *a, const char *text);
const char *fake_ndup(struct bf_arena *a, const char *text, size_t len);
const char *fake_print(struct bf_arena *a, const char *fmt, va_list ap);
void fake_append(struct bf_arena *a, struct bf_text *t, const char *fmt, va_list ap);

/* Behind the value at p, or NULL if it is none.  Takes NaN and Infinity. */
const char *fake_json_end(const char *p);
const char *fake_json_space(const char *p);
const char *fake_quote(struct bf_arena *a, const char *text);
const char *fake_get(struct bf_arena *a, const char *json, const char *pointer, int *type);
int fake_each(struct bf_arena *a, const char *json, const char *pointer, struct bf_item *it);
const char *fake_encode(struct bf_arena *a, int how, const void *data, size_t len);

/* `tmpl` with every ${name} replaced by value(arg, name), escaped. */
enum { FAKE_ESC_JSON = 100 };   /* beside enum bf_escape: inside a JSON string */
const char *fake_expand(struct bf_arena *a, const char *tmpl, int escape,
                        const char *(*value)(const void *arg, const char *name), const void *arg);
const char *fake_escape(struct bf_arena *a, const char *text, int escape);

#endif
