/* The closed sets of words: every word leads back to its number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "poison.h"
#include "words.h"

#define SET(name, COUNT) \
	static void check_##name(void) \
	{ \
		for (int i = 0; i < COUNT; i++) { \
			enum name back; \
			const char *word = name##_text((enum name)i); \
			assert_int_equal(name##_parse(word, &back), 1); \
			assert_int_equal(back, i); \
		} \
		enum name none; \
		assert_int_equal(name##_parse("no such word", &none), 0); \
		assert_int_equal(name##_parse("Pending", &none), 0); \
	}
SET(status, STATUS_COUNT)
SET(reason, REASON_COUNT)
SET(tier, TIER_COUNT)
SET(runtime, RUNTIME_COUNT)
SET(phase, PHASE_COUNT)
SET(warmth, WARMTH_COUNT)
SET(stream, STREAM_COUNT)

static void
test_every_word(void **state)
{
	(void)state;
	check_status();
	check_reason();
	check_tier();
	check_runtime();
	check_phase();
	check_warmth();
	check_stream();
	assert_string_equal(reason_text(REASON_NONE), "");
	assert_string_equal(status_text(STATUS_KILLED), "killed");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
