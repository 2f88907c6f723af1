/* Telling the queue, and waiting until it has settled a workload. */
#ifndef WAIT_H
#define WAIT_H

#include "exchange.h"

/*
 * A datagram socket RUN/web/<pid>.sock that the queue can answer to. -1 with
 * the error; the caller's to close, and the name to wait_unbind.
 */
int wait_bind(const struct conf *, int *ret_fd, struct verr *);
/* Removes the name of a process: its own, or one that ended without. */
void wait_unbind(const struct conf *, pid_t);

/*
 * Rings the doorbell: "new", "cancel", "newwait" and so on. A bell that is
 * not heard costs only time, so there is nothing to report.
 */
void wait_ring(const struct web *, const char *word, const char *id);

/* A place among those that may wait; false when there is none. */
bool wait_claim(struct exchange *);
void wait_release(struct exchange *);

/*
 * Waits until the workload is over, having rung with `word` first: 1 it is, 0
 * the time is up, nobody waits any more, or the worker is asked to end.
 * Needs a place.
 */
int wait_settled(struct exchange *, const char *word, const char *id,
	uint64_t wait_ms, struct verr *);

#endif
