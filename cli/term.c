/* What may be written to a terminal, and how. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "poison.h"
#include "term.h"
#include "utf8.h"
#include "words.h"

static uint32_t
code_point(const unsigned char *p, size_t n)
{
	static const unsigned char lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c = p[0] & lead[n];
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	return c;
}

/* Controls (Cc), line separators, and what turns the reading direction. */
static bool
is_harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c ||
		(c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
		(c >= 0x2066 && c <= 0x2069);
}

static int
add_harmful(struct buf *out, uint32_t c, struct verr *e)
{
	if (c == '\n')
		return buf_adds(out, "\\n", e);
	if (c == '\r')
		return buf_adds(out, "\\r", e);
	if (c == '\t')
		return buf_adds(out, "\\t", e);
	if (c < 0x80)
		return buf_addf(out, e, "\\x%02x", (unsigned)c);
	return buf_addf(out, e, "\\u%04x", (unsigned)c);
}

static int
escape(const void *data, size_t n, const char *keep, struct buf *out,
	struct verr *e)
{
	const unsigned char *p = data;
	for (size_t i = 0; i < n;) {
		size_t step = utf8_step(p + i, n - i);
		int r;
		if (step == 0) {
			r = buf_addf(out, e, "\\x%02x", p[i]);
			step = 1;
		} else {
			uint32_t c = code_point(p + i, step);
			bool kept = c != 0 && c < 0x80 &&
				strchr(keep, (int)c) != NULL;
			r = is_harmful(c) && !kept
				? add_harmful(out, c, e)
				: buf_add(out, p + i, step, e);
		}
		if (r == -1)
			return -1;
		i += step;
	}
	return 0;
}

int
term_escape(const void *data, size_t n, struct buf *out, struct verr *e)
{
	return escape(data, n, "", out, e);
}

int
term_escape_text(const void *data, size_t n, struct buf *out, struct verr *e)
{
	return escape(data, n, "\n\t", out, e);
}

size_t
term_width(const char *text)
{
	size_t columns = 0;
	for (; *text != '\0'; text++)
		if (((unsigned char)*text & 0xc0) != 0x80)
			columns++;
	return columns;
}

size_t
term_cut(const char *text, size_t columns)
{
	size_t i = 0, seen = 0;
	for (; text[i] != '\0'; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80 &&
			seen++ == columns)
			break;
	return i;
}

bool
term_colour(int fd)
{
	const char *refused = getenv("NO_COLOR");
	const char *kind = getenv("TERM");
	if (refused != NULL && refused[0] != '\0')
		return false;
	return isatty(fd) && kind != NULL && strcmp(kind, "dumb") != 0;
}

size_t
term_columns(int fd)
{
	struct winsize size;
	if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) == -1)
		return 0;
	return size.ws_col;
}

const char *
term_status_colour(const char *text)
{
	static const char *const colours[] = {
		[STATUS_PENDING] = "\x1b[33m",
		[STATUS_RUNNING] = "\x1b[34m",
		[STATUS_COMPLETED] = "\x1b[32m",
		[STATUS_FAILED] = "\x1b[31m",
		[STATUS_KILLED] = "\x1b[90m",
	};
	_Static_assert(sizeof(colours) / sizeof(colours[0]) == STATUS_COUNT,
		"a colour for each status");
	enum status status;
	return status_parse(text, &status) ? colours[status] : "";
}
