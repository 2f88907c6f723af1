/* Control groups of the slots, on whatever this machine has. As root. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cgroup.h"
#include "poison.h"

#define MIB (UINT64_C(1) << 20)

static struct cgroup_tree tree;

static int
open_tree(void **state)
{
	(void)state;
	char name[CGROUP_NAME_BYTES];
	struct verr e;
	snprintf(name, sizeof(name), "vulcan-test-%d", getpid());
	return cgroup_tree_open(&tree, name, &e);
}

static int
close_tree(void **state)
{
	(void)state;
	cgroup_tree_remove(&tree);
	cgroup_tree_done(&tree);
	return 0;
}

static void
need_memory(void)
{
	if (geteuid() != 0) {
		print_message("skipped: control groups are made by root\n");
		skip();
	}
	if (tree.dir[CGROUP_MEMORY] == -1) {
		print_message("skipped: no memory controller here\n");
		skip();
	}
}

/* A process in the group that uses so much memory, then waits. */
static pid_t
start_eater(const struct cgroup *g, size_t bytes)
{
	int fds[2];
	struct verr e;
	int count = cgroup_entry(g, fds, 2, &e);
	assert_true(count >= 1);
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; g->version == 1 && i < count; i++)
			if (write(fds[i], "0", 1) != 1)
				_exit(1);
		if (g->version == 2) {
			int fd = openat(fds[0], "cgroup.procs", O_WRONLY);
			if (fd == -1 || write(fd, "0", 1) != 1)
				_exit(1);
		}
		char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memset(p, 1, bytes);
		_exit(7);
	}
	for (int i = 0; i < count; i++)
		close(fds[i]);
	return pid;
}

static void
test_memory_limit(void **state)
{
	(void)state;
	need_memory();
	struct cgroup v_autocgroup g;
	struct verr e;
	assert_int_equal(cgroup_open(&tree, "slot-1", &g, &e), 0);
	assert_int_equal(cgroup_limit_memory(&g, 16 * MIB, &e), 0);
	int status;
	pid_t pid = start_eater(&g, 8 * MIB);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	assert_false(cgroup_oom_killed(&g));
	uint64_t peak;
	if (cgroup_memory_peak(&g, &peak) == 1)
		assert_true(peak >= 7 * MIB && peak <= 16 * MIB);
	pid = start_eater(&g, 64 * MIB);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(cgroup_oom_killed(&g));
	/* The next run in this slot starts with a clean record. */
	struct cgroup v_autocgroup again;
	assert_int_equal(cgroup_open(&tree, "slot-1", &again, &e), 0);
	assert_false(cgroup_oom_killed(&again));
}

static void
test_kill(void **state)
{
	(void)state;
	need_memory();
	struct cgroup v_autocgroup g;
	struct verr e;
	assert_int_equal(cgroup_open(&tree, "slot-2", &g, &e), 0);
	assert_int_equal(cgroup_kill(&tree, "slot-2", &e), 0);
	assert_int_equal(cgroup_kill(&tree, "slot-77", &e), 0);
	int fds[2];
	int count = cgroup_entry(&g, fds, 2, &e);
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = g.version == 1
			? fds[0]
			: openat(fds[0], "cgroup.procs", O_WRONLY);
		if (write(fd, "0", 1) == 1 && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	char byte;
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_int_equal(cgroup_kill(&tree, "slot-2", &e), 0);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	for (int i = 0; i < count; i++)
		close(fds[i]);
}

static void
test_other_limits(void **state)
{
	(void)state;
	need_memory();
	struct cgroup v_autocgroup g;
	struct verr e;
	assert_int_equal(cgroup_open(&tree, "slot-3", &g, &e), 0);
	assert_int_equal(cgroup_limit_pids(&g, 64, &e), 0);
	assert_int_equal(cgroup_limit_cpus(&g, 1, &e), 0);
}

static void
test_without_groups(void **state)
{
	(void)state;
	struct cgroup_tree none = {.dir = {-1, -1, -1}, .name = "x"};
	struct cgroup v_autocgroup g;
	struct verr e;
	int fds[2];
	char room[64];
	uint64_t peak;
	assert_int_equal(cgroup_open(&none, "slot-1", &g, &e), 0);
	assert_int_equal(cgroup_entry(&g, fds, 2, &e), 0);
	assert_int_equal(cgroup_limit_memory(&g, MIB, &e), 0);
	assert_int_equal(cgroup_limit_pids(&g, 1, &e), 0);
	assert_int_equal(cgroup_limit_cpus(&g, 1, &e), 0);
	assert_int_equal(cgroup_memory_peak(&g, &peak), 0);
	assert_false(cgroup_oom_killed(&g));
	assert_int_equal(cgroup_kill(&none, "slot-1", &e), 0);
	assert_string_equal(cgroup_missing(&none, room), "memory pids cpu");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_limit),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_other_limits),
		cmocka_unit_test(test_without_groups),
	};
	return cmocka_run_group_tests(tests, open_tree, close_tree);
}
