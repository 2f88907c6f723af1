/*
 * Counters that only the runner knows, in RUN/runner.stats for /metrics:
 * "name value" lines, replaced as a whole, only when something changed.
 */
#ifndef STATS_H
#define STATS_H

#include <stdint.h>

#include "verr.h"

enum counter {
	STAT_WARM_HITS,
	STAT_WARM_MISSES,
	STAT_KEEPERS_STARTED,
	STAT_KEEPERS_KILLED,
	STAT_WARM_LOST,
	STAT_RUNS_CLAIMED,
	STAT_RUNS_FINISHED,
	STAT_RUNS_GIVEN_BACK,
	STAT_RUNS_RECOVERED,
	STAT_RESULTS_REFUSED,
	STAT_PLATFORM_FAILURES,
	STAT_HOST_RESTARTS,
	STAT_PUBLISH_EVENTS,
	STAT_PUBLISH_DROPS,
	STAT_RINGS_REFUSED,
	STAT_DB_FAILURES,
	STAT_SANDBOXES_ACTIVE,
	STAT_SANDBOXES_WARM,
	STAT_COUNT
};

struct stats {
	uint64_t value[STAT_COUNT];
	uint64_t shown[STAT_COUNT];
	int64_t shown_ns; /* 0: never */
};

/* Writes the file when a value changed and a second has passed. */
int stats_show(
	struct stats *, const char *run_folder, int64_t now_ns, struct verr *);

#endif
