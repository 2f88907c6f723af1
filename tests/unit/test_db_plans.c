/* Query plans of the statements that run often: by index, never by scan. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "db_fixture.h"
#include "db_sql.h"
#include "poison.h"

/* Fails when a plan scans a table that grows, or sorts. */
static void
check_plan(sqlite3 *sql, int name)
{
	char text[16384];
	sqlite3_stmt *s = NULL;
	snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s",
		sql_statements[name].text);
	assert_int_equal(
		sqlite3_prepare_v2(sql, text, -1, &s, NULL), SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW) {
		const char *line = (const char *)sqlite3_column_text(s, 3);
		static const char *const grow[] = {"SCAN w", "SCAN r",
			"SCAN runs", "SCAN workloads", "SCAN p ", "SCAN k",
			"SCAN log_chunks", "SCAN phases", "SCAN s",
			"SCAN sessions", "SCAN e "};
		for (size_t i = 0; i < sizeof(grow) / sizeof(grow[0]); i++)
			if (strncmp(line, grow[i], strlen(grow[i])) == 0 &&
				strstr(line, "USING") == NULL)
				fail_msg("statement %d: %s\n%s", name, line,
					sql_statements[name].text);
		if (strstr(line, "TEMP B-TREE") != NULL ||
			strstr(line, "MATERIALIZE") != NULL)
			fail_msg("statement %d: %s\n%s", name, line,
				sql_statements[name].text);
	}
	sqlite3_finalize(s);
}

static void
test_h10_plans(void **state)
{
	struct fixture *f = *state;
	sqlite3 *sql;
	assert_int_equal(sqlite3_open(f->path, &sql), SQLITE_OK);
	/* Lists of users and keys are short and read in order of id. */
	for (int i = 0; i < SQL_NAMES; i++)
		if (i != SQL_KEYS)
			check_plan(sql, i);
	sqlite3_close(sql);
}

static void
uses(struct fixture *f, int name, const char *index)
{
	char text[16384], found[1024] = "";
	sqlite3 *sql;
	sqlite3_stmt *s = NULL;
	snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s",
		sql_statements[name].text);
	assert_int_equal(sqlite3_open(f->path, &sql), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(sql, text, -1, &s, NULL), SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW) {
		const char *line = (const char *)sqlite3_column_text(s, 3);
		if (strstr(line, index) != NULL)
			snprintf(found, sizeof(found), "%s", line);
	}
	sqlite3_finalize(s);
	sqlite3_close(sql);
	if (found[0] == '\0')
		fail_msg("statement %d does not use %s", name, index);
}

static void
test_h10_indexes_of_the_queue(void **state)
{
	struct fixture *f = *state;
	uses(f, SQL_PENDING_USERS, "COVERING INDEX workloads_pending");
	uses(f, SQL_PENDING_OF_USER, "INDEX workloads_pending");
	uses(f, SQL_POSITION, "COVERING INDEX workloads_pending");
	uses(f, SQL_POLL_CANCELLING, "workloads_cancelling");
	uses(f, SQL_CANCELLING, "workloads_cancelling");
	uses(f, SQL_LEASES, "runs_running");
	uses(f, SQL_SKIP_STATUS, "COVERING INDEX workloads_by_status");
	uses(f, SQL_LIST_USER, "INDEX workloads_by_user (user_id=? AND id>?");
	uses(f, SQL_SUBMITTED, "workloads_by_idempotency");
}

#define CASE(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_h10_plans),
		CASE(test_h10_indexes_of_the_queue),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
