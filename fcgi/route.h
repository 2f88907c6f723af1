/* The const table of routes, and which of them a request means. */
#ifndef ROUTE_H
#define ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "form.h"
#include "request.h"
#include "verr.h"

/* Defined by the part that serves requests. */
struct exchange;

/* Kinds of body that a route takes; bits. 0: none. */
#define ROUTE_BODY_FORM 1u
#define ROUTE_BODY_MULTIPART 2u
#define ROUTE_BODY_JSON 4u

enum route_auth {
	ROUTE_ANY, /* a session or an API key; the safe default */
	ROUTE_SESSION, /* a logged-in browser only */
	ROUTE_PUBLIC
};

/*
 * A pattern is an exact path in which ":name" stands for one segment; one
 * called "id" must be a ULID. A GET route serves HEAD too.
 */
struct route {
	enum method method;
	const char *pattern;
	enum route_auth auth;
	unsigned body;
	const struct param *query; /* what the query string may hold */
	const struct param *fields; /* what a form may hold */
	int (*serve)(struct exchange *, struct verr *);
};

#define ROUTE_CAPTURES_MAX 4
#define ROUTE_SEGMENT_BYTES 256
#define ROUTE_ALLOW_BYTES 64

struct route_capture {
	char name[16];
	char value[ROUTE_SEGMENT_BYTES];
};

enum route_answer { ROUTE_FOUND, ROUTE_NOT_FOUND, ROUTE_NOT_ALLOWED };

struct route_match {
	const struct route *route; /* when found */
	size_t captures;
	struct route_capture capture[ROUTE_CAPTURES_MAX];
	char allow[ROUTE_ALLOW_BYTES]; /* "GET, HEAD, POST" when not allowed */
};

/*
 * Case, double and trailing slashes count. Of two routes that fit, the first
 * in the table.
 */
enum route_answer route_find(const struct route *, size_t count, enum method,
	const char *path, struct route_match *ret);

/* The captured segment of that name; "" when the route has none. */
const char *route_captured(const struct route_match *, const char *name);

/* Checks a table once at start: BUG for a pattern that cannot be right. */
int route_check(const struct route *, size_t count, struct verr *);

#endif
