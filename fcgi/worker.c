/*
 * A worker of vulcan-fcgi.
 *
 * User: the web user, no privilege, no_new_privs. Touches the database (web
 * statements), STATE/blobs and the doorbell. Parses everything that browsers
 * and programs send; trusts nginx only for the framing of FastCGI. Holds
 * nothing between two requests but its database connection and the compiled
 * pages, so that it can be killed at any time.
 */
#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "conn.h"
#include "fd.h"
#include "log.h"
#include "poison.h"
#include "respond.h"
#include "serve.h"
#include "wait.h"
#include "worker.h"

/* A fresh process now and then costs little and bounds what may gather. */
#define WORKER_REQUESTS 200000
/* Memory beyond this comes from mmap and goes back when it is freed. */
#define MMAP_BYTES 131072

static volatile sig_atomic_t worker_stopping;
static int worker_listen_fd = -1;

/*
 * The signal ends an accept that waits; that the socket is closed ends one
 * that begins just after it came.
 */
static void
on_term(int signal)
{
	(void)signal;
	worker_stopping = 1;
	if (worker_listen_fd != -1) {
		close(worker_listen_fd);
		worker_listen_fd = -1;
	}
}

static void
catch_signals(void)
{
	struct sigaction act = {.sa_handler = on_term};
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* All that a worker opens; closed in one place. */
struct tools {
	struct web web;
	struct templates *pages;
	int bell_fd, blobs_fd, state_fd;
};

static void
tools_done(struct tools *t)
{
	db_close(t->web.db);
	templates_free(t->pages);
	fd_close(&t->bell_fd);
	fd_close(&t->blobs_fd);
	fd_close(&t->state_fd);
}

static int
open_folder(int at, const char *name, int *ret, struct verr *e)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return verr_set(e, VERR_HOST, errno, "cannot open %s", name);
	*ret = fd;
	return 0;
}

static int
tools_open(struct tools *t, const struct conf *c, struct shared *shared,
	size_t slot, struct verr *e)
{
	*t = (struct tools){.bell_fd = -1, .blobs_fd = -1, .state_fd = -1};
	char path[CONF_PATH_BYTES + 16];
	snprintf(path, sizeof(path), "%s/vulcan.db", c->state);
	if (open_folder(AT_FDCWD, c->state, &t->state_fd, e) == -1 ||
		open_folder(t->state_fd, "blobs", &t->blobs_fd, e) == -1 ||
		templates_load(c->templates, pages_table, PAGE_COUNT, &t->pages,
			e) == -1 ||
		db_open(path, DB_WEB, &t->web.db, e) == -1 ||
		wait_bind(c, &t->bell_fd, e) == -1)
		return -1;
	t->web.conf = c;
	t->web.pages = t->pages;
	t->web.shared = shared;
	t->web.slot = slot;
	t->web.bell_fd = t->bell_fd;
	t->web.blobs_fd = t->blobs_fd;
	t->web.state_fd = t->state_fd;
	t->web.stopping = &worker_stopping;
	return 0;
}

static ssize_t
fcgi_read(void *arg, void *data, size_t n)
{
	FCGX_Request *r = arg;
	int want = n > 1 << 20 ? 1 << 20 : (int)n;
	return FCGX_GetStr(data, want, r->in);
}

static int
fcgi_write(void *arg, const void *data, size_t n)
{
	FCGX_Request *r = arg;
	const char *p = data;
	while (n > 0) {
		int part = n > 1 << 20 ? 1 << 20 : (int)n;
		if (FCGX_PutStr(p, part, r->out) != part)
			return -1;
		p += part;
		n -= (size_t)part;
	}
	return 0;
}

/* Gives libfcgi an accepted connection: 1 a request, 0 it was none. */
static int
take_request(FCGX_Request *r, int fd)
{
	/* Else libfcgi would close what it is to read. */
	r->ipcFd = fd;
	r->keepConnection = 1;
	return FCGX_Accept_r(r) == 0;
}

/*
 * libfcgi waits until the peer has closed its end, which is right where a
 * body may still be on its way and only costs time where none is.
 */
static void
finish_request(FCGX_Request *r, bool whole)
{
	if (whole)
		r->keepConnection = 1;
	FCGX_Finish_r(r);
	if (r->ipcFd == -1)
		return;
	if (whole) {
		conn_close(r->ipcFd);
		r->ipcFd = -1;
	} else {
		FCGX_Free(r, 1);
	}
}

static struct arena *worker_arena;

static void *
from_arena(size_t n)
{
	return arena_alloc(worker_arena, n);
}

static void
leave_to_arena(void *p)
{
	(void)p;
}

static int
accept_loop(struct tools *t, FCGX_Request *r, struct verr *e)
{
	struct arena v_autoarena arena = {0};
	arena_init(&arena);
	/* No cJSON value outlives its request. */
	worker_arena = &arena;
	cJSON_InitHooks(&(cJSON_Hooks){
		.malloc_fn = from_arena, .free_fn = leave_to_arena});
	for (unsigned n = 0; n < WORKER_REQUESTS && !worker_stopping; n++) {
		int fd;
		bool whole = false;
		if (conn_accept(worker_listen_fd, &fd, &whole, e) == -1) {
			if (worker_stopping || e->sys == EINTR)
				continue;
			return -1;
		}
		if (take_request(r, fd) == 0)
			continue;
		struct peer s = {
			.arg = r,
			.read = fcgi_read,
			.write = fcgi_write,
			.fd = r->ipcFd,
		};
		serve_request(&t->web, &s, &arena, r->envp);
		finish_request(r, whole);
		arena_reset(&arena);
	}
	worker_arena = NULL;
	return 0;
}

int
worker_run(const struct conf *c, struct shared *shared, size_t slot,
	int listen_fd, struct verr *e)
{
	mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
	mallopt(M_TRIM_THRESHOLD, 2 * MMAP_BYTES);
	worker_listen_fd = listen_fd;
	catch_signals();
	struct tools t;
	int r = tools_open(&t, c, shared, slot, e);
	FCGX_Request request;
	if (r == 0 &&
		(FCGX_Init() != 0 ||
			FCGX_InitRequest(
				&request, -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0))
		r = verr_set(e, VERR_HOST, 0, "libfcgi does not start");
	if (r == 0) {
		r = accept_loop(&t, &request, e);
		FCGX_Free(&request, 1);
	}
	tools_done(&t);
	wait_unbind(c, getpid());
	return r;
}

static ssize_t
cgi_read(void *arg, void *data, size_t n)
{
	(void)arg;
	ssize_t got;
	do
		got = read(STDIN_FILENO, data, n);
	while (got == -1 && errno == EINTR);
	return got;
}

static int
cgi_write(void *arg, const void *data, size_t n)
{
	(void)arg;
	struct verr e;
	return fd_write_all(STDOUT_FILENO, data, n, &e);
}

int
worker_cgi(const struct conf *c, struct verr *e)
{
	catch_signals();
	struct shared *shared;
	struct tools t;
	if (shared_new(&shared, e) == -1)
		return -1;
	int r = tools_open(&t, c, shared, 0, e);
	if (r == 0) {
		struct arena v_autoarena arena = {0};
		arena_init(&arena);
		struct peer s = {
			.read = cgi_read, .write = cgi_write, .fd = -1};
		serve_request(&t.web, &s, &arena, environ);
	}
	tools_done(&t);
	wait_unbind(c, getpid());
	return r;
}
