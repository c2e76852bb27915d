/* sql.c - sql DATABASE STATEMENT: what the statement gives, a row a line, columns apart by '|'.
 *
 * Opens the file as any other program would, so tests see what is really in it. */
#include <sqlite3.h>
#include <stdio.h>

static int on_row(void *arg, int n, char **values, char **names)
{
    (void)arg;
    (void)names;
    for (int i = 0; i < n; i++)
        printf("%s%s", i ? "|" : "", values[i] ? values[i] : "");
    putchar('\n');
    return 0;
}

int main(int argc, char **argv)
{
    char *words = NULL;
    sqlite3 *db;

    if (argc != 3) {
        fprintf(stderr, "usage: sql DATABASE STATEMENT\n");
        return 2;
    }
    if (sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_exec(db, argv[2], on_row, NULL, &words) != SQLITE_OK) {
        fprintf(stderr, "sql: %s\n", words ? words : sqlite3_errmsg(db));
        return 1;
    }
    sqlite3_close(db);
    return 0;
}
