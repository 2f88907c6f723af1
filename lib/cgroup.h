/* Control groups of the slots, version 1 or 2, whichever this machine has. */
#ifndef CGROUP_H
#define CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "verr.h"

enum cgroup_controller {
	CGROUP_MEMORY,
	CGROUP_PIDS,
	CGROUP_CPU,
	CGROUP_CONTROLLERS
};

#define CGROUP_NAME_BYTES 64

/*
 * Vulcan's own group: one directory in a version 2 hierarchy, or one in each
 * version 1 hierarchy of a controller. A controller that is missing has no
 * directory; that is no error, and cgroup_missing names it.
 */
struct cgroup_tree {
	int version; /* 0: no control groups at all */
	int group; /* version 2: the directory, controllers or none */
	int dir[CGROUP_CONTROLLERS]; /* version 2: the same one again */
	char name[CGROUP_NAME_BYTES];
};

/* Finds the hierarchies by /proc/self/mountinfo; makes the group. As root. */
int cgroup_tree_open(struct cgroup_tree *, const char *name, struct verr *);
/* Closes it; the directories stay. */
void cgroup_tree_done(struct cgroup_tree *);

/* Removes the group and those of all slots in it, when they are empty. */
void cgroup_tree_remove(struct cgroup_tree *);

/* Words for the controllers that are missing; "" when none is. */
const char *cgroup_missing(const struct cgroup_tree *, char room[64]);

/*
 * The group of one slot. Its files are opened once, as root, so that a keeper
 * can set limits and read counters after it has given up root. -1: not there.
 */
struct cgroup {
	int version;
	int group;
	int dir[CGROUP_CONTROLLERS];
	int memory_max;
	int memory_peak;
	int memory_events;
	int cpu_max;
	uint64_t oom_kills; /* of earlier runs in this slot */
};

void cgroup_init(struct cgroup *);
/*
 * Makes the slot's group, or takes the one that is there and resets it. Where
 * the kernel cannot forget a peak (version 2 before Linux 6.12) an empty group
 * is made anew; the peak of one that is not empty is not counted.
 */
int cgroup_open(const struct cgroup_tree *, const char *slot, struct cgroup *,
	struct verr *);
void cgroup_done(struct cgroup *);

/*
 * Descriptors by which a new process gets into the group. Version 2: *ret_fds
 * is one directory for CLONE_INTO_CGROUP; version 1: up to max `tasks` files
 * to which a single-threaded process writes "0" itself. Returns their number;
 * the caller closes them.
 */
int cgroup_entry(
	const struct cgroup *, int *ret_fds, size_t max, struct verr *);

/*
 * Limits; without the controller they do nothing. That of processors counts
 * for who is in the group of the cpu controller; in version 1 cgroup_entry
 * gives its file as the third. pids is for root, the others for anybody who
 * has the group open.
 */
int cgroup_limit_memory(const struct cgroup *, uint64_t bytes, struct verr *);
int cgroup_limit_pids(const struct cgroup *, uint64_t count, struct verr *);
int cgroup_limit_cpus(const struct cgroup *, uint64_t cpus, struct verr *);

/* 1 and the highest use in bytes since cgroup_open; 0: it is not counted. */
int cgroup_memory_peak(const struct cgroup *, uint64_t *ret_bytes);

/* Whether the kernel has killed in this group since cgroup_open. */
bool cgroup_oom_killed(const struct cgroup *);

/*
 * Kills what is left in the slot's group of all hierarchies. 0: it is empty;
 * -1 with EBUSY: the killed are still dying, ask again in some milliseconds.
 */
int cgroup_kill(const struct cgroup_tree *, const char *slot, struct verr *);

#define v_autocgroup __attribute__((cleanup(cgroup_done)))

#endif
