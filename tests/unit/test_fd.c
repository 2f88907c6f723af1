/* Descriptors: guards, whole reads, passing. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fd.h"
#include "poison.h"

static void
test_guard_and_take(void **state)
{
	(void)state;
	int kept;
	{
		int v_autoclose a = open("/dev/null", O_RDONLY | O_CLOEXEC);
		int v_autoclose b = dup(a);
		kept = v_take_fd(&a);
		assert_int_equal(a, -1);
		assert_true(b > 0);
	}
	assert_int_not_equal(fcntl(kept, F_GETFD), -1);
	struct verr e;
	assert_int_equal(fd_nonblock(kept, &e), 0);
	fd_close(&kept);
	fd_close(&kept);
	assert_int_equal(kept, -1);
}

static void
test_read_file(void **state)
{
	(void)state;
	struct verr e;
	char path[] = "/tmp/vulcan-fd-XXXXXX";
	int v_autoclose fd = mkstemp(path);
	char text[40000];
	memset(text, 'x', sizeof(text));
	assert_int_equal(fd_write_all(fd, text, sizeof(text), &e), 0);
	struct buf v_autobuf whole = BUF(sizeof(text));
	assert_int_equal(fd_read_file(AT_FDCWD, path, &whole, &e), 0);
	assert_int_equal(whole.len, sizeof(text));
	struct buf v_autobuf small = BUF(sizeof(text) - 1);
	assert_int_equal(fd_read_file(AT_FDCWD, path, &small, &e), -1);
	assert_int_equal(e.kind, VERR_LIMIT);
	unlink(path);
	assert_int_equal(fd_read_file(AT_FDCWD, path, &small, &e), -1);
	assert_int_equal(e.sys, ENOENT);
}

static void
test_descriptors_travel(void **state)
{
	(void)state;
	struct verr e;
	int pair[2], fds[FD_PASS_MAX];
	char data[8];
	size_t count;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	int out[2] = {STDIN_FILENO, STDERR_FILENO};
	assert_int_equal(fd_send(pair[0], "hi", 2, out, 2, &e), 0);
	assert_int_equal(
		fd_recv(pair[1], data, sizeof(data), fds, &count, &e), 2);
	assert_int_equal(count, 2);
	assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	close(fds[0]);
	close(fds[1]);
	/* A message longer than the room is refused. */
	assert_int_equal(fd_send(pair[0], "0123456789", 10, NULL, 0, &e), 0);
	assert_int_equal(
		fd_recv(pair[1], data, sizeof(data), fds, &count, &e), -1);
	assert_int_equal(e.kind, VERR_PROTO);
	close(pair[0]);
	assert_int_equal(
		fd_recv(pair[1], data, sizeof(data), fds, &count, &e), 0);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guard_and_take),
		cmocka_unit_test(test_read_file),
		cmocka_unit_test(test_descriptors_travel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
