/* Starting and ending processes. */
#ifndef PROC_H
#define PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "verr.h"

/* One row of a child's descriptor table: `from` of ours is its `to`. */
struct proc_fd {
	int from;
	int to;
};

struct proc_spec {
	const char *path; /* absolute */
	const char *const *argv;
	const char *const *envp; /* NULL: an empty environment */
	const struct proc_fd *fds;
	size_t fd_count; /* the child has these and nothing else */
	uid_t uid; /* 0: as we are */
	gid_t gid;
	bool die_with_parent; /* SIGKILL when the starting thread ends */
};

/*
 * Forks and executes; returns when the exec has succeeded. The child has an
 * empty signal mask and default handlers. An exec that fails is HOST with its
 * errno, never a child that dies later.
 */
int proc_spawn(const struct proc_spec *, pid_t *ret_pid, int *ret_pidfd,
	struct verr *);

/*
 * Gives up root for good: groups, gid, uid, then checks that there is no way
 * back. Clears capabilities with it; sets no_new_privs.
 */
int proc_become(uid_t, gid_t, struct verr *);

/* SIGKILL when the parent ends; -1 if it has ended already. */
int proc_die_with_parent(struct verr *);

/* pidfd_send_signal; a process that is gone already is success. */
int proc_kill(int pidfd, int signal, struct verr *);

/* What tells this boot of the machine from every other: a UUID as text. */
#define PROC_BOOT_ID_BYTES 37
int proc_boot_id(char out[PROC_BOOT_ID_BYTES], struct verr *);

/* A pidfd for a process, close-on-exec. */
int proc_pidfd(pid_t, struct verr *);

#endif
