/*
 * Warden: the privileged part of vulcan-runner.
 *
 * User: root. May touch: cgroups, namespaces and whatever else the drivers
 * make sandboxes of, the lock, the sockets' folder; it forks keepers and
 * starts the queue. Parses: messages of proto.h from the queue, a closed list
 * of fixed size, each checked again here. Trusts nobody else, and never sees a
 * byte of a guest or the database.
 *
 * It lives for three things: to fork a keeper into a slot (a fork of this
 * small process costs a tenth of a millisecond), to prove a slot empty after
 * its keeper ended, and to end everything when the queue ends. If the warden
 * itself is killed, the kernel ends queue, keepers and host processes
 * (PR_SET_PDEATHSIG), and the next start sweeps what is left.
 */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "poison.h"
#include "proc.h"
#include "roles.h"
#include "vtime.h"
#include "warden.h"
#include "watch.h"

#define QUEUE_WAIT_MS 100 /* before the second start in a row */
#define QUEUE_WAIT_MAX 5000 /* and the longest wait */
#define QUEUE_STEADY_NS (5000 * VTIME_NS_PER_MS)

int
warden_watch(struct warden *w, int fd, unsigned what, struct verr *e)
{
	return watch_add(w->epoll, fd, what, e);
}

void
warden_forget(struct warden *w)
{
	int *mine[] = {
		&w->lock, &w->signals, &w->epoll, &w->control, &w->queue_pidfd};
	for (size_t i = 0; i < sizeof(mine) / sizeof(mine[0]); i++)
		fd_close(mine[i]);
	for (unsigned i = 0; w->wards != NULL && i < w->conf->slots; i++)
		fd_close(&w->wards[i].pidfd);
}

/* A descriptor for each slot's keeper; lowering the ceiling is the host's. */
static void
raise_files(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) == -1)
		log_warn("the limit of open files stays as it is");
}

static int
spawn_queue(struct warden *w, int control, struct verr *e)
{
	const char *const argv[] = {
		"vulcan-runner", "-f", w->conf_path, "queue", NULL};
	const struct proc_fd fds[] = {
		{STDIN_FILENO, STDIN_FILENO},
		{STDOUT_FILENO, STDOUT_FILENO},
		{STDERR_FILENO, STDERR_FILENO},
		{control, PROTO_FD},
	};
	struct proc_spec s = {.path = "/proc/self/exe",
		.argv = argv,
#ifdef VULCAN_FAIL_POINTS
		.envp = (const char *const *)(uintptr_t)environ,
#endif
		.fds = fds,
		.fd_count = sizeof(fds) / sizeof(fds[0]),
		.uid = (uid_t)w->conf->queue_uid,
		.gid = (gid_t)w->conf->group_gid,
		.die_with_parent = true};
	return proc_spawn(&s, &w->queue_pid, &w->queue_pidfd, e);
}

static int
start_queue(struct warden *w, struct verr *e)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1)
		return verr_set(e, VERR_HOST, errno, "socketpair");
	int v_autoclose ours = ends[0];
	int v_autoclose theirs = ends[1];
	/* Room for a message about every slot, so that sends do not block. */
	int room = (int)(w->conf->slots * 2048 + 65536);
	setsockopt(ours, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	setsockopt(theirs, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	w->queue_began_ns = vtime_mono_ns();
	w->queue_due_ns = 0;
	w->queue_was_ready = false;
	if (spawn_queue(w, theirs, e) == -1)
		return -1;
	w->control = v_take_fd(&ours);
	if (warden_watch(w, w->control, WATCH_CONTROL, e) == -1)
		return -1;
	return warden_watch(w, w->queue_pidfd, WATCH_QUEUE, e);
}

/* The queue ended: nothing of its runs may go on. */
static void
on_queue_end(struct warden *w)
{
	int status = 0;
	pid_t got;
	do
		got = waitpid(w->queue_pid, &status, 0);
	while (got == -1 && errno == EINTR);
	epoll_ctl(w->epoll, EPOLL_CTL_DEL, w->control, NULL);
	epoll_ctl(w->epoll, EPOLL_CTL_DEL, w->queue_pidfd, NULL);
	fd_close(&w->control);
	fd_close(&w->queue_pidfd);
	w->queue_pid = -1;
	host_remove_ready(w);
	wards_kill_all(w);
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : ROLE_EXIT_FAILED;
	/* What kept only this one from starting may pass: a locked file, say.
	 */
	if (w->stopping || (code == ROLE_EXIT_NO_USE && !w->ever_ready)) {
		w->over = true;
		w->exit_code = code;
		return;
	}
	int64_t now = vtime_mono_ns();
	bool steady =
		w->queue_was_ready && now - w->queue_began_ns > QUEUE_STEADY_NS;
	if (steady)
		w->queue_wait_ms = 0;
	log_warn("the queue ended (%s %d); it is started again in %lld ms",
		WIFSIGNALED(status) ? "signal" : "exit code",
		WIFSIGNALED(status) ? WTERMSIG(status) : code,
		(long long)w->queue_wait_ms);
	w->queue_due_ns = now + w->queue_wait_ms * VTIME_NS_PER_MS;
	w->queue_wait_ms =
		w->queue_wait_ms == 0 ? QUEUE_WAIT_MS : w->queue_wait_ms * 2;
	if (w->queue_wait_ms > QUEUE_WAIT_MAX)
		w->queue_wait_ms = QUEUE_WAIT_MAX;
}

static void
on_signal(struct warden *w)
{
	struct verr e;
	struct signalfd_siginfo info;
	while (read(w->signals, &info, sizeof(info)) == sizeof(info)) {
		w->stopping = true;
		if (w->queue_pid == -1) {
			w->over = true;
			return;
		}
		log_info("told to stop by signal %u", info.ssi_signo);
		if (proc_kill(w->queue_pidfd, SIGTERM, &e) == -1)
			log_verr(&e, "telling the queue to stop");
	}
}

static void
obey(struct warden *w, const struct proto_message *m, int channel)
{
	switch (m->verb) {
	case PROTO_PROBE:
		host_open_backends(w);
		wards_fork(w, m, channel);
		break;
	case PROTO_START:
		wards_fork(w, m, channel);
		break;
	case PROTO_KILL:
		wards_kill(w, m->slot);
		break;
	case PROTO_READY:
		w->queue_was_ready = w->ever_ready = true;
		host_write_ready(w);
		break;
	case PROTO_NONE:
	case PROTO_FREE:
	case PROTO_LOST:
	case PROTO_VERBS:
		break;
	}
}

static void
on_control(struct warden *w)
{
	struct verr e;
	struct proto_message m;
	int v_autoclose channel = -1;
	int got = proto_recv(
		w->control, 1, (unsigned)w->conf->slots, &m, &channel, &e);
	if (got == 1) {
		obey(w, &m, channel);
		return;
	}
	/* A queue that breaks the protocol is not to be trusted with more. */
	if (got == -1) {
		log_verr(&e, "from the queue");
		if (proc_kill(w->queue_pidfd, SIGKILL, &e) == -1)
			log_verr(&e, "ending the queue");
	}
	epoll_ctl(w->epoll, EPOLL_CTL_DEL, w->control, NULL);
}

static void
on_event(struct warden *w, unsigned what)
{
	if (what == WATCH_SIGNALS)
		on_signal(w);
	else if (what == WATCH_CONTROL && w->control != -1)
		on_control(w);
	else if (what == WATCH_QUEUE && w->queue_pid != -1)
		on_queue_end(w);
	else if (what >= WATCH_SLOT && w->wards[what - WATCH_SLOT].pid != -1)
		wards_reap(w, what - WATCH_SLOT);
	else if (what >= WATCH_BACKEND && what < WATCH_SLOT)
		host_tend(w, (enum tier)(what - WATCH_BACKEND));
}

static int
until(int64_t due_ns, int timeout_ms)
{
	if (due_ns == 0)
		return timeout_ms;
	int64_t ms = (due_ns - vtime_mono_ns()) / VTIME_NS_PER_MS + 1;
	if (ms < 0)
		ms = 0;
	return timeout_ms == -1 || ms < timeout_ms ? (int)ms : timeout_ms;
}

static int
loop(struct warden *w, struct verr *e)
{
	while (!w->over) {
		struct epoll_event evs[64];
		int timeout =
			until(w->queue_due_ns, until(w->sweep_due_ns, -1));
		int n = epoll_wait(w->epoll, evs, 64, timeout);
		if (n == -1 && errno != EINTR)
			return verr_set(e, VERR_HOST, errno, "epoll_wait");
		for (int i = 0; i < n && !w->over; i++)
			on_event(w, evs[i].data.u32);
		int64_t now = vtime_mono_ns();
		if (w->sweep_due_ns != 0 && now >= w->sweep_due_ns)
			wards_retry(w);
		if (!w->over && w->queue_due_ns != 0 &&
			now >= w->queue_due_ns && start_queue(w, e) == -1)
			return -1;
	}
	return 0;
}

static int
serve(struct warden *w, struct verr *e)
{
	if (getuid() != 0)
		return verr_set(e, VERR_INPUT, 0,
			"vulcan-runner must be started as root; it gives its "
			"rights away role by role");
	raise_files();
	if (watch_open(&w->epoll, &w->signals, e) == -1 ||
		warden_watch(w, w->signals, WATCH_SIGNALS, e) == -1 ||
		host_lock(w, e) == -1 || host_folders(w->conf, e) == -1 ||
		wards_init(w, e) == -1)
		return -1;
	host_remove_ready(w);
	host_open_backends(w);
	wards_sweep_all(w);
	if (start_queue(w, e) == -1)
		return -1;
	log_info("started; state in %s", w->conf->state);
	return loop(w, e);
}

int
warden_role(const struct conf *c, const char *conf_path)
{
	struct verr e;
	struct warden w = {.conf = c,
		.conf_path = conf_path,
		.lock = -1,
		.signals = -1,
		.epoll = -1,
		.control = -1,
		.queue_pid = -1,
		.queue_pidfd = -1};
	if (serve(&w, &e) == -1) {
		log_verr(&e, "the runner ends");
		w.exit_code = ROLE_EXIT_FAILED;
	}
	if (w.wards != NULL)
		wards_kill_all(&w);
	for (int t = 0; t < TIER_COUNT; t++)
		backend_close(w.backends[t]);
	host_remove_ready(&w);
	warden_forget(&w);
	wards_done(&w);
	log_info("stopped");
	return w.exit_code;
}
