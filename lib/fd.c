/* Descriptors: guards, whole reads and writes, passing them to a peer. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"
#include "poison.h"

void
fd_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

int
v_take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

int
fd_nonblock(int fd, struct verr *e)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return verr_set(e, VERR_HOST, errno, "O_NONBLOCK");
	return 0;
}

int
fd_read_all(int fd, struct buf *out, struct verr *e)
{
	for (;;) {
		char piece[16384];
		size_t left = out->max - out->len;
		/* A byte beyond the room tells what is too long. */
		size_t want = left < sizeof(piece) ? left + 1 : sizeof(piece);
		ssize_t n = read(fd, piece, want);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return verr_set(e, VERR_HOST, errno, "read");
		if (n == 0)
			return buf_reserve(out, 0, e);
		if (buf_add(out, piece, (size_t)n, e) == -1)
			return -1;
	}
}

int
fd_read_file(int dirfd, const char *name, struct buf *out, struct verr *e)
{
	int v_autoclose fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return verr_set(e, VERR_HOST, errno, "open %s", name);
	return fd_read_all(fd, out, e) == -1 ? verr_wrap(e, "%s", name) : 0;
}

int
fd_write_all(int fd, const void *data, size_t n, struct verr *e)
{
	const char *p = data;
	while (n > 0) {
		ssize_t w = write(fd, p, n);
		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			return verr_set(e, VERR_HOST, errno, "write");
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int
fd_send(int sock, const void *data, size_t n, const int *fds, size_t count,
	struct verr *e)
{
	assert(n > 0 && count <= FD_PASS_MAX);
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	if (count > 0) {
		m.msg_control = control.room;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		assert(c != NULL);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
	}
	ssize_t sent;
	do
		sent = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
	if (sent == -1)
		return verr_set(e, VERR_HOST, errno, "sending a message");
	if ((size_t)sent != n)
		return verr_set(e, VERR_PROTO, 0, "a message was cut short");
	return 0;
}

static size_t
take_fds(struct msghdr *m, int fds[FD_PASS_MAX])
{
	size_t count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL;
		c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (count < FD_PASS_MAX)
				fds[count++] = fd;
			else
				close(fd);
		}
	}
	return count;
}

ssize_t
fd_recv(int sock, void *data, size_t n, int fds[FD_PASS_MAX], size_t *ret_count,
	struct verr *e)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
	} control;
	struct iovec iov = {.iov_base = data, .iov_len = n};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room)};
	ssize_t got;
	do
		got = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (got == -1 && errno == EINTR);
	if (got == -1 && errno == ECONNRESET)
		got = 0;
	if (got == -1)
		return verr_set(e, VERR_HOST, errno, "receiving a message");
	size_t count = take_fds(&m, fds);
	if (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
		return verr_set(e, VERR_PROTO, 0, "a message was cut short");
	}
	*ret_count = count;
	return got;
}
