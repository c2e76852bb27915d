/* host.h - the services of struct bf_host, one per wrapper in plugin.h, which says what they do. */
#ifndef BF_PLUGIN_HOST_H
#define BF_PLUGIN_HOST_H

#include "core/plugin/inner.h"

/* host.c */
struct bf_arena *bf_host_scratch(struct bf_ctx *ctx);

/* host_bus.c */
int bf_host_emit(struct bf_ctx *ctx, const struct bf_event *ev, struct bf_emitted *out);
int bf_host_emit_text(struct bf_ctx *ctx, const struct bf_caller *as, const char *text, size_t len);
int bf_host_emit_request(struct bf_ctx *ctx, const struct bf_http_in *in);
int bf_host_transact(struct bf_ctx *ctx, bf_tx_fn fn, void *arg);
const char *bf_host_recall(struct bf_ctx *ctx, struct bf_arena *a, const char *key);
int bf_host_remember(struct bf_ctx *ctx, const char *key, const char *value);

/* host_sql.c */
struct bf_stmt *bf_host_sql(struct bf_ctx *ctx, const char *sql);
void bf_host_bind_text(struct bf_stmt *st, int i, const char *text);
void bf_host_bind_int(struct bf_stmt *st, int i, int64_t value);
void bf_host_bind_double(struct bf_stmt *st, int i, double value);
int bf_host_step(struct bf_stmt *st);
const char *bf_host_col_text(struct bf_stmt *st, int i);
int64_t bf_host_col_int(struct bf_stmt *st, int i);
double bf_host_col_double(struct bf_stmt *st, int i);

/* sink.c */
int bf_sink_verdict(const struct bf_delivery *d, int outcome, int64_t after_ms, const char *fmt,
                    va_list ap);
int bf_sink_default(const struct bf_delivery *d, const struct bf_http_out *out);
int bf_sink_settle(struct bf_ctx *ctx, bf_ticket ticket, int outcome);
const char *bf_sink_expand(const struct bf_delivery *d, const char *tmpl, int escape);
const char *bf_sink_render(const struct bf_delivery *d, const char *json_tmpl);

/* host_json.c */
const char *bf_host_get(struct bf_arena *a, const char *json, const char *pointer, int *type);
int bf_host_each(struct bf_arena *a, const char *json, const char *pointer, struct bf_item *it);

/* request.c */
struct bf_request *bf_host_request_new(struct bf_ctx *ctx, struct bf_arena *a);
void bf_host_request_to(struct bf_request *r, const char *method, const char *url);
void bf_host_request_as(struct bf_request *r, const struct bf_caller *as);
void bf_host_request_header(struct bf_request *r, const char *name, const char *value);
void bf_host_request_basic(struct bf_request *r, const char *user, const char *password);
void bf_host_request_body(struct bf_request *r, const char *type, const char *fmt, va_list ap);
void bf_host_request_bytes(struct bf_request *r, const char *type, const void *data, size_t len);
void bf_host_request_sign(struct bf_request *r, const char *header, const char *secret, int how);
void bf_host_request_tls(struct bf_request *r, const char *cert, const char *key, const char *ca);
void bf_host_request_limit(struct bf_request *r, int64_t ms, size_t body_max);

/* host_http.c */
void bf_host_http_send(struct bf_ctx *ctx, struct bf_request *r, bf_http_fn fn, void *arg);
const struct bf_http_out *bf_host_fetch(struct bf_ctx *ctx, struct bf_request *r);

/* host_check.c */
const char *bf_host_reveal(struct bf_ctx *ctx, struct bf_arena *a, const char *secret);
int bf_host_hmac(struct bf_ctx *ctx, const char *secret, const void *data, size_t len,
                 unsigned char out[32]);
const char *bf_host_header(const char *const *headers, const char *name);
int bf_host_verify(struct bf_ctx *ctx, const struct bf_http_in *in, const char *header,
                   const char *secret, int how);
const struct bf_caller *bf_host_caller(struct bf_ctx *ctx, struct bf_arena *a, const char *id);
int bf_host_may(struct bf_ctx *ctx, const struct bf_caller *who, unsigned right,
                const char *entity, const char *project);
const char *bf_host_team_secret(struct bf_ctx *ctx, struct bf_arena *a, const struct bf_caller *who,
                                const char *entity, const char *name);

/* route.c */
const char *bf_host_param(const struct bf_http_in *in, const char *name);
int bf_host_go_on(struct bf_reply *re, int place, bf_route_fn fn, void *arg);
void bf_host_reply_header(struct bf_reply *re, const char *name, const char *value);
void bf_host_reply_body(struct bf_reply *re, const char *type, const char *fmt, va_list ap);
void bf_host_reply_bytes(struct bf_reply *re, const char *type, const void *data, size_t len);
int bf_host_reply_file(struct bf_reply *re, const char *type, const char *path);
void bf_host_reply_receipt(struct bf_reply *re);
bf_ticket bf_host_reply_stream(struct bf_reply *re, const char *type);

/* host_time.c */
bf_ticket bf_host_after(struct bf_ctx *ctx, int64_t ms, bf_fn fn, void *arg);
int bf_host_end(struct bf_ctx *ctx, bf_ticket ticket);
int bf_host_post(struct bf_ctx *ctx, bf_fn fn, void *arg);
int bf_host_sleep(struct bf_ctx *ctx, int64_t ms);
int bf_host_stop_fd(struct bf_ctx *ctx);

/* host_stream.c, host_watch.c */
int bf_host_write(struct bf_ctx *ctx, bf_ticket stream, const void *data, size_t len);
bf_ticket bf_host_watch(struct bf_ctx *ctx, const struct bf_watch *what, bf_note_fn fn, void *arg);

#endif
