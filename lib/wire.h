/*
 * vwire: the frames that a keeper and what it guards say to each other, and
 * that the queue and a keeper say to each other.
 *
 * A frame is an 8-byte header and a payload. Header, little-endian:
 *	u32 payload length, u8 type, u8 version (1), u16 zero.
 * Types are a closed set; each has a longest payload and the directions in
 * which it may travel. Anything else is PROTO and ends the conversation.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "verr.h"

#define WIRE_VERSION 1
#define WIRE_HEADER_BYTES 8
#define WIRE_CHUNK_BYTES 65536 /* most bytes of output in one frame */
#define WIRE_FILE_BYTES (32u << 20)
#define WIRE_TEXT_BYTES (1u << 20)

/* Who may say it. */
#define WIRE_TO_GUEST 1u /* keeper to guest */
#define WIRE_FROM_GUEST 2u /* guest to keeper */
#define WIRE_TO_KEEPER 4u /* queue to keeper */
#define WIRE_FROM_KEEPER 8u

enum wire_type {
	WIRE_NONE, /* never sent */

	/* Towards the run, in this order, each at most once but FILE. */
	WIRE_SPEC, /* JSON object; see wire_spec in run.h */
	WIRE_FILE, /* u16 name length, name, content */
	WIRE_COMPILED, /* program made by an earlier compile phase */
	WIRE_INPUT, /* JSON text for the handler */
	WIRE_STDIN, /* bytes */
	WIRE_GO, /* empty: start */
	WIRE_KILL, /* queue to keeper: reason word */

	/* From the guest. */
	WIRE_READY, /* empty from a guest; key=value lines from a keeper */
	WIRE_STDOUT, /* bytes; from a keeper with u64 monotonic ns before */
	WIRE_STDERR, /* the same */
	WIRE_OUTPUT, /* the handler's result as JSON */
	WIRE_ERROR, /* the program's failure: one sentence, then details */
	WIRE_META, /* key=value, guest's own claim */
	WIRE_EXIT, /* i32 exit code: the last frame of a guest */

	/* From a keeper. */
	WIRE_STARTED, /* empty: guest code runs from here */
	WIRE_RESULT, /* key=value lines; see run.h */
	WIRE_PLATFORM, /* Vulcan's own failure: kind word, newline, message */
	WIRE_TYPES
};

/* The frame's name for messages; "unknown" for any other number. */
const char *wire_type_text(unsigned type);

/* Most payload bytes of a type; 0 for types that carry none. */
size_t wire_type_max(enum wire_type);

struct wire_frame {
	enum wire_type type;
	const unsigned char *data; /* points into the reader's buffer */
	size_t len;
};

/* Puts a header into out[WIRE_HEADER_BYTES]. */
void wire_header(enum wire_type, size_t len, unsigned char *out);

/*
 * Looks for one whole frame at the start of data. 1: *ret is the frame and
 * *ret_used the bytes it takes; 0: more bytes are needed; -1 PROTO: wrong
 * version, a type that is unknown or not in `directions`, or too long.
 */
int wire_decode(const void *data, size_t len, unsigned directions,
	struct wire_frame *ret, size_t *ret_used, struct verr *);

/*
 * Reads frames from a descriptor through a buffer of its own. The frame's data
 * stays valid until the next call.
 */
struct wire_reader {
	int fd; /* borrowed */
	unsigned directions;
	struct buf in;
	size_t used; /* bytes of the frame given out last */
};
void wire_reader_init(struct wire_reader *, int fd, unsigned directions);
void wire_reader_done(struct wire_reader *);

/* The next frame among the bytes already read: 1, 0 (none whole) or -1. */
int wire_reader_next(
	struct wire_reader *, struct wire_frame *ret, struct verr *);

/*
 * Reads once from the descriptor: 1 got bytes, 0 end of file, -1 error. With
 * a non-blocking descriptor that has nothing, 1.
 */
int wire_reader_fill(struct wire_reader *, struct verr *);

/*
 * Blocks until a whole frame is there. 1 frame, 0 end of file between
 * frames, -1 error; an end in the middle of a frame is PROTO.
 */
int wire_read(struct wire_reader *, struct wire_frame *ret, struct verr *);

/* Writes a whole frame, blocking. A gone peer is HOST with EPIPE. */
int wire_write(int fd, enum wire_type, const void *, size_t len, struct verr *);

/* As wire_write with a head put before the data: FILE names, time stamps. */
int wire_write2(int fd, enum wire_type, const void *head, size_t head_len,
	const void *, size_t len, struct verr *);

/* Appends a whole frame to a buffer, for writers that must not block. */
int wire_append(
	struct buf *, enum wire_type, const void *, size_t len, struct verr *);

#endif
