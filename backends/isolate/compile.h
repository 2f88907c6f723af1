/*
 * The TypeScript compiler in a jail of its own: esbuild, started ahead and
 * waiting for its first byte, in an empty root that gets the run's files.
 */
#ifndef COMPILE_H
#define COMPILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "cgroup.h"
#include "verr.h"

#define COMPILE_OUT_BYTES (24u << 20) /* largest bundle */
#define COMPILE_SAID_BYTES 60000 /* most of its messages that is kept */

/* What the compiler needs beside the memory that its program may have. */
#define COMPILER_BYTES (UINT64_C(128) << 20)

#define COMPILE_PATH_BYTES 256

struct run_spec;

/* What is made once in the warden: the program's descriptor, a dead network. */
struct compile_ground {
	int program; /* -1: there is no compiler */
	int network; /* a network namespace with nothing in it */
	uint64_t data_bytes; /* RLIMIT_DATA of each */
	char loader[COMPILE_PATH_BYTES]; /* "" for a static program */
	char libc[COMPILE_PATH_BYTES];
};
void compile_ground_init(struct compile_ground *);
int compile_ground_open(struct compile_ground *, const char *program,
	uint64_t data_bytes, struct verr *);
void compile_ground_close(struct compile_ground *);
bool compile_ground_usable(const struct compile_ground *);

/* One compiler process, from its birth to its result. */
struct compile_job {
	pid_t pid;
	int pidfd;
	int work; /* its folder, for the files */
	int in; /* its stdin: it works once this ends */
	int out;
	int err;
	clockid_t cpu_clock;
	int64_t began_ns;
	struct buf bundle, said;
	bool too_big;
	bool refused; /* its files; said tells why */
	bool dead;
	int status;
	int64_t cpu_us;
};

/* Starts a compiler that waits, as root. */
int compile_start(const struct compile_ground *, uid_t, const struct cgroup *,
	struct compile_job **ret, struct verr *);

/*
 * Writes the run's files and lets it work. Files that cannot be, beside each
 * other say, are no error but a compilation that fails with a sentence.
 */
int compile_give(struct compile_job *, const struct run_spec *, struct verr *);

/*
 * Takes what it has said; 1 when it has ended, 0 when not yet. Call it when
 * one of compile_fds is readable.
 */
#define COMPILE_FDS 3
void compile_fds(const struct compile_job *, int fds[COMPILE_FDS]);
int compile_serve(struct compile_job *, struct verr *);

/* Whether it made a bundle; its messages are in said. */
bool compile_succeeded(const struct compile_job *);

/* Ends it from any state; NULL is harmless. */
void compile_end(struct compile_job *);

#endif
