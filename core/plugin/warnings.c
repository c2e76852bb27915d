/* warnings.c - what is saved although it may not work, or not always: a list for whoever saves it.
 *
 * A plugin is asked about the same thing several times, and may say as much as it likes: each word
 * about a field counts once, and behind the sixteenth there is only how many more there were. */
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/utf8.h"
#include "core/plugin/plugins.h"

#define FIELD_MAX   256
#define MESSAGE_MAX 600         /* bytes, but for what is cut from the end */
#define MORE_MAX    64

/* "actions[0]" and "config.text" */
static void place_of(const struct bf_warnings *w, const char *field, char out[FIELD_MAX])
{
    bool both = w->within && *w->within && *field;

    snprintf(out, FIELD_MAX, "%s%s%s", w->within ? w->within : "",
             both && *field != '[' ? "." : "", field);
}

static bool is_there(const struct bf_warnings *w, const char *field, const char *message)
{
    for (const struct bf_warning *i = w->first; i; i = i->next)
        if (strcmp(i->field, field) == 0 && strcmp(i->message, message) == 0)
            return true;
    return false;
}

static void append(struct bf_warnings *w, const char *field, const char *message)
{
    struct bf_warning *one = bf_arena_new_of(w->arena, struct bf_warning);

    if (!one)
        return;                 /* the arena is marked, and asked before anything is saved */
    one->field = bf_arena_dup(w->arena, field);
    one->message = message;
    *(w->last ? &w->last->next : &w->first) = one;
    w->last = one;
}

static void leave_out(struct bf_warnings *w)
{
    if (!w->more) {
        w->more = bf_arena_alloc(w->arena, MORE_MAX);
        if (w->more)
            append(w, "", w->more);
    }
    w->left_out++;
    if (w->more)
        snprintf(w->more, MORE_MAX, "and %u more", w->left_out);
}

void bf_warnings_addv(struct bf_warnings *w, const char *field, const char *fmt, va_list ap)
{
    char place[FIELD_MAX], message[2 * MESSAGE_MAX];
    size_t len;

    vsnprintf(message, sizeof(message), fmt, ap);
    len = strlen(message);
    message[bf_utf8_cut(message, len, MESSAGE_MAX)] = '\0';
    if (strlen(message) < len)
        strcat(message, "…");
    place_of(w, field ? field : "", place);
    if (is_there(w, place, message))
        return;
    if (w->n == BF_WARNINGS_MAX) {
        leave_out(w);
        return;
    }
    w->n++;
    append(w, place, bf_arena_dup(w->arena, message));
}

void bf_warnings_add(struct bf_warnings *w, const char *field, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    bf_warnings_addv(w, field, fmt, ap);
    va_end(ap);
}
