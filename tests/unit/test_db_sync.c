/*
 * What is acknowledged is on the disk: a VFS between SQLite and the files
 * notes every write and sync of the database and its log, and keeps a copy of
 * each file as it was at its last sync. A power cut is an open of those copies.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "db_fixture.h"
#include "fd.h"
#include "poison.h"

/* The real file lies behind ours in the same memory. */
struct watched {
	sqlite3_file base;
	const char *name;
	sqlite3_file *real;
};

static sqlite3_vfs *under;
static sqlite3_vfs over;
static sqlite3_io_methods methods;
static unsigned wal_unsynced, wal_syncs;

static bool
is_wal(const struct watched *w)
{
	size_t n = w->name != NULL ? strlen(w->name) : 0;
	return n > 4 && memcmp(w->name + n - 4, "-wal", 4) == 0;
}

static sqlite3_file *
real(sqlite3_file *f)
{
	return ((struct watched *)f)->real;
}

static void
copy_file(const char *from, const char *to)
{
	struct verr e;
	struct buf v_autobuf bytes = BUF(64 << 20);
	unlink(to);
	if (fd_read_file(AT_FDCWD, from, &bytes, &e) == -1)
		return;
	int v_autoclose fd =
		open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fchmod(fd, 0660), 0);
	assert_int_equal(fd_write_all(fd, buf_text(&bytes), bytes.len, &e), 0);
}

static int
on_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
	if (is_wal((struct watched *)f))
		wal_unsynced++;
	return real(f)->pMethods->xWrite(real(f), data, n, at);
}

static int
on_sync(sqlite3_file *f, int flags)
{
	const struct watched *w = (const struct watched *)f;
	int rc = real(f)->pMethods->xSync(real(f), flags);
	if (is_wal(w)) {
		wal_unsynced = 0;
		wal_syncs++;
	}
	if (w->name != NULL) {
		char copy[256];
		snprintf(copy, sizeof(copy), "%s.synced", w->name);
		copy_file(w->name, copy);
	}
	return rc;
}

#define PASS(call, ...) real(f)->pMethods->call(real(f), ##__VA_ARGS__)
static int
on_close(sqlite3_file *f)
{
	return PASS(xClose);
}
static int
on_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return PASS(xRead, p, n, at);
}
static int
on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return PASS(xTruncate, size);
}
static int
on_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return PASS(xFileSize, size);
}
static int
on_lock(sqlite3_file *f, int level)
{
	return PASS(xLock, level);
}
static int
on_unlock(sqlite3_file *f, int level)
{
	return PASS(xUnlock, level);
}
static int
on_reserved(sqlite3_file *f, int *out)
{
	return PASS(xCheckReservedLock, out);
}
static int
on_control(sqlite3_file *f, int op, void *arg)
{
	return PASS(xFileControl, op, arg);
}
static int
on_sector(sqlite3_file *f)
{
	return PASS(xSectorSize);
}
static int
on_device(sqlite3_file *f)
{
	return PASS(xDeviceCharacteristics);
}
static int
on_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **p)
{
	return PASS(xShmMap, page, size, extend, p);
}
static int
on_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return PASS(xShmLock, offset, n, flags);
}
static void
on_shm_barrier(sqlite3_file *f)
{
	PASS(xShmBarrier);
}
static int
on_shm_unmap(sqlite3_file *f, int remove)
{
	return PASS(xShmUnmap, remove);
}

static int
on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
	int *out)
{
	(void)vfs;
	struct watched *w = (struct watched *)f;
	memset(w, 0, sizeof(*w));
	w->name = name;
	w->real = (sqlite3_file *)(w + 1);
	int rc = under->xOpen(under, name, w->real, flags, out);
	if (w->real->pMethods != NULL)
		f->pMethods = &methods;
	return rc;
}

static int
put_between(void **state)
{
	(void)state;
	under = sqlite3_vfs_find(NULL);
	over = *under;
	over.zName = "watched";
	over.szOsFile += (int)sizeof(struct watched);
	over.xOpen = on_open;
	methods = (sqlite3_io_methods){.iVersion = 2,
		.xClose = on_close,
		.xRead = on_read,
		.xWrite = on_write,
		.xTruncate = on_truncate,
		.xSync = on_sync,
		.xFileSize = on_size,
		.xLock = on_lock,
		.xUnlock = on_unlock,
		.xCheckReservedLock = on_reserved,
		.xFileControl = on_control,
		.xSectorSize = on_sector,
		.xDeviceCharacteristics = on_device,
		.xShmMap = on_shm_map,
		.xShmLock = on_shm_lock,
		.xShmBarrier = on_shm_barrier,
		.xShmUnmap = on_shm_unmap};
	return sqlite3_vfs_register(&over, 1);
}

static void
synced_after(unsigned before)
{
	assert_int_equal(wal_unsynced, 0);
	assert_true(wal_syncs > before);
}

static void
test_acknowledged_is_synced(void **state)
{
	struct fixture *f = *state;
	char id[ULID_TEXT_BYTES];
	for (int i = 0; i < 20; i++) {
		unsigned before = wal_syncs;
		fixture_submit(f, id);
		synced_after(before);
		int64_t run = fixture_claim(f, id, "t");
		before = wal_syncs;
		assert_int_equal(db_cancel(f->web, id, 0, &f->e), 1);
		synced_after(before);
		before = wal_syncs;
		assert_int_equal(fixture_finish(f, run, "t"), 1);
		synced_after(before);
	}
	unsigned before = wal_syncs;
	assert_int_equal(db_begin(f->queue, &f->e), 0);
	struct db_event event = {.what = "x"};
	assert_int_equal(db_event_add(f->queue, &event, &f->e), 0);
	assert_int_equal(db_commit(f->queue, false, &f->e), 0);
	/* Not asked for, not paid for. */
	assert_int_equal(wal_syncs, before);
	assert_true(wal_unsynced > 0);
	assert_int_equal(db_begin(f->queue, &f->e), 0);
	assert_int_equal(db_event_add(f->queue, &event, &f->e), 0);
	assert_int_equal(db_commit(f->queue, true, &f->e), 0);
	synced_after(before);
}

/* What a power cut now would leave, in a folder of its own. */
static void
cut_power(const struct fixture *f, struct fixture *after)
{
	char from[128], to[128];
	snprintf(after->folder, sizeof(after->folder), "/tmp/vulcan-db-XXXXXX");
	assert_non_null(mkdtemp(after->folder));
	snprintf(after->path, sizeof(after->path), "%s/vulcan.db",
		after->folder);
	snprintf(from, sizeof(from), "%s.synced", f->path);
	copy_file(access(from, F_OK) == 0 ? from : f->path, after->path);
	snprintf(from, sizeof(from), "%s-wal.synced", f->path);
	snprintf(to, sizeof(to), "%s-wal", after->path);
	copy_file(from, to);
}

static void
test_i01_power_cut(void **state)
{
	struct fixture *f = *state;
	char id[ULID_TEXT_BYTES];
	int finished = 0;
	for (int i = 1; i <= 120; i++) {
		fixture_submit(f, id);
		if (i % 3 == 0) {
			int64_t run = fixture_claim(f, id, "t");
			assert_int_equal(fixture_finish(f, run, "t"), 1);
			finished++;
		}
		/* Lost with the power, as nobody was told of it. */
		struct db_event event = {.what = "x"};
		assert_int_equal(db_event_add(f->web, &event, &f->e), 0);
		if (i % 10 != 0)
			continue;
		struct fixture after = {0};
		cut_power(f, &after);
		assert_int_equal(
			fixture_ask(&after, "SELECT count(*) FROM workloads"),
			i);
		assert_int_equal(fixture_ask(&after,
					 "SELECT count(*) FROM workloads "
					 "WHERE status = 'completed'"),
			finished);
		assert_int_equal(fixture_ask(&after,
					 "SELECT count(*) FROM "
					 "pragma_integrity_check WHERE "
					 "integrity_check = 'ok'"),
			1);
		fixture_remove(&after);
	}
}

#define CASE(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_acknowledged_is_synced),
		CASE(test_i01_power_cut),
	};
	return cmocka_run_group_tests(tests, put_between, NULL);
}
