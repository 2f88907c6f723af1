/*
 * The part of a run's log that is not in the database yet, in order.
 *
 * Bytes that come close together on one stream become one chunk, so that a
 * guest that writes byte by byte does not make a row of each. A character of
 * several bytes is not cut in two where its end comes later: an unfinished
 * one is held back until then.
 */
#ifndef CHUNKS_H
#define CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verr.h"
#include "words.h"

#define CHUNK_BYTES 65536

struct chunk {
	struct chunk *next;
	int64_t seq;
	int64_t t_ns; /* vtime_mono_ns of its first byte */
	enum stream stream;
	size_t len, room;
	char *data;
};

struct chunks {
	struct chunk *first, *last;
	size_t bytes;
	int64_t next_seq;
	struct {
		char bytes[4];
		size_t len;
		int64_t t_ns;
	} held[STREAM_COUNT];
};
void chunks_init(struct chunks *);
void chunks_done(struct chunks *);

/* Adds bytes of a stream. HOST without memory. */
int chunks_add(struct chunks *, enum stream, int64_t t_ns, const void *,
	size_t n, struct verr *);

/* Adds what is held back: the run is over. */
int chunks_end(struct chunks *, struct verr *);

/* Takes the first chunk out; the caller frees it with chunk_free. */
struct chunk *chunks_take(struct chunks *);
void chunk_free(struct chunk *);

/* Bytes at the end that begin a character without finishing it: 0 to 3. */
size_t chunks_tail(const void *, size_t n);

#endif
