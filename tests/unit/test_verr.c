/* Errors as values. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "poison.h"
#include "verr.h"

static void
test_set_says_what_and_why(void **state)
{
	(void)state;
	struct verr e;
	assert_int_equal(verr_set(&e, VERR_HOST, ENOENT, "open %s", "x"), -1);
	assert_int_equal(e.kind, VERR_HOST);
	assert_int_equal(e.sys, ENOENT);
	assert_string_equal(e.msg, "open x: No such file or directory");
	assert_int_equal(verr_wrap(&e, "reading %d", 7), -1);
	assert_string_equal(
		e.msg, "reading 7: open x: No such file or directory");
	assert_int_equal(e.kind, VERR_HOST);
}

static void
test_long_messages_are_cut(void **state)
{
	(void)state;
	struct verr e;
	char text[1000];
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	verr_set(&e, VERR_BUG, EIO, "%s", text);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	verr_wrap(&e, "%s", text);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	verr_wrap(&e, "b");
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	assert_memory_equal(e.msg, "b: aaa", 6);
}

static void
test_unknown_errno(void **state)
{
	(void)state;
	struct verr e;
	verr_set(&e, VERR_HOST, 99999, "x");
	assert_string_equal(e.msg, "x: unknown error");
	assert_string_equal(verr_kind_text(VERR_LIMIT), "limit");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_says_what_and_why),
		cmocka_unit_test(test_long_messages_are_cut),
		cmocka_unit_test(test_unknown_errno),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
