/*
 * The bare fork server: the isolate driver without queue, database and web.
 *
 *	bench_fork VULCAN-ISOLATE
 *
 * As root. Reads lines and answers each with a line of JSON: "cold N" and
 * "warm N" make N runs one after the other, {"times": [seconds...], "cpu":
 * seconds}; "rate N W" makes N cold runs in W processes, as keepers do,
 * {"seconds", "cpu"}. A cold run counts from before its sandbox is made, a warm
 * one from when it is handed over; taking the sandbox down counts in "rate"
 * alone. cpu is that of this process, the host and the guests together.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "isolate.h"
#include "num.h"
#include "poison.h"
#include "proc.h"
#include "vtime.h"

#define UID_FIRST 61200
#define RUNS_MAX 100000
#define WORKERS_MAX 64

static const char code[] = "module.exports = () => 1 + 1;";
static const struct run_file file = {"index.js", code, sizeof(code) - 1};
static const struct run_spec spec = {
	.id = "bench",
	.runtime = RUNTIME_JAVASCRIPT,
	.entrypoint = "index.js",
	.args = "[]",
	.env = "{}",
	.limits = {10000, 10000, 128, 1, 64, 64, 1 << 20},
	.files = &file,
	.file_count = 1,
};

static int
no_start(void *ctx, struct verr *e)
{
	(void)ctx;
	(void)e;
	return 0;
}

static int
no_output(void *ctx, enum stream s, int64_t t_ns, const void *data, size_t n,
	struct verr *e)
{
	(void)ctx;
	(void)s;
	(void)t_ns;
	(void)data;
	(void)n;
	(void)e;
	return 0;
}

/* Hands the run over and sees it through; *cpu_us grows by the guest's. */
static int
see_through(struct sandbox *sb, enum warmth warmth, uint64_t *cpu_us,
	struct verr *e)
{
	static const struct run_sink sink = {
		.started = no_start, .output = no_output};
	struct run_left left;
	run_left_init(&left);
	int r = backend_start(sb, &spec, warmth, &sink, e);
	if (r != -1)
		r = backend_wait(sb, -1, e);
	if (r != -1)
		r = backend_collect(sb, &left, e);
	if (r != -1 && left.result.reason != REASON_NONE)
		r = verr_set(e, VERR_BUG, 0, "the run ended: %s",
			buf_text(&left.error));
	*cpu_us += left.result.cpu_us;
	run_left_done(&left);
	return r;
}

/* One run; ret_ns may be NULL. */
static int
run_once(struct backend *b, unsigned slot_index, enum warmth warmth,
	int64_t *ret_ns, uint64_t *cpu_us, struct verr *e)
{
	static const struct sandbox_class class = {
		TIER_ISOLATE, RUNTIME_JAVASCRIPT};
	char name[32];
	snprintf(name, sizeof(name), "slot-%u", slot_index);
	const struct sandbox_slot slot = {
		slot_index, UID_FIRST + slot_index, name};
	int64_t begun = vtime_mono_ns();
	struct sandbox *v_autosandbox sb = NULL;
	if (backend_create(b, &class, &slot, &sb, e) == -1)
		return -1;
	if (warmth == WARMTH_WARM) {
		usleep(2000); /* until the child waits for its run */
		begun = vtime_mono_ns();
	}
	if (see_through(sb, warmth, cpu_us, e) == -1)
		return -1;
	if (ret_ns != NULL)
		*ret_ns = vtime_mono_ns() - begun;
	return 0;
}

static double
used(int who)
{
	struct rusage u;
	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Processor seconds of the host process and of ours. */
static double
own_cpu(const struct backend *b)
{
	const struct isolate_backend *isolate =
		(const struct isolate_backend *)b;
	clockid_t clock;
	struct timespec t = {0};
	if (clock_getcpuclockid(isolate->now.pid, &clock) == 0)
		clock_gettime(clock, &t);
	return used(RUSAGE_SELF) + used(RUSAGE_CHILDREN) + (double)t.tv_sec +
		(double)t.tv_nsec / 1e9;
}

static int
one_by_one(
	struct backend *b, enum warmth warmth, uint64_t count, struct verr *e)
{
	double before = own_cpu(b);
	uint64_t guests_us = 0;
	fputs("{\"times\": [", stdout);
	for (uint64_t i = 0; i < count; i++) {
		int64_t took = 0;
		if (run_once(b, 0, warmth, &took, &guests_us, e) == -1)
			return -1;
		printf("%s%.9f", i == 0 ? "" : ", ", (double)took / 1e9);
	}
	printf("], \"cpu\": %.6f}\n",
		own_cpu(b) - before + (double)guests_us / 1e6);
	return 0;
}

/* A worker of "rate": its guests' processor time goes into the pipe. */
static void
work(struct backend *b, unsigned slot, uint64_t count, int out)
{
	struct verr e;
	uint64_t guests_us = 0;
	int r = proc_die_with_parent(&e);
	for (uint64_t i = 0; i < count && r != -1; i++)
		r = run_once(b, slot, WARMTH_COLD, NULL, &guests_us, &e);
	if (r == -1)
		fprintf(stderr, "bench_fork: %s\n", e.msg);
	else if (write(out, &guests_us, sizeof(guests_us)) !=
		(ssize_t)sizeof(guests_us))
		r = -1;
	_exit(r == -1);
}

static int
side_by_side(
	struct backend *b, uint64_t count, uint64_t workers, struct verr *e)
{
	int ends[2];
	if (pipe(ends) == -1)
		return verr_set(e, VERR_HOST, errno, "pipe");
	double before = own_cpu(b);
	int64_t begun = vtime_mono_ns();
	for (uint64_t i = 0; i < workers; i++) {
		pid_t pid = fork();
		if (pid == -1)
			return verr_set(e, VERR_HOST, errno, "fork");
		if (pid == 0)
			work(b, (unsigned)i + 1, count / workers, ends[1]);
	}
	uint64_t all_us = 0, one_us;
	for (uint64_t i = 0; i < workers; i++) {
		if (wait(NULL) == -1)
			return verr_set(e, VERR_HOST, errno, "wait");
	}
	int64_t took = vtime_mono_ns() - begun;
	close(ends[1]);
	uint64_t told = 0;
	while (read(ends[0], &one_us, sizeof(one_us)) ==
		(ssize_t)sizeof(one_us)) {
		all_us += one_us;
		told++;
	}
	close(ends[0]);
	if (told != workers)
		return verr_set(e, VERR_HOST, 0, "a worker failed");
	printf("{\"seconds\": %.6f, \"cpu\": %.6f}\n", (double)took / 1e9,
		own_cpu(b) - before + (double)all_us / 1e6);
	return 0;
}

static int
obey(struct backend *b, const char *line, struct verr *e)
{
	char verb[8];
	uint64_t count = 0, workers = 1;
	int n = sscanf(
		line, "%7s %" SCNu64 " %" SCNu64, verb, &count, &workers);
	if (n < 2 || count == 0 || count > RUNS_MAX || workers == 0 ||
		workers > WORKERS_MAX)
		return verr_set(e, VERR_INPUT, 0, "not a command: %s", line);
	if (strcmp(verb, "cold") == 0)
		return one_by_one(b, WARMTH_COLD, count, e);
	if (strcmp(verb, "warm") == 0)
		return one_by_one(b, WARMTH_WARM, count, e);
	if (strcmp(verb, "rate") == 0)
		return side_by_side(b, count, workers, e);
	return verr_set(e, VERR_INPUT, 0, "not a command: %s", line);
}

static int
serve(const char *host, struct verr *e)
{
	static struct conf conf;
	conf_defaults(&conf);
	conf.slot_uid_first = UID_FIRST;
	snprintf(conf.isolate_host, sizeof(conf.isolate_host), "%s", host);
	snprintf(conf.state, sizeof(conf.state), "/bench/%ld", (long)getpid());
	struct backend *b;
	if (backend_open(TIER_ISOLATE, &conf, &b, e) == -1)
		return -1;
	char line[64];
	int r = 0;
	while (r != -1 && fgets(line, sizeof(line), stdin) != NULL) {
		r = obey(b, line, e);
		fflush(stdout);
	}
	backend_close(b);
	return r;
}

int
main(int argc, char **argv)
{
	struct verr e;
	if (argc != 2) {
		fputs("usage: bench_fork VULCAN-ISOLATE\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (serve(argv[1], &e) == -1) {
		fprintf(stderr, "bench_fork: %s\n", e.msg);
		return 1;
	}
	return 0;
}
