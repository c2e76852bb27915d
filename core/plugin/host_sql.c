/* host_sql.c - a plugin's own tables in the hub's database.
 *
 * Writing is the engine's connection, inside its transaction; reading is the connection of the
 * thread: a listener loop has one, other threads borrow one for the length of a callback.
 *
 * A plugin reaches tables named PLUGIN_something and no others: its statements are compiled under
 * bf_db_restrict().  The statement cache of a connection knows a statement by its text's address,
 * so texts are kept, one copy for each plugin: two plugins may use the same words. */
#include <string.h>

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


/* --- connections --------------------------------------------------------------------- */

struct bf_reader *bf_reader_borrow(struct bf_plugins *p)
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

void bf_reader_give_back(struct bf_plugins *p, struct bf_reader *r)
{
    pthread_mutex_lock(&p->lock);
    r->next = p->readers;
    p->readers = r;
    pthread_mutex_unlock(&p->lock);
}

struct bf_db *bf_reader_db(struct bf_reader *r) { return r->db; }

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
        c->reader = bf_reader_borrow(c->instance->plugins);
    return c->reader ? c->reader->db : NULL;
}

void bf_statements_end(struct bf_call *c)
{
    for (struct bf_statement *s = c->statements; s; s = s->next)
        if (s->query)
            bf_query_end(s->query);
    c->statements = NULL;
    if (c->reader)
        bf_reader_give_back(c->instance->plugins, c->reader);
    c->reader = NULL;
}


/* --- statements ---------------------------------------------------------------------- */

/* A copy that lives as long as the hub; NULL with the reason. */
static const char *lasting_text(struct bf_plugins *p, struct bf_loaded *l, const char *sql,
                                struct bf_error *err)
{
    char *text;

    if (strlen(sql) > SQL_MAX)
        return bf_error_set(err, BF_ETOOBIG, "a statement has more than %d bytes", SQL_MAX), NULL;
    pthread_mutex_lock(&p->lock);
    text = bf_map_get(l->statements, sql);
    if (!text && bf_map_count(l->statements) < BF_STATEMENTS_MAX) {
        text = bf_strdup(sql);
        bf_map_set(l->statements, sql, text);
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
    struct bf_loaded *l = bf_container_of(i->plugin, struct bf_loaded, plugin);
    struct bf_error err;
    const char *text;
    struct bf_db *db;

    if (s->call->where == BF_AT_LOOP || s->call->where == BF_AT_MAIN) {
        s->rc = bf_complain_words(ctx, BF_EINVAL, NULL, "bf_sql() is for [route, worker, engine, "
                                  "own]");
        return;
    }
    text = lasting_text(i->plugins, l, sql ? sql : "", &err);
    if (!text) {
        s->rc = bf_complain_words(ctx, err.code, NULL, "%s", err.words);
        return;
    }
    db = bf_call_db(s->call);
    if (!db) {
        s->rc = bf_complain_words(ctx, BF_EIO, NULL, "the database cannot be opened");
        return;
    }
    bf_db_restrict(db, l->prefix);
    s->query = bf_db_query(db, text);
    bf_db_restrict(db, NULL);
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
        c->failed = BF_EIO;
    if (rc == BF_EPERM)
        return bf_complain_words(&c->instance->ctx, rc, NULL, "plugin %s %s",
                                 c->instance->plugin->name, bf_db_words(bf_call_db(c)));
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
