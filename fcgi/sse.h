/* Server-sent events (HTML standard, 9.2) of a log that is over. */
#ifndef SSE_H
#define SSE_H

#include "db.h"
#include "exchange.h"

/* "id: <seq>", "event: log" and the line as JSON. */
int sse_line(struct buf *, const struct db_chunk *, struct verr *);

/* An event with a status: `name` is "status" or "done". */
int sse_status(struct buf *, const char *name, const struct db_workload *,
	struct verr *);

/* The sequence number of a Last-Event-ID; 0 when it is not one of ours. */
int64_t sse_resume(const char *last_event_id);

#endif
