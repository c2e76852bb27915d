/* intake.h - foreign webhooks as events: who may send them, and what they become.
 *
 * CONCEPT.  An intake belongs to a team and has a name of its own in the hub, for its address is
 * /api/v1/in/NAME.  Its definition is a JSON object:
 *
 *     {"type": ["github", {"header": "X-GitHub-Event"}, {"pointer": "/action"}],
 *      "check": {"kind": "hmac", "header": "X-Hub-Signature-256", "format": "sha256=hex",
 *                "secret": "GITHUB_WEBHOOK"},
 *      "key": {"header": "X-GitHub-Delivery"},
 *      "project": {"pointer": "/repository/name"}, "author": {"pointer": "/sender/login"}}
 *
 * A value is a text, which stands for itself, or is picked from the request: {"header": NAME},
 * {"pointer": RFC 6901 POINTER} into the body, {"body": true} for its SHA-256.  `type` is one or
 * several, joined by dots; the first is a text, so that no sender can choose the family; those that
 * a request lacks are left out, and what cannot stand in a type becomes "_".  `key` is one or
 * several; a request that lacks one is refused.  `project`, `collection`, `author`, `time` are
 * optional, and may be lacking.  The body becomes `data`, byte for byte.
 *
 * CHECKS.  "hmac" with a header and a format ("hex", "sha256=hex", "base64"), or with the formats
 * "standard-webhooks" and "mlflow", which have headers of their own; "bearer", a token in
 * Authorization; "header", the secret itself in a header; "none", which must be said.  The last two
 * HMAC formats sign an id and a time: a request is good for five minutes around it, and the id is
 * the key unless another is given, so that a copied request does nothing.
 *
 * Nothing of the body is looked at before the check has passed.  [any] */
#ifndef BF_INTAKE_H
#define BF_INTAKE_H

#include "core/base/buf.h"
#include "core/base/json.h"
#include "core/event/envelope.h"
#include "core/team/team.h"

#define BF_INTAKE_NAME_MAX       64     /* letters, digits, - _ . */
#define BF_INTAKE_DEFINITION_MAX 16384  /* bytes */
#define BF_INTAKE_PARTS_MAX      8      /* of a type or key */

/* What has come since the hub first knew the intake; written down now and then. */
struct bf_intake_counts {
    atomic_uint refs;
    atomic_llong accepted;      /* events; repeats among them */
    atomic_llong repeated;
    atomic_llong refused;
    atomic_llong last_ms;       /* when the last event came; 0: none yet */
    int64_t written_ms;         /* [engine] */
};

struct bf_pick {
    enum { BF_PICK_NOTHING, BF_PICK_TEXT, BF_PICK_HEADER, BF_PICK_POINTER, BF_PICK_BODY } from;
    const char *what;           /* the text, header or pointer */
};

struct bf_picks {
    struct bf_pick of[BF_INTAKE_PARTS_MAX];
    size_t n;
};

enum bf_intake_check {
    BF_CHECK_NONE, BF_CHECK_BEARER, BF_CHECK_HEADER, BF_CHECK_HMAC, BF_CHECK_STANDARD,
    BF_CHECK_MLFLOW
};

/* Immutable but for its counts: a change makes a new one. */
struct bf_intake {
    atomic_uint refs;
    struct bf_arena *arena;     /* of all its texts */
    const char *name;
    const char *entity;
    const char *definition;     /* as saved: the secret is the name of one of the entity's */
    bool enabled;
    enum bf_intake_check check;
    const char *header;         /* for BF_CHECK_HEADER and BF_CHECK_HMAC */
    int format;                 /* enum bf_sign */
    const char *secret;         /* its name; NULL for BF_CHECK_NONE */
    bool sealed;                /* that is a literal's, which no user can write */
    struct bf_picks type, key;
    struct bf_pick project, collection, author, time;
    int64_t created_ms, updated_ms;
    struct bf_intake_counts *counts;
};

bool bf_intake_name_ok(const char *name);

/* A definition as a person gave it becomes the one that is saved: its secret is the name of one, or
 * {"sealed":"intake/NAME"} with the literal put into *literal (else NULL).  `before` is what was
 * saved so far, or NULL: {"set":true} keeps its literal.  All else is bf_intake_new()'s to judge.
 * Nothing is left behind on failure. */
int bf_intake_store(struct bf_arena *a, const char *name, const struct bf_json *given,
                    const struct bf_intake *before, const char **definition, const char **literal,
                    struct bf_error *err);
/* The definition as REST shows it: {"set":true} for a literal. */
void bf_intake_show(const struct bf_intake *i, struct bf_buf *out);

/* From a saved definition; BF_ECONFIG naming the field. */
int bf_intake_new(const char *name, const char *entity, const char *definition,
                  struct bf_intake **out, struct bf_error *err);
struct bf_intake *bf_intake_ref(struct bf_intake *i);
void bf_intake_unref(struct bf_intake *i);      /* NULL is fine */
void bf_intake_counts_unref(struct bf_intake_counts *c);

/* A request that has come for it. */
struct bf_intake_request {
    const char *const *headers; /* name, value, ..., NULL */
    const char *body;           /* NUL-terminated */
    size_t len;
    struct bf_arena *arena;     /* for what is made on the way */
};

/* BF_OK, or BF_EPERM: it does not come from who may send.  `value` is the secret's. */
int bf_intake_check(const struct bf_intake *i, const struct bf_intake_request *r,
                    const char *value, size_t value_len, int64_t now_ms);
/* The event that it becomes, a reference; BF_ECONFIG or BF_ETOOBIG. */
int bf_intake_event(const struct bf_intake *i, const struct bf_intake_request *r,
                    struct bf_envelope **out, struct bf_error *err);

#endif
