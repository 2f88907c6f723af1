/* How runs end, and what a keeper takes for a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "job.h"
#include "poison.h"
#include "settle.h"

static void
settles(void **state)
{
	(void)state;
	enum { NO_RESULT = -1 };
	static const struct {
		int reason;
		bool cancelled, started;
		uint64_t attempt;
		bool give_back;
		enum status status;
		enum reason want;
	} rows[] = {
		{REASON_NONE, false, true, 1, false, STATUS_COMPLETED,
			REASON_NONE},
		{REASON_NONE, true, true, 1, false, STATUS_COMPLETED,
			REASON_NONE},
		{REASON_EXIT, false, true, 1, false, STATUS_FAILED,
			REASON_EXIT},
		{REASON_TIMEOUT, false, true, 1, false, STATUS_FAILED,
			REASON_TIMEOUT},
		{REASON_COMPILE, false, false, 1, false, STATUS_FAILED,
			REASON_COMPILE},
		{REASON_CANCELLED, true, true, 1, false, STATUS_KILLED,
			REASON_CANCELLED},
		{NO_RESULT, true, false, 1, false, STATUS_KILLED,
			REASON_CANCELLED},
		{NO_RESULT, true, true, 3, false, STATUS_KILLED,
			REASON_CANCELLED},
		{NO_RESULT, false, false, 1, true, STATUS_PENDING,
			REASON_PLATFORM},
		{NO_RESULT, false, false, 2, true, STATUS_PENDING,
			REASON_PLATFORM},
		{NO_RESULT, false, false, 3, false, STATUS_FAILED,
			REASON_PLATFORM},
		{NO_RESULT, false, true, 1, false, STATUS_FAILED,
			REASON_PLATFORM},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct run_result result = {
			.reason = rows[i].reason == NO_RESULT
				? REASON_NONE
				: (enum reason)rows[i].reason};
		struct settle_facts f = {
			.result = rows[i].reason == NO_RESULT ? NULL : &result,
			.cancelled = rows[i].cancelled,
			.started = rows[i].started,
			.attempt = rows[i].attempt,
			.attempts_max = 3};
		struct settle s = settle_decide(&f);
		assert_int_equal(s.give_back, rows[i].give_back);
		assert_int_equal(s.status, rows[i].status);
		assert_int_equal(s.reason, rows[i].want);
	}
}

static void
forgives_a_dead_warm_sandbox_once(void **state)
{
	(void)state;
	struct settle_facts f = {.warm = true, .attempt = 1, .attempts_max = 1};
	assert_true(settle_decide(&f).give_back);
	f.attempt = 2;
	assert_false(settle_decide(&f).give_back);
	f = (struct settle_facts){
		.warm = true, .started = true, .attempt = 1, .attempts_max = 3};
	assert_false(settle_decide(&f).give_back);
}

#define LIMITS \
	"\"limits\":{\"wall_ms\":1000,\"cpu_ms\":1000,\"memory_mib\":64," \
	"\"vcpus\":1,\"processes\":8,\"disk_mib\":1,\"output_bytes\":100}"
#define SPEC \
	"{\"id\":\"x\",\"runtime\":\"javascript\",\"entrypoint\":\"i.js\"," \
	"\"sandbox\":\"warm\",\"args\":[\"a\"],\"env\":{\"K\":\"v\"}," LIMITS \
	"}"

static int
take(struct job *j, enum wire_type type, const void *data, size_t n)
{
	static struct conf conf;
	struct verr e;
	conf_defaults(&conf);
	struct wire_frame f = {.type = type, .data = data, .len = n};
	return job_take(j, &conf, &f, &e);
}

static void
takes_a_job(void **state)
{
	(void)state;
	struct job j;
	job_init(&j);
	assert_int_equal(take(&j, WIRE_SPEC, SPEC, strlen(SPEC)), 0);
	assert_int_equal(take(&j, WIRE_FILE, "\x04\0i.jscode", 10), 0);
	assert_int_equal(take(&j, WIRE_FILE, "\x01\0b", 3), 0);
	assert_int_equal(take(&j, WIRE_INPUT, "{}", 2), 0);
	assert_int_equal(take(&j, WIRE_STDIN, "in", 2), 0);
	assert_int_equal(take(&j, WIRE_STDIN, "in", 2), -1);
	assert_int_equal(take(&j, WIRE_GO, "", 0), 1);
	assert_int_equal(j.warmth, WARMTH_WARM);
	assert_string_equal(j.spec.entrypoint, "i.js");
	assert_string_equal(j.spec.args, "[\"a\"]");
	assert_int_equal(j.spec.limits.memory_mib, 64);
	assert_int_equal(j.spec.file_count, 2);
	assert_string_equal(j.spec.files[0].name, "i.js");
	assert_memory_equal(j.spec.files[0].data, "code", 4);
	assert_int_equal(j.spec.files[1].len, 0);
	job_done(&j);
}

static void
refuses_jobs(void **state)
{
	(void)state;
	static const char *const specs[] = {
		"",
		"[]",
		"{",
		"{}",
		"null",
		"{\"id\":\"x\",\"runtime\":\"cobol\",\"entrypoint\":\"i\","
		"\"sandbox\":\"warm\",\"args\":[],\"env\":{}," LIMITS "}",
		"{\"id\":\"x\",\"runtime\":\"c\",\"entrypoint\":\"i\","
		"\"sandbox\":\"warm\",\"args\":{},\"env\":{}," LIMITS "}",
		"{\"id\":\"x\",\"runtime\":\"c\",\"entrypoint\":\"i\","
		"\"sandbox\":\"warm\",\"args\":[],\"env\":{},\"limits\":{}}",
		"{\"id\":\"x\",\"runtime\":\"c\",\"entrypoint\":\"i\","
		"\"sandbox\":\"warm\",\"args\":[],\"env\":{},\"limits\":"
		"{\"wall_ms\":1e308,\"cpu_ms\":1,\"memory_mib\":64,\"vcpus\":1,"
		"\"processes\":8,\"disk_mib\":1,\"output_bytes\":100}}",
		"{\"id\":\"x\",\"runtime\":\"c\",\"entrypoint\":\"i\","
		"\"sandbox\":\"warm\",\"args\":[],\"env\":{},\"limits\":"
		"{\"wall_ms\":0,\"cpu_ms\":1,\"memory_mib\":64,\"vcpus\":1,"
		"\"processes\":8,\"disk_mib\":1,\"output_bytes\":100}}",
	};
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct job j;
		job_init(&j);
		assert_int_equal(
			take(&j, WIRE_SPEC, specs[i], strlen(specs[i])), -1);
		job_done(&j);
	}
	struct job j;
	job_init(&j);
	assert_int_equal(take(&j, WIRE_GO, "", 0), -1);
	assert_int_equal(take(&j, WIRE_SPEC, SPEC, strlen(SPEC)), 0);
	assert_int_equal(take(&j, WIRE_SPEC, SPEC, strlen(SPEC)), -1);
	assert_int_equal(take(&j, WIRE_FILE, "", 0), -1);
	assert_int_equal(take(&j, WIRE_FILE, "\0\0", 2), -1);
	assert_int_equal(take(&j, WIRE_FILE, "\x05\0ab", 4), -1);
	assert_int_equal(take(&j, WIRE_FILE, "\x02\0a\0", 4), -1);
	assert_int_equal(take(&j, WIRE_RESULT, "", 0), -1);
	job_done(&j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settles),
		cmocka_unit_test(forgives_a_dead_warm_sandbox_once),
		cmocka_unit_test(takes_a_job),
		cmocka_unit_test(refuses_jobs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
