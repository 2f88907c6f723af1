/* What `vulcan` shows and guesses: terminals, tables, outcomes, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "connect.h"
#include "guess.h"
#include "outcome.h"
#include "poison.h"
#include "problem.h"
#include "query.h"
#include "table.h"
#include "term.h"

static void
escapes(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		size_t len;
		const char *line;
		const char *text;
	} samples[] = {
		{"plain \xc3\xa9", 8, "plain \xc3\xa9", "plain \xc3\xa9"},
		{"\x1b[2J", 4, "\\x1b[2J", "\\x1b[2J"},
		{"a\nb\tc\r", 6, "a\\nb\\tc\\r", "a\nb\tc\\r"},
		{"\0x", 2, "\\x00x", "\\x00x"},
		{"\xc2\x9b"
		 "31m",
			5, "\\u009b31m", "\\u009b31m"},
		{"\xe2\x80\xae"
		 "evil",
			7, "\\u202eevil", "\\u202eevil"},
		{"\xff\xc3", 2, "\\xff\\xc3", "\\xff\\xc3"},
		{"\x7f", 1, "\\x7f", "\\x7f"},
	};
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct verr e;
		struct buf v_autobuf line = BUF(256);
		struct buf v_autobuf text = BUF(256);
		assert_int_equal(
			term_escape(samples[i].in, samples[i].len, &line, &e),
			0);
		assert_int_equal(term_escape_text(samples[i].in, samples[i].len,
					 &text, &e),
			0);
		assert_string_equal(buf_text(&line), samples[i].line);
		assert_string_equal(buf_text(&text), samples[i].text);
	}
}

static const struct table_column columns[] = {
	{"ID", false, false},
	{"STATUS", false, true},
	{"MS", true, false},
	{"NOTE", false, false},
};

static void
fill(struct table *t)
{
	static const char *const cells[] = {"1", "failed", "12.5", "one\ntwo",
		"\xc3\xa9\xc3\xa9\xc3\xa9", "completed", "3", ""};
	struct verr e;
	table_init(t, columns, 4);
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
		assert_int_equal(table_cell(t, cells[i], &e), 0);
}

static void
layout(void **state)
{
	(void)state;
	struct verr e;
	struct table t;
	struct buf v_autobuf wide = BUF(4096);
	struct buf v_autobuf narrow = BUF(4096);
	struct buf v_autobuf colour = BUF(4096);
	fill(&t);
	assert_int_equal(table_print(&t, 0, false, &wide, &e), 0);
	assert_string_equal(wide.data,
		"ID   STATUS       MS  NOTE\n"
		"1    failed     12.5  one\\ntwo\n"
		"\xc3\xa9\xc3\xa9\xc3\xa9  completed     3\n");
	assert_int_equal(table_print(&t, 15, false, &narrow, &e), 0);
	assert_string_equal(narrow.data,
		"ID   STATUS ...\n"
		"1    failed ...\n"
		"\xc3\xa9\xc3\xa9\xc3\xa9  complet...\n");
	assert_int_equal(table_print(&t, 0, true, &colour, &e), 0);
	assert_non_null(strstr(colour.data, "\x1b[31mfailed\x1b[0m  "));
	assert_non_null(strstr(colour.data, "\x1b[32mcompleted\x1b[0m  "));
	table_done(&t);
}

static void
exits(void **state)
{
	(void)state;
	static const struct {
		const char *record;
		bool settled;
		int status;
	} samples[] = {
		{"{\"status\":\"completed\",\"exit_code\":0}", true, 0},
		{"{\"status\":\"pending\"}", false, 125},
		{"{\"status\":\"failed\",\"reason\":\"exit\",\"exit_code\":3}",
			true, 3},
		{"{\"status\":\"failed\",\"reason\":\"exit\",\"exit_code\":"
		 "256}",
			true, 1},
		{"{\"status\":\"failed\",\"reason\":\"exit\",\"exit_code\":-1}",
			true, 255},
		{"{\"status\":\"failed\",\"reason\":\"compile\"}", true, 1},
		{"{\"status\":\"failed\",\"reason\":\"timeout\"}", true, 124},
		{"{\"status\":\"failed\",\"reason\":\"cpu\"}", true, 124},
		{"{\"status\":\"failed\",\"reason\":\"memory\"}", true, 137},
		{"{\"status\":\"failed\",\"reason\":\"signal\","
		 "\"signal\":\"SIGSEGV\"}",
			true, 139},
		{"{\"status\":\"failed\",\"reason\":\"signal\","
		 "\"signal\":\"SIGNONE\"}",
			true, 137},
		{"{\"status\":\"killed\",\"reason\":\"cancelled\"}", true, 130},
		{"{\"status\":\"failed\",\"reason\":\"platform\"}", true, 125},
		{"{\"status\":\"failed\",\"reason\":\"news\"}", true, 125},
		{"{}", false, 125},
	};
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		cJSON v_autocjson *j = outcome_parse(samples[i].record);
		assert_non_null(j);
		assert_int_equal(outcome_settled(j), samples[i].settled);
		assert_int_equal(outcome_exit_status(j), samples[i].status);
	}
}

static void
lines(void **state)
{
	(void)state;
	static const struct {
		const char *record;
		const char *want;
	} samples[] = {
		{"{\"id\":\"X\",\"status\":\"completed\",\"reason\":null,"
		 "\"isolation\":\"isolate\",\"engine\":\"v8\","
		 "\"sandbox\":\"warm\",\"duration_ms\":12.34}",
			"completed on isolate (v8, warm) in 12.3 ms  X"},
		{"{\"id\":\"X\",\"status\":\"failed\",\"reason\":\"memory\","
		 "\"isolation\":\"gvisor\",\"limit\":{\"name\":\"memory_mib\","
		 "\"value\":130,\"setting\":128},\"error\":\"a\\u001b[1m\"}",
			"failed (memory, limit memory_mib 128) on gvisor  X  "
			"a\\x1b[1m"},
		{"{\"id\":\"X\",\"status\":\"failed\",\"reason\":\"exit\","
		 "\"exit_code\":7,\"isolation\":\"isolate\"}",
			"failed (exit 7) on isolate  X"},
	};
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct verr e;
		struct buf v_autobuf out = BUF(4096);
		cJSON v_autocjson *j = outcome_parse(samples[i].record);
		assert_int_equal(outcome_line(j, &out, &e), 0);
		assert_string_equal(buf_text(&out), samples[i].want);
	}
}

static void
streams(void **state)
{
	(void)state;
	struct verr e;
	struct buf v_autobuf out = BUF(256);
	cJSON v_autocjson *j =
		outcome_parse("{\"stdout\":\"a\\\\u0000\\u0000b\",\"stderr_"
			      "base64\":\"/wA=\"}");
	assert_string_equal(outcome_text(j, "stdout"),
		"a\\u0000\xef\xbf\xbd"
		"b");
	assert_int_equal(outcome_stream(j, "stdout", &out, &e), 0);
	assert_int_equal(outcome_stream(j, "stderr", &out, &e), 1);
	assert_int_equal(out.len, 2);
	assert_memory_equal(out.data, "\xff\0", 2);
	assert_null(outcome_parse("{\"a\":\"\\u0000"));
}

static void
codes(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="},
		{"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
	static const char *const bad[] = {"Z",
		"Zg=", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n",
		"Zg==Zg==", "Zm 9", "Zm\xc3\xa9"};
	struct verr e;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct buf v_autobuf text = BUF(64);
		struct buf v_autobuf bytes = BUF(64);
		assert_int_equal(base64_encode(pairs[i][0], strlen(pairs[i][0]),
					 &text, &e),
			0);
		assert_string_equal(buf_text(&text), pairs[i][1]);
		assert_int_equal(
			base64_decode(buf_text(&text), text.len, &bytes, &e),
			0);
		assert_string_equal(buf_text(&bytes), pairs[i][0]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf v_autobuf bytes = BUF(64);
		assert_int_equal(
			base64_decode(bad[i], strlen(bad[i]), &bytes, &e), -1);
		assert_int_equal(e.kind, VERR_PROTO);
	}
}

static void
names(void **state)
{
	(void)state;
	assert_string_equal(guess_runtime("a/b.ts"), "typescript");
	assert_string_equal(guess_runtime("x.mjs"), "javascript");
	assert_string_equal(guess_runtime("main.py"), "python");
	assert_null(guess_runtime(".js"));
	assert_null(guess_runtime("a/.js"));
	assert_null(guess_runtime("Makefile"));
	assert_true(guess_archive("x/code.tar.gz"));
	assert_false(guess_archive("code.gz"));
	assert_string_equal(guess_name("a.js"), "a.js");
	assert_string_equal(guess_name("./lib//a.js"), "lib//a.js");
	assert_string_equal(guess_name(".//./a.js"), "a.js");
	assert_string_equal(guess_name("../x/a.js"), "a.js");
	assert_string_equal(guess_name("x/../a.js"), "a.js");
	assert_string_equal(guess_name("x..y/a.js"), "x..y/a.js");
	assert_string_equal(guess_name("/etc/passwd"), "passwd");
}

static void
queries(void **state)
{
	(void)state;
	struct verr e;
	struct buf v_autobuf path = BUF(256);
	struct buf v_autobuf time = BUF(64);
	assert_int_equal(buf_adds(&path, "/v1", &e), 0);
	assert_int_equal(query_add(&path, "a", NULL, &e), 0);
	assert_int_equal(query_add(&path, "q", "a b&c=\xc3\xa9/%", &e), 0);
	assert_int_equal(query_add(&path, "z", "", &e), 0);
	assert_string_equal(
		buf_text(&path), "/v1?q=a%20b%26c%3D%C3%A9%2F%25&z=");
	assert_int_equal(query_time("2h", 7200000 + 1500, &time, &e), 0);
	assert_string_equal(buf_text(&time), "1970-01-01T00:00:01.500Z");
	buf_reset(&time);
	assert_int_equal(query_time("2026-01-31", 0, &time, &e), 0);
	assert_string_equal(buf_text(&time), "2026-01-31");
	assert_int_equal(query_time("99999999999999999999d", 0, &time, &e), -1);
}

static void
problems(void **state)
{
	(void)state;
	struct verr e;
	struct buf v_autobuf told = BUF(4096);
	struct buf v_autobuf again = BUF(4096);
	struct buf v_autobuf page = BUF(4096);
	assert_int_equal(
		problem_text(422,
			"{\"title\":\"Refused\",\"detail\":\"too much\\u0007\","
			"\"hint\":\"take less\",\"field\":\"limits.wall_ms\"}",
			&told, &e),
		0);
	assert_string_equal(buf_text(&told),
		"Refused: limits.wall_ms: too much\\x07\n  take less\n");
	assert_int_equal(problem_text(400,
				 "{\"title\":\"Refused\",\"field\":\"a\","
				 "\"detail\":\"a is wrong\"}",
				 &again, &e),
		0);
	assert_string_equal(buf_text(&again), "Refused: a is wrong\n");
	assert_int_equal(problem_text(502, "<html>", &page, &e), 0);
	assert_non_null(strstr(buf_text(&page), "HTTP status 502"));
}

static void
loopback(void **state)
{
	(void)state;
	static const char *const local[] = {"http://127.0.0.1:8080",
		"http://localhost", "https://localhost/x", "http://[::1]:1"};
	static const char *const remote[] = {"http://127.0.0.1.evil.test",
		"http://localhost@evil.test", "http://evil.test/127.0.0.1",
		"http://127.0.0.1:80@evil.test", "localhost", "http://[::11]",
		"http://localhost:1\\@evil.test"};
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		assert_true(connect_is_local(local[i]));
	for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++)
		assert_false(connect_is_local(remote[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes),
		cmocka_unit_test(layout),
		cmocka_unit_test(exits),
		cmocka_unit_test(lines),
		cmocka_unit_test(streams),
		cmocka_unit_test(codes),
		cmocka_unit_test(names),
		cmocka_unit_test(queries),
		cmocka_unit_test(problems),
		cmocka_unit_test(loopback),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
