/*
 * The warm pool's policy: how many sandboxes of a class to hold ready. Pure
 * functions over numbers, so that tests can walk through time.
 */
#ifndef POOL_H
#define POOL_H

#include <stdbool.h>
#include <stdint.h>

/* What one warm sandbox is taken to cost; measured ones cost less. */
#define POOL_SANDBOX_MIB 3

struct pool_class {
	unsigned now, before; /* arrivals in this second and in the last */
	int64_t second; /* which one this is */
	int64_t make_ns; /* time to make one, smoothed; 0: not known */
	int64_t arrival_ns; /* the last arrival, 0: never one */
};

struct pool_bounds {
	unsigned class_max; /* warm ones of a class */
	unsigned all_max; /* of all classes: the memory budget */
	int64_t idle_ns; /* quiet time after which a class empties */
};

/* One run of this class was claimed. */
void pool_arrival(struct pool_class *, int64_t now_ns);

/* A sandbox of this class took so long to make. */
void pool_made(struct pool_class *, int64_t took_ns);

/*
 * How many to hold ready now: as many as arrive in the time that making one
 * takes, with room for chance, and a few more; 0 after the quiet time.
 */
unsigned pool_target(
	const struct pool_class *, const struct pool_bounds *, int64_t now_ns);

/* How many more to start, given those there are in the class and in all. */
unsigned pool_missing(unsigned target, unsigned have, unsigned have_all,
	const struct pool_bounds *);

#endif
