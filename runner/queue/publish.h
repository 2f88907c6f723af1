/*
 * Live events to nchan over nginx's socket: HTTP/1.1, one connection kept
 * alive, requests sent ahead of the answers, never blocking. What nginx does
 * not take waits in a bounded buffer; past that, events are dropped and
 * counted, and viewers catch up from the database by sequence number.
 */
#ifndef PUBLISH_H
#define PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "buf.h"
#include "ulid.h"

#define PUBLISH_BYTES (4u << 20) /* most bytes that wait */
#define PUBLISH_EVENTS 16384 /* most requests that wait */

/* Follows answers just enough to know where each ends. */
struct answers {
	enum {
		ANSWER_LINE,
		ANSWER_HEADER,
		ANSWER_BODY,
		ANSWER_SIZE,
		ANSWER_CHUNK,
		ANSWER_CHUNK_END,
		ANSWER_TRAILER
	} at;
	char line[256];
	size_t line_len;
	size_t body; /* bytes of it to come */
	bool chunked;
	bool no_body;
	unsigned code;
	uint64_t count; /* whole answers */
	uint64_t refused; /* of them with another code than 2xx and 404 */
};

/* -1 PROTO: this is not HTTP. */
int answers_take(struct answers *, const void *, size_t n, struct verr *);

struct publish {
	struct sockaddr_un address;
	int epoll;
	unsigned watch; /* what epoll says for it */
	int fd; /* -1: not connected */
	bool wants_out; /* epoll also says when more can be sent */
	struct buf out; /* requests without an answer, from `done` on */
	size_t done, sent;
	uint32_t *lens; /* their lengths: a ring */
	size_t lens_first, lens_count;
	struct answers in;
	int64_t retry_ns; /* when to connect again, 0: now */
	int64_t wait_ms;
	uint64_t events, drops;
};
int publish_init(struct publish *, const char *run_folder, int epoll,
	unsigned watch, struct verr *);
void publish_done(struct publish *);

/* One event of a workload's channel; dropped when there is no room. */
void publish_event(struct publish *, const char *id, const char *event,
	const struct buf *body);

/* Ends the channel of a workload. */
void publish_delete(struct publish *, const char *id);

/* Sends and receives what can be now. */
void publish_serve(struct publish *, int64_t now_ns);

/* When it wants publish_serve again, 0: only on events. */
int64_t publish_due(const struct publish *);

#endif
