/*
 * Keeper: one sandbox and its one run, from create to destroy.
 *
 * User: root while it makes the sandbox, then the slot's uid. May touch: its
 * channel to the queue and what the driver inherited from the warden; never
 * the database, never another sandbox. Parses: the queue's frames (trusted,
 * checked all the same) and, in the driver, the guest's frames (trusts
 * nothing). Ends with the warden (PR_SET_PDEATHSIG) and with the queue (end of
 * file on the channel), and takes its sandbox along in both cases.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fail.h"
#include "fd.h"
#include "job.h"
#include "keeper.h"
#include "log.h"
#include "out.h"
#include "poison.h"
#include "proc.h"
#include "vtime.h"
#include "wire.h"

/* How long the queue may take nothing of a result. */
#define QUEUE_PATIENCE_MS 60000

struct keeper {
	const struct keeper_task *task;
	struct wire_reader in;
	struct out out;
	struct job job;
	struct sandbox *sandbox;
	struct run_left left;
};

/* Tells the queue of Vulcan's own failure; there is nobody else to tell. */
static void
say_platform(struct keeper *k, const struct verr *why)
{
	struct verr e;
	struct buf v_autobuf b = BUF(1024);
	if (buf_addf(&b, &e, "%s\n%s", verr_kind_text(why->kind), why->msg) ==
			-1 ||
		out_frame(&k->out, WIRE_PLATFORM, b.data, b.len, &e) == -1 ||
		out_drain(&k->out, QUEUE_PATIENCE_MS, &e) == -1)
		log_verr(why, "slot %u", k->task->slot.index);
}

static int
make_sandbox(struct keeper *k, struct verr *e)
{
	const struct keeper_task *t = k->task;
	if (t->backend == NULL)
		return verr_set(e, VERR_HOST, 0, "tier %s: %s",
			tier_text(t->class.tier), t->why);
	FAIL_POINT("create.before");
	int64_t began = vtime_mono_ns();
	if (backend_create(t->backend, &t->class, &t->slot, &k->sandbox, e) ==
		-1)
		return -1;
	FAIL_POINT("create.after");
	if (proc_become(t->slot.uid, (gid_t)t->slot.uid, e) == -1)
		return -1;
	/* Changing the uid cleared it. */
	if (proc_die_with_parent(e) == -1)
		return -1;
	struct buf v_autobuf b = BUF(256);
	if (buf_addf(&b, e, "create-us=%lld\n",
		    (long long)((vtime_mono_ns() - began) / 1000)) == -1)
		return -1;
	return out_frame(&k->out, WIRE_READY, b.data, b.len, e);
}

/* 1 a run is there, 0 the queue let go of this sandbox, -1. */
static int
await_job(struct keeper *k, struct verr *e)
{
	for (;;) {
		struct wire_frame f;
		int got = wire_read(&k->in, &f, e);
		if (got != 1)
			return got;
		if (f.type == WIRE_KILL)
			return 0;
		int complete = job_take(&k->job, k->task->conf, &f, e);
		if (complete != 0)
			return complete;
	}
}

static int
on_started(void *ctx, struct verr *e)
{
	struct keeper *k = ctx;
	int r = out_frame(&k->out, WIRE_STARTED, NULL, 0, e);
	FAIL_POINT("start.after");
	return r;
}

static int
on_output(void *ctx, enum stream s, int64_t t_ns, const void *data, size_t n,
	struct verr *e)
{
	struct keeper *k = ctx;
	return out_bytes(&k->out, s, t_ns, data, n, e);
}

/*
 * The queue spoke or takes more: 1 and the reason when the run is to end, 0
 * to go on. A queue that is gone ends the run as well.
 */
static int
heed_queue(struct keeper *k, enum reason *ret, struct verr *e)
{
	if (out_flush(&k->out, e) == -1)
		return -1;
	struct wire_frame f;
	int got = wire_reader_next(&k->in, &f, e);
	while (got == 0) {
		char byte;
		ssize_t n = recv(
			k->task->channel, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			return verr_set(e, VERR_HOST, EPIPE, "the queue ended");
		if (wire_reader_fill(&k->in, e) == -1)
			return -1;
		got = wire_reader_next(&k->in, &f, e);
	}
	if (got == -1)
		return -1;
	char word[33] = "";
	memcpy(word, f.data, f.len < 32 ? f.len : 32);
	if (f.type != WIRE_KILL || !reason_parse(word, ret))
		return verr_set(e, VERR_PROTO, 0, "frame '%s' during the run",
			wire_type_text(f.type));
	return 1;
}

static int
serve(struct keeper *k, struct verr *e)
{
	const struct run_sink sink = {
		.ctx = k, .started = on_started, .output = on_output};
	if (backend_start(k->sandbox, &k->job.spec, k->job.warmth, &sink, e) ==
		-1)
		return -1;
	for (;;) {
		int ended = backend_wait(k->sandbox, k->out.watch, e);
		if (ended == 1)
			break;
		if (ended == -1)
			return -1;
		enum reason why;
		int end = heed_queue(k, &why, e);
		if (end == -1)
			return -1;
		if (end == 0)
			continue;
		if (backend_kill(k->sandbox, why, e) == -1)
			return -1;
		break;
	}
	return backend_collect(k->sandbox, &k->left, e);
}

static int
say_part(struct keeper *k, enum wire_type type, const struct buf *b,
	struct verr *e)
{
	if (b->len == 0)
		return 0;
	size_t max = wire_type_max(type);
	return out_frame(
		&k->out, type, b->data, b->len < max ? b->len : max, e);
}

static int
say_result(struct keeper *k, struct verr *e)
{
	FAIL_POINT("result.before");
	struct buf v_autobuf b = BUF(65536);
	if (say_part(k, WIRE_OUTPUT, &k->left.output, e) == -1 ||
		say_part(k, WIRE_ERROR, &k->left.error, e) == -1 ||
		say_part(k, WIRE_COMPILED, &k->left.compiled, e) == -1 ||
		run_result_encode(&k->left.result, &b, e) == -1 ||
		out_frame(&k->out, WIRE_RESULT, b.data, b.len, e) == -1)
		return -1;
	int r = out_drain(&k->out, QUEUE_PATIENCE_MS, e);
	FAIL_POINT("result.after");
	return r;
}

static int
whole_life(struct keeper *k, struct verr *e)
{
	if (make_sandbox(k, e) == -1)
		return -1;
	int given = await_job(k, e);
	if (given != 1)
		return given;
	if (serve(k, e) == -1)
		return -1;
	return say_result(k, e);
}

int
keeper_run(const struct keeper_task *t)
{
	struct verr e;
	struct keeper k = {.task = t};
	wire_reader_init(&k.in, t->channel, WIRE_TO_KEEPER);
	job_init(&k.job);
	run_left_init(&k.left);
	int r = out_init(&k.out, t->channel, &e);
	if (r == 0)
		r = whole_life(&k, &e);
	if (r == -1)
		say_platform(&k, &e);
	backend_destroy(k.sandbox);
	out_done(&k.out);
	run_left_done(&k.left);
	job_done(&k.job);
	wire_reader_done(&k.in);
	return r == -1;
}
