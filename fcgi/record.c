/* Rows of the database as the records of the API. */
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "poison.h"
#include "record.h"
#include "respond.h"
#include "run.h"
#include "utf8.h"

/* Base64 of the largest output fits with room for the rest. */
#define STREAM_BYTES_MAX (UINT64_C(1) << 30)

static int
on_chunk(void *arg, const struct db_chunk *c, struct verr *e)
{
	return buf_add(arg, c->data, c->len, e);
}

int
record_stream(struct exchange *x, const char *id, enum stream stream,
	struct buf *out, struct verr *e)
{
	return db_log_each(
		x->web->db, id, (int)stream, 0, INT_MAX, on_chunk, out, e);
}

static void
base64(struct json *j, const void *p, size_t n)
{
	struct verr e;
	size_t room =
		sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL);
	struct buf v_autobuf text = BUF(room);
	if (buf_reserve(&text, room - 1, &e) == -1) {
		if (!j->failed)
			j->first = e;
		j->failed = true;
		return;
	}
	sodium_bin2base64(
		text.data, room, p, n, sodium_base64_VARIANT_ORIGINAL);
	json_bytes(j, text.data, room - 1);
}

void
record_bytes(struct json *j, const char *key, const void *p, size_t n)
{
	if (utf8_valid(p, n)) {
		json_key(j, key);
		json_bytes(j, p, n);
		return;
	}
	char name[48];
	snprintf(name, sizeof(name), "%s_base64", key);
	json_key(j, name);
	base64(j, p, n);
}

void
record_line(struct json *j, const struct db_chunk *c)
{
	json_object(j);
	json_key_u64(j, "seq", (uint64_t)c->seq);
	json_key_text(j, "stream", stream_text(c->stream));
	json_key(j, "text");
	json_bytes(j, c->data, c->len);
	char ms[32];
	int n = snprintf(ms, sizeof(ms), "%.3f", c->t_ms);
	json_key(j, "t_ms");
	json_raw(j, ms, (size_t)n);
	json_object_end(j);
}

static void
decimal(struct json *j, const char *key, double v)
{
	char text[40];
	int n = snprintf(text, sizeof(text), "%.3f", v);
	json_key(j, key);
	json_raw(j, text, (size_t)n);
}

/* JSON that the database keeps as text. */
static void
kept(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	if (text == NULL)
		json_null(j);
	else
		json_raw(j, text, strlen(text));
}

struct facts {
	struct json *j;
	const char *id;
};

static int
on_phase(void *arg, enum phase phase, uint64_t ns, struct verr *e)
{
	(void)e;
	decimal(arg, phase_text(phase), (double)ns / 1e6);
	return 0;
}

static int
on_meta(void *arg, const char *key, const char *value, struct verr *e)
{
	(void)e;
	json_key_text(arg, key, value);
	return 0;
}

static int
on_artifact(void *arg, const struct db_artifact *a, struct verr *e)
{
	const struct facts *f = arg;
	struct buf v_autobuf url = BUF(4096);
	if (buf_addf(&url, e, "/v1/workloads/%s/artifacts/%s", f->id,
		    a->name) == -1)
		return -1;
	json_object(f->j);
	json_key_text(f->j, "name", a->name);
	json_key_u64(f->j, "bytes", a->size_bytes);
	json_key_text(f->j, "sha256", a->sha256);
	json_key_text(f->j, "url", url.data);
	json_object_end(f->j);
	return 0;
}

static void
write_struck(struct json *j, const struct db_workload *w)
{
	json_key(j, "limit");
	if (w->limit_name == NULL) {
		json_null(j);
		return;
	}
	json_object(j);
	json_key_text(j, "name", w->limit_name);
	json_key(j, "value");
	json_i64(j, w->limit_value);
	json_key(j, "setting");
	json_i64(j, w->limit_setting);
	json_object_end(j);
}

static void
write_asked(struct json *j, const struct db_workload *w)
{
	json_key_text(j, "id", w->id);
	json_key_text(j, "status", status_text(w->status));
	json_key_text(j, "reason",
		w->reason == REASON_NONE ? NULL : reason_text(w->reason));
	json_key_text(j, "isolation", tier_text(w->isolation));
	json_key_text(j, "isolation_requested", w->isolation_requested);
	json_key_text(j, "routing", w->routing);
	json_key_text(j, "runtime", runtime_text(w->runtime));
	json_key_text(j, "image", w->image);
	json_key_text(j, "entrypoint", w->entrypoint);
	run_limits_write(j, &w->limits);
	json_key_text(j, "network", w->network);
	kept(j, "labels", w->labels);
	json_key(j, "priority");
	json_i64(j, w->priority);
	json_key_text(j, "user", w->user);
	json_key_text(j, "input_hash", w->input_hash);
	json_key(j, "attempt");
	json_i64(j, w->attempt);
	json_key_text(j, "cancel_requested_at", w->cancel_requested_at);
	json_key_text(j, "created_at", w->created_at);
	json_key_text(j, "started_at", w->started_at);
	json_key_text(j, "finished_at", w->finished_at);
	if (w->has_duration)
		decimal(j, "duration_ms", w->duration_ms);
	else
		json_key_text(j, "duration_ms", NULL);
}

static void
write_run(struct json *j, const struct db_workload *w)
{
	json_key_text(j, "node", w->node);
	json_key_text(j, "engine", w->engine);
	json_key_text(j, "sandbox", w->sandbox);
	json_key(j, "exit_code");
	if (w->has_exit_code)
		json_i64(j, w->exit_code);
	else
		json_null(j);
	json_key_text(j, "signal", w->signal);
	json_key_text(j, "error", w->error);
	write_struck(j, w);
	json_key(j, "usage");
	json_object(j);
	if (w->has_usage) {
		decimal(j, "cpu_ms", (double)w->cpu_us / 1000);
		decimal(j, "wall_ms", (double)w->wall_us / 1000);
		json_key_u64(j, "memory_peak_kib", w->memory_peak_kib);
	} else {
		json_key_text(j, "cpu_ms", NULL);
		json_key_text(j, "wall_ms", NULL);
		json_key_text(j, "memory_peak_kib", NULL);
	}
	json_object_end(j);
	json_key_u64(j, "stdout_bytes", w->stdout_bytes);
	json_key_u64(j, "stderr_bytes", w->stderr_bytes);
	json_key_bool(j, "stdout_truncated", w->stdout_truncated);
	json_key_bool(j, "stderr_truncated", w->stderr_truncated);
}

static int
write_position(struct exchange *x, const struct db_workload *w, struct json *j,
	struct verr *e)
{
	uint64_t position = 0;
	int r = 0;
	if (w->status == STATUS_PENDING)
		r = db_queue_position(x->web->db, w->id, &position, e);
	if (r == -1)
		return -1;
	if (r == 1)
		json_key_u64(j, "queue_position", position);
	else
		json_key_text(j, "queue_position", NULL);
	return 0;
}

static int
write_streams(
	struct exchange *x, const char *id, struct json *j, struct verr *e)
{
	static const enum stream both[] = {STREAM_STDOUT, STREAM_STDERR};
	for (size_t i = 0; i < 2; i++) {
		struct buf v_autobuf text = BUF(STREAM_BYTES_MAX);
		if (record_stream(x, id, both[i], &text, e) == -1)
			return -1;
		record_bytes(
			j, stream_text(both[i]), buf_text(&text), text.len);
	}
	return 0;
}

static int
write_facts(struct exchange *x, const struct db_workload *w, struct json *j,
	struct verr *e)
{
	struct db *db = x->web->db;
	struct facts f = {.j = j, .id = w->id};
	json_key(j, "phases");
	json_object(j);
	if (db_phase_each(db, w->id, on_phase, j, e) == -1)
		return -1;
	json_object_end(j);
	json_key(j, "metadata");
	json_object(j);
	if (db_meta_each(db, w->id, on_meta, j, e) == -1)
		return -1;
	json_object_end(j);
	json_key(j, "artifacts");
	json_array(j);
	if (db_artifact_each(db, w->id, on_artifact, &f, e) == -1)
		return -1;
	json_array_end(j);
	return 0;
}

int
record_write(struct exchange *x, const struct db_workload *w, bool whole,
	struct json *j, struct verr *e)
{
	json_object(j);
	write_asked(j, w);
	write_run(j, w);
	if (whole) {
		json_key_text(j, "error_detail", w->error_detail);
		kept(j, "output", w->output);
		if (write_position(x, w, j, e) == -1 ||
			write_streams(x, w->id, j, e) == -1 ||
			write_facts(x, w, j, e) == -1)
			return -1;
	}
	json_object_end(j);
	return 0;
}

static int
on_any(void *arg, const struct db_workload *w, struct verr *e)
{
	(void)arg;
	(void)w;
	(void)e;
	return 0;
}

int
record_may_see(struct exchange *x, const char *id, struct verr *e)
{
	int r = db_workload_get(
		x->web->db, id, identity_scope(&x->who), on_any, NULL, e);
	if (r == 0)
		return record_missing(x, id, e);
	return r == -1 ? -1 : 0;
}

struct answer {
	struct exchange *x;
	struct json j;
};

static int
on_workload(void *arg, const struct db_workload *w, struct verr *e)
{
	struct answer *a = arg;
	return record_write(a->x, w, true, &a->j, e);
}

int
record_missing(struct exchange *x, const char *id, struct verr *e)
{
	return refuse(x, 404, NULL, e, "there is no workload %s", id);
}

int
record_answer(struct exchange *x, int status, const char *id, struct verr *e)
{
	struct answer a = {.x = x};
	json_begin(&a.j, &x->res.body);
	int r = db_workload_get(
		x->web->db, id, identity_scope(&x->who), on_workload, &a, e);
	if (r == 0)
		return record_missing(x, id, e);
	if (r == -1 || json_end(&a.j, e) == -1)
		return -1;
	if (buf_addc(&x->res.body, '\n', e) == -1)
		return -1;
	return respond_as(x, status, "application/json", e);
}
