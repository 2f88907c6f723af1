/* Which tiers are usable here: asked of a prober, shown in the database. */
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "poison.h"
#include "queue.h"
#include "vtime.h"

#define AGAIN_MS (10 * 60 * 1000)
#define AGAIN_SOON_MS 10000 /* while a tier that has work is not usable */

void
probe_start(struct queue *q)
{
	q->probe_due_ns = q->now_ns + AGAIN_MS * VTIME_NS_PER_MS;
	for (int t = 0; t < TIER_COUNT; t++) {
		struct verr e;
		int slot = seats_find_free(q);
		if (slot == -1) {
			q->probe_due_ns =
				q->now_ns + AGAIN_SOON_MS * VTIME_NS_PER_MS;
			return;
		}
		if (seat_start(q, (unsigned)slot, (enum tier)t,
			    RUNTIME_JAVASCRIPT, true, &e) == -1)
			log_verr(&e, "probe of tier %s",
				tier_text((enum tier)t));
	}
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

void
probe_take(struct queue *q, unsigned slot, const struct wire_frame *f)
{
	struct tier_state *s = &q->tiers[q->seats[slot].tier];
	if (f->type != WIRE_READY)
		return;
	bool was = s->usable;
	const char *p = (const char *)f->data;
	const char *end = p + f->len;
	s->usable = f->len >= 8 && memcmp(p, "usable=1", 8) == 0;
	s->engine[0] = s->engine_version[0] = s->runtimes[0] = '\0';
	s->reason[0] = s->remedy[0] = '\0';
	while (p < end) {
		const char *line = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((line != NULL ? line : end) - p);
		take_line(s, p, n);
		p += n + 1;
	}
	if (!s->known || was != s->usable)
		log_info("tier %s: %s%s", tier_text(q->seats[slot].tier),
			s->usable ? "usable" : "not here: ", s->reason);
	s->known = true;
	s->put_due = true;
	q->look = true;
}

void
probe_end(struct queue *q, enum tier t)
{
	struct tier_state *s = &q->tiers[t];
	if (!s->known) {
		snprintf(s->reason, sizeof(s->reason),
			"the probe ended without an answer");
		s->known = true;
		s->put_due = true;
	}
	if (!s->usable && s->pending)
		q->probe_due_ns = q->now_ns + AGAIN_SOON_MS * VTIME_NS_PER_MS;
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
