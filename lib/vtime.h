/* Clocks: monotonic nanoseconds inside, wall milliseconds where shown. */
#ifndef VTIME_H
#define VTIME_H

#include <stdint.h>

#define VTIME_NS_PER_MS INT64_C(1000000)
#define VTIME_TEXT_BYTES 25 /* "2026-11-23T00:23:00.000Z" and its NUL */

/* CLOCK_BOOTTIME in nanoseconds: goes on while the machine sleeps. */
int64_t vtime_mono_ns(void);

/* Milliseconds since 1970 by the wall clock. */
int64_t vtime_wall_ms(void);

/* Wall milliseconds as RFC 3339 UTC with milliseconds. */
void vtime_text(int64_t wall_ms, char out[VTIME_TEXT_BYTES]);

#endif
