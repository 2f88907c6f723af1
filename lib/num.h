/* The one place where text becomes a number. */
#ifndef NUM_H
#define NUM_H

#include <stddef.h>
#include <stdint.h>

#include "verr.h"

/*
 * Decimal digits only: no sign, space, fraction, exponent or empty text.
 * Outside min..max is INPUT; the message starts with `what` and names the
 * bounds. text need not be NUL-terminated.
 */
int num_u64(const char *text, size_t len, uint64_t min, uint64_t max,
	const char *what, uint64_t *ret_value, struct verr *);

/* As num_u64, for a whole C string. */
int num_u64s(const char *text, uint64_t min, uint64_t max, const char *what,
	uint64_t *ret_value, struct verr *);

#endif
