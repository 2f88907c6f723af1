/* Ends that were asked for. */
#include <stdio.h>
#include <string.h>

#include "poison.h"
#include "queue.h"

void
cancel_id(struct queue *q, const char *id)
{
	unsigned slot;
	if (tick_find_run(q, id, &slot) != NULL)
		seat_cancel(q, slot, REASON_CANCELLED);
	else
		q->look_cancel = true;
}

static int
on_cancelling(void *arg, const struct db_cancelling *c, struct verr *e)
{
	struct queue *q = arg;
	unsigned slot;
	(void)e;
	if (c->status == STATUS_RUNNING) {
		if (tick_find_run(q, c->workload_id, &slot) != NULL)
			seat_cancel(q, slot, REASON_CANCELLED);
		return 0;
	}
	if (q->settled_count == SETTLED_MAX)
		return 1;
	snprintf(q->settled[q->settled_count++], ULID_TEXT_BYTES, "%s",
		c->workload_id);
	return 0;
}

int
cancel_all(struct queue *q, struct verr *e)
{
	q->settled_count = 0;
	if (db_cancelling_each(q->db, on_cancelling, q, e) == -1)
		return -1;
	for (size_t i = 0; i < q->settled_count; i++)
		if (db_pending_settle(q->db, q->settled[i], STATUS_KILLED,
			    REASON_CANCELLED, e) == -1)
			return -1;
	/* More than one turn's worth waits for the next one. */
	q->look_cancel = q->settled_count == SETTLED_MAX;
	return 0;
}
