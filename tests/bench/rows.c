/* rows.c - the rows of a journal, by SQLite alone: what taking events in by batches is measured
 * against.
 *
 * It opens the database of a hub that has stopped, so tables and settings are the hub's, and inserts
 * the lines of a file over and over, each as one event's row, 1,024 of them to a transaction.  The
 * fields are taken from the arguments; nothing is parsed. */
#include "tests/tools/tool.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define BATCH     1024
#define LINES_MAX 100000

static const char usage[] = "rows DATABASE LINES ENTITY TYPE PROJECT COLLECTION SECONDS\n";

struct line {
    char *text;
    size_t len;
};

static size_t read_lines(const char *path, struct line *lines)
{
    FILE *f = fopen(path, "r");
    size_t n = 0, room = 0;
    char *text = NULL;
    ssize_t len;

    if (!f)
        tool_die("cannot read %s: %m", path);
    while (n < LINES_MAX && (len = getline(&text, &room, f)) > 0) {
        lines[n++] = (struct line){text, (size_t)len - (text[len - 1] == '\n')};
        text = NULL;
        room = 0;
    }
    free(text);
    fclose(f);
    if (n == 0)
        tool_die("there is no line in %s", path);
    return n;
}

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        tool_die("%s: %s", sql, sqlite3_errmsg(db));
}

static sqlite3 *open_database(const char *path)
{
    sqlite3 *db;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        tool_die("cannot open %s", path);
    run(db, "PRAGMA synchronous = FULL; PRAGMA cache_size = -8192; PRAGMA mmap_size = 0;"
            "PRAGMA wal_autocheckpoint = 4096; PRAGMA journal_size_limit = 67108864");
    return db;
}

static sqlite3_int64 last_seq(sqlite3 *db)
{
    sqlite3_stmt *s;
    sqlite3_int64 seq;

    if (sqlite3_prepare_v2(db, "SELECT COALESCE(MAX(seq), 0) FROM journal", -1, &s, NULL) ||
        sqlite3_step(s) != SQLITE_ROW)
        tool_die("this is no hub's database: %s", sqlite3_errmsg(db));
    seq = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return seq;
}

static void insert(sqlite3_stmt *s, sqlite3_int64 seq, const struct line *l)
{
    sqlite3_bind_int64(s, 1, seq);
    sqlite3_bind_int64(s, 4, 1764000000000 + seq / BATCH);
    sqlite3_bind_text(s, 7, l->text, (int)l->len, SQLITE_STATIC);
    if (sqlite3_step(s) != SQLITE_DONE)
        tool_die("%s: %s", sqlite3_sql(s), sqlite3_errmsg(sqlite3_db_handle(s)));
    sqlite3_reset(s);
}

int main(int argc, char **argv)
{
    static struct line lines[LINES_MAX];
    sqlite3_int64 first, seq;
    sqlite3_stmt *s;
    sqlite3 *db;
    size_t n;
    int64_t begun, spent;

    if (argc != 8)
        tool_die("%s", usage);
    n = read_lines(argv[2], lines);
    db = open_database(argv[1]);
    first = seq = last_seq(db);
    if (sqlite3_prepare_v2(db, "INSERT INTO journal (seq, entity, type, received, hops, project,"
                               " collection, body) VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7)", -1, &s,
                           NULL))
        tool_die("%s", sqlite3_errmsg(db));
    sqlite3_bind_text(s, 2, argv[3], -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, argv[4], -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 5, argv[5], -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 6, argv[6], -1, SQLITE_STATIC);
    begun = tool_now_ns();
    do {
        run(db, "BEGIN IMMEDIATE");
        for (int i = 0; i < BATCH; i++, seq++)
            insert(s, seq + 1, &lines[(size_t)seq % n]);
        run(db, "COMMIT");
        spent = tool_now_ns() - begun;
    } while ((double)spent < strtod(argv[7], NULL) * 1e9);
    sqlite3_finalize(s);
    sqlite3_close(db);
    printf("{\"events\":%lld,\"per_second\":%.1f}\n", (long long)(seq - first),
           (double)(seq - first) * 1e9 / (double)spent);
    return 0;
}
