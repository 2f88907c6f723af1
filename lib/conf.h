/* vulcan.conf(5): the settings of every Vulcan program. */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "verr.h"

#define CONF_PATH_BYTES 256
#define CONF_NAME_BYTES 64

/* Each of the limits of a run has a default and a ceiling. */
struct conf_limit {
	uint64_t normal;
	uint64_t max;
};

struct conf {
	/* Where things are. */
	char state[CONF_PATH_BYTES]; /* database, blobs, caches */
	char run[CONF_PATH_BYTES]; /* sockets */
	char templates[CONF_PATH_BYTES];
	char isolate_host[CONF_PATH_BYTES]; /* vulcan-isolate */
	char esbuild[CONF_PATH_BYTES];
	char schema[CONF_PATH_BYTES]; /* schema.sql */
	char node[CONF_NAME_BYTES]; /* this machine's name in records */
	char origin[CONF_PATH_BYTES]; /* http://127.0.0.1:8080 */

	/* Who runs what: user ids, or names looked up at load. */
	uint64_t web_uid, queue_uid, group_gid;
	uint64_t slot_uid_first; /* one uid a slot from here on */
	uint64_t slots; /* sandboxes that may exist at once */

	/* Web. */
	uint64_t web_workers;
	uint64_t web_waiting; /* requests that may wait for a result */
	uint64_t request_bytes_max;
	uint64_t files_max; /* files of one workload */
	uint64_t session_hours;
	uint64_t logins_at_once;

	/* Queue. */
	uint64_t queue_max; /* pending workloads before 503 */
	uint64_t running_max; /* runs at once, all tiers */
	uint64_t running_user_max; /* runs at once of one user */
	uint64_t isolate_running_max;
	uint64_t attempts_max;
	uint64_t lease_ms;
	uint64_t poll_ms; /* look without a doorbell */

	/* Warm pool. */
	uint64_t pool_max; /* warm sandboxes of one class */
	uint64_t pool_memory_mib; /* budget of all */
	uint64_t pool_idle_ms; /* quiet time after which it empties */

	/* Isolate tier. */
	uint64_t isolate_jit; /* 0: --jitless, slower, no PROT_EXEC */
	uint64_t zygote_renew_runs; /* runs after which it is replaced */
	uint64_t zygote_renew_ms; /* age after which it is replaced */

	/* Limits of a run. */
	struct conf_limit wall_ms, cpu_ms, memory_mib, vcpus, processes,
		disk_mib, output_bytes;
};

/* The defaults, as vulcan.conf(5) documents them. */
void conf_defaults(struct conf *);

/*
 * Reads `key = value` lines over the defaults. An unknown or repeated key, a
 * wrong type or a value out of bounds is INPUT and names path:line, the key
 * and the remedy. A file that others may write is refused.
 */
int conf_load(const char *path, struct conf *, struct verr *);

/* The same for text in memory; name stands in messages. */
int conf_parse(const char *name, const char *text, size_t len, struct conf *,
	struct verr *);

/* Prints every key with its value, bounds and meaning, one a line. */
int conf_print(const struct conf *, struct buf *out, struct verr *);

#endif
