/* page.c - the pages of slack.app.
 *
 * Nothing on them comes from elsewhere and nothing runs: the policy allows this very style sheet, by
 * its hash, and nothing else. */
#include "plugins/slack/page.h"

#include <string.h>

#define STYLE "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;" \
              "padding:0 1rem;color-scheme:light dark}h1{font-size:1.4rem}"
#define STYLE_HASH "sha256-3gHwqqQBfK/m5efa025KJmieVOZj87SVFSr3axIll8M="

static void put_escaped(struct bf_arena *a, struct bf_text *t, const char *text, size_t len)
{
    static const char marks[] = "&<>\"'";
    static const char *const words[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

    for (const char *end = text + len; text < end;) {
        size_t plain = strcspn(text, marks), left = (size_t)(end - text);

        plain = plain < left ? plain : left;
        bf_append(a, t, "%.*s", (int)plain, text);
        text += plain;
        if (text < end)
            bf_append(a, t, "%s", words[strchr(marks, *text++) - marks]);
    }
}

void slack_page_headers(struct bf_reply *re)
{
    bf_reply_header(re, "Cache-Control", "no-store");
    bf_reply_header(re, "Referrer-Policy", "no-referrer");
}

int slack_page(struct bf_reply *re, struct bf_arena *a, int status, const char *title,
               const char *words)
{
    struct bf_text t = {0};

    bf_append(a, &t, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name="
                     "\"viewport\" content=\"width=device-width\">\n<title>");
    put_escaped(a, &t, title, strlen(title));
    bf_append(a, &t, "</title>\n<style>" STYLE "</style>\n<h1>");
    put_escaped(a, &t, title, strlen(title));
    bf_append(a, &t, "</h1>\n");
    for (const char *at = words; *at; at += *at == '\n') {
        size_t len = strcspn(at, "\n");

        bf_append(a, &t, "<p>");
        put_escaped(a, &t, at, len);
        bf_append(a, &t, "</p>\n");
        at += len;
    }
    slack_page_headers(re);
    bf_reply_header(re, "Content-Security-Policy", "default-src 'none'; style-src '" STYLE_HASH
                    "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    bf_reply_header(re, "X-Content-Type-Options", "nosniff");
    bf_reply_bytes(re, "text/html; charset=utf-8", t.s, (size_t)t.len);
    return status;
}
