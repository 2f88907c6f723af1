/* Keeps the warm pool at its target. */
#include "log.h"
#include "queue.h"
#include "vtime.h"

#include "poison.h"

#define STARTS_PER_TURN 2
#define BUSY_PER_CPU 2 /* runs a processor, from which on it is saturated */

static struct pool_bounds
bounds(const struct queue *q)
{
	return (struct pool_bounds){.class_max = (unsigned)q->conf->pool_max,
		.all_max =
			(unsigned)(q->conf->pool_memory_mib / POOL_SANDBOX_MIB),
		.idle_ns = (int64_t)q->conf->pool_idle_ms * VTIME_NS_PER_MS};
}

/* Warm ones and those in the making, of a class or of all. */
static unsigned
ahead(const struct queue *q, int tier, int runtime)
{
	unsigned n = 0;
	for (unsigned i = 0; i < q->seat_count; i++) {
		const struct seat *s = &q->seats[i];
		bool ready =
			(s->state == SEAT_WARM || s->state == SEAT_MAKING) &&
			s->run == NULL && !s->probe;
		n += ready &&
			(tier == -1 ||
				((int)s->tier == tier &&
					(int)s->runtime == runtime));
	}
	return n;
}

unsigned
warm_count(const struct queue *q, enum tier t)
{
	unsigned n = 0;
	for (unsigned i = 0; i < q->seat_count; i++)
		n += q->seats[i].state == SEAT_WARM &&
			q->seats[i].run == NULL && q->seats[i].tier == t;
	return n;
}

void
warm_lost(struct queue *q, enum tier t)
{
	for (unsigned i = 0; i < q->seat_count; i++) {
		const struct seat *s = &q->seats[i];
		if (s->state != SEAT_WARM || s->run != NULL || s->tier != t)
			continue;
		q->stats.value[STAT_WARM_LOST]++;
		seat_dismiss(q, i);
	}
}

static void
tend_class(struct queue *q, enum tier t, enum runtime r,
	const struct pool_bounds *b)
{
	unsigned target = pool_target(&q->pool[t][r], b, q->now_ns);
	if (target == 0)
		return;
	unsigned have = ahead(q, t, r);
	/* Making them takes a processor from the runs that are under way. */
	if (have > target / 2 && seats_count(q, SEAT_BUSY) > 0)
		return;
	unsigned missing = pool_missing(target, have, ahead(q, -1, -1), b);
	for (unsigned i = 0; i < missing && i < STARTS_PER_TURN; i++) {
		struct verr e;
		int slot = seats_find_free(q);
		if (slot == -1)
			return;
		if (seat_start(q, (unsigned)slot, t, r, false, &e) == -1) {
			log_verr(&e, "warming a sandbox");
			return;
		}
	}
}

/*
 * Called after the runs of this turn were sent. Work that is there, waiting
 * for room or for a processor, goes before sandboxes for work that may come.
 */
void
warm_tend(struct queue *q)
{
	if (q->backlog || q->draining ||
		seats_count(q, SEAT_BUSY) >= BUSY_PER_CPU * q->cpus)
		return;
	struct pool_bounds b = bounds(q);
	for (int t = 0; t < TIER_COUNT; t++) {
		const struct tier_state *s = &q->tiers[t];
		if (!s->usable || s->hold_until_ns > q->now_ns)
			continue;
		for (int r = 0; r < RUNTIME_COUNT; r++)
			tend_class(q, (enum tier)t, (enum runtime)r, &b);
	}
}

/* Lets go of what is above the target; slowly, but all of it when quiet. */
void
warm_shrink(struct queue *q)
{
	struct pool_bounds b = bounds(q);
	for (int t = 0; t < TIER_COUNT; t++) {
		for (int r = 0; r < RUNTIME_COUNT; r++) {
			unsigned target =
				pool_target(&q->pool[t][r], &b, q->now_ns);
			unsigned have = ahead(q, t, r);
			unsigned many = have > target ? have - target : 0;
			if (target > 0 && many > 1)
				many = 1;
			for (; many > 0; many--) {
				int slot = seats_find_warm(
					q, (enum tier)t, (enum runtime)r);
				if (slot == -1)
					break;
				seat_dismiss(q, (unsigned)slot);
			}
		}
	}
}
