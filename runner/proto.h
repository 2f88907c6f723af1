/*
 * What the queue asks of the warden, and what the warden tells it.
 *
 * A closed list: one message is one datagram of a SEQPACKET socket. Bytes:
 * u8 verb, u8 tier, u8 runtime, u8 zero, u32 LE slot; nothing follows.
 */
#ifndef PROTO_H
#define PROTO_H

#include <stddef.h>

#include "verr.h"
#include "words.h"

#define PROTO_BYTES 8

/* The queue's descriptor of its socket to the warden. */
#define PROTO_FD 3

enum proto_verb {
	PROTO_NONE, /* never sent */

	/* Queue to warden. */
	PROTO_START, /* a keeper in slot; its channel comes with the message */
	PROTO_PROBE, /* a prober of tier in slot; its channel comes with it */
	PROTO_KILL, /* end the keeper of slot at once */
	PROTO_READY, /* doorbell bound, recovery done */

	/* Warden to queue. */
	PROTO_FREE, /* slot is proven empty and may be used again */
	PROTO_LOST, /* a tier's host ended, and the sandboxes it had made */
	PROTO_VERBS
};

struct proto_message {
	enum proto_verb verb;
	enum tier tier;
	enum runtime runtime;
	unsigned slot;
};

/* Whether a message of this verb carries exactly one descriptor. */
int proto_carries_fd(enum proto_verb);

void proto_encode(const struct proto_message *, unsigned char out[PROTO_BYTES]);

/*
 * PROTO for anything that is not exactly one known message in the direction
 * meant (from_queue 1 or 0) about a slot below `slots`.
 */
int proto_decode(const void *, size_t len, int from_queue, unsigned slots,
	struct proto_message *ret, struct verr *);

/* Sends one message, with the channel fd where the verb carries one. */
int proto_send(int sock, const struct proto_message *, int fd, struct verr *);

/*
 * Receives one message. 1 and *ret_fd (-1 or the caller's to close), 0 end of
 * file, -1. With nothing to read on a non-blocking socket: HOST with EAGAIN.
 */
int proto_recv(int sock, int from_queue, unsigned slots,
	struct proto_message *ret, int *ret_fd, struct verr *);

#endif
