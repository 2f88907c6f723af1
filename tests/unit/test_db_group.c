/* Many enqueue at once, and some of them die: i02 at the library. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "db_fixture.h"
#include "poison.h"

#define CLIENTS 8
#define ACKS 4000

/* Shared with the clients: what each was told. */
struct board {
	atomic_int acked;
	atomic_int failed;
	struct {
		char id[ULID_TEXT_BYTES];
		char name[32];
	} acks[ACKS];
};

static struct board *
make_board(void)
{
	struct board *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(b, MAP_FAILED);
	return b;
}

/* Every text of the submission tells who sent it. */
static int
submit(struct db *db, int64_t user_id, char *name, char id[ULID_TEXT_BYTES],
	struct verr *e)
{
	struct db_submission s = fixture_submission(user_id);
	struct db_file files[2] = {{.name = name,
					   .content = "a\0b",
					   .size_bytes = 3,
					   .sha256 = "1"},
		{.name = "blob", .size_bytes = 70000, .sha256 = name}};
	s.entrypoint = s.routing = s.input_hash = s.idempotency_key = name;
	s.stdin_data = name;
	s.stdin_len = strlen(name) + 1;
	s.files = files;
	s.file_count = 2;
	return db_workload_insert(db, &s, 1000000, id, e);
}

static void
client(const struct fixture *f, struct board *b, int me, int count)
{
	struct db *db = NULL;
	struct verr e;
	if (db_open(f->path, DB_WEB, &db, &e) == -1)
		_exit(1);
	for (int i = 0; i < count; i++) {
		char name[32], id[ULID_TEXT_BYTES];
		snprintf(name, sizeof(name), "c%d-%d-%d", me, (int)getpid(), i);
		if (submit(db, f->user_id, name, id, &e) != 1) {
			fprintf(stderr, "%s\n", e.msg);
			atomic_fetch_add(&b->failed, 1);
			continue;
		}
		int at = atomic_fetch_add(&b->acked, 1);
		if (at >= ACKS)
			break;
		memcpy(b->acks[at].name, name, sizeof(name));
		memcpy(b->acks[at].id, id, sizeof(id));
	}
	db_close(db);
	_exit(0);
}

static pid_t
start(const struct fixture *f, struct board *b, int me, int count)
{
	pid_t pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		client(f, b, me, count);
	return pid;
}

static int
check_file(void *arg, const struct db_file *file, struct verr *e)
{
	(void)e;
	if (file->content != NULL) {
		assert_string_equal(file->name, arg);
		assert_memory_equal(file->content, "a\0b", 3);
	} else {
		assert_int_equal(file->size_bytes, 70000);
		assert_string_equal(file->sha256, arg);
	}
	return 0;
}

static int
check_record(void *arg, const struct db_workload *w, struct verr *e)
{
	(void)e;
	char *name = arg;
	assert_string_equal(w->entrypoint, name);
	assert_string_equal(w->routing, name);
	assert_string_equal(w->stdin_data, name);
	assert_null(w->image);
	return 0;
}

/* All that was acknowledged is there, once and whole. */
static void
check_board(struct fixture *f, struct board *b)
{
	fixture_open(f);
	int acked = atomic_load(&b->acked);
	if (acked > ACKS)
		acked = ACKS;
	assert_int_equal(atomic_load(&b->failed), 0);
	for (int i = 0; i < acked; i++) {
		if (b->acks[i].id[0] == '\0')
			continue; /* killed between the count and the copy */
		char name[32];
		memcpy(name, b->acks[i].name, sizeof(name));
		assert_int_equal(db_workload_get(f->web, b->acks[i].id, 0,
					 check_record, name, &f->e),
			1);
		assert_int_equal(db_file_each(f->web, b->acks[i].id, check_file,
					 name, &f->e),
			0);
	}
	assert_true(fixture_ask(f, "SELECT count(*) FROM workloads") >= acked);
	assert_int_equal(fixture_ask(f,
				 "SELECT sum(n) FROM workload_counts"
				 " WHERE user_id = 0"),
		fixture_ask(f, "SELECT count(*) FROM workloads"));
	assert_int_equal(fixture_ask(f,
				 "SELECT count(*) FROM"
				 " pragma_integrity_check WHERE"
				 " integrity_check = 'ok'"),
		1);
}

static void
test_many_at_once(void **state)
{
	struct fixture *f = *state;
	struct board *b = make_board();
	fixture_close(f); /* no connection crosses a fork */
	for (int i = 0; i < CLIENTS; i++)
		start(f, b, i, 60);
	for (int how, i = 0; i < CLIENTS; i++) {
		assert_true(wait(&how) > 0);
		assert_int_equal(how, 0);
	}
	assert_int_equal(atomic_load(&b->acked), CLIENTS * 60);
	check_board(f, b);
	assert_int_equal(
		fixture_ask(f, "SELECT count(*) FROM workloads"), CLIENTS * 60);
	munmap(b, sizeof(*b));
}

/* The writers are killed at any moment, leaders and followers alike. */
static void
test_i02_killed_writers(void **state)
{
	struct fixture *f = *state;
	struct board *b = make_board();
	fixture_close(f);
	pid_t pids[CLIENTS];
	for (int i = 0; i < CLIENTS; i++)
		pids[i] = start(f, b, i, 100000);
	for (int kills = 0; kills < 60;) {
		int seen = atomic_load(&b->acked);
		/* Each death is preceded by progress of the others. */
		for (int tries = 0;
			tries < 10000 && atomic_load(&b->acked) < seen + 3;
			tries++)
			usleep(500);
		assert_true(atomic_load(&b->acked) >= seen + 3);
		int victim = (kills * 5 + seen) % CLIENTS;
		assert_int_equal(kill(pids[victim], SIGKILL), 0);
		assert_int_equal(waitpid(pids[victim], NULL, 0), pids[victim]);
		kills++;
		pids[victim] = start(f, b, victim, 100000);
	}
	for (int i = 0; i < CLIENTS; i++) {
		kill(pids[i], SIGKILL);
		assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
	}
	check_board(f, b);
	munmap(b, sizeof(*b));
	char id[ULID_TEXT_BYTES];
	fixture_submit(f, id);
}

/* Fills a shared file with one byte, but for the head that says it is new. */
static void
scribble(const struct fixture *f, const char *suffix, int byte)
{
	char path[128];
	unsigned char bytes[4096];
	struct stat st;
	const off_t head = 48;
	snprintf(path, sizeof(path), "%s%s", f->path, suffix);
	memset(bytes, byte, sizeof(bytes));
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t at = head; at < st.st_size; at += (off_t)sizeof(bytes)) {
		off_t left = st.st_size - at;
		size_t n = left < (off_t)sizeof(bytes) ? (size_t)left
						       : sizeof(bytes);
		assert_int_equal(pwrite(fd, bytes, n, at), n);
	}
	close(fd);
}

/* Whatever lies in the shared files, writers go on. */
static void
test_shared_files_of_nonsense(void **state)
{
	struct fixture *f = *state;
	static const int bytes[] = {0xff, 0x41, 0x01, 0x05, 0x80};
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		char id[ULID_TEXT_BYTES];
		scribble(f, ".gate", bytes[i]);
		scribble(f, ".group", bytes[i]);
		assert_int_equal(db_begin(f->queue, &f->e), 0);
		assert_int_equal(db_commit(f->queue, false, &f->e), 0);
		fixture_submit(f, id);
	}
}

/* What runs as root shares no memory with the web. */
static void
test_admin_stays_away(void **state)
{
	struct fixture *f = *state;
	fixture_close(f);
	char gate[128], group[128];
	snprintf(gate, sizeof(gate), "%s.gate", f->path);
	snprintf(group, sizeof(group), "%s.group", f->path);
	assert_int_equal(unlink(gate), 0);
	assert_int_equal(unlink(group), 0);
	struct db *v_autodb admin = NULL;
	int64_t id;
	assert_int_equal(db_open(f->path, DB_ADMIN, &admin, &f->e), 0);
	assert_int_equal(db_user_add(admin, "eve", NULL, false, &id, &f->e), 0);
	assert_int_equal(access(gate, F_OK), -1);
	struct db *v_autodb queue = NULL;
	assert_int_equal(db_open(f->path, DB_QUEUE, &queue, &f->e), 0);
	assert_int_equal(access(gate, F_OK), 0);
	assert_int_equal(access(group, F_OK), -1);
	fixture_open(f);
}

#define CASE(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_many_at_once),
		CASE(test_i02_killed_writers),
		CASE(test_shared_files_of_nonsense),
		CASE(test_admin_stays_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
