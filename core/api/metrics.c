/* metrics.c - GET /metrics, for Prometheus.
 *
 * What is counted is the hub's as a whole: no label holds a team, an automation or a URL, so the
 * number of series does not grow with what people do.  Routes are named as they are declared.
 *
 * Who may read it: an admin of the hub, and whoever shows the setting `metrics_token`, which opens
 * nothing else.  Prometheus: `authorization: {credentials_file: …}`. */
#include "core/api/api_int.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/base/prom.h"

#define METRICS_MAX (4 * 1024 * 1024)
#define WAITING_MAX 1000000     /* pending executions that are counted */

static void gauge(struct bf_buf *b, const char *name, const char *help, uint64_t value)
{
    bf_prom_head(b, name, "gauge", help);
    bf_prom_int(b, name, NULL, value);
}

static void counter(struct bf_buf *b, const char *name, const char *help, uint64_t value)
{
    bf_prom_head(b, name, "counter", help);
    bf_prom_int(b, name, NULL, value);
}

/* One sample of a metric that has one label. */
static void labeled(struct bf_buf *b, const char *metric, const char *name, const char *value,
                    uint64_t n)
{
    const char *const labels[] = {name, value, NULL};

    bf_prom_int(b, metric, labels, n);
}

static void put_histogram(struct bf_buf *b, const char *name, const char *help,
                          const struct bf_histogram *h)
{
    bf_prom_head(b, name, "histogram", help);
    bf_prom_histogram(b, name, h);
}


/* --- events and decisions ------------------------------------------------------- */

static void put_bus(struct bf_buf *b, struct bf_bus *bus)
{
    const struct bf_bus_stats *s = bf_bus_stats(bus);
    unsigned n = atomic_load_explicit((atomic_uint *)&s->n_sources, memory_order_acquire);

    bf_prom_head(b, "belfry_events_total", "counter", "Events that were acknowledged, by source.");
    for (unsigned i = 0; i < n; i++)
        labeled(b, "belfry_events_total", "source", s->sources[i].name,
                bf_counted(&s->sources[i].events));
    bf_prom_head(b, "belfry_event_duplicates_total", "counter",
                 "Of these, repeats of a key, which added nothing.");
    for (unsigned i = 0; i < n; i++)
        labeled(b, "belfry_event_duplicates_total", "source", s->sources[i].name,
                bf_counted(&s->sources[i].duplicates));
    counter(b, "belfry_refused_works_total",
            "Requests that found the engine's queue full and were answered 503.",
            bf_counted(&s->refused_works));
    counter(b, "belfry_failed_batches_total", "Transactions that the store did not take.",
            bf_counted(&s->failed_batches));
    put_histogram(b, "belfry_batch_works", "Requests and records in one transaction.", &s->batch);
    put_histogram(b, "belfry_commit_seconds", "How long the store took to make one durable.",
                  &s->commit);
    gauge(b, "belfry_queue_works", "Pieces of work that wait for the engine.",
          bf_bus_waiting(bus));
    gauge(b, "belfry_automations", "Automations that are filed for matching.",
          bf_bus_automations(bus));
    counter(b, "belfry_executions_made_total", "Executions that automations led to.",
            bf_counted(&s->executions));
}


/* --- deliveries ----------------------------------------------------------------- */

static void put_attempts(struct bf_buf *b, const struct bf_courier_stats *s)
{
    static const char *const outcomes[] = {
        [BF_DELIVERED] = "delivered", [BF_RETRY] = "retry",       [BF_REJECTED] = "rejected",
        [BF_UNKNOWN] = "unknown",     [BF_ACCEPTED] = "accepted",
    };
    static const int ends[] = {BF_FINISHED, BF_FAILED, BF_UNKNOWN_OUTCOME};

    bf_prom_head(b, "belfry_attempts_total", "counter", "Attempts to deliver, by outcome.");
    for (size_t i = 0; i < BF_COUNT(outcomes); i++)
        labeled(b, "belfry_attempts_total", "outcome", outcomes[i], bf_counted(&s->outcomes[i]));
    bf_prom_head(b, "belfry_executions_total", "counter",
                 "Executions that came to an end by an attempt, by status.");
    for (size_t i = 0; i < BF_COUNT(ends); i++)
        labeled(b, "belfry_executions_total", "status", bf_status_name(ends[i]),
                bf_counted(&s->ended[ends[i]]));
    counter(b, "belfry_executions_put_off_total", "Attempts after which another is planned.",
            bf_counted(&s->retries));
    put_histogram(b, "belfry_delivery_seconds", "How long requests took to be answered, or to fail.",
                  &s->duration);
}

static void put_destinations(struct bf_buf *b, struct bf_courier *c)
{
    struct bf_courier_destinations d;
    struct bf_courier_counts n;

    bf_courier_destinations(c, &d);
    bf_courier_count(c, &n);
    gauge(b, "belfry_deliveries_in_flight", "Attempts under way.", n.in_flight);
    gauge(b, "belfry_deliveries_long", "Attempts under way in slots of those that take long.",
          n.in_long);
    gauge(b, "belfry_executions_in_memory", "Executions that the courier has at hand.",
          n.in_memory);
    bf_prom_head(b, "belfry_destinations", "gauge",
                 "Integrations that were delivered to since the start, by how they are doing; one"
                 " may be in several states.");
    labeled(b, "belfry_destinations", "state", "known", d.known);
    labeled(b, "belfry_destinations", "state", "failing", d.failing);
    labeled(b, "belfry_destinations", "state", "resting", d.resting);
    labeled(b, "belfry_destinations", "state", "slow", d.slow);
    labeled(b, "belfry_destinations", "state", "paced", d.paced);
    labeled(b, "belfry_destinations", "state", "disabled", d.disabled);
}


/* --- the listener ---------------------------------------------------------------- */

static void put_answer(void *arg, const struct bf_web_route *route, const char *status, uint64_t n)
{
    const char *const labels[] = {"method", route ? route->method : "",
                                  "route", route ? route->path : "none",
                                  "status", status, NULL};

    bf_prom_int(arg, "belfry_http_requests_total", labels, n);
}

static void put_listener(struct bf_buf *b, struct bf_listener *l)
{
    struct bf_listener_counts n;

    bf_listener_count(l, &n);
    bf_prom_head(b, "belfry_http_requests_total", "counter",
                 "Answers that were given, by route and status.");
    bf_listener_answers(l, put_answer, b);
    gauge(b, "belfry_http_connections", "Connections that are open.", n.connections);
    gauge(b, "belfry_http_held_bytes", "Bodies and long answers in memory.", n.held);
    gauge(b, "belfry_http_held_bytes_max", "What they may have together.", n.held_max);
}


/* --- the store -------------------------------------------------------------------- */

static uint64_t file_size(const char *path, const char *suffix)
{
    char name[4200];
    struct stat st;

    snprintf(name, sizeof(name), "%s%s", path, suffix);
    return stat(name, &st) ? 0 : (uint64_t)st.st_size;
}

static uint64_t number(struct bf_db *db, const char *sql)
{
    struct bf_query *q = bf_db_query(db, sql);
    uint64_t n = bf_query_step(q) == 1 ? (uint64_t)bf_query_col_int(q, 0) : 0;

    bf_query_end(q);
    return n;
}

static uint64_t count_some(struct bf_db *db, const char *sql)
{
    struct bf_query *q = bf_db_query(db, sql);
    uint64_t n;

    bf_query_int(q, 1, WAITING_MAX);
    n = bf_query_step(q) == 1 ? (uint64_t)bf_query_col_int(q, 0) : 0;
    bf_query_end(q);
    return n;
}

/* With those that another tells of; each of the two has an index. */
static uint64_t count_pending(struct bf_db *db)
{
    uint64_t n = count_some(db, "SELECT count(*) FROM (SELECT 1 FROM executions WHERE status = 0"
                                " LIMIT ?) AS some");

    n += count_some(db, "SELECT count(*) FROM (SELECT 1 FROM executions WHERE status > 2"
                        " AND status = 7 LIMIT ?) AS some");
    return n < WAITING_MAX ? n : WAITING_MAX;
}

/* Of the journal the first and last numbers: counting a million rows would cost more than a scrape
 * may. */
static void put_store(struct bf_buf *b, struct bf_api *api, struct bf_db *db)
{
    char words[300] = "";

    gauge(b, "belfry_ready", "Whether the store takes what arrives.",
          api->ready(api->ready_arg, words, sizeof(words)));
    bf_prom_head(b, "belfry_database_bytes", "gauge", "Size of the database's files.");
    labeled(b, "belfry_database_bytes", "file", "main", file_size(api->db_path, ""));
    labeled(b, "belfry_database_bytes", "file", "wal", file_size(api->db_path, "-wal"));
    gauge(b, "belfry_journal_first", "Number of the oldest record in the journal.",
          number(db, "SELECT coalesce(min(seq), 0) FROM journal"));
    gauge(b, "belfry_journal_last", "Number of the newest record in the journal.",
          number(db, "SELECT coalesce(max(seq), 0) FROM journal"));
    gauge(b, "belfry_executions_pending",
          "Executions that want an attempt, now or later; counted up to a million.",
          count_pending(db));
}

static void put_kept(struct bf_buf *b, struct bf_keeper *k)
{
    struct bf_keeper_counts n;

    bf_keeper_count(k, &n);
    bf_prom_head(b, "belfry_retention_cut_total", "counter",
                 "What retention has cut since the start.");
    labeled(b, "belfry_retention_cut_total", "what", "executions", n.executions_cut);
    labeled(b, "belfry_retention_cut_total", "what", "events", n.events_cut);
    labeled(b, "belfry_retention_cut_total", "what", "keys", n.keys_cut);
    gauge(b, "belfry_database_used_bytes",
          "What the database held after the last pass of retention, without space to be used again.",
          (uint64_t)n.bytes);
}


static void put_scripts(struct bf_buf *b, struct bf_scripts *s)
{
    struct bf_script_counts c;

    bf_scripts_counts(s, &c);
    counter(b, "belfry_script_calls_total", "Questions that scripts were asked.", c.calls);
    counter(b, "belfry_script_failures_total", "Those that failed.", c.failures);
    counter(b, "belfry_script_kills_total", "Script processes that were killed, or crashed.",
            c.killed);
    counter(b, "belfry_script_batches_total", "Batches of questions.", c.batches);
    counter(b, "belfry_script_starts_total", "Script processes that were started.", c.started);
    counter(b, "belfry_script_swaps_total", "Texts of files that came into force.", c.swapped);
    counter(b, "belfry_script_refusals_total", "Texts of files that were refused.", c.refused);
    gauge(b, "belfry_script_processes", "Script processes now.", c.processes);
    gauge(b, "belfry_hooks_disabled", "Hooks that are disabled, for they failed too often.",
          c.disabled);
}


/* --- the process ------------------------------------------------------------------- */

static uint64_t count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    uint64_t n = 0;

    if (!d)
        return 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n > 3 ? n - 3 : 0;   /* ".", ".." and the one that reads them */
}

/* Fields of /proc/self/stat behind the name, which may hold anything but ends with the last ). */
static bool read_stat(unsigned long long field[30])
{
    char text[2048], *at;
    FILE *f = fopen("/proc/self/stat", "re");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

    if (f)
        fclose(f);
    text[n] = '\0';
    at = strrchr(text, ')');
    for (int i = 2; at && i < 24; i++) {        /* in the manual's counting, the name is the 2nd */
        at = strchr(at + 1, ' ');
        if (at)
            field[i + 1] = strtoull(at + 1, NULL, 10);
    }
    return at != NULL;
}

static void put_process(struct bf_buf *b)
{
    unsigned long long stat[30] = {0};
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);

    if (read_stat(stat)) {
        bf_prom_head(b, "process_cpu_seconds_total", "counter", "Time on processors.");
        bf_prom_double(b, "process_cpu_seconds_total", NULL,
                       (double)(stat[14] + stat[15]) * tick);
        gauge(b, "process_virtual_memory_bytes", "Address space.", stat[23]);
        gauge(b, "process_resident_memory_bytes", "Memory in use.",
              stat[24] * (unsigned long long)sysconf(_SC_PAGESIZE));
    }
    gauge(b, "process_open_fds", "Open file descriptors.", count_fds());
}

static void put_hub(struct bf_buf *b, const struct bf_api *api)
{
    static const char *const labels[] = {"version", BF_VERSION, NULL};

    bf_prom_head(b, "belfry_build_info", "gauge", "The version that runs.");
    bf_prom_int(b, "belfry_build_info", labels, 1);
    bf_prom_head(b, "belfry_uptime_seconds", "gauge", "Since the hub was opened.");
    bf_prom_double(b, "belfry_uptime_seconds", NULL,
                   (double)(bf_mono_ms(api->clock) - api->opened_mono) / 1000);
}


/* --- the route ---------------------------------------------------------------------- */

static bool shows_token(struct bf_exchange *x, const char *token)
{
    const char *header = bf_exchange_header(x, "Authorization");

    if (!token || !*token || !header || strncasecmp(header, "Bearer ", 7) != 0)
        return false;
    header += 7;
    return bf_text_same(token, header + strspn(header, " "));
}

bool bf_api_shows_metrics_token(const struct bf_api *api, struct bf_exchange *x)
{
    return !bf_exchange_is_inside(x) && shows_token(x, api->metrics_token) &&
           bf_exchange_authenticated(x, "metrics");
}

static int on_metrics(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    struct bf_buf b;

    bf_buf_init(&b, METRICS_MAX);
    put_hub(&b, api);
    put_bus(&b, api->bus);
    put_attempts(&b, bf_courier_stats(api->courier));
    put_destinations(&b, api->courier);
    put_listener(&b, api->listener);
    put_store(&b, api, bf_exchange_local(x));
    put_kept(&b, api->keeper);
    put_scripts(&b, api->scripts);
    put_process(&b);
    if (b.failed) {
        bf_buf_fini(&b);
        return bf_api_fail(x, BF_EFULL, NULL);
    }
    bf_exchange_reply(x, BF_PROM_TYPE, b.data, b.len);
    bf_buf_fini(&b);
    return 200;
}

const struct bf_api_route bf_api_metrics_routes[] = {
    {"GET", "/metrics", BF_API_HUB_ADMIN | BF_API_METRICS, on_metrics},
    {NULL, NULL, 0, NULL},
};
