/*
 * Whose turn it is: fair shares between users, as a pure function.
 *
 * The user with the fewest runs under way goes first; among equals the one
 * whose head of line has waited longest. Within a user it is first in, first
 * out by priority.
 */
#ifndef FAIR_H
#define FAIR_H

#include <stddef.h>
#include <stdint.h>

#include "ulid.h"

struct fair_user {
	int64_t user_id;
	unsigned running;
	char head[ULID_TEXT_BYTES]; /* "": nothing waits */
};

/* The index of whose turn it is, or -1: nobody may start one more. */
int fair_pick(const struct fair_user *, size_t count, unsigned running_max);

#endif
