/* listen.c - `belfry listen`: a receiver to try webhooks with. */
#include "core/cli/cli.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <belfry/belfry.h>

struct listen {
    const char *address;
    const char *secret;
    int status;
};

static int stop_pipe[2];

static void stop(void)
{
    ssize_t n = write(stop_pipe[1], "", 1);

    (void)n;
}

static const char *header(const struct bf_received *r, const char *name)
{
    for (const char *const *h = r->headers; h && h[0]; h += 2)
        if (strcasecmp(h[0], name) == 0)
            return h[1];
    return NULL;
}

static const char *judge_signature(const struct listen *l, const struct bf_received *r)
{
    switch (bf_received_signed(r, NULL, l->secret)) {
    case BF_SIGNED_NOT: return "not signed";
    case BF_SIGNED_UNCHECKED: return "signed (give --secret to check it)";
    case BF_SIGNED_OK: return "signature ok";
    default: return "SIGNATURE WRONG";
    }
}

static void print_plain(const char *text, size_t len)
{
    struct bf_buf b;

    bf_buf_init(&b, 6 * len + 1);
    bf_put_plain(&b, text, len);
    fputs(bf_buf_text(&b), stdout);
    bf_buf_fini(&b);
}

static int on_request(void *arg, const struct bf_received *r)
{
    const struct listen *l = arg;
    const char *id = header(r, "Idempotency-Key");
    time_t now = time(NULL);
    struct tm tm;
    char when[16];

    strftime(when, sizeof(when), "%H:%M:%S", localtime_r(&now, &tm));
    printf("%s %s ", when, r->method);
    print_plain(r->path, strlen(r->path));
    printf("  %s", judge_signature(l, r));
    if (id) {
        printf("  execution ");
        print_plain(id, strlen(id));
    }
    putchar('\n');
    print_plain(r->body, r->body_len);
    printf("\n\n");
    fflush(stdout);
    return l->status;
}

static int read_arguments(struct bf_cli *c, struct listen *l)
{
    const char *status = bf_cli_value(c, "status");

    if (bf_cli_operand(c, 0))
        l->address = bf_cli_operand(c, 0);
    if (bf_cli_value(c, "secret"))
        l->secret = bf_cli_value(c, "secret");
    if (status)
        l->status = atoi(status);
    if (l->status < 200 || l->status > 599)
        return bf_cli_usage(c, "--status takes a status from 200 to 599");
    return 0;
}

int bf_cli_listen(struct bf_cli *c)
{
    struct listen l = {"127.0.0.1:8321", bf_cli_env("BELFRY_LISTEN_SECRET"), 200};
    struct bf_receiver *receiver;
    struct bf_error err;
    struct pollfd p;
    int rc = read_arguments(c, &l);

    if (rc)
        return rc;
    if (pipe(stop_pipe))
        return bf_cli_fail(c, "cannot make a pipe");
    if (bf_receiver_open(l.address, on_request, &l, &receiver, &err))
        return bf_cli_fail(c, "%s", err.words);
    bf_receiver_answer(receiver, bf_cli_value(c, "answer"));
    bf_cli_on_stop(stop);
    bf_cli_on_hangup(stop);
    printf("listening on http://%s, any path\n\n", bf_receiver_address(receiver));
    fflush(stdout);
    p = (struct pollfd){.fd = stop_pipe[0], .events = POLLIN};
    while (poll(&p, 1, -1) < 0)
        ;
    bf_receiver_close(receiver);
    return 0;
}
