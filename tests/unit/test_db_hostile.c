/* The database under attack and fault; names are those of the catalogue. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "db_fixture.h"
#include "db_int.h"
#include "poison.h"

#define HERE struct fixture *f = *state

static void
run_sql(const char *path, const char *text)
{
	sqlite3 *sql;
	assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
	sqlite3_busy_timeout(sql, 1000);
	assert_int_equal(sqlite3_exec(sql, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(sql), SQLITE_OK);
}

/* Opening must be refused as HOST with a message that says `needle`. */
static void
refused(struct fixture *f, const char *needle)
{
	struct db *db = NULL;
	struct verr e;
	assert_int_equal(db_open(f->path, DB_WEB, &db, &e), -1);
	assert_int_equal(e.kind, VERR_HOST);
	assert_non_null(strstr(e.msg, f->folder));
	if (strstr(e.msg, needle) == NULL)
		print_error("'%s' is not in: %s\n", needle, e.msg);
	assert_non_null(strstr(e.msg, needle));
}

static void
test_versions(void **state)
{
	HERE;
	fixture_close(f);
	run_sql(f->path, "PRAGMA user_version = 7");
	refused(f, "version 7, this program knows 1");
	run_sql(f->path, "PRAGMA user_version = 0");
	refused(f, "vulcan-admin migrate");
	assert_int_equal(db_migrate(f->path, &f->e), -1);
	run_sql(f->path, "PRAGMA user_version = 1; PRAGMA application_id = 5");
	refused(f, "not a database of Vulcan");
}

static void
test_migrations_step_by_step(void **state)
{
	HERE;
	fixture_close(f);
	static const struct migration steps[] = {
		{2, "CREATE TABLE two (x) STRICT"},
		{2, NULL},
	};
	static const struct migration good[] = {
		{2, "CREATE TABLE two (x INTEGER) STRICT"},
		{3, "INSERT INTO two VALUES (3)"},
		{3, NULL},
	};
	/* A step that fails leaves nothing of itself. */
	assert_int_equal(db_migrate_by(f->path, steps, 2, &f->e), -1);
	assert_int_equal(fixture_ask(f, "PRAGMA user_version"), 1);
	assert_int_equal(db_migrate_by(f->path, good, 3, &f->e), 1);
	assert_int_equal(db_migrate_by(f->path, good, 3, &f->e), 0);
	assert_int_equal(fixture_ask(f, "PRAGMA user_version"), 3);
	assert_int_equal(fixture_ask(f, "SELECT x FROM two"), 3);
	assert_int_equal(db_migrate_by(f->path, good, 2, &f->e), -1);
}

static void
put_bytes(const char *path, const char *bytes, size_t n, off_t at)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	assert_int_equal(pwrite(fd, bytes, n, at), n);
	close(fd);
}

static void
test_i06_damaged_files(void **state)
{
	HERE;
	fixture_close(f);
	put_bytes(f->path, "not a database at all", 21, 0);
	refused(f, "vulcan-admin");
	assert_int_equal(truncate(f->path, 0), 0);
	refused(f, "is empty");
	assert_int_equal(unlink(f->path), 0);
	refused(f, "vulcan-admin init");
	assert_int_equal(mkdir(f->path, 0700), 0);
	refused(f, "not a regular file");
	rmdir(f->path);
}

static int
count_complaints(void *arg, const char *text)
{
	assert_non_null(text);
	++*(int *)arg;
	return 0;
}

static void
test_check_names_damage(void **state)
{
	HERE;
	char id[ULID_TEXT_BYTES];
	fixture_submit(f, id);
	fixture_close(f);
	int n = 0;
	assert_int_equal(db_check(f->path, count_complaints, &n, &f->e), 1);
	run_sql(f->path,
		"PRAGMA foreign_keys = OFF; DELETE FROM users;"
		"PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(db_check(f->path, count_complaints, &n, &f->e), 0);
	assert_true(n > 0);
}

static void
test_i07_links_modes_and_replacement(void **state)
{
	HERE;
	char other[128];
	char id[ULID_TEXT_BYTES];
	snprintf(other, sizeof(other), "%s.new", f->path);
	/* Replaced while open: no write goes to the old file. */
	assert_int_equal(rename(f->path, other), 0);
	struct db_submission s = fixture_submission(f->user_id);
	assert_int_equal(db_workload_insert(f->web, &s, 10, id, &f->e), -1);
	assert_int_equal(f->e.sys, ESTALE);
	assert_int_equal(symlink(other, f->path), 0);
	refused(f, "not a regular file");
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(link(other, f->path), 0);
	refused(f, "second name");
	assert_int_equal(unlink(other), 0);
	assert_int_equal(chmod(f->path, 0644), 0);
	refused(f, "chmod 0660");
	assert_int_equal(chmod(f->path, 0660), 0);
}

/* A file system without room: the error says so, and room mends it. */
static void
test_i03_full_disk(void **state)
{
	(void)state;
	struct fixture f = {0};
	char mount_point[] = "/tmp/vulcan-full-XXXXXX";
	char id[ULID_TEXT_BYTES], big[65536];
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(mount_point));
	if (mount("none", mount_point, "tmpfs", 0, "size=2m") == -1) {
		rmdir(mount_point);
		skip();
	}
	fixture_make(&f, mount_point);
	fixture_open(&f);
	assert_int_equal(
		db_user_add(f.admin, "ann", NULL, true, &f.user_id, &f.e), 0);
	struct db_submission s = fixture_submission(f.user_id);
	struct db_file file = {.name = "main.js",
		.content = big,
		.size_bytes = sizeof(big),
		.sha256 = "5c"};
	memset(big, 'x', sizeof(big));
	s.files = &file;
	int accepted = 0, r = 1;
	while (accepted < 1000 &&
		(r = db_workload_insert(f.web, &s, 10000, id, &f.e)) == 1)
		accepted++;
	assert_int_equal(r, -1);
	assert_int_equal(f.e.kind, VERR_HOST);
	assert_true(f.e.sys == ENOSPC || f.e.sys == EIO);
	assert_int_equal(
		fixture_ask(&f, "SELECT count(*) FROM workloads"), accepted);
	assert_int_equal(
		mount("none", mount_point, "tmpfs", MS_REMOUNT, "size=16m"), 0);
	assert_int_equal(db_workload_insert(f.web, &s, 10000, id, &f.e), 1);
	assert_int_equal(fixture_ask(&f, "SELECT count(*) FROM workloads"),
		accepted + 1);
	assert_int_equal(fixture_ask(&f,
				 "SELECT count(*) FROM pragma_integrity_check"
				 " WHERE integrity_check = 'ok'"),
		1);
	fixture_close(&f);
	fixture_remove(&f);
	assert_int_equal(umount2(mount_point, MNT_DETACH), 0);
	rmdir(mount_point);
}

/* Somebody holds the lock for ever: a polite end, and life after it. */
static void
test_i05_locked_from_outside(void **state)
{
	HERE;
	char id[ULID_TEXT_BYTES];
	sqlite3 *other;
	struct db_submission s = fixture_submission(f->user_id);
	assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_busy_timeout(f->web->sql, 200);
	assert_int_equal(db_workload_insert(f->web, &s, 10, id, &f->e), -1);
	assert_int_equal(f->e.kind, VERR_HOST);
	assert_int_equal(f->e.sys, EBUSY);
	/* Readers are not in the way of a writer in WAL mode. */
	enum status status;
	assert_int_equal(db_status(f->web, "none", &status, &f->e), 0);
	sqlite3_close(other);
	assert_int_equal(db_workload_insert(f->web, &s, 10, id, &f->e), 1);
}

/* A connection that crossed a fork is not used: the call ends the child. */
static void
test_i08_no_connection_crosses_a_fork(void **state)
{
	HERE;
	pid_t pid = fork();
	if (pid == 0) {
		enum status status;
		int null = open("/dev/null", O_WRONLY);
		dup2(null, STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		(void)db_status(f->web, "none", &status, &f->e);
		_exit(0);
	}
	int how;
	assert_int_equal(waitpid(pid, &how, 0), pid);
	assert_true(WIFSIGNALED(how));
	assert_int_equal(WTERMSIG(how), SIGABRT);
}

static const char *const injections[] = {
	"'; DROP TABLE workloads; --",
	"\" OR 1=1 --",
	"%' OR '1'='1",
	"1); ATTACH 'x' AS y; --",
	"\\'; SELECT load_extension('x')",
	"?1",
	":name",
	"é\xe2\x80\xa8\xf0\x9f\x92\xa5",
	"NULL",
	"%_*?[",
};
#define INJECTIONS (sizeof(injections) / sizeof(injections[0]))

static int
same_text(void *arg, const struct db_workload *w, struct verr *e)
{
	(void)e;
	const char *t = arg;
	assert_string_equal(w->routing, t);
	assert_string_equal(w->entrypoint, t);
	assert_string_equal(w->image, t);
	assert_string_equal(w->input, t);
	assert_string_equal(w->network, t);
	assert_memory_equal(w->stdin_data, t, strlen(t));
	return 0;
}

static int
count_rows(void *arg, const struct db_workload *w, struct verr *e)
{
	(void)w;
	(void)e;
	++*(int *)arg;
	return 0;
}

static void
inject_filters(struct fixture *f, const char *t)
{
	struct db_filter filter;
	char next[ULID_TEXT_BYTES];
	int n = 0;
	db_filter_init(&filter);
	filter.q = t;
	assert_int_equal(
		db_workload_list(f->web, &filter, count_rows, &n, next, &f->e),
		0);
	assert_int_equal(n, 1);
	db_filter_init(&filter);
	filter.user = filter.label_key = filter.label_value = t;
	assert_int_equal(
		db_workload_list(f->web, &filter, count_rows, &n, next, &f->e),
		0);
	assert_int_equal(n, 1);
	db_filter_init(&filter);
	filter.cursor = t;
	assert_int_equal(
		db_workload_list(f->web, &filter, count_rows, &n, next, &f->e),
		-1);
	assert_int_equal(f->e.kind, VERR_INPUT);
}

static void
test_i11_injection_in_every_field(void **state)
{
	HERE;
	char id[ULID_TEXT_BYTES];
	int64_t number = 0;
	enum status status;
	for (size_t i = 0; i < INJECTIONS; i++) {
		const char *t = injections[i];
		struct db_submission s = fixture_submission(f->user_id);
		s.routing = s.image = s.entrypoint = s.input = s.network = t;
		s.isolation_requested = s.input_hash = s.code_hash = t;
		s.idempotency_key = t;
		s.stdin_data = t;
		s.stdin_len = strlen(t);
		assert_int_equal(
			db_workload_insert(f->web, &s, 1000, id, &f->e), 1);
		assert_int_equal(
			db_workload_insert(f->web, &s, 1000, id, &f->e), 0);
		char text[64];
		snprintf(text, sizeof(text), "%s", t);
		assert_int_equal(
			db_workload_get(f->web, id, 0, same_text, text, &f->e),
			1);
		inject_filters(f, t);
		assert_int_equal(db_status(f->web, t, &status, &f->e), 0);
		assert_int_equal(db_cancel(f->web, t, 0, &f->e), 0);
		assert_int_equal(db_link_consume(f->web, t, &number, &f->e), 0);
		assert_int_equal(db_session_delete(f->web, t, &f->e), 0);
	}
	assert_int_equal(
		fixture_ask(f, "SELECT count(*) FROM workloads"), INJECTIONS);
}

static void
test_i11_sealed_connection(void **state)
{
	HERE;
	static const char *const texts[] = {"ATTACH ':memory:' AS x",
		"PRAGMA trusted_schema = 1", "SELECT load_extension('x')",
		"SELECT * FROM users", "SELECT 1", "DELETE FROM workloads",
		"CREATE TABLE x (y)", "PRAGMA writable_schema = 1"};
	struct db *all[] = {f->web, f->queue, f->admin};
	for (size_t d = 0; d < 3; d++)
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			assert_int_not_equal(sqlite3_exec(all[d]->sql, texts[i],
						     NULL, NULL, NULL),
				SQLITE_OK);
	/* Each role holds its own statements only. */
	assert_null(f->web->statements[SQL_CLAIM]);
	assert_null(f->queue->statements[SQL_SESSION_FIND]);
	assert_null(f->admin->statements[SQL_SUBMIT]);
}

static void
test_i12_foreign_trigger(void **state)
{
	HERE;
	fixture_close(f);
	run_sql(f->path,
		"CREATE TRIGGER evil AFTER INSERT ON workloads BEGIN"
		" UPDATE users SET is_admin = 1; END");
	refused(f, "trigger that is not ours");
	run_sql(f->path,
		"DROP TRIGGER evil; CREATE TRIGGER evil AFTER INSERT ON"
		" workloads BEGIN SELECT load_extension('x'); END");
	refused(f, "");
}

#define CASE(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_versions),
		CASE(test_migrations_step_by_step),
		CASE(test_i06_damaged_files),
		CASE(test_check_names_damage),
		CASE(test_i07_links_modes_and_replacement),
		cmocka_unit_test(test_i03_full_disk),
		CASE(test_i05_locked_from_outside),
		CASE(test_i08_no_connection_crosses_a_fork),
		CASE(test_i11_injection_in_every_field),
		CASE(test_i11_sealed_connection),
		CASE(test_i12_foreign_trigger),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
