/* UTF-8 as RFC 3629 has it. */
#include "utf8.h"
#include "poison.h"

static bool
tail(const unsigned char *p, size_t n, size_t i)
{
	return i < n && (p[i] & 0xc0) == 0x80;
}

size_t
utf8_step(const void *data, size_t n)
{
	const unsigned char *p = data;
	if (n == 0)
		return 0;
	unsigned char c = p[0];
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return tail(p, n, 1) ? 2 : 0;
	if (c >= 0xe0 && c <= 0xef) {
		if (!tail(p, n, 1) || !tail(p, n, 2))
			return 0;
		if (c == 0xe0 && p[1] < 0xa0)
			return 0;
		if (c == 0xed && p[1] >= 0xa0)
			return 0;
		return 3;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		if (!tail(p, n, 1) || !tail(p, n, 2) || !tail(p, n, 3))
			return 0;
		if (c == 0xf0 && p[1] < 0x90)
			return 0;
		if (c == 0xf4 && p[1] >= 0x90)
			return 0;
		return 4;
	}
	return 0;
}

bool
utf8_valid(const void *data, size_t n)
{
	const unsigned char *p = data;
	for (size_t i = 0; i < n;) {
		size_t step = utf8_step(p + i, n - i);
		if (step == 0)
			return false;
		i += step;
	}
	return true;
}

size_t
utf8_cut(const void *data, size_t n, size_t max)
{
	const unsigned char *p = data;
	if (n <= max)
		return n;
	for (size_t back = 0; back < 4 && back < max; back++) {
		size_t at = max - back;
		if ((p[at] & 0xc0) != 0x80)
			return at;
	}
	return max;
}
