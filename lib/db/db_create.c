/* Making a database, bringing an older one up, checking one. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db_int.h"
#include "fd.h"
#include "poison.h"

static void
close_sql(sqlite3 **sql)
{
	sqlite3_close(*sql);
	*sql = NULL;
}
#define v_autosql __attribute__((cleanup(close_sql)))

static int
run_text(sqlite3 *sql, const char *path, const char *text, const char *what,
	struct verr *e)
{
	int rc = sqlite3_exec(sql, text, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : db_fail(sql, rc, path, what, e);
}

static int
fill(const char *path, const char *schema, struct verr *e)
{
	sqlite3 *v_autosql sql = NULL;
	int rc = sqlite3_open_v2(path, &sql,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
			SQLITE_OPEN_PRIVATECACHE,
		NULL);
	if (rc != SQLITE_OK)
		return db_fail(sql, rc, path, "making it", e);
	if (run_text(sql, path, "PRAGMA synchronous = EXTRA; BEGIN",
		    "making it", e) == -1 ||
		run_text(sql, path, schema, "running schema.sql", e) == -1 ||
		run_text(sql, path, "COMMIT; PRAGMA journal_mode = WAL",
			"making it", e) == -1)
		return -1;
	return 0;
}

static int
sync_folder_of(const char *path, struct verr *e)
{
	char copy[256];
	snprintf(copy, sizeof(copy), "%s", path);
	int v_autoclose fd =
		open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fsync(fd) == -1)
		return verr_set(e, VERR_HOST, errno, "folder of %s", path);
	return 0;
}

/*
 * It is made under another name and renamed when whole, so that a crash on
 * the way leaves no half database; the next attempt removes the remains.
 */
int
db_create(const char *path, const char *schema, struct verr *e)
{
	char draft[256];
	if (snprintf(draft, sizeof(draft), "%s.new", path) >=
		(int)sizeof(draft))
		return verr_set(e, VERR_INPUT, 0, "database path is too long");
	struct stat st;
	if (lstat(path, &st) == 0)
		return 0;
	unlink(draft);
	int v_autoclose fd = open(draft,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0660);
	if (fd == -1 || fchmod(fd, 0660) == -1) {
		verr_set(e, VERR_HOST, errno, "making %s", draft);
		return -1;
	}
	fd_close(&fd);
	if (fill(draft, schema, e) == -1) {
		unlink(draft);
		return -1;
	}
	if (renameat2(AT_FDCWD, draft, AT_FDCWD, path, RENAME_NOREPLACE) ==
		-1) {
		int sys = errno;
		unlink(draft);
		if (sys == EEXIST)
			return 0;
		return verr_set(e, VERR_HOST, sys, "renaming %s", draft);
	}
	return sync_folder_of(path, e) == -1 ? -1 : 1;
}

/* No version before 1 was ever published. */
static const struct migration migrations[] = {{0, NULL}};

static int
version_of(sqlite3 *sql, const char *path, int *ret, struct verr *e)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(sql, "PRAGMA user_version", -1, &s, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	if (rc == SQLITE_ROW)
		return 0;
	db_fail(sql, rc, path, "reading its version", e);
	return -1;
}

/* 1 done, 0 somebody else had done it. */
static int
one_step(sqlite3 *sql, const char *path, const struct migration *m,
	struct verr *e)
{
	int now;
	char set[64];
	snprintf(set, sizeof(set), "PRAGMA user_version = %d; COMMIT", m->to);
	if (run_text(sql, path, "BEGIN IMMEDIATE", "a migration", e) == -1)
		return -1;
	if (version_of(sql, path, &now, e) == -1)
		return -1;
	if (now == m->to - 1) {
		if (run_text(sql, path, m->text, "a migration", e) == -1)
			return -1;
		return run_text(sql, path, set, "a migration", e) == -1 ? -1
									: 1;
	}
	return run_text(sql, path, "ROLLBACK", "a migration", e);
}

int
db_migrate_by(const char *path, const struct migration *steps, int target,
	struct verr *e)
{
	sqlite3 *v_autosql sql = NULL;
	int now, done = 0;
	if (db_open_raw(path, &sql, e) == -1 ||
		run_text(sql, path, "PRAGMA synchronous = EXTRA", "a migration",
			e) == -1 ||
		version_of(sql, path, &now, e) == -1)
		return -1;
	if (now > target)
		return verr_set(e, VERR_HOST, 0,
			"%s has schema version %d, this program knows %d; "
			"install the newer Vulcan",
			path, now, target);
	for (const struct migration *m = steps; m->text != NULL; m++) {
		if (m->to <= now)
			continue;
		int r = one_step(sql, path, m, e);
		if (r == -1)
			return verr_wrap(e, "to schema version %d", m->to);
		done |= r;
	}
	if (version_of(sql, path, &now, e) == -1)
		return -1;
	if (now != target)
		return verr_set(e, VERR_HOST, 0,
			"%s has schema version %d and nothing leads from there "
			"to %d",
			path, now, target);
	return done;
}

int
db_migrate(const char *path, struct verr *e)
{
	return db_migrate_by(path, migrations, DB_SCHEMA_VERSION, e);
}

int
db_check(const char *path, int (*say)(void *, const char *), void *arg,
	struct verr *e)
{
	static const char *const checks[] = {
		"SELECT integrity_check FROM pragma_integrity_check"
		" WHERE integrity_check <> 'ok'",
		"SELECT 'row ' || rowid || ' of ' || \"table\" ||"
		" ' points to a missing row of ' || parent"
		" FROM pragma_foreign_key_check",
	};
	sqlite3 *v_autosql sql = NULL;
	if (db_open_raw(path, &sql, e) == -1)
		return -1;
	int sound = 1;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		sqlite3_stmt *s = NULL;
		int rc = sqlite3_prepare_v2(sql, checks[i], -1, &s, NULL);
		while (rc == SQLITE_OK &&
			(rc = sqlite3_step(s)) == SQLITE_ROW) {
			const unsigned char *text = sqlite3_column_text(s, 0);
			sound = 0;
			rc = say(arg,
				     text != NULL ? (const char *)text
						  : "out of memory") == 0
				? SQLITE_OK
				: SQLITE_DONE;
		}
		sqlite3_finalize(s);
		if (rc != SQLITE_DONE)
			return db_fail(sql, rc, path, "checking it", e);
	}
	return sound;
}
