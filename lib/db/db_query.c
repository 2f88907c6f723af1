/* Using the named statements: bind, step, read. */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "db_int.h"
#include "poison.h"

static int
is_kind(int rc, int kind)
{
	return (rc & 0xff) == kind;
}

int
db_fail(sqlite3 *sql, int rc, const char *path, const char *what,
	struct verr *e)
{
	int sys = sql != NULL ? sqlite3_system_errno(sql) : 0;
	if (is_kind(rc, SQLITE_BUSY) || is_kind(rc, SQLITE_LOCKED))
		return verr_set(e, VERR_HOST, EBUSY,
			"%s: %s: another program holds the lock; see `fuser "
			"%s`",
			path, what, path);
	if (is_kind(rc, SQLITE_FULL))
		return verr_set(e, VERR_HOST, ENOSPC,
			"%s: %s: make room on its file system", path, what);
	if (is_kind(rc, SQLITE_CORRUPT) || is_kind(rc, SQLITE_NOTADB))
		return verr_set(e, VERR_HOST, EUCLEAN,
			"%s: %s: not a sound database; run `vulcan-admin "
			"check`, restore a backup if it fails",
			path, what);
	if (is_kind(rc, SQLITE_TOOBIG))
		return verr_set(e, VERR_LIMIT, EFBIG,
			"%s: %s: a value is too large", path, what);
	if (is_kind(rc, SQLITE_NOMEM))
		return verr_set(e, VERR_HOST, ENOMEM, "%s: %s", path, what);
	if (is_kind(rc, SQLITE_READONLY) || is_kind(rc, SQLITE_PERM) ||
		is_kind(rc, SQLITE_CANTOPEN))
		return verr_set(e, VERR_HOST, sys != 0 ? sys : EACCES,
			"%s: %s: the file and its folder must be writable "
			"for this user",
			path, what);
	if (is_kind(rc, SQLITE_IOERR))
		return verr_set(e, VERR_HOST, sys != 0 ? sys : EIO,
			"%s: %s: input or output failed (%d)", path, what, rc);
	return verr_set(e,
		is_kind(rc, SQLITE_CONSTRAINT) ? VERR_BUG : VERR_HOST, 0,
		"%s: %s: %s", path, what,
		sql != NULL ? sqlite3_errmsg(sql) : sqlite3_errstr(rc));
}

struct query
query_start(struct db *db, enum sql_name name)
{
	assert(db->pid == getpid());
	assert(db->statements[name] != NULL);
	assert(!sqlite3_stmt_busy(db->statements[name]));
	return (struct query){.db = db, .s = db->statements[name]};
}

void
query_end(struct query *q)
{
	if (q->s == NULL)
		return;
	sqlite3_reset(q->s);
	sqlite3_clear_bindings(q->s);
	q->s = NULL;
}

static void
bound(struct query *q, int rc)
{
	if (q->rc == SQLITE_OK)
		q->rc = rc;
}

void
bind_text(struct query *q, int at, const char *text)
{
	bound(q, sqlite3_bind_text(q->s, at, text, -1, SQLITE_STATIC));
}

void
bind_text_n(struct query *q, int at, const char *text, size_t n)
{
	bound(q,
		sqlite3_bind_text64(
			q->s, at, text, n, SQLITE_STATIC, SQLITE_UTF8));
}

void
bind_bytes(struct query *q, int at, const void *data, size_t n)
{
	if (data == NULL)
		bind_null(q, at);
	else
		bound(q, sqlite3_bind_blob64(q->s, at, data, n, SQLITE_STATIC));
}

void
bind_i64(struct query *q, int at, int64_t v)
{
	bound(q, sqlite3_bind_int64(q->s, at, v));
}

void
bind_u64(struct query *q, int at, uint64_t v)
{
	bind_i64(q, at, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

void
bind_null(struct query *q, int at)
{
	bound(q, sqlite3_bind_null(q->s, at));
}

void
bind_double(struct query *q, int at, double v)
{
	bound(q, sqlite3_bind_double(q->s, at, v));
}

int
query_step(struct query *q, struct verr *e)
{
	int rc = q->rc != SQLITE_OK ? q->rc : sqlite3_step(q->s);
	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	return db_fail(q->db->sql, rc, q->db->path, "a statement", e);
}

int
query_run(struct query *q, struct verr *e)
{
	int r = query_step(q, e);
	if (r == -1)
		return -1;
	if (r == 1)
		return verr_set(e, VERR_BUG, 0, "a statement gave a row");
	return sqlite3_changes(q->db->sql);
}

const char *
col_text(const struct query *q, int at)
{
	return (const char *)sqlite3_column_text(q->s, at);
}

int64_t
col_i64(const struct query *q, int at)
{
	return sqlite3_column_int64(q->s, at);
}

uint64_t
col_u64(const struct query *q, int at)
{
	int64_t v = sqlite3_column_int64(q->s, at);
	return v < 0 ? 0 : (uint64_t)v;
}

bool
col_null(const struct query *q, int at)
{
	return sqlite3_column_type(q->s, at) == SQLITE_NULL;
}

static int
strange(const struct query *q, int at, struct verr *e)
{
	return verr_set(e, VERR_HOST, EUCLEAN,
		"%s: column %s holds an unknown word; run `vulcan-admin "
		"check`",
		q->db->path, sqlite3_column_name(q->s, at));
}

int
col_status(const struct query *q, int at, enum status *ret, struct verr *e)
{
	const char *text = col_text(q, at);
	if (text == NULL || status_parse(text, ret) == 0)
		return strange(q, at, e);
	return 0;
}

int
col_reason(const struct query *q, int at, enum reason *ret, struct verr *e)
{
	const char *text = col_text(q, at);
	*ret = REASON_NONE;
	if (text != NULL && reason_parse(text, ret) == 0)
		return strange(q, at, e);
	return 0;
}

int
col_tier(const struct query *q, int at, enum tier *ret, struct verr *e)
{
	const char *text = col_text(q, at);
	if (text == NULL || tier_parse(text, ret) == 0)
		return strange(q, at, e);
	return 0;
}

int
col_runtime(const struct query *q, int at, enum runtime *ret, struct verr *e)
{
	const char *text = col_text(q, at);
	if (text == NULL || runtime_parse(text, ret) == 0)
		return strange(q, at, e);
	return 0;
}

const char *
reason_column(enum reason reason)
{
	return reason == REASON_NONE ? NULL : reason_text(reason);
}

struct now
now_text(void)
{
	struct now n;
	vtime_text(vtime_wall_ms(), n.text);
	return n;
}

int64_t
ulid_ms(const char *id)
{
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	int64_t ms = 0;
	for (int i = 0; i < 10; i++) {
		const char *at = id[i] != '\0' ? strchr(alphabet, id[i]) : NULL;
		if (at == NULL)
			return 0;
		ms = ms << 5 | (int64_t)(at - alphabet);
	}
	return ms;
}
