/* Multipart bodies: any split, every truncation, every refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "multipart.h"
#include "poison.h"

struct seen {
	char text[8192];
	size_t len;
};

static void
note(struct seen *s, const void *p, size_t n)
{
	assert_true(s->len + n < sizeof(s->text));
	memcpy(s->text + s->len, p, n);
	s->len += n;
}

static int
part_begin(void *arg, const struct multipart_part *p, struct verr *e)
{
	(void)e;
	struct seen *s = arg;
	note(s, "[", 1);
	note(s, p->name, strlen(p->name));
	if (p->repeated)
		note(s, "+", 1);
	if (p->filename != NULL) {
		note(s, "|", 1);
		note(s, p->filename, strlen(p->filename));
	}
	if (p->content_type != NULL) {
		note(s, "|", 1);
		note(s, p->content_type, strlen(p->content_type));
	}
	note(s, ":", 1);
	return 0;
}

static int
part_data(void *arg, const void *p, size_t n, struct verr *e)
{
	(void)e;
	note(arg, p, n);
	return 0;
}

static int
part_end(void *arg, struct verr *e)
{
	(void)e;
	note(arg, "]", 1);
	return 0;
}

static const struct multipart_sink sink = {part_begin, part_data, part_end};

/* Feeds `len` bytes in two pieces, or byte by byte with a split of 0. */
static int
parse(const char *body, size_t len, size_t split, struct seen *s,
	struct verr *e)
{
	struct arena v_autoarena a = {0};
	struct multipart m;
	struct multipart_limits limits = {4, 1 << 20};
	*s = (struct seen){0};
	int r = multipart_init(&m, &a, "multipart/form-data; boundary=\"B\"",
		&limits, &sink, s, e);
	if (split == 0)
		for (size_t i = 0; i < len && r == 0; i++)
			r = multipart_feed(&m, body + i, 1, e);
	else if (r == 0 && (r = multipart_feed(&m, body, split, e)) == 0)
		r = multipart_feed(&m, body + split, len - split, e);
	if (r == 0)
		r = multipart_end(&m, e);
	multipart_done(&m);
	multipart_done(&m);
	return r;
}

#define HEAD "Content-Disposition: form-data; name="

static const char whole[] = "--B\r\n" HEAD "\"a\"\r\n\r\nva\r\n--lue\r\n-"
			    "\r\n--B\r\nContent-Type: text/plain\r\n" HEAD
			    "f; filename=\"x\\\"y\\z.js\"\r\n\r\n\r\r\n\r\n--B"
			    "\t \r\n" HEAD "\"a\"\r\n\r\n\r\n--B--\r\nrest";
static const char want[] =
	"[a:va\r\n--lue\r\n-][f|x\"y\\z.js|text/plain:\r\r\n][a+:]";

static void
splits(void **state)
{
	(void)state;
	struct seen s;
	struct verr e;
	for (size_t split = 0; split < sizeof(whole); split++) {
		if (parse(whole, sizeof(whole) - 1, split, &s, &e) == -1)
			fail_msg("split %zu: %s", split, e.msg);
		assert_int_equal(s.len, sizeof(want) - 1);
		assert_memory_equal(s.text, want, s.len);
	}
}

static void
truncated(void **state)
{
	(void)state;
	struct seen s;
	struct verr e;
	size_t end = (size_t)(strstr(whole, "--B--") + 5 - whole);
	for (size_t n = 0; n < end; n++) {
		assert_int_equal(parse(whole, n, 0, &s, &e), -1);
		assert_int_equal(e.kind, VERR_INPUT);
	}
	assert_int_equal(parse(whole, end, 0, &s, &e), 0);
}

static const struct {
	const char *body;
	const char *why;
} wrong[] = {
	{"--B\r\n\r\nx\r\n--B--", "without a name"},
	{"--B\r\n" HEAD "a; filename*=UTF-8''x\r\n\r\n\r\n--B--", "filename*"},
	{"--B\r\n" HEAD "a; name=b\r\n\r\n\r\n--B--", "two names"},
	{"--B\r\nContent-Disposition: attachment; name=a\r\n\r\n\r\n--B--",
		"not form-data"},
	{"--B\r\n" HEAD "\"a\r\n\r\n\r\n--B--", "malformed"},
	{"--B\r\n" HEAD "a\n\r\n\r\n--B--", "control character"},
	{"--B\r\n" HEAD "\"\xc3(\"\r\n\r\n\r\n--B--", "UTF-8"},
	{"--B\r\n" HEAD "a\r\n" HEAD "b\r\n\r\n\r\n--B--", "twice"},
	{"--B\r\n" HEAD
	 "a\r\nContent-Transfer-Encoding: base64\r\n\r\n\r\n--B--",
		"Transfer-Encoding"},
	{"--B\r\nno colon\r\n\r\n\r\n--B--", "header line"},
	{"--Bx\r\n", "garbage behind"},
	{"--B\r\n" HEAD "a\r\n\r\n\r\n--B-x", "garbage behind"},
};

static void
refusals(void **state)
{
	(void)state;
	struct seen s;
	struct verr e;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *b = wrong[i].body;
		assert_int_equal(parse(b, strlen(b), 0, &s, &e), -1);
		if (strstr(e.msg, wrong[i].why) == NULL)
			fail_msg("%s: %s", b, e.msg);
	}
	static const char nul[] = "--B\r\n" HEAD "\"a\0b\"\r\n\r\n\r\n--B--";
	assert_int_equal(parse(nul, sizeof(nul) - 1, 0, &s, &e), -1);
	assert_non_null(strstr(e.msg, "NUL"));
}

static void
limits(void **state)
{
	(void)state;
	struct buf v_autobuf b = BUF(1 << 20);
	struct seen s;
	struct verr e;
	for (int i = 0; i < 5; i++)
		assert_int_equal(
			buf_adds(&b, "\r\n--B\r\n" HEAD "a\r\n\r\nx", &e), 0);
	assert_int_equal(parse(b.data, b.len, 7, &s, &e), -1);
	assert_int_equal(e.kind, VERR_LIMIT);
	buf_reset(&b);
	assert_int_equal(buf_adds(&b, "--B\r\nX: ", &e), 0);
	for (int i = 0; i < 9000; i++)
		assert_int_equal(buf_addc(&b, 'x', &e), 0);
	assert_int_equal(parse(b.data, b.len, 7, &s, &e), -1);
	assert_int_equal(e.kind, VERR_LIMIT);
}

static void
boundaries(void **state)
{
	(void)state;
	static const char *const bad[] = {"text/plain; boundary=B",
		"multipart/form-data", "multipart/form-data; boundary=",
		"multipart/form-data; boundary=\"\"",
		"multipart/form-data; boundary=\"a \"",
		"multipart/form-data; boundary=\"a\x01\"",
		"multipart/form-data; boundary=a; boundary=a",
		"multipart/form-data; boundary=\"a",
		"multipart/form-data; boundary="
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaa"};
	struct arena v_autoarena a = {0};
	struct multipart_limits bounds = {4, 4096};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct multipart m;
		struct verr e;
		assert_int_equal(multipart_init(&m, &a, bad[i], &bounds, &sink,
					 NULL, &e),
			-1);
		assert_int_equal(e.kind, VERR_INPUT);
		multipart_done(&m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits),
		cmocka_unit_test(truncated),
		cmocka_unit_test(refusals),
		cmocka_unit_test(limits),
		cmocka_unit_test(boundaries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
