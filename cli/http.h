/* HTTP to one Vulcan, by libcurl. */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "connect.h"
#include "verr.h"

#define HTTP_BODY_BYTES (64u << 20)

struct http; /* owned by its user; v_autohttp ends it */

/* Ready to speak to `to`, which stays valid as long as the result. */
struct http *http_new(const struct connect *to, struct verr *);
void http_free(struct http *);

/*
 * A descriptor whose becoming readable interrupts a request; -1: none.
 * Borrowed.
 */
void http_cancel_by(struct http *, int fd);

/* Takes bytes of a stream as they come; -1 ends it. */
typedef int http_take_fn(void *user, const char *, size_t, struct verr *);

struct http_request {
	const char *method; /* NULL: GET */
	const char *path; /* "/v1/..." */
	const struct buf *body; /* JSON, or NULL */
	const char *header; /* one line more, or NULL */
	long timeout_ms; /* for all of it; 0: none */
	http_take_fn *take; /* NULL: the answer goes into a buffer */
	void *user;
};

/*
 * Sends and waits. 1: *ret_status is there and, unless a status of 200 was
 * given to take, body holds the answer; 0: interrupted; -1: HOST when nobody
 * answers, or take's error. The body's ceiling is HTTP_BODY_BYTES.
 */
int http_send(struct http *, const struct http_request *, long *ret_status,
	struct buf *body, struct verr *);

static inline void
v_http_guard(struct http **h)
{
	http_free(*h);
}
#define v_autohttp __attribute__((cleanup(v_http_guard)))

#endif
