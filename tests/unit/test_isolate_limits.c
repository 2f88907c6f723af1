/* The isolate tier's limits, its compiler, and its host's troubles. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fd.h"
#include "isolate.h"
#include "isolate_fixture.h"
#include "poison.h"
#include "proc.h"
#include "utf8.h"
#include "vtime.h"

static struct backend *backend;

/* Generous: other work may run on this machine; benches measure precision. */
#define LATE_MS 1000

struct limited {
	struct program program;
	enum reason reason;
	const char *limit;
};

static const struct limited cases[] = {
	{{.name = "b01 endless loop",
		 .files = SCRIPT("for (;;);"),
		 .wall_ms = 150},
		REASON_TIMEOUT, "wall_ms"},
	{{.name = "b01 endless microtasks",
		 .files = SCRIPT("const f = () => Promise.resolve().then(f);"
				 "f()"),
		 .wall_ms = 150,
		 .memory_mib = 256},
		REASON_TIMEOUT, "wall_ms"},
	{{.name = "b01 regular expression",
		 .files = SCRIPT("/(a+)+$/.test('a'.repeat(60) + 'b')"),
		 .wall_ms = 150},
		REASON_TIMEOUT, "wall_ms"},
	{{.name = "b01 endless timers",
		 .files = SCRIPT("setInterval(() => {}, 1)"),
		 .wall_ms = 150},
		REASON_TIMEOUT, "wall_ms"},
	{{.name = "b02 fill",
		 .files = SCRIPT("new Array(1e8).fill(1)"),
		 .wall_ms = 100,
		 .memory_mib = 2048},
		REASON_TIMEOUT, "wall_ms"},
	{{.name = "cpu", .files = SCRIPT("for (;;);"), .cpu_ms = 80},
		REASON_CPU, "cpu_ms"},
	{{.name = "b03 heap",
		 .files = SCRIPT("const a = [];"
				 "for (;;) a.push(new Array(1000).fill(1.5))")},
		REASON_MEMORY, "memory_mib"},
	{{.name = "b03 strings",
		 .files = SCRIPT("const m = new Map(); for (let i = 0;; i++)"
				 " m.set(i, { s: 'x' + i })")},
		REASON_MEMORY, "memory_mib"},
	{{.name = "b04 array buffers",
		 .files = SCRIPT("const a = []; for (;;)"
				 " a.push(new Uint8Array(1 << 20).fill(1))")},
		REASON_MEMORY, "memory_mib"},
	{{.name = "b05 WebAssembly memory",
		 .files = SCRIPT("const m = new WebAssembly.Memory("
				 "{ initial: 1, maximum: 60000 });"
				 "for (;;) { m.grow(64);"
				 " new Uint8Array(m.buffer).fill(1) }")},
		REASON_MEMORY, "memory_mib"},
	{{.name = "a10 output flood",
		 .files = SCRIPT("const s = 'x'.repeat(60000);"
				 "for (;;) console.log(s)"),
		 .output_bytes = 1000},
		REASON_OUTPUT, "output_bytes"},
};

static void
test_limits(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct limited *x = &cases[i];
		struct outcome o;
		tier_run(backend, &x->program, 0, &o);
		const struct run_result *r = &o.left.result;
		if (r->reason != x->reason ||
			strcmp(r->limit_name, x->limit) != 0)
			fail_msg("%s: reason '%s', limit '%s', error '%s'",
				x->program.name, reason_text(r->reason),
				r->limit_name, buf_text(&o.left.error));
		assert_true(o.left.error.len > 0);
		if (x->reason == REASON_TIMEOUT) {
			uint64_t ms = r->wall_us / 1000;
			assert_in_range(ms, x->program.wall_ms,
				x->program.wall_ms + LATE_MS);
		}
		assert_true(o.out.len <= (8u << 20));
		outcome_done(&o);
	}
}

/* a12: kept up to the limit, whole characters, and the program goes on. */
static void
test_truncation(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	static const struct program p = {.name = "truncation",
		.files = SCRIPT("console.log('\xe2\x82\xac'.repeat(100));"
				"console.error('lost'); module.exports ="
				" () => 'done'"),
		.output_bytes = 100};
	struct outcome o;
	tier_run(backend, &p, 0, &o);
	const struct run_result *r = &o.left.result;
	assert_int_equal(r->reason, REASON_NONE);
	assert_int_equal(o.out.len, 99);
	assert_true(utf8_valid(o.out.data, o.out.len));
	assert_int_equal(o.err.len, 0);
	assert_true(r->stdout_truncated && r->stderr_truncated);
	assert_int_equal(r->stdout_bytes, 301);
	assert_int_equal(r->stderr_bytes, 5);
	assert_string_equal(buf_text(&o.left.output), "\"done\"");
	outcome_done(&o);
}

static void
test_cancel(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	static const struct program p = {
		.name = "cancel", .files = SCRIPT("for (;;);")};
	struct outcome o = {.out = BUF(100), .err = BUF(100)};
	run_left_init(&o.left);
	struct run_spec spec;
	tier_spec(&p, &spec);
	struct run_sink sink = tier_sink;
	sink.ctx = &o;
	struct sandbox v_autosandbox *sb =
		tier_create(backend, RUNTIME_JAVASCRIPT, 0);
	int cancel[2];
	struct verr e;
	assert_int_equal(pipe(cancel), 0);
	assert_int_equal(backend_start(sb, &spec, WARMTH_COLD, &sink, &e), 0);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	assert_int_equal(backend_wait(sb, cancel[0], &e), 0);
	assert_int_equal(backend_kill(sb, REASON_CANCELLED, &e), 0);
	assert_int_equal(backend_collect(sb, &o.left, &e), 0);
	assert_int_equal(o.left.result.reason, REASON_CANCELLED);
	close(cancel[0]);
	close(cancel[1]);
	outcome_done(&o);
}

#define TS_MAIN \
	"import { add } from './lib/add';\n" \
	"interface In { a: number }\n" \
	"export default (x: In): number => {\n" \
	"  if (x.a === 0) throw new TypeError('zero');\n" \
	"  return add(x.a, 1);\n" \
	"};\n"
#define TS_FILES \
	{ \
		CODE("index.ts", TS_MAIN), \
			CODE("lib/add.ts", \
				"export const add = (a: number, b: number) " \
				"=> a + b") \
	}

static void
test_typescript(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	static const struct program good = {
		.name = "typescript", .files = TS_FILES, .input = "{\"a\":41}"};
	struct outcome o;
	tier_run(backend, &good, 0, &o);
	assert_string_equal(buf_text(&o.left.output), "42");
	assert_true(o.left.result.phase_seen[PHASE_COMPILE]);
	assert_true(o.left.compiled.len > 0);
	/* What was compiled runs without the compiler, and maps its errors. */
	struct program again = {.name = "compiled",
		.files = TS_FILES,
		.input = "{\"a\":0}",
		.compiled = o.left.compiled.data,
		.compiled_len = o.left.compiled.len};
	struct outcome p;
	tier_run(backend, &again, 0, &p);
	assert_false(p.left.result.phase_seen[PHASE_COMPILE]);
	assert_int_equal(p.left.result.reason, REASON_EXIT);
	if (strstr(buf_text(&p.left.error),
		    "TypeError: zero (index.ts:4:24)\nindex.ts:4:24\n") == NULL)
		fail_msg("error is '%s'", buf_text(&p.left.error));
	outcome_done(&p);
	outcome_done(&o);
}

static void
test_compile_errors(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	static const struct {
		struct program program;
		const char *error;
	} bad[] = {
		{{.name = "syntax",
			 .files = {CODE("a.ts", "const x: number = ;")}},
			"Unexpected \";\"\n"},
		{{.name = "no such file",
			 .files = {CODE("a.ts", "import './nowhere'")}},
			"Could not resolve \"./nowhere\"\n"},
		{{.name = "outside",
			 .files = {CODE(
				 "a.ts", "import '../../../etc/passwd'")}},
			"Could not resolve \"../../../etc/passwd\"\n"},
		{{.name = "node module",
			 .files = {CODE("a.ts", "import fs from 'fs';fs.a")}},
			"Could not resolve \"fs\"\n"},
		{{.name = "file and folder",
			 .files = {CODE("m.ts", "1"), CODE("m.ts/b.ts", "2")}},
			"The file 'm.ts/b.ts' has the name of another file "
			"or of its folder"},
		{{.name = "folder and file",
			 .files = {CODE("m.ts/b.ts", "1"), CODE("m.ts", "2")}},
			"The file 'm.ts' has the name of another file"},
		{{.name = "twice",
			 .files = {CODE("m.ts", "1"), CODE("m.ts", "2")}},
			"The file 'm.ts' has the name of another file"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct outcome o;
		tier_run(backend, &bad[i].program, 0, &o);
		const char *error = buf_text(&o.left.error);
		if (o.left.result.reason != REASON_COMPILE ||
			strncmp(error, bad[i].error, strlen(bad[i].error)) != 0)
			fail_msg("%s: %s: '%s'", bad[i].program.name,
				reason_text(o.left.result.reason), error);
		assert_int_equal(o.started, 0);
		outcome_done(&o);
	}
}

/* b18: the compiler is under the run's limits. */
static void
test_compile_limits(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	struct buf v_autobuf code = BUF(16 << 20);
	struct verr e;
	for (int i = 0; i < 60000; i++)
		assert_int_equal(buf_addf(&code, &e,
					 "export const v%d: number = ((%d));"
					 "export interface I%d { a: I%d }\n",
					 i, i, i, i / 2),
			0);
	struct program p = {.name = "b18",
		.files = {{"a.ts", code.data, code.len}},
		.wall_ms = 30};
	struct outcome o;
	tier_run(backend, &p, 0, &o);
	assert_int_equal(o.left.result.reason, REASON_TIMEOUT);
	assert_true(o.left.result.phase_seen[PHASE_COMPILE]);
	assert_false(o.left.result.phase_seen[PHASE_EXEC]);
	assert_int_equal(o.started, 0);
	outcome_done(&o);
}

/* As a keeper does it: root makes the sandbox, the slot's user runs it. */
static void
test_without_root(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	static const struct program p = {
		.name = "dropped", .files = TS_FILES, .input = "{\"a\":1}"};
	pid_t pid = fork();
	if (pid == 0) {
		struct outcome o = {.out = BUF(100), .err = BUF(100)};
		struct run_spec spec;
		struct verr e;
		run_left_init(&o.left);
		tier_spec(&p, &spec);
		struct run_sink sink = tier_sink;
		sink.ctx = &o;
		struct sandbox *sb =
			tier_create(backend, RUNTIME_TYPESCRIPT, 4);
		if (proc_become(FIXTURE_UID + 4, FIXTURE_UID + 4, &e) == -1)
			_exit(2);
		if (backend_start(sb, &spec, WARMTH_COLD, &sink, &e) == -1 ||
			backend_wait(sb, -1, &e) == -1 ||
			backend_collect(sb, &o.left, &e) == -1)
			_exit(3);
		bool good = strcmp(buf_text(&o.left.output), "2") == 0;
		backend_destroy(sb);
		_exit(good ? 0 : 4);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
expect_line(const char *text, const char *line)
{
	if (strstr(text, line) == NULL)
		fail_msg("no '%s' in:\n%s", line, text);
}

static size_t
count_entries(const char *path)
{
	DIR *d = opendir(path);
	assert_non_null(d);
	size_t n = 0;
	for (struct dirent *x; (x = readdir(d)) != NULL;)
		n += x->d_name[0] != '.';
	closedir(d);
	return n;
}

/* b09: what a child that waits for its run is allowed to be. */
static void
test_jail(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	struct sandbox v_autosandbox *sb =
		tier_create(backend, RUNTIME_JAVASCRIPT, 2);
	pid_t pid = ((struct isolate_sandbox *)sb)->pid;
	char path[64];
	struct buf v_autobuf text = BUF(65536);
	struct verr e;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	assert_int_equal(fd_read_file(AT_FDCWD, path, &text, &e), 0);
	expect_line(text.data, "Uid:\t61202\t61202\t61202\t61202\n");
	expect_line(text.data, "Gid:\t61202\t61202\t61202\t61202\n");
	expect_line(text.data, "Groups:\t \n");
	expect_line(text.data, "CapPrm:\t0000000000000000\n");
	expect_line(text.data, "CapEff:\t0000000000000000\n");
	expect_line(text.data, "CapBnd:\t0000000000000000\n");
	expect_line(text.data, "CapAmb:\t0000000000000000\n");
	expect_line(text.data, "NoNewPrivs:\t1\n");
	expect_line(text.data, "Seccomp:\t2\n");
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	assert_int_equal(count_entries(path), 1);
	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	assert_int_equal(count_entries(path), 0);
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	buf_reset(&text);
	assert_int_equal(fd_read_file(AT_FDCWD, path, &text, &e), 0);
	assert_int_equal(text.len, 0);
}

static unsigned
generation(void)
{
	return ((struct isolate_backend *)backend)->now.generation;
}

/*
 * Gives the host processes care until `wanted` hosts were started; `lost` is
 * whether one of them had ended before its time.
 */
static void
tend_until(unsigned wanted, bool lost)
{
	struct verr e;
	int said = 0;
	for (int i = 0; i < 100 && generation() < wanted; i++) {
		struct pollfd p = {.fd = backend_fd(backend), .events = POLLIN};
		assert_true(poll(&p, 1, 5000) == 1);
		int r = backend_tend(backend, &e);
		assert_int_not_equal(r, -1);
		said |= r;
	}
	assert_int_equal(generation(), wanted);
	assert_int_equal(said, lost);
}

static const struct program sum = {
	.name = "sum", .files = SCRIPT("module.exports = () => 1 + 1")};

static void
expect_sum(void)
{
	struct outcome o;
	tier_run(backend, &sum, 1, &o);
	assert_string_equal(buf_text(&o.left.output), "2");
	outcome_done(&o);
}

/* b12: a run that was on the host is lost, by our fault; the next is served. */
static void
test_host_crash(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	static const struct program loop = {
		.name = "loop", .files = SCRIPT("for (;;);")};
	unsigned before = generation();
	struct outcome o = {.out = BUF(100), .err = BUF(100)};
	run_left_init(&o.left);
	struct run_spec spec;
	struct verr e;
	tier_spec(&loop, &spec);
	struct run_sink sink = tier_sink;
	sink.ctx = &o;
	struct sandbox *sb = tier_create(backend, RUNTIME_JAVASCRIPT, 0);
	assert_int_equal(backend_start(sb, &spec, WARMTH_COLD, &sink, &e), 0);
	kill(((struct isolate_backend *)backend)->now.pid, SIGKILL);
	assert_int_equal(backend_wait(sb, -1, &e), -1);
	assert_int_equal(e.kind, VERR_HOST);
	assert_string_equal(
		e.msg, "isolate: wait: the host ended while this ran");
	backend_destroy(sb);
	outcome_done(&o);
	tend_until(before + 1, true);
	expect_sum();
}

static void
renew_soon(struct conf *c)
{
	c->zygote_renew_runs = 3;
}

/* A renewed host serves new runs while the old one's run goes on. */
static void
test_renewal(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	struct backend *usual = backend;
	backend = tier_open(renew_soon);
	static const struct program sleepy = {.name = "sleepy",
		.files = SCRIPT("module.exports = () => new Promise((done) =>"
				" setTimeout(() => done('woke'), 700))")};
	struct outcome o = {.out = BUF(100), .err = BUF(100)};
	run_left_init(&o.left);
	struct run_spec spec;
	struct verr e;
	tier_spec(&sleepy, &spec);
	struct run_sink sink = tier_sink;
	sink.ctx = &o;
	struct sandbox *sb = tier_create(backend, RUNTIME_JAVASCRIPT, 0);
	assert_int_equal(backend_start(sb, &spec, WARMTH_COLD, &sink, &e), 0);
	expect_sum();
	expect_sum();
	tend_until(2, false);
	expect_sum();
	assert_int_equal(backend_wait(sb, -1, &e), 1);
	assert_int_equal(backend_collect(sb, &o.left, &e), 0);
	assert_string_equal(buf_text(&o.left.output), "\"woke\"");
	backend_destroy(sb);
	outcome_done(&o);
	tier_close(backend);
	backend = usual;
}

static void
renew_all_the_time(struct conf *c)
{
	c->zygote_renew_ms = 50;
}

struct sleeper {
	struct sandbox *sb;
	struct run_spec spec;
	struct outcome o;
};

static void
start_sleeper(struct sleeper *s, const struct program *p, unsigned index)
{
	struct verr e;
	s->o = (struct outcome){.out = BUF(100), .err = BUF(100)};
	run_left_init(&s->o.left);
	tier_spec(p, &s->spec);
	struct run_sink sink = tier_sink;
	sink.ctx = &s->o;
	s->sb = tier_create(backend, RUNTIME_JAVASCRIPT, index);
	if (backend_start(s->sb, &s->spec, WARMTH_COLD, &sink, &e) == -1)
		fail_msg("%s", e.msg);
}

/* Renewals, one after the other, wait for runs that go on and end none. */
static void
test_many_renewals(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	struct backend *usual = backend;
	backend = tier_open(renew_all_the_time);
	static const struct program p = {.name = "sleeper",
		.files = SCRIPT("module.exports = () => new Promise((done) =>"
				" setTimeout(() => done('woke'), 3000))")};
	struct sleeper s[ISOLATE_OLD_MAX + 1];
	struct verr e;
	for (unsigned i = 0; i <= ISOLATE_OLD_MAX; i++) {
		start_sleeper(&s[i], &p, i);
		if (i < ISOLATE_OLD_MAX)
			tend_until(generation() + 1, false);
	}
	int64_t end = vtime_mono_ns() + 300 * VTIME_NS_PER_MS;
	while (vtime_mono_ns() < end) {
		struct pollfd fd = {
			.fd = backend_fd(backend), .events = POLLIN};
		if (poll(&fd, 1, 20) == 1)
			assert_true(backend_tend(backend, &e) != -1);
	}
	for (unsigned i = 0; i <= ISOLATE_OLD_MAX; i++) {
		if (backend_wait(s[i].sb, -1, &e) == -1 ||
			backend_collect(s[i].sb, &s[i].o.left, &e) == -1)
			fail_msg("sleeper %u: %s", i, e.msg);
		assert_string_equal(buf_text(&s[i].o.left.output), "\"woke\"");
		backend_destroy(s[i].sb);
		outcome_done(&s[i].o);
	}
	/* The renewal that was put off comes now. */
	tend_until(generation() + 1, false);
	tier_close(backend);
	backend = usual;
}

/* A host that stands still is replaced when somebody has waited for it. */
static void
test_stopped_host(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	unsigned before = generation();
	const struct sandbox_slot slot = {0, FIXTURE_UID, "slot-0"};
	const struct sandbox_class class = {TIER_ISOLATE, RUNTIME_JAVASCRIPT};
	struct sandbox *sb;
	struct backend_caps caps;
	struct verr e;
	const struct isolate_backend *b = (struct isolate_backend *)backend;
	struct pollfd p = {.fd = backend_fd(backend), .events = POLLIN};
	while (!b->now.ready && poll(&p, 1, 5000) == 1)
		assert_int_equal(backend_tend(backend, &e), 0);
	kill(b->now.pid, SIGSTOP);
	assert_int_equal(backend_create(backend, &class, &slot, &sb, &e), -1);
	assert_int_equal(e.sys, ETIMEDOUT);
	/* Until it is tended there is a host that does not answer. */
	assert_int_equal(backend_probe(backend, &slot, &caps, &e), -1);
	tend_until(before + 1, true);
	expect_sum();
}

/* One that dies while it is made is made again. */
static void
test_next_dies(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	struct backend *usual = backend;
	backend = tier_open(renew_all_the_time);
	struct isolate_backend *b = (struct isolate_backend *)backend;
	struct verr e;
	unsigned before = generation();
	for (int i = 0; i < 100 && b->next.pid == -1; i++) {
		struct pollfd p = {.fd = backend_fd(backend), .events = POLLIN};
		assert_true(poll(&p, 1, 5000) == 1);
		assert_true(backend_tend(backend, &e) != -1);
	}
	kill(b->next.pid, SIGKILL);
	tend_until(before + 2, false);
	tier_close(backend);
	backend = usual;
}

static void
without_jit(struct conf *c)
{
	c->isolate_jit = 0;
}

static void
test_jitless(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	struct backend *usual = backend;
	backend = tier_open(without_jit);
	static const struct program p = {.name = "jitless",
		.files = SCRIPT(
			"let s = 0; for (let i = 0; i < 1e6; i++) s += i;"
			"module.exports = () => [s, typeof WebAssembly]")};
	struct outcome o;
	tier_run(backend, &p, 0, &o);
	assert_string_equal(
		buf_text(&o.left.output), "[499999500000,\"undefined\"]");
	outcome_done(&o);
	tier_close(backend);
	backend = usual;
}

static int
use_version_2(void)
{
	if (unshare(CLONE_NEWNS) == -1 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return -1;
	/*
	 * Moved, not mounted again: the options of a new mount would be those
	 * of the machine.
	 */
	int v_autoclose v2 =
		open_tree(AT_FDCWD, "/sys/fs/cgroup/unified", OPEN_TREE_CLONE);
	while (v2 != -1 && umount2("/sys/fs/cgroup", MNT_DETACH) == 0)
		;
	return move_mount(
		v2, "", AT_FDCWD, "/sys/fs/cgroup", MOVE_MOUNT_F_EMPTY_PATH);
}

/* Both processes of the sandbox were born in the slot's group. */
static void
expect_group(pid_t pid, const char *name)
{
	char path[64];
	struct buf v_autobuf text = BUF(65536);
	struct verr e;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	assert_int_equal(fd_read_file(AT_FDCWD, path, &text, &e), 0);
	expect_line(text.data, "0::/vulcan-");
	expect_line(text.data, name);
}

static void
run_on_version_2(void)
{
	struct backend *b = tier_open(NULL);
	assert_int_equal(((struct isolate_backend *)b)->tree.version, 2);
	static const struct program p = {
		.name = "version 2", .files = TS_FILES, .input = "{\"a\":1}"};
	struct outcome o;
	tier_run(b, &p, 5, &o);
	assert_string_equal(buf_text(&o.left.output), "2");
	outcome_done(&o);
	struct sandbox *sb = tier_create(b, RUNTIME_TYPESCRIPT, 5);
	const struct isolate_sandbox *s = (struct isolate_sandbox *)sb;
	expect_group(s->pid, "/slot-5\n");
	expect_group(s->job->pid, "/slot-5\n");
	const struct sandbox_slot slot = {5, FIXTURE_UID + 5, "slot-5"};
	struct verr e;
	int64_t give_up = vtime_mono_ns() + 5000 * VTIME_NS_PER_MS;
	while (backend_sweep(b, &slot, &e) == -1) {
		assert_int_equal(e.sys, EBUSY);
		assert_true(vtime_mono_ns() < give_up);
		poll(NULL, 0, 1);
	}
	backend_destroy(sb);
	tier_close(b);
}

/* Debian 12 as it is installed: version 2 is all that is mounted. */
static void
test_version_2(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	pid_t pid = fork();
	if (pid == 0) {
		if (use_version_2() == -1)
			_exit(77);
		run_on_version_2();
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("skipped: no cgroup2 beside version 1\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void
no_such_host(struct conf *c)
{
	snprintf(c->isolate_host, sizeof(c->isolate_host), "/nonexistent/host");
}

static void
test_absent(void **state)
{
	(void)state;
	if (backend == NULL)
		skip();
	struct backend *none = tier_open(no_such_host);
	const struct sandbox_slot slot = {0, FIXTURE_UID, "slot-0"};
	struct backend_caps caps;
	struct verr e;
	assert_int_equal(backend_probe(none, &slot, &caps, &e), 0);
	assert_non_null(strstr(caps.reason, "/nonexistent/host"));
	assert_true(caps.remedy[0] != '\0');
	tier_close(none);
}

static int
open_backend(void **state)
{
	(void)state;
	backend = tier_open(NULL);
	return 0;
}

static int
close_backend(void **state)
{
	(void)state;
	tier_close(backend);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_typescript),
		cmocka_unit_test(test_compile_errors),
		cmocka_unit_test(test_compile_limits),
		cmocka_unit_test(test_without_root),
		cmocka_unit_test(test_jail),
		cmocka_unit_test(test_host_crash),
		cmocka_unit_test(test_stopped_host),
		cmocka_unit_test(test_renewal),
		cmocka_unit_test(test_many_renewals),
		cmocka_unit_test(test_next_dies),
		cmocka_unit_test(test_jitless),
		cmocka_unit_test(test_version_2),
		cmocka_unit_test(test_absent),
	};
	return cmocka_run_group_tests(tests, open_backend, close_backend);
}
