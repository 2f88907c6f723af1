/* The pool's policy, walked through time, and fair shares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fair.h"
#include "poison.h"
#include "pool.h"

#define MS INT64_C(1000000)
#define START (INT64_C(100000) * 1000 * MS)

static const struct pool_bounds bounds = {
	.class_max = 16, .all_max = 20, .idle_ns = 30000 * MS};

static void
nothing_before_the_first(void **state)
{
	(void)state;
	struct pool_class c = {0};
	assert_int_equal(pool_target(&c, &bounds, START), 0);
	pool_arrival(&c, START);
	assert_int_equal(pool_target(&c, &bounds, START), 6);
}

static void
follows_demand(void **state)
{
	(void)state;
	static const struct {
		int64_t gap_ms, make_ms;
		unsigned least, most;
	} rows[] = {
		{1000, 4, 6, 6}, /* one a second */
		{10, 4, 7, 8}, /* a hundred a second */
		{2, 4, 11, 13}, /* five hundred */
		{1, 10, 16, 16}, /* more than the ceiling */
		{100, 2000, 16, 16}, /* slow to make */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pool_class c = {0};
		int64_t now = START;
		pool_made(&c, rows[i].make_ms * MS);
		for (int n = 0; n < 3000 / rows[i].gap_ms; n++) {
			pool_arrival(&c, now);
			now += rows[i].gap_ms * MS;
		}
		assert_in_range(pool_target(&c, &bounds, now), rows[i].least,
			rows[i].most);
	}
}

static void
empties_when_quiet(void **state)
{
	(void)state;
	struct pool_class c = {0};
	for (int i = 0; i < 1000; i++)
		pool_arrival(&c, START + i * MS);
	int64_t last = START + 999 * MS;
	assert_true(pool_target(&c, &bounds, last + MS) > 6);
	assert_int_equal(pool_target(&c, &bounds, last + 5000 * MS), 6);
	assert_int_equal(
		pool_target(&c, &bounds, last + bounds.idle_ns - 1), 6);
	assert_int_equal(pool_target(&c, &bounds, last + bounds.idle_ns), 0);
}

static void
keeps_to_the_budget(void **state)
{
	(void)state;
	static const struct {
		unsigned target, have, have_all, missing;
	} rows[] = {
		{0, 0, 0, 0},
		{4, 0, 0, 4},
		{4, 4, 4, 0},
		{4, 6, 6, 0},
		{10, 2, 18, 2},
		{10, 2, 20, 0},
		{10, 2, 25, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(pool_missing(rows[i].target, rows[i].have,
					 rows[i].have_all, &bounds),
			rows[i].missing);
}

static void
smooths_the_time_to_make(void **state)
{
	(void)state;
	struct pool_class c = {0};
	pool_made(&c, 10 * MS);
	assert_int_equal(c.make_ns, 10 * MS);
	pool_made(&c, 20 * MS);
	assert_int_equal(c.make_ns, 12 * MS);
}

static void
picks_fairly(void **state)
{
	(void)state;
	static const struct {
		struct fair_user users[3];
		unsigned max;
		int pick;
	} rows[] = {
		{{{1, 0, ""}, {2, 0, ""}, {3, 0, ""}}, 9, -1},
		{{{1, 0, "B"}, {2, 0, "A"}, {3, 0, "C"}}, 9, 1},
		{{{1, 2, "A"}, {2, 1, "B"}, {3, 1, "C"}}, 9, 1},
		{{{1, 2, "A"}, {2, 1, ""}, {3, 3, "C"}}, 9, 0},
		{{{1, 2, "A"}, {2, 2, "B"}, {3, 2, "C"}}, 2, -1},
		{{{1, 5, "A"}, {2, 0, ""}, {3, 1, "Z"}}, 2, 2},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			fair_pick(rows[i].users, 3, rows[i].max), rows[i].pick);
	assert_int_equal(fair_pick(NULL, 0, 1), -1);
}

/* One user floods: the other's share stays within one of half. */
static void
shares_a_flood(void **state)
{
	(void)state;
	struct fair_user users[] = {{1, 0, "A"}, {2, 0, "B"}};
	for (int i = 0; i < 64; i++) {
		int k = fair_pick(users, 2, 64);
		assert_true(k == 0 || k == 1);
		users[k].running++;
		int apart = (int)users[0].running - (int)users[1].running;
		assert_in_range(apart + 1, 0, 2);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_before_the_first),
		cmocka_unit_test(follows_demand),
		cmocka_unit_test(empties_when_quiet),
		cmocka_unit_test(keeps_to_the_budget),
		cmocka_unit_test(smooths_the_time_to_make),
		cmocka_unit_test(picks_fairly),
		cmocka_unit_test(shares_a_flood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
