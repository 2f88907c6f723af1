/*
 * What a keeper says to the queue. A queue that is slow must not hold up the
 * limits of the run, so nothing here blocks while the run goes on: what the
 * socket does not take waits in a backlog, which the output limit bounds.
 */
#ifndef OUT_H
#define OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "wire.h"
#include "words.h"

struct out {
	int channel; /* borrowed */
	int watch; /* epoll: the queue spoke, or takes more of a backlog */
	bool waiting; /* watch includes "takes more" */
	struct buf backlog;
	size_t sent; /* bytes of the backlog that are gone */
};
int out_init(struct out *, int channel, struct verr *);
void out_done(struct out *);

/* Says a frame without blocking. -1: the queue is gone, or memory. */
int out_frame(
	struct out *, enum wire_type, const void *, size_t, struct verr *);

/* The same for output of the guest, with its time before the bytes. */
int out_bytes(struct out *, enum stream, int64_t t_ns, const void *, size_t,
	struct verr *);

/* Passes on what the socket takes now. */
int out_flush(struct out *, struct verr *);

/* Waits until all is passed on, at most timeout_ms. */
int out_drain(struct out *, int timeout_ms, struct verr *);

#endif
