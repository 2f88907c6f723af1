/* Base64 of RFC 4648, section 4. */
#include <stdint.h>
#include <string.h>

#include "base64.h"
#include "poison.h"

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int
base64_encode(const void *data, size_t n, struct buf *out, struct verr *e)
{
	const unsigned char *p = data;
	if (buf_reserve(out, (n + 2) / 3 * 4, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t bits = (uint32_t)p[i] << 16;
		if (have > 1)
			bits |= (uint32_t)p[i + 1] << 8;
		if (have > 2)
			bits |= p[i + 2];
		char four[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
			have > 1 ? alphabet[bits >> 6 & 63] : '=',
			have > 2 ? alphabet[bits & 63] : '='};
		if (buf_add(out, four, sizeof(four), e) == -1)
			return -1;
	}
	return 0;
}

static int
value_of(char c, uint32_t *ret)
{
	const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
	if (at == NULL)
		return 0;
	*ret = (uint32_t)(at - alphabet);
	return 1;
}

static int
decode_four(const char *four, size_t have, struct buf *out, struct verr *e)
{
	uint32_t bits = 0;
	for (size_t i = 0; i < have; i++) {
		uint32_t v;
		if (!value_of(four[i], &v))
			return verr_set(e, VERR_PROTO, 0,
				"base64 with a foreign character");
		bits |= v << (18 - 6 * i);
	}
	size_t bytes = have - 1;
	if ((bits & ((1u << (24 - 8 * bytes)) - 1)) != 0)
		return verr_set(e, VERR_PROTO, 0, "base64 ends in stray bits");
	unsigned char three[3] = {(unsigned char)(bits >> 16),
		(unsigned char)(bits >> 8), (unsigned char)bits};
	return buf_add(out, three, bytes, e);
}

int
base64_decode(const char *text, size_t n, struct buf *out, struct verr *e)
{
	if (n % 4 != 0)
		return verr_set(
			e, VERR_PROTO, 0, "base64 of a length not in fours");
	for (size_t i = 0; i < n; i += 4) {
		size_t have = 4;
		if (i + 4 == n && text[i + 3] == '=')
			have = text[i + 2] == '=' ? 2 : 3;
		if (decode_four(text + i, have, out, e) == -1)
			return -1;
	}
	return 0;
}
