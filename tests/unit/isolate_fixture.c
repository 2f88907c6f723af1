/* A real isolate driver for tests: programs in, outcomes out. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "isolate_fixture.h"
#include "poison.h"

#define KEEP_MAX (8u << 20)

static struct conf conf;

static int
started(void *ctx, struct verr *e)
{
	(void)e;
	((struct outcome *)ctx)->started++;
	return 0;
}

static int
output(void *ctx, enum stream stream, int64_t t_ns, const void *data, size_t n,
	struct verr *e)
{
	(void)t_ns;
	struct outcome *o = ctx;
	return buf_add(stream == STREAM_STDOUT ? &o->out : &o->err, data, n, e);
}

const struct run_sink tier_sink = {.started = started, .output = output};

/* vulcan-isolate lies beside the folder of this test program. */
static int
find_host(char *path, size_t size)
{
	char self[CONF_PATH_BYTES];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0)
		return -1;
	self[n] = '\0';
	for (int up = 0; up < 2; up++) {
		char *cut = strrchr(self, '/');
		if (cut == NULL)
			return -1;
		*cut = '\0';
	}
	if ((size_t)snprintf(path, size, "%s/vulcan-isolate", self) >= size)
		return -1;
	return access(path, X_OK);
}

struct backend *
tier_open(void (*change)(struct conf *))
{
	if (geteuid() != 0) {
		print_message("skipped: sandboxes are made by root\n");
		return NULL;
	}
	signal(SIGPIPE, SIG_IGN);
	conf_defaults(&conf);
	conf.slot_uid_first = FIXTURE_UID;
	snprintf(conf.state, sizeof(conf.state), "/test/%d", getpid());
	if (find_host(conf.isolate_host, sizeof(conf.isolate_host)) == -1) {
		print_message("skipped: vulcan-isolate is not built\n");
		return NULL;
	}
	if (change != NULL)
		change(&conf);
	struct backend *b;
	struct verr e;
	if (backend_open(TIER_ISOLATE, &conf, &b, &e) == -1)
		fail_msg("%s", e.msg);
	return b;
}

void
tier_close(struct backend *b)
{
	backend_close(b);
}

struct sandbox *
tier_create(struct backend *b, enum runtime runtime, unsigned index)
{
	char name[32];
	snprintf(name, sizeof(name), "slot-%u", index);
	const struct sandbox_slot slot = {
		index, (uid_t)(conf.slot_uid_first + index), name};
	const struct sandbox_class class = {TIER_ISOLATE, runtime};
	struct sandbox *sb;
	struct verr e;
	if (backend_create(b, &class, &slot, &sb, &e) == -1)
		fail_msg("%s", e.msg);
	return sb;
}

static uint64_t
or_else(uint64_t given, uint64_t usual)
{
	return given != 0 ? given : usual;
}

void
tier_spec(const struct program *p, struct run_spec *r)
{
	size_t n = strlen(p->files[0].name);
	bool typed = n > 3 && strcmp(p->files[0].name + n - 3, ".ts") == 0;
	*r = (struct run_spec){.id = "test",
		.runtime = typed ? RUNTIME_TYPESCRIPT : RUNTIME_JAVASCRIPT,
		.entrypoint = p->files[0].name,
		.args = "[\"one\",\"two\"]",
		.env = "{\"KEY\":\"value\"}",
		.limits = {.wall_ms = or_else(p->wall_ms, 20000),
			.cpu_ms = or_else(p->cpu_ms, 20000),
			.memory_mib = or_else(p->memory_mib, 64),
			.vcpus = 1,
			.processes = 1,
			.disk_mib = 1,
			.output_bytes = or_else(p->output_bytes, 1 << 20)},
		.files = p->files,
		.input = p->input,
		.input_len = p->input != NULL ? strlen(p->input) : 0,
		.stdin_data = p->standard_input,
		.stdin_len = p->standard_input != NULL
			? strlen(p->standard_input)
			: 0,
		.compiled = p->compiled,
		.compiled_len = p->compiled_len};
	while (r->file_count < FIXTURE_FILES &&
		p->files[r->file_count].name != NULL)
		r->file_count++;
}

void
tier_run(struct backend *b, const struct program *p, unsigned index,
	struct outcome *o)
{
	*o = (struct outcome){.out = BUF(KEEP_MAX), .err = BUF(KEEP_MAX)};
	run_left_init(&o->left);
	struct run_spec spec;
	tier_spec(p, &spec);
	struct sandbox v_autosandbox *sb = tier_create(b, spec.runtime, index);
	struct run_sink sink = tier_sink;
	sink.ctx = o;
	struct verr e;
	if (backend_start(sb, &spec, WARMTH_COLD, &sink, &e) == -1 ||
		backend_wait(sb, -1, &e) == -1 ||
		backend_collect(sb, &o->left, &e) == -1)
		fail_msg("%s: %s", p->name, e.msg);
}

void
outcome_done(struct outcome *o)
{
	run_left_done(&o->left);
	buf_done(&o->out);
	buf_done(&o->err);
}
