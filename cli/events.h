/* Server-sent events: https://html.spec.whatwg.org/#event-stream-parsing */
#ifndef EVENTS_H
#define EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "verr.h"

#define EVENTS_LINE_BYTES (1u << 20)
#define EVENTS_DATA_BYTES (1u << 20)
#define EVENTS_NAME_BYTES 64

/* An event with data; the pointers live until the next byte is given. */
struct event {
	const char *name; /* "message" when the stream gave none */
	const char *data; /* NUL-terminated; lines joined by '\n' */
	size_t len;
};

/* A parser that is given bytes in pieces of any size. */
struct events {
	struct buf line;
	struct buf data;
	char name[EVENTS_NAME_BYTES];
	bool has_data;
	bool given; /* what data holds was given out */
	bool after_cr; /* a '\n' next belongs to the line end before */
	bool begun; /* past where a byte order mark may stand */
};

void events_init(struct events *);
void events_done(struct events *);

/*
 * Reads from *p, at most *n bytes, and moves both past what it used. 1: *ret
 * is an event and there may be more; 0: all bytes are used; -1 LIMIT: a line
 * or an event is longer than the bounds above. An event that the stream left
 * unfinished is never given.
 */
int events_feed(struct events *, const char **p, size_t *n, struct event *ret,
	struct verr *);

#endif
