/* Starting, renewing and ending the host processes of the isolate tier. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ask.h"
#include "fd.h"
#include "isolate.h"
#include "poison.h"
#include "proc.h"

#define READY_MS 10000 /* longest start of a host */
#define RETRY_MS_MAX 5000
#define RETRY_MS_MIN 20
#define POSTPONE_MS 500 /* of a renewal, while too many old hosts have runs */

static const struct isolate_host no_host = {
	.pid = -1, .pidfd = -1, .control = -1};

static int
watch(const struct isolate_backend *b, int fd, struct verr *e)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
	if (epoll_ctl(b->epoll, EPOLL_CTL_ADD, fd, &ev) == -1)
		return verr_set(e, VERR_HOST, errno, "watching a host");
	return 0;
}

static int
exec_host(const struct isolate_backend *b, int theirs, struct isolate_host *h,
	struct verr *e)
{
	const struct conf *c = b->base.conf;
	char first[24], count[24], runs[24];
	snprintf(first, sizeof(first), "%" PRIu64, c->slot_uid_first);
	snprintf(count, sizeof(count), "%" PRIu64, c->slots);
	snprintf(runs, sizeof(runs), "%" PRIu64, c->zygote_renew_runs);
	const char *const argv[] = {
		[0] = "vulcan-isolate",
		[ISOLATE_ARG_JIT] = c->isolate_jit ? "1" : "0",
		[ISOLATE_ARG_UID_FIRST] = first,
		[ISOLATE_ARG_UID_COUNT] = count,
		[ISOLATE_ARG_RENEW_RUNS] = runs,
		[ISOLATE_ARGS] = NULL,
	};
	const struct proc_fd fds[] = {
		{STDERR_FILENO, STDERR_FILENO}, {theirs, ISOLATE_CONTROL_FD}};
	const struct proc_spec spec = {.path = c->isolate_host,
		.argv = argv,
		.fds = fds,
		.fd_count = 2,
		.die_with_parent = true};
	return proc_spawn(&spec, &h->pid, &h->pidfd, e);
}

/* Starts a host; it can be asked at once and answers when it is ready. */
static int
spawn(struct isolate_backend *b, struct isolate_host *h, struct verr *e)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1)
		return verr_set(e, VERR_HOST, errno, "control socket");
	int v_autoclose ours = ends[0];
	int v_autoclose theirs = ends[1];
	*h = no_host;
	/* The host answers root alone; asks may come before it is ready. */
	int on = 1;
	if (setsockopt(theirs, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == -1)
		return verr_set(e, VERR_HOST, errno, "SO_PASSCRED");
	if (exec_host(b, theirs, h, e) == -1)
		return -1;
	h->control = v_take_fd(&ours);
	h->generation = ++b->generations;
	if (watch(b, h->control, e) == -1 || watch(b, h->pidfd, e) == -1)
		return -1;
	return 0;
}

/* Keepers have copies, and a copy keeps a closed descriptor watched. */
static void
unwatch(const struct isolate_backend *b, int *fd)
{
	if (*fd != -1)
		epoll_ctl(b->epoll, EPOLL_CTL_DEL, *fd, NULL);
	fd_close(fd);
}

/* Closing the last control end lets a host finish when its runs have. */
static void
forget(const struct isolate_backend *b, struct isolate_host *h)
{
	unwatch(b, &h->control);
	unwatch(b, &h->pidfd);
	*h = no_host;
}

static void
end(const struct isolate_backend *b, struct isolate_host *h)
{
	struct verr e;
	if (h->pid == -1)
		return;
	(void)proc_kill(h->pidfd, SIGKILL, &e);
	waitpid(h->pid, NULL, 0);
	forget(b, h);
}

static int
set_timer(const struct isolate_backend *b, uint64_t ms, struct verr *e)
{
	struct itimerspec t = {.it_value = {.tv_sec = (time_t)(ms / 1000),
				       .tv_nsec = (long)(ms % 1000) * 1000000}};
	if (timerfd_settime(b->timer, 0, &t, NULL) == -1)
		return verr_set(e, VERR_HOST, errno, "timer");
	return 0;
}

static int
age_timer(const struct isolate_backend *b, struct verr *e)
{
	return set_timer(b, b->base.conf->zygote_renew_ms, e);
}

/* A start has failed; tried again after a while, longer each time. */
static int
retry_later(struct isolate_backend *b, struct verr *e)
{
	uint64_t ms = RETRY_MS_MIN;
	for (unsigned i = 0; i < b->failures && ms < RETRY_MS_MAX; i++)
		ms *= 2;
	b->failures++;
	return set_timer(b, ms, e);
}

static int
fail_for_now(struct isolate_backend *b, const char *why, struct verr *e)
{
	snprintf(b->failure, sizeof(b->failure), "%s", why);
	return retry_later(b, e);
}

/* One note of a host: 1 and *ret; 0 when it has ended; -1 none now. */
static int
read_note(const struct isolate_host *h, struct isolate_note *ret)
{
	ssize_t n = recv(h->control, ret, sizeof(*ret), MSG_DONTWAIT);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? -1 : 0;
	if (n != (ssize_t)sizeof(*ret) || ret->magic != ISOLATE_MAGIC)
		return 0;
	ret->text[sizeof(ret->text) - 1] = '\0';
	return 1;
}

static void
become_ready(struct isolate_backend *b, struct isolate_host *h,
	const struct isolate_note *n)
{
	h->ready = true;
	h->ready_us = n->ready_us;
	snprintf(h->version, sizeof(h->version), "%.63s", n->text);
	b->failure[0] = '\0';
	b->failures = 0;
}

static struct isolate_host *
free_old(struct isolate_backend *b)
{
	for (size_t i = 0; i < ISOLATE_OLD_MAX; i++)
		if (b->old[i].pid == -1)
			return &b->old[i];
	return NULL;
}

/* The host of now goes on with its runs; it is asked for no more. */
static void
retire(struct isolate_backend *b)
{
	/* Renewals are one at a time and begin only when there is one. */
	struct isolate_host *old = free_old(b);
	assert(old != NULL);
	unwatch(b, &b->now.control);
	*old = b->now;
	b->now = no_host;
}

static int
begin_renewal(struct isolate_backend *b, struct verr *e)
{
	if (b->next.pid != -1)
		return 0;
	/* An old host ends when its runs have, and not before. */
	if (free_old(b) == NULL)
		return set_timer(b, POSTPONE_MS, e);
	struct verr why;
	if (spawn(b, &b->next, &why) == -1) {
		end(b, &b->next);
		return fail_for_now(b, why.msg, e);
	}
	return 0;
}

/* Reaps a host that has ended: 1 it was lost, 0 it had done its work. */
static int
reap(const struct isolate_backend *b, struct isolate_host *h)
{
	int status = 0;
	pid_t got = waitpid(h->pid, &status, WNOHANG);
	forget(b, h);
	return got > 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0);
}

/*
 * The host of now has ended. A new one takes its place before it is ready:
 * asks wait in its socket, so a crash costs others a moment and not their run.
 * 1 when sandboxes were lost with it.
 */
static int
replace_dead(struct isolate_backend *b, const char *why, struct verr *e)
{
	bool was_ready = b->now.ready;
	(void)reap(b, &b->now);
	if (b->next.pid != -1) {
		b->now = b->next;
		b->next = no_host;
		return age_timer(b, e) == -1 ? -1 : 1;
	}
	if (!was_ready)
		return fail_for_now(b, why, e);
	struct verr start;
	int r;
	if (spawn(b, &b->now, &start) == -1) {
		end(b, &b->now);
		r = fail_for_now(b, start.msg, e);
	} else {
		r = age_timer(b, e);
	}
	return r == -1 ? -1 : 1;
}

static int
tend_control(struct isolate_backend *b, struct isolate_host *h, struct verr *e)
{
	for (;;) {
		struct isolate_note n;
		int got = read_note(h, &n);
		if (got == -1)
			return 0;
		if (got == 0) {
			epoll_ctl(b->epoll, EPOLL_CTL_DEL, h->control, NULL);
			return 0;
		}
		if (n.word == ISOLATE_FAILED)
			snprintf(b->failure, sizeof(b->failure), "%s", n.text);
		if (n.word == ISOLATE_RENEW && h == &b->now &&
			begin_renewal(b, e) == -1)
			return -1;
		if (n.word != ISOLATE_READY)
			continue;
		become_ready(b, h, &n);
		if (h != &b->next)
			continue;
		retire(b);
		b->now = b->next;
		b->next = no_host;
		return age_timer(b, e);
	}
}

static int
tend_timer(struct isolate_backend *b, struct verr *e)
{
	uint64_t ticks;
	if (read(b->timer, &ticks, sizeof(ticks)) == -1)
		return 0;
	if (b->now.pid != -1)
		return begin_renewal(b, e);
	struct verr why;
	if (spawn(b, &b->now, &why) == -1) {
		end(b, &b->now);
		return fail_for_now(b, why.msg, e);
	}
	return age_timer(b, e);
}

static int
tend_death(struct isolate_backend *b, int fd, struct verr *e)
{
	if (fd == b->now.pidfd) {
		char why[200];
		snprintf(why, sizeof(why), "%s",
			b->failure[0] != '\0' ? b->failure
					      : "the host ended as it started");
		return replace_dead(b, why, e);
	}
	if (fd == b->next.pidfd) {
		(void)reap(b, &b->next);
		return retry_later(b, e);
	}
	for (size_t i = 0; i < ISOLATE_OLD_MAX; i++)
		if (fd == b->old[i].pidfd)
			return reap(b, &b->old[i]);
	return 0;
}

int
isolate_hosts_tend(struct isolate_backend *b, struct verr *e)
{
	struct epoll_event ev[8];
	int n = epoll_wait(b->epoll, ev, 8, 0);
	int lost = 0;
	for (int i = 0; i < n; i++) {
		int fd = ev[i].data.fd;
		int r;
		if (fd == b->timer)
			r = tend_timer(b, e);
		else if (fd == b->now.control)
			r = tend_control(b, &b->now, e);
		else if (fd == b->next.control)
			r = tend_control(b, &b->next, e);
		else
			r = tend_death(b, fd, e);
		if (r == -1)
			return -1;
		lost |= r;
	}
	return lost;
}

/* Until the first host is ready or has failed; the caller tells by failure. */
static int
await_first(struct isolate_backend *b, struct verr *e)
{
	struct pollfd p[] = {{.fd = b->now.control, .events = POLLIN},
		{.fd = b->now.pidfd, .events = POLLIN}};
	while (b->now.pid != -1 && !b->now.ready) {
		int n = poll(p, 2, READY_MS);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return verr_set(e, VERR_HOST,
				n == 0 ? ETIMEDOUT : errno, "waiting for %s",
				b->base.conf->isolate_host);
		if (isolate_hosts_tend(b, e) == -1)
			return -1;
	}
	return 0;
}

int
isolate_hosts_open(struct isolate_backend *b, struct verr *e)
{
	b->now = b->next = no_host;
	for (size_t i = 0; i < ISOLATE_OLD_MAX; i++)
		b->old[i] = no_host;
	b->timer = -1;
	b->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (b->epoll != -1)
		b->timer = timerfd_create(
			CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (b->timer == -1)
		return verr_set(e, VERR_HOST, errno, "epoll and timer");
	if (watch(b, b->timer, e) == -1)
		return -1;
	struct verr why;
	if (spawn(b, &b->now, &why) == -1) {
		end(b, &b->now);
		return fail_for_now(b, why.msg, e);
	}
	if (age_timer(b, e) == -1)
		return -1;
	return await_first(b, e);
}

void
isolate_hosts_close(struct isolate_backend *b)
{
	end(b, &b->now);
	end(b, &b->next);
	for (size_t i = 0; i < ISOLATE_OLD_MAX; i++)
		end(b, &b->old[i]);
	fd_close(&b->timer);
	fd_close(&b->epoll);
}
