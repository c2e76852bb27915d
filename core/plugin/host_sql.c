/* host_sql.c - a plugin's own tables in the hub's database.
 *
 * Writing is the engine's connection, inside its transaction; reading is the connection of the
 * thread: a listener loop has one, other threads borrow one for the length of a callback.
 *
 * A plugin reaches tables named PLUGIN_something and no others: every table that a statement names
 * is looked at before it is prepared the first time. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/plugin/host.h"

#define SQL_MAX (64 * 1024)             /* bytes of a statement */

struct bf_reader {
    struct bf_reader *next;
    struct bf_db *db;
};

struct bf_statement {
    struct bf_stmt pub;         /* first: plugins know it by this */
    struct bf_statement *next;
    struct bf_call *call;
    struct bf_query *query;     /* NULL: `rc` says why */
    int rc;
};


/* --- which tables ------------------------------------------------------------------- */

/* The next word or sign of a statement; strings and comments are skipped.  "" at the end. */
static const char *next_token(const char *at, char *out, size_t size)
{
    size_t n = 0;

    for (;;) {
        at += strspn(at, " \t\r\n");
        if (at[0] == '-' && at[1] == '-')
            at += strcspn(at, "\n");
        else if (at[0] == '/' && at[1] == '*' && strstr(at + 2, "*/"))
            at = strstr(at + 2, "*/") + 2;
        else
            break;
    }
    if (*at == '\'') {
        do
            at += 1 + strcspn(at + 1, "'");
        while (at[0] && at[1] == '\'' && *++at);
        snprintf(out, size, "'");
        return *at ? at + 1 : at;
    }
    if (*at && strchr("\"`[", *at)) {   /* a quoted name */
        char close = *at == '[' ? ']' : *at;

        for (at++; *at && *at != close; at++)
            if (n + 1 < size)
                out[n++] = *at;
        at += *at != '\0';
    } else if (isalnum((unsigned char)*at) || *at == '_') {
        for (; isalnum((unsigned char)*at) || *at == '_'; at++)
            if (n + 1 < size)
                out[n++] = *at;
    } else if (*at) {
        out[n++] = *at++;
    }
    out[n] = '\0';
    return at;
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcasecmp(word, *list) == 0)
            return true;
    return false;
}

/* A table's name stands behind one of these; between may stand what is skipped. */
static const char *const before_table[] = {"FROM", "JOIN", "INTO", "UPDATE", "TABLE", "INDEX",
                                           "TRIGGER", "VIEW", "REFERENCES", NULL};
static const char *const skipped[] = {"IF", "NOT", "EXISTS", "OR", "REPLACE", "IGNORE", "ABORT",
                                      "ROLLBACK", "FAIL", NULL};
static const char *const never[] = {"PRAGMA", "ATTACH", "DETACH", "VACUUM", "BEGIN", "COMMIT",
                                    "ROLLBACK", "SAVEPOINT", "RELEASE", NULL};

static bool is_own(const char *plugin, const char *table)
{
    size_t len = strlen(plugin);

    for (size_t i = 0; i < len; i++)
        if (table[i] != plugin[i] && !(plugin[i] == '-' && table[i] == '_'))
            return false;
    return table[len] == '_';
}

/* Names made by WITH in the same statement are no tables. */
static bool made_by_with(const char *sql, const char *name)
{
    char token[128], before[128] = "";

    for (const char *at = next_token(sql, token, sizeof(token)); *token;
         at = next_token(at, token, sizeof(token))) {
        if (strcasecmp(token, "AS") == 0 && strcasecmp(before, name) == 0 &&
            at[strspn(at, " \t\r\n")] == '(')
            return true;
        memcpy(before, token, sizeof(before));
    }
    return false;
}

/* The first table that is not the plugin's; false if there is none. */
static bool foreign_table(const char *plugin, const char *sql, char *table, size_t size)
{
    char token[128];
    bool expect = false, first = true, list = false;

    for (const char *at = next_token(sql, token, sizeof(token)); *token;
         at = next_token(at, token, sizeof(token))) {
        if (first && is_one_of(token, never))
            goto found;
        if (expect && is_one_of(token, skipped))
            continue;
        if (expect && strcmp(token, "(") == 0) {
            expect = list = false;      /* a select in brackets is looked at in turn */
        } else if (expect && strcasecmp(token, "SET") == 0) {
            expect = false;             /* DO UPDATE SET */
        } else if (expect) {
            if (!is_own(plugin, token) && !made_by_with(sql, token))
                goto found;
            expect = false;
        } else if (list && strcmp(token, ",") == 0) {
            expect = true;
        } else if (is_one_of(token, before_table)) {
            expect = true;
            list = strcasecmp(token, "FROM") == 0;
        } else if (strcasecmp(token, "WHERE") == 0 || strcasecmp(token, "ORDER") == 0 ||
                   strcasecmp(token, "GROUP") == 0 || strcmp(token, ")") == 0) {
            list = false;
        }
        first = false;
    }
    return false;

found:
    snprintf(table, size, "%s", token);
    return true;
}

int bf_schema_check(const struct bf_plugin *plugin, struct bf_error *err)
{
    char table[128];

    for (size_t i = 0; plugin->schema && plugin->schema[i]; i++)
        if (foreign_table(plugin->name, plugin->schema[i], table, sizeof(table)))
            return bf_error_set(err, BF_ECONFIG, "plugin %s: statement %zu of its schema names "
                                "\"%s\"; its tables and indexes must be named %s_something",
                                plugin->name, i + 1, table, plugin->name);
    return BF_OK;
}


/* --- connections --------------------------------------------------------------------- */

static struct bf_reader *borrow(struct bf_plugins *p)
{
    struct bf_reader *r;
    struct bf_error err;

    pthread_mutex_lock(&p->lock);
    r = p->readers;
    if (r)
        p->readers = r->next;
    pthread_mutex_unlock(&p->lock);
    if (r)
        return r;
    r = bf_new(struct bf_reader);
    if (!bf_db_open(p->rooms.db_path, BF_DB_READ, &r->db, &err))
        return r;
    bf_errorf(p->rooms.log, "plugin", "%s", err.words);
    free(r);
    return NULL;
}

static void give_back(struct bf_plugins *p, struct bf_reader *r)
{
    pthread_mutex_lock(&p->lock);
    r->next = p->readers;
    p->readers = r;
    pthread_mutex_unlock(&p->lock);
}

void bf_readers_free(struct bf_plugins *p)
{
    while (p->readers) {
        struct bf_reader *r = p->readers;

        p->readers = r->next;
        bf_db_close(r->db);
        free(r);
    }
}

struct bf_db *bf_call_db(struct bf_call *c)
{
    if (c->tx)
        return c->tx->db;
    if (c->where == BF_AT_ROUTE && c->route)
        return bf_route_db(c->route);
    if (!c->reader)
        c->reader = borrow(c->instance->plugins);
    return c->reader ? c->reader->db : NULL;
}

void bf_statements_end(struct bf_call *c)
{
    for (struct bf_statement *s = c->statements; s; s = s->next)
        if (s->query)
            bf_query_end(s->query);
    c->statements = NULL;
    if (c->reader)
        give_back(c->instance->plugins, c->reader);
    c->reader = NULL;
}


/* --- statements ---------------------------------------------------------------------- */

/* The statement cache of a connection knows a statement by its text's address, so plugins' texts
 * are kept: one copy each, as long as the hub. */
static const char *lasting_text(struct bf_plugins *p, const char *plugin, const char *sql,
                                struct bf_error *err)
{
    char table[128];
    char *text;

    pthread_mutex_lock(&p->lock);
    text = bf_map_get(p->statements, sql);
    pthread_mutex_unlock(&p->lock);
    if (text)
        return text;
    if (strlen(sql) > SQL_MAX)
        return bf_error_set(err, BF_ETOOBIG, "a statement has more than %d bytes", SQL_MAX), NULL;
    if (foreign_table(plugin, sql, table, sizeof(table)))
        return bf_error_set(err, BF_EPERM, "plugin %s may not reach \"%s\"; its own tables are "
                            "named %s_something", plugin, table, plugin), NULL;
    pthread_mutex_lock(&p->lock);
    text = bf_map_get(p->statements, sql);
    if (!text && bf_map_count(p->statements) < BF_STATEMENTS_MAX) {
        text = bf_strdup(sql);
        bf_map_set(p->statements, sql, text);
    }
    pthread_mutex_unlock(&p->lock);
    if (!text)
        bf_error_set(err, BF_EFULL, "more than %d different statements; bind what changes",
                     BF_STATEMENTS_MAX);
    return text;
}

static void prepare(struct bf_statement *s, struct bf_ctx *ctx, const char *sql)
{
    struct bf_instance *i = bf_instance_from(ctx);
    struct bf_error err;
    const char *text;
    struct bf_db *db;

    if (s->call->where == BF_AT_LOOP || s->call->where == BF_AT_MAIN) {
        s->rc = bf_complain_words(ctx, BF_EINVAL, NULL, "bf_sql() is for [route, worker, engine, "
                                  "own]");
        return;
    }
    text = lasting_text(i->plugins, i->plugin->name, sql ? sql : "", &err);
    if (!text) {
        s->rc = bf_complain_words(ctx, err.code, NULL, "%s", err.words);
        return;
    }
    db = bf_call_db(s->call);
    if (db)
        s->query = bf_db_query(db, text);
    else
        s->rc = bf_complain_words(ctx, BF_EIO, NULL, "the database cannot be opened");
}

/* On a thread that is in no callback there is no statement, but one that says so. */
static const struct bf_statement outside = {.pub = {&bf_plugin_host}, .rc = BF_EINVAL};

struct bf_stmt *bf_host_sql(struct bf_ctx *ctx, const char *sql)
{
    struct bf_call *c = bf_call_of(ctx);
    struct bf_statement *s = c ? bf_arena_new_of(bf_call_arena(c), struct bf_statement) : NULL;

    if (!s)
        return (struct bf_stmt *)&outside.pub;
    s->pub.host = &bf_plugin_host;
    s->call = c;
    prepare(s, ctx, sql);
    s->next = c->statements;
    c->statements = s;
    return &s->pub;
}

static struct bf_statement *from(struct bf_stmt *st) { return (struct bf_statement *)st; }

void bf_host_bind_text(struct bf_stmt *st, int i, const char *text)
{
    struct bf_statement *s = from(st);

    if (s->query)
        bf_query_text(s->query, i, text ? bf_arena_dup(bf_call_arena(s->call), text) : NULL);
}

void bf_host_bind_int(struct bf_stmt *st, int i, int64_t value)
{
    if (from(st)->query)
        bf_query_int(from(st)->query, i, value);
}

void bf_host_bind_double(struct bf_stmt *st, int i, double value)
{
    if (from(st)->query)
        bf_query_double(from(st)->query, i, value);
}

int bf_host_step(struct bf_stmt *st)
{
    struct bf_statement *s = from(st);
    struct bf_call *c = s->call;
    int rc;

    if (!s->query)
        return s->rc;
    rc = bf_query_step(s->query);
    if (rc >= 0)
        return rc;
    if (c->tx && (rc == BF_EIO || rc == BF_ENOMEM))
        c->store_failed = true;
    return bf_complain_words(&c->instance->ctx, rc, NULL, "%s", bf_db_words(bf_call_db(c)));
}

const char *bf_host_col_text(struct bf_stmt *st, int i)
{
    return from(st)->query ? bf_query_col_text(from(st)->query, i) : NULL;
}

int64_t bf_host_col_int(struct bf_stmt *st, int i)
{
    return from(st)->query ? bf_query_col_int(from(st)->query, i) : 0;
}

double bf_host_col_double(struct bf_stmt *st, int i)
{
    return from(st)->query ? bf_query_col_double(from(st)->query, i) : 0;
}
