/* What a keeper says to the queue, without blocking. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"
#include "out.h"
#include "poison.h"

#define BACKLOG_BYTES (256u << 20)

static int
watch(struct out *o, int op, struct verr *e)
{
	struct epoll_event ev = {
		.events = EPOLLIN | (o->waiting ? (unsigned)EPOLLOUT : 0u)};
	if (epoll_ctl(o->watch, op, o->channel, &ev) == -1)
		return verr_set(e, VERR_HOST, errno, "watching the queue");
	return 0;
}

int
out_init(struct out *o, int channel, struct verr *e)
{
	*o = (struct out){.channel = channel, .watch = -1};
	buf_init(&o->backlog, BACKLOG_BYTES);
	o->watch = epoll_create1(EPOLL_CLOEXEC);
	if (o->watch == -1)
		return verr_set(e, VERR_HOST, errno, "epoll");
	return watch(o, EPOLL_CTL_ADD, e);
}

void
out_done(struct out *o)
{
	fd_close(&o->watch);
	buf_done(&o->backlog);
}

int
out_flush(struct out *o, struct verr *e)
{
	while (o->sent < o->backlog.len) {
		ssize_t n = send(o->channel, o->backlog.data + o->sent,
			o->backlog.len - o->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n == -1)
			return verr_set(
				e, VERR_HOST, errno, "speaking to the queue");
		o->sent += (size_t)n;
	}
	bool waiting = o->sent < o->backlog.len;
	if (!waiting || o->sent >= WIRE_TEXT_BYTES) {
		buf_drop(&o->backlog, o->sent);
		o->sent = 0;
	}
	if (waiting == o->waiting)
		return 0;
	o->waiting = waiting;
	return watch(o, EPOLL_CTL_MOD, e);
}

int
out_frame(struct out *o, enum wire_type type, const void *data, size_t n,
	struct verr *e)
{
	if (wire_append(&o->backlog, type, data, n, e) == -1)
		return -1;
	return out_flush(o, e);
}

static int
add_head(struct out *o, enum stream s, int64_t t_ns, size_t n, struct verr *e)
{
	unsigned char head[WIRE_HEADER_BYTES + 8];
	wire_header(
		s == STREAM_STDOUT ? WIRE_STDOUT : WIRE_STDERR, n + 8, head);
	for (int i = 0; i < 8; i++)
		head[WIRE_HEADER_BYTES + i] =
			(unsigned char)((uint64_t)t_ns >> (8 * i));
	return buf_add(&o->backlog, head, sizeof(head), e);
}

int
out_bytes(struct out *o, enum stream s, int64_t t_ns, const void *data,
	size_t len, struct verr *e)
{
	assert(s == STREAM_STDOUT || s == STREAM_STDERR);
	const char *p = data;
	while (len > 0) {
		size_t n = len < WIRE_CHUNK_BYTES ? len : WIRE_CHUNK_BYTES;
		if (add_head(o, s, t_ns, n, e) == -1 ||
			buf_add(&o->backlog, p, n, e) == -1)
			return -1;
		p += n;
		len -= n;
	}
	return out_flush(o, e);
}

int
out_drain(struct out *o, int timeout_ms, struct verr *e)
{
	for (;;) {
		if (out_flush(o, e) == -1)
			return -1;
		if (!o->waiting)
			return 0;
		struct pollfd p = {.fd = o->channel, .events = POLLOUT};
		int n = poll(&p, 1, timeout_ms);
		if (n == -1 && errno != EINTR)
			return verr_set(e, VERR_HOST, errno, "poll");
		if (n == 0)
			return verr_set(e, VERR_HOST, ETIMEDOUT,
				"the queue takes nothing");
	}
}
