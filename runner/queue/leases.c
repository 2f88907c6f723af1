/* Leases: renewed while a run goes on, settled when an earlier life ended. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "poison.h"
#include "queue.h"
#include "settle.h"
#include "vtime.h"

int
leases_renew(struct queue *q, struct verr *e)
{
	int64_t until =
		q->now_ns / VTIME_NS_PER_MS + (int64_t)q->conf->lease_ms;
	for (unsigned i = 0; i < q->seat_count; i++) {
		struct run *r = q->seats[i].run;
		if (r == NULL || !r->claimed || r->lost || r->writing_end)
			continue;
		int ours = db_run_renew(q->db, r->run_id, r->token, until, e);
		if (ours == -1)
			return -1;
		if (ours == 0)
			r->lost = true;
	}
	return 0;
}

struct left {
	char workload_id[ULID_TEXT_BYTES];
	char token[DB_TOKEN_BYTES];
	int64_t run_id;
	struct settle_facts facts;
};

struct lefts {
	struct queue *q;
	const char *why; /* what became of them */
	bool expired_only;
	struct left *all;
	size_t count, room;
};

/* Renewed in time, or about to be: its run sits here. */
static bool
is_alive(const struct queue *q, const struct db_lease *l)
{
	if (l->lease_until_ms > q->now_ns / VTIME_NS_PER_MS &&
		strcmp(l->boot_id, q->boot_id) == 0)
		return true;
	for (unsigned i = 0; i < q->seat_count; i++)
		if (q->seats[i].run != NULL &&
			q->seats[i].run->run_id == l->run_id)
			return true;
	return false;
}

static int
on_lease(void *arg, const struct db_lease *l, struct verr *e)
{
	struct lefts *x = arg;
	if (x->expired_only && is_alive(x->q, l))
		return 0;
	if (x->count == x->room) {
		size_t room = x->room == 0 ? 64 : x->room * 2;
		struct left *all = reallocarray(x->all, room, sizeof(*all));
		if (all == NULL)
			return verr_set(e, VERR_HOST, ENOMEM, "recovery");
		x->all = all;
		x->room = room;
	}
	struct left *one = &x->all[x->count++];
	*one = (struct left){.run_id = l->run_id,
		.facts = {.cancelled = l->cancelled,
			.started = l->started,
			.attempt = (uint64_t)l->attempt,
			.attempts_max = x->q->conf->attempts_max}};
	snprintf(one->workload_id, sizeof(one->workload_id), "%s",
		l->workload_id);
	snprintf(one->token, sizeof(one->token), "%s", l->token);
	return 0;
}

static int
settle_left(
	struct queue *q, const struct left *l, const char *why, struct verr *e)
{
	struct settle s = settle_decide(&l->facts);
	struct db_event event = {.workload_id = l->workload_id,
		.what = "recovered",
		.detail = s.give_back ? "given back to pending"
				      : "settled as failed"};
	int r;
	if (s.give_back) {
		r = db_run_give_back(q->db, l->run_id, l->token, why, e);
	} else {
		struct db_finish f = {.run_id = l->run_id,
			.token = l->token,
			.status = s.status,
			.reason = s.reason,
			.error = s.reason == REASON_PLATFORM ? why : NULL};
		r = db_run_finish(q->db, &f, e);
	}
	if (r == -1)
		return -1;
	q->stats.value[STAT_RUNS_RECOVERED]++;
	return db_event_add(q->db, &event, e);
}

static int
settle_all(struct queue *q, const struct lefts *x, struct verr *e)
{
	if (db_begin(q->db, e) == -1)
		return -1;
	for (size_t i = 0; i < x->count; i++) {
		if (settle_left(q, &x->all[i], x->why, e) == -1) {
			db_rollback(q->db);
			return -1;
		}
	}
	return db_commit(q->db, true, e);
}

/*
 * The lock of the warden says that no other runner serves this database, and
 * the warden has ended every keeper of an earlier life: whatever still says
 * "running" has nothing behind it.
 */
int
leases_recover(struct queue *q, struct verr *e)
{
	struct lefts x = {.q = q, .why = "the runner ended while this ran"};
	int r = db_lease_each(q->db, on_lease, &x, e);
	if (r != -1 && x.count > 0)
		r = settle_all(q, &x, e);
	if (r != -1 && x.count > 0)
		log_info("recovery: %zu runs of an earlier life settled",
			x.count);
	free(x.all);
	return r;
}

int
leases_expire(struct queue *q, struct verr *e)
{
	struct lefts x = {.q = q,
		.why = "nobody renewed the claim of this run",
		.expired_only = true};
	int r = db_lease_each(q->db, on_lease, &x, e);
	if (r != -1 && x.count > 0)
		r = settle_all(q, &x, e);
	for (size_t i = 0; r != -1 && i < x.count; i++)
		log_warn("the claim of %s had run out; it is settled",
			x.all[i].workload_id);
	/* Viewers and waiters read the row when their patience ends. */
	q->look |= r != -1 && x.count > 0;
	free(x.all);
	return r;
}
