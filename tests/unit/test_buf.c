/* Growable bytes with a ceiling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "poison.h"

static void
test_grows_and_ends_with_nul(void **state)
{
	(void)state;
	struct verr e;
	struct buf v_autobuf b = BUF(100000);
	assert_string_equal(buf_text(&b), "");
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf_addf(&b, &e, "%04d", i), 0);
	assert_int_equal(b.len, 40000);
	assert_int_equal(b.data[b.len], '\0');
	assert_memory_equal(b.data + 4 * 1234, "1234", 4);
	buf_reset(&b);
	assert_string_equal(buf_text(&b), "");
	assert_int_equal(buf_addc(&b, 'x', &e), 0);
	assert_int_equal(buf_adds(&b, "yz", &e), 0);
	assert_string_equal(buf_text(&b), "xyz");
}

static void
test_ceiling(void **state)
{
	(void)state;
	struct verr e;
	struct buf v_autobuf b = BUF(4);
	assert_int_equal(buf_adds(&b, "abcd", &e), 0);
	assert_int_equal(buf_addc(&b, 'e', &e), -1);
	assert_int_equal(e.kind, VERR_LIMIT);
	assert_string_equal(buf_text(&b), "abcd");
	assert_int_equal(buf_addf(&b, &e, "%s", "e"), -1);
	assert_int_equal(buf_reserve(&b, SIZE_MAX, &e), -1);
	assert_int_equal(e.kind, VERR_LIMIT);
	assert_int_equal(buf_reserve(&b, 0, &e), 0);
}

static void
test_drop_and_take(void **state)
{
	(void)state;
	struct verr e;
	struct buf v_autobuf b = BUF(100);
	assert_int_equal(buf_add(&b, "a\0bcd", 5, &e), 0);
	buf_drop(&b, 2);
	assert_string_equal(buf_text(&b), "bcd");
	char *taken = v_take_buf(&b);
	assert_string_equal(taken, "bcd");
	free(taken);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.max, 100);
	buf_done(&b);
	buf_done(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_and_ends_with_nul),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_drop_and_take),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
