/* ULIDs: sortable identifiers. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "poison.h"
#include "ulid.h"
#include "vtime.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static bool
count_up(unsigned char r[10])
{
	for (int i = 9; i >= 0; i--)
		if (++r[i] != 0)
			return true;
	return false;
}

static void
encode(uint64_t ms, const unsigned char r[10], char *out)
{
	for (int i = 9; i >= 0; i--, ms >>= 5)
		out[i] = alphabet[ms & 31];
	for (int half = 0; half < 2; half++) {
		uint64_t bits = 0;
		for (int i = 0; i < 5; i++)
			bits = bits << 8 | r[half * 5 + i];
		for (int i = 7; i >= 0; i--, bits >>= 5)
			out[10 + half * 8 + i] = alphabet[bits & 31];
	}
	out[ULID_CHARS] = '\0';
}

int
ulid_new(char out[ULID_TEXT_BYTES], struct verr *e)
{
	static uint64_t last_ms;
	static unsigned char random[10];
	uint64_t ms = (uint64_t)vtime_wall_ms();
	if (ms > last_ms || !count_up(random)) {
		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			return verr_set(e, VERR_HOST, errno, "getrandom");
		/* Room to count up within one millisecond. */
		random[0] &= 0x7f;
		if (ms <= last_ms)
			ms = last_ms + 1;
		last_ms = ms;
	}
	encode(last_ms, random, out);
	return 0;
}

bool
ulid_valid(const char *text)
{
	size_t n = strnlen(text, ULID_CHARS + 1);
	if (n != ULID_CHARS || text[0] > '7')
		return false;
	for (size_t i = 0; i < n; i++)
		if (strchr(alphabet, text[i]) == NULL)
			return false;
	return true;
}
