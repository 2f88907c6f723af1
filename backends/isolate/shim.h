/*
 * Plain C over V8: what the isolate host needs of the engine and no more.
 *
 * One engine, one isolate and one context in a process, on one thread. The
 * order is shim_start, shim_boot, then (after a fork, in the child) shim_limits
 * and shim_run, then shim_turn until it says that nothing is left to do.
 */
#ifndef SHIM_H
#define SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shim_text {
	const char *data; /* NULL: none at all */
	size_t len;
};

#define SHIM_NAME_BYTES 512

/* What the engine and the bootstrap script ask of the host. */
struct shim_host {
	/* The text of one of the run's files: false when there is none. */
	bool (*file)(struct shim_text name, struct shim_text *ret);

	/*
	 * The file that `specifier` in file `from` names: true with the name
	 * in out, false with a sentence on why not in out. `search` tries
	 * endings as require() does.
	 */
	bool (*resolve)(struct shim_text from, struct shim_text specifier,
		bool search, char out[SHIM_NAME_BYTES]);

	void (*write)(bool to_stderr, struct shim_text);
	void (*output)(struct shim_text json);
	void (*error)(struct shim_text);
	void (*random)(void *, size_t);
	int64_t (*now_ns)(void);

	/* These do not return. */
	void (*exit)(int code);
	void (*out_of_memory)(const char *what);
	void (*fatal)(const char *where, const char *what);
};

/* The version that runs, and the one whose headers this was built with. */
const char *shim_version(void);
const char *shim_headers_version(void);

/* Starts the engine; the table must outlive it. */
void shim_start(const struct shim_host *, bool jit);

/* Makes isolate and context and evaluates the bootstrap; false: text in why. */
bool shim_boot(struct shim_text script, char *why, size_t why_size);

/* Heap and array buffer budget of this run, from here on. */
void shim_limits(size_t heap_bytes, size_t buffer_bytes);

/*
 * Starts the program that spec (JSON) describes. compiled is a bundle that
 * stands for all files. Failures of the program end in host->error and
 * host->exit.
 */
void shim_run(struct shim_text spec, struct shim_text compiled,
	struct shim_text input, struct shim_text standard_input);

/*
 * Runs what is due. Returns the nanosecond (host->now_ns) at which more is,
 * or -1 when nothing is left.
 */
int64_t shim_turn(void);

/* The program is over: whether its promise was settled. */
bool shim_settled(void);

/* Whether an allocation was refused for the buffer budget. */
bool shim_budget_hit(void);

void shim_heap(uint64_t *ret_used_kib, uint64_t *ret_limit_kib);

#ifdef __cplusplus
}
#endif
#endif
