/* GET /metrics in the text format of Prometheus 0.0.4. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fd.h"
#include "handlers.h"
#include "num.h"
#include "poison.h"
#include "respond.h"
#include "tiers.h"

#define RUNNER_BYTES_MAX 16384

struct page_of {
	struct buf *out;
	struct verr *e;
	int failed;
};

static void line(struct page_of *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void
line(struct page_of *p, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (p->failed == 0)
		p->failed = buf_addf(p->out, p->e, "%s\n", text);
}

static void
head(struct page_of *p, const char *name, const char *type, const char *help)
{
	line(p, "# HELP %s %s", name, help);
	line(p, "# TYPE %s %s", name, type);
}

struct cell {
	uint64_t n;
	double seconds;
};
struct totals {
	struct cell by_reason[STATUS_COUNT][TIER_COUNT][REASON_COUNT];
	struct cell by_tier[TIER_COUNT]; /* of those that are over */
	uint64_t pending[TIER_COUNT];
};

static int
on_count(void *arg, const struct db_count *c, struct verr *e)
{
	(void)e;
	struct totals *t = arg;
	t->by_reason[c->status][c->isolation][c->reason].n += c->n;
	if (c->status == STATUS_PENDING)
		t->pending[c->isolation] += c->n;
	if (c->status == STATUS_PENDING || c->status == STATUS_RUNNING)
		return 0;
	t->by_tier[c->isolation].n += c->n;
	t->by_tier[c->isolation].seconds += c->duration_ms / 1000;
	return 0;
}

static void
workloads(struct page_of *p, const struct totals *t)
{
	head(p, "vulcan_workloads", "gauge",
		"Workloads in the database by status, tier and reason.");
	for (int s = 0; s < STATUS_COUNT; s++)
		for (int i = 0; i < TIER_COUNT; i++)
			for (int r = 0; r < REASON_COUNT; r++) {
				const struct cell *c = &t->by_reason[s][i][r];
				if (c->n == 0 && (i != 0 || r != 0))
					continue;
				line(p,
					"vulcan_workloads{status=\"%s\","
					"isolation=\"%s\",reason=\"%s\"} %llu",
					status_text((enum status)s),
					tier_text((enum tier)i),
					r == 0 ? "none"
					       : reason_text((enum reason)r),
					(unsigned long long)c->n);
			}
	head(p, "vulcan_workload_duration_seconds", "summary",
		"Time from submission to the end of a workload.");
	for (int i = 0; i < TIER_COUNT; i++) {
		line(p,
			"vulcan_workload_duration_seconds_sum{isolation="
			"\"%s\"} %.6f",
			tier_text((enum tier)i), t->by_tier[i].seconds);
		line(p,
			"vulcan_workload_duration_seconds_count{isolation="
			"\"%s\"} %llu",
			tier_text((enum tier)i),
			(unsigned long long)t->by_tier[i].n);
	}
	head(p, "vulcan_queue_length", "gauge",
		"Workloads that wait for a sandbox.");
	for (int i = 0; i < TIER_COUNT; i++)
		line(p, "vulcan_queue_length{isolation=\"%s\"} %llu",
			tier_text((enum tier)i),
			(unsigned long long)t->pending[i]);
}

static void
tiers(struct page_of *p, const struct tier_state tier[TIER_COUNT])
{
	head(p, "vulcan_backend_available", "gauge",
		"1 where the latest probe of the tier succeeded.");
	for (int i = 0; i < TIER_COUNT; i++)
		line(p, "vulcan_backend_available{isolation=\"%s\"} %d",
			tier_text((enum tier)i), tier[i].usable);
	head(p, "vulcan_backend_warm_sandboxes", "gauge",
		"Sandboxes that wait for a run, at the latest report.");
	for (int i = 0; i < TIER_COUNT; i++)
		line(p, "vulcan_backend_warm_sandboxes{isolation=\"%s\"} %lld",
			tier_text((enum tier)i), (long long)tier[i].warm);
}

static void
web(struct page_of *p, struct shared *s)
{
	head(p, "vulcan_web_responses_total", "counter",
		"Answers of this pool by class of status.");
	for (int i = 2; i < 6; i++)
		line(p, "vulcan_web_responses_total{class=\"%dxx\"} %llu", i,
			(unsigned long long)s->answers[i]);
	head(p, "vulcan_web_waiting_requests", "gauge",
		"Requests that wait for a result.");
	line(p, "vulcan_web_waiting_requests %zu", shared_claimed(&s->waiting));
	head(p, "vulcan_web_respawns_total", "counter",
		"Workers of this pool that were replaced.");
	line(p, "vulcan_web_respawns_total %llu",
		(unsigned long long)s->respawns);
}

/* A key of ours: lower-case words, so that it can be part of a name. */
static bool
key_ok(const char *key, size_t n)
{
	return n > 0 && n < 64 && key[0] >= 'a' && key[0] <= 'z' &&
		strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_") >= n;
}

/* RUN/runner.stats, "name value" lines: the runner's own figures. */
static void
runner(struct page_of *p, const struct conf *c)
{
	char path[CONF_PATH_BYTES + 16];
	snprintf(path, sizeof(path), "%s/runner.stats", c->run);
	struct buf v_autobuf text = BUF(RUNNER_BYTES_MAX);
	struct verr e;
	/* Without a runner there are no figures of it. */
	if (fd_read_file(AT_FDCWD, path, &text, &e) == -1)
		return;
	const char *s = buf_text(&text);
	for (size_t n; *s != '\0'; s += n + (s[n] == '\n')) {
		n = strcspn(s, "\n");
		size_t key = strcspn(s, " \n");
		uint64_t v;
		if (key >= n || !key_ok(s, key) ||
			num_u64(s + key + 1, n - key - 1, 0, UINT64_MAX,
				"value", &v, &e) == -1)
			continue;
		bool gauge = strncmp(s, "sandboxes_", 10) == 0;
		char name[128];
		snprintf(name, sizeof(name), "vulcan_runner_%.*s%s", (int)key,
			s, gauge ? "" : "_total");
		head(p, name, gauge ? "gauge" : "counter",
			"As the runner last reported it.");
		line(p, "%s %llu", name, (unsigned long long)v);
	}
}

int
api_metrics(struct exchange *x, struct verr *e)
{
	struct totals *t = arena_alloc(x->arena, sizeof(*t));
	struct tier_state tier[TIER_COUNT];
	if (db_count_each(x->web->db, 0, on_count, t, e) == -1 ||
		tiers_read(x, tier, e) == -1)
		return -1;
	struct page_of p = {.out = &x->res.body, .e = e};
	workloads(&p, t);
	tiers(&p, tier);
	web(&p, x->web->shared);
	runner(&p, x->web->conf);
	if (p.failed == -1)
		return -1;
	return respond_as(x, 200, "text/plain; version=0.0.4", e);
}
