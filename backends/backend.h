/*
 * Sandboxes and runs, for callers: the keeper, the warden and the probes.
 *
 * A sandbox is a wall with an agent waiting behind it; a run is given to
 * exactly one sandbox, and a sandbox has exactly one run in its life. All calls
 * check the order create, start, wait, collect, destroy; destroy is allowed
 * from any state. Errors carry the driver's and the step's name. A guest's
 * failure is a result; only Vulcan's own failure is an error.
 */
#ifndef BACKEND_H
#define BACKEND_H

#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "conf.h"
#include "run.h"
#include "verr.h"
#include "words.h"

/* What a probe found; texts are for the backends page. */
struct backend_caps {
	char engine[24];
	char engine_version[64];
	char runtimes[128]; /* words separated by spaces */
	char reason[256]; /* why it is not usable */
	char remedy[256];
};

/* What a sandbox is made for: the key of the warm pool. */
struct sandbox_class {
	enum tier tier;
	enum runtime runtime;
};

/* Resources of one slot, lent to one sandbox at a time. */
struct sandbox_slot {
	unsigned index;
	uid_t uid; /* of this slot alone; its gid is the same number */
	const char *cgroup; /* name below Vulcan's own group, "slot-12" */
};

struct run_file {
	const char *name;
	const void *data;
	size_t len;
};

/* One run; all memory is the caller's and outlives the run. */
struct run_spec {
	const char *id;
	enum runtime runtime;
	const char *entrypoint;
	const char *args; /* JSON list */
	const char *env; /* JSON object */
	struct run_limits limits;
	const struct run_file *files;
	size_t file_count;
	const void *input; /* JSON, NULL for none */
	size_t input_len;
	const void *stdin_data;
	size_t stdin_len;
	const void *compiled; /* from an earlier compile phase, NULL for none */
	size_t compiled_len;
};

/*
 * Where a run's bytes go as they come. t_ns is vtime_mono_ns. output keeps to
 * the output limit already. started is called once, when guest code runs.
 * A return of -1 ends the run as an error.
 */
struct run_sink {
	void *ctx;
	int (*started)(void *ctx, struct verr *);
	int (*output)(void *ctx, enum stream, int64_t t_ns, const void *,
		size_t n, struct verr *);
};

/* What a run leaves beside its result; the caller frees the buffers. */
struct run_left {
	struct run_result result;
	struct buf output; /* handler's result as JSON; empty: none */
	struct buf error; /* one sentence, newline, details; empty: none */
	struct buf compiled; /* to be kept by code hash; empty: none */
};
void run_left_init(struct run_left *);
void run_left_done(struct run_left *);

struct backend; /* a driver opened in this process */
struct sandbox;

/* Whether Vulcan knows a driver for the tier at all. */
int backend_known(enum tier);

/*
 * Opens the tier's driver in the warden: starts its host processes. The
 * keepers forked later inherit it. backend_close ends them.
 */
int backend_open(
	enum tier, const struct conf *, struct backend **ret, struct verr *);
void backend_close(struct backend *);

/*
 * A descriptor that becomes readable when the host processes need care
 * (ended, to be renewed), or -1; backend_tend gives that care: 1 one of them
 * was lost, and every sandbox that it had made with it, 0 nothing was, -1.
 */
int backend_fd(const struct backend *);
int backend_tend(struct backend *, struct verr *);

/* 1 usable, 0 not here (reason and remedy in caps), -1 could not tell. */
int backend_probe(struct backend *, const struct sandbox_slot *,
	struct backend_caps *, struct verr *);

/* Removes what a crash left of this slot; harmless when there is nothing. */
int backend_sweep(struct backend *, const struct sandbox_slot *, struct verr *);

/* Makes a sandbox, until its agent says it is ready. As root. */
int backend_create(struct backend *, const struct sandbox_class *,
	const struct sandbox_slot *, struct sandbox **ret, struct verr *);

/* Sets the limits and hands the run over; guest code runs from here. */
int backend_start(struct sandbox *, const struct run_spec *, enum warmth,
	const struct run_sink *, struct verr *);

/*
 * Serves the run until it ends or a limit strikes. 1: ended; 0: cancel_fd
 * became readable (call backend_kill); -1: error.
 */
int backend_wait(struct sandbox *, int cancel_fd, struct verr *);

/* Ends the run for this reason; returns when it is dead, within 2 s. */
int backend_kill(struct sandbox *, enum reason, struct verr *);

/* After wait gave 1, or kill: the outcome. */
int backend_collect(struct sandbox *, struct run_left *, struct verr *);

/* Takes the sandbox down from any state; NULL is harmless. */
void backend_destroy(struct sandbox *);

static inline void
v_sandbox_guard(struct sandbox **sb)
{
	backend_destroy(*sb);
	*sb = NULL;
}
#define v_autosandbox __attribute__((cleanup(v_sandbox_guard)))

#endif
