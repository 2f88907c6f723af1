/* What a run needs and what it leaves, as queue and keeper exchange it. */
#ifndef RUN_H
#define RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "json.h"
#include "verr.h"
#include "words.h"

/* 0 never means "without limit": every field is set before a run starts. */
struct run_limits {
	uint64_t wall_ms;
	uint64_t cpu_ms;
	uint64_t memory_mib;
	uint64_t vcpus;
	uint64_t processes;
	uint64_t disk_mib;
	uint64_t output_bytes; /* stdout and stderr together */
};

/* The member "limits" of an object: in a spec and in a record alike. */
void run_limits_write(struct json *, const struct run_limits *);

#define RUN_META_MAX 32
#define RUN_META_KEY_BYTES 40
#define RUN_META_VALUE_BYTES 200

/* Metadata is flat: keys [a-z0-9-] with the unit in the name. */
struct run_meta {
	char key[RUN_META_KEY_BYTES];
	char value[RUN_META_VALUE_BYTES];
};

/*
 * The settled outcome of a run. exit_code is meaningful when exited is true,
 * signal (a number) when it is not 0. A guest's failure is described here; a
 * failure of Vulcan is an error instead, never a result.
 */
struct run_result {
	enum reason reason;
	bool exited;
	int32_t exit_code;
	int signal;
	char engine[24];
	enum warmth warmth;
	char limit_name[24]; /* "" when no limit struck */
	uint64_t limit_value;
	uint64_t limit_setting;
	uint64_t cpu_us;
	uint64_t wall_us;
	uint64_t memory_peak_kib;
	uint64_t stdout_bytes; /* what the guest wrote, kept or not */
	uint64_t stderr_bytes;
	bool stdout_truncated;
	bool stderr_truncated;
	uint64_t phase_ns[PHASE_COUNT];
	bool phase_seen[PHASE_COUNT];
	size_t meta_count;
	struct run_meta meta[RUN_META_MAX];
};

/*
 * Adds or replaces one item of metadata. Values are cut at their room and at
 * control characters. LIMIT when the table is full, INPUT for a bad key.
 */
int run_meta_set(
	struct run_result *, const char *key, const char *value, struct verr *);
int run_meta_setf(struct run_result *, struct verr *, const char *key,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* "key=value\n" lines, the payload of WIRE_RESULT; the inverse of decode. */
int run_result_encode(
	const struct run_result *, struct buf *out, struct verr *);

/* PROTO for a key that is unknown, repeated or has a bad value. */
int run_result_decode(
	const void *, size_t len, struct run_result *ret, struct verr *);

/* SIGKILL and the like; "SIG<number>" for one without a name. */
const char *run_signal_text(int signal, char room[16]);

#endif
