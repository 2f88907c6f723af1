/* Query strings, and the times that stand in them. */
#include <string.h>

#include "num.h"
#include "poison.h"
#include "query.h"
#include "vtime.h"

#define AGE_MAX_S (UINT64_C(100) * 366 * 86400)

static int
add_escaped(struct buf *out, const char *text, struct verr *e)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789-._~";
	for (const char *p = text; *p != '\0'; p++) {
		int r = strchr(plain, *p) != NULL
			? buf_addc(out, *p, e)
			: buf_addf(out, e, "%%%02X", (unsigned char)*p);
		if (r == -1)
			return -1;
	}
	return 0;
}

int
query_add(struct buf *out, const char *name, const char *value, struct verr *e)
{
	if (value == NULL)
		return 0;
	char join = strchr(buf_text(out), '?') != NULL ? '&' : '?';
	if (buf_addf(out, e, "%c%s=", join, name) == -1)
		return -1;
	return add_escaped(out, value, e);
}

static uint64_t
unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	}
	return 0;
}

int
query_time(const char *text, int64_t now_ms, struct buf *out, struct verr *e)
{
	size_t n = strlen(text);
	uint64_t unit = n > 1 ? unit_seconds(text[n - 1]) : 0;
	if (unit == 0 || strspn(text, "0123456789") != n - 1)
		return buf_adds(out, text, e);
	uint64_t count;
	if (num_u64(text, n - 1, 0, AGE_MAX_S / unit, "age", &count, e) == -1)
		return -1;
	char time[VTIME_TEXT_BYTES];
	vtime_text(now_ms - (int64_t)(count * unit * 1000), time);
	return buf_adds(out, time, e);
}
