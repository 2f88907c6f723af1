/* Telling the queue, and waiting until it has settled a workload. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fd.h"
#include "poison.h"
#include "vtime.h"
#include "wait.h"

/* A lost datagram costs this much at most. */
#define LOOK_AGAIN_MS 1000

static int
address(struct sockaddr_un *a, const struct conf *c, const char *name,
	struct verr *e)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	int n = snprintf(
		a->sun_path, sizeof(a->sun_path), "%s/%s", c->run, name);
	if (n < 0 || (size_t)n >= sizeof(a->sun_path))
		return verr_set(e, VERR_INPUT, 0,
			"%s is too long a name for a socket: shorten `run` "
			"in vulcan.conf",
			c->run);
	return 0;
}

static int
own_address(
	struct sockaddr_un *a, const struct conf *c, pid_t pid, struct verr *e)
{
	char name[48];
	snprintf(name, sizeof(name), "web/%ld.sock", (long)pid);
	return address(a, c, name, e);
}

int
wait_bind(const struct conf *c, int *ret_fd, struct verr *e)
{
	struct sockaddr_un a;
	if (own_address(&a, c, getpid(), e) == -1)
		return -1;
	int v_autoclose fd =
		socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return verr_set(
			e, VERR_HOST, errno, "cannot make a datagram socket");
	/* An earlier process may have had this number. */
	if (unlink(a.sun_path) == -1 && errno != ENOENT)
		return verr_set(
			e, VERR_HOST, errno, "cannot remove %s", a.sun_path);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		return verr_set(
			e, VERR_HOST, errno, "cannot bind %s", a.sun_path);
	if (chmod(a.sun_path, 0660) == -1)
		return verr_set(e, VERR_HOST, errno, "chmod %s", a.sun_path);
	*ret_fd = v_take_fd(&fd);
	return 0;
}

void
wait_unbind(const struct conf *c, pid_t pid)
{
	struct sockaddr_un a;
	struct verr e;
	if (own_address(&a, c, pid, &e) == 0)
		unlink(a.sun_path);
}

void
wait_ring(const struct web *w, const char *word, const char *id)
{
	struct sockaddr_un a;
	struct verr e;
	if (w->bell_fd == -1 || address(&a, w->conf, "doorbell", &e) == -1)
		return;
	char text[16 + ULID_TEXT_BYTES];
	int n = snprintf(text, sizeof(text), "%s %s", word, id);
	ssize_t sent = sendto(w->bell_fd, text, (size_t)n, MSG_DONTWAIT,
		(struct sockaddr *)&a, sizeof(a));
	(void)sent;
}

bool
wait_claim(struct exchange *x)
{
	return shared_claim(&x->web->shared->waiting, x->web->slot,
		x->web->conf->web_waiting);
}

void
wait_release(struct exchange *x)
{
	shared_release(&x->web->shared->waiting, x->web->slot);
}

/* Reads all datagrams; whether one says that this workload is done. */
static bool
heard(int fd, const char *id)
{
	bool done = false;
	char text[64];
	for (;;) {
		ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
		if (n < 0)
			return done;
		text[n] = '\0';
		if (strncmp(text, "done ", 5) == 0 && strcmp(text + 5, id) == 0)
			done = true;
	}
}

static bool
nobody_waits(const struct pollfd *p)
{
	char byte;
	return (p->revents & (POLLHUP | POLLERR)) != 0 ||
		((p->revents & POLLIN) != 0 &&
			recv(p->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0);
}

static int
is_settled(struct exchange *x, const char *id, struct verr *e)
{
	enum status s;
	int r = db_status(x->web->db, id, &s, e);
	if (r == -1)
		return -1;
	return r == 0 || (s != STATUS_PENDING && s != STATUS_RUNNING);
}

int
wait_settled(struct exchange *x, const char *word, const char *id,
	uint64_t wait_ms, struct verr *e)
{
	struct web *w = x->web;
	heard(w->bell_fd, "");
	wait_ring(w, word, id);
	int64_t end = vtime_mono_ns() + (int64_t)wait_ms * VTIME_NS_PER_MS;
	int64_t look = vtime_mono_ns() + LOOK_AGAIN_MS * VTIME_NS_PER_MS;
	for (;;) {
		int64_t now = vtime_mono_ns();
		if (now >= end || *w->stopping)
			return is_settled(x, id, e);
		int64_t until = look < end ? look : end;
		struct pollfd p[2] = {
			{.fd = w->bell_fd, .events = POLLIN},
			{.fd = x->peer->fd, .events = POLLIN | POLLRDHUP},
		};
		int left_ms = (int)((until - now) / VTIME_NS_PER_MS) + 1;
		if (poll(p, 2, left_ms) == -1 && errno != EINTR)
			return verr_set(e, VERR_HOST, errno, "poll");
		if (nobody_waits(&p[1]))
			return 0;
		bool done = heard(w->bell_fd, id);
		if (!done && vtime_mono_ns() < look)
			continue;
		int r = is_settled(x, id, e);
		if (r != 0)
			return r;
		look = vtime_mono_ns() + LOOK_AGAIN_MS * VTIME_NS_PER_MS;
	}
}
