/* Server-sent events of a log, and the log's other forms. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "handlers.h"
#include "json.h"
#include "num.h"
#include "poison.h"
#include "record.h"
#include "respond.h"
#include "sse.h"

#define LINE_BYTES_MAX (1u << 20)
#define HISTORY_NORMAL 200

int
sse_line(struct buf *out, const struct db_chunk *c, struct verr *e)
{
	/* JSON has no raw line ends, so one data line holds it. */
	struct buf v_autobuf text = BUF(LINE_BYTES_MAX);
	struct json j;
	json_begin(&j, &text);
	record_line(&j, c);
	if (json_end(&j, e) == -1)
		return -1;
	return buf_addf(out, e, "id: %lld\nevent: log\ndata: %s\n\n",
		(long long)c->seq, text.data);
}

int
sse_status(struct buf *out, const char *name, const struct db_workload *w,
	struct verr *e)
{
	struct buf v_autobuf text = BUF(4096);
	struct json j;
	json_begin(&j, &text);
	json_object(&j);
	json_key_text(&j, "id", w->id);
	json_key_text(&j, "status", status_text(w->status));
	json_key_text(&j, "reason",
		w->reason == REASON_NONE ? NULL : reason_text(w->reason));
	json_object_end(&j);
	if (json_end(&j, e) == -1)
		return -1;
	return buf_addf(out, e, "event: %s\ndata: %s\n\n", name, text.data);
}

int64_t
sse_resume(const char *last)
{
	/* nchan's own marks have a colon: their reader joins by seq. */
	uint64_t seq;
	struct verr e;
	if (last == NULL ||
		num_u64s(last, 0, INT64_MAX, "Last-Event-ID", &seq, &e) == -1)
		return 0;
	return (int64_t)seq;
}

struct reading {
	struct exchange *x;
	bool live;
};

static int
on_chunk(void *arg, const struct db_chunk *c, struct verr *e)
{
	return sse_line(arg, c, e);
}

static int
on_workload(void *arg, const struct db_workload *w, struct verr *e)
{
	struct reading *r = arg;
	struct buf *out = &r->x->res.body;
	r->live = w->status == STATUS_PENDING || w->status == STATUS_RUNNING;
	if (r->live)
		return 0;
	int64_t after = sse_resume(r->x->req.last_event_id);
	if (db_log_each(r->x->web->db, w->id, -1, after, INT_MAX, on_chunk, out,
		    e) == -1 ||
		sse_status(out, "status", w, e) == -1)
		return -1;
	return sse_status(out, "done", w, e);
}

int
api_logs(struct exchange *x, struct verr *e)
{
	const char *id = route_captured(&x->match, "id");
	struct reading r = {.x = x};
	int found = db_workload_get(
		x->web->db, id, identity_scope(&x->who), on_workload, &r, e);
	if (found != 1)
		return found == -1 ? -1 : record_missing(x, id, e);
	/*
	 * A log that still grows is followed at nginx, so that a watcher
	 * holds no worker; only nginx can reach that address.
	 */
	const char *accept = x->req.accept != NULL ? x->req.accept : "";
	/* nchan serves events only to those who say that they take them. */
	const char *place = strstr(accept, "text/event-stream") != NULL
		? "/internal/live"
		: "/internal/live-any";
	if (r.live &&
		respond_header(x, "X-Accel-Redirect",
			arena_printf(x->arena, "%s/%s", place, id), e) == -1)
		return -1;
	return respond_as(x, 200, "text/event-stream", e);
}

struct history {
	struct json j;
	int64_t last;
	uint64_t count;
};

static int
on_line(void *arg, const struct db_chunk *c, struct verr *e)
{
	(void)e;
	struct history *h = arg;
	record_line(&h->j, c);
	h->last = c->seq;
	h->count++;
	return 0;
}

int
api_history(struct exchange *x, struct verr *e)
{
	const char *id = route_captured(&x->match, "id");
	uint64_t limit = form_u64(&x->query, "limit", HISTORY_NORMAL);
	struct history h = {.last = (int64_t)form_u64(&x->query, "after", 0)};
	if (record_may_see(x, id, e) == -1)
		return -1;
	json_begin(&h.j, &x->res.body);
	json_object(&h.j);
	json_key(&h.j, "lines");
	json_array(&h.j);
	if (db_log_each(x->web->db, id, -1, h.last, (unsigned)limit, on_line,
		    &h, e) == -1)
		return -1;
	json_array_end(&h.j);
	json_key(&h.j, "next_after");
	if (h.count == limit)
		json_i64(&h.j, h.last);
	else
		json_null(&h.j);
	json_object_end(&h.j);
	if (json_end(&h.j, e) == -1)
		return -1;
	return respond_as(x, 200, "application/json", e);
}
