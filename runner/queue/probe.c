/* Which tiers are usable here: asked of a prober, shown in the database. */
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "poison.h"
#include "queue.h"
#include "vtime.h"

#define AGAIN_MS (10 * 60 * 1000)
#define AGAIN_SOON_MS 10000

static void
again(struct queue *q, struct tier_state *s, int64_t ms)
{
	s->probe_due_ns = q->now_ns + ms * VTIME_NS_PER_MS;
}

void
probe_start(struct queue *q)
{
	for (int t = 0; t < TIER_COUNT; t++) {
		struct verr e;
		struct tier_state *s = &q->tiers[t];
		if (s->probe_due_ns > q->now_ns || s->probing)
			continue;
		again(q, s, AGAIN_SOON_MS);
		int slot = seats_find_free(q);
		if (slot == -1)
			return;
		if (seat_start(q, (unsigned)slot, (enum tier)t,
			    RUNTIME_JAVASCRIPT, true, &e) == -1)
			log_verr(&e, "probe of tier %s",
				tier_text((enum tier)t));
		else
			s->probing = true;
	}
}

void
probe_soon(struct queue *q)
{
	for (int t = 0; t < TIER_COUNT; t++)
		q->tiers[t].probe_due_ns = 0;
	q->poll_due_ns = 0;
}

static void
take_line(struct tier_state *s, const char *line, size_t n)
{
	const struct {
		const char *key;
		char *into;
		size_t room;
	} all[] = {
		{"engine=", s->engine, sizeof(s->engine)},
		{"engine-version=", s->engine_version,
			sizeof(s->engine_version)},
		{"runtimes=", s->runtimes, sizeof(s->runtimes)},
		{"reason=", s->reason, sizeof(s->reason)},
		{"remedy=", s->remedy, sizeof(s->remedy)},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		size_t len = strlen(all[i].key);
		if (n >= len && memcmp(line, all[i].key, len) == 0)
			snprintf(all[i].into, all[i].room, "%.*s",
				(int)(n - len), line + len);
	}
}

static void
take_lines(struct tier_state *s, const char *p, size_t len)
{
	const char *end = p + len;
	s->engine[0] = s->engine_version[0] = s->runtimes[0] = '\0';
	s->reason[0] = s->remedy[0] = '\0';
	while (p < end) {
		const char *line = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((line != NULL ? line : end) - p);
		take_line(s, p, n);
		p += n + 1;
	}
}

/* The next probe: soon after a first failure, later and later after more. */
static void
plan(struct queue *q, struct tier_state *s)
{
	if (s->usable && !s->doubted) {
		s->probe_failures = 0;
		again(q, s, AGAIN_MS);
		return;
	}
	int64_t ms = AGAIN_SOON_MS;
	for (unsigned i = 0; i < s->probe_failures && ms < AGAIN_MS; i++)
		ms *= 2;
	s->probe_failures++;
	if (s->pending || ms > AGAIN_MS)
		ms = s->pending ? AGAIN_SOON_MS : AGAIN_MS;
	again(q, s, ms);
}

/*
 * A probe that could not tell does not close a tier that was usable: the
 * moment may have been a bad one. The next probe decides.
 */
static bool
only_doubts(struct tier_state *s, enum tier t, const char *why)
{
	if (!s->usable || s->doubted)
		return false;
	s->doubted = true;
	log_warn("tier %s: the probe could not tell whether it is usable: %s",
		tier_text(t), why);
	return true;
}

static void
decide(struct queue *q, enum tier t, bool usable)
{
	struct tier_state *s = &q->tiers[t];
	if (!s->known || usable != s->usable)
		log_info("tier %s: %s%s", tier_text(t),
			usable ? "usable" : "not here: ", s->reason);
	s->known = true;
	s->usable = usable;
	s->doubted = false;
	s->put_due = true;
	q->look = true;
}

void
probe_take(struct queue *q, unsigned slot, const struct wire_frame *f)
{
	static const char yes[] = "usable=1\n", no[] = "usable=0\n";
	enum tier t = q->seats[slot].tier;
	struct tier_state *s = &q->tiers[t];
	if (f->type != WIRE_READY || !s->probing)
		return;
	s->probing = false;
	const char *text = (const char *)f->data;
	bool usable = f->len >= sizeof(yes) - 1 &&
		memcmp(text, yes, sizeof(yes) - 1) == 0;
	bool not_here = f->len >= sizeof(no) - 1 &&
		memcmp(text, no, sizeof(no) - 1) == 0;
	struct tier_state said = {.usable = usable};
	take_lines(&said, text, f->len);
	if (usable || not_here || !only_doubts(s, t, said.reason)) {
		take_lines(s, text, f->len);
		decide(q, t, usable);
	}
	plan(q, s);
}

void
probe_end(struct queue *q, enum tier t)
{
	static const char why[] = "the probe ended without an answer";
	struct tier_state *s = &q->tiers[t];
	if (!s->probing)
		return;
	s->probing = false;
	if (!only_doubts(s, t, why)) {
		snprintf(s->reason, sizeof(s->reason), "%s", why);
		s->remedy[0] = '\0';
		decide(q, t, false);
	}
	plan(q, s);
}

bool
probe_put_due(const struct queue *q)
{
	for (int t = 0; t < TIER_COUNT; t++) {
		const struct tier_state *s = &q->tiers[t];
		bool warm = warm_count(q, (enum tier)t) != s->warm_shown &&
			q->now_ns >= q->warm_put_ns;
		if (s->known && (s->put_due || warm))
			return true;
	}
	return false;
}

int
probe_put(struct queue *q, struct verr *e)
{
	for (int t = 0; t < TIER_COUNT; t++) {
		struct tier_state *s = &q->tiers[t];
		unsigned warm = warm_count(q, (enum tier)t);
		if (!s->known || (!s->put_due && warm == s->warm_shown))
			continue;
		struct db_backend row = {.node = q->conf->node,
			.isolation = (enum tier)t,
			.usable = s->usable,
			.engine = s->engine,
			.engine_version = s->engine_version,
			.runtimes = s->runtimes,
			.reason = s->reason,
			.remedy = s->remedy,
			.running_max = t == TIER_ISOLATE
				? (int64_t)q->conf->isolate_running_max
				: 0,
			.warm = warm};
		if (db_backend_put(q->db, &row, e) == -1)
			return -1;
		s->put_due = false;
		s->warm_shown = warm;
	}
	q->warm_put_ns = q->now_ns + 1000 * VTIME_NS_PER_MS;
	return 0;
}
