/* Log chunks: order, merging, characters that come in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chunks.h"
#include "poison.h"

static void
add(struct chunks *c, enum stream s, const char *text, size_t n)
{
	struct verr e;
	assert_int_equal(chunks_add(c, s, 5, text, n, &e), 0);
}

static void
expect(struct chunks *c, int64_t seq, enum stream s, const char *text, size_t n)
{
	struct chunk *k = chunks_take(c);
	assert_non_null(k);
	assert_int_equal(k->seq, seq);
	assert_int_equal(k->stream, s);
	assert_int_equal(k->len, n);
	assert_memory_equal(k->data, text, n);
	chunk_free(k);
}

static void
merges_in_order(void **state)
{
	(void)state;
	struct chunks c;
	chunks_init(&c);
	add(&c, STREAM_STDOUT, "a", 1);
	add(&c, STREAM_STDOUT, "b", 1);
	add(&c, STREAM_STDERR, "c", 1);
	add(&c, STREAM_STDOUT, "d", 1);
	expect(&c, 1, STREAM_STDOUT, "ab", 2);
	add(&c, STREAM_STDOUT, "e", 1);
	expect(&c, 2, STREAM_STDERR, "c", 1);
	expect(&c, 3, STREAM_STDOUT, "de", 2);
	assert_null(chunks_take(&c));
	assert_int_equal(c.bytes, 0);
	chunks_done(&c);
}

static void
tails(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t tail;
	} rows[] = {
		{"", 0},
		{"abc", 0},
		{"ab\xc3", 1},
		{"ab\xc3\xa9", 0},
		{"\xe2\x82", 2},
		{"\xe2\x82\xac", 0},
		{"\xf0\x9f\x98", 3},
		{"\xf0\x9f\x98\x80", 0},
		{"\x82\x82\x82\x82", 0}, /* never a character */
		{"a\xff", 0},
		{"\xc1", 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			chunks_tail(rows[i].text, strlen(rows[i].text)),
			rows[i].tail);
}

/* Every way to cut a text in two leaves its characters whole. */
static void
holds_back(void **state)
{
	(void)state;
	static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
	size_t n = sizeof(text) - 1;
	for (size_t cut = 0; cut <= n; cut++) {
		struct verr e;
		struct chunks c;
		char all[32];
		size_t len = 0;
		chunks_init(&c);
		add(&c, STREAM_STDOUT, text, cut);
		for (struct chunk *k; (k = chunks_take(&c)) != NULL;) {
			assert_int_equal(chunks_tail(k->data, k->len), 0);
			memcpy(all + len, k->data, k->len);
			len += k->len;
			chunk_free(k);
		}
		add(&c, STREAM_STDERR, "!", 1);
		add(&c, STREAM_STDOUT, text + cut, n - cut);
		assert_int_equal(chunks_end(&c, &e), 0);
		for (struct chunk *k; (k = chunks_take(&c)) != NULL;) {
			if (k->stream == STREAM_STDOUT) {
				memcpy(all + len, k->data, k->len);
				len += k->len;
			}
			chunk_free(k);
		}
		assert_int_equal(len, n);
		assert_memory_equal(all, text, n);
		chunks_done(&c);
	}
}

/* Bytes that are no text come through as they are, one by one or at once. */
static void
keeps_every_byte(void **state)
{
	(void)state;
	unsigned char in[4096], out[4096];
	for (unsigned round = 0; round < 50; round++) {
		struct verr e;
		struct chunks c;
		size_t len = 0;
		chunks_init(&c);
		srandom(round);
		for (size_t i = 0; i < sizeof(in); i++)
			in[i] = (unsigned char)(random() % 4 == 0
					? random()
					: 0xe0 + random() % 32);
		for (size_t i = 0; i < sizeof(in);) {
			size_t n = 1 + (size_t)random() % 7;
			if (n > sizeof(in) - i)
				n = sizeof(in) - i;
			add(&c, STREAM_STDERR, (char *)in + i, n);
			i += n;
		}
		assert_int_equal(chunks_end(&c, &e), 0);
		for (struct chunk *k; (k = chunks_take(&c)) != NULL;) {
			memcpy(out + len, k->data, k->len);
			len += k->len;
			chunk_free(k);
		}
		assert_int_equal(len, sizeof(in));
		assert_memory_equal(in, out, sizeof(in));
		chunks_done(&c);
	}
}

static void
bounded(void **state)
{
	(void)state;
	struct chunks c;
	char *big = calloc(1, 200000);
	assert_non_null(big);
	chunks_init(&c);
	add(&c, STREAM_STDOUT, big, 200000);
	size_t len = 0;
	int64_t seq = 0;
	for (struct chunk *k; (k = chunks_take(&c)) != NULL;) {
		assert_true(k->len <= CHUNK_BYTES);
		assert_int_equal(k->seq, ++seq);
		len += k->len;
		chunk_free(k);
	}
	assert_int_equal(len, 200000);
	free(big);
	add(&c, STREAM_SYSTEM, "left", 4);
	chunks_done(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges_in_order),
		cmocka_unit_test(tails),
		cmocka_unit_test(holds_back),
		cmocka_unit_test(keeps_every_byte),
		cmocka_unit_test(bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
