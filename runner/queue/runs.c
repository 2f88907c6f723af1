/* One claimed workload, from the claim until its end is in the database. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "fd.h"
#include "json.h"
#include "log.h"
#include "poison.h"
#include "queue.h"
#include "settle.h"
#include "vtime.h"

/* Short runs end before their start is written; one write then does both. */
#define START_WAIT_NS (5 * VTIME_NS_PER_MS)

/* The first lines are shown at once; a flood is gathered up. */
#define QUICK_CHUNKS 200
#define QUICK_GAP_NS (2 * VTIME_NS_PER_MS)
#define FLOOD_GAP_NS (20 * VTIME_NS_PER_MS)

/* Failures of Vulcan in a row slow a tier's claims down, up to this. */
#define HOLD_MS 50
#define HOLD_MAX_MS 2000

struct run *
run_new(void)
{
	struct run *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return NULL;
	buf_init(&r->head, FEED_MAX_BYTES);
	buf_init(&r->tail, FEED_MAX_BYTES);
	buf_init(&r->output, WIRE_FILE_BYTES);
	buf_init(&r->error, WIRE_TEXT_BYTES);
	buf_init(&r->compiled, WIRE_FILE_BYTES);
	chunks_init(&r->log);
	return r;
}

void
run_free(struct run *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->blob_count; i++)
		free(r->blobs[i].name);
	free(r->blobs);
	buf_done(&r->head);
	buf_done(&r->tail);
	buf_done(&r->output);
	buf_done(&r->error);
	buf_done(&r->compiled);
	chunks_done(&r->log);
	free(r);
}

double
run_t_ms(const struct run *r, int64_t t_ns)
{
	return t_ns <= r->base_ns ? 0 : (double)(t_ns - r->base_ns) / 1e6;
}

/* ---- what the keeper is to be given ---- */

static int
add_spec(struct run *r, const struct db_spec *s, struct verr *e)
{
	struct buf v_autobuf b = BUF(WIRE_TEXT_BYTES);
	struct json j;
	json_begin(&j, &b);
	json_object(&j);
	json_key_text(&j, "id", s->id);
	json_key_text(&j, "runtime", runtime_text(s->runtime));
	json_key_text(&j, "entrypoint", s->entrypoint);
	json_key_text(&j, "sandbox",
		warmth_text(r->warm ? WARMTH_WARM : WARMTH_COLD));
	json_key(&j, "args");
	json_raw(&j, s->args, strlen(s->args));
	json_key(&j, "env");
	json_raw(&j, s->env, strlen(s->env));
	run_limits_write(&j, &s->limits);
	json_object_end(&j);
	if (json_end(&j, e) == -1)
		return -1;
	return wire_append(&r->head, WIRE_SPEC, b.data, b.len, e);
}

static int
on_spec(void *arg, const struct db_spec *s, struct verr *e)
{
	struct run *r = arg;
	r->user_id = s->user_id;
	r->limits = s->limits;
	snprintf(r->code_hash, sizeof(r->code_hash), "%s", s->code_hash);
	int64_t waited = vtime_wall_ms() - s->created_ms;
	r->queued_ns = waited > 0 ? waited * VTIME_NS_PER_MS : 0;
	if (add_spec(r, s, e) == -1)
		return -1;
	if (s->input != NULL &&
		wire_append(&r->tail, WIRE_INPUT, s->input, s->input_len, e) ==
			-1)
		return -1;
	if (s->stdin_data != NULL && s->stdin_len > 0 &&
		wire_append(&r->tail, WIRE_STDIN, s->stdin_data, s->stdin_len,
			e) == -1)
		return -1;
	return wire_append(&r->tail, WIRE_GO, NULL, 0, e);
}

static int
add_file(struct buf *out, const char *name, const void *data, size_t len,
	struct verr *e)
{
	size_t name_len = strlen(name);
	if (name_len == 0 || name_len > 4096 ||
		len > WIRE_FILE_BYTES - 2 - name_len)
		return verr_set(e, VERR_INPUT, 0,
			"file '%.64s' of %zu bytes does not fit a run", name,
			len);
	unsigned char head[WIRE_HEADER_BYTES + 2];
	wire_header(WIRE_FILE, 2 + name_len + len, head);
	head[WIRE_HEADER_BYTES] = (unsigned char)name_len;
	head[WIRE_HEADER_BYTES + 1] = (unsigned char)(name_len >> 8);
	if (buf_add(out, head, sizeof(head), e) == -1 ||
		buf_add(out, name, name_len, e) == -1)
		return -1;
	return buf_add(out, data, len, e);
}

static int
on_file(void *arg, const struct db_file *f, struct verr *e)
{
	struct run *r = arg;
	if (f->content != NULL || f->size_bytes == 0)
		return add_file(&r->head, f->name,
			f->content != NULL ? f->content : "", f->size_bytes, e);
	struct blob *more =
		reallocarray(r->blobs, r->blob_count + 1, sizeof(*r->blobs));
	if (more == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "files of a run");
	r->blobs = more;
	struct blob *b = &r->blobs[r->blob_count];
	b->name = strdup(f->name);
	if (b->name == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "files of a run");
	snprintf(b->sha256, sizeof(b->sha256), "%s", f->sha256);
	r->blob_count++;
	return 0;
}

int
run_load(struct queue *q, struct run *r, struct verr *e)
{
	int found = db_spec_get(q->db, r->id, on_spec, r, e);
	if (found == 0)
		return verr_set(e, VERR_BUG, 0, "workload %s is gone", r->id);
	if (found == -1)
		return -1;
	return db_file_each(q->db, r->id, on_file, r, e);
}

static int
add_blob(struct queue *q, struct run *r, struct buf *out, struct verr *e)
{
	const struct blob *b = &r->blobs[r->blob_next++];
	char path[CONF_PATH_BYTES + 80];
	snprintf(path, sizeof(path), "%s/blobs/%s", q->conf->state, b->sha256);
	struct buf v_autobuf content = BUF(WIRE_FILE_BYTES);
	if (fd_read_file(AT_FDCWD, path, &content, e) == -1)
		return -1;
	return add_file(out, b->name, buf_text(&content), content.len, e);
}

static int
add_compiled(struct queue *q, struct run *r, struct buf *out, struct verr *e)
{
	struct buf v_autobuf kept = BUF(WIRE_FILE_BYTES);
	if (r->runtime != RUNTIME_TYPESCRIPT ||
		!cache_get(q, r->code_hash, &kept) || kept.len == 0)
		return 0;
	return wire_append(out, WIRE_COMPILED, kept.data, kept.len, e);
}

int
run_next_frames(struct queue *q, struct run *r, struct buf *out, struct verr *e)
{
	switch (r->feed) {
	case FEED_HEAD:
		if (buf_add(out, r->head.data, r->head.len, e) == -1)
			return -1;
		buf_done(&r->head);
		r->feed = FEED_BLOBS;
		return 1;
	case FEED_BLOBS:
		if (r->blob_next < r->blob_count)
			return add_blob(q, r, out, e) == -1 ? -1 : 1;
		r->feed = FEED_COMPILED;
		return 1;
	case FEED_COMPILED:
		r->feed = FEED_TAIL;
		return add_compiled(q, r, out, e) == -1 ? -1 : 1;
	case FEED_TAIL:
		if (buf_add(out, r->tail.data, r->tail.len, e) == -1)
			return -1;
		buf_done(&r->tail);
		r->feed = FEED_DONE;
		return 1;
	case FEED_DONE:
		break;
	}
	return 0;
}

/* ---- what the keeper says ---- */

static int
take_output(struct run *r, enum stream s, const struct wire_frame *f,
	struct verr *e)
{
	if (f->len < 8)
		return verr_set(e, VERR_PROTO, 0, "output without its time");
	uint64_t t = 0;
	for (int i = 0; i < 8; i++)
		t |= (uint64_t)f->data[i] << (8 * i);
	size_t n = f->len - 8;
	/* The driver keeps to the limit; a broken keeper must not fill us. */
	if (r->kept_bytes + n > r->limits.output_bytes + WIRE_CHUNK_BYTES)
		return verr_set(
			e, VERR_PROTO, 0, "more output than the limit allows");
	r->kept_bytes += n;
	return chunks_add(&r->log, s, (int64_t)t, f->data + 8, n, e);
}

static int
say_truncated(struct run *r, struct verr *e)
{
	char text[96];
	int n = snprintf(text, sizeof(text),
		"[output truncated: kept %" PRIu64 " of %" PRIu64 " bytes]\n",
		r->kept_bytes, r->result.stdout_bytes + r->result.stderr_bytes);
	return chunks_add(
		&r->log, STREAM_SYSTEM, vtime_mono_ns(), text, (size_t)n, e);
}

static int
take_result(struct run *r, const struct wire_frame *f, struct verr *e)
{
	if (run_result_decode(f->data, f->len, &r->result, e) == -1)
		return -1;
	if (chunks_end(&r->log, e) == -1)
		return -1;
	if ((r->result.stdout_truncated || r->result.stderr_truncated) &&
		say_truncated(r, e) == -1)
		return -1;
	r->has_result = true;
	r->ended = true;
	FAIL_POINT("result.before");
	return 0;
}

/* The keeper ends by itself after this; its end settles the run. */
static void
take_platform(struct run *r, const struct wire_frame *f)
{
	const char *text = (const char *)f->data;
	const char *line = memchr(text, '\n', f->len);
	size_t skip = line != NULL ? (size_t)(line - text) + 1 : 0;
	verr_set(&r->platform, VERR_HOST, 0, "%.*s", (int)(f->len - skip),
		text + skip);
}

int
run_take(struct queue *q, struct run *r, const struct wire_frame *f,
	struct verr *e)
{
	if (r->ended || !r->claimed)
		return verr_set(e, VERR_PROTO, 0, "frame '%s' outside of a run",
			wire_type_text(f->type));
	switch ((unsigned)f->type) {
	case WIRE_STARTED:
		r->started = true;
		r->started_due_ns = q->now_ns + START_WAIT_NS;
		return 0;
	case WIRE_STDOUT:
		return take_output(r, STREAM_STDOUT, f, e);
	case WIRE_STDERR:
		return take_output(r, STREAM_STDERR, f, e);
	case WIRE_OUTPUT:
		buf_reset(&r->output);
		return buf_add(&r->output, f->data, f->len, e);
	case WIRE_ERROR:
		buf_reset(&r->error);
		return buf_add(&r->error, f->data, f->len, e);
	case WIRE_COMPILED:
		buf_reset(&r->compiled);
		return buf_add(&r->compiled, f->data, f->len, e);
	case WIRE_RESULT:
		return take_result(r, f, e);
	case WIRE_PLATFORM:
		take_platform(r, f);
		return 0;
	default:
		return verr_set(e, VERR_PROTO, 0, "frame '%s' from a keeper",
			wire_type_text(f->type));
	}
}

void
run_fail(struct queue *q, struct run *r, const struct verr *why)
{
	struct verr e;
	if (r->ended)
		return;
	if (why != &r->platform)
		r->platform = *why;
	if (chunks_end(&r->log, &e) == -1)
		log_verr(&e, "the end of the log of %s", r->id);
	r->ended = true;
	if (r->cancelled)
		return;
	q->stats.value[STAT_PLATFORM_FAILURES]++;
	log_warn("run of %s, attempt %lld: %s", r->id, (long long)r->attempt,
		r->platform.msg);
	/* One workload that ends its keepers must not slow the others. */
	if (r->sandbox_made || r->unreadable)
		return;
	struct tier_state *t = &q->tiers[r->tier];
	int64_t hold = HOLD_MS;
	for (unsigned i = 0; i < t->failures && hold < HOLD_MAX_MS; i++)
		hold *= 2;
	t->failures++;
	t->hold_until_ns = q->now_ns + hold * VTIME_NS_PER_MS;
}

/* ---- what the database gets ---- */

int64_t
run_due(const struct run *r)
{
	if (!r->claimed || r->lost)
		return 0;
	if (r->ended)
		return 1;
	int64_t due = r->started_due_ns;
	if (r->log.first != NULL) {
		int64_t log_due = r->log.bytes >= CHUNK_BYTES ? 1
			: r->log_due_ns > 0		      ? r->log_due_ns
							      : 1;
		if (due == 0 || log_due < due)
			due = log_due;
	}
	return due;
}

static int
write_log(struct queue *q, struct run *r, struct verr *e)
{
	for (struct chunk *k = r->log.first; k != NULL; k = k->next) {
		struct db_chunk row = {.seq = k->seq,
			.stream = k->stream,
			.t_ms = run_t_ms(r, k->t_ns),
			.data = k->data,
			.len = k->len};
		int ours = db_log_append(q->db, r->run_id, r->token, &row, e);
		if (ours != 1)
			return ours;
		r->written_seq = k->seq;
	}
	return 1;
}

/* The first line is the sentence, the rest the details. */
static void
split_error(struct run *r, struct db_finish *f)
{
	if (r->error.len == 0)
		return;
	char *line = memchr(r->error.data, '\n', r->error.len);
	if (line != NULL && r->detail == NULL) {
		*line = '\0';
		r->detail = line + 1;
	}
	f->error = r->error.data;
	if (r->detail != NULL && r->detail[0] != '\0')
		f->error_detail = r->detail;
}

static int
write_end(struct queue *q, struct run *r, struct verr *e)
{
	struct settle_facts facts = {
		.result = r->has_result ? &r->result : NULL,
		.cancelled = r->cancelled,
		.started = r->started,
		.warm = r->warm,
		.attempt = (uint64_t)r->attempt,
		.attempts_max = q->conf->attempts_max};
	struct settle s = settle_decide(&facts);
	FAIL_POINT("finish.before");
	r->writing_end = true;
	r->status = s.status;
	r->reason = s.reason;
	r->gave_back = s.give_back;
	if (s.give_back)
		return db_run_give_back(
			q->db, r->run_id, r->token, r->platform.msg, e);
	struct db_finish f = {.run_id = r->run_id,
		.token = r->token,
		.status = s.status,
		.reason = s.reason,
		.result = facts.result,
		.error = r->has_result || r->cancelled ? NULL : r->platform.msg,
		.output = r->output.len > 0 ? r->output.data : NULL,
		.output_len = r->output.len};
	if (r->has_result) {
		r->result.phase_ns[PHASE_QUEUED] = (uint64_t)r->queued_ns;
		r->result.phase_seen[PHASE_QUEUED] = true;
		split_error(r, &f);
	}
	return db_run_finish(q->db, &f, e);
}

static int
write_parts(struct queue *q, struct run *r, struct verr *e)
{
	int ours = 1;
	bool log_is_due = r->ended || r->log.bytes >= CHUNK_BYTES ||
		r->log_due_ns <= q->now_ns;
	if (r->started_due_ns != 0 && r->started) {
		r->writing_start = true;
		ours = db_run_started(q->db, r->run_id, r->token, e);
	}
	if (ours == 1 && log_is_due && r->log.first != NULL)
		ours = write_log(q, r, e);
	if (ours == 1 && r->ended)
		ours = write_end(q, r, e);
	return ours;
}

/*
 * The database refuses what came of this run, and would refuse it again. What
 * is not written yet is let go, and the run ends as Vulcan's own failure.
 */
static void
spoil(struct run *r, const struct verr *why)
{
	struct verr e;
	log_verr(why, "run of %s cannot be recorded as it is", r->id);
	verr_set(&r->platform, VERR_BUG, 0, "its result cannot be recorded");
	(void)chunks_end(&r->log, &e);
	if (r->log.first != NULL)
		r->log.next_seq = r->log.first->seq;
	while (r->log.first != NULL)
		chunk_free(chunks_take(&r->log));
	buf_reset(&r->output);
	buf_reset(&r->error);
	buf_reset(&r->compiled);
	r->has_result = false;
	r->ended = r->spoiled = true;
}

int
run_write(struct queue *q, struct run *r, bool *ret_durable, struct verr *e)
{
	if (!r->claimed || r->lost || run_due(r) == 0)
		return 0;
	int ours = write_parts(q, r, e);
	if (ours == -1 && e->kind == VERR_BUG) {
		/* A part of it may be written: nothing of this turn stays. */
		if (r->spoiled)
			r->lost = true;
		else
			spoil(r, e);
	}
	if (ours == -1)
		return -1;
	if (ours == 0)
		r->lost = true;
	else if (r->writing_end)
		*ret_durable = true;
	return 0;
}

void
run_undo(struct run *r)
{
	r->written_seq = 0;
	r->writing_start = false;
	r->writing_end = false;
	r->gave_back = false;
}

static void
announce_log(struct queue *q, struct run *r)
{
	while (r->log.first != NULL && r->log.first->seq <= r->written_seq) {
		struct chunk *k = chunks_take(&r->log);
		announce_chunk(q, r, k);
		chunk_free(k);
	}
	r->log_due_ns = q->now_ns +
		(r->log.next_seq <= QUICK_CHUNKS ? QUICK_GAP_NS : FLOOD_GAP_NS);
	FAIL_POINT("output.after");
}

void
run_announce(struct queue *q, struct run *r)
{
	if (r->writing_start) {
		r->started_due_ns = 0;
		if (!r->writing_end)
			announce_status(q, r->id, STATUS_RUNNING);
		FAIL_POINT("started.after");
	}
	if (r->written_seq > 0)
		announce_log(q, r);
	if (r->writing_end) {
		FAIL_POINT("finish.after");
		if (r->gave_back)
			announce_status(q, r->id, STATUS_PENDING);
		else
			announce_done(q, r->id, r->status, r->reason,
				r->log.next_seq - 1);
		if (r->has_result && r->compiled.len > 0)
			cache_put(q, r->code_hash, &r->compiled);
		q->stats.value[r->gave_back ? STAT_RUNS_GIVEN_BACK
					    : STAT_RUNS_FINISHED]++;
		FAIL_POINT("announce.after");
	}
	r->written_seq = 0;
	r->writing_start = false;
}
