/* A fresh database in a folder of its own, for tests of lib/db. */
#include <assert.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db_fixture.h"
#include "fd.h"
#include "poison.h"

/* A failure here is a broken test, not a failed one. */
static void
must(int r, const struct verr *e, const char *what)
{
	if (r == -1) {
		fprintf(stderr, "%s: %s\n", what, e->msg);
		abort();
	}
}

char *
fixture_schema(void)
{
	struct verr e;
	struct buf v_autobuf text = BUF(1 << 20);
	must(fd_read_file(AT_FDCWD, "schema.sql", &text, &e), &e,
		"schema.sql; run tests from the root of the tree");
	return v_take_buf(&text);
}

void
fixture_make(struct fixture *f, const char *parent)
{
	snprintf(f->folder, sizeof(f->folder), "%s/vulcan-db-XXXXXX", parent);
	if (mkdtemp(f->folder) == NULL)
		abort();
	snprintf(f->path, sizeof(f->path), "%s/vulcan.db", f->folder);
	char *schema = fixture_schema();
	must(db_create(f->path, schema, &f->e), &f->e, "db_create");
	free(schema);
}

void
fixture_open(struct fixture *f)
{
	must(db_open(f->path, DB_WEB, &f->web, &f->e), &f->e, "web");
	must(db_open(f->path, DB_QUEUE, &f->queue, &f->e), &f->e, "queue");
	must(db_open(f->path, DB_ADMIN, &f->admin, &f->e), &f->e, "admin");
}

void
fixture_close(struct fixture *f)
{
	db_close(f->web);
	db_close(f->queue);
	db_close(f->admin);
	f->web = f->queue = f->admin = NULL;
}

void
fixture_remove(struct fixture *f)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", ".gate",
		".group", ".new", ".new-journal", ".new.synced",
		".new-journal.synced", ".synced", "-wal.synced"};
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s%s", f->path, suffixes[i]);
		unlink(path);
	}
	rmdir(f->folder);
}

int
fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert(f != NULL);
	fixture_make(f, "/tmp");
	fixture_open(f);
	must(db_user_add(f->admin, "ann", NULL, true, &f->user_id, &f->e),
		&f->e, "db_user_add");
	*state = f;
	return 0;
}

int
fixture_teardown(void **state)
{
	struct fixture *f = *state;
	fixture_close(f);
	fixture_remove(f);
	free(f);
	return 0;
}

struct db_submission
fixture_submission(int64_t user_id)
{
	static const struct db_file file = {.name = "main.js",
		.content = "console.log(1)",
		.size_bytes = 14,
		.sha256 = "5c"};
	return (struct db_submission){.user_id = user_id,
		.isolation = TIER_ISOLATE,
		.isolation_requested = "auto",
		.routing = "JavaScript runs on the isolate tier",
		.runtime = RUNTIME_JAVASCRIPT,
		.entrypoint = "main.js",
		.args = "[]",
		.env = "{}",
		.labels = "{}",
		.network = "none",
		.limits = {1000, 1000, 64, 1, 16, 16, 65536},
		.input_hash = "aa",
		.code_hash = "bb",
		.files = &file,
		.file_count = 1};
}

void
fixture_submit(struct fixture *f, char out[ULID_TEXT_BYTES])
{
	struct db_submission s = fixture_submission(f->user_id);
	must(db_workload_insert(f->web, &s, 1000000, out, &f->e), &f->e,
		"db_workload_insert");
}

int64_t
fixture_claim(struct fixture *f, const char *id, const char *token)
{
	int64_t run_id = 0, attempt;
	struct db_claim c = {.workload_id = id,
		.node = "node",
		.token = token,
		.lease_until_ms = 1000,
		.boot_id = "boot"};
	must(db_claim(f->queue, &c, &run_id, &attempt, &f->e), &f->e,
		"db_claim");
	return run_id;
}

int
fixture_finish(struct fixture *f, int64_t run_id, const char *token)
{
	struct run_result result = {.exited = true};
	struct db_finish finish = {.run_id = run_id,
		.token = token,
		.status = STATUS_COMPLETED,
		.result = &result};
	return db_run_finish(f->queue, &finish, &f->e);
}

int64_t
fixture_ask(const struct fixture *f, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;
	int64_t v = -1;
	if (sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE, NULL) ==
			SQLITE_OK &&
		sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK &&
		sqlite3_step(s) == SQLITE_ROW)
		v = sqlite3_column_int64(s, 0);
	else
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
	sqlite3_finalize(s);
	sqlite3_close(db);
	return v;
}
