/* Events to viewers and waiters, after they are in the database. */
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "poison.h"
#include "queue.h"
#include "vtime.h"

/* How long a finished channel stays, for those who are just joining. */
#define FAREWELL_NS (5000 * VTIME_NS_PER_MS)

void
announce_chunk(struct queue *q, const struct run *r, const struct chunk *k)
{
	struct verr e;
	struct buf v_autobuf b = BUF(1 << 20);
	struct json j;
	char t_ms[32];
	int n = snprintf(t_ms, sizeof(t_ms), "%.3f", run_t_ms(r, k->t_ns));
	json_begin(&j, &b);
	json_object(&j);
	json_key_u64(&j, "seq", (uint64_t)k->seq);
	json_key_text(&j, "stream", stream_text(k->stream));
	json_key(&j, "text");
	json_bytes(&j, k->data, k->len);
	json_key(&j, "t_ms");
	json_raw(&j, t_ms, (size_t)n);
	json_object_end(&j);
	if (json_end(&j, &e) == -1)
		q->publish.drops++;
	else
		publish_event(&q->publish, r->id, "log", &b);
}

static void
say_status(struct queue *q, const char *id, const char *event,
	enum status status, enum reason reason, int64_t last_seq)
{
	struct verr e;
	struct buf v_autobuf b = BUF(512);
	struct json j;
	json_begin(&j, &b);
	json_object(&j);
	json_key_text(&j, "status", status_text(status));
	json_key_text(&j, "reason",
		reason == REASON_NONE ? NULL : reason_text(reason));
	if (last_seq >= 0)
		json_key_u64(&j, "seq", (uint64_t)last_seq);
	json_object_end(&j);
	if (json_end(&j, &e) == -1)
		q->publish.drops++;
	else
		publish_event(&q->publish, id, event, &b);
}

void
announce_status(struct queue *q, const char *id, enum status status)
{
	say_status(q, id, "status", status, REASON_NONE, -1);
}

static void
say_farewell(struct queue *q)
{
	struct farewell *f = &q->farewells[q->farewell_first];
	publish_delete(&q->publish, f->id);
	q->farewell_first = (q->farewell_first + 1) % FAREWELLS;
	q->farewell_count--;
}

void
announce_done(struct queue *q, const char *id, enum status status,
	enum reason reason, int64_t last_seq)
{
	say_status(q, id, "done", status, reason, last_seq);
	waiters_answer(&q->waiters, q->bell.fd, id);
	if (q->farewell_count == FAREWELLS)
		say_farewell(q);
	size_t at = (q->farewell_first + q->farewell_count++) % FAREWELLS;
	memcpy(q->farewells[at].id, id, ULID_TEXT_BYTES);
	q->farewells[at].due_ns = q->now_ns + FAREWELL_NS;
}

void
announce_farewells(struct queue *q)
{
	while (q->farewell_count > 0 &&
		q->farewells[q->farewell_first].due_ns <= q->now_ns)
		say_farewell(q);
}

/*
 * Who began to wait for something that is neither running nor pending is
 * answered at once.
 */
void
announce_check_waiters(struct queue *q)
{
	for (size_t i = 0; i < q->waiters.count;) {
		struct waiter *w = &q->waiters.all[i++];
		struct verr e;
		unsigned slot;
		enum status s;
		if (!w->unchecked)
			continue;
		w->unchecked = false;
		if (tick_find_run(q, w->id, &slot) != NULL)
			continue;
		int known = db_status(q->db, w->id, &s, &e);
		if (known == 1 && (s == STATUS_PENDING || s == STATUS_RUNNING))
			continue;
		char id[ULID_TEXT_BYTES];
		memcpy(id, w->id, sizeof(id));
		waiters_answer(&q->waiters, q->bell.fd, id);
		i = 0;
	}
}
