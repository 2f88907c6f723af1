/* A growable run of bytes with a ceiling. */
#ifndef BUF_H
#define BUF_H

#include <stddef.h>

#include "verr.h"

/*
 * data[len] is always a NUL that does not count, once there is room at all, so
 * text can be read in place. max is the most bytes it may ever hold.
 */
struct buf {
	char *data;
	size_t len;
	size_t room; /* bytes allocated */
	size_t max;
};

/* An empty buffer that refuses to grow past max bytes; owns nothing yet. */
void buf_init(struct buf *, size_t max);

/* Frees what it holds; NULL and an already-done buffer are harmless. */
void buf_done(struct buf *);

/* Empties it and keeps the memory. */
void buf_reset(struct buf *);

/* Makes room for n more bytes. LIMIT past max, HOST without memory. */
int buf_reserve(struct buf *, size_t n, struct verr *);

/* Append bytes, a string, one byte, formatted text. Errors as buf_reserve. */
int buf_add(struct buf *, const void *, size_t n, struct verr *);
int buf_adds(struct buf *, const char *, struct verr *);
int buf_addc(struct buf *, char, struct verr *);
int buf_addf(struct buf *, struct verr *, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Drops n bytes from the front; n is at most len. */
void buf_drop(struct buf *, size_t n);

/* Hands the bytes over to the caller, who frees them; the buffer is empty. */
char *v_take_buf(struct buf *);

/* The bytes as a string; "" when there are none. */
const char *buf_text(const struct buf *);

static inline void
v_buf_guard(struct buf *b)
{
	buf_done(b);
}
/* struct buf v_autobuf b = BUF(max); is freed at the end of its scope. */
#define v_autobuf __attribute__((cleanup(v_buf_guard)))
#define BUF(limit) \
	{ \
		.max = (limit) \
	}

#endif
