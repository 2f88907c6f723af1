/* JSON bodies: the grammar, repeated members, checked numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "body_json.h"
#include "poison.h"

static const struct body_json_limits limits = {4096, 100};

static const struct {
	const char *text;
	const char *field; /* NULL: accepted */
} bodies[] = {
	{"{}", NULL},
	{" [1, -2.5e3, true, null, \"\\ud83d\\ude00\\n\"] ", NULL},
	{"\"\xc3\xa4\"", NULL},
	{"", ""},
	{"{", ""},
	{"{\"a\":1}x", ""},
	{"{\"a\":1,}", ""},
	{"{\"a\":NaN}", "a"},
	{"{\"limits\":{\"wall_ms\":NaN}}", "limits.wall_ms"},
	{"{\"limits\":{\"wall_ms\":1e309}}", "limits.wall_ms"},
	{"{\"a\":01}", "a"},
	{"{\"a\":+1}", "a"},
	{"{\"a\":.5}", "a"},
	{"{\"a\":\"\\u0000\"}", "a"},
	{"{\"a\":\"\\ud800\"}", "a"},
	{"{\"a\":\"\\udc00\"}", "a"},
	{"{\"a\":\"\xff\"}", "a"},
	{"{\"a\":\"\xed\xa0\x80\"}", "a"},
	{"{\"a\":\"\n\"}", "a"},
	{"{\"a\":1,\"a\":2}", "a"},
	{"{\"a\":1,\"\\u0061\":2}", "a"},
	{"{\"o\":{\"b\":1,\"c\":2,\"b\":3}}", "o.b"},
	{"{'a':1}", ""},
	{"[tru]", ""},
	{"[\"\\x\"]", ""},
};

static void
grammar(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		cJSON v_autocjson *body = NULL;
		struct field_error f;
		struct verr e = {0};
		const char *t = bodies[i].text;
		int r = body_json_parse(t, strlen(t), &limits, &body, &f, &e);
		if ((r == 0) != (bodies[i].field == NULL))
			fail_msg("%s: %d %s", t, r, e.msg);
		if (r == -1)
			assert_string_equal(f.field, bodies[i].field);
	}
}

static const struct {
	const char *text;
	int want;
} numbers[] = {
	{"{\"n\":1}", 1},
	{"{\"n\":100}", 1},
	{"{\"n\":1e1}", 1},
	{"{}", 0},
	{"{\"n\":null}", 0},
	{"{\"n\":0}", -1},
	{"{\"n\":-1}", -1},
	{"{\"n\":101}", -1},
	{"{\"n\":1.5}", -1},
	{"{\"n\":9223372036854775808}", -1},
	{"{\"n\":\" 5\"}", -1},
	{"{\"n\":true}", -1},
	{"{\"n\":[1]}", -1},
};

static void
integers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		cJSON v_autocjson *body = cJSON_Parse(numbers[i].text);
		struct json_in in = {body, "limits"};
		struct field_error f = {0};
		struct verr e;
		uint64_t v = 0;
		int r = json_get_u64(&in, "n", 1, 100, &v, &f, &e);
		if (r != numbers[i].want)
			fail_msg("%s: %d", numbers[i].text, r);
		if (r == -1)
			assert_string_equal(f.field, "limits.n");
	}
}

static void
members(void **state)
{
	(void)state;
	static const char text[] =
		"{\"t\":\"abc\",\"b\":true,\"w\":\"two\",\"o\":{\"x\":1},"
		"\"l\":[1,2],\"big\": [12345678901234567890] }";
	static const char *const words[] = {"one", "two", NULL};
	static const char *const known[] = {"t", "b", "w", "o", "l", NULL};
	cJSON v_autocjson *body = NULL;
	struct field_error f;
	struct verr e;
	struct json_in in, o;
	char room[FIELD_NAME_BYTES];
	const char *s;
	const cJSON *list;
	bool b;
	size_t n;
	assert_int_equal(
		body_json_parse(text, sizeof(text) - 1, &limits, &body, &f, &e),
		0);
	assert_int_equal(json_root(body, &in, &f, &e), 0);
	assert_int_equal(json_get_text(&in, "t", 1, 3, &s, &f, &e), 1);
	assert_int_equal(json_get_text(&in, "t", 1, 2, &s, &f, &e), -1);
	assert_int_equal(json_get_bool(&in, "b", &b, &f, &e), 1);
	assert_int_equal(json_get_bool(&in, "t", &b, &f, &e), -1);
	assert_int_equal(json_get_word(&in, "w", words, &s, &f, &e), 1);
	assert_int_equal(json_get_word(&in, "t", words, &s, &f, &e), -1);
	assert_string_equal(f.hint, "permitted: one, two");
	assert_int_equal(json_get_object(&in, "o", room, &o, &f, &e), 1);
	assert_string_equal(o.at, "o");
	assert_int_equal(json_get_array(&in, "l", 1, 2, &list, &f, &e), 1);
	assert_int_equal(json_get_array(&in, "l", 3, 4, &list, &f, &e), -1);
	assert_int_equal(json_only(&in, known, &f, &e), -1);
	assert_string_equal(f.field, "big");
	assert_int_equal(
		body_json_span(text, sizeof(text) - 1, "big", &s, &n), 1);
	assert_memory_equal(s, "[12345678901234567890]", n);
}

static void
bounds(void **state)
{
	(void)state;
	struct field_error f;
	struct verr e;
	char deep[200];
	memset(deep, '[', 65);
	memset(deep + 65, ']', 65);
	assert_int_equal(body_json_check(deep, 130, &limits, &f, &e), -1);
	assert_int_equal(e.kind, VERR_LIMIT);
	assert_int_equal(body_json_check(deep + 1, 128, &limits, &f, &e), 0);
	char many[400] = "[0";
	for (size_t i = 1; i < 150; i++)
		memcpy(many + i * 2, ",0", 2);
	memcpy(many + 300, "]", 2);
	assert_int_equal(body_json_check(many, 301, &limits, &f, &e), -1);
	assert_int_equal(e.kind, VERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grammar),
		cmocka_unit_test(integers),
		cmocka_unit_test(members),
		cmocka_unit_test(bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
