/* The compiler's process: its namespaces, its filter and its exec. */
#ifndef COMPILE_JAIL_H
#define COMPILE_JAIL_H

#include <linux/filter.h>
#include <stdint.h>
#include <sys/types.h>

#include "ask.h"
#include "verr.h"

#define COMPILE_LIBRARIES 2 /* the loader and libc */
#define COMPILE_WORK_FOLDER "program" /* the run's files, below the root */

/* All that the new process needs; made before the fork. */
struct compile_jail {
	uid_t uid;
	int program;
	int network;
	int root; /* a mount that is not attached yet */
	/* Files of the host, at the same paths in the jail; NULL: none. */
	const char *libraries[COMPILE_LIBRARIES];
	int in, out, err;
	int cgroup_fds[ISOLATE_CGROUPS_MAX];
	int cgroup_count;
	int cgroup_version;
	uint64_t data_bytes; /* RLIMIT_DATA: where no group limits the memory */
	const struct sock_fprog *filter;
};

/* compile_filter.c: for a Go program that only reads files and its pipes. */
int compile_jail_filter(struct sock_fprog *ret, struct verr *);

/* Makes the process. *ret_pidfd is close-on-exec. */
int compile_jail_start(const struct compile_jail *, pid_t *ret_pid,
	int *ret_pidfd, struct verr *);

#endif
