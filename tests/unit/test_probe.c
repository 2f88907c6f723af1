/* What a probe's answer, or the lack of one, does to a tier. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "poison.h"
#include "queue.h"
#include "vtime.h"

#define YES "usable=1\nengine=v8\nreason=\n"
#define NO "usable=0\nengine=\nreason=no library\n"
#define UNKNOWN "usable=-1\nengine=\nreason=no memory just now\n"

static struct queue q;
static struct seat seat;
static struct tier_state *const tier = &q.tiers[TIER_ISOLATE];

/* NULL: the prober ends without an answer. Returns seconds to the next. */
static int64_t
probe(const char *answer)
{
	tier->probing = true;
	if (answer != NULL) {
		struct wire_frame f = {.type = WIRE_READY,
			.data = (const unsigned char *)answer,
			.len = strlen(answer)};
		probe_take(&q, 0, &f);
	}
	probe_end(&q, TIER_ISOLATE);
	assert_false(tier->probing);
	return (tier->probe_due_ns - q.now_ns) / 1000 / VTIME_NS_PER_MS;
}

static int
begin(void **state)
{
	(void)state;
	seat = (struct seat){.tier = TIER_ISOLATE, .probe = true};
	q = (struct queue){.now_ns = 1000, .seats = &seat, .seat_count = 1};
	return 0;
}

static void
test_usable_tier_survives_one_doubt(void **state)
{
	(void)state;
	static const char *const doubts[] = {NULL, UNKNOWN, "", "nonsense"};
	for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++) {
		assert_int_equal(probe(YES), 600);
		assert_int_equal(probe(doubts[i]), 10);
		assert_true(tier->usable);
		assert_string_equal(tier->engine, "v8");
		assert_int_equal(probe(YES), 600);
		assert_int_equal(probe(doubts[i]), 10);
		assert_int_equal(probe(doubts[i]), 20);
		assert_false(tier->usable);
	}
}

static void
test_refusal_closes_and_is_asked_again(void **state)
{
	(void)state;
	static const int64_t waits[] = {10, 20, 40, 80, 160, 320, 600, 600};
	assert_int_equal(probe(YES), 600);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		assert_int_equal(probe(NO), waits[i]);
		assert_false(tier->usable);
		assert_string_equal(tier->reason, "no library");
	}
	tier->pending = true;
	assert_int_equal(probe(NO), 10);
	assert_int_equal(probe(YES), 600);
	assert_true(tier->usable);
	assert_string_equal(tier->reason, "");
	assert_int_equal(probe(NO), 10);
}

static void
test_no_first_answer(void **state)
{
	(void)state;
	assert_int_equal(probe(NULL), 10);
	assert_true(tier->known);
	assert_false(tier->usable);
	assert_string_equal(tier->reason, "the probe ended without an answer");
	assert_int_equal(probe(UNKNOWN), 20);
	assert_string_equal(tier->reason, "no memory just now");
}

#define CASE(name) cmocka_unit_test_setup(name, begin)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_usable_tier_survives_one_doubt),
		CASE(test_refusal_closes_and_is_asked_again),
		CASE(test_no_first_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
