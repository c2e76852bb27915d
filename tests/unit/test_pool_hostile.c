/* Whatever a script process leaves on its board or does with its socket, the hub answers its calls and
 * goes on.
 *
 * The process is this program: started by a pool it does what the name of the script in its first
 * batch says, and is taken for belfry-script otherwise. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "core/script/wire.h"
#include "tests/unit/pool_rig.h"

/* --- the process ------------------------------------------------------------------------------------ */

static void ring(void) { CHECK(send(BF_WIRE_SOCKET, "", 1, MSG_NOSIGNAL) == 1); }

static void put(struct bf_board *b, const void *data, size_t len)
{
    memcpy(b->out + b->out_len, data, len);
    b->out_len += (uint32_t)len;
}

static void put_answer(struct bf_board *b, const struct bf_wire_answer *a)
{
    struct bf_buf item;

    bf_buf_init(&item, BF_WIRE_OUT);
    bf_wire_put_answer(&item, a);
    put(b, item.data, item.len);
    bf_buf_fini(&item);
}

static void put_said(struct bf_board *b, enum bf_said said, const char *text, const char *words)
{
    put_answer(b, &(struct bf_wire_answer){.said = said, .text = text, .words = words,
                                           .len = text ? strlen(text) : 0,
                                           .words_len = words ? strlen(words) : 0});
}

static void hang(void)
{
    for (volatile int i = 0;; i++)
        ;
}

static void be_good(struct bf_board *b) { put_said(b, BF_SAID_YES, NULL, NULL); }

static void do_as_told(struct bf_board *b, const char *what)
{
    struct bf_buf item;

    b->begun = 1;
    if (strcmp(what, "garbage") == 0) {
        memset(b->out, 0xa5, BF_WIRE_OUT);
        b->out_len = 1000;
    } else if (strcmp(what, "zeros") == 0) {
        b->out_len = BF_WIRE_OUT;
    } else if (strcmp(what, "too long") == 0) {
        b->out_len = UINT32_MAX;
    } else if (strcmp(what, "nothing") == 0) {
        b->begun = UINT32_MAX;
    } else if (strcmp(what, "more than asked") == 0) {
        for (int i = 0; i < 1000; i++)
            be_good(b);
    } else if (strcmp(what, "cut") == 0) {
        put_said(b, BF_SAID_FAILED, NULL, "words");
        b->out_len -= 3;
    } else if (strcmp(what, "length") == 0) {
        put(b, "\x06\x04\x04\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7fwords", 18);
    } else if (strcmp(what, "said") == 0) {
        put_said(b, (enum bf_said)77, NULL, NULL);
    } else if (strcmp(what, "unasked text") == 0) {
        put_said(b, BF_SAID_CHANGED, "{}", NULL);
    } else if (strcmp(what, "from the hub") == 0) {
        bf_buf_init(&item, 1000);
        bf_wire_put_forget(&item, 1);
        put(b, item.data, item.len);
        bf_buf_fini(&item);
    } else if (strcmp(what, "twice") == 0) {
        be_good(b);
        ring();
    } else if (strcmp(what, "closes") == 0) {
        close(BF_WIRE_SOCKET);
        hang();
    } else if (strcmp(what, "exits") == 0) {
        _exit(7);
    } else if (strcmp(what, "counts") == 0) {
        for (;;)                /* as if it went from call to call, and answered none */
            b->begun++;
    } else if (strcmp(what, "answers backwards") == 0) {
        be_good(b);
        usleep(50000);          /* taken meanwhile */
        b->out_len = 1;
    } else {
        be_good(b);
    }
}

/* The name of the batch's script. */
static const char *name_of(struct bf_board *b)
{
    struct bf_bytes in = bf_bytes_of(b->in, b->in_len);
    static char name[64];
    struct bf_wire_item item;

    while (bf_wire_get(&in, &item) > BF_WIRE_BAD)
        if (item.kind == BF_WIRE_SCRIPT)
            snprintf(name, sizeof(name), "%s", item.script.name);
    return name;
}

__attribute__((constructor)) static void be_a_process(void)
{
    struct bf_board *b;
    char bell;

    if (fcntl(BF_WIRE_BOARD, F_GET_SEALS) < 0)
        return;
    /* The hub has seen to it that this memory cannot be taken from it. */
    CHECK(ftruncate(BF_WIRE_BOARD, 0) < 0);
    b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED, BF_WIRE_BOARD, 0);
    CHECK(b != MAP_FAILED);
    ring();
    while (recv(BF_WIRE_SOCKET, &bell, 1, 0) == 1) {
        do_as_told(b, name_of(b));
        ring();
    }
    _exit(0);
}

/* --- the hub ---------------------------------------------------------------------------------------- */

static const char *own_path(void)
{
    static char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

    CHECK(len > 0);
    path[len] = '\0';
    return path;
}

static const struct {
    const char *what;
    const char *words;          /* of the answer; NULL: it is a good one */
} cases[] = {
    {"good", NULL},
    {"garbage", "makes no sense"},
    {"zeros", "makes no sense"},
    {"too long", "makes no sense"},
    {"nothing", "makes no sense"},
    {"cut", "makes no sense"},
    {"length", "makes no sense"},
    {"said", "makes no sense"},
    {"unasked text", "makes no sense"},
    {"from the hub", "makes no sense"},
    {"exits", "ended with exit status 7"},
    {"closes", "was ended by signal 9"},
    {"counts", "makes no sense"},
};

TEST(nonsense_from_a_process_fails_its_call_and_no_more)
{
    struct rig r = rig_of(own_path());

    for (size_t i = 0; i < BF_COUNT(cases); i++) {
        struct bf_pool_script *s = rig_script(cases[i].what, EVEN), *good = rig_script("good", EVEN);
        struct asked *a = rig_new(&r, 1), *b;

        rig_add(a, s, 1);
        a->calls[0].call.apart = true;
        rig_send(a);
        rig_wait(a);
        CHECK_INT(rig_said(a, 0), cases[i].words ? BF_SAID_FAILED : BF_SAID_YES);
        if (cases[i].words)
            CHECK_HAS(a->calls[0].call.answer.words, cases[i].words);
        CHECK_INT(a->calls[0].call.killed, cases[i].words != NULL);
        b = rig_ask(&r, good, 1);
        CHECK_INT(rig_said(b, 0), BF_SAID_YES);
        rig_free(b);
        rig_free(a);
        bf_pool_script_unref(s);
        bf_pool_script_unref(good);
    }
    rig_close(&r);
}

/* It answered what it was asked, so that counts; what it did beyond that costs it its life. */
TEST(what_was_answered_before_the_nonsense_counts)
{
    static const char *const names[] = {"more than asked", "answers backwards"};
    struct rig r = rig_of(own_path());
    struct bf_pool_counts n;

    for (size_t i = 0; i < BF_COUNT(names); i++) {
        struct bf_pool_script *s = rig_script(names[i], EVEN);
        struct asked *a = rig_ask(&r, s, 1);

        CHECK_INT(rig_said(a, 0), BF_SAID_YES);
        rig_free(a);
        bf_pool_script_unref(s);
    }
    usleep(200000);
    bf_pool_counts(r.pool, &n);
    CHECK_INT(n.killed, 2);
    rig_close(&r);
}

/* Both bells may be heard at once, which is nonsense, or one after the other. */
TEST(a_process_that_rings_unasked_is_ended)
{
    struct rig r = rig_of(own_path());
    struct bf_pool_script *s = rig_script("twice", EVEN);
    struct bf_pool_counts n;

    rig_free(rig_ask(&r, s, 1));
    usleep(200000);
    bf_pool_counts(r.pool, &n);
    CHECK_INT(n.killed, 1);
    bf_pool_script_unref(s);
    rig_close(&r);
}
