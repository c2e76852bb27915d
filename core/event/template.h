/* template.h - text and JSON with ${name} in it, checked when saved, filled in when sent.
 *
 * CONCEPT.  A template is compiled to pieces: bytes to copy and names to look up.  A JSON template
 * is parsed as JSON first; names stand only inside its string values (keys are literal), and
 * values are escaped as JSON as they go in, so nothing a run is called can break or add JSON.
 * What surrounds them stays byte for byte what its author wrote.
 *
 * SYNTAX.  ${name}; $${ is a literal ${; ${json:name} as the whole of a JSON string inserts the
 * value with its type; $NAME without braces only for names that `bare` accepts.  Any other $ is
 * literal.  Values are never looked through again. */
#ifndef BF_TEMPLATE_H
#define BF_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/error.h"

#define BF_TEMPLATE_MAX 65536   /* bytes of a template's text */
#define BF_RENDERED_MAX (1024 * 1024)

struct bf_template;             /* immutable; any number of threads may render it */

/* Which names there are, at the time of saving. */
struct bf_template_names {
    bool (*known)(void *arg, const char *name);
    bool (*bare)(void *arg, const char *name);  /* may be NULL: none */
    const char *list;           /* for the words of an error */
    void *arg;
};

/* The result lives in `a`. */
int bf_template_compile_text(struct bf_arena *a, const char *text,
                             const struct bf_template_names *names, struct bf_template **out,
                             struct bf_error *err);
int bf_template_compile_json(struct bf_arena *a, const char *json, size_t len,
                             const struct bf_template_names *names, struct bf_template **out,
                             struct bf_error *err);

enum bf_template_escape { BF_TEMPLATE_PLAIN, BF_TEMPLATE_XML, BF_TEMPLATE_URL };
/* A text as it would be put in for a name. */
void bf_template_add_value(struct bf_buf *out, enum bf_template_escape escape, const char *value);

/* Gives the value of `name`, as text or (typed) as JSON; NULL fails the rendering. */
typedef const char *bf_template_value_fn(void *arg, const char *name, bool typed);

/* How many bytes a rendering has at most, if no value has more than `most` says: of its text, or
 * escaped as within a JSON string. */
typedef size_t bf_template_most_fn(void *arg, const char *name, bool escaped);
size_t bf_template_worst(const struct bf_template *t, bf_template_most_fn *most, void *arg);

/* Every name that stands in it, as often as it does. */
typedef void bf_template_name_fn(void *arg, const char *name);
void bf_template_each_name(const struct bf_template *t, bf_template_name_fn *fn, void *arg);

/* BF_ENOENT naming the variable ("unknown_variable: …") or BF_ETOOBIG with the measured size.  A
 * JSON template escapes as JSON whatever `escape` says. */
int bf_template_render(const struct bf_template *t, enum bf_template_escape escape,
                       bf_template_value_fn *value, void *arg, struct bf_buf *out,
                       struct bf_error *err);

#endif
