/* Forms and the tables that permit their fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "form.h"
#include "poison.h"

static const char *const words[] = {"auto", "isolate", NULL};
static const struct param table[] = {
	{.name = "name", .type = PARAM_TEXT, .min = 1, .max = 5},
	{.name = "n", .type = PARAM_U64, .min = 1, .max = 100},
	{.name = "id", .type = PARAM_ULID},
	{.name = "tier", .type = PARAM_WORD, .words = words},
	{.name = "json", .type = PARAM_JSON},
	{.name = "since", .type = PARAM_TIME},
	{.name = "live", .type = PARAM_BOOL},
	{.name = "label", .type = PARAM_TEXT, .repeatable = true},
	{0},
};

static const struct {
	const char *text;
	const char *field; /* NULL: accepted */
} cases[] = {
	{"", NULL},
	{"name=a+b%21", NULL},
	{"&&name=a&", NULL},
	{"n=7&tier=auto&live=on&json=%7B%22a%22:1%7D", NULL},
	{"n=&tier=&since=&live=&json=&id=", NULL},
	{"label=a&label=b", NULL},
	{"id=01ARZ3NDEKTSV4RRFFQ69G5FAV", NULL},
	{"since=2024-02-29T23:59:59.123Z", NULL},
	{"name=", "name"},
	{"name=abcdef", "name"},
	{"name=%c3%28", "name"},
	{"name=%00", "name"},
	{"name=%4", "name"},
	{"name=a&name=b", "name"},
	{"n=0", "n"},
	{"n=101", "n"},
	{"n=-1", "n"},
	{"n=+5", "n"},
	{"n=1.5", "n"},
	{"n=1e2", "n"},
	{"n=9223372036854775808", "n"},
	{"n=NaN", "n"},
	{"id=01arz3ndektsv4rrffq69g5fav", "id"},
	{"tier=moon", "tier"},
	{"json={", "json"},
	{"json=1 2", "json"},
	{"since=2023-02-29T00:00:00Z", "since"},
	{"since=yesterday", "since"},
	{"live=maybe", "live"},
	{"nope=1", "nope"},
	{"=1", ""},
};

static void
fields(void **state)
{
	(void)state;
	struct form_limits limits = {8, 4096};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena v_autoarena a = {0};
		struct form form;
		struct field_error f;
		struct verr e = {0};
		const char *t = cases[i].text;
		int r = form_parse(&a, t, strlen(t), &limits, &form, &f, &e);
		if (r == 0)
			r = param_check(table, &form, &f, &e);
		if ((r == 0) != (cases[i].field == NULL))
			fail_msg("%s: %d %s", t, r, e.msg);
		if (r == -1)
			assert_string_equal(f.field, cases[i].field);
	}
}

static void
values(void **state)
{
	(void)state;
	struct arena v_autoarena a = {0};
	struct form_limits limits = {3, 100};
	struct form form;
	struct field_error f;
	struct verr e;
	const char *t = "n=7&live=0&since=1970-01-01T01:00:01.5%2B01:00";
	assert_int_equal(
		form_parse(&a, t, strlen(t), &limits, &form, &f, &e), 0);
	assert_int_equal(param_check(table, &form, &f, &e), 0);
	assert_int_equal(form_u64(&form, "n", 1), 7);
	assert_int_equal(form_u64(&form, "m", 1), 1);
	assert_false(form_bool(&form, "live", true));
	assert_int_equal(form_time_ms(&form, "since", 0), 1500);
	assert_int_equal(
		form_parse(&a, "a&b&c&d", 7, &limits, &form, &f, &e), -1);
	assert_int_equal(e.kind, VERR_LIMIT);

	static const struct param must[] = {
		{.name = "code", .type = PARAM_TEXT, .required = true}, {0}};
	struct form none = {0};
	assert_int_equal(param_check(must, &none, &f, &e), -1);
	assert_string_equal(f.field, "code");
	assert_int_equal(form_parse(&a, "x=1", 3, &limits, &form, &f, &e), 0);
	assert_int_equal(param_check(must, &form, &f, &e), -1);
	assert_string_equal(f.hint, "permitted: code");
	assert_int_equal(param_check(NULL, &form, &f, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
