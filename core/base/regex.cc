/* regex.cc - RE2, and the only C++ there is.
 *
 * RE2 goes through a text once, by an automaton that it makes as it goes.  Where that grows too
 * large for its memory it follows all ways through the pattern at once instead, at up to 9 ns for
 * each byte of the text and instruction of the pattern.  STEPS_MAX keeps the product at what takes
 * 5 ms even so: measured with patterns made to be slow, such as a[ab]{20}z. */
#include "core/base/regex.h"

#include <re2/re2.h>

#include <new>

#define MEMORY_MAX  (256 * 1024)        /* of the automaton; most need a few hundred bytes */
#define PROGRAM_MAX 1500                /* instructions */
#define STEPS_MAX   400000              /* bytes of text times instructions */
#define CAPTURING_MAX 300000            /* the same where groups are noted as well */

struct bf_regex {
    bf_regex(const re2::StringPiece &pattern, const RE2::Options &options)
        : re2(pattern, options), reach(0) {}

    RE2 re2;
    size_t reach;
};

static RE2::Options options(bool capturing)
{
    RE2::Options o;

    o.set_max_mem(MEMORY_MAX);
    o.set_never_capture(!capturing);
    o.set_log_errors(false);
    return o;
}

/* What RE2 says of it, as "missing closing ): (a+"; the part it complains of is the pattern's. */
static int check(const struct bf_regex *r, struct bf_error *err)
{
    int size = r->re2.ok() ? r->re2.ProgramSize() : 0;

    if (r->re2.error_code() == RE2::ErrorPatternTooLarge || size > PROGRAM_MAX)
        return bf_error_set(err, BF_ECONFIG, "the pattern repeats too much; at most %d steps may"
                            " come of it", PROGRAM_MAX);
    if (!r->re2.ok())
        return bf_error_set(err, BF_ECONFIG, "this is no pattern: %.200s", r->re2.error().c_str());
    return BF_OK;
}

static int make(const char *pattern, size_t len, bool capturing, struct bf_regex **out,
                struct bf_error *err)
{
    struct bf_regex *r;
    int rc;

    if (len > BF_REGEX_PATTERN_MAX)
        return bf_error_set(err, BF_ETOOBIG, "the pattern is %zu bytes long, at most %d are"
                            " allowed", len, BF_REGEX_PATTERN_MAX);
    r = new (std::nothrow) bf_regex(re2::StringPiece(pattern, len), options(capturing));
    if (!r)
        return bf_error_set(err, BF_ENOMEM, "no memory for a pattern");
    rc = check(r, err);
    if (rc) {
        bf_regex_free(r);
        return rc;
    }
    r->reach = (capturing ? CAPTURING_MAX : STEPS_MAX) / (size_t)r->re2.ProgramSize();
    *out = r;
    return BF_OK;
}

int bf_regex_new(const char *pattern, size_t len, struct bf_regex **out, struct bf_error *err)
{
    return make(pattern, len, false, out, err);
}

int bf_regex_new_capturing(const char *pattern, size_t len, struct bf_regex **out,
                           struct bf_error *err)
{
    return make(pattern, len, true, out, err);
}

void bf_regex_free(struct bf_regex *r) { delete r; }

bool bf_regex_search(const struct bf_regex *r, const char *text, size_t len)
{
    return len <= r->reach &&
           r->re2.Match(re2::StringPiece(text, len), 0, len, RE2::UNANCHORED, nullptr, 0);
}

bool bf_regex_find(const struct bf_regex *r, const char *text, size_t len, size_t from,
                   struct bf_regex_span *spans, size_t n)
{
    re2::StringPiece found[BF_REGEX_GROUPS_MAX + 1];

    if (len > r->reach || n > BF_REGEX_GROUPS_MAX + 1 ||
        !r->re2.Match(re2::StringPiece(text, len), from, len, RE2::UNANCHORED, found, (int)n))
        return false;
    for (size_t i = 0; i < n; i++)
        spans[i] = {found[i].data(), found[i].size()};
    return true;
}

size_t bf_regex_groups(const struct bf_regex *r)
{
    return (size_t)r->re2.NumberOfCapturingGroups();
}

const char *bf_regex_pattern(const struct bf_regex *r) { return r->re2.pattern().c_str(); }

size_t bf_regex_reach(const struct bf_regex *r) { return r->reach; }
