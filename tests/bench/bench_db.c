/*
 * P13-P15 at the library: enqueue, claim and finish, and list pages, each
 * beside what it is measured against, in one run on one file system.
 *
 *	bench_db [FOLDER [ROWS]]
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db.h"
#include "fd.h"
#include "num.h"
#include "poison.h"
#include "vtime.h"

#define SYNCS 1500
#define SINGLE 1500
#define CLIENTS 32
#define EACH 400
#define PAGES 300

static struct verr e;

static void
must(int r)
{
	if (r == -1) {
		fprintf(stderr, "bench_db: %s\n", e.msg);
		exit(1);
	}
}

static int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* Prints one side of a comparison; returns how many a second. */
static double
report(const char *what, int64_t *ns, size_t n, double seconds)
{
	qsort(ns, n, sizeof(*ns), by_size);
	double rate = (double)n / seconds;
	printf("%-34s %9.0f /s   min %8.3f  p50 %8.3f  p99 %8.3f  max %8.3f "
	       "ms\n",
		what, rate, (double)ns[0] / 1e6, (double)ns[n / 2] / 1e6,
		(double)ns[n * 99 / 100] / 1e6, (double)ns[n - 1] / 1e6);
	fflush(stdout);
	return rate;
}

static void
ratio(const char *figure, double ours, double theirs, double wanted)
{
	printf("%-34s %9.2f (wanted %.2f)\n\n", figure, ours / theirs, wanted);
	fflush(stdout);
}

static double
bench_fdatasync(const char *folder)
{
	char path[300], page[4096] = {0};
	static int64_t ns[SYNCS];
	snprintf(path, sizeof(path), "%s/sync", folder);
	int v_autoclose fd =
		open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1 || posix_fallocate(fd, 0, 1 << 20) != 0)
		exit(1);
	fsync(fd);
	int64_t start = vtime_mono_ns();
	for (int i = 0; i < SYNCS; i++) {
		int64_t t = vtime_mono_ns();
		if (pwrite(fd, page, sizeof(page), (i % 256) * 4096) == -1 ||
			fdatasync(fd) == -1)
			exit(1);
		ns[i] = vtime_mono_ns() - t;
	}
	double seconds = (double)(vtime_mono_ns() - start) / 1e9;
	unlink(path);
	return report("pwrite + fdatasync", ns, SYNCS, seconds);
}

static struct db_submission
submission(int64_t user_id)
{
	static const char code[] = "export default (input) => input.a + 1\n";
	static const struct db_file file = {.name = "main.js",
		.content = code,
		.size_bytes = sizeof(code) - 1,
		.sha256 = "f0e4c2f76c58916ec258f246851bea091d14d4247a2fc3e186"
			  "94461b1816e13b"};
	return (struct db_submission){.user_id = user_id,
		.isolation = TIER_ISOLATE,
		.isolation_requested = "auto",
		.routing = "JavaScript without packages runs on V8 isolates",
		.runtime = RUNTIME_JAVASCRIPT,
		.entrypoint = "main.js",
		.args = "[]",
		.env = "{}",
		.input = "{\"a\":1}",
		.labels = "{}",
		.network = "none",
		.limits = {10000, 10000, 128, 1, 64, 64, 1 << 20},
		.input_hash = file.sha256,
		.code_hash = file.sha256,
		.files = &file,
		.file_count = 1};
}

static double
bench_enqueue(const char *path, int64_t user_id)
{
	static int64_t ns[SINGLE];
	struct db *v_autodb db = NULL;
	char id[ULID_TEXT_BYTES];
	must(db_open(path, DB_WEB, &db, &e));
	struct db_submission s = submission(user_id);
	int64_t start = vtime_mono_ns();
	for (int i = 0; i < SINGLE; i++) {
		int64_t t = vtime_mono_ns();
		must(db_workload_insert(db, &s, UINT64_MAX, id, &e));
		ns[i] = vtime_mono_ns() - t;
	}
	return report("enqueue, 1 client", ns, SINGLE,
		(double)(vtime_mono_ns() - start) / 1e9);
}

struct board {
	atomic_int ready;
	atomic_bool go;
	int64_t ns[CLIENTS][EACH];
};

static void
client(const char *path, int64_t user_id, struct board *b, int me)
{
	struct db *v_autodb db = NULL;
	char id[ULID_TEXT_BYTES];
	must(db_open(path, DB_WEB, &db, &e));
	struct db_submission s = submission(user_id);
	atomic_fetch_add(&b->ready, 1);
	while (!atomic_load(&b->go))
		usleep(1000);
	for (int i = 0; i < EACH; i++) {
		int64_t t = vtime_mono_ns();
		must(db_workload_insert(db, &s, UINT64_MAX, id, &e));
		b->ns[me][i] = vtime_mono_ns() - t;
	}
}

static double
bench_enqueue_many(const char *path, int64_t user_id)
{
	struct board *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b == MAP_FAILED)
		exit(1);
	pid_t pids[CLIENTS];
	for (int i = 0; i < CLIENTS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			client(path, user_id, b, i);
			_exit(0);
		}
	}
	while (atomic_load(&b->ready) < CLIENTS)
		usleep(1000);
	int64_t start = vtime_mono_ns();
	atomic_store(&b->go, true);
	for (int i = 0; i < CLIENTS; i++)
		waitpid(pids[i], NULL, 0);
	double seconds = (double)(vtime_mono_ns() - start) / 1e9;
	double rate = report(
		"enqueue, 32 clients", &b->ns[0][0], CLIENTS * EACH, seconds);
	munmap(b, sizeof(*b));
	return rate;
}

static int
take_id(void *arg, const struct db_pending *p, struct verr *err)
{
	(void)err;
	memcpy(arg, p->id, ULID_TEXT_BYTES);
	return 1;
}

static double
bench_claim_finish(const char *path, int64_t user_id)
{
	static int64_t ns[SINGLE];
	struct db *v_autodb db = NULL;
	must(db_open(path, DB_QUEUE, &db, &e));
	int64_t start = vtime_mono_ns();
	for (int i = 0; i < SINGLE; i++) {
		char id[ULID_TEXT_BYTES];
		int64_t run, attempt, t = vtime_mono_ns();
		must(db_pending_each(
			db, TIER_ISOLATE, user_id, 1, take_id, id, &e));
		struct db_claim c = {.workload_id = id,
			.node = "bench",
			.token = "0123456789abcdef0123456789abcdef",
			.boot_id = "boot"};
		must(db_begin(db, &e));
		must(db_claim(db, &c, &run, &attempt, &e));
		must(db_commit(db, true, &e));
		struct run_result r = {.exited = true, .engine = "v8"};
		for (int p = 0; p < 4; p++)
			r.phase_seen[p] = true;
		struct db_finish f = {.run_id = run,
			.token = c.token,
			.status = STATUS_COMPLETED,
			.result = &r,
			.output = "2",
			.output_len = 1};
		must(db_begin(db, &e));
		must(db_run_started(db, run, c.token, &e));
		must(db_run_finish(db, &f, &e));
		must(db_commit(db, true, &e));
		ns[i] = vtime_mono_ns() - t;
	}
	return report("claim and finish, both durable", ns, SINGLE,
		(double)(vtime_mono_ns() - start) / 1e9);
}

static int
touch_row(void *arg, const struct db_workload *w, struct verr *err)
{
	(void)err;
	*(size_t *)arg += strlen(w->id) + strlen(w->created_at);
	return 0;
}

/* Pages of 50 from all over the table, with their total. */
static double
bench_pages(const char *path, const char *what, bool filtered)
{
	static int64_t ns[PAGES];
	struct db *v_autodb db = NULL;
	must(db_open(path, DB_WEB, &db, &e));
	struct db_filter f;
	db_filter_init(&f);
	if (filtered)
		f.status = STATUS_COMPLETED;
	char next[ULID_TEXT_BYTES];
	size_t sum = 0;
	uint64_t total;
	bool exact;
	int64_t start = vtime_mono_ns();
	for (int i = 0; i < PAGES; i++) {
		int64_t t = vtime_mono_ns();
		must(db_workload_list(db, &f, touch_row, &sum, next, &e));
		must(db_workload_count(db, &f, &total, &exact, &e));
		f.cursor = next[0] != '\0' ? next : NULL;
		ns[i] = vtime_mono_ns() - t;
	}
	double rate = report(
		what, ns, PAGES, (double)(vtime_mono_ns() - start) / 1e9);
	return 1 / rate;
}

/* Rows by the hundred thousand, settled and unsettled, not durable. */
static void
fill(const char *path, int64_t user_id, uint64_t rows)
{
	struct db *v_autodb web = NULL;
	struct db *v_autodb queue = NULL;
	struct run_result r = {.exited = true, .engine = "v8"};
	must(db_open(path, DB_WEB, &web, &e));
	must(db_open(path, DB_QUEUE, &queue, &e));
	struct db_submission s = submission(user_id);
	for (uint64_t done = 0; done < rows;) {
		static char ids[1000][ULID_TEXT_BYTES];
		must(db_begin(web, &e));
		for (int i = 0; i < 1000; i++)
			must(db_workload_insert(
				web, &s, UINT64_MAX, ids[i], &e));
		must(db_commit(web, false, &e));
		must(db_begin(queue, &e));
		for (int i = 0; i < 1000; i++) {
			int64_t run, attempt;
			struct db_claim c = {.workload_id = ids[i],
				.node = "bench",
				.token = "t",
				.boot_id = "b"};
			must(db_claim(queue, &c, &run, &attempt, &e));
			struct db_finish f = {.run_id = run,
				.token = "t",
				.status = STATUS_COMPLETED,
				.result = &r};
			must(db_run_finish(queue, &f, &e));
		}
		must(db_commit(queue, false, &e));
		done += 1000;
	}
}

/* A database with one user in a file of its own; returns the user. */
static int64_t
make(const char *folder, const char *name, char *path, size_t room)
{
	struct buf v_autobuf schema = BUF(1 << 20);
	struct db *v_autodb db = NULL;
	int64_t user_id;
	snprintf(path, room, "%s/%s", folder, name);
	must(fd_read_file(AT_FDCWD, "schema.sql", &schema, &e));
	must(db_create(path, buf_text(&schema), &e));
	must(db_open(path, DB_ADMIN, &db, &e));
	must(db_user_add(db, "ann", NULL, true, &user_id, &e));
	return user_id;
}

static void
clean(const char *path)
{
	static const char *const suffixes[] = {
		"", "-wal", "-shm", ".gate", ".group"};
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char name[300];
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
}

int
main(int argc, char **argv)
{
	char folder[256], path[280], small[280];
	uint64_t rows = 1000000;
	snprintf(folder, sizeof(folder), "%s/bench-db-XXXXXX",
		argc > 1 ? argv[1] : "/tmp");
	if (argc > 2)
		must(num_u64s(argv[2], 0, 10000000, "ROWS", &rows, &e));
	if (mkdtemp(folder) == NULL) {
		perror(folder);
		return 1;
	}
	int64_t user_id = make(folder, "vulcan.db", path, sizeof(path));
	double sync = bench_fdatasync(folder);
	ratio("P14 alone", bench_enqueue(path, user_id), sync, 0.9);
	sync = bench_fdatasync(folder);
	ratio("P14 32 clients", bench_enqueue_many(path, user_id), sync, 10);
	sync = bench_fdatasync(folder);
	ratio("P15", bench_claim_finish(path, user_id), sync / 2, 0.9);
	clean(path);
	if (rows > 0) {
		user_id = make(folder, "small.db", small, sizeof(small));
		fill(small, user_id, 1000);
		user_id = make(folder, "large.db", path, sizeof(path));
		fill(path, user_id, rows);
		double a = bench_pages(small, "page of 50, 1,000 rows", false);
		double b = bench_pages(path, "page of 50, many rows", false);
		ratio("P13 pages, cost", b, a, 2);
		a = bench_pages(small, "page by status, 1,000 rows", true);
		b = bench_pages(path, "page by status, many rows", true);
		ratio("P13 pages by status, cost", b, a, 2);
		clean(small);
		clean(path);
	}
	return rmdir(folder) == 0 ? 0 : 1;
}
