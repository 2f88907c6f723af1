/*
 * Vulcan's database: the one place with SQL.
 *
 * A connection has a role, and holds the named statements of that role and
 * nothing else: they are prepared when it opens, under an authorizer that
 * knows the tables and columns of each role; from then on the authorizer
 * refuses everything, so no later SQL, ATTACH or PRAGMA can exist. Values
 * reach SQLite as bound parameters only.
 *
 * One connection belongs to one thread of one process. It must not cross a
 * fork: open it in the process that uses it. Every call asserts this.
 *
 * Rows come by callbacks. Every pointer in a row is valid only during the
 * call; NULL means SQL's NULL. A callback returns 0 to go on, 1 to stop
 * early (the call then ends as if the rows had ended), or -1 with the error
 * set. It must not call the database with the same statement again.
 *
 * Calls answer 1 yes, 0 no, -1 error, or 0 and -1 where there is no question.
 * Kinds of errors: INPUT for a conflict that the user made, LIMIT for a full
 * queue, HOST for the machine (disk full, locked for longer than the busy
 * timeout, damaged file), BUG for a broken rule. They may be tried again
 * after LIMIT and HOST: nothing of a failed call stays. Between db_begin and
 * db_commit a failed call leaves db_rollback as the only way on.
 *
 * Durability. Connections run with synchronous=NORMAL, which syncs the log
 * (WAL) only at checkpoints. A durable commit is one more step: after COMMIT
 * has put the transaction's frames into the WAL, the WAL is synced by its own
 * file handle, and only then does the call return. That is the guarantee of
 * synchronous=FULL: recovery after a power cut takes all frames up to the last
 * commit whose checksums hold, and an acknowledged commit and all before it
 * were synced before the acknowledgement. The difference is that the write
 * lock is free again while the disk works, so that others can commit behind
 * it. Clients that enqueue at once share transactions and syncs; db_group.c.
 * If that sync fails, the call fails although others may already see the rows:
 * the caller must treat the outcome as unknown, never as done.
 */
#ifndef DB_H
#define DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "run.h"
#include "ulid.h"
#include "verr.h"
#include "words.h"

struct db; /* a connection */

enum db_role { DB_WEB, DB_QUEUE, DB_ADMIN, DB_ROLES };

#define DB_SCHEMA_VERSION 1
#define DB_BUSY_MS 5000 /* how long a call waits for the write lock */
#define DB_TOKEN_BYTES 65 /* hexadecimal SHA-256 and its NUL */
#define DB_COUNT_MAX 10000 /* rows counted one by one at most */
#define DB_LIST_MAX 200 /* rows of one page */

/* ---- opening, db.c and db_create.c ---- */

/*
 * Opens an existing database. A file that is missing, not regular, not ours,
 * newer or older than DB_SCHEMA_VERSION, or damaged is HOST with the path and
 * the remedy.
 */
int db_open(const char *path, enum db_role, struct db **ret, struct verr *);

/* Closes; NULL is harmless. */
void db_close(struct db *);

static inline void
v_db_guard(struct db **d)
{
	db_close(*d);
	*d = NULL;
}
/* struct db *v_autodb db = NULL; is closed at the end of its scope. */
#define v_autodb __attribute__((cleanup(v_db_guard)))

/*
 * Makes the database from the text of schema.sql where there is none: 1 made,
 * 0 it was there already. Mode 0660; the caller sets the group.
 */
int db_create(const char *path, const char *schema, struct verr *);

/*
 * Brings an older file up, one transaction a version. 1 something was done,
 * 0 it was up to date.
 */
int db_migrate(const char *path, struct verr *);

/*
 * integrity_check and foreign_key_check: 1 sound, 0 not, with each complaint
 * given to `say`.
 */
int db_check(const char *path, int (*say)(void *, const char *), void *arg,
	struct verr *);

/* ---- transactions of the queue ---- */

/*
 * Everything between begin and commit is one transaction; begin takes the
 * write lock. commit with durable waits for the disk as told above. A failed
 * commit has rolled back unless db_is_unsure.
 */
int db_begin(struct db *, struct verr *);
int db_commit(struct db *, bool durable, struct verr *);
void db_rollback(struct db *);

/* A sync has failed: nobody knows what the disk has of what was committed. */
bool db_is_unsure(const struct db *);

/* ---- workloads as the web sees them ---- */

/* One file of a program. content NULL: it lies in STATE/blobs by sha256. */
struct db_file {
	const char *name;
	const void *content;
	size_t size_bytes;
	const char *sha256; /* hexadecimal */
};

/* What is written when a workload is accepted. NULL is allowed where said. */
struct db_submission {
	int64_t user_id;
	enum tier isolation;
	const char *isolation_requested;
	const char *routing;
	enum runtime runtime;
	const char *image; /* or NULL */
	const char *entrypoint;
	const char *args; /* JSON list */
	const char *env; /* JSON object */
	const char *input; /* JSON, or NULL */
	const void *stdin_data; /* or NULL */
	size_t stdin_len;
	const char *labels; /* JSON object */
	const char *network;
	int64_t priority;
	struct run_limits limits;
	const char *input_hash;
	const char *code_hash;
	const char *idempotency_key; /* or NULL */
	const struct db_file *files;
	size_t file_count;
};

/*
 * Accepts a workload, durably. 1: it is new; 0: the user sent the same
 * idempotency key with the same input_hash before, and that one is meant.
 * ret_id is its id in both cases. The same key with another input is INPUT
 * with errno EEXIST; queue_max pending workloads or more is LIMIT.
 */
int db_workload_insert(struct db *, const struct db_submission *,
	uint64_t queue_max, char ret_id[ULID_TEXT_BYTES], struct verr *);

/* A workload with its newest run: all that a record of api.md needs. */
struct db_workload {
	const char *id;
	int64_t user_id;
	const char *user; /* name */
	enum status status;
	enum reason reason;
	const char *isolation_requested;
	enum tier isolation;
	const char *routing;
	enum runtime runtime;
	const char *image;
	const char *entrypoint;
	const char *args, *env;
	const char *input;
	const void *stdin_data; /* NULL: none was given */
	size_t stdin_len;
	const char *labels;
	const char *network;
	int64_t priority;
	struct run_limits limits;
	const char *input_hash;
	int64_t attempt;
	const char *cancel_requested_at;
	const char *created_at, *started_at, *finished_at;
	bool has_duration;
	double duration_ms;

	/* The newest run; has_run false: none yet, all of it is empty. */
	bool has_run;
	int64_t run_id;
	const char *node;
	const char *engine;
	const char *sandbox; /* cold, warm, restored */
	bool has_exit_code;
	int32_t exit_code;
	const char *signal;
	const char *error;
	const char *error_detail;
	const char *output; /* JSON */
	const char *limit_name;
	int64_t limit_value, limit_setting; /* with limit_name */
	bool has_usage; /* the next three */
	uint64_t cpu_us, wall_us, memory_peak_kib;
	uint64_t stdout_bytes, stderr_bytes;
	bool stdout_truncated, stderr_truncated;
};
typedef int db_workload_cb(void *, const struct db_workload *, struct verr *);

/* 1 found, 0 not there or not of this user (user_id 0: anyone's). */
int db_workload_get(struct db *, const char *id, int64_t user_id,
	db_workload_cb *, void *arg, struct verr *);

/* Filters that are not wanted are -1, 0 or NULL as said. */
struct db_filter {
	int64_t user_id; /* 0: all users */
	int status; /* enum, or -1 */
	int reason; /* enum, or -1 */
	int isolation; /* enum, or -1 */
	int runtime; /* enum, or -1 */
	const char *user; /* name, or NULL */
	const char *label_key; /* or NULL */
	const char *label_value; /* NULL: any value */
	int64_t since_ms; /* wall clock, 0: no bound */
	int64_t until_ms; /* inclusive, 0: no bound */
	const char *q; /* part of id, entry point, image or labels */
	const char *cursor; /* id of the last row seen, or NULL */
	bool oldest_first; /* else newest first */
	unsigned limit; /* 1..DB_LIST_MAX */
};

/* A filter that lets everything through, limit 50. */
void db_filter_init(struct db_filter *);

/*
 * One page in order of id. ret_next is the cursor of the next page, "" when
 * this is the last. input, stdin, args, env, output and error_detail are NULL
 * in rows of a list. A page looks at a bounded number of rows: where label, q
 * or several filters together match few, it may hold fewer than limit rows
 * and still name a next page.
 */
int db_workload_list(struct db *, const struct db_filter *, db_workload_cb *,
	void *arg, char ret_next[ULID_TEXT_BYTES], struct verr *);

/*
 * How many there are in all. Exact from counters while only user_id, status,
 * reason, isolation and runtime filter; else counted up to DB_COUNT_MAX, and
 * ret_exact says whether that was all.
 */
int db_workload_count(struct db *, const struct db_filter *,
	uint64_t *ret_total, bool *ret_exact, struct verr *);

/* Files of a workload in their order. */
typedef int db_file_cb(void *, const struct db_file *, struct verr *);
int db_file_each(struct db *, const char *workload_id, db_file_cb *, void *arg,
	struct verr *);

struct db_chunk {
	int64_t seq;
	enum stream stream;
	double t_ms; /* since the run began */
	const void *data;
	size_t len;
};
typedef int db_chunk_cb(void *, const struct db_chunk *, struct verr *);

/*
 * Log chunks of the newest run with seq > after, at most limit of them, in
 * order; stream is an enum or -1 for all.
 */
int db_log_each(struct db *, const char *workload_id, int stream, int64_t after,
	unsigned limit, db_chunk_cb *, void *arg, struct verr *);

/* Facts of the newest run. */
typedef int db_phase_cb(
	void *, enum phase, uint64_t duration_ns, struct verr *);
int db_phase_each(struct db *, const char *workload_id, db_phase_cb *,
	void *arg, struct verr *);
typedef int db_meta_cb(
	void *, const char *key, const char *value, struct verr *);
int db_meta_each(struct db *, const char *workload_id, db_meta_cb *, void *arg,
	struct verr *);
struct db_artifact {
	const char *name;
	uint64_t size_bytes;
	const char *sha256;
};
typedef int db_artifact_cb(void *, const struct db_artifact *, struct verr *);
int db_artifact_each(struct db *, const char *workload_id, db_artifact_cb *,
	void *arg, struct verr *);

/* 1 and its place among the pending of its tier (1: next), 0 not pending. */
int db_queue_position(struct db *, const char *workload_id,
	uint64_t *ret_position, struct verr *);

/*
 * Asks for a workload's end, durably: 1 asked (now or before), 2 it is over
 * already, 0 no such workload of this user (user_id 0: anyone's).
 */
int db_cancel(
	struct db *, const char *workload_id, int64_t user_id, struct verr *);

/* How many of a kind; for the first page and /metrics. */
struct db_count {
	enum status status;
	enum reason reason;
	enum tier isolation;
	enum runtime runtime;
	uint64_t n;
	double duration_ms; /* sum over those that are over */
};
typedef int db_count_cb(void *, const struct db_count *, struct verr *);
int db_count_each(
	struct db *, int64_t user_id, db_count_cb *, void *arg, struct verr *);

/* ---- backends and nodes ---- */

struct db_backend {
	const char *node;
	enum tier isolation;
	bool usable;
	const char *engine, *engine_version;
	const char *runtimes; /* words, separated by spaces */
	const char *reason, *remedy;
	int64_t running_max, warm;
	const char *probed_at; /* set by db_backend_put */
};
typedef int db_backend_cb(void *, const struct db_backend *, struct verr *);
int db_backend_put(struct db *, const struct db_backend *, struct verr *);
int db_backend_each(struct db *, db_backend_cb *, void *arg, struct verr *);

struct db_node {
	const char *name, *boot_id, *version;
	int64_t cpus, memory_mib;
	const char *started_at; /* set by db_node_put when boot_id is new */
	const char *seen_at; /* set by db_node_put */
};
typedef int db_node_cb(void *, const struct db_node *, struct verr *);
/* started: this is the start of the runner, not a sign of life. */
int db_node_put(
	struct db *, const struct db_node *, bool started, struct verr *);
int db_node_each(struct db *, db_node_cb *, void *arg, struct verr *);

/* ---- users, sessions, keys ---- */

struct db_user {
	int64_t id;
	const char *name;
	const char *password_hash; /* NULL: no password */
	bool is_admin;
	const char *created_at;
	const char *disabled_at;
};
typedef int db_user_cb(void *, const struct db_user *, struct verr *);
/* A name that is taken is INPUT with EEXIST. */
int db_user_add(struct db *, const char *name, const char *password_hash,
	bool is_admin, int64_t *ret_id, struct verr *);
int db_user_password(
	struct db *, int64_t user_id, const char *password_hash, struct verr *);
int db_user_by_name(
	struct db *, const char *name, db_user_cb *, void *arg, struct verr *);
int db_user_each(struct db *, db_user_cb *, void *arg, struct verr *);

struct db_session {
	const char *token_hash;
	int64_t user_id;
	const char *user; /* name */
	bool is_admin;
	const char *csrf;
	const char *created_at, *expires_at;
};
typedef int db_session_cb(void *, const struct db_session *, struct verr *);
int db_session_add(struct db *, const char *token_hash, int64_t user_id,
	const char *csrf, int64_t expires_wall_ms, struct verr *);
/* 1 found, alive and of an enabled user; 0 not. */
int db_session_find(struct db *, const char *token_hash, db_session_cb *,
	void *arg, struct verr *);
int db_session_delete(struct db *, const char *token_hash, struct verr *);
/* Deletes sessions and login links that are past their time. */
int db_session_expire(struct db *, struct verr *);

int db_link_add(struct db *, const char *token_hash, int64_t user_id,
	int64_t expires_wall_ms, struct verr *);
/* Uses a login link up: 1 and its user, 0 unknown, used or too old. */
int db_link_consume(struct db *, const char *token_hash, int64_t *ret_user_id,
	struct verr *);

struct db_key {
	int64_t id;
	int64_t user_id;
	const char *user; /* name */
	const char *name;
	const char *prefix;
	const char *created_at;
	const char *revoked_at;
};
typedef int db_key_cb(void *, const struct db_key *, struct verr *);
int db_key_add(struct db *, int64_t user_id, const char *name,
	const char *prefix, const char *token_hash, int64_t *ret_id,
	struct verr *);
/* The user of a key: 1 not revoked and the user enabled; 0 not. */
int db_key_find(struct db *, const char *token_hash, db_user_cb *, void *arg,
	struct verr *);
/* user_id 0: of all users. */
int db_key_each(
	struct db *, int64_t user_id, db_key_cb *, void *arg, struct verr *);
/* 1 revoked (now or before), 0 no such key of this user (0: anyone's). */
int db_key_revoke(struct db *, int64_t key_id, int64_t user_id, struct verr *);

/* ---- events ---- */

/* What operators may want to look up; the time is added. */
struct db_event {
	int64_t user_id; /* 0: nobody */
	const char *workload_id; /* or NULL */
	const char *what;
	const char *detail; /* or NULL */
};
int db_event_add(struct db *, const struct db_event *, struct verr *);

/* ---- the queue ---- */

/* What a poll asks: is there anything to do? Cheap; reads indexes only. */
struct db_poll {
	uint64_t pending[TIER_COUNT];
	bool cancelling;
};
int db_poll(struct db *, struct db_poll *ret, struct verr *);

/* Users above an id who have pending work on a tier, in order of id. */
typedef int db_id_cb(void *, int64_t user_id, struct verr *);
int db_pending_users(struct db *, enum tier, int64_t above, db_id_cb *,
	void *arg, struct verr *);

/* The head of one user's line on a tier: priority, then age. */
struct db_pending {
	const char *id;
	int64_t user_id;
	enum runtime runtime;
	int64_t priority;
	int64_t attempt; /* how often it was tried before */
	bool cancelled; /* asked to end: settle instead of claiming */
};
typedef int db_pending_cb(void *, const struct db_pending *, struct verr *);
int db_pending_each(struct db *, enum tier, int64_t user_id, unsigned limit,
	db_pending_cb *, void *arg, struct verr *);

/* 1 claimed: the row is running; 0 it was not pending any more. */
struct db_claim {
	const char *workload_id;
	const char *node;
	const char *token;
	int64_t lease_until_ms; /* CLOCK_BOOTTIME */
	const char *boot_id;
};
int db_claim(struct db *, const struct db_claim *, int64_t *ret_run_id,
	int64_t *ret_attempt, struct verr *);

/* What a run needs; files come from db_file_each. */
struct db_spec {
	const char *id;
	int64_t user_id;
	enum tier isolation;
	enum runtime runtime;
	const char *image;
	const char *entrypoint;
	const char *args, *env; /* JSON */
	const char *input; /* JSON or NULL */
	size_t input_len;
	const void *stdin_data; /* or NULL */
	size_t stdin_len;
	const char *network;
	struct run_limits limits;
	const char *code_hash;
	int64_t attempt;
	int64_t created_ms; /* wall clock */
};
typedef int db_spec_cb(void *, const struct db_spec *, struct verr *);
int db_spec_get(struct db *, const char *workload_id, db_spec_cb *, void *arg,
	struct verr *);

/*
 * The calls below carry the claim's token: 1 done; 0 the run is not this
 * claim's any more, nothing was written and the result must be dropped.
 */
int db_run_started(
	struct db *, int64_t run_id, const char *token, struct verr *);
int db_run_renew(struct db *, int64_t run_id, const char *token,
	int64_t lease_until_ms, struct verr *);
int db_log_append(struct db *, int64_t run_id, const char *token,
	const struct db_chunk *, struct verr *);

/* result NULL: the platform failed, reason is then REASON_PLATFORM. */
struct db_finish {
	int64_t run_id;
	const char *token;
	enum status status; /* completed, failed, killed */
	enum reason reason;
	const struct run_result *result;
	const char *error; /* one sentence, or NULL */
	const char *error_detail; /* or NULL */
	const char *output; /* JSON, or NULL */
	size_t output_len;
};
int db_run_finish(struct db *, const struct db_finish *, struct verr *);

/*
 * A phase that ends after the result is written: teardown. No token: the run
 * is settled, and its time of ending is not contended.
 */
int db_phase_add(struct db *, int64_t run_id, enum phase, uint64_t duration_ns,
	struct verr *);

/* Gives the workload back to pending; the run ends as "lost". */
int db_run_give_back(struct db *, int64_t run_id, const char *token,
	const char *error, struct verr *);

/* Every run that is under way, by any node. */
struct db_lease {
	int64_t run_id;
	const char *workload_id;
	const char *token;
	const char *boot_id;
	int64_t lease_until_ms; /* CLOCK_BOOTTIME */
	int64_t attempt;
	bool started; /* guest code may have run */
	bool cancelled;
};
typedef int db_lease_cb(void *, const struct db_lease *, struct verr *);
int db_lease_each(struct db *, db_lease_cb *, void *arg, struct verr *);

/* Workloads that are asked to end and are not over. run_id 0: pending. */
struct db_cancelling {
	const char *workload_id;
	enum status status;
	int64_t run_id;
};
typedef int db_cancelling_cb(
	void *, const struct db_cancelling *, struct verr *);
int db_cancelling_each(
	struct db *, db_cancelling_cb *, void *arg, struct verr *);

/* Settles a pending workload that never ran: 1 done, 0 it is not pending. */
int db_pending_settle(struct db *, const char *workload_id, enum status,
	enum reason, struct verr *);

/* The status alone, for waiters: 1 and the status, 0 no such workload. */
int db_status(
	struct db *, const char *workload_id, enum status *ret, struct verr *);

#endif
