/* bare.c - the yardsticks: what the same libraries do with the same settings and nothing else.
 *
 *   listener   answer each POST once its body is on disk
 *   chain      and then POST the body to --to, and put the result on disk as well
 *   drain      POST --count bodies, all there from the start, and put the results on disk
 *   fdatasync  append 4 KiB and fdatasync, again and again
 *
 * HTTP comes in through libmicrohttpd daemons that share a port, one per thread, each driven from
 * an epoll loop of ours.  A request is suspended until the writer thread, which takes whatever has
 * gathered, has committed it to SQLite; each loop is woken once per group.  HTTP goes out through
 * one libcurl multi handle with socket callbacks and handles that are used again.
 *
 * There is no parsing, no routing, no authentication, no limit and hardly an error path in here:
 * it is the most that one can hope for, and what the hub is measured against. */
#include "tests/tools/tool.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <getopt.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define GROUP_MAX     1024
#define BODY_FIRST    1024
#define DRAIN_BODY    230       /* as long as what the hub sends in the benchmark */
#define LOOPS_MAX     4
#define SLOTS_MAX     256
#define EVENTS_MAX    128
#define BLOCK         4096
#define WARM_UP       50        /* blocks that are not counted: the file is new */
#define IDLE_SECONDS  60u
#define WAL_PAGES     "4096"    /* before a checkpoint; as the hub has it */

static const char usage[] =
    "bare listener --data DIR [--listen HOST:PORT] [--threads N]\n"
    "bare chain --data DIR --to URL [--connections N] [...]\n"
    "bare drain --data DIR --to URL [--connections N] [--count N]\n"
    "bare fdatasync --data DIR [--count N] [--rate R]\n";

struct options {
    const char *mode, *data, *listen, *to;
    unsigned threads, connections;
    uint64_t count;
    double rate;
};

/* A request on its way: a loop makes it, the writer commits it, the loop answers it, the courier
 * sends it, the writer commits the result. */
struct job {
    struct job *next;           /* in the writer's queue, or the courier's */
    struct job *next_answer;    /* in the loop's */
    atomic_int users;           /* who still needs it: the loop, the courier */
    struct loop *loop;
    struct MHD_Connection *connection;
    bool committed;             /* [loop] */
    bool is_result;             /* [writer] */
    int64_t seq;
    int status;
    int64_t ms;
    size_t len, cap;
    char *body;
};

struct list {
    struct job *first, *last;
};

struct loop {
    struct bare *bare;
    struct MHD_Daemon *daemon;
    pthread_t thread;
    int epoll_fd, wake_fd, listen_fd;
    struct list fresh;          /* [writer] of the group that is being committed */
    pthread_mutex_t lock;
    struct list answers;        /* under lock */
};

/* An outgoing transfer, used again and again. */
struct slot {
    CURL *easy;
    struct job *job;
    struct slot *next;
    struct curl_slist id, type; /* its headers: the id is written over each time */
    char id_text[64];
    int64_t begun;
};

struct bare {
    struct options o;
    struct loop loops[LOOPS_MAX];
    struct MHD_Response *accepted;
    atomic_bool stop;

    pthread_t writer;
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *insert_event, *insert_result;
    int64_t seq;
    atomic_ullong recorded;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct list queue;          /* under lock */

    pthread_t courier;
    CURLM *multi;
    int courier_epoll, courier_wake;
    int64_t timer_at;
    struct slot slots[SLOTS_MAX];
    struct slot *free_slot;
    struct list waiting;        /* [courier] */
    pthread_mutex_t courier_lock;
    struct list to_send;        /* under courier_lock */
};

static void list_add(struct list *l, struct job *j)
{
    j->next = NULL;
    *(l->last ? &l->last->next : &l->first) = j;
    l->last = j;
}

static void list_join(struct list *l, struct list *more)
{
    if (!more->first)
        return;
    *(l->last ? &l->last->next : &l->first) = more->first;
    l->last = more->last;
    *more = (struct list){NULL, NULL};
}

static void answer_add(struct list *l, struct job *j)
{
    j->next_answer = NULL;
    *(l->last ? &l->last->next_answer : &l->first) = j;
    l->last = j;
}

static struct list take(pthread_mutex_t *lock, struct list *l)
{
    struct list all;

    pthread_mutex_lock(lock);
    all = *l;
    *l = (struct list){NULL, NULL};
    pthread_mutex_unlock(lock);
    return all;
}

static void job_done(struct job *j)
{
    if (atomic_fetch_sub(&j->users, 1) != 1)
        return;
    free(j->body);
    free(j);
}

static void wake(int fd)
{
    uint64_t one = 1;

    if (write(fd, &one, sizeof(one)) != sizeof(one))
        tool_die("cannot wake a thread: %m");
}

static void unwake(int fd)
{
    uint64_t n;

    (void)!read(fd, &n, sizeof(n));
}


/* --- the writer ------------------------------------------------------------------ */

static sqlite3_stmt *prepare(struct bare *b, const char *sql)
{
    sqlite3_stmt *s;

    if (sqlite3_prepare_v3(b->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) != SQLITE_OK)
        tool_die("%s: %s", sql, sqlite3_errmsg(b->db));
    return s;
}

static void step(struct bare *b, sqlite3_stmt *s)
{
    if (sqlite3_step(s) != SQLITE_DONE)
        tool_die("%s: %s", sqlite3_sql(s), sqlite3_errmsg(b->db));
    sqlite3_reset(s);
}

static void open_database(struct bare *b)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/bare.db", b->o.data);
    if (sqlite3_open_v2(path, &b->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) ||
        sqlite3_exec(b->db,
                     "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                     "PRAGMA cache_size = -8192; PRAGMA mmap_size = 0;"
                     "PRAGMA wal_autocheckpoint = " WAL_PAGES ";"
                     "PRAGMA journal_size_limit = 67108864;"
                     "CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);"
                     "CREATE TABLE result (seq INTEGER PRIMARY KEY, status INTEGER, ms INTEGER);",
                     NULL, NULL, NULL))
        tool_die("%s: %s", path, sqlite3_errmsg(b->db));
    b->begin = prepare(b, "BEGIN IMMEDIATE");
    b->commit = prepare(b, "COMMIT");
    b->insert_event = prepare(b, "INSERT INTO event (seq, body) VALUES (?, ?)");
    b->insert_result = prepare(b, "INSERT INTO result (seq, status, ms) VALUES (?, ?, ?)");
}

static void close_database(struct bare *b)
{
    sqlite3_finalize(b->begin);
    sqlite3_finalize(b->commit);
    sqlite3_finalize(b->insert_event);
    sqlite3_finalize(b->insert_result);
    sqlite3_close(b->db);
}

static void insert(struct bare *b, struct job *j)
{
    if (j->is_result) {
        sqlite3_bind_int64(b->insert_result, 1, j->seq);
        sqlite3_bind_int(b->insert_result, 2, j->status);
        sqlite3_bind_int64(b->insert_result, 3, j->ms);
        step(b, b->insert_result);
    } else {
        j->seq = ++b->seq;
        sqlite3_bind_int64(b->insert_event, 1, j->seq);
        sqlite3_bind_blob64(b->insert_event, 2, j->body, j->len, SQLITE_STATIC);
        step(b, b->insert_event);
    }
}

static void courier_take(struct bare *b, struct list *jobs)
{
    bool was_empty;

    pthread_mutex_lock(&b->courier_lock);
    was_empty = !b->to_send.first;
    list_join(&b->to_send, jobs);
    pthread_mutex_unlock(&b->courier_lock);
    if (was_empty)
        wake(b->courier_wake);
}

static void loop_take(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    if (l->fresh.first) {
        *(l->answers.last ? &l->answers.last->next_answer : &l->answers.first) = l->fresh.first;
        l->answers.last = l->fresh.last;
    }
    pthread_mutex_unlock(&l->lock);
    if (l->fresh.first)
        wake(l->wake_fd);
    l->fresh = (struct list){NULL, NULL};
}

/* The group is on disk: hand its events on, and forget those that are through. */
static void hand_on(struct bare *b, struct job *first)
{
    struct list send = {NULL, NULL};

    for (struct job *next, *j = first; j; j = next) {
        next = j->next;
        if (j->is_result) {
            atomic_fetch_add(&b->recorded, 1);
            job_done(j);
            continue;
        }
        answer_add(&j->loop->fresh, j);
        if (b->o.to)
            list_add(&send, j);
    }
    if (send.first)
        courier_take(b, &send);
    for (unsigned i = 0; i < b->o.threads; i++)
        loop_take(&b->loops[i]);
}

/* Waits for work; at most GROUP_MAX of it, the rest stays. */
static struct job *take_group(struct bare *b)
{
    struct job *first, *last;

    pthread_mutex_lock(&b->lock);
    while (!b->queue.first && !atomic_load(&b->stop))
        pthread_cond_wait(&b->more, &b->lock);
    first = last = b->queue.first;
    for (unsigned n = 1; last && last->next && n < GROUP_MAX; n++)
        last = last->next;
    b->queue.first = last ? last->next : NULL;
    if (!b->queue.first)
        b->queue.last = NULL;
    if (last)
        last->next = NULL;
    pthread_mutex_unlock(&b->lock);
    return first;
}

static void *write_groups(void *arg)
{
    struct bare *b = arg;
    struct job *group;

    while ((group = take_group(b))) {
        step(b, b->begin);
        for (struct job *j = group; j; j = j->next)
            insert(b, j);
        step(b, b->commit);
        hand_on(b, group);
    }
    return NULL;
}

static void to_writer(struct bare *b, struct list *jobs)
{
    bool was_empty;

    pthread_mutex_lock(&b->lock);
    was_empty = !b->queue.first;
    list_join(&b->queue, jobs);
    pthread_mutex_unlock(&b->lock);
    if (was_empty)
        pthread_cond_signal(&b->more);
}


/* --- the way in ------------------------------------------------------------------ */

static struct job *job_new(const struct bare *b, struct loop *l, struct MHD_Connection *c)
{
    struct job *j = tool_alloc(sizeof(*j));

    j->loop = l;
    j->connection = c;
    j->cap = BODY_FIRST;
    j->body = malloc(j->cap);
    if (!j->body)
        tool_die("out of memory");
    atomic_init(&j->users, b->o.to ? 2 : 1);
    return j;
}

static void add_body(struct job *j, const char *data, size_t len)
{
    if (j->len + len > j->cap) {
        j->cap = (j->len + len) * 2;
        j->body = realloc(j->body, j->cap);
        if (!j->body)
            tool_die("out of memory");
    }
    memcpy(j->body + j->len, data, len);
    j->len += len;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **job)
{
    struct loop *l = arg;
    struct job *j = *job;
    struct list one = {j, j};

    (void)url;
    (void)method;
    (void)version;
    if (!j) {
        *job = job_new(l->bare, l, c);
        return MHD_YES;
    }
    if (*len) {
        add_body(j, data, *len);
        *len = 0;
        return MHD_YES;
    }
    if (!j->committed) {
        MHD_suspend_connection(c);
        to_writer(l->bare, &one);
        return MHD_YES;
    }
    *job = NULL;
    job_done(j);
    return MHD_queue_response(c, MHD_HTTP_ACCEPTED, l->bare->accepted);
}

static void resume_answered(struct loop *l)
{
    struct list all = take(&l->lock, &l->answers);

    for (struct job *next, *j = all.first; j; j = next) {
        next = j->next_answer;
        j->committed = true;
        MHD_resume_connection(j->connection);
    }
}

static void *serve(void *arg)
{
    struct loop *l = arg;
    struct epoll_event events[EVENTS_MAX];

    while (!atomic_load(&l->bare->stop)) {
        MHD_UNSIGNED_LONG_LONG timeout;
        int ms = MHD_get_timeout(l->daemon, &timeout) == MHD_YES ? (int)timeout : -1;

        epoll_wait(l->epoll_fd, events, EVENTS_MAX, ms);        /* woken by an edge: never read */
        resume_answered(l);
        MHD_run(l->daemon);
    }
    return NULL;
}

static void open_loop(struct bare *b, unsigned i)
{
    struct loop *l = &b->loops[i];
    struct epoll_event ev = {.events = EPOLLIN};

    l->bare = b;
    pthread_mutex_init(&l->lock, NULL);
    l->listen_fd = i ? tool_listen_again(b->loops[0].listen_fd) : tool_listen(b->o.listen, true);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    l->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
                                 on_request, l, MHD_OPTION_LISTEN_SOCKET, l->listen_fd,
                                 MHD_OPTION_CONNECTION_LIMIT, 4096u, MHD_OPTION_CONNECTION_TIMEOUT,
                                 IDLE_SECONDS, MHD_OPTION_END);
    if (!l->daemon)
        tool_die("libmicrohttpd does not start");
    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD,
              MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, &ev);
    ev.events = EPOLLIN | EPOLLET;
    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->wake_fd, &ev);
}


/* --- the way out ----------------------------------------------------------------- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct bare *b = arg;
    struct epoll_event ev = {.data.fd = fd};

    (void)easy;
    ev.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(b->courier_epoll, EPOLL_CTL_DEL, fd, NULL);
    } else {
        epoll_ctl(b->courier_epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev);
        curl_multi_assign(b->multi, fd, b);
    }
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
    struct bare *b = arg;

    (void)multi;
    b->timer_at = ms < 0 ? -1 : tool_now_ns() + ms * 1000000LL;
    return 0;
}

static size_t on_answer(char *data, size_t size, size_t n, void *arg)
{
    (void)data;
    (void)arg;
    return size * n;
}

static void open_slot(struct bare *b, struct slot *s)
{
    static char type[] = "Content-Type: application/json";

    s->easy = curl_easy_init();
    s->type = (struct curl_slist){type, NULL};
    s->id = (struct curl_slist){s->id_text, &s->type};
    curl_easy_setopt(s->easy, CURLOPT_URL, b->o.to);
    curl_easy_setopt(s->easy, CURLOPT_PRIVATE, s);
    curl_easy_setopt(s->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, &s->id);
    curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(s->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(s->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    s->next = b->free_slot;
    b->free_slot = s;
}

static void open_courier(struct bare *b)
{
    struct epoll_event ev = {.events = EPOLLIN};

    curl_global_init(CURL_GLOBAL_ALL);
    b->multi = curl_multi_init();
    b->timer_at = -1;
    b->courier_epoll = epoll_create1(EPOLL_CLOEXEC);
    b->courier_wake = ev.data.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    epoll_ctl(b->courier_epoll, EPOLL_CTL_ADD, b->courier_wake, &ev);
    curl_multi_setopt(b->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(b->multi, CURLMOPT_SOCKETDATA, b);
    curl_multi_setopt(b->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(b->multi, CURLMOPT_TIMERDATA, b);
    curl_multi_setopt(b->multi, CURLMOPT_MAXCONNECTS, (long)b->o.connections);
    for (unsigned i = 0; i < b->o.connections; i++)
        open_slot(b, &b->slots[i]);
}

static void send_waiting(struct bare *b)
{
    while (b->free_slot && b->waiting.first) {
        struct slot *s = b->free_slot;
        struct job *j = b->waiting.first;

        b->free_slot = s->next;
        b->waiting.first = j->next;
        if (!j->next)
            b->waiting.last = NULL;
        s->job = j;
        s->begun = tool_now_ns();
        snprintf(s->id_text, sizeof(s->id_text), "Idempotency-Key: %lld", (long long)j->seq);
        curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE, (long)j->len);
        curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, j->body);
        curl_multi_add_handle(b->multi, s->easy);
    }
}

static void collect_results(struct bare *b)
{
    struct list results = {NULL, NULL};
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(b->multi, &left))) {
        struct slot *s;
        long status;

        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &s);
        curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        s->job->is_result = true;
        s->job->status = m->data.result == CURLE_OK ? (int)status : -1;
        s->job->ms = (tool_now_ns() - s->begun) / 1000000;
        list_add(&results, s->job);
        curl_multi_remove_handle(b->multi, s->easy);
        s->next = b->free_slot;
        b->free_slot = s;
    }
    if (results.first)
        to_writer(b, &results);
}

static int courier_pause(const struct bare *b)
{
    int64_t ns = b->timer_at < 0 ? -1 : b->timer_at - tool_now_ns();

    if (b->timer_at < 0)
        return -1;
    return ns > 0 ? (int)((ns + 999999) / 1000000) : 0;
}

static void on_ready(struct bare *b, const struct epoll_event *ev)
{
    int running, mask = (ev->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                        (ev->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                        (ev->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

    if (ev->data.fd == b->courier_wake)
        unwake(b->courier_wake);
    else
        curl_multi_socket_action(b->multi, ev->data.fd, mask, &running);
}

static void *deliver(void *arg)
{
    struct bare *b = arg;
    struct epoll_event events[EVENTS_MAX];
    int running;

    while (!atomic_load(&b->stop)) {
        int n = epoll_wait(b->courier_epoll, events, EVENTS_MAX, courier_pause(b));
        struct list fresh;

        for (int i = 0; i < n; i++)
            on_ready(b, &events[i]);
        if (b->timer_at >= 0 && b->timer_at <= tool_now_ns()) {
            b->timer_at = -1;
            curl_multi_socket_action(b->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        collect_results(b);
        fresh = take(&b->courier_lock, &b->to_send);
        list_join(&b->waiting, &fresh);
        send_waiting(b);
    }
    return NULL;
}


/* --- the modes ------------------------------------------------------------------- */

static void wait_for_signal(void)
{
    sigset_t ends;
    int got;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigwait(&ends, &got);
}

static void block_signals(void)
{
    sigset_t ends;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
}

static void start(struct bare *b)
{
    block_signals();
    open_database(b);
    pthread_create(&b->writer, NULL, write_groups, b);
    if (b->o.to) {
        open_courier(b);
        pthread_create(&b->courier, NULL, deliver, b);
    }
}

static void serve_until_signal(struct bare *b)
{
    static char accepted[] = "{\"accepted\":1}\n";

    b->accepted = MHD_create_response_from_buffer(sizeof(accepted) - 1, accepted,
                                                  MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(b->accepted, "Content-Type", "application/json");
    start(b);
    for (unsigned i = 0; i < b->o.threads; i++)
        open_loop(b, i);
    for (unsigned i = 0; i < b->o.threads; i++)
        pthread_create(&b->loops[i].thread, NULL, serve, &b->loops[i]);
    wait_for_signal();
}

static void drain(struct bare *b)
{
    static const char body[DRAIN_BODY] = "{}";
    struct list all = {NULL, NULL};

    for (uint64_t i = 0; i < b->o.count; i++) {
        struct job *j = job_new(b, NULL, NULL);

        atomic_init(&j->users, 1);
        j->seq = (int64_t)i + 1;
        add_body(j, body, sizeof(body));
        list_add(&all, j);
    }
    b->o.threads = 0;
    start(b);
    courier_take(b, &all);
    while (atomic_load(&b->recorded) < b->o.count)
        usleep(1000);
}

/* What is under way is dropped, and memory is the system's to take back: only the database is
 * closed, as the figures are about it. */
static void stop(struct bare *b)
{
    atomic_store(&b->stop, true);
    for (unsigned i = 0; i < b->o.threads; i++) {
        wake(b->loops[i].wake_fd);
        pthread_join(b->loops[i].thread, NULL);
    }
    if (b->o.to) {
        wake(b->courier_wake);
        pthread_join(b->courier, NULL);
    }
    pthread_mutex_lock(&b->lock);
    pthread_cond_signal(&b->more);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->writer, NULL);
    close_database(b);
    printf("{\"events\":%lld,\"recorded\":%llu}\n", (long long)b->seq,
           (unsigned long long)atomic_load(&b->recorded));
}

static void sleep_until(int64_t ns)
{
    struct timespec t = {.tv_sec = ns / TOOL_SECOND_NS, .tv_nsec = ns % TOOL_SECOND_NS};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void measure_fdatasync(const struct options *o)
{
    static struct histogram h;
    static char block[BLOCK];
    char path[4096];
    int64_t begun = tool_now_ns();
    int fd;

    snprintf(path, sizeof(path), "%s/fdatasync", o->data);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        tool_die("cannot write %s: %m", path);
    memset(block, 'x', sizeof(block));
    for (uint64_t i = 0; i < o->count + WARM_UP; i++) {
        int64_t before;

        if (o->rate > 0)
            sleep_until(begun + (int64_t)((double)i * 1e9 / o->rate));
        before = tool_now_ns();
        if (pwrite(fd, block, BLOCK, (off_t)(i * BLOCK)) != BLOCK || fdatasync(fd) != 0)
            tool_die("cannot write %s: %m", path);
        if (i >= WARM_UP)
            histogram_add(&h, tool_now_ns() - before);
    }
    close(fd);
    unlink(path);
    printf("{\"count\":%llu,", (unsigned long long)o->count);
    histogram_print(&h, stdout);
    printf("}\n");
}

static struct options parse(int argc, char **argv)
{
    static const struct option longs[] = {
        {"data", 1, NULL, 'd'},    {"listen", 1, NULL, 'l'}, {"to", 1, NULL, 'o'},
        {"threads", 1, NULL, 't'}, {"count", 1, NULL, 'c'},  {"connections", 1, NULL, 'n'},
        {"rate", 1, NULL, 'r'},    {NULL, 0, NULL, 0}};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct options o = {.mode = argc > 1 ? argv[1] : "", .listen = "127.0.0.1:0",
                        .threads = cores < LOOPS_MAX ? (unsigned)cores : LOOPS_MAX,
                        .connections = 64, .count = 1000};

    optind = 2;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (c) {
        case 'd': o.data = optarg; break;
        case 'l': o.listen = optarg; break;
        case 'o': o.to = optarg; break;
        case 't': o.threads = (unsigned)tool_number("--threads", optarg); break;
        case 'n': o.connections = (unsigned)tool_number("--connections", optarg); break;
        case 'c': o.count = (uint64_t)tool_number("--count", optarg); break;
        case 'r': o.rate = tool_number("--rate", optarg); break;
        default: tool_die("%s", usage);
        }
    }
    if (!o.data || optind < argc || o.threads < 1 || o.threads > LOOPS_MAX || o.connections < 1 ||
        o.connections > SLOTS_MAX)
        tool_die("%s", usage);
    if ((strcmp(o.mode, "chain") == 0 || strcmp(o.mode, "drain") == 0) != (o.to != NULL))
        tool_die("%s", usage);
    return o;
}

int main(int argc, char **argv)
{
    static struct bare b = {.lock = PTHREAD_MUTEX_INITIALIZER,
                            .more = PTHREAD_COND_INITIALIZER,
                            .courier_lock = PTHREAD_MUTEX_INITIALIZER};

    b.o = parse(argc, argv);
    if (strcmp(b.o.mode, "fdatasync") == 0) {
        measure_fdatasync(&b.o);
    } else if (strcmp(b.o.mode, "drain") == 0) {
        drain(&b);
        stop(&b);
    } else if (strcmp(b.o.mode, "listener") == 0 || b.o.to) {
        serve_until_signal(&b);
        stop(&b);
    } else {
        tool_die("%s", usage);
    }
    return 0;
}
