/* The request that `vulcan run` sends. */
#ifndef SPEC_H
#define SPEC_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "verr.h"

#define SPEC_FILE_BYTES (32u << 20)
#define SPEC_BODY_BYTES (256u << 20)

/* What may be given more than once. */
enum spec_kind { SPEC_FILE, SPEC_ARG, SPEC_ENV, SPEC_LIMIT, SPEC_LABEL };

struct spec_item {
	enum spec_kind kind;
	const char *text;
};

/* Words of the command line, borrowed; NULL where none was given. */
struct spec {
	const char *isolation;
	const char *runtime;
	const char *code; /* -e */
	const char *entrypoint;
	const char *input; /* JSON or @file */
	const char *stdin_from; /* "-", @file or text */
	const char *network;
	const char *priority;
	const struct spec_item *items;
	size_t count;
};

/*
 * Appends the body of POST /v1/workloads. Reads the files that are named, and
 * standard input where it is. INPUT says which word of the command line is
 * wrong and what would be right.
 */
int spec_body(const struct spec *, struct buf *out, struct verr *);

#endif
