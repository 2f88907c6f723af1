/* Claims: who gets a seat, and when it is no use to look again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "db_fixture.h"
#include "poison.h"
#include "queue.h"
#include "vtime.h"

static struct queue q;
static struct conf conf;

static void
queue_begin(struct fixture *f, unsigned slots)
{
	conf_defaults(&conf);
	conf.slots = slots;
	q = (struct queue){.conf = &conf,
		.db = f->queue,
		.now_ns = vtime_mono_ns(),
		.look = true};
	snprintf(q.boot_id, sizeof(q.boot_id), "this");
	assert_int_equal(seats_init(&q, &f->e), 0);
	q.tiers[TIER_ISOLATE].usable = true;
}

static unsigned
runs(void)
{
	unsigned n = 0;
	for (unsigned i = 0; i < q.seat_count; i++)
		n += q.seats[i].run != NULL;
	return n;
}

/* Turns until nothing more is to be claimed; how many there were. */
static unsigned
claim_turns(struct fixture *f)
{
	unsigned turns = 0;
	for (; q.look && claim_is_possible(&q) && turns < 100; turns++) {
		assert_int_equal(db_begin(q.db, &f->e), 0);
		assert_int_equal(claim_all(&q, &f->e), 0);
		assert_int_equal(db_commit(q.db, false, &f->e), 0);
	}
	return turns;
}

/* The first run found has ended. */
static void
end_one(void)
{
	unsigned i = 0;
	while (q.seats[i].run == NULL)
		i++;
	run_free(q.seats[i].run);
	q.seats[i].run = NULL;
	claim_again(&q);
}

static void
test_user_at_maximum_is_left_alone(void **state)
{
	struct fixture *f = *state;
	char id[ULID_TEXT_BYTES];
	for (int i = 0; i < 20; i++)
		fixture_submit(f, id);
	queue_begin(f, 16);
	conf.running_user_max = 3;
	assert_in_range(claim_turns(f), 1, 3);
	assert_int_equal(runs(), 3);
	assert_false(q.look);
	assert_true(q.capped);
	end_one();
	assert_in_range(claim_turns(f), 1, 3);
	assert_int_equal(runs(), 3);
	seats_done(&q);
}

static void
test_no_seat_no_look(void **state)
{
	struct fixture *f = *state;
	char id[ULID_TEXT_BYTES];
	for (int i = 0; i < 12; i++)
		fixture_submit(f, id);
	queue_begin(f, 4);
	assert_in_range(claim_turns(f), 1, 2);
	assert_int_equal(runs(), 4);
	q.look = true;
	assert_false(claim_is_possible(&q));
	end_one();
	assert_in_range(claim_turns(f), 1, 2);
	assert_int_equal(runs(), 4);
	seats_done(&q);
}

/* More users than one turn looks at: the highest ids wait longest here. */
static void
test_users_take_turns(void **state)
{
	enum { USERS = 260 };
	struct fixture *f = *state;
	int64_t users[USERS];
	for (int i = 0; i < USERS; i++) {
		char name[16];
		snprintf(name, sizeof(name), "user%d", i);
		assert_int_equal(db_user_add(f->admin, name, NULL, false,
					 &users[i], &f->e),
			0);
	}
	for (int i = USERS - 1; i >= 0; i--) {
		char id[ULID_TEXT_BYTES];
		struct db_submission s = fixture_submission(users[i]);
		assert_int_equal(
			db_workload_insert(f->web, &s, 1000, id, &f->e), 1);
	}
	queue_begin(f, 2);
	claim_turns(f);
	end_one();
	end_one();
	claim_turns(f);
	assert_int_equal(runs(), 2);
	for (unsigned i = 0; i < q.seat_count; i++)
		assert_true(q.seats[i].run->user_id >= users[USERS - 4]);
	seats_done(&q);
}

/* A claim without a seat lasts as long as its lease. */
static void
test_lease_runs_out(void **state)
{
	struct fixture *f = *state;
	char id[ULID_TEXT_BYTES];
	fixture_submit(f, id);
	queue_begin(f, 2);
	claim_turns(f);
	assert_int_equal(runs(), 1);
	q.now_ns += 3600 * 1000 * VTIME_NS_PER_MS;
	assert_int_equal(leases_expire(&q, &f->e), 0);
	static const char running[] =
		"SELECT count(*) FROM workloads WHERE status = 'running'";
	assert_int_equal(fixture_ask(f, running), 1);
	end_one();
	q.now_ns -= 3600 * 1000 * VTIME_NS_PER_MS;
	assert_int_equal(leases_expire(&q, &f->e), 0);
	assert_int_equal(fixture_ask(f, running), 1);
	q.now_ns += 3600 * 1000 * VTIME_NS_PER_MS;
	q.look = false;
	assert_int_equal(leases_expire(&q, &f->e), 0);
	assert_int_equal(fixture_ask(f, running), 0);
	assert_int_equal(
		fixture_ask(
			f, "SELECT count(*) FROM runs WHERE status = 'lost'"),
		1);
	assert_true(q.look);
	seats_done(&q);
}

/* A result that the schema refuses ends its run, and no other's. */
static void
test_result_that_cannot_be_recorded(void **state)
{
	struct fixture *f = *state;
	char id[ULID_TEXT_BYTES];
	fixture_submit(f, id);
	queue_begin(f, 2);
	claim_turns(f);
	struct run *r = q.seats[0].run;
	assert_non_null(r);
	r->claimed = r->started = r->ended = r->has_result = true;
	r->started_due_ns = 1;
	r->result.meta_count = 2; /* the same key twice */
	for (int i = 0; i < 2; i++) {
		snprintf(r->result.meta[i].key, sizeof(r->result.meta[i].key),
			"k");
		snprintf(r->result.meta[i].value,
			sizeof(r->result.meta[i].value), "v");
	}
	bool durable = false;
	assert_int_equal(db_begin(q.db, &f->e), 0);
	assert_int_equal(run_write(&q, r, &durable, &f->e), -1);
	db_rollback(q.db);
	run_undo(r);
	assert_true(r->spoiled);
	assert_int_equal(db_begin(q.db, &f->e), 0);
	assert_int_equal(run_write(&q, r, &durable, &f->e), 0);
	assert_int_equal(db_commit(q.db, durable, &f->e), 0);
	assert_false(r->lost);
	assert_int_equal(
		fixture_ask(f,
			"SELECT count(*) FROM workloads WHERE status = 'failed'"
			" AND reason = 'platform'"),
		1);
	seats_done(&q);
}

#define CASE(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_user_at_maximum_is_left_alone),
		CASE(test_no_seat_no_look),
		CASE(test_users_take_turns),
		CASE(test_lease_runs_out),
		CASE(test_result_that_cannot_be_recorded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
