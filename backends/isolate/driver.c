/*
 * The isolate tier's driver: JavaScript and TypeScript on V8.
 *
 * open runs in the warden as root and starts the host (vulcan-isolate), which
 * jails itself. create runs in a keeper, still root: it asks the host for a
 * child, which joins the slot's control group, becomes the slot's user and
 * shuts its own jail; for TypeScript it starts the compiler in a jail of its
 * own. Everything after that works as the slot's user. What comes over the
 * channel are the words of a guest: read as frames with limits, and believed
 * only about the guest's own result.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "isolate.h"
#include "poison.h"

#define PROBE_WALL_MS 2000

/* Two runners on one machine have different state folders. */
static void
group_name(const struct conf *c, char out[CGROUP_NAME_BYTES])
{
	uint32_t hash = 2166136261u;
	for (const char *p = c->state; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	snprintf(out, CGROUP_NAME_BYTES, "vulcan-%08x", hash);
}

static int
prepare(struct isolate_backend *b, struct verr *e)
{
	char name[CGROUP_NAME_BYTES];
	group_name(b->base.conf, name);
	if (cgroup_tree_open(&b->tree, name, e) == -1)
		return -1;
	const struct conf *c = b->base.conf;
	if (compile_ground_open(&b->ground, c->esbuild,
		    (c->memory_mib.max << 20) + COMPILER_BYTES, e) == -1)
		return -1;
	return isolate_hosts_open(b, e);
}

static void
isolate_close(struct backend *base)
{
	struct isolate_backend *b = (struct isolate_backend *)base;
	isolate_hosts_close(b);
	compile_ground_close(&b->ground);
	cgroup_tree_remove(&b->tree);
	cgroup_tree_done(&b->tree);
	free(b);
}

static int
isolate_open(const struct conf *conf, struct backend **ret, struct verr *e)
{
	struct isolate_backend *b = calloc(1, sizeof(*b));
	if (b == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "driver");
	b->base.conf = conf;
	b->epoll = b->timer = -1;
	b->now.pid = b->next.pid = -1;
	for (size_t i = 0; i < ISOLATE_OLD_MAX; i++)
		b->old[i].pid = -1;
	compile_ground_init(&b->ground);
	if (prepare(b, e) == -1) {
		isolate_close(&b->base);
		return -1;
	}
	*ret = &b->base;
	return 0;
}

static int
isolate_fd(const struct backend *base)
{
	return ((const struct isolate_backend *)base)->epoll;
}

static int
isolate_tend(struct backend *base, struct verr *e)
{
	return isolate_hosts_tend((struct isolate_backend *)base, e);
}

static int
isolate_sweep(
	struct backend *base, const struct sandbox_slot *slot, struct verr *e)
{
	struct isolate_backend *b = (struct isolate_backend *)base;
	return cgroup_kill(&b->tree, slot->cgroup, e);
}

static int
no_output(void *ctx, enum stream stream, int64_t t_ns, const void *data,
	size_t n, struct verr *e)
{
	(void)ctx;
	(void)stream;
	(void)t_ns;
	(void)data;
	(void)n;
	(void)e;
	return 0;
}

static int
no_start(void *ctx, struct verr *e)
{
	(void)ctx;
	(void)e;
	return 0;
}

/* Runs a handler to its result in a sandbox like any other. */
static int
run_sample(struct backend *b, const struct sandbox_slot *slot,
	struct run_left *left, struct verr *e)
{
	static const char code[] = "module.exports = () => 1 + 1;";
	const struct run_file file = {"index.js", code, sizeof(code) - 1};
	const struct run_spec spec = {.id = "probe",
		.runtime = RUNTIME_JAVASCRIPT,
		.entrypoint = "index.js",
		.args = "[]",
		.env = "{}",
		.limits = {.wall_ms = PROBE_WALL_MS,
			.cpu_ms = PROBE_WALL_MS,
			.memory_mib = 64,
			.vcpus = 1,
			.processes = 1,
			.disk_mib = 1,
			.output_bytes = 1024},
		.files = &file,
		.file_count = 1};
	const struct sandbox_class class = {TIER_ISOLATE, RUNTIME_JAVASCRIPT};
	const struct run_sink sink = {.started = no_start, .output = no_output};
	struct sandbox v_autosandbox *sb = NULL;
	if (backend_create(b, &class, slot, &sb, e) == -1 ||
		backend_start(sb, &spec, WARMTH_COLD, &sink, e) == -1)
		return -1;
	int r = backend_wait(sb, -1, e);
	return r == -1 ? -1 : backend_collect(sb, left, e);
}

static void
say(struct backend_caps *caps, const char *reason, const char *remedy)
{
	snprintf(caps->reason, sizeof(caps->reason), "%s", reason);
	snprintf(caps->remedy, sizeof(caps->remedy), "%s", remedy);
}

/* The tier is usable; what it lacks is said all the same. */
static void
say_lacks(const struct isolate_backend *b, struct backend_caps *caps)
{
	char room[64];
	const char *missing = cgroup_missing(&b->tree, room);
	bool compiler = compile_ground_usable(&b->ground);
	snprintf(caps->runtimes, sizeof(caps->runtimes), "javascript%s",
		compiler ? " typescript" : "");
	if (!compiler) {
		snprintf(caps->reason, sizeof(caps->reason),
			"no TypeScript: %.200s is not there",
			b->base.conf->esbuild);
		snprintf(caps->remedy, sizeof(caps->remedy),
			"apt-get install esbuild");
	} else if (missing[0] != '\0') {
		snprintf(caps->reason, sizeof(caps->reason),
			"without the control groups: %s%s", missing,
			strstr(missing, "memory") != NULL
				? "; memory is limited by V8 and RLIMIT_DATA "
				  "alone"
				: "");
		snprintf(caps->remedy, sizeof(caps->remedy),
			"mount a cgroup2 hierarchy with these controllers");
	}
}

static int
isolate_probe(struct backend *base, const struct sandbox_slot *slot,
	struct backend_caps *caps, struct verr *e)
{
	struct isolate_backend *b = (struct isolate_backend *)base;
	snprintf(caps->engine, sizeof(caps->engine), "v8");
	if (b->now.pid == -1) {
		say(caps, b->failure, "apt-get install libnode108");
		return 0;
	}
	/* With a host there is a tier; that it could not now is no answer. */
	struct run_left left;
	run_left_init(&left);
	int r = run_sample(base, slot, &left, e);
	bool right = r == 0 && strcmp(buf_text(&left.output), "2") == 0;
	if (r == 0 && !right)
		say(caps,
			left.error.len > 0 ? buf_text(&left.error)
					   : "1 + 1 was not 2",
			"see the log of vulcan-runner");
	run_left_done(&left);
	if (r == -1 || !right)
		return r;
	snprintf(caps->engine_version, sizeof(caps->engine_version), "%s",
		b->now.version);
	say_lacks(b, caps);
	return 1;
}

const struct driver isolate_driver = {
	.name = "isolate",
	.tier = TIER_ISOLATE,
	.open = isolate_open,
	.close = isolate_close,
	.fd = isolate_fd,
	.tend = isolate_tend,
	.probe = isolate_probe,
	.sweep = isolate_sweep,
	.create = isolate_create,
	.start = isolate_start,
	.wait = isolate_wait,
	.kill = isolate_kill,
	.collect = isolate_collect,
	.destroy = isolate_destroy,
};
