/*
 * Pages of workloads and how many there are.
 *
 * A page is a range of ids within one index, the one whose filter lets the
 * fewest rows through; the counters tell which. With one filter every row of
 * the range belongs to the page. With more, the other filters are applied row
 * by row, and so that a rare combination cannot make a page read a million
 * rows, the range is cut after SCAN_ROWS rows first; the next page goes on
 * from there.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "db_int.h"
#include "db_row.h"
#include "poison.h"

#define SCAN_ROWS 5000
#define BOUND_BYTES (ULID_TEXT_BYTES + 1)
#define ULID_MS_MAX ((INT64_C(1) << 48) - 1)

enum driver {
	DRIVE_ALL,
	DRIVE_USER,
	DRIVE_STATUS,
	DRIVE_REASON,
	DRIVE_ISOLATION,
	DRIVE_RUNTIME,
	DRIVERS
};

struct plan {
	enum sql_name list[2]; /* newest first, oldest first */
	enum sql_name skip[2];
	enum sql_name count;
};
#define PLAN(x) \
	{ \
		{SQL_LIST_##x, SQL_LIST_##x##_UP}, \
			{SQL_SKIP_##x, SQL_SKIP_##x##_UP}, SQL_COUNT_##x \
	}
static const struct plan plans[] = {
	[DRIVE_ALL] = PLAN(ALL),
	[DRIVE_USER] = PLAN(USER),
	[DRIVE_STATUS] = PLAN(STATUS),
	[DRIVE_REASON] = PLAN(REASON),
	[DRIVE_ISOLATION] = PLAN(ISOLATION),
	[DRIVE_RUNTIME] = PLAN(RUNTIME),
};
_Static_assert(
	sizeof(plans) / sizeof(plans[0]) == DRIVERS, "a plan for every driver");

/* A filter made ready: words instead of enums, ids instead of times. */
struct search {
	const struct db_filter *f;
	int64_t user_id; /* 0: all */
	bool nothing; /* no row can match */
	const char *status, *reason, *isolation, *runtime;
	enum driver driver;
	bool narrowed; /* rows of the index must be looked at one by one */
	char from[BOUND_BYTES]; /* from <= id < below */
	char below[BOUND_BYTES];
};

void
db_filter_init(struct db_filter *f)
{
	*f = (struct db_filter){.status = -1,
		.reason = -1,
		.isolation = -1,
		.runtime = -1,
		.limit = 50};
}

/* The first ten characters of every ULID of a millisecond. */
static void
id_prefix(int64_t ms, char out[BOUND_BYTES])
{
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	if (ms < 0)
		ms = 0;
	if (ms > ULID_MS_MAX)
		ms = ULID_MS_MAX;
	for (int i = 9; i >= 0; i--, ms >>= 5)
		out[i] = alphabet[ms & 31];
	out[10] = '\0';
}

/* The least text above an id and below the next one. */
static void
just_after(const char *id, char out[BOUND_BYTES])
{
	snprintf(out, BOUND_BYTES, "%.26s0", id);
}

static int
find_user(struct db *db, struct search *s, struct verr *e)
{
	s->user_id = s->f->user_id;
	if (s->f->user == NULL)
		return 0;
	struct query v_autoquery q = query_start(db, SQL_USER_BY_NAME);
	bind_text(&q, 1, s->f->user);
	int r = query_step(&q, e);
	if (r == -1)
		return -1;
	int64_t id = r == 1 ? col_i64(&q, 0) : -1;
	if (id == -1 || (s->user_id != 0 && s->user_id != id))
		s->nothing = true;
	s->user_id = id;
	return 0;
}

static void
set_range(struct search *s)
{
	const struct db_filter *f = s->f;
	memcpy(s->below, "~", 2);
	if (f->since_ms > 0)
		id_prefix(f->since_ms, s->from);
	if (f->until_ms > 0 && f->until_ms < ULID_MS_MAX)
		id_prefix(f->until_ms + 1, s->below);
}

static int
apply_cursor(struct search *s, struct verr *e)
{
	const char *cursor = s->f->cursor;
	if (cursor == NULL)
		return 0;
	if (!ulid_valid(cursor))
		return verr_set(e, VERR_INPUT, 0,
			"cursor: not one that a page gave; start without it");
	if (s->f->oldest_first) {
		if (strcmp(cursor, s->from) >= 0)
			just_after(cursor, s->from);
	} else if (strcmp(cursor, s->below) < 0) {
		memcpy(s->below, cursor, ULID_TEXT_BYTES);
	}
	return 0;
}

/* Rows that one filter alone lets through, from the counters. */
static int
counted(struct db *db, const struct search *s, enum driver only, uint64_t *ret,
	struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_COUNTED);
	bool all = only == DRIVERS;
	bind_i64(&q, 1, all || only == DRIVE_USER ? s->user_id : 0);
	bind_text(&q, 2, all || only == DRIVE_STATUS ? s->status : NULL);
	bind_text(&q, 3, all || only == DRIVE_REASON ? s->reason : NULL);
	bind_text(&q, 4, all || only == DRIVE_ISOLATION ? s->isolation : NULL);
	bind_text(&q, 5, all || only == DRIVE_RUNTIME ? s->runtime : NULL);
	if (query_step(&q, e) == -1)
		return -1;
	*ret = col_u64(&q, 0);
	return 0;
}

static int
choose_driver(struct db *db, struct search *s, struct verr *e)
{
	const bool wanted[DRIVERS] = {[DRIVE_USER] = s->user_id != 0,
		[DRIVE_STATUS] = s->status != NULL,
		[DRIVE_REASON] = s->reason != NULL,
		[DRIVE_ISOLATION] = s->isolation != NULL,
		[DRIVE_RUNTIME] = s->runtime != NULL};
	int filters = 0;
	for (int i = 0; i < DRIVERS; i++)
		if (wanted[i]) {
			filters++;
			s->driver = (enum driver)i;
		}
	s->narrowed = filters > 1 || s->f->label_key != NULL || s->f->q != NULL;
	if (filters < 2)
		return 0;
	uint64_t least = UINT64_MAX;
	for (int i = 0; i < DRIVERS; i++) {
		uint64_t n;
		if (!wanted[i])
			continue;
		if (counted(db, s, (enum driver)i, &n, e) == -1)
			return -1;
		if (n < least) {
			least = n;
			s->driver = (enum driver)i;
		}
	}
	return 0;
}

static int
make_search(struct db *db, const struct db_filter *f, struct search *s,
	struct verr *e)
{
	*s = (struct search){.f = f};
	if (f->status != -1)
		s->status = status_text((enum status)f->status);
	if (f->reason != -1) {
		s->reason = reason_column((enum reason)f->reason);
		s->nothing = s->reason == NULL;
	}
	if (f->isolation != -1)
		s->isolation = tier_text((enum tier)f->isolation);
	if (f->runtime != -1)
		s->runtime = runtime_text((enum runtime)f->runtime);
	set_range(s);
	if (find_user(db, s, e) == -1)
		return -1;
	return choose_driver(db, s, e);
}

static void
bind_driver(struct query *q, const struct search *s)
{
	switch (s->driver) {
	case DRIVE_ALL:
	case DRIVERS:
		break;
	case DRIVE_USER:
		bind_i64(q, 1, s->user_id);
		break;
	case DRIVE_STATUS:
		bind_text(q, 1, s->status);
		break;
	case DRIVE_REASON:
		bind_text(q, 1, s->reason);
		break;
	case DRIVE_ISOLATION:
		bind_text(q, 1, s->isolation);
		break;
	case DRIVE_RUNTIME:
		bind_text(q, 1, s->runtime);
		break;
	}
	bind_text(q, 2, s->from);
	bind_text(q, 3, s->below);
}

/* The driving filter is left out: its index has applied it already. */
static void
bind_wanted(struct query *q, const struct search *s)
{
	if (s->user_id != 0 && s->driver != DRIVE_USER)
		bind_i64(q, 4, s->user_id);
	if (s->driver != DRIVE_STATUS)
		bind_text(q, 5, s->status);
	if (s->driver != DRIVE_REASON)
		bind_text(q, 6, s->reason);
	if (s->driver != DRIVE_ISOLATION)
		bind_text(q, 7, s->isolation);
	if (s->driver != DRIVE_RUNTIME)
		bind_text(q, 8, s->runtime);
	bind_text(q, 9, s->f->label_key);
	bind_text(q, 10, s->f->label_value);
	bind_text(q, 11, s->f->q);
}

/* The id `rows` further on in the range: 1, or 0 when it ends before. */
static int
skip(struct db *db, const struct search *s, int64_t rows,
	char out[ULID_TEXT_BYTES], struct verr *e)
{
	struct query v_autoquery q = query_start(
		db, plans[s->driver].skip[s->f->oldest_first ? 1 : 0]);
	bind_driver(&q, s);
	bind_i64(&q, 4, rows);
	int r = query_step(&q, e);
	if (r == 1)
		snprintf(out, ULID_TEXT_BYTES, "%s", col_text(&q, 0));
	return r;
}

/* Ends the range at an id, which still belongs to it. */
static void
end_range(struct search *s, const char *id)
{
	if (s->f->oldest_first)
		just_after(id, s->below);
	else
		memcpy(s->from, id, ULID_TEXT_BYTES);
}

static int
give_page(struct db *db, const struct search *s, db_workload_cb *cb, void *arg,
	char next[ULID_TEXT_BYTES], struct verr *e)
{
	struct query v_autoquery q = query_start(
		db, plans[s->driver].list[s->f->oldest_first ? 1 : 0]);
	bind_driver(&q, s);
	bind_wanted(&q, s);
	bind_i64(&q, 12, (int64_t)s->f->limit + 1);
	char last[ULID_TEXT_BYTES] = "";
	int r = 0;
	for (unsigned n = 0; r == 0 && (r = query_step(&q, e)) == 1; n++) {
		struct db_workload w;
		if (n == s->f->limit) {
			memcpy(next, last, ULID_TEXT_BYTES);
			return 0;
		}
		if (row_workload(&q, false, &w, e) == -1)
			return -1;
		snprintf(last, sizeof(last), "%s", w.id);
		r = cb(arg, &w, e);
	}
	return r == -1 ? -1 : 0;
}

int
db_workload_list(struct db *db, const struct db_filter *f, db_workload_cb *cb,
	void *arg, char ret_next[ULID_TEXT_BYTES], struct verr *e)
{
	assert(f->limit >= 1 && f->limit <= DB_LIST_MAX);
	struct search s;
	char next[ULID_TEXT_BYTES] = "";
	if (make_search(db, f, &s, e) == -1 || apply_cursor(&s, e) == -1)
		return -1;
	if (!s.nothing && s.narrowed) {
		int r = skip(db, &s, SCAN_ROWS, next, e);
		if (r == -1)
			return -1;
		if (r == 1)
			end_range(&s, next);
	}
	if (!s.nothing && give_page(db, &s, cb, arg, next, e) == -1)
		return -1;
	memcpy(ret_next, next, ULID_TEXT_BYTES);
	return 0;
}

static int
count_rows(struct db *db, struct search *s, uint64_t *ret_total,
	bool *ret_exact, struct verr *e)
{
	char end[ULID_TEXT_BYTES];
	int more = skip(db, s, DB_COUNT_MAX, end, e);
	if (more == -1)
		return -1;
	if (more == 1)
		end_range(s, end);
	struct query v_autoquery q = query_start(db, plans[s->driver].count);
	bind_driver(&q, s);
	bind_wanted(&q, s);
	if (query_step(&q, e) == -1)
		return -1;
	*ret_total = col_u64(&q, 0);
	*ret_exact = more == 0;
	return 0;
}

int
db_workload_count(struct db *db, const struct db_filter *f, uint64_t *ret_total,
	bool *ret_exact, struct verr *e)
{
	struct search s;
	if (make_search(db, f, &s, e) == -1)
		return -1;
	if (s.nothing) {
		*ret_total = 0;
		*ret_exact = true;
		return 0;
	}
	if (f->label_key != NULL || f->q != NULL || f->since_ms > 0 ||
		f->until_ms > 0)
		return count_rows(db, &s, ret_total, ret_exact, e);
	*ret_exact = true;
	return counted(db, &s, DRIVERS, ret_total, e);
}

int
db_count_each(struct db *db, int64_t user_id, db_count_cb *cb, void *arg,
	struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_COUNTS);
	bind_i64(&q, 1, user_id);
	int r = 0;
	while (r == 0 && (r = query_step(&q, e)) == 1) {
		struct db_count c = {.n = col_u64(&q, 4),
			.duration_ms = sqlite3_column_double(q.s, 5)};
		if (col_status(&q, 0, &c.status, e) == -1 ||
			col_reason(&q, 1, &c.reason, e) == -1 ||
			col_tier(&q, 2, &c.isolation, e) == -1 ||
			col_runtime(&q, 3, &c.runtime, e) == -1)
			return -1;
		r = cb(arg, &c, e);
	}
	return r == -1 ? -1 : 0;
}
