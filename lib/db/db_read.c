/* Reading one workload and what belongs to it. */
#include <errno.h>
#include <string.h>

#include "db_int.h"
#include "db_row.h"
#include "poison.h"

static bool
col_bool(const struct query *q, int at)
{
	return col_i64(q, at) != 0;
}

static void
read_run(const struct query *q, struct db_workload *w)
{
	w->has_run = true;
	w->run_id = col_i64(q, COL_RUN_ID);
	w->node = col_text(q, COL_NODE);
	w->engine = col_text(q, COL_ENGINE);
	w->sandbox = col_text(q, COL_SANDBOX);
	w->has_exit_code = !col_null(q, COL_EXIT_CODE);
	w->exit_code = (int32_t)col_i64(q, COL_EXIT_CODE);
	w->signal = col_text(q, COL_SIGNAL);
	w->error = col_text(q, COL_ERROR);
	w->limit_name = col_text(q, COL_LIMIT_NAME);
	w->limit_value = col_i64(q, COL_LIMIT_VALUE);
	w->limit_setting = col_i64(q, COL_LIMIT_SETTING);
	w->has_usage = !col_null(q, COL_USED_CPU_US);
	w->cpu_us = col_u64(q, COL_USED_CPU_US);
	w->wall_us = col_u64(q, COL_USED_WALL_US);
	w->memory_peak_kib = col_u64(q, COL_USED_MEMORY_KIB);
	w->stdout_bytes = col_u64(q, COL_STDOUT_BYTES);
	w->stderr_bytes = col_u64(q, COL_STDERR_BYTES);
	w->stdout_truncated = col_bool(q, COL_STDOUT_TRUNCATED);
	w->stderr_truncated = col_bool(q, COL_STDERR_TRUNCATED);
}

void
col_limits(const struct query *q, int at, struct run_limits *l)
{
	l->wall_ms = col_u64(q, at);
	l->cpu_ms = col_u64(q, at + 1);
	l->memory_mib = col_u64(q, at + 2);
	l->vcpus = col_u64(q, at + 3);
	l->processes = col_u64(q, at + 4);
	l->disk_mib = col_u64(q, at + 5);
	l->output_bytes = col_u64(q, at + 6);
}

/* NULL only for SQL's NULL: an empty value points to something. */
const void *
col_bytes(const struct query *q, int at, size_t *ret_len)
{
	*ret_len = 0;
	if (col_null(q, at))
		return NULL;
	const void *p = sqlite3_column_blob(q->s, at);
	*ret_len = (size_t)sqlite3_column_bytes(q->s, at);
	return p != NULL ? p : "";
}

int
row_workload(const struct query *q, bool whole, struct db_workload *w,
	struct verr *e)
{
	*w = (struct db_workload){.id = col_text(q, COL_ID)};
	w->user_id = col_i64(q, COL_USER_ID);
	w->user = col_text(q, COL_USER);
	if (col_status(q, COL_STATUS, &w->status, e) == -1 ||
		col_reason(q, COL_REASON, &w->reason, e) == -1 ||
		col_tier(q, COL_ISOLATION, &w->isolation, e) == -1 ||
		col_runtime(q, COL_RUNTIME, &w->runtime, e) == -1)
		return -1;
	w->isolation_requested = col_text(q, COL_ISOLATION_REQUESTED);
	w->routing = col_text(q, COL_ROUTING);
	w->image = col_text(q, COL_IMAGE);
	w->entrypoint = col_text(q, COL_ENTRYPOINT);
	w->labels = col_text(q, COL_LABELS);
	w->network = col_text(q, COL_NETWORK);
	w->priority = col_i64(q, COL_PRIORITY);
	col_limits(q, COL_LIMITS, &w->limits);
	w->input_hash = col_text(q, COL_INPUT_HASH);
	w->attempt = col_i64(q, COL_ATTEMPT);
	w->cancel_requested_at = col_text(q, COL_CANCEL_REQUESTED_AT);
	w->created_at = col_text(q, COL_CREATED_AT);
	w->started_at = col_text(q, COL_STARTED_AT);
	w->finished_at = col_text(q, COL_FINISHED_AT);
	w->has_duration = !col_null(q, COL_DURATION_MS);
	w->duration_ms = sqlite3_column_double(q->s, COL_DURATION_MS);
	if (!col_null(q, COL_RUN_ID))
		read_run(q, w);
	if (!whole)
		return 0;
	w->args = col_text(q, COL_ARGS);
	w->env = col_text(q, COL_ENV);
	w->input = col_text(q, COL_INPUT);
	w->stdin_data = col_bytes(q, COL_STDIN, &w->stdin_len);
	w->error_detail = col_text(q, COL_ERROR_DETAIL);
	w->output = col_text(q, COL_OUTPUT);
	return 0;
}

int
db_workload_get(struct db *db, const char *id, int64_t user_id,
	db_workload_cb *cb, void *arg, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_GET);
	bind_text(&q, 1, id);
	bind_i64(&q, 2, user_id);
	struct db_workload w;
	int r = query_step(&q, e);
	if (r != 1)
		return r;
	if (row_workload(&q, true, &w, e) == -1 || cb(arg, &w, e) == -1)
		return -1;
	return 1;
}

int
db_file_each(struct db *db, const char *workload_id, db_file_cb *cb, void *arg,
	struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_FILES);
	bind_text(&q, 1, workload_id);
	int r = 0;
	while (r == 0 && (r = query_step(&q, e)) == 1) {
		size_t len;
		struct db_file f = {.name = col_text(&q, 0),
			.size_bytes = col_u64(&q, 1),
			.sha256 = col_text(&q, 2),
			.content = col_bytes(&q, 3, &len)};
		if (f.content != NULL && len != f.size_bytes)
			return verr_set(e, VERR_HOST, EUCLEAN,
				"%s: file '%s' of %s has another length than "
				"its row says",
				db->path, f.name, workload_id);
		r = cb(arg, &f, e);
	}
	return r == -1 ? -1 : 0;
}

int
db_log_each(struct db *db, const char *workload_id, int stream, int64_t after,
	unsigned limit, db_chunk_cb *cb, void *arg, struct verr *e)
{
	struct query v_autoquery q =
		query_start(db, stream == -1 ? SQL_LOG : SQL_LOG_STREAM);
	bind_text(&q, 1, workload_id);
	bind_i64(&q, 2, after);
	bind_i64(&q, 3, limit);
	if (stream != -1)
		bind_text(&q, 4, stream_text((enum stream)stream));
	int r = 0;
	while (r == 0 && (r = query_step(&q, e)) == 1) {
		struct db_chunk c = {.seq = col_i64(&q, 0)};
		if (stream_parse(col_text(&q, 1), &c.stream) == 0)
			return verr_set(e, VERR_HOST, EUCLEAN,
				"%s: a log chunk of an unknown stream",
				db->path);
		c.t_ms = sqlite3_column_double(q.s, 2);
		c.data = col_bytes(&q, 3, &c.len);
		r = cb(arg, &c, e);
	}
	return r == -1 ? -1 : 0;
}

int
db_phase_each(struct db *db, const char *workload_id, db_phase_cb *cb,
	void *arg, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_PHASES);
	bind_text(&q, 1, workload_id);
	bool seen[PHASE_COUNT] = {false};
	uint64_t ns[PHASE_COUNT];
	int r;
	while ((r = query_step(&q, e)) == 1) {
		enum phase phase;
		if (phase_parse(col_text(&q, 0), &phase) == 0)
			continue;
		seen[phase] = true;
		ns[phase] = col_u64(&q, 1);
	}
	/* In the order in which they happen. */
	for (int i = 0; r == 0 && i < PHASE_COUNT; i++)
		if (seen[i])
			r = cb(arg, (enum phase)i, ns[i], e);
	return r == -1 ? -1 : 0;
}

int
db_meta_each(struct db *db, const char *workload_id, db_meta_cb *cb, void *arg,
	struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_METADATA);
	bind_text(&q, 1, workload_id);
	int r = 0;
	while (r == 0 && (r = query_step(&q, e)) == 1)
		r = cb(arg, col_text(&q, 0), col_text(&q, 1), e);
	return r == -1 ? -1 : 0;
}

int
db_artifact_each(struct db *db, const char *workload_id, db_artifact_cb *cb,
	void *arg, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_ARTIFACTS);
	bind_text(&q, 1, workload_id);
	int r = 0;
	while (r == 0 && (r = query_step(&q, e)) == 1) {
		struct db_artifact a = {.name = col_text(&q, 0),
			.size_bytes = col_u64(&q, 1),
			.sha256 = col_text(&q, 2)};
		r = cb(arg, &a, e);
	}
	return r == -1 ? -1 : 0;
}

int
db_queue_position(struct db *db, const char *workload_id,
	uint64_t *ret_position, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_POSITION);
	bind_text(&q, 1, workload_id);
	int r = query_step(&q, e);
	if (r == 1)
		*ret_position = col_u64(&q, 0);
	return r;
}
