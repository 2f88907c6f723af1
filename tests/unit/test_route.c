/* Methods against routes: found, 404, 405 with what is allowed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "poison.h"
#include "route.h"

static int
serve(struct exchange *x, struct verr *e)
{
	(void)x;
	(void)e;
	return 0;
}

static const struct route routes[] = {
	{METHOD_GET, "/", ROUTE_PUBLIC, 0, NULL, NULL, serve},
	{METHOD_GET, "/v1/workloads", ROUTE_ANY, 0, NULL, NULL, serve},
	{METHOD_POST, "/v1/workloads", ROUTE_ANY, ROUTE_BODY_JSON, NULL, NULL,
		serve},
	{METHOD_GET, "/v1/workloads/:id", ROUTE_ANY, 0, NULL, NULL, serve},
	{METHOD_DELETE, "/v1/workloads/:id", ROUTE_ANY, 0, NULL, NULL, serve},
	{METHOD_GET, "/v1/workloads/:id/artifacts/:name", ROUTE_ANY, 0, NULL,
		NULL, serve},
};
#define COUNT (sizeof(routes) / sizeof(routes[0]))
#define ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"

static const struct {
	const char *path;
	const char *allow; /* "" for 404 on every method */
} paths[] = {
	{"/", "GET, HEAD"},
	{"/v1/workloads", "GET, HEAD, POST"},
	{"/v1/workloads/" ID, "GET, HEAD, DELETE"},
	{"/v1/workloads/" ID "/artifacts/a.txt", "GET, HEAD"},
	{"/v1/workloads/", ""},
	{"/v1//workloads", ""},
	{"//", ""},
	{"/V1/workloads", ""},
	{"/v1/workloads/" ID "/", ""},
	{"/v1/workloads/01arz3ndektsv4rrffq69g5fav", ""},
	{"/v1/workloads/1", ""},
	{"/v1/workloads/" ID "/artifacts/", ""},
	{"/v1", ""},
	{"/v1/workloadsx", ""},
};

static void
matrix(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		for (int m = 0; m < METHOD_COUNT; m++) {
			struct route_match match;
			enum route_answer got = route_find(routes, COUNT,
				(enum method)m, paths[i].path, &match);
			bool known = paths[i].allow[0] != '\0';
			bool allowed = known &&
				strstr(paths[i].allow,
					method_text((enum method)m)) != NULL;
			enum route_answer want = allowed ? ROUTE_FOUND
				: known			 ? ROUTE_NOT_ALLOWED
							 : ROUTE_NOT_FOUND;
			if (got != want)
				fail_msg("%s %s: %d",
					method_text((enum method)m),
					paths[i].path, got);
			if (got == ROUTE_NOT_ALLOWED)
				assert_string_equal(
					match.allow, paths[i].allow);
		}
	}
}

static void
captures(void **state)
{
	(void)state;
	struct route_match m;
	assert_int_equal(route_find(routes, COUNT, METHOD_HEAD,
				 "/v1/workloads/" ID "/artifacts/a b", &m),
		ROUTE_FOUND);
	assert_ptr_equal(m.route, &routes[5]);
	assert_string_equal(route_captured(&m, "id"), ID);
	assert_string_equal(route_captured(&m, "name"), "a b");
	assert_string_equal(route_captured(&m, "none"), "");
}

static void
tables(void **state)
{
	(void)state;
	struct verr e;
	assert_int_equal(route_check(routes, COUNT, &e), 0);
	static const char *const bad[] = {"", "a", "/a/", "//", "/:"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct route r = {
			METHOD_GET, bad[i], ROUTE_ANY, 0, NULL, NULL, serve};
		assert_int_equal(route_check(&r, 1, &e), -1);
	}
	struct route twice[] = {routes[0], routes[0]};
	assert_int_equal(route_check(twice, 2, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matrix),
		cmocka_unit_test(captures),
		cmocka_unit_test(tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
