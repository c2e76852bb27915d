/* headers - what senders and receivers write into headers: times, signatures, Retry-After. */
#include "tests/fuzz/fuzz.h"

#include "core/base/clock.h"
#include "core/base/crypto.h"
#include "core/base/sign.h"
#include "core/delivery/courier.h"

#define NOW 1764000000000

static void retry_after(struct bf_arena *a, const char *value)
{
    const char *headers[] = {"Retry-After", value, NULL}, *words;
    struct bf_fetch_result r = {.status = 503, .words = "", .body = "", .headers = headers};
    int64_t pause_ms;

    CLAIM(bf_judge_default(&r, NOW, &pause_ms, a, &words) == BF_RETRY);
}

static void times(const char *text)
{
    char printed[32];
    int64_t ms, back;

    bf_http_date_parse(text, &ms);
    bf_duration_parse(text, &ms);
    if (!bf_time_parse(text, &ms))
        return;
    bf_time_print(ms, printed);
    CLAIM(bf_time_parse(printed, &back) && back == ms);
}

/* Nothing that was not signed with the key passes; what is, does. */
static void signatures(struct bf_arena *a, const char *text)
{
    struct bf_stamped s = {text, "1764000000", text};

    CLAIM(!bf_standard_ok(a, &s, "a key of ours", 13, "body", 4, NOW));
    s.signatures = bf_standard_signature(a, "a key of ours", 13, text, s.stamp, "body", 4);
    CLAIM(bf_standard_ok(a, &s, "a key of ours", 13, "body", 4, NOW));
    s.stamp = text;
    s.signatures = bf_standard_signature(a, "a key of ours", 13, text, text, "body", 4);
    bf_standard_ok(a, &s, "a key of ours", 13, "body", 4, NOW);
    bf_standard_ok(a, &s, text, strlen(text), "body", 4, NOW);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bf_arena *a = bf_arena_new(16 * 1024 * 1024);
    char *text = fuzz_text(data, size > 4096 ? 4096 : size);
    const void *bytes;
    size_t len;

    bf_crypto_init(NULL);
    retry_after(a, text);
    times(text);
    signatures(a, text);
    bf_base64_decode(a, text, &bytes, &len);
    bf_base64url_decode(a, text, &bytes, &len);
    free(text);
    bf_arena_free(a);
    return 0;
}
