/* What the files of the isolate driver share. */
#ifndef ISOLATE_H
#define ISOLATE_H

#include <stdbool.h>
#include <sys/types.h>

#include "cgroup.h"
#include "compile.h"
#include "driver.h"
#include "wire.h"

/* One host process (vulcan-isolate). */
struct isolate_host {
	pid_t pid; /* -1: none */
	int pidfd;
	int control; /* our end; keepers inherit it and ask over it */
	bool ready;
	unsigned generation;
	int64_t ready_us;
	char version[64];
};

#define ISOLATE_OLD_MAX 8

struct isolate_backend {
	struct backend base;
	struct cgroup_tree tree;
	struct compile_ground ground;
	int epoll; /* all that tend looks after */
	int timer; /* renewal by age, or the next try after a failure */
	unsigned generations;
	unsigned failures; /* in a row */
	struct isolate_host now;
	struct isolate_host next; /* being made while now serves */
	struct isolate_host old[ISOLATE_OLD_MAX]; /* until their runs end */
	char failure[200]; /* why there is no host; "" when there is */
};

/* hosts.c: starting, renewing and ending the host processes. */
int isolate_hosts_open(struct isolate_backend *, struct verr *);
void isolate_hosts_close(struct isolate_backend *);
int isolate_hosts_tend(struct isolate_backend *, struct verr *);

/* What the guest has said and what became of it. */
struct isolate_sandbox {
	struct sandbox base;
	struct cgroup group;
	struct compile_job *job; /* NULL: nothing to compile */
	int channel;
	int status;
	pid_t pid;
	int pidfd;
	clockid_t cpu_clock;
	struct wire_reader in;
	unsigned generation;
	int64_t ready_us;
	char version[64];

	int64_t started_ns; /* of guest code, or of the compiler */
	bool handed_over; /* guest code has started */
	int64_t ended_ns;
	int64_t cpu_ns;
	int64_t rss_kib; /* the process's own peak, if it was told */
	int64_t compile_ns; /* -1: nothing was compiled */
	bool ended;
	bool dead; /* the process is gone and its news were read */
	int dead_status;
	bool host_lost; /* the host ended, and its children with it */
	bool said_exit;
	int32_t exit_code;
	bool said_memory;
	bool broke; /* the protocol */
	enum reason struck; /* by us; REASON_NONE: it ended by itself */
	uint64_t struck_value;
	uint64_t kept; /* bytes of output given to the sink */
	uint64_t bytes[2]; /* that came, by stream */
	bool cut[2];
	struct buf output, error, meta, compiled;
};

/* sandbox.c */
int isolate_create(struct backend *, const struct sandbox_class *,
	const struct sandbox_slot *, struct sandbox **ret, struct verr *);
int isolate_start(struct sandbox *, struct verr *);
void isolate_destroy(struct sandbox *);

/* Hands the run to the waiting child; guest code runs when this returns. */
int isolate_hand_over(struct isolate_sandbox *, const void *compiled,
	size_t compiled_len, struct verr *);

/* serve.c */
int isolate_wait(struct sandbox *, int cancel_fd, struct verr *);
int isolate_kill(struct sandbox *, enum reason, struct verr *);

/* Waits for the process's end and its news; 1, or 0 after timeout_ms. */
int isolate_await_death(struct isolate_sandbox *, int timeout_ms);

/* collect.c */
int isolate_collect(struct sandbox *, struct run_left *, struct verr *);

#endif
