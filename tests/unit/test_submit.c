/* Submissions from JSON, the tier they get, and the record that comes back. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <sodium.h>

#include "body_json.h"
#include "db_fixture.h"
#include "poison.h"
#include "record.h"
#include "submit.h"

struct bench {
	struct fixture *f;
	struct conf conf;
	struct web web;
	struct arena arena;
	struct exchange x;
	struct submission s;
	struct verr e;
};

static void
put_tier(struct fixture *f, enum tier tier, bool usable, const char *runtimes)
{
	const struct db_backend b = {
		.node = "n1",
		.isolation = tier,
		.usable = usable,
		.engine = usable ? "v8" : "",
		.engine_version = "",
		.runtimes = runtimes,
		.reason = usable ? "" : "it is not built in",
		.remedy = usable ? "" : "install it",
	};
	assert_int_equal(db_backend_put(f->queue, &b, &f->e), 0);
}

static int
setup(void **state)
{
	if (fixture_setup(state) != 0)
		return -1;
	struct fixture *f = *state;
	put_tier(f, TIER_ISOLATE, true, "javascript typescript");
	put_tier(f, TIER_GVISOR, false, "");
	put_tier(f, TIER_MICROVM, false, "");
	return 0;
}

static void
open_bench(struct bench *b, struct fixture *f)
{
	*b = (struct bench){.f = f};
	conf_defaults(&b->conf);
	b->web = (struct web){
		.conf = &b->conf,
		.db = f->web,
		.bell_fd = -1,
		.blobs_fd = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	};
	assert_true(b->web.blobs_fd >= 0);
	arena_init(&b->arena);
	b->x = (struct exchange){
		.web = &b->web,
		.arena = &b->arena,
		.req = {.method = METHOD_POST, .path = "/v1/workloads"},
		.who = {.kind = IDENTITY_KEY,
			.user_id = f->user_id,
			.name = "ann",
			.is_admin = true},
		.res = {.head = BUF(65536), .body = BUF(1 << 24)},
	};
}

static void
close_bench(struct bench *b)
{
	close(b->web.blobs_fd);
	arena_done(&b->arena);
	buf_done(&b->x.res.head);
	buf_done(&b->x.res.body);
}

static int
submit(struct bench *b, const char *json, char id[ULID_TEXT_BYTES])
{
	const struct body_json_limits limits = {
		.bytes_max = 1 << 24, .items_max = 10000};
	b->x.body = json;
	b->x.body_len = strlen(json);
	cJSON *v_autocjson body = NULL;
	if (body_json_parse(json, strlen(json), &limits, &body, &b->x.field,
		    &b->e) == -1)
		fail_msg("%s: %s", json, b->e.msg);
	submit_init(&b->x, &b->s);
	if (submit_from_json(&b->x, body, &b->s, &b->e) == -1)
		return -1;
	return submit_accept(&b->x, &b->s, id, &b->e);
}

static const struct {
	const char *json;
	const char *field;
	int status; /* 0: by the kind of the error */
	const char *word; /* in the hint or the message */
} refusals[] = {
	{"{}", "runtime", 422, "javascript"},
	{"{\"runtime\":\"cobol\",\"code\":\"1\"}", "runtime", 422, "python"},
	{"{\"runtime\":\"javascript\"}", "code", 422, "files"},
	{"{\"runtime\":\"javascript\",\"code\":\"1\",\"nope\":1}", "nope", 0,
		"runtime"},
	{"{\"runtime\":\"javascript\",\"code\":\"1\",\"isolation\":\"gvisor\"}",
		"isolation", 422, "install it"},
	{"{\"runtime\":\"python\",\"code\":\"1\"}", "runtime", 422,
		"install it"},
	{"{\"runtime\":\"python\",\"code\":\"1\",\"isolation\":\"isolate\"}",
		"runtime", 422, "javascript typescript"},
	{"{\"runtime\":\"javascript\",\"code\":\"1\",\"isolation\":["
	 "\"isolate\"]"
	 "}",
		"isolation", 422, "one tier"},
	{"{\"runtime\":\"oci\",\"image\":\"busybox\"}", "image", 422, "code"},
	{"{\"runtime\":\"javascript\",\"archive\":\"aGk=\"}", "archive", 422,
		"files"},
	{"{\"runtime\":\"javascript\",\"code\":\"1\",\"network\":\"open\"}",
		"network", 422, "none"},
	{"{\"runtime\":\"javascript\",\"code\":\"1\",\"sandbox\":\"none\"}",
		"sandbox", 422, "leave"},
	{"{\"runtime\":\"javascript\",\"code\":\"1\",\"trace\":[]}", "trace",
		422, "leave"},
	{"{\"runtime\":\"javascript\",\"code\":\"1\",\"repeat\":2}", "repeat",
		422, "often"},
	{"{\"runtime\":\"javascript\",\"code\":\"1\",\"limits\":{\"wall_ms\":"
	 "999999999}}",
		"limits.wall_ms", 422, "300000"},
	{"{\"runtime\":\"javascript\",\"code\":\"1\",\"limits\":{\"wall_ms\":0}"
	 "}",
		"limits.wall_ms", 0, ""},
	{"{\"runtime\":\"javascript\",\"code\":\"1\",\"limits\":{\"x\":1}}",
		"limits.x", 0, "wall_ms"},
	{"{\"runtime\":\"javascript\",\"code\":\"1\",\"env\":{\"A=B\":\"c\"}}",
		"env.A=B", 0, ""},
	{"{\"runtime\":\"javascript\",\"code\":\"1\",\"entrypoint\":\"../x\"}",
		"entrypoint", 422, ".."},
	{"{\"runtime\":\"javascript\",\"code\":\"1\",\"stdin\":\"a\","
	 "\"stdin_base64\":\"YQ==\"}",
		"stdin_base64", 422, ""},
	{"{\"runtime\":\"javascript\",\"code\":\"1\",\"stdin_base64\":\"*\"}",
		"stdin_base64", 400, "4648"},
	{"{\"runtime\":\"javascript\",\"files\":[{\"name\":\"a/../b\","
	 "\"content\":\"\"}]}",
		"files[0].name", 422, ".."},
	{"{\"runtime\":\"javascript\",\"files\":[{\"name\":\"a.js\","
	 "\"content\":"
	 "\"\"},{\"name\":\"a.js\",\"content\":\"\"}]}",
		"files", 422, "own"},
	{"{\"runtime\":\"javascript\",\"files\":[{\"name\":\"a.js\","
	 "\"content\":"
	 "\"\"},{\"name\":\"b.js\",\"content\":\"\"}]}",
		"entrypoint", 422, "index.js"},
	{"{\"runtime\":\"javascript\",\"files\":[{\"name\":\"a.js\","
	 "\"content\":"
	 "\"\"}],\"entrypoint\":\"b.js\"}",
		"entrypoint", 422, ""},
};

static void
test_refusals(void **state)
{
	char id[ULID_TEXT_BYTES];
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct bench b;
		open_bench(&b, *state);
		if (submit(&b, refusals[i].json, id) != -1)
			fail_msg("accepted: %s", refusals[i].json);
		assert_string_equal(b.x.field.field, refusals[i].field);
		assert_int_equal(b.x.refused, refusals[i].status);
		assert_int_equal(b.e.kind, VERR_INPUT);
		if (strstr(b.x.field.hint, refusals[i].word) == NULL)
			fail_msg("%s: %s", refusals[i].json, b.x.field.hint);
		close_bench(&b);
	}
	assert_int_equal(
		fixture_ask(*state, "SELECT count(*) FROM workloads"), 0);
}

static void
test_record(void **state)
{
	struct bench b;
	char id[ULID_TEXT_BYTES];
	open_bench(&b, *state);
	assert_int_equal(
		submit(&b,
			"{\"runtime\":\"typescript\",\"code\":\"1\",\"input\":"
			"{\"n\":12345678901234567890},\"args\":[\"a\",\"b\"],"
			"\"labels\":{\"k\":\"v\"},\"priority\":3,"
			"\"limits\":{\"wall_ms\":77}}",
			id),
		1);
	assert_int_equal(record_answer(&b.x, 200, id, &b.e), 0);
	cJSON *r = cJSON_Parse(buf_text(&b.x.res.body));
	assert_non_null(r);
	static const char *const names[] = {"id", "status", "reason",
		"isolation", "isolation_requested", "routing", "engine",
		"sandbox", "exit_code", "signal", "stdout", "stderr",
		"stdout_truncated", "stderr_truncated", "stdout_bytes",
		"stderr_bytes", "output", "error", "limit", "phases", "usage",
		"metadata", "artifacts", "runtime", "image", "limits",
		"network", "labels", "user", "node", "queue_position",
		"input_hash", "created_at", "started_at", "finished_at",
		"duration_ms"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!cJSON_HasObjectItem(r, names[i]))
			fail_msg("the record has no %s", names[i]);
	assert_string_equal(
		cJSON_GetObjectItem(r, "status")->valuestring, "pending");
	assert_string_equal(
		cJSON_GetObjectItem(r, "isolation_requested")->valuestring,
		"auto");
	assert_int_equal(cJSON_GetObjectItem(r, "queue_position")->valueint, 1);
	assert_int_equal(
		cJSON_GetObjectItem(cJSON_GetObjectItem(r, "limits"), "wall_ms")
			->valueint,
		77);
	cJSON_Delete(r);
	/* The input is kept as it came, digit for digit. */
	assert_int_equal(fixture_ask(*state,
				 "SELECT input = '{\"n\":12345678901234567890}'"
				 " AND args = '[\"a\",\"b\"]' FROM workloads"),
		1);
	close_bench(&b);
}

static void
test_strangers_see_nothing(void **state)
{
	struct bench b;
	char id[ULID_TEXT_BYTES];
	open_bench(&b, *state);
	assert_int_equal(
		submit(&b, "{\"runtime\":\"javascript\",\"code\":\"1\"}", id),
		1);
	b.x.who.is_admin = false;
	b.x.who.user_id += 1;
	assert_int_equal(record_answer(&b.x, 200, id, &b.e), -1);
	assert_int_equal(b.x.refused, 404);
	close_bench(&b);
}

static void
test_idempotency(void **state)
{
	struct bench b;
	char first[ULID_TEXT_BYTES], second[ULID_TEXT_BYTES];
	open_bench(&b, *state);
	b.x.req.idempotency_key = "key";
	const char *one = "{\"runtime\":\"javascript\",\"code\":\"1\"}";
	const char *two = "{\"runtime\":\"javascript\",\"code\":\"2\"}";
	const char *limits = "{\"runtime\":\"javascript\",\"code\":\"1\","
			     "\"limits\":{\"wall_ms\":5}}";
	assert_int_equal(submit(&b, one, first), 1);
	assert_int_equal(submit(&b, one, second), 0);
	assert_string_equal(first, second);
	assert_int_equal(submit(&b, two, second), -1);
	assert_int_equal(b.x.refused, 409);
	assert_int_equal(submit(&b, limits, second), -1);
	close_bench(&b);
}

/* Where two sets of parts would read the same one after another. */
static void
test_hashes_differ(void **state)
{
	static const char *const pairs[][2] = {
		{"\"args\":[\"ab\"]", "\"args\":[\"a\",\"b\"]"},
		{"\"stdin\":\"\"", "\"input\":\"\""},
		{"\"env\":{\"A\":\"b\"}", "\"labels\":{\"A\":\"b\"}"},
		{"\"isolation\":\"auto\"", "\"isolation\":\"isolate\""},
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		for (int k = 0; k < 2; k++) {
			struct bench b;
			char id[ULID_TEXT_BYTES];
			open_bench(&b, *state);
			b.x.req.idempotency_key =
				arena_printf(&b.arena, "k%zu", i);
			const char *text = arena_printf(&b.arena,
				"{\"runtime\":\"javascript\",\"code\":\"1\",%"
				"s}",
				pairs[i][k]);
			assert_int_equal(submit(&b, text, id), k == 0 ? 1 : -1);
			close_bench(&b);
		}
}

static void
test_large_files_become_blobs(void **state)
{
	struct bench b;
	char id[ULID_TEXT_BYTES];
	open_bench(&b, *state);
	size_t n = SUBMIT_INLINE_BYTES + 1;
	char *code = arena_alloc(&b.arena, n + 1);
	memset(code, 'x', n);
	const char *text = arena_printf(
		&b.arena, "{\"runtime\":\"javascript\",\"code\":\"%s\"}", code);
	for (int i = 0; i < 2; i++)
		assert_int_equal(submit(&b, text, id), 1);
	struct stat st;
	assert_int_equal(
		fstatat(b.web.blobs_fd, b.s.files[0].sha256, &st, 0), 0);
	assert_int_equal((size_t)st.st_size, n);
	assert_int_equal(st.st_mode & 0777, 0440);
	assert_int_equal(fixture_ask(*state,
				 "SELECT count(*) FROM workload_files WHERE "
				 "content IS NULL"),
		2);
	assert_int_equal(unlinkat(b.web.blobs_fd, b.s.files[0].sha256, 0), 0);
	close_bench(&b);
}

static void
test_rerun(void **state)
{
	struct bench b;
	char first[ULID_TEXT_BYTES], second[ULID_TEXT_BYTES];
	open_bench(&b, *state);
	assert_int_equal(submit(&b,
				 "{\"runtime\":\"javascript\",\"files\":[{"
				 "\"name\":\"index.mjs\",\"content\":\"AAH/\","
				 "\"encoding\":\"base64\"}],\"stdin_base64\":"
				 "\"AAE=\",\"env\":{\"A\":\"b\"}}",
				 first),
		1);
	submit_init(&b.x, &b.s);
	assert_int_equal(submit_from_workload(&b.x, first, &b.s, &b.e), 0);
	assert_int_equal(submit_accept(&b.x, &b.s, second, &b.e), 1);
	assert_string_not_equal(first, second);
	assert_int_equal(
		fixture_ask(*state,
			"SELECT count(DISTINCT input_hash) = 1 AND "
			"count(DISTINCT hex(stdin)) = 1 AND "
			"min(entrypoint) = 'index.mjs' FROM workloads"),
		1);
	close_bench(&b);
}

static void
test_names(void **state)
{
	(void)state;
	static const char *const good[] = {
		"a", "a.js", "lib/a.js", "..a", "a..", "...", "\xc3\xa4", " "};
	static const char *const bad[] = {"", "/", "/a", "a/", "a//b", ".",
		"..", "a/..", "../a", "./a", "a\\b", "a\nb", "\xff", "a\x7f"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(submit_name_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(submit_name_ok(bad[i]));
	char name[SUBMIT_NAME_BYTES + 2];
	memset(name, 'a', sizeof(name));
	name[SUBMIT_NAME_BYTES] = '\0';
	assert_true(submit_name_ok(name));
	name[SUBMIT_NAME_BYTES] = 'a';
	name[SUBMIT_NAME_BYTES + 1] = '\0';
	assert_false(submit_name_ok(name));
}

int
main(void)
{
#define EACH(test) \
	cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		EACH(test_refusals),
		EACH(test_record),
		EACH(test_strangers_see_nothing),
		EACH(test_idempotency),
		EACH(test_hashes_differ),
		EACH(test_large_files_become_blobs),
		EACH(test_rerun),
		cmocka_unit_test(test_names),
	};
	if (sodium_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
