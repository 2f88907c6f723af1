/*
 * vulcan-fcgi: the web side of Vulcan.
 *
 * The master binds RUN/fcgi.sock (or takes the listening socket it got as
 * descriptor 0), gives up root, and keeps web_workers workers alive: one that
 * ends is replaced, at once when it had served a while, else later and later.
 * It parses nothing but its configuration. Started by a CGI server it serves
 * that one request itself.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf.h"
#include "fd.h"
#include "log.h"
#include "poison.h"
#include "proc.h"
#include "route.h"
#include "serve.h"
#include "shared.h"
#include "vtime.h"
#include "wait.h"
#include "worker.h"

#define BACKLOG 1024
#define BACK_OFF_MS 100
#define BACK_OFF_MAX_MS 10000
#define QUICK_MS 2000 /* a worker that ends sooner had no good start */
#define STOP_MS 8000 /* for requests under way at SIGTERM */
#define CONF_NORMAL "/etc/vulcan/vulcan.conf"

static volatile sig_atomic_t master_stopping;

static void
on_stop(int signal)
{
	(void)signal;
	master_stopping = 1;
}

static void
on_child(int signal)
{
	(void)signal;
}

static bool
is_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

/*
 * The socket gets its name when it listens and has its owner: whoever waits
 * for the name may use it, and give it to another group, at once.
 */
static int
listen_at(const struct conf *c, int *ret, struct verr *e)
{
	char path[CONF_PATH_BYTES + 16];
	snprintf(path, sizeof(path), "%s/fcgi.sock", c->run);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int n = snprintf(a.sun_path, sizeof(a.sun_path), "%s.new", path);
	if (n < 0 || (size_t)n >= sizeof(a.sun_path))
		return verr_set(e, VERR_INPUT, 0,
			"%s is too long for a socket: shorten `run`", c->run);
	int v_autoclose fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return verr_set(e, VERR_HOST, errno, "cannot make a socket");
	if (unlink(a.sun_path) == -1 && errno != ENOENT)
		return verr_set(
			e, VERR_HOST, errno, "cannot remove %s", a.sun_path);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1 ||
		chmod(a.sun_path, 0660) == -1)
		return verr_set(
			e, VERR_HOST, errno, "cannot bind %s", a.sun_path);
	if (geteuid() == 0 &&
		chown(a.sun_path, (uid_t)c->web_uid, (gid_t)c->group_gid) == -1)
		return verr_set(
			e, VERR_HOST, errno, "cannot give %s away", a.sun_path);
	if (listen(fd, BACKLOG) == -1 || rename(a.sun_path, path) == -1)
		return verr_set(
			e, VERR_HOST, errno, "cannot listen at %s", path);
	*ret = v_take_fd(&fd);
	return 0;
}

/* RUN/web holds the workers' own sockets. */
static int
make_folder(const struct conf *c, struct verr *e)
{
	char path[CONF_PATH_BYTES + 8];
	snprintf(path, sizeof(path), "%s/web", c->run);
	if (mkdir(path, 0770) == -1 && errno != EEXIST)
		return verr_set(e, VERR_HOST, errno, "cannot make %s", path);
	if (geteuid() == 0 &&
		chown(path, (uid_t)c->web_uid, (gid_t)c->group_gid) == -1)
		return verr_set(
			e, VERR_HOST, errno, "cannot give %s away", path);
	return 0;
}

struct worker {
	pid_t pid; /* -1: none */
	int64_t started_ns;
	int64_t start_ns; /* not before */
	int64_t back_off_ms;
};

struct pool {
	const struct conf *conf;
	struct shared *shared;
	int listen_fd;
	struct worker workers[SHARED_SLOTS];
};

static void
start(struct pool *p, size_t slot)
{
	struct worker *w = &p->workers[slot];
	pid_t master = getpid();
	w->started_ns = vtime_mono_ns();
	w->pid = fork();
	if (w->pid != 0)
		return;
	struct verr e;
	log_open("fcgi");
	if (proc_die_with_parent(&e) == -1 || getppid() != master)
		_exit(0);
	int r = worker_run(p->conf, p->shared, slot, p->listen_fd, &e);
	if (r == -1)
		log_verr(&e, "worker %zu", slot);
	/* exit, so that a sanitised build may report what leaked. */
	exit(r == -1 ? 1 : 0);
}

static void
ended(struct pool *p, pid_t pid, int status)
{
	for (size_t i = 0; i < p->conf->web_workers; i++) {
		struct worker *w = &p->workers[i];
		if (w->pid != pid)
			continue;
		int64_t now = vtime_mono_ns();
		bool quick = now - w->started_ns < QUICK_MS * VTIME_NS_PER_MS;
		bool sound = WIFEXITED(status) && WEXITSTATUS(status) == 0;
		w->pid = -1;
		shared_forget(p->shared, i);
		wait_unbind(p->conf, pid);
		if (!quick || sound)
			w->back_off_ms = 0;
		else
			w->back_off_ms = w->back_off_ms == 0
				? BACK_OFF_MS
				: w->back_off_ms * 2;
		if (w->back_off_ms > BACK_OFF_MAX_MS)
			w->back_off_ms = BACK_OFF_MAX_MS;
		w->start_ns = now + w->back_off_ms * VTIME_NS_PER_MS;
		if (master_stopping)
			return;
		p->shared->respawns++;
		if (!sound)
			log_warn("worker %zu (pid %ld) ended: %s %d", i,
				(long)pid,
				WIFSIGNALED(status) ? "signal" : "exit code",
				WIFSIGNALED(status) ? WTERMSIG(status)
						    : WEXITSTATUS(status));
		return;
	}
}

static void
reap(struct pool *p)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		ended(p, pid, status);
}

/* Starts what should run; returns when the next one is due, or -1. */
static int64_t
fill(struct pool *p)
{
	int64_t now = vtime_mono_ns(), next = -1;
	for (size_t i = 0; i < p->conf->web_workers; i++) {
		struct worker *w = &p->workers[i];
		if (w->pid == -1 && w->start_ns <= now)
			start(p, i);
		if (w->pid == -1 && (next == -1 || w->start_ns < next))
			next = w->start_ns > now ? w->start_ns
						 : now + VTIME_NS_PER_MS * 100;
	}
	return next;
}

static size_t
signal_all(const struct pool *p, int signal)
{
	size_t n = 0;
	for (size_t i = 0; i < p->conf->web_workers; i++)
		if (p->workers[i].pid > 0) {
			kill(p->workers[i].pid, signal);
			n++;
		}
	return n;
}

static void
pause_until(int64_t when_ns, const sigset_t *mask)
{
	int64_t left = when_ns == -1 ? 0 : when_ns - vtime_mono_ns();
	if (left < 0)
		left = 0;
	struct timespec ts = {
		.tv_sec = left / (1000 * VTIME_NS_PER_MS),
		.tv_nsec = left % (1000 * VTIME_NS_PER_MS),
	};
	ppoll(NULL, 0, when_ns == -1 ? NULL : &ts, mask);
}

static void
run_pool(struct pool *p)
{
	/* Signals arrive only while it pauses: none is lost between. */
	sigset_t block, open;
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &open);
	struct sigaction stop = {.sa_handler = on_stop};
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	struct sigaction child = {.sa_handler = on_child};
	sigaction(SIGCHLD, &child, NULL);
	for (size_t i = 0; i < SHARED_SLOTS; i++)
		p->workers[i].pid = -1;
	while (!master_stopping) {
		int64_t next = fill(p);
		pause_until(next, &open);
		reap(p);
	}
	int64_t end = vtime_mono_ns() + STOP_MS * VTIME_NS_PER_MS;
	while (signal_all(p, SIGTERM) > 0 && vtime_mono_ns() < end) {
		pause_until(end, &open);
		reap(p);
	}
	signal_all(p, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static int
serve_pool(const struct conf *c, struct verr *e)
{
	static struct pool pool;
	pool.conf = c;
	umask(0007);
	bool given = is_listening(STDIN_FILENO);
	pool.listen_fd = STDIN_FILENO;
	if (make_folder(c, e) == -1 ||
		(!given && listen_at(c, &pool.listen_fd, e) == -1) ||
		shared_new(&pool.shared, e) == -1)
		return -1;
	if (geteuid() == 0 &&
		proc_become((uid_t)c->web_uid, (gid_t)c->group_gid, e) == -1)
		return -1;
	if (geteuid() == 0)
		return verr_set(e, VERR_INPUT, 0,
			"the web side does not run as root: set web_user");
	log_info("%llu workers", (unsigned long long)c->web_workers);
	run_pool(&pool);
	return 0;
}

static int
begin(const char *path, bool cgi, struct verr *e)
{
	static struct conf c;
	conf_defaults(&c);
	if (sodium_init() == -1)
		return verr_set(e, VERR_HOST, 0, "libsodium does not start");
	if (conf_load(path, &c, e) == -1 ||
		route_check(routes_table, routes_count, e) == -1)
		return -1;
	if (!cgi)
		return serve_pool(&c, e);
	if (geteuid() == 0)
		return verr_set(
			e, VERR_INPUT, 0, "the web side does not run as root");
	return worker_cgi(&c, e);
}

int
main(int argc, char **argv)
{
	const char *path = getenv("VULCAN_CONF");
	int option;
	log_open("fcgi-master");
	while ((option = getopt(argc, argv, "f:V")) != -1)
		switch (option) {
		case 'f':
			path = optarg;
			break;
		case 'V':
			puts("vulcan-fcgi " VULCAN_VERSION);
			return 0;
		default:
			fputs("usage: vulcan-fcgi [-V] [-f vulcan.conf]\n",
				stderr);
			return 2;
		}
	if (path == NULL)
		path = CONF_NORMAL;
	struct verr e;
	bool cgi = getenv("GATEWAY_INTERFACE") != NULL &&
		!is_listening(STDIN_FILENO);
	if (begin(path, cgi, &e) == -1) {
		log_verr(&e, "vulcan-fcgi cannot go on");
		return 1;
	}
	return 0;
}
