/*
 * The compiler's process: its namespaces, its filter and its exec.
 *
 * It reads a stranger's files, so its jail is as tight as the run's own: own
 * pid, mount, ipc and uts namespaces, a network namespace with nothing in it,
 * a root that holds the run's files alone, the slot's uid, its control group,
 * rlimits, and a list of system calls. What differs is what Go needs: threads
 * and reading files.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compile_jail.h"
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

/* --- filter ------------------------------------------------------------------
 */

enum when { ALWAYS, READ_ONLY, THREAD, REFUSED, UNKNOWN };

static const struct {
	int call;
	enum when when;
} table[] = {
	{SCMP_SYS(read), ALWAYS},
	{SCMP_SYS(pread64), ALWAYS},
	{SCMP_SYS(write), ALWAYS},
	{SCMP_SYS(openat), READ_ONLY},
	{SCMP_SYS(close), ALWAYS},
	{SCMP_SYS(fstat), ALWAYS},
	{SCMP_SYS(newfstatat), ALWAYS},
	{SCMP_SYS(lseek), ALWAYS},
	{SCMP_SYS(getdents64), ALWAYS},
	{SCMP_SYS(readlinkat), ALWAYS},
	{SCMP_SYS(getcwd), ALWAYS},
	{SCMP_SYS(fcntl), ALWAYS},
	{SCMP_SYS(mmap), ALWAYS},
	{SCMP_SYS(munmap), ALWAYS},
	{SCMP_SYS(madvise), ALWAYS},
	{SCMP_SYS(mprotect), ALWAYS},
	{SCMP_SYS(brk), ALWAYS},
	{SCMP_SYS(futex), ALWAYS},
	{SCMP_SYS(clone), THREAD},
	/* Its flags lie in memory, where no filter sees them. */
	{SCMP_SYS(clone3), UNKNOWN},
	{SCMP_SYS(access), REFUSED},
	{SCMP_SYS(ioctl), REFUSED},
	{SCMP_SYS(arch_prctl), ALWAYS},
	{SCMP_SYS(set_tid_address), ALWAYS},
	{SCMP_SYS(set_robust_list), ALWAYS},
	{SCMP_SYS(rseq), ALWAYS},
	{SCMP_SYS(sigaltstack), ALWAYS},
	{SCMP_SYS(rt_sigaction), ALWAYS},
	{SCMP_SYS(rt_sigprocmask), ALWAYS},
	{SCMP_SYS(rt_sigreturn), ALWAYS},
	{SCMP_SYS(gettid), ALWAYS},
	{SCMP_SYS(getpid), ALWAYS},
	{SCMP_SYS(tgkill), ALWAYS},
	{SCMP_SYS(sched_getaffinity), ALWAYS},
	{SCMP_SYS(sched_yield), ALWAYS},
	{SCMP_SYS(nanosleep), ALWAYS},
	{SCMP_SYS(clock_gettime), ALWAYS},
	{SCMP_SYS(clock_nanosleep), ALWAYS},
	{SCMP_SYS(restart_syscall), ALWAYS},
	{SCMP_SYS(getrandom), ALWAYS},
	{SCMP_SYS(epoll_create1), ALWAYS},
	{SCMP_SYS(epoll_ctl), ALWAYS},
	{SCMP_SYS(epoll_pwait), ALWAYS},
	{SCMP_SYS(epoll_wait), ALWAYS},
	{SCMP_SYS(eventfd2), ALWAYS},
	{SCMP_SYS(pipe2), ALWAYS},
	{SCMP_SYS(getrlimit), ALWAYS},
	{SCMP_SYS(uname), ALWAYS},
	{SCMP_SYS(exit), ALWAYS},
	{SCMP_SYS(exit_group), ALWAYS},
	/* The one exec; the root has nothing else that could be executed. */
	{SCMP_SYS(execveat), ALWAYS},
	{SCMP_SYS(prlimit64), REFUSED},
	{SCMP_SYS(setrlimit), REFUSED},
	{SCMP_SYS(timer_create), REFUSED},
	{SCMP_SYS(setitimer), REFUSED},
	{SCMP_SYS(getuid), ALWAYS},
	{SCMP_SYS(geteuid), ALWAYS},
	{SCMP_SYS(getgid), ALWAYS},
	{SCMP_SYS(getegid), ALWAYS},
};

static int
add(scmp_filter_ctx f, int call, enum when when)
{
	switch (when) {
	case ALWAYS:
		return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 0);
	case READ_ONLY:
		return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ,
				O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
	case THREAD:
		return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM,
				CLONE_THREAD | CLONE_VM));
	case REFUSED:
		return seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), call, 0);
	case UNKNOWN:
		return seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), call, 0);
	}
	return -EINVAL;
}

static int export(scmp_filter_ctx f, struct sock_fprog *ret, struct verr *e)
{
	int v_autoclose fd = memfd_create("filter", MFD_CLOEXEC);
	struct stat st;
	if (fd == -1 || seccomp_export_bpf(f, fd) != 0 || fstat(fd, &st) == -1)
		return verr_set(e, VERR_HOST, errno, "writing the filter");
	struct sock_filter *code = malloc((size_t)st.st_size);
	if (code == NULL ||
		pread(fd, code, (size_t)st.st_size, 0) != st.st_size) {
		free(code);
		return verr_set(e, VERR_HOST, errno, "reading the filter");
	}
	ret->len = (unsigned short)((size_t)st.st_size / sizeof(*code));
	ret->filter = code;
	return 0;
}

int
compile_jail_filter(struct sock_fprog *ret, struct verr *e)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (f == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "seccomp_init");
	int r = 0;
	for (size_t i = 0; r == 0 && i < sizeof(table) / sizeof(table[0]); i++)
		r = add(f, table[i].call, table[i].when);
	if (r != 0)
		r = verr_set(e, VERR_HOST, -r, "making the filter");
	else
		r = export(f, ret, e);
	seccomp_release(f);
	return r;
}

/* --- the new process; only system calls from here to the exec
 * ----------------- */

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
set_limits(void)
{
	static const struct {
		int resource;
		rlim_t value;
	} limits[] = {
		{RLIMIT_CORE, 0},
		{RLIMIT_FSIZE, 0},
		{RLIMIT_NPROC, THREADS_MAX},
		{RLIMIT_NOFILE, FD_MAX},
		{RLIMIT_MEMLOCK, 0},
	};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit l = {limits[i].value, limits[i].value};
		if (setrlimit(limits[i].resource, &l) == -1)
			return -1;
	}
	return 0;
}

static int
become_slot(uid_t uid)
{
	gid_t gid = (gid_t)uid;
	if (setgroups(0, NULL) == -1 || setresgid(gid, gid, gid) == -1 ||
		setresuid(uid, uid, uid) == -1)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
		prctl(PR_SET_DUMPABLE, 0) == -1 ||
		prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		return -1;
	return setresuid(0, 0, 0) == -1 ? 0 : -1;
}

static int
join_cgroups(const struct compile_jail *j)
{
	for (int i = 0; j->cgroup_version == 1 && i < j->cgroup_count; i++)
		if (write(j->cgroup_fds[i], "0", 1) != 1)
			return -1;
	return 0;
}

static _Noreturn void
be_compiler(const struct compile_jail *j)
{
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (join_cgroups(j) == -1)
		_exit(120);
	if (setns(j->network, CLONE_NEWNET) == -1)
		_exit(121);
	if (enter_root(j) == -1)
		_exit(122);
	if (place_fds(j) == -1)
		_exit(123);
	if (set_limits() == -1 || become_slot(j->uid) == -1)
		_exit(124);
	if (syscall(SYS_seccomp, 1, 0, j->filter) == -1)
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
