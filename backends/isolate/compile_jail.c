/*
 * The compiler's process: its namespaces, its jail and its exec.
 *
 * It reads a stranger's files, so its jail is as tight as the run's own: own
 * pid, mount, ipc and uts namespaces, a network namespace with nothing in it,
 * a root that holds the run's files alone, the slot's uid, its control group,
 * rlimits, and a list of system calls. What differs is what Go needs: threads
 * and reading files.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compile_jail.h"
#include "confine.h"
#include "fd.h"
#include "poison.h"

/* sys/mount.h has these and cannot stand beside linux/mount.h. */
#define UMOUNT_DETACH 2
#define MOUNT_BIND 0x1000
#define MOUNT_PRIVATE 0x44000
#define MOUNT_SEALED 0x1027 /* remounted: read-only, no set-uid, no devices */
#define PROGRAM_FD 3
#define THREADS_MAX 48
#define FD_MAX 256

static const char *const arguments[] = {
	"esbuild",
	"--bundle",
	"--format=esm",
	"--platform=neutral",
	"--target=es2022",
	"--charset=utf8",
	"--sourcemap=inline",
	"--sourcefile=vulcan-entry.js",
	"--log-level=error",
	"--log-limit=20",
	"--color=false",
	NULL,
};

static const char *const environment[] = {"GOGC=400", "GOMAXPROCS=2", NULL};

/* Only system calls from here to the exec. */

static int
place_fds(const struct compile_jail *j)
{
	const int from[] = {j->in, j->out, j->err, j->program};
	int high[4];
	for (int i = 0; i < 4; i++) {
		high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 64);
		if (high[i] == -1)
			return -1;
	}
	for (int i = 0; i < 4; i++)
		if (dup3(high[i], i, i == PROGRAM_FD ? O_CLOEXEC : 0) == -1)
			return -1;
	return (int)syscall(SYS_close_range, PROGRAM_FD + 1, ~0u, 0);
}

/* The loader and libc, for a compiler that is not linked statically. */
static int
bind_libraries(const struct compile_jail *j)
{
	for (int i = 0; i < COMPILE_LIBRARIES; i++) {
		const char *from = j->libraries[i];
		if (from == NULL)
			continue;
		/* Both are relative to the old root and to the new one. */
		if (syscall(SYS_mount, from, from + 1, NULL, MOUNT_BIND,
			    NULL) == -1 ||
			syscall(SYS_mount, NULL, from + 1, NULL, MOUNT_SEALED,
				NULL) == -1)
			return -1;
	}
	return 0;
}

static int
enter_root(const struct compile_jail *j)
{
	if (syscall(SYS_mount, NULL, "/", NULL, MOUNT_PRIVATE, NULL) == -1 ||
		syscall(SYS_move_mount, j->root, "", AT_FDCWD, "/tmp",
			MOVE_MOUNT_F_EMPTY_PATH) == -1)
		return -1;
	if (chdir("/tmp") == -1 || bind_libraries(j) == -1 ||
		syscall(SYS_pivot_root, ".", ".") == -1 ||
		syscall(SYS_umount2, ".", UMOUNT_DETACH) == -1)
		return -1;
	return chdir("/" COMPILE_WORK_FOLDER);
}

static int
set_limits(uint64_t data_bytes)
{
	const struct {
		int resource;
		rlim_t value;
	} limits[] = {
		{RLIMIT_CORE, 0},
		{RLIMIT_FSIZE, 0},
		{RLIMIT_NPROC, THREADS_MAX},
		{RLIMIT_NOFILE, FD_MAX},
		{RLIMIT_MEMLOCK, 0},
		{RLIMIT_DATA, data_bytes},
	};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit l = {limits[i].value, limits[i].value};
		if (setrlimit(limits[i].resource, &l) == -1)
			return -1;
	}
	return 0;
}

static int
join_cgroups(const struct compile_jail *j)
{
	for (int i = 0; j->cgroup_version == 1 && i < j->cgroup_count; i++)
		if (write(j->cgroup_fds[i], "0", 1) != 1)
			return -1;
	return 0;
}

/* The runner's unit protects it from the kernel's killer; not for this. */
static int
give_up_protection(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	return fd != -1 && write(fd, "500", 3) == 3 ? 0 : -1;
}

static _Noreturn void
be_compiler(const struct compile_jail *j)
{
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (join_cgroups(j) == -1 || give_up_protection() == -1)
		_exit(120);
	if (setns(j->network, CLONE_NEWNET) == -1)
		_exit(121);
	if (enter_root(j) == -1)
		_exit(122);
	if (place_fds(j) == -1)
		_exit(123);
	if (set_limits(j->data_bytes) == -1 || confine_user(j->uid) == -1)
		_exit(124);
	if (confine_enter(j->filter) == -1)
		_exit(125);
	syscall(SYS_execveat, PROGRAM_FD, "", arguments, environment,
		AT_EMPTY_PATH);
	_exit(126);
}

int
compile_jail_start(const struct compile_jail *j, pid_t *ret_pid, int *ret_pidfd,
	struct verr *e)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWNS |
			CLONE_NEWIPC | CLONE_NEWUTS,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	if (j->cgroup_version == 2 && j->cgroup_count > 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)j->cgroup_fds[0];
	}
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == -1)
		return verr_set(e, VERR_HOST, errno, "clone3");
	if (pid == 0)
		be_compiler(j);
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return 0;
}
