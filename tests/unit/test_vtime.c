/* Clocks and their text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "poison.h"
#include "vtime.h"

static void
test_text(void **state)
{
	(void)state;
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{951782399999, "2000-02-28T23:59:59.999Z"},
		{951782400000, "2000-02-29T00:00:00.000Z"},
		{1795393380001, "2026-11-23T00:23:00.001Z"},
		{253402300799999, "9999-12-31T23:59:59.999Z"},
		{253402300800000, "1970-01-01T00:00:00.000Z"},
		{-1, "1970-01-01T00:00:00.000Z"},
		{INT64_MAX, "1970-01-01T00:00:00.000Z"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[VTIME_TEXT_BYTES];
		vtime_text(cases[i].ms, out);
		assert_string_equal(out, cases[i].text);
	}
}

static void
test_clocks(void **state)
{
	(void)state;
	int64_t a = vtime_mono_ns(), b = vtime_mono_ns();
	assert_true(a > 0 && b >= a);
	assert_true(vtime_wall_ms() > INT64_C(1700000000000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_clocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
