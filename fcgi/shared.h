/* Memory that the workers of a pool share: what few may do at once. */
#ifndef SHARED_H
#define SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verr.h"

#define SHARED_SLOTS 256
#define SHARED_BUCKETS 1024

/*
 * A flag a worker, so that what a killed worker held is known and can be given
 * back by the master.
 */
struct shared_claims {
	atomic_uchar held[SHARED_SLOTS];
};

/* Attempts of those who hash here, in one window of time. */
struct shared_bucket {
	_Atomic int64_t window;
	atomic_uint count;
};

struct shared {
	struct shared_claims waiting;
	struct shared_claims logins;
	struct shared_bucket buckets[SHARED_BUCKETS];
	_Atomic uint64_t answers[6]; /* by the first digit of the status */
	_Atomic uint64_t respawns;
};

/* Maps it, zeroed; children inherit it. Lives as long as the process. */
int shared_new(struct shared **ret, struct verr *);

/* Takes a place among at most max: true when there was one. */
bool shared_claim(struct shared_claims *, size_t slot, uint64_t max);
void shared_release(struct shared_claims *, size_t slot);
size_t shared_claimed(const struct shared_claims *);

/* Gives back all that a worker that is gone held. */
void shared_forget(struct shared *, size_t slot);

/*
 * Counts an attempt of `who` in a window of a minute: false when it has made
 * max of them. Different ones may fall together: that errs towards refusal.
 */
bool shared_attempt(
	struct shared *, uint64_t who, unsigned max, int64_t now_ms);

#endif
