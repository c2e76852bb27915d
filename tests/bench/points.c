/* points.c - points as a plain table keeps them: what the hub's storage of points is measured against.
 *
 * One row for each point, with the index that finds a run's newest values of a metric, 1,024 rows to a
 * transaction, SQLite set as the hub sets it.  The points are lines of "RUN METRIC STEP VALUE". */
#include "tests/tools/tool.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 1024

static const char usage[] = "points DATABASE LINES\n";

static const char schema[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192;"
    "PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 4096; PRAGMA journal_size_limit = 67108864;"
    "CREATE TABLE points (run TEXT NOT NULL, metric TEXT NOT NULL, step INTEGER, value REAL,"
    " received INTEGER NOT NULL);"
    "CREATE INDEX points_by_run ON points (run, metric, step)";

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        tool_die("%s: %s", sql, sqlite3_errmsg(db));
}

static void insert(sqlite3 *db, sqlite3_stmt *s, char *line, sqlite3_int64 received)
{
    char *save, *part = strtok_r(line, " \n", &save);

    for (int i = 1; part; i++, part = strtok_r(NULL, " \n", &save)) {
        if (i == 4)
            sqlite3_bind_double(s, i, strtod(part, NULL));
        else if (i == 3)
            sqlite3_bind_int64(s, i, strtoll(part, NULL, 10));
        else
            sqlite3_bind_text(s, i, part, -1, SQLITE_TRANSIENT);
    }
    sqlite3_bind_int64(s, 5, received);
    if (sqlite3_step(s) != SQLITE_DONE)
        tool_die("%s", sqlite3_errmsg(db));
    sqlite3_reset(s);
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t room = 0, n = 0;
    sqlite3_stmt *s;
    sqlite3 *db;
    int64_t begun, spent;
    FILE *f;

    if (argc != 3)
        tool_die("%s", usage);
    f = fopen(argv[2], "r");
    if (!f)
        tool_die("cannot read %s: %m", argv[2]);
    if (sqlite3_open(argv[1], &db) != SQLITE_OK)
        tool_die("cannot open %s", argv[1]);
    run(db, schema);
    if (sqlite3_prepare_v2(db, "INSERT INTO points (run, metric, step, value, received)"
                               " VALUES (?, ?, ?, ?, ?)", -1, &s, NULL))
        tool_die("%s", sqlite3_errmsg(db));
    begun = tool_now_ns();
    while (getline(&line, &room, f) > 0) {
        if (n % BATCH == 0)
            run(db, n ? "COMMIT; BEGIN IMMEDIATE" : "BEGIN IMMEDIATE");
        insert(db, s, line, 1764000000000 + (sqlite3_int64)n / BATCH);
        n++;
    }
    run(db, "COMMIT");
    spent = tool_now_ns() - begun;
    sqlite3_finalize(s);
    run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    sqlite3_close(db);
    free(line);
    fclose(f);
    printf("{\"points\":%zu,\"per_second\":%.1f}\n", n, (double)n * 1e9 / (double)spent);
    return 0;
}
