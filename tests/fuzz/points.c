/* points - any bytes as a packed event: an error, or a text and points that can be asked for again. */
#include "tests/fuzz/fuzz.h"

#include "core/bus/points.h"

static const char frame[] = "{\"time\":\"\2\",\"key\":\"\1\",\"metrics\":[\3, \4]}";
static const char *const forms[] = {"{\"step\":\1,\"value\":\2,\"time\":\"\3\"}", "{\2}", "\1\2",
                                    "\2\3\2"};

static bool on_frame(void *arg, uint64_t number, struct bf_slice *out)
{
    (void)arg;
    *out = (struct bf_slice){frame, sizeof(frame) - 1};
    return number < 3;
}

static bool on_form(void *arg, uint64_t number, struct bf_form *out)
{
    (void)arg;
    if (number >= sizeof(forms) / sizeof(forms[0]))
        return false;
    *out = (struct bf_form){{forms[number], strlen(forms[number])}, "m"};
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bf_words words = {on_frame, on_form, NULL};
    struct bf_arena *a = bf_arena_new(16 * 1024 * 1024);
    char *packed = fuzz_text(data, size);
    struct bf_point *points;
    struct bf_buf text;
    size_t n;

    bf_buf_init(&text, 1024 * 1024);
    bf_points_text(packed, size, 1795435200250, &words, &text);
    CLAIM(!text.failed || text.len <= text.max);
    if (bf_points_read(a, packed, size, &words, &points, &n) == 0)
        for (size_t i = 1; i < n; i++)
            CLAIM(!points[i].has_step || points[i - 1].has_step);
    bf_buf_fini(&text);
    free(packed);
    bf_arena_free(a);
    return 0;
}
