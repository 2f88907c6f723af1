/* Results as lines: there and back, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "poison.h"
#include "run.h"

static struct run_result
full_result(void)
{
	struct verr e;
	struct run_result r = {.reason = REASON_MEMORY,
		.exited = true,
		.exit_code = -2147483647 - 1,
		.signal = 9,
		.engine = "v8",
		.warmth = WARMTH_RESTORED,
		.limit_name = "memory_mib",
		.limit_value = 65,
		.limit_setting = 64,
		.cpu_us = 1,
		.wall_us = INT64_MAX,
		.memory_peak_kib = 3,
		.stdout_bytes = 4,
		.stderr_bytes = 5,
		.stdout_truncated = true};
	for (int i = 0; i < PHASE_COUNT; i += 2) {
		r.phase_seen[i] = true;
		r.phase_ns[i] = (uint64_t)i * 1000;
	}
	assert_int_equal(run_meta_set(&r, "a-1", "x=y", &e), 0);
	assert_int_equal(run_meta_setf(&r, &e, "b", "%d", 7), 0);
	return r;
}

static void
test_there_and_back(void **state)
{
	(void)state;
	struct verr e;
	struct run_result r = full_result(), back;
	struct buf v_autobuf a = BUF(65536);
	struct buf v_autobuf b = BUF(65536);
	assert_int_equal(run_result_encode(&r, &a, &e), 0);
	assert_int_equal(run_result_decode(a.data, a.len, &back, &e), 0);
	assert_int_equal(run_result_encode(&back, &b, &e), 0);
	assert_string_equal(buf_text(&a), buf_text(&b));
	assert_int_equal(back.exit_code, r.exit_code);
	assert_int_equal(back.wall_us, r.wall_us);
	assert_int_equal(back.meta_count, 2);
	assert_string_equal(back.meta[0].value, "x=y");
	assert_true(back.phase_seen[2] && !back.phase_seen[1]);
	/* Cut anywhere it is refused or lacks a line; it never reads on. */
	for (size_t n = 0; n < a.len; n++) {
		char *exact = malloc(n + 1);
		memcpy(exact, a.data, n);
		(void)run_result_decode(exact, n, &back, &e);
		free(exact);
	}
}

static void
test_refusals(void **state)
{
	(void)state;
#define HEAD "reason=\nsandbox=cold\n"
	static const char *const bad[] = {
		"",
		"reason=\n",
		"sandbox=cold\n",
		"reason=nonsense\nsandbox=cold\n",
		HEAD "reason=\n",
		HEAD "cpu_us=1\ncpu_us=1\n",
		HEAD "cpu_us=-1\n",
		HEAD "cpu_us=9223372036854775808\n",
		HEAD "cpu_us=\n",
		HEAD "exit_code=2147483648\n",
		HEAD "exit_code=-2147483649\n",
		HEAD "exit_code=--1\n",
		HEAD "exit_code=\n",
		HEAD "signal=0\n",
		HEAD "signal=65\n",
		HEAD "stdout_truncated=2\n",
		HEAD "engine=\n",
		HEAD "engine=0123456789012345678901234567890\n",
		HEAD "phase-nothing=1\n",
		HEAD "phase-exec=1\nphase-exec=1\n",
		HEAD "meta-=1\n",
		HEAD "meta-UP=1\n",
		HEAD "meta-a=1\nmeta-a=1\n",
		HEAD "meta-a=\x01\n",
		HEAD "meta-a=\xff\n",
		HEAD "unknown=1\n",
		HEAD "no equals sign\n",
		HEAD "cpu_us=1",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct run_result r;
		struct verr e;
		assert_int_equal(
			run_result_decode(bad[i], strlen(bad[i]), &r, &e), -1);
		assert_int_equal(e.kind, VERR_PROTO);
	}
	struct run_result r;
	struct verr e;
	assert_int_equal(run_result_decode(HEAD, strlen(HEAD), &r, &e), 0);
}

static void
test_metadata(void **state)
{
	(void)state;
	struct verr e;
	struct run_result r = {0};
	char long_value[RUN_META_VALUE_BYTES * 2];
	memset(long_value, 'v', sizeof(long_value) - 1);
	long_value[sizeof(long_value) - 1] = '\0';
	assert_int_equal(run_meta_set(&r, "k", "one\ntwo", &e), 0);
	assert_string_equal(r.meta[0].value, "one");
	assert_int_equal(run_meta_set(&r, "k", long_value, &e), 0);
	assert_int_equal(r.meta_count, 1);
	assert_int_equal(strlen(r.meta[0].value), RUN_META_VALUE_BYTES - 1);
	assert_int_equal(run_meta_set(&r, "", "v", &e), -1);
	assert_int_equal(run_meta_set(&r, "a b", "v", &e), -1);
	assert_int_equal(e.kind, VERR_INPUT);
	for (int i = 1; i < RUN_META_MAX; i++) {
		char key[16];
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(run_meta_set(&r, key, "v", &e), 0);
	}
	assert_int_equal(run_meta_set(&r, "more", "v", &e), -1);
	assert_int_equal(e.kind, VERR_LIMIT);
	assert_int_equal(run_meta_set(&r, "k1", "again", &e), 0);
}

static void
test_signal_names(void **state)
{
	(void)state;
	char room[16];
	assert_string_equal(run_signal_text(9, room), "SIGKILL");
	assert_string_equal(run_signal_text(11, room), "SIGSEGV");
	assert_string_equal(run_signal_text(60, room), "SIG60");
	assert_string_equal(run_signal_text(-3, room), "SIG-3");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_signal_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
