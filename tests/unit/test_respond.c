/* Answers: headers that cannot be split, refusals, events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "poison.h"
#include "respond.h"
#include "sse.h"

static void
init(struct exchange *x)
{
	*x = (struct exchange){
		.req = {.method = METHOD_GET, .path = "/v1/x"},
		.res = {.head = BUF(8192), .body = BUF(8192)},
	};
}

static void
done(struct exchange *x)
{
	buf_done(&x->res.head);
	buf_done(&x->res.body);
}

static void
test_headers(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"a\r\nSet-Cookie: x=y", "a\nb", "a\rb", "\n", "\x01", "a\x7f"};
	struct exchange x;
	struct verr e;
	init(&x);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(respond_header(&x, "X-A", bad[i], &e), -1);
		assert_int_equal(e.kind, VERR_BUG);
		assert_int_equal(respond_header(&x, bad[i], "v", &e), -1);
	}
	assert_int_equal(respond_header(&x, "", "v", &e), -1);
	assert_int_equal(respond_header(&x, "X A", "v", &e), -1);
	assert_int_equal(x.res.head.len, 0);
	assert_int_equal(respond_header(&x, "X-A", "v \xc3\xa4", &e), 0);
	assert_string_equal(x.res.head.data, "X-A: v \xc3\xa4\r\n");
	done(&x);
}

static void
test_redirects(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "http://a", "//a", "/\\a", "a", "/a\r\nX: y", "\t/"};
	struct exchange x;
	struct verr e;
	init(&x);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(respond_redirect(&x, bad[i], &e), -1);
	assert_int_equal(respond_redirect(&x, "/workloads", &e), 0);
	assert_int_equal(x.res.status, 303);
	assert_non_null(strstr(x.res.head.data, "Location: /workloads\r\n"));
	assert_non_null(strstr(x.res.head.data, "nosniff"));
	done(&x);
}

static void
test_problem(void **state)
{
	(void)state;
	struct exchange x;
	struct verr e;
	init(&x);
	refuse_field(&x, "limits.wall_ms", "ask for less", &e, "too \"much\"");
	respond_problem(&x, &e);
	assert_int_equal(x.res.status, 422);
	cJSON *j = cJSON_Parse(buf_text(&x.res.body));
	assert_non_null(j);
	assert_string_equal(
		cJSON_GetObjectItem(j, "field")->valuestring, "limits.wall_ms");
	assert_string_equal(
		cJSON_GetObjectItem(j, "hint")->valuestring, "ask for less");
	assert_string_equal(cJSON_GetObjectItem(j, "detail")->valuestring,
		"limits.wall_ms: too \"much\"");
	assert_string_equal(cJSON_GetObjectItem(j, "title")->valuestring,
		"Unprocessable Content");
	assert_int_equal(cJSON_GetObjectItem(j, "status")->valueint, 422);
	assert_non_null(cJSON_GetObjectItem(j, "type"));
	cJSON_Delete(j);
	assert_non_null(
		strstr(x.res.head.data, "Content-Type: application/problem"));
	done(&x);
}

static void
test_kinds(void **state)
{
	(void)state;
	static const struct {
		enum verr_kind kind;
		int status;
	} table[] = {{VERR_INPUT, 400}, {VERR_LIMIT, 413}, {VERR_HOST, 503},
		{VERR_PROTO, 400}, {VERR_BUG, 500}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct exchange x;
		struct verr e;
		init(&x);
		verr_set(&e, table[i].kind, 0, "secret of the house");
		respond_problem(&x, &e);
		assert_int_equal(x.res.status, table[i].status);
		bool told = strstr(x.res.body.data, "secret") != NULL;
		assert_int_equal(told, table[i].kind != VERR_BUG);
		bool later = strstr(x.res.head.data, "Retry-After: ") != NULL;
		assert_int_equal(later, table[i].status == 503);
		done(&x);
	}
}

static void
test_events(void **state)
{
	(void)state;
	struct buf v_autobuf b = BUF(4096);
	struct verr e;
	const char text[] = "a\n\nevent: done\ndata: x\r\n\xff";
	const struct db_chunk c = {.seq = 7,
		.stream = STREAM_STDERR,
		.t_ms = 1.5,
		.data = text,
		.len = sizeof(text) - 1};
	assert_int_equal(sse_line(&b, &c, &e), 0);
	assert_string_equal(b.data,
		"id: 7\nevent: log\ndata: {\"seq\":7,\"stream\":\"stderr\","
		"\"text\":\"a\\n\\nevent: done\\ndata: x\\r\\n\\ufffd\","
		"\"t_ms\":1.500}\n\n");
	buf_reset(&b);
	const struct db_workload w = {
		.id = "01", .status = STATUS_FAILED, .reason = REASON_CPU};
	assert_int_equal(sse_status(&b, "done", &w, &e), 0);
	assert_string_equal(b.data,
		"event: done\ndata: {\"id\":\"01\",\"status\":\"failed\","
		"\"reason\":\"cpu\"}\n\n");
}

static void
test_resume(void **state)
{
	(void)state;
	assert_int_equal(sse_resume(NULL), 0);
	assert_int_equal(sse_resume("12"), 12);
	assert_int_equal(sse_resume("1700000000:0"), 0);
	assert_int_equal(sse_resume("-1"), 0);
	assert_int_equal(sse_resume("99999999999999999999"), 0);
	assert_int_equal(sse_resume(""), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_problem),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_resume),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
