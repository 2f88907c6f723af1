/* The words of `vulcan`'s command line: options, requests, addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connect.h"
#include "fd.h"
#include "opt.h"
#include "poison.h"
#include "spec.h"

static const struct opt first[] = {
	{1, 'f', "follow", NULL, ""},
	{2, 'n', "number", "N", ""},
	{0, 0, NULL, NULL, NULL},
};
static const struct opt second[] = {
	{3, 0, "json", NULL, ""},
	{0, 0, NULL, NULL, NULL},
};

struct walk {
	const char *words[8];
	const char *want; /* "id=value" separated by spaces, or an error */
};

static const struct walk walks[] = {
	{{NULL}, ""},
	{{"a", "-", "b", NULL}, "0=a 0=- 0=b "},
	{{"-f", "--json", "--follow", NULL}, "1 3 1 "},
	{{"-n", "5", "-n6", "--number=7", "--number", "8", NULL},
		"2=5 2=6 2=7 2=8 "},
	{{"-fn", "5", "x", NULL}, "1 2=5 0=x "},
	{{"-fn5", "--number=", NULL}, "1 2=5 2= "},
	{{"--number", "--json", NULL}, "2=--json "},
	{{"a", "--", "-f", "--", NULL}, "0=a -1=-f -1=-- "},
	{{"--", NULL}, ""},
	{{"--numbers", NULL}, "!no option --numbers"},
	{{"--json=1", NULL}, "!--json takes no value"},
	{{"a", "-x", NULL}, "0=a !no option -x"},
	{{"-fn", NULL}, "1 !--number needs N after it"},
	{{"--num", NULL}, "!no option --num"},
};

static void
options(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(walks) / sizeof(walks[0]); i++) {
		struct verr e;
		struct opt_iter it;
		struct buf v_autobuf got = BUF(1024);
		int argc = 0, r, id;
		const char *value;
		char *argv[8];
		for (; walks[i].words[argc] != NULL; argc++)
			argv[argc] = (char *)(uintptr_t)walks[i].words[argc];
		opt_init(&it, argc, argv, first, second);
		while ((r = opt_next(&it, &id, &value, &e)) == 1)
			assert_int_equal(buf_addf(&got, &e, "%d%s%s ", id,
						 value != NULL ? "=" : "",
						 value != NULL ? value : ""),
				0);
		if (r == -1) {
			struct verr ignored;
			assert_int_equal(e.kind, VERR_INPUT);
			assert_int_equal(
				buf_addf(&got, &ignored, "!%s", e.msg), 0);
		}
		assert_string_equal(buf_text(&got), walks[i].want);
	}
}

static char folder[] = "/tmp/vulcan-test-XXXXXX";

static void
put(const char *name, const char *data, size_t n)
{
	struct verr e;
	int v_autoclose fd =
		open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fd_write_all(fd, data, n, &e), 0);
}

static int
enter(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL || chdir(folder) == -1)
		return -1;
	return mkdir("var", 0700) == -1 || mkdir("own", 0700) == -1 ||
			mkdir("own/vulcan", 0700) == -1
		? -1
		: 0;
}

static int
leave(void **state)
{
	(void)state;
	static const char *const files[] = {"var/url", "var/admin-token",
		"own/vulcan/url", "own/vulcan/token", "key", "a.js", "b.bin",
		"in.json"};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(files[i]);
	rmdir("own/vulcan");
	rmdir("own");
	rmdir("var");
	return chdir("/") == -1 || rmdir(folder) == -1 ? -1 : 0;
}

struct request {
	struct spec spec;
	struct spec_item items[4];
	const char *want; /* the body, or "!" and how the message begins */
};

static const struct request requests[] = {
	{{.code = "1"}, {{0}}, "{\"runtime\":\"javascript\",\"code\":\"1\"}"},
	{{.code = "x",
		 .runtime = "python",
		 .isolation = "gvisor",
		 .priority = "-3",
		 .network = "none"},
		{{0}},
		"{\"isolation\":\"gvisor\",\"network\":\"none\","
		"\"priority\":-3,\"runtime\":\"python\",\"code\":\"x\"}"},
	{{.count = 2}, {{SPEC_FILE, "./a.js"}, {SPEC_FILE, "b.bin"}},
		"{\"runtime\":\"javascript\",\"files\":[{\"name\":\"a.js\","
		"\"content\":\"1+1\\n\"},{\"name\":\"b.bin\","
		"\"content\":\"AP8=\",\"encoding\":\"base64\"}],"
		"\"entrypoint\":\"a.js\"}"},
	{{.code = "1",
		 .input = "{\"n\": 12345678901234567890}",
		 .stdin_from = "line"},
		{{0}},
		"{\"runtime\":\"javascript\",\"code\":\"1\","
		"\"input\":{\"n\": 12345678901234567890},"
		"\"stdin\":\"line\"}"},
	{{.code = "1", .input = "@in.json", .stdin_from = "@b.bin"}, {{0}},
		"{\"runtime\":\"javascript\",\"code\":\"1\","
		"\"input\":[1]\n,\"stdin_base64\":\"AP8=\"}"},
	{{.code = "1", .count = 4},
		{{SPEC_ARG, "-x"}, {SPEC_ENV, "A=b=c"},
			{SPEC_LIMIT, "wall_ms=5"}, {SPEC_LABEL, "k="}},
		"{\"runtime\":\"javascript\",\"code\":\"1\",\"args\":[\"-x\"],"
		"\"env\":{\"A\":\"b=c\"},\"limits\":{\"wall_ms\":5},"
		"\"labels\":{\"k\":\"\"}}"},
	{{.code = NULL}, {{0}}, "!what to run?"},
	{{.code = "1", .count = 1}, {{SPEC_FILE, "a.js"}}, "!-e gives"},
	{{.count = 1}, {{SPEC_FILE, "b.bin"}}, "!b.bin does not tell"},
	{{.count = 1}, {{SPEC_FILE, "none.js"}}, "!open none.js"},
	{{.count = 1, .runtime = "go"}, {{SPEC_FILE, "var"}},
		"!var is a folder"},
	{{.code = "1", .input = "text"}, {{0}}, "!--input is not JSON"},
	{{.code = "1", .input = "1 2"}, {{0}}, "!--input is not JSON"},
	{{.code = "1", .priority = "high"}, {{0}}, "!--priority"},
	{{.code = "1", .count = 1}, {{SPEC_ENV, "A"}}, "!--env A:"},
	{{.code = "1", .count = 1}, {{SPEC_ENV, "=x"}}, "!--env =x:"},
	{{.code = "1", .count = 1}, {{SPEC_LIMIT, "wall_ms=1s"}}, "!--limit"},
	{{.input = "@-", .stdin_from = "-", .code = "1"}, {{0}},
		"!standard input"},
};

static void
bodies(void **state)
{
	(void)state;
	put("a.js", "1+1\n", 4);
	put("b.bin", "\0\xff", 2);
	put("in.json", "[1]\n", 4);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct verr e = {0};
		struct buf v_autobuf out = BUF(65536);
		struct spec s = requests[i].spec;
		s.items = requests[i].items;
		const char *want = requests[i].want;
		int r = spec_body(&s, &out, &e);
		if (want[0] == '!') {
			assert_int_equal(r, -1);
			assert_memory_equal(e.msg, want + 1, strlen(want + 1));
			continue;
		}
		assert_int_equal(r, 0);
		assert_string_equal(buf_text(&out), want);
	}
}

static void
check_found(const struct connect_given *g, const char *url, const char *token)
{
	struct verr e;
	struct connect c;
	assert_int_equal(connect_find(g, &c, &e), 0);
	assert_string_equal(c.url, url);
	assert_string_equal(c.token, token);
}

static void
addresses(void **state)
{
	(void)state;
	struct verr e;
	struct connect c;
	char own[64];
	snprintf(own, sizeof(own), "%s/own", folder);
	struct connect_given given = {.config_home = own, .home = "/nowhere"};
	assert_int_equal(connect_find(&given, &c, &e), -1);
	put("own/vulcan/url", "https://mine.test/\n", 19);
	put("own/vulcan/token", "mine\n", 5);
	check_found(&given, "https://mine.test", "mine");
	put("var/url", "http://127.0.0.1:81\n", 20);
	check_found(&given, "https://mine.test", "mine");
	put("var/admin-token", "admin\n", 6);
	check_found(&given, "http://127.0.0.1:81", "admin");

	/* The folder's key stays with the folder's address. */
	given.url = "http://127.0.0.1:81/";
	check_found(&given, "http://127.0.0.1:81", "admin");
	given.url = "http://evil.test";
	check_found(&given, "http://evil.test", "");
	given.url = NULL;

	/* A key given goes to a folder's address on this machine only. */
	given.token = "given";
	check_found(&given, "http://127.0.0.1:81", "given");
	put("var/url", "http://evil.test\n", 17);
	assert_int_equal(connect_find(&given, &c, &e), -1);
	given.state = "var";
	check_found(&given, "http://evil.test", "given");
	given.state = NULL;
	given.url = "http://evil.test";
	check_found(&given, "http://evil.test", "given");

	put("key", "file-key", 8);
	given.token_file = "key";
	check_found(&given, "http://evil.test", "file-key");
	given.token_file = "missing";
	assert_int_equal(connect_find(&given, &c, &e), -1);
	given.token_file = NULL;
	given.token = "a\r\nX: b";
	assert_int_equal(connect_find(&given, &c, &e), -1);
	given.token = NULL;
	given.url = "ftp://x";
	assert_int_equal(connect_find(&given, &c, &e), -1);
	assert_int_equal(e.kind, VERR_INPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options),
		cmocka_unit_test(bodies),
		cmocka_unit_test(addresses),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
