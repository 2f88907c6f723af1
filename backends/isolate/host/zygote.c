/*
 * The zygote's loop: births, deaths and their news.
 *
 * It never reads a byte of a run: an ask is a fixed struct from a root
 * process (checked by its credentials), the channel in it is only handed on.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ask.h"
#include "child.h"
#include "fd.h"
#include "poison.h"
#include "proc.h"
#include "zygote.h"

enum { ASK_CHANNEL, ASK_STATUS, ASK_CGROUPS };
#define ASK_FDS_MAX (ASK_CGROUPS + ISOLATE_CGROUPS_MAX)

/* Each child has two descriptors in the epoll set, told apart by `end`. */
struct born;
struct watch {
	struct born *born; /* NULL: the control socket */
	bool process; /* the pidfd, else the status socket */
};

struct born {
	pid_t pid;
	int pidfd;
	int status; /* -1: the keeper is gone */
	struct watch process, keeper;
	struct born *dead_next;
};

struct serving {
	struct zygote *z;
	int epoll;
	size_t children;
	uint64_t births;
	bool open; /* somebody can still ask */
};

struct ask {
	struct isolate_ask what;
	int fds[ASK_FDS_MAX];
	size_t count;
};

static void
close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

/* The sender's uid, or -1; its descriptors into a->fds. */
static int64_t
read_control(struct msghdr *m, struct ask *a)
{
	int64_t uid = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL;
		c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred cred;
			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			uid = cred.uid;
		}
		if (c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (a->count < ASK_FDS_MAX)
				a->fds[a->count++] = fd;
			else
				close(fd);
		}
	}
	return uid;
}

/* 1: a good ask; 0: none, or a bad one that was dropped; -1: end of file. */
static int
receive(struct serving *s, struct ask *a)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * ASK_FDS_MAX) +
			CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = {.iov_base = &a->what, .iov_len = sizeof(a->what)};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room)};
	a->count = 0;
	ssize_t n = recvmsg(s->z->control, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n == 0)
		return -1;
	if (n == -1)
		return errno == ECONNRESET ? -1 : 0;
	int64_t uid = read_control(&m, a);
	const struct isolate_ask *w = &a->what;
	bool good = uid == 0 && (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
		n == (ssize_t)sizeof(*w) && w->magic == ISOLATE_MAGIC &&
		a->count >= ASK_CGROUPS && w->uid >= s->z->uid_first &&
		w->uid - s->z->uid_first < s->z->uid_count;
	if (!good)
		close_all(a->fds, a->count);
	return good;
}

/*
 * clone3 by hand: fork() knows neither namespaces, pidfds nor cgroups. The C
 * library's own preparations are for threads, and there are none here.
 */
static pid_t
clone_child(const struct ask *a, int *ret_pidfd)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWIPC,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};
	if (a->what.cgroup_version == 2 && a->count > ASK_CGROUPS) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)a->fds[ASK_CGROUPS];
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static _Noreturn void
be_child(const struct serving *s, const struct ask *a)
{
	struct child c = {
		.uid = a->what.uid,
		.channel = a->fds[ASK_CHANNEL],
		.filter = &s->z->filter,
	};
	for (size_t i = 0; i < ISOLATE_CGROUPS_MAX; i++)
		c.cgroup_tasks[i] = a->what.cgroup_version == 1 &&
				ASK_CGROUPS + i < a->count
			? a->fds[ASK_CGROUPS + i]
			: -1;
	child_main(&c);
}

static void
answer_born(int status, pid_t pid, int sys, int pidfd)
{
	struct isolate_born b = {
		.magic = ISOLATE_MAGIC, .pid = pid, .sys = sys};
	struct verr e;
	/* A keeper that is gone is noticed by its closed socket. */
	(void)fd_send(status, &b, sizeof(b), &pidfd, pid == -1 ? 0 : 1, &e);
}

static int
watch(const struct serving *s, int fd, uint32_t events, struct watch *w)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};
	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev);
}

static void
tell_renewal(const struct serving *s)
{
	struct isolate_note n = {.magic = ISOLATE_MAGIC, .word = ISOLATE_RENEW};
	struct verr e;
	(void)fd_send(s->z->control, &n, sizeof(n), NULL, 0, &e);
}

static void
give_birth(struct serving *s, const struct ask *a)
{
	struct born *b = calloc(1, sizeof(*b));
	int pidfd = -1;
	pid_t pid = b == NULL ? -1 : clone_child(a, &pidfd);
	if (pid == 0)
		be_child(s, a);
	int sys = pid == -1 ? errno : 0;
	answer_born(a->fds[ASK_STATUS], pid, sys, pidfd);
	close(a->fds[ASK_CHANNEL]);
	close_all(a->fds + ASK_CGROUPS, a->count - ASK_CGROUPS);
	if (pid == -1) {
		close(a->fds[ASK_STATUS]);
		free(b);
		return;
	}
	*b = (struct born){.pid = pid,
		.pidfd = pidfd,
		.status = a->fds[ASK_STATUS],
		.process = {.born = b, .process = true},
		.keeper = {.born = b}};
	s->children++;
	s->births++;
	struct verr e;
	if (watch(s, pidfd, EPOLLIN, &b->process) == -1 ||
		watch(s, b->status, EPOLLIN | EPOLLRDHUP, &b->keeper) == -1)
		proc_kill(pidfd, SIGKILL, &e);
	if (s->births == s->z->renew_runs)
		tell_renewal(s);
}

/*
 * A child that is just being forked has copies of these descriptors, and a
 * copy keeps a closed one watched: its news would then reach freed memory.
 */
static void
unwatch(const struct serving *s, int *fd)
{
	if (*fd != -1)
		epoll_ctl(s->epoll, EPOLL_CTL_DEL, *fd, NULL);
	fd_close(fd);
}

/* The keeper closed its end: its child has no purpose any more. */
static void
lose_keeper(const struct serving *s, struct born *b)
{
	struct verr e;
	(void)proc_kill(b->pidfd, SIGKILL, &e);
	unwatch(s, &b->status);
}

static void
bury(struct serving *s, struct born *b)
{
	int status;
	struct rusage use;
	if (wait4(b->pid, &status, WNOHANG, &use) != b->pid)
		return;
	struct isolate_dead d = {
		.magic = ISOLATE_MAGIC,
		.status = status,
		.cpu_us = ((int64_t)use.ru_utime.tv_sec + use.ru_stime.tv_sec) *
				1000000 +
			use.ru_utime.tv_usec + use.ru_stime.tv_usec,
		.memory_peak_kib = use.ru_maxrss,
	};
	struct verr e;
	if (b->status != -1)
		(void)fd_send(b->status, &d, sizeof(d), NULL, 0, &e);
	unwatch(s, &b->status);
	unwatch(s, &b->pidfd);
	s->children--;
	b->pid = -1;
}

static void
serve_control(struct serving *s)
{
	for (;;) {
		struct ask a;
		int got = receive(s, &a);
		if (got == -1) {
			s->open = false;
			epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->z->control, NULL);
		}
		if (got != 1)
			return;
		give_birth(s, &a);
	}
}

/*
 * Two events of one child may come in one batch, so what was buried is freed
 * after the batch.
 */
static void
serve_events(struct serving *s, const struct epoll_event *ev, int n)
{
	struct born *dead = NULL;
	for (int i = 0; i < n; i++) {
		const struct watch *w = ev[i].data.ptr;
		struct born *b = w->born;
		if (b == NULL) {
			serve_control(s);
			continue;
		}
		if (b->pid == -1)
			continue;
		if (!w->process) {
			lose_keeper(s, b);
			continue;
		}
		bury(s, b);
		if (b->pid == -1) {
			b->dead_next = dead;
			dead = b;
		}
	}
	while (dead != NULL) {
		struct born *next = dead->dead_next;
		free(dead);
		dead = next;
	}
}

int
zygote_serve(struct zygote *z, struct verr *e)
{
	int v_autoclose epoll = epoll_create1(EPOLL_CLOEXEC);
	struct serving s = {.z = z, .epoll = epoll, .open = true};
	struct watch control = {.born = NULL};
	if (epoll == -1 || watch(&s, z->control, EPOLLIN, &control) == -1)
		return verr_set(e, VERR_HOST, errno, "watching the control");
	while (s.open || s.children > 0) {
		struct epoll_event ev[64];
		int n = epoll_wait(epoll, ev, 64, -1);
		if (n == -1 && errno != EINTR)
			return verr_set(e, VERR_HOST, errno, "epoll_wait");
		if (n > 0)
			serve_events(&s, ev, n);
	}
	return 0;
}
