/*
 * The parts of a request's way that the kernel sets a price for.
 *
 *	bench_parts DIR COUNT
 *
 * Prints COUNT times "fdatasync <ns>" (4 KiB appended to a file in DIR and
 * synced) and "datagram <ns>" (one Unix datagram to another process and its
 * answer), in turns.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "num.h"
#include "poison.h"
#include "proc.h"
#include "vtime.h"

static int
sync_once(int fd, int64_t *ret_ns, struct verr *e)
{
	static const char page[4096];
	int64_t begun = vtime_mono_ns();
	if (fd_write_all(fd, page, sizeof(page), e) == -1)
		return -1;
	if (fdatasync(fd) == -1)
		return verr_set(e, VERR_HOST, errno, "fdatasync");
	*ret_ns = vtime_mono_ns() - begun;
	return 0;
}

static int
ring_once(int sock, int64_t *ret_ns, struct verr *e)
{
	char answer[32];
	int64_t begun = vtime_mono_ns();
	if (send(sock, "newwait", 7, MSG_NOSIGNAL) != 7 ||
		recv(sock, answer, sizeof(answer), 0) <= 0)
		return verr_set(e, VERR_HOST, errno, "datagram");
	*ret_ns = vtime_mono_ns() - begun;
	return 0;
}

static void
echo(int sock)
{
	char bytes[32];
	struct verr e;
	if (proc_die_with_parent(&e) == -1)
		_exit(1);
	for (ssize_t n; (n = recv(sock, bytes, sizeof(bytes), 0)) > 0;)
		if (send(sock, bytes, (size_t)n, MSG_NOSIGNAL) != n)
			break;
	_exit(0);
}

static int
measure(const char *dir, uint64_t count, int sock, struct verr *e)
{
	int v_autoclose fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd == -1)
		return verr_set(e, VERR_HOST, errno, "a file in %s", dir);
	for (uint64_t i = 0; i < count; i++) {
		int64_t synced = 0, rung = 0;
		if (sync_once(fd, &synced, e) == -1 ||
			ring_once(sock, &rung, e) == -1)
			return -1;
		printf("fdatasync %" PRId64 "\ndatagram %" PRId64 "\n", synced,
			rung);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct verr e;
	uint64_t count = 0;
	int ends[2];
	if (argc != 3 ||
		num_u64s(argv[2], 1, 1000000, "COUNT", &count, &e) == -1) {
		fputs("usage: bench_parts DIR COUNT\n", stderr);
		return 2;
	}
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == -1)
		return 1;
	pid_t pid = fork();
	if (pid == 0)
		echo(ends[1]);
	int r = pid == -1 ? verr_set(&e, VERR_HOST, errno, "fork")
			  : measure(argv[1], count, ends[0], &e);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	if (r == -1)
		fprintf(stderr, "bench_parts: %s\n", e.msg);
	return r == -1;
}
