/* The parser of server-sent events, in pieces of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "events.h"
#include "poison.h"

struct sample {
	const char *stream;
	const char *want; /* "name|data;" for each event */
};

/* Mostly the examples of the HTML standard, 9.2.6. */
static const struct sample samples[] = {
	{"", ""},
	{"data: a\n\n", "message|a;"},
	{"data:a\r\n\r\n", "message|a;"},
	{"data: a\r\r", "message|a;"},
	{"data: YHOO\ndata: +2\ndata: 10\n\n", "message|YHOO\n+2\n10;"},
	{": test\n\ndata: first\nid: 1\n\ndata:second\nid\n\ndata:  third\n\n",
		"message|first;message|second;message| third;"},
	{"data\n\ndata\ndata\n\ndata:", "message|;message|\n;"},
	{"data:test\n\ndata: test\n\n", "message|test;message|test;"},
	{"event: log\ndata: {}\n\nevent: done\ndata: x\n\n", "log|{};done|x;"},
	{"event: log\n\ndata: a\n\n", "message|a;"},
	{"event: one\nevent: two\ndata: a\n\n", "two|a;"},
	{"\xef\xbb\xbf"
	 "data: a\n\n",
		"message|a;"},
	{"data: a\n\n\xef\xbb\xbf"
	 "data: b\n\n",
		"message|a;"},
	{"\n\n\n\r\n\r\rdata: a\n\n\n\n", "message|a;"},
	{"datax: a\nDATA: b\n data: c\n\n", ""},
	{"retry: 5\nfoo\ndata: a:b: c\n\n", "message|a:b: c;"},
	{"data: never ended\n", ""},
};

static void
feed(struct events *s, const char *p, size_t n, struct buf *got)
{
	struct verr e;
	struct event v;
	int r;
	while ((r = events_feed(s, &p, &n, &v, &e)) == 1) {
		assert_int_equal(strlen(v.data), v.len);
		assert_int_equal(
			buf_addf(got, &e, "%s|%s;", v.name, v.data), 0);
	}
	assert_int_equal(r, 0);
	assert_int_equal(n, 0);
}

static void
pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		size_t whole = strlen(samples[i].stream);
		for (size_t piece = 1; piece <= whole + 1; piece++) {
			struct buf v_autobuf got = BUF(4096);
			struct events s;
			events_init(&s);
			for (size_t at = 0; at < whole; at += piece) {
				size_t left = whole - at;
				feed(&s, samples[i].stream + at,
					left < piece ? left : piece, &got);
			}
			events_done(&s);
			assert_string_equal(buf_text(&got), samples[i].want);
		}
	}
}

static void
bounds(void **state)
{
	(void)state;
	struct events s;
	struct event v;
	struct verr e = {0};
	static char block[65536];
	int r = 0;
	events_init(&s);
	memset(block, 'x', sizeof(block));
	for (size_t sent = 0; sent <= EVENTS_LINE_BYTES && r == 0;
		sent += sizeof(block)) {
		const char *p = block;
		size_t n = sizeof(block);
		r = events_feed(&s, &p, &n, &v, &e);
	}
	assert_int_equal(r, -1);
	assert_int_equal(e.kind, VERR_LIMIT);
	events_done(&s);

	char name[EVENTS_NAME_BYTES + 16];
	snprintf(name, sizeof(name), "event: %0*d\n", EVENTS_NAME_BYTES, 1);
	const char *p = name;
	size_t n = strlen(name);
	events_init(&s);
	assert_int_equal(events_feed(&s, &p, &n, &v, &e), -1);
	assert_int_equal(e.kind, VERR_LIMIT);
	events_done(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces),
		cmocka_unit_test(bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
