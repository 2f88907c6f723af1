/* JSON that is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"
#include "poison.h"

static void
test_a_document(void **state)
{
	(void)state;
	struct verr e;
	struct json j;
	struct buf v_autobuf b = BUF(1000);
	json_begin(&j, &b);
	json_object(&j);
	json_key_text(&j, "a", "x");
	json_key_text(&j, "none", NULL);
	json_key(&j, "list");
	json_array(&j);
	json_u64(&j, UINT64_MAX);
	json_i64(&j, -5);
	json_bool(&j, true);
	json_null(&j);
	json_raw(&j, "{\"r\":1}", 7);
	json_array_end(&j);
	json_key_u64(&j, "n", 3);
	json_key_bool(&j, "b", false);
	json_object_end(&j);
	assert_int_equal(json_end(&j, &e), 0);
	assert_string_equal(buf_text(&b),
		"{\"a\":\"x\",\"none\":null,\"list\":[18446744073709551615,-5,"
		"true,null,{\"r\":1}],\"n\":3,\"b\":false}");
}

static void
test_escapes(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		size_t n;
		const char *out;
	} cases[] = {
		{"\"\\\n\t\r\b\f", 7, "\"\\\"\\\\\\n\\t\\r\\b\\f\""},
		{"\0\x1f\x7f", 3, "\"\\u0000\\u001f\\u007f\""},
		{"\xff", 1, "\"\\ufffd\""},
		{"\xc0\x80", 2, "\"\\ufffd\\ufffd\""},
		{"\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\""},
		{"\xe2\x80\xa8", 3, "\"\\u2028\""},
		{"\xe2\x80\xa9", 3, "\"\\u2029\""},
		{"\xe2\x80\xaa\xf0\x9f\x92\xa5", 7,
			"\"\xe2\x80\xaa\xf0\x9f\x92\xa5\""},
		{"\xe2\x80", 2, "\"\\ufffd\\ufffd\""},
		{"</script>", 9, "\"</script>\""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct verr e;
		struct json j;
		struct buf v_autobuf b = BUF(1000);
		json_begin(&j, &b);
		json_bytes(&j, cases[i].in, cases[i].n);
		assert_int_equal(json_end(&j, &e), 0);
		assert_string_equal(buf_text(&b), cases[i].out);
	}
}

static void
test_ceiling_is_told_once(void **state)
{
	(void)state;
	struct verr e;
	struct json j;
	struct buf v_autobuf b = BUF(5);
	json_begin(&j, &b);
	json_array(&j);
	for (int i = 0; i < 10; i++)
		json_text(&j, "abc");
	json_array_end(&j);
	assert_int_equal(json_end(&j, &e), -1);
	assert_int_equal(e.kind, VERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_document),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_ceiling_is_told_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
