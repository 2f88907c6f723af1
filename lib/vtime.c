/* Clocks: monotonic nanoseconds inside, wall milliseconds where shown. */
#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "poison.h"
#include "vtime.h"

static int64_t
read_ns(clockid_t clock)
{
	struct timespec ts;
	int r = clock_gettime(clock, &ts);
	assert(r == 0);
	(void)r;
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t
vtime_mono_ns(void)
{
	return read_ns(CLOCK_BOOTTIME);
}

int64_t
vtime_wall_ms(void)
{
	return read_ns(CLOCK_REALTIME) / VTIME_NS_PER_MS;
}

void
vtime_text(int64_t wall_ms, char out[VTIME_TEXT_BYTES])
{
	time_t s = (time_t)(wall_ms / 1000);
	struct tm tm;
	if (wall_ms < 0 || gmtime_r(&s, &tm) == NULL || tm.tm_year > 8099) {
		s = 0;
		gmtime_r(&s, &tm);
		wall_ms = 0;
	}
	/* Each field is reduced so that the compiler can prove the length. */
	snprintf(out, VTIME_TEXT_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
		(unsigned)(tm.tm_year + 1900) % 10000,
		(unsigned)(tm.tm_mon + 1) % 100, (unsigned)tm.tm_mday % 100,
		(unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
		(unsigned)tm.tm_sec % 100, (unsigned)(wall_ms % 1000));
}
