/* The database: opening, submissions, claims, results, pages, people. */
#include <errno.h>
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
#include "poison.h"
#include "vtime.h"

#define HERE struct fixture *f = *state

static int
grab(void *arg, const struct db_workload *w, struct verr *e)
{
	(void)e;
	/* Scalars only: pointers end with the call. */
	*(struct db_workload *)arg = *w;
	return 0;
}

static struct db_workload
get(struct fixture *f, const char *id)
{
	struct db_workload w = {0};
	assert_int_equal(db_workload_get(f->web, id, 0, grab, &w, &f->e), 1);
	return w;
}

static void
test_submit_and_read(void **state)
{
	HERE;
	char id[ULID_TEXT_BYTES];
	fixture_submit(f, id);
	assert_true(ulid_valid(id));
	struct db_workload w = get(f, id);
	assert_int_equal(w.status, STATUS_PENDING);
	assert_int_equal(w.reason, REASON_NONE);
	assert_false(w.has_run);
	assert_int_equal(w.limits.output_bytes, 65536);
	assert_int_equal(
		db_workload_get(f->web, id, f->user_id + 1, grab, &w, &f->e),
		0);
	uint64_t position;
	assert_int_equal(db_queue_position(f->web, id, &position, &f->e), 1);
	assert_int_equal(position, 1);
}

static void
test_idempotency_key(void **state)
{
	HERE;
	char a[ULID_TEXT_BYTES], b[ULID_TEXT_BYTES];
	struct db_submission s = fixture_submission(f->user_id);
	s.idempotency_key = "k";
	assert_int_equal(db_workload_insert(f->web, &s, 10, a, &f->e), 1);
	assert_int_equal(db_workload_insert(f->web, &s, 10, b, &f->e), 0);
	assert_string_equal(a, b);
	s.input_hash = "other";
	assert_int_equal(db_workload_insert(f->web, &s, 10, b, &f->e), -1);
	assert_int_equal(f->e.kind, VERR_INPUT);
	assert_int_equal(f->e.sys, EEXIST);
	s.input_hash = "aa";
	s.idempotency_key = NULL;
	assert_int_equal(db_workload_insert(f->web, &s, 1, b, &f->e), -1);
	assert_int_equal(f->e.kind, VERR_LIMIT);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM workloads"), 1);
}

static void
test_claim_run_finish(void **state)
{
	HERE;
	char id[ULID_TEXT_BYTES];
	fixture_submit(f, id);
	int64_t run = fixture_claim(f, id, "t1");
	assert_true(run > 0);
	assert_int_equal(fixture_claim(f, id, "t2"), 0);
	assert_int_equal(db_run_started(f->queue, run, "t2", &f->e), 0);
	assert_int_equal(db_run_started(f->queue, run, "t1", &f->e), 1);
	struct db_chunk c = {.seq = 1,
		.stream = STREAM_STDERR,
		.t_ms = 0.5,
		.data = "a\0\xff",
		.len = 3};
	assert_int_equal(db_log_append(f->queue, run, "t2", &c, &f->e), 0);
	assert_int_equal(db_log_append(f->queue, run, "t1", &c, &f->e), 1);
	assert_int_equal(fixture_finish(f, run, "t2"), 0);
	assert_int_equal(get(f, id).status, STATUS_RUNNING);
	assert_int_equal(fixture_finish(f, run, "t1"), 1);
	assert_int_equal(fixture_finish(f, run, "t1"), 0);
	struct db_workload w = get(f, id);
	assert_int_equal(w.status, STATUS_COMPLETED);
	assert_true(w.has_run && w.has_exit_code && w.has_duration);
	assert_true(w.has_usage);
	assert_int_equal(db_log_append(f->queue, run, "t1", &c, &f->e), 0);
}

static int
count_meta(void *arg, const char *key, const char *value, struct verr *e)
{
	(void)e;
	assert_string_equal(key, "heap-mib");
	assert_string_equal(value, "7");
	++*(int *)arg;
	return 0;
}

static int
count_phase(void *arg, enum phase phase, uint64_t ns, struct verr *e)
{
	(void)e;
	int *n = arg;
	static const enum phase order[] = {PHASE_QUEUED, PHASE_EXEC};
	assert_int_equal(phase, order[*n]);
	assert_int_equal(ns, 5 + *n);
	++*n;
	return 0;
}

static int
check_failed(void *arg, const struct db_workload *w, struct verr *e)
{
	(void)arg;
	(void)e;
	assert_int_equal(w->status, STATUS_FAILED);
	assert_int_equal(w->reason, REASON_MEMORY);
	assert_string_equal(w->signal, "SIGKILL");
	assert_string_equal(w->error, "out of memory");
	assert_string_equal(w->error_detail, "at line 1");
	assert_string_equal(w->output, "{}");
	assert_string_equal(w->limit_name, "memory_mib");
	assert_int_equal(w->limit_setting, 64);
	assert_string_equal(w->engine, "v8");
	assert_string_equal(w->sandbox, "warm");
	assert_false(w->has_exit_code);
	assert_true(w->stdout_truncated);
	return 0;
}

static void
test_result_in_full(void **state)
{
	HERE;
	char id[ULID_TEXT_BYTES];
	fixture_submit(f, id);
	int64_t run = fixture_claim(f, id, "t");
	struct run_result r = {.signal = 9,
		.engine = "v8",
		.warmth = WARMTH_WARM,
		.limit_name = "memory_mib",
		.limit_setting = 64,
		.stdout_truncated = true};
	r.phase_seen[PHASE_QUEUED] = r.phase_seen[PHASE_EXEC] = true;
	r.phase_ns[PHASE_QUEUED] = 5;
	r.phase_ns[PHASE_EXEC] = 6;
	assert_int_equal(run_meta_set(&r, "heap-mib", "7", &f->e), 0);
	struct db_finish finish = {.run_id = run,
		.token = "t",
		.status = STATUS_FAILED,
		.reason = REASON_MEMORY,
		.result = &r,
		.error = "out of memory",
		.error_detail = "at line 1",
		.output = "{}x",
		.output_len = 2};
	assert_int_equal(db_run_finish(f->queue, &finish, &f->e), 1);
	assert_int_equal(
		db_workload_get(f->web, id, 0, check_failed, NULL, &f->e), 1);
	int n = 0;
	assert_int_equal(db_phase_each(f->web, id, count_phase, &n, &f->e), 0);
	assert_int_equal(n, 2);
	n = 0;
	assert_int_equal(db_meta_each(f->web, id, count_meta, &n, &f->e), 0);
	assert_int_equal(n, 1);
}

static int
check_lease(void *arg, const struct db_lease *l, struct verr *e)
{
	(void)e;
	assert_string_equal(l->token, "t1");
	assert_string_equal(l->boot_id, "boot");
	assert_false(l->started);
	++*(int *)arg;
	return 0;
}

static void
test_give_back_and_recovery(void **state)
{
	HERE;
	char id[ULID_TEXT_BYTES];
	fixture_submit(f, id);
	int64_t first = fixture_claim(f, id, "t1");
	int n = 0;
	assert_int_equal(db_lease_each(f->queue, check_lease, &n, &f->e), 0);
	assert_int_equal(n, 1);
	assert_int_equal(db_run_renew(f->queue, first, "t1", 99, &f->e), 1);
	assert_int_equal(
		db_run_give_back(f->queue, first, "t1", "lost", &f->e), 1);
	assert_int_equal(get(f, id).status, STATUS_PENDING);
	/* The late result of the first attempt is refused. */
	assert_int_equal(fixture_finish(f, first, "t1"), 0);
	assert_int_equal(db_run_renew(f->queue, first, "t1", 99, &f->e), 0);
	int64_t second = fixture_claim(f, id, "t2");
	assert_int_not_equal(first, second);
	assert_int_equal(fixture_finish(f, second, "t2"), 1);
	struct db_workload w = get(f, id);
	assert_int_equal(w.attempt, 2);
	assert_int_equal(w.run_id, second);
}

static int
check_cancelling(void *arg, const struct db_cancelling *c, struct verr *e)
{
	(void)e;
	*(int64_t *)arg = c->run_id;
	return 0;
}

/* Cancel at each state, twice, and against a finish. */
static void
test_h11_cancel_races(void **state)
{
	HERE;
	char id[ULID_TEXT_BYTES];
	int64_t run_id = -1;
	struct db_poll poll;
	assert_int_equal(db_cancel(f->web, "nothing", 0, &f->e), 0);
	fixture_submit(f, id);
	assert_int_equal(db_cancel(f->web, id, f->user_id + 1, &f->e), 0);
	assert_int_equal(db_cancel(f->web, id, f->user_id, &f->e), 1);
	assert_int_equal(db_cancel(f->web, id, f->user_id, &f->e), 1);
	assert_int_equal(fixture_claim(f, id, "t"), 0);
	assert_int_equal(db_poll(f->queue, &poll, &f->e), 0);
	assert_true(poll.cancelling);
	assert_int_equal(poll.pending[TIER_ISOLATE], 1);
	assert_int_equal(
		db_cancelling_each(f->queue, check_cancelling, &run_id, &f->e),
		0);
	assert_int_equal(run_id, 0);
	assert_int_equal(db_pending_settle(f->queue, id, STATUS_KILLED,
				 REASON_CANCELLED, &f->e),
		1);
	assert_int_equal(db_pending_settle(f->queue, id, STATUS_KILLED,
				 REASON_CANCELLED, &f->e),
		0);
	assert_int_equal(db_cancel(f->web, id, 0, &f->e), 2);

	fixture_submit(f, id);
	int64_t run = fixture_claim(f, id, "t");
	assert_int_equal(db_cancel(f->web, id, 0, &f->e), 1);
	assert_int_equal(
		db_cancelling_each(f->queue, check_cancelling, &run_id, &f->e),
		0);
	assert_int_equal(run_id, run);
	assert_int_equal(fixture_finish(f, run, "t"), 1);
	assert_int_equal(db_cancel(f->web, id, 0, &f->e), 2);
	assert_int_equal(get(f, id).status, STATUS_COMPLETED);
	assert_int_equal(db_poll(f->queue, &poll, &f->e), 0);
	assert_false(poll.cancelling);
}

static void
test_transitions_are_refused(void **state)
{
	HERE;
	char id[ULID_TEXT_BYTES];
	fixture_submit(f, id);
	int64_t run = fixture_claim(f, id, "t");
	assert_int_equal(fixture_finish(f, run, "t"), 1);
	sqlite3 *sql;
	assert_int_equal(sqlite3_open(f->path, &sql), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(sql, "UPDATE workloads SET status = 'pending'",
			NULL, NULL, NULL),
		SQLITE_CONSTRAINT);
	sqlite3_close(sql);
}

static int
collect_user(void *arg, int64_t user_id, struct verr *e)
{
	(void)e;
	int64_t *list = arg;
	list[++list[0]] = user_id;
	return 0;
}

static int
collect_pending(void *arg, const struct db_pending *p, struct verr *e)
{
	(void)e;
	char(*list)[ULID_TEXT_BYTES] = arg;
	while ((*list)[0] != '\0')
		list++;
	memcpy(*list, p->id, ULID_TEXT_BYTES);
	return 0;
}

static void
test_lines_of_users(void **state)
{
	HERE;
	int64_t bob;
	char a1[ULID_TEXT_BYTES], a2[ULID_TEXT_BYTES], b1[ULID_TEXT_BYTES];
	assert_int_equal(
		db_user_add(f->admin, "bob", NULL, false, &bob, &f->e), 0);
	fixture_submit(f, a1);
	struct db_submission s = fixture_submission(f->user_id);
	s.priority = 5;
	assert_int_equal(db_workload_insert(f->web, &s, 100, a2, &f->e), 1);
	s = fixture_submission(bob);
	assert_int_equal(db_workload_insert(f->web, &s, 100, b1, &f->e), 1);
	int64_t users[8] = {0};
	assert_int_equal(db_pending_users(f->queue, TIER_ISOLATE, 0,
				 collect_user, users, &f->e),
		0);
	assert_int_equal(users[0], 2);
	assert_int_equal(users[1], f->user_id);
	assert_int_equal(users[2], bob);
	users[0] = 0;
	assert_int_equal(db_pending_users(f->queue, TIER_ISOLATE, f->user_id,
				 collect_user, users, &f->e),
		0);
	assert_int_equal(users[0], 1);
	assert_int_equal(users[1], bob);
	char ids[4][ULID_TEXT_BYTES] = {{0}};
	assert_int_equal(db_pending_each(f->queue, TIER_ISOLATE, f->user_id, 2,
				 collect_pending, ids, &f->e),
		0);
	assert_string_equal(ids[0], a2);
	assert_string_equal(ids[1], a1);
}

static int
collect_id(void *arg, const struct db_workload *w, struct verr *e)
{
	return collect_pending(arg, &(struct db_pending){.id = w->id}, e);
}

static void
test_pages(void **state)
{
	HERE;
	char ids[5][ULID_TEXT_BYTES], next[ULID_TEXT_BYTES];
	for (int i = 0; i < 5; i++)
		fixture_submit(f, ids[i]);
	fixture_finish(f, fixture_claim(f, ids[1], "t"), "t");
	struct db_filter filter;
	db_filter_init(&filter);
	filter.limit = 2;
	for (int up = 0; up < 2; up++) {
		char got[8][ULID_TEXT_BYTES] = {{0}};
		filter.oldest_first = up == 1;
		filter.cursor = NULL;
		do {
			assert_int_equal(db_workload_list(f->web, &filter,
						 collect_id, got, next, &f->e),
				0);
			filter.cursor = next;
		} while (next[0] != '\0');
		for (int i = 0; i < 5; i++)
			assert_string_equal(got[i], ids[up ? i : 4 - i]);
		assert_int_equal(got[5][0], '\0');
	}
	uint64_t total;
	bool exact;
	db_filter_init(&filter);
	filter.status = STATUS_PENDING;
	filter.user_id = f->user_id;
	filter.isolation = TIER_ISOLATE;
	filter.user = "ann";
	char got[8][ULID_TEXT_BYTES] = {{0}};
	assert_int_equal(
		db_workload_list(f->web, &filter, collect_id, got, next, &f->e),
		0);
	assert_string_equal(got[0], ids[4]);
	assert_string_equal(got[3], ids[0]);
	assert_int_equal(got[4][0], '\0');
	assert_int_equal(
		db_workload_count(f->web, &filter, &total, &exact, &f->e), 0);
	assert_int_equal(total, 4);
	assert_true(exact);
	filter.q = "MAIN.js";
	assert_int_equal(
		db_workload_count(f->web, &filter, &total, &exact, &f->e), 0);
	assert_int_equal(total, 4);
	filter.user = "nobody";
	assert_int_equal(
		db_workload_count(f->web, &filter, &total, &exact, &f->e), 0);
	assert_int_equal(total, 0);
}

static void
test_pages_by_time_and_label(void **state)
{
	HERE;
	char id[ULID_TEXT_BYTES], next[ULID_TEXT_BYTES];
	struct db_submission s = fixture_submission(f->user_id);
	s.labels = "{\"team\":\"red\",\"n\":7}";
	int64_t before = 1;
	assert_int_equal(db_workload_insert(f->web, &s, 100, id, &f->e), 1);
	const struct {
		const char *key, *value;
		int64_t since, until;
		int found;
	} cases[] = {
		{"team", "red", 0, 0, 1},
		{"team", NULL, 0, 0, 1},
		{"team", "blue", 0, 0, 0},
		{"n", "7", 0, 0, 1},
		{"none", NULL, 0, 0, 0},
		{NULL, NULL, before, INT64_MAX, 1},
		{NULL, NULL, 0, before, 0},
		{NULL, NULL, INT64_MAX, 0, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct db_filter filter;
		db_filter_init(&filter);
		filter.label_key = cases[i].key;
		filter.label_value = cases[i].value;
		filter.since_ms = cases[i].since;
		filter.until_ms = cases[i].until;
		char got[3][ULID_TEXT_BYTES] = {{0}};
		assert_int_equal(db_workload_list(f->web, &filter, collect_id,
					 got, next, &f->e),
			0);
		assert_int_equal(got[0][0] != '\0', cases[i].found);
		uint64_t total;
		bool exact;
		assert_int_equal(db_workload_count(f->web, &filter, &total,
					 &exact, &f->e),
			0);
		assert_int_equal(total, cases[i].found);
		assert_true(exact);
	}
}

static int
sum_counts(void *arg, const struct db_count *c, struct verr *e)
{
	(void)e;
	int *n = arg;
	n[c->status] += (int)c->n;
	return 0;
}

static void
test_counts(void **state)
{
	HERE;
	char id[ULID_TEXT_BYTES];
	for (int i = 0; i < 3; i++)
		fixture_submit(f, id);
	fixture_finish(f, fixture_claim(f, id, "t"), "t");
	for (int64_t user = 0; user <= f->user_id; user += f->user_id) {
		int n[STATUS_COUNT] = {0};
		assert_int_equal(
			db_count_each(f->web, user, sum_counts, n, &f->e), 0);
		assert_int_equal(n[STATUS_PENDING], 2);
		assert_int_equal(n[STATUS_RUNNING], 0);
		assert_int_equal(n[STATUS_COMPLETED], 1);
	}
}

static int
take_session(void *arg, const struct db_session *s, struct verr *e)
{
	(void)e;
	assert_string_equal(s->user, "ann");
	*(int64_t *)arg = s->user_id;
	return 0;
}

static int
take_user(void *arg, const struct db_user *u, struct verr *e)
{
	(void)e;
	*(int64_t *)arg = u->id;
	return 0;
}

static void
test_people(void **state)
{
	HERE;
	int64_t id = 0, key, far = vtime_wall_ms() + 100000;
	assert_int_equal(
		db_user_add(f->admin, "ann", NULL, false, &id, &f->e), -1);
	assert_int_equal(f->e.kind, VERR_INPUT);
	assert_int_equal(
		db_session_add(f->web, "h", f->user_id, "c", far, &f->e), 0);
	assert_int_equal(
		db_session_add(f->web, "old", f->user_id, "c", 5, &f->e), 0);
	assert_int_equal(
		db_session_find(f->web, "h", take_session, &id, &f->e), 1);
	assert_int_equal(id, f->user_id);
	assert_int_equal(
		db_session_find(f->web, "old", take_session, &id, &f->e), 0);
	assert_int_equal(db_session_expire(f->web, &f->e), 0);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM sessions"), 1);
	assert_int_equal(db_session_delete(f->web, "h", &f->e), 1);
	assert_int_equal(db_session_delete(f->web, "h", &f->e), 0);

	assert_int_equal(db_link_add(f->admin, "l", f->user_id, far, &f->e), 0);
	assert_int_equal(db_link_add(f->admin, "m", f->user_id, 5, &f->e), 0);
	assert_int_equal(db_link_consume(f->web, "l", &id, &f->e), 1);
	assert_int_equal(db_link_consume(f->web, "l", &id, &f->e), 0);
	assert_int_equal(db_link_consume(f->web, "m", &id, &f->e), 0);

	assert_int_equal(
		db_key_add(f->web, f->user_id, "ci", "vk_a", "kh", &key, &f->e),
		0);
	assert_int_equal(db_key_find(f->web, "kh", take_user, &id, &f->e), 1);
	assert_int_equal(db_key_revoke(f->web, key, 999, &f->e), 0);
	assert_int_equal(db_key_revoke(f->web, key, f->user_id, &f->e), 1);
	assert_int_equal(db_key_find(f->web, "kh", take_user, &id, &f->e), 0);
}

static void
test_backends_nodes_events(void **state)
{
	HERE;
	struct db_backend b = {.node = "n",
		.isolation = TIER_ISOLATE,
		.usable = true,
		.engine = "v8",
		.engine_version = "10",
		.runtimes = "javascript",
		.reason = "",
		.remedy = ""};
	assert_int_equal(db_backend_put(f->queue, &b, &f->e), 0);
	b.usable = false;
	assert_int_equal(db_backend_put(f->queue, &b, &f->e), 0);
	assert_int_equal(
		fixture_ask(f, "SELECT sum(usable) + count(*) FROM backends"),
		1);
	struct db_node n = {.name = "n", .boot_id = "b", .version = "1"};
	assert_int_equal(db_node_put(f->queue, &n, true, &f->e), 0);
	assert_int_equal(db_node_put(f->queue, &n, false, &f->e), 0);
	struct db_event event = {.what = "x", .user_id = f->user_id};
	assert_int_equal(db_event_add(f->web, &event, &f->e), 0);
	event.user_id = 0;
	assert_int_equal(db_event_add(f->queue, &event, &f->e), 0);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM events"), 2);
}

#define CASE(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_submit_and_read),
		CASE(test_idempotency_key),
		CASE(test_claim_run_finish),
		CASE(test_result_in_full),
		CASE(test_give_back_and_recovery),
		CASE(test_h11_cancel_races),
		CASE(test_transitions_are_refused),
		CASE(test_lines_of_users),
		CASE(test_pages),
		CASE(test_pages_by_time_and_label),
		CASE(test_counts),
		CASE(test_people),
		CASE(test_backends_nodes_events),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
