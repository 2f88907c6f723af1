/*
 * The process of one run.
 *
 * User: root until the jail is shut, then the uid of the slot. It was forked
 * from the zygote with V8 and the bootstrap script in place, and keeps one
 * descriptor, the channel. May touch: its memory, the channel, the clock, the
 * kernel's random numbers. Parses: the frames of one run, whose program it
 * then is; nothing that it says is trusted by the keeper.
 *
 * The jail is shut before a byte of the run is read. A step that fails ends
 * the process; the keeper sees a child that never said READY.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"
#include "confine.h"
#include "poison.h"
#include "program.h"

#define CHILD_STEP_FAILED 120 /* exit status; the step is added */

/* Version 1 only: a task that moves itself needs no lock of the system. */
static int
join_cgroups(const struct child *c)
{
	for (int i = 0; i < ISOLATE_CGROUPS_MAX; i++)
		if (c->cgroup_tasks[i] != -1 &&
			write(c->cgroup_tasks[i], "0", 1) != 1)
			return -1;
	return 0;
}

static int
keep_channel_only(const struct child *c)
{
	if (c->channel != CHILD_CHANNEL_FD &&
		dup2(c->channel, CHILD_CHANNEL_FD) == -1)
		return -1;
	for (int fd = 0; fd < CHILD_CHANNEL_FD; fd++)
		close(fd);
	return (int)syscall(SYS_close_range, CHILD_CHANNEL_FD + 1, ~0u, 0);
}

/* What is refused by the filter as well is refused here by the kernel. */
static int
set_limits(void)
{
	static const struct {
		int resource;
		rlim_t value;
	} limits[] = {
		{RLIMIT_CORE, 0},
		{RLIMIT_FSIZE, 0},
		{RLIMIT_NPROC, 1},
		{RLIMIT_NOFILE, CHILD_CHANNEL_FD + 1},
		{RLIMIT_MEMLOCK, 0},
		{RLIMIT_MSGQUEUE, 0},
		{RLIMIT_SIGPENDING, 16},
	};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit l = {limits[i].value, limits[i].value};
		if (setrlimit(limits[i].resource, &l) == -1)
			return -1;
	}
	return 0;
}

static int
shut_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

void
child_main(const struct child *c)
{
	if (join_cgroups(c) == -1)
		_exit(CHILD_STEP_FAILED);
	if (keep_channel_only(c) == -1 || shut_signals() == -1)
		_exit(CHILD_STEP_FAILED + 1);
	if (set_limits() == -1)
		_exit(CHILD_STEP_FAILED + 2);
	if (confine_user((uid_t)c->uid) == -1)
		_exit(CHILD_STEP_FAILED + 3);
	if (confine_enter(c->filter) == -1)
		_exit(CHILD_STEP_FAILED + 4);
	program_serve(CHILD_CHANNEL_FD);
}
