/* plain.c - untrusted text made plain, and how wide it is.
 *
 * Names and payloads come from whoever sends events; on a terminal, what they hold must be text and
 * nothing else.  Control characters of ASCII and of Latin-1, marks that turn the direction of
 * writing, and bytes that are no UTF-8 come out as what they are called: the former as JSON would
 * escape them, so that plain JSON still says the same. */
#include "core/cli/cli.h"

#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/utf8.h"

static uint32_t decode(const char *text, size_t len)
{
    const unsigned char *u = (const unsigned char *)text;
    uint32_t c = len == 1 ? u[0] : u[0] & (0xffu >> (len + 1));

    for (size_t i = 1; i < len; i++)
        c = c << 6 | (u[i] & 0x3f);
    return c;
}

/* What a terminal might obey, or a reader not see. */
static bool is_active(uint32_t c)
{
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0xad ||
           c == 0x61c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xe0000 && c <= 0xe007f);
}

void bf_put_plain(struct bf_buf *b, const char *text, size_t len)
{
    const char *end = text + len;

    while (text < end) {
        size_t n = bf_utf8_len(text, end);
        uint32_t c = n ? decode(text, n) : 0;

        if (!n)
            bf_buf_printf(b, "\\x%02x", (unsigned char)*text);
        else if (!is_active(c))
            bf_buf_add(b, text, n);
        else if (c < 0x10000)
            bf_buf_printf(b, "\\u%04x", (unsigned)c);
        else
            bf_buf_printf(b, "\\u%04x\\u%04x", (unsigned)(0xd7c0 + (c >> 10)),
                          (unsigned)(0xdc00 + (c & 0x3ff)));
        text += n ? n : 1;
    }
}

/* wcwidth() asks the locale, which need not be one of UTF-8; what we print always is. */
size_t bf_text_width(const char *text, size_t len)
{
    static bool ready;
    const char *end = text + len;
    size_t width = 0;

    if (!ready)
        ready = setlocale(LC_CTYPE, "C.UTF-8") || true;
    while (text < end) {
        size_t n = bf_utf8_len(text, end);
        int w = n ? wcwidth((wchar_t)decode(text, n)) : 1;

        width += (size_t)(w < 0 ? 1 : w);
        text += n ? n : 1;
    }
    return width;
}

bool bf_cli_colours(FILE *to)
{
    const char *term = bf_cli_env("TERM");

    return isatty(fileno(to)) && !bf_cli_env("NO_COLOR") && term && strcmp(term, "dumb") != 0;
}

unsigned bf_cli_width(void)
{
    struct winsize size;

    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}

const char *bf_cli_ago(struct bf_arena *a, const char *time)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};
    int64_t at, apart;
    bool future;

    if (!bf_time_parse(time, &at))
        return time;
    apart = bf_wall_ms(bf_clock_system()) - at;
    future = apart < 0;
    if (future)
        apart = -apart;
    for (size_t i = 0; i < BF_COUNT(units); i++)
        if (apart >= units[i].ms)
            return bf_arena_printf(a, future ? "in %lld %s" : "%lld %s ago",
                                   (long long)(apart / units[i].ms), units[i].unit);
    return "now";
}

int bf_cli_print(struct bf_cli *c, const char *text, size_t len)
{
    if (fwrite(text, 1, len, stdout) != len || fflush(stdout))
        return bf_cli_fail(c, "cannot write the output");
    return 0;
}
