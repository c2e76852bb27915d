/* store.h - the SQL door: connections, statements, transactions, migrations.
 *
 * SQL stays in a subset that SQLite and PostgreSQL share: ON CONFLICT and RETURNING yes; PRAGMA,
 * rowid, AUTOINCREMENT no.  Parameters are ?, or ?N where one stands in several places, which the
 * other calls $N.  What is SQLite's own stands in sqlite.c alone.
 *
 * A connection is used by one thread at a time.  There is one that writes, the engine's; others
 * are opened read-only and see what was committed before their transaction began.
 *
 * Statements are bound, never built from input.  The text must live as long as the connection: it
 * is a literal in the code, and is its own name in the statement cache. */
#ifndef BF_STORE_H
#define BF_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

struct bf_db;
struct bf_query;

enum bf_db_mode { BF_DB_WRITE, BF_DB_READ };

/* A write connection makes the file if there is none: WAL, synchronous=FULL, foreign keys on. */
int bf_db_open(const char *path, enum bf_db_mode mode, struct bf_db **out, struct bf_error *err);
void bf_db_close(struct bf_db *db);             /* NULL is fine */
const char *bf_db_words(const struct bf_db *db); /* why the last call failed */

/* The statement, reset and unbound.  Cannot fail: a mistake in it, or a broken database, comes
 * out of bf_query_step().  At most one use of the same text at a time. */
struct bf_query *bf_db_query(struct bf_db *db, const char *sql);

/* Hold what is compiled from now on, by bf_db_query() and bf_db_migrate(), to tables, indexes and
 * triggers whose names begin with `prefix`: no other schema, ATTACH, PRAGMA or transaction.  Views
 * and triggers are followed to what they reach.  A statement stays as it was compiled, so a text
 * must be compiled under one prefix only.  NULL lifts it.  What is refused is BF_EPERM, with words
 * that name it.  (A WITH of which no column is read needs the prefix as well.) */
void bf_db_restrict(struct bf_db *db, const char *prefix);

/* Parameters count from 1.  Text and blobs are not copied: they live until the step that ends the
 * statement.  NULL binds SQL's NULL. */
void bf_query_text(struct bf_query *q, int i, const char *text);
void bf_query_textn(struct bf_query *q, int i, const char *text, size_t len);
void bf_query_blob(struct bf_query *q, int i, const void *data, size_t len);
void bf_query_int(struct bf_query *q, int i, int64_t value);
void bf_query_double(struct bf_query *q, int i, double value);

/* 1: a row.  0: done, and the statement is reset.  BF_EEXIST: a UNIQUE rule said no.  Else a
 * negative enum bf_err, with bf_db_words(). */
int bf_query_step(struct bf_query *q);
/* For statements without rows: step once; 0 or an error. */
int bf_query_run(struct bf_query *q);
/* Give up the rows that are left. */
void bf_query_end(struct bf_query *q);

/* Columns count from 0; what is returned lives until the next step.  SQL's NULL reads as NULL, 0. */
const char *bf_query_col_text(struct bf_query *q, int i);
size_t bf_query_col_len(struct bf_query *q, int i);
const void *bf_query_col_blob(struct bf_query *q, int i, size_t *len);
int64_t bf_query_col_int(struct bf_query *q, int i);
double bf_query_col_double(struct bf_query *q, int i);
bool bf_query_col_null(struct bf_query *q, int i);
int64_t bf_db_changes(struct bf_db *db);        /* rows touched by the last statement */

/* Write connections only.  Commit is durable when it returns 0; on failure nothing of the
 * transaction has happened and it is over. */
int bf_db_begin(struct bf_db *db);
int bf_db_commit(struct bf_db *db);
void bf_db_rollback(struct bf_db *db);
/* A part of a transaction that can be undone alone; they nest. */
int bf_db_mark(struct bf_db *db);
int bf_db_keep(struct bf_db *db);
void bf_db_undo(struct bf_db *db);

/* Between these two a connection that reads sees the file as it was at its first look, so that
 * several statements fit together; they nest.  Keep it short: the log is not cut meanwhile. */
int bf_db_hold(struct bf_db *db);
void bf_db_release(struct bf_db *db);

/* Bring the tables of `owner` up to date: the statements not yet run in this file, in order, in
 * one transaction, each once ever.  Lists are only appended to.  A file that has more of them than
 * the list was written by a newer program, and is refused. */
int bf_db_migrate(struct bf_db *db, const char *owner, const char *const *statements,
                  struct bf_error *err);

/* What is deleted is overwritten in the file, but older pages stand in the log.  Bring its pages
 * into the file and cut it to nothing; not while a reader is in the way, whom it does not wait for.
 * Outside of transactions. */
bool bf_db_truncate_wal(struct bf_db *db);

/* What the file holds, in bytes; space that was given back and waits to be used again is not in it.
 * (The file itself does not shrink.) */
int bf_db_size(struct bf_db *db, int64_t *bytes);

/* Every page checked; BF_OK, or BF_EIO saying what is damaged. */
int bf_db_check(struct bf_db *db, struct bf_error *err);

/* For tests: the commits after the next `after` fail, `count` of them, as a full disk would make
 * them. */
void bf_db_fail_commits(struct bf_db *db, int after, int count);

#endif
