/*
 * What a keeper asks the isolate host for, and what it answers.
 *
 * An ask goes over the host's control socket (SOCK_SEQPACKET), with the guest's
 * end of the channel, the host's end of a status socket (SOCK_SEQPACKET) and
 * up to two cgroup descriptors. On the status socket come one isolate_born
 * with a pidfd and, when the child is gone, one isolate_dead. The other side
 * closing its end of the status socket means: kill the child.
 */
#ifndef ASK_H
#define ASK_H

#include <stdint.h>

#define ISOLATE_MAGIC 0x564c4341u
#define ISOLATE_CGROUPS_MAX 2

struct isolate_ask {
	uint32_t magic;
	uint32_t uid;
	/*
	 * 2: one directory of a version 2 hierarchy to be born in; 1: `tasks`
	 * files of version 1 to write to; 0: no cgroup.
	 */
	uint32_t cgroup_version;
};

struct isolate_born {
	uint32_t magic;
	int32_t pid; /* -1: sys says why not */
	int32_t sys;
};

struct isolate_dead {
	uint32_t magic;
	int32_t status; /* as waitpid gives it */
	int64_t cpu_us;
	int64_t memory_peak_kib;
};

/* From the host to whoever started it, on the control socket. */
enum isolate_word { ISOLATE_READY = 1, ISOLATE_RENEW, ISOLATE_FAILED };

struct isolate_note {
	uint32_t magic;
	uint32_t word;
	int64_t ready_us; /* time that isolate, context and bootstrap took */
	char text[120]; /* V8's version, or why it failed */
};

/* Command line: how the host is told what it may do. */
enum {
	ISOLATE_ARG_JIT = 1,
	ISOLATE_ARG_UID_FIRST,
	ISOLATE_ARG_UID_COUNT,
	ISOLATE_ARG_RENEW_RUNS,
	ISOLATE_ARGS
};

#define ISOLATE_CONTROL_FD 3

#endif
