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

#define CASE(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_user_at_maximum_is_left_alone),
		CASE(test_no_seat_no_look),
		CASE(test_users_take_turns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
