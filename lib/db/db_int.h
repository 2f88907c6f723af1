/* What the files of lib/db share; nobody else includes it. */
#ifndef DB_INT_H
#define DB_INT_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "db.h"
#include "db_sql.h"
#include "vtime.h"

struct gate;

struct db {
	sqlite3 *sql;
	enum db_role role;
	pid_t pid; /* the process that opened it */
	bool sealed; /* no statement may be prepared any more */
	bool in_tx; /* between db_begin and its end */
	bool unsure; /* a sync has failed */
	const char *denied; /* what the authorizer last refused */
	struct gate *gate; /* NULL: an administrator's */
	sqlite3_stmt *statements[SQL_NAMES];
	char path[256];
};

/* Opens the raw file as every program must: limits, defences, checks. */
int db_open_raw(const char *path, sqlite3 **ret, struct verr *);

/* The rule of what a role may touch; db_rights.c. */
int db_authorize(void *db, int action, const char *a, const char *b,
	const char *schema, const char *trigger);

/* Turns SQLite's answer into an error; `what` is being done. Returns -1. */
int db_fail(
	sqlite3 *, int rc, const char *path, const char *what, struct verr *);

/*
 * One use of a named statement: bind by number from 1, step, read columns
 * from 0. What was bound must live until the query ends at scope's end.
 */
struct query {
	struct db *db;
	sqlite3_stmt *s;
	int rc; /* first failure of a bind */
};
struct query query_start(struct db *, enum sql_name);
void query_end(struct query *);
#define v_autoquery __attribute__((cleanup(query_end)))

void bind_text(struct query *, int at, const char *); /* NULL: SQL's NULL */
void bind_text_n(struct query *, int at, const char *, size_t n);
void bind_bytes(struct query *, int at, const void *, size_t n);
void bind_i64(struct query *, int at, int64_t);
void bind_u64(struct query *, int at, uint64_t);
void bind_null(struct query *, int at);
void bind_double(struct query *, int at, double);

/* 1 a row, 0 no more, -1. */
int query_step(struct query *, struct verr *);

/* Runs one that gives no rows; the number of rows it changed, or -1. */
int query_run(struct query *, struct verr *);

const char *col_text(const struct query *, int at); /* NULL for NULL */
int64_t col_i64(const struct query *, int at);
uint64_t col_u64(const struct query *, int at);
bool col_null(const struct query *, int at);

/* Column's word as the enum; a word that is none is HOST: damaged. */
int col_status(const struct query *, int at, enum status *, struct verr *);
int col_reason(const struct query *, int at, enum reason *, struct verr *);
int col_tier(const struct query *, int at, enum tier *, struct verr *);
int col_runtime(const struct query *, int at, enum runtime *, struct verr *);

/* NULL for REASON_NONE, as the column has it. */
const char *reason_column(enum reason);

/*
 * A transaction of its own unless the caller is in one: begin sets *ret_own,
 * end commits (durably where asked) or rolls back on failed == -1.
 */
int own_begin(struct db *, bool *ret_own, struct verr *);
int own_end(struct db *, bool own, bool durable, int result, struct verr *);

/* The present time as the columns have it. */
struct now {
	char text[VTIME_TEXT_BYTES];
};
struct now now_text(void);

/* The time in a ULID, milliseconds since 1970. */
int64_t ulid_ms(const char *id);

/*
 * The gate in front of write transactions; db_gate.c. With `group` also the
 * place where submissions meet. NULL is a gate that stands open.
 */
int gate_open(
	const char *db_path, bool group, struct gate **ret, struct verr *e);
void gate_close(struct gate *);
/* Takes the turn; on return the caller is alone among those who ask. */
void gate_enter(struct gate *);
void gate_leave(struct gate *);

/* One submission inside a transaction: as db_workload_insert. A new one gets
 * the given id. */
int submit_one(struct db *, const struct db_submission *, uint64_t queue_max,
	const char *id, char ret_id[ULID_TEXT_BYTES], struct verr *);

/* Syncs the WAL: what makes a commit durable. */
int db_sync(struct db *, struct verr *);

/* One step of a migration; the table ends with a NULL text. */
struct migration {
	int to;
	const char *text;
};
int db_migrate_by(
	const char *path, const struct migration *, int target, struct verr *);

#endif
