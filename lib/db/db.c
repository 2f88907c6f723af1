/* Opening, closing and transactions. */
#include <assert.h>
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

#define APPLICATION_ID 0x56554c43 /* 'VULC'; see schema.sql */
#define VALUE_BYTES_MAX (64 << 20)
#define CHECKPOINT_PAGES 2000

/*
 * The file is looked at by name only: were it opened and closed here, this
 * process would drop the locks that SQLite holds on it through another
 * connection (fcntl(2), advisory record locking).
 */
static int
look_at_file(const char *path, struct verr *e)
{
	struct stat st;
	if (lstat(path, &st) == -1)
		return verr_set(e, VERR_HOST, errno,
			"database %s; `vulcan-admin init` makes it", path);
	if (!S_ISREG(st.st_mode))
		return verr_set(e, VERR_HOST, 0,
			"database %s is not a regular file; a link there is "
			"not followed",
			path);
	if (st.st_nlink != 1)
		return verr_set(e, VERR_HOST, 0,
			"database %s has a second name; remove that hard link",
			path);
	if ((st.st_mode & S_IRWXO) != 0)
		return verr_set(e, VERR_HOST, 0,
			"database %s is open to everyone; chmod 0660 %s", path,
			path);
	if (st.st_size == 0)
		return verr_set(e, VERR_HOST, 0,
			"database %s is empty; restore a backup, or remove it "
			"and run `vulcan-admin init`",
			path);
	return 0;
}

static void
defend(sqlite3 *sql)
{
	static const struct {
		int option;
		int on;
	} options[] = {
		{SQLITE_DBCONFIG_DEFENSIVE, 1},
		{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
		{SQLITE_DBCONFIG_DQS_DDL, 0},
		{SQLITE_DBCONFIG_DQS_DML, 0},
		{SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
		{SQLITE_DBCONFIG_ENABLE_FKEY, 1},
		{SQLITE_DBCONFIG_ENABLE_TRIGGER, 1},
		{SQLITE_DBCONFIG_ENABLE_VIEW, 0},
		/* Plans that do not depend on values are never remade. */
		{SQLITE_DBCONFIG_ENABLE_QPSG, 1},
	};
	static const struct {
		int limit;
		int value;
	} limits[] = {
		{SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX},
		{SQLITE_LIMIT_SQL_LENGTH, 65536},
		{SQLITE_LIMIT_ATTACHED, 0},
		{SQLITE_LIMIT_VARIABLE_NUMBER, 64},
		{SQLITE_LIMIT_TRIGGER_DEPTH, 4},
		{SQLITE_LIMIT_WORKER_THREADS, 0},
	};
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		sqlite3_db_config(sql, options[i].option, options[i].on, NULL);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		sqlite3_limit(sql, limits[i].limit, limits[i].value);
	sqlite3_extended_result_codes(sql, 1);
	sqlite3_busy_timeout(sql, DB_BUSY_MS);
}

int
db_open_raw(const char *path, sqlite3 **ret, struct verr *e)
{
	if (strlen(path) >= sizeof(((struct db *)NULL)->path))
		return verr_set(e, VERR_INPUT, 0, "database path is too long");
	if (look_at_file(path, e) == -1)
		return -1;
	sqlite3 *sql = NULL;
	int rc = sqlite3_open_v2(path, &sql,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
			SQLITE_OPEN_PRIVATECACHE,
		NULL);
	if (rc != SQLITE_OK) {
		db_fail(sql, rc, path, "opening it", e);
		sqlite3_close(sql);
		return -1;
	}
	defend(sql);
	*ret = sql;
	return 0;
}

/* The first column of a PRAGMA's or query's only row, as a number. */
static int
ask(sqlite3 *sql, const char *path, const char *text, int64_t *ret,
	struct verr *e)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(sql, text, -1, &s, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	if (rc == SQLITE_ROW)
		return 0;
	db_fail(sql, rc, path, "reading its header", e);
	return -1;
}

static int
check_version(sqlite3 *sql, const char *path, struct verr *e)
{
	int64_t id, version, wal;
	if (ask(sql, path, "PRAGMA application_id", &id, e) == -1)
		return -1;
	if (id != APPLICATION_ID)
		return verr_set(e, VERR_HOST, 0,
			"%s is not a database of Vulcan; set `state` in "
			"vulcan.conf",
			path);
	if (ask(sql, path, "PRAGMA user_version", &version, e) == -1)
		return -1;
	if (version > DB_SCHEMA_VERSION)
		return verr_set(e, VERR_HOST, 0,
			"%s has schema version %d, this program knows %d; "
			"install the newer Vulcan or restore an older backup",
			path, (int)version, DB_SCHEMA_VERSION);
	if (version < DB_SCHEMA_VERSION)
		return verr_set(e, VERR_HOST, 0,
			"%s has schema version %d, this program needs %d; run "
			"`vulcan-admin migrate`",
			path, (int)version, DB_SCHEMA_VERSION);
	/* The first read of a page also makes the WAL and its index. */
	return ask(sql, path, "SELECT count(*) FROM sqlite_schema", &wal, e);
}

static int
tune(sqlite3 *sql, const char *path, struct verr *e)
{
	static const char text[] = "PRAGMA journal_mode = WAL;"
				   "PRAGMA synchronous = NORMAL;"
				   "PRAGMA temp_store = MEMORY;"
				   "PRAGMA cell_size_check = ON;"
				   "PRAGMA cache_size = -4096;"
				   /* Its table is made at first use, which
				    * the authorizer could not allow. */
				   "SELECT 1 FROM json_each('{}');";
	int rc = sqlite3_exec(sql, text, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_wal_autocheckpoint(sql, CHECKPOINT_PAGES);
	int on = 1;
	if (rc == SQLITE_OK)
		rc = sqlite3_file_control(
			sql, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	if (rc != SQLITE_OK)
		return db_fail(sql, rc, path, "setting it up", e);
	return 0;
}

/* The name of a WAL that was just made must outlive a power cut, too. */
static int
sync_folder(const char *path, struct verr *e)
{
	char copy[256];
	snprintf(copy, sizeof(copy), "%s", path);
	const char *folder = dirname(copy);
	int v_autoclose fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fsync(fd) == -1)
		return verr_set(e, VERR_HOST, errno, "folder %s", folder);
	return 0;
}

static int
prepare(struct db *db, struct verr *e)
{
	static const unsigned bits[DB_ROLES] = {[DB_WEB] = SQL_WEB,
		[DB_QUEUE] = SQL_QUEUE,
		[DB_ADMIN] = SQL_ADMIN};
	sqlite3_set_authorizer(db->sql, db_authorize, db);
	for (int i = 0; i < SQL_NAMES; i++) {
		const struct sql_statement *s = &sql_statements[i];
		if ((s->roles & bits[db->role]) == 0)
			continue;
		int rc = sqlite3_prepare_v3(db->sql, s->text, -1,
			SQLITE_PREPARE_PERSISTENT, &db->statements[i], NULL);
		if (rc == SQLITE_AUTH)
			return verr_set(e, VERR_HOST, 0,
				"%s: its tables or triggers are not those of "
				"schema.sql (%s, statement %d: %s)",
				db->path, db->denied, i,
				sqlite3_errmsg(db->sql));
		if (rc != SQLITE_OK)
			return db_fail(db->sql, rc, db->path,
				"preparing its statements", e);
	}
	db->sealed = true;
	return 0;
}

static int
set_up(struct db *db, const char *path, struct verr *e)
{
	if (db_open_raw(path, &db->sql, e) == -1)
		return -1;
	snprintf(db->path, sizeof(db->path), "%s", path);
	if (check_version(db->sql, path, e) == -1 ||
		tune(db->sql, path, e) == -1 || sync_folder(path, e) == -1 ||
		prepare(db, e) == -1)
		return -1;
	if (db->role == DB_ADMIN)
		return 0;
	return gate_open(path, db->role == DB_WEB, &db->gate, e);
}

int
db_open(const char *path, enum db_role role, struct db **ret, struct verr *e)
{
	assert(role >= 0 && role < DB_ROLES);
	struct db *db = calloc(1, sizeof(*db));
	if (db == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "database %s", path);
	db->role = role;
	db->pid = getpid();
	if (set_up(db, path, e) == -1) {
		db_close(db);
		return -1;
	}
	*ret = db;
	return 0;
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	assert(db->pid == getpid());
	if (db->in_tx)
		db_rollback(db);
	for (int i = 0; i < SQL_NAMES; i++)
		sqlite3_finalize(db->statements[i]);
	sqlite3_close(db->sql);
	gate_close(db->gate);
	free(db);
}

/* A file that was replaced under us would swallow what we write. */
static int
still_there(struct db *db, struct verr *e)
{
	int moved = 0;
	sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	if (moved)
		return verr_set(e, VERR_HOST, ESTALE,
			"database %s was moved or replaced while in use; put "
			"it back or restart Vulcan",
			db->path);
	return 0;
}

int
db_begin(struct db *db, struct verr *e)
{
	assert(!db->in_tx);
	gate_enter(db->gate);
	int r = still_there(db, e);
	if (r == 0) {
		struct query v_autoquery q = query_start(db, SQL_BEGIN);
		r = query_run(&q, e);
	}
	if (r == -1) {
		gate_leave(db->gate);
		return -1;
	}
	db->in_tx = true;
	return 0;
}

int
db_sync(struct db *db, struct verr *e)
{
	sqlite3_file *wal = NULL;
	int rc = sqlite3_file_control(
		db->sql, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
	if (rc != SQLITE_OK || wal == NULL || wal->pMethods == NULL)
		return verr_set(e, VERR_BUG, 0, "%s has no WAL", db->path);
	rc = wal->pMethods->xSync(
		wal, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
	if (rc == SQLITE_OK)
		return 0;
	db->unsure = true;
	return verr_set(e, VERR_HOST, EIO,
		"%s: syncing its log failed; the outcome is unknown, check "
		"the disk",
		db->path);
}

bool
db_is_unsure(const struct db *db)
{
	return db->unsure;
}

int
db_commit(struct db *db, bool durable, struct verr *e)
{
	assert(db->in_tx);
	int r;
	{
		struct query v_autoquery q = query_start(db, SQL_COMMIT);
		r = query_run(&q, e);
	}
	if (r == -1) {
		db_rollback(db);
		return -1;
	}
	db->in_tx = false;
	gate_leave(db->gate);
	return durable ? db_sync(db, e) : 0;
}

void
db_rollback(struct db *db)
{
	assert(db->in_tx);
	/* SQLite may have rolled back by itself, after a full disk say. */
	if (!sqlite3_get_autocommit(db->sql)) {
		struct verr ignored;
		struct query v_autoquery q = query_start(db, SQL_ROLLBACK);
		(void)query_run(&q, &ignored);
	}
	db->in_tx = false;
	gate_leave(db->gate);
}

int
own_begin(struct db *db, bool *ret_own, struct verr *e)
{
	*ret_own = !db->in_tx;
	return *ret_own ? db_begin(db, e) : 0;
}

int
own_end(struct db *db, bool own, bool durable, int result, struct verr *e)
{
	if (!own)
		return result;
	if (result == -1) {
		db_rollback(db);
		return -1;
	}
	return db_commit(db, durable, e) == -1 ? -1 : result;
}
