/* hooks.c - from the JSON of an automation's hooks to what is known of them without running Lua.
 *
 * Whether a script compiles and has its function is found out elsewhere, where there is a Lua; here a
 * hook that could be none at all is refused, so that whatever is stored names one script. */
#include "core/rules/hooks.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/rules/members.h"

const char *bf_hook_name(enum bf_hook_kind kind)
{
    static const char *const names[] = {[BF_HOOK_FILTER] = "filter",
                                        [BF_HOOK_TRANSFORM] = "transform",
                                        [BF_HOOK_ON_EVENT] = "on_event"};

    return names[kind];
}

static const char *const fates[] = {[BF_FAILURE_FAILS] = "fail", [BF_FAILURE_FIRES] = "fire",
                                    [BF_FAILURE_SKIPS] = "skip"};

const char *bf_said_name(enum bf_said said)
{
    static const char *const names[] = {[BF_SAID_NOTHING] = "nothing", [BF_SAID_YES] = "yes",
                                        [BF_SAID_NO] = "no", [BF_SAID_CHANGED] = "changed",
                                        [BF_SAID_FAILED] = "failed"};

    return names[said];
}

void bf_answer_print(const struct bf_answer *answer, struct bf_buf *out)
{
    bf_buf_adds(out, "{\"script\":");
    bf_buf_json(out, answer->script && *answer->script ? answer->script : NULL);
    bf_buf_adds(out, ",\"said\":");
    bf_buf_json(out, answer->said == BF_SAID_NOTHING ? NULL : bf_said_name(answer->said));
    bf_buf_adds(out, ",\"words\":");
    bf_buf_json(out, answer->words);
    bf_buf_addc(out, '}');
}

void bf_hook_hash(const char *code, size_t len, char out[BF_HASH_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t hash[BF_HASH_LEN / 2];

    bf_sha256(code, len, hash);
    for (size_t i = 0; i < sizeof(hash); i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[BF_HASH_LEN] = '\0';
}

bool bf_hook_same(const struct bf_hook *a, const struct bf_hook *b)
{
    if (!a || !b)
        return a == b;
    if (!a->file != !b->file || a->on_error != b->on_error)
        return false;
    return a->file ? strcmp(a->file, b->file) == 0 : strcmp(a->hash, b->hash) == 0;
}

/* ---- members ---- */

static const struct bf_json *get(const struct bf_json *object, const char *name)
{
    const struct bf_json *value = bf_json_get(object, name);

    return bf_json_is(value, BF_JSON_NULL) ? NULL : value;
}

const char *bf_hook_file_problem(const char *file)
{
    size_t len = strlen(file), stem = len >= 4 ? len - 4 : 0;

    if (len > BF_HOOK_FILE_MAX)
        return "is longer than 128 bytes";
    if (strchr(file, '/'))
        return "must be the name of a file in the directory of scripts, without a path";
    if (stem == 0 || strcmp(file + stem, ".lua") != 0)
        return "must end with \".lua\", as in \"large_models.lua\"";
    if (strspn(file, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != stem)
        return "may have letters, digits, _ and - before its \".lua\"";
    return NULL;
}

static int read_file(struct bf_arena *a, const struct bf_json *file, struct bf_hook *out,
                     struct bf_error *err)
{
    const char *problem;

    out->file = bf_json_str(a, file);
    if (!out->file)
        return bf_error_field(err, BF_ECONFIG, "file", "must be the name of a file, not %s",
                              bf_json_type_name(file));
    problem = bf_hook_file_problem(out->file);
    return problem ? bf_error_field(err, BF_ECONFIG, "file", "%s", problem) : BF_OK;
}

/* What the compiler of Lua makes is not checked by its machine, and could do anything. */
static int read_code(struct bf_arena *a, const struct bf_json *code, struct bf_hook *out,
                     struct bf_error *err)
{
    out->code = bf_json_str(a, code);
    if (!out->code)
        return bf_error_field(err, BF_ECONFIG, "code", "must be a string that holds a script, not %s",
                              bf_json_type_name(code));
    out->code_len = strlen(out->code);
    if (strspn(out->code, " \t\r\n") == out->code_len)
        return bf_error_field(err, BF_ECONFIG, "code", "is empty");
    if (out->code[0] == '\x1b')
        return bf_error_field(err, BF_ECONFIG, "code", "is compiled Lua; only its text is taken");
    if (out->code_len > BF_HOOK_CODE_MAX)
        return bf_error_field(err, BF_ECONFIG, "code", "is %zu bytes long, at most %d are allowed",
                              out->code_len, BF_HOOK_CODE_MAX);
    bf_hook_hash(out->code, out->code_len, out->hash);
    return BF_OK;
}

static int read_on_error(const struct bf_json *value, struct bf_hook *out, struct bf_error *err)
{
    for (size_t i = 0; i < BF_COUNT(fates); i++) {
        if (bf_json_eq(value, fates[i])) {
            out->on_error = (enum bf_on_failure)i;
            return BF_OK;
        }
    }
    return bf_error_field(err, BF_ECONFIG, "on_error", "must be \"fail\", \"fire\" or \"skip\"");
}

/* ---- hooks ---- */

static int read_hook(struct bf_arena *a, const struct bf_json *json, const struct bf_hook **out,
                     struct bf_error *err)
{
    static const char *const members[] = {"code", "file", "on_error", NULL};
    struct bf_hook *hook = bf_arena_new_of(a, struct bf_hook);
    const struct bf_json *code = get(json, "code"), *file = get(json, "file");
    int rc = bf_members_check(a, json, members, "{\"file\":\"large_models.lua\"}", err);

    if (!rc && !hook)
        rc = bf_error_set(err, BF_ENOMEM, "no memory for a hook");
    if (!rc && !code == !file)
        rc = bf_error_set(err, BF_ECONFIG, "%s: its script stands either in \"code\", or in the"
                          " \"file\" of that name", code ? "there are both" : "there is neither");
    if (!rc)
        rc = file ? read_file(a, file, hook, err) : read_code(a, code, hook, err);
    if (!rc && get(json, "on_error"))
        rc = read_on_error(get(json, "on_error"), hook, err);
    if (!rc)
        *out = hook;
    return rc;
}

static int read_part(struct bf_arena *a, const struct bf_json *hooks, enum bf_hook_kind kind,
                     const struct bf_hook **out, struct bf_error *err)
{
    const struct bf_json *json = get(hooks, bf_hook_name(kind));
    int rc = json ? read_hook(a, json, out, err) : BF_OK;

    if (rc)
        bf_error_within(err, bf_hook_name(kind));
    return rc;
}

int bf_hooks_parse(struct bf_arena *a, const struct bf_json *hooks, struct bf_hooks *out,
                   struct bf_error *err)
{
    static const char *const members[] = {"filter", "transform", NULL};
    struct bf_hooks h = {0};
    int rc = BF_OK;

    if (hooks)
        rc = bf_members_check(a, hooks, members, "{\"filter\":{\"file\":\"large_models.lua\"}}", err);
    if (!rc)
        rc = read_part(a, hooks, BF_HOOK_FILTER, &h.filter, err);
    if (!rc)
        rc = read_part(a, hooks, BF_HOOK_TRANSFORM, &h.transform, err);
    if (!rc)
        *out = h;
    return rc;
}
