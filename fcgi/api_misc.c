/* /v1/backends, /v1/stats, /v1/nodes, /healthz and the API's description. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fd.h"
#include "handlers.h"
#include "json.h"
#include "poison.h"
#include "respond.h"
#include "tiers.h"

static void
words(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	json_array(j);
	for (size_t n; *text != '\0'; text += n + (text[n] == ' ')) {
		n = strcspn(text, " ");
		if (n > 0)
			json_bytes(j, text, n);
	}
	json_array_end(j);
}

static int
on_backend(void *arg, const struct db_backend *b, struct verr *e)
{
	(void)e;
	struct json *j = arg;
	json_object(j);
	json_key_text(j, "isolation", tier_text(b->isolation));
	json_key_bool(j, "usable", b->usable);
	json_key_text(j, "node", b->node);
	json_key_text(j, "reason", b->usable ? NULL : b->reason);
	json_key_text(j, "remedy", b->usable ? NULL : b->remedy);
	json_key_text(j, "engine", b->engine);
	json_key_text(j, "engine_version", b->engine_version);
	words(j, "runtimes", b->runtimes);
	json_key(j, "running_max");
	json_i64(j, b->running_max);
	json_key(j, "warm");
	json_i64(j, b->warm);
	json_key_text(j, "probed_at", b->probed_at);
	json_object_end(j);
	return 0;
}

static int
finish(struct exchange *x, struct json *j, struct verr *e)
{
	json_array_end(j);
	json_object_end(j);
	if (json_end(j, e) == -1)
		return -1;
	return respond_as(x, 200, "application/json", e);
}

static void
start(struct exchange *x, struct json *j, const char *name)
{
	json_begin(j, &x->res.body);
	json_object(j);
	json_key(j, name);
	json_array(j);
}

int
api_backends(struct exchange *x, struct verr *e)
{
	struct json j;
	start(x, &j, "backends");
	if (db_backend_each(x->web->db, on_backend, &j, e) == -1)
		return -1;
	return finish(x, &j, e);
}

static int
on_node(void *arg, const struct db_node *n, struct verr *e)
{
	(void)e;
	struct json *j = arg;
	json_object(j);
	json_key_text(j, "name", n->name);
	json_key_text(j, "version", n->version);
	json_key(j, "cpus");
	json_i64(j, n->cpus);
	json_key(j, "memory_mib");
	json_i64(j, n->memory_mib);
	json_key_text(j, "started_at", n->started_at);
	json_key_text(j, "seen_at", n->seen_at);
	json_object_end(j);
	return 0;
}

int
api_nodes(struct exchange *x, struct verr *e)
{
	struct json j;
	start(x, &j, "nodes");
	if (db_node_each(x->web->db, on_node, &j, e) == -1)
		return -1;
	return finish(x, &j, e);
}

struct totals {
	uint64_t status[STATUS_COUNT];
	uint64_t reason[REASON_COUNT];
	uint64_t tier[TIER_COUNT];
	uint64_t runtime[RUNTIME_COUNT];
	uint64_t over;
	double duration_ms;
};

static int
on_count(void *arg, const struct db_count *c, struct verr *e)
{
	(void)e;
	struct totals *t = arg;
	t->status[c->status] += c->n;
	t->reason[c->reason] += c->n;
	t->tier[c->isolation] += c->n;
	t->runtime[c->runtime] += c->n;
	if (c->status != STATUS_PENDING && c->status != STATUS_RUNNING)
		t->over += c->n;
	t->duration_ms += c->duration_ms;
	return 0;
}

int
api_stats(struct exchange *x, struct verr *e)
{
	struct totals t = {.over = 0};
	if (db_count_each(
		    x->web->db, identity_scope(&x->who), on_count, &t, e) == -1)
		return -1;
	uint64_t all = 0;
	struct json j;
	json_begin(&j, &x->res.body);
	json_object(&j);
	json_key(&j, "by_status");
	json_object(&j);
	for (int i = 0; i < STATUS_COUNT; i++) {
		json_key_u64(&j, status_text((enum status)i), t.status[i]);
		all += t.status[i];
	}
	json_object_end(&j);
	json_key(&j, "by_reason");
	json_object(&j);
	for (int i = 1; i < REASON_COUNT; i++)
		json_key_u64(&j, reason_text((enum reason)i), t.reason[i]);
	json_object_end(&j);
	json_key(&j, "by_isolation");
	json_object(&j);
	for (int i = 0; i < TIER_COUNT; i++)
		json_key_u64(&j, tier_text((enum tier)i), t.tier[i]);
	json_object_end(&j);
	json_key(&j, "by_runtime");
	json_object(&j);
	for (int i = 0; i < RUNTIME_COUNT; i++)
		json_key_u64(&j, runtime_text((enum runtime)i), t.runtime[i]);
	json_object_end(&j);
	json_key_u64(&j, "total", all);
	json_key_u64(&j, "waiting_requests",
		shared_claimed(&x->web->shared->waiting));
	json_key(&j, "mean_duration_ms");
	const char *mean = arena_printf(x->arena, "%.3f",
		t.over > 0 ? t.duration_ms / (double)t.over : 0.0);
	json_raw(&j, mean, strlen(mean));
	json_object_end(&j);
	if (json_end(&j, e) == -1)
		return -1;
	return respond_as(x, 200, "application/json", e);
}

static int
on_usable(void *arg, const struct db_backend *b, struct verr *e)
{
	(void)e;
	unsigned *n = arg;
	*n += b->usable;
	return 0;
}

int
api_healthz(struct exchange *x, struct verr *e)
{
	unsigned usable = 0;
	if (db_backend_each(x->web->db, on_usable, &usable, e) == -1)
		return -1;
	struct json j;
	json_begin(&j, &x->res.body);
	json_object(&j);
	json_key_text(&j, "status", "ok");
	json_key_text(&j, "version", VULCAN_VERSION);
	json_key_u64(&j, "tiers_available", usable);
	json_object_end(&j);
	if (json_end(&j, e) == -1)
		return -1;
	return respond_as(x, 200, "application/json", e);
}
