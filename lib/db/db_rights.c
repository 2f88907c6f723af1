/*
 * What each role may touch, as SQLite's authorizer asks it while the role's
 * statements are prepared. Anything that is not in the table is refused, and
 * so is everything once the connection is sealed: ATTACH, PRAGMA, functions
 * and statements that did not exist at open cannot come later, and a trigger
 * that somebody put into the file makes the open fail instead of running.
 */
#include <string.h>

#include "db_int.h"
#include "poison.h"

#define WEB SQL_WEB
#define QUEUE SQL_QUEUE
#define ADMIN SQL_ADMIN
#define ALL (WEB | QUEUE | ADMIN)

struct right {
	int action;
	const char *table;
	const char *column; /* NULL: any */
	unsigned roles;
	const char *trigger; /* allowed inside this trigger only */
};

#define COUNTERS(name) \
	{SQLITE_INSERT, "workload_counts", NULL, ALL, name}, \
		{SQLITE_UPDATE, "workload_counts", "n", ALL, name}, \
	{ \
		SQLITE_UPDATE, "workload_counts", "duration_ms", ALL, name \
	}

static const struct right rights[] = {
	{SQLITE_READ, "users", NULL, WEB | ADMIN, NULL},
	/* Foreign keys are checked by reading the other table. */
	{SQLITE_READ, "users", "id", QUEUE, NULL},
	{SQLITE_READ, "workloads", "user_id", ADMIN, NULL},
	{SQLITE_READ, "comparisons", "user_id", ADMIN, NULL},
	{SQLITE_READ, "benchmarks", "user_id", ADMIN, NULL},
	{SQLITE_READ, "sessions", NULL, WEB | ADMIN, NULL},
	{SQLITE_READ, "login_links", NULL, WEB | ADMIN, NULL},
	{SQLITE_READ, "api_keys", NULL, WEB | ADMIN, NULL},
	{SQLITE_READ, "workloads", NULL, WEB | QUEUE, NULL},
	{SQLITE_READ, "workload_files", NULL, WEB | QUEUE, NULL},
	{SQLITE_READ, "workload_counts", NULL, WEB | QUEUE, NULL},
	{SQLITE_READ, "runs", NULL, WEB | QUEUE, NULL},
	{SQLITE_READ, "phases", NULL, WEB | QUEUE, NULL},
	{SQLITE_READ, "log_chunks", NULL, WEB | QUEUE, NULL},
	{SQLITE_READ, "metadata", NULL, WEB | QUEUE, NULL},
	{SQLITE_READ, "artifacts", NULL, WEB | QUEUE, NULL},
	{SQLITE_READ, "comparison_workloads", NULL, WEB, NULL},
	{SQLITE_READ, "backends", NULL, ALL, NULL},
	{SQLITE_READ, "nodes", NULL, WEB | QUEUE, NULL},
	{SQLITE_READ, "events", NULL, WEB | ADMIN, NULL},
	{SQLITE_READ, "json_each", NULL, WEB, NULL},

	{SQLITE_INSERT, "workloads", NULL, WEB, NULL},
	{SQLITE_INSERT, "workload_files", NULL, WEB, NULL},
	{SQLITE_UPDATE, "workloads", "cancel_requested_at", WEB, NULL},
	{SQLITE_UPDATE, "workloads", "status", QUEUE, NULL},
	{SQLITE_UPDATE, "workloads", "reason", QUEUE, NULL},
	{SQLITE_UPDATE, "workloads", "attempt", QUEUE, NULL},
	{SQLITE_UPDATE, "workloads", "started_at", QUEUE, NULL},
	{SQLITE_UPDATE, "workloads", "finished_at", QUEUE, NULL},
	{SQLITE_UPDATE, "workloads", "duration_ms", QUEUE, NULL},
	{SQLITE_INSERT, "runs", NULL, QUEUE, NULL},
	{SQLITE_UPDATE, "runs", NULL, QUEUE, NULL},
	{SQLITE_INSERT, "phases", NULL, QUEUE, NULL},
	{SQLITE_INSERT, "log_chunks", NULL, QUEUE, NULL},
	{SQLITE_INSERT, "metadata", NULL, QUEUE, NULL},
	{SQLITE_INSERT, "backends", NULL, QUEUE, NULL},
	{SQLITE_UPDATE, "backends", NULL, QUEUE, NULL},
	{SQLITE_INSERT, "nodes", NULL, QUEUE, NULL},
	{SQLITE_UPDATE, "nodes", NULL, QUEUE, NULL},
	{SQLITE_INSERT, "events", NULL, ALL, NULL},
	COUNTERS("workloads_count_insert"),
	COUNTERS("workloads_count_update"),

	{SQLITE_INSERT, "users", NULL, ADMIN, NULL},
	{SQLITE_UPDATE, "users", "password_hash", WEB | ADMIN, NULL},
	{SQLITE_INSERT, "sessions", NULL, WEB, NULL},
	{SQLITE_DELETE, "sessions", NULL, WEB | ADMIN, NULL},
	{SQLITE_INSERT, "login_links", NULL, ADMIN, NULL},
	{SQLITE_DELETE, "login_links", NULL, WEB | ADMIN, NULL},
	{SQLITE_INSERT, "api_keys", NULL, WEB | ADMIN, NULL},
	{SQLITE_UPDATE, "api_keys", "revoked_at", WEB | ADMIN, NULL},
};

static const char *const functions[] = {"count", "sum", "min", "max", "ifnull",
	"instr", "lower", "char", "round", "julianday", "json_each"};

/* The triggers of schema.sql read the row that set them off. */
static const char *const triggers[] = {"workloads_transition",
	"workloads_count_insert", "workloads_count_update"};

static bool
known(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool
granted(unsigned role, int action, const char *table, const char *column,
	const char *trigger)
{
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		const struct right *r = &rights[i];
		if (r->action != action || (r->roles & role) == 0 ||
			strcmp(r->table, table) != 0)
			continue;
		if (r->column != NULL && strcmp(r->column, column) != 0)
			continue;
		if (r->trigger == NULL
				? trigger == NULL || action == SQLITE_READ
				: trigger != NULL &&
					strcmp(r->trigger, trigger) == 0)
			return true;
	}
	/* What a trigger reads: its own row, and the counters it keeps. */
	return action == SQLITE_READ && trigger != NULL &&
		known(triggers, sizeof(triggers) / sizeof(triggers[0]),
			trigger) &&
		(strcmp(table, "workloads") == 0 ||
			strcmp(table, "workload_counts") == 0);
}

int
db_authorize(void *arg, int action, const char *a, const char *b,
	const char *schema, const char *trigger)
{
	(void)schema;
	struct db *db = arg;
	static const unsigned bits[DB_ROLES] = {[DB_WEB] = SQL_WEB,
		[DB_QUEUE] = SQL_QUEUE,
		[DB_ADMIN] = SQL_ADMIN};
	bool allow = false;
	if (db->sealed)
		return SQLITE_DENY;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_RECURSIVE:
	case SQLITE_TRANSACTION:
		allow = true;
		break;
	case SQLITE_FUNCTION:
		allow = known(
			functions, sizeof(functions) / sizeof(functions[0]), b);
		break;
	default:
		allow = a != NULL &&
			granted(bits[db->role], action, a, b, trigger);
	}
	if (!allow)
		db->denied = trigger != NULL ? "a trigger that is not ours"
					     : "a table or column of another "
					       "role";
	return allow ? SQLITE_OK : SQLITE_DENY;
}
