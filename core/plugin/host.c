/* host.c - the table of services that plugins get, and the small ones among them: log lines,
 * words, time, text. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/crypto.h"
#include "core/plugin/host.h"

#define TEXT_FIRST 256                  /* bytes a growing text begins with */

/* The scratch of a thread that is in none of our callbacks: one per thread, until destroy. */
struct bf_stray {
    struct bf_stray *next;
    pthread_t thread;
    struct bf_arena *arena;
};

static struct bf_plugins *hub_of(struct bf_ctx *ctx) { return bf_instance_from(ctx)->plugins; }

static void log_line(struct bf_ctx *ctx, int level, const char *fmt, va_list ap)
{
    bf_log_say(hub_of(ctx)->rooms.log, level, bf_instance_from(ctx)->tag, fmt, ap);
}

/* What create() of a sink warns of was told when its integration was saved; it is made again at each
 * start of the hub. */
static void warn(struct bf_ctx *ctx, const struct bf_call *c, const char *option, const char *fmt,
                 va_list ap)
{
    bool is_known = c && c->where == BF_AT_MAIN && c->instance->sink;
    char field[128] = "";

    if (!c || !c->warnings) {
        bf_log_say(hub_of(ctx)->rooms.log, is_known ? BF_LOG_DEBUG : BF_LOG_WARN,
                   bf_instance_from(ctx)->tag, fmt, ap);
        return;
    }
    snprintf(field, sizeof(field), "config%s%s", option ? "." : "", option ? option : "");
    bf_warnings_addv(c->warnings, field, fmt, ap);
}

static int complain(struct bf_ctx *ctx, int err, const char *option, const char *fmt, va_list ap)
{
    struct bf_call *c = bf_call_of(ctx);

    if (!err || !c || !c->complaint) {
        warn(ctx, c, option, fmt, ap);
        return err;
    }
    c->complaint->code = err;
    snprintf(c->complaint->field, sizeof(c->complaint->field), "%s%s",
             option && !c->route ? "config." : "", option ? option : "");
    vsnprintf(c->complaint->words, sizeof(c->complaint->words), fmt, ap);
    return err;
}

static int64_t now_ms(struct bf_ctx *ctx) { return bf_wall_ms(hub_of(ctx)->rooms.clock); }

/* Made when it is first asked for, so that a plugin without files has none. */
static const char *dir(struct bf_ctx *ctx)
{
    struct bf_instance *i = bf_instance_from(ctx);
    char path[4096];

    pthread_mutex_lock(&i->lock);
    if (!i->dir) {
        snprintf(path, sizeof(path), "%s/plugins", i->plugins->rooms.data_dir);
        mkdir(path, 0700);
        i->dir = bf_arena_printf(i->arena, "%s/%s", path, i->plugin->name);
        if (mkdir(i->dir, 0700) != 0 && errno != EEXIST)
            bf_errorf(i->plugins->rooms.log, i->tag, "cannot make %s: %s", i->dir,
                      strerror(errno));
    }
    pthread_mutex_unlock(&i->lock);
    return i->dir;
}

static const char *url(struct bf_ctx *ctx, struct bf_arena *a, const char *path)
{
    if (!path)
        path = "";
    return bf_arena_printf(a, "%s%s%s", hub_of(ctx)->rooms.public_url, *path == '/' ? "" : "/",
                           path);
}

static struct bf_arena *stray_arena(struct bf_instance *i)
{
    pthread_t me = pthread_self();
    struct bf_stray *s;

    pthread_mutex_lock(&i->lock);
    for (s = i->strays; s && !pthread_equal(s->thread, me); s = s->next)
        ;
    if (!s) {
        s = bf_new(struct bf_stray);
        s->thread = me;
        s->arena = bf_arena_new(BF_CALL_ARENA_MAX);
        s->next = i->strays;
        i->strays = s;
    }
    pthread_mutex_unlock(&i->lock);
    bf_arena_reset(s->arena);
    bf_arena_set_host(s->arena, &bf_plugin_host);
    return s->arena;
}

void bf_strays_free(struct bf_instance *i)
{
    while (i->strays) {
        struct bf_stray *s = i->strays;

        i->strays = s->next;
        bf_arena_free(s->arena);
        free(s);
    }
}

struct bf_arena *bf_host_scratch(struct bf_ctx *ctx)
{
    struct bf_call *c = bf_call_of(ctx);

    return c ? bf_call_arena(c) : stray_arena(bf_instance_from(ctx));
}

static void *alloc(struct bf_arena *a, size_t len) { return bf_arena_alloc(a, len); }

static const char *print(struct bf_arena *a, const char *fmt, va_list ap)
{
    return bf_arena_vprintf(a, fmt, ap);
}

/* Grows by doubling, so that what is added is copied twice at most on the whole. */
static bool make_room(struct bf_arena *a, struct bf_text *t, size_t more)
{
    uint64_t room = t->room ? t->room : TEXT_FIRST;
    char *grown;

    if (t->len + more < t->room)
        return true;
    while (room <= t->len + more)
        room *= 2;
    grown = bf_arena_alloc(a, room);
    if (!grown)
        return false;
    if (t->len)
        memcpy(grown, t->s, t->len);
    t->s = grown;
    t->room = room;
    return true;
}

static void append(struct bf_arena *a, struct bf_text *t, const char *fmt, va_list ap)
{
    va_list again;
    int len;

    va_copy(again, ap);
    len = vsnprintf(NULL, 0, fmt, ap);
    if (len >= 0 && make_room(a, t, (size_t)len)) {
        vsnprintf((char *)t->s + t->len, (size_t)len + 1, fmt, again);
        t->len += (uint64_t)len;
    } else if (!t->s) {
        t->s = "";
    }
    va_end(again);
}

static const char *quote(struct bf_arena *a, const char *text)
{
    const char *out;
    struct bf_buf b;

    bf_buf_init(&b, BF_CALL_ARENA_MAX);
    bf_buf_json(&b, text ? text : "");
    out = bf_arena_ndup(a, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
    return out;
}

static const char *percent(struct bf_arena *a, const unsigned char *data, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char plain[] = "-._~";
    char *out = bf_arena_alloc(a, 3 * len + 1), *at = out;

    if (!out)
        return "";
    for (size_t i = 0; i < len; i++) {
        unsigned char c = data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            (c && strchr(plain, c))) {
            *at++ = (char)c;
        } else {
            *at++ = '%';
            *at++ = digits[c >> 4];
            *at++ = digits[c & 15];
        }
    }
    return out;
}

static const char *encode(struct bf_arena *a, int how, const void *data, size_t len)
{
    switch (how) {
    case BF_HEX: return bf_hex(a, data, len);
    case BF_BASE64: return bf_base64(a, data, len);
    case BF_BASE64URL: return bf_base64url(a, data, len);
    case BF_PERCENT: return percent(a, data, len);
    default: return "";
    }
}

static const char *seal(struct bf_ctx *ctx, struct bf_arena *a, const char *text, int64_t ms)
{
    return bf_team_seal_token(hub_of(ctx)->rooms.team, a, bf_instance_from(ctx)->plugin->name,
                              text ? text : "", now_ms(ctx) + ms);
}

static const char *unseal(struct bf_ctx *ctx, struct bf_arena *a, const char *token)
{
    return bf_team_unseal_token(hub_of(ctx)->rooms.team, a, bf_instance_from(ctx)->plugin->name,
                                token ? token : "", now_ms(ctx));
}

static int same(const char *a, const char *b) { return bf_text_same(a ? a : "", b ? b : ""); }

const struct bf_host bf_plugin_host = {
    .size = sizeof(struct bf_host),
    .version = BF_VERSION,
    .log = log_line,
    .complain = complain,
    .now_ms = now_ms,
    .dir = dir,
    .url = url,
    .emit = bf_host_emit,
    .emit_text = bf_host_emit_text,
    .transact = bf_host_transact,
    .recall = bf_host_recall,
    .remember = bf_host_remember,
    .sql = bf_host_sql,
    .bind_text = bf_host_bind_text,
    .bind_int = bf_host_bind_int,
    .bind_double = bf_host_bind_double,
    .step = bf_host_step,
    .col_text = bf_host_col_text,
    .col_int = bf_host_col_int,
    .col_double = bf_host_col_double,
    .verdict = bf_sink_verdict,
    .judge = bf_sink_default,
    .settle = bf_sink_settle,
    .scratch = bf_host_scratch,
    .alloc = alloc,
    .print = print,
    .append = append,
    .quote = quote,
    .expand = bf_sink_expand,
    .render = bf_sink_render,
    .get = bf_host_get,
    .each = bf_host_each,
    .encode = encode,
    .reveal = bf_host_reveal,
    .seal = seal,
    .unseal = unseal,
    .hmac = bf_host_hmac,
    .same = same,
    .request_new = bf_host_request_new,
    .request_to = bf_host_request_to,
    .request_as = bf_host_request_as,
    .request_header = bf_host_request_header,
    .request_basic = bf_host_request_basic,
    .request_body = bf_host_request_body,
    .request_bytes = bf_host_request_bytes,
    .request_sign = bf_host_request_sign,
    .request_tls = bf_host_request_tls,
    .request_limit = bf_host_request_limit,
    .http_send = bf_host_http_send,
    .fetch = bf_host_fetch,
    .header = bf_host_header,
    .param = bf_host_param,
    .verify = bf_host_verify,
    .caller = bf_host_caller,
    .may = bf_host_may,
    .go_on = bf_host_go_on,
    .reply_header = bf_host_reply_header,
    .reply_body = bf_host_reply_body,
    .reply_bytes = bf_host_reply_bytes,
    .reply_file = bf_host_reply_file,
    .reply_receipt = bf_host_reply_receipt,
    .reply_stream = bf_host_reply_stream,
    .write = bf_host_write,
    .watch = bf_host_watch,
    .after = bf_host_after,
    .end = bf_host_end,
    .post = bf_host_post,
    .sleep = bf_host_sleep,
    .stop_fd = bf_host_stop_fd,
    .emit_request = bf_host_emit_request,
    .team_secret = bf_host_team_secret,
};
