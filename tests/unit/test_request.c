/* Requests from parameters: good ones, and each refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "poison.h"
#include "request.h"

static int
parse(struct arena *a, const char *uri, const char *one, const char *two,
	struct request *r, struct verr *e)
{
	char *envp[] = {arena_strdup(a, "REQUEST_METHOD=POST"),
		arena_printf(a, "REQUEST_URI=%s", uri),
		one != NULL ? arena_strdup(a, one) : NULL,
		two != NULL ? arena_strdup(a, two) : NULL, NULL};
	return request_parse(a, envp, 1000, r, e);
}

static const struct {
	const char *uri;
	const char *path; /* NULL: refused */
} paths[] = {
	{"/", "/"},
	{"/a%20b?c=%00", "/a b"},
	{"/%c3%a4", "/\xc3\xa4"},
	{"/%2541", "/%41"},
	{"/.well-known/...", "/.well-known/..."},
	{"/a+b", "/a+b"},
	{"", NULL},
	{"a", NULL},
	{"http://h/", NULL},
	{"/%", NULL},
	{"/%4", NULL},
	{"/%zz", NULL},
	{"/%00", NULL},
	{"/%0a", NULL},
	{"/../x", NULL},
	{"/%2e%2e%2fx", NULL},
	{"/x/..", NULL},
	{"/x/./y", NULL},
	{"/..;/x", NULL},
	{"/a%5cb", NULL},
	{"/%c0%af", NULL},
	{"/%ed%a0%80", NULL},
	{"/\xff", NULL},
	{"/a#b", NULL},
};

static void
targets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct arena v_autoarena a = {0};
		struct request r;
		struct verr e = {0};
		int got = parse(&a, paths[i].uri, NULL, NULL, &r, &e);
		if ((got == 0) != (paths[i].path != NULL))
			fail_msg("%s: %d %s", paths[i].uri, got, e.msg);
		if (got == 0)
			assert_string_equal(r.path, paths[i].path);
		else
			assert_int_equal(e.kind, VERR_INPUT);
	}
}

static const struct {
	const char *one, *two;
	enum verr_kind kind;
} params[] = {
	{"CONTENT_LENGTH=1000", NULL, VERR_NONE},
	{"CONTENT_LENGTH=1001", NULL, VERR_LIMIT},
	{"CONTENT_LENGTH=-1", NULL, VERR_INPUT},
	{"CONTENT_LENGTH=99999999999999999999", NULL, VERR_INPUT},
	{"CONTENT_LENGTH= 5", NULL, VERR_INPUT},
	{"HTTP_AUTHORIZATION=Bearer abc-._~+/=", NULL, VERR_NONE},
	{"HTTP_AUTHORIZATION=Bearer ", NULL, VERR_INPUT},
	{"HTTP_AUTHORIZATION=Bearer a b", NULL, VERR_INPUT},
	{"HTTP_AUTHORIZATION=Basic abc", NULL, VERR_INPUT},
	{"HTTP_IDEMPOTENCY_KEY=a b", NULL, VERR_INPUT},
	{"HTTP_HOST=a", "HTTP_HOST=b", VERR_INPUT},
	{"HTTP_ORIGIN=a\nb", NULL, VERR_INPUT},
	{"nothing", NULL, VERR_INPUT},
	{"=x", NULL, VERR_INPUT},
	{"HTTP_X_OTHER=1", "HTTP_X_OTHER=2", VERR_NONE},
};

static void
parameters(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		struct arena v_autoarena a = {0};
		struct request r;
		struct verr e = {0};
		parse(&a, "/", params[i].one, params[i].two, &r, &e);
		if (e.kind != params[i].kind)
			fail_msg("%s: %s", params[i].one, e.msg);
	}
}

static void
cookies(void **state)
{
	(void)state;
	struct arena v_autoarena a = {0};
	struct request r = {.cookies = "a=1; session=abc ; b=2; b=3; c=\"x"};
	const char *value = NULL;
	struct verr e;
	assert_int_equal(request_cookie(&r, &a, "session", &value, &e), 1);
	assert_string_equal(value, "abc");
	assert_int_equal(request_cookie(&r, &a, "sess", &value, &e), 0);
	assert_int_equal(request_cookie(&r, &a, "b", &value, &e), -1);
	assert_int_equal(request_cookie(&r, &a, "c", &value, &e), -1);
	r = (struct request){.content_type = "Application/JSON; charset=x"};
	assert_true(request_has_type(&r, "application/json"));
	assert_false(request_has_type(&r, "application/jso"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets),
		cmocka_unit_test(parameters),
		cmocka_unit_test(cookies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
