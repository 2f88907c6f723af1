/* Sortable identifiers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "poison.h"
#include "ulid.h"

static void
test_order_and_form(void **state)
{
	(void)state;
	struct verr e;
	char last[ULID_TEXT_BYTES] = "", id[ULID_TEXT_BYTES];
	for (int i = 0; i < 20000; i++) {
		assert_int_equal(ulid_new(id, &e), 0);
		assert_true(ulid_valid(id));
		assert_true(strcmp(last, id) < 0);
		memcpy(last, id, sizeof(id));
	}
}

static void
test_what_is_none(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "01ARZ3NDEKTSV4RRFFQ69G5FA",
		"01ARZ3NDEKTSV4RRFFQ69G5FAVX", "81ARZ3NDEKTSV4RRFFQ69G5FAV",
		"01arz3ndektsv4rrffq69g5fav", "01ARZ3NDEKTSV4RRFFQ69G5FAI",
		"01ARZ3NDEKTSV4RRFFQ69G5FA'", "01ARZ3NDEKTSV4RRFFQ69G5FA "};
	assert_true(ulid_valid("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(ulid_valid(bad[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_form),
		cmocka_unit_test(test_what_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
