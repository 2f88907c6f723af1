/* The head of a FastCGI request before libfcgi sees it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "conn.h"
#include "poison.h"

static void
record(struct buf *b, unsigned type, unsigned id, const void *data, size_t n,
	unsigned padding)
{
	struct verr e;
	const unsigned char head[8] = {1, (unsigned char)type,
		(unsigned char)(id >> 8), (unsigned char)id,
		(unsigned char)(n >> 8), (unsigned char)n,
		(unsigned char)padding, 0};
	static const char zeros[255];
	assert_int_equal(buf_add(b, head, 8, &e), 0);
	assert_int_equal(buf_add(b, data, n, &e), 0);
	assert_int_equal(buf_add(b, zeros, padding, &e), 0);
}

static void
begin(struct buf *b, unsigned role)
{
	const unsigned char body[8] = {0, (unsigned char)role};
	record(b, 1, 1, body, 8, 0);
}

static int
check(const struct buf *b, bool *whole)
{
	struct verr e;
	*whole = false;
	return conn_check((const unsigned char *)b->data, b->len, whole, &e);
}

static void
test_good(void **state)
{
	(void)state;
	struct buf v_autobuf b = BUF(4096);
	bool whole;
	begin(&b, 1);
	record(&b, 4, 1, "\3\5FOOvalue\0\0\1\0X", 15, 5);
	record(&b, 4, 1, "\x80\0\0\3\x80\0\0\1ABCd", 12, 0);
	/* A pair may go on in the next record. */
	record(&b, 4, 1, "\3\3AB", 4, 0);
	record(&b, 4, 1, "Cdef", 4, 0);
	record(&b, 4, 1, "", 0, 0);
	assert_int_equal(check(&b, &whole), 1);
	assert_false(whole);
	size_t head = b.len;
	record(&b, 5, 1, "", 0, 0);
	assert_int_equal(check(&b, &whole), 1);
	assert_true(whole);
	/* Any beginning of it asks for more. */
	for (size_t n = 0; n < head; n++) {
		struct buf part = {.data = b.data, .len = n};
		assert_int_equal(check(&part, &whole), 0);
	}
}

static void
test_bad(void **state)
{
	(void)state;
	static const struct {
		const char *params;
		size_t n;
	} bad[] = {
		{"\xff\xff\xff\xff\xff\xff\xff\xff", 8},
		{"\1\xff\xff\xff\xff", 5},
		{"\x80\x02\0\0\0", 5}, /* 128 KiB and a byte */
		{"\x80\x01\xff\xff\x02", 5},
		{"\3\3AB", 4}, /* cut short */
		{"\3", 1},
	};
	bool whole;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf v_autobuf b = BUF(4096);
		begin(&b, 1);
		record(&b, 4, 1, bad[i].params, bad[i].n, 0);
		record(&b, 4, 1, "", 0, 0);
		assert_int_equal(check(&b, &whole), -1);
	}
}

static void
test_order(void **state)
{
	(void)state;
	bool whole;
	struct buf v_autobuf params_first = BUF(4096);
	record(&params_first, 4, 1, "", 0, 0);
	assert_int_equal(check(&params_first, &whole), -1);
	struct buf v_autobuf other_id = BUF(4096);
	begin(&other_id, 1);
	record(&other_id, 4, 2, "", 0, 0);
	assert_int_equal(check(&other_id, &whole), -1);
	struct buf v_autobuf stdin_first = BUF(4096);
	begin(&stdin_first, 1);
	record(&stdin_first, 5, 1, "", 0, 0);
	assert_int_equal(check(&stdin_first, &whole), -1);
	struct buf v_autobuf filter = BUF(4096);
	begin(&filter, 3);
	assert_int_equal(check(&filter, &whole), -1);
	struct buf v_autobuf http = BUF(4096);
	struct verr e;
	assert_int_equal(buf_adds(&http, "GET / HTTP/1.1\r\n", &e), 0);
	assert_int_equal(check(&http, &whole), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
