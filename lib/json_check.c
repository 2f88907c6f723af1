/* Whether bytes are JSON, for text that is passed on as it came. */
#include <stdint.h>
#include <string.h>

#include "json_check.h"
#include "poison.h"
#include "utf8.h"

struct scan {
	const unsigned char *p;
	const unsigned char *end;
	/* One bit a level: set for an object, clear for a list. */
	uint64_t objects[JSON_CHECK_DEPTH_MAX / 64];
	unsigned depth;
};

static int
peek(const struct scan *s)
{
	return s->p < s->end ? *s->p : -1;
}

static void
blanks(struct scan *s)
{
	while (s->p < s->end &&
		(*s->p == ' ' || *s->p == '\t' || *s->p == '\n' ||
			*s->p == '\r'))
		s->p++;
}

static bool
take(struct scan *s, char c)
{
	if (peek(s) != c)
		return false;
	s->p++;
	return true;
}

static bool
escape(struct scan *s)
{
	int c = peek(s);
	if (c == -1)
		return false;
	s->p++;
	if (c != 'u')
		return c != 0 && strchr("\"\\/bfnrt", c) != NULL;
	for (int i = 0; i < 4; i++) {
		int d = peek(s);
		bool hex = (d >= '0' && d <= '9') || (d >= 'a' && d <= 'f') ||
			(d >= 'A' && d <= 'F');
		if (!hex)
			return false;
		s->p++;
	}
	return true;
}

static bool
string(struct scan *s)
{
	if (!take(s, '"'))
		return false;
	for (;;) {
		int c = peek(s);
		if (c < 0x20)
			return false;
		if (take(s, '"'))
			return true;
		if (take(s, '\\')) {
			if (!escape(s))
				return false;
			continue;
		}
		size_t step = utf8_step(s->p, (size_t)(s->end - s->p));
		if (step == 0)
			return false;
		s->p += step;
	}
}

static bool
digits(struct scan *s)
{
	const unsigned char *start = s->p;
	while (peek(s) >= '0' && peek(s) <= '9')
		s->p++;
	return s->p > start;
}

static bool
number(struct scan *s)
{
	(void)take(s, '-');
	if (!take(s, '0') && !digits(s))
		return false;
	if (take(s, '.') && !digits(s))
		return false;
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->p++;
		if (peek(s) == '+' || peek(s) == '-')
			s->p++;
		return digits(s);
	}
	return true;
}

static bool
word(struct scan *s, const char *text)
{
	size_t n = strlen(text);
	if ((size_t)(s->end - s->p) < n || memcmp(s->p, text, n) != 0)
		return false;
	s->p += n;
	return true;
}

static bool
scalar(struct scan *s)
{
	switch (peek(s)) {
	case '"':
		return string(s);
	case 't':
		return word(s, "true");
	case 'f':
		return word(s, "false");
	case 'n':
		return word(s, "null");
	default:
		return number(s);
	}
}

static bool
in_object(const struct scan *s)
{
	unsigned at = s->depth - 1;
	return (s->objects[at / 64] >> (at % 64) & 1) != 0;
}

static bool
open_level(struct scan *s)
{
	if (s->depth == JSON_CHECK_DEPTH_MAX)
		return false;
	uint64_t bit = UINT64_C(1) << (s->depth % 64);
	uint64_t *set = &s->objects[s->depth / 64];
	*set = *s->p == '{' ? *set | bit : *set & ~bit;
	s->depth++;
	s->p++;
	blanks(s);
	return true;
}

static bool
member_name(struct scan *s)
{
	blanks(s);
	if (!string(s))
		return false;
	blanks(s);
	if (!take(s, ':'))
		return false;
	blanks(s);
	return true;
}

/*
 * Behind a value: closes what ends here. 1: another value is due, 0: the
 * outermost is whole, -1: not JSON.
 */
static int
after_value(struct scan *s)
{
	for (;;) {
		blanks(s);
		if (s->depth == 0)
			return 0;
		bool object = in_object(s);
		if (take(s, ',')) {
			blanks(s);
			return !object || member_name(s) ? 1 : -1;
		}
		if (!take(s, object ? '}' : ']'))
			return -1;
		s->depth--;
	}
}

bool
json_check(const void *data, size_t n)
{
	struct scan s = {.p = data, .end = (const unsigned char *)data + n};
	blanks(&s);
	for (;;) {
		bool whole = true;
		if (peek(&s) == '{' || peek(&s) == '[') {
			if (!open_level(&s))
				return false;
			bool object = in_object(&s);
			whole = take(&s, object ? '}' : ']');
			if (whole)
				s.depth--;
			else if (object && !member_name(&s))
				return false;
		} else if (!scalar(&s)) {
			return false;
		}
		if (!whole)
			continue;
		int more = after_value(&s);
		if (more != 1)
			return more == 0 && s.p == s.end;
	}
}
