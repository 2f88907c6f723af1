/*
 * URL and URLSearchParams on the isolate tier: the same script gives the same
 * lines as in Node 20, whose answers are kept in tests/golden/isolate.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fd.h"
#include "isolate_fixture.h"
#include "poison.h"

#define FOLDER "tests/golden/isolate/"

static void
expect_same(const char *got, const char *want)
{
	for (size_t line = 1; *want != '\0'; line++) {
		size_t n = strcspn(want, "\n");
		size_t m = strcspn(got, "\n");
		if (n != m || memcmp(want, got, n) != 0)
			fail_msg("line %zu: '%.*s', not '%.*s'", line, (int)m,
				got, (int)n, want);
		want += n + (want[n] == '\n');
		got += m + (got[m] == '\n');
	}
	assert_int_equal(*got, '\0');
}

static void
test_as_node(void **state)
{
	(void)state;
	struct buf v_autobuf code = BUF(1 << 20);
	struct buf v_autobuf want = BUF(1 << 20);
	struct verr e;
	if (fd_read_file(AT_FDCWD, FOLDER "url.js", &code, &e) == -1 ||
		fd_read_file(AT_FDCWD, FOLDER "url.txt", &want, &e) == -1)
		fail_msg("%s; run it from the project's folder", e.msg);
	struct backend *b = tier_open(NULL);
	if (b == NULL)
		skip();
	struct program p = {
		.name = "url", .files = {{"index.js", code.data, code.len}}};
	struct outcome o;
	tier_run(b, &p, 0, &o);
	assert_string_equal(buf_text(&o.left.error), "");
	expect_same(buf_text(&o.out), want.data);
	outcome_done(&o);
	tier_close(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_node),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
