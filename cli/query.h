/* Query strings, and the times that stand in them. */
#ifndef QUERY_H
#define QUERY_H

#include <stdint.h>

#include "buf.h"
#include "verr.h"

/*
 * Appends "?name=value" or "&name=value", escaped (RFC 3986, section 2.1); a
 * value of NULL appends nothing. out holds the path so far.
 */
int query_add(
	struct buf *out, const char *name, const char *value, struct verr *);

/*
 * A time for --since and --until: "90s", "15m", "2h" or "7d" before now_ms
 * becomes RFC 3339; anything else is passed on as it is.
 */
int query_time(
	const char *text, int64_t now_ms, struct buf *out, struct verr *);

#endif
