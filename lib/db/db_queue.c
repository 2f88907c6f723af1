/* What the queue asks and writes: claims, logs, results, recovery. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "db_int.h"
#include "db_row.h"
#include "poison.h"

int
db_poll(struct db *db, struct db_poll *ret, struct verr *e)
{
	struct db_poll found = {0};
	struct query v_autoquery q = query_start(db, SQL_POLL);
	int r;
	while ((r = query_step(&q, e)) == 1) {
		enum tier tier;
		if (col_tier(&q, 0, &tier, e) == -1)
			return -1;
		found.pending[tier] = col_u64(&q, 1);
	}
	if (r == -1)
		return -1;
	struct query v_autoquery c = query_start(db, SQL_POLL_CANCELLING);
	if (query_step(&c, e) == -1)
		return -1;
	found.cancelling = col_i64(&c, 0) != 0;
	*ret = found;
	return 0;
}

int
db_pending_users(struct db *db, enum tier tier, int64_t above, db_id_cb *cb,
	void *arg, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_PENDING_USERS);
	bind_text(&q, 1, tier_text(tier));
	bind_i64(&q, 2, above);
	int r = 0;
	while (r == 0 && (r = query_step(&q, e)) == 1)
		r = cb(arg, col_i64(&q, 0), e);
	return r == -1 ? -1 : 0;
}

int
db_pending_each(struct db *db, enum tier tier, int64_t user_id, unsigned limit,
	db_pending_cb *cb, void *arg, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_PENDING_OF_USER);
	bind_text(&q, 1, tier_text(tier));
	bind_i64(&q, 2, user_id);
	bind_i64(&q, 3, limit);
	int r = 0;
	while (r == 0 && (r = query_step(&q, e)) == 1) {
		struct db_pending p = {.id = col_text(&q, 0),
			.user_id = col_i64(&q, 1),
			.priority = col_i64(&q, 3),
			.attempt = col_i64(&q, 4),
			.cancelled = col_i64(&q, 5) != 0};
		if (col_runtime(&q, 2, &p.runtime, e) == -1)
			return -1;
		r = cb(arg, &p, e);
	}
	return r == -1 ? -1 : 0;
}

static int
claim_one(struct db *db, const struct db_claim *c, int64_t *ret_run_id,
	int64_t *ret_attempt, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_CLAIM);
	bind_text(&q, 1, c->workload_id);
	int r = query_step(&q, e);
	if (r != 1)
		return r;
	int64_t attempt = col_i64(&q, 0);
	struct now now = now_text();
	struct query v_autoquery run = query_start(db, SQL_CLAIM_RUN);
	bind_text(&run, 1, c->workload_id);
	bind_i64(&run, 2, attempt);
	bind_text(&run, 3, col_text(&q, 1));
	bind_text(&run, 4, c->node);
	bind_text(&run, 5, c->token);
	bind_i64(&run, 6, c->lease_until_ms);
	bind_text(&run, 7, c->boot_id);
	bind_text(&run, 8, now.text);
	if (query_step(&run, e) == -1)
		return -1;
	int64_t run_id = col_i64(&run, 0);
	if (query_step(&run, e) == -1 || query_step(&q, e) == -1)
		return -1;
	*ret_run_id = run_id;
	*ret_attempt = attempt;
	return 1;
}

int
db_claim(struct db *db, const struct db_claim *c, int64_t *ret_run_id,
	int64_t *ret_attempt, struct verr *e)
{
	bool own;
	if (own_begin(db, &own, e) == -1)
		return -1;
	return own_end(db, own, false,
		claim_one(db, c, ret_run_id, ret_attempt, e), e);
}

int
db_spec_get(struct db *db, const char *workload_id, db_spec_cb *cb, void *arg,
	struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_SPEC);
	bind_text(&q, 1, workload_id);
	int r = query_step(&q, e);
	if (r != 1)
		return r;
	struct db_spec s = {.id = col_text(&q, 0), .user_id = col_i64(&q, 1)};
	if (col_tier(&q, 2, &s.isolation, e) == -1 ||
		col_runtime(&q, 3, &s.runtime, e) == -1)
		return -1;
	s.image = col_text(&q, 4);
	s.entrypoint = col_text(&q, 5);
	s.args = col_text(&q, 6);
	s.env = col_text(&q, 7);
	s.input = col_text(&q, 8);
	s.input_len = (size_t)sqlite3_column_bytes(q.s, 8);
	s.stdin_data = col_bytes(&q, 9, &s.stdin_len);
	s.network = col_text(&q, 10);
	col_limits(&q, 11, &s.limits);
	s.code_hash = col_text(&q, 18);
	s.attempt = col_i64(&q, 19);
	s.created_ms = ulid_ms(s.id);
	return cb(arg, &s, e) == -1 ? -1 : 1;
}

/*
 * Runs a statement that answers with the workload of a run while the token
 * holds: 1 and its id, 0 the run is somebody else's by now.
 */
static int
owned(struct query *q, char ret_id[ULID_TEXT_BYTES], struct verr *e)
{
	int r = query_step(q, e);
	if (r != 1)
		return r;
	char id[ULID_TEXT_BYTES];
	snprintf(id, sizeof(id), "%s", col_text(q, 0));
	if (query_step(q, e) == -1)
		return -1;
	memcpy(ret_id, id, sizeof(id));
	return 1;
}

static int
start_run(struct db *db, int64_t run_id, const char *token, struct verr *e)
{
	char id[ULID_TEXT_BYTES];
	struct now now = now_text();
	struct query v_autoquery q = query_start(db, SQL_RUN_STARTED);
	bind_i64(&q, 1, run_id);
	bind_text(&q, 2, token);
	bind_text(&q, 3, now.text);
	int r = owned(&q, id, e);
	if (r != 1)
		return r;
	struct query v_autoquery w = query_start(db, SQL_WORKLOAD_STARTED);
	bind_text(&w, 1, id);
	bind_text(&w, 2, now.text);
	return query_run(&w, e) == -1 ? -1 : 1;
}

int
db_run_started(struct db *db, int64_t run_id, const char *token, struct verr *e)
{
	bool own;
	if (own_begin(db, &own, e) == -1)
		return -1;
	return own_end(db, own, false, start_run(db, run_id, token, e), e);
}

int
db_run_renew(struct db *db, int64_t run_id, const char *token,
	int64_t lease_until_ms, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_RUN_RENEW);
	bind_i64(&q, 1, run_id);
	bind_text(&q, 2, token);
	bind_i64(&q, 3, lease_until_ms);
	int n = query_run(&q, e);
	return n == -1 ? -1 : n > 0;
}

int
db_log_append(struct db *db, int64_t run_id, const char *token,
	const struct db_chunk *c, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_LOG_APPEND);
	bind_i64(&q, 1, run_id);
	bind_text(&q, 2, token);
	bind_i64(&q, 3, c->seq);
	bind_text(&q, 4, stream_text(c->stream));
	bind_double(&q, 5, c->t_ms);
	bind_bytes(&q, 6, c->len > 0 ? c->data : "", c->len);
	int n = query_run(&q, e);
	return n == -1 ? -1 : n > 0;
}

static void
bind_result(struct query *q, const struct run_result *r, char room[16])
{
	if (r->engine[0] != '\0')
		bind_text(q, 5, r->engine);
	bind_text(q, 6, warmth_text(r->warmth));
	if (r->exited)
		bind_i64(q, 7, r->exit_code);
	if (r->signal != 0)
		bind_text(q, 8, run_signal_text(r->signal, room));
	if (r->limit_name[0] != '\0') {
		bind_text(q, 12, r->limit_name);
		bind_u64(q, 13, r->limit_value);
		bind_u64(q, 14, r->limit_setting);
	}
	bind_u64(q, 15, r->cpu_us);
	bind_u64(q, 16, r->wall_us);
	bind_u64(q, 17, r->memory_peak_kib);
	bind_u64(q, 18, r->stdout_bytes);
	bind_u64(q, 19, r->stderr_bytes);
	bind_i64(q, 20, r->stdout_truncated);
	bind_i64(q, 21, r->stderr_truncated);
}

static int
finish_row(struct db *db, const struct db_finish *f, const char *now,
	char ret_id[ULID_TEXT_BYTES], struct verr *e)
{
	static const struct run_result none;
	char room[16];
	struct query v_autoquery q = query_start(db, SQL_RUN_FINISH);
	bind_i64(&q, 1, f->run_id);
	bind_text(&q, 2, f->token);
	bind_text(&q, 3, status_text(f->status));
	bind_text(&q, 4, reason_column(f->reason));
	bind_text(&q, 9, f->error);
	bind_text(&q, 10, f->error_detail);
	if (f->output != NULL)
		bind_text_n(&q, 11, f->output, f->output_len);
	bind_result(&q, f->result != NULL ? f->result : &none, room);
	if (f->result == NULL) {
		/* Nothing was measured. */
		bind_null(&q, 6);
		bind_null(&q, 15);
		bind_null(&q, 16);
		bind_null(&q, 17);
	}
	bind_text(&q, 22, now);
	return owned(&q, ret_id, e);
}

int
db_phase_add(struct db *db, int64_t run_id, enum phase phase, uint64_t ns,
	struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_PHASE_ADD);
	bind_i64(&q, 1, run_id);
	bind_text(&q, 2, phase_text(phase));
	bind_u64(&q, 3, ns);
	return query_run(&q, e) == -1 ? -1 : 0;
}

static int
add_meta(
	struct db *db, int64_t run_id, const struct run_meta *m, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_METADATA_ADD);
	bind_i64(&q, 1, run_id);
	bind_text(&q, 2, m->key);
	bind_text(&q, 3, m->value);
	return query_run(&q, e) == -1 ? -1 : 0;
}

static int
add_facts(struct db *db, int64_t run_id, const struct run_result *r,
	struct verr *e)
{
	for (int i = 0; i < PHASE_COUNT; i++)
		if (r->phase_seen[i] &&
			db_phase_add(db, run_id, (enum phase)i, r->phase_ns[i],
				e) == -1)
			return -1;
	for (size_t i = 0; i < r->meta_count; i++)
		if (add_meta(db, run_id, &r->meta[i], e) == -1)
			return -1;
	return 0;
}

static int
finish_one(struct db *db, const struct db_finish *f, struct verr *e)
{
	char id[ULID_TEXT_BYTES];
	struct now now = now_text();
	int r = finish_row(db, f, now.text, id, e);
	if (r != 1)
		return r;
	struct query v_autoquery w = query_start(db, SQL_WORKLOAD_FINISH);
	bind_text(&w, 1, id);
	bind_text(&w, 2, status_text(f->status));
	bind_text(&w, 3, reason_column(f->reason));
	bind_text(&w, 4, now.text);
	if (query_run(&w, e) == -1)
		return -1;
	if (f->result != NULL && add_facts(db, f->run_id, f->result, e) == -1)
		return -1;
	return 1;
}

int
db_run_finish(struct db *db, const struct db_finish *f, struct verr *e)
{
	bool own;
	if (own_begin(db, &own, e) == -1)
		return -1;
	return own_end(db, own, true, finish_one(db, f, e), e);
}

static int
give_back(struct db *db, int64_t run_id, const char *token, const char *error,
	struct verr *e)
{
	char id[ULID_TEXT_BYTES];
	struct now now = now_text();
	struct query v_autoquery q = query_start(db, SQL_RUN_LOST);
	bind_i64(&q, 1, run_id);
	bind_text(&q, 2, token);
	bind_text(&q, 3, error);
	bind_text(&q, 4, now.text);
	int r = owned(&q, id, e);
	if (r != 1)
		return r;
	struct query v_autoquery w = query_start(db, SQL_WORKLOAD_GIVE_BACK);
	bind_text(&w, 1, id);
	return query_run(&w, e) == -1 ? -1 : 1;
}

int
db_run_give_back(struct db *db, int64_t run_id, const char *token,
	const char *error, struct verr *e)
{
	bool own;
	if (own_begin(db, &own, e) == -1)
		return -1;
	return own_end(
		db, own, true, give_back(db, run_id, token, error, e), e);
}

int
db_lease_each(struct db *db, db_lease_cb *cb, void *arg, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_LEASES);
	int r = 0;
	while (r == 0 && (r = query_step(&q, e)) == 1) {
		struct db_lease l = {.run_id = col_i64(&q, 0),
			.workload_id = col_text(&q, 1),
			.token = col_text(&q, 2),
			.boot_id = col_text(&q, 3),
			.lease_until_ms = col_i64(&q, 4),
			.attempt = col_i64(&q, 5),
			.started = col_i64(&q, 6) != 0,
			.cancelled = col_i64(&q, 7) != 0};
		r = cb(arg, &l, e);
	}
	return r == -1 ? -1 : 0;
}

int
db_cancelling_each(
	struct db *db, db_cancelling_cb *cb, void *arg, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_CANCELLING);
	int r = 0;
	while (r == 0 && (r = query_step(&q, e)) == 1) {
		struct db_cancelling c = {.workload_id = col_text(&q, 0),
			.run_id = col_i64(&q, 2)};
		if (col_status(&q, 1, &c.status, e) == -1)
			return -1;
		r = cb(arg, &c, e);
	}
	return r == -1 ? -1 : 0;
}

int
db_pending_settle(struct db *db, const char *workload_id, enum status status,
	enum reason reason, struct verr *e)
{
	struct now now = now_text();
	struct query v_autoquery q = query_start(db, SQL_PENDING_SETTLE);
	bind_text(&q, 1, workload_id);
	bind_text(&q, 2, status_text(status));
	bind_text(&q, 3, reason_column(reason));
	bind_text(&q, 4, now.text);
	int n = query_run(&q, e);
	return n == -1 ? -1 : n > 0;
}
