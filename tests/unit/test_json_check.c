/* lib/json_check: what is JSON and what only looks like it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json_check.h"
#include "poison.h"

static const char *const good[] = {
	"0",
	"-0",
	"1.5e+10",
	"1E5",
	" null ",
	"true",
	"false",
	"\"\"",
	"\"a\\u00e9\\n\\ud800\"",
	"[]",
	"{}",
	"[ ]",
	"{ }",
	"[1,[2,{}],\"x\"]",
	"{\"a\":{\"b\":[null,{}]},\"c\":1}",
	"\r\n\t[1 , 2]\n",
	"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
};

static const char *const bad[] = {
	"",
	" ",
	"01",
	"+1",
	".5",
	"1.",
	"1e",
	"-",
	"nul",
	"nullx",
	"'a'",
	"\"",
	"\"a",
	"\"\n\"",
	"\"\\x\"",
	"\"\\u12g4\"",
	"\"\\",
	"[",
	"]",
	"[1",
	"[1,",
	"[1,]",
	"[,1]",
	"{",
	"{\"a\"}",
	"{\"a\":}",
	"{\"a\":1,}",
	"{a:1}",
	"{1:1}",
	"[1}",
	"{\"a\":1]",
	"1 2",
	"[]]",
	"{}{}",
	"\"\xff\"",
	"\"\xc0\x80\"",
	"\"\xed\xa0\x80\"",
	"NaN",
	"Infinity",
	"1,\"status\":\"completed\"",
	"[1]//",
	"\xef\xbb\xbf[]",
};

static void
test_tables(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!json_check(good[i], strlen(good[i])))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (json_check(bad[i], strlen(bad[i])))
			fail_msg("taken: %s", bad[i]);
	assert_false(json_check("\"a\0b\"", 5));
	assert_false(json_check("1\0", 2));
}

/* Every beginning of a whole value is not one itself. */
static void
test_cut_short(void **state)
{
	(void)state;
	static const char text[] =
		"{\"a\":[true,{\"b\":\"\\u00e9\"}],\"c\":{}}";
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_false(json_check(text, n));
	assert_true(json_check(text, sizeof(text) - 1));
}

static void
test_depth(void **state)
{
	(void)state;
	char text[2 * (JSON_CHECK_DEPTH_MAX + 1)];
	for (size_t d = JSON_CHECK_DEPTH_MAX; d <= JSON_CHECK_DEPTH_MAX + 1;
		d++) {
		memset(text, '[', d);
		memset(text + d, ']', d);
		assert_int_equal(
			json_check(text, 2 * d), d == JSON_CHECK_DEPTH_MAX);
	}
	memset(text, '[', sizeof(text));
	assert_false(json_check(text, sizeof(text)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
