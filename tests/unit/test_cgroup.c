/* Control groups of the slots, on whatever this machine has. As root. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "buf.h"
#include "cgroup.h"
#include "fd.h"
#include "poison.h"

#define MIB (UINT64_C(1) << 20)

static struct cgroup_tree tree;

static int
make_tree(void **state)
{
	(void)state;
	char name[CGROUP_NAME_BYTES];
	struct verr e;
	snprintf(name, sizeof(name), "vulcan-test-%d", getpid());
	return cgroup_tree_open(&tree, name, &e);
}

static int
remove_tree(void **state)
{
	(void)state;
	cgroup_tree_remove(&tree);
	cgroup_tree_done(&tree);
	return 0;
}

static void
need_groups(void)
{
	if (tree.version == 0) {
		print_message("skipped: control groups are made by root\n");
		skip();
	}
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

/* The group is empty within two seconds, and cgroup_kill says when. */
static void
await_empty(const char *slot)
{
	struct verr e;
	struct timespec ms = {.tv_nsec = 1000000};
	for (int i = 0; i < 2000; i++) {
		if (cgroup_kill(&tree, slot, &e) == 0)
			return;
		assert_int_equal(e.sys, EBUSY);
		nanosleep(&ms, NULL);
	}
	fail_msg("%s", e.msg);
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
	need_groups();
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
	await_empty("slot-2");
	int status;
	assert_int_equal(waitpid(pid, &status, WNOHANG), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	for (int i = 0; i < count; i++)
		close(fds[i]);
}

/* A process is born in the group, and leaves it only when it has died. */
static void
test_birth(void **state)
{
	(void)state;
	need_groups();
	if (tree.version != 2)
		skip();
	struct cgroup v_autocgroup g;
	struct verr e;
	int fd;
	assert_int_equal(cgroup_open(&tree, "slot-4", &g, &e), 0);
	assert_int_equal(cgroup_entry(&g, &fd, 1, &e), 1);
	struct clone_args args = {.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)fd};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		pause();
		_exit(1);
	}
	assert_true(pid > 0);
	char want[32];
	snprintf(want, sizeof(want), "%d\n", pid);
	struct buf v_autobuf text = BUF(4096);
	assert_int_equal(fd_read_file(fd, "cgroup.procs", &text, &e), 0);
	assert_string_equal(buf_text(&text), want);
	close(fd);
	await_empty("slot-4");
	int status;
	assert_int_equal(waitpid(pid, &status, WNOHANG), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* What was killed and still gives back its memory is not called gone. */
static void
test_dying(void **state)
{
	(void)state;
	need_groups();
	struct cgroup v_autocgroup g;
	struct verr e;
	assert_int_equal(cgroup_open(&tree, "slot-5", &g, &e), 0);
	int fds[3], ready[2];
	int count = cgroup_entry(&g, fds, 3, &e);
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < count; i++) {
			int fd = g.version == 1
				? fds[i]
				: openat(fds[i], "cgroup.procs", O_WRONLY);
			if (write(fd, "0", 1) != 1)
				_exit(1);
		}
		char *p = mmap(NULL, 128 * MIB, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memset(p, 1, 128 * MIB);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	char byte;
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	await_empty("slot-5");
	/* Empty is dead: there is no more to wait for. */
	int status;
	assert_int_equal(waitpid(pid, &status, WNOHANG), pid);
	for (int i = 0; i < count; i++)
		close(fds[i]);
}

/* --- the files of version 2, in a folder that looks like it -----------------
 */

static char fake[] = "/tmp/vulcan-cgroup-XXXXXX";

static void
put_file(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd != -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
expect_file(int dir, const char *name, const char *text)
{
	struct buf v_autobuf got = BUF(4096);
	struct verr e;
	assert_int_equal(fd_read_file(dir, name, &got, &e), 0);
	assert_string_equal(buf_text(&got), text);
}

static const char *const fake_files[] = {"memory.max", "memory.peak",
	"memory.swap.max", "pids.max", "cpu.max", "memory.events",
	"cgroup.procs"};
#define FAKE_FILES (sizeof(fake_files) / sizeof(fake_files[0]))

static void
make_fake(struct cgroup_tree *t, int *ret_slot)
{
	assert_non_null(mkdtemp(fake));
	*t = (struct cgroup_tree){.version = 2, .name = "x"};
	t->group = open(fake, O_RDONLY | O_DIRECTORY);
	for (int c = 0; c < CGROUP_CONTROLLERS; c++)
		t->dir[c] = dup(t->group);
	assert_int_equal(mkdirat(t->group, "slot-1", 0755), 0);
	*ret_slot = openat(t->group, "slot-1", O_RDONLY | O_DIRECTORY);
	for (size_t i = 0; i < FAKE_FILES; i++)
		put_file(*ret_slot, fake_files[i], "");
}

static void
remove_fake(struct cgroup_tree *t, int slot)
{
	for (size_t i = 0; i < FAKE_FILES; i++)
		if (unlinkat(slot, fake_files[i], 0) == -1)
			unlinkat(slot, fake_files[i], AT_REMOVEDIR);
	close(slot);
	unlinkat(t->group, "slot-1", AT_REMOVEDIR);
	cgroup_tree_done(t);
	assert_int_equal(rmdir(fake), 0);
	memcpy(fake + sizeof(fake) - 7, "XXXXXX", 6);
}

static void
test_files_of_version_2(void **state)
{
	(void)state;
	struct cgroup_tree t;
	int slot;
	make_fake(&t, &slot);
	put_file(slot, "memory.events", "oom 1\noom_kill 3\n");
	struct cgroup v_autocgroup g;
	struct verr e;
	assert_int_equal(cgroup_open(&t, "slot-1", &g, &e), 0);
	expect_file(slot, "memory.peak", "0");
	expect_file(slot, "memory.swap.max", "0");
	assert_int_equal(cgroup_limit_memory(&g, 88 * MIB, &e), 0);
	expect_file(slot, "memory.max", "92274688");
	assert_int_equal(cgroup_limit_pids(&g, 64, &e), 0);
	expect_file(slot, "pids.max", "64");
	assert_int_equal(cgroup_limit_cpus(&g, 2, &e), 0);
	expect_file(slot, "cpu.max", "200000 100000");
	uint64_t peak;
	put_file(slot, "memory.peak", "1234567\n");
	assert_int_equal(cgroup_memory_peak(&g, &peak), 1);
	assert_int_equal(peak, 1234567);
	assert_false(cgroup_oom_killed(&g));
	put_file(slot, "memory.events", "oom 2\noom_kill 4\n");
	assert_true(cgroup_oom_killed(&g));
	remove_fake(&t, slot);
}

/* Before Linux 6.12; a folder that is not empty cannot be made anew. */
static void
test_peak_that_stays(void **state)
{
	(void)state;
	struct cgroup_tree t;
	int slot;
	make_fake(&t, &slot);
	assert_int_equal(unlinkat(slot, "memory.peak", 0), 0);
	assert_int_equal(mkdirat(slot, "memory.peak", 0755), 0);
	struct cgroup v_autocgroup g;
	struct verr e;
	uint64_t peak;
	assert_int_equal(cgroup_open(&t, "slot-1", &g, &e), 0);
	assert_int_equal(cgroup_memory_peak(&g, &peak), 0);
	assert_int_equal(cgroup_limit_memory(&g, MIB, &e), 0);
	expect_file(slot, "memory.max", "1048576");
	remove_fake(&t, slot);
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
	struct cgroup_tree none = {
		.group = -1, .dir = {-1, -1, -1}, .name = "x"};
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

static int
run_all(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_limit),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_birth),
		cmocka_unit_test(test_dying),
		cmocka_unit_test(test_other_limits),
		cmocka_unit_test(test_without_groups),
		cmocka_unit_test(test_files_of_version_2),
		cmocka_unit_test(test_peak_that_stays),
	};
	return cmocka_run_group_tests_name(name, tests, make_tree, remove_tree);
}

/* The same with version 2 as all that is mounted, for this process alone. */
static int
run_on_version_2(void)
{
	if (unshare(CLONE_NEWNS) == -1 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return 77;
	/*
	 * Moved, not mounted again: the options of a new mount would be those
	 * of the machine.
	 */
	int v_autoclose v2 =
		open_tree(AT_FDCWD, "/sys/fs/cgroup/unified", OPEN_TREE_CLONE);
	while (v2 != -1 && umount2("/sys/fs/cgroup", MNT_DETACH) == 0)
		;
	if (move_mount(v2, "", AT_FDCWD, "/sys/fs/cgroup",
		    MOVE_MOUNT_F_EMPTY_PATH) == -1)
		return 77;
	return run_all("version 2");
}

int
main(void)
{
	int failed = run_all("as mounted");
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(run_on_version_2());
	int status;
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return 1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		print_message("skipped: no cgroup2 beside version 1\n");
	else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		failed++;
	return failed;
}
