/*
 * One turn of the loop, after its events: one transaction with all there is
 * to write, and what follows from it once it is committed.
 */
#include <string.h>

#include "log.h"
#include "poison.h"
#include "queue.h"
#include "vtime.h"

#define RETRY_MS 50
#define RETRY_MAX_MS 1000
#define DRAIN_MS 10000

struct run *
tick_find_run(struct queue *q, const char *id, unsigned *ret_slot)
{
	for (unsigned i = 0; i < q->seat_count; i++) {
		struct run *r = q->seats[i].run;
		if (r == NULL || memcmp(r->id, id, ULID_CHARS) != 0)
			continue;
		*ret_slot = i;
		return r;
	}
	return NULL;
}

static bool
any_running(const struct queue *q)
{
	for (unsigned i = 0; i < q->seat_count; i++)
		if (q->seats[i].run != NULL)
			return true;
	return false;
}

static bool
runs_are_due(const struct queue *q)
{
	for (unsigned i = 0; i < q->seat_count; i++) {
		const struct run *r = q->seats[i].run;
		int64_t due = r == NULL ? 0 : run_due(r);
		if (due != 0 && due <= q->now_ns)
			return true;
	}
	return false;
}

static bool
wants_claims(const struct queue *q)
{
	return q->look && !q->draining && claim_is_possible(q);
}

static bool
beat_is_due(const struct queue *q)
{
	return q->beat_due_ns <= q->now_ns && any_running(q);
}

/* Small change: what the database will not have of it is let go. */
static int
write_teardowns(struct queue *q, struct verr *e)
{
	for (size_t i = 0; i < q->teardown_count; i++) {
		const struct teardown *t = &q->teardowns[i];
		if (db_phase_add(q->db, t->run_id, PHASE_TEARDOWN,
			    (uint64_t)t->took_ns, e) == -1) {
			if (e->kind != VERR_BUG)
				return -1;
			log_verr(e, "the time of a teardown");
		}
	}
	return 0;
}

static int
write_all(struct queue *q, bool *durable, struct verr *e)
{
	for (unsigned i = 0; i < q->seat_count; i++)
		if (q->seats[i].run != NULL &&
			run_write(q, q->seats[i].run, durable, e) == -1)
			return -1;
	q->settled_count = 0;
	if (q->look_cancel && cancel_all(q, e) == -1)
		return -1;
	*durable |= q->settled_count > 0;
	if (beat_is_due(q)) {
		if (leases_renew(q, e) == -1)
			return -1;
		q->beat_due_ns = q->now_ns +
			(int64_t)q->conf->lease_ms * VTIME_NS_PER_MS / 3;
	}
	if (write_teardowns(q, e) == -1)
		return -1;
	if (probe_put_due(q) && probe_put(q, e) == -1)
		return -1;
	return wants_claims(q) ? claim_all(q, e) : 0;
}

static void
undo_all(struct queue *q)
{
	for (unsigned i = 0; i < q->seat_count; i++) {
		struct seat *s = &q->seats[i];
		if (s->run == NULL)
			continue;
		run_undo(s->run);
		if (s->run->spoiled && s->state != SEAT_ENDING) {
			s->state = SEAT_ENDING;
			seat_kill(q, i);
		}
	}
	claim_undo(q);
	q->settled_count = 0;
	q->look_cancel = true;
	q->beat_due_ns = 0;
	for (int t = 0; t < TIER_COUNT; t++)
		q->tiers[t].put_due |= q->tiers[t].known;
}

/* The claim of this run is somebody else's: nothing of it is written. */
static void
drop_lost(struct queue *q, unsigned slot)
{
	struct verr e;
	struct seat *s = &q->seats[slot];
	struct db_event event = {.workload_id = s->run->id,
		.what = "result refused",
		.detail = "the claim had been settled before"};
	q->stats.value[STAT_RESULTS_REFUSED]++;
	log_warn("the claim of %s is lost; its sandbox is ended", s->run->id);
	if (db_event_add(q->db, &event, &e) == -1)
		log_verr(&e, "noting it");
	run_free(s->run);
	s->run = NULL;
	claim_again(q);
	if (s->state != SEAT_ENDING) {
		s->state = SEAT_ENDING;
		seat_kill(q, slot);
	}
	seat_settle(q, slot);
}

static void
announce_all(struct queue *q)
{
	for (unsigned i = 0; i < q->seat_count; i++) {
		struct run *r = q->seats[i].run;
		if (r == NULL || !r->claimed)
			continue;
		if (r->lost) {
			drop_lost(q, i);
			continue;
		}
		run_announce(q, r);
		if (!r->writing_end)
			continue;
		q->look |= r->gave_back;
		claim_again(q);
		run_free(r);
		q->seats[i].run = NULL;
		seat_settle(q, i);
	}
	for (size_t i = 0; i < q->settled_count; i++)
		announce_done(
			q, q->settled[i], STATUS_KILLED, REASON_CANCELLED, 0);
	q->settled_count = 0;
}

static void
on_db_failure(struct queue *q, const struct verr *e)
{
	int64_t wait = RETRY_MS;
	for (unsigned i = 0; i < q->db_failures && wait < RETRY_MAX_MS; i++)
		wait *= 2;
	if (q->db_failures++ == 0)
		log_verr(e, "the database; results wait and it is tried again");
	q->stats.value[STAT_DB_FAILURES]++;
	q->retry_ns = q->now_ns + wait * VTIME_NS_PER_MS;
}

static int
transact(struct queue *q, struct verr *e)
{
	bool durable = false;
	if (db_begin(q->db, e) == -1)
		return -1;
	if (write_all(q, &durable, e) == -1) {
		db_rollback(q->db);
		undo_all(q);
		return -1;
	}
	if (db_commit(q->db, durable, e) == -1) {
		undo_all(q);
		if (db_is_unsure(q->db)) {
			/*
			 * After a failed sync nobody knows what the disk has.
			 * A new life reads it and settles what it finds.
			 */
			log_verr(e, "the queue ends and starts anew");
			q->over = true;
			q->exit_code = 1;
		}
		return -1;
	}
	return 0;
}

static void
write_and_announce(struct queue *q)
{
	struct verr e;
	bool work = runs_are_due(q) || q->teardowns_due ||
		q->teardown_count > TEARDOWNS_MAX / 2 || wants_claims(q) ||
		q->look_cancel || beat_is_due(q) || probe_put_due(q);
	if (!work || q->now_ns < q->retry_ns)
		return;
	if (transact(q, &e) == -1) {
		on_db_failure(q, &e);
		return;
	}
	if (q->db_failures > 0)
		log_info("the database works again");
	q->db_failures = 0;
	q->retry_ns = 0;
	q->teardown_count = 0;
	q->teardowns_due = false;
	claim_send(q);
	announce_all(q);
}

static void
poll_db(struct queue *q)
{
	struct verr e;
	struct db_poll p;
	q->poll_due_ns =
		q->now_ns + (int64_t)q->conf->poll_ms * VTIME_NS_PER_MS;
	if (db_poll(q->db, &p, &e) == -1) {
		on_db_failure(q, &e);
		return;
	}
	for (int t = 0; t < TIER_COUNT; t++) {
		q->tiers[t].pending = p.pending[t] > 0;
		q->look |= q->tiers[t].pending;
	}
	q->look_cancel |= p.cancelling;
}

static void
show_stats(struct queue *q)
{
	struct verr e;
	uint64_t *v = q->stats.value;
	v[STAT_PUBLISH_EVENTS] = q->publish.events;
	v[STAT_PUBLISH_DROPS] = q->publish.drops + q->publish.in.refused;
	v[STAT_RINGS_REFUSED] = q->bell.refused;
	v[STAT_SANDBOXES_ACTIVE] = seats_count(q, SEAT_BUSY);
	v[STAT_SANDBOXES_WARM] = seats_count(q, SEAT_WARM);
	if (stats_show(&q->stats, q->conf->run, q->now_ns, &e) == -1 &&
		!q->bell.complained)
		log_verr(&e, "counters");
}

/* What needs no better time than once a poll. */
static void
slow_turn(struct queue *q)
{
	struct verr e;
	poll_db(q);
	q->teardowns_due = q->teardown_count > 0;
	int made = bell_check(&q->bell, &e);
	if (made == -1 && !q->bell.complained)
		log_verr(&e, "no doorbell; work is found by polling");
	q->bell.complained = made == -1;
	if (made == 1)
		q->rewatch = true;
	if (q->retry_ns <= q->now_ns && leases_expire(q, &e) == -1)
		on_db_failure(q, &e);
	announce_farewells(q);
	warm_shrink(q);
	show_stats(q);
	if (!q->draining)
		probe_start(q);
}

/*
 * Told to stop: what runs may end by itself for a while. What is left then
 * is given back where its code had not begun, and ended where it had.
 */
static void
drain(struct queue *q)
{
	struct verr e;
	if (q->drain_end_ns == 0)
		q->drain_end_ns = q->now_ns + DRAIN_MS * VTIME_NS_PER_MS;
	for (unsigned i = 0; i < q->seat_count; i++)
		if (q->seats[i].state == SEAT_WARM && q->seats[i].run == NULL)
			seat_dismiss(q, i);
	if (!any_running(q)) {
		q->over = true;
		return;
	}
	if (!q->hurry && q->now_ns < q->drain_end_ns)
		return;
	verr_set(&e, VERR_HOST, 0, "the runner was stopped while this ran");
	for (unsigned i = 0; i < q->seat_count; i++) {
		struct run *r = q->seats[i].run;
		if (r == NULL || r->ended)
			continue;
		run_fail(q, r, &e);
		seat_kill(q, i);
	}
	/* One more turn writes that; a database that fails must not hold us. */
	write_and_announce(q);
	q->over = true;
}

void
tick(struct queue *q)
{
	int64_t last = q->now_ns;
	q->now_ns = vtime_mono_ns();
	/* After a stop or a sleep of the machine the leases come first. */
	if (last != 0 &&
		q->now_ns - last >
			(int64_t)q->conf->lease_ms * VTIME_NS_PER_MS) {
		log_warn("nothing moved here for %lld ms; leases are checked",
			(long long)((q->now_ns - last) / VTIME_NS_PER_MS));
		q->beat_due_ns = 0;
	}
	if (q->poll_due_ns <= q->now_ns)
		slow_turn(q);
	seats_check_deadlines(q);
	claim_check_holds(q);
	write_and_announce(q);
	announce_check_waiters(q);
	if (!q->over)
		warm_tend(q);
	if (q->draining)
		drain(q);
	publish_serve(&q->publish, q->now_ns);
}

static void
sooner(int64_t *due, int64_t other)
{
	if (other != 0 && other < *due)
		*due = other;
}

int
tick_timeout_ms(struct queue *q)
{
	int64_t due = q->poll_due_ns;
	bool running = false;
	for (unsigned i = 0; i < q->seat_count; i++) {
		const struct seat *s = &q->seats[i];
		if (s->state != SEAT_FREE)
			sooner(&due, s->deadline_ns);
		if (s->run == NULL)
			continue;
		running = true;
		int64_t run = run_due(s->run);
		if (run != 0 && run < q->retry_ns)
			run = q->retry_ns;
		sooner(&due, run);
	}
	if (running)
		sooner(&due,
			q->beat_due_ns > q->retry_ns ? q->beat_due_ns
						     : q->retry_ns);
	for (int t = 0; t < TIER_COUNT && (q->look || q->held); t++)
		if (q->tiers[t].hold_until_ns > q->now_ns)
			sooner(&due, q->tiers[t].hold_until_ns);
	if (wants_claims(q))
		sooner(&due, q->retry_ns > 0 ? q->retry_ns : 1);
	sooner(&due, publish_due(&q->publish));
	if (q->draining)
		sooner(&due, q->drain_end_ns);
	int64_t left = due - vtime_mono_ns();
	if (left <= 0)
		return 0;
	return (int)((left + VTIME_NS_PER_MS - 1) / VTIME_NS_PER_MS);
}
