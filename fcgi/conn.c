/* A FastCGI connection before libfcgi reads it. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "conn.h"
#include "fd.h"
#include "poison.h"
#include "vtime.h"

#define VERSION 1
#define TYPE_BEGIN 1
#define TYPE_PARAMS 4
#define TYPE_STDIN 5
#define ROLE_RESPONDER 1
#define RECORD_BYTES 8
/* nginx has the whole request before it connects: it is never slow. */
#define HEAD_MS 10000
#define IO_SECONDS 30

/* Where the content of PARAMS is within its name-value pairs. */
struct pairs {
	unsigned char length[8]; /* of the pair that begins here */
	size_t have; /* bytes of it */
	uint64_t skip; /* bytes of names and values still to come */
};

static size_t
length_bytes(unsigned char first)
{
	return (first & 0x80) != 0 ? 4 : 1;
}

static uint64_t
length_value(const unsigned char *p)
{
	if ((p[0] & 0x80) == 0)
		return p[0];
	return (uint64_t)(p[0] & 0x7f) << 24 | (uint64_t)p[1] << 16 |
		(uint64_t)p[2] << 8 | p[3];
}

/* Takes one byte of content; false when the lengths are beyond all bounds. */
static bool
pairs_byte(struct pairs *p, unsigned char c)
{
	p->length[p->have++] = c;
	size_t name = length_bytes(p->length[0]);
	if (p->have <= name)
		return true;
	size_t value = length_bytes(p->length[name]);
	if (p->have < name + value)
		return true;
	p->skip = length_value(p->length) + length_value(p->length + name);
	p->have = 0;
	return p->skip <= CONN_PAIR_BYTES;
}

static bool
pairs_content(struct pairs *p, const unsigned char *c, size_t n)
{
	while (n > 0) {
		if (p->skip > 0) {
			size_t step = p->skip < n ? (size_t)p->skip : n;
			p->skip -= step;
			c += step;
			n -= step;
			continue;
		}
		if (!pairs_byte(p, *c))
			return false;
		c++;
		n--;
	}
	return true;
}

static int
refused(struct verr *e, const char *why)
{
	return verr_set(e, VERR_PROTO, 0, "FastCGI: %s", why);
}

/* Whether an empty STDIN record, which ends a request, is all that follows. */
static bool
is_end(const unsigned char *r, size_t n)
{
	return n >= RECORD_BYTES && r[1] == TYPE_STDIN && r[4] == 0 &&
		r[5] == 0 && n == RECORD_BYTES + (size_t)r[6];
}

int
conn_check(
	const unsigned char *head, size_t len, bool *ret_whole, struct verr *e)
{
	struct pairs pairs = {.skip = 0};
	bool begun = false;
	unsigned id = 0;
	for (size_t at = 0;;) {
		const unsigned char *r = head + at;
		if (len - at < RECORD_BYTES)
			return 0;
		size_t content = (size_t)r[4] << 8 | r[5];
		size_t whole = RECORD_BYTES + content + r[6];
		unsigned record_id = (unsigned)r[2] << 8 | r[3];
		if (r[0] != VERSION)
			return refused(e, "another version");
		if (r[1] != (begun ? TYPE_PARAMS : TYPE_BEGIN))
			return refused(e, "a record out of order");
		if (record_id == 0 || (begun && record_id != id))
			return refused(e, "a record of another request");
		if (len - at < whole)
			return 0;
		if (!begun) {
			if (content != 8 || r[8] != 0 || r[9] != ROLE_RESPONDER)
				return refused(e, "not the role of responder");
			begun = true;
			id = record_id;
		} else if (content == 0) {
			if (pairs.skip > 0 || pairs.have > 0)
				return refused(e, "parameters cut short");
			*ret_whole =
				is_end(head + at + whole, len - at - whole);
			return 1;
		} else if (!pairs_content(&pairs, r + RECORD_BYTES, content)) {
			return refused(e, "a parameter beyond all bounds");
		}
		at += whole;
	}
}

/* Peeks until the head is whole: 1 sound, 0 to be dropped, -1 error. */
static int
peek_head(int fd, bool *ret_whole, struct verr *e)
{
	static unsigned char head[CONN_HEAD_BYTES];
	int64_t end = vtime_mono_ns() + HEAD_MS * VTIME_NS_PER_MS;
	int v_autoclose poll_fd = -1;
	for (;;) {
		struct verr why;
		ssize_t n = recv(fd, head, sizeof(head),
			MSG_PEEK | (poll_fd == -1 ? 0 : MSG_DONTWAIT));
		if (n <= 0)
			return 0;
		int r = conn_check(head, (size_t)n, ret_whole, &why);
		if (r != 0)
			return r == 1;
		if ((size_t)n == sizeof(head))
			return 0;
		/* Edges: level triggers would fire for what was seen. */
		struct epoll_event ev = {
			.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
		if (poll_fd == -1) {
			poll_fd = epoll_create1(EPOLL_CLOEXEC);
			if (poll_fd == -1 ||
				epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &ev) ==
					-1)
				return verr_set(e, VERR_HOST, errno, "epoll");
			continue;
		}
		int64_t left = (end - vtime_mono_ns()) / VTIME_NS_PER_MS;
		if (left <= 0 || epoll_wait(poll_fd, &ev, 1, (int)left) != 1 ||
			(ev.events & (EPOLLRDHUP | EPOLLHUP)) != 0)
			return 0;
	}
}

int
conn_accept(int listen_fd, int *ret_fd, bool *ret_whole, struct verr *e)
{
	for (;;) {
		int v_autoclose fd =
			accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd == -1 && errno == ECONNABORTED)
			continue;
		if (fd == -1)
			return verr_set(e, VERR_HOST, errno, "accept");
		struct timeval t = {.tv_sec = IO_SECONDS};
		if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) ==
				-1 ||
			setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t,
				sizeof(t)) == -1)
			return verr_set(e, VERR_HOST, errno, "setsockopt");
		int r = peek_head(fd, ret_whole, e);
		if (r == -1)
			return -1;
		if (r == 0)
			continue;
		*ret_fd = v_take_fd(&fd);
		return 0;
	}
}

void
conn_close(int fd)
{
	char rest[512];
	while (recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0)
		;
	close(fd);
}
