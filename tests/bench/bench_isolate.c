/*
 * The isolate driver by itself, called as a keeper calls it: cold and warm
 * runs, TypeScript, memory of a sleeping child, precision of the wall limit.
 * Usage, as root: bench_isolate PATH-OF-VULCAN-ISOLATE [RUNS]
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"
#include "fd.h"
#include "num.h"
#include "poison.h"
#include "vtime.h"

#define RUNS_MAX 10000
#define UID_FIRST 61200
#define SLEEPERS 100

struct figures {
	double ms[RUNS_MAX];
	double cpu_us;
	size_t count;
};

struct bench {
	struct backend *backend;
	size_t runs;
};

static void
die(const char *what, const struct verr *e)
{
	fprintf(stderr, "bench_isolate: %s: %s\n", what, e->msg);
	exit(1);
}

static int
no_start(void *ctx, struct verr *e)
{
	(void)ctx;
	(void)e;
	return 0;
}

static int
no_output(void *ctx, enum stream s, int64_t t, const void *data, size_t n,
	struct verr *e)
{
	(void)ctx;
	(void)s;
	(void)t;
	(void)data;
	(void)n;
	(void)e;
	return 0;
}

static const struct run_sink sink = {.started = no_start, .output = no_output};

static struct run_spec
spec_of(const struct run_file *f, enum runtime runtime, uint64_t wall_ms)
{
	return (struct run_spec){.id = "bench",
		.runtime = runtime,
		.entrypoint = f->name,
		.args = "[]",
		.env = "{}",
		.limits = {.wall_ms = wall_ms,
			.cpu_ms = 10000,
			.memory_mib = 64,
			.vcpus = 1,
			.processes = 1,
			.disk_mib = 1,
			.output_bytes = 65536},
		.files = f,
		.file_count = 1};
}

static struct sandbox *
create(const struct bench *b, enum runtime runtime, unsigned index)
{
	char name[32];
	snprintf(name, sizeof(name), "slot-%u", index);
	const struct sandbox_slot slot = {index, UID_FIRST + index, name};
	const struct sandbox_class class = {TIER_ISOLATE, runtime};
	struct sandbox *sb;
	struct verr e;
	if (backend_create(b->backend, &class, &slot, &sb, &e) == -1)
		die("create", &e);
	return sb;
}

static void
run(struct sandbox *sb, const struct run_spec *spec, enum warmth warmth,
	struct run_left *left)
{
	struct verr e;
	run_left_init(left);
	if (backend_start(sb, spec, warmth, &sink, &e) == -1)
		die("start", &e);
	if (backend_wait(sb, -1, &e) == -1)
		die("wait", &e);
	if (backend_collect(sb, left, &e) == -1)
		die("collect", &e);
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static void
print(const char *name, struct figures *f)
{
	qsort(f->ms, f->count, sizeof(f->ms[0]), by_size);
	printf("%-28s min %7.3f  p50 %7.3f  p99 %7.3f ms  cpu %6.0f us  "
	       "n=%zu\n",
		name, f->ms[0], f->ms[f->count / 2], f->ms[f->count * 99 / 100],
		f->cpu_us / (double)f->count, f->count);
}

static double
ms_since(int64_t begin)
{
	return (double)(vtime_mono_ns() - begin) / 1e6;
}

static double
own_cpu_us(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
		(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* Cold counts create; warm does not. CPU is the guest's and the caller's. */
static void
bench_runs(const struct bench *b, const char *name, const struct run_file *file,
	enum runtime runtime, enum warmth warmth)
{
	static struct figures f;
	f.count = 0;
	f.cpu_us = 0;
	struct run_spec spec = spec_of(file, runtime, 10000);
	for (size_t i = 0; i < b->runs; i++) {
		double cpu = own_cpu_us();
		int64_t begin = vtime_mono_ns();
		struct sandbox *sb = create(b, runtime, 0);
		if (warmth == WARMTH_WARM) {
			usleep(2000);
			begin = vtime_mono_ns();
		}
		struct run_left left;
		run(sb, &spec, warmth, &left);
		f.ms[f.count++] = ms_since(begin);
		f.cpu_us += own_cpu_us() - cpu + (double)left.result.cpu_us;
		if (left.result.reason != REASON_NONE) {
			fprintf(stderr, "%s: %s %s\n", name,
				reason_text(left.result.reason),
				buf_text(&left.error));
			exit(1);
		}
		run_left_done(&left);
		backend_destroy(sb);
	}
	print(name, &f);
}

/* Pss of every process of the user, added up, in KiB. */
static uint64_t
pss_of(uid_t uid)
{
	uint64_t sum = 0;
	DIR *proc = opendir("/proc");
	for (struct dirent *d; proc != NULL && (d = readdir(proc)) != NULL;) {
		char path[300];
		struct stat st;
		snprintf(path, sizeof(path), "/proc/%s/task", d->d_name);
		if (d->d_name[0] < '0' || d->d_name[0] > '9' ||
			stat(path, &st) == -1)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/status", d->d_name);
		struct buf v_autobuf text = BUF(65536);
		struct verr e;
		char want[32];
		snprintf(want, sizeof(want), "Uid:\t%u", uid);
		if (fd_read_file(AT_FDCWD, path, &text, &e) == -1 ||
			strstr(buf_text(&text), want) == NULL)
			continue;
		snprintf(
			path, sizeof(path), "/proc/%s/smaps_rollup", d->d_name);
		buf_reset(&text);
		if (fd_read_file(AT_FDCWD, path, &text, &e) == -1)
			continue;
		const char *p = strstr(buf_text(&text), "\nPss:");
		uint64_t kib = 0;
		if (p != NULL) {
			p += 5 + strspn(p + 5, " ");
			(void)num_u64(p, strspn(p, "0123456789"), 0, UINT64_MAX,
				"Pss", &kib, &e);
		}
		sum += kib;
	}
	if (proc != NULL)
		closedir(proc);
	return sum;
}

static void
bench_memory(const struct bench *b)
{
	static const char code[] = "setTimeout(() => {}, 60000);";
	const struct run_file file = {"index.js", code, sizeof(code) - 1};
	struct run_spec spec = spec_of(&file, RUNTIME_JAVASCRIPT, 60000);
	struct sandbox *sleeping[SLEEPERS];
	struct verr e;
	for (unsigned i = 0; i < SLEEPERS; i++) {
		sleeping[i] = create(b, RUNTIME_JAVASCRIPT, i);
		if (backend_start(sleeping[i], &spec, WARMTH_COLD, &sink, &e) ==
			-1)
			die("start", &e);
	}
	usleep(300000);
	uint64_t kib = 0;
	for (unsigned i = 0; i < SLEEPERS; i++)
		kib += pss_of(UID_FIRST + i);
	printf("%-28s %" PRIu64 " KiB PSS each, %u of them\n", "sleeping child",
		kib / SLEEPERS, SLEEPERS);
	for (unsigned i = 0; i < SLEEPERS; i++)
		backend_destroy(sleeping[i]);
}

static void
bench_limit(const struct bench *b, const char *name, const char *code)
{
	static struct figures f;
	f.count = 0;
	f.cpu_us = 0;
	const struct run_file file = {"index.js", code, strlen(code)};
	struct run_spec spec = spec_of(&file, RUNTIME_JAVASCRIPT, 200);
	size_t rounds = b->runs < 50 ? b->runs : 50;
	for (size_t i = 0; i < rounds; i++) {
		struct sandbox *sb = create(b, RUNTIME_JAVASCRIPT, 0);
		struct run_left left;
		run(sb, &spec, WARMTH_COLD, &left);
		f.ms[f.count++] = (double)left.result.wall_us / 1000 - 200;
		f.cpu_us += (double)left.result.cpu_us;
		run_left_done(&left);
		backend_destroy(sb);
	}
	print(name, &f);
}

int
main(int argc, char **argv)
{
	struct bench b = {.runs = 300};
	struct verr e;
	uint64_t runs;
	if (argc < 2) {
		fprintf(stderr, "usage: bench_isolate VULCAN-ISOLATE [RUNS]\n");
		return 2;
	}
	if (argc > 2) {
		if (num_u64s(argv[2], 1, RUNS_MAX, "RUNS", &runs, &e) == -1)
			die("arguments", &e);
		b.runs = (size_t)runs;
	}
	signal(SIGPIPE, SIG_IGN);
	struct conf conf;
	conf_defaults(&conf);
	conf.slot_uid_first = UID_FIRST;
	snprintf(conf.isolate_host, sizeof(conf.isolate_host), "%s", argv[1]);
	snprintf(conf.state, sizeof(conf.state), "/bench/%d", getpid());
	if (backend_open(TIER_ISOLATE, &conf, &b.backend, &e) == -1)
		die("open", &e);
	static const char js[] = "module.exports = () => 1 + 1;";
	static const char ts[] = "export default (): number => 1 + 1;";
	const struct run_file js_file = {"index.js", js, sizeof(js) - 1};
	const struct run_file ts_file = {"index.ts", ts, sizeof(ts) - 1};
	bench_runs(&b, "JavaScript, cold", &js_file, RUNTIME_JAVASCRIPT,
		WARMTH_COLD);
	bench_runs(&b, "JavaScript, warm", &js_file, RUNTIME_JAVASCRIPT,
		WARMTH_WARM);
	bench_runs(&b, "TypeScript, cold", &ts_file, RUNTIME_TYPESCRIPT,
		WARMTH_COLD);
	bench_runs(&b, "TypeScript, warm", &ts_file, RUNTIME_TYPESCRIPT,
		WARMTH_WARM);
	bench_memory(&b);
	bench_limit(&b, "over the limit, loop", "for (;;);");
	bench_limit(&b, "over the limit, fill", "new Array(1e8).fill(1)");
	backend_close(b.backend);
	return 0;
}
