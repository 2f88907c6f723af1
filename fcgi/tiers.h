/* The tiers of this installation as the latest probes found them. */
#ifndef TIERS_H
#define TIERS_H

#include "exchange.h"
#include "submit.h"

/* What one tier can do here; text in the arena. */
struct tier_state {
	bool known; /* some node has reported it */
	bool usable;
	const char *node;
	const char *engine, *engine_version;
	const char *runtimes; /* words, separated by spaces */
	const char *reason, *remedy; /* when not usable */
	int64_t running_max, warm;
	const char *probed_at;
};

/* Reads all; of several nodes the usable one stands for the tier. */
int tiers_read(
	struct exchange *, struct tier_state ret[TIER_COUNT], struct verr *);

/* Whether a usable tier runs it. */
bool tier_runs(const struct tier_state *, enum runtime);

/* What the tier is, one sentence. */
const char *tier_about(enum tier);

/*
 * Chooses the tier of a submission and says why: fills tier and routing.
 * Refuses what no tier here does, by name, with the reason and the remedy.
 */
int tiers_route(struct exchange *, struct submission *, struct verr *);

#endif
