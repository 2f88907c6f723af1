/* Who goes next: pending workloads become runs, fairly and within limits. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "fail.h"
#include "fair.h"
#include "log.h"
#include "poison.h"
#include "queue.h"
#include "vtime.h"

#define USERS_MAX 256 /* looked at in one turn */
#define HEADS_MAX 8 /* of one user in one turn */

struct line {
	size_t count, next;
	struct {
		char id[ULID_TEXT_BYTES];
		enum runtime runtime;
		int64_t attempt;
	} heads[HEADS_MAX];
};

struct lines {
	struct queue *q;
	struct fair_user users[USERS_MAX];
	struct line of[USERS_MAX];
	size_t count;
	int64_t last; /* users above this id are not looked at now */
	bool more; /* there are users or heads beyond these */
};

/* A run under way counts until its end is being written. */
static bool
counts(const struct seat *s)
{
	return s->run != NULL && !s->run->writing_end && !s->run->lost;
}

void
claim_count(
	const struct queue *q, unsigned *ret_all, unsigned ret_tier[TIER_COUNT])
{
	*ret_all = 0;
	memset(ret_tier, 0, sizeof(*ret_tier) * TIER_COUNT);
	for (unsigned i = 0; i < q->seat_count; i++) {
		if (!counts(&q->seats[i]))
			continue;
		(*ret_all)++;
		ret_tier[q->seats[i].run->tier]++;
	}
}

static unsigned
running_of(const struct queue *q, int64_t user_id)
{
	unsigned n = 0;
	for (unsigned i = 0; i < q->seat_count; i++)
		n += counts(&q->seats[i]) &&
			q->seats[i].run->user_id == user_id;
	return n;
}

static unsigned
room(const struct queue *q, enum tier t)
{
	unsigned all, tier[TIER_COUNT];
	claim_count(q, &all, tier);
	uint64_t of_tier = t == TIER_ISOLATE ? q->conf->isolate_running_max
					     : q->conf->running_max;
	uint64_t left =
		all < q->conf->running_max ? q->conf->running_max - all : 0;
	uint64_t left_tier = tier[t] < of_tier ? of_tier - tier[t] : 0;
	return (unsigned)(left < left_tier ? left : left_tier);
}

static int
on_user(void *arg, int64_t user_id, struct verr *e)
{
	struct lines *l = arg;
	(void)e;
	if (user_id > l->last)
		return 1;
	unsigned running = running_of(l->q, user_id);
	if (running >= l->q->conf->running_user_max) {
		l->q->capped = true;
		return 0;
	}
	if (l->count == USERS_MAX) {
		l->more = true;
		return 1;
	}
	l->of[l->count] = (struct line){.count = 0};
	l->users[l->count++] =
		(struct fair_user){.user_id = user_id, .running = running};
	return 0;
}

/*
 * Users who may start one more. Where there are more of them than one turn
 * looks at, the next turn begins behind the last of this one.
 */
static int
look_at_users(struct lines *l, enum tier t, struct verr *e)
{
	int64_t *past = &l->q->tiers[t].users_past;
	l->count = 0;
	l->last = INT64_MAX;
	if (db_pending_users(l->q->db, t, *past, on_user, l, e) == -1)
		return -1;
	l->last = *past;
	if (*past > 0 && l->count < USERS_MAX &&
		db_pending_users(l->q->db, t, 0, on_user, l, e) == -1)
		return -1;
	*past = l->count == USERS_MAX ? l->users[USERS_MAX - 1].user_id : 0;
	return 0;
}

static int
on_head(void *arg, const struct db_pending *p, struct verr *e)
{
	struct line *l = arg;
	(void)e;
	if (p->cancelled)
		return 0;
	snprintf(l->heads[l->count].id, ULID_TEXT_BYTES, "%s", p->id);
	l->heads[l->count].runtime = p->runtime;
	l->heads[l->count++].attempt = p->attempt;
	return 0;
}

static void
show_head(struct lines *l, size_t i)
{
	struct line *line = &l->of[i];
	if (line->next < line->count)
		memcpy(l->users[i].head, line->heads[line->next].id,
			ULID_TEXT_BYTES);
	else
		l->users[i].head[0] = '\0';
}

static int
look_at(struct lines *l, enum tier t, unsigned limit, struct verr *e)
{
	if (look_at_users(l, t, e) == -1)
		return -1;
	if (limit > HEADS_MAX)
		limit = HEADS_MAX;
	for (size_t i = 0; i < l->count; i++) {
		if (db_pending_each(l->q->db, t, l->users[i].user_id, limit,
			    on_head, &l->of[i], e) == -1)
			return -1;
		if (l->of[i].count == limit)
			l->more = true;
		show_head(l, i);
	}
	return 0;
}

static int
new_token(char out[DB_TOKEN_BYTES], struct verr *e)
{
	unsigned char raw[16];
	if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		return verr_set(e, VERR_HOST, errno, "getrandom");
	for (size_t i = 0; i < sizeof(raw); i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
	return 0;
}

/*
 * A warm seat, or a free one; a warm one of no use makes room. What failed
 * before gets a new sandbox: those that wait may all have died with their host.
 */
static int
find_seat(struct queue *q, enum tier t, enum runtime runtime, bool again)
{
	int slot = again ? -1 : seats_find_warm(q, t, runtime);
	if (slot == -1)
		slot = seats_find_free(q);
	if (slot != -1 || seats_count(q, SEAT_ENDING) > 0)
		return slot;
	for (unsigned i = 0; i < q->seat_count; i++)
		if (q->seats[i].state == SEAT_WARM && q->seats[i].run == NULL) {
			seat_dismiss(q, i);
			break;
		}
	return -1;
}

/* 1 claimed, 0 somebody else took it away, -1. */
static int
claim(struct queue *q, struct run *r, struct verr *e)
{
	if (new_token(r->token, e) == -1)
		return -1;
	struct db_claim c = {.workload_id = r->id,
		.node = q->conf->node,
		.token = r->token,
		.lease_until_ms = q->now_ns / VTIME_NS_PER_MS +
			(int64_t)q->conf->lease_ms,
		.boot_id = q->boot_id};
	int got = db_claim(q->db, &c, &r->run_id, &r->attempt, e);
	if (got != 1)
		return got;
	/* A workload that cannot be read must not hold up those behind it. */
	r->unreadable = run_load(q, r, &r->platform) == -1;
	return 1;
}

static int
claim_into(struct queue *q, int slot, const struct line *l, enum tier t,
	struct verr *e)
{
	struct seat *s = &q->seats[slot];
	struct run *r = run_new();
	if (r == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "run");
	memcpy(r->id, l->heads[l->next].id, sizeof(r->id));
	r->tier = t;
	r->runtime = l->heads[l->next].runtime;
	r->warm = s->state == SEAT_WARM;
	int got = claim(q, r, e);
	if (got == 1)
		s->run = r;
	else
		run_free(r);
	return got;
}

static bool
any_left(const struct lines *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->users[i].head[0] != '\0')
			return true;
	return false;
}

static int
claim_tier(struct queue *q, struct lines *l, enum tier t, struct verr *e)
{
	unsigned left = room(q, t);
	if (left == 0) {
		q->backlog = true;
		return 0;
	}
	if (look_at(l, t, left, e) == -1)
		return -1;
	for (;;) {
		int i = fair_pick(l->users, l->count,
			(unsigned)q->conf->running_user_max);
		if (i == -1) {
			q->capped |= any_left(l);
			return 0;
		}
		struct line *line = &l->of[i];
		int slot = left == 0
			? -1
			: find_seat(q, t, line->heads[line->next].runtime,
				  line->heads[line->next].attempt > 0);
		if (slot == -1) {
			q->backlog = true;
			return 0;
		}
		int got = claim_into(q, slot, line, t, e);
		if (got == -1)
			return -1;
		line->next++;
		show_head(l, (size_t)i);
		if (got == 1) {
			l->users[i].running++;
			left--;
		}
	}
}

/* 1 claims of this tier are possible now. */
static int
is_open(const struct queue *q, enum tier t)
{
	return q->tiers[t].usable && q->tiers[t].hold_until_ns <= q->now_ns;
}

int
claim_all(struct queue *q, struct verr *e)
{
	static struct lines l;
	l.q = q;
	l.more = false;
	q->backlog = q->capped = q->held = false;
	FAIL_POINT("claim.before");
	for (int t = 0; t < TIER_COUNT; t++) {
		q->held |= q->tiers[t].hold_until_ns > q->now_ns;
		if (!is_open(q, (enum tier)t))
			continue;
		if (claim_tier(q, &l, (enum tier)t, e) == -1)
			return -1;
	}
	q->look = l.more;
	return 0;
}

void
claim_again(struct queue *q)
{
	q->look |= q->backlog || q->capped;
}

void
claim_check_holds(struct queue *q)
{
	for (int t = 0; t < TIER_COUNT; t++) {
		int64_t *until = &q->tiers[t].hold_until_ns;
		if (*until == 0 || *until > q->now_ns)
			continue;
		*until = 0;
		q->look |= q->held;
	}
}

bool
claim_is_possible(const struct queue *q)
{
	bool seat = false;
	for (unsigned i = 0; i < q->seat_count && !seat; i++) {
		const struct seat *s = &q->seats[i];
		seat = s->run == NULL &&
			(s->state == SEAT_FREE || s->state == SEAT_WARM);
	}
	for (int t = 0; t < TIER_COUNT && seat; t++)
		if (is_open(q, (enum tier)t) && room(q, (enum tier)t) > 0)
			return true;
	return false;
}

void
claim_undo(struct queue *q)
{
	for (unsigned i = 0; i < q->seat_count; i++) {
		struct seat *s = &q->seats[i];
		if (s->run == NULL || s->run->claimed)
			continue;
		run_free(s->run);
		s->run = NULL;
	}
	q->look = true;
}

void
claim_send(struct queue *q)
{
	for (unsigned i = 0; i < q->seat_count; i++) {
		struct verr e;
		struct seat *s = &q->seats[i];
		struct run *r = s->run;
		if (r == NULL || r->claimed)
			continue;
		r->claimed = true;
		FAIL_POINT("claim.after");
		q->stats.value[STAT_RUNS_CLAIMED]++;
		if (r->unreadable) {
			run_fail(q, r, &r->platform);
			continue;
		}
		q->stats.value[r->warm ? STAT_WARM_HITS : STAT_WARM_MISSES]++;
		pool_arrival(&q->pool[r->tier][r->runtime], q->now_ns);
		if (!r->warm &&
			seat_start(q, i, r->tier, r->runtime, false, &e) ==
				-1) {
			run_fail(q, r, &e);
			continue;
		}
		seat_attach(q, i);
		FAIL_POINT("sent.after");
	}
}
