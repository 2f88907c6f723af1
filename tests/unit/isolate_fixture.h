/* A real isolate driver for tests: programs in, outcomes out. As root. */
#ifndef ISOLATE_FIXTURE_H
#define ISOLATE_FIXTURE_H

#include "backend.h"

#define FIXTURE_FILES 8
#define FIXTURE_UID 61200 /* of slot 0 */

/* A program and its limits; 0 is the fixture's usual limit. */
struct program {
	const char *name; /* of the case, for messages */
	struct run_file files[FIXTURE_FILES]; /* the first is the entry */
	const char *input;
	const char *standard_input;
	uint64_t wall_ms, cpu_ms, memory_mib, output_bytes;
	const void *compiled;
	size_t compiled_len;
};

struct outcome {
	struct run_left left;
	struct buf out, err; /* what came on the two streams */
	int started;
	int64_t create_ns;
};

/*
 * Opens the driver with the vulcan-isolate of this build, or says why it
 * cannot (not root, not built) and returns NULL. change may alter the
 * configuration.
 */
struct backend *tier_open(void (*change)(struct conf *));
void tier_close(struct backend *);

/* Runs one program in a cold sandbox of slot `index`; asserts that it could. */
void tier_run(struct backend *, const struct program *, unsigned index,
	struct outcome *);
void outcome_done(struct outcome *);

/* The parts, for tests that go between them. */
struct sandbox *tier_create(struct backend *, enum runtime, unsigned index);
void tier_spec(const struct program *, struct run_spec *);
extern const struct run_sink tier_sink; /* ctx: struct outcome */

#define CODE(n, text) \
	{ \
		.name = (n), .data = (text), .len = sizeof(text) - 1 \
	}
#define SCRIPT(text) \
	{ \
		CODE("index.js", text) \
	}

#endif
