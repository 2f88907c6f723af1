/* Keepers, their channels and deadlines, one seat a slot. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fail.h"
#include "fd.h"
#include "log.h"
#include "poison.h"
#include "queue.h"
#include "vtime.h"

/* Besides the run's own limit: making the sandbox, compiling, collecting. */
#define MAKE_MS 15000
#define COMPILE_MS 20000
#define COLLECT_MS 5000
#define END_MS 10000 /* from the result to the end of the keeper */
#define CANCEL_MS 1800 /* a keeper may take so long to end its run */

#define READS_PER_EVENT 16

int
seats_init(struct queue *q, struct verr *e)
{
	q->seat_count = (unsigned)q->conf->slots;
	q->seats = calloc(q->seat_count, sizeof(*q->seats));
	if (q->seats == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "seats");
	for (unsigned i = 0; i < q->seat_count; i++)
		q->seats[i].fd = -1;
	return 0;
}

static void
close_channel(struct seat *s)
{
	fd_close(&s->fd);
	wire_reader_done(&s->in);
	buf_done(&s->out);
	s->out_sent = 0;
	s->wants_out = false;
}

void
seats_done(struct queue *q)
{
	for (unsigned i = 0; q->seats != NULL && i < q->seat_count; i++) {
		close_channel(&q->seats[i]);
		run_free(q->seats[i].run);
	}
	free(q->seats);
	q->seats = NULL;
}

int
seats_find_free(const struct queue *q)
{
	for (unsigned i = 0; i < q->seat_count; i++)
		if (q->seats[i].state == SEAT_FREE && q->seats[i].run == NULL)
			return (int)i;
	return -1;
}

int
seats_find_warm(const struct queue *q, enum tier t, enum runtime r)
{
	int best = -1;
	for (unsigned i = 0; i < q->seat_count; i++) {
		const struct seat *s = &q->seats[i];
		if (s->state != SEAT_WARM || s->run != NULL || s->tier != t ||
			s->runtime != r)
			continue;
		if (best == -1 || s->asked_ns < q->seats[best].asked_ns)
			best = (int)i;
	}
	return best;
}

unsigned
seats_count(const struct queue *q, enum seat_state state)
{
	unsigned n = 0;
	for (unsigned i = 0; i < q->seat_count; i++)
		n += q->seats[i].state == state;
	return n;
}

static int
watch_seat(struct queue *q, unsigned slot, int op, struct verr *e)
{
	struct seat *s = &q->seats[slot];
	struct epoll_event ev = {
		.events = EPOLLIN | (s->wants_out ? (unsigned)EPOLLOUT : 0u),
		.data.u32 = WATCH_SEAT + slot};
	if (epoll_ctl(q->epoll, op, s->fd, &ev) == -1)
		return verr_set(e, VERR_HOST, errno, "watching a keeper");
	return 0;
}

int
seat_start(struct queue *q, unsigned slot, enum tier t, enum runtime r,
	bool probe, struct verr *e)
{
	struct seat *s = &q->seats[slot];
	assert(s->state == SEAT_FREE && s->fd == -1);
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
		return verr_set(e, VERR_HOST, errno, "socketpair");
	int v_autoclose ours = ends[0];
	int v_autoclose theirs = ends[1];
	struct proto_message m = {.verb = probe ? PROTO_PROBE : PROTO_START,
		.tier = t,
		.runtime = r,
		.slot = slot};
	if (fd_nonblock(ours, e) == -1 ||
		proto_send(q->control, &m, theirs, e) == -1)
		return -1;
	struct run *run = s->run;
	*s = (struct seat){.state = SEAT_MAKING,
		.tier = t,
		.runtime = r,
		.probe = probe,
		.fd = v_take_fd(&ours),
		.asked_ns = q->now_ns,
		.deadline_ns = q->now_ns + MAKE_MS * VTIME_NS_PER_MS,
		.run = run};
	wire_reader_init(&s->in, s->fd, WIRE_FROM_KEEPER);
	buf_init(&s->out, FEED_MAX_BYTES);
	q->stats.value[STAT_KEEPERS_STARTED]++;
	return watch_seat(q, slot, EPOLL_CTL_ADD, e);
}

void
seat_kill(struct queue *q, unsigned slot)
{
	struct verr e;
	struct seat *s = &q->seats[slot];
	struct proto_message m = {
		.verb = PROTO_KILL, .tier = s->tier, .slot = slot};
	if (s->state == SEAT_FREE || s->freed)
		return;
	s->deadline_ns = q->now_ns + END_MS * VTIME_NS_PER_MS;
	q->stats.value[STAT_KEEPERS_KILLED]++;
	if (proto_send(q->control, &m, -1, &e) == -1)
		log_verr(&e, "asking the warden to end slot %u", slot);
}

void
seat_dismiss(struct queue *q, unsigned slot)
{
	struct seat *s = &q->seats[slot];
	assert(s->run == NULL);
	close_channel(s);
	s->state = SEAT_ENDING;
	s->deadline_ns = q->now_ns + END_MS * VTIME_NS_PER_MS;
}

/* Why a run without a result failed; the first word on it is the best. */
static void
blame(struct run *r, const struct verr *why)
{
	if (r != NULL && !r->ended && r->platform.kind == VERR_NONE)
		r->platform = *why;
}

static bool
send_out(struct seat *s)
{
	while (s->out_sent < s->out.len) {
		ssize_t n = send(s->fd, s->out.data + s->out_sent,
			s->out.len - s->out_sent, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN;
		s->out_sent += (size_t)n;
	}
	buf_done(&s->out);
	s->out_sent = 0;
	return true;
}

static void
set_wants_out(struct queue *q, unsigned slot, bool on)
{
	struct verr e;
	struct seat *s = &q->seats[slot];
	if (s->wants_out == on)
		return;
	s->wants_out = on;
	if (watch_seat(q, slot, EPOLL_CTL_MOD, &e) == -1)
		log_verr(&e, "slot %u", slot);
}

void
seat_feed(struct queue *q, unsigned slot)
{
	struct verr e;
	struct seat *s = &q->seats[slot];
	struct run *r = s->run;
	if (s->fd == -1)
		return;
	for (;;) {
		bool more = r != NULL && !r->ended && r->feed != FEED_DONE;
		if (more && s->out.len - s->out_sent < FEED_BYTES &&
			run_next_frames(q, r, &s->out, &e) == -1) {
			blame(r, &e);
			seat_kill(q, slot);
			return;
		}
		/* A keeper that is gone shows as the end of its channel. */
		if (!send_out(s) || s->out.len > 0 || !more)
			break;
	}
	set_wants_out(q, slot, s->out.len > 0);
}

static void
on_ready(struct queue *q, struct seat *s)
{
	s->ready = true;
	q->tiers[s->tier].failures = 0;
	pool_made(&q->pool[s->tier][s->runtime], q->now_ns - s->asked_ns);
	if (s->run != NULL) {
		s->run->base_ns = q->now_ns;
		s->run->sandbox_made = true;
		return;
	}
	s->state = SEAT_WARM;
	s->deadline_ns = 0;
	claim_again(q);
}

static int
on_frame(struct queue *q, unsigned slot, const struct wire_frame *f,
	struct verr *e)
{
	struct seat *s = &q->seats[slot];
	if (s->probe) {
		probe_take(q, slot, f);
		return 0;
	}
	if (f->type == WIRE_READY && !s->ready) {
		on_ready(q, s);
		return 0;
	}
	if (s->run != NULL) {
		if (f->type == WIRE_RESULT) {
			s->result_run_id = s->run->run_id;
			s->result_ns = vtime_mono_ns();
		}
		return run_take(q, s->run, f, e);
	}
	if (f->type != WIRE_PLATFORM)
		return verr_set(e, VERR_PROTO, 0,
			"keeper of slot %u says '%s' without a run", slot,
			wire_type_text(f->type));
	/* The first words of a pool that cannot be made are of use. */
	struct tier_state *t = &q->tiers[s->tier];
	if (t->failures++ == 0)
		log_warn("no sandbox of tier %s: %.*s", tier_text(s->tier),
			(int)f->len, (const char *)f->data);
	t->hold_until_ns = q->now_ns + 1000 * VTIME_NS_PER_MS;
	return 0;
}

/* 1 go on, 0 the channel has ended, -1 the keeper breaks the protocol. */
static int
read_frames(struct queue *q, unsigned slot, int reads, struct verr *e)
{
	struct seat *s = &q->seats[slot];
	for (int i = 0; i < reads; i++) {
		size_t before = s->in.in.len - s->in.used;
		int got = wire_reader_fill(&s->in, e);
		if (got != 1)
			return got;
		if (s->in.in.len == before)
			return 1;
		struct wire_frame f;
		int found;
		while ((found = wire_reader_next(&s->in, &f, e)) == 1)
			if (on_frame(q, slot, &f, e) == -1)
				return -1;
		if (found == -1)
			return -1;
	}
	return 1;
}

/*
 * Nothing more comes from this keeper. A run without a result is settled when
 * the slot is proven empty, so that no second life of it overlaps the first
 * and no end is confirmed before it is true.
 */
static void
end_channel(struct queue *q, unsigned slot, const struct verr *why)
{
	struct seat *s = &q->seats[slot];
	blame(s->run, why);
	if (s->state == SEAT_WARM)
		q->stats.value[STAT_WARM_LOST]++;
	if (s->probe)
		probe_end(q, s->tier);
	if (s->result_ns != 0 && q->teardown_count < TEARDOWNS_MAX)
		q->teardowns[q->teardown_count++] =
			(struct teardown){.run_id = s->result_run_id,
				.took_ns = vtime_mono_ns() - s->result_ns};
	close_channel(s);
	s->state = SEAT_ENDING;
	s->deadline_ns = q->now_ns + END_MS * VTIME_NS_PER_MS;
	seat_settle(q, slot);
}

void
seat_event(struct queue *q, unsigned slot, uint32_t events)
{
	struct verr e;
	struct seat *s = &q->seats[slot];
	if (s->fd == -1)
		return;
	if (events & EPOLLOUT)
		seat_feed(q, slot);
	if (s->fd == -1 || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
		return;
	int got = read_frames(q, slot, READS_PER_EVENT, &e);
	if (got == 1) {
		if (s->run != NULL && s->run->ended && s->state == SEAT_BUSY) {
			s->state = SEAT_ENDING;
			s->deadline_ns = q->now_ns + END_MS * VTIME_NS_PER_MS;
		}
		return;
	}
	if (got == 0)
		verr_set(&e, VERR_HOST, 0, "the keeper ended without a result");
	else
		seat_kill(q, slot);
	end_channel(q, slot, &e);
}

void
seat_freed(struct queue *q, unsigned slot)
{
	struct verr e;
	struct seat *s = &q->seats[slot];
	if (s->state == SEAT_FREE)
		return;
	s->freed = true;
	if (s->fd != -1) {
		/* What the keeper said last is still in the channel. */
		int got = read_frames(q, slot, 1 << 20, &e);
		if (got != -1)
			verr_set(&e, VERR_HOST, 0,
				"the keeper ended without a result");
		end_channel(q, slot, &e);
		return;
	}
	seat_settle(q, slot);
}

void
seat_settle(struct queue *q, unsigned slot)
{
	struct seat *s = &q->seats[slot];
	if (s->freed && s->fd == -1 && s->run != NULL && !s->run->ended)
		run_fail(q, s->run, &s->run->platform);
	if (!s->freed || s->run != NULL || s->fd != -1)
		return;
	*s = (struct seat){.fd = -1};
	claim_again(q);
}

void
seat_cancel(struct queue *q, unsigned slot, enum reason why)
{
	struct verr e;
	struct seat *s = &q->seats[slot];
	struct run *r = s->run;
	if (r == NULL || r->ended || r->cancelled)
		return;
	r->cancelled = true;
	int64_t due = q->now_ns + CANCEL_MS * VTIME_NS_PER_MS;
	if (s->deadline_ns == 0 || s->deadline_ns > due)
		s->deadline_ns = due;
	/* A keeper that is still being fed has not begun: end it whole. */
	const char *word = reason_text(why);
	if (!r->claimed)
		return;
	if (r->feed != FEED_DONE || !r->started ||
		wire_append(&s->out, WIRE_KILL, word, strlen(word), &e) == -1) {
		verr_set(&e, VERR_HOST, 0, "ended before it began");
		blame(r, &e);
		seat_kill(q, slot);
		return;
	}
	seat_feed(q, slot);
}

void
seats_check_deadlines(struct queue *q)
{
	struct verr e;
	for (unsigned i = 0; i < q->seat_count; i++) {
		struct seat *s = &q->seats[i];
		if (s->state == SEAT_FREE || s->deadline_ns == 0 ||
			s->deadline_ns > q->now_ns)
			continue;
		verr_set(&e, VERR_HOST, 0, "the keeper was silent");
		blame(s->run, &e);
		if (s->state == SEAT_ENDING) {
			if (!s->complained)
				log_warn("slot %u is not given back", i);
			s->complained = true;
			if (s->run != NULL && !s->run->ended)
				run_fail(q, s->run, &s->run->platform);
		}
		s->state = SEAT_ENDING;
		seat_kill(q, i);
	}
}

void
seat_attach(struct queue *q, unsigned slot)
{
	struct seat *s = &q->seats[slot];
	struct run *r = s->run;
	s->state = SEAT_BUSY;
	r->base_ns = q->now_ns;
	r->sandbox_made = s->ready;
	s->deadline_ns = q->now_ns +
		((int64_t)r->limits.wall_ms + MAKE_MS + COMPILE_MS +
			COLLECT_MS) *
			VTIME_NS_PER_MS;
	seat_feed(q, slot);
}
