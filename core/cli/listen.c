/* listen.c - `belfry listen`: a receiver to try webhooks with. */
#include "core/cli/cli.h"

#include <poll.h>
#include <stdio.h>
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

/* What a sender put there must not drive the terminal. */
static void print_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            printf("\\x%02x", c);
        else
            putchar(c);
    }
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

static int read_arguments(struct listen *l, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *status = NULL;
        int found = bf_cli_option(argc, argv, &i, "secret", &l->secret);

        if (!found)
            found = bf_cli_option(argc, argv, &i, "status", &status);
        if (found < 0)
            return bf_cli_usage("listen", "%s needs a value", argv[i]);
        if (!found && argv[i][0] == '-')
            return bf_cli_usage("listen", "there is no option %s", argv[i]);
        if (!found)
            l->address = argv[i];
        if (status)
            l->status = atoi(status);
    }
    if (l->status < 200 || l->status > 599)
        return bf_cli_usage("listen", "--status takes a status from 200 to 599");
    return 0;
}

int bf_cli_listen(int argc, char **argv)
{
    struct listen l = {"127.0.0.1:8321", getenv("BELFRY_LISTEN_SECRET"), 200};
    struct bf_receiver *receiver;
    struct bf_error err;
    struct pollfd p;
    int rc = read_arguments(&l, argc, argv);

    if (rc)
        return rc;
    if (pipe(stop_pipe)) {
        perror("belfry listen: pipe");
        return BF_EXIT_FAILED;
    }
    if (bf_receiver_open(l.address, on_request, &l, &receiver, &err)) {
        fprintf(stderr, "belfry listen: %s\n", err.words);
        return BF_EXIT_FAILED;
    }
    bf_cli_on_stop(stop);
    printf("listening on http://%s, any path\n\n", bf_receiver_address(receiver));
    fflush(stdout);
    p = (struct pollfd){.fd = stop_pipe[0], .events = POLLIN};
    while (poll(&p, 1, -1) < 0)
        ;
    bf_receiver_close(receiver);
    return 0;
}
