/* The system calls of a run: a table, made into a filter once. */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>

#include "child.h"
#include "confine.h"
#include "filter.h"
#include "poison.h"

/* When a call of the table is allowed; everything else ends the process. */
enum when {
	ALWAYS,
	CHANNEL, /* on the channel's descriptor */
	ANONYMOUS, /* memory of its own that is not executable */
	NOT_EXEC, /* no executable memory */
	EXEC_WITH_JIT, /* executable memory, where the engine makes code */
	OWN_LIMITS, /* of this process */
	REFUSED, /* answered with EACCES: libraries try and go on */
};

static const struct {
	int call;
	enum when when;
} table[] = {
	{SCMP_SYS(read), CHANNEL},
	{SCMP_SYS(write), CHANNEL},
	{SCMP_SYS(mmap), ANONYMOUS},
	{SCMP_SYS(mprotect), NOT_EXEC},
	{SCMP_SYS(mmap), EXEC_WITH_JIT},
	{SCMP_SYS(mprotect), EXEC_WITH_JIT},
	{SCMP_SYS(munmap), ALWAYS},
	{SCMP_SYS(madvise), ALWAYS},
	{SCMP_SYS(mremap), ALWAYS},
	{SCMP_SYS(brk), ALWAYS},
	{SCMP_SYS(futex), ALWAYS},
	{SCMP_SYS(clock_gettime), ALWAYS},
	{SCMP_SYS(clock_nanosleep), ALWAYS},
	{SCMP_SYS(restart_syscall), ALWAYS},
	{SCMP_SYS(getrandom), ALWAYS},
	{SCMP_SYS(getpid), ALWAYS},
	{SCMP_SYS(gettid), ALWAYS},
	{SCMP_SYS(rt_sigreturn), ALWAYS},
	{SCMP_SYS(prlimit64), OWN_LIMITS},
	{SCMP_SYS(exit), ALWAYS},
	{SCMP_SYS(exit_group), ALWAYS},
	{SCMP_SYS(open), REFUSED},
	{SCMP_SYS(openat), REFUSED},
	{SCMP_SYS(stat), REFUSED},
	{SCMP_SYS(newfstatat), REFUSED},
	{SCMP_SYS(readlink), REFUSED},
	{SCMP_SYS(access), REFUSED},
	{SCMP_SYS(sched_getaffinity), REFUSED},
	{SCMP_SYS(sysinfo), REFUSED},
	{SCMP_SYS(sched_yield), ALWAYS},
};

#define MAP_KINDS (MAP_ANONYMOUS | MAP_SHARED)

static int
add(scmp_filter_ctx f, int call, enum when when, bool jit)
{
	switch (when) {
	case ALWAYS:
		return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 0);
	case CHANNEL:
		return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 1,
			SCMP_A0(SCMP_CMP_EQ, CHILD_CHANNEL_FD, 0));
	case ANONYMOUS:
		return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 2,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
			SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_KINDS, MAP_ANONYMOUS));
	case NOT_EXEC:
		return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	case EXEC_WITH_JIT:
		if (!jit)
			return 0;
		if (call == SCMP_SYS(mprotect))
			return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 1,
				SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC,
					PROT_EXEC));
		return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 2,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC),
			SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_KINDS, MAP_ANONYMOUS));
	case OWN_LIMITS:
		return seccomp_rule_add(
			f, SCMP_ACT_ALLOW, call, 1, SCMP_A0(SCMP_CMP_EQ, 0, 0));
	case REFUSED:
		return seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), call, 0);
	}
	return -EINVAL;
}

int
filter_make(bool jit, struct sock_fprog *ret, struct verr *e)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (f == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "seccomp_init");
	int r = seccomp_attr_set(
		f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	for (size_t i = 0; r == 0 && i < sizeof(table) / sizeof(table[0]); i++)
		r = add(f, table[i].call, table[i].when, jit);
	if (r == 0)
		return confine_filter(f, ret, e);
	seccomp_release(f);
	return verr_set(e, VERR_HOST, -r, "making the filter");
}
