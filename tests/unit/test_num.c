/* Text to number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "num.h"
#include "poison.h"

static void
test_numbers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t min, max;
		int r;
		uint64_t value;
	} cases[] = {
		{"0", 0, 9, 0, 0},
		{"007", 0, 9, 0, 7},
		{"10", 0, 10, 0, 10},
		{"11", 0, 10, -1, 0},
		{"4", 5, 10, -1, 0},
		{"18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX},
		{"18446744073709551616", 0, UINT64_MAX, -1, 0},
		{"99999999999999999999999", 0, UINT64_MAX, -1, 0},
		{"", 0, 9, -1, 0},
		{" 5", 0, 9, -1, 0},
		{"5 ", 0, 9, -1, 0},
		{"+5", 0, 9, -1, 0},
		{"-5", 0, 9, -1, 0},
		{"5.0", 0, 9, -1, 0},
		{"1e3", 0, 9999, -1, 0},
		{"0x5", 0, 9, -1, 0},
		{"NaN", 0, 9, -1, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct verr e;
		uint64_t v = 77;
		int r = num_u64s(cases[i].text, cases[i].min, cases[i].max,
			"limit", &v, &e);
		assert_int_equal(r, cases[i].r);
		assert_int_equal(v, r == 0 ? cases[i].value : 77);
		if (r == -1) {
			assert_int_equal(e.kind, VERR_INPUT);
			assert_memory_equal(e.msg, "limit:", 6);
		}
	}
}

static void
test_only_len_bytes_are_read(void **state)
{
	(void)state;
	struct verr e;
	uint64_t v;
	assert_int_equal(num_u64("129", 2, 0, 99, "x", &v, &e), 0);
	assert_int_equal(v, 12);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_only_len_bytes_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
