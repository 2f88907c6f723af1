/* Accepting workloads and asking for their end. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "db_int.h"
#include "poison.h"

/* The same key again: 1 seen before, 0 new, -1 with another input. */
static int
seen_before(struct db *db, const struct db_submission *s,
	char ret_id[ULID_TEXT_BYTES], struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_SUBMITTED);
	bind_i64(&q, 1, s->user_id);
	bind_text(&q, 2, s->idempotency_key);
	int r = query_step(&q, e);
	if (r != 1)
		return r;
	if (strcmp(col_text(&q, 1), s->input_hash) != 0)
		return verr_set(e, VERR_INPUT, EEXIST,
			"this idempotency key came with another input before; "
			"use a new key");
	memcpy(ret_id, col_text(&q, 0), ULID_TEXT_BYTES);
	return 1;
}

static int
room_left(struct db *db, uint64_t queue_max, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_PENDING_COUNT);
	if (query_step(&q, e) == -1)
		return -1;
	if (col_u64(&q, 0) >= queue_max)
		return verr_set(e, VERR_LIMIT, 0,
			"the queue is full: %" PRIu64 " workloads wait; try "
			"again later",
			col_u64(&q, 0));
	return 0;
}

static int
insert_workload(struct db *db, const struct db_submission *s, const char *id,
	struct verr *e)
{
	char created_at[VTIME_TEXT_BYTES];
	vtime_text(ulid_ms(id), created_at);
	struct query v_autoquery q = query_start(db, SQL_SUBMIT);
	bind_text(&q, 1, id);
	bind_i64(&q, 2, s->user_id);
	bind_text(&q, 3, tier_text(s->isolation));
	bind_text(&q, 4, s->isolation_requested);
	bind_text(&q, 5, s->routing);
	bind_text(&q, 6, runtime_text(s->runtime));
	bind_text(&q, 7, s->image);
	bind_text(&q, 8, s->entrypoint);
	bind_text(&q, 9, s->args);
	bind_text(&q, 10, s->env);
	bind_text(&q, 11, s->input);
	bind_bytes(&q, 12, s->stdin_data, s->stdin_len);
	bind_text(&q, 13, s->labels);
	bind_text(&q, 14, s->network);
	bind_i64(&q, 15, s->priority);
	bind_u64(&q, 16, s->limits.wall_ms);
	bind_u64(&q, 17, s->limits.cpu_ms);
	bind_u64(&q, 18, s->limits.memory_mib);
	bind_u64(&q, 19, s->limits.vcpus);
	bind_u64(&q, 20, s->limits.processes);
	bind_u64(&q, 21, s->limits.disk_mib);
	bind_u64(&q, 22, s->limits.output_bytes);
	bind_text(&q, 23, s->input_hash);
	bind_text(&q, 24, s->code_hash);
	bind_text(&q, 25, s->idempotency_key);
	bind_text(&q, 26, created_at);
	return query_run(&q, e) == -1 ? -1 : 0;
}

static int
insert_file(struct db *db, const char *id, size_t position,
	const struct db_file *f, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_SUBMIT_FILE);
	bind_text(&q, 1, id);
	bind_u64(&q, 2, position);
	bind_text(&q, 3, f->name);
	bind_u64(&q, 4, f->size_bytes);
	bind_text(&q, 5, f->sha256);
	bind_bytes(&q, 6, f->content, f->size_bytes);
	return query_run(&q, e) == -1 ? -1 : 0;
}

int
submit_one(struct db *db, const struct db_submission *s, uint64_t queue_max,
	const char *id, char ret_id[ULID_TEXT_BYTES], struct verr *e)
{
	if (s->idempotency_key != NULL) {
		int seen = seen_before(db, s, ret_id, e);
		if (seen != 0)
			return seen == 1 ? 0 : -1;
	}
	if (room_left(db, queue_max, e) == -1 ||
		insert_workload(db, s, id, e) == -1)
		return -1;
	for (size_t i = 0; i < s->file_count; i++)
		if (insert_file(db, id, i, &s->files[i], e) == -1)
			return -1;
	memcpy(ret_id, id, ULID_TEXT_BYTES);
	return 1;
}

int
db_status(struct db *db, const char *id, enum status *ret, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_STATUS);
	bind_text(&q, 1, id);
	int r = query_step(&q, e);
	if (r != 1)
		return r;
	return col_status(&q, 0, ret, e) == -1 ? -1 : 1;
}

/* What db_cancel answers, inside its transaction. */
static int
cancel_one(struct db *db, const char *id, int64_t user_id, struct verr *e)
{
	enum status status;
	{
		struct query v_autoquery q = query_start(db, SQL_STATUS);
		bind_text(&q, 1, id);
		int r = query_step(&q, e);
		if (r != 1)
			return r;
		if (user_id != 0 && col_i64(&q, 1) != user_id)
			return 0;
		if (col_status(&q, 0, &status, e) == -1)
			return -1;
	}
	if (status != STATUS_PENDING && status != STATUS_RUNNING)
		return 2;
	struct now now = now_text();
	struct query v_autoquery q = query_start(db, SQL_CANCEL);
	bind_text(&q, 1, id);
	bind_text(&q, 2, now.text);
	return query_run(&q, e) == -1 ? -1 : 1;
}

int
db_cancel(struct db *db, const char *id, int64_t user_id, struct verr *e)
{
	bool own;
	if (own_begin(db, &own, e) == -1)
		return -1;
	return own_end(db, own, true, cancel_one(db, id, user_id, e), e);
}
