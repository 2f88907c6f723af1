/* A growable run of bytes with a ceiling. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "poison.h"

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf)BUF(max);
}

void
buf_done(struct buf *b)
{
	if (b == NULL)
		return;
	free(b->data);
	*b = (struct buf)BUF(b->max);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

int
buf_reserve(struct buf *b, size_t n, struct verr *e)
{
	size_t want;
	if (__builtin_add_overflow(b->len, n, &want) || want > b->max)
		return verr_set(e, VERR_LIMIT, 0,
			"more than %zu bytes in one buffer", b->max);
	if (want < b->room)
		return 0;
	size_t room = b->room == 0 ? 256 : b->room;
	while (room <= want)
		room = room > SIZE_MAX / 2 ? want + 1 : room * 2;
	char *data = realloc(b->data, room);
	if (data == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "%zu bytes", room);
	b->data = data;
	b->room = room;
	b->data[b->len] = '\0';
	return 0;
}

int
buf_add(struct buf *b, const void *p, size_t n, struct verr *e)
{
	if (buf_reserve(b, n, e) == -1)
		return -1;
	if (n > 0)
		memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
	return 0;
}

int
buf_adds(struct buf *b, const char *s, struct verr *e)
{
	return buf_add(b, s, strlen(s), e);
}

int
buf_addc(struct buf *b, char c, struct verr *e)
{
	return buf_add(b, &c, 1, e);
}

int
buf_addf(struct buf *b, struct verr *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	int r = 0;
	if (n < 0)
		r = verr_set(e, VERR_BUG, errno, "format '%s'", fmt);
	else if (buf_reserve(b, (size_t)n, e) == -1)
		r = -1;
	else {
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
	return r;
}

void
buf_drop(struct buf *b, size_t n)
{
	assert(n <= b->len);
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	b->data[b->len] = '\0';
}

char *
v_take_buf(struct buf *b)
{
	char *data = b->data;
	*b = (struct buf)BUF(b->max);
	return data;
}

const char *
buf_text(const struct buf *b)
{
	return b->data != NULL ? b->data : "";
}
