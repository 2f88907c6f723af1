/* backend.c: the order of calls, and whose error it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend.h"
#include "fake_driver.h"
#include "poison.h"

static struct conf conf;
static const struct sandbox_class class = {TIER_ISOLATE, RUNTIME_JAVASCRIPT};
static const struct sandbox_slot slot = {3, 61203, "slot-3"};
static const struct run_spec spec = {.id = "a"};

static int
started(void *ctx, struct verr *e)
{
	(void)e;
	++*(int *)ctx;
	return 0;
}

static struct backend *
open_fake(void)
{
	fake_driver_reset();
	backend_use_driver(&fake_driver);
	struct backend *b;
	struct verr e;
	assert_int_equal(backend_open(TIER_ISOLATE, &conf, &b, &e), 0);
	return b;
}

static struct sandbox *
create(struct backend *b)
{
	struct sandbox *sb;
	struct verr e;
	assert_int_equal(backend_create(b, &class, &slot, &sb, &e), 0);
	return sb;
}

static void
test_whole_life(void **state)
{
	(void)state;
	struct backend *b = open_fake();
	struct sandbox *sb = create(b);
	int starts = 0;
	const struct run_sink sink = {.ctx = &starts, .started = started};
	struct run_left left;
	run_left_init(&left);
	struct verr e;
	assert_int_equal(backend_start(sb, &spec, WARMTH_COLD, &sink, &e), 0);
	assert_int_equal(starts, 1);
	assert_int_equal(backend_wait(sb, -1, &e), 1);
	assert_int_equal(backend_collect(sb, &left, &e), 0);
	assert_true(left.result.exited);
	assert_true(left.result.phase_seen[PHASE_CREATE]);
	assert_true(left.result.phase_seen[PHASE_COLLECT]);
	assert_int_equal(left.result.warmth, WARMTH_COLD);
	backend_destroy(sb);
	backend_close(b);
	run_left_done(&left);
	assert_string_equal(
		fake_calls, "open create start wait collect destroy close");
}

/* A guest that broke out could forge fields of its record with its result. */
static void
test_result_must_be_json(void **state)
{
	(void)state;
	static const struct {
		const char *said;
		bool kept;
	} rows[] = {
		{"{\"a\":[1]}", true},
		{"1,\"status\":\"completed\"", false},
		{"{\"a\":", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct backend *b = open_fake();
		struct sandbox *sb = create(b);
		int starts = 0;
		const struct run_sink sink = {
			.ctx = &starts, .started = started};
		struct run_left left;
		run_left_init(&left);
		struct verr e;
		fake_output = rows[i].said;
		assert_int_equal(
			backend_start(sb, &spec, WARMTH_COLD, &sink, &e), 0);
		assert_int_equal(backend_wait(sb, -1, &e), 1);
		assert_int_equal(backend_collect(sb, &left, &e), 0);
		assert_string_equal(buf_text(&left.output),
			rows[i].kept ? rows[i].said : "");
		assert_int_equal(left.result.reason,
			rows[i].kept ? REASON_NONE : REASON_EXIT);
		backend_destroy(sb);
		backend_close(b);
		run_left_done(&left);
	}
}

/* Every call that is out of order is refused and never reaches the driver. */
static void
test_order(void **state)
{
	(void)state;
	struct backend *b = open_fake();
	struct sandbox *sb = create(b);
	int starts = 0;
	const struct run_sink sink = {.ctx = &starts, .started = started};
	struct run_left left;
	run_left_init(&left);
	struct verr e;
	assert_int_equal(backend_wait(sb, -1, &e), -1);
	assert_int_equal(e.kind, VERR_BUG);
	assert_string_equal(e.msg, "fake: wait of a sandbox that is made");
	assert_int_equal(backend_kill(sb, REASON_CANCELLED, &e), -1);
	assert_int_equal(backend_collect(sb, &left, &e), -1);
	assert_int_equal(backend_start(sb, &spec, WARMTH_WARM, &sink, &e), 0);
	assert_int_equal(backend_start(sb, &spec, WARMTH_WARM, &sink, &e), -1);
	assert_string_equal(e.msg, "fake: start of a sandbox that is started");
	assert_int_equal(backend_collect(sb, &left, &e), -1);
	fake_wait = 0;
	assert_int_equal(backend_wait(sb, -1, &e), 0);
	assert_int_equal(backend_kill(sb, REASON_CANCELLED, &e), 0);
	assert_int_equal(backend_kill(sb, REASON_CANCELLED, &e), -1);
	assert_int_equal(backend_collect(sb, &left, &e), 0);
	assert_false(left.result.phase_seen[PHASE_CREATE]);
	assert_int_equal(backend_collect(sb, &left, &e), -1);
	assert_string_equal(
		e.msg, "fake: collect of a sandbox that is collected");
	backend_destroy(sb);
	backend_close(b);
	run_left_done(&left);
	assert_string_equal(fake_calls,
		"open create start wait kill collect destroy close");
}

static void
test_errors_are_named(void **state)
{
	(void)state;
	struct backend *b = open_fake();
	struct sandbox *sb;
	struct verr e;
	fake_failure = "create";
	assert_int_equal(backend_create(b, &class, &slot, &sb, &e), -1);
	assert_string_equal(e.msg, "fake: create: it was told to fail");
	fake_failure = NULL;
	sb = create(b);
	int starts = 0;
	const struct run_sink sink = {.ctx = &starts, .started = started};
	fake_failure = "start";
	assert_int_equal(backend_start(sb, &spec, WARMTH_COLD, &sink, &e), -1);
	assert_string_equal(e.msg, "fake: start: it was told to fail");
	assert_int_equal(starts, 0);
	backend_destroy(sb);
	fake_failure = "sweep";
	assert_int_equal(backend_sweep(b, &slot, &e), -1);
	assert_string_equal(e.msg, "fake: sweep: it was told to fail");
	fake_failure = "probe";
	struct backend_caps caps;
	assert_int_equal(backend_probe(b, &slot, &caps, &e), -1);
	assert_string_equal(e.msg, "fake: probe: it was told to fail");
	assert_int_equal(backend_fd(b), -1);
	assert_int_equal(backend_tend(b, &e), 0);
	backend_close(b);
}

static void
test_unknown_tier(void **state)
{
	(void)state;
	struct backend *b;
	struct verr e;
	assert_int_equal(backend_known(TIER_ISOLATE), 1);
	assert_int_equal(backend_known(TIER_COUNT), 0);
	fake_driver_reset();
	backend_use_driver(&fake_driver);
	fake_failure = "open";
	assert_int_equal(backend_open(TIER_ISOLATE, &conf, &b, &e), -1);
	assert_string_equal(e.msg, "fake: open: it was told to fail");
}

static void
test_destroy_from_any_state(void **state)
{
	(void)state;
	struct backend *b = open_fake();
	backend_destroy(NULL);
	backend_destroy(create(b));
	{
		struct sandbox v_autosandbox *sb = create(b);
		assert_non_null(sb);
	}
	backend_close(b);
	backend_close(NULL);
	assert_string_equal(
		fake_calls, "open create destroy create destroy close");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_life),
		cmocka_unit_test(test_result_must_be_json),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_errors_are_named),
		cmocka_unit_test(test_unknown_tier),
		cmocka_unit_test(test_destroy_from_any_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
