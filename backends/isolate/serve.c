/* Serving a run until it ends or one of its limits strikes. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "fd.h"
#include "isolate.h"
#include "poison.h"
#include "proc.h"
#include "utf8.h"
#include "vtime.h"

#define KILL_MS 2000
#define ERROR_BYTES 60000
#define OUTPUT_FACTOR 16
#define OUTPUT_FLOOD_MIN (UINT64_C(16) << 20)
#define NS_PER_MS ((int64_t)1000000)

int
isolate_await_death(struct isolate_sandbox *s, int timeout_ms)
{
	if (s->dead)
		return 1;
	struct pollfd p = {.fd = s->status, .events = POLLIN};
	int n;
	do
		n = poll(&p, 1, timeout_ms);
	while (n == -1 && errno == EINTR);
	if (n != 1)
		return 0;
	struct isolate_dead d;
	int fds[FD_PASS_MAX];
	size_t count = 0;
	struct verr e;
	ssize_t got = fd_recv(s->status, &d, sizeof(d), fds, &count, &e);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	s->dead = true;
	if (got == (ssize_t)sizeof(d) && d.magic == ISOLATE_MAGIC) {
		s->dead_status = d.status;
		s->cpu_ns = d.cpu_us * 1000;
		s->rss_kib = d.memory_peak_kib;
		return 1;
	}
	/* The host is gone; its children die with it. */
	s->dead_status = SIGKILL;
	s->host_lost = true;
	return 1;
}

static int64_t
clock_ns(clockid_t id)
{
	struct timespec t;
	if (clock_gettime(id, &t) == -1)
		return 0;
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
finish(struct isolate_sandbox *s)
{
	if (s->ended)
		return;
	s->ended = true;
	s->ended_ns = vtime_mono_ns();
	int64_t cpu = s->dead ? 0 : clock_ns(s->cpu_clock);
	if (cpu > s->cpu_ns)
		s->cpu_ns = cpu;
}

static int
strike(struct isolate_sandbox *s, enum reason reason, uint64_t value,
	struct verr *e)
{
	s->struck = reason;
	s->struck_value = value;
	finish(s);
	compile_end(s->job);
	s->job = NULL;
	if (proc_kill(s->pidfd, SIGKILL, e) == -1)
		return -1;
	if (!isolate_await_death(s, KILL_MS))
		return verr_set(e, VERR_HOST, ETIMEDOUT,
			"process %d does not die", s->pid);
	return 0;
}

/* --- what the guest says ----------------------------------------------------
 */

/*
 * Output is kept up to the limit of both streams together, cut between two
 * characters; what is beyond it is counted.
 */
static int
take_output(struct isolate_sandbox *s, enum stream stream,
	const struct wire_frame *f, struct verr *e)
{
	uint64_t limit = s->base.spec->limits.output_bytes;
	size_t n = f->len;
	s->bytes[stream] += n;
	if (s->cut[STREAM_STDOUT] || s->cut[STREAM_STDERR] ||
		n > limit - s->kept) {
		bool first = !s->cut[STREAM_STDOUT] && !s->cut[STREAM_STDERR];
		n = first ? utf8_cut(f->data, n, (size_t)(limit - s->kept)) : 0;
		s->cut[stream] = true;
	}
	s->kept += n;
	if (n == 0)
		return 0;
	const struct run_sink *sink = &s->base.sink;
	return sink->output(sink->ctx, stream, vtime_mono_ns(), f->data, n, e);
}

static bool
take_exit(struct isolate_sandbox *s, const struct wire_frame *f)
{
	if (f->len != 4)
		return false;
	uint32_t code = 0;
	for (int i = 0; i < 4; i++)
		code |= (uint32_t)f->data[i] << (8 * i);
	s->said_exit = true;
	s->exit_code = (int32_t)code;
	finish(s);
	return true;
}

static bool
keep_once(struct buf *where, const struct wire_frame *f)
{
	struct verr e;
	return where->len == 0 && buf_add(where, f->data, f->len, &e) == 0;
}

/* 1 went on, 0 the guest broke the protocol, -1 our own failure. */
static int
take_frame(
	struct isolate_sandbox *s, const struct wire_frame *f, struct verr *e)
{
	switch (f->type) {
	case WIRE_STDOUT:
		return take_output(s, STREAM_STDOUT, f, e) == -1 ? -1 : 1;
	case WIRE_STDERR:
		return take_output(s, STREAM_STDERR, f, e) == -1 ? -1 : 1;
	case WIRE_OUTPUT:
		return keep_once(&s->output, f);
	case WIRE_ERROR:
		return keep_once(&s->error, f);
	case WIRE_META:
		return keep_once(&s->meta, f);
	case WIRE_EXIT:
		return take_exit(s, f);
	default:
		return 0;
	}
}

static int
break_off(struct isolate_sandbox *s, struct verr *e)
{
	s->broke = true;
	return strike(s, REASON_SIGNAL, 0, e);
}

/* Takes one read's worth; -1 only for our own failures. */
static int
serve_channel(struct isolate_sandbox *s, bool *ret_eof, struct verr *e)
{
	struct verr bad;
	int filled = wire_reader_fill(&s->in, &bad);
	if (filled == -1)
		return break_off(s, e);
	*ret_eof = filled == 0;
	for (;;) {
		struct wire_frame f;
		int found = wire_reader_next(&s->in, &f, &bad);
		if (found == -1)
			return break_off(s, e);
		if (found == 0)
			return 0;
		int r = take_frame(s, &f, e);
		if (r == -1)
			return -1;
		if (r == 0)
			return break_off(s, e);
		if (s->ended)
			return 0;
	}
}

/* --- limits -----------------------------------------------------------------
 */

static uint64_t
flood_limit(const struct run_limits *l)
{
	uint64_t n = l->output_bytes * OUTPUT_FACTOR;
	return n > OUTPUT_FLOOD_MIN ? n : OUTPUT_FLOOD_MIN;
}

/*
 * Ends the run when a limit is passed; else *ret_ns is how long nothing can
 * strike. threads can use that many times the wall clock's time.
 */
static int
check_time(struct isolate_sandbox *s, int64_t began_ns, clockid_t cpu_clock,
	int64_t threads, int64_t *ret_ns, struct verr *e)
{
	const struct run_limits *l = &s->base.spec->limits;
	int64_t used = vtime_mono_ns() - began_ns;
	int64_t wall = (int64_t)l->wall_ms * NS_PER_MS;
	if (used >= wall)
		return strike(
			s, REASON_TIMEOUT, (uint64_t)(used / NS_PER_MS), e);
	int64_t cpu = clock_ns(cpu_clock);
	int64_t cpu_max = (int64_t)l->cpu_ms * NS_PER_MS;
	if (cpu >= cpu_max)
		return strike(s, REASON_CPU, (uint64_t)(cpu / NS_PER_MS), e);
	int64_t left = (cpu_max - cpu) / threads;
	*ret_ns = wall - used < left ? wall - used : left;
	if (*ret_ns < NS_PER_MS / 2)
		*ret_ns = NS_PER_MS / 2;
	return 0;
}

static int
check_limits(struct isolate_sandbox *s, int64_t *ret_ns, struct verr *e)
{
	uint64_t said = s->bytes[STREAM_STDOUT] + s->bytes[STREAM_STDERR];
	if (said > flood_limit(&s->base.spec->limits))
		return strike(s, REASON_OUTPUT, said, e);
	return check_time(s, s->started_ns, s->cpu_clock, 1, ret_ns, e);
}

static int
wait_for(struct pollfd *p, nfds_t n, int64_t ns, struct verr *e)
{
	struct timespec t = {
		.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
	if (ppoll(p, n, &t, NULL) == -1 && errno != EINTR)
		return verr_set(e, VERR_HOST, errno, "ppoll");
	return 0;
}

/* --- the two parts of a run
 * --------------------------------------------------- */

/*
 * Without a word of its end the child is gone or as good as gone; its host
 * tells how, when it comes to it. One that lives on with a closed channel is a
 * guest that lies.
 */
static int
end_silent(struct isolate_sandbox *s, struct verr *e)
{
	finish(s);
	if (!isolate_await_death(s, KILL_MS))
		return break_off(s, e);
	if (s->host_lost)
		return verr_set(
			e, VERR_HOST, 0, "the host ended while this ran");
	return 0;
}

static int
serve_program(struct isolate_sandbox *s, int cancel_fd, struct verr *e)
{
	while (!s->ended) {
		int64_t ns = 0;
		if (check_limits(s, &ns, e) == -1)
			return -1;
		if (s->ended)
			break;
		struct pollfd p[] = {{.fd = s->channel, .events = POLLIN},
			{.fd = cancel_fd, .events = POLLIN}};
		if (wait_for(p, 2, ns, e) == -1)
			return -1;
		bool eof = false;
		if (p[0].revents != 0 && serve_channel(s, &eof, e) == -1)
			return -1;
		if (eof && !s->ended && end_silent(s, e) == -1)
			return -1;
		if (p[1].revents != 0 && !s->ended)
			return 0;
	}
	return 1;
}

/* esbuild's mark before a message; what follows on its line is a sentence. */
static int
take_complaint(
	struct isolate_sandbox *s, const struct buf *said, struct verr *e)
{
	static const char mark[] = "\xe2\x9c\x98 [ERROR] ";
	const char *text = buf_text(said);
	const char *at = strstr(text, mark);
	size_t skip = at != NULL ? (size_t)(at - text) + sizeof(mark) - 1 : 0;
	size_t n = utf8_cut(text + skip, said->len - skip, ERROR_BYTES);
	return buf_add(&s->error, text + skip, n, e);
}

/* The bundle goes to the child and to whoever keeps bundles. */
static int
finish_compile(struct isolate_sandbox *s, struct verr *e)
{
	struct compile_job *job = s->job;
	s->compile_ns = vtime_mono_ns() - job->began_ns;
	s->cpu_ns = 0;
	if (!compile_succeeded(job)) {
		s->struck = cgroup_oom_killed(&s->group) ? REASON_MEMORY
							 : REASON_COMPILE;
		if (take_complaint(s, &job->said, e) == -1)
			return -1;
		finish(s);
	} else {
		s->compiled = job->bundle;
		buf_init(&job->bundle, 0);
	}
	compile_end(job);
	s->job = NULL;
	if (s->ended)
		return 0;
	return isolate_hand_over(s, s->compiled.data, s->compiled.len, e);
}

/* 1 the program may be served, 0 cancelled, -1. */
static int
serve_compiler(struct isolate_sandbox *s, int cancel_fd, struct verr *e)
{
	while (s->job != NULL && !s->ended) {
		struct compile_job *job = s->job;
		int64_t ns = 0;
		s->started_ns = job->began_ns;
		if (check_time(s, job->began_ns, job->cpu_clock, 2, &ns, e) ==
			-1)
			return -1;
		if (s->ended)
			break;
		int fds[COMPILE_FDS];
		compile_fds(job, fds);
		struct pollfd p[COMPILE_FDS + 1];
		for (size_t i = 0; i < COMPILE_FDS; i++)
			p[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
		p[COMPILE_FDS] =
			(struct pollfd){.fd = cancel_fd, .events = POLLIN};
		if (wait_for(p, COMPILE_FDS + 1, ns, e) == -1)
			return -1;
		if (p[COMPILE_FDS].revents != 0)
			return 0;
		int r = compile_serve(job, e);
		if (r == -1 || (r == 1 && finish_compile(s, e) == -1))
			return -1;
	}
	return 1;
}

int
isolate_wait(struct sandbox *sb, int cancel_fd, struct verr *e)
{
	struct isolate_sandbox *s = (struct isolate_sandbox *)sb;
	int r = serve_compiler(s, cancel_fd, e);
	return r == 1 ? serve_program(s, cancel_fd, e) : r;
}

int
isolate_kill(struct sandbox *sb, enum reason reason, struct verr *e)
{
	struct isolate_sandbox *s = (struct isolate_sandbox *)sb;
	return strike(s, reason, 0, e);
}
