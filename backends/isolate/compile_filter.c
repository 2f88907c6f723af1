/*
 * The system calls of the compiler, a Go program: threads, reading files and
 * its pipes. Everything else ends it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>

#include "compile_jail.h"
#include "confine.h"
#include "poison.h"

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

int
compile_jail_filter(struct sock_fprog *ret, struct verr *e)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (f == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "seccomp_init");
	int r = 0;
	for (size_t i = 0; r == 0 && i < sizeof(table) / sizeof(table[0]); i++)
		r = add(f, table[i].call, table[i].when);
	if (r == 0)
		return confine_filter(f, ret, e);
	seccomp_release(f);
	return verr_set(e, VERR_HOST, -r, "making the filter");
}
