/* The doorbell and those who wait. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bell.h"
#include "fd.h"
#include "poison.h"

int
ring_parse(const void *data, size_t n, struct ring *ret)
{
	static const struct {
		const char *word;
		struct ring ring;
	} words[] = {
		{"new ", {.fresh = true}},
		{"wait ", {.wait = true}},
		{"newwait ", {.fresh = true, .wait = true}},
		{"cancel ", {.cancel = true}},
		{"cancelwait ", {.cancel = true, .wait = true}},
	};
	const char *text = data;
	if (n == 5 && memcmp(text, "probe", 5) == 0) {
		*ret = (struct ring){.probe = true};
		return 1;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i].word);
		if (n != len + ULID_CHARS ||
			memcmp(text, words[i].word, len) != 0)
			continue;
		struct ring r = words[i].ring;
		memcpy(r.id, text + len, ULID_CHARS);
		r.id[ULID_CHARS] = '\0';
		if (!ulid_valid(r.id))
			return 0;
		*ret = r;
		return 1;
	}
	return 0;
}

void
bell_init(struct bell *b, const char *run_folder, uid_t web_uid)
{
	*b = (struct bell){.fd = -1, .web_uid = web_uid};
	int n = snprintf(b->path, sizeof(b->path), "%s/doorbell", run_folder);
	if (n < 0 || (size_t)n >= sizeof(b->path))
		b->path[0] = '\0';
}

void
bell_done(struct bell *b)
{
	if (b->fd != -1)
		unlink(b->path);
	fd_close(&b->fd);
}

static int
make(struct bell *b, struct verr *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	memcpy(a.sun_path, b->path, sizeof(a.sun_path));
	int v_autoclose fd =
		socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;
	if (fd == -1 ||
		setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == -1)
		return verr_set(e, VERR_HOST, errno, "doorbell socket");
	if (unlink(b->path) == -1 && errno != ENOENT)
		return verr_set(e, VERR_HOST, errno, "removing %s", b->path);
	mode_t old = umask(0117);
	int r = bind(fd, (const struct sockaddr *)&a, sizeof(a));
	umask(old);
	struct stat st;
	if (r == -1 || stat(b->path, &st) == -1)
		return verr_set(e, VERR_HOST, errno, "binding %s", b->path);
	fd_close(&b->fd);
	b->fd = v_take_fd(&fd);
	b->dev = st.st_dev;
	b->ino = st.st_ino;
	return 1;
}

int
bell_check(struct bell *b, struct verr *e)
{
	if (b->path[0] == '\0')
		return verr_set(e, VERR_INPUT, 0,
			"the path of the run folder is too long for a socket");
	struct stat st;
	if (b->fd != -1 && stat(b->path, &st) == 0 && st.st_dev == b->dev &&
		st.st_ino == b->ino)
		return 0;
	return make(b, e);
}

/* The kernel's word on who sent it; -1 when it has none. */
static uid_t
sender(struct msghdr *m)
{
	uid_t uid = (uid_t)-1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL;
		c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred who;
			memcpy(&who, CMSG_DATA(c), sizeof(who));
			uid = who.uid;
		}
		if (c->cmsg_type == SCM_RIGHTS) {
			size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			for (size_t i = 0; i < n; i++) {
				int fd;
				memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd),
					sizeof(fd));
				close(fd);
			}
		}
	}
	return uid;
}

int
bell_next(struct bell *b, struct ring *ret, struct sockaddr_un *ret_from,
	socklen_t *ret_len)
{
	while (b->fd != -1) {
		char text[64];
		union {
			struct cmsghdr align;
			char room[CMSG_SPACE(sizeof(struct ucred)) +
				CMSG_SPACE(sizeof(int) * 253)];
		} control;
		struct iovec iov = {.iov_base = text, .iov_len = sizeof(text)};
		struct msghdr m = {.msg_name = ret_from,
			.msg_namelen = sizeof(*ret_from),
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control.room,
			.msg_controllen = sizeof(control.room)};
		ssize_t n = recvmsg(b->fd, &m, MSG_CMSG_CLOEXEC);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return 0;
		uid_t uid = sender(&m);
		bool ours = uid == b->web_uid || uid == 0 || uid == getuid();
		if (!ours || (m.msg_flags & MSG_TRUNC) != 0 ||
			!ring_parse(text, (size_t)n, ret)) {
			b->refused++;
			continue;
		}
		*ret_len = m.msg_namelen <= sizeof(sa_family_t) ? 0
								: m.msg_namelen;
		return 1;
	}
	return 0;
}

int
waiters_init(struct waiters *w, struct verr *e)
{
	w->count = 0;
	w->all = calloc(WAITERS_MAX, sizeof(*w->all));
	return w->all != NULL ? 0 : verr_set(e, VERR_HOST, ENOMEM, "waiters");
}

void
waiters_done(struct waiters *w)
{
	free(w->all);
	w->all = NULL;
}

void
waiters_add(struct waiters *w, const char *id, const struct sockaddr_un *from,
	socklen_t from_len)
{
	size_t i = 0;
	while (i < w->count &&
		(w->all[i].from_len != from_len ||
			memcmp(&w->all[i].from, from, from_len) != 0))
		i++;
	/* One waiter too many re-reads its row by itself after a second. */
	if (i == WAITERS_MAX)
		return;
	if (i == w->count)
		w->count++;
	struct waiter *one = &w->all[i];
	*one = (struct waiter){.from_len = from_len, .unchecked = true};
	memcpy(&one->from, from, from_len);
	memcpy(one->id, id, ULID_TEXT_BYTES);
}

void
waiters_answer(struct waiters *w, int fd, const char *id)
{
	char text[8 + ULID_TEXT_BYTES];
	int n = snprintf(text, sizeof(text), "done %s", id);
	for (size_t i = 0; i < w->count;) {
		struct waiter *one = &w->all[i];
		if (memcmp(one->id, id, ULID_TEXT_BYTES) != 0) {
			i++;
			continue;
		}
		/* Who has gone meanwhile, or is full, re-reads by itself. */
		ssize_t sent = sendto(fd, text, (size_t)n,
			MSG_DONTWAIT | MSG_NOSIGNAL,
			(const struct sockaddr *)&one->from, one->from_len);
		(void)sent;
		*one = w->all[--w->count];
	}
}
