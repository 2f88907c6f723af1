/* Answers of nginx cut anywhere, the publisher's bounds, doorbell texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "bell.h"
#include "poison.h"
#include "publish.h"
#include "vtime.h"

static const char answers_text[] =
	"HTTP/1.1 202 Accepted\r\nServer: nginx\r\nContent-Length: "
	"5\r\n\r\nhello"
	"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
	"4\r\nwiki\r\n10;x=y\r\n0123456789abcdef\r\n0\r\n\r\n"
	"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
	"HTTP/1.1 204 No Content\r\n\r\n"
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 Too Large\r\n"
	"Content-Length:3\r\n\r\nbig";

static void
counts_answers(void **state)
{
	(void)state;
	size_t n = sizeof(answers_text) - 1;
	for (size_t step = 1; step <= n; step++) {
		struct verr e;
		struct answers a = {0};
		for (size_t i = 0; i < n; i += step)
			assert_int_equal(
				answers_take(&a, answers_text + i,
					n - i < step ? n - i : step, &e),
				0);
		assert_int_equal(a.count, 5);
		assert_int_equal(a.refused, 1);
		assert_int_equal(a.at, ANSWER_LINE);
	}
}

static void
refuses_nonsense(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"SSH-2.0-OpenSSH\r\n",
		"HTTP/1.1 \r\n",
		"HTTP/1.1 xyz Hm\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct verr e;
		struct answers a = {0};
		assert_int_equal(
			answers_take(&a, rows[i], strlen(rows[i]), &e), -1);
	}
}

struct place {
	char folder[32];
	struct publish p;
	int epoll, listener;
};

static void
open_place(struct place *x)
{
	struct verr e;
	snprintf(x->folder, sizeof(x->folder), "/tmp/vulcan-pub-XXXXXX");
	assert_non_null(mkdtemp(x->folder));
	x->epoll = epoll_create1(0);
	assert_int_equal(publish_init(&x->p, x->folder, x->epoll, 1, &e), 0);
	x->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(
		bind(x->listener, (const struct sockaddr *)&x->p.address,
			sizeof(x->p.address)),
		0);
	assert_int_equal(listen(x->listener, 4), 0);
}

static void
close_place(struct place *x)
{
	unlink(x->p.address.sun_path);
	rmdir(x->folder);
	close(x->listener);
	close(x->epoll);
	publish_done(&x->p);
}

static size_t
count_text(const char *text, const char *what)
{
	size_t n = 0;
	for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

/* What had no answer when the connection broke is sent again. */
static void
sends_again(void **state)
{
	(void)state;
	struct verr e;
	struct place x;
	struct buf v_autobuf body = BUF(64);
	char got[4096] = "";
	open_place(&x);
	assert_int_equal(buf_adds(&body, "{}", &e), 0);
	publish_event(&x.p, "A", "log", &body);
	publish_event(&x.p, "B", "log", &body);
	publish_delete(&x.p, "C");
	publish_serve(&x.p, vtime_mono_ns());
	int c = accept(x.listener, NULL, NULL);
	assert_true(read(c, got, sizeof(got) - 1) > 0);
	assert_int_equal(count_text(got, "/publish/"), 3);
	static const char ok[] = "HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n";
	assert_int_equal(write(c, ok, sizeof(ok) - 1), sizeof(ok) - 1);
	close(c);
	publish_serve(&x.p, vtime_mono_ns());
	assert_int_equal(x.p.lens_count, 2);
	assert_true(publish_due(&x.p) > 0);
	publish_serve(&x.p, vtime_mono_ns() + 10000 * VTIME_NS_PER_MS);
	c = accept(x.listener, NULL, NULL);
	memset(got, 0, sizeof(got));
	assert_true(read(c, got, sizeof(got) - 1) > 0);
	assert_int_equal(count_text(got, "/publish/A"), 0);
	assert_int_equal(count_text(got, "POST /publish/B"), 1);
	assert_int_equal(count_text(got, "DELETE /publish/C"), 1);
	close(c);
	close_place(&x);
}

/* Nobody listens: memory stays bounded and what is lost is counted. */
static void
drops_when_full(void **state)
{
	(void)state;
	struct verr e;
	struct place x;
	struct buf v_autobuf body = BUF(70000);
	open_place(&x);
	unlink(x.p.address.sun_path);
	for (int i = 0; i < 60000; i++)
		assert_int_equal(buf_addc(&body, 'x', &e), 0);
	for (int i = 0; i < 200; i++) {
		publish_event(&x.p, "A", "log", &body);
		publish_serve(&x.p, vtime_mono_ns());
	}
	assert_true(x.p.out.len <= PUBLISH_BYTES);
	assert_true(x.p.drops > 100);
	assert_int_equal(x.p.events + x.p.drops, 200);
	close_place(&x);
}

static void
rings(void **state)
{
	(void)state;
	static const char id[] = "01M82ZRXF1AR4KK3KEWKDV1QJ2";
	static const struct {
		const char *word;
		struct ring want;
	} rows[] = {
		{"new", {.fresh = true}},
		{"wait", {.wait = true}},
		{"newwait", {.fresh = true, .wait = true}},
		{"cancel", {.cancel = true}},
		{"cancelwait", {.cancel = true, .wait = true}},
	};
	struct ring r;
	char text[64];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int n = snprintf(text, sizeof(text), "%s %s", rows[i].word, id);
		assert_int_equal(ring_parse(text, (size_t)n, &r), 1);
		assert_string_equal(r.id, id);
		assert_int_equal(r.fresh, rows[i].want.fresh);
		assert_int_equal(r.wait, rows[i].want.wait);
		assert_int_equal(r.cancel, rows[i].want.cancel);
		assert_int_equal(ring_parse(text, (size_t)n - 1, &r), 0);
	}
	assert_int_equal(ring_parse("probe", 5, &r), 1);
	assert_true(r.probe);
	static const char *const bad[] = {"", "new", "new ",
		"new 01m82zrxf1ar4kk3kewkdv1qj2",
		"NEW 01M82ZRXF1AR4KK3KEWKDV1QJ2",
		"new 01M82ZRXF1AR4KK3KEWKDV1QJ2\n", "probe ",
		"wait ../../../etc/passwd000000"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ring_parse(bad[i], strlen(bad[i]), &r), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_answers),
		cmocka_unit_test(refuses_nonsense),
		cmocka_unit_test(sends_again),
		cmocka_unit_test(drops_when_full),
		cmocka_unit_test(rings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
