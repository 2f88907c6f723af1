/* multipart/form-data (RFC 7578, RFC 2046 5.1), pushed in piece by piece. */
#ifndef MULTIPART_H
#define MULTIPART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "verr.h"

#define MULTIPART_BOUNDARY_MAX 70 /* RFC 2046 5.1.1 */
#define MULTIPART_NAME_BYTES 256
#define MULTIPART_HEADER_BYTES 8192 /* all header lines of one part */

struct multipart_limits {
	size_t parts_max;
	uint64_t bytes_max; /* of the whole body */
};

/* Strings are valid UTF-8 in the arena that multipart_init was given. */
struct multipart_part {
	const char *name;
	const char *filename; /* as the client sent it; NULL: a field */
	const char *content_type; /* NULL when not given */
	bool repeated; /* an earlier part has this name */
};

/* Each returns 0 or -1 with the error, which ends the parse. */
struct multipart_sink {
	int (*part_begin)(void *, const struct multipart_part *, struct verr *);
	int (*part_data)(void *, const void *, size_t, struct verr *);
	int (*part_end)(void *, struct verr *);
};

enum multipart_state {
	MULTIPART_PREAMBLE,
	MULTIPART_AFTER_BOUNDARY,
	MULTIPART_HEADERS,
	MULTIPART_BODY,
	MULTIPART_EPILOGUE,
	MULTIPART_FAILED
};

struct multipart {
	struct arena *arena;
	const struct multipart_sink *sink;
	void *arg;
	struct multipart_limits limits;
	enum multipart_state state;
	char mark[MULTIPART_BOUNDARY_MAX + 5]; /* "\r\n--" and the boundary */
	size_t mark_len;
	size_t matched; /* bytes of mark held back */
	char tail[2]; /* what followed the boundary so far */
	size_t tail_len;
	bool padding; /* blanks after the boundary were seen */
	struct buf head;
	uint64_t bytes;
	size_t parts;
	struct multipart_name *names;
};

/*
 * content_type is the request's. The sink and arg are borrowed. INPUT when it
 * is not multipart/form-data or its boundary is missing or against the RFC.
 */
int multipart_init(struct multipart *, struct arena *, const char *content_type,
	const struct multipart_limits *, const struct multipart_sink *,
	void *arg, struct verr *);

/*
 * Takes the next bytes, split anywhere. INPUT for what is malformed, LIMIT for
 * a bound, or what a callback gave. After an error only multipart_done is of
 * use.
 */
int multipart_feed(struct multipart *, const void *, size_t, struct verr *);

/* The body is over: INPUT unless the closing boundary was seen. */
int multipart_end(struct multipart *, struct verr *);

/* Frees what it holds; harmless twice. */
void multipart_done(struct multipart *);

#endif
