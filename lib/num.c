/* The one place where text becomes a number. */
#include <inttypes.h>
#include <string.h>

#include "num.h"
#include "poison.h"

int
num_u64(const char *text, size_t len, uint64_t min, uint64_t max,
	const char *what, uint64_t *ret_value, struct verr *e)
{
	uint64_t v = 0;
	if (len == 0)
		return verr_set(
			e, VERR_INPUT, 0, "%s: a number is missing", what);
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return verr_set(e, VERR_INPUT, 0,
				"%s: not a whole number; use digits only",
				what);
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(
				v, (uint64_t)(text[i] - '0'), &v))
			return verr_set(e, VERR_INPUT, 0,
				"%s: more than %" PRIu64, what, max);
	}
	if (v < min || v > max)
		return verr_set(e, VERR_INPUT, 0,
			"%s: %" PRIu64 " is not within %" PRIu64
			" and %" PRIu64,
			what, v, min, max);
	*ret_value = v;
	return 0;
}

int
num_u64s(const char *text, uint64_t min, uint64_t max, const char *what,
	uint64_t *ret_value, struct verr *e)
{
	return num_u64(text, strlen(text), min, max, what, ret_value, e);
}
