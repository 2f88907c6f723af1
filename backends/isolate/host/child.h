/* The process of one run, from its birth to the end of its program. */
#ifndef CHILD_H
#define CHILD_H

#include <linux/filter.h>
#include <stdint.h>

#include "ask.h"

#define CHILD_CHANNEL_FD 3

/* What a child is born with; the descriptors are its own copies. */
struct child {
	uint32_t uid;
	int channel;
	int cgroup_tasks[ISOLATE_CGROUPS_MAX]; /* -1: none */
	const struct sock_fprog *filter;
};

/* Shuts the jail behind this process, then serves one run. */
_Noreturn void child_main(const struct child *);

#endif
