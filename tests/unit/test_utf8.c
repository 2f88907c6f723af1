/* UTF-8 as RFC 3629 has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "poison.h"
#include "utf8.h"

static void
test_steps(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t n, step;
	} cases[] = {
		{"", 0, 0},
		{"a", 1, 1},
		{"\0", 1, 1},
		{"\x7f", 1, 1},
		{"\x80", 1, 0},
		{"\xc1\xbf", 2, 0},
		{"\xc2\x80", 2, 2},
		{"\xdf\xbf", 2, 2},
		{"\xc2", 1, 0},
		{"\xe0\x9f\xbf", 3, 0},
		{"\xe0\xa0\x80", 3, 3},
		{"\xed\x9f\xbf", 3, 3},
		{"\xed\xa0\x80", 3, 0},
		{"\xef\xbf\xbf", 3, 3},
		{"\xf0\x8f\xbf\xbf", 4, 0},
		{"\xf0\x90\x80\x80", 4, 4},
		{"\xf4\x8f\xbf\xbf", 4, 4},
		{"\xf4\x90\x80\x80", 4, 0},
		{"\xf5\x80\x80\x80", 4, 0},
		{"\xf0\x9f\x92", 3, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			utf8_step(cases[i].text, cases[i].n), cases[i].step);
	assert_true(utf8_valid("a\xc3\xa9\xf0\x9f\x92\xa5", 7));
	assert_false(utf8_valid("a\xc3", 2));
	assert_true(utf8_valid("", 0));
}

static void
test_a12_cut_between_characters(void **state)
{
	(void)state;
	const char *text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x92\xa5";
	static const size_t cuts[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};
	for (size_t max = 0; max <= 10; max++)
		assert_int_equal(utf8_cut(text, 10, max), cuts[max]);
	assert_int_equal(utf8_cut(text, 10, 99), 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_a12_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
