/* Arenas: alignment, zeroes, large pieces, reuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "poison.h"

static void
pieces(void **state)
{
	(void)state;
	struct arena v_autoarena a = {0};
	for (int round = 0; round < 3; round++) {
		for (size_t n = 0; n < 600; n++) {
			unsigned char *p = arena_alloc(&a, n);
			assert_int_equal((uintptr_t)p % 16, 0);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(p[i], 0);
			memset(p, 0xff, n);
		}
		char *big = arena_array(&a, 1000, 100);
		big[99999] = 'x';
		assert_string_equal(arena_strdup(&a, "text"), "text");
		assert_string_equal(arena_bytes(&a, "ab", 1), "a");
		assert_string_equal(arena_printf(&a, "%d-%s", 5, "x"), "5-x");
		arena_reset(&a);
	}
	arena_done(&a);
	arena_done(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(pieces)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
