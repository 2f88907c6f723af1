/* Starting and ending processes. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "poison.h"
#include "proc.h"

int
proc_pidfd(pid_t pid, struct verr *e)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd == -1)
		return verr_set(e, VERR_HOST, errno, "pidfd_open %d", pid);
	return fd;
}

int
proc_boot_id(char out[PROC_BOOT_ID_BYTES], struct verr *e)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	struct buf v_autobuf text = BUF(PROC_BOOT_ID_BYTES);
	if (fd_read_file(AT_FDCWD, path, &text, e) == -1)
		return -1;
	if (text.len < PROC_BOOT_ID_BYTES - 1)
		return verr_set(e, VERR_HOST, 0, "%s is too short", path);
	memcpy(out, text.data, PROC_BOOT_ID_BYTES - 1);
	out[PROC_BOOT_ID_BYTES - 1] = '\0';
	return 0;
}

int
proc_kill(int pidfd, int signal, struct verr *e)
{
	if (syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) == -1 &&
		errno != ESRCH)
		return verr_set(e, VERR_HOST, errno, "signal %d", signal);
	return 0;
}

int
proc_die_with_parent(struct verr *e)
{
	pid_t parent = getppid();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		return verr_set(e, VERR_HOST, errno, "PR_SET_PDEATHSIG");
	if (getppid() != parent)
		return verr_set(e, VERR_HOST, ESRCH, "the parent has ended");
	return 0;
}

int
proc_become(uid_t uid, gid_t gid, struct verr *e)
{
	if (setgroups(0, NULL) == -1 || setresgid(gid, gid, gid) == -1 ||
		setresuid(uid, uid, uid) == -1)
		return verr_set(e, VERR_HOST, errno, "becoming uid %u", uid);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return verr_set(e, VERR_HOST, errno, "PR_SET_NO_NEW_PRIVS");
	if (uid != 0 && setresuid(0, 0, 0) == 0)
		return verr_set(
			e, VERR_BUG, 0, "uid %u could return to root", uid);
	return 0;
}

static void
reset_signals(void)
{
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * Puts the table in place in two rounds, by way of numbers above all of its
 * own, so that no row overwrites another's source.
 */
static int
place_fds(const struct proc_fd *fds, size_t count, int *status)
{
	int top = 3;
	for (size_t i = 0; i < count; i++)
		if (fds[i].to >= top)
			top = fds[i].to + 1;
	int high[32];
	if (count > sizeof(high) / sizeof(high[0])) {
		errno = E2BIG;
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		high[i] = fcntl(fds[i].from, F_DUPFD_CLOEXEC, top);
		if (high[i] == -1)
			return -1;
	}
	int moved = fcntl(*status, F_DUPFD_CLOEXEC, top);
	if (moved == -1)
		return -1;
	*status = moved;
	for (int fd = 0; fd < top; fd++)
		close(fd);
	for (size_t i = 0; i < count; i++)
		if (dup2(high[i], fds[i].to) == -1)
			return -1;
	for (int fd = top; fd < moved; fd++)
		close(fd);
	return close_range((unsigned)moved + 1, ~0u, 0);
}

static int
enter(const struct proc_spec *s, int *status)
{
	struct verr e;
	reset_signals();
	if (s->die_with_parent && prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		return -1;
	if (place_fds(s->fds, s->fd_count, status) == -1)
		return -1;
	if (s->uid != 0 && proc_become(s->uid, s->gid, &e) == -1) {
		errno = e.sys != 0 ? e.sys : EPERM;
		return -1;
	}
	/* Changing the uid cleared it. */
	if (s->die_with_parent && prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		return -1;
	return 0;
}

static void
child(const struct proc_spec *s, int status)
{
	static const char *const none[] = {NULL};
	const char *const *envp = s->envp != NULL ? s->envp : none;
	if (enter(s, &status) == 0)
		execve(s->path, (char *const *)(uintptr_t)s->argv,
			(char *const *)(uintptr_t)envp);
	int why = errno;
	ssize_t n = write(status, &why, sizeof(why));
	(void)n;
	_exit(127);
}

int
proc_spawn(const struct proc_spec *s, pid_t *ret_pid, int *ret_pidfd,
	struct verr *e)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) == -1)
		return verr_set(e, VERR_HOST, errno, "pipe");
	int v_autoclose get = ends[0];
	int v_autoclose put = ends[1];
	pid_t pid = fork();
	if (pid == -1)
		return verr_set(e, VERR_HOST, errno, "fork");
	if (pid == 0)
		child(s, put);
	fd_close(&put);
	int why;
	ssize_t n;
	do
		n = read(get, &why, sizeof(why));
	while (n == -1 && errno == EINTR);
	if (n == (ssize_t)sizeof(why)) {
		waitpid(pid, NULL, 0);
		return verr_set(e, VERR_HOST, why, "starting %s", s->path);
	}
	int pidfd = proc_pidfd(pid, e);
	if (pidfd == -1) {
		/* Not yet waited for, so the number is still its own. */
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return -1;
	}
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return 0;
}
